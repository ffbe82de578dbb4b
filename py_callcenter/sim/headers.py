"""Events as text: which headers, in which order, for which kind.

The origin of each kind (file, function, line of FreeSWITCH 1.11.1) and the order of the blocks are those of
the captured events: own headers before the channel's block, then variables, then the application's headers.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from urllib.parse import unquote

from py_callcenter.sim.encoding import as_json, event_frame, quote

_MACHINE = ("switch_core_state_machine.c", "switch_core_session_run")
_SESSION = ("switch_core_session.c", "switch_core_session_exec")
_BRIDGE = ("switch_ivr_bridge.c", "switch_ivr_multi_threaded_bridge")
_SOFT = ("switch_ivr_bridge.c", "uuid_bridge_on_soft_execute")
_PLAY = ("switch_ivr_play_say.c", "switch_ivr_play_file")

_ORIGINS: dict[str, tuple[str, str, str, int]] = {
    "outgoing": ("CHANNEL_OUTGOING", "switch_core_session.c", "switch_core_session_outgoing_channel", 768),
    "create": ("CHANNEL_CREATE", *_MACHINE, 626),
    "originate": ("CHANNEL_ORIGINATE", *_MACHINE, 632),
    "progress": (
        "CHANNEL_PROGRESS",
        "switch_channel.c",
        "switch_channel_perform_mark_ring_ready_value",
        3507,
    ),
    "answer": ("CHANNEL_ANSWER", "switch_channel.c", "switch_channel_perform_mark_answered", 3848),
    "flip": ("CALL_UPDATE", "switch_channel.c", "switch_channel_flip_cid", 3279),
    "display": ("CALL_UPDATE", "mod_sofia.c", "sofia_receive_message", 2133),
    "execute": ("CHANNEL_EXECUTE", *_SESSION, 2949),
    "complete": ("CHANNEL_EXECUTE_COMPLETE", *_SESSION, 2972),
    "park": ("CHANNEL_PARK", "switch_ivr.c", "switch_ivr_park", 1002),
    "unpark": ("CHANNEL_UNPARK", "switch_ivr.c", "switch_ivr_park", 1213),
    "soft-a": ("CHANNEL_EXECUTE", *_SOFT, 1236),
    "soft-b": ("CHANNEL_EXECUTE", *_SOFT, 1243),
    "bridge": ("CHANNEL_BRIDGE", *_BRIDGE, 1689),
    "unbridge": ("CHANNEL_UNBRIDGE", *_BRIDGE, 1879),
    "hangup": ("CHANNEL_HANGUP", "switch_channel.c", "switch_channel_perform_hangup", 3447),
    "hangup-complete": (
        "CHANNEL_HANGUP_COMPLETE",
        "switch_core_state_machine.c",
        "switch_core_session_reporting_state",
        943,
    ),
    "destroy": ("CHANNEL_DESTROY", "switch_core_session.c", "switch_core_session_perform_destroy", 1588),
    "hold": ("CHANNEL_HOLD", "switch_ivr.c", "switch_ivr_hold", 1558),
    "unhold": ("CHANNEL_UNHOLD", "switch_ivr.c", "switch_ivr_unhold", 1638),
    "phone-hold": ("CHANNEL_HOLD", "switch_channel.c", "switch_channel_mark_hold", 876),
    "phone-unhold": ("CHANNEL_UNHOLD", "switch_channel.c", "switch_channel_mark_hold", 876),
    "dtmf": ("DTMF", "switch_channel.c", "switch_channel_dequeue_dtmf", 678),
    "play-start": ("PLAYBACK_START", *_PLAY, 1649),
    "play-stop": ("PLAYBACK_STOP", *_PLAY, 2023),
    "record-start": ("RECORD_START", "switch_ivr_async.c", "record_callback", 1482),
    "record-stop": ("RECORD_STOP", "switch_ivr_async.c", "send_record_stop_event", 1241),
    "bug-start": ("MEDIA_BUG_START", "switch_core_media_bug.c", "switch_core_media_bug_add", 1014),
    "bug-stop": ("MEDIA_BUG_STOP", "switch_core_media_bug.c", "switch_core_media_bug_destroy", 84),
    "job": ("BACKGROUND_JOB", "mod_event_socket.c", "api_exec", 1569),
    "heartbeat": ("HEARTBEAT", "switch_core.c", "send_heartbeat", 95),
    "dump": ("CHANNEL_DATA", "mod_commands.c", "uuid_dump_function", 6495),
    "sent": ("", "mod_event_socket.c", "parse_command", 2272),
}
NAMES = {kind: origin[0] for kind, origin in _ORIGINS.items()}
_CALLING = {
    kind: f"Event-Calling-File: {file}\nEvent-Calling-Function: {name}\nEvent-Calling-Line-Number: {number}\n"
    for kind, (_, file, name, number) in _ORIGINS.items()
}


def line(name: str, value: str) -> str:
    """One encoded header line."""
    return f"{name}: {quote(value)}\n"


class Letterhead:
    """The headers that every event of one switch begins with."""

    def __init__(self, core_uuid: str, hostname: str) -> None:
        self.core_uuid = core_uuid
        self._host = (
            f"Core-UUID: {core_uuid}\nFreeSWITCH-Hostname: {quote(hostname)}\n"
            f"FreeSWITCH-Switchname: {quote(hostname)}\n"
            "FreeSWITCH-IPv4: 192.0.2.10\nFreeSWITCH-IPv6: 2001%3Adb8%3A%3A10\n"
        )
        self._second = -1
        self._dates = ""

    def lines(self, kind: str, stamp_us: int, sequence: int, name: str = "") -> str:
        """The first headers; `name` for events whose name the client chose."""
        second = stamp_us // 1_000_000
        if second != self._second:
            self._second = second
            moment = time.gmtime(second)
            local = quote(time.strftime("%Y-%m-%d %H:%M:%S", moment))
            gmt = quote(time.strftime("%a, %d %b %Y %H:%M:%S GMT", moment))
            self._dates = f"{self._host}Event-Date-Local: {local}\nEvent-Date-GMT: {gmt}\n"
        return (
            f"Event-Name: {name or NAMES[kind]}\n{self._dates}Event-Date-Timestamp: {stamp_us}\n"
            f"{_CALLING[kind]}Event-Sequence: {sequence}\n"
        )


def to_json(text: str, body: str = "") -> str:
    """Turn encoded header lines into the JSON object that `event json` sends."""
    members: list[str] = []
    for header in text.splitlines():
        name, _, value = header.partition(": ")
        plain = "" if value == "_undef_" else unquote(value, "utf-8", "surrogateescape")
        members.append(f"{json.dumps(name)}:{json.dumps(as_json(plain), separators=(',', ':'))}")
    if body:
        members.append(f'"_body":{json.dumps(body)}')
    return "{" + ",".join(members) + "}"


@dataclass(slots=True)
class Fired:
    """An event on its way to the connections; rendered once per format."""

    name: str
    subclass: str
    text: str
    body: str = ""
    _plain: bytes = b""
    _json: bytes = b""

    def frame(self, kind: str) -> bytes:
        """The frame for `event plain` or `event json`."""
        if kind == "json":
            if not self._json:
                content = to_json(self.text, self.body).encode("utf-8", "surrogateescape")
                self._json = event_frame("json", content)
            return self._json
        if not self._plain:
            if self.body:
                body = self.body.encode("utf-8", "surrogateescape")
                content = self.text.encode() + b"Content-Length: %d\n\n%b" % (len(body), body)
            else:
                content = self.text.encode() + b"\n"
            self._plain = event_frame("plain", content)
        return self._plain

    def value(self, name: str) -> str | None:
        """Decoded header by name, letter case ignored; for filters."""
        wanted = name.lower()
        for header in self.text.splitlines():
            key, _, value = header.partition(": ")
            if key.lower() == wanted:
                return unquote(value, "utf-8", "surrogateescape")
        return None
