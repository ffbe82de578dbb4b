"""What becomes of two legs: bridges that are made, stolen, held, transferred and lost."""

import pytest
from sim.desk import Desk

from py_callcenter.sim import Dialplan, Step

pytestmark = pytest.mark.sim

HOLD_EXIT = "hold_hangup_xfer_exten=queue_support"


def test_a_bridge_takes_35_to_57_milliseconds():
    took = []
    for seed in range(40):
        desk = Desk("CHANNEL_BRIDGE", seed=seed, poked=True)
        call = desk.caller()
        desk.agent("a1")
        asked = desk.switch.now_us
        desk.api(f"uuid_bridge {call.uuid} a1")
        while call.partner != "a1":
            desk.switch.run_until(desk.switch.next_due_us())
        took.append(desk.switch.now_us - asked)
    assert min(took) >= 35_000
    assert max(took) <= 57_000


def test_the_caller_parks_again_when_the_agent_hangs_up():
    desk = Desk()
    call, phone = desk.conversation()
    phone.hang_up()
    desk.wait(0.2)
    assert desk.story(call.uuid) == ["UNBRIDGE", "PARK"]
    assert call.alive


def test_without_park_after_bridge_both_are_gone():
    desk = Desk()
    call, phone = desk.conversation(kept=False)
    phone.hang_up()
    desk.wait(0.2)
    assert desk.story(call.uuid) == ["UNBRIDGE", "HANGUP", "HANGUP_COMPLETE", "DESTROY"]
    assert desk.switch.legs == {}


def test_an_agent_who_is_kept_parks_when_the_caller_hangs_up():
    desk = Desk()
    call, _ = desk.conversation("park_after_bridge=true")
    call.hang_up()
    desk.wait(0.2)
    assert desk.story("a1") == ["PARK"]
    assert list(desk.switch.legs) == ["a1"]


def test_an_agent_who_is_not_kept_is_hung_up_with_the_caller():
    desk = Desk()
    call, _ = desk.conversation()
    call.hang_up()
    desk.wait(0.2)
    assert desk.story("a1") == ["HANGUP", "HANGUP_COMPLETE", "DESTROY"]


def test_a_second_bridge_steals_the_caller_without_asking():
    # Seen on a 1.11.1: the first agent is hung up before the caller's UNBRIDGE, which is pending to leave.
    desk = Desk()
    call, _ = desk.conversation()
    desk.agent("a2")
    desk.seen.clear()
    assert desk.api(f"uuid_bridge {call.uuid} a2") == "+OK a2\n"
    desk.wait(0.2)
    names = [(f.get("Unique-ID"), f.get("Event-Name")) for f in desk.seen]
    left = [name for name in names if name[0] == "a1"]
    assert left == [("a1", f"CHANNEL_{name}") for name in ("HANGUP", "HANGUP_COMPLETE", "DESTROY")]
    assert names.index(left[1]) < names.index((call.uuid, "CHANNEL_UNBRIDGE")) < names.index(left[2])
    unbridge = desk.last("CHANNEL_UNBRIDGE")
    assert (unbridge.get("Channel-State"), unbridge.get("Channel-State-Number")) == ("CS_SOFT_EXECUTE", "8")
    assert call.partner == "a2"


def test_an_agent_taken_from_a_caller_leaves_the_caller_parked():
    desk = Desk()
    call, _ = desk.conversation()
    other = desk.caller()
    desk.seen.clear()
    desk.bridge(other, "a1")
    assert desk.story(call.uuid) == ["UNBRIDGE", "PARK"]
    assert other.partner == "a1"


def test_an_agent_taken_from_a_caller_who_is_not_kept_drops_that_caller():
    desk = Desk()
    call, _ = desk.conversation(kept=False)
    other = desk.caller()
    desk.seen.clear()
    desk.bridge(other, "a1")
    assert desk.story(call.uuid) == ["UNBRIDGE", "HANGUP", "HANGUP_COMPLETE", "DESTROY"]


@pytest.mark.parametrize("dead", ["caller", "agent"])
def test_a_dead_leg_is_refused_and_the_living_one_stays(dead):
    desk = Desk()
    call = desk.caller()
    desk.agent("a1")
    desk.api(f"uuid_kill {call.uuid if dead == 'caller' else 'a1'}")
    desk.wait(0.1)
    desk.seen.clear()
    assert desk.api(f"uuid_bridge {call.uuid} a1") == "-ERR Invalid uuid\n"
    desk.wait(1)
    assert desk.story() == []
    assert len(desk.switch.legs) == 1


def dying_agent(variables, *, after_us):
    """An agent who dies so long after `uuid_bridge`; gives the desk and the caller."""
    desk = Desk(wake_us=10_000)
    call = desk.caller(kept=False)
    if variables:
        desk.api(f"uuid_setvar_multi {call.uuid} {variables}")
    phone = desk.agent("a1")
    desk.seen.clear()
    desk.api(f"uuid_bridge {call.uuid} a1")
    desk.wait(after_us / 1_000_000)
    phone.hang_up()
    desk.wait(1)
    return desk, call


