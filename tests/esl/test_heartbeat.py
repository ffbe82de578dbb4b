"""What a switch says of itself, as a real one said it and as a broken one might."""

from __future__ import annotations

import pytest
from esl.captures import server_bytes
from esl.fake_server import event_body

from py_callcenter._router import Event, FrameParser
from py_callcenter.esl.heartbeat import Heartbeat

pytestmark = pytest.mark.esl

STAMP = "1795000000000000"
SAID = {
    "Event__Date__Timestamp": STAMP,
    "Uptime__msec": "5000",
    "Session__Count": "12",
    "Session__Since__Startup": "340",
    "Idle__CPU": "97.500000",
}


def heard(**changes: str) -> Heartbeat:
    return Heartbeat.from_event(Event.from_plain(event_body("HEARTBEAT", **{**SAID, **changes})))


def test_channels_processor_and_start_are_read():
    assert heard() == Heartbeat(
        sent_us=1_795_000_000_000_000,
        started_us=1_794_999_995_000_000,
        sessions=12,
        sessions_begun=340,
        idle_cpu=0.975,
    )


@pytest.mark.parametrize("nonsense", ["", "-1", "many", "1e9", "٣", "9" * 40, "nan", "inf"])
def test_nonsense_is_no_figure(nonsense: str):
    found = heard(
        Uptime__msec=nonsense, Session__Count=nonsense, Session__Since__Startup=nonsense, Idle__CPU=nonsense
    )
    assert (found.started_us, found.sessions, found.sessions_begun, found.idle_cpu) == (0, 0, 0, 0.0)


def test_a_real_switch_s_words_are_understood():
    frames = FrameParser().feed(server_bytes("01"))
    events = [frame.event() for frame in frames if frame.content_type == "text/event-plain"]
    said = next(event for event in events if event.name == "HEARTBEAT")
    found = Heartbeat.from_event(said)
    assert str(found.sessions) == said.get("Session-Count")
    assert str(found.sessions_begun) == said.get("Session-Since-Startup")
    assert (found.sent_us - found.started_us) // 1000 == int(said.get("Uptime-msec") or 0)
    assert 0 < found.idle_cpu <= 1
