"""The link to a node: kept alive, in step, and honest about what it doesn't know."""

from __future__ import annotations

import contextlib
import random
import socket
import time
from collections.abc import Container, Iterable
from dataclasses import replace

import gevent
import pytest
from esl.fake_server import FakeSwitch, answer, event, reply, wait_for
from structlog.testing import capture_logs

from py_callcenter._router import Event
from py_callcenter.engine.actions import (
    Action,
    AskApplication,
    Bridge,
    Device,
    Kill,
    Look,
    Originate,
    Probe,
    SetVariables,
    StartRecording,
    StopMusic,
)
from py_callcenter.esl.errors import CommandRefused, ConnectionFailed
from py_callcenter.esl.node import NodeLink
from py_callcenter.esl.port import NOT_SENT, State
from py_callcenter.esl.settings import NodeSettings, Timings, back_off_s
from py_callcenter.esl.values import Limits

pytestmark = pytest.mark.esl

U1 = "4ed3197a-40f7-4fd7-85ee-b66a612c0200"
U2 = "47cd395f-bc16-41ce-a629-fe39699a6553"
U3 = "a57ab476-285d-45bc-87c2-fb5f3df182ac"
FAST = Timings(canary_s=0.05, resync_every_s=0.05, dead_man_every_s=0.05)
RUDE = b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"


