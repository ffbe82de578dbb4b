"""The builder of commands: what it writes, and what it never lets through."""

from __future__ import annotations

import re

import gevent
import pytest
from esl.fake_server import FakeSwitch, wait_for
from hypothesis import given, settings
from hypothesis import strategies as st

from py_callcenter.engine.actions import (
    AskMark,
    Bridge,
    Device,
    Kill,
    Look,
    Originate,
    PlayMusic,
    Probe,
    SetVariables,
    StartRecording,
    StopMusic,
    Transfer,
)
from py_callcenter.esl import arguments, commands
from py_callcenter.esl.connection import Connection
from py_callcenter.esl.errors import CommandError

pytestmark = pytest.mark.esl

U1 = "4ed3197a-40f7-4fd7-85ee-b66a612c0200"
U2 = "47cd395f-bc16-41ce-a629-fe39699a6553"


def originate(**changes: object) -> Originate:
    values: dict[str, object] = {
        "node": "fs1",
        "job": "job-1",
        "devices": (Device(U1, "user/1000@example.org"),),
        "variables": (("cc_side", "agent"),),
        "caller_name": "Alice",
        "caller_number": "+15551",
        "timeout_s": 20,
    }
    return Originate(**(values | changes))


def shown(name: str) -> str:
    """The caller's name as it stands in the command."""
    text = commands.encode(originate(caller_name=name)).decode()
    found = re.search(r" &park\(\) - - (?:'([^']*)'|([^' ]*)) [^ ]+ 20\n", text)
    assert found
    return found[1] or found[2]


# What is written.


def test_each_action_has_its_exact_bytes():
    ring = originate(
        devices=(
            Device(U1, "sofia/internal/a1@127.0.0.1:5085;transport=tcp"),
            Device(U2, "sofia/gateway/core/1001"),
        ),
        variables=(("cc_side", "agent"), ("cc_queue", "after sales"), ("hold_hangup_xfer_exten", "cc_hold")),
        caller_name="Zoë Şahin",
    )
    assert commands.encode(ring).decode() == (
        "bgapi originate {ignore_early_media=t,cc_side=agent,cc_queue='after sales',"
        f"hold_hangup_xfer_exten=cc_hold}}[origination_uuid={U1}]sofia/internal/a1@127.0.0.1:5085;transport=tcp,"
        f"[origination_uuid={U2}]sofia/gateway/core/1001 &park() - - 'Zoë Şahin' +15551 20\n"
        "Job-UUID: job-1\n\n"
    )
    expected = {
        Bridge("n", U1, U2): f"api uuid_bridge {U1} {U2}\n\n",
        Kill("n", U1, "LOSE_RACE"): f"api uuid_kill {U1} LOSE_RACE\n\n",
        SetVariables("n", U1, (("cc_queue", ""), ("cc_call", "c-1"))): (
            f"api uuid_setvar_multi {U1} cc_queue=;cc_call=c-1\n\n"
        ),
        PlayMusic("n", U1, "local_stream://moh"): f"api uuid_broadcast {U1} local_stream://moh aleg\n\n",
        StopMusic("n", U1): f"api uuid_break {U1} all\n\n",
        StartRecording("n", U1, "/rec/2026/c-1.wav"): f"bgapi uuid_record {U1} start /rec/2026/c-1.wav\n\n",
        Transfer("n", U1, "voicemail", "default"): f"api uuid_transfer {U1} voicemail XML default\n\n",
        Probe("n", U1): f"api uuid_exists {U1}\n\n",
        Look("n", U1): f"api uuid_dump {U1}\n\n",
        AskMark("n", U1): f"api uuid_getvar {U1} transfer_source\n\n",
    }
    assert {action: commands.encode(action).decode() for action in expected} == expected


def test_a_caller_without_a_name_is_shown_by_number():
    assert shown("") == "+15551"
    assert shown("%%%") == "+15551"
    assert shown("Undef") == "+15551"  # which the switch takes for no word at all


def test_the_command_that_a_caller_waits_for_is_short():
    """The switch reads it byte by byte."""
    action = originate(
        job="rgefkpvrg6",
        devices=(Device(U1, "sofia/internal/agent1@127.0.0.1:5085"),),
        variables=(("cc_offer", f"{U2}/1"), ("cc_agent", "agent1"), ("cc_queue", "support")),
    )

    assert len(commands.encode(action)) < 270


