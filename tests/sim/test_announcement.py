"""An agent who picks up hears whom the dialplan announces (`cc_outbound_announce`), then the caller."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, MANUAL, World, agent, everybody, queue

from py_callcenter.config import Node
from py_callcenter.engine.actions import PlayMusic, StartRecording, StopMusic
from py_callcenter.sim import Step

pytestmark = pytest.mark.sim

FILE = "/sounds/a_gold_customer.wav"  # three seconds in the simulated switch


def office(announce: str = FILE, behaviour=ANSWERS, agents=("1000",), **settings) -> World:
    """Agents, and an extension whose callers are announced."""
    world = World(everybody([queue("support", **settings)], [agent(name, wrap_up_time=5) for name in agents]))
    for name in agents:
        world.phone(name, behaviour)
    world.switch.dialplan.add(
        "gold",
        Step("set", "cc_queue=support"),
        Step("set", f"cc_outbound_announce={announce}"),
        Step("answer"),
        Step("park"),
    )
    return world


def heard_by_agent(world: World, call) -> list[str]:
    """What was played on the agent's phone, the mark of its end left out."""
    return [a.source for a in world.sent(PlayMusic) if a.uuid != call.uuid and "silence" not in a.source]


def everybody_goes_home(world: World, call) -> None:
    if call.alive:
        world.does(call.hang_up)
    world.run(15)
    world.assert_quiet()


def test_the_agent_hears_the_announcement_while_the_caller_still_hears_music():
    world = office(record_template="/rec/{call}.wav")
    call = world.call("gold")
    world.run(4)
    assert heard_by_agent(world, call) == [FILE]
    assert not call.partner
    assert not world.sent(StartRecording), "recorded is the conversation"
    assert world.agent("1000").state != "waiting"

    world.run(3)

    assert world.talks_with(call) == "1000"
    assert len(world.sent(StartRecording)) == 1
    everybody_goes_home(world, call)


def test_a_caller_who_hangs_up_during_the_announcement_stops_it():
    world = office()
    call = world.call("gold")
    world.run(4)
    world.does(call.hang_up)
    world.run(1)
    assert not any(leg.alive for leg in world.phones["1000"].legs)
    assert world.agent("1000").state == "waiting"
    assert len(world.all("call-abandoned")) == 1
    assert not world.all("call-answered")
    everybody_goes_home(world, call)


def test_an_agent_who_hangs_up_during_the_announcement_costs_the_caller_nothing():
    world = office()
    call = world.call("gold")
    world.run(4)
    world.does(world.phones["1000"].hang_up)
    world.run(1)
    assert call.alive
    assert not world.all("call-abandoned")
    world.run(60)
    assert len(world.all("queue-entered")) == 1, "the place is kept"
    everybody_goes_home(world, call)


def test_an_announcement_that_is_missing_costs_a_moment_and_not_the_call():
    world = office()
    world.switch.sounds = False
    call = world.call("gold")
    world.run(3)
    assert world.talks_with(call) == "1000"
    everybody_goes_home(world, call)


def test_an_announcement_without_an_end_is_cut_off():
    world = office("local_stream://news")
    call = world.call("gold")
    world.run(15)
    assert not call.partner
    world.run(10)
    assert world.talks_with(call) == "1000"
    leg = world.phones["1000"].leg
    assert leg.playback is None, "nothing plays into the conversation"
    # A real switch may keep a sound that is under way for seconds after the bridge.
    assert leg.uuid in {action.uuid for action in world.sent(StopMusic)}
    everybody_goes_home(world, call)


@pytest.mark.parametrize(
    "text", ["http://203.0.113.9/x", "system::id", "../../etc/passwd", "x!NORMAL_CLEARING", "{a=b}/x.wav"]
)
def test_an_announcement_that_is_no_sound_is_left_out_and_said(text):
    world = office(text)
    call = world.call("gold")
    world.run(3)
    assert world.talks_with(call) == "1000"
    assert heard_by_agent(world, call) == []
    assert world.the("wish-ignored").wish == "cc_outbound_announce"
    assert not world.failures
    everybody_goes_home(world, call)


def test_the_next_agent_hears_it_too():
    world = office(agents=("1000", "1001"), behaviour=MANUAL)
    call = world.call("gold")
    for _time in range(2):
        world.run(1)
        [phone] = [phone for phone in world.phones.values() if phone.leg is not None]
        world.does(phone.answer)
        world.run(1)
        world.does(phone.hang_up)
    world.run(1)
    assert heard_by_agent(world, call) == [FILE, FILE]
    everybody_goes_home(world, call)


def test_a_lost_news_of_its_end_costs_seconds_and_not_the_call():
    world = office()
    world.drop = lambda event: event.name == "PLAYBACK_STOP"
    call = world.call("gold")
    world.run(30)
    assert world.talks_with(call) == "1000"
    everybody_goes_home(world, call)


def test_an_agent_whose_leg_stays_up_hears_the_tone_then_the_announcement():
    config = everybody([queue("support")], [agent("1000", type="uuid-standby", wrap_up_time=5)])
    world = office()
    world = World(
        config.model_copy(update={"nodes": (Node(name="fs1", password="x"),)}), dialplan=world.switch.dialplan
    )
    world.phone("1000", ANSWERS)
    world.run(5)
    call = world.call("gold")
    world.run(6)
    assert heard_by_agent(world, call) == [world.config.agents[0].warning_tone, FILE]
    assert world.talks_with(call) == "1000"
    world.does(call.hang_up)
    world.run(10)
    assert world.agent("1000").state == "waiting", "the leg is still there for the next caller"
    assert world.phones["1000"].leg is not None
