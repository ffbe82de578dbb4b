"""Canaries, pokes and the dead man: a link proves that both ends live, and hurries when it matters."""

from __future__ import annotations

import time
from dataclasses import replace
from types import SimpleNamespace

import gevent
import pytest
from esl.fake_server import FakeSwitch, answer, event, event_body, reply, wait_for
from esl.links import FAST, Recorder, linked

from py_callcenter._router import Event
from py_callcenter.esl.node import NodeLink
from py_callcenter.esl.port import State
from py_callcenter.esl.pulse import Pulse
from py_callcenter.esl.settings import NodeSettings, Timings
from py_callcenter.esl.values import Limits

pytestmark = pytest.mark.esl


def test_canaries_measure_the_way_of_an_event_and_stay_out_of_the_application():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        wait_for(lambda: link.event_lag_s is not None)
        assert 0.0 < link.event_lag_s < 1.0
        gevent.sleep(0.2)
        assert app.events == []
        assert link.state is State.UP


def test_three_canaries_missing_cut_a_connection_that_only_looks_alive():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        wait_for(lambda: link.event_lag_s is not None)
        switch.swallow_canaries = True
        wait_for(lambda: link.counters.reconnects.get("canary"))
        switch.swallow_canaries = False
        wait_for(lambda: len(app.syncs) == 2 and link.state is State.UP)
        assert link.counters.reconnects["canary"] == 1


# No second look: only the gap may be the reason for a new picture.
GAPS = Timings(canary_s=0.05, canaries_missed=50, resync_every_s=0.05, second_look_s=0.0)


def canaries(switch: FakeSwitch) -> int:
    return sum(command.startswith("sendevent") for command in switch.commands)


def test_a_gap_between_canaries_means_lost_events_and_a_new_look_around():
    app = Recorder()
    with (
        FakeSwitch() as switch,
        linked(switch, app, timings=GAPS) as link,
    ):
        gevent.sleep(0.12)
        switch.swallow_canaries = True
        sent = canaries(switch)
        wait_for(lambda: canaries(switch) > sent)
        switch.swallow_canaries = False
        before = len(app.syncs)
        wait_for(lambda: len(app.syncs) > before)
        assert link.state is State.UP
        assert not link.counters.reconnects, "the connection itself was kept"


def test_a_switch_that_refuses_canaries_is_used_without_them():
    app = Recorder()
    with FakeSwitch() as switch:
        switch.answers["sendevent"] = reply("-ERR permission denied")
        with linked(switch, app) as link:
            gevent.sleep(0.3)
            assert link.state is State.UP
            assert link.event_lag_s is None


def test_another_controllers_canaries_are_nobodys_news():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        for number in ("1", "x", "9" * 30, ""):
            switch.fire(
                event(
                    "CUSTOM",
                    Event__Subclass="callcenter::canary",
                    Canary__Source="other",
                    Canary__Number=number,
                )
                + event(
                    "CUSTOM",
                    Event__Subclass="callcenter::canary",
                    Canary__Source="callcenter",
                    Canary__Number=number,
                )
            )
        switch.fire(event("CUSTOM", Event__Subclass="sofia::register"))
        wait_for(lambda: app.events)
        assert app.events == ["CUSTOM"]
        assert link.state is State.UP


def test_the_events_connection_is_poked_while_it_matters_and_only_then():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        events = next(peer for peer in switch.peers if peer.subscribed)
        gevent.sleep(0.05)
        assert events.pokes == 0
        begun_s = time.monotonic()
        link.poke_wanted = True
        wait_for(lambda: events.pokes >= 100)
        link.poke_wanted = False
        poker = link._poking._poker
        wait_for(lambda: events.pokes == poker.sent)
        sent, took_s = poker.sent, time.monotonic() - begun_s
        assert sent <= 2 * took_s / Timings().poke_s, "one a millisecond, not as many as go"
        gevent.sleep(0.05)
        assert events.pokes == poker.sent <= sent + 1, "one may have been on its way"
        assert all(peer.pokes == 0 for peer in switch.peers if peer is not events)


@pytest.mark.parametrize(
    "news", [event("CHANNEL_CREATE", **{"Call-Direction": "inbound"}), event("CHANNEL_ANSWER")]
)
def test_a_caller_who_comes_and_a_leg_that_answers_are_reasons_to_hurry(news):
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app):
        events = next(peer for peer in switch.peers if peer.subscribed)
        gevent.sleep(0.05)
        assert events.pokes == 0
        switch.fire(news)
        wait_for(lambda: events.pokes == 16)
        gevent.sleep(0.05)
        assert events.pokes == 16