def test_custom_comes_last_in_the_subscription_for_each_later_word_is_a_subclass():
    line = commands.subscribe().decode().strip()
    before, after = line.split(" CUSTOM ")
    assert before.startswith("event plain CHANNEL_CREATE ")
    assert "::" not in before
    assert after.split() == [
        "callcenter::canary",
        "sofia::register",
        "sofia::unregister",
        "sofia::expire",
        "sofia::transferor",
    ]


@pytest.mark.parametrize(
    "contact",
    [
        "user/1000",
        "user/1000@example.org",
        "verto.rtc/1000@example.org",
        "sofia/gateway/carrier-1/+442079460000",
        "sofia/internal/1000@192.0.2.7:5060",
        "sofia/internal/sip:1000@192.0.2.7:5060;transport=udp;fs_nat=yes;fs_path=sip%3A192.0.2.1%3A5060",
    ],
)
def test_dial_strings_that_operators_write_pass(contact):
    assert contact in commands.encode(originate(devices=(Device(U1, contact),))).decode()


@pytest.mark.parametrize(
    "source",
    [
        "local_stream://moh/8000",
        "tone_stream://%(2000,4000,440,480);loops=-1",
        "silence_stream://-1",
        "/usr/share/freeswitch/sounds/hold.wav",
        "ivr/ivr-hold_connect_call.wav",
    ],
)
def test_sounds_that_operators_write_pass(source):
    assert f" {source} aleg" in commands.encode(PlayMusic("n", U1, source)).decode()


# What a stranger can choose: cleaned, never refused, so that the call goes on.


@pytest.mark.parametrize(
    ("name", "display"),
    [
        pytest.param("x%0AUnique-ID: 6666", "x 0AUnique-ID 6666", id="A1 encoded newline and a header"),
        pytest.param("x%0A%0AContent-Length: 5", "x 0A 0AContent-Length 5", id="A2 encoded blank line"),
        pytest.param("x\n\napi system touch", "x api system touch", id="A4 second command"),
        pytest.param("x\nconsole_execute: true", "x console_execute true", id="A5 header"),
        pytest.param("x;;shutdown", "x shutdown", id="A6 console separator"),
        pytest.param("x\r\n\r\nbgapi hupall", "x bgapi hupall", id="A7 CRLF"),
        pytest.param("a,api_on_answer=system id", "a api_on_answer system id", id="A8 variable"),
        pytest.param("a}sofia/external/9001@evil", "a sofia external 9001 evil", id="A9 end of braces"),
        pytest.param("a]b", "a b", id="A10 end of brackets"),
        pytest.param("<a=b>", "a b", id="A11 angle brackets"),
        pytest.param(
            "^^:api_on_answer=system id:x=y", "api_on_answer system id x y", id="A12 other delimiter"
        ),
        pytest.param("${system(id)}", "system id", id="A13 expansion"),
        pytest.param("$${password} #{x}", "password x", id="A13 global expansion"),
        pytest.param("1001' 'x", "1001 x", id="A16 quotes"),
        pytest.param("x\\' y\\", "x y", id="A17 backslashes"),
        pytest.param(
            "a\u2028b\u0085c\u202ed\u200be\x00f", "a b c d e f", id="A3 separators, bidi, zero width, NUL"
        ),
        pytest.param("x\udc80y", "x y", id="A25 half a surrogate pair"),
        pytest.param("A" * 1_000_000, "A" * 64, id="A25 a megabyte"),
        pytest.param("مریم رضایی", "مریم رضایی", id="Persian stays"),
        pytest.param("José-Ma.", "José-Ma.", id="composed accent stays"),
    ],
)
def test_a_hostile_display_name_is_cleaned(name, display):
    assert shown(name) == display


@pytest.mark.parametrize(
    "number", ["1001\nEvent-Name: CHANNEL_HANGUP", "1001\u2028x", "1001,x=y", "", "1" * 33, "+1 555", "%0A"]
)
def test_a_hostile_number_becomes_anonymous(number):
    text = commands.encode(originate(caller_number=number)).decode()
    assert " &park() - - Alice anonymous 20\n" in text


# What configuration or the engine hands over: refused.

BAD_CONTACTS = [
    "user/1001)&system(id",
    "1001 &system(id)",
    "user/1000 &park()",
    "user/1000,user/1001",
    "user/1000|user/1001",
    "user/1000:_:user/1001",
    "loopback/1000/default",
    "group/sales@example.org",
    "error/user_busy",
    "[leg_timeout=2]user/1000",
    "{api_on_answer=x}user/1000",
    "<a=b>user/1000",
    "user/1001' 'x",
    "user/${system(id)}",
    "user/$${domain}",
    "sofia/internal/a%0Ab@192.0.2.1",
    "sofia/internal/a%0Aevil",
    "sofia/internal/a@b?X-Header=y",
    "sofia/gateway/carrier/+19005551234",
    "sofia/gateway/carrier/9005551234",
    "sofia/gateway/carrier/00881612345678",
    "sofia/gateway/carrier/+449012345678",
    "sofia/external/+19005551234@carrier.example",
    "user/1000\n",
    "",
]


