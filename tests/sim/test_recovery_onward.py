"""Callers who have left a queue and are with somebody else, and books that lack their last steps."""

from __future__ import annotations

from typing import Any

import pytest
from sim.restarting import balanced, centre, everybody_leaves
from sim.world import IGNORES, World

from py_callcenter.engine.actions import Kill, PlayMusic, SetVariables, Transfer
from py_callcenter.sim import Step

pytestmark = pytest.mark.sim


def at_an_exit(*steps: Step) -> tuple[World, Any]:
    """A caller whose wait was too long is where the queue sends them."""
    world = centre("1000", max_wait_time=5, on_timeout="theirs")
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    world.switch.dialplan.add("theirs", Step("answer"), *steps)
    call = world.call()
    world.run(8)
    assert call.leg.profile.destination == "theirs"
    world.actions.clear()
    return world, call


def assert_left_in_peace(world: World, call: Any) -> None:
    assert call.alive
    assert not world.sent(Transfer)
    assert not world.sent(Kill)


MUSIC = Step("playback", "/tones/hello.wav", seconds=600)


def with_a_colleague(*, kept: bool = False) -> tuple[World, Any, Any]:
    """At the exit somebody connects them with a colleague. `kept`: and they are parked after it."""
    world, call = at_an_exit(MUSIC)
    colleague = world.call("echo")
    if kept:
        world.does(lambda: world.console(f"uuid_setvar {call.uuid} park_after_bridge true"))
    world.does(lambda: world.console(f"uuid_bridge {call.uuid} {colleague.uuid}"))
    world.run(2)
    assert call.partner
    return world, call, colleague


@pytest.mark.parametrize("books", ["there", "lost"])
def test_whoever_talks_with_somebody_at_the_exit_is_left_alone_by_a_start(books):
    """They were on hold before: of music the switch keeps the name, and of a transfer the next bridge hides
    the mark.
    """
    world, call, _ = with_a_colleague()

    world.kill_controller()
    if books == "lost":
        world.records.clear()
    world.rest(1)
    world.start()
    world.run(60)

    assert call.partner
    assert_left_in_peace(world, call)


def test_whoever_is_parked_by_those_at_the_exit_after_a_bridge_is_left_alone_by_a_start():
    world, call, colleague = with_a_colleague(kept=True)

    world.kill_controller()
    world.does_alone(colleague.hang_up)
    world.rest(1)
    assert call.leg.parked
    world.start()
    world.run(60)

    assert_left_in_peace(world, call)


@pytest.mark.parametrize("news", ["told", "cut", "restart"])
def test_whoever_is_parked_at_the_exit_by_another_program_stays_there(news):
    """However often we look at them: twice a minute, and after each cut."""
    world, call = at_an_exit(Step("park"))
    world.run(200)
    if news == "cut":
        world.cut()
        world.cut()
    if news == "restart":
        world.restart()
    world.run(200)

    assert call.leg.parked
    assert_left_in_peace(world, call)


def test_whoever_is_parked_after_a_bridge_at_the_exit_stays_there():
    world, call, colleague = with_a_colleague(kept=True)
    world.does(colleague.hang_up)
    world.run(200)
    world.cut()
    world.run(200)

    assert call.leg.parked
    assert_left_in_peace(world, call)


def test_a_waiting_caller_sent_by_way_of_a_welcome_to_another_queue_waits_there_after_a_start():
    world = centre("1000", behaviour=IGNORES)
    steps = Step("playback", "/tones/hello.wav", seconds=5), Step("set", "cc_queue=billing"), Step("park")
    world.switch.dialplan.add("welcome", *steps)
    call = world.call()
    world.run(2)
    world.does(lambda: world.console(f"uuid_transfer {call.uuid} welcome XML default"))
    world.run(1)
    assert world.the("call-left").reason == "transferred"

    world.kill_controller()
    world.rest(6)
    world.start()
    world.run(2)

    assert call.leg.parked
    assert [(r.queue, r.leg) for r in world.all("queue-entered")] == [("support", 1), ("billing", 2)]
    everybody_leaves(world, call)


def in_the_second_queue() -> tuple[World, Any, int]:
    """Overflowed from one queue into the next; and how many records there were before that."""
    world = centre("1000", max_wait_time=5, on_timeout="queue_billing")
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    call = world.call()
    world.run(4)
    known = len(world.records)
    world.run(3)
    assert [(r.queue, r.leg) for r in world.all("queue-entered")] == [("support", 1), ("billing", 2)]
    return world, call, known


