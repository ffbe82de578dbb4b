"""An agent asks somebody else while the caller hears music: back, or handed over, and nobody is lost."""

from __future__ import annotations

from contextlib import suppress

import pytest
from sim.world import BUSY, IGNORES, MANUAL, SECOND, World, agent, queue

from py_callcenter.config import Config, Controller, Node, Tier
from py_callcenter.engine.actions import Bridge, PlayMusic
from py_callcenter.engine.errors import BadTarget, NotNow, UnknownQueueName
from py_callcenter.engine.transfers import Destination
from py_callcenter.sim import Behaviour, Step

pytestmark = pytest.mark.sim

NUMBER = "+15550199"
DIAL_OUT = "sofia/gateway/trunk/{number}"


def office(**settings) -> World:
    world = World(
        Config(
            controller=Controller(outside_number="+15550100"),
            nodes=(Node(name="fs1", password="x", dial_out=DIAL_OUT),),
            queues=(queue("support", **{"after_call": "voicemail", **settings}), queue("sales")),
            agents=(agent("1000", wrap_up_time=5), agent("2000", wrap_up_time=5)),
            tiers=(Tier(queue="support", agent="1000"), Tier(queue="sales", agent="2000")),
        )
    )
    world.phone("1000")
    world.phone("2000")
    world.phone("outside", Behaviour(answer_after_us=SECOND), contact=DIAL_OUT.replace("{number}", NUMBER))
    return world


def talking(world: World):
    call = world.call()
    world.run(5)
    assert world.talks_with(call) == "1000"
    return call


def consult(world: World, call, kind="agent", name="2000") -> None:
    world.carry_out(world.engine.consult(call.uuid, Destination(kind, name), world.now_us))
    world._settle()


def complete(world: World, call) -> None:
    world.carry_out(world.engine.complete_consult(call.uuid, world.now_us))
    world._settle()


def back(world: World, call) -> None:
    world.carry_out(world.engine.end_consult(call.uuid, world.now_us))
    world._settle()


def with_each_other(world: World, one: str, other: str) -> bool:
    return any(
        leg.partner is not None and any(leg.partner is x for x in world.phones[other].legs)
        for leg in world.phones[one].legs
    )


def consulting(world: World, who="agent"):
    """Until the two talk and the caller hears music."""
    call = talking(world)
    consult(world, call, who, "2000" if who == "agent" else NUMBER)
    world.run(1)
    assert call.partner, "until somebody answers they go on talking"
    world.run(3)
    other = "2000" if who == "agent" else "outside"
    assert with_each_other(world, "1000", other)
    assert call.alive
    assert not call.partner
    assert world.switch.legs[call.uuid].playback is not None, "music"
    return call


def home(world: World, call) -> None:
    if call.alive:
        world.does(call.hang_up)
    world.run(60)
    world.assert_quiet()
    assert not world.engine._state.outside.consults
    assert {world.agent(name).state for name in ("1000", "2000")} == {"waiting"}


@pytest.mark.parametrize("who", ["agent", "number"])
def test_the_agent_asks_and_returns(who):
    world = office()
    call = consulting(world, who)
    if who == "agent":
        assert world.agent("2000").state == "busy_elsewhere"
    world.run(5)
    back(world, call)
    world.run(1)

    assert world.talks_with(call) == "1000"
    told = world.the("consultation-ended")
    assert (told.agent, told.to, told.outcome) == ("1000", who, "returned")
    assert told.target == ("2000" if who == "agent" else ""), "no number in the books"
    assert world.agent("2000").state == "waiting"
    world.run(5)
    world.does(world.phones["1000"].hang_up)
    world.run(1)
    ended = world.the("conversation-ended")
    assert 6 * SECOND < ended.hold_us < 9 * SECOND, "the caller was on hold"
    assert not ended.transferred
    assert call.leg.profile.destination == "voicemail"
    home(world, call)


