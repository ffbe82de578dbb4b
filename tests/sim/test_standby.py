"""Agents of type `uuid-standby`: a leg that stays up, a tone, and the caller is there."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, BUSY, KEY, MANUAL, SECOND, World, agent, everybody, queue

from py_callcenter.config import Node
from py_callcenter.engine import joining
from py_callcenter.engine.actions import Kill, Originate, PlayMusic, SetVariables
from py_callcenter.engine.identity import Sealer
from py_callcenter.sim import Behaviour, Step

pytestmark = pytest.mark.sim

AT_ONCE = Behaviour(outcome="answer", answer_after_us=SECOND)


def office(behaviour=AT_ONCE, status="Available", tone="tone_stream://%(200,0,640)", **settings) -> World:
    """One agent whose phone is kept connected."""
    one = agent("1000", type="uuid-standby", status=status, wrap_up_time=5, warning_tone=tone)
    config = everybody([queue("support", **settings)], [one])
    config = config.model_copy(update={"nodes": (Node(name="fs1", password="x"),)})
    world = World(config)
    world.phone("1000", behaviour)
    return world


def at_work(**settings) -> World:
    world = office(**settings)
    world.run(5)
    assert world.agent("1000").reachable
    return world


def dialled(world: World) -> int:
    return len(world.sent(Originate))


def living(world: World) -> list:
    return [leg for leg in world.phones["1000"].legs if leg.alive]


def home(world: World) -> None:
    """The agent logs out: the leg ends, and nothing is left."""
    set_status(world, "Logged Out")
    world.run(40)
    world.assert_quiet()
    assert not world.engine._state.reach.standing_legs


def set_status(world: World, status: str) -> None:
    world.carry_out(world.engine.set_agent_status("1000", status, world.now_us))
    world._settle()


def test_a_fault_of_ours_between_the_choice_and_the_bridge_keeps_nobody_for_long(monkeypatch):
    world = at_work(tone=None)
    world.bears_faults = True
    real, failed = joining.record, []

    def once(*arguments):
        if not failed:
            failed.append(arguments)
            raise RuntimeError("a fault of ours")
        real(*arguments)

    monkeypatch.setattr(joining, "record", once)
    call = world.call()
    world.run(30)

    assert failed
    assert world.talks_with(call) == "1000"
    world.does(call.hang_up)
    world.run(10)
    home(world)


def test_the_leg_is_dialled_at_login_and_serves_one_caller_after_the_other():
    world = at_work()
    assert dialled(world) == 1
    [leg] = living(world)
    for number in range(3):
        call = world.call(number=f"1555{number}")
        world.run(1)
        assert world.talks_with(call) == "1000"
        assert world.agent("1000").state == "in_a_queue_call"
        world.run(10)
        world.does(call.hang_up)
        world.run(1)
        assert living(world) == [leg], "the agent stays connected"
        assert world.agent("1000").state == "wrap_up"
        world.run(5)
        assert world.agent("1000").state == "waiting"
        left = {"cc_offer", "cc_tag", "cc_queue", "transfer_history"} & leg.values.keys()
        assert not left, "of the call that is over"
    assert dialled(world) == 1
    assert len(world.all("call-answered")) == 3
    assert [r.ended_by for r in world.all("conversation-ended")] == ["caller"] * 3
    home(world)


def test_the_agent_hears_a_tone_before_the_caller_is_there():
    world = at_work()
    [leg] = living(world)
    call = world.call()
    [tone] = [action for action in world.sent(PlayMusic) if action.uuid == leg.uuid]
    assert tone.source.startswith("tone_stream://")
    assert not call.partner
    world.run(1)
    assert call.partner == leg.uuid
    home_after(world, call)


def test_a_new_key_leaves_the_leg_ours_also_when_the_old_one_counts_no_more():
    world = at_work()
    [leg] = living(world)
    new = b"another key, of thirty-two bytes"
    world.carry_out(world.engine.use_keys(new, [KEY], world.now_us))
    world._settle()
    world.rest(1)
    world.carry_out(world.engine.use_keys(new, [], world.now_us))

    world.kill_controller()
    world.keys = [new]
    world.rest(1)
    world.start()
    world.run(5)

    assert living(world) == [leg]
    assert dialled(world) == 1, "the phone isn't rung a second time"
    assert world.agent("1000").reachable
    home(world)


def test_a_phone_that_was_picked_up_after_the_key_changed_has_the_new_seal():
    world = office()
    until_dialled(world)
    new = b"another key, of thirty-two bytes"
    world.carry_out(world.engine.use_keys(new, [KEY], world.now_us))
    world.run(5)
    [leg] = living(world)
    tags = Sealer(new)
    assert tags.holds(leg.values["cc_standby"], "standby", "1000", leg.uuid)
    home(world)


def test_a_new_seal_that_never_arrived_is_written_by_the_next_look():
    world = at_work()
    [leg] = living(world)
    new = b"another key, of thirty-two bytes"
    world.swallow = lambda action: isinstance(action, SetVariables)
    world.carry_out(world.engine.use_keys(new, [KEY], world.now_us))
    world._settle()
    world.swallow = lambda _action: False
    assert not Sealer(new).holds(leg.values["cc_standby"], "standby", "1000", leg.uuid)
    world.resync()
    world.run(1)
    assert Sealer(new).holds(leg.values["cc_standby"], "standby", "1000", leg.uuid)
    home(world)


def until_dialled(world: World) -> None:
    for _ in range(50):
        if dialled(world):
            return
        world.run(0.1)


def home_after(world: World, call) -> None:
    world.does(call.hang_up)
    world.run(10)
    home(world)


def test_a_caller_who_leaves_during_the_tone_leaves_the_leg_as_it_was():
    world = at_work()
    [leg] = living(world)
    call = world.call()
    world.does(call.hang_up)
    world.run(5)
    assert living(world) == [leg]
    assert world.agent("1000").state == "waiting"
    assert not world.all("call-answered")
    home(world)


@pytest.mark.parametrize("late_ms", [0, 100, 190, 210, 300, 390])
def test_the_next_caller_has_a_tone_of_their_own_when_the_first_one_leaves_during_theirs(late_ms):
    world = at_work()
    [leg] = living(world)
    heard: list[str] = []
    world.switch.observers.append(lambda kind, one: heard.append(kind) if one is leg else None)
    first = world.call()
    second = world.call(number="15552")
    world.run(late_ms / 1000)
    world.does(first.hang_up)
    heard.clear()
    world.run(3)
    assert second.partner == leg.uuid
    assert [kind for kind in heard if kind in ("play-start", "unpark", "play-stop")][-3:] == [
        "play-start", "play-stop", "unpark",
    ]  # fmt: skip
    assert heard.count("play-start") == 1, "and none while they talk"
    home_after(world, second)


@pytest.mark.parametrize("late_ms", [*range(0, 60, 3)])
def test_a_caller_who_hangs_up_while_they_are_joined_costs_the_agent_nothing_lasting(late_ms):
    world = at_work()
    call = world.call()
    world.run(0.2 + late_ms / 1000)
    world.does(call.hang_up)
    world.run(20)
    assert len(living(world)) == 1
    assert world.agent("1000").reachable
    other = world.call(number="15559")
    world.run(8)
    assert world.talks_with(other) == "1000"
    home_after(world, other)


def test_without_a_leg_nobody_is_offered_and_it_is_dialled_with_growing_pauses():
    world = office(BUSY)
    call = world.call()
    world.run(60)
    assert not world.agent("1000").reachable
    assert not world.all("offer-made"), "callers wait; nobody is rung for them"
    times = dialled(world)
    assert 5 <= times <= 7
    world.run(60)
    assert dialled(world) <= times + 1
    world.phones["1000"].behaviour = AT_ONCE
    world.run(70)
    assert world.agent("1000").reachable
    assert world.talks_with(call) == "1000"
    home_after(world, call)


def test_a_leg_that_drops_is_dialled_again():
    world = at_work()
    world.does(world.phones["1000"].hang_up)
    assert not world.agent("1000").reachable
    call = world.call()
    world.run(6)
    assert dialled(world) == 2
    assert world.talks_with(call) == "1000"
    home_after(world, call)


def test_an_agent_who_hangs_up_on_a_caller_ends_the_conversation_and_is_rung_again():
    world = at_work(after_call="voicemail")
    call = world.call()
    world.run(3)
    world.does(world.phones["1000"].hang_up)
    world.run(1)
    assert call.leg.profile.destination == "voicemail"
    assert world.the("conversation-ended").ended_by == "agent"
    assert world.agent("1000").state == "wrap_up"
    world.run(8)
    assert world.agent("1000").reachable
    assert world.agent("1000").state == "waiting"
    home_after(world, call)


def test_on_break_the_leg_stays_and_logged_out_it_ends():
    world = at_work()
    set_status(world, "On Break")
    call = world.call()
    world.run(10)
    assert len(living(world)) == 1
    assert not call.partner
    set_status(world, "Available")
    world.run(1)
    assert world.talks_with(call) == "1000"
    set_status(world, "Logged Out")
    world.run(5)
    assert call.partner, "the conversation goes on"
    world.does(call.hang_up)
    world.run(3)
    assert not living(world), "then the leg ends"
    world.run(70)
    assert dialled(world) == 1
    home(world)


def test_after_a_restart_the_leg_is_taken_up_idle_or_with_a_caller():
    world = at_work()
    world.restart(2)
    world.run(3)
    assert world.agent("1000").reachable
    call = world.call()
    world.run(3)
    assert world.talks_with(call) == "1000"
    world.restart(2)
    world.run(3)
    assert world.talks_with(call) == "1000"
    assert (world.agent("1000").state, world.agent("1000").call) == ("in_a_queue_call", call.uuid)
    world.does(call.hang_up)
    world.run(1)
    assert world.agent("1000").state == "wrap_up"
    world.run(6)
    other = world.call(number="15559")
    world.run(3)
    assert world.talks_with(other) == "1000"
    assert dialled(world) == 1, "never dialled a second time"
    assert len(world.all("call-answered")) == 2
    home_after(world, other)


def test_a_leg_that_rang_when_the_controller_died_is_the_one_that_is_picked_up():
    world = office(behaviour=Behaviour("answer", answer_after_us=6_000_000))
    world.run(2)
    assert dialled(world) == 1
    world.restart(2)
    world.run(10)
    assert world.agent("1000").reachable
    assert dialled(world) == 1, "not called a second time"
    assert len(living(world)) == 1
    home(world)


def test_a_restart_during_the_tone_leaves_caller_and_leg():
    world = at_work()
    call = world.call()
    world.restart(1)
    world.run(5)
    assert world.talks_with(call) == "1000"
    assert dialled(world) == 1
    home_after(world, call)


def test_a_leg_whose_end_was_never_told_is_noticed():
    world = at_work()
    world.drop = lambda event: event.name in ("CHANNEL_HANGUP", "CHANNEL_DESTROY")
    world.does(world.phones["1000"].hang_up)
    world.drop = lambda _event: False
    world.run(75)
    assert world.agent("1000").reachable
    assert len(living(world)) == 1
    home(world)


def somebody_else_calls(world: World):
    """A stranger's channel."""
    world.switch.dialplan.add("elsewhere", Step("answer"), Step("park"))
    return world.call("elsewhere")


