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
    "F38: so does the length of a break; with it B3 looks at no limits",
    (
        "an agent who is `On Break` without a reason during a call and has a place kept for a break: a start "
        "lets that break begin before it has seen the call; B1 leaves this out"
    ),
)
"""What the checker lets pass, knowingly."""

FAULTS_ELSEWHERE: Final[dict[int, tuple[str, str]]] = {
    5: (
        "`sofia recover`: an operator's command after a death; proven on a real switch, and in test_nodes",
        "tests/live/test_lost_switch.py::test_calls_that_a_switch_brings_back_are_where_they_were",
    ),
    43: (
        (
            "two leaders: a second start finds the address or the state folder held, also by a controller "
            "that stands still, and ends before it asks a switch; so there are never two"
        ),
        "tests/app/test_process.py::test_none_takes_over_from_a_controller_that_stands_still",
    ),
}
"""Faults that the model doesn't play: why, and the test that stands for it; empty for none."""
