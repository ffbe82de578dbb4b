"""The calendar: local days, hours that come twice or not at all, weeks and months."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_callcenter.stats import SIZES, IntervalError, cut, moment, zone_named
from py_callcenter.stats.intervals import epoch_us

pytestmark = pytest.mark.unit

HOUR = 3600 * 1_000_000
BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
ZONES = sorted(available_timezones() - {"localtime", "Factory"})


def hours(zone, day):
    found = cut(zone, "hour", day, day)
    return [found.begin(n) for n in range(len(found))], found


def test_an_ordinary_day_has_24_hours_from_local_midnight():
    begins, found = hours(BERLIN, date(2026, 6, 1))

    assert [begin.hour for begin in begins] == list(range(24))
    assert begins[0].isoformat() == "2026-06-01T00:00:00+02:00"
    assert found.until_us - found.from_us == 24 * HOUR


def test_in_spring_an_hour_is_missing():
    begins, found = hours(BERLIN, SPRING)

    assert [begin.hour for begin in begins] == [0, 1, *range(3, 24)]
    assert found.until_us - found.from_us == 23 * HOUR


def test_in_autumn_an_hour_comes_twice_and_is_two_intervals():
    begins, found = hours(BERLIN, AUTUMN)

    assert [begin.hour for begin in begins] == [0, 1, 2, 2, *range(3, 24)]
    assert [begin.utcoffset() for begin in begins[2:4]] == [timedelta(hours=2), timedelta(hours=1)]
    assert found.until_us - found.from_us == 25 * HOUR


def test_a_zone_that_is_moved_by_half_an_hour():
    begins, _ = hours(ZoneInfo("Australia/Lord_Howe"), date(2026, 4, 5))

    assert [(begin.hour, begin.minute) for begin in begins[:4]] == [(0, 0), (1, 0), (1, 30), (2, 0)]


def test_a_day_without_midnight_begins_when_the_clocks_jump():
    begins, found = hours(ZoneInfo("Africa/Cairo"), date(2026, 4, 24))

    assert begins[0].hour == 1
    assert len(found) == 23


def test_weeks_begin_on_monday_and_are_cut_at_the_edges():
    found = cut(BERLIN, "week", date(2026, 10, 21), date(2026, 11, 4))

    assert [found.begin(n).date() for n in range(len(found))] == [
        date(2026, 10, 21), date(2026, 10, 26), date(2026, 11, 2),
    ]  # fmt: skip


def test_months():
    found = cut(ZoneInfo("Asia/Tehran"), "month", date(2026, 1, 1), date(2026, 12, 31))

    assert [found.begin(n).month for n in range(len(found))] == list(range(1, 13))
    assert cut(BERLIN, "all", SPRING, AUTUMN).bounds_us == (
        cut(BERLIN, "day", SPRING, AUTUMN).from_us,
        cut(BERLIN, "day", SPRING, AUTUMN).until_us,
    )


@settings(deadline=None)
@given(
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    first=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
    days=st.integers(0, 40),
    size=st.sampled_from(SIZES),
)
def test_every_moment_belongs_to_exactly_one_interval(zone, first, days, size):
    last = first + timedelta(days=days)
    found = cut(zone, size, first, last)

    assert list(found.bounds_us) == sorted(set(found.bounds_us))
    for day in (first, last):
        noon = epoch_us(datetime(day.year, day.month, day.day, 12, tzinfo=zone))
        place = found.index(noon)
        assert place is not None
        assert found.bounds_us[place] <= noon < found.bounds_us[place + 1]
    assert moment(found.from_us, zone).date() == first
    assert moment(found.until_us - 1, zone).date() == last
    assert found.index(found.from_us - 1) is found.index(found.until_us) is None


@settings(deadline=None)
@given(zone=st.sampled_from(ZONES).map(ZoneInfo), first=st.dates(date(2020, 1, 1), date(2030, 1, 1)))
def test_hours_refine_days_and_days_refine_weeks(zone, first):
    last = first + timedelta(days=9)
    bounds = {size: set(cut(zone, size, first, last).bounds_us) for size in SIZES}

    assert bounds["all"] <= bounds["month"] <= bounds["day"] <= bounds["hour"]
    assert bounds["week"] <= bounds["day"]
    assert bounds["hour"] <= bounds["half-hour"] <= bounds["quarter"]


def test_nonsense_is_refused_in_words():
    with pytest.raises(IntervalError, match="unknown time zone `Europe/Berln`"):
        zone_named("Europe/Berln")
    with pytest.raises(IntervalError, match="unknown time zone"):
        zone_named("../../etc/passwd")
    with pytest.raises(IntervalError, match="before it begins"):
        cut(BERLIN, "day", AUTUMN, SPRING)
