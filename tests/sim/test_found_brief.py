"""What the simulation found in brief stories, with all faults of its list: each seed with its story, as in
`test_found`.
"""

from __future__ import annotations

import pytest
from sim.storm.plan import draw
from sim.storm.run import simulate
from sim.test_found_long import EVERYTHING

from py_callcenter.app import notable

pytestmark = [pytest.mark.sim, pytest.mark.timeout(300)]

HABITS = ("standby", "consult", "transfer", "breaks", "strangers")
ALL = tuple(sorted({*EVERYTHING, 24, 26}))

STORIES = {
    "the spool was torn twice while the database was away; a start had read the request for a break in "
    "between, and the simulated books kept it": 560817,
    "somebody else connected a caller in the voicemail with one who was hanging up, and the checker missed "
    "them in a queue": 570152,
    "a colleague who was asked was sent into a queue and got an agent, and the checker was surprised": 573386,
    "an agent who had been given away was hung up on while there was no controller, and the checker was "
    "surprised by the idle order": 573968,
}


@pytest.mark.parametrize("story", STORIES)
def test_what_was_found_in_brief_stories_stays_mended(story, monkeypatch):
    monkeypatch.setattr(notable, "NOTABLE", {})

    result = simulate(draw(STORIES[story], ALL, HABITS, brief=True))

    assert not result.violations, "\n".join(map(str, result.violations))
