"""One client's connection: what it wrote, what it subscribed to, what waits to be sent.

mod_event_socket sends events when its thread wakes: every 20 ms, or at once when the client writes
anything, a bare newline included (a poke). Replies and events leave by the same thread, so the order on one
connection is reply first; between connections either may come first.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from py_callcenter.sim.headers import Fired

POLL_US = 20_000
QUEUE_LIMIT = 100_000


class Connection:
    """State of one event-socket connection."""

    def __init__(self, number: int, opened_us: int) -> None:
        self.number = number
        self.opened_us = opened_us
        self.buffer = b""
        self.out: list[bytes] = []
        self.authorised = False
        self.closed = False
        self.format = "plain"
        self.everything = False
        self.names: set[str] = set()
        self.subclasses: set[str] = set()
        self.filters: list[tuple[str, str]] = []
        self.queue: deque[bytes] = deque()
        self.lost = 0
        self.flush_scheduled = False
        self.blocked = False  # an `api` or the start of a `bgapi` holds the thread
        self.on_output: Callable[[], None] | None = None

    def write(self, data: bytes) -> None:
        """Bytes for the client."""
        if not self.closed:
            self.out.append(data)
            if self.on_output is not None:
                self.on_output()

    def wants(self, name: str, subclass: str) -> bool:
        """Does the subscription include such an event?"""
        if self.closed:
            return False
        if name == "CUSTOM":
            return self.everything or subclass in self.subclasses
        return self.everything or name in self.names

    def passes(self, event: Fired) -> bool:
        """Apply the filters: any positive match lets it through, an exclusion is decisive."""
        if not self.filters:
            return True
        passed = False
        positive = False
        for name, wanted in self.filters:
            actual = event.value(name)
            exclude = wanted.startswith("-")
            pattern = wanted[1:] if exclude else wanted
            if not exclude:
                positive = True
            if actual is None:
                continue
            if pattern.startswith("/"):
                hit = re.search(pattern.strip("/"), actual) is not None
            else:
                hit = actual.lower() == pattern.lower()
            if hit and exclude:
                return False
            passed = passed or hit
        return passed or not positive

    def push(self, event: Fired) -> None:
        """Queue an event; a full queue loses the newest, silently to the client."""
        if len(self.queue) >= QUEUE_LIMIT:
            self.lost += 1
            return
        self.queue.append(event.frame(self.format))

    def flush(self) -> None:
        """The thread woke: send what waits."""
        self.flush_scheduled = False
        if self.closed or self.blocked or not self.queue:
            return
        self.out.extend(self.queue)
        self.queue.clear()
        if self.on_output is not None:
            self.on_output()

    def next_poll_us(self, now_us: int) -> int:
        """When the idle thread wakes next."""
        return now_us + POLL_US - (now_us - self.opened_us) % POLL_US
