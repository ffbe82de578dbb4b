"""Both ends of every call in one process: callers and agents' phones on UDP sockets, stamped by the kernel.

Small on purpose: INVITE, ACK, BYE, CANCEL on loopback. The stamp of a received message is the kernel's
(SO_TIMESTAMPNS, CLOCK_REALTIME), so how busy this process is doesn't enter the figures.
"""

from __future__ import annotations

import heapq
import re
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

SO_TIMESTAMPNS = 35  # Linux; the socket module has no name for it before 3.14
RESEND_S = 0.5  # T1 of RFC 3261
FIRST_NUMBER = 70_000_000


@dataclass(slots=True)
class Caller:
    """Times in ns of the real-time clock; 0 = did not happen."""

    index: int
    call_id: str
    asked_ns: int = 0
    answered_ns: int = 0
    left_ns: int = 0
    ended_ns: int = 0
    to: str = ""
    final: int = 0


@dataclass(slots=True)
class Ring:
    """One INVITE at an agent's phone."""

    number: int
    agent: str
    call_id: str
    rang_ns: int
    ok: bytes
    cancel_ok: bytes
    acked_ns: int = 0
    cancelled_ns: int = 0
    ended_ns: int = 0
    bye: bytes = b""


@dataclass
class Tally:
    callers: list[Caller] = field(default_factory=list)
    rings: list[Ring] = field(default_factory=list)
    resent: int = 0
    unexpected: dict[str, int] = field(default_factory=dict)


def _headers(text: str) -> tuple[str, dict[str, str], list[str]]:
    lines = text.split("\r\n\r\n", 1)[0].split("\r\n")
    headers: dict[str, str] = {}
    vias = []
    for line in lines[1:]:
        name, _, value = line.partition(":")
        if name == "Via":
            vias.append(line)
        headers[name] = value.strip()
    return lines[0], headers, vias


def _open() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def _drain(sock: socket.socket) -> Iterator[tuple[str, int]]:
    while True:
        try:
            data, extra, _flags, _peer = sock.recvmsg(65536, 128)
        except BlockingIOError:
            return
        seconds, nanoseconds = struct.unpack("qq", extra[0][2][:16])
        yield data.decode("utf-8", "replace"), seconds * 1_000_000_000 + nanoseconds


