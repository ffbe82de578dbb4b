"""The event socket of the simulated switch: commands in pieces, subscriptions, replies and their lies."""

import json

import pytest
from sim.desk import START_US, Desk
from sim.replay import read_frames

from py_callcenter.sim import Behaviour, Switch

pytestmark = pytest.mark.sim


def test_a_command_may_arrive_byte_by_byte():
    desk = Desk()
    for byte in b"api uuid_exists nope\n\n":
        desk.switch.receive(desk.commands_line, bytes((byte,)))
    assert desk.replies()[-1].body == "false"


def test_many_commands_in_one_piece_are_answered_in_order():
    desk = Desk()
    desk.write("api uuid_exists a\n\nbogus\n\napi create_uuid\n\napi uuid_getvar a b\n\n")
    kinds = [frame.kind for frame in desk.replies()]
    assert kinds == ["api/response", "command/reply", "api/response", "api/response"]


def test_nothing_is_answered_before_the_password():
    switch = Switch(seed=1, start_us=START_US)
    line = switch.connect()
    assert switch.take_output(line) == b"Content-Type: auth/request\n\n"
    switch.receive(line, b"api status\n\n")
    assert switch.take_output(line) == b""
    switch.receive(line, b"auth wrong\n\n")
    frames = read_frames(switch.take_output(line))
    assert dict(frames[0].envelope)["Reply-Text"] == "-ERR invalid"
    assert not switch.is_open(line)


def test_only_subscribed_events_are_sent():
    desk = Desk("CHANNEL_PARK CUSTOM a::b")
    desk.caller()
    desk.write(
        "sendevent CUSTOM\nEvent-Subclass: a::b\nNumber: 7\n\nsendevent CUSTOM\nEvent-Subclass: c::d\n\n"
    )
    desk.wait(0.1)
    assert [(f.get("Event-Name"), f.get("Event-Subclass"), f.get("Number")) for f in desk.seen] == [
        ("CHANNEL_PARK", "", ""),
        ("CUSTOM", "a::b", "7"),
    ]
    desk.write("nixevent CHANNEL_PARK\n\n", desk.events_line)
    desk.seen.clear()
    desk.switch.take_output(desk.events_line)
    desk.caller()
    desk.wait(0.1)
    assert desk.seen == []


def test_a_canary_is_shaped_as_on_the_real_switch():
    desk = Desk("CUSTOM a::b")
    desk.write("sendevent CUSTOM\nEvent-Subclass: a::b\nFoo: bar\n\n")
    desk.wait(0.1)
    names = [name for name, _ in desk.seen[0].headers]
    assert names[:6] == ["Event-Subclass", "Command", "Foo", "Event-UUID", "Event-Name", "Core-UUID"]


def test_an_idle_connection_is_woken_by_a_bare_newline():
    desk = Desk("CHANNEL_PARK")
    desk.switch.run_until(START_US + 20_001)
    desk.caller()
    assert desk.switch.take_output(desk.events_line) == b""
    desk.switch.receive(desk.events_line, b"\n")
    assert b"CHANNEL_PARK" in desk.switch.take_output(desk.events_line)


def test_without_a_poke_it_sends_within_20_milliseconds():
    desk = Desk("CHANNEL_PARK")
    desk.switch.run_until(START_US + 25_000)
    desk.caller()
    desk.switch.run_until(START_US + 39_999)
    assert desk.switch.take_output(desk.events_line) == b""
    desk.switch.run_until(START_US + 40_000)
    assert b"CHANNEL_PARK" in desk.switch.take_output(desk.events_line)


@pytest.mark.parametrize("poked", [True, False])
def test_a_job_ends_before_its_own_reply_only_when_poked(poked):
    desk = Desk("BACKGROUND_JOB", poked=poked)
    desk.switch.run_until(START_US + 100)
    desk.write("bgapi status\nJob-UUID: j\n\n")
    order = []
    while len(order) < 2:
        desk.switch.run_until(desk.switch.next_due_us())
        for line, name in ((desk.events_line, "event"), (desk.commands_line, "reply")):
            if desk.switch.take_output(line):
                order.append(name)
    assert order == (["event", "reply"] if poked else ["reply", "event"])


def test_an_api_originate_blocks_its_connection():
    desk = Desk()
    desk.switch.add_phone("sofia/internal/a@127.0.0.1:5080", Behaviour(answer_after_us=2_000_000))
    desk.write("api originate {origination_uuid=l}sofia/internal/a@127.0.0.1:5080 &park()\n\napi uptime\n\n")
    desk.wait(1)
    assert desk.replies() == []
    desk.wait(2)
    assert next(frame.body for frame in desk.replies()) == "+OK l\n"