def test_a_phone_that_we_ring_is_no_reason_to_hurry():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app):
        events = next(peer for peer in switch.peers if peer.subscribed)
        switch.fire(event("CHANNEL_CREATE", **{"Call-Direction": "outbound"}))
        wait_for(lambda: app.events)
        gevent.sleep(0.05)
        assert events.pokes == 0


def test_the_hurry_ends_when_the_caller_is_parked():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app, timings=replace(FAST, hurry_s=0.02)) as link:
        switch.fire(event("CHANNEL_ANSWER") + event("CHANNEL_PARK"))
        wait_for(lambda: len(app.events) == 2)
        poker = link._poking._poker
        sent = poker.sent
        gevent.sleep(0.2)
        assert poker.sent <= sent + 1, "one may have been on its way"


def test_the_dead_man_is_renewed_before_callers_are_told_that_we_live():
    app = Recorder()
    with FakeSwitch() as switch:
        switch.answers["api sched_del"] = answer("-ERR no such task\n")
        with linked(switch, app, dead_man_s=15):
            wait_for(lambda: sum("cc_alive" in c for c in switch.commands) >= 2)
            words = [c for c in switch.commands if "deadman" in c or "lease" in c or "cc_alive" in c]
            assert words[:5] == [
                "api sched_del cc_deadman",
                "api sched_api +15 cc_deadman luarun cc_deadman.lua",
                "api sched_del cc_lease",
                "api sched_api +10 cc_lease global_setvar cc_alive=false",
                "api global_setvar cc_alive=true",
            ]


def test_callers_are_let_in_before_the_first_picture_is_acted_on():
    """Whoever waited too long meanwhile is sent on at once, perhaps to another queue of the same dialplan."""
    told: list[list[str]] = []
    with FakeSwitch() as switch:

        class Watching(Recorder):
            def on_sync(self, node, dumps, core_uuid, restarted):
                told.append(list(switch.commands))
                super().on_sync(node, dumps, core_uuid, restarted)

        with linked(switch, Watching(), dead_man_s=15):
            wait_for(lambda: len(told) >= 2)

    assert "api global_setvar cc_alive=true" in told[0]
    assert "api sched_api +15 cc_deadman luarun cc_deadman.lua" in told[0]


def test_a_node_that_refuses_its_dead_man_is_taken_up_all_the_same():
    app = Recorder()
    with FakeSwitch() as switch:
        switch.answers["api sched_api"] = answer("-ERR not here\n")
        with linked(switch, app, dead_man_s=15) as link:
            wait_for(lambda: link.state is State.UP)

    assert app.syncs


def test_a_node_whose_events_had_to_be_left_out_is_looked_at_anew():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        wait_for(lambda: link.canaries.lag_s is not None and len(app.syncs) == 2)
        gevent.sleep(0.3)
        assert len(app.syncs) == 2, "the two that follow a start"
        looks = len(app.syncs)
        link.counters.shed += 1
        wait_for(lambda: len(app.syncs) > looks)
        assert link.state is State.UP


def test_after_goodbye_the_node_isnt_told_again_that_we_live():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app, dead_man_s=15) as link:
        wait_for(lambda: any("cc_alive=true" in c for c in switch.commands))
        link.say_goodbye(120)
        gevent.sleep(0.2)
        words = [c for c in switch.commands if "deadman" in c or "cc_alive=" in c]
        assert words[-2:] == [
            "api sched_api +120 cc_deadman luarun cc_deadman.lua",
            "api global_setvar cc_alive=false",
        ]


def test_a_controller_that_stood_still_does_not_blame_the_switch():
    """SIGSTOP: the clock has gone on, nothing was read. No connection is cut, a look is taken."""
    app = Recorder()
    now = [0.0]
    with FakeSwitch() as switch, linked(switch, app, clock=lambda: time.monotonic() + now[0]) as link:
        wait_for(lambda: link.canaries.lag_s is not None)
        looks = len(app.syncs)
        now[0] += 30
        wait_for(lambda: len(app.syncs) > looks)
        assert "canary" not in link.counters.reconnects
        assert link.state is State.UP


