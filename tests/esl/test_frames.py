"""Cutting the byte stream into frames: what a real switch sends, what a hostile one could, and what the
same bytes do to greenswitch 0.0.19."""

import io
import itertools
import time
import warnings
from dataclasses import dataclass, field

import pytest
from esl import captures
from gevent.event import AsyncResult
from gevent.queue import Queue
from greenswitch.esl import ESLEvent, InboundESL
from hypothesis import example, given, settings
from hypothesis import strategies as st

from py_callcenter._router import EventError, Frame, FrameError, FrameParser

pytestmark = pytest.mark.esl

AUTH = b"Content-Type: auth/request\n\n"
REPLY = b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n"


def parse(stream: bytes) -> list[Frame]:
    return FrameParser().feed(stream)


def shape(frames: list[Frame]) -> list[tuple[str, bytes]]:
    return [(frame.content_type, frame.body) for frame in frames]


def expected_shape(scenario: str) -> list[tuple[str, bytes]]:
    """Frames as the recorder separated them: one chunk each."""
    shapes = []
    for chunk in captures.load(scenario):
        if chunk.direction == "server":
            envelope, body = chunk.data.split(b"\n\n", 1)
            headers = dict(line.split(b": ", 1) for line in envelope.split(b"\n"))
            shapes.append((headers[b"Content-Type"].decode(), body))
    return shapes


# What a real switch sends.


@pytest.mark.parametrize("scenario", captures.names())
def test_a_captured_conversation_is_cut_as_it_was_sent(scenario):
    parser = FrameParser()
    frames = parser.feed(captures.server_bytes(scenario))
    assert shape(frames) == expected_shape(scenario)
    assert parser.pending_bytes == 0
    assert frames[0].content_type == "auth/request"
    assert frames[-1].content_type == "text/disconnect-notice"


@pytest.mark.parametrize("scenario", captures.names())
def test_a_conversation_that_comes_byte_by_byte_gives_the_same_frames(scenario):
    feed = FrameParser().feed
    frames = []
    for byte in captures.server_bytes(scenario):
        frames += feed(bytes((byte,)))
    assert shape(frames) == expected_shape(scenario)


@given(cuts=st.lists(st.integers(0, len(captures.server_bytes("02"))), max_size=300))
@settings(max_examples=50, deadline=None)
def test_no_fragmentation_changes_the_frames(cuts):
    stream = captures.server_bytes("02")
    edges = [0, *sorted(cuts), len(stream)]
    parser = FrameParser()
    frames = []
    for begin, end in itertools.pairwise(edges):
        frames += parser.feed(stream[begin:end])
    assert shape(frames) == expected_shape("02")


def test_envelope_headers_are_found_in_any_letter_case():
    frame = parse(b"Content-Type: command/reply\nReply-Text: +OK Job-UUID: 77\nJob-UUID: 77\n\n")[0]
    assert frame.header("Job-UUID") == frame.header("job-uuid") == "77"
    assert frame.header("Reply-Text") == "+OK Job-UUID: 77"
    assert frame.header("Reply") is None
    assert frame.header("\ud800") is None


def test_a_carriage_return_before_the_line_feed_is_dropped():
    frame = parse(b"Content-Type: command/reply\r\nReply-Text: +OK\r\n\r\n")[0]
    assert (frame.content_type, frame.header("Reply-Text")) == ("command/reply", "+OK")


def test_pending_bytes_tell_that_a_frame_is_unfinished():
    parser = FrameParser()
    assert parser.feed(b"Content-Length: 5\nContent-Type: api/response\n\n+OK") == []
    assert parser.pending_bytes == 49
    assert [frame.body for frame in parser.feed(b" y" + AUTH)] == [b"+OK y", b""]
    assert parser.pending_bytes == 0


def test_a_frame_shows_no_content_in_logs():
    frame = parse(b"Content-Length: 7\nContent-Type: api/response\n\n+155512")[0]
    assert repr(frame) == '<Frame "api/response", 7 bytes of body>'


