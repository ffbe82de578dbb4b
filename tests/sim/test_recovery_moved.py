"""The controller dies while a caller is on the way elsewhere: transferred, joined with others, let go."""

from __future__ import annotations

from typing import Any

import pytest
from sim.restarting import centre, everybody_leaves
from sim.world import IGNORES, World

from py_callcenter.engine.actions import Kill, SetVariables, Transfer
from py_callcenter.sim import Step

pytestmark = pytest.mark.sim


def test_a_caller_transferred_to_another_queue_meanwhile_begins_another_leg_there():
    world = centre("1000")
    call = world.call()
    world.run(5)

    world.kill_controller()
    world.does_alone(lambda: world.phones["1000"].refer("queue_billing"))
    world.rest(2)
    world.start()
    world.run(1)

    entered = world.all("queue-entered")
    assert [(record.queue, record.leg) for record in entered] == [("support", 1), ("billing", 2)]
    assert world.the("conversation-ended").transferred
    assert len(world.all("call-offered")) == 1
    everybody_leaves(world, call)


@pytest.mark.parametrize("after_ms", range(0, 60, 4))
def test_a_start_in_the_moment_of_a_transfer_loses_nobody(after_ms):
    """Between the agent's REFER and the end of the bridge the channel shows both."""
    world = centre("1000")
    call = world.call()
    world.run(5)

    world.kill_controller()
    world.does_alone(lambda: world.phones["1000"].refer("queue_billing"))
    world.rest(after_ms / 1000)
    world.start()
    world.run(1)

    entered = world.all("queue-entered")
    assert [(record.queue, record.leg) for record in entered] == [("support", 1), ("billing", 2)]
    assert world.the("conversation-ended").transferred
    everybody_leaves(world, call)


def test_a_start_while_a_transferred_caller_hears_a_welcome_loses_nobody():
    """The extension parks them afterwards, by the transfer that the start has seen."""
    world = centre("1000")
    steps = Step("playback", "/tones/hello.wav", seconds=5), Step("set", "cc_queue=billing"), Step("park")
    world.switch.dialplan.add("welcome", *steps)
    call = world.call()
    world.run(5)

    world.kill_controller()
    world.does_alone(lambda: world.phones["1000"].refer("welcome"))
    world.rest(1)
    world.start()
    world.run(8)

    assert [(r.queue, r.leg) for r in world.all("queue-entered")] == [("support", 1), ("billing", 2)]
    everybody_leaves(world, call)


@pytest.mark.parametrize("older", [0, 1], ids=["the elder first", "the younger first"])
def test_an_agent_who_was_joined_with_another_caller_is_in_one_conversation_at_a_time(older):
    """The lines that told of it were lost with the controller."""
    world = centre("1000")
    calls = [world.call(number=str(number)) for number in range(2)]
    if older:
        world.carry_out(world.engine.rank_call(calls[1].uuid, world.now_us, priority=9))
    world.run(5)
    talks = next(call for call in calls if call.partner)
    waits = next(call for call in calls if call is not talks)
    known = len(world.records)
    world.does(lambda: world.console(f"uuid_bridge {talks.partner} {waits.uuid}"))
    world.run(2.5)
    assert waits.partner
    del world.records[known:]
    world.restart(after=0.5)
    world.run(5)

    everybody_leaves(world, *calls)

    spans = sorted((r.at_us - r.talk_us, r.at_us) for r in world.all("conversation-ended"))
    assert len(spans) == 2
    assert spans[0][1] <= spans[1][0]
    assert not world.all("invariant-violated")


def test_whoever_was_taken_elsewhere_is_not_put_back_into_the_queue():
    """The clear of `cc_queue` was lost, the controller died, and then the other party hung up."""
    world = centre("1000", behaviour=IGNORES, after_call="voicemail")
    stranger = world.call("echo")
    call = world.call()
    world.run(2)
    world.swallow = lambda action: isinstance(action, SetVariables)
    world.does(lambda: world.console(f"uuid_bridge {call.uuid} {stranger.uuid}"))
    world.run(1)
    assert world.the("call-left").reason == "taken-elsewhere"

    world.kill_controller()
    world.does_alone(stranger.hang_up)
    world.swallow = lambda _action: False
    world.rest(1)
    world.start()
    world.run(2)

    assert call.leg.profile.destination == "voicemail"
    assert len(world.all("queue-entered")) == 1
    everybody_leaves(world, call)


def let_go(to: str) -> tuple[World, Any]:
    """A caller whose longest wait is over; what sends them on from here isn't carried out yet."""
    world = centre("1000", max_wait_time=5, on_timeout=to)
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    world.switch.dialplan.add("theirs", Step("answer"), Step("park"))
    call = world.call()
    world.run(4)
    return world, call


@pytest.mark.parametrize("to", ["voicemail", "hangup"])
@pytest.mark.parametrize("books", ["there", "behind", "lost"])
def test_a_caller_who_was_let_go_but_not_sent_on_is_sent_on_by_the_next_start(books, to):
    """The controller died between two commands: the channel names no queue any more and stays parked."""
    world, call = let_go(to)
    world.swallow = lambda action: isinstance(action, Transfer | Kill)
    world.run(2)
    assert call.alive
    assert not call.leg.values.get("cc_queue")
    world.swallow = lambda _action: False

    world.kill_controller()
    if books == "lost":
        world.records.clear()
    if books == "behind":  # what was done is on its way to the switch before it is written down
        world.records[:] = [record for record in world.records if record.kind != "call-left"]
    world.rest(1)
    world.start()
    world.run(1)

    target = to if to == "hangup" else f"{to}@default"
    if books != "lost":
        assert [(left.reason, left.target) for left in world.all("call-left")] == [("timeout", target)]
    if to == "hangup":
        assert not call.alive
    else:
        assert call.leg.profile.destination == to
        world.does(call.hang_up)
        world.run(1)
    world.assert_quiet()


def test_a_caller_who_was_sent_on_and_parked_there_by_others_stays_there():
    world, call = let_go("theirs")
    world.run(2)
    assert call.leg.profile.destination == "theirs"
    assert call.leg.parked

    world.kill_controller()
    world.records.clear()
    world.actions.clear()
    world.rest(1)
    world.start()
    world.run(1)

    assert call.leg.parked
    assert not world.sent(Transfer)
    assert not world.sent(Kill)
