"""Which days a daily, weekly or monthly report is about, and when it is due.

A week or month is the reader's calendar's. Days are local days of the reader's zone, so each period is a
whole number of them, whatever the clocks do.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from py_callcenter.config import Calendar, ReportName
from py_callcenter.languages import month_of, week_of
from py_callcenter.reports.errors import ReportError
from py_callcenter.reports.query import EARLIEST
from py_callcenter.stats.intervals import epoch_us, moment

CATCH_UP: Final[dict[ReportName, timedelta]] = {
    "daily": timedelta(days=3),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=14),
}
"""Who was down this long sends what fell due meanwhile; what is older nobody waits for any more."""


@dataclass(frozen=True, slots=True)
class Period:
    """`first` and `last`: local days, both included, in the Gregorian calendar."""

    report: ReportName
    first: date
    last: date


def containing(report: ReportName, day: date, calendar: Calendar) -> Period:
    """The period that a day is in."""
    match report:
        case "daily":
            return Period(report, day, day)
        case "weekly":
            return Period(report, *week_of(day, calendar))
        case "monthly":
            return Period(report, *month_of(day, calendar))


def due_us(period: Period, zone: ZoneInfo, at: time) -> int:
    """When a period is reported: `at` on the local day after it.

    A time that the clocks skip is that much later, one that comes twice is the first.
    """
    local = datetime.combine(period.last + timedelta(days=1), at, tzinfo=zone)
    return epoch_us(local.astimezone(UTC))


def due(report: ReportName, calendar: Calendar, zone: ZoneInfo, at: time, now_us: int) -> list[Period]:
    """Periods that fell due within `CATCH_UP`, oldest first."""
    since_us = now_us - CATCH_UP[report] // timedelta(microseconds=1)
    found: list[Period] = []
    period = last_over(report, calendar, moment(now_us, zone).date())
    while (at_us := due_us(period, zone, at)) > since_us:
        if at_us <= now_us:
            found.append(period)
        period = containing(report, period.first - timedelta(days=1), calendar)
    return found[::-1]


def last_due(report: ReportName, calendar: Calendar, zone: ZoneInfo, at: time, now_us: int) -> Period:
    """The period that fell due last."""
    period = last_over(report, calendar, moment(now_us, zone).date())
    if due_us(period, zone, at) > now_us:
        period = containing(report, period.first - timedelta(days=1), calendar)
    return period


def choose(report: ReportName, calendar: Calendar, day: date | None, today: date) -> Period:
    """The period that a day is in; without one the last that is over. Raises `ReportError`."""
    if day is None:
        return last_over(report, calendar, today)
    if day > today:
        raise ReportError(f"{day} is in the future", f"today is {today} there")
    if day < EARLIEST or (period := containing(report, day, calendar)).first < EARLIEST:
        raise ReportError(f"{day} is too long ago", f"nothing is told of days before {EARLIEST}")
    return period


def last_over(report: ReportName, calendar: Calendar, today: date) -> Period:
    """The last period that is over on a local day."""
    return containing(report, containing(report, today, calendar).first - timedelta(days=1), calendar)
