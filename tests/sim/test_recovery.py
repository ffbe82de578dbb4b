"""The controller dies at any moment, and the next one takes everything up."""

from __future__ import annotations

from typing import Any

import pytest
from sim.world import (
    ANSWERS,
    BUSY,
    IGNORES,
    KEY,
    MANUAL,
    NODE,
    REFUSES,
    SECOND,
    World,
    agent,
    everybody,
    queue,
)

from py_callcenter.engine.actions import Kill, Originate, SetVariables, Transfer
from py_callcenter.engine.identity import Sealer
from py_callcenter.sim import Behaviour, Step

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


def centre(*names: str, behaviour=ANSWERS, wrap_up: int = 0, seed: int = 1, **settings: Any) -> World:
    agents = [agent(name, wrap_up_time=wrap_up) for name in names]
    world = World(everybody([queue(**settings), queue("billing")], agents), seed=seed)
    for name in names:
        world.phone(name, behaviour)
    return world


def standing(world: World) -> dict[str, tuple[Any, ...]]:
    """How each agent stands, with the order of idle times."""
    state = world.engine._state
    return {
        name: (*(getattr(view, field) for field in STANDING), view.idle_since_us)
        for name, view in ((n, state.router.agent(i)) for n, i in state.agent_ids.items())
    }


def balanced(world: World) -> None:
    """Nothing counted twice, nothing left open: every call, queue leg, offer and conversation ends once."""
    assert len(world.all("call-offered")) == len(world.all("call-ended"))
    legs = [(record.call, record.leg) for record in world.all("queue-entered")]
    assert len(set(legs)) == len(legs)
    kinds = ("call-answered", "call-abandoned", "call-left", "call-lost")
    ends = [(record.call, record.leg) for kind in kinds for record in world.all(kind)]
    assert sorted(ends) == sorted(legs)
    made = [(record.call, record.attempt) for record in world.all("offer-made")]
    assert sorted(made) == sorted((record.call, record.attempt) for record in world.all("offer-ended"))
    answered = [(record.call, record.leg) for record in world.all("call-answered")]
    assert sorted(answered) == sorted((r.call, r.leg) for r in world.all("conversation-ended"))


def everybody_leaves(world: World, *calls: Any) -> None:
    for call in calls:
        if call.alive:
            world.does(call.hang_up)
    world.run(90)
    world.assert_quiet()
    balanced(world)


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


def let_go(to: str) -> tuple[World, Any]:
    """A caller whose longest wait is over; what sends them on from here isn't carried out yet."""
    world = centre("1000", max_wait_time=5, on_timeout=to)
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    world.switch.dialplan.add("theirs", Step("answer"), Step("park"))
    call = world.call()
    world.run(4)
    return world, call


@pytest.mark.parametrize("to", ["voicemail", "hangup"])
@pytest.mark.parametrize("books", ["there", "lost"])
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
    world.rest(1)
    world.start()
    world.run(1)

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
