"""The link to a node gets in step with it, whoever is at either end."""

from __future__ import annotations

import contextlib
import random
import socket
from dataclasses import replace

import gevent
import pytest
from esl.fake_server import FakeSwitch, answer, event, wait_for
from esl.links import FAST, U1, U2, U3, Clock, Recorder, linked
from structlog.testing import capture_logs

from py_callcenter._router import Event
from py_callcenter.engine.actions import Kill
from py_callcenter.esl.node import NodeLink
from py_callcenter.esl.port import State
from py_callcenter.esl.settings import NodeSettings, Timings
from py_callcenter.esl.values import Limits

pytestmark = pytest.mark.esl


def test_a_node_is_subscribed_looked_at_and_up():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app, timings=Timings()):
        assert app.states == [State.UP]
        assert app.syncs == [([], switch.core_uuid, False)]
        events = [peer for peer in switch.peers if peer.subscribed]
        assert len(events) == 1
        assert events[0].commands[1].startswith("event plain CHANNEL_CREATE ")
        # The events connection is sent nothing else: a switch that reads a command writes no events.
        assert len(events[0].commands) == 2


def test_it_is_told_how_long_it_took_to_be_in_step():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app):
        assert len(app.resumed) == 1
        assert 0 <= app.resumed[0] < 30


@pytest.mark.parametrize(
    "words", ["api hupall", "bgapi system rm", "api reload mod_sofia", "api fsctl shutdown"]
)
def test_what_harms_a_switch_is_not_sent_whoever_wrote_it(monkeypatch, words):
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        monkeypatch.setattr("py_callcenter.esl.node.commands.encode", lambda _action: f"{words}\n\n".encode())
        link.perform(Kill("fs1", U1, "NORMAL_CLEARING"))
        wait_for(lambda: app.harmful == [U1])
        wait_for(lambda: [action.uuid for action, _ in app.failures] == [U1])
        assert not any(words in command for peer in switch.peers for command in peer.commands)


def test_the_picture_holds_our_legs_and_those_we_know_and_nobody_elses():
    app = Recorder()
    app.known = [U3, "gone"]
    with FakeSwitch() as switch:
        switch.channels = {
            U1: {"variable_cc_queue": "support", "variable_cc_call": "c-1"},
            U2: {"variable_cc_offer": "c-1/1"},
            "stands": {"variable_cc_standby": "seal"},
            "other-people": {"variable_sip_x": "y"},
            U3: {"variable_x": "y"},
        }
        with linked(switch, app):
            assert app.syncs == [([U1, U2, "stands", U3], switch.core_uuid, False)]


def test_a_channel_that_the_table_doesnt_show_yet_is_asked_for_by_name():
    app = Recorder()
    app.known = [U1]
    with FakeSwitch() as switch:
        switch.channels = {U1: {"variable_cc_queue": "support"}}
        switch.answers["api show channels"] = answer('{"row_count":0}\n')
        with linked(switch, app):
            assert app.syncs[0][0] == [U1]


@pytest.mark.parametrize(
    "table", ["-ERR SQL disabled, no data available!\n", b'{"row_count":1,"rows":[{"uuid":"\xff"}]}']
)
def test_a_table_that_says_nothing_useful_leaves_what_we_know(table):
    app = Recorder()
    app.known = [U1]
    with FakeSwitch() as switch:
        switch.channels = {U1: {"variable_cc_queue": "support"}}
        switch.answers["api show channels"] = answer(table)
        with linked(switch, app):
            assert app.syncs[0][0] == [U1]


def test_a_switch_is_asked_while_the_application_is_still_loaded_and_all_is_told_when_it_is_there():
    app = Recorder()
    app.known = [U3]
    with FakeSwitch() as switch:
        switch.channels = {U1: {"variable_cc_queue": "support"}, U3: {"variable_x": "y"}}
        switch.answers["api show channels"] = answer(f'{{"row_count":1,"rows":[{{"uuid":"{U1}"}}]}}')
        settings = NodeSettings("fs1", switch.host, switch.port, "ClueCon")
        link = NodeLink(settings, None, rng=random.Random(7), timings=FAST)
        link.start()
        try:

            def asked() -> list[str]:
                return [c for peer in switch.peers for c in peer.commands if c.startswith("api uuid_dump")]

            wait_for(lambda: asked() == [f"api uuid_dump {U1}"])
            switch.fire(event("CHANNEL_PARK", Unique__ID=U1))
            assert link.state is State.CONNECTING

            link.serve(app)
            link.start()  # as for a link that wasn't
            wait_for(lambda: link.state is State.UP)
            wait_for(lambda: len(app.story) > 1)

            assert app.syncs[0] == ([U1, U3], switch.core_uuid, False)
            assert app.story[:2] == ["sync", f"CHANNEL_PARK {U1}"]
            assert app.states == [State.UP]
        finally:
            link.stop()
            gevent.sleep(0.01)


