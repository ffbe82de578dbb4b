"""Transfers by the API: the caller's story and wait go along, the agent is free, nobody is lost by it."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, BUSY, IGNORES, SECOND, World, agent, queue

from py_callcenter.config import Config, Controller, Tier
from py_callcenter.engine.actions import Kill, Transfer
from py_callcenter.engine.errors import BadTarget, EngineError, NotNow, UnknownAgent, UnknownCall
from py_callcenter.engine.transfers import Destination

pytestmark = pytest.mark.sim


def office(**settings) -> World:
    """1000 and 1001 serve support, 2000 serves sales."""
    world = World(
        Config(
            controller=Controller(outside_context="outbound"),
            queues=(queue("support", **settings), queue("sales")),
            agents=tuple(agent(name, wrap_up_time=5) for name in ("1000", "1001", "2000")),
            tiers=(
                Tier(queue="support", agent="1000", level=1),
                Tier(queue="support", agent="1001", level=2),
                Tier(queue="sales", agent="2000"),
            ),
        )
    )
    for name in ("1000", "1001", "2000"):
        world.phone(name)
    return world


def transfer(world: World, call, kind, name, **options) -> None:
    outcome = world.engine.transfer(call.uuid, Destination(kind, name), world.now_us, **options)
    world.carry_out(outcome)
    world._settle()


def talking(world: World):
    call = world.call()
    world.run(5)
    assert world.talks_with(call) == "1000"
    return call


def everybody_goes_home(world: World, call) -> None:
    if call.alive:
        world.does(call.hang_up)
    world.run(40)
    world.assert_quiet()


def test_to_another_queue_with_the_wait_so_far():
    world = office()
    world.phones["2000"].behaviour = IGNORES
    call = talking(world)
    transfer(world, call, "queue", "sales")
    world.run(0.5)

    assert world.agent("1000").state == "wrap_up"
    assert not any(leg.alive for leg in world.phones["1000"].legs)
    told = world.the("call-transferred")
    assert (told.queue, told.agent, told.to, told.target) == ("support", "1000", "queue", "sales")
    ended = world.the("conversation-ended")
    assert (ended.transferred, ended.attended) == (True, False)
    entered = world.all("queue-entered")
    assert [(r.queue, r.leg) for r in entered] == [("support", 1), ("sales", 2)]
    assert 1.9 * SECOND < entered[1].earlier_us < 2.2 * SECOND, "the wait before the talk, not the talk"
    assert call.leg.values["cc_queue"] == "sales"
    assert world.switch.legs[call.uuid].playback is not None, "music again"

    world.phones["2000"].behaviour = ANSWERS
    world.run(30)
    assert world.talks_with(call) == "2000"
    assert len(world.all("call-offered")) == 1
    everybody_goes_home(world, call)


def test_the_wait_is_left_behind_if_wanted():
    world = office()
    call = talking(world)
    transfer(world, call, "queue", "sales", keep_wait=False)
    world.run(0.5)
    assert world.all("queue-entered")[1].earlier_us == 0


def test_to_an_agent_who_is_waited_for_and_not_for_a_colleague():
    world = office()
    call = talking(world)
    other = world.call()
    world.run(5)
    assert world.talks_with(other) == "1001"
    transfer(world, call, "agent", "1001")
    world.run(20)
    assert call.alive
    assert not call.partner, "1000 is free, but the caller was meant for 1001"
    world.does(other.hang_up)
    world.run(10)

    assert world.talks_with(call) == "1001"
    everybody_goes_home(world, call)


def test_a_restart_prolongs_no_wait_for_one_agent():
    """A minute is waited for the one whom a transfer meant, however often the controller starts."""
    world = office()
    call = talking(world)
    other = world.call()
    world.run(5)
    transfer(world, call, "agent", "1001")
    world.run(40)
    world.restart(5)

    world.run(10)
    assert not call.partner, "the minute isn't over"
    world.run(10)

    assert world.talks_with(call) == "1000"
    world.does(other.hang_up)
    everybody_goes_home(world, call)


def test_to_an_agent_of_another_queue():
    world = office()
    call = talking(world)
    transfer(world, call, "agent", "2000")
    world.run(5)
    assert world.talks_with(call) == "2000"
    assert [r.queue for r in world.all("queue-entered")] == ["support", "sales"]
    everybody_goes_home(world, call)


@pytest.mark.parametrize("behaviour", [BUSY, IGNORES], ids=["busy", "silent"])
def test_an_agent_who_does_not_answer_costs_the_caller_some_wait_and_not_the_call(behaviour):
    world = office()
    world.phones["1001"].behaviour = behaviour
    call = talking(world)
    transfer(world, call, "agent", "1001")
    world.run(90)
    assert world.talks_with(call) == "1000", "whoever else serves the queue"
    everybody_goes_home(world, call)


@pytest.mark.parametrize(("kind", "name", "context"), [
    ("extension", "voicemail", "default"),
    ("number", "+15550123", "outbound"),
])  # fmt: skip
def test_to_a_place_and_to_a_number_outside(kind, name, context):
    """The dialplan has the caller then; it decides which numbers may be called."""
    world = office(after_call="survey")
    call = talking(world)
    transfer(world, call, kind, name)
    world.run(0.5)

    assert world.agent("1000").state == "wrap_up"
    [sent] = world.sent(Transfer)
    assert (sent.extension, sent.context) == (name, context)
    assert "cc_queue" not in call.leg.values, "and nobody parks them when the other side hangs up"
    assert name not in str(world.the("call-transferred")) or kind == "extension", "no number in the books"
    everybody_goes_home(world, call)


def test_a_waiting_caller_is_sent_on_too():
    world = office()
    world.phones["1000"].behaviour = IGNORES
    call = world.call()
    world.run(3)
    transfer(world, call, "extension", "voicemail@default")
    world.run(0.5)
    assert not world.ringing("1000")
    assert call.leg.profile.destination == "voicemail"
    assert world.the("call-left").reason == "transferred"
    everybody_goes_home(world, call)


def test_a_caller_who_hangs_up_at_that_moment_ends_the_call_once():
    world = office()
    call = talking(world)
    transfer(world, call, "queue", "sales")
    world.does(call.hang_up)
    world.run(2)
    assert len(world.all("call-ended")) == 1
    assert len(world.all("queue-entered")) <= 2
    assert world.agent("1000").state == "wrap_up"
    everybody_goes_home(world, call)


def test_the_callers_park_may_be_lost():
    world = office()
    call = talking(world)
    world.drop = lambda event: event.name == "CHANNEL_PARK" and event.unique_id == call.uuid
    transfer(world, call, "queue", "sales")
    world.run(4)
    world.drop = lambda _event: False
    world.run(5)
    assert world.talks_with(call) == "2000"
    everybody_goes_home(world, call)


def test_a_controller_killed_in_the_middle_is_followed_by_one_that_completes_it():
    world = office(after_call="voicemail")
    call = talking(world)
    world.carry_out(world.engine.transfer(call.uuid, Destination("queue", "sales"), world.now_us))
    world.restart(1)
    world.run(4)
    assert world.talks_with(call) == "2000"
    assert world.agent("1000").state in ("waiting", "wrap_up")
    everybody_goes_home(world, call)


def test_after_a_restart_the_caller_still_waits_in_the_other_queue():
    world = office()
    world.phones["2000"].behaviour = IGNORES
    call = talking(world)
    transfer(world, call, "queue", "sales")
    world.run(2)
    world.restart(1)
    world.phones["2000"].behaviour = ANSWERS
    world.run(40)
    assert world.talks_with(call) == "2000"
    everybody_goes_home(world, call)


@pytest.mark.parametrize(("kind", "name", "error"), [
    ("queue", "nowhere", EngineError),
    ("agent", "nobody", UnknownAgent),
    ("extension", "-x", BadTarget),
    ("extension", "a inline:system", BadTarget),
    ("extension", "1000@default inline", BadTarget),
    ("number", "15550001 XML inline", BadTarget),
    ("number", "+19005551234", BadTarget),
    ("number", "\n15550001", BadTarget),
    ("number", "${system}", BadTarget),
])  # fmt: skip
def test_a_destination_that_can_not_be_one_changes_nothing(kind, name, error):
    world = office()
    call = talking(world)
    before = len(world.actions)
    with pytest.raises(error):
        transfer(world, call, kind, name)
    assert len(world.actions) == before
    assert not world.all("call-transferred")
    assert world.talks_with(call) == "1000"


def test_what_is_not_possible_now_is_said():
    world = office()
    call = talking(world)
    world.carry_out(world.engine.set_agent_status("1001", "Logged Out", world.now_us))
    with pytest.raises(NotNow, match="takes no calls"):
        transfer(world, call, "agent", "1001")
    with pytest.raises(UnknownCall):
        world.engine.transfer("nobody", Destination("queue", "sales"), world.now_us)
    transfer(world, call, "extension", "voicemail")
    with pytest.raises(NotNow):
        transfer(world, call, "queue", "sales")
    assert not [a for a in world.sent(Kill) if a.uuid == call.uuid]
