"""People outside the queues connect an agent with somebody of theirs in a bad moment: nobody is cut off.

`test_given_away` has the plain case. Here the agent's leg stands by, a colleague's phone rings, the caller is
sent elsewhere in that moment, or the controller wasn't looking.
"""

from __future__ import annotations

import pytest
from sim.restarting import centre
from sim.test_consult import NUMBER, consult, talking
from sim.test_consult import office as asking_office
from sim.test_standby import at_work, home, living, set_status
from sim.world import IGNORES, SECOND, World

from py_callcenter.engine import resync
from py_callcenter.engine.actions import Bridge, Kill
from py_callcenter.engine.transfers import Destination

pytestmark = pytest.mark.sim


def given_away(world: World, leg: str):
    """A receptionist, who has a customer on the line, connects them with whom the agent's leg reaches."""
    customer = world.call("echo", number="4930123")
    world.run(1)
    world.does(lambda: world.console(f"uuid_bridge {customer.uuid} {leg}"))
    return customer


def at_work_with_a_stranger():
    """An agent whose leg stays up was given away, and whoever did it has hung up."""
    world = at_work()
    receptionist = world.call()
    world.run(4)
    [leg] = living(world)
    customer = given_away(world, leg.uuid)
    world.does(receptionist.hang_up)
    return world, leg, customer


@pytest.mark.parametrize("ends_first", ["the customer", "the one who rang the queue"])
def test_a_leg_that_stays_up_is_given_away_and_free_when_it_is_parked(ends_first):
    world = at_work()
    receptionist = world.call()
    world.run(4)
    [leg] = living(world)
    assert receptionist.partner == leg.uuid
    customer = given_away(world, leg.uuid)
    if ends_first != "the customer":
        world.does(receptionist.hang_up)
    world.run(45)

    assert customer.partner == leg.uuid, "nobody cuts them off"
    assert world.agent("1000").state == "in_a_queue_call"

    world.does(customer.hang_up)
    world.run(1)
    assert world.agent("1000").state == "wrap_up"
    world.run(10)
    other = world.call()
    world.run(4)
    assert other.partner == leg.uuid, "the same leg serves the next"
    world.does(other.hang_up)
    world.run(1)
    home(world)


def test_an_agent_is_given_away_while_the_colleagues_phone_rings():
    world = asking_office()
    call = talking(world)
    leg = call.partner
    world.phones["outside"].behaviour = IGNORES
    customer = world.call("echo", number="4930123")
    world.run(1)
    consult(world, call, "number", NUMBER)
    world.run(1)
    world.does(lambda: world.console(f"uuid_bridge {customer.uuid} {leg}"))
    world.run(40)

    assert customer.partner == leg
    assert world.agent("1000").state == "in_a_queue_call"
    assert world.the("consultation-ended").outcome == "failed"
    assert call.leg.profile.destination == "voicemail", "whoever rang the queue is let go"


def test_a_caller_who_is_sent_on_just_when_the_agent_is_given_away_waits_for_nothing():
    """The API's transfer comes after the caller's PARK and before anything tells of the agent's leg."""
    world = centre("1000", "2000", after_call="voicemail")
    call = world.call()
    world.run(4)
    talks_with = world.talks_with(call)
    leg = call.partner
    customer = world.call("echo", number="4930123")
    world.run(1)
    world.does_alone(lambda: world.console(f"uuid_bridge {customer.uuid} {leg}"))
    while not call.leg.parked:
        world.rest(0.001)
    world._settle()
    world.carry_out(world.engine.transfer(call.uuid, Destination("queue", "support"), world.now_us))
    since_us = world.now_us
    world.run(6)

    again = world.all("queue-entered")[-1]
    assert again.leg == 2
    assert again.at_us - since_us < SECOND // 10, "not after a deadline"
    assert customer.partner == leg
    assert world.talks_with(call) not in ("", talks_with)


