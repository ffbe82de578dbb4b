"""Every figure's definition, once.

A definition is a condition on a queue leg or a call (`calls.LegRow`, `calls.CallRow`). It is written with
`==`, `<=`, `&` and `~` only, so the same line counts rows in Python and, given a table's columns, in SQL.
Counts and sums are kept; ratios are computed when somebody reads (`columns`).

Whoever is offered in an interval is counted there, with the outcome known at reading: so in every interval
offered = answered + abandoned + overflowed + callback + lost + waiting. Of those who wait, `waiting_late` are
beyond the threshold; they stand in that same interval, and stay in it when the wait ends.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self

from py_callcenter.stats.calls import OUTCOMES
from py_callcenter.stats.service_level import late_since

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
    now_us: int = 0
    """Moment of reading, by which waits are late or not yet."""

    def threshold(self, row: Any) -> Any:
        """The threshold that counts for a row."""
        return self.thresholds_us.get(row.queue, self.threshold_us)

    def short_in_time(self) -> Self:
        """With thresholds that only short abandons are within."""
        below_us = self.short_abandon_us - 1
        by_queue = {queue: min(own_us, below_us) for queue, own_us in self.thresholds_us.items()}
        return replace(self, threshold_us=min(self.threshold_us, below_us), thresholds_us=by_queue)


Condition = Callable[[Any, Limits], Any]


def _is(outcome: str) -> Condition:
    return lambda row, _limits: row.outcome == outcome


def _is_over(row: Any, _limits: Limits) -> Any:
    """Answered, and the conversation is over."""
    return (row.outcome == "answered") & (row.ended_by != "")


def _rang(row: Any, _limits: Limits) -> Any:
    """Abandoned while a phone rang for the caller."""
    return (row.outcome == "abandoned") & (row.detail == "ringing")


def _waits_late(began: str) -> Condition:
    return lambda row, limits: (
        (row.outcome == "waiting") & (late_since(getattr(row, began), limits.threshold(row)) < limits.now_us)
    )


SORTED: Final[dict[str, tuple[str, Condition]]] = {
    "waits_answered": ("wait_us", _is("answered")),
    "waits_abandoned": ("wait_us", _is("abandoned")),
    "waits_rang": ("wait_us", _rang),
    "waits_overflowed": ("wait_us", _is("overflowed")),
    "waits_callback": ("wait_us", _is("callback")),
    "talks_answered": ("talk_us", _is_over),
}
"""Times that are compared with limits chosen when reading: the column, and the rows whose time it is. Where
rows are counted beforehand, each of these times is kept, sorted, so that any limit can be chosen later."""

WITHIN: Final[dict[str, tuple[str, Condition]]] = {
    "answered_in_time": ("waits_answered", lambda row, limits: limits.threshold(row)),
    "answered_short": ("talks_answered", lambda _row, limits: limits.short_answer_us - 1),
    "abandoned_in_time": ("waits_abandoned", lambda row, limits: limits.threshold(row)),
    "abandoned_short": ("waits_abandoned", lambda _row, limits: limits.short_abandon_us - 1),
    "abandoned_rang_short": ("waits_rang", lambda _row, limits: limits.short_abandon_us - 1),
    # Where the short limit is above the threshold, some short abandons are late.
    "abandoned_short_in_time": ("waits_abandoned", lambda row, limits: limits.short_in_time().threshold(row)),
    "overflowed_in_time": ("waits_overflowed", lambda row, limits: limits.threshold(row)),
    "callback_in_time": ("waits_callback", lambda row, limits: limits.threshold(row)),
}
"""Counts that depend on limits: how many of these times are at most so long."""


def _within(name: str) -> Condition:
    times, limit = WITHIN[name]
    column, condition = SORTED[times]
    return lambda row, limits: condition(row, limits) & (getattr(row, column) <= limit(row, limits))


AT_READING: Final = "waiting_late"
"""The count that depends on the moment of reading too, so it can't be counted beforehand."""

COUNTS: Final[dict[str, Condition]] = {
    **{outcome: _is(outcome) for outcome in OUTCOMES},
    **{name: _within(name) for name in WITHIN if name != "abandoned_rang_short"},
    "hung_up_by_caller": lambda row, _: row.ended_by == "caller",
    "hung_up_by_agent": lambda row, _: row.ended_by == "agent",
    "hung_up_by_system": lambda row, _: row.ended_by == "system",
    "talked": lambda row, _: row.ended_by != "",
}
"""How many rows. `talked`: conversations that are over; somebody hung up, or they ended by a transfer."""

