"""Others move our callers about: nobody is pulled back, rung for nothing, or forgotten (race R6)."""

from __future__ import annotations

import pytest
from sim.staging import unreachable
from sim.world import ANSWERS, IGNORES, MANUAL, NODE, SECOND, World, agent, everybody, queue

from py_callcenter.config import Config, Exit, Tier
from py_callcenter.engine.actions import Bridge, Kill, PlayMusic, StartRecording
from py_callcenter.sim import Behaviour, Call, Dialplan, Step

pytestmark = pytest.mark.sim

OUTSIDE = "sofia/internal/outside@127.0.0.1:5099"


def office(behaviour=IGNORES, **settings) -> World:
    world = World(everybody([queue("support", **settings)], [agent("1000")]))
    world.phone("1000", behaviour)
    return world


def two_queues(**settings) -> World:
    world = World(
        Config(
            queues=(queue("support", **settings), queue("billing", record_template="/rec/{call}.wav")),
            agents=(agent("1000"), agent("2000")),
            tiers=(Tier(queue="support", agent="1000"), Tier(queue="billing", agent="2000")),
        )
    )
    world.phone("1000")
    world.phone("2000")
    return world


def long_message() -> Dialplan:
    plan = Dialplan()
    plan.add("message", Step("answer"), Step("playback", "/long.wav", seconds=60), Step("hangup"))
    return plan


def operator(world: World, command: str) -> None:
    """Somebody at the switch's console."""
    world.switch.receive(world.commands, f"api {command}\n\n".encode())
    world.unanswered.append(None)
    world._settle()


def test_a_waiting_caller_sent_elsewhere_is_nobodys_to_ring_for():
    world = office()
    call = world.call()
    world.run(3)
    assert world.ringing("1000")
    music = len(world.sent(PlayMusic))

    operator(world, f"uuid_transfer {call.uuid} voicemail XML default")
    world.run(0.1)

    left = world.the("call-left")
    assert (left.reason, left.queue, left.position) == ("transferred", "support", 1)
    assert not world.ringing("1000")
    world.run(20)
    assert call.alive
    assert call.leg.profile.destination == "voicemail"
    assert world.agent("1000").state == "waiting"
    assert len(world.sent(PlayMusic)) == music, "our music doesn't play over the voice mail"
    assert len(world.all("offer-made")) == 1
    assert not world.all("call-abandoned")
    world.run(30)
    world.assert_quiet()


@pytest.mark.parametrize("late_ms", [5, 21, 22, 23, 25, 40, 60, 100])
def test_an_agent_who_answers_after_the_caller_was_sent_elsewhere_does_not_get_them(late_ms):
    world = office(MANUAL)
    call = world.call()
    world.run(3)
    operator(world, f"uuid_transfer {call.uuid} voicemail XML default")
    world.run(late_ms / 1000)
    world.phones["1000"].answer()
    world._settle()
    world.run(8)

    assert call.alive
    assert call.leg.profile.destination == "voicemail"
    assert not call.partner
    assert not any(leg.alive for leg in world.phones["1000"].legs)
    assert world.agent("1000").state in ("waiting", "idle")
    assert not world.all("conversation-ended")
    world.run(40)
    world.assert_quiet()


def answered_just_now(before_ms: int) -> tuple[World, Call]:
    """An agent has picked up, so long ago; a colleague is on a break."""
    world = World(everybody([queue("support")], [agent("1000"), agent("2000")]), dialplan=long_message())
    world.phone("1000", MANUAL)
    world.phone("2000")
    world.does(lambda: world.carry_out(world.engine.set_agent_status("2000", "On Break", world.now_us)))
    call = world.call()
    world.run(3)
    world.phones["1000"].answer()
    world._settle()
    world.run(before_ms / 1000)
    return world, call


@pytest.mark.parametrize("late_ms", [*range(60), 70, 80])
def test_a_caller_sent_elsewhere_while_the_two_are_joined_is_with_one_of_the_two_and_left_in_peace(late_ms):
    """Between 5 and 25 ms after our bridge the switch tells nothing of it but that the agent's leg ended."""
    world, call = answered_just_now(late_ms)
    operator(world, f"uuid_transfer {call.uuid} message XML default")
    world.carry_out(world.engine.set_agent_status("2000", "Available", world.now_us))
    world._settle()
    music = len(world.sent(PlayMusic))
    world.run(12)

    assert call.alive
    assert call.leg.profile.destination == "message"
    assert len(world.all("offer-made")) == 1, "nobody else is asked"
    assert len(world.sent(PlayMusic)) == music, "our music doesn't play over the message"
    if call.partner:  # the switch got our bridge after the operator's word
        assert world.talks_with(call) == "1000"
        assert world.agent("1000").state == "in_a_queue_call"
    else:
        assert not any(leg.alive for name in ("1000", "2000") for leg in world.phones[name].legs)
        assert world.agent("1000").state in ("waiting", "idle")
    call.hang_up()
    world.run(40)
    world.assert_quiet()


