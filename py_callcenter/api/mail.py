"""/api/v1/report-emails: what became of the reports by e-mail, sending one now, and how one looks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal, Protocol

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from py_callcenter.api.json import answer
from py_callcenter.api.port import PortError
from py_callcenter.config import Calendar, Language, ReportName
from py_callcenter.reports import ReportError
from py_callcenter.reports.mail.courier import why_not
from py_callcenter.reports.mail.letter import Letter


class Mails(Protocol):
    """Reports by e-mail. Each method but the first may raise `PortError` and `ReportError`."""

    def outcomes(self) -> Mapping[str, int]:
        """How attempts to send ended since the start; empty when none is ever made."""
        ...

    async def latest(self, limit: int) -> list[dict[str, Any]]:
        """Rows as `ReportEmail`, newest first."""
        ...

    async def request(
        self, recipient: str, report: ReportName, day: date | None, *, again: bool
    ) -> dict[str, Any]:
        """Have one sent soon; its row. What isn't `waiting` then won't be."""
        ...

    async def preview(self, report: ReportName, day: date | None, **reader: str | None) -> Letter:
        """A report as it would be sent; `reader` are keys of a recipient, or `recipient` for one's own."""
        ...


class ReportEmail(BaseModel):
    """One report of one period for one recipient."""

    id: str
    """As in the log and at the beginning of the e-mail's Message-ID."""
    recipient: str
    report: ReportName
    first: date
    last: date
    state: Literal["waiting", "claimed", "sending", "sent", "unknown", "failed", "skipped"]
    """`unknown`: it may have arrived, the server didn't say; it isn't sent again by itself."""
    attempts: int
    due_at: float
    changed_at: float
    next_at: float | None
    """When it is tried next, while it is waiting."""
    reason: str


class ReportOrder(BaseModel):
    """Which report to send to whom."""

    model_config = ConfigDict(extra="forbid")

    recipient: str
    report: ReportName = "daily"
    day: date | None = None
    """Any day of the period; the last one that is over when absent."""
    again: bool = False
    """Also what was sent, or may have been."""


_SEEN: Final = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
"""The one page of ours with styles in its elements, for that is what mail programs show."""

mail_v1 = APIRouter(tags=["reports"])


def _mails(request: Request) -> Mails:
    mails: Mails | None = request.app.state.mails
    if mails is None:
        raise PortError(503, "this controller keeps no history", "start it with a database")
    return mails


MailsDep = Annotated[Mails, Depends(_mails)]


@mail_v1.get("/report-emails", response_model=list[ReportEmail])
async def list_report_emails(mails: MailsDep, limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
    """Reports by e-mail and what became of them, what changed last first. 409 when none are sent."""
    return answer(await mails.latest(limit))


@mail_v1.post("/report-emails", response_model=ReportEmail, status_code=202)
async def send_report_email(order: ReportOrder, mails: MailsDep) -> Response:
    """Send a report soon; look at the list for what became of it.

    409 when it was sent already, or may have been, and `again` isn't set.
    """
    try:
        row = await mails.request(order.recipient, order.report, order.day, again=order.again)
    except ReportError as error:
        raise PortError(400, error.message, error.hint) from error
    if row["state"] != "waiting":
        raise PortError(409, *why_not(row))
    return answer(row, 202)


@mail_v1.get(
    "/report-emails/preview",
    response_class=Response,
    responses={200: {"content": {"text/html": {}, "text/plain": {}}}},
)
async def preview_report_email(
    *,
    mails: MailsDep,
    report: ReportName = "daily",
    day: Annotated[date | None, Query(description="any day of the period")] = None,
    recipient: Annotated[str | None, Query(description="as this one would get it")] = None,
    language: Language | None = None,
    zone: str | None = None,
    calendar: Calendar | None = None,
    formula: str | None = None,
    format: Literal["html", "text"] = "html",  # noqa: A002 - as in the other reports
) -> Response:
    """A report as it would be sent, by default of the last period that is over."""
    try:
        letter = await mails.preview(
            report, day, recipient=recipient, language=language, zone=zone, calendar=calendar, formula=formula
        )
    except ReportError as error:
        raise PortError(400, error.message, error.hint) from error
    if format == "text":
        return Response(letter.text, media_type="text/plain; charset=utf-8")
    return Response(letter.html, media_type="text/html; charset=utf-8", headers=_SEEN)
