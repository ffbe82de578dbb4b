"""`queue_log` in app_queue's words, and its figures are those of the records."""

from __future__ import annotations

import pytest
from app.day import busy_day

from py_callcenter.engine import records as r
from py_callcenter.stats.queue_log import QueueLog

pytestmark = pytest.mark.unit

SECOND = 1_000_000
FIELDS = {
    "QUEUESTART": 1, "ENTERQUEUE": 3, "RINGNOANSWER": 1, "RINGCANCELED": 1, "CONNECT": 3, "ABANDON": 3,
    "EXITWITHTIMEOUT": 3, "EXITEMPTY": 3, "EXITWITHKEY": 4, "WITHDRAW": 4, "COMPLETECALLER": 3,
    "COMPLETEAGENT": 3, "BLINDTRANSFER": 5, "ATTENDEDTRANSFER": 5, "AGENTLOGIN": 1, "AGENTLOGOFF": 2,
    "PAUSEALL": 1, "UNPAUSEALL": 1,
}  # fmt: skip
"""How many data fields app_queue and app_agent_pool write after each verb."""


class Tape:
    def __init__(self):
        self.log = QueueLog()
        self.sequence = 0
        self.at_s = 1000
        self.at(r.CallOffered, call="x", queue="support")

    def at(self, kind, seconds=0, *, epoch=1, **fields):
        self.sequence += 1
        self.at_s += seconds
        record = kind(node="f", epoch=epoch, sequence=self.sequence, at_us=self.at_s * SECOND, **fields)
        return self.log.lines(record)


@pytest.fixture
def tape():
    return Tape()


WHERE = {"call": "c1", "queue": "support"}
LEG = {**WHERE, "leg": 1}


def entered(tape, position=3):
    return tape.at(r.QueueEntered, **LEG, priority=0, position=position)


def test_an_answered_call(tape):
    assert entered(tape) == ["1000|c1|support|NONE|ENTERQUEUE|||3"]
    offer = {**WHERE, "agent": "1000", "cause": ""}
    rings = {"outcome": "no_answer", "attempt": 1, "ring_us": 9_500_000}
    assert tape.at(r.OfferEnded, 12, **offer, **rings) == ["1012|c1|support|1000|RINGNOANSWER|9500"]
    assert tape.at(r.OfferEnded, 5, **offer, outcome="answered", attempt=2, ring_us=4 * SECOND) == []
    assert tape.at(r.CallAnswered, 1, **LEG, agent="1000", wait_us=17 * SECOND) == [
        "1018|c1|support|1000|CONNECT|17|c1/2|4"
    ]
    talk = {"agent": "1000", "talk_us": 61 * SECOND, "hold_us": 0, "transferred": False}
    assert tape.at(r.ConversationEnded, 60, **LEG, **talk, ended_by="caller") == [
        "1078|c1|support|1000|COMPLETECALLER|17|61|3"
    ]
    assert tape.at(r.CallEnded, call="c1", cause="X") == []
    assert not tape.log._legs


def test_a_caller_joined_to_an_agent_without_a_wait_has_no_line(tape):
    """For a tool that reads, no CONNECT would go with it."""
    entered(tape)
    talk = {"talk_us": 61 * SECOND, "hold_us": 0}
    first = tape.at(r.ConversationEnded, **LEG, **talk, agent="1000", ended_by="agent", transferred=True)
    assert [line.split("|")[4] for line in first] == ["BLINDTRANSFER"]
    other = {"call": "c1", "queue": "billing", "leg": 2, "agent": "2000"}
    assert tape.at(r.ConversationJoined, **other, after="c9") == []
    assert tape.at(r.ConversationEnded, **other, **talk, ended_by="caller", transferred=False) == []


def test_the_agent_hangs_up_or_transfers(tape):
    talk = {"agent": "1000", "talk_us": 5 * SECOND, "hold_us": 0, "ended_by": "agent"}
    entered(tape)
    assert tape.at(r.ConversationEnded, **LEG, **talk, transferred=False)[0].endswith("|COMPLETEAGENT|0|5|3")
    assert tape.at(r.ConversationEnded, **LEG, **talk, transferred=True)[0].endswith("|BLINDTRANSFER|||0|5|3")
    asked = tape.at(r.ConversationEnded, **LEG, **talk, transferred=True, attended=True)[0]
    assert asked.endswith("|ATTENDEDTRANSFER|BRIDGE||0|5|3")


