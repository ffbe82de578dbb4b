"""Start and stop of the whole process, in the order that keeps callers first.

The links to the switches are loaded and started first; while these answer, what routes calls is loaded.
HTTP, with all that it needs, comes in its own thread when calls are routed. `tests/unit/test_start.py` holds
the lists of what must not come before.
"""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import gevent
import structlog
from gevent.event import Event as Signal

from py_callcenter.api.server import ApiServer
from py_callcenter.api.token import ensure_token
from py_callcenter.app.alive import Alive
from py_callcenter.app.clock import Clock
from py_callcenter.app.crossing import IntoHub
from py_callcenter.app.early import StartStoppedError, beside, links_to
from py_callcenter.app.loading import Loading, Patience
from py_callcenter.app.secrets import next_epoch, read_keys
from py_callcenter.app.sole import Sole
from py_callcenter.app.supervisor import Supervisor
from py_callcenter.app.trimming import Trimming
from py_callcenter.config import Config, difference
from py_callcenter.esl.settings import Timings

if TYPE_CHECKING:
    from fastapi import FastAPI

    from py_callcenter.app.mailer import StoredMails
    from py_callcenter.engine.memory import Memory
    from py_callcenter.store.progress import Progress
    from py_callcenter.store.store import Store

_log = structlog.get_logger(__name__)

SWITCH_INTERVAL_S: Final = 0.0001
"""How long the HTTP thread may keep the interpreter while the hub wants it."""


CALLS_FIRST_S: Final = 1.5
"""So long at the most nothing else is loaded while the switches are asked who is there."""
OUT_OF_SIGHT_S: Final = Timings().out_of_sight_s
NAMED_CHANGES: Final = 10


class Process:
    """One running controller: hub, HTTP thread and database thread."""

    def __init__(self, config: Config, stopping: Signal | None = None) -> None:
        """Takes address and state folder first: a second controller must not get as far as the switch.

        `stopping` is set by whoever wants it to end. Raises `ListenError` and `AnotherLeadsError` when they
        are taken, `StoreError` when the database can't be opened, `StartStoppedError` when the stop came
        first.
        """
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        gc.disable()  # until all is loaded: each look at a hundred thousand new objects stops the calls
        self.server = ApiServer(config.controller.listen_host, config.controller.listen_port)
        state = Path(config.controller.state)
        self._sole = Sole(state)
        self._supervisor = Supervisor()
        self._stopping = stopping or Signal()
        links = links_to(config.nodes)
        with Loading(list(links.values()), self._supervisor, Patience(state)) as loading:
            self.store, stored, memory = beside(
                links.values(),
                partial(_load, config, loading.progress),
                stopping=self._stopping,
                leave=loading.leave,
            )
        from py_callcenter.app.controller import Controller  # noqa: PLC0415 - loaded in there

        self.config = config if stored is None else config.with_routing(stored)
        say_unapplied(self.config, config)
        self._token = ensure_token(config.controller)
        self._keys = read_keys(state)
        clock = Clock()
        self._alive = Alive(state, clock.now_us)
        self.controller = Controller(
            self.config,
            self.store,
            keys=self._keys,
            epoch=next_epoch(state, clock.now_us() // 1_000_000),
            memory=memory,
            last_known_us=self._alive.before_us,
            clock=clock,
            orders_in=state,
            links=links,
        )
        self._trimming = Trimming()
        self._into_hub: IntoHub | None = None
        self._failed: Exception | None = None
        self._mails: StoredMails | None = None

    def start(self) -> None:
        """Connect and resynchronise; the API comes after (design 2)."""
        self._into_hub = IntoHub()
        self.controller.start()
        gevent.spawn(self._start_the_rest)
        gevent.spawn(self._note_alive)

    def _note_alive(self) -> None:
        """From when all switches have been asked for what the last run left, or count as gone."""
        self.controller.in_step.wait(OUT_OF_SIGHT_S)
        self._alive.start()

    def _start_the_rest(self) -> None:
        """When callers are served, or when that takes too long: somebody may want to know why."""
        self.controller.in_step.wait(CALLS_FIRST_S)
        self._supervisor.ready()
        self.store.warm_up()
        self._trimming.start()
        self.server.start_with(self._application, self._not_served)

    def _application(self) -> FastAPI:
        """In the HTTP thread: loads what it needs, while the hub serves calls."""
        from py_callcenter.app.mailer import StoredMails  # noqa: PLC0415 - see above
        from py_callcenter.app.serving import application  # noqa: PLC0415 - likewise

        assert self._into_hub is not None  # noqa: S101 - made before the server is started
        self._mails = StoredMails(self.controller, self.store)
        app = application(
            self.controller,
            self.store,
            self._into_hub,
            token=self._token,
            caller_key=self._keys.caller,
            mails=self._mails,
        )
        self._mails.start()
        # What exists now lives as long as we do: the collector need not look at it again.
        gc.freeze()
        gc.enable()
        _log.info("listening", url=self.server.url)
        return app

    def _not_served(self, error: Exception) -> None:
        """In the HTTP thread: a controller that nobody can look at is of no use; the next start may be."""
        _log.error("api_failed", exc_info=error)
        self._failed = error
        if self._into_hub is not None:
            self._into_hub.call(self._stopping.set)

    def wait(self) -> None:
        """Until somebody says stop. Raises what kept the API from being served."""
        self._stopping.wait()
        if self._failed is not None:
            raise self._failed

    def stop(self) -> None:
        """Let go of everything; callers stay where they are."""
        self._supervisor.stopping()
        if self._into_hub is not None:  # requests are refused, which may wait for the hub else
            self._into_hub.close()
        # The goodbye comes before anything that takes time: until then callers are let in and wait for us.
        self._trimming.stop()
        self.controller.stop()
        self._alive.stop()
        self.server.stop()
        if self._mails is not None:
            self._mails.stop()
        self.store.close()
        self._sole.release()


def _load(config: Config, progress: Progress) -> tuple[Store, dict[str, Any] | None, Memory]:
    """What routes calls is loaded; gives the database, the routing in force and what earlier runs left. In a
    thread of its own, while the links are at work.
    """
    import py_callcenter.app.controller  # noqa: F401, PLC0415 - see above
    from py_callcenter.store.retention import Retention  # noqa: PLC0415 - likewise
    from py_callcenter.store.store import Store  # noqa: PLC0415 - likewise

    keep = config.controller
    retention = Retention(records_days=keep.keep_records_days, calls_days=keep.keep_calls_days)
    store = Store.open(keep.database, retention, Path(keep.state), progress)
    try:
        store.seed(config)
        loaded = store, store.load_routing(), store.memory()
        progress.step()  # nobody takes it when the stop came meanwhile
    except BaseException:
        store.close()
        raise
    return loaded


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
    stopping = Signal()
    for number in (signal.SIGTERM, signal.SIGINT):
        gevent.signal_handler(number, stopping.set)
    try:
        process = Process(config, stopping)
    except StartStoppedError:
        return
    process.start()
    try:
        if started is not None:
            started(process)
        process.wait()
    finally:
        process.stop()
