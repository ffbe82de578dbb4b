"""Commands that get lost or are refused, or whose outcome nobody knows: exits and music come all the same."""

from __future__ import annotations

import pytest
from sim.staging import centre, set_status, two_queues, unreachable
from sim.world import IGNORES, MANUAL

from py_callcenter.engine.actions import Bridge, Kill, Look, PlayMusic, SetVariables, Transfer
from py_callcenter.esl.port import NOT_SENT

pytestmark = pytest.mark.sim


def test_a_transfer_to_the_exit_that_never_left_is_done_after_the_reconnection():
    world = centre("1000", agents={"status": "Logged Out"}, max_wait_time=5, on_timeout="voicemail")
    call = world.call()
    unreachable(world, Transfer, Look)
    world.run(6)
    assert call.leg.profile.destination != "voicemail"
    world.report_lost(NOT_SENT)
    world.report_lost(NOT_SENT)

    world.swallow = lambda _action: False
    world.resync()
    world.run(3)

    assert call.leg.profile.destination == "voicemail"
    assert len(world.all("queue-entered")) == 1
    world.run(60)
    world.assert_quiet()


def test_a_transfer_of_unknown_outcome_does_not_end_a_caller_who_arrived():
    world = centre("1000", agents={"status": "Logged Out"}, max_wait_time=5, on_timeout="voicemail")
    call = world.call()
    world.run(5.5)
    assert call.leg.profile.destination == "voicemail"

    world.carry_out(world.engine.on_failure(world.sent(Transfer)[0], None, world.now_us))
    world.run(5)

    assert call.alive
    assert call.leg.profile.destination == "voicemail"


def test_an_exit_that_the_switch_refuses_twice_ends_the_call_rather_than_leaving_silence():
    world = centre("1000", agents={"status": "Logged Out"}, max_wait_time=5, on_timeout="voicemail")
    call = world.call()
    unreachable(world, Transfer)
    for _ in range(6):
        world.run(5)
        world.report_lost("-ERR no")
    world.run(10)

    assert not call.alive
    world.assert_quiet()


def test_hanging_up_as_an_exit_is_repeated_until_the_channel_is_gone():
    world = centre("1000", agents={"status": "Logged Out"}, max_wait_time=5)
    call = world.call()
    unreachable(world, Kill, Look)
    world.run(14)
    world.report_lost(NOT_SENT)
    world.swallow = lambda _action: False
    world.run(15)

    assert not call.alive


def test_the_watch_for_nobody_logged_in_survives_a_failed_connection():
    world = centre(
        "1000", behaviour=MANUAL, max_wait_time_with_no_agent=1,
        max_wait_time_with_no_agent_time_reached=1, on_no_agent="voicemail",
    )  # fmt: skip
    call = world.call()
    world.run(1)
    world.swallow = lambda action: isinstance(action, Bridge)
    world.does(world.phones["1000"].answer)
    set_status(world, "1000", "Logged Out")
    world.run(20)

    assert call.leg.profile.destination == "voicemail"
    assert world.the("call-left").reason == "no-agent"


def test_music_that_was_not_sent_for_want_of_a_connection_is_started_later():
    world = centre("1000", agents={"status": "Logged Out"})
    unreachable(world, PlayMusic, Look)
    call = world.call()
    world.report_lost(NOT_SENT)
    world.run(2)
    world.report_lost(NOT_SENT)
    world.swallow = lambda _action: False
    world.run(20)

    assert world.switch.legs[call.uuid].playback is not None


def test_a_phone_whose_hang_up_never_left_is_hung_up_with_the_reconnection():
    world = centre("1000", behaviour=IGNORES)
    call = world.call()
    world.run(2)
    assert world.ringing("1000")
    unreachable(world, Kill)
    world.does(call.hang_up)
    world.run(0.5)
    assert world.ringing("1000")

    world.swallow = lambda _action: False
    world.resync()
    world.run(0.1)

    assert not world.ringing("1000")


def calls_unstamped(world):
    """Somebody calls; what we set on the channel is lost, and the look that asks for it too."""
    unreachable(world, SetVariables, Look)
    call = world.call()
    world.run(0.5)
    world.report_lost(NOT_SENT)
    world.run(2)
    return call, world.switch.legs[call.uuid]


@pytest.mark.parametrize("answers", ["before", "after"])
def test_stamps_that_never_got_there_are_set_when_the_connection_is_back(answers):
    """Before or after an agent has answered: without them the agent's hang-up would end the caller's call,
    and the next controller wouldn't know who talks with whom.
    """
    world = centre("1000", behaviour=MANUAL, after_call="voicemail")
    call, leg = calls_unstamped(world)
    world.report_lost(NOT_SENT)
    if answers == "before":
        world.does(world.phones["1000"].answer)
        world.run(1)
        world.report_lost(NOT_SENT)
    assert "cc_tag" not in leg.values

    world.swallow = lambda _action: False
    world.run(6)
    if answers == "after":
        world.does(world.phones["1000"].answer)
        world.run(2)

    assert "cc_tag" in leg.values
    assert leg.values["cc_agent_bridged"] == leg.values["park_after_bridge"] == "true"
    assert leg.values["cc_cause"] == "answered"
    answered_us = world.the("offer-ended").at_us
    assert leg.values["cc_queue_answered_epoch"] == str(answered_us // 1_000_000)
    world.does(world.phones["1000"].hang_up)
    world.run(1)
    assert call.alive
    assert leg.profile.destination == "voicemail"


def test_stamps_that_never_got_there_are_set_while_the_two_are_being_joined():
    world = centre("1000", behaviour=MANUAL)
    _call, leg = calls_unstamped(world)
    world.swallow = lambda action: isinstance(action, Bridge)
    world.report_lost(NOT_SENT)
    world.run(4.9)
    world.does(world.phones["1000"].answer)
    world.run(1)

    assert "cc_tag" in leg.values
    assert leg.values["cc_cause"] == "cancel", "nobody has answered yet"


def test_another_queue_that_never_got_to_the_channel_is_set_when_the_connection_is_back():
    """Else its seal, which names the queue, would hold for nobody."""
    world = two_queues()
    for name in ("1000", "2000"):
        set_status(world, name, "Logged Out")
    call = world.call()
    leg = world.switch.legs[call.uuid]
    world.run(1)
    unreachable(world, SetVariables, Look)
    world.carry_out(world.engine.move_call(call.uuid, "billing", world.now_us))
    world.report_lost(NOT_SENT)
    world.run(2)
    world.report_lost(NOT_SENT)
    assert leg.values["cc_queue"] == "support"

    world.swallow = lambda _action: False
    world.run(6)

    assert leg.values["cc_queue"] == "billing"
    assert world.engine._state.sealer.holds(
        leg.values["cc_tag"], "caller", call.uuid, call.uuid, "billing", int(leg.values["cc_entered_us"])
    )
