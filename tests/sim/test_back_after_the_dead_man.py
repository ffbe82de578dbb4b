"""The node's dead man lets conversations end by themselves; who comes back keeps their callers again."""

from __future__ import annotations

import pytest
from sim.storm.switches import dead_man
from sim.test_consult import back, consult, office, talking
from sim.world import World

from py_callcenter.engine.transfers import Destination

pytestmark = pytest.mark.sim


def _killed(world: World) -> None:
    world.kill_controller()
    world.rest(33)
    dead_man(world.switch)
    world.rest(5)
    world.start()
    world.run(2)


def _out_of_sight(world: World) -> None:
    """The same controller: it stood still, or nobody heard of it."""
    world.rest(33)
    dead_man(world.switch)
    world.rest(5)
    world.resync()
    world.run(2)


@pytest.fixture(params=[_killed, _out_of_sight], ids=["killed", "out of sight"])
def away(request):
    return request.param


def _goes_home(world: World, call) -> None:
    if call.alive:
        world.does(call.hang_up)
    world.run(40)
    world.assert_quiet()


def test_the_caller_can_be_transferred(away):
    world = office()
    call = talking(world)

    away(world)
    assert world.talks_with(call) == "1000"
    world.carry_out(world.engine.transfer(call.uuid, Destination("queue", "sales"), world.now_us))
    world.run(5)

    assert world.talks_with(call) == "2000"
    _goes_home(world, call)


def test_the_agent_can_consult_and_come_back(away):
    world = office()
    call = talking(world)

    away(world)
    consult(world, call)
    world.run(5)
    assert world.talks_with(call) != "1000"
    back(world, call)
    world.run(5)

    assert world.talks_with(call) == "1000"
    _goes_home(world, call)


def test_when_the_agent_hangs_up_the_caller_goes_where_callers_go_after_a_conversation(away):
    world = office()
    call = talking(world)

    away(world)
    world.does(world.phones["1000"].hang_up)
    world.run(1)

    assert call.alive
    assert call.leg.profile.destination == "voicemail"
    _goes_home(world, call)
