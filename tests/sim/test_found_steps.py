"""What the steps found, in the product and in the checker: each case is kept with its story, as in
`test_found`.
"""

from __future__ import annotations

import pytest
from sim.steps.explore import Case, run

from py_callcenter.app import notable

pytestmark = pytest.mark.sim

FOUND = {
    "an agent sent the caller back into the queue, nobody heard of it, and our own music then hid that": Case(
        "blind to the same queue", (("PLAYBACK_STOP 1", "30 s late"),)
    ),
}


@pytest.mark.parametrize("story", FOUND)
def test_what_the_steps_found_stays_mended(story, monkeypatch):
    monkeypatch.setattr(notable, "NOTABLE", {})
    case = FOUND[story]

    outcome = run(case)

    assert outcome.struck == len(case.blows), "the story has other steps by now"
    assert not outcome.broken, case.command
