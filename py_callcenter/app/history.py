"""Reports and erasures for the HTTP thread: in threads of their own, a few at a time."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from py_callcenter.api.port import PortError
from py_callcenter.app.controller import Controller
from py_callcenter.engine.identity import Sealer
from py_callcenter.reports import Report, ask, build
from py_callcenter.store.errors import StoreError
from py_callcenter.store.store import Store

AT_ONCE: Final = 2
ERASE_S: Final = 60.0


class StoredHistory:
    """`api.History` over the controller's database. `caller_key`: what callers' pseudonyms are made with."""

    def __init__(self, controller: Controller, store: Store, caller_key: bytes) -> None:
        self._controller = controller
        self._store = store
        self._sealer = Sealer(caller_key)
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def report(self, what: str, **wanted: Any) -> Report:
        query = ask(what, now_us=self._controller.clock.now_us(), **wanted)
        thresholds_us = {queue.name: queue.service_level.us for queue in self._controller.config.queues}
        async with self._gate:
            try:
                return await asyncio.to_thread(build, self._store.database, query, thresholds_us)
            except StoreError as error:
                raise PortError(503, str(error), "ask for fewer days, or try again later") from error

    async def erase(self, number: str) -> tuple[int, tuple[str, ...]]:
        caller = self._sealer.caller(number)
        if not caller:
            raise PortError(400, "this is no number", "write at least three digits")
        try:
            erased = await asyncio.wait_for(asyncio.wrap_future(self._store.erase(caller)), ERASE_S)
        except (StoreError, TimeoutError) as error:
            raise PortError(503, "the database didn't erase anything", "try again later") from error
        return erased.calls, erased.recordings