class Recorder:
    """An application that writes down what it hears."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.failures: list[tuple[Action, str | None]] = []
        self.probes: list[tuple[str, bool]] = []
        self.looks: list[tuple[str, str | None]] = []
        self.applications: list[tuple[str, str]] = []
        self.syncs: list[tuple[list[str], str, bool]] = []
        self.states: list[State] = []
        self.story: list[str] = []
        self.known: list[str] = []
        self.gone = 0
        self.resumed: list[float] = []
        self.harmful: list[str] = []

    def on_resumed(self, _node: str, took_s: float) -> None:
        self.resumed.append(took_s)

    def on_harmful(self, _node: str, uuid: str) -> None:
        self.harmful.append(uuid)

    def on_gone(self, _node: str) -> None:
        self.gone += 1

    def on_event(self, _node: str, event: Event) -> None:
        self.events.append(event.name)
        self.story.append(f"{event.name} {event.unique_id}".strip())

    def on_failure(self, action: Action, error: str | None) -> None:
        self.failures.append((action, error))

    def on_application(self, action: AskApplication, application: str) -> None:
        self.applications.append((action.uuid, application))

    def on_probe(self, action: Probe, alive: bool) -> None:
        self.probes.append((action.uuid, alive))

    def on_look(self, action: Look, dump: Event | None) -> None:
        self.looks.append((action.uuid, None if dump is None else dump.get("variable_cc_queue")))

    def on_sync(self, _node: str, dumps: list[Event], core_uuid: str, restarted: bool) -> None:
        self.syncs.append(([dump.unique_id for dump in dumps], core_uuid, restarted))
        self.story.append("sync")

    def on_state(self, _node: str, state: State) -> None:
        self.states.append(state)

    def known_legs(self, _node: str, _seen: Container[str]) -> Iterable[str]:
        return self.known


@contextlib.contextmanager
def linked(switch: FakeSwitch, app: Recorder, *, up: bool = True, password: str = "ClueCon", **options):
    timings = options.pop("timings", FAST)
    clock = options.pop("clock", time.monotonic)
    limits = options.pop("limits", Limits())
    settings = NodeSettings("fs1", switch.host, switch.port, password, **options)
    link = NodeLink(settings, app, rng=random.Random(7), timings=timings, limits=limits, clock=clock)
    link.start()
    try:
        if up:
            wait_for(lambda: link.state is State.UP)
        yield link
    finally:
        link.stop()
        gevent.sleep(0.01)


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def tried(link: NodeLink, problem: str) -> None:
    """Two more attempts have failed, so that what one of them led to is there."""
    before = link.counters.reconnects.get(problem, 0)
    wait_for(lambda: link.counters.reconnects.get(problem, 0) >= before + 2)


def ring(job: str = "job-1") -> Originate:
    return Originate("fs1", job, (Device(U1, "user/1000"),), (), "", "1", 20)


# Getting in step.


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


# Losing it, and back.


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
        quick = link._quick[0].connection
        quick.cut("network")
        wait_for(lambda: link._quick[0].connection is not quick and link.state is State.UP)
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


# Commands.


def test_each_kind_of_command_has_its_own_connections():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        link.perform(ring())
        link.perform(StartRecording("fs1", U1, "/rec/x.wav"))
        for action in (Bridge("fs1", U1, U2), Kill("fs1", U2, "LOSE_RACE"), StopMusic("fs1", U3)):
            link.perform(action)
        wait_for(
            lambda: link.counters.commands.get(("uuid_record", "ok")) and len(link.counters.commands) == 5
        )
        by_peer = [
            [c.split()[1] for c in peer.commands if c.startswith(("api uuid_", "bgapi"))]
            for peer in switch.peers
        ]
        quick = [words for words in by_peer if "uuid_bridge" in words]
        assert quick == [["uuid_bridge", "uuid_kill", "uuid_break"]]
        assert app.failures == []
        assert set(link.counters.commands.values()) == {1}


def test_a_probe_is_answered():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        switch.channels[U1] = {}
        link.perform(Probe("fs1", U1))
        link.perform(Probe("fs1", U2))
        wait_for(lambda: len(app.probes) == 2)
        assert app.probes == [(U1, True), (U2, False)]


def test_a_look_brings_the_channel_or_that_there_is_none():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        switch.channels[U1] = {"variable_cc_queue": "support"}
        link.perform(Look("fs1", U1))
        link.perform(Look("fs1", U2))
        wait_for(lambda: len(app.looks) == 2)
        assert app.looks == [(U1, "support"), (U2, None)]
        assert not app.failures


def test_a_refusal_comes_back_with_the_switchs_words():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        switch.answers["api uuid_kill"] = answer("-ERR No such channel!\n")
        link.perform(Kill("fs1", U1, "NORMAL_CLEARING"))
        wait_for(lambda: app.failures)
        assert app.failures == [(Kill("fs1", U1, "NORMAL_CLEARING"), "-ERR No such channel!")]
        assert link.counters.commands[("uuid_kill", "refused")] == 1


def test_when_the_line_dies_with_commands_under_way_nobody_pretends_to_know():
    app = Recorder()
    without = replace(FAST, canary_s=60)  # whose reply would pass for the kill's, as the fake keeps no order
    with FakeSwitch() as switch, linked(switch, app, timings=without) as link:
        switch.answers["api uuid_kill"] = None
        switch.answers["bgapi originate"] = None
        link.perform(Kill("fs1", U1, "NORMAL_CLEARING"))
        link.perform(ring())
        wait_for(lambda: any("originate" in c for c in switch.commands))
        switch.cut()
        wait_for(lambda: len(app.failures) == 2)
        assert {type(action) for action, _ in app.failures} == {Kill, Originate}
        assert {error for _, error in app.failures} == {None}


def test_what_was_never_sent_is_known_not_to_have_happened():
    app = Recorder()
    switch = FakeSwitch()
    switch.start()
    switch.stop()
    with linked(switch, app, up=False) as link:
        link.perform(ring())
        # Not from inside `perform`: an application that retries at once would never come out again.
        assert app.failures == []
        wait_for(lambda: app.failures)
        assert app.failures == [(ring(), NOT_SENT)]
        with pytest.raises(ConnectionFailed):
            link.ask(b"api version\n\n")


def test_what_the_builder_refuses_is_a_failure_that_names_the_argument():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link, capture_logs() as logs:
        before = len(switch.commands)
        link.perform(SetVariables("fs1", U1, (("cc_note", "secret;x=y"),)))
        wait_for(lambda: app.failures)
        assert "value of cc_note" in (app.failures[0][1] or "")
        assert "secret" not in f"{app.failures[0][1]}{logs}"
        assert not any("setvar" in c for c in switch.commands[before:])


def test_a_question_of_the_shell_gives_the_answer_or_the_refusal():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        assert link.ask(b"api global_getvar core_uuid\n\n").text == switch.core_uuid
        switch.answers["api version"] = answer("-ERR no\n")
        with pytest.raises(CommandRefused):
            link.ask(b"api version\n\n")


# Proof of life.


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


# Bad company.


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
            connections = [slot.connection for slot in (link._events, *link._quick, *link._background)]
        assert all(connection.sock.fileno() == -1 for connection in connections)
        assert not any(
            word in c for c in switch.commands for word in ("uuid_kill", "hupall", "uuid_transfer")
        )
        assert link.state is State.DOWN
    assert isinstance(connections[0].sock, socket.socket)
