"""The simulated switch against 25 conversations with a real FreeSWITCH 1.11.1.

What people and the client did is replayed (`replay.py`); what the switch wrote is compared:

| what | how |
|---|---|
| replies | all, in order, byte for byte but for uuids and counters; some answers of a machine are named below |
| events of one leg, one job, the switch itself | the same events in the same order, all of them |
| header names | of every event, the same names in the same order |
| header values | all but moments, ports, tags and random names (`VOLATILE`); uuids are mapped |
| events of different threads | in the order of the capture where it had them 40 ms or more apart |
| reply and event | events of a command never before the command; else either first (pokes decide) |

| capture | what differs, and why |
|---|---|
| 01 07 13 17 23 | HEARTBEAT: its moment and its counters are those of another machine |
| 11 18 | `uuid_dump json` and `show … as json`: the same members in the same order, values as above |
| 18 | answers that describe a machine (`status`, `version`'s build, `global_getvar` in full, `sofia status`) are compared by kind; `module_exists mod_callcenter` is `false`: the product replaces that module |
| 19 | mod_callcenter itself isn't modelled: no `callcenter::info`, and `callcenter_config` is no command; what remains (handshake, subscription, shape of answers, a CUSTOM subclass) is compared |
| 12 | eavesdrop is modelled as far as a controller sees it: its events, not its sound |
| 22 | that switch had no sound files, so hold music ends at once with FILE NOT FOUND (`sounds=False`) |
"""  # noqa: E501 - tables

import json
import re

import pytest
from esl import captures
from sim.replay import UUID, Capture, Frame, replay

pytestmark = pytest.mark.sim

CALL_FLOWS = [name for name in captures.names() if name[:2] not in {"16", "17", "18", "19"}]
APART_US = 40_000

# Moments, durations, counters, ports, tags, session descriptions: another run has others.
VOLATILE = re.compile(
    r"Core-UUID|FreeSWITCH-IPv.|Event-Date-.*|Event-Sequence|(Caller|Other-Leg)-.*-Time"
    r"|Caller-Channel-(Last-Hold|Hold-Accum)|Application-UUID|Job-UUID|Up-Time|Uptime-msec|Idle-CPU"
    r"|Session-(Count|Per-Sec-(Last|Max|FiveMin)|Since-Startup|Peak-.*)"
    r"|variable_(session_id|sip_(call_id|from_tag|to_tag|invite_stamp|full_.*|recover_via|cseq)"
    r"|sip_(network|received|contact|via|from)_port|(local|remote)_media_port|rtp_use_ssrc"
    r"|switch_[rm]_sdp|rtp_local_sdp_str|.*_u?epoch|.*_stamp|hold_events|hold_accum_.*"
    r"|playback_.*|record_(file_size|samples|ms|seconds)|rtp_audio_.*"
    r"|[mu]?duration|[a-z_]*?[mu]?sec|bill[mu]?sec)"
)
PORT = re.compile(r"(127\.0\.0\.1):5[1-9]\d\d")


def threads(frames: list[Frame], jobs: dict[str, str]) -> dict[str, list[Frame]]:
    """Events by the thread that fired them; jobs by their number in order of appearance."""
    found: dict[str, list[Frame]] = {}
    for frame in frames:
        if frame.is_event and frame.get("Event-Name") != "HEARTBEAT":
            owner = frame.owner
            if frame.get("Job-UUID"):
                owner = jobs.setdefault(owner, f"job {len(jobs)}")
            found.setdefault(owner, []).append(frame)
    return found


def job_names(frames: list[Frame]) -> dict[str, str]:
    """Job-UUIDs in the order of their replies, for the switch makes some of them up."""
    names: dict[str, str] = {}
    for frame in frames:
        job = dict(frame.envelope).get("Job-UUID")
        if job:
            names[job] = f"job {len(names)}"
    return names


