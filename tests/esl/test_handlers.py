"""Handlers of events that fail, are slow, or leave, and what greenswitch 0.0.19 makes of them (G13–G17)."""

from __future__ import annotations

import functools

import gevent
import greenswitch
import pytest
from esl.fake_server import FakeSwitch, event, wait_for
from esl.lines import SLOW_S, U1, bare, opened
from structlog.testing import capture_logs

from py_callcenter.esl import commands
from py_callcenter.esl.values import Limits

pytestmark = pytest.mark.esl


def test_g13_a_handler_without_a_name_may_fail_too():
    seen: list[object] = []

    def fail(_where: str, _event: object) -> None:
        raise RuntimeError("handler")

    with FakeSwitch() as switch, capture_logs() as logs:
        connection = opened(switch, on_event=seen.append)
        connection.register_handle("CHANNEL_PARK", functools.partial(fail, "here"))
        connection.send(commands.subscribe())
        switch.fire(event("CHANNEL_PARK", Caller__Caller__ID__Name="Alice") * 3)
        wait_for(lambda: len(seen) == 3)
        wait_for(lambda: connection.counters.handler_errors == 3)
        assert connection.connected
        connection.stop()
    assert [entry["event"] for entry in logs].count("esl_handler_failed") == 3
    assert "Alice" not in str(logs)


def test_g13_greenswitch_dies_of_it():
    client = greenswitch.InboundESL("127.0.0.1", 1, "x")
    with pytest.raises(AttributeError, match="__name__"):
        client._safe_exec_handler(functools.partial(int, "no number"), greenswitch.esl.ESLEvent("A: b"))


def test_g14_a_slow_handler_leaves_no_bytes_in_the_socket():
    """FreeSWITCH suffers when its client doesn't read; the backlog is ours, measured, and bounded."""
    release = gevent.event.Event()
    with FakeSwitch() as switch:
        connection = opened(switch, on_event=lambda _e: release.wait())
        connection.send(commands.subscribe())
        frame = event("CHANNEL_PARK", Pad="x" * 5000)
        for _ in range(20):
            switch.fire(frame * 50)
        wait_for(lambda: connection.backlog >= 999)
        wait_for(lambda: connection.lag_s > 0.05)
        assert connection.counters.bytes_received > 1000 * len(frame)
        release.set()
        wait_for(lambda: connection.backlog == 0)
        connection.stop()


def test_g15_above_high_water_informative_events_are_shed_and_decisive_ones_kept():
    release, seen = gevent.event.Event(), []

    def slow(e: object) -> None:
        release.wait()
        seen.append(e.name)

    limits = Limits(high_water_frames=10, hard_frames=10_000)
    with FakeSwitch() as switch:
        connection = opened(switch, on_event=slow, limits=limits)
        connection.send(commands.subscribe())
        switch.fire(event("CHANNEL_PARK") * 20)
        wait_for(lambda: connection.backlog >= 19)
        for name in ("DTMF", "CHANNEL_PROGRESS", "PLAYBACK_START", "RECORD_START", "CHANNEL_HOLD"):
            switch.fire(event(name) * 5)
        decisive = ["CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_PARK", "CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE",
                    "CHANNEL_HANGUP", "CHANNEL_DESTROY", "BACKGROUND_JOB"]  # fmt: skip
        for name in decisive:
            switch.fire(event(name))
        wait_for(lambda: connection.counters.shed == 25)
        release.set()
        wait_for(lambda: len(seen) == 28)
        connection.stop()
    assert seen[20:] == decisive


def test_g15_beyond_the_hard_limit_the_connection_cuts_itself():
    release = gevent.event.Event()
    with FakeSwitch() as switch:
        connection = opened(switch, on_event=lambda _e: release.wait(), limits=Limits(hard_frames=100))
        connection.send(commands.subscribe())
        switch.fire(event("CHANNEL_PARK") * 500)
        assert connection.closed.get(timeout=SLOW_S).reason == "backlog"
        assert connection.backlog == 0
        release.set()