@pytest.mark.parametrize("order", ["sent, then hangs up", "hangs up, then sent"])
@pytest.mark.parametrize("late_ms", [*range(18, 70)])
def test_a_caller_sent_elsewhere_arrives_though_the_agent_hangs_up_in_that_moment(late_ms, order):
    """Where the switch forgets the transfer over the end of the agent's leg, we finish it. From the moment on
    in which they are joined: before that the next agent's phone may ring for a tick.
    """
    world, call = answered_just_now(late_ms)
    acts = [
        lambda: operator(world, f"uuid_transfer {call.uuid} message XML default"),
        world.phones["1000"].hang_up,
    ]
    for act in acts if order.startswith("sent") else reversed(acts):
        act()
    world._settle()
    world.carry_out(world.engine.set_agent_status("2000", "Available", world.now_us))
    music = len(world.sent(PlayMusic))
    world.run(12)

    assert call.alive
    assert (call.leg.profile.destination, call.leg.app) == ("message", "playback")
    assert len(world.all("offer-made")) == 1, "nobody else is asked"
    assert len(world.sent(PlayMusic)) == music, "our music doesn't play over the message"
    assert world.agent("1000").state in ("waiting", "idle")
    assert [record.kind for record in world.records].count("queue-entered") == 1
    call.hang_up()
    world.run(40)
    world.assert_quiet()


def test_a_start_finishes_a_transfer_that_the_switch_forgot():
    """The controller died in that moment too, around which these are."""
    forgotten = []
    for late_ms in range(18, 70, 2):
        world, call = answered_just_now(late_ms)
        number = world.switch.connect()
        world.switch.receive(number, b"auth ClueCon\n\n")
        world.kill_controller()
        world.switch.receive(number, f"api uuid_transfer {call.uuid} message XML default\n\n".encode())
        world.phones["1000"].hang_up()
        world.rest(1)
        forgotten += [late_ms] * (call.leg.running == "CS_PARK")
        music = len(world.sent(PlayMusic))
        world.start()
        world.run(12)

        assert call.alive
        assert (call.leg.profile.destination, call.leg.app) == ("message", "playback"), late_ms
        assert len(world.sent(PlayMusic)) == music, "our music doesn't play over the message"
        assert [record.kind for record in world.records].count("queue-entered") == 1
        call.hang_up()
        world.run(40)
        world.assert_quiet()
    assert len(forgotten) > 5


@pytest.mark.parametrize("how", ["start", "cut"])
def test_a_caller_sent_outside_who_is_parked_after_that_talk_is_not_sent_there_again(how):
    """While nobody looked: they talked, and the other side hung up. The switch parks them then, too."""
    world = office(IGNORES)
    outside = world.switch.add_phone(OUTSIDE, Behaviour(answer_after_us=50_000))
    world.switch.dialplan.add("outside", Step("bridge", OUTSIDE))
    call = world.call()
    world.run(3)
    number = world.switch.connect()
    world.switch.receive(number, b"auth ClueCon\n\n")
    if how == "start":
        world.kill_controller()
    else:
        world.drop = lambda _event: True
    world.switch.receive(number, f"api uuid_transfer {call.uuid} outside XML default\n\n".encode())
    world.rest(1)
    assert len(outside.legs) == 1
    assert call.partner
    outside.hang_up()
    world.rest(1)
    assert call.leg.running == "CS_PARK"
    world.drop = lambda _event: False
    if how == "start":
        world.start()
    else:
        world.resync()
    world.run(5)

    assert not outside.legs, "nobody rings them again"
    assert [record.queue for record in world.all("queue-entered")] == ["support", "support"]
    call.hang_up()
    world.run(40)
    world.assert_quiet()


@pytest.mark.parametrize("late_ms", [*range(26, 60, 2)])
def test_an_order_to_divert_everybody_leaves_a_caller_alone_who_was_just_sent_elsewhere(late_ms):
    """Until the switch or a look tells, nobody knows where they are."""
    world, call = answered_just_now(late_ms)
    operator(world, f"uuid_transfer {call.uuid} message XML default")
    world.phones["1000"].hang_up()
    world.run(0.005)
    world.does(lambda: world.carry_out(world.engine.divert(None, Exit("voicemail"), world.now_us)))
    world.run(12)

    assert call.leg.profile.destination == "message"
    assert world.the("call-left").reason == "transferred"


