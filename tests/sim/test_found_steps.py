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
    "an agent and whoever was asked hung up at once after a start, and the caller heard music for ever": Case(
        "consults a colleague and returns",
        (
            ("StopMusic 2", "somebody sends the caller to another queue"),
            ("CHANNEL_UNPARK 4", "killed before it"),
        ),
    ),
    "a caller was handed over twice after a standstill and hung up: the colleague's phone slept": Case(
        "consults a colleague and hands over",
        (("CHANNEL_UNBRIDGE 2", "stopped for 5 s"), ("Look 1", "the caller hangs up")),
    ),
    "somebody else's bridge was waited for in vain, and a start took the caller for well cared for": Case(
        "sent by the API to an agent in a talk",
        (
            ("Originate 2", "another caller comes"),
            ("SetVariables 11", "killed a second later, and the last lines of the spool are torn"),
            ("CHANNEL_ANSWER 5", "somebody connects the two"),
        ),
    ),
    "somebody took a phone that stands by for a caller who left, and it was joined with the next": Case(
        "phones that stand by, two callers",
        (
            ("SetVariables 5", "the API sends the caller to a message"),
            ("CHANNEL_UNPARK 1", "somebody connects the two"),
        ),
    ),
    "a conversation was counted on while nobody knew yet why caller and agent had parted": Case(
        "attended to a queue",
        (
            ("CHANNEL_CREATE 4", "the database is away for 20 s"),
            ("CHANNEL_PARK 5", "the caller hangs up"),
        ),
    ),
    "a caller whose whole conversation fell into a cut kept the place, and was served": Case(
        "the first is busy",
        (
            ("PLAYBACK_STOP 1", "the node is out of reach for 3 s from then on"),
            ("Look 1", "the agent begins an attended transfer"),
        ),
    ),
}


@pytest.mark.parametrize("story", FOUND)
def test_what_the_steps_found_stays_mended(story, monkeypatch):
    monkeypatch.setattr(notable, "NOTABLE", {})
    case = FOUND[story]

    outcome = run(case)

    assert outcome.struck == len(case.blows), "the story has other steps by now"
    assert not outcome.broken, case.command
