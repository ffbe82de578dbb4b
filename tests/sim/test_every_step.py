"""Every misfortune at every step of every story: nobody is lost, nothing is counted twice.

Here a part of all that, always the same one; STEPS_SHARE=1 is all of it. `make steps` tells what fails and
how to play it again, and with PAIRS=n lets second misfortunes follow. What may strike, and which stories
there are: `steps/misfortunes.py`, `steps/stories.py`.
"""

from __future__ import annotations

import os

import pytest
from sim.steps.explore import Case, Reach, every_step, explore, run
from sim.steps.misfortunes import ALL
from sim.steps.stories import STORIES

from py_callcenter.engine import endings
from py_callcenter.engine.recovery import books

pytestmark = [pytest.mark.sim, pytest.mark.usefixtures("quiet")]

SHARE = float(os.environ.get("STEPS_SHARE", "0.002"))
PAIRS = int(os.environ.get("STEPS_PAIRS", "1"))


@pytest.mark.timeout(7200)
@pytest.mark.parametrize("story", STORIES)
def test_at_no_step_is_anybody_lost(story):
    total = explore(story, Reach(SHARE, (PAIRS,)))

    assert not total.failures, "\n".join(
        f"{case.command}: {'; '.join(broken)}" for case, broken in total.failures
    )


def test_the_same_case_is_the_same_story():
    case = Case("blind to a queue", (("CHANNEL_UNBRIDGE 1", "lost"), ("CHANNEL_PARK 3", "killed before it")))

    stages = [case.stage() for _ in range(2)]
    for stage in stages:
        stage.play()

    assert len({stage.centre.fingerprint() for stage in stages}) == 1


def test_every_misfortune_finds_something_to_strike():
    """And strikes it."""
    cases = {case.blows[0][1]: case for case in every_step(run(Case("the agent hangs up")))}

    assert set(cases) == set(ALL)
    assert {run(case).struck for case in cases.values()} == {1}


PLANTED = {
    "a start doesn't close what ended meanwhile": (books, "close", "killed before it", "I2"),
    "nobody asks again for a phone to be hung up": (
        endings, "_kill_overdue", "its connection breaks before it arrives", "I3",
    ),
}  # fmt: skip
"""What is broken, by which misfortune it shows, and which promise that breaks."""


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug, monkeypatch):
    module, name, misfortune, rule = PLANTED[bug]
    plain = run(Case("the caller gives up while it rings"))
    cases = [case for case in every_step(plain) if case.blows[0][1] == misfortune]
    assert not [case for case in cases if run(case).broken]

    monkeypatch.setattr(module, name, lambda *_arguments: None)

    assert any(what.startswith(rule) for case in cases for what in run(case).broken)
