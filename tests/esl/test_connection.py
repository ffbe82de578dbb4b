"""One connection to a switch that misbehaves, and what greenswitch 0.0.19 makes of the same (G10–G27)."""

from __future__ import annotations

import contextlib
import functools
import gc
import io
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import greenswitch
import pytest
from esl.fake_server import FakeSwitch, answer, event, reply, wait_for
from structlog.testing import capture_logs

from py_callcenter.esl import commands, dial
from py_callcenter.esl.connection import Connection
from py_callcenter.esl.errors import (
    AuthRefused,
    CommandError,
    CommandRefused,
    ConnectionFailed,
    EslError,
    RudeRejection,
    UnknownOutcome,
)
from py_callcenter.esl.values import Limits, Reply

pytestmark = pytest.mark.esl

U1 = "4ed3197a-40f7-4fd7-85ee-b66a612c0200"
GREETING = b"Content-Type: auth/request\n\n"
ACCEPTED = reply("+OK accepted")
SHORT = Limits(command_s=0.3, write_stall_s=0.3, frame_s=0.3)
IMPATIENT = Limits(connect_s=0.5, auth_s=0.3)
SLOW_S = 20
"""What takes a moment may take that long on a busy machine."""


def opened(switch: FakeSwitch, **changes: object) -> Connection:
    connection = Connection(*switch.address, "ClueCon", **changes)
    connection.connect()
    return connection


@contextlib.contextmanager
def bare(switch: FakeSwitch) -> Iterator[greenswitch.InboundESL]:
    """greenswitch's own class, cleaned up after, for it doesn't do that itself."""
    client = greenswitch.InboundESL(*switch.address, "ClueCon")
    try:
        yield client
    finally:
        client._run = False
        for greenlet in (client._receive_events_greenlet, client._process_events_greenlet):
            if greenlet is not None:
                greenlet.kill(timeout=1)
        for name in ("sock_file", "sock"):
            if hasattr(client, name):
                getattr(client, name).close()


def hangs(wait: Callable[[], object], limit_s: float = 0.3) -> bool:
    with gevent.Timeout(limit_s, False):
        with contextlib.suppress(Exception):
            wait()
        return False
    return True


def conversation(*steps: bytes | float | None) -> Callable[[object], None]:
    """A server that greets, takes the login, then writes bytes, pauses, or (None) waits for a command."""

    def serve(sock: gevent.socket.socket) -> None:
        with contextlib.suppress(OSError):
            sock.sendall(GREETING)
            sock.recv(4096)
            sock.sendall(ACCEPTED)
            for step in steps:
                if step is None:
                    sock.recv(4096)
                elif isinstance(step, float):
                    gevent.sleep(step)
                else:
                    sock.sendall(step)

    return serve


# The normal day.


def test_replies_come_back_to_their_commands_in_order():
    with FakeSwitch() as switch:
        connection = opened(switch)
        got: list[str | None] = []
        for number in range(50):
            switch.answers[f"api global_getvar v{number:02}"] = answer(f"answer {number}\n")
        for number in range(50):
            connection.submit(commands.get_global(f"v{number:02}"), lambda r, _e: got.append(r and r.text))
        assert connection.send(commands.uuid_exists(U1)) == Reply("false", b"false")
        wait_for(lambda: len(got) == 50)
        assert got == [f"answer {number}" for number in range(50)]
        connection.stop()


def test_a_refusal_is_a_reply_and_becomes_an_error_on_request():
    with FakeSwitch() as switch:
        connection = opened(switch)
        switch.answers["api uuid_dump"] = answer("-ERR No such channel!\n")
        refused = connection.send(commands.uuid_dump(U1))
        assert not refused.ok
        with pytest.raises(CommandRefused, match="No such channel"):
            refused.accepted()
        connection.stop()