@pytest.mark.parametrize("content_type", ["api/response", "command/reply", "log/data", "text/event-xml"])
def test_a_frame_that_carries_no_event_says_so(content_type):
    frame = parse(f"Content-Length: 0\nContent-Type: {content_type}\n\n".encode())[0]
    with pytest.raises(EventError, match="neither text/event-plain nor text/event-json"):
        frame.event()


# A hostile or broken switch (A26).


@pytest.mark.parametrize(
    ("block", "message"),
    [
        pytest.param(b"Content-Length: -1\n", "no decimal number", id="negative"),
        pytest.param(b"Content-Length: +5\n", "no decimal number", id="signed"),
        pytest.param(b"Content-Length: abc\n", "no decimal number", id="text"),
        pytest.param(b"Content-Length: \n", "no decimal number", id="empty"),
        pytest.param(b"Content-Length: 1_0\n", "no decimal", id="underscore, which int() takes"),
        pytest.param("Content-Length: ٥\n".encode(), "no decimal", id="Arabic digit, which int() takes"),
        pytest.param(b"Content-Length: 9223372036854775808\n", "over the limit of 16777216", id="2^63"),
        pytest.param(b"Content-Length: 18446744073709551617\n", "over the limit", id="2^64+1"),
        pytest.param(b"Content-Length: 16777217\n", "over the limit", id="one over the limit"),
        pytest.param(b"Content-Length: 5\nContent-length: 5\n", "Length given twice", id="two lengths"),
        pytest.param(b"Content-Type: a\nContent-Type: a\n", "Content-Type given twice", id="two types"),
        pytest.param(b"Content-Length : 5\n", "header name", id="space before the colon"),
        pytest.param(b"A: b\n Content-Length: 5\n", "line 2: the header name", id="folded line"),
        pytest.param(b": value\n", "header name", id="no name"),
        pytest.param(b"-ERR no reply\n", "no colon", id="no colon"),
        pytest.param(b"A: x\0y\n", "NUL", id="NUL"),
        pytest.param(b"\n", "without Content-Type", id="blank line only"),
        pytest.param(b"Reply-Text: +OK\n\n", "without Content-Type", id="no type"),
        pytest.param(b"Content-Type: api/response\n\n", "needs a Content-L", id="reply without length"),
        pytest.param(b"Content-Type: text/event-plain\n\n", "needs a Content-L", id="event without length"),
        pytest.param(b"Content-Type: text/rude-rejection\n\n", "needs a Content-L", id="rejection likewise"),
    ],
)
def test_broken_framing_ends_the_connection(block, message):
    parser = FrameParser()
    parser.feed(AUTH)
    with pytest.raises(FrameError, match=message) as caught:
        parser.feed(block)
    assert str(caught.value).startswith("frame 2 of this connection, header line ")
    with pytest.raises(FrameError, match=message):
        parser.feed(AUTH)
    assert parser.pending_bytes == 0


def test_an_error_message_quotes_nothing_that_was_received():
    for stream in (b"secret-name\n", b"Content-Length: secret\n", b"secret name: x\n"):
        with pytest.raises(FrameError) as caught:
            parse(stream)
        assert "secret" not in str(caught.value)


def test_an_endless_header_line_is_cut_off():
    parser = FrameParser(max_header_bytes=1000)
    for byte in b"A: " + b"x" * 997:
        parser.feed(bytes((byte,)))
    with pytest.raises(FrameError, match="over the limit of 1000 bytes"):
        parser.feed(b"x")


def test_endless_header_lines_are_cut_off():
    parser = FrameParser()
    parser.feed(b"A: b\n" * 4096)
    with pytest.raises(FrameError, match="more than 4096 header lines"):
        parser.feed(b"A: b\n")


