"""What systemd wants to hear of a service of `Type=notify` (sd_notify(3)): ready, alive, stopping.

Without systemd nothing is said. Nothing is raised either: a supervisor that doesn't listen is no reason to
stop routing calls.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress

import gevent


class Supervisor:
    """Everything belongs to the hub, `alive` above all: it is the hub's turning that it proves."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        every_us = environment.get("WATCHDOG_USEC", "")
        ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self._every_s = int(every_us) / 1e6 if self._address and ours and every_us.isdecimal() else 0.0
        self._greenlet: gevent.Greenlet[[], None] | None = None
        self._status = ""

    def starting(self, status: str, within_s: float) -> None:
        """The start takes longer, and why: `status`. The next word is due `within_s` seconds later."""
        self._status = status
        self._say(f"EXTEND_TIMEOUT_USEC={round(within_s * 1e6)}\nSTATUS={status}")

    def ready(self) -> None:
        """Calls are routed from now on. Says again and again that the hub turns, if that is wanted."""
        self._say("READY=1\nSTATUS=" if self._status else "READY=1")
        if self._every_s:
            self._greenlet = gevent.spawn(self._live)

    def stopping(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)
        self._say("STOPPING=1")

    def _live(self) -> None:
        while True:
            self._say("WATCHDOG=1")
            gevent.sleep(self._every_s / 3)

    def _say(self, word: str) -> None:
        if not self._address:
            return
        # A name in the abstract space begins with a zero byte, written as @.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as to:
            to.setblocking(False)
            to.sendto(word.encode(), address)
