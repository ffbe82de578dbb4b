"""The controller dies at any moment, and the next one takes everything up.

Who was on the way elsewhere: `test_recovery_moved`; what channels tell without the books:
`test_recovery_channels`.
"""

from __future__ import annotations

from typing import Any

import pytest
from sim.restarting import centre, everybody_leaves
from sim.world import ANSWERS, BUSY, IGNORES, MANUAL, REFUSES, SECOND, World, agent, everybody, queue

from py_callcenter.engine.actions import Kill, Originate
from py_callcenter.sim import Behaviour

pytestmark = pytest.mark.sim

STANDING = (
    "status",
    "state",
    "state_since_us",
    "ready_at_us",
    "no_answer_count",
    "calls_answered",
    "talk_us",
)


def standing(world: World) -> dict[str, tuple[Any, ...]]:
    """How each agent stands, with the order of idle times."""
    state = world.engine._state
    return {
        name: (*(getattr(view, field) for field in STANDING), view.idle_since_us)
        for name, view in ((n, state.router.agent(i)) for n, i in state.agent_ids.items())
    }


def test_a_conversation_goes_on_and_is_written_down_once():
    world = centre("1000", wrap_up=10)
    call = world.call()
    world.run(10)
    assert world.agent("1000").state == "in_a_queue_call"

    world.restart(after=3)
    world.run(5)

    assert world.talks_with(call) == "1000"
    assert world.agent("1000").state == "in_a_queue_call"
    assert len(world.sent(Originate)) == 1
    world.does(call.hang_up)
    world.run(1)
    assert world.agent("1000").state == "wrap_up"
    assert world.the("conversation-ended").talk_us == world.the("conversation-ended").at_us - (
        world.the("call-answered").wait_us + world.the("queue-entered").at_us
    )
    everybody_leaves(world, call)


def test_a_phone_that_rings_is_answered_as_if_nothing_had_happened():
    world = centre("1000", behaviour=MANUAL)
    call = world.call()
    world.run(2)

    world.restart()
    world.run(1)
    assert world.ringing("1000")
    assert world.agent("1000").state == "receiving"
    world.does(world.phones["1000"].answer)
    world.run(2)

    assert world.talks_with(call) == "1000"
    assert len(world.sent(Originate)) == 1
    everybody_leaves(world, call)


def test_an_agent_who_answered_while_nobody_looked_is_connected_at_the_start():
    world = centre("1000", behaviour=MANUAL)
    call = world.call()
    world.run(2)

    world.kill_controller()
    world.does_alone(world.phones["1000"].answer)
    world.rest(2)
    world.start()
    world.run(1)

    assert world.talks_with(call) == "1000"
    everybody_leaves(world, call)


def test_a_phone_that_rang_out_meanwhile_is_not_waited_for():
    world = centre("1000", behaviour=IGNORES, agent_originate_timeout=5)
    call = world.call()
    world.run(2)

    world.restart(after=30)
    world.run(2)

    assert world.all("offer-ended")[0].outcome == "withdrawn"
    assert len(world.sent(Originate)) == 2
    everybody_leaves(world, call)


def test_a_caller_who_left_meanwhile_leaves_no_ringing_phone_and_no_open_book():
    world = centre("1000", behaviour=IGNORES)
    call = world.call()
    world.run(2)

    world.kill_controller()
    world.does_alone(call.hang_up)
    world.start()
    world.run(2)

    assert not world.ringing("1000")
    assert world.the("leg-orphaned").agent == "1000"
    assert world.the("call-lost").wait_us >= 2 * SECOND
    assert world.agent("1000").state == "waiting"
    everybody_leaves(world)


@pytest.mark.parametrize("who", ["caller", "agent"])
def test_a_conversation_that_ended_meanwhile_is_closed_and_the_agent_rests(who):
    world = centre("1000", wrap_up=10, after_call="voicemail")
    call = world.call()
    world.run(10)

    world.kill_controller()
    world.does_alone(call.hang_up if who == "caller" else world.phones["1000"].hang_up)
    world.rest(3)
    world.start()
    world.run(1)

    assert world.agent("1000").state == "wrap_up"
    assert world.the("conversation-ended").ended_by == "system"
    if who == "agent":
        assert call.leg.profile.destination == "voicemail"
    everybody_leaves(world, call)


def test_agents_stand_as_they_stood():
    """Login, breaks, wrap-ups with their ends, idle order and counters."""
    names = ("1000", "1001", "1002", "1003", "1004")
    world = centre(*names, wrap_up=30, behaviour=MANUAL)
    for name in names:  # one after the other, so that each is idle for another time
        call = world.call()
        world.run(1)
        rung = next(n for n in names if world.ringing(n))
        world.does(world.phones[rung].answer)
        world.run(4)
        world.does(call.hang_up)
        world.run(1.5)
        if name == "1001":
            world.carry_out(world.engine.set_agent_status("1001", "On Break", world.now_us))
        if name == "1002":
            world.carry_out(world.engine.set_agent_status("1002", "Logged Out", world.now_us))
    before = standing(world)
    assert {entry[1] for entry in before.values()} == {"wrap_up", "on_break", "logged_out"}

    world.restart(after=2)
    after = standing(world)

    for name in names:
        old, new = (dict(zip(STANDING, seen[name], strict=False)) for seen in (before, after))
        assert abs(old.pop("talk_us") - new.pop("talk_us")) < SECOND
        old.pop("state_since_us"), new.pop("state_since_us")
        assert old == new, name
        assert before[name][-1] == after[name][-1], "idle since"
    world.run(40)
    assert world.agent("1000").state == "waiting"
    assert world.agent("1001").state == "on_break"


