"""What a person changes about callers who wait, and about agents: seen on the switch and in the books."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, MANUAL, World, agent, queue

from py_callcenter.config import Config, Tier
from py_callcenter.engine import EngineError
from py_callcenter.engine.actions import PlayMusic, SetVariables

pytestmark = pytest.mark.sim


def two_queues(*, sales_agent: bool = True, **sales) -> World:
    """1000 serves support, 1001 sales; nobody answers by himself."""
    config = Config(
        queues=(queue(), queue("sales", **sales)),
        agents=(agent("1000", wrap_up_time=10), agent("1001")),
        tiers=(Tier(queue="support", agent="1000"), Tier(queue="sales", agent="1001")),
    )
    world = World(config, statuses={} if sales_agent else {"1001": "On Break"})
    world.phone("1000", MANUAL)
    world.phone("1001", MANUAL)
    return world


def move(world: World, call, where: str, **more) -> None:
    world.does(lambda: world.carry_out(world.engine.move_call(call.uuid, where, world.now_us, **more)))


def rank(world: World, call, **more) -> None:
    world.does(lambda: world.carry_out(world.engine.rank_call(call.uuid, world.now_us, **more)))


def line(world: World, name: str) -> list[str]:
    return [call.id for call in world.engine.view(world.now_us).calls if call.queue == name and call.position]


def test_a_caller_who_rings_an_agent_is_moved_and_reached_by_the_other_queue():
    world = two_queues()
    call = world.call()
    world.run(3)
    assert world.ringing("1000")

    move(world, call, "sales")
    world.run(1)

    assert not world.ringing("1000")
    assert world.ringing("1001")
    world.does(world.phones["1001"].answer)
    world.run(2)
    assert world.talks_with(call) == "1001"
    left, entered = world.the("call-left"), world.all("queue-entered")
    assert (left.queue, left.reason, left.target) == ("support", "moved", "sales")
    assert [(e.queue, e.leg) for e in entered] == [("support", 1), ("sales", 2)]
    world.does(call.hang_up)
    world.run(60)
    world.assert_quiet()


@pytest.mark.parametrize(("keep_wait", "order"), [(True, ["moved", "there"]), (False, ["there", "moved"])])
def test_the_wait_so_far_counts_in_the_other_queue_if_wanted(keep_wait, order):
    world = two_queues(sales_agent=False)
    moved = world.call()
    world.run(30)
    there = world.call("queue_sales")
    world.run(10)

    move(world, moved, "sales", keep_wait=keep_wait)

    names = {moved.uuid: "moved", there.uuid: "there"}
    assert [names[uuid] for uuid in line(world, "sales")] == order


def test_a_moved_caller_hears_the_other_queues_music():
    world = two_queues(sales_agent=False, moh_sound="local_stream://sales")
    call = world.call()
    world.run(1)
    move(world, call, "sales")
    world.run(1)

    assert [action.source for action in world.sent(PlayMusic)] == [
        "local_stream://moh",
        "local_stream://sales",
    ]


def test_a_move_outlives_the_controller():
    world = two_queues(sales_agent=False)
    call = world.call()
    world.run(20)
    other = world.call("queue_sales")
    world.run(1)
    move(world, call, "sales")
    world.run(1)

    world.kill_controller()
    world.start({"1001": "On Break"})
    world.run(1)

    assert line(world, "sales") == [call.uuid, other.uuid]
    assert line(world, "support") == []


def test_priority_and_base_score_change_the_place_and_are_kept_on_the_channel():
    world = two_queues(sales_agent=False)
    first, second, third = (world.call("queue_sales", number=f"1555{n}") for n in range(3))
    world.run(1)
    rank(world, third, priority=5)
    rank(world, second, base_score=60)

    assert line(world, "sales") == [third.uuid, second.uuid, first.uuid]
    sent = [dict(action.variables) for action in world.sent(SetVariables)]
    assert {"cc_priority": "5"} in sent
    assert {"cc_base_score": "60"} in sent
    assert [r.priority for r in world.all("caller-ranked")] == [5, 0]


def test_what_cannot_be_is_said_and_changes_nothing():
    world = two_queues(max_callers=1)
    waiting, there = world.call(), world.call("queue_sales")
    world.run(3)
    before = (line(world, "support"), line(world, "sales"))
    for act, word in (
        (lambda: move(world, waiting, "nope"), "no queue `nope`"),
        (lambda: move(world, waiting, "support"), "already"),
        (lambda: move(world, waiting, "sales"), "full"),
        (lambda: rank(world, waiting, priority=101), "-100 to 100"),
        (lambda: rank(world, waiting, base_score=10**10), "base score"),
        (lambda: world.engine.move_call("nobody", "sales", world.now_us), "no call"),
        (lambda: world.engine.hold_agent("nobody", 0, world.now_us), "no agent"),
        (lambda: world.engine.hold_agent("1000", world.now_us + 10**12, world.now_us), "86400"),
        (lambda: world.engine.set_external_calls("1000", -1, world.now_us), "0 to 1000"),
        (lambda: world.engine.set_wrap_up_end("1000", world.now_us, world.now_us), "isn't in wrap-up"),
    ):
        with pytest.raises(EngineError, match=word):
            act()
    world.does(world.phones["1001"].answer)
    world.run(2)
    with pytest.raises(EngineError, match="doesn't wait"):
        move(world, there, "support")
    assert (line(world, "support"), [*line(world, "sales"), there.uuid]) == before


def test_an_agent_who_is_held_back_is_offered_nothing_until_then():
    world = two_queues()
    world.carry_out(world.engine.hold_agent("1000", world.now_us + 30_000_000, world.now_us))
    world.call()
    world.run(25)
    assert not world.ringing("1000")
    assert world.agent("1000").ready_at_us > 0
    world.run(10)
    assert world.ringing("1000")
    assert world.the("agent-held").agent == "1000"


def test_an_agent_on_other_calls_is_passed_over_until_these_are_over():
    world = two_queues()
    world.carry_out(world.engine.set_external_calls("1000", 1, world.now_us))
    world.call()
    world.run(5)
    assert world.agent("1000").state == "busy_elsewhere"
    assert not world.ringing("1000")
    world.does(lambda: world.carry_out(world.engine.set_external_calls("1000", 0, world.now_us)))
    world.run(1)
    assert world.ringing("1000")


def test_a_wrap_up_is_extended_and_then_ended():
    world = two_queues()
    world.phones["1000"].behaviour = ANSWERS
    call = world.call()
    world.run(10)
    world.does(call.hang_up)
    world.run(1)
    assert world.agent("1000").state == "wrap_up"
    world.carry_out(world.engine.set_wrap_up_end("1000", world.now_us + 60_000_000, world.now_us))
    world.run(30)
    assert world.agent("1000").state == "wrap_up"
    world.carry_out(world.engine.set_wrap_up_end("1000", world.now_us, world.now_us))
    assert world.agent("1000").state == "waiting"


def test_a_caller_is_told_what_to_expect_once_enough_was_seen():
    world = two_queues()
    world.phones["1000"].behaviour = ANSWERS
    view = world.engine.view(world.now_us)
    assert view.queues[0].expected.p90_us == 0  # an agent is ready
    for number in range(30):
        call = world.call(number=f"1555{number}")
        world.run(2)
        waiting = world.call(number=f"1666{number}")
        world.run(50)
        world.does(call.hang_up)
        world.run(20)
        world.does(waiting.hang_up)
        world.run(20)
    talker, waiting = world.call(), world.call()
    world.run(10)
    view = world.engine.view(world.now_us)
    expected = {call.id: call.expected for call in view.calls}
    assert expected[talker.uuid] is None
    assert 0 < expected[waiting.uuid].p10_us < expected[waiting.uuid].p90_us < 600_000_000
    assert view.queues[0].expected.mean_us > expected[waiting.uuid].mean_us
    assert view.queues[0].score.answers > 0


def test_a_caller_moved_by_hand_stays_however_long_the_wait():
    world = World(
        Config(
            queues=(queue(), queue("sales", max_expected_wait=1)),
            agents=(agent("1000"), agent("1001", wrap_up_time=0)),
            tiers=(Tier(queue="support", agent="1000"), Tier(queue="sales", agent="1001")),
        )
    )
    world.phone("1000", MANUAL)
    world.phone("1001", ANSWERS)
    for number in range(30):
        call = world.call("queue_sales", number=f"1555{number}")
        world.run(2)
        second = world.call("queue_sales", number=f"1666{number}")
        world.run(60)
        for one in (call, second):
            world.does(one.hang_up)
        world.run(60)
    assert world.all("call-left")[-1].reason == "expected-wait"
    told = len(world.all("call-left"))
    world.call("queue_sales")
    waiting = world.call()
    world.run(10)

    move(world, waiting, "sales")
    world.run(5)

    assert line(world, "sales") == [waiting.uuid]
    assert [record.reason for record in world.all("call-left")[told:]] == ["moved"]


def test_a_waiting_call_tells_why_it_has_no_agent():
    world = two_queues(sales_agent=False)
    first, second = world.call(), world.call()
    there = world.call("queue_sales")
    world.run(3)
    assert world.ringing("1000")

    told = world.engine.why(second.uuid)
    assert (told.queue, told.closed, told.wanted) == ("support", None, 1)
    assert [(one.agent, one.reason, one.other_call) for one in told.agents] == [
        ("1000", "reserved", first.uuid)
    ]
    assert world.engine.why(first.uuid).closed == "ringing"
    assert [(one.agent, one.reason) for one in world.engine.why(there.uuid).agents] == [("1001", "on_break")]
    with pytest.raises(EngineError, match="call"):
        world.engine.why("nobody")
    for call in (first, second, there):
        world.does(call.hang_up)
    world.run(60)
    world.assert_quiet()