@pytest.mark.parametrize(
    ("variables", "after_us", "end"),
    [
        ("", 2_000, "DESTINATION_OUT_OF_ORDER"),
        ("", 15_000, "ORIGINATOR_CANCEL"),
        ("uuid_bridge_park_on_cancel=true", 2_000, "DESTINATION_OUT_OF_ORDER"),
        ("park_after_bridge=true", 15_000, "ORIGINATOR_CANCEL"),
        ("park_after_bridge=true;uuid_bridge_park_on_cancel=true", 2_000, "parked"),
        ("park_after_bridge=true;uuid_bridge_park_on_cancel=true", 15_000, "parked"),
    ],
)
def test_only_both_variables_together_keep_a_caller_whose_agent_dies_during_the_handshake(
    variables, after_us, end
):
    desk, call = dying_agent(variables, after_us=after_us)
    if end == "parked":
        assert desk.story(call.uuid)[-1] == "PARK"
        assert call.alive
    else:
        assert desk.last("CHANNEL_HANGUP").get("Hangup-Cause") == end


@pytest.mark.parametrize("after_ms", [11, 15, 20, 25, 29])
@pytest.mark.parametrize("first", ["transfer", "kill"])
def test_a_transfer_comes_to_nothing_when_the_agent_dies_with_it_during_the_handshake(after_ms, first):
    desk = Desk(wake_us=10_000)
    call = desk.caller()
    desk.agent("a1")
    desk.seen.clear()
    desk.api(f"uuid_bridge {call.uuid} a1")
    desk.wait(after_ms / 1000)
    commands = [f"uuid_transfer {call.uuid} message XML default", "uuid_kill a1"]
    for command in commands if first == "transfer" else reversed(commands):
        desk.api(command)
    desk.wait(1)

    park = desk.last("CHANNEL_PARK")
    assert desk.story(call.uuid)[-1] == "PARK"
    assert (park.get("Channel-State"), park.get("Caller-Destination-Number")) == ("CS_PARK", "message")
    assert ":bl_xfer:message" in park.get("Caller-Transfer-Source")


def test_the_agent_sleeps_on_when_the_caller_dies_during_the_handshake():
    # Seen 3 of 3 times on a 1.11.1: alive, silent, no event.
    desk = Desk(wake_us=10_000, poked=True)
    call = desk.caller()
    desk.agent("a1")
    desk.api(f"uuid_bridge {call.uuid} a1")
    desk.wait(0.015)
    desk.seen.clear()
    call.hang_up()
    desk.wait(60)
    assert desk.story("a1") == []
    assert desk.api("uuid_exists a1") == "true"
    assert desk.api("uuid_kill a1") == "+OK\n"
    desk.wait(0.1)
    assert desk.switch.legs == {}


def hang_up_while_holding(*variables, kept, by_api=False, **options):
    desk = Desk(**options)
    call, phone = desk.conversation(*variables, kept=kept)
    phone.hold()
    desk.wait(0.5)
    desk.seen.clear()
    if by_api:
        desk.api("uuid_kill a1")
    else:
        phone.hang_up()
    desk.wait(0.3)
    return desk, call


def test_a_bye_from_hold_parks_a_kept_caller_when_the_agent_leg_has_its_exit():
    desk, call = hang_up_while_holding(HOLD_EXIT, kept=True)
    assert desk.story(call.uuid)[-1] == "PARK"


def test_a_bye_from_hold_sends_an_unkept_caller_to_that_exit():
    desk, call = hang_up_while_holding(HOLD_EXIT, kept=False)
    story = desk.story(call.uuid)
    assert story[-2:] == ["EXECUTE park", "PARK"]
    assert "EXECUTE set" in story


def test_a_bye_from_hold_drops_even_a_kept_caller_without_that_exit():
    _, call = hang_up_while_holding(kept=True)
    assert not call.alive


def test_a_kill_of_a_holding_agent_spares_the_caller_who_hears_no_music_at_that_moment():
    desk, call = hang_up_while_holding(kept=True, by_api=True, sounds=False)
    assert desk.story(call.uuid)[-1] == "PARK"
    _, call = hang_up_while_holding(kept=True, by_api=True)
    assert not call.alive
    desk, call = hang_up_while_holding(HOLD_EXIT, kept=True, by_api=True)
    assert desk.story(call.uuid)[-1] == "PARK"


def test_hold_and_back_again():
    desk = Desk()
    call, phone = desk.conversation()
    phone.hold()
    desk.wait(0.5)
    phone.unhold()
    desk.wait(0.5)
    assert desk.story("a1") == ["HOLD", "UNHOLD"]
    assert call.partner == "a1"


def test_the_held_caller_hears_music_until_the_agent_is_back():
    desk = Desk()
    call, phone = desk.conversation()
    phone.hold()
    desk.wait(0.5)
    phone.unhold()
    desk.wait(0.5)
    story = desk.story(call.uuid)
    assert story == ["EXECUTE playback", "PLAYBACK_START", "PLAYBACK_STOP", "EXECUTE_COMPLETE playback"]


