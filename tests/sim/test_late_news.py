"""News that comes late, twice or in another order than it happened."""

from __future__ import annotations

import random
from functools import partial

import pytest
from sim.staging import OUTSIDE, centre, feed, keep_back, two_queues
from sim.test_swarm import random_centre, traffic
from sim.world import MANUAL, NODE, SECOND

from py_callcenter.engine.actions import Kill, Originate, SetVariables
from py_callcenter.esl.port import NOT_SENT
from py_callcenter.sim import Behaviour

pytestmark = pytest.mark.sim


def test_a_caller_who_is_parked_by_a_transfer_before_the_agents_hangup_is_told_is_not_forgotten():
    world = two_queues()
    call = world.call()
    world.run(5)
    kept = keep_back(world, "CHANNEL_HANGUP", "CHANNEL_DESTROY")
    world.does(lambda: world.phones["1000"].refer("queue_billing"))
    world.run(0.2)
    world.drop = lambda _event: False
    for event in kept:
        feed(world, event)
    world.run(5)

    assert world.talks_with(call) == "2000"
    assert [(r.queue, r.leg) for r in world.all("queue-entered")] == [("support", 1), ("billing", 2)]


def test_a_caller_who_is_parked_before_the_agents_hangup_is_told_does_not_wait_in_silence():
    world = centre("1000", after_call="voicemail")
    call = world.call()
    world.run(5)
    kept = keep_back(world, "CHANNEL_HANGUP", "CHANNEL_DESTROY")
    world.does(world.phones["1000"].hang_up)
    world.run(0.2)
    world.drop = lambda _event: False
    for event in kept:
        feed(world, event)
    world.run(0.1)

    assert call.leg.profile.destination == "voicemail"


@pytest.mark.parametrize("known", [True, False], ids=["doubled", "overtaken"])
def test_a_park_that_is_told_after_the_hangup_makes_no_caller(known):
    """Race R8: a hang-up is final, whatever comes after it."""
    world = centre("1000", behaviour=MANUAL)
    parks: list = []
    world.drop = lambda event: event.name == "CHANNEL_PARK" and (parks.append(event) or not known)
    call = world.call()
    world.run(0.5)
    world.does(call.hang_up)
    world.run(1)

    feed(world, parks[0])

    assert not world.engine.view(world.now_us).calls
    assert len(world.all("queue-entered")) == known


def test_a_late_answer_to_a_question_does_not_end_a_transferred_call():
    """A command for the caller failed, and the question after it is answered when the agent has
    transferred them already."""
    world = two_queues(after_call="hangup")
    outside = world.switch.add_phone(OUTSIDE, Behaviour(answer_after_us=3 * SECOND))
    call = world.call()
    world.run(5)
    world.carry_out(world.engine.on_failure(world.sent(SetVariables)[-1], None, world.now_us))
    world.does(lambda: world.phones["1000"].refer("outside"))
    world.run(5)

    assert call.alive
    assert any(leg.uuid == call.partner for leg in outside.legs)


def test_a_bridge_refused_because_the_caller_hangs_up_is_an_abandoned_call_not_a_lost_one():
    """Race R3: the refusal comes before the HANGUP is told."""
    world = centre("1000", behaviour=MANUAL)
    call = world.call()
    world.run(1)
    kept = keep_back(world, "CHANNEL_HANGUP", "CHANNEL_DESTROY")
    call.hang_up()
    world.does(world.phones["1000"].answer)
    world.run(0.3)
    world.drop = lambda _event: False
    for event in kept:
        feed(world, event)
    world.run(5)

    assert world.the("call-abandoned")
    assert not world.all("call-lost")
    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


@pytest.mark.parametrize("told", ["CHANNEL_PROGRESS", "CHANNEL_ANSWER", "CHANNEL_PARK"])
def test_a_phone_nobody_waits_for_any_more_is_stopped_by_whatever_is_heard_of_it(told):
    """Race R1: all kills went astray and our patience for the end of the offer is over."""
    world = centre("1000", behaviour=MANUAL)
    call = world.call()
    ghost = world.sent(Originate)[0].devices[0].uuid
    seen: list = []
    world.drop = lambda event: (
        event.name == "BACKGROUND_JOB" or (event.unique_id == ghost and (seen.append(event) or True))
    )
    world.run(1)
    world.does(world.phones["1000"].ring)
    world.does(world.phones["1000"].answer)
    world.run(1)
    world.swallow = lambda action: isinstance(action, Kill)
    world.does(call.hang_up)
    world.run(20)
    assert world.agent("1000").state == "waiting"

    before = len(world.sent(Kill))
    feed(world, next(event for event in seen if event.name == told))

    assert ghost in [kill.uuid for kill in world.sent(Kill)[before:]]


@pytest.mark.parametrize("seed", range(8))
def test_news_that_comes_late_or_twice_and_commands_of_unknown_outcome_lose_nobody(seed):
    rng = random.Random(seed)
    world = random_centre(rng, seed)
    callers_ = traffic(world, rng, seed)
    later: list = []

    def late_or_twice(event) -> bool:
        luck = rng.random()
        if luck < 0.06:
            later.append((world.now_us + rng.randrange(600_000), partial(world.engine.on_event, NODE, event)))
        return luck < 0.03

    def not_known(action) -> bool:
        luck = rng.random()
        if luck < 0.04:
            outcome = None if luck < 0.02 else NOT_SENT
            later.append(
                (world.now_us + rng.randrange(SECOND), partial(world.engine.on_failure, action, outcome))
            )
        return luck < 0.01 or 0.02 <= luck < 0.04

    world.drop, world.swallow = late_or_twice, not_known
    callers_.start()
    for _ in range(300):
        world.run(0.1)
        for item in [item for item in later if item[0] <= world.now_us]:
            later.remove(item)
            world.carry_out(item[1](world.now_us))
    callers_.stop()
    world.drop = world.swallow = lambda _: False
    world.resync()
    world.run(30)

    calls = world.engine._state.calls
    for leg in world.switch.legs.values():
        if leg.inbound and leg.parked:  # in the park with music, or just being connected
            assert leg.playback is not None or calls[leg.uuid].phase.name == "CONNECTING"
    for call in callers_.living:
        call.hang_up()
    world.run(60)
    world.resync()
    world.run(200)
    world.assert_quiet()
    ends = ("call-answered", "call-abandoned", "call-left", "call-lost")
    ended = [(record.call, record.leg) for kind in ends for record in world.all(kind)]
    assert sorted(ended) == sorted((record.call, record.leg) for record in world.all("queue-entered"))
    assert len(world.all("offer-made")) == len(world.all("offer-ended"))