def brief(frame: Frame) -> str:
    parts = [frame.get(name) for name in ("Event-Name", "Application", "Channel-State", "Hangup-Cause")]
    return " ".join(part for part in parts if part)


def values(frame: Frame, known: set[str]) -> list[tuple[str, str]]:
    """Headers with everything left out that another run has otherwise."""

    def normal(name: str, value: str) -> str:
        if VOLATILE.fullmatch(name):
            return "*"
        value = UUID.sub(lambda m: m.group() if m.group() in known else "<uuid>", value)
        value = PORT.sub(r"\1:port", value)
        return re.sub(r"\b1\d{9}:", "<epoch>:", value) if "transfer" in name.lower() else value

    return [(name, normal(name, value)) for name, value in frame.headers]


def assert_same_events(capture: Capture, got: list[Frame]) -> None:
    known = set(capture.legs())
    expected = threads(capture.frames, job_names(capture.frames))
    actual = threads(got, job_names(got))
    assert sorted(actual) == sorted(expected)
    for owner, events in expected.items():
        assert [brief(event) for event in actual[owner]] == [brief(event) for event in events], owner
        for event, other in zip(events, actual[owner], strict=True):
            where = f"{owner} {brief(event)}"
            assert [name for name, _ in other.headers] == [name for name, _ in event.headers], where
            assert values(other, known) == values(event, known), where
            assert other.body == event.body, where


def assert_same_order(capture: Capture, got: list[Frame]) -> None:
    """Threads may overtake each other within two ticks of 20 ms, no further."""
    places: dict[tuple[str, int], int] = {}
    for owner, events in threads(got, job_names(got)).items():
        for number, event in enumerate(events):
            places[owner, number] = got.index(event)
    moments = []
    for owner, events in threads(capture.frames, job_names(capture.frames)).items():
        moments += [(event.stamp_us, owner, number) for number, event in enumerate(events)]
    for moment, owner, number in moments:
        for later, other, at in moments:
            if other != owner and later - moment >= APART_US:
                assert places[owner, number] < places[other, at], f"{owner} {number} before {other} {at}"


def replies(frames: list[Frame]) -> list[tuple[str, str]]:
    texts = []
    for frame in frames:
        if not frame.is_event:
            text = dict(frame.envelope).get("Reply-Text", "") + frame.body
            texts.append((frame.kind, UUID.sub("<uuid>", text)))
    return texts


@pytest.mark.parametrize("poked", [False, True], ids=["unpoked", "poked"])
@pytest.mark.parametrize("name", CALL_FLOWS)
def test_a_call_goes_as_it_went_on_the_real_switch(name, poked):
    capture, got = replay(name, poked=poked)
    assert_same_events(capture, got)
    assert_same_order(capture, got)
    if not name.startswith("11"):
        assert replies(got) == replies(capture.frames)


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", ["01", "02", "09", "21", "22", "24"])
def test_threads_that_wake_at_random_moments_change_nothing_of_it(name, seed):
    full = next(known for known in captures.names() if known.startswith(name))
    capture, got = replay(full, seed=seed, wake_us=None)
    expected = threads(capture.frames, job_names(capture.frames))
    actual = threads(got, job_names(got))
    for owner, events in expected.items():
        assert [brief(event) for event in actual[owner]] == [brief(event) for event in events]
    assert_same_order(capture, got)


def shape(value):
    """A JSON value without its leaves."""
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shape(member) for member in value]
    return type(value).__name__


def test_queries_about_a_caller_who_hears_music():
    capture, got = replay("11-moh-dtmf-queries")
    pairs = list(zip(replies(capture.frames), replies(got), strict=True))
    tables = 0
    for expected, actual in pairs:
        if expected[1].startswith("{"):
            left, right = json.loads(expected[1]), json.loads(actual[1])
            assert list(left) == list(right)
            assert shape(left) == shape(right)
            tables += 1
        else:
            assert actual == expected
    assert tables == 3


