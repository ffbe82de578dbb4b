"""Service level by every named formula. The same calls give from 70 % to 87.5 %: a service level without its
formula's name means nothing.

A formula is two lists of counts of `definitions.Figures`: numerator and denominator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from py_callcenter.stats.columns import Columns, summed
from py_callcenter.stats.definitions import AT_READING, OFFERED, Figures


@dataclass(frozen=True, slots=True)
class Formula:
    """`name` is what the configuration and the API call it. A count with `-` before it is taken off."""

    name: str
    text: str
    over: tuple[str, ...]
    under: tuple[str, ...]

    def percent(self, figures: Figures) -> float | None:
        """0 to 100; None while there is nothing to divide by."""
        return self.percents({name: (value,) for name, value in figures.values.items()})[0]

    def percents(self, columns: Columns) -> list[float | None]:
        """The same for each place."""
        return [
            100 * good / below if below > 0 else None
            for good, below in zip(summed(columns, self.over), summed(columns, self.under), strict=True)
        ]


_ENDED: Final = ("answered", "abandoned", "overflowed", "callback", "lost")
_IN_TIME: Final = ("answered_in_time",)
_JUDGED: Final = (*_ENDED, AT_READING)
"""Those with a "service level event" as Cisco has it: answered, gone, or the threshold is over. When a late
wait ends, it is in `_ENDED` instead, so no percentage jumps."""

FORMULAS: Final[dict[str, Formula]] = {
    formula.name: formula
    for formula in (
        Formula(
            "callcenter",
            "answered in time / (all whose wait is over - short abandons)",
            _IN_TIME,
            (*_ENDED, "-abandoned_short"),
        ),
        Formula("answered-only", "answered in time / answered", _IN_TIME, ("answered",)),
        Formula(
            "app_queue-sl2",
            "(answered + abandoned + overflowed, each in time) / (answered + abandoned + overflowed)",
            ("answered_in_time", "abandoned_in_time", "overflowed_in_time"),
            ("answered", "abandoned", "overflowed"),
        ),
        Formula(
            "connect",
            "(answered + abandoned + callback, each in time) / all whose wait is over",
            ("answered_in_time", "abandoned_in_time", "callback_in_time"),
            _ENDED,
        ),
        Formula(
            "genesys-abandons",
            "answered in time / (answered + abandoned)",
            _IN_TIME,
            ("answered", "abandoned"),
        ),
        Formula(
            "genesys-abandons-without-short",
            "answered in time / (answered + abandoned - short abandons)",
            _IN_TIME,
            ("answered", "abandoned", "-abandoned_short"),
        ),
        Formula(
            "genesys-flow-outs",
            "answered in time / (answered + overflowed)",
            _IN_TIME,
            ("answered", "overflowed"),
        ),
        Formula(
            "genesys-all-without-short",
            "answered in time / (answered + abandoned + overflowed - short abandons)",
            _IN_TIME,
            ("answered", "abandoned", "overflowed", "-abandoned_short"),
        ),
        Formula(
            "cisco-ignore-abandons",
            "answered in time / (all whose wait is over or longer than the threshold - abandoned in time)",
            _IN_TIME,
            (*_JUDGED, "-abandoned_in_time"),
        ),
        Formula(
            "cisco-abandons-negative",
            "answered in time / all whose wait is over or longer than the threshold",
            _IN_TIME,
            _JUDGED,
        ),
        Formula(
            "cisco-abandons-positive",
            "(answered in time + abandoned in time) / all whose wait is over or longer than the threshold",
            ("answered_in_time", "abandoned_in_time"),
            _JUDGED,
        ),
        Formula(
            "queuemetrics-inclusive",
            "answered in time / all whose wait is over",
            _IN_TIME,
            _ENDED,
        ),
        Formula(
            "vonage",
            "answered in time / (answered + abandoned + overflowed)",
            _IN_TIME,
            ("answered", "abandoned", "overflowed"),
        ),
        Formula(
            "xcally",
            "answered in time / (answered + abandoned after the threshold)",
            _IN_TIME,
            ("answered", "abandoned", "-abandoned_in_time"),
        ),
        Formula("offered", "answered in time / offered, those who still wait included", _IN_TIME, (OFFERED,)),
    )
}
ALIASES: Final = {
    "app_queue-sl": "answered-only",
    "wazo-qos": "answered-only",
    "uccx-handled": "answered-only",
    "genesys": "answered-only",
    "genesys-all": "vonage",
    "vicidial": "answered-only",
    "queuemetrics-answered": "answered-only",
    "webitel": "offered",
}
"""Other systems' names for a formula above."""


def formula_named(name: str) -> Formula | None:
    """None for a name that is none."""
    return FORMULAS.get(ALIASES.get(name, name))
