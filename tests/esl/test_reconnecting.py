"""A node is lost and found again: nobody is blamed wrongly, nothing is hammered."""

from __future__ import annotations

import random
from dataclasses import replace

import gevent
import gevent.socket
import pytest
from esl.fake_server import FakeSwitch, event, wait_for
from esl.links import FAST, RUDE, U1, Clock, Recorder, linked, tried
from structlog.testing import capture_logs

from py_callcenter.engine.actions import Kill
from py_callcenter.esl.dial import dial
from py_callcenter.esl.errors import ConnectionFailed
from py_callcenter.esl.node import NodeLink
from py_callcenter.esl.port import State
from py_callcenter.esl.settings import Timings, back_off_s
from py_callcenter.esl.values import Limits

pytestmark = pytest.mark.esl


def test_after_a_cut_the_node_is_back_in_step():
    """Within two seconds: measured on a real switch, by `tests/live/test_lost_switch.py`."""
    app = Recorder()
    with FakeSwitch() as switch:
        switch.channels = {f"leg-{n}": {"variable_cc_queue": "support"} for n in range(300)}
        with linked(switch, app) as link:
            for cut in range(1, 4):
                switch.cut()
                wait_for(lambda cut=cut: len(app.syncs) == cut + 1 and link.state is State.UP)
            assert State.DOWN in app.states
            assert [restarted for _, _, restarted in app.syncs] == [False] * 4
            assert sum(link.counters.reconnects.values()) >= 3


def test_a_restarted_switch_is_recognised_by_its_core_uuid():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        switch.stop()
        switch.core_uuid = "99999999-2222-3333-4444-555555555555"
        gevent.sleep(0.1)
        switch.start()
        wait_for(lambda: len(app.syncs) == 2)
        assert app.syncs[1] == ([], switch.core_uuid, True)
        assert link.core_uuid == switch.core_uuid


def test_how_long_the_switch_takes_to_reply_is_counted_by_command():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        link.perform(Kill("fs1", U1, "NORMAL_CLEARING"))
        wait_for(lambda: link.counters.commands.get(("uuid_kill", "ok")))
        took = link.counters.durations["uuid_kill"]
        assert took.count == 1
        assert 0 < took.sum_us < 5_000_000


def test_another_core_uuid_in_a_heartbeat_means_another_switch():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        assert link.heartbeat_age_s is None
        switch.fire(event("HEARTBEAT", Core__UUID=switch.core_uuid))
        wait_for(lambda: link.heartbeat_age_s is not None)
        switch.core_uuid = "99999999-2222-3333-4444-555555555555"
        switch.fire(event("HEARTBEAT", Core__UUID=switch.core_uuid))
        wait_for(lambda: len(app.syncs) == 2)
        assert app.syncs[1][2] is True
        assert link.counters.reconnects["restart"] == 1


def test_a_lost_command_connection_comes_back_without_a_new_look_around():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        quick = link._hands.quick[0].connection
        quick.cut("network")
        wait_for(lambda: link._hands.quick[0].connection is not quick and link.state is State.UP)
        assert len(app.syncs) == 1


def test_back_off_doubles_up_to_ten_seconds_and_never_marches_in_step():
    def pauses(seed: int) -> list[float]:
        rng = random.Random(seed)
        return [back_off_s(attempt, rng, Timings(), away_s=61.0) for attempt in range(30)]

    for attempt, pause in enumerate(pauses(1)):
        assert 0.0 <= pause <= min(10.0, 0.1 * 2**attempt)
    assert pauses(1) == pauses(1)
    assert pauses(1) != pauses(2)
    assert max(pauses(1)[10:]) > 5.0


def test_in_the_first_minute_a_node_is_tried_at_least_every_second():
    """A switch that restarts is back in seconds, and its callers are there at once."""
    rng = random.Random(1)
    pauses = [back_off_s(attempt, rng, Timings(), away_s=59.0) for attempt in range(60)]

    assert max(pauses) <= 1.0
    assert max(pauses) > 0.8


