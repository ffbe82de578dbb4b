"""The only way between the two native threads: gevent's hub (calls) and asyncio's loop (HTTP).

Nothing of gevent is touched by the asyncio thread but the watcher's `send`, which is made for that; nothing
of asyncio is touched by the hub but `call_soon_threadsafe`. Many crossings cost one wake-up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

import gevent
from gevent.event import Event

if TYPE_CHECKING:  # the hub's side is there before it
    import asyncio


class IntoHub:
    """Runs functions in a greenlet of the hub on behalf of other threads."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._waiting = Event()
        # Started once and kept: it also keeps the hub's loop alive while nothing else is pending.
        self._watcher = gevent.get_hub().loop.async_()
        self._watcher.start(self._waiting.set)
        self._lock = Lock()
        self._closed = False
        self._greenlet = gevent.spawn(self._work)

    def call(self, function: Callable[[], Any]) -> Future[Any]:
        """From any thread: have `function` called in the hub; it must not block for long."""
        future: Future[Any] = Future()
        with self._lock:  # a closed watcher may not be sent to
            if not self._closed:
                self._jobs.append((future, function))
                self._watcher.send()
                return future
        future.set_exception(RuntimeError("the controller is stopping"))
        return future

    def close(self) -> None:
        """From the hub: refuse what still waits."""
        with self._lock:
            self._closed = True
            self._watcher.stop()
            self._watcher.close()
        self._greenlet.kill(block=False)
        while self._jobs:
            future, _ = self._jobs.popleft()
            if future.set_running_or_notify_cancel():
                future.set_exception(RuntimeError("the controller is stopping"))

    def _work(self) -> None:
        while True:
            self._waiting.wait()
            self._waiting.clear()
            while self._jobs:
                future, function = self._jobs.popleft()
                if not future.set_running_or_notify_cancel():
                    continue
                try:
                    result = function()
                except Exception as error:  # noqa: BLE001 - carried to the thread that asked
                    future.set_exception(error)
                else:
                    future.set_result(result)


class IntoLoop:
    """Runs a function in the asyncio loop, at most one at a time: later calls replace earlier ones."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._pending: Callable[[], None] | None = None

    def call(self, function: Callable[[], None]) -> None:
        """From any thread. Once the loop is closed this does nothing: nobody is left to tell."""
        idle = self._pending is None
        self._pending = function
        if idle:
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        function, self._pending = self._pending, None
        if function is not None:
            function()