@pytest.mark.parametrize(
    ("reason", "says"),
    [
        ("timeout", "EXITWITHTIMEOUT|2|3|40"),
        ("no-agent", "EXITEMPTY|2|3|40"),
        ("exit-key", "EXITWITHKEY|7|2|3|40"),
        ("moved", "WITHDRAW|2|3|40|moved"),
        ("diverted", "WITHDRAW|2|3|40|diverted"),
    ],
)
def test_ways_out(tape, reason, says):
    entered(tape)
    key = "7" if reason == "exit-key" else ""
    left = {"reason": reason, "target": "hangup", "position": 2, "key": key, "wait_us": 40 * SECOND}
    assert tape.at(r.CallLeft, 40, **LEG, **left) == [f"1040|c1|support|NONE|{says}"]


def test_who_hangs_up_while_a_phone_rings_cancels_it(tape):
    entered(tape)
    gone = {"wait_us": 8 * SECOND, "phase": "ringing", "position": 1}
    assert tape.at(r.CallAbandoned, 8, **LEG, **gone) == ["1008|c1|support|NONE|ABANDON|1|3|8"]
    tape.at(r.CallEnded, call="c1", cause="X")
    offer = {"agent": "1000", "attempt": 1, "outcome": "withdrawn", "cause": "", "ring_us": 2_500_000}
    assert tape.at(r.OfferEnded, **WHERE, **offer) == ["1008|c1|support|1000|RINGCANCELED|2500"]


@pytest.mark.parametrize(("reason", "verb"), [("exit-key", "RINGCANCELED"), ("timeout", "RINGNOANSWER")])
def test_who_leaves_while_a_phone_rings(tape, reason, verb):
    """The agent let it ring only if the caller's time was up."""
    entered(tape)
    left = {"reason": reason, "target": "x", "position": 1, "key": "2", "wait_us": 40 * SECOND}
    tape.at(r.CallLeft, 40, **LEG, **left)
    offer = {"agent": "1000", "attempt": 1, "outcome": "withdrawn", "cause": "", "ring_us": 7 * SECOND}
    assert tape.at(r.OfferEnded, **WHERE, **offer) == [f"1040|c1|support|1000|{verb}|7000"]


def test_a_phone_that_another_agent_was_quicker_than_has_no_line(tape):
    entered(tape)
    offer = {"agent": "1000", "attempt": 1, "outcome": "withdrawn", "cause": "", "ring_us": 7 * SECOND}
    assert tape.at(r.OfferEnded, **WHERE, **offer) == []


@pytest.mark.parametrize(
    ("to", "target", "says"),
    [
        ("extension", "voicemail@default", "voicemail|default"),
        ("extension", "voicemail", "voicemail|"),
        ("queue", "sales", "sales|queue"),
        ("agent", "2000@example.org", "2000@example.org|agent"),
        ("number", "", "|"),
    ],
)
def test_where_a_transfer_by_the_api_went(tape, to, target, says):
    entered(tape)
    tape.at(r.CallTransferred, **LEG, agent="1000", to=to, target=target)
    talk = {"agent": "1000", "talk_us": 5 * SECOND, "hold_us": 0, "ended_by": "agent"}
    line = tape.at(r.ConversationEnded, **LEG, **talk, transferred=True)[0]
    assert line.endswith(f"|BLINDTRANSFER|{says}|0|5|3")


TURNED_AWAY = pytest.mark.parametrize("reason", ["full", "expected-wait", "diverted"])


@TURNED_AWAY
def test_who_is_turned_away_at_once_has_no_line(tape, reason):
    assert entered(tape, position=0) == []
    left = {"reason": reason, "target": "hangup", "wait_us": 0}
    assert tape.at(r.CallLeft, **LEG, **left) == []
    assert tape.at(r.CallEnded, call="c1", cause="X") == []


