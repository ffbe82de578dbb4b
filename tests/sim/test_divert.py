"""An operator diverts a queue: everybody in it and everybody who comes goes there, until it is taken back."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, MANUAL, World, agent, everybody, queue

from py_callcenter.config import Exit
from py_callcenter.engine import EngineError
from py_callcenter.engine.actions import Transfer
from py_callcenter.sim import Step

pytestmark = pytest.mark.sim

VOICEMAIL = Exit("voicemail", "default")


def divert(world: World, name: str | None, to: Exit | None) -> None:
    world.carry_out(world.engine.divert(name, to, world.now_us))
    world._settle()


def test_who_waits_and_who_comes_goes_to_the_place():
    world = World(everybody([queue()], [agent("a", status="On Break")]))
    world.phone("a")
    waiting = [world.call(), world.call()]
    world.run(5)
    divert(world, "support", VOICEMAIL)
    world.run(1)
    late = world.call()
    world.run(1)
    moved = world.sent(Transfer)
    assert [t.uuid for t in moved] == [call.uuid for call in (*waiting, late)]
    assert {(t.extension, t.context) for t in moved} == {("voicemail", "default")}
    left = world.all("call-left")
    assert {(r.reason, r.target) for r in left} == {("diverted", "voicemail@default")}
    assert [round(r.wait_us / 1e6) for r in left] == [5, 5, 0]
    ordered = world.the("queue-diverted")
    assert (ordered.queue, ordered.target, ordered.waiting) == ("support", "voicemail@default", 2)
    assert world.engine.view(world.now_us).queues[0].divert == "voicemail@default"


def test_taken_back_the_queue_works_as_before():
    world = World(everybody([queue()], [agent("a")]))
    world.phone("a", ANSWERS)
    divert(world, "support", VOICEMAIL)
    divert(world, "support", None)
    world.call()
    world.run(5)
    assert len(world.all("call-answered")) == 1
    assert [r.target for r in world.all("queue-diverted")] == ["voicemail@default", ""]


def test_all_queues_at_once_and_back():
    world = World(everybody([queue(), queue("sales")], [agent("a", status="On Break")]))
    world.phone("a")
    world.call("queue_support")
    world.call("queue_sales")
    divert(world, None, VOICEMAIL)
    world.run(1)
    assert len(world.sent(Transfer)) == 2
    divert(world, None, None)
    assert [q.divert for q in world.engine.view(world.now_us).queues] == ["", ""]


def test_a_phone_that_rings_is_called_off_and_a_conversation_goes_on():
    world = World(everybody([queue()], [agent("a"), agent("b")]))
    world.phone("a", ANSWERS)
    world.phone("b", MANUAL)
    talks = world.call()
    world.run(3)
    assert world.talks_with(talks) == "a"
    world.call()
    world.run(1)
    divert(world, "support", VOICEMAIL)
    world.run(2)
    assert not world.ringing("b")
    assert world.agent("b").state == "waiting"
    assert world.talks_with(talks) == "a"


def test_the_operator_s_word_comes_before_the_caller_s_own_exit():
    world = World(everybody([queue()], [agent("a", status="On Break")]))
    world.phone("a")
    plan = world.switch.dialplan
    steps = (("set", "cc_queue=support"), ("set", "cc_exit_exten=outside"), ("answer", ""), ("park", ""))
    plan.add("own", *(Step(*step) for step in steps))
    world.call("own")
    divert(world, "support", VOICEMAIL)
    world.run(1)
    assert [t.extension for t in world.sent(Transfer)] == ["voicemail"]


def test_three_hundred_callers_leave_in_order_and_not_all_in_one_moment():
    world = World(everybody([queue()], [agent("a", status="On Break")]))
    world.phone("a")
    callers = [world.call() for _ in range(300)]
    divert(world, "support", VOICEMAIL)
    assert len(world.sent(Transfer)) == 100
    world.run(0.5)
    assert [t.uuid for t in world.sent(Transfer)] == [call.uuid for call in callers]


SALES = Exit("queue_sales", "default")


@pytest.mark.parametrize("first", ["queue_support", "queue_sales"])
def test_everybody_into_one_of_the_queues_is_no_circle(first):
    """Going round, each call would end at the switch's seventieth transfer, in less than a second."""
    world = World(everybody([queue(), queue("sales")], [agent("a", status="On Break")]))
    world.phone("a", ANSWERS)
    waits = world.call(first)
    world.run(2)
    divert(world, None, SALES)
    comes = world.call(first)
    world.run(60)
    assert waits.alive
    assert comes.alive
    assert [(row.queue, row.phase) for row in world.engine.view(world.now_us).calls] == [
        ("sales", "waiting"),
        ("sales", "waiting"),
    ]
    assert all(record.leg <= 3 for record in world.all("queue-entered"))

    divert(world, "sales", VOICEMAIL)
    world.run(2)
    assert not world.engine._state.waiting, "another order holds for them again"


def test_two_queues_that_are_diverted_to_each_other_end_nobody_s_call():
    world = World(everybody([queue(), queue("sales")], [agent("a", status="On Break")]))
    world.phone("a", ANSWERS)
    divert(world, "support", SALES)
    divert(world, "sales", Exit("queue_support", "default"))
    call = world.call()
    world.run(30)
    assert call.alive
    assert [record.queue for record in world.all("queue-entered")] == ["support", "sales", "support"]
    world.carry_out(world.engine.set_agent_status("a", "Available", world.now_us))
    world.run(4)
    assert world.talks_with(call) == "a"


def test_an_unknown_queue_is_refused_with_a_hint():
    world = World(everybody([queue()], [agent("a")]))
    with pytest.raises(EngineError, match="no queue `nobody`"):
        world.engine.divert("nobody", VOICEMAIL, world.now_us)
    assert not world.all("queue-diverted")


def test_orders_of_an_earlier_run_hold_on():
    config = everybody([queue()], [agent("a")])
    world = World(config)
    world.phone("a")
    world.carry_out(world.engine.restore_diverts({"support": VOICEMAIL, "gone": VOICEMAIL}, world.now_us))
    world.call()
    world.run(1)
    assert [t.extension for t in world.sent(Transfer)] == ["voicemail"]