def test_events_reach_the_sink_in_order():
    seen: list[str] = []
    with FakeSwitch() as switch:
        connection = opened(switch, on_event=lambda e: seen.append(e.get("N") or ""))
        connection.send(commands.subscribe())
        switch.fire(b"".join(event("CHANNEL_PARK", N=str(n)) for n in range(100)))
        wait_for(lambda: len(seen) == 100)
        connection.stop()
    assert seen == [str(n) for n in range(100)]
    assert connection.counters.events == {"CHANNEL_PARK": 100}


U2 = "47cd395f-bc16-41ce-a629-fe39699a6553"


@pytest.mark.parametrize(
    ("direction", "parked", "order"),
    [
        ("inbound", U1, ["CHANNEL_PARK", "CHANNEL_ANSWER"]),
        ("inbound", U2, ["CHANNEL_ANSWER", "CHANNEL_PARK"]),
        ("outbound", U1, ["CHANNEL_ANSWER", "CHANNEL_PARK"]),
    ],
    ids=["one caller's", "two callers'", "an agent's"],
)
def test_a_callers_park_passes_the_answer_that_came_with_it(direction, parked, order):
    """The caller waits for what the PARK leads to."""
    got: list[str] = []
    more = {"Call__Direction": direction}
    with FakeSwitch() as switch:
        connection = opened(switch, on_event=lambda event: got.append(event.name))
        answered = event("CHANNEL_ANSWER", Unique__ID=U1, **more)
        after = event("CHANNEL_PARK", Unique__ID=parked, **more) + event("CHANNEL_HANGUP", Unique__ID=U1)
        switch.peers[0].write(event("HEARTBEAT") + answered + after)
        wait_for(lambda: len(got) == 4)
        connection.stop()
    assert got == ["HEARTBEAT", *order, "CHANNEL_HANGUP"]


def test_a_poke_is_a_bare_newline_and_shifts_no_reply():
    with FakeSwitch() as switch:
        connection = opened(switch)
        poker = connection.make_poker(interval_us=1000, hurry_us=100)
        gevent.sleep(0.05)
        assert switch.peers[0].pokes == 0
        poker.hurry(10)
        wait_for(lambda: switch.peers[0].pokes == 10)
        assert poker.sent == 10
        assert connection.send(commands.get_global("core_uuid")).text == switch.core_uuid
        poker.want(True)
        wait_for(lambda: switch.peers[0].pokes > 20)
        poker.stop()
        wait_for(lambda: switch.peers[0].pokes == poker.sent)
        gevent.sleep(0.05)
        assert switch.peers[0].pokes == poker.sent
        connection.stop()


def test_a_poker_of_a_closed_connection_ends_quietly():
    with FakeSwitch() as switch:
        connection = opened(switch)
        poker = connection.make_poker(interval_us=1000, hurry_us=100)
        poker.want(True)
        wait_for(lambda: poker.sent > 3)
        connection.stop()
        gevent.sleep(0.1)
        sent = poker.sent
        gevent.sleep(0.1)
        assert poker.sent <= sent + 100  # the duplicate may live a moment longer; it ends with the peer
        poker.stop()


@pytest.mark.parametrize(("interval_us", "hurry_us"), [(0, 100), (49, 100), (1000, 2_000_000)])
def test_a_poker_has_a_sane_rhythm(interval_us, hurry_us):
    with FakeSwitch() as switch:
        connection = opened(switch)
        with pytest.raises(ValueError, match="between 50 and 1000000"):
            connection.make_poker(interval_us=interval_us, hurry_us=hurry_us)
        connection.stop()


def test_the_password_is_in_no_text_about_the_connection():
    with FakeSwitch(password="hunter2") as switch, capture_logs() as logs:
        connection = Connection(*switch.address, "hunter2x")
        with pytest.raises(AuthRefused) as refused:
            connection.connect()
    assert "hunter2" not in f"{connection!r} {refused.value!r} {refused.value} {logs}"


# G10, G19, G26: whoever waits gets an answer.


