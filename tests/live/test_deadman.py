"""The switch alone, with no controller: what its copy-in files do for callers."""

from __future__ import annotations

import uuid

import pytest
from live.sip import until
from live.switch import FreeSwitch

pytestmark = [pytest.mark.live, pytest.mark.timeout(90)]


@pytest.fixture
def alive(switch):
    """A controller has just said that it is alive; afterwards none is."""
    switch.api("sched_del cc_deadman")
    switch.api("global_setvar cc_alive=true")
    yield switch
    switch.api("global_setvar cc_alive=false")


def callers(switch: FreeSwitch) -> list[str]:
    return [x.split(",")[0] for x in switch.api("show channels").splitlines() if ",inbound," in x]


def dial_in(switch: FreeSwitch, sip, name: str):
    """A caller in the queue, as the controller would leave them: the end and the name of the leg."""
    before = set(callers(switch))
    end = sip.caller("queue_support", name=name)
    end.wait_answered()
    leg = until(lambda: next(iter(set(callers(switch)) - before), None), "the caller's leg")
    switch.api(f"uuid_setvar_multi {leg} park_after_bridge=true;uuid_bridge_park_on_cancel=true")
    return end, leg


def ring(switch: FreeSwitch, phone) -> str:
    """Ring a phone as the controller does."""
    leg = str(uuid.uuid4())
    variables = f"origination_uuid={leg},cc_side=agent,cc_offer=1,cc_queue=support,originate_timeout=60"
    switch.api(f"bgapi originate {{{variables}}}sofia/internal/a1@127.0.0.1:{phone.port} &park()")
    phone.wait_received("INVITE")
    return leg


def test_without_a_controller_a_caller_is_not_answered_and_the_call_ends(switch, sip):
    switch.api("global_setvar cc_alive=false")
    caller = sip.caller("queue_support")
    caller.wait_received("183")
    ended = caller.wait_received("503", 15)
    assert "NORMAL_TEMPORARY_FAILURE" in ended.header("Reason")


def test_a_queue_name_that_no_queue_can_have_is_not_an_extension(alive, sip):
    caller = sip.caller("queue_x%20y")
    until(lambda: caller.received("404") or caller.received("480") or caller.received("500"), "refused")
    assert not caller.received("200"), "never answered, never parked"


def at_the_fallback(switch: FreeSwitch, leg: str) -> bool:
    return switch.api(f"uuid_getvar {leg} destination_number") == "callcenter_fallback"


def told(switch: FreeSwitch, leg: str) -> tuple[str, ...]:
    """What the dialplan behind the fallback can go by."""
    names = ("cc_cause", "cc_cancel_reason", "cc_fallback_queue")
    return tuple(switch.api(f"uuid_getvar {leg} {name}") for name in names)


def test_when_the_controller_dies_each_leg_gets_what_suits_it(alive, sip):
    talker, free, silent = sip.phone("talker"), sip.phone("free", talk_s=0.5), sip.silent_phone("silent")
    talks, talks_leg = dial_in(alive, sip, "talks")
    agent_leg = ring(alive, talker)
    talker.wait_talking()
    alive.api(f"uuid_bridge {talks_leg} {agent_leg}")
    talked, talked_leg = dial_in(alive, sip, "talked")
    agent_leg = ring(alive, free)
    free.wait_talking()
    alive.api(f"uuid_bridge {talked_leg} {agent_leg}")
    free.wait_sent("BYE")
    waits, waits_leg = dial_in(alive, sip, "waits")
    ring(alive, silent)

    alive.api("sched_api +1 cc_deadman luarun cc_deadman.lua")
    until(lambda: alive.api("global_getvar cc_alive") == "false", "the word is taken back")
    silent.wait_received("CANCEL")
    until(lambda: at_the_fallback(alive, waits_leg), "the fallback")
    assert told(alive, waits_leg) == ("cancel", "NO_CONTROLLER", "support")
    waits.wait_received("BYE", 12)
    talked.wait_received("BYE", 12)
    assert not talks.over, "whoever talks, talks on"
    alive.api(f"uuid_kill {alive.api(f'uuid_getvar {talks_leg} signal_bond')}")
    assert talks.wait_received("BYE", 3), "and is not left in silence afterwards"


