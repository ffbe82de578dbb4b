"""Reports by e-mail while no controller runs: straight from the database."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

from py_callcenter import logs
from py_callcenter.cli.start import BAD_INPUT, CliError
from py_callcenter.config import Config
from py_callcenter.reports import ReportError
from py_callcenter.reports.mail.courier import Courier, shown, why_not
from py_callcenter.reports.mail.preview import preview
from py_callcenter.store import Database, StoreError


class StoppedReports:
    """What a running controller would do, done here."""

    def __init__(self, database: Database, config: Config) -> None:
        self._database = database
        self._config = config
        self._targets = {queue.name: queue.service_level for queue in config.queues}

    def emails(self, limit: int) -> list[dict[str, Any]]:
        with _words():
            return [shown(row) for row in self._courier().latest(limit)]

    def send(self, order: dict[str, Any]) -> dict[str, Any]:
        """Try once, now. If it isn't taken, the next controller that runs tries again."""
        logs.set_up(level="error")  # the outcome is told by the command
        day = order.get("day")
        with _words():
            courier = self._courier()
            row = courier.request(
                order["recipient"],
                order["report"],
                None if day is None else date.fromisoformat(day),
                again=order["again"],
            )
            if row.state != "waiting":
                raise CliError(*why_not(shown(row)))
            courier.deliver(row)
            return shown(courier.now(row))

    def preview(self, wanted: dict[str, str]) -> str:
        more = dict(wanted)
        day, report, form = more.pop("day", None), more.pop("report"), more.pop("format")
        with _words():
            letter = preview(
                self._database,
                self._config.recipients,
                self._targets,
                now_us=_now_us(),
                report=report,  # type: ignore[arg-type]  # the command has looked
                day=None if day is None else date.fromisoformat(day),
                **more,
            )
        return letter.text if form == "text" else letter.html

    def _courier(self) -> Courier:
        if self._config.mail is None or not self._config.recipients:
            raise CliError(
                "no reports are sent by e-mail", "the configuration needs [mail] and [[recipients]]"
            )
        return Courier(
            self._config.mail,
            self._config.recipients,
            lambda: self._database,
            self._database.transact,
            now_us=_now_us,
            targets=lambda: self._targets,
            state=Path(self._config.controller.state),
        )


class _words:  # noqa: N801 - reads as what it does
    """Errors of reports and database in an operator's words."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        match error:
            case ReportError():
                raise CliError(error.message, error.hint, code=BAD_INPUT) from error
            case StoreError():
                raise CliError(str(error), "nothing was sent; try again later") from error
            case _:
                return


def _now_us() -> int:
    return time.time_ns() // 1000
