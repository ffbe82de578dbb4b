"""What systemd hears of the controller: that it routes, that its main loop turns, that it leaves."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest
from app.test_process import CALLCENTER, SLOW_S, Office, until

from py_callcenter.app.supervisor import Supervisor
from py_callcenter.sim import Switch
from py_callcenter.sim.server import in_thread

pytestmark = [pytest.mark.app, pytest.mark.timeout(240)]


class Systemd:
    """The end of the socket that it listens on."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address.replace("@", "\0", 1))
        self._socket.setblocking(False)

    def heard(self) -> list[str]:
        """What was said since the last time."""
        words = []
        while True:
            try:
                words.append(self._socket.recv(4096).decode())
            except BlockingIOError:
                return words

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["file", "abstract"])
def systemd(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Systemd]:
    abstract = f"@callcenter-test-{os.getpid()}"
    listener = Systemd(abstract if request.param == "abstract" else str(tmp_path / "notify"))
    yield listener
    listener.close()


def soon(systemd: Systemd) -> list[str]:
    """What is said next, while the hub turns."""
    with gevent.Timeout(SLOW_S):
        while not (words := systemd.heard()):
            gevent.sleep(0.01)
    return words


def test_the_watchdog_is_fed_while_the_hub_turns_and_only_then(systemd):
    supervisor = Supervisor({"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "60000"})
    supervisor.ready()
    first, *then = [*soon(systemd), *soon(systemd)]
    assert first == "READY=1"
    assert set(then) == {"WATCHDOG=1"}
    time.sleep(0.2)  # the hub stands still
    assert systemd.heard() == []
    assert set(soon(systemd)) == {"WATCHDOG=1"}, "and goes on"
    systemd.heard()
    supervisor.stopping()
    gevent.sleep(0.1)
    assert systemd.heard() == ["STOPPING=1"]


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "60000"},
        {"WATCHDOG_USEC": "60000"},
        {"NOTIFY_SOCKET": "/nowhere/at/all", "WATCHDOG_USEC": "often"},
    ],
)
def test_a_supervisor_that_does_not_listen_disturbs_nothing(environment, monkeypatch):
    failures = []
    monkeypatch.setattr(gevent.get_hub(), "handle_error", lambda *what: failures.append(what))
    supervisor = Supervisor(environment)
    supervisor.ready()
    gevent.sleep(0.05)
    supervisor.stopping()
    assert failures == [], "neither a start nor the words that follow it"


def test_a_watchdog_meant_for_another_process_is_left_alone(systemd):
    others = {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "60000", "WATCHDOG_PID": "1"}
    Supervisor(others).ready()
    gevent.sleep(0.1)
    assert systemd.heard() == ["READY=1"]


def test_the_controller_is_ready_when_it_serves_calls_and_says_that_it_leaves(tmp_path):
    systemd = Systemd(str(tmp_path / "notify"))
    environment = {**os.environ, "NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "600000"}
    with in_thread(Switch(seed=5, start_us=time.time_ns() // 1000)) as server:
        place = Office(tmp_path, server)
        with (tmp_path / "log").open("wb") as log:
            process = subprocess.Popen(
                [CALLCENTER, "run", "-c", str(place.file)], stdout=log, stderr=log, env=environment
            )
        try:
            words = until(systemd.heard, "it is ready")
            assert words[0] == "READY=1"
            assert "esl_synchronised" in place.log, "not before it serves the switch"
            until(lambda: "WATCHDOG=1" in systemd.heard(), "its main loop turns")
            process.send_signal(signal.SIGTERM)
            assert process.wait(SLOW_S) == 0
            assert systemd.heard()[-1] == "STOPPING=1"
        finally:
            process.kill()
            process.wait(10)
            systemd.close()
