"""Every figure's definition, once.

A definition is a condition on a queue leg or a call (`calls.LegRow`, `calls.CallRow`). It is written with
`==`, `<=`, `&` and `~` only, so the same line counts rows in Python and, given a table's columns, in SQL.
Counts and sums are kept; ratios are computed when somebody reads (`Figures`).

Whoever is offered in an interval is counted there, with the outcome known at reading: so in every interval
offered = answered + abandoned + overflowed + callback + lost + waiting.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from py_callcenter.stats.calls import OUTCOMES

DEFAULT_THRESHOLD_US: Final = 20_000_000
DEFAULT_SHORT_ABANDON_US: Final = 5_000_000
DEFAULT_SHORT_ANSWER_US: Final = 10_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be chosen when reading, for past data too. Microseconds.

    A wait of exactly the threshold is within it. An abandon is short below its limit, an answered call is
    short when its conversation is over and lasted less than its limit.
    """

    threshold_us: int = DEFAULT_THRESHOLD_US
    short_abandon_us: int = DEFAULT_SHORT_ABANDON_US
    short_answer_us: int = DEFAULT_SHORT_ANSWER_US
    thresholds_us: Mapping[str, int] = field(default_factory=dict)
    """Of queues with another threshold than `threshold_us`."""

    def threshold(self, row: Any) -> Any:
        """The threshold that counts for a row."""
        return self.thresholds_us.get(row.queue, self.threshold_us)


Condition = Callable[[Any, Limits], Any]


def _is(outcome: str) -> Condition:
    return lambda row, _limits: row.outcome == outcome


def _in_time(outcome: str) -> Condition:
    return lambda row, limits: (row.outcome == outcome) & (row.wait_us <= limits.threshold(row))


def _short(row: Any, limits: Limits) -> Any:
    return (row.outcome == "abandoned") & (row.wait_us < limits.short_abandon_us)


def _short_in_time(row: Any, limits: Limits) -> Any:
    """Where the short limit is above the threshold, some short abandons are late."""
    return _short(row, limits) & (row.wait_us <= limits.threshold(row))


def _short_answered(row: Any, limits: Limits) -> Any:
    return (row.outcome == "answered") & (row.ended_by != "") & (row.talk_us < limits.short_answer_us)


COUNTS: Final[dict[str, Condition]] = {
    **{outcome: _is(outcome) for outcome in OUTCOMES},
    "answered_in_time": _in_time("answered"),
    "answered_short": _short_answered,
    "abandoned_in_time": _in_time("abandoned"),
    "abandoned_short": _short,
    "abandoned_short_in_time": _short_in_time,
    "overflowed_in_time": _in_time("overflowed"),
    "callback_in_time": _in_time("callback"),
    "hung_up_by_caller": lambda row, _: row.ended_by == "caller",
    "hung_up_by_agent": lambda row, _: row.ended_by == "agent",
    "hung_up_by_system": lambda row, _: row.ended_by == "system",
    "talked": lambda row, _: row.ended_by != "",
}
"""How many rows. `talked`: conversations that are over."""

LEG_COUNTS: Final[dict[str, Condition]] = {
    "abandoned_ringing": lambda row, _: (row.outcome == "abandoned") & (row.detail == "ringing"),
    "overflowed_timeout": lambda row, _: (row.outcome == "overflowed") & (row.detail == "timeout"),
    "overflowed_no_agent": lambda row, _: (row.outcome == "overflowed") & (row.detail == "no-agent"),
    "overflowed_full": lambda row, _: (row.outcome == "overflowed") & (row.detail == "full"),
    "overflowed_exit_key": lambda row, _: (row.outcome == "overflowed") & (row.detail == "exit-key"),
    "overflowed_transferred": lambda row, _: (
        (row.outcome == "overflowed")
        & ((row.detail == "transferred") | (row.detail == "moved") | (row.detail == "taken-elsewhere"))
    ),
    "overflowed_diverted": lambda row, _: (row.outcome == "overflowed") & (row.detail == "diverted"),
    "transferred": lambda row, _: row.transferred == True,  # noqa: E712 - a column too
}
"""Of queue legs only."""

