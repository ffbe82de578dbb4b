"""What the simulation doesn't prove yet, each with its reason. An entry goes when its feature lands."""

from __future__ import annotations

from typing import Final

FAULTS_NOT_YET: Final[dict[int, str]] = {}
"""Faults that can be played and that the product doesn't survive yet."""

LIMITS: Final[tuple[str, ...]] = (
    (
        "F38: the length of a conversation that spans a restart goes by the wall clock, so setting it "
        "by an hour meanwhile makes it an hour off; I11 leaves such conversations out"
    ),
)
"""What the checker lets pass, knowingly."""

FAULTS_ELSEWHERE: Final[dict[int, tuple[str, str]]] = {
    5: (
        "`sofia recover`: an operator's command after a death; proven on a real switch, and in test_nodes",
        "tests/live/test_lost_switch.py::test_calls_that_a_switch_brings_back_are_where_they_were",
    ),
    35: (
        "a database that forgets commits: not simulated; what the books lack is taken from the channels",
        "tests/sim/test_recovery.py",
    ),
    43: (
        "two leaders: none takes over from a living one, and a second start ends before it reaches a switch",
        "tests/app/test_process.py::test_a_second_controller_on_the_same_address_says_so_and_touches_nothing",
    ),
    44: (
        "old and new versions read the same: real databases are taken down and up through their versions",
        "tests/app/test_migrations.py::test_down_and_up_again_loses_nothing",
    ),
}
"""Faults that the model doesn't play: why, and the test that stands for it; empty for none."""