@pytest.mark.parametrize("who", ["agent", "number"])
@pytest.mark.parametrize("how", ["by the API", "by hanging up"])
def test_the_agent_hands_the_caller_over(who, how):
    world = office()
    call = consulting(world, who)
    if how == "by the API":
        complete(world, call)
    else:
        world.does(world.phones["1000"].hang_up)
    world.run(1)

    assert world.talks_with(call) == ("2000" if who == "agent" else "outside")
    assert world.agent("1000").state == "wrap_up"
    assert world.the("conversation-ended").attended
    assert world.the("consultation-ended").outcome == "completed"
    if who == "agent":
        assert world.agent("2000").state == "busy_elsewhere"
    world.run(10)
    other = world.phones["2000" if who == "agent" else "outside"]
    world.does(other.hang_up)
    world.run(2)
    assert not call.alive, "nobody parks the caller afterwards"
    home(world, call)


@pytest.mark.parametrize("behaviour", [BUSY, IGNORES], ids=["busy", "silent"])
def test_nobody_answers_and_the_two_talk_on(behaviour):
    world = office()
    world.phones["2000"].behaviour = behaviour
    call = talking(world)
    consult(world, call)
    world.run(50)
    assert world.talks_with(call) == "1000"
    assert world.the("consultation-ended").outcome == "failed"
    assert world.agent("2000").state == "waiting"
    world.does(world.phones["1000"].hang_up)
    world.run(1)
    assert call.leg.profile.destination == "voicemail", "as after any call"
    home(world, call)


def test_called_off_while_it_rings():
    world = office()
    world.phones["2000"].behaviour = MANUAL
    call = talking(world)
    consult(world, call)
    world.run(2)
    back(world, call)
    world.run(1)
    assert world.talks_with(call) == "1000"
    assert not any(leg.alive for leg in world.phones["2000"].legs)
    home(world, call)


def test_the_other_side_hangs_up_and_the_agent_has_the_caller_back():
    world = office()
    call = consulting(world)
    world.does(world.phones["2000"].hang_up)
    world.run(2)
    assert world.talks_with(call) == "1000"
    assert world.agent("1000").state == "in_a_queue_call"
    assert world.the("consultation-ended").outcome == "returned"
    home(world, call)


@pytest.mark.parametrize("when", ["ringing", "talking"])
def test_the_caller_hangs_up_and_everybody_is_free(when):
    world = office()
    if when == "talking":
        call = consulting(world)
    else:
        call = talking(world)
        consult(world, call)
        world.run(1)
    world.does(call.hang_up)
    world.run(3)
    assert world.agent("1000").state == "wrap_up"
    assert world.agent("2000").state == "waiting"
    assert not any(leg.alive for name in ("1000", "2000") for leg in world.phones[name].legs)
    assert world.the("conversation-ended").ended_by == "caller"
    home(world, call)


def test_the_agent_hangs_up_while_it_rings_and_the_call_is_over_as_any():
    world = office()
    world.phones["2000"].behaviour = MANUAL
    call = talking(world)
    consult(world, call)
    world.run(2)
    world.does(world.phones["1000"].hang_up)
    world.run(2)
    assert call.leg.profile.destination == "voicemail"
    assert not any(leg.alive for leg in world.phones["2000"].legs)
    home(world, call)


def ends_well(world: World, call, outcome: str) -> None:
    """The consultation is in the books once, so is the conversation, and nothing of ours is left over."""
    home(world, call)
    assert [record.outcome for record in world.all("consultation-ended")] == [outcome]
    assert len(world.all("conversation-ended")) == 1
    assert not any(leg.alive for phone in world.phones.values() for leg in phone.legs)