class Endpoints:
    """Place `rate` calls a second to `extension` for `seconds`; agents answer at once.

    `ptime_ms`: how much sound a packet has. A switch looks after a leg once for each.
    """

    def __init__(
        self, switch_port: int, extension: str, *, talk_s: float, agent_hangs_up: bool, ptime_ms: int = 20
    ) -> None:
        self.switch_port = switch_port
        self._extension = extension
        self._talk_s = talk_s
        self._ptime_ms = ptime_ms
        self._agent_hangs_up = agent_hangs_up
        self._caller_sock, self._agent_sock = _open(), _open()
        # Never read: music arrives at a port that exists, so that no ICMP answers it.
        self._rtp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._rtp.bind(("127.0.0.1", 0))
        self._timers: list[tuple[float, int, Callable[[], None]]] = []
        self._sequence = 0
        self._callers: dict[str, Caller] = {}
        self._rings: dict[str, Ring] = {}
        self.tally = Tally()

    @property
    def agent_port(self) -> int:
        port: int = self._agent_sock.getsockname()[1]
        return port

    def _port(self, sock: socket.socket) -> int:
        port: int = sock.getsockname()[1]
        return port

    def _sdp(self) -> str:
        return (
            "v=0\r\no=x 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self._port(self._rtp)} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
            f"a=ptime:{self._ptime_ms}\r\n"
        )

    def _after(self, seconds: float, do: Callable[[], None]) -> None:
        self._sequence += 1
        heapq.heappush(self._timers, (time.monotonic() + seconds, self._sequence, do))

    def run(self, rate: float, seconds: float, *, settle_s: float = 10.0, run_up: int = 0) -> Tally:
        """Blocks until every call is over, or `settle_s` past the time the last one should be.

        The first `run_up` calls warm everything up and are left out of the tally.
        """
        total = round(rate * seconds) + run_up
        for i in range(total):
            self._after(i / rate, lambda i=i: self._place(i))  # type: ignore[misc]
        give_up = time.monotonic() + total / rate + self._talk_s + settle_s
        while time.monotonic() < give_up:
            if len(self._callers) == total and self._all_over():
                break
            wait = max(0.0, min(0.05, self._timers[0][0] - time.monotonic())) if self._timers else 0.05
            ready, _, _ = select.select([self._caller_sock, self._agent_sock], [], [], wait)
            if self._caller_sock in ready:
                for text, at in _drain(self._caller_sock):
                    self._at_caller(text, at)
            if self._agent_sock in ready:
                for text, at in _drain(self._agent_sock):
                    self._at_agent(text, at)
            while self._timers and self._timers[0][0] <= time.monotonic():
                heapq.heappop(self._timers)[2]()
        counted = range(run_up, total)
        self.tally.callers = [c for c in self._callers.values() if c.index in counted]
        self.tally.rings = [r for r in self._rings.values() if r.number - FIRST_NUMBER in counted]
        return self.tally

    def _all_over(self) -> bool:
        return all(c.ended_ns for c in self._callers.values()) and all(
            r.ended_ns or r.cancelled_ns for r in self._rings.values()
        )

    def close(self) -> None:
        for sock in (self._caller_sock, self._agent_sock, self._rtp):
            sock.close()

    # --- callers ---------------------------------------------------------------------------------------

    def _request(self, caller: Caller, method: str, number: int, body: str = "") -> bytes:
        port, who = self._port(self._caller_sock), FIRST_NUMBER + caller.index
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:{self._extension}@127.0.0.1:{self.switch_port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{caller.index}x{method}\r\n"
            f'From: "Caller {caller.index}" <sip:{who}@127.0.0.1:{port}>;tag=c{caller.index}\r\n'
            f"To: {caller.to or f'<sip:{self._extension}@127.0.0.1>'}\r\n"
            f"Call-ID: {caller.call_id}\r\nCSeq: {number} {method}\r\n"
            f"Contact: <sip:{who}@127.0.0.1:{port}>\r\nMax-Forwards: 70\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()

    def _place(self, index: int) -> None:
        caller = Caller(index, f"load-{self._port(self._caller_sock)}-{index}")
        self._callers[caller.call_id] = caller
        caller.asked_ns = time.time_ns()
        invite = self._request(caller, "INVITE", 1, self._sdp())
        self._send(self._caller_sock, invite, lambda: caller.final != 0)

    def _send(self, sock: socket.socket, data: bytes, done: Callable[[], bool], tries: int = 6) -> None:
        """Send, and send again while nothing came back."""
        sock.sendto(data, ("127.0.0.1", self.switch_port))

        def again() -> None:
            if not done():
                self.tally.resent += 1
                self._send(sock, data, done, tries - 1)

        if tries:
            self._after(RESEND_S, again)

    def _at_caller(self, text: str, at: int) -> None:
        start, headers, vias = _headers(text)
        caller = self._callers.get(headers.get("Call-ID", ""))
        if caller is None:
            return
        if start.startswith("SIP/2.0"):
            status, method = int(start.split(" ")[1]), headers["CSeq"].split(" ")[1]
            if method == "BYE":
                caller.ended_ns = caller.ended_ns or at
            elif method == "INVITE" and status < 200:
                caller.final = caller.final or -1
            elif method == "INVITE":
                caller.to = headers["To"]
                self._caller_sock.sendto(self._request(caller, "ACK", 1), ("127.0.0.1", self.switch_port))
                if caller.final <= 0:
                    caller.final = status
                    if status == 200:
                        caller.answered_ns = at
                        # a longer patience where agents end the calls
                        self._after(
                            self._talk_s * (4 if self._agent_hangs_up else 1), lambda: self._leave(caller)
                        )
                    else:
                        caller.ended_ns = at
            return
        method = start.split(" ")[0]
        if method == "BYE":
            caller.ended_ns = caller.ended_ns or at
        self._reply(self._caller_sock, headers, vias, "200 OK")
        if method != "BYE":
            self.tally.unexpected[f"caller {method}"] = self.tally.unexpected.get(f"caller {method}", 0) + 1

    def _leave(self, caller: Caller) -> None:
        if not caller.ended_ns and not caller.left_ns:
            caller.left_ns = time.time_ns()
            self._send(self._caller_sock, self._request(caller, "BYE", 2), lambda: caller.ended_ns != 0)

    # --- agents ----------------------------------------------------------------------------------------

    def _reply(
        self,
        sock: socket.socket,
        headers: dict[str, str],
        vias: list[str],
        status: str,
        *,
        to: str = "",
        body: str = "",
    ) -> bytes:
        kind = (
            f"Contact: <sip:agent@127.0.0.1:{self._port(sock)}>\r\nContent-Type: application/sdp\r\n"
            if body
            else ""
        )
        data = (
            f"SIP/2.0 {status}\r\n"
            + "\r\n".join(vias)
            + f"\r\nFrom: {headers['From']}\r\nTo: {to or headers['To']}\r\n"
            f"Call-ID: {headers['Call-ID']}\r\nCSeq: {headers['CSeq']}\r\n"
            f"{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        ).encode()
        sock.sendto(data, ("127.0.0.1", self.switch_port))
        return data

    def _at_agent(self, text: str, at: int) -> None:
        start, headers, vias = _headers(text)
        call_id = headers.get("Call-ID", "")
        ring = self._rings.get(call_id)
        if start.startswith("SIP/2.0"):
            if ring is not None and headers["CSeq"].endswith("BYE"):
                ring.ended_ns = ring.ended_ns or at
            return
        method, uri = start.split(" ")[:2]
        if method == "INVITE":
            if ring is None:
                self._rung(uri, call_id, headers, vias, at)
            else:
                self._agent_sock.sendto(ring.ok, ("127.0.0.1", self.switch_port))
        elif ring is None:
            self._reply(self._agent_sock, headers, vias, "481 Call Does Not Exist")
        elif method == "ACK":
            if not ring.acked_ns and not ring.cancelled_ns:
                ring.acked_ns = at
                if self._agent_hangs_up:
                    self._after(self._talk_s, lambda: self._hang_up(ring))
        elif method == "CANCEL":
            self._reply(self._agent_sock, headers, vias, "200 OK")
            if not ring.acked_ns:
                ring.cancelled_ns = at
        elif method == "BYE":
            ring.ended_ns = ring.ended_ns or at
            self._reply(self._agent_sock, headers, vias, "200 OK")
        else:
            self._reply(self._agent_sock, headers, vias, "200 OK")
            self.tally.unexpected[f"agent {method}"] = self.tally.unexpected.get(f"agent {method}", 0) + 1

    def _rung(self, uri: str, call_id: str, headers: dict[str, str], vias: list[str], at: int) -> None:
        agent = re.match(r"sips?:([^@;]+)", uri)
        number = re.search(r"sip:(\d+)@", headers["From"])
        to = f"{headers['To']};tag=a{len(self._rings)}"
        ok = self._reply(self._agent_sock, headers, vias, "200 OK", to=to, body=self._sdp())
        ring = Ring(int(number[1]) if number else 0, agent[1] if agent else "", call_id, at, ok, b"")
        ring.bye = (
            f"BYE {headers['Contact'].strip('<>').split('>')[0]} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.agent_port};branch=z9hG4bKbye{len(self._rings)}\r\n"
            f"From: {to}\r\nTo: {headers['From']}\r\nCall-ID: {call_id}\r\nCSeq: 1 BYE\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        self._rings[call_id] = ring

    def _hang_up(self, ring: Ring) -> None:
        if not ring.ended_ns:
            self._send(self._agent_sock, ring.bye, lambda: ring.ended_ns != 0)
