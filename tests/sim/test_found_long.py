"""What the long runs found, in the product, in the simulated switch and in the checker: with everything that
may go wrong and everything that people do. Each seed is kept with its story, as in `test_found`.
"""

from __future__ import annotations

import pytest
from sim.storm.plan import draw
from sim.storm.run import simulate
from sim.test_found import NOW
from sim.test_found_desk import HABITS

from py_callcenter.app import notable

pytestmark = pytest.mark.sim

EVERYTHING = (*NOW, 35, 37, 44)

STORIES = {
    "a start lacked the line that told of a joined conversation, and the agent was in two at once": 304351,
    "an agent handed a caller over to somebody who had just hung up, and both stood in silence": 410056,
    "a colleague held the agent when they were parted, and the simulated switch's music played on": 301904,
    "the controller stood still for two minutes, which the checker took for the seconds that were planned": (
        302641
    ),
    "the same with other people": 304864,
    "a colleague's call ended behind a cut cable, and the checker thought that everybody knew": 302693,
    "a burst lost a caller's first events and another channel's last: their number was right": (502697),
    "a burst lost a caller's first events before the first HEARTBEAT after a look": 502860,
    "a colleague was rung on a node that nobody heard any more; the checker thought that all knew": 507153,
    "somebody joined two callers with one phone at once, and one of them slept for ever": 515682,
    "a start in the millisecond of a death saw nothing of the last phone; the checker thought so": 511136,
    "the controller died between letting a caller go and sending them on; no start knew them": (518666),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("story", STORIES)
def test_what_a_long_run_found_stays_mended(story, monkeypatch):
    monkeypatch.setattr(notable, "NOTABLE", {})

    result = simulate(draw(STORIES[story], EVERYTHING, HABITS))

    assert not result.violations, "\n".join(map(str, result.violations))