def test_filters_let_only_matches_through():
    desk = Desk()
    desk.write("filter variable_cc_queue support\n\nfilter Event-Name -CHANNEL_EXECUTE\n\n", desk.events_line)
    desk.switch.take_output(desk.events_line)
    desk.caller()
    desk.caller("echo")
    desk.wait(0.1)
    assert {f.get("Event-Name") for f in desk.seen} == {
        "CHANNEL_ANSWER",
        "CHANNEL_EXECUTE_COMPLETE",
        "CHANNEL_PARK",
    }
    assert {f.get("variable_cc_queue") for f in desk.seen} == {"support"}


def test_setting_many_variables_ends_at_64_pairs():
    desk = Desk()
    call = desk.caller()
    pairs = ";".join(f"v{n}={n}" for n in range(70))
    assert desk.api(f"uuid_setvar_multi {call.uuid} {pairs}") == "+OK\n"
    assert desk.api(f"uuid_getvar {call.uuid} v62") == "62"
    assert desk.api(f"uuid_getvar {call.uuid} v63") == "63;v64=64;v65=65;v66=66;v67=67;v68=68;v69=69"
    assert desk.api(f"uuid_getvar {call.uuid} v64") == "_undef_"


def test_a_malformed_pair_is_ignored_with_ok():
    desk = Desk()
    call = desk.caller()
    assert desk.api(f"uuid_setvar_multi {call.uuid} a=1;nonsense;b=${{x}};c=3") == "+OK\n"
    assert [desk.api(f"uuid_getvar {call.uuid} {n}") for n in "abc"] == ["1", "_undef_", "3"]


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("uuid_broadcast nope tone_stream://x aleg", "-ERR invalid uuid\n"),
        ("uuid_break nope all", "-ERR No such channel!\n"),
        ("uuid_transfer nope x XML public", "-ERR No such channel!\n"),
        ("uuid_record nope start /tmp/a.wav", "-ERR Cannot locate session!\n"),
        ("uuid_dump nope json", "-ERR No such channel!\n"),
        ("uuid_getvar nope a", "-ERR No such channel!\n"),
        (
            "uuid_setvar_multi nope a=1",
            "-ERR No such channel!\n-USAGE: <uuid> <var>=<value>;<var>=<value>...\n",
        ),
        ("uuid_hold nope", "+OK Success\n"),
        ("uuid_recv_dtmf nope 1", "-ERR Cannot locate session!\n"),
        ("uuid_kill", "-USAGE: <uuid> [cause]\n"),
        ("sched_del nogrp", "+OK Deleted: 0\n"),
        ("global_getvar zzz", "-ERR no reply\n"),
        ("hash select/r/k", "-ERR no reply\n"),
        ("hash delete/r/k", "-ERR Not found\n"),
    ],
)
def test_replies_seen_on_a_real_switch(command, reply):
    assert Desk().api(command) == reply


def test_a_leg_is_out_of_reach_from_the_moment_it_begins_to_hang_up():
    desk = Desk()
    call = desk.caller()
    call.hang_up()
    assert call.uuid in desk.switch.legs
    assert desk.api(f"uuid_exists {call.uuid}") == "false"
    assert desk.api(f"uuid_kill {call.uuid}") == "-ERR No such channel!\n"


def test_the_table_of_channels_is_late_in_both_directions():
    desk = Desk()
    call = desk.caller()
    assert desk.api("show channels as json") == '{"row_count": 0}\n'
    desk.wait(0.1)
    assert json.loads(desk.api("show channels as json"))["rows"][0]["uuid"] == call.uuid
    call.hang_up()
    desk.wait(0.005)
    assert json.loads(desk.api("show channels as json"))["row_count"] == 1
    desk.wait(0.1)
    assert desk.api("show channels as json") == '{"row_count": 0}\n'


def test_a_dump_is_percent_encoded_like_an_event():
    desk = Desk()
    call = desk.switch.place_call("+15550100", "Eve%0AUnique-ID: 6666\nX: y", "queue_support")
    dump = desk.api(f"uuid_dump {call.uuid}")
    assert "Caller-Caller-ID-Name: Eve%0AUnique-ID%3A%206666%0AX%3A%20y\n" in dump
    assert dump.count("\nUnique-ID: ") == 1


