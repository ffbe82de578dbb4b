"""A start knows callers and phones by what their channels carry, and by nothing that others could carry."""

from __future__ import annotations

from typing import Any

import pytest
from sim.restarting import centre, everybody_leaves
from sim.world import IGNORES, KEY, NODE

from py_callcenter.engine.actions import Kill, Originate, PlayMusic, SetVariables, StopMusic
from py_callcenter.engine.identity import Sealer
from py_callcenter.sim import Behaviour, Step

pytestmark = pytest.mark.sim


def test_without_the_books_the_channel_says_enough():
    """The database is gone: who waits keeps the place, who talks talks on, and each is counted once."""
    world = centre("1000")
    talking, waiting = world.call(number="1"), world.call(number="2")
    world.run(6)
    entered = {line.id: line.entered_us for line in world.engine.view(world.now_us).calls}

    world.kill_controller()
    world.records.clear()
    world.rest(1)
    world.start({"1000": "Available"})
    world.run(3)

    assert world.talks_with(talking) == "1000"
    assert world.agent("1000").state == "in_a_queue_call"
    assert {line.id: line.entered_us for line in world.engine.view(world.now_us).calls} == entered
    assert world.the("call-answered").call == talking.uuid
    world.does(talking.hang_up)
    world.run(5)
    assert world.talks_with(waiting) == "1000"


def test_a_new_key_loses_nobody():
    world = centre("1000", behaviour=IGNORES)
    calls = [world.call(number=str(number)) for number in range(3)]
    world.run(2)
    order = [line.id for line in world.engine.view(world.now_us).calls]

    world.kill_controller()
    world.records.clear()
    world.keys = [b"another key, of thirty-two bytes", KEY]
    world.rest(1)
    world.start({"1000": "Available"})
    world.run(1)

    assert [line.id for line in world.engine.view(world.now_us).calls] == order
    assert not world.all("call-offered")
    everybody = world.engine._state.sealer
    assert everybody.holds(calls[0].leg.values["cc_tag"], *_sealed(calls[0]))
    assert not type(everybody)(KEY).holds(calls[0].leg.values["cc_tag"], *_sealed(calls[0]))


def _sealed(call: Any) -> tuple[str, ...]:
    values = call.leg.values
    return ("caller", call.uuid, values["cc_call"], values["cc_queue"], values["cc_entered_us"])


def test_strangers_are_never_touched():
    world = centre("1000", behaviour=IGNORES)
    world.switch.dialplan.add(
        "impostor", Step("set", "cc_side=agent"), Step("set", "cc_offer=x/1"), Step("answer"), Step("park")
    )
    strangers = [world.call("echo"), world.call("impostor", number="7")]
    call = world.call(number="8")
    world.run(2)

    world.restart()
    world.run(2)

    assert all(stranger.alive for stranger in strangers)
    assert {kill.uuid for kill in world.sent(Kill)} & {stranger.uuid for stranger in strangers} == set()
    assert call.alive


def test_a_phone_that_was_dialled_in_the_last_moment_is_known_by_its_name():
    """What else a leg carries is set when it rings, which nobody did: the controller died before."""
    world = centre("1000", behaviour=IGNORES)
    world.swallow = lambda action: isinstance(action, SetVariables)
    call = world.call()
    world.run(0.5)
    world.swallow = lambda _action: False
    [leg] = world.phones["1000"].legs
    assert not {"cc_side", "cc_tag", "cc_call"} & leg.values.keys()

    world.restart(after=1)
    world.run(1)

    assert leg.alive, "it rings on"
    assert world.the("offer-taken-up").agent == "1000"
    assert leg.values["cc_side"] == "agent"
    assert world.ringing("1000")
    everybody_leaves(world, call)


def test_a_phone_that_was_dialled_in_the_last_moment_stops_when_its_caller_has_left():
    world = centre("1000", behaviour=IGNORES)
    world.swallow = lambda action: isinstance(action, SetVariables)
    call = world.call()
    world.run(0.5)
    world.swallow = lambda _action: False

    world.kill_controller()
    world.does_alone(call.hang_up)
    world.start()
    world.run(2)

    assert not world.ringing("1000")
    assert world.the("leg-orphaned").agent == "1000"
    everybody_leaves(world)


