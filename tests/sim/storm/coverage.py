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

FAULTS_ELSEWHERE: Final[dict[int, str]] = {
    5: "`sofia recover`: what the switch does is marked [D]; it needs a real switch with a recovery database",
    35: "a database that forgets commits: needs a real fail-over",
    37: "a torn file: the tests of whatever writes files",
    43: "two leaders: the product has one controller and no lease",
    44: "old and new versions read the same: not a matter of chance and time",
}
"""Faults that a model in virtual time can't show, or that the product has no part for."""
