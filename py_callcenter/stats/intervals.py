"""Intervals of the calendar in a time zone: quarters, halves and hours, days, weeks (from Monday), months.

A day on which the clocks change has 23 or 25 hours; an hour that comes twice is two intervals. Everything
between the first and the last moment belongs to exactly one interval.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Final, Literal, get_args
from zoneinfo import ZoneInfo

Size = Literal["quarter", "half-hour", "hour", "day", "week", "month", "all"]
SIZES: Final[tuple[Size, ...]] = get_args(Size)

_SECOND_US: Final = 1_000_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MINUTES: Final[dict[Size, int]] = {"quarter": 15, "half-hour": 30, "hour": 60}


class IntervalError(ValueError):
    """A time zone, moment or range that can't be used; the message says what can."""


@dataclass(frozen=True, slots=True)
class Intervals:
    """`bounds_us` are the beginnings of all intervals in order, and the end of the last."""

    zone: ZoneInfo
    size: Size
    bounds_us: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.bounds_us) - 1

    @property
    def from_us(self) -> int:
        return self.bounds_us[0]

    @property
    def until_us(self) -> int:
        return self.bounds_us[-1]

    def index(self, at_us: int) -> int | None:
        """Which interval a moment belongs to; None outside."""
        if not self.from_us <= at_us < self.until_us:
            return None
        return bisect_right(self.bounds_us, at_us) - 1

    def begin(self, index: int) -> datetime:
        return moment(self.bounds_us[index], self.zone)


def zone_named(name: str) -> ZoneInfo:
    """Raises `IntervalError`."""
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise IntervalError(
            f"unknown time zone `{name[:64]}`: a name such as Europe/Berlin is needed"
        ) from error


def moment(at_us: int, zone: tzinfo) -> datetime:
    """Epoch microseconds as a moment of a zone."""
    return (_EPOCH + timedelta(microseconds=at_us)).astimezone(zone)


def epoch_us(at: datetime) -> int:
    """A moment that knows its zone as epoch microseconds."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def day_begin_us(day: date, zone: ZoneInfo) -> int:
    """First moment of a local day; where midnight doesn't exist, the moment that the clocks jump to."""
    return epoch_us(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC))


def cut(zone: ZoneInfo, size: Size, first: date, last: date) -> Intervals:
    """All intervals of the local days from `first` to `last`, both included.

    Weeks and months at the edges are cut off at these days, not extended.
    """
    if last < first:
        raise IntervalError(f"the range ends ({last}) before it begins ({first})")
    ends = [day_begin_us(first + timedelta(days=n), zone) for n in range((last - first).days + 2)]
    if size in _MINUTES:
        bounds = [ends[0]]
        for begin_us, end_us in pairwise(ends):
            bounds += _parts(begin_us, end_us, zone, _MINUTES[size])
    else:
        bounds = [ends[0]]
        bounds += [at_us for n, at_us in enumerate(ends[1:-1], 1) if _begins(first + timedelta(days=n), size)]
        bounds.append(ends[-1])
    return Intervals(zone, size, tuple(bounds))


def _begins(day: date, size: Size) -> bool:
    """Whether an interval of this size begins with this day."""
    match size:
        case "day":
            return True
        case "week":
            return day.weekday() == 0
        case "month":
            return day.day == 1
        case _:
            return False


def _parts(begin_us: int, end_us: int, zone: ZoneInfo, minutes: int) -> list[int]:
    """Ends of the intervals of one local day: where the local clock shows a multiple, or jumps.

    Steps of five minutes: every jump and every multiple falls on one, for zones are whole quarters from UTC
    and clocks change on multiples of five minutes (true of every zone since 2012).
    """
    step_us = 300 * _SECOND_US
    out: list[int] = []
    offset = moment(begin_us, zone).utcoffset()
    at_us = begin_us + step_us
    while at_us < end_us:
        local = moment(at_us, zone)
        if local.utcoffset() != offset or (local.hour * 60 + local.minute) % minutes == 0:
            out.append(at_us)
            offset = local.utcoffset()
        at_us += step_us
    out.append(end_us)
    return out
