"""What one e-mail reports, counted as the API and the page count it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from py_callcenter.config import ServiceLevel
from py_callcenter.reports.figures import Report, build
from py_callcenter.reports.mail.periods import Period
from py_callcenter.reports.query import ask
from py_callcenter.stats import DEFAULT_FORMULA
from py_callcenter.store import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody wants to read: which days of which zone, of which queues and agents (none: all)."""

    period: Period
    zone: str = "UTC"
    queues: Sequence[str] = ()
    agents: Sequence[str] = ()
    formula: str = DEFAULT_FORMULA


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Whole calls for the sum, queue legs and agents one by one."""

    wish: Wish
    calls: Report
    queues: Report
    agents: Report
    targets: Mapping[str, ServiceLevel]
    """What the queues are to reach."""


def gather(database: Database, wish: Wish, targets: Mapping[str, ServiceLevel], *, now_us: int) -> Facts:
    """Raises `StoreError`, and `ReportError` for days that can't be reported. Blocks while it is counted."""
    thresholds_us = {name: target.us for name, target in targets.items()}

    def report(what: str, only: Sequence[str]) -> Report:
        query = ask(
            what,
            now_us=now_us,
            first=wish.period.first.isoformat(),
            last=wish.period.last.isoformat(),
            size="all",
            zone=wish.zone,
            formula=wish.formula,
            only=only,
        )
        return build(database, query, thresholds_us)

    return Facts(
        wish=wish,
        calls=report("calls", wish.queues),
        queues=report("queues", wish.queues),
        agents=report("agents", wish.agents),
        targets=targets,
    )