@pytest.mark.parametrize("receptionist_stays", [True, False])
@pytest.mark.parametrize("blind", ["stopped", "cut off"])
def test_who_was_given_away_while_nobody_looked_talks_on(blind, receptionist_stays):
    world = centre("1000", after_call="voicemail")
    receptionist = world.call()
    world.run(4)
    leg = receptionist.partner
    if blind == "stopped":
        world.kill_controller()
    else:
        for number in (world.events, world.commands):
            world.switch.disconnect(number)
    customer = world.switch.place_call("4930123", "Customer", "echo")
    world.rest(1)
    world.does_alone(lambda: world.console(f"uuid_bridge {customer.uuid} {leg}"))
    if not receptionist_stays:
        world.does_alone(receptionist.hang_up)
    world.rest(3)
    if blind == "stopped":
        world.start()
    else:
        world.connect()
        world.resync()
    world.run(30)

    assert customer.partner == leg, "nobody cuts them off"
    assert not [kill for kill in world.sent(Kill) if kill.uuid == leg]
    world.call()
    world.run(5)
    assert not world.ringing("1000"), "who talks isn't rung"


def test_a_start_finds_the_leg_of_somebody_who_logged_out_in_a_strangers_call():
    world, leg, customer = at_work_with_a_stranger()
    set_status(world, "Logged Out")
    world.run(20)
    assert customer.partner == leg.uuid
    world.restart()
    world.run(30)

    assert customer.partner == leg.uuid, "the leg ends when they have parted"
    world.does(customer.hang_up)
    world.run(3)
    assert not living(world)


@pytest.mark.parametrize("who", ["a look", "a start"])
@pytest.mark.parametrize("after_s", [0.05, 0.15, 0.25, 0.35, 0.45])
def test_whoever_looks_while_the_tone_plays_delays_nobody(who, after_s):
    world = at_work()
    call = world.call()
    world.run(after_s)
    if who == "a look":
        world.resync()
    else:
        world.restart(after=0.0)
    world.run(2.5)

    assert world.talks_with(call) == "1000"
    assert len(world.sent(Bridge)) == 1
    assert world.all("offer-ended")[-1].outcome == "answered"


@pytest.mark.parametrize("parts", ["at once", "hang up"])
def test_two_agents_who_are_connected_with_each_other_talk_on(parts):
    """Somebody rang a queue twice, and connects the two who answered."""
    world = centre("1000", "2000", after_call="voicemail")
    first, second = world.call(), world.call()
    world.run(6)
    legs = first.partner, second.partner
    assert all(legs)
    world.does(lambda: world.console(f"uuid_bridge {legs[0]} {legs[1]}"))
    if parts == "hang up":
        world.does(first.hang_up)
        world.does(second.hang_up)
    world.run(40)

    assert world.switch.legs[legs[0]].partner is world.switch.legs[legs[1]], "nobody cuts them off"
    assert {world.agent(name).state for name in ("1000", "2000")} == {"in_a_queue_call"}
    world.does(lambda: world.console(f"uuid_kill {legs[0]}"))
    world.run(2)
    assert {world.agent(name).state for name in ("1000", "2000")} == {"waiting"}


def test_whoever_gave_an_agent_away_hears_no_silence():
    world = centre("1000", after_call="voicemail")
    receptionist = world.call()
    world.run(4)
    given_away(world, receptionist.partner)
    world.run(0.6)

    assert receptionist.leg.profile.destination == "voicemail"


def test_the_end_of_a_call_with_a_stranger_is_seen_after_a_start_though_it_wasn_t_told():
    world, leg, customer = at_work_with_a_stranger()
    world.run(5)
    world.restart()
    world.run(5)
    assert world.agent("1000").state == "busy_elsewhere"
    world.drop = lambda event: event.unique_id == leg.uuid and event.name == "CHANNEL_PARK"
    world.does(customer.hang_up)
    world.run(5)
    assert world.agent("1000").state == "busy_elsewhere", "that was not told"
    for _ in range(8):
        world.run(5)
        if world.doubts:
            world.doubts.clear()
            world.resync()

    assert world.agent("1000").state == "waiting"


def test_a_picture_taken_while_a_leg_is_sent_elsewhere_names_nobody(monkeypatch):
    """For a tick or two the switch shows it in its conversation, and with whom no more."""
    world = centre("1000", after_call="voicemail")
    call = world.call()
    world.run(4)
    leg = call.partner
    with monkeypatch.context() as patch:
        patch.setattr(resync, "partner_of", lambda _dump: "")
        world.resync()
    world.run(20)

    assert call.partner == leg
    assert not world.all("conversation-ended")