def test_a_dump_holds_the_same_values_as_the_real_one():
    capture, got = replay("11-moh-dtmf-queries")
    known = set(capture.legs())

    def dump(frames):
        body = next(frame.body for frame in frames if frame.body.startswith('{"Event-Name"'))
        pairs = tuple((name, str(value)) for name, value in json.loads(body).items())
        return values(Frame(0, "dump", (), pairs), known)

    assert dump(got) == dump(capture.frames)


def test_json_events_have_the_members_of_the_plain_ones():
    capture, got = replay("16-json-events")
    assert [frame.envelope[1:] for frame in got] == [frame.envelope[1:] for frame in capture.frames]
    assert_same_events(capture, got)


def test_the_switch_says_that_it_lives():
    capture, got = replay("17-heartbeat")
    beats = [
        next(frame for frame in frames if frame.get("Event-Name") == "HEARTBEAT")
        for frames in (capture.frames, got)
    ]
    names = [[name for name, _ in beat.headers] for beat in beats]
    assert names[1] == names[0]
    assert values(beats[1], set()) == values(beats[0], set())
    assert replies(got) == replies(capture.frames)


@pytest.mark.parametrize("name", ["01", "07", "13", "23"])
def test_heartbeats_between_other_events_are_whole_too(name):
    full = next(known for known in captures.names() if known.startswith(name))
    capture, got = replay(full)
    real = next(frame for frame in capture.frames if frame.get("Event-Name") == "HEARTBEAT")
    ours = next(frame for frame in got if frame.get("Event-Name") == "HEARTBEAT")
    assert [name for name, _ in ours.headers] == [name for name, _ in real.headers]


# Answers of `18` that describe the machine they ran on: only what is left of `|` must agree.
OF_A_MACHINE = {
    "api sched_api": "+OK Added: ",
    "api show channels": '{"row_count":1,"rows":[{"uuid":',
    "api sofia status": "                     Name\t   Type\t",
    "api strftime": "",
    "api global_getvar": "hostname=vm\n",
    "api create_uuid": "<uuid>",
    "api status": "UP 0 years, 0 days, 0 hours, ",
    "api show status": "UP 0 years, 0 days, 0 hours, ",
    "api uptime": "",
    "api module_exists mod_callcenter": "",
}


def test_replies_and_errors():
    capture, got = replay("18-replies-and-errors")
    commands = [data.decode().strip() for _, data in capture.written]
    expected, actual = replies(capture.frames)[1:], replies(got)[1:]
    assert len(actual) == len(expected)
    for command, left, right in zip(commands, expected, actual, strict=False):
        machine = next((text for start, text in OF_A_MACHINE.items() if command.startswith(start)), None)
        if machine is None:
            assert right == left, command
        else:
            assert right[0] == left[0], command
            assert right[1].startswith(machine), command
            assert left[1].startswith(machine), command


def test_the_table_of_channels_still_lists_the_dead_leg():
    capture, got = replay("18-replies-and-errors")

    def rows(frames):
        body = next(frame.body for frame in frames if frame.body.startswith('{"row_count":1'))
        return json.loads(body)["rows"][0]

    real, ours = rows(capture.frames), rows(got)
    assert list(ours) == list(real)
    volatile = {"uuid", "created", "created_epoch", "call_uuid"}
    assert {k: v for k, v in ours.items() if k not in volatile} == {
        k: v for k, v in real.items() if k not in volatile
    }


def test_a_switch_without_mod_callcenter():
    capture, got = replay("19-mod-callcenter-events")
    assert not [frame for frame in got if frame.is_event]
    expected, actual = replies(capture.frames), replies(got)
    assert [kind for kind, _ in actual] == [kind for kind, _ in expected]
    for real, ours in zip(expected, actual, strict=True):
        if real[0] == "api/response":
            assert ours[1] == "-ERR callcenter_config Command not found!\n"
        else:
            assert ours == real