def test_g10_the_switch_dies_with_a_command_under_way():
    for close in (FakeSwitch.cut, FakeSwitch.stop):
        with FakeSwitch() as switch:
            switch.answers["api uuid_exists"] = None
            connection = opened(switch)
            outcomes: list[tuple[Reply | None, EslError | None]] = []
            connection.submit(commands.uuid_exists(U1), lambda r, e, o=outcomes: o.append((r, e)))
            gevent.spawn_later(0.05, close, switch)
            with pytest.raises(UnknownOutcome):
                connection.send(commands.uuid_exists(U1))
            wait_for(lambda o=outcomes: o)
            assert outcomes[0][0] is None
            assert isinstance(outcomes[0][1], UnknownOutcome)
            assert connection.closed.get().reason in {"network", "goodbye"}
            with pytest.raises(ConnectionFailed, match="not-connected"):
                connection.send(commands.uuid_exists(U1))


def test_g10_greenswitch_waits_for_ever():
    with FakeSwitch() as switch, bare(switch) as client:
        client.connect()
        switch.answers["api uuid_exists"] = None
        gevent.spawn_later(0.05, switch.cut)
        assert hangs(lambda: client.send(f"api uuid_exists {U1}"))


def test_g19_a_switch_that_says_nothing_costs_five_seconds_at_most():
    with FakeSwitch() as switch:
        switch.answers["api uuid_exists"] = None
        connection = opened(switch, limits=SHORT)
        begun = time.monotonic()
        with pytest.raises(UnknownOutcome):
            connection.send(commands.uuid_exists(U1))
        assert 0.25 < time.monotonic() - begun < Limits().command_s
        assert connection.closed.get().reason == "command-timeout"
    assert Limits().command_s == 5.0


def test_g19_greenswitch_waits_for_ever():
    with FakeSwitch() as switch, bare(switch) as client:
        client.connect()
        switch.answers["api uuid_exists"] = None
        assert hangs(lambda: client.send(f"api uuid_exists {U1}"))


def test_g18_a_late_reply_after_a_timeout_reaches_nobody_else():
    """The connection is over with the first late reply, so there is no next command for it to answer."""
    with FakeSwitch(serve=conversation(None, 0.6, answer("late"))) as switch:
        connection = opened(switch, limits=SHORT)
        with pytest.raises(UnknownOutcome):
            connection.send(commands.get_global("first"))
        with pytest.raises(ConnectionFailed):
            connection.send(commands.get_global("second"))


