"""Decoding events: captured ones, what callers write (A1-A3), and bytes that no switch should send (A25)."""

import gc
import json
import threading
import time
from urllib.parse import quote, unquote_to_bytes

import pytest
from esl import captures
from hypothesis import given, settings
from hypothesis import strategies as st

from py_callcenter._router import Event, EventError, Frame, FrameParser

pytestmark = pytest.mark.esl

UUID = "fcece8a6-390b-45ca-9735-5f1eb7a38b48"


def frames(scenario: str, content_type: str) -> list[Frame]:
    parsed = FrameParser().feed(captures.server_bytes(scenario))
    return [frame for frame in parsed if frame.content_type == content_type]


def events(scenario: str) -> list[Event]:
    return [frame.event() for frame in frames(scenario, "text/event-plain")]


def plain(**headers: str) -> bytes:
    """Headers as the switch would write them, `_` in names for `-`."""
    lines = [f"{name.replace('_', '-')}: {quote(value, safe='')}\n" for name, value in headers.items()]
    return "".join(lines).encode() + b"\n"


def obviously(body: bytes) -> list[tuple[str, str]]:
    """The slow, obvious decoder: split, then unquote each value."""
    headers = body.split(b"\n\n", 1)[0]
    pairs = []
    for line in headers.split(b"\n"):
        name, value = line.split(b": ", 1)
        text = "" if value == b"_undef_" else unquote_to_bytes(value).decode("utf-8", "replace")
        pairs.append((name.decode(), text))
    return pairs


# Captured events.


@pytest.mark.parametrize("scenario", captures.names())
def test_each_captured_event_decodes_as_the_obvious_decoder_says(scenario):
    for frame in frames(scenario, "text/event-plain"):
        event = frame.event()
        wanted = obviously(frame.body)
        assert event.items() == wanted
        assert len(event) == len(wanted)
        first: dict[str, str] = {}
        for name, value in wanted:
            first.setdefault(name, value)
        for name, value in first.items():
            assert name in event
            assert event.get(name) == value
        assert event.name == first["Event-Name"]
        assert event.unique_id == first.get("Unique-ID", "")
        assert event.subclass == first.get("Event-Subclass", "")
        assert event.timestamp_us == int(first["Event-Date-Timestamp"])


def test_an_array_is_one_value_in_freeswitch_s_own_form():
    parked = next(event for event in events("01") if event.name == "CHANNEL_PARK")
    assert parked.get("variable_DP_MATCH") == "ARRAY::queue_support|:support"
    assert parked.get("variable_cc_queue") == "support"


def test_the_result_of_a_job_is_the_body_of_its_event():
    results = [event.body for s in captures.names() for event in events(s) if event.name == "BACKGROUND_JOB"]
    assert len(results) == 25
    assert all(body.startswith((b"+OK", b"-ERR ")) and body.endswith(b"\n") for body in results)
    assert b"-ERR USER_BUSY\n" in results


def test_mod_callcenter_s_events_have_their_subclass():
    custom = [event for event in events("19") if event.name == "CUSTOM"]
    assert {event.subclass for event in custom} == {"callcenter::info"}


def test_json_events_give_what_the_same_event_gives_in_plain():
    first, last = (frame.event() for frame in frames("16", "text/event-json"))
    assert (first.name, last.name) == ("CHANNEL_PARK", "CHANNEL_HANGUP_COMPLETE")
    assert first.get("variable_DP_MATCH") == "ARRAY::queue_support|:support"
    assert first.get("variable_rtp_local_sdp_str").startswith("v=0\r\no=FreeSWITCH ")
    assert first.timestamp_us == 1795293377388763
    for frame in frames("16", "text/event-json"):
        members = json.loads(frame.body)
        text = {name: value for name, value in members.items() if isinstance(value, str)}
        event = frame.event()
        assert {name: event.get(name) for name in text} == text
        assert {name for name, _ in event.items()} == set(members)


