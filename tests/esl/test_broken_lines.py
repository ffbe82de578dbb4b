"""Lines that break, switches that say nothing or nonsense, and greenswitch 0.0.19 there (G10–G19, A26)."""

from __future__ import annotations

import io
import socket
import time

import gevent
import greenswitch
import pytest
from esl.fake_server import FakeSwitch, answer, reply, wait_for
from esl.lines import GREETING, SHORT, SLOW_S, U1, bare, conversation, hangs, opened

from py_callcenter.esl import commands
from py_callcenter.esl.errors import ConnectionFailed, EslError, UnknownOutcome
from py_callcenter.esl.values import Limits, Reply

pytestmark = pytest.mark.esl


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