@pytest.mark.parametrize(("case", "hint"), [("password", "password"), ("acl", "apply-inbound-acl")])
def test_a_refusal_is_said_once_with_a_hint_and_not_hammered(case, hint):
    app = Recorder()
    serve = (lambda sock: sock.sendall(RUDE)) if case == "acl" else None
    attempts = []

    class Counting(FakeSwitch):
        def _serve(self, sock: object, address: object) -> None:
            attempts.append(1)
            super()._serve(sock, address)

    with (
        Counting(password="other", serve=serve) as switch,
        capture_logs() as logs,
        linked(switch, app, up=False, password="hunter2") as link,
    ):
        wait_for(lambda: link.state is State.REFUSED)
        gevent.sleep(0.3)
        assert len(attempts) == 1
        assert hint in link.reason
    refused = [entry for entry in logs if entry["event"] == "esl_refused"]
    assert len(refused) == 1
    assert hint in refused[0]["hint"]
    assert refused[0]["retry_s"] >= 30
    assert "hunter2" not in f"{logs} {link!r} {link.settings!r}"


def test_a_switch_that_isnt_there_is_down_and_tried_again():
    app = Recorder()
    switch = FakeSwitch()
    switch.start()
    switch.stop()
    with linked(switch, app, up=False) as link:
        wait_for(lambda: link.state is State.DOWN)
        switch.start()
        wait_for(lambda: link.state is State.UP)
        assert link.reason == ""
    switch.stop()


def test_a_switch_that_ended_is_told_once_and_again_only_after_it_was_back():
    app = Recorder()
    clock = Clock()
    switch = FakeSwitch()
    switch.start()
    with linked(switch, app, timings=replace(FAST, gone_after_s=1.0), clock=clock) as link:
        switch.stop()
        tried(link, "nobody-listens")
        clock.now_s += 0.9
        tried(link, "nobody-listens")
        assert app.gone == 0, "a reload of the event socket is as short as that"
        clock.now_s += 0.2
        wait_for(lambda: app.gone == 1)
        clock.now_s += 5.0
        tried(link, "nobody-listens")
        assert app.gone == 1
        syncs = len(app.syncs)
        switch.start()
        wait_for(lambda: len(app.syncs) > syncs)
        with capture_logs() as lines:
            switch.stop()
            tried(link, "nobody-listens")
            clock.now_s += 1.1
            wait_for(lambda: app.gone == 2)
        assert [x["log_level"] for x in lines if x["event"] == "esl_node_gone"] == ["error"]


def test_a_switch_that_was_never_there_is_told_plainly_once_and_as_no_error():
    app = Recorder()
    switch = FakeSwitch()
    switch.start()
    switch.stop()
    with (
        capture_logs() as lines,
        linked(switch, app, up=False, timings=replace(FAST, gone_after_s=0.3)),
    ):
        wait_for(lambda: app.gone == 1)
        gevent.sleep(0.5)
    told = [line for line in lines if line["log_level"] in ("warning", "error")]
    assert [(line["event"], line["log_level"]) for line in told] == [
        ("esl_connection_lost", "warning"),
        ("esl_node_not_there", "warning"),
    ]
    assert "start that FreeSWITCH, or correct the node's host and port" in told[1]["hint"]


def test_a_switch_out_of_sight_counts_as_gone_only_after_long():
    app = Recorder()
    clock = Clock()
    silence = FakeSwitch(serve=lambda _sock: gevent.sleep(30))
    limits = Limits(connect_s=0.2, auth_s=0.2, command_s=0.2)
    with silence as switch, linked(switch, app, up=False, limits=limits, clock=clock) as link:
        tried(link, "no-greeting")
        clock.now_s += 59.0
        tried(link, "no-greeting")
        assert app.gone == 0
        clock.now_s += 1.5
        wait_for(lambda: app.gone == 1)


def test_a_node_is_connected_to_again_whatever_ended_the_connection(monkeypatch):
    """Whoever keeps a connection must not die of a fault of ours: nobody else would keep it."""
    faults = [ValueError("the descriptor is closed"), OSError(24, "Too many open files")]
    serve = NodeLink._serve_events

    def faulty(self, connection):
        if faults:
            raise faults.pop()
        serve(self, connection)

    monkeypatch.setattr(NodeLink, "_serve_events", faulty)
    with FakeSwitch() as switch, linked(switch, Recorder()) as link:
        wait_for(lambda: link.state is State.UP)
        assert link.counters.reconnects["internal"] == 2


def test_an_address_family_that_the_machine_lacks_is_no_way_to_the_switch(monkeypatch):
    def lacking(*_arguments):
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(gevent.socket, "socket", lacking)
    with pytest.raises(ConnectionFailed) as failed:
        dial("127.0.0.1", 8021, 1.0)
    assert failed.value.reason == "network"