def test_a_dump_of_a_channel_decodes_like_its_events():
    (dump,) = [f.body for f in frames("11", "api/response") if f.body.startswith(b'{"Event-Name"')]
    event = Event.from_json(dump)
    assert event.name == "CHANNEL_DATA"
    assert event.get("variable_cc_position") == "3"


# What a hostile caller can write (A1 to A3).


def test_a1_a_name_with_an_encoded_newline_stays_a_name():
    event = Event.from_plain(
        b"Event-Name: CHANNEL_PARK\nCaller-Caller-ID-Name: x%0AUnique-ID: 6666\nUnique-ID: "
        + UUID.encode()
        + b"\n\n"
    )
    assert event.unique_id == UUID
    assert event.get("Caller-Caller-ID-Name") == "x\nUnique-ID: 6666"


def test_a1_a_literal_percent_sequence_can_t_be_told_apart_and_stays_in_its_value_all_the_same():
    event = Event.from_plain(plain(Event_Name="CHANNEL_PARK", Caller_Caller_ID_Name="x\nUnique-ID: 6666"))
    assert event.unique_id == ""
    assert event.get("Caller-Caller-ID-Name") == "x\nUnique-ID: 6666"


def test_a2_an_encoded_blank_line_makes_no_body():
    event = Event.from_plain(
        b"Event-Name: CHANNEL_PARK\nCaller-Caller-ID-Name: x%0A%0AContent-Length: 5\nUnique-ID: 1\n\n"
    )
    assert (event.body, event.unique_id, "Content-Length" in event) == (b"", "1", False)


@pytest.mark.parametrize("separator", ["\n", "\r\n", "\r", "\u2028", "\u2029", "\u0085", "\v", "\f", "\x1c"])
def test_a3_no_line_separator_of_any_kind_ends_a_value(separator):
    text = f"1001{separator}Event-Name: CHANNEL_HANGUP"
    event = Event.from_plain(plain(Caller_Caller_ID_Number=text, Event_Name="CHANNEL_PARK"))
    assert event.name == "CHANNEL_PARK"
    assert event.get("Caller-Caller-ID-Number") == text
    if separator not in {"\n", "\r\n"}:  # unencoded too, where Python's splitlines() would split
        raw = f"Caller-Caller-ID-Number: {text}\nEvent-Name: CHANNEL_PARK\n\n".encode()
        assert Event.from_plain(raw).name == "CHANNEL_PARK"


def test_the_switch_s_own_header_wins_over_a_later_one_of_the_same_name():
    event = Event.from_plain(b"Unique-ID: 1\nvariable_x: y\nUnique-ID: 6666\n\n")
    assert event.unique_id == "1"
    assert event.items()[2] == ("Unique-ID", "6666"), "a trace shows both"


def test_a_header_name_is_exact():
    event = Event.from_plain(b"variable_cc_queue: support\n\n")
    for name in ("variable_cc_Queue", "cc_queue", "variable_cc_queue ", "variable_cc_queue:", "", "\ud800"):
        assert event.get(name) is None
        assert event.raw(name) is None
        assert name not in event


def test_values_of_callers_show_in_no_log():
    assert repr(Event.from_plain(plain(Event_Name="CHANNEL_PARK", Caller_ANI="15551"))) == (
        '<Event "CHANNEL_PARK", 2 headers>'
    )


# Bytes that no switch should send (A25).


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("caf%C3%A9", "café"),
        ("%e2%82%ac", "€"),
        ("a+b", "a+b"),
        ("100%", "100%"),
        ("%zz%4", "%zz%4"),
        ("%%41", "%A"),
        ("%2541", "%41"),
        ("%00", "\0"),
        ("_undef_", ""),
        ("%5Fundef_", "_undef_"),
        ("", ""),
    ],
)
def test_percent_decoding(value, text):
    assert Event.from_plain(f"A: {value}\n\n".encode()).get("A") == text