def test_the_fence():
    desk = Desk()
    assert desk.api("hash insert_ifempty/callcenter/leader/n1:1") == "+OK\n"
    assert desk.api("hash insert_ifempty/callcenter/leader/n2:2") == "-ERR key already exists\n"
    assert desk.api("hash delete_ifmatch/callcenter/leader/n2:2") == "-ERR Doesn't match\n"
    assert desk.api("hash select/callcenter/leader") == "n1:1"
    assert desk.api("global_setvar cc_epoch=6") == "+OK"
    assert desk.api("global_setvar cc_epoch=7=5") == "+OK"
    assert desk.api("global_getvar cc_epoch") == "6"


def test_the_dead_man_runs_once_unless_he_is_disarmed():
    desk = Desk()
    runs = []
    desk.switch.scripts["cc_deadman.lua"] = lambda: runs.append(desk.switch.now_us)
    desk.api("sched_api +30 cc_deadman luarun cc_deadman.lua")
    desk.wait(20)
    assert desk.api("sched_del cc_deadman") == "+OK Deleted: 1\n"
    desk.api("sched_api +30 cc_deadman luarun cc_deadman.lua")
    desk.wait(60)
    assert len(runs) == 1
    assert runs[0] - START_US == pytest.approx(50_000_000, abs=10_000)


def test_hanging_everything_up_is_remembered():
    desk = Desk()
    call = desk.caller()
    desk.api("hupall NORMAL_CLEARING cc_offer")
    desk.wait(0.1)
    assert not call.alive
    assert desk.switch.hupalls == ["NORMAL_CLEARING cc_offer"]


def test_a_recording_starts_and_stops():
    desk = Desk()
    call, _ = desk.conversation()
    desk.write(f"bgapi uuid_record {call.uuid} start /rec/a.wav\nJob-UUID: j\n\n")
    desk.wait(1)
    assert desk.last("RECORD_START").get("Record-File-Path") == "/rec/a.wav"
    desk.api(f"uuid_kill {call.uuid}")
    desk.wait(0.2)
    story = desk.story(call.uuid)
    assert story.index("RECORD_STOP") < story.index("HANGUP_COMPLETE")


def test_digits_are_reported_without_variables():
    desk = Desk("DTMF")
    call = desk.caller()
    call.press("5#")
    desk.wait(0.1)
    assert [f.get("DTMF-Digit") for f in desk.seen] == ["5", "#"]
    assert not any(name.startswith("variable_") for name, _ in desk.seen[0].headers)


def test_a_star_stops_music_unless_terminators_are_none():
    desk = Desk("PLAYBACK_STOP")
    for setting, stops in (("", 1), ("playback_terminators=none", 0)):
        call = desk.caller()
        if setting:
            desk.api(f"uuid_setvar_multi {call.uuid} {setting}")
        desk.api(f"uuid_broadcast {call.uuid} local_stream://moh aleg")
        desk.wait(0.5)
        call.press("*")
        desk.wait(0.1)
        assert len(desk.story()) == stops


def test_a_break_ends_what_plays_and_not_what_begins_afterwards():
    desk = Desk("PLAYBACK_STOP")
    call = desk.caller()
    desk.api(f"uuid_broadcast {call.uuid} tone_stream://%(3000,0,640) aleg")
    desk.wait(0.2)
    for tone in ("%(2000,0,640)", "%(300,0,640)"):
        desk.api(f"uuid_break {call.uuid} all")
        desk.api(f"uuid_broadcast {call.uuid} tone_stream://{tone} aleg")
    desk.wait(1)
    assert [f.get("Playback-Status") for f in desk.seen] == ["break", "done"]
    assert "300," in desk.seen[-1].get("Playback-File-Path")


def test_a_restart_forgets_everything_but_the_phones():
    desk = Desk()
    call, phone = desk.conversation()
    core = desk.api("global_getvar core_uuid")
    desk.switch.restart()
    assert not call.alive
    assert not desk.switch.is_open(desk.events_line)
    again = desk.login()
    desk.write("api global_getvar core_uuid\n\n", again)
    frames = read_frames(desk.switch.take_output(again))
    assert frames[-1].body != core
    assert desk.switch.legs == {}
    assert desk.switch.find_phone(phone.contact) is phone
    desk.wait(60)


def test_what_was_on_the_way_is_lost_with_the_line():
    desk = Desk()
    desk.caller()
    desk.switch.cut(desk.events_line)
    assert desk.switch.take_output(desk.events_line) == b""
    desk.caller()
    assert len(desk.switch.legs) == 2