SUMS: Final[dict[str, tuple[str, Condition]]] = {
    "answered_wait_us": ("wait_us", _is("answered")),
    "abandoned_wait_us": ("wait_us", _is("abandoned")),
    "overflowed_wait_us": ("wait_us", _is("overflowed")),
    "talk_us": ("talk_us", lambda row, _: row.talk_us > 0),
    "hold_us": ("hold_us", lambda row, _: row.hold_us > 0),
    "wrap_up_us": ("wrap_up_us", lambda row, _: row.wrap_up_us > 0),
    "missed": ("missed", lambda row, _: row.missed > 0),
}
"""Sum of a column over rows that meet a condition. `missed`: offers that agents let ring, refused or were
busy for: the caller bounced back into the queue."""

LEG_SUMS: Final[dict[str, tuple[str, Condition]]] = {
    "voice_us": ("voice_us", _is("answered")),
    "offers": ("offers", lambda row, _: row.offers > 0),
}

MAXIMA: Final[dict[str, tuple[str, Condition]]] = {
    "longest_answered_us": ("wait_us", _is("answered")),
    "longest_abandoned_us": ("wait_us", _is("abandoned")),
}

OFFERED: Final = "offered"


@dataclass(slots=True)
class Figures:
    """Counts, sums (µs) and maxima (µs) by the names above, and what follows from them."""

    values: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.values.get(name, 0)

    def add(self, other: Mapping[str, int]) -> None:
        """Add another set of counts."""
        for name, value in other.items():
            if name in MAXIMA:
                self.values[name] = max(self[name], value)
            else:
                self.values[name] = self[name] + value

    @property
    def average_speed_of_answer_us(self) -> float | None:
        """Mean wait of the answered; no ringing time is taken out, no announcement added."""
        return _ratio(self["answered_wait_us"], self["answered"])

    @property
    def average_abandon_us(self) -> float | None:
        return _ratio(self["abandoned_wait_us"], self["abandoned"])

    @property
    def average_wait_us(self) -> float | None:
        """Mean wait of everybody whose wait is over, the lost left out."""
        waited = self["answered_wait_us"] + self["abandoned_wait_us"] + self["overflowed_wait_us"]
        return _ratio(waited, self["answered"] + self["abandoned"] + self["overflowed"])

    @property
    def average_talk_us(self) -> float | None:
        return _ratio(self["talk_us"], self["talked"])

    @property
    def average_handle_us(self) -> float | None:
        """Talk (hold is part of it) and wrap-up over conversations that are over."""
        return _ratio(self["talk_us"] + self["wrap_up_us"], self["talked"])

    @property
    def average_voice_us(self) -> float | None:
        """From the agent's answer until the two hear each other."""
        return _ratio(self["voice_us"], self["answered"])

    @property
    def abandon_rate(self) -> float | None:
        """Abandoned ÷ offered, short ones included; a callback is no abandon."""
        return _ratio(self["abandoned"], self[OFFERED])

    @property
    def abandon_rate_without_short(self) -> float | None:
        return _ratio(self["abandoned"] - self["abandoned_short"], self[OFFERED] - self["abandoned_short"])


def count(rows: Iterable[Any], limits: Limits, *, legs: bool = True) -> Figures:
    """Figures of rows in Python; the database counts the same definitions in SQL."""
    conditions = {**COUNTS, **LEG_COUNTS} if legs else COUNTS
    sums = {**SUMS, **LEG_SUMS} if legs else SUMS
    names = (OFFERED, *conditions, *sums, *MAXIMA)
    out = dict.fromkeys(names, 0)
    for row in rows:
        out[OFFERED] += 1
        for name, condition in conditions.items():
            out[name] += bool(condition(row, limits))
        for name, (column, condition) in sums.items():
            out[name] += getattr(row, column) if condition(row, limits) else 0
        for name, (column, condition) in MAXIMA.items():
            if condition(row, limits):
                out[name] = max(out[name], getattr(row, column))
    return Figures(out)


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