def joined_by_somebody_else(world: World):
    """A stranger's channel, joined with the agent's leg by whoever may do that."""
    [leg] = living(world)
    stranger = somebody_else_calls(world)
    world.does(lambda: world.switch.request_bridge(leg, stranger.leg))
    world.run(1)
    assert stranger.partner == leg.uuid
    return stranger


def test_an_agent_whose_leg_somebody_else_has_is_offered_nobody_until_it_is_parked_again():
    world = at_work()
    stranger = joined_by_somebody_else(world)

    call = world.call()
    world.run(40)
    assert stranger.partner, "that conversation isn't broken"
    assert not world.all("offer-made")
    world.does(stranger.hang_up)
    world.run(1)

    assert world.talks_with(call) == "1000"


def test_the_end_of_what_somebody_else_had_the_leg_for_is_noticed_though_it_was_never_told():
    world = at_work()
    stranger = joined_by_somebody_else(world)
    call = world.call()
    world.drop = lambda event: event.name == "CHANNEL_PARK"
    world.does(stranger.hang_up)
    world.run(1)
    world.drop = lambda _event: False
    world.run(35)

    assert world.talks_with(call) == "1000"


def test_a_caller_for_whom_the_tone_plays_waits_on_when_somebody_else_takes_the_leg():
    world = at_work()
    [leg] = living(world)
    stranger = somebody_else_calls(world)
    call = world.call()
    assert world.all("offer-made")
    world.does(lambda: world.switch.request_bridge(leg, stranger.leg))
    world.run(5)

    assert stranger.partner == leg.uuid
    assert world.engine.view(world.now_us).calls[0].phase == "waiting"
    world.does(stranger.hang_up)
    world.run(2)
    assert world.talks_with(call) == "1000"