def asked_to_join(world: World) -> Call:
    """A caller and an agent; the command that joins them is under way, and lost on that way."""
    world.phones["1000"].behaviour = MANUAL
    call = world.call()
    world.run(3)
    unreachable(world, Bridge)
    world.does(world.phones["1000"].answer)
    world.run(0.1)
    assert world.lost
    world.swallow = lambda _action: False
    return call


def test_a_caller_sent_outside_as_they_are_being_joined_may_come_to_another_queue_from_there():
    world = two_queues()
    outside = world.switch.add_phone(OUTSIDE, Behaviour(answer_after_us=50_000))
    world.switch.dialplan.add(
        "outside_first", Step("bridge", OUTSIDE), Step("set", "cc_queue=billing"), Step("park")
    )
    call = asked_to_join(world)
    operator(world, f"uuid_transfer {call.uuid} outside_first XML default")
    world.run(0.15)
    assert any(leg.uuid == call.partner for leg in outside.legs)
    world.run(1)
    world.does(outside.hang_up)
    world.run(5)

    assert [(r.queue, r.leg) for r in world.all("queue-entered")] == [("support", 1), ("billing", 2)]
    assert world.talks_with(call) == "2000"


def test_nobody_is_rung_for_a_caller_sent_elsewhere_when_their_bridge_is_refused():
    world = World(everybody([queue("support")], [agent("1000"), agent("2000", reject_delay_time=60)]))
    world.phone("1000")
    world.phone("2000", Behaviour("busy"))
    call = asked_to_join(world)
    offers, music = len(world.all("offer-made")), len(world.sent(PlayMusic))
    operator(world, f"uuid_transfer {call.uuid} voicemail XML default")
    world.run(0.05)
    world.report_lost("-ERR Invalid uuid")
    world.carry_out(world.engine.set_agent_status("2000", "Logged Out", world.now_us))
    world.carry_out(world.engine.set_agent_status("2000", "Available", world.now_us))
    world.run(5)

    assert world.the("call-left").reason == "transferred"
    assert (len(world.all("offer-made")), len(world.sent(PlayMusic))) == (offers, music)
    assert not any(leg.alive for leg in world.phones["1000"].legs)
    assert call.leg.profile.destination == "voicemail"


@pytest.mark.parametrize("late_ms", [0, 1, 5, 20, 60])
def test_a_caller_sent_elsewhere_as_the_agent_answers_is_with_one_of_the_two(late_ms):
    """Whichever the switch does last."""
    world = office(MANUAL)
    call = world.call()
    world.run(3)
    world.phones["1000"].answer()
    world._settle()
    world.run(late_ms / 1000)
    operator(world, f"uuid_transfer {call.uuid} voicemail XML default")
    world.run(8)

    assert call.alive
    assert (call.leg.profile.destination == "voicemail") != bool(call.partner)
    if not call.partner:
        assert not any(leg.alive for leg in world.phones["1000"].legs)
        assert world.agent("1000").state in ("waiting", "idle", "wrap_up")
    call.hang_up()
    world.run(40)
    world.assert_quiet()


def test_a_waiting_caller_sent_to_another_queue_waits_there_at_once():
    world = two_queues()
    world.phones["1000"].behaviour = IGNORES
    call = world.call()
    world.run(3)
    operator(world, f"uuid_transfer {call.uuid} queue_billing XML default")
    world.run(4)

    assert [(r.queue, r.leg) for r in world.all("queue-entered")] == [("support", 1), ("billing", 2)]
    assert world.the("call-left").reason == "transferred"
    assert len(world.all("call-offered")) == 1
    assert world.talks_with(call) == "2000"


def test_a_waiting_caller_bridged_outside_by_the_dialplan_is_not_parked_when_the_other_hangs_up():
    world = office()
    outside = world.switch.add_phone(OUTSIDE, Behaviour(answer_after_us=SECOND))
    call = world.call()
    world.run(3)
    operator(world, f"uuid_transfer {call.uuid} outside XML default")
    world.run(5)
    assert any(leg.uuid == call.partner for leg in outside.legs)
    assert "cc_queue" not in call.leg.values

    world.does(outside.hang_up)
    world.run(5)

    assert not call.alive
    assert len(world.all("queue-entered")) == 1
    world.run(20)
    world.assert_quiet()


