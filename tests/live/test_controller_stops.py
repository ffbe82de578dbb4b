"""The controller stops or dies: nobody is forgotten, nobody is dropped."""

from __future__ import annotations

import signal

import pytest
from live.product import Controller, Setup, quiet_for
from live.sip import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


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
    quiet_for(1, "the caller is still there", lambda: caller.over)
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
    office.stop(signal.SIGKILL)
    waiting.wait_received("BYE", 30)
    assert switch.api("global_getvar cc_alive") == "false"
    assert not served.over, "whoever talks, talks on"
    late = sip.caller("queue_support", name="late", number="5550003")
    late.wait_received("183")
