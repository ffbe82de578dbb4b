"""A start that takes minutes, because an older or newer version's records must be counted anew: what
systemd, the log and the switches hear meanwhile, and how it ends when somebody wants it to.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import gevent
import structlog

from py_callcenter.app import alive
from py_callcenter.app.early import DEAD_MAN_PLANNED_S, GOODBYE_S
from py_callcenter.app.supervisor import Supervisor
from py_callcenter.esl.errors import EslError
from py_callcenter.esl.node import NodeLink
from py_callcenter.store.progress import Progress

LONG_S: Final = 3.0
"""Nothing is said of a load before: hardly any start takes so long, and the switches know of the last run."""
LOOK_EVERY_S: Final = 2.0
EXTEND_S: Final = 30.0
"""systemd waits for so long for the next word, beyond its TimeoutStartSec."""
KEPT_S: Final = 600.0
"""So long callers who wait are kept for starts that serve nobody yet, then the switch sends them to their
exits: nobody on hold believes in an answer after ten minutes without any, a fallback may have one.
All starts in a row count together, or one that fails again and again would hold them for ever."""
ANOTHER_TIME_S: Final = 3600.0
"""A start so long after the first that failed is another matter: of those who waited then nobody does now."""
FILE: Final = "start-begun"

_log = structlog.get_logger(__name__)


class Patience:
    """For how long callers are still kept. It outlives the process, in a file's time of change, as far as
    the disk takes it. `clock`: wall clock, seconds.
    """

    def __init__(self, state: Path, clock: Callable[[], float] = time.time) -> None:
        self._file, self._alive = state / FILE, state / alive.FILE
        self._clock = clock
        self._since_s: float | None = None

    def left_s(self) -> float:
        """0 when there is none left. The first question begins it."""
        now_s = self._clock()
        if self._since_s is None:
            self._since_s = self._begun(now_s)
        return min(KEPT_S, max(0.0, self._since_s + KEPT_S - now_s))

    def _begun(self, now_s: float) -> float:
        with suppress(OSError):
            since_s = self._file.stat().st_mtime
            if max(now_s - ANOTHER_TIME_S, self._served_s()) < since_s <= now_s:
                return since_s
        with suppress(OSError):
            self._file.touch(mode=0o600)
            os.utime(self._file, (now_s, now_s))
        return now_s

    def _served_s(self) -> float:
        """When a run was last there that served calls, perhaps an older program that took over."""
        with suppress(OSError):
            return self._alive.stat().st_mtime
        return 0.0

    def forget(self) -> None:
        """A start came through."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)


class Loading:
    """Belongs to the hub, but for `progress`, which the thread that loads keeps."""

    def __init__(self, links: Sequence[NodeLink], supervisor: Supervisor, patience: Patience) -> None:
        self.progress = Progress()
        self._links = links
        self._supervisor = supervisor
        self._patience = patience
        self._told = ""
        self._let_go = False
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def __enter__(self) -> Self:
        self._greenlet = gevent.spawn(self._watch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
        gc.disable()  # until all is loaded (`app.run`)
        if kind is None:
            self._patience.forget()

    def leave(self) -> None:
        """A stop is wanted: the switches give those who wait the time for the next start, as at any stop."""
        if (
            self._greenlet is not None
        ):  # or it would take the promise back while the last step comes to its end
            self._greenlet.kill(block=False)
        self.progress.give_up()
        self._supervisor.stopping()
        _log.info(
            "start_given_up", doing=self.progress.text or "loading", hint="the next start begins it anew"
        )
        if self._patience.left_s():
            gevent.joinall([gevent.spawn(_keep_callers, link) for link in self._links], GOODBYE_S)

    def _watch(self) -> None:
        gevent.sleep(LONG_S)
        gc.enable()  # no call is routed that it could delay, and years of records leave much behind
        while True:
            self._look()
            gevent.sleep(LOOK_EVERY_S)

    def _look(self) -> None:
        """Only of work that goes on: systemd ends a start that hangs, and the switches see to its callers."""
        at_work = self.progress.at_work
        if at_work:
            self._supervisor.starting(f"Not ready yet: {self.progress.text}", EXTEND_S)
            self._tell()
        keeps = at_work and self._patience.left_s() > 0
        for link in self._links:
            link.patient = keeps
        if self.progress.what and not keeps and not self._let_go:
            self._let_go = True
            _log.warning("callers_not_kept", hint="those who wait are sent to their exits")

    def _tell(self) -> None:
        if self._told != self.progress.what:
            self._told = self.progress.what
            _log.warning(
                "database_brought_up",
                doing=self.progress.text,
                hint="another version of this program has left it; this takes minutes where there are many"
                " records, is done once, and begins anew when it is broken off. Waiting callers keep their"
                f" places for {KEPT_S / 60:.0f} minutes at most, new ones get the fallback",
            )


def _keep_callers(link: NodeLink) -> None:
    link.patient = False
    with suppress(EslError):
        link.keep_callers(DEAD_MAN_PLANNED_S, 1.0)