@pytest.mark.parametrize("who", ["agent", "number"])
@pytest.mark.parametrize("then", ["back", "over", "other hangs up", "agent hangs up"])
def test_a_controller_that_dies_meanwhile_finds_all_three_as_they_were(who, then):
    world = office()
    call = consulting(world, who)
    other = "2000" if who == "agent" else "outside"
    world.restart(2)
    world.run(3)
    assert with_each_other(world, "1000", other)
    assert world.agent("1000").state == "in_a_queue_call"
    assert world.agent("2000").state == ("busy_elsewhere" if who == "agent" else "waiting")
    assert world.switch.legs[call.uuid].playback is not None, "music"
    assert call.leg.profile.destination == "queue_support"

    match then:
        case "back":
            back(world, call)
        case "over":
            complete(world, call)
        case "other hangs up":
            world.does(world.phones[other].hang_up)
        case _:
            world.does(world.phones["1000"].hang_up)
    world.run(3)
    if then in ("back", "other hangs up"):
        assert world.talks_with(call) == "1000"
    else:
        assert world.talks_with(call) == other
        assert world.agent("1000").state == "wrap_up"
    ends_well(world, call, "returned" if then in ("back", "other hangs up") else "completed")


def test_it_rings_while_the_controller_dies_and_is_answered_as_if_nothing_had_happened():
    world = office()
    world.phones["2000"].behaviour = Behaviour(answer_after_us=6 * SECOND)
    call = talking(world)
    consult(world, call)
    world.run(2)
    world.restart(1)
    world.run(1)
    assert world.talks_with(call) == "1000"
    world.run(4)
    assert with_each_other(world, "1000", "2000")
    back(world, call)
    world.run(1)
    assert world.talks_with(call) == "1000"
    ends_well(world, call, "returned")


def test_it_is_answered_while_no_controller_runs():
    world = office()
    world.phones["2000"].behaviour = Behaviour(answer_after_us=3 * SECOND)
    call = talking(world)
    consult(world, call)
    world.run(1)
    world.restart(5)
    world.run(1)
    assert with_each_other(world, "1000", "2000")
    complete(world, call)
    world.run(1)
    assert world.talks_with(call) == "2000"
    ends_well(world, call, "completed")


@pytest.mark.parametrize("who", ["1000", "2000"])
def test_one_of_them_hangs_up_while_no_controller_runs(who):
    world = office()
    call = consulting(world)
    world.kill_controller()
    world.rest(1)
    world.phones[who].hang_up()
    world.rest(1)
    world.start()
    world.run(2)
    assert world.talks_with(call) == ("2000" if who == "1000" else "1000")
    home(world, call)
    assert len(world.all("conversation-ended")) == 1
    assert not any(leg.alive for phone in world.phones.values() for leg in phone.legs)


def test_the_caller_hangs_up_while_no_controller_runs_and_nothing_is_left_over():
    world = office()
    call = consulting(world)
    world.kill_controller()
    call.hang_up()
    world.rest(1)
    world.start()
    world.run(2)
    assert with_each_other(world, "1000", "2000"), "two who talk are left alone"
    world.does(world.phones["2000"].hang_up)
    world.run(3)
    assert not any(leg.alive for phone in world.phones.values() for leg in phone.legs)
    home(world, call)


def test_nobody_is_killed_for_saying_that_they_are_consulted():
    """A caller may set what we set, but not the MAC."""
    world = office()
    claims = (Step("set", "cc_call=x"), Step("set", "cc_consult=agent/2000"), Step("set", "cc_tag=x"))
    world.switch.dialplan.add("impostor", *claims, Step("answer"), Step("park"))
    stranger = world.call("impostor")
    world.run(3)
    world.restart(1)
    world.run(3)
    assert stranger.alive


def test_nobody_is_handed_over_to_somebody_who_has_hung_up():
    """The agent's leg isn't parked yet, so for a few milliseconds it looks as if the two still talked."""
    world = office()
    call = consulting(world)
    parks = []
    world.drop = lambda event: event.name == "CHANNEL_PARK" and not parks.append(event)
    world.does(world.phones["2000"].hang_up)
    world.run(0.1)
    assert parks

    with pytest.raises(NotNow, match="hung up"):
        complete(world, call)
    world.drop = lambda _event: False
    world.run(2)

    assert world.talks_with(call) == "1000"
    assert world.the("consultation-ended").outcome == "returned"


