"""Records on their way from the hub to the figures that pages and scrapes read.

The hub only hands over; folding and reading happen in the threads that look, and in one that looks once a
second so that nothing piles up. So neither a scrape nor a page costs the calls anything.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import structlog

from py_callcenter.engine import AnyRecord
from py_callcenter.engine.memory import Memory
from py_callcenter.stats import AgentLine, Live
from py_callcenter.stats.agents import AWAY

TIDY_S: Final = 1.0

_log = structlog.get_logger(__name__)


class LiveFigures:
    """`put` and `configure` are the hub's and never wait; `reading` is for every other thread."""

    def __init__(self, lines: Mapping[str, AgentLine] | None = None) -> None:
        """`lines`: agents as an earlier run left them (`as_left`)."""
        self._new: deque[Sequence[AnyRecord] | Mapping[str, int]] = deque()
        self._live = Live(lines)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def put(self, records: Sequence[AnyRecord]) -> None:
        self._new.append(records)

    def configure(self, targets_us: Mapping[str, int]) -> None:
        """Queues with their service-level thresholds, for what is put in from now on."""
        self._new.append(targets_us)

    @contextmanager
    def reading(self) -> Iterator[Live]:
        """The figures with everything that was put in so far; they stand still meanwhile. Not for the hub."""
        with self._lock:
            while self._new:
                self._take(self._new.popleft())
            yield self._live

    def start(self) -> None:
        self._thread = threading.Thread(target=self._tidy, name="figures", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(5)

    def _take(self, news: Sequence[Any] | Mapping[str, int]) -> None:
        if isinstance(news, Mapping):
            self._live.stats.configure(news)
        else:
            self._live.fold(news)

    def _tidy(self) -> None:
        while not self._stopping.wait(TIDY_S):
            try:
                with self.reading():
                    pass
            except Exception:  # noqa: BLE001 - one record that can't be counted must not stop the counting
                _log.exception("figures_failed")


def as_left(memory: Memory, names: Iterable[str], now_us: int) -> dict[str, AgentLine]:
    """These agents as an earlier run left them, counted from now on. Calls that go on have records."""
    lines = {}
    for name in names:
        was = memory.agents.get(name)
        if was is None or not was.status:
            continue
        line = lines[name] = AgentLine(name, was.status, now_us, "logged_out", now_us)
        line.state, line.break_reason, line.served = line.base(), was.break_reason, was.served
        if line.state in (*AWAY, "waiting") and was.rest_until_us > now_us:
            line.until_us = was.rest_until_us  # also of who is away: they come back to it
            if line.state == "waiting":
                line.state = "wrap_up"
        elif line.state == "waiting" and was.served:
            line.state = line.rested()
    return lines