@TURNED_AWAY
def test_who_is_turned_away_by_a_second_queue_has_no_line_of_it(tape, reason):
    """The first one is over; a phone of it that still rang has its line."""
    entered(tape)
    moved = {"reason": "exit-key", "key": "1", "target": "x", "wait_us": SECOND, "position": 3}
    assert tape.at(r.CallLeft, **LEG, **moved)[0].endswith("EXITWITHKEY|1|3|3|1")
    second = {"call": "c1", "queue": "sales", "leg": 2}
    assert tape.at(r.QueueEntered, **second, priority=0, position=0) == []
    assert tape.at(r.CallLeft, **second, reason=reason, target="hangup", wait_us=0) == []
    offer = {"agent": "1000", "attempt": 1, "outcome": "withdrawn", "cause": "", "ring_us": SECOND}
    assert tape.at(r.OfferEnded, **WHERE, **offer) == ["1000|c1|support|1000|RINGCANCELED|1000"]
    assert tape.at(r.CallAbandoned, **second, wait_us=0, phase="queued", position=0) == []


def test_a_call_that_an_earlier_run_left_goes_on(tape):
    """Who waited, from a place that isn't known any more; who talked, with the wait told then."""
    tape.log = QueueLog({"c1": ("support", 12_700_000), "c2": ("billing", 0)})
    talk = {"agent": "1000", "talk_us": 61 * SECOND, "hold_us": 0, "transferred": False}
    assert tape.at(r.ConversationEnded, **LEG, **talk, ended_by="agent") == [
        "1000|NONE|NONE|NONE|QUEUESTART|",
        "1000|c1|support|1000|COMPLETEAGENT|12|61|1",
    ]
    gone = {"call": "c2", "queue": "billing", "leg": 1, "wait_us": 30 * SECOND, "phase": "queued"}
    assert tape.at(r.CallAbandoned, 9, **gone, position=4) == ["1009|c2|billing|NONE|ABANDON|4|1|30"]


def test_every_verb_is_written_with_the_fields_that_app_queue_gives_it(tape):
    """One line a verb, read beside app_queue.c; times in seconds, RING… in milliseconds."""
    offer = {**WHERE, "agent": "1000", "cause": "", "attempt": 2}
    left = {**LEG, "target": "x", "position": 2, "wait_us": 40_900_000}
    talk = {**LEG, "agent": "1000", "talk_us": 61_200_000, "hold_us": 0}
    agent = {"agent": "1000", "reason": "set"}
    steps = [
        (entered(tape), "ENTERQUEUE", ["", "", "3"]),
        (tape.at(r.OfferEnded, **offer, outcome="busy", ring_us=0), "RINGNOANSWER", ["0"]),
        (tape.at(r.OfferEnded, **offer, outcome="answered", ring_us=4_900_000), "", []),
        (tape.at(r.CallAnswered, **LEG, agent="1000", wait_us=17_900_000), "CONNECT", ["17", "c1/2", "4"]),
        (
            tape.at(r.ConversationEnded, **talk, ended_by="caller", transferred=False),
            "COMPLETECALLER",
            ["17", "61", "3"],
        ),
        (
            tape.at(r.ConversationEnded, **talk, ended_by="agent", transferred=False),
            "COMPLETEAGENT",
            ["17", "61", "3"],
        ),
        (
            tape.at(r.ConversationEnded, **talk, ended_by="agent", transferred=True),
            "BLINDTRANSFER",
            ["", "", "17", "61", "3"],
        ),
        (
            tape.at(r.ConversationEnded, **talk, ended_by="agent", transferred=True, attended=True),
            "ATTENDEDTRANSFER",
            ["BRIDGE", "", "17", "61", "3"],
        ),
        (tape.at(r.CallLeft, **left, reason="timeout"), "EXITWITHTIMEOUT", ["2", "3", "40"]),
        (tape.at(r.CallLeft, **left, reason="no-agent"), "EXITEMPTY", ["2", "3", "40"]),
        (tape.at(r.CallLeft, **left, reason="exit-key", key="#"), "EXITWITHKEY", ["#", "2", "3", "40"]),
        (tape.at(r.CallLeft, **left, reason="transferred"), "WITHDRAW", ["2", "3", "40", "transferred"]),
        (
            tape.at(r.CallAbandoned, **LEG, wait_us=8 * SECOND, phase="ringing", position=1),
            "ABANDON",
            ["1", "3", "8"],
        ),
        (tape.at(r.OfferEnded, **offer, outcome="withdrawn", ring_us=2_500_900), "RINGCANCELED", ["2500"]),
        (tape.at(r.AgentStatusChanged, **agent, status="Available"), "AGENTLOGIN", ["1000"]),
        (tape.at(r.AgentStatusChanged, **agent, status="On Break"), "PAUSEALL", [""]),
        (tape.at(r.AgentStatusChanged, **agent, status="Available"), "UNPAUSEALL", [""]),
        (tape.at(r.AgentStatusChanged, 75, **agent, status="Logged Out"), "AGENTLOGOFF", ["1000", "75"]),
        (tape.at(r.CallEnded, call="z", cause="X", epoch=2), "QUEUESTART", [""]),
    ]
    for lines, verb, data in steps:
        found = [line.split("|")[4:] for line in lines]
        assert found == ([[verb, *data]] if verb else []), verb
        assert not verb or len(data) == FIELDS[verb]
    assert {verb for _, verb, _ in steps} - {""} == FIELDS.keys()