class Broken:
    """A socket whose next write fails, as on a line that has just been cut."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self.send = self._fail

    def __getattr__(self, name: str) -> object:
        return getattr(self._sock, name)

    def _fail(self, _data: bytes) -> int:
        self.send = self._sock.send
        raise BrokenPipeError(32, "Broken pipe")


def test_g18_a_failed_write_ends_the_connection_so_that_no_reply_can_shift():
    with FakeSwitch() as switch:
        connection = opened(switch)
        connection.sock = Broken(connection.sock)
        with pytest.raises(UnknownOutcome):
            connection.send(commands.get_global("first"))
        assert connection.closed.get().reason == "network"
        with pytest.raises(ConnectionFailed, match="not-connected"):
            connection.send(commands.get_global("core_uuid"))


def test_g18_greenswitch_gives_the_next_reply_to_the_command_that_was_never_sent():
    with FakeSwitch() as switch, bare(switch) as client:
        client.connect()
        client.sock = Broken(client.sock)
        with pytest.raises(BrokenPipeError):
            client.send("api global_getvar first")
        assert hangs(lambda: client.send("api global_getvar core_uuid"))
        assert switch.commands == ["api global_getvar core_uuid"]


def test_g18_commands_of_many_greenlets_never_mix_on_a_full_line():
    """The switch reads slowly and the line is full: each command still arrives whole."""

    def slow(sock: gevent.socket.socket) -> None:
        conversation()(sock)
        while data := sock.recv(700):
            received.extend(data)
            while (end := received.find(b"\n\n")) >= 0:
                lines.append(bytes(received[:end]))
                del received[: end + 2]
                sock.sendall(answer("+OK"))

    received, lines = bytearray(), []
    with FakeSwitch(serve=slow) as switch:
        connection = opened(switch)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sent = [commands.get_global(f"{n}-{'x' * 50}") for n in range(2000)]
        done: list[int] = []
        for n, command in enumerate(sent):
            connection.submit(command, lambda _r, _e, n=n: done.append(n))
        wait_for(lambda: len(done) == len(sent))
        assert lines == [command[:-2] for command in sent]
        assert done == list(range(len(sent)))
        connection.stop()


def test_a_switch_that_takes_no_bytes_is_left():
    def deaf(sock: gevent.socket.socket) -> None:
        conversation()(sock)
        gevent.sleep(5)

    with FakeSwitch(serve=deaf) as switch:
        connection = opened(switch, limits=SHORT, timeout=60.0)
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        for _ in range(40_000):
            if not connection.connected:
                break
            connection.submit(commands.get_global("x" * 60), lambda _r, _e: None)
        assert connection.closed.get(timeout=SLOW_S).reason == "write-stall"


# G11, A26: the end comes at any place.


@pytest.mark.parametrize(
    ("stream", "reason"),
    [
        (b"Content-Type: text/event-plain\nContent-Length: 100\n\nEvent-Name: X\n", "network"),
        (b"Content-Type: text/event-plain\nContent-Length: -1\n\n", "framing"),
        (b"Content-Type: text/event-plain\nContent-Length: 9223372036854775808\n\n", "framing"),
        (b"Content-Type: text/event-plain\nContent-Length: abc\n\n", "framing"),
        (b"Event-Name: CHANNEL_PARK\n\n", "framing"),
        (b"no colon\n\n", "framing"),
        (b"X: " + b"y" * 300_000, "framing"),
        (reply("+OK"), "protocol"),
        (answer("+OK") * 2, "protocol"),
        (GREETING, "protocol"),
        (b"Content-Type: text/disconnect-notice\nContent-Length: 5\n\nX: y\n", "goodbye"),
    ],
    ids=[
        "early-close",
        "minus-one",
        "2^63",
        "abc",
        "no-type",
        "no-colon",
        "endless-header",
        "reply-without-command",
        "two-replies",
        "second-greeting",
        "goodbye",
    ],
)
def test_a26_a_hostile_stream_ends_the_connection_and_nothing_else(stream, reason):
    seen = []
    with FakeSwitch(serve=conversation(0.02, stream)) as switch:
        connection = opened(switch, on_event=seen.append)
        assert connection.closed.get(timeout=SLOW_S).reason == reason
    assert seen == []


def test_a26_a_reply_too_many_never_answers_the_next_command():
    with FakeSwitch(serve=conversation(None, answer("one") + answer("one too many"), 1.0)) as switch:
        connection = opened(switch)
        assert connection.send(commands.get_global("a")).text == "one"
        with pytest.raises((UnknownOutcome, ConnectionFailed)):
            connection.send(commands.get_global("b"))


def test_a26_a_frame_that_never_ends_is_given_up():
    """Slow-loris: a byte now and then keeps a connection busy, not the controller."""
    drip = [step for _ in range(40) for step in (b"X", 0.05)]
    stream = b"Content-Type: text/event-plain\nContent-Length: 1000\n\n"
    with FakeSwitch(serve=conversation(stream, *drip)) as switch:
        connection = opened(switch, limits=SHORT)
        assert connection.closed.get(timeout=SLOW_S).reason == "frame-timeout"


def test_g11_the_end_inside_a_body_doesnt_stop_the_hub():
    ticks = []
    with FakeSwitch(serve=conversation(b"Content-Type: log/data\nContent-Length: 100\n\nhalf")) as switch:
        connection = opened(switch)
        ticker = gevent.spawn(lambda: [(gevent.sleep(0.01), ticks.append(1)) for _ in range(10)])
        connection.closed.get(timeout=SLOW_S)
        ticker.join(timeout=SLOW_S)
    assert len(ticks) == 10


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_g11_greenswitch_reads_nothing_again_and_again():
    class Ended(io.BytesIO):
        reads = 0

        def read(self, size: int | None = -1) -> bytes:
            self.reads += 1
            if self.reads > 1000:
                raise EOFError
            return super().read(size)

    half = Ended(b"half")
    with pytest.raises(EOFError):
        greenswitch.InboundESL._read_socket(half, 100)
    assert half.reads > 1000


# G13–G17: handlers.


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


# G20: one command.


@pytest.mark.parametrize(
    "data",
    [
        b"api status",
        b"api status\n",
        b"api a\n\napi b\n\n",
        b"api a\r\n\n",
        b"api a\0b\n\n",
        b"\n\n",
        b"",
        b"\napi a\n\n",
    ],
)
def test_g20_more_or_less_than_one_command_is_not_sent(data):
    with FakeSwitch() as switch:
        connection = opened(switch)
        with pytest.raises(CommandError):
            connection.send(data)
        connection.send(commands.uuid_exists(U1))
        assert switch.commands == [f"api uuid_exists {U1}"]
        connection.stop()


def test_g20_greenswitch_sends_two_for_one():
    with FakeSwitch() as switch, bare(switch) as client:
        client.connect()
        client.send("api uuid_kill x\n\napi hupall")
        wait_for(lambda: len(switch.commands) == 2)
        assert switch.commands[1] == "api hupall"


# G21: leaving.


def test_g21_stop_returns_at_once_even_from_a_handler():
    with FakeSwitch() as switch:
        connection = opened(switch)
        connection.on_event = lambda _e: connection.stop()
        connection.send(commands.subscribe())
        switch.fire(event("CHANNEL_PARK"))
        assert connection.closed.get(timeout=SLOW_S).reason == "stopped"
        wait_for(lambda: "exit" in switch.commands)
        connection.stop()
        assert connection.sock.fileno() == -1
        wait_for(lambda: connection._dispatcher.dead)


def test_g21_greenswitch_waits_for_itself():
    with FakeSwitch() as switch, bare(switch) as client:
        client.connect()
        stopped = gevent.event.Event()

        def leave(_event: object) -> None:
            client.stop()
            stopped.set()

        client.register_handle("CHANNEL_PARK", leave)
        client.send("event plain ALL")
        switch.fire(event("CHANNEL_PARK"))
        assert not stopped.wait(0.5)


# G22–G25: getting in.


@pytest.fixture
def ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 loopback on this machine")


def test_g22_a_switch_on_ipv6_is_reached(ipv6):
    with FakeSwitch(host="::1") as switch:
        connection = opened(switch)
        assert connection.send(commands.uuid_exists(U1)).ok
        connection.stop()


def test_g22_greenswitch_cannot(ipv6):
    with FakeSwitch(host="::1") as switch, bare(switch) as client, pytest.raises(OSError):
        client.connect()


def test_a_name_with_two_addresses_is_tried_to_the_end():
    with FakeSwitch() as switch:
        connection = Connection("localhost", switch.port, "ClueCon")
        connection.connect()
        assert connection.send(commands.uuid_exists(U1)).ok
        assert len(switch.peers) == 1
        connection.stop()


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files by /proc")
def test_g23_a_hundred_failures_leave_no_file_open():
    with FakeSwitch() as switch:
        port = switch.port
    refusing = FakeSwitch(password="other")
    refusing.start()
    with contextlib.suppress(ConnectionFailed):
        Connection("127.0.0.1", port, "x").connect()
    before = open_files()
    for _ in range(50):
        with pytest.raises(ConnectionFailed) as failed:
            Connection("127.0.0.1", port, "x").connect()
        assert failed.value.reason == "nobody-listens"
        with pytest.raises(AuthRefused):
            Connection(*refusing.address, "x").connect()
    refusing.stop()
    refusing.peers.clear()
    gevent.sleep(0.05)
    assert open_files() <= before


def test_g23_greenswitch_leaves_the_socket_open():
    with FakeSwitch() as switch:
        pass
    with bare(switch) as client:
        with pytest.raises(ConnectionRefusedError):
            client.connect()
        assert client.sock.fileno() != -1


def test_g24_an_open_port_with_a_frozen_switch_behind_it_is_given_up():
    with FakeSwitch(serve=lambda _sock: gevent.sleep(3)) as switch:
        begun = time.monotonic()
        with pytest.raises(ConnectionFailed) as failed:
            opened(switch, limits=IMPATIENT)
        assert failed.value.reason == "no-greeting"
        assert time.monotonic() - begun < Limits().auth_s


def test_g24_greenswitch_waits_for_ever():
    with FakeSwitch(serve=lambda _sock: gevent.sleep(3)) as switch, bare(switch) as client:
        assert hangs(client.connect)


def test_g24_a_login_that_gets_no_answer_is_given_up():
    with FakeSwitch() as switch:
        switch.answers["auth"] = None
        with pytest.raises(ConnectionFailed) as failed:
            opened(switch, limits=IMPATIENT)
        assert failed.value.reason == "no-login"


def test_g25_a_wrong_password_is_told_apart_and_leaves_nothing_open():
    with FakeSwitch(password="other") as switch:
        connection = Connection(*switch.address, "ClueCon")
        with pytest.raises(AuthRefused) as refused:
            connection.connect()
        assert "event_socket.conf.xml" in refused.value.hint
        assert connection.sock.fileno() == -1
        wait_for(lambda: connection._dispatcher.dead)


def test_g25_greenswitch_leaves_the_socket_open():
    with FakeSwitch(password="other") as switch, bare(switch) as client:
        with pytest.raises(ValueError, match="password"):
            client.connect()
        assert client.sock.fileno() != -1


def test_the_access_list_is_told_apart_from_a_wrong_password():
    body = b"Access Denied, go away.\n"
    rude = b"Content-Type: text/rude-rejection\nContent-Length: %d\n\n%s" % (len(body), body)
    with FakeSwitch(serve=lambda sock: sock.sendall(rude)) as switch, pytest.raises(RudeRejection) as refused:
        opened(switch)
    assert "apply-inbound-acl" in refused.value.hint


def test_a_host_that_doesnt_exist_is_a_network_matter():
    with pytest.raises(ConnectionFailed) as failed:
        Connection("no-such-host.invalid", 8021, "x", limits=IMPATIENT).connect()
    assert failed.value.reason == "name"


# G27: the socket.


def test_g27_the_socket_has_no_delay_and_notices_a_dead_peer():
    with FakeSwitch() as switch:
        connection = opened(switch)
        option = functools.partial(connection.sock.getsockopt, socket.IPPROTO_TCP)
        assert option(socket.TCP_NODELAY)
        assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert (
                option(socket.TCP_KEEPIDLE),
                option(socket.TCP_KEEPINTVL),
                option(socket.TCP_KEEPCNT),
            ) == (10, 3, 3)
            assert option(socket.TCP_USER_TIMEOUT) == 10_000
        connection.stop()


def test_g27_greenswitch_waits_for_more_to_send_and_notices_no_dead_peer():
    with FakeSwitch() as switch, bare(switch) as client:
        client.connect()
        assert not client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_the_receive_buffer_is_never_made_smaller_than_the_kernels_own(monkeypatch):
    files = {"rmem_max": "212992", "tcp_rmem": "4096 131072 6291456"}
    monkeypatch.setattr(dial.Path, "read_text", lambda path, _encoding: files[path.name])
    assert dial._receive_buffer() is None
    files["rmem_max"] = "67108864"
    assert dial._receive_buffer() == 16 * 1024 * 1024


def test_g27_a_connection_is_used_once():
    with FakeSwitch() as switch:
        connection = opened(switch)
        connection.stop()
        with pytest.raises(ConnectionFailed, match="used"):
            connection.connect()
