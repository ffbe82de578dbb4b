"""Events are lost for good: within a minute nobody notices any more."""

from __future__ import annotations

import pytest
from sim.world import MANUAL, World, agent, everybody, queue

from py_callcenter.engine.actions import Probe

pytestmark = pytest.mark.sim

ENDS = ("CHANNEL_HANGUP", "CHANNEL_DESTROY")


def centre(*names: str, **settings) -> World:
    world = World(everybody([queue(**settings)], [agent(name) for name in names]))
    for name in names:
        world.phone(name)
    return world


def deaf_to(world: World, *names: str) -> None:
    world.drop = lambda event: event.name in names


def test_a_caller_whose_hangup_is_lost_is_not_kept_in_the_queue():
    world = centre("1000")
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    call = world.call()
    world.run(5)
    deaf_to(world, *ENDS)
    world.does(call.hang_up)

    world.run(60)

    assert not world.engine.view(world.now_us).calls
    assert world.the("call-lost")
    assert world.the("end-missed").side == "caller"
    world.assert_quiet()


@pytest.mark.parametrize("who", ["caller", "agent"])
def test_an_agent_is_free_although_every_end_of_the_conversation_is_lost(who):
    world = centre("1000", after_call="voicemail")
    call = world.call()
    world.run(5)
    deaf_to(world, *ENDS, "CHANNEL_PARK", "CHANNEL_UNBRIDGE")
    world.does(call.hang_up if who == "caller" else world.phones["1000"].hang_up)

    world.run(60)

    assert world.agent("1000").state == "waiting"
    assert len(world.all("conversation-ended")) == 1
    if who == "agent":
        assert call.leg.profile.destination == "voicemail"
    else:
        world.assert_quiet()


def test_a_hangup_that_is_only_late_is_believed_rather_than_the_silence():
    """The switch no longer knows the channel, and its HANGUP comes a second later: nobody was lost."""
    world = centre("1000")
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    call = world.call()
    world.run(6)
    late = []
    world.drop = lambda event: event.name in ENDS and not late.append(event)
    world.does(call.hang_up)
    [probe] = [Probe("fs1", call.uuid, audit=True)]
    world.carry_out(world.engine.on_probe(probe, False, world.now_us))
    world.run(1)
    world.carry_out(world.engine.on_event("fs1", late[0], world.now_us))

    world.run(60)

    assert not world.all("end-missed")
    assert world.the("call-abandoned")


def test_an_idle_centre_asks_nothing_and_a_busy_one_little():
    world = centre("1000", "1001")
    for phone in world.phones.values():
        phone.behaviour = MANUAL
    world.run(600)
    assert not world.sent(Probe)

    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    world.carry_out(world.engine.set_agent_status("1001", "Logged Out", world.now_us))
    calls = [world.call(number=str(number)) for number in range(60)]
    world.run(61)

    asked = [probe.uuid for probe in world.sent(Probe)]
    assert {call.uuid for call in calls} == set(asked)
    assert len(asked) <= 3 * len(calls)
