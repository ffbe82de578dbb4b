"""Hold and transfers: the agent is free when the agent is free, and the caller is never lost by it."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, IGNORES, SECOND, World, agent, everybody, queue

from py_callcenter.config import Config, Tier
from py_callcenter.engine.transfers import Destination
from py_callcenter.sim import Behaviour

pytestmark = pytest.mark.sim


@pytest.fixture(params=[True, False], ids=["poked", "unpoked"])
def poked(request):
    return request.param


def two_queues(poked: bool = True, *, billing: dict[str, str] | None = None, **settings) -> World:
    support, other = queue("support", **settings), queue("billing", **(billing or {}))
    config = Config(
        queues=(support, other),
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


# Whoever is sent into a queue keeps the wait, as by the API.

WAITED = 20
"""Seconds until an agent answers the caller of these stories."""
OUTSIDE = "sofia/internal/outside@127.0.0.1:5099"


def logged(world: World, name: str, status: str) -> None:
    world.carry_out(world.engine.set_agent_status(name, status, world.now_us))
    world._settle()


def after_a_wait(to: str = "billing", **settings):
    """Twenty seconds of waiting, forty of talk. Meanwhile one caller has come to the other queue before the
    agent answered and one after that: by the wait alone, ours belongs between the two.
    """
    world = two_queues(**settings)
    logged(world, "1000", "On Break")
    logged(world, "2000", "Logged Out")
    call = world.call()
    world.run(WAITED - 1)
    logged(world, "1000", "Available")
    world.run(11)
    assert world.talks_with(call) == "1000"
    longer = world.call(f"queue_{to}", "15552")
    world.run(15)
    shorter = world.call(f"queue_{to}", "15553")
    world.run(15)
    return world, call, {call.uuid: "ours", longer.uuid: "longer", shorter.uuid: "shorter"}


def order(world: World, names, queue_name: str = "billing") -> list[str]:
    calls = world.engine.view(world.now_us).calls
    return [names[one.id] for one in calls if one.queue == queue_name and one.position]


def assert_between(world: World, call, names, queue_name: str = "billing") -> None:
    assert order(world, names, queue_name) == ["longer", "ours", "shorter"]
    [first, brought] = [r.earlier_us for r in world.all("queue-entered") if r.call == call.uuid]
    assert first == 0
    assert WAITED * SECOND <= brought < (WAITED + 2) * SECOND, "waiting, without the talk"


def by_the_api(world: World, call) -> None:
    to = Destination("queue", "billing")
    world.carry_out(world.engine.transfer(call.uuid, to, world.now_us))


HOW = {
    "blind": lambda world, _call: world.does(lambda: world.phones["1000"].refer("queue_billing")),
    "attended": lambda world, _call: world.does(
        lambda: world.phones["1000"].attended_transfer("queue_billing", consult_us=SECOND // 2)
    ),
    "console": lambda world, call: world.console(f"uuid_transfer {call.uuid} queue_billing XML default"),
    "API": by_the_api,
}


@pytest.mark.parametrize("how", HOW)
def test_whoever_is_sent_into_another_queue_has_the_place_that_the_wait_gives(poked, how):
    world, call, names = after_a_wait(poked=poked)

    HOW[how](world, call)
    world.run(2)

    assert_between(world, call, names)
    assert world.all("queue-entered")[-1].position == 2
    answered = next(record for record in world.all("call-answered") if record.call == call.uuid)
    assert answered.wait_us < (WAITED + 2) * SECOND
    logged(world, "1000", "Logged Out")
    world.does(call.hang_up)
    world.run(1)
    [abandoned] = world.all("call-abandoned")[-1:]
    assert abandoned.queue == "billing"
    assert abandoned.wait_us < 5 * SECOND, "the queue's own figures begin with the queue"


def test_sent_back_into_the_same_queue_too():
    world, call, names = after_a_wait("support")
    logged(world, "1000", "On Break")
    world.does(lambda: world.phones["1000"].refer("queue_support"))
    world.run(1)
    assert_between(world, call, names, "support")


def _by_phone(world, _call):
    world.does(lambda: world.phones["1000"].attended_transfer("outside", consult_us=2 * SECOND))


def _by_api(world, call):
    world.carry_out(world.engine.transfer(call.uuid, Destination("extension", "outside"), world.now_us))


@pytest.mark.parametrize("sent", [_by_phone, _by_api])
def test_sent_back_by_somebody_outside_too(sent):
    world, call, names = after_a_wait()
    outside = world.switch.add_phone(OUTSIDE, Behaviour(answer_after_us=SECOND))
    sent(world, call)
    world.run(3)
    assert any(leg.uuid == call.partner for leg in outside.legs)
    world.does(lambda: outside.refer("queue_billing"))
    world.run(1)
    assert_between(world, call, names)


def test_a_second_transfer_adds_what_was_waited_in_between():
    world, call, names = after_a_wait()
    world.does(lambda: world.phones["1000"].refer("queue_billing"))
    world.run(30)
    for name in ("longer", "shorter"):
        world.console(f"uuid_kill {next(uuid for uuid in names if names[uuid] == name)}")
    world.run(1)
    logged(world, "2000", "Available")
    world.run(5)
    assert world.talks_with(call) == "2000"
    logged(world, "1000", "Logged Out")
    world.does(lambda: world.phones["2000"].refer("queue_support"))
    world.run(1)
    last = world.all("queue-entered")[-1]
    assert (last.queue, last.leg) == ("support", 3)
    assert (WAITED + 30) * SECOND < last.earlier_us < (WAITED + 36) * SECOND


def test_whoever_was_connected_with_a_colleague_and_is_then_sent_on_keeps_the_first_wait():
    """The second talk had no wait of its own."""
    world = two_queues()
    logged(world, "1000", "On Break")
    call = world.call()
    world.run(WAITED)
    logged(world, "1000", "Available")
    world.run(5)
    world.does(lambda: world.phones["1000"].attended_transfer("queue_billing", consult_us=4 * SECOND))
    world.run(20)
    assert world.talks_with(call) == "2000"
    world.does(lambda: world.phones["2000"].refer("queue_support"))
    world.run(1)
    assert WAITED * SECOND < world.all("queue-entered")[-1].earlier_us < (WAITED + 3) * SECOND


@pytest.mark.parametrize("when", ["before", "while nobody looks"])
def test_a_restart_costs_them_nothing(when):
    world, call, names = after_a_wait()
    if when == "before":
        world.restart()
        world.run(1)
        world.does(lambda: world.phones["1000"].refer("queue_billing"))
    else:
        world.kill_controller()
        world.does_alone(lambda: world.phones["1000"].refer("queue_billing"))
        world.rest(1)
        world.start()
    world.run(1)
    assert_between(world, call, names)


def test_a_restart_while_they_are_with_somebody_outside_costs_them_nothing_either():
    world, call, names = after_a_wait()
    outside = world.switch.add_phone(OUTSIDE, Behaviour(answer_after_us=SECOND))
    world.does(lambda: world.phones["1000"].refer("outside"))
    world.run(3)
    assert any(leg.uuid == call.partner for leg in outside.legs)
    world.restart()
    world.does(lambda: outside.refer("queue_billing"))
    world.run(1)
    assert_between(world, call, names)


def test_whom_the_queue_itself_sends_on_after_the_talk_waits_anew():
    """An exit is the operator's rule, and what counts before a queue then is too: `time-base-score`."""
    world, call, names = after_a_wait(after_call="queue_billing")
    world.does(world.phones["1000"].hang_up)
    world.run(1)
    assert order(world, names) == ["longer", "shorter", "ours"]
    assert [r.earlier_us for r in world.all("queue-entered") if r.call == call.uuid] == [0, 0]


def test_whoever_hangs_up_and_calls_again_waits_anew():
    world, call, names = after_a_wait()
    world.does(call.hang_up)
    world.run(1)
    again = world.call("queue_billing")
    world.run(1)
    assert order(world, names | {again.uuid: "again"}) == ["longer", "shorter", "again"]


def test_more_counts_where_the_queue_says_so():
    """Since the call's first queue, talks included."""
    world, call, _names = after_a_wait(billing={"time_base_score": "first-queue"})
    world.does(lambda: world.phones["1000"].refer("queue_billing"))
    world.run(1)
    [_first, second] = [r.earlier_us for r in world.all("queue-entered") if r.call == call.uuid]
    assert second > (WAITED + 30) * SECOND