def test_agents_log_in_pause_and_log_off(tape):
    def status(seconds, status):
        return tape.at(r.AgentStatusChanged, seconds, agent="1000", status=status, reason="set")

    assert status(0, "Available") == ["1000|NONE|NONE|1000|AGENTLOGIN|1000"]
    assert status(10, "Available") == []
    assert status(10, "On Break") == ["1020|NONE|NONE|1000|PAUSEALL|"]
    assert status(10, "Available") == ["1030|NONE|NONE|1000|UNPAUSEALL|"]
    assert status(10, "Logged Out") == ["1040|NONE|NONE|1000|AGENTLOGOFF|1000|40"]


def test_a_session_goes_on_over_a_start_of_the_controller(tape):
    tape.log = QueueLog(agents={"1000": ("On Break", 400 * SECOND), "1001": ("Logged Out", 0)})
    out = tape.at(r.AgentStatusChanged, agent="1000", status="Logged Out", reason="set")
    assert out[1:] == ["1000|NONE|NONE|1000|UNPAUSEALL|", "1000|NONE|NONE|1000|AGENTLOGOFF|1000|600"]
    back = tape.at(r.AgentStatusChanged, agent="1001", status="Available", reason="set")
    assert back == ["1000|NONE|NONE|1001|AGENTLOGIN|1001"]


def test_a_start_of_the_controller_is_a_start_of_the_queues(tape):
    assert tape.at(r.CallEnded, call="z", cause="X", epoch=2) == ["1000|NONE|NONE|NONE|QUEUESTART|"]
    assert tape.at(r.CallEnded, call="z", cause="X", epoch=2) == []


def test_a_name_can_not_forge_a_field(tape):
    line = tape.at(r.QueueEntered, call="a|b\nc", queue="q", leg=1, priority=0, position=1)[0]

    assert line == "1000|a_b_c|q|NONE|ENTERQUEUE|||1"


def test_the_figures_of_a_day_read_from_queue_log_are_those_of_its_records():
    """Read as a report tool does, by splitting at the bars."""
    day = busy_day(moments=500, closes=True)
    log = QueueLog()
    lines = [line.split("|") for record in day.records for line in log.lines(record)]
    verbs: dict[str, int] = {}
    for line in lines:
        verbs[line[4]] = verbs.get(line[4], 0) + 1
        assert len(line) == 5 + FIELDS[line[4]], line
        assert line[0].isdigit()
    assert [int(line[0]) for line in lines] == sorted(int(line[0]) for line in lines)

    def naive(kind, **wanted):
        return sum(
            record.kind == kind and all(getattr(record, name) == value for name, value in wanted.items())
            for record in day.records
        )

    full = naive("call-left", reason="full")
    assert verbs["ENTERQUEUE"] == naive("queue-entered") - full > 100
    assert verbs["CONNECT"] == naive("call-answered")
    assert verbs["ABANDON"] == naive("call-abandoned")
    assert verbs["EXITWITHTIMEOUT"] == naive("call-left", reason="timeout")
    missed = [naive("offer-ended", outcome=outcome) for outcome in ("no_answer", "busy")]
    assert verbs["RINGNOANSWER"] == sum(missed)
    assert verbs["COMPLETECALLER"] + verbs.get("COMPLETEAGENT", 0) == naive("conversation-ended")
    holds = sum(int(line[5]) for line in lines if line[4] == "CONNECT")
    assert holds == sum(record.wait_us // SECOND for record in day.records if record.kind == "call-answered")
    talks = sum(int(line[6]) for line in lines if line[4].startswith("COMPLETE"))
    assert talks == sum(x.talk_us // SECOND for x in day.records if x.kind == "conversation-ended")
    assert not log._legs