@pytest.mark.parametrize("contact", BAD_CONTACTS)
def test_a_dial_string_that_could_do_more_than_ring_one_device_is_refused(contact):
    with pytest.raises(CommandError) as refused:
        commands.encode(originate(devices=(Device(U1, contact),)))
    assert refused.value.argument == "contact"
    assert not contact or contact not in str(refused.value)


BAD_VALUES = [
    "a,b", "a;b", "a=b", "{a", "a}", "[a", "a]", "<a", "a'b", 'a"b', "a\\", "${system(id)}", "$${x}", "#{x}$",
    "a\nb", "a\r", "a\0", "a\u2028b", "a\u0085", "^^:a:b", "a:_:b", "ARRAY::a", "a|b", "a&b", "a(b)", "%0A",
    "a\udc80", "x" * 257,
]  # fmt: skip


@pytest.mark.parametrize("value", BAD_VALUES)
def test_a_value_with_a_meaning_to_a_parser_is_refused_in_both_commands(value):
    for action in (
        originate(variables=(("cc_note", value),)),
        SetVariables("n", U1, (("cc_note", value),)),
    ):
        with pytest.raises(CommandError, match="value of cc_note"):
            commands.encode(action)


@pytest.mark.parametrize(
    "name",
    [
        "api_on_answer",
        "API_ON_ANSWER",
        "execute_on_answer",
        "api_hangup_hook",
        "session_in_hangup_hook",
        "group_confirm_key",
        "sip_h_X-A",
        "origination_uuid",
        "bridge_pre_execute_aleg_app",
        "nolocal:cc_x",
        "cc_x=1,api_on_answer",
        "",
        "a b",
        "my_hook",
        "x\n",
        "recording_follow_transfer",
        "ringback",
    ],
)
def test_a_variable_that_makes_the_switch_act_is_refused(name):
    for action in (originate(variables=((name, "x"),)), SetVariables("n", U1, ((name, "x"),))):
        with pytest.raises(CommandError, match="variable name"):
            commands.encode(action)


@pytest.mark.parametrize("value", ["a\nb", "a\n", "\n", "x:_:y", "ARRAY::a", "a,b", "a" * 257, "caf\u00e9,"])
def test_a_value_among_plain_ones_is_looked_at_as_closely_as_alone(value):
    around = (("cc_a", "1"), ("cc_note", value), ("cc_b", "2"))

    for action in (originate(variables=around), SetVariables("n", U1, around)):
        with pytest.raises(CommandError, match="value of cc_note"):
            commands.encode(action)


def test_an_operators_own_variable_may_go_to_the_agents_leg():
    text = commands.encode(originate(variables=(("crm_ticket", "T-1234"),))).decode()
    assert ",crm_ticket=T-1234}" in text


def test_a_place_in_the_dialplan_cannot_name_another_dialplan():
    for value in ("system:inline", "x:inline:y", "x:XML:default:more"):
        with pytest.raises(CommandError):
            commands.encode(originate(variables=(("hold_hangup_xfer_exten", value),)))
    assert commands.encode(originate(variables=(("hold_hangup_xfer_exten", "vm:XML:default"),)))


@pytest.mark.parametrize(
    "uuid", ["", "a b", "a\nb", "-both", "x" * 65, "all calls", "ü", f"{U1}\n", f"{U1} {U2}"]
)
def test_an_id_is_one_word_of_ours(uuid):
    """A23: a list of ids with spaces is as little an id as a second line."""
    for action in (
        Kill("n", uuid, "NORMAL_CLEARING"),
        Probe("n", uuid),
        Look("n", uuid),
        AskMark("n", uuid),
        Bridge("n", uuid, U1),
        Bridge("n", U1, uuid),
        Transfer("n", uuid, "x", "y"),
        SetVariables("n", uuid, (("cc_a", "b"),)),
        PlayMusic("n", uuid, "a.wav"),
        StopMusic("n", uuid),
        StartRecording("n", uuid, "a.wav"),
        originate(job=uuid),
        originate(devices=(Device(uuid, "user/1"),)),
    ):
        with pytest.raises(CommandError):
            commands.encode(action)


