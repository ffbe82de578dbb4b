"""Reports by e-mail in a thread of their own, away from the calls; and what the API may ask of it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import structlog

from py_callcenter.api.port import PortError
from py_callcenter.app.controller import Controller
from py_callcenter.config import Config, ReportName, ServiceLevel
from py_callcenter.reports.mail.courier import Courier, shown
from py_callcenter.reports.mail.letter import Letter
from py_callcenter.reports.mail.preview import preview
from py_callcenter.store import Store, StoreError

TURN_S: Final = 20.0
STOP_S: Final = 2.0
"""How long a stop waits for a mail server. Who ends in the middle of a message leaves it `unknown`."""

P = ParamSpec("P")
T = TypeVar("T")

_log = structlog.get_logger(__name__)


class Mailer:
    """Sends what is due. `wake` may be called in any thread."""

    def __init__(self, courier: Courier) -> None:
        self.courier = courier
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mailer", daemon=True)
        self._failing = False

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """There is something to send."""
        self._wake.set()

    def stop(self) -> None:
        """Begin nothing more."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._thread.join(STOP_S)

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def _run(self) -> None:
        while not self.stopping:
            self._wake.clear()
            try:
                self.courier.turn()
            except StoreError as error:
                if not self._failing:
                    _log.warning("report_emails_wait_for_database", reason=str(error))
                self._failing = True
            except Exception:  # noqa: BLE001 - one report that can't be made must not stop the others for good
                _log.exception("report_emails_failed")
            else:
                self._failing = False
            self._wake.wait(TURN_S)


class StoredMails:
    """`api.Mails` over the controller's database."""

    def __init__(self, controller: Controller, store: Store) -> None:
        self._controller = controller
        self._store = store
        config = controller.config
        self._mailer: Mailer | None = None
        if config.mail is not None and config.recipients:
            self._mailer = Mailer(self._courier(config))

    def start(self) -> None:
        if self._mailer is not None:
            self._mailer.start()

    def stop(self) -> None:
        if self._mailer is not None:
            self._mailer.stop()

    def outcomes(self) -> Mapping[str, int]:
        return {} if self._mailer is None else dict(self._mailer.courier.outcomes)

    async def latest(self, limit: int) -> list[dict[str, Any]]:
        mailer = self._sending()
        rows = await self._ask(mailer.courier.latest, limit)
        return [shown(row) for row in rows]

    async def request(
        self, recipient: str, report: ReportName, day: date | None, *, again: bool
    ) -> dict[str, Any]:
        mailer = self._sending()
        row = await self._ask(mailer.courier.request, recipient, report, day, again=again)
        mailer.wake()
        return shown(row)

    async def preview(self, report: ReportName, day: date | None, **reader: str | None) -> Letter:
        config = self._controller.config

        def look() -> Letter:
            return preview(
                self._store.database,
                config.recipients,
                self._targets(),
                now_us=self._controller.clock.now_us(),
                report=report,
                day=day,
                **reader,
            )

        return await self._ask(look)

    async def _ask(self, question: Callable[P, T], *arguments: P.args, **more: P.kwargs) -> T:
        try:
            return await asyncio.to_thread(question, *arguments, **more)
        except StoreError as error:
            raise PortError(503, str(error), "try again later") from error

    def _sending(self) -> Mailer:
        if self._mailer is None:
            raise PortError(
                409, "no reports are sent by e-mail", "the configuration needs [mail] and [[recipients]]"
            )
        return self._mailer

    def _courier(self, config: Config) -> Courier:
        assert config.mail is not None  # noqa: S101 - who calls has looked
        return Courier(
            config.mail,
            config.recipients,
            lambda: self._store.database,
            self._store.transact,
            now_us=self._controller.clock.now_us,
            targets=self._targets,
            stopping=lambda: self._mailer is not None and self._mailer.stopping,
            state=Path(config.controller.state),
        )

    def _targets(self) -> dict[str, ServiceLevel]:
        return {queue.name: queue.service_level for queue in self._controller.config.queues}
