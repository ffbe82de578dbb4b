"""What the simulation found once agents took breaks: each seed with its story, as in `test_found`.

In each of them people take breaks, whatever the seed says of that.
"""

from __future__ import annotations

import pytest
from sim.storm.plan import draw
from sim.storm.run import simulate
from sim.test_found_long import EVERYTHING

from py_callcenter.app import notable

pytestmark = [pytest.mark.sim, pytest.mark.timeout(300)]

HABITS = ("standby", "consult", "transfer", "breaks")

STORIES = {
    "a start told once more that a place was kept, which the books had": 2154,
    "a start sent agents on their breaks in the middle of their calls": 4887,
    "the same after a kill": 2167,
}

OTHERS = {
    "an exit led into another queue, its PARK was lost, and nobody asked after the caller": 505403,
    "the same, and the agent stayed in a call that was long over": 504294,
    "a start counted a conversation to the queue leg before, for the books lacked the newer one": 505170,
    "the clock was set back, a break became too long once more, and the checker was surprised": 505476,
    "somebody went from one break to another and left a place to the first in line; the checker looked "
    "before that was given": 515273,
    "a start began the wait for the agent whom a transfer meant anew": 516178,
}
"""Found in the same runs, about something else."""


@pytest.mark.parametrize("story", STORIES)
def test_what_was_found_about_breaks_stays_mended(story, monkeypatch):
    monkeypatch.setattr(notable, "NOTABLE", {})

    result = simulate(draw(STORIES[story], EVERYTHING, HABITS, always=("breaks",)))

    assert not result.violations, "\n".join(map(str, result.violations))


@pytest.mark.parametrize("story", OTHERS)
def test_what_was_found_beside_breaks_stays_mended(story, monkeypatch):
    monkeypatch.setattr(notable, "NOTABLE", {})

    result = simulate(draw(OTHERS[story], EVERYTHING, HABITS))

    assert not result.violations, "\n".join(map(str, result.violations))
