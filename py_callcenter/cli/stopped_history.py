"""Reports and erasures out of the database, when no controller runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from py_callcenter.app.secrets import stored_caller_key
from py_callcenter.cli.start import BAD_INPUT, CliError
from py_callcenter.config import Config
from py_callcenter.engine.identity import Sealer
from py_callcenter.reports import Report, ReportError, ask, build, to_csv, to_dict
from py_callcenter.store import Database, StoreError
from py_callcenter.store.store import erase_unattended


class StoppedHistory:
    """What `app.history.StoredHistory` is while a controller runs."""

    def __init__(self, database: Database, config: Config) -> None:
        self._database = database
        self._config = config

    def report(self, what: str, wanted: dict[str, Any]) -> dict[str, Any]:
        return to_dict(self._report(what, wanted))

    def report_csv(self, what: str, wanted: dict[str, Any]) -> bytes:
        return to_csv(self._report(what, wanted))

    def _report(self, what: str, wanted: dict[str, Any]) -> Report:
        thresholds_us = {queue.name: queue.service_level.us for queue in self._config.queues}
        try:
            query = ask(what, now_us=time.time_ns() // 1000, **wanted)
            return build(self._database, query, thresholds_us)
        except ReportError as error:
            raise CliError(error.message, error.hint, code=BAD_INPUT) from error
        except StoreError as error:
            raise CliError(str(error), "ask for fewer days, or try again later") from error

    def erase(self, number: str) -> dict[str, Any]:
        state = Path(self._config.controller.state)
        try:
            key = stored_caller_key(state)
        except (OSError, ValueError) as error:
            raise CliError(
                f"the key of callers can't be read: {getattr(error, 'strerror', None) or error}",
                "run this as the user that the controller runs as",
            ) from error
        if key is None:
            raise CliError(
                "no controller has ever run with this state folder, so no caller is known",
                f"is `state` under [controller] right? It says {state}",
            )
        caller = Sealer(key).caller(number)
        if not caller:
            raise CliError("this is no number", "write at least three digits", code=BAD_INPUT)
        try:
            erased = erase_unattended(self._database, state, caller)
        except StoreError as error:
            raise CliError(str(error), "nothing was erased; try again") from error
        return {"calls": erased.calls, "recordings": list(erased.recordings)}
