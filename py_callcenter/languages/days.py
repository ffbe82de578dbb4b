"""Weeks and months of two calendars, as days of the Gregorian one, which everything inside counts by."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Final, Literal

from persiantools.jdatetime import JalaliDate

CalendarName = Literal["gregorian", "persian"]

_FIRST_WEEKDAY: Final[dict[CalendarName, int]] = {"gregorian": 0, "persian": 5}
"""Monday, as ISO 8601 says, and Saturday, as people in Iran work."""


def week_of(day: date, calendar: CalendarName) -> tuple[date, date]:
    """First and last day of the week that a day is in."""
    first = day - timedelta(days=(day.weekday() - _FIRST_WEEKDAY[calendar]) % 7)
    return first, first + timedelta(days=6)


def month_of(day: date, calendar: CalendarName) -> tuple[date, date]:
    """First and last day of the month that a day is in."""
    if calendar == "gregorian":
        first = day.replace(day=1)
        following = (first + timedelta(days=31)).replace(day=1)
    else:
        month = JalaliDate(day).replace(day=1)
        first = month.to_gregorian()
        following = JalaliDate(first + timedelta(days=31)).replace(day=1).to_gregorian()
    return first, following - timedelta(days=1)
