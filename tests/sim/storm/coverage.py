"""What the simulation doesn't prove yet, each with its reason. An entry goes when its feature lands."""

from __future__ import annotations

from typing import Final

NOT_YET: Final[dict[str, str]] = {
    "records of calls that ended while no controller ran": (
        "a start doesn't fold the records yet, so nobody closes a call that ended during a restart (I2, I10)"
    ),
    "records that waited when the controller died": (
        "records aren't spooled to disk before they are written (I10, I12)"
    ),
    "idle order after a restart": "agents' idle order isn't rebuilt from the records yet (I8)",
}
"""Promises that are looked at only where they don't touch this; `Centre.covers` asks."""

FAULTS_NOT_YET: Final[dict[int, str]] = {
    1: "after a restart conversations and ringing phones aren't adopted, so an agent may be rung twice (I5)",
    3: "an offer on a node that is away counts as stuck after eight seconds, and its agent with it (I3)",
    7: "as F3",
    8: "as F3",
    9: "a new caller whose PARK is lost is found at the next look at the node, and nothing asks for one (I1)",
    10: "as F9",
    36: "as F1",
    38: "as F1",
}
"""Faults that can be played and that the product doesn't survive yet."""

FAULTS_ELSEWHERE: Final[dict[int, str]] = {
    5: "`sofia recover`: what the switch does is marked [D]; it needs a real switch with a recovery database",
    35: "a database that forgets commits: needs a real fail-over",
    37: "a torn file: the tests of whatever writes files",
    43: "two leaders: the product has one controller and no lease",
    44: "old and new versions read the same: not a matter of chance and time",
}
"""Faults that a model in virtual time can't show, or that the product has no part for."""