@pytest.mark.parametrize("value", [b"Andr\xe9", b"Andr%E9", b"%ED%A0%80", b"\xc0\xaf", b"%F5%80%80%80"])
def test_bytes_that_are_no_text_are_shown_as_such_and_kept(value):
    event = Event.from_plain(b"A: " + value + b"\n\n")
    assert event.raw("A") == unquote_to_bytes(value)
    assert "\ufffd" in event.get("A")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b"", "no headers", id="nothing"),
        pytest.param(b"\n", "no headers", id="blank line only"),
        pytest.param(b"Event-Name: X\nnonsense\n\n", "line 2 is not", id="no colon"),
        pytest.param(b"Event-Name: X\n: y\n\n", "line 2 is not", id="no name"),
        pytest.param(b"Event-Name:X\n\n", "line 1 is not", id="no space"),
        pytest.param(b"Event-Name: X\nUnique-ID: fce", "line 2 has no end", id="cut off"),
        pytest.param(b"Event-Name: X\0\n\n", "NUL", id="NUL"),
        pytest.param(b"Event-Name: X\n\nrest", "should have 0 bytes and has 4", id="body without length"),
        pytest.param(b"Content-Length: 5\n\n+OK", "should have 5 bytes and has 3", id="body too short"),
        pytest.param(b"Content-Length: 2\n\n+OK", "should have 2 bytes and has 3", id="body too long"),
        pytest.param(b"Content-Length: -1\n\n", "no decimal number", id="negative length"),
        pytest.param(b"Content-Length: 99999999999999999999\n\n", "has 0", id="huge length"),
    ],
)
def test_a_malformed_event_is_refused_by_place(data, message):
    with pytest.raises(EventError, match=message):
        Event.from_plain(data)


def test_a_missing_blank_line_is_no_fault_when_there_is_no_body():
    assert Event.from_plain(b"Event-Name: X\n").name == "X"


def test_a_job_s_output_may_have_any_bytes():
    body = bytes(range(256)) + b"\n\nUnique-ID: 6666\n"
    event = Event.from_plain(b"Event-Name: BACKGROUND_JOB\nContent-Length: %d\n\n" % len(body) + body)
    assert event.body == body
    assert event.unique_id == ""


def test_ten_thousand_headers_are_an_event_and_a_hundred_thousand_are_none():
    lines = b"".join(b"variable_%d: %d\n" % (number, number) for number in range(10_000))
    event = Event.from_plain(lines + b"\n")
    assert len(event) == 10_000
    assert event.get("variable_9999") == "9999"
    with pytest.raises(EventError, match="more than 65536 headers"):
        Event.from_plain(lines * 10)


def test_a_value_of_a_mebibyte():
    event = Event.from_plain(b"A: " + b"%41" * (1 << 20) + b"\nB: c\n\n")
    assert event.get("A") == "A" * (1 << 20)
    assert event.get("B") == "c"


def test_an_event_of_over_64_mebibytes_is_refused():
    data = b"A: " + b"x" * (64 << 20) + b"\n"
    for decode in (Event.from_plain, Event.from_json):
        with pytest.raises(EventError, match="over the limit"):
            decode(data)


def test_reading_a_header_of_a_large_event_takes_microseconds():
    event = Event.from_plain(b"A: x\n" + b"variable_abc: y\n" * 60_000 + b"variable_zzz: z\n\n")
    begin = time.process_time()
    for _ in range(1000):
        event.get("variable_zzz")
        event.get("variable_xyz")
    assert time.process_time() - begin < 1


DEEP = 10_000


@pytest.mark.parametrize(
    "data",
    [
        b"", b"{", b"[]", b'"A"', b"null", b'{"A":"1"}x', b'{"A":"1",}', b'{"A":1}', b'{"A":NaN}',
        b'{"A":1e999}', b'{"A":null}', b'{"A":{"B":"C"}}', b'{"A":["B",["C"]]}', b'{"A":"\\ud8"}',
        b'{"A":"x', b"{'A':'1'}", b"\xef\xbb\xbf{}",
        pytest.param(b"[" * DEEP + b"]" * DEEP, id="10 000 arrays"),
        pytest.param(b'{"A":' * DEEP + b'"x"' + b"}" * DEEP, id="10 000 objects"),
        pytest.param(b'{"A":' + b"[" * DEEP + b"]" * DEEP + b"}", id="10 000 arrays in a value"),
    ],
)  # fmt: skip
def test_json_of_another_shape_is_refused_by_place(data):
    with pytest.raises(EventError, match=r"not a JSON object .* at line \d+ column \d+"):
        Event.from_json(data)


