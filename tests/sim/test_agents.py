"""An agent's status, phone and rest at awkward moments: nobody is stuck, nothing is rung without pause."""

from __future__ import annotations

import pytest
from sim.staging import centre, set_status
from sim.world import MANUAL

from py_callcenter.engine.actions import Originate

pytestmark = pytest.mark.sim


def test_an_agent_on_demand_is_ready_again_by_setting_the_same_status():
    world = centre("1000", agents={"status": "Available (On Demand)", "wrap_up_time": 0})
    first = world.call(number="1")
    world.run(4)
    world.does(first.hang_up)
    world.run(2)
    assert world.agent("1000").state == "idle"

    set_status(world, "1000", "Available (On Demand)")
    assert world.agent("1000").state == "waiting"

    second = world.call(number="2")
    world.run(4)
    assert world.talks_with(second) == "1000"


def test_a_wrap_up_that_begins_in_a_break_is_written_down():
    world = centre("1000", agents={"wrap_up_time": 30})
    call = world.call()
    world.run(4)
    set_status(world, "1000", "On Break")
    world.does(call.hang_up)
    world.run(2)
    assert world.agent("1000").state == "on_break"

    assert world.the("agent-wrap-up").until_us > world.now_us
    set_status(world, "1000", "Available")
    assert world.agent("1000").state == "wrap_up"


@pytest.mark.parametrize("status", ["On Break", "Logged Out", "Available (On Demand)"])
@pytest.mark.parametrize("after_s", [0.5, 2.01, 2.05, 5.0])
def test_a_status_set_at_any_moment_leaves_no_agent_stuck(status, after_s):
    world = centre("1000", "1001", agents={"wrap_up_time": 1})
    call = world.call()
    world.run(after_s)
    set_status(world, "1000", status)
    world.run(6)
    assert world.talks_with(call)
    world.does(call.hang_up)
    world.run(10)

    set_status(world, "1000", "Available")
    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


def test_a_phone_that_cancels_by_itself_is_not_rung_without_pause():
    """Some phones answer 487 at once; that is not our own cancelling."""
    world = centre("1000", behaviour=MANUAL)
    call = world.call()
    for _ in range(20):
        world.run(0.1)
        for leg in list(world.switch.legs.values()):
            if leg.uuid != call.uuid and leg.alive:
                world.does(lambda leg=leg: world.switch.hang_up(leg, "ORIGINATOR_CANCEL"))

    assert len(world.sent(Originate)) <= 2
    assert world.agent("1000").no_answer_count == 0