def test_a_colleague_who_hangs_up_just_as_the_caller_is_handed_over():
    world = office()
    call = consulting(world)
    world.does(world.phones["2000"].hang_up)
    with suppress(NotNow):
        complete(world, call)
    world.run(8)
    assert world.talks_with(call) == "1000" or call.leg.profile.destination == "voicemail"
    for name in ("1000", "2000"):
        world.does(world.phones[name].hang_up)
    home(world, call)


@pytest.mark.parametrize("then", ["they leave", "back", "over", "the agent leaves", "the caller leaves"])
@pytest.mark.parametrize("dies", [False, True])
def test_a_colleague_who_connects_the_agent_with_somebody_else_is_asked_no_more(then, dies):
    """That one is asked instead; nobody breaks in on the two while the caller hears music."""
    world = office()
    third = world.phone("3000", Behaviour(answer_after_us=SECOND))
    world.switch.dialplan.add("lawyer", Step("bridge", third.contact))
    call = consulting(world)

    world.does(lambda: world.phones["2000"].attended_transfer("lawyer", consult_us=2 * SECOND))
    world.run(10)

    if dies:
        world.restart(2)
        world.run(3)
    assert with_each_other(world, "1000", "3000")
    assert world.switch.legs[call.uuid].playback is not None, "music"
    assert world.agent("2000").state == "waiting", "the colleague is out of it"
    match then:
        case "they leave":
            world.does(third.hang_up)
        case "back":
            back(world, call)
        case "over":
            complete(world, call)
        case "the agent leaves":
            world.does(world.phones["1000"].hang_up)
        case _:
            world.does(call.hang_up)
    world.run(2)
    if call.alive:
        handed_over = then in ("over", "the agent leaves")
        assert world.talks_with(call) == ("3000" if handed_over else "1000")
        assert world.the("consultation-ended").outcome == ("completed" if handed_over else "returned")
        assert any(leg.alive for leg in third.legs) is handed_over
        world.run(10)
    home(world, call)


def test_an_agent_who_is_connected_with_whom_a_colleague_asks_does_not_take_them_along():
    """Somebody else did that; each caller gets the own agent back."""
    world = office()
    first = consulting(world, "number")
    second = world.call("queue_sales")
    world.run(5)
    consult(world, second, "number", NUMBER)
    world.run(4)
    [mine] = [leg for leg in world.phones["1000"].legs if leg.alive]
    [theirs] = [leg for leg in world.phones["2000"].legs if leg.alive]

    world.does(lambda: world.switch.request_bridge(mine, theirs.partner))
    world.run(10)

    assert world.talks_with(first) == "1000"
    assert world.talks_with(second) == "2000"
    world.does(second.hang_up)
    home(world, first)


def test_an_agent_whose_own_transfer_crosses_the_colleague_s_answer():
    """The caller is with sales then; the colleague must not get them out of there."""
    world = office()
    call = talking(world)
    world.phones["outside"].behaviour = Behaviour(answer_after_us=3 * SECOND)
    consult(world, call, "number", NUMBER)
    world.does(lambda: world.phones["1000"].attended_transfer("queue_sales", consult_us=SECOND))
    world.run(20)
    assert world.talks_with(call) == "2000"
    assert not any(leg.alive for name in ("1000", "outside") for leg in world.phones[name].legs)
    home(world, call)


