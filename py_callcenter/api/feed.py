"""The live feed: one reader of the controller, any number of listeners.

A listener gets a whole `snapshot` first and `delta` events afterwards. Each event is put into bytes once,
for all listeners. Nothing is queued for a listener: who is late takes what the short history still holds,
or a new snapshot. Who doesn't take anything for too long is dropped. A new connection begins with a
snapshot always, so `Last-Event-ID` is of no use here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Sequence
from typing import Any, Final

import orjson
import structlog
from fastapi.sse import format_sse_event
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from py_callcenter.api.port import ControllerPort, PortError, Snapshot

MIN_INTERVAL_SECONDS: Final = 0.25
HEARTBEAT_SECONDS: Final = 15.0
SEND_TIMEOUT_SECONDS: Final = 10.0
MAX_CLIENTS: Final = 200

_log = structlog.get_logger(__name__)

_HISTORY: Final = 32
_SECTIONS: Final = (("queues", "name"), ("calls", "id"), ("agents", "name"), ("nodes", "name"))


class Feed:
    """Keeps the newest snapshot and the way to it, while anybody listens."""

    def __init__(
        self,
        controller: ControllerPort,
        *,
        interval_seconds: float = MIN_INTERVAL_SECONDS,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
        send_timeout_seconds: float = SEND_TIMEOUT_SECONDS,
    ) -> None:
        self.heartbeat_seconds = heartbeat_seconds
        self.send_timeout_seconds = send_timeout_seconds
        self.clients = 0
        self.dropped = 0
        self._controller = controller
        self._interval_seconds = interval_seconds
        self._task: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self._failed = False
        self._current: dict[str, dict[str, bytes]] = {}
        self._rows: dict[str, dict[str, Any]] = {}
        self._version = -1
        self._at = 0.0
        self._snapshot = b""
        self._deltas: deque[tuple[int, bytes]] = deque(maxlen=_HISTORY)

    @property
    def full(self) -> bool:
        return self.clients >= MAX_CLIENTS

    def join(self) -> None:
        self.clients += 1
        if self._task is None or self._task.done():
            self._forget()
            self._task = asyncio.get_running_loop().create_task(self._read(), name="live-feed")

    def leave(self) -> None:
        """The last one turns off the light: nobody listens, nothing is computed."""
        self.clients -= 1
        if self.clients == 0 and self._task is not None:
            self._task.cancel()
            self._task = None

    async def close(self) -> None:
        """End for all listeners; they come back when the controller does."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        async with self._changed:
            self._failed = True
            self._changed.notify_all()

    async def after(self, version: int) -> tuple[int, list[bytes]]:
        """Wait for something newer than `version` (-1 = nothing seen) and give it, ready to send.

        Raises `PortError` when the controller is gone.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: self._failed or self._version > version)
            if self._failed:
                raise PortError(503, "the live feed has ended", "the controller is stopping; try again")
            bases = [base for base, _ in self._deltas]
            if version in bases:
                return self._version, [data for _, data in self._deltas][bases.index(version) :]
            return self._version, [self._whole()]

    def _forget(self) -> None:
        self._failed = False
        self._current = {}
        self._rows = {}
        self._version = -1
        self._snapshot = b""
        self._deltas.clear()

    async def _read(self) -> None:
        try:
            async for snapshot in self._controller.subscribe():
                if snapshot.version > self._version:
                    async with self._changed:
                        self._take(snapshot)
                        self._changed.notify_all()
                    await asyncio.sleep(self._interval_seconds)
        except PortError:
            pass  # stopping: the listeners are told below
        except Exception:  # noqa: BLE001 - whatever it was, the listeners must hear of the end
            _log.exception("live_feed_failed")
        async with self._changed:
            self._failed = True
            self._changed.notify_all()

    def _take(self, snapshot: Snapshot) -> None:
        rows = {section: self._texts(section, getattr(snapshot, section), key) for section, key in _SECTIONS}
        if self._version >= 0:
            delta: dict[str, Any] = {"version": snapshot.version, "at": snapshot.at}
            for section, new in rows.items():
                old = self._current[section]
                changed = [orjson.Fragment(row) for key, row in new.items() if old.get(key) != row]
                gone = [key for key in old if key not in new]
                if changed:
                    delta[section] = changed
                if gone:
                    delta[f"{section}_gone"] = gone
                if list(new) != list(old):
                    delta[f"{section}_order"] = list(new)
            data = _event("delta", snapshot.version, orjson.dumps(delta))
            self._deltas.append((self._version, data))
        self._current = rows
        self._version = snapshot.version
        self._at = snapshot.at
        self._snapshot = b""

    def _texts(self, section: str, rows: Sequence[Any], key: str) -> dict[str, bytes]:
        """Each row as bytes; the same bytes for a row that is still the same object."""
        before, texts = self._rows.get(section, {}), self._current.get(section, {})
        now = {getattr(row, key): row for row in rows}
        self._rows[section] = now
        return {
            name: texts[name] if before.get(name) is row else orjson.dumps(row) for name, row in now.items()
        }

    def _whole(self) -> bytes:
        if not self._snapshot:
            whole: dict[str, Any] = {"version": self._version, "at": self._at}
            for section, rows in self._current.items():
                whole[section] = [orjson.Fragment(row) for row in rows.values()]
            self._snapshot = _event("snapshot", self._version, orjson.dumps(whole))
        return self._snapshot


class FeedResponse(Response):
    """One listener's connection, until either side has had enough."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed) -> None:
        super().__init__()
        del self.headers["content-length"]
        self.headers["cache-control"] = "no-store"
        self.headers["x-accel-buffering"] = "no"
        self._feed = feed
        self._version = -1

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - ASGI
        feed = self._feed
        feed.join()
        gone = asyncio.ensure_future(_disconnected(receive))
        talk = asyncio.ensure_future(self._talk(send))
        try:
            await asyncio.wait({gone, talk}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            feed.leave()
            for task in (gone, talk):
                task.cancel()
            await asyncio.gather(gone, talk, return_exceptions=True)

    async def _talk(self, send: Send) -> None:
        feed = self._feed
        try:
            await self._send(
                send,
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers},
            )
            while True:
                try:
                    async with asyncio.timeout(feed.heartbeat_seconds):
                        self._version, events = await feed.after(self._version)
                    body = b"".join(events)
                except TimeoutError:
                    body = format_sse_event(comment="still here")
                await self._send(send, {"type": "http.response.body", "body": body, "more_body": True})
        except PortError:
            await self._send(send, {"type": "http.response.body", "body": b"", "more_body": False})
        except TimeoutError:
            feed.dropped += 1

    async def _send(self, send: Send, message: dict[str, Any]) -> None:
        """Raises `TimeoutError` when the listener doesn't take what it was sent."""
        async with asyncio.timeout(self._feed.send_timeout_seconds):
            await send(message)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(name: str, version: int, data: bytes) -> bytes:
    return format_sse_event(data_str=data.decode(), event=name, id=str(version))
