"""Figures of many queues or agents and intervals at once: a list for each figure, a place for each of them.

Tens of thousands of small dictionaries would cost more than counting what is in them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import add, sub
from typing import Final

from py_callcenter.stats.definitions import MAXIMA, OFFERED

Columns = Mapping[str, Sequence[int]]
"""Counts, sums (µs) and maxima (µs) by the names of `definitions`; all of one length."""


def total(columns: Columns) -> dict[str, list[int]]:
    """All places together, as columns of one place."""
    return {
        name: [max(values, default=0) if name in MAXIMA else sum(values)] for name, values in columns.items()
    }


@dataclass(frozen=True, slots=True)
class Ratio:
    """One sum of figures over another. A name with `-` before it is taken off."""

    over: tuple[str, ...]
    under: tuple[str, ...]

    def of(self, columns: Columns, scale: int = 1, digits: int = 6) -> list[float | None]:
        """Divided by `scale` and rounded; None where there is nothing to divide by."""
        return [
            round(part / whole / scale, digits) if whole else None
            for part, whole in zip(summed(columns, self.over), summed(columns, self.under), strict=True)
        ]


def summed(columns: Columns, names: Sequence[str]) -> Sequence[int]:
    """The sum of some columns, place by place."""
    out: Sequence[int] = columns[names[0]]
    for name in names[1:]:
        out = list(map(sub, out, columns[name[1:]]) if name[0] == "-" else map(add, out, columns[name]))
    return out


_TALKED: Final = ("talked",)

AVERAGES: Final[dict[str, Ratio]] = {
    # Mean wait of the answered; no ringing time is taken out, no announcement added.
    "average_speed_of_answer": Ratio(("answered_wait_us",), ("answered",)),
    "average_abandon": Ratio(("abandoned_wait_us",), ("abandoned",)),
    # Of everybody whose wait is over, the lost left out.
    "average_wait": Ratio(
        ("answered_wait_us", "abandoned_wait_us", "overflowed_wait_us"),
        ("answered", "abandoned", "overflowed"),
    ),
    "average_talk": Ratio(("talk_us",), _TALKED),
    # Talk (hold is part of it) and wrap-up over conversations that are over.
    "average_handle": Ratio(("talk_us", "wrap_up_us"), _TALKED),
    # From the agent's answer until the two hear each other.
    "average_voice": Ratio(("voice_us",), ("answered",)),
}
"""Means of times."""

RATES: Final[dict[str, Ratio]] = {
    # Short ones included; a callback is no abandon.
    "abandon_rate": Ratio(("abandoned",), (OFFERED,)),
    "abandon_rate_without_short": Ratio(("abandoned", "-abandoned_short"), (OFFERED, "-abandoned_short")),
}