@pytest.mark.parametrize("lost", ["CHANNEL_UNPARK", "PLAYBACK_STOP"])
def test_one_lost_event_does_not_hide_that_the_caller_left(lost):
    world = office()
    call = world.call()
    world.run(3)
    world.drop = lambda event: event.name == lost
    operator(world, f"uuid_transfer {call.uuid} voicemail XML default")
    world.run(1)

    assert world.the("call-left").reason == "transferred"
    assert not world.ringing("1000")


@pytest.mark.parametrize("events", ["lost", "in time"])
def test_a_look_at_the_switch_finds_a_waiting_caller_who_was_sent_elsewhere(events):
    world = office()
    call = world.call()
    world.run(3)
    if events == "lost":
        world.drop = lambda event: event.name in ("CHANNEL_UNPARK", "PLAYBACK_STOP", "PLAYBACK_START")
    operator(world, f"uuid_transfer {call.uuid} voicemail XML default")
    world.run(1)
    world.drop = lambda _event: False
    world.resync()
    world.run(1)

    assert world.the("call-left").reason == "transferred"
    assert not world.ringing("1000")
    world.run(5)
    assert call.leg.profile.destination == "voicemail"
    assert call.alive


def test_a_controller_that_starts_anew_leaves_a_caller_who_was_sent_elsewhere_alone():
    world = office(ANSWERS)
    world.phones["1000"].behaviour = IGNORES
    call = world.call()
    world.run(3)
    world.kill_controller()
    world.switch.receive(world.switch.connect(), b"auth ClueCon\n\n")
    number = world._log_in()
    world.switch.receive(number, f"api uuid_transfer {call.uuid} voicemail XML default\n\n".encode())
    world.switch.run_until(world.now_us + SECOND)
    world.now_us += SECOND
    world.phones["1000"].behaviour = ANSWERS
    world.start()
    world.run(10)

    assert call.alive
    assert call.leg.profile.destination == "voicemail"
    assert not world.sent(Bridge)
    assert not world.all("queue-resumed")


def test_news_of_a_park_that_comes_late_does_not_bring_a_caller_back_who_was_sent_elsewhere():
    world = office()
    old = []
    world.drop = lambda event: event.name == "CHANNEL_PARK" and not old.append(event)
    call = world.call()
    world.drop = lambda _event: False
    world.carry_out(world.engine.on_event("fs1", old[0], world.now_us))
    world.run(3)
    operator(world, f"uuid_transfer {call.uuid} voicemail XML default")
    world.run(1)
    world.carry_out(world.engine.on_event("fs1", old[0], world.now_us))
    world.run(5)

    assert call.leg.profile.destination == "voicemail"
    assert len(world.all("queue-entered")) == 1


def test_a_talking_caller_whom_an_operator_sends_elsewhere_is_not_hung_up_by_us():
    """A supervisor moves a call: before, the product waited three seconds and then ended it."""
    plan = Dialplan()
    plan.add("ivr", Step("answer"), Step("playback", "/long.wav", seconds=60), Step("hangup"))
    world = World(everybody([queue()], [agent("1000")]), dialplan=plan)
    world.phone("1000", ANSWERS)
    call = world.call()
    world.run(5)
    assert world.talks_with(call) == "1000"

    operator(world, f"uuid_transfer {call.uuid} ivr XML default")
    world.run(20)

    assert call.alive
    assert call.leg.profile.destination == "ivr"
    assert world.the("conversation-ended")
    assert world.agent("1000").state == "waiting"
    assert not [a for a in world.sent(Kill) if a.uuid == call.uuid]


@pytest.mark.parametrize("extension", ["queue_support", "queue_billing"])
def test_an_attended_transfer_to_a_queue_where_nobody_has_answered_yet_is_a_new_leg_there(extension):
    """The agent rings a queue, hears its music, and connects: the caller waits there instead."""
    world = two_queues(after_call="voicemail")
    world.phones["2000"].behaviour = IGNORES
    call = world.call()
    world.run(5)
    consultation = world.does(
        lambda: world.phones["1000"].attended_transfer(extension, consult_us=3 * SECOND)
    )
    world.run(4)

    assert not consultation.alive
    assert call.alive
    assert call.leg.parked
    entered = [(r.queue, r.leg) for r in world.all("queue-entered") if r.call == call.uuid]
    assert entered == [("support", 1), (extension.removeprefix("queue_"), 2)]


