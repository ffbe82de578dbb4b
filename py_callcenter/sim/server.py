"""The simulated switch as a real event-socket server on TCP, driven by the monotonic clock.

It lives in a gevent hub: in the demo that of the controller, in tests a hub in a thread of its own.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import gevent
from gevent.event import Event
from gevent.server import StreamServer

from py_callcenter.sim.switch import Switch

T = TypeVar("T")
_NEVER_S = 3600.0
_NEVER_US = 1 << 62


class SwitchServer:
    """Serves one switch. All methods but `call` belong to the hub's thread."""

    def __init__(self, switch: Switch, host: str = "127.0.0.1", port: int = 0) -> None:
        self.switch = switch
        self._offset_us = switch.now_us - time.monotonic_ns() // 1000
        self._server = StreamServer((host, port), self._serve)
        self._driver: gevent.Greenlet[..., None] | None = None
        self._moved = Event()
        self._waits_until_us = 0
        """When the switch has something to do next, as far as the driver knows."""
        self._sockets: dict[int, socket.socket] = {}
        self._requests: deque[Callable[[], None]] = deque()
        self._wake: Any = None

    # -- life

    def start(self) -> int:
        """Listen; gives the port."""
        self._server.start()
        self._wake = gevent.get_hub().loop.async_()
        self._wake.start(self._moved.set)
        self._driver = gevent.spawn(self._drive)
        return self.port

    def stop(self) -> None:
        """Close everything."""
        if self._driver is not None:
            self._driver.kill()
            self._driver = None
        if self._wake is not None:
            self._wake.stop()
            self._wake.close()
            self._wake = None
        for number in list(self._sockets):
            self._hang_up(number)
        self._server.stop(timeout=1)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_port or 0)

    def now_us(self) -> int:
        """The switch's time by the clock."""
        return time.monotonic_ns() // 1000 + self._offset_us

    # -- acting on the switch

    def act(self, action: Callable[[], T]) -> T:
        """Do something with the switch at the present moment, in the hub's thread."""
        self.switch.run_until(self.now_us())
        result = action()
        self._moved.set()
        return result

    def call(self, action: Callable[[], T], timeout_s: float = 10.0) -> T:
        """As `act`, from another native thread. Raises what the action raises."""
        done = threading.Event()
        outcome: list[T] = []
        failure: list[BaseException] = []

        def run() -> None:
            try:
                outcome.append(self.act(action))
            except BaseException as problem:  # noqa: BLE001 - it is raised in the caller's thread
                failure.append(problem)
            done.set()

        self._requests.append(run)
        self._wake.send()
        if not done.wait(timeout_s):
            raise TimeoutError("the simulated switch did not answer")
        if failure:
            raise failure[0]
        return outcome[0]

    def cut_all(self) -> None:
        """Close every connection, as a lost network does."""
        for number in list(self._sockets):
            self.switch.cut(number)
            self._hang_up(number)

    # -- inside

    def _drive(self) -> None:
        while True:
            self._moved.clear()
            while self._requests:
                self._requests.popleft()()
            now = self.now_us()
            self.switch.run_until(now)
            for number in [n for n in self._sockets if not self.switch.is_open(n)]:
                if not self.switch.has_output(number):
                    self._hang_up(number)
            due = self.switch.next_due_us()
            self._waits_until_us = _NEVER_US if due is None else due
            wait = _NEVER_S if due is None else max(due - self.now_us(), 0) / 1_000_000
            self._moved.wait(wait)

    def _serve(self, client: socket.socket, _address: object) -> None:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.switch.run_until(self.now_us())
        number = self.switch.connect()
        self._sockets[number] = client
        ready = Event()
        ready.set()
        self.switch.on_output(number, ready.set)
        writer = gevent.spawn(self._write, number, client, ready)
        try:
            while True:
                data = client.recv(65536)
                if not data:
                    break
                self.switch.run_until(self.now_us())
                self.switch.receive(number, data)
                due = self.switch.next_due_us()
                # A poke, of which there are a thousand a second, moves nothing by itself.
                if data.strip(b"\n") or (due is not None and due < self._waits_until_us):
                    self._moved.set()
                if not self.switch.is_open(number):
                    writer.join(timeout=5)
                    break
        except OSError:
            pass  # the client is gone, which `disconnect` tells the switch
        finally:
            self.switch.disconnect(number)
            writer.kill()
            self._hang_up(number)

    def _write(self, number: int, client: socket.socket, ready: Event) -> None:
        while True:
            ready.wait()
            ready.clear()
            data = self.switch.take_output(number)
            if data:
                try:
                    client.sendall(data)
                except OSError:
                    return
            if not self.switch.is_open(number) and not self.switch.has_output(number):
                return

    def _hang_up(self, number: int) -> None:
        client = self._sockets.pop(number, None)
        if client is not None:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            client.close()


@contextlib.contextmanager
def in_thread(switch: Switch, host: str = "127.0.0.1", port: int = 0) -> Iterator[SwitchServer]:
    """Serve a switch from a native thread with a hub of its own; act on it by `call`."""
    started = threading.Event()
    stop: list[Callable[[], None]] = []
    servers: list[SwitchServer] = []
    problems: list[BaseException] = []

    def main() -> None:
        hub = gevent.get_hub()
        try:
            server = SwitchServer(switch, host, port)
            server.start()
            over = Event()
            bell = hub.loop.async_()
            bell.start(over.set)
            stop.append(bell.send)
            servers.append(server)
            started.set()
            over.wait()
            server.stop()
            bell.stop()
            bell.close()
        except BaseException as problem:  # noqa: BLE001 - it is raised in the thread that waits
            problems.append(problem)
            started.set()
        finally:
            hub.destroy(destroy_loop=True)

    thread = threading.Thread(target=main, name=f"switch-{switch.name}", daemon=True)
    thread.start()
    started.wait()
    if problems:
        raise problems[0]
    try:
        yield servers[0]
    finally:
        stop[0]()
        thread.join(timeout=10)