def test_a_caller_whose_agent_consults_goes_to_the_fallback_as_one_who_was_answered(alive, sip):
    """Nobody could join them again; agent and colleague are left to talk on."""
    agent, colleague = sip.phone("agent"), sip.phone("colleague")
    caller, leg = dial_in(alive, sip, "hears music")
    agent_leg = ring(alive, agent)
    agent.wait_talking()
    alive.api(f"uuid_bridge {leg} {agent_leg}")
    until(lambda: alive.api(f"uuid_getvar {leg} signal_bond") == agent_leg, "the conversation")
    alive.api(f"uuid_setvar_multi {leg} cc_cause=answered;cc_agent_bridged=true")
    alive.api(f"uuid_setvar {agent_leg} park_after_bridge true")
    asked = str(uuid.uuid4())
    marks = f"origination_uuid={asked},cc_side=consult,park_after_bridge=true"
    alive.api(f"bgapi originate {{{marks}}}sofia/internal/a2@127.0.0.1:{colleague.port} &park()")
    colleague.wait_talking()
    alive.api(f"uuid_bridge {agent_leg} {asked}")
    until(lambda: alive.api(f"uuid_getvar {agent_leg} signal_bond") == asked, "the consultation")

    alive.api("sched_api +1 cc_deadman luarun cc_deadman.lua")
    until(lambda: at_the_fallback(alive, leg), "the fallback")
    assert told(alive, leg) == ("answered", "NO_CONTROLLER", "support")
    caller.wait_received("BYE", 12)
    assert not agent.received("BYE"), "agent and colleague talk on"
    assert not colleague.received("BYE")
    assert alive.api(f"uuid_getvar {agent_leg} signal_bond") == asked

    alive.api(f"uuid_kill {asked}")
    until(
        lambda: "CS_PARK" in alive.api(f"uuid_dump {agent_leg}"), "the agent hears silence until they hang up"
    )


def test_without_a_controller_a_new_caller_is_told_apart_from_one_who_was_answered(switch, sip):
    switch.api("global_setvar cc_alive=false")
    before = set(callers(switch))
    sip.caller("queue_support").wait_received("183")
    leg = until(lambda: next(iter(set(callers(switch)) - before), None), "the caller's leg")
    assert told(switch, leg) == ("cancel", "NO_CONTROLLER", "support")


def let_go(switch: FreeSwitch, sip, name: str, to: str):
    """A caller whom the controller let go; it died before it could send them on."""
    end, leg = dial_in(switch, sip, name)
    switch.api(f"uuid_setvar_multi {leg} cc_queue=;cc_queue_terminated_epoch=1;cc_exit_to={to}")
    return end, leg


def test_who_was_let_go_and_not_sent_on_is_sent_on_and_who_was_stays_where_they_are(alive, sip):
    ends, _ = let_go(alive, sip, "ends", "hangup")
    leaves, _ = let_go(alive, sip, "leaves", "callcenter_fallback@default")
    heard, heard_leg = let_go(alive, sip, "heard music", "callcenter_fallback@default")
    alive.api(f"uuid_broadcast {heard_leg} tone_stream://%(200,0,440)")
    until(lambda: alive.api(f"uuid_getvar {heard_leg} current_application") == "playback", "music")
    stays, stays_leg = let_go(alive, sip, "stays", "callcenter_fallback@default")
    alive.api(f"uuid_transfer {stays_leg} park inline")
    until(lambda: "bl_xfer" in alive.api(f"uuid_getvar {stays_leg} transfer_source"), "sent on")
    talks, talks_leg = let_go(alive, sip, "talks at the exit", "callcenter_fallback@default")
    colleague, colleague_leg = let_go(alive, sip, "colleague", "callcenter_fallback@default")
    alive.api(f"uuid_bridge {talks_leg} {colleague_leg}")
    until(lambda: alive.api(f"uuid_getvar {talks_leg} signal_bond") == colleague_leg, "joined by others")

    alive.api("sched_api +1 cc_deadman luarun cc_deadman.lua")
    ends.wait_received("BYE", 12)
    leaves.wait_received("BYE", 12)
    heard.wait_received("BYE", 12)
    assert not stays.over, "others have parked them"
    assert not talks.over, "others have joined them"
    assert not colleague.over


def test_a_controller_that_comes_back_in_time_keeps_its_callers(alive, sip):
    alive.api("sched_api +2 cc_deadman luarun cc_deadman.lua")
    waits, leg = dial_in(alive, sip, "waits")
    alive.api("sched_del cc_deadman")
    alive.api("sched_api +30 cc_deadman luarun cc_deadman.lua")
    with pytest.raises(AssertionError):
        until(lambda: waits.over or alive.api(f"uuid_getvar {leg} cc_cancel_reason") != "_undef_", "moved", 4)
    assert alive.api("global_getvar cc_alive") == "true"