def test_taken_out_of_the_configuration_the_leg_is_hung_up():
    world = at_work()
    nobody = world.config.model_copy(update={"agents": (), "tiers": ()})
    world.carry_out(world.engine.apply(nobody, world.now_us))
    world.run(2)
    assert not living(world)
    assert [action.cause for action in world.sent(Kill)] == ["NORMAL_CLEARING"]


def callback(world: World):
    """The same agent, called for each call from now on."""
    agents = tuple(one.model_copy(update={"type": "callback"}) for one in world.config.agents)
    return world.config.model_copy(update={"agents": agents})


def test_who_is_to_be_called_for_each_call_from_now_on_ends_the_conversation_first():
    world = at_work(after_call="voicemail")
    call = world.call()
    world.run(3)
    [leg] = living(world)
    world.carry_out(world.engine.apply(callback(world), world.now_us))
    world.run(10)
    assert world.talks_with(call) == "1000", "nobody is dropped by it"
    world.does(call.hang_up)
    world.run(1)
    assert not leg.alive

    after = world.call()
    world.run(9)
    assert world.talks_with(after) == "1000"
    assert dialled(world) == 2
    world.does(after.hang_up)
    world.run(40)
    world.assert_quiet()


def test_nor_does_a_start_drop_the_caller_of_somebody_who_is_no_agent_any_more():
    world = at_work()
    call = world.call()
    world.run(3)
    [leg] = living(world)
    world.config = world.config.model_copy(update={"agents": (), "tiers": ()})
    world.restart()
    world.run(5)
    assert call.partner == leg.uuid
    world.does(call.hang_up)
    world.run(2)
    assert not leg.alive, "which stood by for nobody then"
    assert world.the("leg-orphaned").agent == "1000"
    world.run(40)
    world.assert_quiet()


