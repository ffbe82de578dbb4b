"""Hold and transfers: the agent is free when the agent is free, and the caller is never lost by it."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, IGNORES, SECOND, World, agent, everybody, queue

from py_callcenter.config import Config, Tier
from py_callcenter.sim import Behaviour

pytestmark = pytest.mark.sim


@pytest.fixture(params=[True, False], ids=["poked", "unpoked"])
def poked(request):
    return request.param


def two_queues(poked: bool = True, **settings) -> World:
    support, billing = queue("support", **settings), queue("billing")
    config = Config(
        queues=(support, billing),
        agents=(agent("1000"), agent("2000")),
        tiers=(Tier(queue="support", agent="1000"), Tier(queue="billing", agent="2000")),
    )
    world = World(config, poked=poked)
    world.phone("1000", ANSWERS)
    world.phone("2000", ANSWERS)
    return world


def told(world: World) -> tuple[bool, bool]:
    """Of a transfer, and of one to somebody who was asked before."""
    end = world.the("conversation-ended")
    return end.transferred, end.attended


def test_a_blind_transfer_to_another_queue_is_another_queue_leg_of_the_same_call(poked):
    world = two_queues(poked)
    call = world.call()
    world.run(5)

    world.does(lambda: world.phones["1000"].refer("queue_billing"))
    world.run(0.5)

    assert world.agent("1000").state == "wrap_up"
    assert told(world) == (True, False)

    world.run(4)

    assert world.talks_with(call) == "2000"
    assert [(r.queue, r.leg) for r in world.all("queue-entered")] == [("support", 1), ("billing", 2)]
    assert len(world.all("call-offered")) == 1
    assert {r.call for r in world.all("call-answered")} == {call.uuid}

    world.does(call.hang_up)
    world.run(20)
    world.assert_quiet()


def test_a_blind_transfer_back_to_the_same_queue_is_a_new_leg_too(poked):
    world = two_queues(poked)
    world.call()
    world.run(5)

    world.does(lambda: world.phones["1000"].refer("queue_support"))
    world.run(2)

    assert [(r.queue, r.leg) for r in world.all("queue-entered")] == [("support", 1), ("support", 2)]


def test_a_caller_transferred_outside_leaves_us_and_is_not_parked_again(poked):
    world = two_queues(poked, after_call="voicemail")
    outside = world.switch.add_phone(
        "sofia/internal/outside@127.0.0.1:5099", Behaviour(answer_after_us=SECOND)
    )
    call = world.call()
    world.run(5)

    world.does(lambda: world.phones["1000"].refer("outside"))
    world.run(5)

    assert any(leg.uuid == call.partner for leg in outside.legs)
    assert world.agent("1000").state == "wrap_up"
    assert "cc_queue" not in call.leg.values
    assert "park_after_bridge" not in call.leg.values

    world.does(outside.hang_up)
    world.run(5)

    assert not call.alive
    assert call.leg.profile.destination == "outside"
    world.run(20)
    world.assert_quiet()


def test_an_attended_transfer_frees_the_agent_and_keeps_the_two_others_talking(poked):
    world = two_queues(poked)
    world.switch.add_phone("sofia/internal/outside@127.0.0.1:5099", Behaviour(answer_after_us=SECOND))
    call = world.call()
    world.run(5)

    world.does(lambda: world.phones["1000"].attended_transfer("outside", consult_us=3 * SECOND))
    world.run(2)
    assert world.agent("1000").state == "in_a_queue_call"

    world.run(4)

    assert call.alive
    assert call.partner
    assert world.agent("1000").state == "wrap_up"
    assert told(world) == (True, True)

    world.does(call.hang_up)
    world.run(20)
    world.assert_quiet()


def test_time_on_hold_is_counted(poked):
    world = two_queues(poked)
    call = world.call()
    world.run(5)
    world.does(world.phones["1000"].hold)
    world.run(7)
    world.does(world.phones["1000"].unhold)
    world.run(2)
    world.does(call.hang_up)
    world.run(1)

    assert 6.8 * SECOND < world.the("conversation-ended").hold_us < 7.2 * SECOND


def test_an_agent_who_hangs_up_from_hold_does_not_take_the_caller_along(poked):
    world = two_queues(poked, after_call="voicemail")
    call = world.call()
    world.run(5)
    world.does(world.phones["1000"].hold)
    world.run(2)

    world.does(world.phones["1000"].hang_up)
    world.run(1)

    assert call.alive
    assert call.leg.profile.destination == "voicemail"
    assert world.the("conversation-ended").ended_by == "agent"


def test_a_caller_who_hangs_up_from_hold_frees_the_agent(poked):
    world = two_queues(poked)
    call = world.call()
    world.run(5)
    world.does(world.phones["1000"].hold)
    world.run(2)

    world.does(call.hang_up)
    world.run(3)

    assert world.agent("1000").state == "wrap_up"
    world.run(20)
    world.assert_quiet()


def test_another_program_may_take_a_waiting_caller_away(poked):
    """Somebody at the switch's console bridges a caller whose agent's phone is still ringing (race R6)."""
    world = World(everybody([queue()], [agent("1000")]), poked=poked)
    world.phone("1000", IGNORES)
    call = world.call()
    stranger = world.call("echo")
    world.run(1)

    world.switch.receive(world.commands, f"api uuid_bridge {call.uuid} {stranger.uuid}\n\n".encode())
    world.unanswered.append(None)
    world.run(3)

    assert world.the("call-left").reason == "taken-elsewhere"
    assert not world.ringing("1000")
    assert world.agent("1000").state == "waiting"
    assert call.alive
    assert stranger.alive
