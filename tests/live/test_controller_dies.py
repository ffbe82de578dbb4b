"""`kill -9` of the controller: the next one takes everything up where it stood."""

from __future__ import annotations

import signal
import time

import pytest
from live.product import Setup, quiet_for
from live.rtp import Ear, loudness
from live.sip import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


def rows(office, what):
    return {row["name"]: row for row in office.get(what)}


def test_a_killed_controller_is_followed_by_one_that_goes_on(sip, open_for_business):
    talks, rings, rests = sip.phone("talks"), sip.silent_phone("rings"), sip.phone("rests", talk_s=1)
    setup = Setup().queue().agent("a1", talks).agent("a2", rests, wrap_up_time=60).agent("a3", rings)
    office = open_for_business(setup)
    served = sip.caller("queue_support", name="served", number="5550001")
    talks.wait_talking()
    sip.caller("queue_support", name="short", number="5550002")
    rests.wait_talking()
    rests.wait_sent("BYE")
    rung = sip.caller("queue_support", name="rung", number="5550003")
    rings.wait_received("INVITE")
    waiting = [sip.caller("queue_support", name=f"waits{i}", number=f"555001{i}") for i in range(3)]
    office.wait_metric("callcenter_queue_calls_waiting", 4, queue="support")
    before = office.get("calls")
    agents = rows(office, "agents")
    assert agents["a2"]["state"] == "wrap_up"

    assert office.ask("POST", "key") == {"earlier_keys": 1}, "what they carry is sealed with the key before"
    office.stop(signal.SIGKILL)
    time.sleep(2)
    office.start()

    office.wait_metric("callcenter_queue_calls_waiting", 4, queue="support")
    after = office.get("calls")
    assert [call["id"] for call in after] == [call["id"] for call in before]
    assert [call["entered_at"] for call in after] == [call["entered_at"] for call in before]
    now = rows(office, "agents")
    assert {name: row["state"] for name, row in now.items()} == {
        "a1": "in_a_queue_call",
        "a2": "wrap_up",
        "a3": "receiving",
    }
    for name in ("a1", "a2", "a3"):
        for field in ("status", "calls_answered", "ready_at"):
            assert now[name][field] == agents[name][field], (name, field)
    quiet_for(1, "nobody was hung up", lambda: any(end.over for end in (served, rung, *waiting)))
    assert len(rings.received("INVITE")) == 1, "the phone that rang goes on ringing"
    assert len(talks.received("INVITE")) == 1
    assert not office.metric("callcenter_invariant_violations_total")


def test_the_music_of_earlier_runs_is_not_heard_in_the_conversation(sip, open_for_business):
    """Each start begins the music anew, for nobody knows whether it plays. The switch lines the sounds up,
    and a bridge ends only the one that plays.
    """
    phone = sip.phone("phone")
    office = open_for_business(Setup().queue().agent("a1", phone, status="On Break"))
    ear = Ear()
    try:
        caller = sip.caller("queue_support", stay_s=60, rtp_port=ear.port)
        caller.wait_answered()
        for _ in range(3):
            office.wait_metric("callcenter_queue_calls_waiting", 1)
            office.stop(signal.SIGKILL)
            office.start()
        until(lambda: loudness(ear.listen(0.5)) > 1000, "music")
        office.set_status("a1", "Available")
        phone.wait_talking()
        ear.listen(0.5)
        assert loudness(ear.listen(2)) < 50, "they talk; nobody says anything"
        assert not caller.over
    finally:
        ear.close()
