"""What a report is asked for, checked before any row is read: no question may cost much."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

from py_callcenter.reports.errors import ReportError
from py_callcenter.stats import (
    ALIASES,
    DEFAULT_FORMULA,
    FORMULAS,
    SIZES,
    Formula,
    IntervalError,
    Intervals,
    Limits,
    Size,
    cut,
    formula_named,
    moment,
    zone_named,
)

What = Literal["queues", "calls", "agents"]
WHATS: Final[tuple[What, ...]] = get_args(What)

MAX_DAYS: Final[Mapping[Size, int]] = {
    "quarter": 7, "half-hour": 7, "hour": 31, "day": 400, "week": 1100, "month": 1100, "all": 1100,
}  # fmt: skip
EARLIEST: Final = date(2000, 1, 1)
MAX_NAMES: Final = 100
MAX_SECONDS: Final = 86_400
SECOND_US: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Query:
    """One report. `limits` of None are the queues' own thresholds and the usual short limits."""

    what: What
    intervals: Intervals
    first: date
    last: date
    formula: Formula
    only: tuple[str, ...] = ()
    threshold_us: int | None = None
    """For all queues instead of their own."""
    short_abandon_us: int = Limits().short_abandon_us
    short_answer_us: int = Limits().short_answer_us
    repeat_us: int = 7 * 86_400 * SECOND_US
    """Within it a caller who comes again repeats the call."""
    now_us: int = field(default=0)

    def limits(self, thresholds_us: Mapping[str, int]) -> Limits:
        """With the thresholds of the configured queues."""
        if self.threshold_us is not None:
            return Limits(self.threshold_us, self.short_abandon_us, self.short_answer_us, now_us=self.now_us)
        return Limits(
            short_abandon_us=self.short_abandon_us,
            short_answer_us=self.short_answer_us,
            thresholds_us=thresholds_us,
            now_us=self.now_us,
        )


def ask(
    what: str,
    *,
    now_us: int,
    first: str,
    last: str = "",
    size: str = "day",
    zone: str = "UTC",
    formula: str = DEFAULT_FORMULA,
    only: Sequence[str] = (),
    threshold: float | None = None,
    short_abandon: float | None = None,
    short_answer: float | None = None,
    repeat_days: float = 7,
) -> Query:
    """A report on local days from `first` to `last`, both included; dates are `YYYY-MM-DD`, times seconds.

    Raises `ReportError` for whatever makes no sense or would take too long.
    """
    if what not in WHATS:
        raise ReportError(f"there is no report on `{what[:32]}`", f"one of {', '.join(WHATS)}")
    if size not in SIZES:
        raise ReportError(f"there is no interval `{size[:32]}`", f"one of {', '.join(SIZES)}")
    place = _zone(zone)
    begin, end = _day("from", first), _day("to", last or first)
    today = moment(now_us, place).date()
    intervals = _cut(place, size, begin, end, today)
    known = formula_named(formula)
    if known is None:
        raise ReportError(
            f"there is no formula `{formula[:64]}`", f"one of {', '.join([*FORMULAS, *ALIASES])}"
        )
    for name in only:
        if min(name, default="\0") < " ":
            raise ReportError(
                f"`{ascii(name[:32])[1:-1]}` is no name", "a queue's or an agent's, or none for all"
            )
    if len(only) > MAX_NAMES:
        raise ReportError(f"{len(only)} names are too many", f"at most {MAX_NAMES}, or none for all")
    usual = Limits()
    return Query(
        what=what,
        intervals=intervals,
        first=begin,
        last=end,
        formula=known,
        only=tuple(only),
        threshold_us=None if threshold is None else _us("threshold", threshold),
        short_abandon_us=(
            usual.short_abandon_us if short_abandon is None else _us("short-abandon", short_abandon)
        ),
        short_answer_us=usual.short_answer_us if short_answer is None else _us("short-answer", short_answer),
        repeat_us=_us("repeat-days", repeat_days, top=90, unit_us=86_400 * SECOND_US),
        now_us=now_us,
    )


def _cut(zone: ZoneInfo, size: Size, begin: date, end: date, today: date) -> Intervals:
    if end < begin:
        raise ReportError(f"`to` ({end}) is before `from` ({begin})", "exchange them")
    for name, day in (("from", begin), ("to", end)):
        if day > today:
            raise ReportError(
                f"`{name}` ({day}) is in the future",
                f"today is {today} in {zone.key}; nothing is known later",
            )
    days = (end - begin).days + 1
    if days > MAX_DAYS[size]:
        allowed = ", ".join(f"{name} {most}" for name, most in MAX_DAYS.items())
        raise ReportError(
            f"{days} days are too many{'' if size == 'all' else f' by the {size}'}",
            f"at most so many days: {allowed}; {end - timedelta(days=MAX_DAYS[size] - 1)} to {end} would do",
        )
    return cut(zone, size, begin, end)


def _zone(name: str) -> ZoneInfo:
    try:
        return zone_named(name)
    except IntervalError as error:
        raise ReportError(str(error), "see the list of zones: /usr/share/zoneinfo") from error


def _day(name: str, text: str) -> date:
    day: date | None = None
    with suppress(ValueError):
        day = date.fromisoformat(text)
    if day is None or text != day.isoformat():
        raise ReportError(f"`{name}` must be a day, not `{text[:32]}`", "write it as 2026-11-22")
    if day < EARLIEST:
        raise ReportError(f"`{name}` ({day}) is too long ago", f"{EARLIEST} is the earliest day")
    return day


def _us(name: str, value: float, *, top: float = MAX_SECONDS, unit_us: int = SECOND_US) -> int:
    if not math.isfinite(value) or not 0 <= value <= top:
        raise ReportError(f"`{name}` must be from 0 to {top:g}, not {value:g}", "the default is usual")
    return round(value * unit_us)
