"""Connections to a switch that misbehaves: ours, and greenswitch's own for comparison."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import gevent
import greenswitch
from esl.fake_server import FakeSwitch, reply

from py_callcenter.esl.connection import Connection
from py_callcenter.esl.values import Limits

U1 = "4ed3197a-40f7-4fd7-85ee-b66a612c0200"
GREETING = b"Content-Type: auth/request\n\n"
ACCEPTED = reply("+OK accepted")
SHORT = Limits(command_s=0.3, write_stall_s=0.3, frame_s=0.3)
IMPATIENT = Limits(connect_s=0.5, auth_s=0.3)
SLOW_S = 20
"""What takes a moment may take that long on a busy machine."""


def opened(switch: FakeSwitch, **changes: object) -> Connection:
    connection = Connection(*switch.address, "ClueCon", **changes)
    connection.connect()
    return connection


@contextlib.contextmanager
def bare(switch: FakeSwitch) -> Iterator[greenswitch.InboundESL]:
    """greenswitch's own class, cleaned up after, for it doesn't do that itself."""
    client = greenswitch.InboundESL(*switch.address, "ClueCon")
    try:
        yield client
    finally:
        client._run = False
        for greenlet in (client._receive_events_greenlet, client._process_events_greenlet):
            if greenlet is not None:
                greenlet.kill(timeout=1)
        for name in ("sock_file", "sock"):
            if hasattr(client, name):
                getattr(client, name).close()


def hangs(wait: Callable[[], object], limit_s: float = 0.3) -> bool:
    with gevent.Timeout(limit_s, False):
        with contextlib.suppress(Exception):
            wait()
        return False
    return True


def conversation(*steps: bytes | float | None) -> Callable[[object], None]:
    """A server that greets, takes the login, then writes bytes, pauses, or (None) waits for a command."""

    def serve(sock: gevent.socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.sendall(GREETING)
            sock.recv(4096)
            sock.sendall(ACCEPTED)
            for step in steps:
                if step is None:
                    sock.recv(4096)
                elif isinstance(step, float):
                    gevent.sleep(step)
                else:
                    sock.sendall(step)

    return serve