@pytest.mark.parametrize("sealed_for", ["1000", "2000"])
def test_a_phone_that_an_earlier_version_dialled_is_known_by_its_seal(monkeypatch, sealed_for):
    world = centre("1000", behaviour=IGNORES)
    call = world.call()
    world.run(2)
    [leg] = world.phones["1000"].legs
    leg.set("cc_tag", world.engine._state.sealer.seal("offer", call.uuid, 1, sealed_for))
    monkeypatch.setattr(Sealer, "legs", lambda *_: [])  # it gave other names

    world.restart(after=1)
    world.run(1)

    assert len(world.all("offer-taken-up")) == (sealed_for == "1000")
    assert leg.alive
    everybody_leaves(world, call)


@pytest.mark.parametrize("heard", [True, False])
def test_a_caller_whose_stamps_got_lost_is_stamped_again_or_known_by_the_books(heard):
    """The switch refused them, or the controller died before it could try again."""
    world = centre("1000", behaviour=IGNORES)
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    world.swallow = lambda action: isinstance(action, SetVariables)
    call = world.call()
    world.run(0.5)
    [lost] = world.sent(SetVariables)
    world.swallow = lambda _action: False
    if heard:
        world.carry_out(world.engine.on_failure(lost, None, world.now_us))
        world.run(3)
        assert call.leg.values["cc_tag"]

    world.restart(after=1)
    world.run(1)

    [line] = world.engine.view(world.now_us).calls
    assert line.id == call.uuid
    assert line.entered_us == world.the("queue-entered").at_us
    assert len(world.all("call-offered")) == 1
    assert call.leg.values["cc_tag"]
    everybody_leaves(world, call)


def test_a_start_tells_a_switch_nothing_that_its_callers_carry_already():
    """A thousand wait, and the switch reads byte by byte what keeps the first phone from ringing."""
    world = centre("1000", behaviour=IGNORES)
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    callers = [world.call(), world.call()]
    world.run(2)
    callers[1].leg.set("cc_member_uuid", "")
    world.actions.clear()
    world.restart(after=1)
    world.run(1)

    [again] = world.sent(SetVariables)
    assert (again.uuid, {name for name, _ in again.variables}) == (
        callers[1].uuid,
        {"cc_member_uuid", "cc_epoch"},
    )
    assert [line.id for line in world.engine.view(world.now_us).calls] == [one.uuid for one in callers]
    everybody_leaves(world, *callers)


def test_the_first_phone_rings_before_a_start_sees_to_those_who_just_wait_on():
    world = centre("1000", behaviour=Behaviour(answer_after_us=200_000))
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    first, second = world.call(), world.call()
    world.run(2)
    world.actions.clear()
    world.restart(after=1)

    world.carry_out(world.engine.set_agent_status("1000", "Available", world.now_us))
    world.run(0.5)

    told = [action for action in world.actions if getattr(action, "uuid", "") == second.uuid]
    assert world.sent(Originate)
    assert not told
    assert any(action.uuid == first.uuid for action in world.sent(StopMusic)), "it still played"
    assert world.talks_with(first) == "1000"
    world.run(1)
    assert [action.uuid for action in world.sent(PlayMusic)] == [second.uuid]
    everybody_leaves(world, second, first)


def test_of_a_conversation_that_the_switch_shows_no_other_phone_is_asked_for():
    world = centre("1000")
    call = world.call()
    world.run(10)
    talks = world.the("call-answered").call
    leg = next(uuid for uuid in world.switch.legs if uuid != call.uuid)
    world.kill_controller()
    world.rest(1)
    world.connect()
    asked: list[list[str]] = []
    look = world.resync
    world.resync = lambda: asked.extend(
        world.engine.known_legs(NODE, seen) for seen in ((), {call.uuid, leg}, {call.uuid})
    )  # type: ignore[method-assign]

    world.start()

    assert talks == call.uuid
    assert {call.uuid, leg} < set(asked[0])
    assert asked[1] == [call.uuid]
    assert asked[2] == asked[0], "the table may lag: nothing is known of the phone"
    look()
    assert world.talks_with(call) == "1000"