def test_no_answers_are_not_forgotten():
    world = World(everybody([queue(agent_originate_timeout=5)], [agent("1000", max_no_answer=2)]))
    world.phone("1000", IGNORES)
    call = world.call()
    world.run(7)
    assert world.agent("1000").no_answer_count == 1

    world.restart()
    world.run(12)

    assert world.agent("1000").status == "On Break"
    everybody_leaves(world, call)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [(BUSY, "busy"), (REFUSES, "reject"), (Behaviour(outcome="not_found"), "unregistered")],
)
def test_no_kind_of_failed_offer_is_forgotten(behaviour, kind):
    settings = {f"max_{kind}": 2, f"{kind}_delay_time": 10}
    world = World(everybody([queue(**{f"agent_{kind}_status": "On Break"})], [agent("1000", **settings)]))
    world.phone("1000", behaviour)
    call = world.call()
    world.run(5)
    assert world.agent("1000").status == "Available"

    world.restart()
    world.run(40)

    assert world.agent("1000").status == "On Break"
    everybody_leaves(world, call)


@pytest.mark.parametrize(
    ("behaviour", "kind", "rest"),
    [
        (BUSY, "busy", 60),
        (REFUSES, "reject", 60),
        (IGNORES, "no_answer", 60),
        (Behaviour(outcome="not_found"), "unregistered", 60),
    ],
)
def test_who_rests_after_a_failed_offer_does_so_after_a_restart_too(behaviour, kind, rest):
    settings = {f"{kind}_delay_time": rest, "wrap_up_time": 5}
    world = World(everybody([queue(agent_originate_timeout=5)], [agent("1000", **settings)]))
    phone = world.phone("1000", behaviour)
    call = world.call()
    world.run(10)
    before = world.agent("1000")
    assert before.ready_at_us > world.now_us + 40 * SECOND

    world.restart()
    world.restart()
    phone.behaviour = ANSWERS
    world.run(0.5)
    after = world.agent("1000")
    assert (after.state, after.ready_at_us) == ("waiting", before.ready_at_us)
    world.run((after.ready_at_us - world.now_us) / SECOND - 0.5)
    assert len(world.sent(Originate)) == 1
    world.run(4)
    assert world.talks_with(call) == "1000"

    world.does(call.hang_up)
    world.run(1)
    world.restart()
    world.run(0.5)
    assert world.agent("1000").state == "wrap_up", "that is over, and was for another offer"
    world.run(5)
    assert (world.agent("1000").state, world.agent("1000").ready_at_us) == ("waiting", 0)


@pytest.mark.parametrize(("reset", "calls"), [(False, 2), (True, 1)])
def test_counters_that_begin_anew_with_available_do_so_after_a_restart_too(reset, calls):
    world = World(everybody([queue()], [agent("1000", wrap_up_time=0, reset_counters=reset)]))
    world.phone("1000", ANSWERS)
    for number in range(2):
        call = world.call(number=f"1555{number}")
        world.run(30)
        world.does(call.hang_up)
        world.run(5)
        if number == 0:
            for status in ("On Break", "Available"):
                world.carry_out(world.engine.set_agent_status("1000", status, world.now_us))
    before = world.agent("1000")
    assert before.calls_answered == calls

    world.restart()
    world.run(5)

    after = world.agent("1000")
    assert after.calls_answered == calls
    assert abs(after.talk_us - before.talk_us) < SECOND


def test_callers_of_the_same_microsecond_keep_their_order():
    world = centre("1000", behaviour=IGNORES)
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    calls = [world.call(number=str(number)) for number in range(12)]
    world.run(1)
    order = [line.id for line in world.engine.view(world.now_us).calls]
    # The table of channels comes in an order of its own.
    world.switch.legs = dict(reversed(world.switch.legs.items()))

    world.restart()

    assert [line.id for line in world.engine.view(world.now_us).calls] == order
    everybody_leaves(world, *calls)


@pytest.mark.parametrize("after_ms", range(0, 4200, 35))
def test_killed_at_any_moment_of_a_call(after_ms):
    """From the PARK to the conversation; the new controller starts half a second later."""
    world = centre("1000", "1001", seed=after_ms, wrap_up=2)
    call = world.call()
    world.run(after_ms / 1000)

    world.restart(after=0.5)
    world.run(8)

    assert call.alive
    assert world.talks_with(call) in ("1000", "1001")
    assert len(world.all("call-answered")) == 1
    assert [kill for kill in world.sent(Kill) if kill.uuid == call.uuid] == []
    everybody_leaves(world, call)


@pytest.mark.parametrize("after_ms", range(0, 900, 30))
def test_killed_around_the_end_of_a_conversation(after_ms):
    world = centre("1000", seed=after_ms, wrap_up=5, after_call="voicemail")
    call = world.call()
    world.run(5)
    world.does(world.phones["1000"].hang_up)
    world.run(after_ms / 1000)

    world.restart(after=0.2)
    world.run(3)

    assert call.leg.profile.destination == "voicemail"
    assert len(world.all("conversation-ended")) == 1
    assert world.agent("1000").state == "wrap_up"
    everybody_leaves(world, call)


def test_killed_again_and_again():
    world = centre("1000", "1001", wrap_up=2)
    calls = []
    for number in range(12):
        calls.append(world.call(number=str(number)))
        world.run(1.1)
        world.restart(after=0.7)
        if number % 3 == 2:
            world.does(calls[number - 2].hang_up)
    world.run(2)
    everybody_leaves(world, *calls)
    assert len(world.all("call-offered")) == 12