@pytest.mark.parametrize(
    ("extension", "context"),
    [
        ("x inline", "default"),
        ("'system:id'", "default"),
        ("-both", "x"),
        ("x", "default inline"),
        ("x", ""),
        ("", "x"),
        ("x,y", "default"),
        ("${x}", "default"),
        ("x", "a:b"),
        ("m:^:system:id", "x"),
        ("x\n", "default"),
    ],
)
def test_a_transfer_goes_to_one_extension_of_the_xml_dialplan(extension, context):
    with pytest.raises(CommandError):
        commands.encode(Transfer("n", U1, extension, context))


@pytest.mark.parametrize(
    "source",
    [
        "system::id",
        "a.wav!NORMAL_CLEARING",
        "a b.wav",
        "http://169.254.169.254/",
        "shout://x",
        "tts://x",
        "{a=b}x.wav",
        "a|b",
        "../x.wav",
        "/a/../b.wav",
        "file_string://a!b",
        "${x}",
        "say:x",
        "phrase:x",
        "tone_stream://::x",
        "/dev/zero",
        "tone_stream://%(1,1,1);;x",
        "local_stream://moh system",
        "",
        "x" * 300,
        "a\n",
        "vlc://x",
        "//host/share.wav",
    ],
)
def test_a_sound_cannot_be_an_application_a_list_or_an_address(source):
    with pytest.raises(CommandError, match="sound"):
        commands.encode(PlayMusic("n", U1, source))


@pytest.mark.parametrize(
    "path",
    [
        "../../etc/cron.d/x",
        "/etc/cron.d/x.wav",
        "/etc/cron.d/x",
        "rec/x.wav",
        "/dev/full",
        "/proc/x.wav",
        "|cmd",
        "{a=b}/tmp/x.wav",
        "http://169.254.169.254/x.wav",
        "shout://x.wav",
        "x" * 300 + ".wav",
        "a b.wav",
        "",
        "/rec/x",
        "/rec/%0A.wav",
        "/r/x.wav\n",
    ],
)
def test_a_recording_goes_to_a_plain_file(path):
    with pytest.raises(CommandError, match="recording path"):
        commands.encode(StartRecording("n", U1, path))


@pytest.mark.parametrize("cause", ["", "normal_clearing", "NORMAL_CLEARING\n", "16", "X Y"])
def test_a_cause_is_one_of_the_list(cause):
    with pytest.raises(CommandError, match="cause"):
        commands.encode(Kill("n", U1, cause))


def test_the_65th_variable_is_refused_for_the_switch_would_swallow_it():
    pairs = tuple((f"cc_v{i}", "x") for i in range(65))
    assert commands.encode(SetVariables("n", U1, pairs[:64])).count(b";") == 63
    with pytest.raises(CommandError):
        commands.encode(SetVariables("n", U1, pairs))
    with pytest.raises(CommandError):
        commands.encode(SetVariables("n", U1, ()))


def test_no_command_exceeds_four_kibibytes():
    with pytest.raises(CommandError, match="4096"):
        commands.encode(SetVariables("n", U1, tuple((f"cc_v{i}", "x" * 200) for i in range(64))))


def test_two_devices_need_two_names():
    with pytest.raises(CommandError, match="devices"):
        commands.encode(originate(devices=(Device(U1, "user/1"), Device(U1, "user/2"))))


def test_nothing_in_the_vocabulary_reaches_all_calls():
    """A23: `hupall` with an empty value hangs up every call; the word isn't there to be misused."""
    source = commands._API_WORDS | commands._VERBS
    assert not {
        word
        for word in source
        if word.startswith(("hupall", "fsctl", "system", "bg_system", "lua", "reload"))
    }
    with pytest.raises(CommandError):
        commands._seal("api hupall normal_clearing")
    with pytest.raises(CommandError):
        commands._seal("bgapi system id")
    with pytest.raises(CommandError):
        commands._seal("exit", [("console_execute", "true")])


@pytest.mark.parametrize("password", ["a\nb", "a\r", "", "a\0", " ", "a\u2028b"])
def test_a_password_that_breaks_the_line_is_refused_and_never_shown(password):
    with pytest.raises(CommandError) as refused:
        commands.auth(f"hunter2{password}" if password else "")
    assert "hunter2" not in str(refused.value)
    assert "hunter2" not in repr(refused.value)


# Whatever the input: one command or none.

