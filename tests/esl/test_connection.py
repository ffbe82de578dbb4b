"""One connection on a normal day: commands, replies, events, and how it is left (G20, G21)."""

from __future__ import annotations

import gevent
import pytest
from esl.fake_server import FakeSwitch, answer, event, wait_for
from esl.lines import SLOW_S, U1, bare, opened
from structlog.testing import capture_logs

from py_callcenter.esl import commands
from py_callcenter.esl.connection import Connection
from py_callcenter.esl.errors import AuthRefused, CommandError, CommandRefused
from py_callcenter.esl.values import Reply

pytestmark = pytest.mark.esl


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
