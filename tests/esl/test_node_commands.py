"""What a link sends: each kind on its own connections, and honest about what it doesn't know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from esl.fake_server import FakeSwitch, answer, wait_for
from esl.links import FAST, U1, U2, U3, Recorder, linked, ring
from structlog.testing import capture_logs

from py_callcenter.engine.actions import (
    AskMark,
    Bridge,
    Kill,
    Look,
    Originate,
    Probe,
    SetVariables,
    StartRecording,
    StopMusic,
)
from py_callcenter.esl.errors import CommandRefused, ConnectionFailed
from py_callcenter.esl.port import NOT_SENT

pytestmark = pytest.mark.esl


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


def test_a_callers_mark_is_told_in_the_switchs_words_and_a_channel_that_is_gone_is_a_refusal():
    app = Recorder()
    with FakeSwitch() as switch, linked(switch, app) as link:
        switch.answers[f"api uuid_getvar {U1} transfer_source"] = answer("1:x:bl_xfer:voicemail/default/XML")
        switch.answers[f"api uuid_getvar {U2}"] = answer("-ERR No such channel!\n")
        link.perform(AskMark("fs1", U1))
        link.perform(AskMark("fs1", U2))
        wait_for(lambda: app.marks and app.failures)
        assert app.marks == [(U1, "1:x:bl_xfer:voicemail/default/XML")]
        assert app.failures == [(AskMark("fs1", U2), "-ERR No such channel!")]


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