_text = st.text(max_size=80) | st.sampled_from([*BAD_VALUES, *BAD_CONTACTS, U1, "cc_a", "a.wav", "user/1000"])
_actions = st.one_of(
    st.builds(Kill, _text, _text, _text | st.just("LOSE_RACE")),
    st.builds(Bridge, _text, _text, _text),
    st.builds(SetVariables, _text, st.just(U1), st.lists(st.tuples(_text, _text), max_size=70).map(tuple)),
    st.builds(PlayMusic, _text, st.just(U1), _text),
    st.builds(StartRecording, _text, st.just(U1), _text),
    st.builds(Transfer, _text, st.just(U1), _text, _text),
    st.builds(Probe, _text, _text),
    st.builds(Look, _text, _text),
    st.builds(AskMark, _text, _text),
    st.builds(
        Originate,
        node=_text,
        job=_text | st.just("job-1"),
        devices=st.lists(st.builds(Device, _text | st.just(U1), _text), max_size=3).map(tuple),
        variables=st.lists(st.tuples(_text | st.just("cc_a"), _text), max_size=3).map(tuple),
        caller_name=_text,
        caller_number=_text,
        timeout_s=st.integers(),
    ),
    st.builds(originate, caller_name=_text, caller_number=_text),
    st.builds(lambda v: originate(variables=(("cc_note", v),)), _text),
)


@given(_actions)
@settings(max_examples=600, deadline=None)
def test_whatever_the_input_at_most_one_command_comes_out(action):
    try:
        data = commands.encode(action)
    except CommandError:
        return
    assert data.endswith(b"\n\n")
    text = data[:-2].decode("utf-8")
    lines = text.split("\n")
    verb, api_word = lines[0].split(" ")[:2]
    assert api_word == commands.word(action)
    assert verb in {"api", "bgapi"}
    assert lines[1:] in ([], [f"Job-UUID: {getattr(action, 'job', '')}"])
    assert len(data) <= 4096
    # No line end by anybody's rules, no code, no second set of braces, brackets or quotes.
    assert text.splitlines() == lines
    assert "${" not in text
    assert ":_:" not in text
    assert text.count("{") == text.count("}") == (1 if isinstance(action, Originate) else 0)
    assert text.count("'") % 2 == 0
    if isinstance(action, Originate):
        assert text.count("[") == text.count("]") == len(action.devices)
        assert re.search(r" &park\(\) - - ('[^']+'|[^' ]+) [0-9+*#a-z]+ [0-9]+$", lines[0])
        assert lines[0].count("&") == 1


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_a_cleaned_name_holds_only_letters_digits_and_four_marks(name):
    cleaned = arguments.clean_caller_name(name)
    assert len(cleaned) <= 64
    assert all(c.isalnum() or c in " .-_" for c in cleaned)
    assert arguments.clean_caller_name(cleaned) == cleaned


# At a recording server: exactly these lines and no others.


INERT = r"[A-Za-z0-9/@+._-]*"
"""A dial string is a harmless text where a text is wanted."""
CLEANED = r"('[\w .-]+'|[\w.-]+) anonymous"
ALICE = r"Alice \+15551"
ALLOWED = (
    rf"bgapi originate \{{ignore_early_media=t(,cc_side=agent|,cc_note={INERT})?\}}"
    rf"\[origination_uuid={U1}\]user/1000@example\.org &park\(\) - - ({CLEANED}|{ALICE}) 20\nJob-UUID: job-1"
    rf"|api uuid_setvar_multi {U1} cc_note={INERT}"
    rf"|api uuid_broadcast {U1} {INERT} aleg"
)


def test_hostile_input_leaves_no_trace_at_the_switch():
    hostile = [*BAD_CONTACTS, *BAD_VALUES]
    with FakeSwitch() as switch:
        connection = Connection(*switch.address, "ClueCon")
        connection.connect()
        refused = sent = 0
        for text in hostile:
            for action in (
                originate(caller_name=text, caller_number=text),
                originate(devices=(Device(U1, text),)),
                originate(variables=(("cc_note", text),)),
                SetVariables("n", U1, (("cc_note", text),)),
                Kill("n", text, "NORMAL_CLEARING"),
                Kill("n", U1, text),
                Transfer("n", U1, text, "default"),
                PlayMusic("n", U1, text),
                StartRecording("n", U1, text),
            ):
                try:
                    data = commands.encode(action)
                except CommandError:
                    refused += 1
                    continue
                sent += 1
                connection.send(data)
        wait_for(lambda: len(switch.commands) == sent)
        for line in switch.commands:
            assert re.fullmatch(ALLOWED, line), line
        assert refused > 7 * len(hostile)
        connection.stop()
        gevent.sleep(0)
