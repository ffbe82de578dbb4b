"""Start and stop of the whole process, in the order that keeps callers first."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import gevent
import structlog
from gevent.event import Event as Signal

from py_callcenter.api import create_app, ensure_token
from py_callcenter.api.server import ApiServer
from py_callcenter.app.clock import Clock
from py_callcenter.app.controller import Controller
from py_callcenter.app.crossing import IntoHub
from py_callcenter.app.history import StoredHistory
from py_callcenter.app.port import HubPort
from py_callcenter.app.secrets import next_epoch, read_keys
from py_callcenter.config import Config, difference
from py_callcenter.store import Retention, Store

_log = structlog.get_logger(__name__)

SWITCH_INTERVAL_S: Final = 0.0001
"""How long the HTTP thread may keep the interpreter while the hub wants it."""


NAMED_CHANGES: Final = 10


class Process:
    """One running controller: hub, HTTP thread and database thread."""

    def __init__(self, config: Config) -> None:
        """Takes the listening address first: a second controller must not get as far as the switch.

        Raises `ListenError` when the address is taken, `StoreError` when the database can't be opened.
        """
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self.server = ApiServer(config.controller.listen_host, config.controller.listen_port)
        clock = Clock()
        state = Path(config.controller.state)
        keep = config.controller
        self.store = Store.open(keep.database, Retention(keep.keep_records_days, keep.keep_calls_days))
        self.store.seed(config)
        stored = self.store.load_routing()
        self.config = config if stored is None else config.with_routing(stored)
        say_unapplied(self.config, config)
        self._token = ensure_token(config.controller)
        self._keys = read_keys(state)
        self.controller = Controller(
            self.config,
            self.store,
            keys=self._keys,
            epoch=next_epoch(state, clock.now_us() // 1_000_000),
            memory=self.store.memory(),
            clock=clock,
            orders_in=state,
        )
        self._stopping = Signal()
        self._into_hub: IntoHub | None = None

    def start(self) -> None:
        """Connect and resynchronise; the API comes after (design 2)."""
        self._into_hub = IntoHub()
        self.controller.start()
        port = HubPort(self.controller, self.store, self._into_hub)
        history = StoredHistory(self.controller, self.store, self._keys.caller)
        self.server.start(create_app(port, token=self._token, history=history))
        # What exists now lives as long as we do: the collector need not look at it again.
        gc.collect()
        gc.freeze()
        _log.info("listening", url=self.server.url)

    def stop_soon(self) -> None:
        """From a signal handler or a greenlet."""
        self._stopping.set()

    def wait(self) -> None:
        """Until somebody says stop."""
        self._stopping.wait()

    def stop(self) -> None:
        """Let go of everything; callers stay where they are."""
        self.server.stop()
        self.controller.stop()
        if self._into_hub is not None:
            self._into_hub.close()
        self.store.close()


def say_unapplied(in_force: Config, file: Config) -> None:
    """Name what in the file differs from the database, which is what counts."""
    changes = difference(in_force, file)
    if changes:
        _log.warning(
            "file_not_applied",
            changes=[f"{change.what} {change.kind} {change.name}" for change in changes[:NAMED_CHANGES]],
            more=max(0, len(changes) - NAMED_CHANGES),
            hint="the database counts, not the file: `callcenter apply FILE` makes them the same, and"
            " `--dry-run` shows the difference",
        )


def run(config: Config, *, started: Callable[[Process], None] | None = None) -> None:
    """Run until SIGTERM or SIGINT. `started` is called once everything is up."""
    process = Process(config)
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, process.stop_soon)
    process.start()
    try:
        if started is not None:
            started(process)
        process.wait()
    finally:
        process.stop()