def test_the_talk_after_an_attended_transfer_into_a_queue_is_in_the_books_and_on_tape():
    world = two_queues()
    call = world.call()
    world.run(5)
    colleague = world.does(
        lambda: world.phones["1000"].attended_transfer("queue_billing", consult_us=4 * SECOND)
    )
    world.run(6)
    assert world.talks_with(call) == "2000"

    joined = world.the("conversation-joined")
    assert (joined.call, joined.queue, joined.agent) == (call.uuid, "billing", "2000")
    assert joined.after == colleague.uuid
    recorded = [(a.uuid, a.path) for a in world.sent(StartRecording)]
    assert recorded == [
        (colleague.uuid, f"/rec/{colleague.uuid}.wav"),
        (call.uuid, f"/rec/{call.uuid}.wav"),
    ]
    assert world.agent("2000").call == call.uuid
    assert world.agent("1000").state == "wrap_up"

    world.run(10)
    world.does(call.hang_up)
    world.run(1)

    talks = [(r.call, r.agent, r.queue, r.attended) for r in world.all("conversation-ended")]
    assert talks == [
        (call.uuid, "1000", "support", True),
        (colleague.uuid, "2000", "billing", True),
        (call.uuid, "2000", "billing", False),
    ]
    assert world.agent("2000").state == "wrap_up"
    world.run(20)
    world.assert_quiet()


def test_that_talk_outlives_the_controller():
    world = two_queues()
    call = world.call()
    world.run(5)
    world.does(lambda: world.phones["1000"].attended_transfer("queue_billing", consult_us=4 * SECOND))
    world.run(20)
    world.restart(3)
    world.run(5)

    assert world.talks_with(call) == "2000"
    assert (world.agent("2000").state, world.agent("2000").call) == ("in_a_queue_call", call.uuid)
    world.does(world.phones["2000"].hang_up)
    world.run(0.5)
    assert world.agent("2000").state == "wrap_up"
    talks = [(r.call, r.agent) for r in world.all("conversation-ended")]
    assert talks.count((call.uuid, "2000")) == 1
    world.run(20)
    world.assert_quiet()


def test_whoever_connected_two_others_is_not_sent_to_the_exit_after_the_call():
    world = World(
        Config(
            queues=(queue("support"), queue("billing", after_call="voicemail")),
            agents=(agent("1000"), agent("2000")),
            tiers=(Tier(queue="support", agent="1000"), Tier(queue="billing", agent="2000")),
        )
    )
    world.phone("1000")
    world.phone("2000")
    call = world.call()
    world.run(5)
    colleague = world.does(
        lambda: world.phones["1000"].attended_transfer("queue_billing", consult_us=4 * SECOND)
    )
    world.run(6)

    assert not colleague.alive
    assert colleague.leg.profile.destination == "queue_billing", "no survey for a colleague's phone"
    world.does(world.phones["2000"].hang_up)
    world.run(1)
    assert call.leg.profile.destination == "voicemail", "the caller gets the exit of the queue talked to last"


def test_an_agent_whose_leg_ends_while_the_switch_is_away_is_free_and_nothing_was_violated():
    world = office(ANSWERS)
    call = world.call()
    world.run(5)
    # The last news before the connection breaks: the caller is gone. The agent's own hang-up is never told.
    world.drop = lambda event: event.name != "CHANNEL_HANGUP" or event.unique_id != call.uuid
    world.swallow = lambda _action: True
    world.does(call.hang_up)
    world.run(30)

    assert world.agent("1000").state == "waiting"
    assert not world.all("invariant-violated")


def test_what_is_told_late_of_a_bridge_is_old_news_when_a_look_has_shown_what_came_of_it():
    """Events may come minutes late, answers don't: the caller is parked again and keeps the place."""
    world = World(everybody([queue()], [agent("1000")]))
    world.phone("1000")
    world.carry_out(world.engine.set_agent_status("1000", "On Break", world.now_us))
    stranger, call = world.call("echo"), world.call()
    world.run(1)
    late = []
    names = ("CHANNEL_BRIDGE", "CHANNEL_UNBRIDGE", "CHANNEL_PARK", "CHANNEL_UNPARK", "PLAYBACK_STOP")
    world.drop = lambda event: event.name in names and not late.append(event)
    world.does(lambda: world.console(f"uuid_bridge {call.uuid} {stranger.uuid}"))
    world.run(1)
    world.does(stranger.hang_up)
    world.run(1)
    world.drop = lambda _event: False
    world.resync()

    for event in late:
        world.carry_out(world.engine.on_event(NODE, event, world.now_us))
    world.run(1)

    assert {event.name for event in late} == set(names)
    assert [line.queue for line in world.engine.view(world.now_us).calls] == ["support"]
    assert not world.all("call-left")
    world.carry_out(world.engine.set_agent_status("1000", "Available", world.now_us))
    world.run(4)
    assert world.talks_with(call) == "1000"
