"""Reports out of the database: one row a queue or agent and interval, one for all of them together.

Counts are counts; times are seconds, rounded to milliseconds; ratios are 0 to 1, service levels percent. What
can't be divided is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from py_callcenter.reports.errors import ReportError
from py_callcenter.reports.query import SECOND_US, Query
from py_callcenter.stats import LOGGED_IN_STATES, OFFER_OUTCOMES, Figures, Limits, count, moment
from py_callcenter.stats.definitions import CALLS, LEGS, OFFERED, TALKS, Family
from py_callcenter.store import Database
from py_callcenter.store.agent_times import AgentFigures, agent_figures
from py_callcenter.store.errors import TooManyRowsError
from py_callcenter.store.figures import call_figures, leg_figures, talk_figures
from py_callcenter.store.repeats import Repeats, repeat_calls

Row = dict[str, Any]

QUERY_S: Final = 20
"""Longer than any report should take; one that does is given up rather than left to burden the server."""


@dataclass(frozen=True, slots=True)
class Report:
    """`columns`: names of the values of each row, in order; `total` has no name, begin and end."""

    query: Query
    columns: tuple[str, ...]
    rows: list[Row]
    total: Row


def build(database: Database, query: Query, thresholds_us: Mapping[str, int]) -> Report:
    """Raises `StoreError`, and `ReportError` for too many rows. Blocks for as long as the database counts."""
    try:
        return _build(database, query, query.limits(thresholds_us))
    except TooManyRowsError as error:
        raise ReportError(
            f"this report would have more than {error.most} rows",
            "ask for fewer days, longer intervals, or some names only",
        ) from error


def _build(database: Database, query: Query, limits: Limits) -> Report:
    intervals = query.intervals
    with database.reading(at_most_s=QUERY_S) as connection:
        if query.what == "agents":
            times = agent_figures(connection, intervals, now_us=query.now_us, only=query.only)
            talks = talk_figures(connection, intervals, limits, only=query.only)
            return _agents(query, times, talks)
        if query.what == "calls":
            found = call_figures(connection, intervals, limits, only=query.only)
            again = repeat_calls(connection, intervals, window_us=query.repeat_us, only=query.only)
            return _queues(query, found, again)
        return _queues(query, leg_figures(connection, intervals, limits, only=query.only), {})


def _queues(
    query: Query, found: Mapping[tuple[str, int], Figures], again: Mapping[tuple[str, int], Repeats]
) -> Report:
    of_calls = query.what == "calls"
    rows, intervals = [], _intervals(query)
    repeats, none = Repeats(), Repeats()
    columns = _columns(CALLS if of_calls else LEGS)
    for key in sorted(found, key=lambda key: (key[1], key[0])):
        row = {"queue": key[0], **intervals[key[1]], **_figures(query, found[key], columns)}
        if of_calls:
            repeated = again.get(key, none)
            repeats = repeats.plus(repeated)
            row |= _repeats(repeated)
        rows.append(row)
    total = Figures.total(found.values()) if found else count([], Limits(), CALLS if of_calls else LEGS)
    bottom = _figures(query, total, columns)
    if of_calls:
        bottom |= _repeats(repeats)
    return Report(query, ("queue", "begin", "end", *bottom), rows, bottom)


def _intervals(query: Query) -> list[Row]:
    """Begin and end of every interval, in words."""
    zone = query.intervals.zone
    bounds = [moment(at_us, zone).isoformat() for at_us in query.intervals.bounds_us]
    return [{"begin": begin, "end": end} for begin, end in pairwise(bounds)]


Column = tuple[str, str, bool]
"""A figure, what its column is called, and whether it is a time."""


def _columns(family: Family) -> list[Column]:
    names = (OFFERED, *family.counts, *family.sums, *family.maxima)
    return [
        (name, f"{name.removesuffix('_us')}_seconds" if name.endswith("_us") else name, name.endswith("_us"))
        for name in names
    ]


def _figures(query: Query, figures: Figures, columns: list[Column]) -> Row:
    """There may be tens of thousands of rows: each of these lines is paid for."""
    values = figures.values
    row: Row = {
        column: (values[name] + 500) // 1000 / 1000 if is_time else values[name]
        for name, column, is_time in columns
    }
    percent = query.formula.percent(figures)
    row["service_level_percent"] = None if percent is None else round(percent, 2)
    row["average_speed_of_answer_seconds"] = _seconds(figures.average_speed_of_answer_us)
    row["average_abandon_seconds"] = _seconds(figures.average_abandon_us)
    row["average_wait_seconds"] = _seconds(figures.average_wait_us)
    row["average_talk_seconds"] = _seconds(figures.average_talk_us)
    row["average_handle_seconds"] = _seconds(figures.average_handle_us)
    if "voice_us" in values:
        row["average_voice_seconds"] = _seconds(figures.average_voice_us)
    row["abandon_rate"] = _ratio(figures.abandon_rate)
    row["abandon_rate_without_short"] = _ratio(figures.abandon_rate_without_short)
    return row


def _repeats(repeats: Repeats) -> Row:
    return {
        "known_callers": repeats.calls,
        "repeated": repeats.repeated,
        "first_call_resolution": _ratio(repeats.first_call_resolution),
    }


def _agents(
    query: Query, times: Mapping[tuple[str, int], AgentFigures], talks: Mapping[tuple[str, int], Figures]
) -> Report:
    rows, intervals = [], _intervals(query)
    no_time, no_talk = AgentFigures(), count([], Limits(), TALKS)
    for key in sorted(times.keys() | talks.keys(), key=lambda key: (key[1], key[0])):
        time, talk = times.get(key, no_time), talks.get(key, no_talk)
        rows.append({"agent": key[0], **intervals[key[1]], **_agent(time, talk)})
    all_talks = Figures.total(talks.values()) if talks else no_talk
    bottom = _agent(AgentFigures.total(times.values()), all_talks)
    return Report(query, ("agent", "begin", "end", *bottom), rows, bottom)


_OFFER_COLUMNS: Final = [(outcome, f"offers_{outcome}") for outcome in OFFER_OUTCOMES]
_STATE_COLUMNS: Final = [(state, f"state_{state}_seconds") for state in LOGGED_IN_STATES]


def _agent(time: AgentFigures, talk: Figures) -> Row:
    values, spent_us, offers = talk.values, time.spent_us, time.offers
    row: Row = {
        "answered": values["answered"],
        "answered_short": values["answered_short"],
        "talk_seconds": (values["talk_us"] + 500) // 1000 / 1000,
        "hold_seconds": (values["hold_us"] + 500) // 1000 / 1000,
        "wrap_up_seconds": (values["wrap_up_us"] + 500) // 1000 / 1000,
        "average_talk_seconds": _seconds(talk.average_talk_us),
        "average_handle_seconds": _seconds(talk.average_handle_us),
        "transferred": values["transferred"],
        "hung_up_by_caller": values["hung_up_by_caller"],
        "hung_up_by_agent": values["hung_up_by_agent"],
        "hung_up_by_system": values["hung_up_by_system"],
    }
    for outcome, column in _OFFER_COLUMNS:
        row[column] = offers[outcome]
    row["logged_in_seconds"] = (time.logged_in_us + 500) // 1000 / 1000
    for state, column in _STATE_COLUMNS:
        row[column] = (spent_us[state] + 500) // 1000 / 1000
    row["occupancy"] = _ratio(time.occupancy)
    return row


def _seconds(us: float | None) -> float | None:
    return None if us is None else round(us / SECOND_US, 3)


def _ratio(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
