"""The controller stops or dies: nobody is forgotten, nobody is dropped."""

from __future__ import annotations

import signal
import time

import pytest
from live.product import Controller, Setup, quiet_for
from live.sip import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(150)]

PAST_THE_DEAD_MAN_S = 37


def test_with_no_controller_a_new_caller_gets_the_fallback(switch, sip):
    switch.api("luarun cc_deadman.lua")
    until(lambda: switch.api("global_getvar cc_alive") != "true", "no controller is alive")
    caller = sip.caller("queue_support")
    heard = caller.wait_received("183")
    refused = caller.wait_received("503", 15)
    assert refused.at - heard.at > 1, "a busy tone, then the end"
    assert not caller.received("200"), "nobody pays for a call that nobody takes"


def test_a_stopped_controllers_callers_wait_in_place_for_the_next_one(
    switch, sip, open_for_business, tmp_path
):
    phone = sip.phone("phone")
    office = open_for_business(Setup().queue().agent("a1", phone, status="On Break"))
    caller = sip.caller("queue_support")
    office.wait_metric("callcenter_queue_calls_waiting", 1, queue="support")
    office.stop()
    assert switch.api("global_getvar cc_alive") == "false", "new callers get the fallback at once"
    quiet_for(PAST_THE_DEAD_MAN_S, "the caller is still there", lambda: caller.over)
    # Its own folder: an empty database takes the agent's initial status from the file.
    successor = Controller(tmp_path / "successor", switch, Setup().queue().agent("a1", phone))
    try:
        successor.start()
        phone.wait_talking(10)
        assert not caller.over
    finally:
        successor.stop()


def test_a_dead_controllers_callers_are_sent_to_the_fallback_by_the_switch(switch, sip, open_for_business):
    talking, idle = sip.phone("talking"), sip.phone("idle")
    office = open_for_business(Setup().queue().agent("a1", talking).agent("a2", idle, status="On Break"))
    served = sip.caller("queue_support", name="served")
    talking.wait_talking()
    waiting = sip.caller("queue_support", name="waiting", number="5550002")
    office.wait_metric("callcenter_queue_calls_waiting", 1, queue="support")
    uuid = next(call["id"] for call in office.get("calls") if call["state"] == "waiting")
    office.stop(signal.SIGKILL)
    killed = time.monotonic()
    until(lambda: switch.api("global_getvar cc_alive") == "false", "the lease runs out", 12)
    late = sip.caller("queue_support", name="late", number="5550003")
    late.wait_received("183")
    assert not late.received("200"), "who comes now isn't made to wait for nobody"
    assert not waiting.over, "the next controller may still come"
    until(lambda: switch.api(f"uuid_getvar {uuid} cc_cancel_reason") == "NO_CONTROLLER", "the exit", 35)
    assert 30 < time.monotonic() - killed < 35
    waiting.wait_received("BYE", 12)
    assert not served.over, "whoever talks, talks on"


def test_a_controller_that_stands_still_for_half_a_minute_loses_nobody(switch, sip, open_for_business):
    """SIGSTOP, as when its machine is moved. New callers get the fallback meanwhile."""
    talking = sip.phone("talking")
    office = open_for_business(Setup().queue().agent("a1", talking, wrap_up_time=0))
    served = sip.caller("queue_support", name="served", stay_s=38)
    talking.wait_talking()
    waiting = [sip.caller("queue_support", name=f"w{i}", number=f"555001{i}", stay_s=70) for i in range(3)]
    office.wait_metric("callcenter_queue_calls_waiting", 3, queue="support")
    before = [(call["id"], call["entered_at"]) for call in office.get("calls")]
    assert office.process is not None
    office.process.send_signal(signal.SIGSTOP)
    quiet_for(30, "everybody stays", lambda: any(end.over for end in (served, *waiting)))
    office.process.send_signal(signal.SIGCONT)

    until(lambda: switch.api("global_getvar cc_alive") == "true", "new callers may come again", 3)
    quiet_for(3, "everybody stays", lambda: any(end.over for end in (served, *waiting)))
    assert [(call["id"], call["entered_at"]) for call in office.get("calls")] == before
    talking.wait_talking(15, nth=2)
    assert not any(end.over for end in waiting)
    assert not office.metric("callcenter_invariant_violations_total")