def test_a_blind_transfer_beats_park_after_bridge():
    desk = Desk()
    call, phone = desk.conversation()
    assert phone.refer("queue_billing")
    desk.wait(0.2)
    story = desk.story(call.uuid)
    assert story[0] == "UNBRIDGE"
    assert story[-1] == "PARK"
    assert desk.api(f"uuid_getvar {call.uuid} cc_queue") == "billing"
    assert desk.api("uuid_exists a1") == "false"


def test_a_caller_transferred_outside_parks_again_when_that_party_hangs_up():
    plan = Dialplan()
    plan.add("outside", Step("bridge", "sofia/internal/friend@127.0.0.1:5090"))
    desk = Desk(dialplan=plan)
    friend = desk.switch.add_phone("sofia/internal/friend@127.0.0.1:5090")
    call, phone = desk.conversation()
    phone.refer("outside")
    desk.wait(1)
    assert call.partner == friend.leg.uuid
    friend.hang_up()
    desk.wait(0.5)
    assert desk.story(call.uuid)[-1] == "PARK"
    assert desk.api(f"uuid_getvar {call.uuid} cc_queue") == "support"


def test_nobody_answers_outside():
    plan = Dialplan()
    plan.add("outside", Step("bridge", "sofia/internal/nobody@127.0.0.1:5090"), Step("hangup", "NO_ANSWER"))
    desk = Desk(dialplan=plan)
    call, phone = desk.conversation()
    phone.refer("outside")
    desk.wait(1)
    assert "EXECUTE hangup" in desk.story(call.uuid)
    assert not call.alive


def test_an_attended_transfer_joins_the_far_ends():
    plan = Dialplan()
    plan.add("colleague", Step("bridge", "sofia/internal/bob@127.0.0.1:5090"))
    desk = Desk(dialplan=plan)
    bob = desk.switch.add_phone("sofia/internal/bob@127.0.0.1:5090")
    call, phone = desk.conversation()
    second = phone.attended_transfer("colleague", consult_us=2_000_000)
    desk.wait(1)
    assert second.partner == bob.leg.uuid
    assert call.partner == "a1"
    desk.wait(2)
    assert call.partner == bob.leg.uuid
    assert desk.api("uuid_exists a1") == "false"
    assert second.leg.parked
    desk.wait(2)
    assert second.leg.hangup_cause == "ATTENDED_TRANSFER"


def test_an_attended_transfer_to_a_queue_puts_the_caller_there():
    desk = Desk()
    call, phone = desk.conversation()
    second = phone.attended_transfer("queue_billing", consult_us=1_000_000)
    desk.wait(2)
    assert desk.api(f"uuid_getvar {call.uuid} cc_queue") == "billing"
    assert not second.alive
    assert desk.api("uuid_exists a1") == "false"


def test_the_seventieth_transfer_is_the_last():
    desk = Desk()
    call = desk.caller()
    for _ in range(69):
        desk.api(f"uuid_transfer {call.uuid} queue_support XML public")
        desk.wait(0.1)
    assert call.alive
    desk.api(f"uuid_transfer {call.uuid} queue_support XML public")
    desk.wait(0.1)
    assert desk.last("CHANNEL_HANGUP").get("Hangup-Cause") == "EXCHANGE_ROUTING_ERROR"


def test_music_stops_before_the_bridge():
    desk = Desk()
    call = desk.caller()
    desk.agent("a1")
    desk.api(f"uuid_broadcast {call.uuid} local_stream://moh aleg")
    desk.wait(0.5)
    desk.seen.clear()
    desk.bridge(call, "a1")
    story = desk.story(call.uuid)
    assert story[:4] == ["PLAYBACK_STOP", "EXECUTE_COMPLETE playback", "UNPARK", "EXECUTE_COMPLETE park"]
    assert "BRIDGE" in story


def held_by_the_agent(*variables):
    """A conversation of which the agent's phone holds the caller, who hears music."""
    desk = Desk()
    call, phone = desk.conversation()
    for variable in variables:
        desk.api(f"uuid_setvar_multi a1 {variable}")
    phone.hold()
    desk.wait(0.5)
    assert desk.story(call.uuid)[-1] == "PLAYBACK_START"
    other = desk.caller()
    desk.seen.clear()
    return desk, call, other


def test_whoever_is_taken_from_a_bridge_while_holding_takes_the_other_along():
    desk, call, other = held_by_the_agent()
    desk.bridge(other, "a1")
    assert not call.alive
    assert "PLAYBACK_STOP" in desk.story(call.uuid)
    assert other.partner == "a1"


def test_with_a_place_for_the_held_they_stay_and_the_music_ends():
    desk, call, other = held_by_the_agent(HOLD_EXIT)
    desk.bridge(other, "a1")
    assert desk.story(call.uuid) == ["PLAYBACK_STOP", "EXECUTE_COMPLETE playback", "UNBRIDGE", "PARK"]
    assert call.alive
