"""A report as it would be sent, for whoever wants to see it before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from py_callcenter.config import Recipient, ReportName, ServiceLevel, explain
from py_callcenter.languages import language_named
from py_callcenter.reports.errors import ReportError
from py_callcenter.reports.mail.facts import Wish, gather
from py_callcenter.reports.mail.letter import Letter, write
from py_callcenter.reports.mail.periods import choose
from py_callcenter.stats import moment
from py_callcenter.store import Database


def preview(
    database: Database,
    recipients: Sequence[Recipient],
    targets: Mapping[str, ServiceLevel],
    *,
    now_us: int,
    report: ReportName,
    day: date | None = None,
    recipient: str | None = None,
    **other: str | None,
) -> Letter:
    """What `recipient` would get, or anybody; `other` are keys of a recipient that count instead of theirs.

    Of a period that isn't over: what there is so far. Raises `ReportError` and `StoreError`. Blocks.
    """
    who = _reader(recipients, recipient, {name: value for name, value in other.items() if value is not None})
    today = moment(now_us, ZoneInfo(who.zone)).date()
    period = choose(report, who.own_calendar, day, today)
    period = replace(period, last=min(period.last, today))
    wish = Wish(period=period, zone=who.zone, queues=who.queues, agents=who.agents, formula=who.formula)
    facts = gather(database, wish, targets, now_us=now_us)
    return write(facts, language_named(who.language), who.own_calendar)


def _reader(recipients: Sequence[Recipient], name: str | None, other: Mapping[str, str]) -> Recipient:
    known = {recipient.name: recipient for recipient in recipients}
    own: dict[str, Any] = {"name": "preview", "address": "preview@localhost"}
    if name is not None:
        if name not in known:
            words = ", ".join(known) or "nobody yet"
            raise ReportError(f"there is no recipient `{name[:64]}`", f"known: {words}")
        own = known[name].model_dump()
    try:
        return Recipient.model_validate({**own, **other})
    except ValidationError as error:
        place, message, hint = explain(error)[0]
        raise ReportError(f"{place}: {message}", hint) from error