LEG_COUNTS: Final[dict[str, Condition]] = {
    AT_READING: _waits_late("entered_us"),
    "abandoned_rang": _rang,
    "abandoned_rang_short": _within("abandoned_rang_short"),
    "overflowed_timeout": lambda row, _: (row.outcome == "overflowed") & (row.detail == "timeout"),
    "overflowed_no_agent": lambda row, _: (row.outcome == "overflowed") & (row.detail == "no-agent"),
    "overflowed_full": lambda row, _: (
        (row.outcome == "overflowed") & ((row.detail == "full") | (row.detail == "expected-wait"))
    ),
    "overflowed_exit_key": lambda row, _: (row.outcome == "overflowed") & (row.detail == "exit-key"),
    "overflowed_transferred": lambda row, _: (
        (row.outcome == "overflowed")
        & ((row.detail == "transferred") | (row.detail == "moved") | (row.detail == "taken-elsewhere"))
    ),
    "overflowed_diverted": lambda row, _: (row.outcome == "overflowed") & (row.detail == "diverted"),
    "transferred": lambda row, _: row.transferred == True,  # noqa: E712 - a column too
}
"""Of queue legs only."""

CALL_COUNTS: Final[dict[str, Condition]] = {AT_READING: _waits_late("offered_us")}
"""Of whole calls only."""

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

CALL_SUMS: Final[dict[str, tuple[str, Condition]]] = {
    "transfers": ("transfers", lambda row, _: row.transfers > 0),
}

MAXIMA: Final[dict[str, tuple[str, Condition]]] = {
    "longest_answered_us": ("wait_us", _is("answered")),
    "longest_abandoned_us": ("wait_us", _is("abandoned")),
    "longest_overflowed_us": ("wait_us", _is("overflowed")),
}

OFFERED: Final = "offered"


@dataclass(slots=True)
class Figures:
    """Counts, sums (µs) and maxima (µs) by the names above."""

    values: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> int:
        return self.values.get(name, 0)


@dataclass(frozen=True, slots=True)
class Family:
    """Which figures are counted of one kind of rows."""

    counts: Mapping[str, Condition]
    sums: Mapping[str, tuple[str, Condition]]
    maxima: Mapping[str, tuple[str, Condition]]

    @property
    def beforehand(self) -> tuple[str, ...]:
        """Counts that neither limits nor the moment of reading change."""
        return tuple(name for name in self.counts if name not in WITHIN and name != AT_READING)

    @property
    def times(self) -> tuple[str, ...]:
        """Names in `SORTED` that its counts need."""
        needed = {WITHIN[name][0] for name in self.counts if name in WITHIN}
        return tuple(name for name in SORTED if name in needed)


LEGS: Final = Family({**COUNTS, **LEG_COUNTS}, {**SUMS, **LEG_SUMS}, MAXIMA)
CALLS: Final = Family({**COUNTS, **CALL_COUNTS}, {**SUMS, **CALL_SUMS}, MAXIMA)
_TALKS: Final = (
    "answered", "answered_short", "hung_up_by_caller", "hung_up_by_agent", "hung_up_by_system", "talked",
    "transferred",
)  # fmt: skip
TALKS: Final = Family(
    {name: LEGS.counts[name] for name in _TALKS},
    {name: SUMS[name] for name in ("talk_us", "hold_us", "wrap_up_us")},
    {},
)
"""Of queue legs by the agent who answered: what doesn't depend on the queue."""


def count(rows: Iterable[Any], limits: Limits, family: Family = LEGS) -> Figures:
    """Figures of rows in Python; the database counts the same definitions in SQL."""
    out = dict.fromkeys((OFFERED, *family.counts, *family.sums, *family.maxima), 0)
    for row in rows:
        out[OFFERED] += 1
        for name, condition in family.counts.items():
            out[name] += bool(condition(row, limits))
        for name, (column, condition) in family.sums.items():
            out[name] += getattr(row, column) if condition(row, limits) else 0
        for name, (column, condition) in family.maxima.items():
            if condition(row, limits):
                out[name] = max(out[name], getattr(row, column))
    return Figures(out)