def test_g15_a_handler_that_never_returns_ends_the_connection():
    with FakeSwitch() as switch:
        connection = opened(switch, on_event=lambda _e: gevent.sleep(5), limits=Limits(hard_lag_s=0.2))
        connection.send(commands.subscribe())
        switch.fire(event("CHANNEL_PARK") * 2)
        assert connection.closed.get(timeout=SLOW_S).reason == "backlog"


def test_g15_greenswitch_keeps_everything():
    assert greenswitch.InboundESL("127.0.0.1", 1, "x")._esl_event_queue.maxsize is None


def test_g16_a_handler_for_all_events_gets_all_events():
    everything, parks = [], []
    with FakeSwitch() as switch:
        connection = opened(switch)
        connection.register_handle("*", lambda e: everything.append(e.name))
        connection.register_handle("CHANNEL_PARK", lambda e: parks.append(e.name))
        connection.send(commands.subscribe())
        switch.fire(event("CHANNEL_PARK") + event("CHANNEL_HANGUP"))
        wait_for(lambda: len(everything) == 2)
        connection.stop()
    assert everything == ["CHANNEL_PARK", "CHANNEL_HANGUP"]
    assert parks == ["CHANNEL_PARK"]


def test_g16_greenswitch_hides_them_from_it():
    everything, parks = [], []
    with FakeSwitch() as switch, bare(switch) as client:
        client.connect()
        client.register_handle("*", everything.append)
        client.register_handle("CHANNEL_PARK", parks.append)
        client.send("event plain ALL")
        switch.fire(event("CHANNEL_PARK"))
        wait_for(lambda: parks)
        assert everything == []


def test_g17_a_handler_may_take_itself_away():
    seen: list[str] = []
    with FakeSwitch() as switch:
        connection = opened(switch)

        def once(_event: object) -> None:
            seen.append("once")
            connection.unregister_handle("CHANNEL_PARK", once)

        connection.register_handle("CHANNEL_PARK", once)
        connection.register_handle("CHANNEL_PARK", lambda _e: seen.append("second"))
        connection.send(commands.subscribe())
        switch.fire(event("CHANNEL_PARK") * 2)
        wait_for(lambda: len(seen) == 3)
        connection.stop()
    assert seen == ["once", "second", "second"]


def test_g17_greenswitch_skips_the_next():
    seen: list[str] = []
    with FakeSwitch() as switch, bare(switch) as client:
        client.connect()

        def once(_event: object) -> None:
            seen.append("once")
            client.unregister_handle("CHANNEL_PARK", once)

        client.register_handle("CHANNEL_PARK", once)
        client.register_handle("CHANNEL_PARK", lambda _e: seen.append("second"))
        client.send("event plain ALL")
        switch.fire(event("CHANNEL_PARK") * 2)
        wait_for(lambda: len(seen) == 2)
    assert seen == ["once", "second"]


def test_a_handler_may_wait_for_a_reply_on_its_own_connection():
    got: list[str] = []
    with FakeSwitch() as switch:
        connection = opened(switch)
        connection.on_event = lambda _e: got.append(connection.send(commands.uuid_exists(U1)).text)
        connection.send(commands.subscribe())
        switch.fire(event("CHANNEL_PARK"))
        wait_for(lambda: got)
        connection.stop()
    assert got == ["false"]


def test_an_event_that_cannot_be_read_is_counted_and_the_next_one_comes():
    seen = []
    body = b"no colon here\n\n"
    broken = b"Content-Type: text/event-plain\nContent-Length: %d\n\n%s" % (len(body), body)
    with FakeSwitch() as switch:
        connection = opened(switch, on_event=lambda e: seen.append(e.name))
        connection.send(commands.subscribe())
        switch.fire(broken + event("CHANNEL_PARK"))
        wait_for(lambda: seen)
        assert connection.counters.parse_errors == 1
        assert connection.connected
        connection.stop()
