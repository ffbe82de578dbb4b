"""Reports out of the database: one row a queue or agent and interval, one for all of them together.

Counts are counts; times are seconds, rounded to milliseconds; ratios are 0 to 1, service levels percent. Both
have more places than anybody shows: to round a rounded figure would show another. What can't be divided is
None.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from py_callcenter.reports.errors import ReportError
from py_callcenter.reports.query import SECOND_US, Query
from py_callcenter.stats import Limits, moment
from py_callcenter.stats.columns import AVERAGES, RATES, Columns, summed, total
from py_callcenter.stats.definitions import CALLS, LEGS, OFFERED, Family
from py_callcenter.store import Database
from py_callcenter.store.agent_times import OCCUPANCY, OFFERS, STATES, agent_figures, break_figures
from py_callcenter.store.errors import TooManyRowsError
from py_callcenter.store.figures import call_figures, leg_figures, talk_figures
from py_callcenter.store.repeats import RESOLUTION
from py_callcenter.store.sheet import Sheet

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
    begins: list[str]
    """Of all intervals, those without a row too; local, with the distance from UTC."""


def build(database: Database, query: Query, thresholds_us: Mapping[str, int]) -> Report:
    """Raises `StoreError`, and `ReportError` for too many rows. Blocks for as long as the database counts."""
    try:
        with _no_rubbish():
            return _build(database, query, query.limits(thresholds_us))
    except TooManyRowsError as error:
        raise ReportError(
            f"this report would have more than {error.most} rows",
            "ask for fewer days, longer intervals, or some names only",
        ) from error


@contextmanager
def _no_rubbish() -> Iterator[None]:
    """What is made here lives until the report is told. Python would look through its hundred thousand
    objects for rubbish again and again, a third of the time of a large report, and calls in this process
    would wait.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _build(database: Database, query: Query, limits: Limits) -> Report:
    intervals = query.intervals
    with database.reading(at_most_s=QUERY_S) as connection:
        if query.what == "agents":
            times = agent_figures(connection, intervals, now_us=query.now_us, only=query.only)
            talks = talk_figures(connection, intervals, limits, only=query.only)
            breaks = break_figures(connection, intervals, now_us=query.now_us, only=query.only)
            return _report(query, "agent", [times, talks, breaks], _agents)
        if query.what == "calls":
            found = call_figures(connection, intervals, limits, repeat_us=query.repeat_us, only=query.only)
            return _report(query, "queue", [found], _calls)
        return _report(query, "queue", [leg_figures(connection, intervals, limits, only=query.only)], _queues)


ABANDONED: Final = {
    "abandoned_ringing": ("abandoned_rang", "-abandoned_rang_short"),
    "abandoned_waiting": (
        "abandoned", "-abandoned_short", "-abandoned_rang", "abandoned_rang_short",
    ),
}  # fmt: skip
"""With `abandoned_short`, each abandoned leg once: whoever gave up soon is short, whatever rang."""
_PARTS: Final = frozenset({"abandoned_rang", "abandoned_rang_short"})

Cells = dict[str, Sequence[Any]]
"""What is told, column by column."""


def _report(
    query: Query, by: str, sheets: Sequence[Sheet], tell: Callable[[Query, Columns], Cells]
) -> Report:
    keys = sorted(set().union(*(sheet.found for sheet in sheets)))
    columns = {name: values for sheet in sheets for name, values in sheet.columns(keys).items()}
    cells = tell(query, columns)
    bottom = {name: values[0] for name, values in tell(query, total(columns)).items()}
    bounds = [moment(at_us, query.intervals.zone).isoformat() for at_us in query.intervals.bounds_us]
    head: Cells = {
        by: [name for _, name in keys],
        "begin": [bounds[number] for number, _ in keys],
        "end": [bounds[number + 1] for number, _ in keys],
    }
    names = (*head, *bottom)
    rows = [
        dict(zip(names, values, strict=True)) for values in zip(*head.values(), *cells.values(), strict=True)
    ]
    return Report(query, names, rows, bottom, bounds[:-1])


def _queues(query: Query, columns: Columns, family: Family = LEGS) -> Cells:
    cells: Cells = {}
    for name in (OFFERED, *family.counts, *family.sums, *family.maxima):
        if name not in _PARTS:
            cells |= _told(name, columns[name])
    if family is LEGS:
        cells |= {name: summed(columns, parts) for name, parts in ABANDONED.items()}
    cells["service_level_percent"] = [
        None if percent is None else round(percent, 4) for percent in query.formula.percents(columns)
    ]
    for name, ratio in AVERAGES.items():
        if name != "average_voice" or "voice_us" in columns:
            cells[f"{name}_seconds"] = ratio.of(columns, SECOND_US, 3)
    for name, ratio in RATES.items():
        cells[name] = ratio.of(columns)
    return cells


def _calls(query: Query, columns: Columns) -> Cells:
    cells = _queues(query, columns, CALLS)
    cells |= {name: columns[name] for name in ("known_callers", "repeated")}
    cells["first_call_resolution"] = RESOLUTION.of(columns)
    return cells


def _agents(_query: Query, columns: Columns) -> Cells:
    cells: Cells = {name: columns[name] for name in ("answered", "answered_short")}
    for name in ("talk_us", "hold_us", "wrap_up_us"):
        cells |= _told(name, columns[name])
    for name in ("average_talk", "average_handle"):
        cells[f"{name}_seconds"] = AVERAGES[name].of(columns, SECOND_US, 3)
    for name in ("transferred", "hung_up_by_caller", "hung_up_by_agent", "hung_up_by_system", *OFFERS):
        cells[name] = columns[name]
    cells |= _told("logged_in_us", summed(columns, STATES))
    for name in STATES:
        cells |= _told(name, columns[name])
    cells["occupancy"] = OCCUPANCY.of(columns)
    for name in (name for name in columns if name.startswith("break")):
        cells |= {name: columns[name]} if name.startswith("breaks_") else _told(name, columns[name])
    return cells


def _told(name: str, values: Sequence[int]) -> Cells:
    """A figure by its name; a time as seconds, rounded to milliseconds."""
    if not name.endswith("_us"):
        return {name: values}
    return {f"{name.removesuffix('_us')}_seconds": [(value + 500) // 1000 / 1000 for value in values]}
