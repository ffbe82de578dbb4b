"""What the channels carry, for the dialplan, for call detail records and for the agent's screen."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, IGNORES, START_US, World, agent, everybody, queue

from py_callcenter.engine.actions import Action, Originate, SetVariables
from py_callcenter.sim import Step

pytestmark = pytest.mark.sim

BEGAN_S = START_US // 1_000_000


def office(behaviour=ANSWERS, **settings) -> World:
    world = World(everybody([queue("support", **settings)], [agent("1000", wrap_up_time=5)]))
    world.phone("1000", behaviour)
    return world


def extension(world: World, *settings: str) -> str:
    steps = (Step("set", text) for text in ("cc_queue=support", *settings))
    world.switch.dialplan.add("own", *steps, Step("answer"), Step("park"))
    return "own"


def of(call, *names: str) -> dict[str, str]:
    return {name: call.leg.values.get(f"cc_{name}", "") for name in names}


def test_whoever_waits_counts_as_cancelled_until_an_agent_answers():
    """A caller who hangs up leaves no moment to write anything: it has to be there before."""
    world = office(IGNORES)
    call = world.call()
    world.run(1)
    assert of(call, "side", "cause", "cancel_reason", "agent", "agent_bridged") == {
        "side": "member",
        "cause": "cancel",
        "cancel_reason": "",
        "agent": "",
        "agent_bridged": "",
    }
    assert int(of(call, "queue_joined_epoch")["queue_joined_epoch"]) == BEGAN_S


def test_what_an_earlier_stay_left_on_a_channel_is_cleared_and_no_more():
    """Each byte keeps the switch busy while a phone is about to ring."""
    world = office(IGNORES)
    left = ("hangup_after_bridge=true", "cc_cancel_reason=TIMEOUT", "cc_agent_bridged=false")
    call = world.call(extension(world, *left))
    fresh = world.call()
    world.run(1)

    assert not {"hangup_after_bridge", "cc_cancel_reason", "cc_agent_bridged"} & call.leg.values.keys()
    cleared = {
        caller: [name for name, value in action.variables if not value]
        for caller in (call, fresh)
        for action in world.sent(SetVariables)
        if action.uuid == caller.uuid and dict(action.variables).get("cc_side") == "member"
    }
    assert cleared == {call: ["hangup_after_bridge", "cc_agent_bridged", "cc_cancel_reason"], fresh: []}


def test_whoever_talks_carries_the_agent_and_the_moment():
    world = office()
    call = world.call()
    world.run(4)
    leg = call.partner
    assert of(
        call,
        "cause",
        "cancel_reason",
        "agent",
        "agent_uuid",
        "last_originated_call",
        "agent_found",
        "agent_bridged",
    ) == {
        "cause": "answered",
        "cancel_reason": "",
        "agent": "1000",
        "agent_uuid": leg,
        "last_originated_call": leg,
        "agent_found": "true",
        "agent_bridged": "true",
    }
    assert of(call, "last_agent_tier_level", "last_agent_tier_position") == {
        "last_agent_tier_level": "1",
        "last_agent_tier_position": "1",
    }
    assert BEGAN_S + 2 <= int(of(call, "queue_answered_epoch")["queue_answered_epoch"]) <= BEGAN_S + 3
    assert of(call, "queue_canceled_epoch", "queue_terminated_epoch") == {
        "queue_canceled_epoch": "",
        "queue_terminated_epoch": "",
    }


def test_whoever_is_sent_away_carries_why_and_when():
    world = office(IGNORES, max_wait_time=10, on_timeout="voicemail@default")
    call = world.call()
    world.run(12)
    ended = str(BEGAN_S + 10)
    assert of(call, "cause", "cancel_reason", "queue_canceled_epoch", "queue_terminated_epoch") == {
        "cause": "cancel",
        "cancel_reason": "TIMEOUT",
        "queue_canceled_epoch": ended,
        "queue_terminated_epoch": ended,
    }


def test_after_a_conversation_nothing_says_that_the_caller_gave_up():
    world = office(after_call="voicemail@default")
    call = world.call()
    world.run(4)
    world.does(world.phones["1000"].hang_up)
    world.run(2)
    assert of(call, "cause", "cancel_reason", "queue_canceled_epoch") == {
        "cause": "answered",
        "cancel_reason": "",
        "queue_canceled_epoch": "",
    }
    assert of(call, "queue_terminated_epoch")["queue_terminated_epoch"]


def test_what_the_dialplan_knows_of_a_caller_is_on_the_agents_leg():
    world = office(IGNORES)
    world.call(
        extension(
            world, "cc_customer_id=C-4711 <x>", "cc_tenant=north", "colour=red", "cc_export_vars=colour"
        )
    )
    world.run(1)
    [offer] = world.sent(Originate)
    told = dict(offer.variables)
    assert told["cc_customer_id"] == "C-4711__x_"
    assert told["cc_tenant"] == "north"
    assert told["colour"] == "red"


def test_the_agent_sees_the_caller_as_the_dialplan_names_them():
    world = office(IGNORES)
    world.call(
        extension(world, "effective_caller_id_name=Gold%0ACustomer", "effective_caller_id_number=5559999"),
        name="someone",
        number="15551",
    )
    world.run(1)
    [offer] = world.sent(Originate)
    assert offer.caller_number == "5559999"
    [leg] = [leg for leg in world.phones["1000"].legs if leg.alive]
    assert "%" not in leg.values.get("origination_caller_id_name", "")


ON_THE_LEG = {
    "cc_side": "agent",
    "cc_agent_type": "callback",
    "cc_queue_joined_epoch": str(BEGAN_S),
    "hold_hangup_xfer_exten": "callcenter_hold",
}


def leg_of(world: World):
    [leg] = [leg for leg in world.phones["1000"].legs if leg.alive]
    return leg


def describes(action: Action) -> bool:
    return isinstance(action, SetVariables) and "hold_hangup_xfer_exten" in dict(action.variables)


def test_what_isnt_needed_to_ring_a_phone_is_on_the_leg_when_it_rings():
    world = office(IGNORES)
    call = world.call()
    world.run(1)
    [offer] = world.sent(Originate)
    assert dict(offer.variables) == {"cc_offer": f"{call.uuid}/1", "cc_agent": "1000", "cc_queue": "support"}
    values = leg_of(world).values
    assert values.items() >= ON_THE_LEG.items()
    assert values["cc_call"] == values["cc_member_uuid"] == values["cc_member_session_uuid"] == call.uuid


def test_a_phone_that_is_picked_up_without_ringing_is_told_as_well():
    world = office()
    world.drop = lambda event: event.name in ("CHANNEL_CREATE", "CHANNEL_PROGRESS")
    world.call()
    world.run(4)
    assert leg_of(world).values.items() >= ON_THE_LEG.items()


def test_what_may_not_have_reached_a_leg_is_set_again():
    world = office(IGNORES)
    lost: list[Action] = []
    world.swallow = lambda action: describes(action) and not lost and not lost.append(action)
    world.call()
    world.run(1)
    assert "cc_call" not in leg_of(world).values
    world.carry_out(world.engine.on_failure(lost[0], None, world.now_us))
    world.run(2)
    assert leg_of(world).values.items() >= ON_THE_LEG.items()


@pytest.mark.parametrize("talking", [False, True])
def test_a_leg_that_a_controller_died_on_is_told_by_the_next_one(talking):
    world = office(ANSWERS if talking else IGNORES)
    world.swallow = describes
    world.call()
    world.run(4 if talking else 1)
    assert "cc_call" not in leg_of(world).values
    world.swallow = lambda _action: False
    world.restart()
    world.run(1)
    assert leg_of(world).values.items() >= ON_THE_LEG.items()
    world.restart()
    world.run(1)
    assert sum(map(describes, world.actions)) == 2