@pytest.mark.parametrize("lost", ["the entry", "the way out too"])
def test_whoever_has_just_come_from_another_queue_keeps_the_place_though_the_books_lack_it(lost):
    world, call, known = in_the_second_queue()
    since_us = world.all("queue-entered")[-1].at_us

    world.kill_controller()
    kept = ("call-left",) if lost == "the entry" else ()
    world.records[known:] = [record for record in world.records[known:] if record.kind in kept]
    world.rest(1)
    world.start()
    world.run(1)

    assert call.leg.parked
    [line] = world.engine.view(world.now_us).calls
    assert (line.queue, line.entered_us) == ("billing", since_us)
    assert len(world.all("call-left")) == 1
    world.does(call.hang_up)
    world.run(5)
    world.assert_quiet()
    assert world.the("call-abandoned").leg == 2


def test_a_conversation_whose_queue_leg_the_books_lacked_is_one_after_two_starts():
    world, call, known = in_the_second_queue()
    world.carry_out(world.engine.set_agent_status("1000", "Available", world.now_us))
    world.run(4)
    assert call.partner
    world.kill_controller()
    del world.records[known:]
    world.rest(1)
    world.start()
    world.run(3)
    world.restart()
    world.run(3)

    assert call.partner
    world.does(call.hang_up)
    world.run(30)
    world.assert_quiet()
    assert world.the("call-answered").leg == 2
    assert world.the("conversation-ended").leg == 2


def test_a_conversation_before_the_caller_came_back_is_not_told_again_when_the_new_stamps_are_lost():
    """Back in the queue after a talk and a menu; what is stamped is still that of the leg before."""
    world = centre("1000", after_call="theirs")
    world.switch.dialplan.add("theirs", Step("answer"), Step("set", "cc_queue=billing"), Step("park"))
    call = world.call()
    world.run(4)
    world.carry_out(world.engine.set_agent_status("1000", "On Break", world.now_us))
    world.swallow = lambda action: (
        isinstance(action, PlayMusic)
        or (isinstance(action, SetVariables) and any(name == "cc_leg" for name, _ in action.variables))
    )
    world.does(world.phones["1000"].hang_up)
    world.run(2)
    assert [r.leg for r in world.all("queue-entered")] == [1, 2]
    world.swallow = lambda _action: False

    world.restart()
    world.run(2)

    everybody_leaves(world, call)
    assert len(world.all("conversation-ended")) == 1


def test_nobody_is_left_in_silence_whom_others_let_go_of_after_a_start():
    """An agent sent the caller elsewhere while no controller lived."""
    world = centre("1000", after_call="voicemail")
    world.switch.dialplan.add("theirs", MUSIC)
    call = world.call()
    world.run(5)
    world.kill_controller()
    world.does_alone(lambda: world.phones["1000"].refer("theirs"))
    world.rest(1)
    world.start()
    colleague = world.call("echo")
    world.swallow = lambda action: isinstance(action, SetVariables)  # a bridge shorter than its way
    world.does(lambda: world.console(f"uuid_bridge {call.uuid} {colleague.uuid}"))
    world.run(2)
    world.does(colleague.hang_up)
    world.run(1)
    world.swallow = lambda _action: False
    world.run(25)

    assert not call.leg.parked
    assert call.leg.profile.destination == "voicemail"
    world.run(60)
    balanced(world)


@pytest.mark.parametrize("to", ["voicemail", "queue_billing"])
@pytest.mark.parametrize("after_ms", range(0, 60, 3))
def test_a_look_in_the_moment_of_the_way_out_sends_nobody_there_twice(after_ms, to):
    """After a conversation the switch parks by itself, and shows the next transfer before it goes there."""
    world = centre("1000", after_call=to)
    call = world.call()
    world.run(5)
    world.does(world.phones["1000"].hang_up)
    while not world.sent(Transfer):
        world.run(0.001)
    world.run(after_ms / 1000)
    world.resync()
    world.run(10)

    assert len(world.sent(Transfer)) == 1
    legs = [(r.queue, r.leg) for r in world.all("queue-entered")]
    assert legs == [("support", 1), ("billing", 2)][: 2 if to == "queue_billing" else 1]
    everybody_leaves(world, call)


def test_a_wait_that_ended_on_the_way_to_a_queue_that_there_isnt_ends_in_the_books():
    """The controller died between the transfer and the line that tells of it."""
    world = centre("1000", max_wait_time=5, on_timeout="queue_elsewhere")
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    call = world.call()
    world.run(4)
    world.drop = lambda event: event.name == "CHANNEL_PARK"
    world.run(1.3)
    assert call.leg.values["cc_queue"] == "elsewhere"
    world.kill_controller()
    world.drop = lambda _event: False
    seen = next(n for n, record in enumerate(world.records) if record.kind == "call-left")
    del world.records[seen:]
    world.rest(1)
    world.start()
    world.run(20)

    assert [record.reason for record in world.all("call-left")] == ["transferred"]
    everybody_leaves(world, call)
