"""Which days a report by e-mail is about, and when it is due, whatever the clocks do."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_callcenter.reports.mail.periods import CATCH_UP, Period, containing, due, due_us, last_over

pytestmark = pytest.mark.unit

BERLIN, TEHRAN, KYIV = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tehran"), ZoneInfo("Europe/Kyiv")
SIX = time(6)


def us(*moment, zone=UTC):
    return round(datetime(*moment, tzinfo=zone).timestamp() * 1e6)


def local(at_us, zone):
    return datetime.fromtimestamp(at_us / 1e6, zone)


def test_a_day_is_reported_in_the_next_mornings_local_time():
    period = Period("daily", date(2026, 11, 21), date(2026, 11, 21))

    assert due_us(period, TEHRAN, time(7)) == us(2026, 11, 22, 3, 30)  # +03:30 all the year


@pytest.mark.parametrize(
    ("day", "at", "expected"),
    [
        (date(2026, 3, 28), time(6), "2026-03-29T06:00:00+02:00"),  # the night has an hour less
        (date(2026, 3, 28), time(2, 30), "2026-03-29T03:30:00+02:00"),  # there is no half past two
        (date(2026, 10, 24), time(2, 30), "2026-10-25T02:30:00+02:00"),  # it comes twice: the first
        (date(2026, 10, 24), time(6), "2026-10-25T06:00:00+01:00"),
    ],
)
def test_a_report_is_due_once_when_the_clocks_change(day, at, expected):
    period = Period("daily", day, day)
    found = due_us(period, BERLIN, at)

    assert local(found, BERLIN).isoformat() == expected
    assert due("daily", "gregorian", BERLIN, at, found)[-1:] == [period]
    assert period not in due("daily", "gregorian", BERLIN, at, found - 1)


def test_who_was_down_over_the_weekend_reports_each_missed_day_and_no_older_one():
    monday = us(2026, 11, 23, 9, zone=KYIV)

    assert [period.first.day for period in due("daily", "gregorian", KYIV, SIX, monday)] == [20, 21, 22]
    assert due("weekly", "gregorian", KYIV, SIX, monday) == [
        Period("weekly", date(2026, 11, 16), date(2026, 11, 22))
    ]
    assert due("monthly", "gregorian", KYIV, SIX, monday) == []
    assert due("monthly", "gregorian", KYIV, SIX, us(2026, 12, 3)) == [
        Period("monthly", date(2026, 11, 1), date(2026, 11, 30))
    ]


def test_a_persian_month_is_reported_when_it_is_over_in_iran():
    """Aban 1405 ended on 21 November."""
    period = Period("monthly", date(2026, 10, 23), date(2026, 11, 21))

    assert due("monthly", "persian", TEHRAN, SIX, us(2026, 11, 22, 6, zone=TEHRAN)) == [period]
    assert due("monthly", "persian", TEHRAN, SIX, us(2026, 11, 22, 6, zone=TEHRAN) - 1) == []
    assert last_over("monthly", "persian", date(2026, 11, 22)) == period
    assert last_over("weekly", "persian", date(2026, 11, 22)).first.weekday() == 5


@given(
    st.datetimes(datetime(2010, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - of any zone
    st.sampled_from(
        ["Europe/Berlin", "Asia/Tehran", "America/St_Johns", "Pacific/Apia", "UTC", "Asia/Kathmandu"]
    ),
    st.sampled_from(["daily", "weekly", "monthly"]),
    st.sampled_from(["gregorian", "persian"]),
    st.times(),
)
def test_what_is_due_is_over_and_follows_day_by_day(moment, zone, report, calendar, at):
    place = ZoneInfo(zone)
    now_us = us(*moment.timetuple()[:6])
    found = due(report, calendar, place, at, now_us)

    for earlier, later in pairwise(found):
        assert later.first == earlier.last + timedelta(days=1)
    for period in found:
        assert (
            period == containing(report, period.first, calendar) == containing(report, period.last, calendar)
        )
        assert period.last < local(now_us, place).date()
        assert 0 <= now_us - due_us(period, place, at) < CATCH_UP[report] / timedelta(microseconds=1)
