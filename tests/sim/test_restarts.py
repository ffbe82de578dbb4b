"""What a restart or a changed configuration finds is known again, and nothing is remembered for ever."""

from __future__ import annotations

import pytest
from sim.staging import centre, part_at_once, set_status, two_queues
from sim.world import ANSWERS, MANUAL, SECOND, World, agent, everybody, queue

from py_callcenter.config import Config
from py_callcenter.engine.actions import Originate
from py_callcenter.engine.transfers import Destination
from py_callcenter.sim import Behaviour

pytestmark = pytest.mark.sim


def test_a_bridge_that_broke_at_once_leaves_no_mark_that_would_end_the_wait_after_a_restart():
    """Race R7: bridged and parted with nobody hanging up. The caller keeps the place, after a restart too."""
    world = centre("1000", behaviour=MANUAL, after_call="voicemail")
    call = world.call()
    world.run(1)
    parks: list = []
    world.drop = lambda event: event.name == "CHANNEL_BRIDGE" or (parks.append(event) or False)
    world.does(world.phones["1000"].answer)
    world.run(0.2)
    part_at_once(world, call)
    world.run(3)
    assert not world.all("call-answered")
    assert world.engine.view(world.now_us).calls[0].phase == "waiting"

    set_status(world, "1000", "Logged Out")
    world.kill_controller()
    world.start({"1000": "Logged Out"})
    world.run(1)

    assert [line.phase for line in world.engine.view(world.now_us).calls] == ["waiting"]
    assert len(world.all("queue-entered")) == len(world.all("bridge-undone")) == 1


def test_a_conversation_that_began_while_no_controller_lived_takes_no_time_from_the_wait_before_it():
    """The caller had talked with somebody else: the moment of that is still on the channel."""
    world = two_queues()
    call = world.call()
    world.phones["2000"].behaviour = MANUAL
    world.run(5)
    world.does(lambda: world.phones["1000"].refer("queue_billing"))
    world.run(20)
    assert len(world.all("queue-entered")) == 2
    world.drop = lambda event: event.name == "CHANNEL_BRIDGE"
    world.does(world.phones["2000"].answer)
    world.run(0.5)
    assert call.partner

    world.kill_controller()
    world.drop = lambda _event: False
    world.start()
    world.run(10)
    world.does(world.phones["2000"].hang_up)
    world.run(2)

    assert world.all("call-answered")[-1].wait_us > 15 * SECOND
    assert world.all("conversation-ended")[-1].talk_us < 15 * SECOND


def test_whom_a_transfer_meant_for_one_agent_is_everybody_s_in_the_next_queue_after_a_restart_too():
    world = centre("1000", "2000", behaviour=ANSWERS)
    set_status(world, "2000", "On Break")
    call = world.call()
    world.run(5)
    assert world.talks_with(call) == "1000"
    to = Destination("agent", "1000")
    world.carry_out(world.engine.transfer(call.uuid, to, world.now_us, keep_wait=False))
    world.run(0.5)

    world.kill_controller()
    world.start()
    world.run(25)
    assert world.talks_with(call) == "1000"
    set_status(world, "2000", "Available")
    world.does(lambda: world.phones["1000"].refer("queue_support"))
    world.run(5)

    assert world.talks_with(call) == "2000", "nobody waits for the first agent any more"


def test_configuration_changes_while_calls_run_lose_nobody():
    world = two_queues()
    call = world.call()
    world.run(1)
    fewer = Config(queues=world.config.queues, agents=world.config.agents, tiers=(world.config.tiers[1],))
    world.carry_out(world.engine.apply(fewer, world.now_us))
    world.run(4)
    assert world.talks_with(call) == "1000"

    gone = Config(
        queues=(world.config.queues[1],), agents=world.config.agents, tiers=(world.config.tiers[1],)
    )
    world.carry_out(world.engine.apply(gone, world.now_us))
    world.does(world.phones["1000"].hang_up)
    world.run(30)

    assert not call.alive
    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


def test_nothing_is_remembered_for_ever():
    contact = "user/1000@example.org"
    world = World(everybody([queue()], [agent("1000", contacts=(contact,))]))
    world.phone("1000", Behaviour(outcome="no_dial_string"), contact)
    call = world.call()
    world.run(900)
    state = world.engine._state

    assert len(world.sent(Originate)) > 100
    assert len(state.cancelled) < 40
    assert len(state._timers) < 10
    world.does(call.hang_up)
    world.run(300)
    world.call(number="2")
    world.run(1)
    assert len(state.cancelled) < 3