def test_a_body_may_have_any_bytes_and_is_taken_to_the_last():
    body = bytes(range(256)) + b"\n\nContent-Type: command/reply\n\n"
    frames = parse(b"Content-Type: api/response\nContent-Length: %d\n\n" % len(body) + body + REPLY)
    assert shape(frames) == [("api/response", body), ("command/reply", b"")]


def test_a_large_body_in_small_pieces_costs_no_more_than_its_length():
    # 16 MiB in 1 KiB pieces: anything quadratic moves over 100 GB here.
    size = 16 << 20
    piece = b"x" * 1024
    parser = FrameParser()
    parser.feed(b"Content-Type: api/response\nContent-Length: %d\n\n" % size)
    begin = time.process_time()
    for _ in range(size // len(piece) - 1):
        assert parser.feed(piece) == []
    (frame,) = parser.feed(piece)
    assert len(frame.body) == size
    assert time.process_time() - begin < 3


def test_a_long_header_byte_by_byte_costs_no_more_than_its_length():
    # A megabyte: looking again at what was there already would be 500 GB.
    parser = FrameParser(max_header_bytes=2 << 20)
    begin = time.process_time()
    for byte in b"A: " + b"x" * (1 << 20) + b"\n" + AUTH:
        frames = parser.feed(bytes((byte,)))
    assert len(frames) == 1
    assert time.process_time() - begin < 3


@given(pieces=st.lists(st.binary(max_size=60), max_size=20))
def test_random_bytes_give_frames_or_a_frame_error(pieces):
    parser = FrameParser()
    try:
        for piece in pieces:
            assert all(frame.content_type for frame in parser.feed(piece))
    except FrameError:
        with pytest.raises(FrameError):  # and nothing that follows is believed
            parser.feed(b"Content-Type: auth/request\n\n")


@given(
    at=st.integers(0, len(captures.server_bytes("18")) - 1),
    damage=st.sampled_from([b"", b"\n", b"\n\n", b"\0", b":", b"9", b"\xff", b"Content-Length: 3\n"]),
    removed=st.integers(0, 40),
)
@example(at=0, damage=b"\n", removed=0)
def test_damaged_real_bytes_give_frames_or_a_frame_error(at, damage, removed):
    stream = captures.server_bytes("18")
    parser = FrameParser()
    try:
        assert all(frame.content_type for frame in parser.feed(stream[:at] + damage + stream[at + removed :]))
    except FrameError:
        with pytest.raises(FrameError):
            parser.feed(stream)


def test_only_bytes_are_taken():
    with pytest.raises(TypeError):
        FrameParser().feed("Content-Type: a\n\n")  # type: ignore[arg-type]


# The same bytes, read by greenswitch's receive loop and by ours.


class StillReadingError(Exception):
    """greenswitch keeps on reading a connection that has ended."""


class EndedConnection(io.BytesIO):
    """The receiving end of a socket: after the last byte each read gives nothing, as at EOF."""

    def __init__(self, stream: bytes) -> None:
        super().__init__(stream)
        self.empty_reads = 0

    def read(self, size=-1):
        data = super().read(size)
        if not data:
            self.empty_reads += 1
            if self.empty_reads > 50:
                raise StillReadingError
        return data


@dataclass
class FakeSocket:
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class Greenswitch:
    """What greenswitch made of a stream."""

    events: list[ESLEvent] = field(default_factory=list)
    replies: list[ESLEvent] = field(default_factory=list)
    died_of: type[BaseException] | None = None
    connected: bool = True
    closed: bool = False


def greenswitch(stream: bytes, *, commands: int = 0) -> Greenswitch:
    """Run the receive loop of greenswitch on `stream` with `commands` commands waiting for a reply."""
    client = InboundESL("127.0.0.1", 8021, "ClueCon")
    client.connected = True
    client.sock = FakeSocket()
    client.sock_file = EndedConnection(stream)
    waiting = [AsyncResult() for _ in range(commands)]
    client._commands_sent = list(waiting)
    queue: Queue = client._esl_event_queue
    result = Greenswitch()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it calls logging.warn
        try:
            client.receive_events()
        except Exception as error:  # noqa: BLE001  (whatever kills its reader is the finding)
            result.died_of = type(error)
    while not queue.empty():
        result.events.append(queue.get())
    result.replies = [reply.get() for reply in waiting if reply.ready()]
    result.connected = client.connected
    result.closed = client.sock.closed
    return result


def plain_event(body: bytes) -> bytes:
    return b"Content-Length: %d\nContent-Type: text/event-plain\n\n" % len(body) + body


def test_g1_a_display_name_forges_no_header():
    # Capture 15: the caller's SIP display name has the printable bytes %0A in it.
    theirs = greenswitch(captures.server_bytes("15"), commands=9).events
    forged = [event for event in theirs if event.headers.get("Unique-ID") == "6666"]
    assert forged, "greenswitch takes the caller's text for the channel's id"
    assert any(event.headers["Event-Name"].startswith("CHANNEL_HANGUP ") for event in forged)
    assert all(event.headers["Event-Name"] != "CHANNEL_CREATE" for event in forged)

    ours = [
        frame.event()
        for frame in parse(captures.server_bytes("15"))
        if frame.content_type == "text/event-plain"
    ]
    evil = [event for event in ours if "Evil" in (event.get("Caller-Caller-ID-Name") or "")]
    assert len(evil) >= len(forged)
    assert all(event.unique_id != "6666" for event in ours)
    assert any(event.name == "CHANNEL_CREATE" for event in evil)
    assert all("Evil\nUnique-ID: 6666" in (event.get("Caller-Caller-ID-Name") or "") for event in evil)


def test_g2_a_block_without_a_header_is_a_framing_error():
    stream = b"garbage\n\n"
    theirs = greenswitch(stream)
    assert theirs.died_of is AttributeError
    assert theirs.connected, "and nobody is told"

    with pytest.raises(FrameError, match="no colon"):
        parse(stream)


def test_g3_an_empty_value_does_not_leak_into_its_neighbour():
    stream = b"Content-Type: command/reply\nReply-Text: \n\n" + REPLY
    theirs = greenswitch(stream, commands=2)
    assert theirs.died_of is KeyError, "it reads the type as 'command/reply\\nReply-Text:'"
    assert theirs.replies == []

    first, second = parse(stream)
    assert (first.content_type, first.header("Reply-Text")) == ("command/reply", "")
    assert second.header("Reply-Text") == "+OK accepted"


def test_g4_the_body_of_an_event_is_no_header():
    # Capture 02: BACKGROUND_JOB of an originate that was answered.
    stream = captures.server_bytes("02")
    theirs = [
        event
        for event in greenswitch(stream, commands=12).events
        if event.headers.get("Event-Name") == "BACKGROUND_JOB"
    ]
    assert theirs[0].headers["Content-Length"] == "41\n\n+OK 47cd395f-bc16-41ce-a629-fe39699a6553"

    jobs = [
        event
        for event in (f.event() for f in parse(stream) if f.content_type == "text/event-plain")
        if event.name == "BACKGROUND_JOB"
    ]
    assert jobs[0].body == b"+OK 47cd395f-bc16-41ce-a629-fe39699a6553\n"
    assert jobs[0].get("Content-Length") == "41"


def test_g4_a_job_that_prints_headers_forges_none():
    body = b"Unique-ID: 6666\nContent-Type: command/reply\n"
    event = b"Event-Name: BACKGROUND_JOB\nJob-UUID: 77\nContent-Length: %d\n\n" % len(body) + body
    theirs = greenswitch(plain_event(event)).events[0]
    assert theirs.headers["Unique-ID"] == "6666"
    assert theirs.headers["Content-Type"] == "command/reply", "even the envelope is overwritten"

    (frame,) = parse(plain_event(event))
    assert frame.content_type == "text/event-plain"
    ours = frame.event()
    assert (ours.unique_id, ours.body) == ("", body)


def test_g5_json_events_are_events():
    stream = captures.server_bytes("16")
    theirs = greenswitch(stream, commands=9)
    assert theirs.died_of is not None or all("Unique-ID" not in e.headers for e in theirs.events)

    ours = [f.event() for f in parse(stream) if f.content_type == "text/event-json"]
    assert [event.name for event in ours] == ["CHANNEL_PARK", "CHANNEL_HANGUP_COMPLETE"]
    assert all(len(event.unique_id) == 36 for event in ours)


def test_g6_freeswitch_s_word_for_an_empty_value_is_an_empty_value():
    stream = plain_event(b"Event-Name: CUSTOM\nvariable_cc_queue: _undef_\n\n")
    assert greenswitch(stream).events[0].headers["variable_cc_queue"] == "_undef_"
    assert parse(stream)[0].event().get("variable_cc_queue") == ""


def test_g7_a_name_in_latin_1_does_not_end_the_connection():
    stream = b"Content-Type: command/reply\nReply-Text: +OK Andr\xe9\n\n" + REPLY
    theirs = greenswitch(stream, commands=2)
    assert theirs.closed, "greenswitch hangs up without a word"
    assert theirs.replies == []

    first, second = parse(stream)
    assert first.header("Reply-Text") == "+OK Andr�"
    assert second.header("Reply-Text") == "+OK accepted"


def test_g8_a_body_in_latin_1_is_handed_on():
    stream = b"Content-Type: api/response\nContent-Length: 5\n\nAndr\xe9" + REPLY
    theirs = greenswitch(stream, commands=2)
    assert theirs.died_of is UnicodeDecodeError
    assert theirs.connected, "commands wait for ever on a socket that looks alive"
    assert theirs.replies == []

    assert shape(parse(stream)) == [("api/response", b"Andr\xe9"), ("command/reply", b"")]


@pytest.mark.parametrize(
    ("block", "death"),
    [
        pytest.param(b"Event-Name: X\n\n", KeyError, id="no Content-Type"),
        pytest.param(b"Content-Type: api/response\nContent-Length: x\n\n", ValueError, id="no number"),
        pytest.param(b"Content-Type: text/event-plain\n\n", KeyError, id="no length"),
    ],
)
def test_g9_a_bad_block_is_an_error_that_the_client_sees(block, death):
    theirs = greenswitch(block)
    assert (theirs.died_of, theirs.connected) == (death, True)

    with pytest.raises(FrameError):
        parse(block)


def test_g9_a_reply_that_nobody_waits_for_is_a_frame_like_any_other():
    assert greenswitch(REPLY + REPLY, commands=1).died_of is IndexError
    assert len(parse(REPLY + REPLY)) == 2


def test_g11_the_end_of_the_connection_inside_a_body_is_no_busy_loop():
    stream = b"Content-Type: api/response\nContent-Length: 100\n\n+OK"
    assert greenswitch(stream, commands=1).died_of is StillReadingError

    parser = FrameParser()
    assert parser.feed(stream) == []
    assert parser.feed(b"") == []
    assert parser.pending_bytes == len(stream), "the client knows that a frame was cut off"


def test_g12_the_body_of_a_disconnect_notice_is_read():
    body = b"Disconnected, but lingering.\n"
    stream = (
        b"Content-Type: text/disconnect-notice\nContent-Disposition: linger\nLinger-Time: 5\n"
        b"Content-Length: %d\n\n" % len(body) + body + REPLY
    )
    theirs = greenswitch(stream, commands=1)
    assert theirs.died_of is AttributeError, "it takes the text for headers, and the reply with it"
    assert theirs.replies == []

    notice, reply = parse(stream)
    assert (notice.content_type, notice.body) == ("text/disconnect-notice", body)
    assert notice.header("Content-Disposition") == "linger"
    assert reply.header("Reply-Text") == "+OK accepted"