def test_a_node_whose_dead_man_may_have_gone_off_is_looked_at_anew():
    """Commands failed for so long, and events came all the while: nothing else would tell."""
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app, dead_man_s=1) as link:
        wait_for(lambda: len(app.syncs) == 2)
        gevent.sleep(0.4)
        looked = len(app.syncs)
        switch.answers["api sched_api"] = reply("-ERR no")
        gevent.sleep(1.2)
        assert len(app.syncs) == looked
        del switch.answers["api sched_api"]
        wait_for(lambda: len(app.syncs) > looked)
        assert link.state is State.UP


IMPATIENT = Limits(connect_s=0.3, auth_s=0.3, command_s=0.3)


def test_a_switch_that_stands_still_with_nobody_waiting_is_out_of_reach_and_then_gone():
    """Its machine goes on answering TCP, and nobody pokes: only what it doesn't say tells."""
    app = Recorder()
    timings = replace(FAST, out_of_sight_s=1.0)
    with FakeSwitch() as switch, linked(switch, app, timings=timings, limits=IMPATIENT) as link:
        wait_for(lambda: link.event_lag_s is not None)
        assert not link.poke_wanted
        switch.freeze()
        wait_for(lambda: link.counters.reconnects.get("silent"))
        wait_for(lambda: link.state is State.DOWN)
        wait_for(lambda: app.gone == 1)
        switch.thaw()
        wait_for(lambda: link.state is State.UP)


def test_a_switch_whose_command_connection_alone_is_stuck_keeps_its_events_connection():
    """What events tell is no silence: a new connection that isn't greeted may have other reasons."""
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app, limits=IMPATIENT) as link:
        wait_for(lambda: len(app.syncs) == 2)
        beating = gevent.spawn(_beat, switch, 0.05)
        switch.freeze()
        wait_for(lambda: link.counters.reconnects.get("no-greeting", 0) >= 2)
        switch.thaw()
        wait_for(lambda: link.state is State.UP)
        beating.kill()
        assert "silent" not in link.counters.reconnects
        assert State.DOWN not in app.states


def test_three_heartbeats_missing_cut_a_connection_where_canaries_are_refused():
    app = Recorder()
    with FakeSwitch() as switch:
        switch.answers["sendevent"] = reply("-ERR permission denied")
        with linked(switch, app) as link:
            beating = gevent.spawn(_beat, switch, 0.1)
            gevent.sleep(0.6)
            assert "heartbeat" not in link.counters.reconnects
            beating.kill()
            wait_for(lambda: link.counters.reconnects.get("heartbeat"))
            wait_for(lambda: link.state is State.UP)
            gevent.sleep(0.6)
            assert link.counters.reconnects["heartbeat"] == 1, "the new connection has shown no rhythm"


def _beat(switch: FakeSwitch, every_s: float) -> None:
    while True:
        switch.fire(event("HEARTBEAT", Core__UUID=switch.core_uuid))
        gevent.sleep(every_s)


def test_how_often_a_switch_beats_is_taken_from_the_switch():
    now = [0.0]
    pulse = Pulse(lambda: now[0])
    connection = SimpleNamespace(silent_s=0.0)

    def beat(at_s: float) -> None:
        now[0] = at_s
        pulse.beat(Event.from_plain(event_body("HEARTBEAT")))

    def silent(for_s: float) -> bool:
        connection.silent_s = for_s
        return pulse.stopped(connection)

    beat(0)
    assert not silent(10_000), "one beat is no rhythm"
    beat(0.001)
    assert not silent(10_000), "nor are two that we read at once, having stood still"
    pulse.begin()
    beat(0)
    beat(60)
    beat(61)  # two that were held up and came together
    assert not silent(179)
    assert silent(181)
    pulse.begin()
    beat(5000)
    beat(5005)
    assert silent(16), "a pause between two connections is no rhythm either"


@pytest.mark.parametrize("patient", [True, False])
def test_who_waits_is_kept_while_the_application_is_made_ready_if_that_is_wanted(patient):
    with FakeSwitch() as switch:
        settings = NodeSettings("fs1", switch.host, switch.port, "ClueCon", dead_man_s=15)
        link = NodeLink(settings, None, timings=FAST)
        link.patient = patient
        link.start()
        try:
            wait_for(link._hands.there.is_set)
            gevent.sleep(0.3)
            armed = switch.commands.count("api sched_api +15 cc_deadman luarun cc_deadman.lua")
            assert armed >= 2 if patient else not armed
            assert not any("cc_alive" in c for c in switch.commands), "new callers aren't let in"

            link.serve(Recorder())
            wait_for(lambda: any("cc_alive=true" in c for c in switch.commands))
        finally:
            link.stop()
            gevent.sleep(0.01)
