"""A recording and, on demand, hostile event-socket server on loopback, in the hub of the test.

It reads as mod_event_socket does: a command ends at a blank line, a blank line without a command is a poke.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Self
from urllib.parse import quote

import gevent
import gevent.event
import gevent.socket
from gevent.server import StreamServer

CORE_UUID = "11111111-2222-3333-4444-555555555555"


def reply(text: str, *headers: str) -> bytes:
    """A `command/reply` frame."""
    lines = ["Content-Type: command/reply", f"Reply-Text: {text}", *headers]
    return ("\n".join(lines) + "\n\n").encode()


def answer(body: str | bytes) -> bytes:
    """An `api/response` frame."""
    data = body.encode() if isinstance(body, str) else body
    return b"Content-Type: api/response\nContent-Length: %d\n\n%s" % (len(data), data)


def event_body(name: str, **headers: str) -> bytes:
    """The text of a plain event; `_` in a name stands for itself, `__` for `-`."""
    lines = [f"Event-Name: {name}"]
    lines += [f"{key.replace('__', '-')}: {quote(value, safe='')}" for key, value in headers.items()]
    return ("\n".join(lines) + "\n\n").encode()


def event(name: str, **headers: str) -> bytes:
    """A `text/event-plain` frame."""
    body = event_body(name, **headers)
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n%s" % (len(body), body)


@dataclass(eq=False)
class Peer:
    """One client of the fake switch, with everything that it wrote."""

    sock: gevent.socket.socket
    commands: list[str] = field(default_factory=list)
    pokes: int = 0
    subscribed: bool = False

    def write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self.sock.sendall(data)


class FakeSwitch:
    """`with FakeSwitch() as switch:` serves on `switch.port` until the end of the block.

    `answers` overrides replies by the beginning of a command: bytes to write, or None to say nothing.
    `serve` replaces the whole conversation of a connection.
    """

    def __init__(
        self,
        *,
        password: str = "ClueCon",
        host: str = "127.0.0.1",
        serve: Callable[[gevent.socket.socket], None] | None = None,
    ) -> None:
        self.password = password
        self.host = host
        self.port = 0
        self.peers: list[Peer] = []
        self.core_uuid = CORE_UUID
        self.channels: dict[str, dict[str, str]] = {}
        self.answers: dict[str, bytes | None] = {}
        self.swallow_canaries = False
        self._awake = gevent.event.Event()
        self._awake.set()
        self._serve_instead = serve
        self._server: StreamServer | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def address(self) -> tuple[str, int]:
        return (self.host, self.port)

    @property
    def commands(self) -> list[str]:
        """All commands of all clients, without logins."""
        return [c for peer in self.peers for c in peer.commands if not c.startswith("auth ")]

    def start(self) -> None:
        """Begin to listen, on the same port as before."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = gevent.socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(64)
        self.port = listener.getsockname()[1]
        self._server = StreamServer(listener, self._serve)
        self._server.start()

    def stop(self) -> None:
        """Stop listening and drop all clients."""
        if self._server is not None:
            self._server.stop(timeout=0.1)
            self._server = None
        self.cut()

    def cut(self) -> None:
        """Drop all clients, as a dying switch or a firewall does."""
        for peer in self.peers:
            with contextlib.suppress(OSError):
                peer.sock.shutdown(socket.SHUT_RDWR)
            peer.sock.close()
            peer.subscribed = False

    def freeze(self) -> None:
        """SIGSTOP: its kernel takes connections and bytes, and nobody reads or says anything."""
        self._awake.clear()

    def thaw(self) -> None:
        """SIGCONT: it goes on with whatever came meanwhile."""
        self._awake.set()

    def fire(self, data: bytes) -> None:
        """Write bytes to all who have subscribed."""
        for peer in self.peers:
            if peer.subscribed:
                peer.write(data)

    def _serve(self, sock: gevent.socket.socket, _address: object) -> None:
        if self._serve_instead is not None:
            self._serve_instead(sock)
            return
        self._awake.wait()
        peer = Peer(sock)
        self.peers.append(peer)
        with contextlib.suppress(OSError), sock.makefile("rb") as lines:
            peer.write(b"Content-Type: auth/request\n\n")
            command: list[str] = []
            for line in lines:
                self._awake.wait()
                text = line.decode("utf-8", "surrogateescape").rstrip("\n")
                if text:
                    command.append(text)
                elif command:
                    peer.commands.append("\n".join(command))
                    self._answer(peer, "\n".join(command))
                    command = []
                else:
                    peer.pokes += 1

    def _answer(self, peer: Peer, command: str) -> None:
        for beginning, data in self.answers.items():
            if command.startswith(beginning):
                if data is not None:
                    peer.write(data)
                return
        words = command.split()
        match words:
            case ["auth", password]:
                accepted = password == self.password
                peer.write(reply("+OK accepted" if accepted else "-ERR invalid"))
                if not accepted:
                    notice = b"Disconnected, goodbye.\n"
                    peer.write(b"Content-Type: text/disconnect-notice\nContent-Length: 23\n\n" + notice)
                    peer.sock.shutdown(socket.SHUT_RDWR)
            case ["event", "plain", *_]:
                peer.subscribed = True
                peer.write(reply("+OK event listener enabled plain"))
            case ["sendevent", "CUSTOM", *_]:
                if not self.swallow_canaries:
                    headers = dict(line.split(": ", 1) for line in command.split("\n")[1:])
                    self.fire(event("CUSTOM", **{key.replace("-", "__"): v for key, v in headers.items()}))
                peer.write(reply("+OK 0"))
            case ["bgapi", *_]:
                job = command.partition("Job-UUID: ")[2] or "job"
                peer.write(reply(f"+OK Job-UUID: {job}", f"Job-UUID: {job}"))
            case ["api", "global_getvar", "core_uuid"]:
                peer.write(answer(self.core_uuid))
            case ["api", "show", "channels", "as", "json"]:
                rows = ",".join(f'{{"uuid":"{uuid}"}}' for uuid in self.channels)
                table = (
                    f'{{"row_count":{len(self.channels)},"rows":[{rows}]}}' if rows else '{"row_count":0}\n'
                )
                peer.write(answer(table))
            case ["api", "uuid_dump", uuid]:
                found = self.channels.get(uuid)
                if found is None:
                    peer.write(answer("-ERR No such channel!\n"))
                else:
                    peer.write(answer(event_body("CHANNEL_DATA", Unique__ID=uuid, **found)))
            case ["api", "uuid_exists", uuid]:
                peer.write(answer("true" if uuid in self.channels else "false"))
            case ["exit"]:
                peer.write(reply("+OK bye"))
                peer.sock.shutdown(socket.SHUT_RDWR)
            case ["api", *_]:
                peer.write(answer("+OK\n"))
            case _:
                peer.write(reply("-ERR command not found"))


def wait_for(condition: Callable[[], object], limit_s: float = 30.0) -> None:
    """Let the hub turn until something is true; a slow machine may take its time."""
    with gevent.Timeout(limit_s):
        while not condition():
            gevent.sleep(0.002)
