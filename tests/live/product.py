"""The controller as an operator runs it: a file, a process, its HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
from live.deskphone import DeskPhone
from live.sip import End, StoryError, until
from live.switch import FreeSwitch, free_port
from prometheus_client.parser import text_string_to_metric_families

type_of_value = str | int | float | bool | Sequence[str] | Mapping[str, int]


def toml(value: type_of_value) -> str:
    """A TOML value; strings, numbers and lists of strings are written as in JSON."""
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{toml(k)} = {toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=False)


def table(head: str, values: Mapping[str, type_of_value]) -> str:
    return "\n".join([head, *(f"{key} = {toml(value)}" for key, value in values.items()), ""])


@dataclass
class Setup:
    """What the story's call centre looks like. Keys are the file's."""

    queues: dict[str, dict[str, type_of_value]] = field(default_factory=dict)
    agents: dict[str, dict[str, type_of_value]] = field(default_factory=dict)
    tiers: list[dict[str, type_of_value]] = field(default_factory=list)

    def queue(self, name: str = "support", **settings: type_of_value) -> Setup:
        values: dict[str, type_of_value] = {"moh-sound": "local_stream://moh", "agent-originate-timeout": 10}
        self.queues[name] = values | {k.replace("_", "-"): v for k, v in settings.items()}
        return self

    def agent(
        self,
        name: str,
        *phones: End | DeskPhone,
        queue: str = "support",
        level: int = 1,
        **settings: type_of_value,
    ) -> Setup:
        """Somebody with these phones; without phones the agent can't be reached."""
        contacts = [f"sofia/internal/{name}@127.0.0.1:{phone.port}" for phone in phones]
        values: dict[str, type_of_value] = {"contact": contacts, "status": "Available", "wrap-up-time": 1}
        self.agents[name] = values | {k.replace("_", "-"): v for k, v in settings.items()}
        self.tiers.append({"queue": queue, "agent": name, "level": level, "position": 1})
        return self

    def text(self, switch: FreeSwitch, port: int, esl_port: int) -> str:
        parts = [
            table("[controller]", {"listen": f"127.0.0.1:{port}", "database": "sqlite:///callcenter.db"}),
            table(
                "[[nodes]]",
                {"name": "fs1", "host": "127.0.0.1", "port": esl_port, "password": switch.password},
            ),
        ]
        parts += [table("[[queues]]", {"name": n, **v}) for n, v in self.queues.items()]
        parts += [table("[[agents]]", {"name": n, **v}) for n, v in self.agents.items()]
        parts += [table("[[tiers]]", tier) for tier in self.tiers]
        return "\n".join(parts)


def command() -> list[str] | None:
    """`callcenter` of the environment that runs the tests, or the program that CALLCENTER names."""
    if named := os.environ.get("CALLCENTER"):
        return named.split()
    program = Path(sys.executable).parent / "callcenter"
    return [str(program)] if program.exists() else None


@dataclass
class Controller:
    folder: Path
    switch: FreeSwitch
    setup: Setup
    port: int = field(default_factory=lambda: free_port(socket.SOCK_STREAM))
    process: subprocess.Popen[bytes] | None = None
    esl_port: int = 0
    """Where the event socket is reached when not at the switch itself."""
    environment: dict[str, str] | None = None
    """The process's; ours when not given."""

    def start(self, wait_s: float = 20.0) -> Controller:
        self.launch()
        until(self.ready, "the controller is ready", wait_s)
        return self

    def launch(self) -> None:
        """Start the process, whatever comes of it."""
        program = command()
        assert program is not None, "callcenter is not installed beside this Python"
        self.folder.mkdir(exist_ok=True)
        file = self.folder / "callcenter.toml"
        file.write_text(self.setup.text(self.switch, self.port, self.esl_port or self.switch.esl_port))
        with (self.folder / "controller.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*program, "run", "-c", str(file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env=self.environment,
            )

    @property
    def why_not_ready(self) -> str:
        """The reasons that `/readyz` gives; empty while the HTTP side isn't up yet."""
        try:
            answer = httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False)
        except httpx.TransportError:
            return ""
        return " ".join(answer.json()["reasons"])

    def ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"the controller ended:\n{self.log}")
        try:
            return httpx.get(f"{self.url}/readyz", timeout=2, trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return (self.folder / "controller.log").read_text(errors="replace")

    def get(self, path: str) -> object:
        answer = httpx.get(f"{self.url}/api/v1/{path}", timeout=5, trust_env=False)
        answer.raise_for_status()
        return answer.json()

    def ask(self, method: str, path: str, body: object = None) -> object:
        """Change something, as whoever may read the token."""
        token = (self.folder / "state" / "token").read_text().strip()
        headers = {"authorization": f"Bearer {token}"}
        url = f"{self.url}/api/v1/{path}"
        answer = httpx.request(method, url, json=body, headers=headers, timeout=5, trust_env=False)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def set_status(self, agent: str, status: str) -> None:
        self.ask("PATCH", f"agents/{agent}", {"status": status})

    def metric(self, name: str, **labels: str) -> float:
        """Sum of the samples of that name whose labels include these; 0 when there is none."""
        text = httpx.get(f"{self.url}/metrics", timeout=5, trust_env=False).text
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def wait_metric(self, name: str, value: float, wait_s: float = 5.0, **labels: str) -> None:
        seen: list[float] = []

        def reached() -> bool:
            seen[:] = [self.metric(name, **labels)]
            return seen[0] == value

        try:
            until(reached, "", wait_s)
        except StoryError:
            raise StoryError(f"not within {wait_s} s: {name}{labels} = {value}; it is {seen}") from None

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """SIGTERM is an operator's stop, SIGKILL a crash."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError(
                    f"the controller did not stop within 10 s:\n{self.log[-2000:]}"
                ) from None
        self.process = None

    def cpu_seconds(self) -> float:
        assert self.process is not None
        return cpu_seconds(self.process.pid)


def cpu_seconds(pid: int, thread: int | None = None) -> float:
    """User and system time of a process, or of one thread of it."""
    stat = f"/proc/{pid}/stat" if thread is None else f"/proc/{pid}/task/{thread}/stat"
    fields = Path(stat).read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def quiet_for(seconds: float, what: str, look: object) -> None:
    """Something that must not happen for a while."""
    assert callable(look)
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert not look(), what
        time.sleep(0.05)