def test_a_switch_is_asked_again_when_the_application_takes_minutes():
    """Nothing is kept of what happened meanwhile: the second picture has it, and it could be too much."""
    app = Recorder()
    with FakeSwitch() as switch:
        switch.channels = {U1: {"variable_cc_queue": "support"}, U2: {"variable_cc_queue": "support"}}

        def listed(uuid: str) -> None:
            switch.answers["api show channels"] = answer(f'{{"row_count":1,"rows":[{{"uuid":"{uuid}"}}]}}')

        def dumped() -> list[str]:
            return [c for peer in switch.peers for c in peer.commands if c.startswith("api uuid_dump")]

        listed(U1)
        settings = NodeSettings("fs1", switch.host, switch.port, "ClueCon")
        clock = Clock()
        link = NodeLink(settings, None, timings=replace(FAST, picture_keeps_s=0.1), clock=clock)
        link.start()
        try:
            wait_for(lambda: dumped() == [f"api uuid_dump {U1}"])
            gevent.sleep(0.3)
            listed(U2)
            switch.fire(event("CHANNEL_HANGUP", Unique__ID=U1) + event("CHANNEL_PARK", Unique__ID=U2))
            gevent.sleep(0.1)
            assert link.backlog == 0
            clock.now_s += 300

            link.serve(app)
            wait_for(lambda: link.state is State.UP)
            assert app.story[0] == "sync"
            assert app.syncs[0][0] == [U2]
            assert app.events == []
            assert app.resumed == [0], "it wasn't the switch's or the link's fault"
        finally:
            link.stop()
            gevent.sleep(0.01)


def test_a_switch_that_goes_while_the_application_takes_minutes_is_connected_to_again():
    app = Recorder()
    with FakeSwitch() as switch:
        settings = NodeSettings("fs1", switch.host, switch.port, "ClueCon")
        link = NodeLink(settings, None, timings=replace(FAST, picture_keeps_s=0.1))
        link.start()
        try:
            wait_for(lambda: link._held is not None and link._held.maxlen == 0)
            switch.cut()
            wait_for(lambda: sum(link.counters.reconnects.values()) > 0)
            wait_for(lambda: link._events.open is not None)
            assert not app.story, "nobody was there to be told"
            link.serve(app)
            wait_for(lambda: link.state is State.UP)
            assert app.story[0] == "sync"
            assert app.states == [State.UP], "what was before the application is none of its business"
        finally:
            link.stop()
            gevent.sleep(0.01)


def test_who_comes_late_is_told_that_a_switch_lets_nobody_in():
    app = Recorder()
    with FakeSwitch() as switch:
        link = NodeLink(NodeSettings("fs1", switch.host, switch.port, "wrong"), None, timings=FAST)
        link.start()
        try:
            wait_for(lambda: link.state is State.REFUSED)
            link.serve(app)
            assert app.states == [State.REFUSED]
        finally:
            link.stop()
            gevent.sleep(0.01)


def test_a_thousand_channels_are_all_asked_for():
    app = Recorder()
    with FakeSwitch() as switch:
        switch.channels = {f"leg-{n}": {"variable_cc_queue": "support"} for n in range(1000)}
        with linked(switch, app):
            assert app.syncs[0][0] == [f"leg-{n}" for n in range(1000)]


def test_events_during_the_look_around_come_after_it_and_in_order():
    app = Recorder()
    with FakeSwitch() as switch:
        # The look around hangs at its first question while events already arrive.
        switch.answers["api global_getvar core_uuid"] = None
        with linked(switch, app, up=False, limits=Limits(command_s=3.0)):
            wait_for(lambda: any("core_uuid" in c for c in switch.commands))
            switch.fire(event("CHANNEL_CREATE", Unique__ID=U1) + event("CHANNEL_PARK", Unique__ID=U1))
            gevent.sleep(0.05)
            assert app.story == []
            del switch.answers["api global_getvar core_uuid"]
            asking = next(p for p in switch.peers if any("core_uuid" in c for c in p.commands))
            asking.write(answer(switch.core_uuid))
            wait_for(lambda: len(app.story) == 3)
            switch.fire(event("CHANNEL_HANGUP", Unique__ID=U1))
            wait_for(lambda: len(app.story) == 4)
        assert app.story == ["sync", f"CHANNEL_CREATE {U1}", f"CHANNEL_PARK {U1}", f"CHANNEL_HANGUP {U1}"]


def test_an_application_that_fails_doesnt_stop_the_events():
    class Failing(Recorder):
        def on_event(self, node: str, event: Event) -> None:
            super().on_event(node, event)
            raise RuntimeError("application")

        def on_sync(self, node: str, dumps: list[Event], core_uuid: str, restarted: bool) -> None:
            super().on_sync(node, dumps, core_uuid, restarted)
            raise RuntimeError("application")

    app = Failing()
    with FakeSwitch() as switch, capture_logs(), linked(switch, app) as link:
        switch.fire(event("CHANNEL_PARK") * 3)
        wait_for(lambda: len(app.events) == 3)
        assert link.counters.handler_errors == 4
        assert link.state is State.UP


def test_a_slow_loris_costs_one_attempt_and_no_more():
    def drip(sock: gevent.socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                sock.sendall(b"C")
                gevent.sleep(0.05)

    app = Recorder()
    short = Limits(auth_s=0.5)
    with FakeSwitch(serve=drip) as switch, linked(switch, app, up=False, limits=short) as link:
        wait_for(lambda: link.counters.reconnects.get("no-greeting"))
        assert link.state is State.DOWN


def test_stop_closes_everything_and_leaves_the_channels_alone():
    app = Recorder()
    with FakeSwitch() as switch:
        switch.channels = {U1: {"variable_cc_queue": "support"}}
        with linked(switch, app) as link:
            connections = [
                slot.connection for slot in (link._events, *link._hands.quick, *link._hands.background)
            ]
        assert all(connection.sock.fileno() == -1 for connection in connections)
        assert not any(
            word in c for c in switch.commands for word in ("uuid_kill", "hupall", "uuid_transfer")
        )
        assert link.state is State.DOWN
    assert isinstance(connections[0].sock, socket.socket)