def test_of_a_queue_whoever_is_free_is_asked_the_lowest_level_first_then_the_longest_idle():
    world = World(
        Config(
            nodes=(Node(name="fs1", password="x"),),
            queues=(queue("support"), queue("sales")),
            agents=tuple(agent(name) for name in ("1000", "2000", "3000", "4000")),
            tiers=(
                Tier(queue="support", agent="1000"),
                Tier(queue="sales", agent="1000"),
                Tier(queue="sales", agent="2000", level=2),
                Tier(queue="sales", agent="3000"),
                Tier(queue="sales", agent="4000"),
            ),
        )
    )
    for name in ("1000", "2000", "3000", "4000"):
        world.phone(name)
    call = talking(world)

    def asked() -> str:
        consult(world, call, "queue", "sales")
        world.run(4)
        busy = [name for name in ("2000", "3000", "4000") if world.agent(name).state == "busy_elsewhere"]
        back(world, call)
        world.run(2)
        return " ".join(busy)

    def rests(name: str) -> None:
        world.carry_out(world.engine.set_agent_status(name, "On Break", world.now_us))

    first = asked()
    assert first in {"3000", "4000"}, "level 1 first"
    rests(first)
    assert asked() == ({"3000", "4000"} - {first}).pop()
    rests(({"3000", "4000"} - {first}).pop())
    assert asked() == "2000", "level 2 when nobody else is free"
    rests("2000")
    with pytest.raises(NotNow, match="nobody of queue `sales` is free"):
        consult(world, call, "queue", "sales")
    with pytest.raises(UnknownQueueName):
        consult(world, call, "queue", "nowhere")


def test_what_can_not_be_is_refused_and_changes_nothing():
    world = office()
    call = talking(world)
    before = len(world.actions)
    for kind, name, error in (
        ("agent", "1000", NotNow),
        ("extension", "voicemail", BadTarget),
        ("number", "1 &park()", BadTarget),
        ("number", "+19005551234", BadTarget),
    ):
        with pytest.raises(error):
            consult(world, call, kind, name)
    with pytest.raises(NotNow):
        complete(world, call)
    with pytest.raises(NotNow):
        back(world, call)
    assert len(world.actions) == before
    world.carry_out(world.engine.set_agent_status("2000", "On Break", world.now_us))
    with pytest.raises(NotNow, match="can't be called"):
        consult(world, call)
    consult(world, call, "number", NUMBER)
    with pytest.raises(NotNow, match="already"):
        consult(world, call, "number", NUMBER)
    with pytest.raises(NotNow):
        world.engine.transfer(call.uuid, Destination("queue", "sales"), world.now_us)


def test_a_file_that_ends_begins_again_as_long_as_the_agent_consults():
    world = office(moh_sound="/sounds/hold.wav")
    call = consulting(world)
    before = len(world.sent(PlayMusic))
    world.run(15)

    assert len(world.sent(PlayMusic)) >= before + 3
    assert call.leg.playback is not None
    back(world, call)
    world.run(3)
    assert world.talks_with(call) == "1000"
    before = len(world.sent(PlayMusic))
    world.run(10)
    assert len(world.sent(PlayMusic)) == before
    home(world, call)


def test_nobody_is_left_in_silence_when_the_bridge_back_comes_to_nothing_after_a_start():
    world = office()
    call = consulting(world, "number")
    [other] = world.phones["outside"].legs
    world.kill_controller()
    world.does_alone(lambda: world.console(f"uuid_kill {other.uuid}"))
    world.rest(1)
    world.swallow = lambda action: isinstance(action, Bridge) and len(world.sent(Bridge)) == 1
    world.actions.clear()
    world.start()
    world.run(20)

    assert len(world.sent(Bridge)) >= 1
    assert world.talks_with(call) == "1000" or call.leg.profile.destination == "voicemail"


def test_a_file_that_ended_while_nobody_looked_begins_again_with_the_next_start():
    world = office(moh_sound="/sounds/hold.wav")
    call = consulting(world)
    world.kill_controller()
    world.rest(20)
    assert call.leg.playback is None
    world.start()
    world.run(2)

    assert call.leg.playback is not None
    back(world, call)
    world.run(3)
    assert world.talks_with(call) == "1000"
    home(world, call)