def test_a_leg_that_stands_by_for_nobody_is_hung_up_at_the_start_and_counted():
    world = at_work()
    [leg] = living(world)
    world.config = callback(world)
    world.restart()
    world.run(1)
    assert not leg.alive
    assert world.the("leg-orphaned").agent == "1000"


def test_logged_out_from_the_start_nobody_is_dialled():
    world = office(MANUAL, status="Logged Out")
    world.run(20)
    assert not dialled(world)
    set_status(world, "Available")
    assert dialled(world) == 1
    world.phones["1000"].behaviour = ANSWERS


def test_a_start_leaves_those_in_the_queue_whom_the_agent_sent_there_meanwhile():
    """Such a leg parks after each conversation, so that it is parked tells nothing of a consultation."""
    world = at_work()
    call = world.call()
    world.run(4)
    [leg] = living(world)
    assert call.partner == leg.uuid
    world.kill_controller()
    world.does_alone(lambda: world.console(f"uuid_transfer {call.uuid} queue_support"))
    world.rest(1)
    world.start()
    world.run(0.5)

    assert not call.partner, "that conversation is over"
    assert [record.leg for record in world.all("queue-entered")] == [1, 2]
    assert len(world.all("conversation-ended")) == 1
    world.run(15)
    assert call.partner == leg.uuid, "the next begins after the wrap-up"
    world.does(call.hang_up)
    world.run(10)
    home(world)
