"""The controller as an operator runs it, on a simulated switch: started, cut off, stopped, killed."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from py_callcenter.sim import Behaviour, Switch
from py_callcenter.sim.server import SwitchServer, in_thread

pytestmark = [pytest.mark.app, pytest.mark.timeout(240)]

SECOND = 1_000_000
CALLCENTER = Path(sys.executable).parent / "callcenter"
ANSWERS = Behaviour(answer_after_us=300_000)
SLOW_S = 60.0
"""What takes a moment may take that long on a busy machine."""


def until(look: Callable[[], Any], what: str, wait_s: float = SLOW_S) -> Any:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError(f"not within {wait_s} s: {what}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Office:
    """A folder with a configuration, and the processes that ran in it."""

    def __init__(self, folder: Path, server: SwitchServer, status: str = "Available") -> None:
        self.folder = folder
        self.file = folder / "callcenter.toml"
        self.file.write_text(
            f"""
[controller]
listen = "127.0.0.1:{free_port()}"
[[nodes]]
name = "fs1"
host = "127.0.0.1"
port = {server.port}
password = "ClueCon"
[[queues]]
name = "support"
moh-sound = "local_stream://moh"
[[agents]]
name = "1000"
contact = "sofia/internal/1000@127.0.0.1:5085"
status = "{status}"
wrap-up-time = 1
[[tiers]]
queue = "support"
agent = "1000"
""",
            "utf-8",
        )
        self.process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        seen = (self.folder / "log").stat().st_size
        with log:
            self.process = subprocess.Popen(
                [CALLCENTER, "run", "-c", str(self.file)], stdout=log, stderr=log, cwd=self.folder
            )
        found = until(
            lambda: re.search(r'"url":\s*"(http[^"]+)"', self.log[seen:]), "it says where it listens"
        )
        self.url = found[1]
        until(lambda: self.get("/readyz").status_code == 200, "it is ready")

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text("utf-8")

    def get(self, path: str) -> httpx.Response:
        return httpx.get(self.url + path, timeout=SLOW_S, trust_env=False)

    def calls(self) -> list[dict[str, Any]]:
        return self.get("/api/v1/calls").json()

    def agent(self) -> dict[str, Any]:
        return self.get("/api/v1/agents").json()[0]

    def metric(self, line: str) -> float:
        found = re.search(rf"^{re.escape(line)} ([0-9.e+-]+)$", self.get("/metrics").text, re.MULTILINE)
        assert found is not None, f"no {line}"
        return float(found[1])

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [CALLCENTER, *words], capture_output=True, text=True, cwd=self.folder, timeout=SLOW_S, check=False
        )

    def must(self, *words: str) -> None:
        done = self.command(*words)
        assert done.returncode == 0, done.stderr

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        code = self.process.wait(SLOW_S)
        self.process = None
        return code


@pytest.fixture
def server() -> Iterator[SwitchServer]:
    switch = Switch(seed=5, start_us=time.time_ns() // 1000)
    with in_thread(switch) as running:
        yield running


@contextmanager
def office(folder: Path, server: SwitchServer, **settings: str) -> Iterator[Office]:
    place = Office(folder, server, **settings)
    place.start()
    try:
        yield place
    finally:
        if place.process is not None:
            place.process.kill()
            place.process.wait(10)


def place_call(server: SwitchServer, number: str = "15551"):
    return server.call(lambda: server.switch.place_call(number, "Caller", "queue_support"))


def test_a_call_is_routed_shown_counted_and_told(tmp_path, server):
    server.call(lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", ANSWERS))
    with office(tmp_path, server) as place:
        call = place_call(server)
        until(lambda: place.agent()["state"] == "in_a_queue_call", "the agent talks")
        assert server.call(lambda: server.switch.globals.get("cc_alive")) == "true"
        [shown] = place.calls()
        assert (shown["id"], shown["state"], shown["agents"]) == (call.uuid, "talking", ["1000"])
        server.call(call.hang_up)
        until(lambda: place.agent()["state"] == "waiting", "the agent is ready again")
        assert place.metric('callcenter_queue_calls_offered_total{queue="support"}') == 1
        assert place.metric('callcenter_queue_calls_answered_total{queue="support"}') == 1
        assert place.metric('callcenter_agent_offers_total{outcome="answered"}') == 1
        assert place.metric("callcenter_hub_lag_seconds_count") > 0
        assert place.metric("callcenter_router_decision_seconds_count") > 0

        listed = place.command("queue", "list", "--json")
        assert json.loads(listed.stdout)[0]["name"] == "support", listed.stderr
        told = place.command("call", "trace", call.uuid, "--json")
        kinds = [step["kind"] for step in json.loads(told.stdout)]
        assert kinds[0] == "call-offered"
        assert kinds[-2:] == ["call-ended", "agent-wrap-up"]
        resting = place.command("agent", "set", "1000", "status", "On Break")
        assert resting.returncode == 0, resting.stderr
        until(lambda: place.agent()["status"] == "On Break", "the agent rests")


def test_the_decisions_of_a_day_are_made_again(tmp_path, server):
    server.call(lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", ANSWERS))
    place = Office(tmp_path, server)
    text = place.file.read_text("utf-8")
    place.file.write_text(text.replace("[[nodes]]", "decision-log = true\n[[nodes]]", 1), "utf-8")
    place.start()
    try:
        call = place_call(server)
        until(lambda: place.agent()["state"] == "in_a_queue_call", "the agent talks")
        server.call(call.hang_up)
        until(lambda: place.agent()["state"] == "waiting", "the agent is ready again")
        place.end()
    finally:
        if place.process is not None:
            place.process.kill()
            place.process.wait(10)
    log = "state/decisions/decisions-000001.log"
    place.must("decisions", "replay", log)
    [offer] = json.loads(place.command("decisions", "list", log, "--json").stdout)
    assert offer["agent"] == "1000"
    told = json.loads(place.command("decisions", "explain", log, str(offer["offer"]), "--json").stdout)
    assert [(one["agent"], one["reason"]) for one in told["candidates"]] == [("1000", None)]


def test_an_unknown_queue_is_a_log_line_and_a_counter_and_no_log_names_a_caller(tmp_path, server):
    server.call(lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", ANSWERS))
    with office(tmp_path, server) as place:
        call = place_call(server, "4915112345678")
        server.call(lambda: server.switch.place_call("4915112345678", "Ann Example", "queue_nowhere"))
        until(lambda: "call_for_unknown_queue" in place.log, "the line is written")
        until(lambda: place.agent()["state"] == "in_a_queue_call", "the other call is served")
        assert place.metric("callcenter_unknown_queue_calls_total") == 1
        server.call(call.hang_up)
        until(lambda: place.agent()["state"] == "waiting", "the agent is ready again")
        place.end()
    line = next(json.loads(text) for text in place.log.splitlines() if "call_for_unknown_queue" in text)
    assert line["asked"] == "nowhere"
    assert "hint" in line
    assert "4915112345678" not in place.log
    assert "Example" not in place.log
    assert "Caller" not in place.log


def test_a_planned_stop_leaves_every_caller_in_place_and_the_next_start_finds_them(tmp_path, server):
    server.call(
        lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", Behaviour(outcome="no_answer"))
    )
    with office(tmp_path, server, status="On Break") as place:
        calls = [place_call(server, str(number)) for number in range(3)]
        until(lambda: len(place.calls()) == 3, "three wait")
        entered = {row["id"]: row["entered_at"] for row in place.calls()}

        assert place.end() == 0
        assert all(server.call(lambda call=call: call.alive) for call in calls)
        place.start()

        rows = place.calls()
        assert [row["id"] for row in rows] == [call.uuid for call in calls]
        assert {row["id"]: row["entered_at"] for row in rows} == entered
        assert place.agent()["status"] == "On Break"


def test_a_killed_controller_keeps_the_order_and_the_status_of_its_agents(tmp_path, server):
    server.call(lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", ANSWERS))
    with office(tmp_path, server) as place:
        place.must("agent", "set", "1000", "status", "On Break")
        calls = [place_call(server, str(number)) for number in range(5)]
        until(lambda: len(place.calls()) == 5, "five wait")
        legs = server.switch.legs
        until(lambda: server.call(lambda: all("cc_tag" in legs[c.uuid].values for c in calls)), "stamped")

        place.end(signal.SIGKILL)
        place.start()

        assert [row["id"] for row in place.calls()] == [call.uuid for call in calls]
        assert place.agent()["status"] == "On Break"
        place.must("agent", "set", "1000", "status", "Available")
        until(lambda: place.agent()["state"] == "in_a_queue_call", "the first one is served")
        assert place.calls()[-1]["id"] == calls[0].uuid


def test_the_time_without_a_controller_is_nobodys_talk(tmp_path, server):
    """Somebody hangs up after the controller was killed; it starts again some seconds later."""
    server.call(lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", ANSWERS))
    with office(tmp_path, server) as place:
        began = time.monotonic()
        call = place_call(server)
        until(lambda: place.agent()["state"] == "in_a_queue_call", "they talk")
        until(lambda: list(tmp_path.glob("**/last-alive")), "the moment is kept")
        place.end(signal.SIGKILL)
        longest_s = time.monotonic() - began
        server.call(call.hang_up)
        time.sleep(5)
        place.start()

        until(lambda: place.agent()["calls_answered"] == 1 and not place.calls(), "the call is closed")
        assert place.agent()["talk_seconds"] <= longest_s + 0.5


def test_cut_connections_come_back_with_everybody_in_place(tmp_path, server):
    server.call(
        lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", Behaviour(outcome="no_answer"))
    )
    with office(tmp_path, server) as place:
        first = place_call(server)
        until(place.calls, "one waits")

        server.call(server.cut_all)
        second = place_call(server, "15552")
        until(lambda: len(place.calls()) == 2, "both wait")

        assert [row["id"] for row in place.calls()] == [first.uuid, second.uuid]
        assert place.metric('callcenter_esl_up{node="fs1"}') == 1


def test_a_second_controller_on_the_same_address_says_so_and_touches_nothing(tmp_path, server):
    with office(tmp_path, server) as place:
        second = place.command("run", "-c", str(place.file))

        assert second.returncode == 1
        assert "hint" in second.stderr
        assert place.get("/readyz").status_code == 200


@pytest.mark.parametrize("elsewhere", [False, True], ids=["the same address", "another address"])
def test_none_takes_over_from_a_controller_that_stands_still(tmp_path, server, elsewhere):
    """F43: there are never two who lead, so the first needs no fence when it goes on."""
    server.call(lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", ANSWERS))
    with office(tmp_path, server) as place:
        call = place_call(server)
        until(lambda: place.agent()["state"] == "in_a_queue_call", "a caller talks")
        connections = server.call(lambda: server.switch.connected)
        place.process.send_signal(signal.SIGSTOP)
        try:
            if elsewhere:
                text = place.file.read_text("utf-8")
                place.file.write_text(re.sub(r"127\.0\.0\.1:\d+", f"127.0.0.1:{free_port()}", text), "utf-8")
            second = place.command("run", "-c", str(place.file))
            asked = server.call(lambda: server.switch.connected) - connections
        finally:
            place.process.send_signal(signal.SIGCONT)

        assert second.returncode == 1
        assert "another controller" in second.stderr
        assert asked == 0, "it never got as far as the switch"
        until(lambda: place.get("/readyz").status_code == 200, "the first goes on")
        assert server.call(lambda: call.alive)
        assert place.agent()["state"] == "in_a_queue_call"


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_the_demo_prints_its_address_and_has_calls(tmp_path):
    log = tmp_path / "demo.log"
    with log.open("wb") as file:
        demo = subprocess.Popen([CALLCENTER, "demo", "--listen", "127.0.0.1:0"], stdout=file, stderr=file)
    try:
        found = until(
            lambda: re.search(r"(http://[0-9.:]+)", log.read_text("utf-8")), "it prints the address"
        )
        until(
            lambda: len(httpx.get(f"{found[1]}/api/v1/calls", timeout=SLOW_S, trust_env=False).json()) >= 5,
            "five calls are in it",
        )
        assert httpx.get(found[1], timeout=SLOW_S, trust_env=False).status_code == 200
        demo.send_signal(signal.SIGINT)
        assert demo.wait(SLOW_S) == 0
    finally:
        demo.kill()
        demo.wait(10)