def test_an_empty_json_object_is_no_event():
    with pytest.raises(EventError, match="no headers"):
        Event.from_json(b"{}")


def test_of_two_json_members_the_first_counts_and_of_two_bodies_the_last():
    event = Event.from_json(
        b'{"Unique-ID":"1","_body":"forged","Unique-ID":"6666","Content-Length":"3","_body":"+OK"}'
    )
    assert event.unique_id == "1"
    assert event.body == b"+OK"
    assert "_body" not in event


def test_json_text_is_not_percent_decoded():
    event = Event.from_json(b'{"A":"%41","B":"x\\u0000\\u20ac","C":[],"D":["a","b"]}')
    assert dict(event.items()) == {"A": "%41", "B": "x\0€", "C": "ARRAY::", "D": "ARRAY::a|:b"}


def test_half_a_surrogate_pair_loses_no_event():
    event = Event.from_json(b'{"Event-Name":"X","A":"a\\ud800b","B":"\\udc00\\ud83d\\ude00"}')
    assert event.name == "X"
    assert event.get("A").replace("\ufffd", "") == "ab"
    assert event.get("B").endswith("😀")


def test_json_with_bytes_that_are_no_text():
    event = Event.from_json(b'{"A":"Andr\xe9"}')
    assert (event.get("A"), event.raw("A")) == ("Andr\ufffd", b"Andr\xe9")


def is_refused_or_holds_together(decode, data: bytes) -> bool:
    """Whether it is an `EventError` or an event that answers for each header it shows; all else raises."""
    try:
        event = decode(data)
    except EventError:
        return True
    items = event.items()
    # Bytes that are no text: shown as U+FFFD, and not to be asked for by that.
    names = [name for name, _value in items if "\ufffd" not in name]
    return len(items) == len(event) and all(
        name in event and event.get(name) is not None and event.raw(name) is not None for name in names
    )


@given(data=st.binary(max_size=200))
def test_random_bytes_are_an_event_or_an_event_error(data):
    for decode in (Event.from_plain, Event.from_json):
        assert is_refused_or_holds_together(decode, data)


@given(
    at=st.integers(0, 4000),
    damage=st.sampled_from([b"", b"\n", b"\n\n", b"\0", b"%", b": ", b"\xff", b'"', b"{", b"\\ud800"]),
    removed=st.integers(0, 30),
    kind=st.sampled_from([("16", "text/event-json"), ("02", "text/event-plain")]),
)
def test_damaged_real_events_are_an_event_or_an_event_error(at, damage, removed, kind):
    body = frames(*kind)[0].body
    damaged = body[:at] + damage + body[at + removed :]
    for decode in (Event.from_plain, Event.from_json):
        assert is_refused_or_holds_together(decode, damaged)


@given(
    headers=st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9_:-]{0,30}", fullmatch=True), st.text(), min_size=1
    )
)
@settings(max_examples=40)
def test_whatever_is_written_in_freeswitch_s_form_is_read_back(headers):
    wire = "".join(f"{name}: {quote(value, safe='') or '_undef_'}\n" for name, value in headers.items())
    event = Event.from_plain(wire.encode() + b"\n")
    assert event.items() == list(headers.items())
    assert all(event.get(name) == value for name, value in headers.items())


# Lifetime and threads.


def test_an_event_outlives_its_frame_and_parser():
    event = frames("17", "text/event-plain")[0].event()
    gc.collect()
    assert event.get("Session-Peak-Max") == "1390"


def test_threads_may_share_an_event_and_a_parser():
    parser = FrameParser()
    stream = captures.server_bytes("17")
    counts: list[int] = []

    def read() -> None:
        counts.extend(len(parser.feed(stream)) for _ in range(200))

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [6] * 800
