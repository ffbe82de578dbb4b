"""/api/v1/reports and erasing a caller's data: what the database knows, asked without troubling the calls."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Protocol

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from py_callcenter.api.json import answer
from py_callcenter.api.port import PortError
from py_callcenter.reports import Report, ReportError, to_csv, to_dict
from py_callcenter.stats import DEFAULT_FORMULA, FORMULAS


class History(Protocol):
    """What has been. Each method may raise `PortError` and `ReportError`."""

    async def report(self, what: str, **wanted: Any) -> Report:
        """A report; `wanted` as `reports.ask` takes it."""
        ...

    async def erase(self, number: str) -> tuple[int, tuple[str, ...]]:
        """Forget a caller: how many calls it was, and recordings that are to be deleted on the switches."""
        ...


class Caller(BaseModel):
    """Whose data to erase."""

    model_config = ConfigDict(extra="forbid")

    number: str = Field(min_length=3, max_length=64)


class Erasure(BaseModel):
    """What was erased. The recordings lie on the switches: delete them there."""

    calls: int
    recordings: list[str]


class ReportAnswer(BaseModel):
    """Rows in order of interval and name. Counts, seconds, ratios from 0 to 1, service levels in percent.

    `begins`: of every interval, also of those in which nothing happened and which have no row.
    """

    report: str
    zone: str
    interval: str
    formula: str
    formula_text: str
    begins: list[str]
    columns: list[str]
    rows: list[dict[str, Any]]
    total: dict[str, Any]


history_v1 = APIRouter()


def _history(request: Request) -> History:
    history: History | None = request.app.state.history
    if history is None:
        raise PortError(503, "this controller keeps no history", "start it with a database")
    return history


def _known_once(request: Request) -> None:
    """A slip of the pen must not be answered with another report than was asked for."""
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    for name in request.query_params:
        if name not in known:
            raise PortError(400, f"there is no parameter `{name[:32]}`", f"one of {', '.join(known)}")
        if name != "name" and len(request.query_params.getlist(name)) > 1:
            raise PortError(400, f"`{name}` is given more than once", "only `name` may be")


HistoryDep = Annotated[History, Depends(_history)]
Number = Annotated[float | None, Query(ge=0)]


@history_v1.get(
    "/reports/{what}",
    tags=["reports"],
    dependencies=[Depends(_known_once)],
    response_model=ReportAnswer,
    responses={
        200: {"content": {"text/csv": {}}},
        400: {"description": "Why this can't be reported, and what can."},
    },
)
async def get_report(
    *,
    what: Literal["queues", "calls", "agents"],
    history: HistoryDep,
    first: Annotated[str, Query(alias="from", description="first local day, 2026-11-01")],
    last: Annotated[str, Query(alias="to", description="last local day; default: the first")] = "",
    interval: Annotated[str, Query(description="quarter half-hour hour day week month all")] = "day",
    zone: Annotated[str, Query(description="time zone, such as Europe/Berlin")] = "UTC",
    formula: Annotated[
        str, Query(description=f"of the service level: {' '.join(FORMULAS)}")
    ] = DEFAULT_FORMULA,
    name: Annotated[list[str] | None, Query(description="queues or agents; default: all")] = None,
    threshold: Annotated[Number, Query(description="seconds, instead of each queue's own")] = None,
    short_abandon: Annotated[Number, Query(alias="short-abandon", description="seconds, default 5")] = None,
    short_answer: Annotated[Number, Query(alias="short-answer", description="seconds, default 10")] = None,
    repeat_days: Annotated[float, Query(alias="repeat-days", description="for repeated calls")] = 7,
    format: Literal["json", "csv"] = "json",  # noqa: A002 - the name that people try
) -> Response:
    """Figures of queue legs (`queues`), whole calls (`calls`) or agents by interval.

    A queue leg or call counts in the interval in which it was offered, so in each: offered = answered +
    abandoned + overflowed + callback + lost + waiting. Today's figures change until its calls are over.
    """
    wanted = {
        "first": first, "last": last, "size": interval, "zone": zone, "formula": formula, "only": name or (),
        "threshold": threshold, "short_abandon": short_abandon, "short_answer": short_answer,
        "repeat_days": repeat_days,
    }  # fmt: skip
    try:
        report = await history.report(what, **wanted)
    except ReportError as error:
        raise PortError(400, error.message, error.hint) from error
    if format == "csv":
        headers = {"content-disposition": f'attachment; filename="{_file_name(report)}"'}
        return Response(to_csv(report), media_type="text/csv; charset=utf-8", headers=headers)
    return answer(to_dict(report))


@history_v1.post("/erasures", tags=["reports"], response_model=Erasure)
async def erase_caller(caller: Caller, history: HistoryDep) -> Response:
    """Forget a caller by number. Their calls stay in every figure; nothing tells any more whose they were."""
    calls, recordings = await history.erase(caller.number)
    return Response(orjson.dumps({"calls": calls, "recordings": recordings}), media_type="application/json")


def _file_name(report: Report) -> str:
    query = report.query
    return f"{query.what}-{query.first}-{query.last}-{query.intervals.size}.csv"
