"""Agents who consult or are given away, while one word of the switch is lost, late or told again."""

from __future__ import annotations

from typing import Any

import pytest
from sim.restarting import balanced, centre
from sim.staging import feed
from sim.test_consult import complete, consult, consulting, home, office, talking, with_each_other
from sim.world import IGNORES, World

from py_callcenter.engine.actions import Bridge, Originate, Transfer
from py_callcenter.engine.errors import NotNow
from py_callcenter.sim import Step

pytestmark = pytest.mark.sim


# Somebody outside the queues rings one, and connects the agent with a customer of theirs.


@pytest.mark.parametrize("first", ["the switch parts them", "they hang up at once"])
def test_an_agent_who_is_given_a_customer_from_outside_the_queues_talks_on_with_them(first):
    world = centre("1000", wrap_up=5, after_call="voicemail")
    customer = world.call("echo", number="4930123")
    receptionist = world.call()
    world.run(4)
    leg = receptionist.partner
    assert world.talks_with(receptionist) == "1000"

    world.does(lambda: world.console(f"uuid_bridge {customer.uuid} {leg}"))
    if first == "they hang up at once":
        world.does(receptionist.hang_up)
    world.run(60)

    assert customer.partner == leg, "nobody cuts them off"
    assert world.agent("1000").state == "in_a_queue_call"
    [ended] = world.all("conversation-ended")
    assert (ended.ended_by, ended.transferred) == (
        ("caller", True) if first == "the switch parts them" else (ended.ended_by, ended.transferred)
    )
    world.call(number="15552")
    world.run(5)
    assert len(world.sent(Originate)) == 1, "who talks isn't rung"

    world.does(customer.hang_up)
    world.run(1)
    assert world.agent("1000").state == "wrap_up"
    world.run(120)
    balanced_but_the_last(world)


def balanced_but_the_last(world: World) -> None:
    for call in list(world.engine._state.calls.values()):
        world.does(lambda uuid=call.uuid: world.console(f"uuid_kill {uuid}"))
    world.run(90)
    balanced(world)


# A consultation.


def test_who_is_handed_over_stays_with_the_colleague_though_the_bridge_was_never_told():
    world = office()
    call = consulting(world)
    world.drop = lambda event: event.name == "CHANNEL_BRIDGE"
    complete(world, call)
    world.run(20)

    assert world.talks_with(call) == "2000"
    assert world.the("consultation-ended").outcome == "completed"
    world.drop = lambda _event: False
    home(world, call)


def test_a_colleague_isn_t_rung_for_the_queue_while_the_phone_still_rings_for_the_one_who_asked():
    world = office()
    world.phones["2000"].behaviour = IGNORES
    call = talking(world)
    consult(world, call)
    world.run(1)
    world.call("queue_sales")
    world.run(1)
    world.carry_out(world.engine.end_consult(call.uuid, world.now_us))
    for _ in range(100):
        world.run(0.001)
        assert sum(leg.alive for leg in world.phones["2000"].legs) <= 1
    world.run(1)

    assert world.ringing("2000"), "for the caller who waits"


def parks(world: World, name: str) -> list[Any]:
    """PARKs of a phone's legs, as they are told."""
    told: list[Any] = []

    def note(event: Any) -> bool:
        if event.name == "CHANNEL_PARK" and any(
            leg.uuid == event.unique_id for leg in world.phones[name].legs
        ):
            told.append(event)
        return False

    world.drop = note
    return told


def test_a_park_of_the_colleague_that_is_told_twice_parts_nobody():
    world = office()
    told = parks(world, "2000")
    call = consulting(world)
    feed(world, told[0])
    world.run(5)

    assert with_each_other(world, "1000", "2000")
    assert not world.all("consultation-ended")
    home(world, call)


def test_a_colleague_whose_park_was_never_told_talks_with_the_agent_all_the_same():
    world = office()
    call = talking(world)
    told = parks(world, "2000")
    note = world.drop
    world.drop = lambda event: note(event) or event in told
    consult(world, call)
    world.run(5)

    assert told
    assert with_each_other(world, "1000", "2000")
    home(world, call)


def test_a_colleague_with_whom_the_agent_was_never_joined_is_let_go():
    world = office()
    call = talking(world)
    world.swallow = lambda action: isinstance(action, Bridge)
    consult(world, call)
    world.run(20)
    world.swallow = lambda _action: False

    assert world.talks_with(call) == "1000"
    assert world.the("consultation-ended").outcome == "failed"
    assert world.agent("2000").state == "waiting"
    home(world, call)


def test_a_caller_who_is_sent_on_while_the_agent_consults_isn_t_brought_back():
    world = office()
    world.switch.dialplan.add("menu", Step("answer"), Step("playback", "/tones/menu.wav", seconds=300))
    call = consulting(world)
    world.does(lambda: world.console(f"uuid_transfer {call.uuid} menu XML default"))
    world.run(1)
    with pytest.raises(NotNow):
        world.engine.end_consult(call.uuid, world.now_us)
    world.does(world.phones["1000"].hang_up)
    world.run(30)

    assert call.alive
    assert call.leg.profile.destination == "menu"
    assert not call.partner
    home(world, call)


# Callers.


def test_a_park_that_is_told_again_during_the_conversation_is_old_news():
    world = centre("1000", after_call="voicemail")
    told: list[Any] = []
    world.drop = lambda event: told.append(event) or False
    call = world.call()
    world.run(5)
    [park] = [e for e in told if e.name == "CHANNEL_PARK" and e.unique_id == call.uuid]
    feed(world, park)
    world.run(5)

    assert world.talks_with(call) == "1000"


def test_a_picture_that_is_older_than_the_way_out_sends_nobody_there_twice():
    world = centre("1000", max_wait_time=5, on_timeout="voicemail")
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    call = world.call()
    world.run(4.999)
    resync, world.engine.resync = world.engine.resync, None
    seen: list[Any] = []
    world.engine.resync = lambda node, dumps, now_us: (
        seen.append((node, list(dumps))) or world.engine.tick(now_us)
    )
    world.resync()
    world.engine.resync = resync
    world.run(0.01)
    assert len(world.sent(Transfer)) == 1
    world.carry_out(world.engine.resync(*seen[0], world.now_us))
    world._settle()
    world.run(10)

    assert len(world.sent(Transfer)) == 1
    assert call.leg.profile.destination == "voicemail"


def test_whoever_comes_back_by_a_warm_transfer_is_kept_when_the_agent_s_leg_ends():
    """They had been sent elsewhere, and what keeps a caller then was cleared."""
    world = centre("1000", "2000", after_call="voicemail")
    customer = world.call()
    world.run(4)
    stranger = world.call("echo", number="77")
    world.does(lambda: world.console(f"uuid_bridge {customer.uuid} {stranger.uuid}"))
    world.run(2)
    assert not customer.leg.values.get("park_after_bridge")
    helper = world.call(number="78")
    world.run(10)
    leg = helper.partner
    assert leg
    world.does(lambda: world.console(f"uuid_bridge {customer.uuid} {leg}"))
    world.run(2)

    assert customer.partner == leg
    assert customer.leg.values.get("park_after_bridge") == "true"
    world.does(lambda: world.console(f"uuid_kill {leg}"))
    world.run(2)
    assert customer.alive
    assert customer.leg.profile.destination == "voicemail"
