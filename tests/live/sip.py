"""Callers and phones: SIPp processes with our scenarios, and what they saw, in order of time.

All of them run on this machine, so their stamps are one clock: epoch seconds with microseconds.
"""

from __future__ import annotations

import datetime as dt
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from live.switch import free_port

SCENARIOS = Path(__file__).parent / "scenarios"
_STAMP = re.compile(rb"^-{20,} (\d{4}-\d\d-\d\d)[ T]+(\d\d:\d\d:\d\d\.\d+)[^\n]*\n", re.MULTILINE)
_HEAD = re.compile(rb"^(UDP|TCP) message (sent|received) [^\n]*\n\n?", re.MULTILINE)
NEVER_MS = 120_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Message:
    """One SIP message as one end saw it."""

    at: float
    sent: bool
    text: str

    @property
    def start(self) -> str:
        return self.text.split("\n", 1)[0].strip()

    @property
    def method(self) -> str:
        """INVITE, BYE, …; of a response its status."""
        words = self.start.split(" ")
        return words[1] if words[0] == "SIP/2.0" else words[0]

    def header(self, name: str) -> str | None:
        found = re.search(rf"^{re.escape(name)}:[ \t]*(.*?)\r?$", self.text, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else None

    @property
    def call_id(self) -> str:
        return self.header("Call-ID") or ""

    @property
    def is_response_to(self) -> str | None:
        """The method that a response answers."""
        if not self.start.startswith("SIP/2.0"):
            return None
        return (self.header("CSeq") or "").split(" ")[-1]


def read_messages(path: Path) -> list[Message]:
    """What SIPp's -trace_msg wrote so far; a message still being written is left for the next look."""
    if not path.exists():
        return []
    data = path.read_bytes()
    marks = list(_STAMP.finditer(data))
    messages = []
    for i, mark in enumerate(marks):
        end = marks[i + 1].start() if i + 1 < len(marks) else len(data)
        block = data[mark.end() : end]
        head = _HEAD.search(block)
        if head is None:
            continue
        stamp = f"{mark[1].decode()} {mark[2].decode()}"
        # SIPp writes local time without a zone
        at = dt.datetime.fromisoformat(stamp).astimezone().timestamp()
        text = block[head.end() :].decode("utf-8", "surrogateescape")
        messages.append(Message(at, head[2] == b"sent", text))
    return messages


class StoryError(AssertionError):
    """What the story waits for did not happen in time."""


def until(look: Callable[[], T | None], what: str, wait_s: float = 10.0) -> T:
    """The first true value `look` gives; the one place in live tests that waits."""
    deadline = time.monotonic() + wait_s
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise StoryError(f"not within {wait_s} s: {what}")
        time.sleep(0.02)


@dataclass
class End:
    """One SIPp process: a caller or a phone."""

    name: str
    port: int
    rtp_port: int
    folder: Path
    process: subprocess.Popen[bytes]

    @property
    def messages(self) -> list[Message]:
        return read_messages(self.folder / f"{self.name}.messages")

    def received(self, method: str) -> list[Message]:
        return [m for m in self.messages if not m.sent and m.method == method]

    def sent(self, method: str) -> list[Message]:
        return [m for m in self.messages if m.sent and m.method == method]

    def wait_received(self, method: str, wait_s: float = 10.0, nth: int = 1) -> Message:
        return until(
            lambda: next(iter(self.received(method)[nth - 1 :]), None),
            f"{self.name} receives {method} ({nth}); it saw {[m.start for m in self.messages]}",
            wait_s,
        )

    def wait_sent(self, method: str, wait_s: float = 10.0, nth: int = 1) -> Message:
        return until(
            lambda: next(iter(self.sent(method)[nth - 1 :]), None),
            f"{self.name} sends {method} ({nth})",
            wait_s,
        )

    def wait_answered(self, wait_s: float = 10.0) -> Message:
        """A caller's 200 to its INVITE."""
        return until(
            lambda: next((m for m in self.received("200") if m.is_response_to == "INVITE"), None),
            f"{self.name} is answered; it saw {[m.start for m in self.messages]}",
            wait_s,
        )

    def wait_talking(self, wait_s: float = 10.0, nth: int = 1) -> Message:
        """A phone's ACK: it has answered and the switch knows."""
        return self.wait_received("ACK", wait_s, nth)

    @property
    def over(self) -> bool:
        return any(m.method == "BYE" for m in self.messages)

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


@dataclass
class Sip:
    """Starts SIPp processes against one switch and ends them."""

    folder: Path
    switch_port: int
    ends: list[End] = field(default_factory=list)

    def _start(
        self,
        name: str,
        scenario: str,
        values: dict[str, str],
        display: str,
        calls: int | None,
        rtp_port: int | None,
    ) -> End:
        port, rtp = free_port(), rtp_port or free_port()
        values = {**values, "rtp_port": str(rtp)}

        def fill(text: str) -> str:
            return re.sub(r"@([a-z_]+)@", lambda m: values[m[1]], text)

        text = fill((SCENARIOS / f"{scenario}.xml").read_text())
        file = self.folder / f"{name}.xml"
        file.write_text(text)
        command = [
            "sipp",
            f"127.0.0.1:{self.switch_port}",
            "-sf",
            str(file),
            "-i",
            "127.0.0.1",
            "-p",
            str(port),
        ]
        command += ["-nostdin", "-nd", "-trace_msg", "-message_file", str(self.folder / f"{name}.messages")]
        command += [
            "-trace_err",
            "-error_file",
            str(self.folder / f"{name}.errors"),
            "-message_overwrite",
            "false",
        ]
        command += ["-key", "display", display]
        if calls is not None:
            command += ["-m", str(calls)]
        with (self.folder / f"{name}.out").open("wb") as out:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd=self.folder
            )
        end = End(name, port, rtp, self.folder, process)
        self.ends.append(end)
        return end

    def caller(
        self,
        to: str,
        *,
        name: str = "caller",
        stay_s: float = 60.0,
        display: str = '"Ann"',
        number: str = "5550001",
        digits: tuple[tuple[float, str], ...] = (),
        rtp_port: int | None = None,
    ) -> End:
        """Somebody dials `to` and hangs up `stay_s` after the answer; `digits`: (seconds to wait, key)."""
        parts = []
        for i, (wait, digit) in enumerate(digits):
            part = (SCENARIOS / "digit.xml").read_text()
            for key, value in (("wait_ms", str(int(wait * 1000))), ("digit", digit), ("cseq", str(i + 2))):
                part = part.replace(f"@{key}@", value)
            parts.append(part.replace("@to@", to).replace("@number@", number))
        values = {
            "to": to,
            "number": number,
            "stay_ms": str(int(stay_s * 1000)),
            "digits": "\n".join(parts),
        }
        return self._start(name, "caller", values, display, 1, rtp_port)

    def phone(
        self, name: str, *, ring_s: float = 0.2, talk_s: float = 60.0, rtp_port: int | None = None
    ) -> End:
        """A phone that rings, answers, talks, and hangs up; any number of calls."""
        values = {"ring_ms": str(int(ring_s * 1000)), "talk_ms": str(int(talk_s * 1000))}
        return self._listening(self._start(name, "agent", values, "", None, rtp_port))

    def silent_phone(self, name: str) -> End:
        """A phone that rings until it is told to stop."""
        values = {"ring_ms": str(NEVER_MS), "talk_ms": str(NEVER_MS)}
        return self._listening(self._start(name, "agent", values, "", None, None))

    def refusing_phone(self, name: str, status: str, *, ring_s: float = 0.2) -> End:
        """`status` as on the wire: "486 Busy Here", "603 Decline"."""
        values = {"ring_ms": str(int(ring_s * 1000)), "status": status}
        return self._listening(self._start(name, "agent_refuse", values, "", None, None))

    def holding_phone(self, name: str, *, talk_s: float, hold_s: float) -> End:
        values = {"ring_ms": "200", "talk_ms": str(int(talk_s * 1000)), "hold_ms": str(int(hold_s * 1000))}
        return self._listening(self._start(name, "agent_hold", values, "", None, None))

    def transferring_phone(self, name: str, *, talk_s: float, to: str) -> End:
        values = {"ring_ms": "200", "talk_ms": str(int(talk_s * 1000)), "refer_to": to}
        return self._listening(self._start(name, "agent_refer", values, "", None, None))

    def register(self, user: str, phone: End, password: str | None = None) -> None:
        """Tell the switch that `user` is reached at that phone; `password` where the switch asks for one."""
        challenge = (SCENARIOS / "challenged.xml").read_text() if password else ""
        values = {"user": user, "phone_port": str(phone.port), "challenged": challenge}
        for key in ("user", "phone_port"):
            values["challenged"] = values["challenged"].replace(f"@{key}@", values[key])
        values["challenged"] = values["challenged"].replace("@password@", password or "")
        end = self._start(f"register-{user}-{phone.port}", "register", values, "", 1, None)
        end.wait_received("200")

    def _listening(self, end: End) -> End:
        """Wait until SIPp has its port, or a first INVITE would be lost."""

        def bound() -> bool:
            wanted = f"0100007F:{end.port:04X}"
            return wanted in Path("/proc/net/udp").read_text()

        until(bound, f"{end.name} listens")
        return end

    def stop(self) -> None:
        for end in self.ends:
            end.stop()

    def __iter__(self) -> Iterator[End]:
        return iter(self.ends)
