"""A phone with two lines, for what SIPp can't do: hold, call somebody else, and connect the two."""

from __future__ import annotations

import re
import socket
import threading
import time
from dataclasses import dataclass, field

from live.rtp import Ear
from live.sip import until

_SDP = (
    "v=0\r\no=desk 1 {version} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio {port} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=ptime:20\r\na={flow}\r\n"
)


def _header(text: str, name: str) -> str:
    found = re.search(rf"^{name}:[ \t]*(.*?)\r?$", text, re.MULTILINE | re.IGNORECASE)
    return found[1] if found else ""


def _tag(value: str) -> str:
    found = re.search(r";tag=([^;>]+)", value)
    return found[1] if found else ""


@dataclass
class Line:
    """One dialog of the phone, as the phone sees it."""

    call_id: str
    local: str
    """Our From or To, tag included."""
    remote: str = ""
    target: str = ""
    """Where requests go: the other side's Contact."""
    cseq: int = 10
    flow: str = "sendrecv"
    invite: str = ""
    answered: bool = False
    over: bool = False
    ended_by_us: bool = False
    notified: list[str] = field(default_factory=list)


class DeskPhone:
    """Rings, answers by itself, and does what it is told. One thread reads; tests call the methods."""

    def __init__(
        self,
        switch_port: int,
        *,
        ring_s: float = 0.2,
        answers: bool = True,
        refusal: str | None = None,
        ear: Ear | None = None,
    ) -> None:
        """`ear`: what hears the other side; the phone closes it. `refusal`: the status of each answer."""
        self._refusal = refusal
        self._switch = ("127.0.0.1", switch_port)
        self._ring_s = ring_s
        self._answers = answers
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.settimeout(0.1)
        self._media = (ear or Ear()).sock
        self.port: int = self._socket.getsockname()[1]
        self.lines: list[Line] = []
        self.heard: list[str] = []
        self._branch = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    # What a person does.

    def call(self, extension: str, *, wait_s: float = 5.0) -> Line:
        """Dial on a new line and wait for the answer."""
        uri = f"sip:{extension}@127.0.0.1:{self._switch[1]}"
        line = Line(
            f"desk-{self.port}-{len(self.lines)}",
            f"<sip:desk@127.0.0.1:{self.port}>;tag=d{len(self.lines)}",
            remote=f"<{uri}>",
            target=uri,
        )
        self.lines.append(line)
        self._request(line, "INVITE", body=self._sdp(line))
        until(lambda: line.answered, f"{extension} answers the desk phone", wait_s)
        return line

    def hold(self, line: Line) -> None:
        """Put the other side on hold."""
        line.flow = "sendonly"
        line.cseq += 1
        self._request(line, "INVITE", body=self._sdp(line))

    def unhold(self, line: Line) -> None:
        """Take the other side back."""
        line.flow = "sendrecv"
        line.cseq += 1
        self._request(line, "INVITE", body=self._sdp(line))

    def refer(self, line: Line, extension: str) -> None:
        """Send the other side to an extension: REFER (RFC 3515)."""
        line.cseq += 1
        uri = f"sip:{extension}@127.0.0.1:{self._switch[1]}"
        self._request(
            line, "REFER", f"Refer-To: <{uri}>\r\nReferred-By: <sip:desk@127.0.0.1:{self.port}>\r\n"
        )

    def connect(self, line: Line, other: Line) -> None:
        """Connect the far ends of two lines: REFER with Replaces (RFC 3891)."""
        uri = re.search(r"<([^>]+)>", other.remote)
        assert uri is not None
        replaces = f"{other.call_id}%3Bto-tag%3D{_tag(other.remote)}%3Bfrom-tag%3D{_tag(other.local)}"
        line.cseq += 1
        self._request(
            line,
            "REFER",
            f"Refer-To: <{uri[1]}?Replaces={replaces}>\r\nReferred-By: <sip:desk@127.0.0.1:{self.port}>\r\n",
        )

    def hang_up(self, line: Line) -> None:
        line.cseq += 1
        line.over = line.ended_by_us = True
        self._request(line, "BYE")

    def answer(self, line: Line) -> None:
        """Pick up."""
        line.answered = True
        self._send(self._response(line.invite, "200 OK", line.local, self._sdp(line)))

    def stop(self) -> None:
        for line in self.lines:
            if line.answered and not line.over:
                self.hang_up(line)
        time.sleep(0.05)
        self._stopping = True
        self._thread.join(1)
        self._socket.close()
        self._media.close()

    # The wire.

    def _sdp(self, line: Line) -> str:
        return _SDP.format(port=self._media.getsockname()[1], flow=line.flow, version=line.cseq)

    def _request(self, line: Line, method: str, headers: str = "", body: str = "") -> None:
        self._branch += 1
        if body:
            headers += "Content-Type: application/sdp\r\n"
        self._send(
            f"{method} {line.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK-{self.port}-{self._branch}\r\n"
            f"From: {line.local}\r\nTo: {line.remote}\r\nCall-ID: {line.call_id}\r\n"
            f"CSeq: {line.cseq} {method}\r\nContact: <sip:desk@127.0.0.1:{self.port}>\r\n"
            f"Max-Forwards: 70\r\n{headers}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _response(self, request: str, status: str, local: str, body: str = "") -> str:
        via = "".join(
            f"Via: {value}\r\n" for value in re.findall(r"^Via:[ \t]*(.*?)\r?$", request, re.MULTILINE)
        )
        routes = re.findall(r"^Record-Route:[ \t]*(.*?)\r?$", request, re.MULTILINE)
        via += "".join(f"Record-Route: {value}\r\n" for value in routes)
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"SIP/2.0 {status}\r\n{via}From: {_header(request, 'From')}\r\nTo: {local}\r\n"
            f"Call-ID: {_header(request, 'Call-ID')}\r\nCSeq: {_header(request, 'CSeq')}\r\n"
            f"Contact: <sip:desk@127.0.0.1:{self.port}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def _send(self, text: str) -> None:
        self._socket.sendto(text.encode(), self._switch)

    def _listen(self) -> None:
        while not self._stopping:
            try:
                data, _sender = self._socket.recvfrom(65536)
            except TimeoutError:
                continue
            except OSError:
                return
            text = data.decode(errors="replace")
            self.heard.append(text)
            known = next((x for x in self.lines if x.call_id == _header(text, "Call-ID")), None)
            if text.startswith("SIP/2.0"):
                if known is not None:
                    self._on_response(known, text)
            else:
                self._on_request(known, text)

    def _on_response(self, line: Line, text: str) -> None:
        if not _header(text, "CSeq").endswith("INVITE") or text.split(" ")[1].startswith("1"):
            return
        line.remote = _header(text, "To")
        if contact := re.search(r"<([^>]+)>", _header(text, "Contact")):
            line.target = contact[1]
        self._branch += 1
        number = _header(text, "CSeq").split(" ")[0]
        self._send(
            f"ACK {line.target} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.port};branch=z9hG4bK-{self.port}-{self._branch}\r\n"
            f"From: {line.local}\r\nTo: {line.remote}\r\nCall-ID: {line.call_id}\r\n"
            f"CSeq: {number} ACK\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        )
        if text.split(" ")[1] == "200":
            line.answered = True
        else:
            line.over = True

    def _on_request(self, line: Line | None, text: str) -> None:
        method = text.split(" ", maxsplit=1)[0]
        if method == "INVITE" and line is None:
            self._ring(text)
        elif method == "INVITE" and line is not None:
            if not line.answered:
                return  # the same again, before the answer
            self._send(self._response(text, "200 OK", line.local, self._sdp(line)))
        elif method == "ACK":
            return
        elif line is not None:
            if method == "BYE":
                line.over = True
            if method == "NOTIFY":
                line.notified.append(text)
            local = line.local
            self._send(self._response(text, "200 OK", local))
            if method == "CANCEL":
                line.over = True
                self._send(self._response(line.invite, "487 Request Terminated", local))
        else:
            self._send(self._response(text, "481 No Such Call", _header(text, "To")))

    def _ring(self, text: str) -> None:
        contact = re.search(r"<([^>]+)>", _header(text, "Contact"))
        line = Line(
            _header(text, "Call-ID"),
            f"{_header(text, 'To')};tag=d{len(self.lines)}",
            remote=_header(text, "From"),
            target=contact[1] if contact else "",
            invite=text,
        )
        self.lines.append(line)
        self._send(self._response(text, "180 Ringing", line.local))
        if self._refusal is not None:
            line.over = True
            timer = threading.Timer(
                self._ring_s, self._send, [self._response(text, self._refusal, line.local)]
            )
            timer.daemon = True
            timer.start()
        elif self._answers:
            timer = threading.Timer(self._ring_s, lambda: line.over or self.answer(line))
            timer.daemon = True
            timer.start()
