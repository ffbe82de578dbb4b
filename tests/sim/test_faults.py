"""Races and losses: events that cross, vanish or lie, connections that break, controllers that die."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, IGNORES, MANUAL, SECOND, World, agent, everybody, queue

from py_callcenter.engine.actions import Bridge, Kill, Originate
from py_callcenter.sim import Behaviour

pytestmark = pytest.mark.sim


@pytest.fixture(params=[True, False], ids=["poked", "unpoked"])
def poked(request):
    return request.param


def centre(*names: str, poked: bool = True, seed: int = 1, behaviour=ANSWERS, **settings) -> World:
    world = World(everybody([queue(**settings)], [agent(name) for name in names]), poked=poked, seed=seed)
    for name in names:
        world.phone(name, behaviour)
    return world


def losing(world: World, *names: str) -> None:
    world.drop = lambda event: event.name in names


@pytest.mark.parametrize("after_ms", range(0, 120, 4))
@pytest.mark.parametrize("who", ["caller", "agent", "both"])
def test_somebody_hangs_up_while_the_two_are_being_connected(after_ms, who, poked):
    """Races R3, R5 and R7: at every moment from the answer to well after the bridge."""
    world = centre("1000", "1001", poked=poked, behaviour=MANUAL, after_call="voicemail", seed=after_ms)
    call = world.call()
    world.run(1)
    first = next(name for name in ("1000", "1001") if world.phones[name].legs)
    other = "1001" if first == "1000" else "1000"
    world.phones[other].behaviour = ANSWERS
    world.does(world.phones[first].answer)
    world.run(after_ms / 1000)

    if who in ("agent", "both"):
        world.does(world.phones[first].hang_up)
    if who in ("caller", "both"):
        world.does(call.hang_up)
    world.run(10)

    if who == "agent":
        # The caller is served by the other agent in the same place, or had a conversation and its exit.
        assert call.alive
        talked = [record for record in world.all("conversation-ended") if record.agent == first]
        if talked:
            assert call.leg.profile.destination == "voicemail"
        else:
            assert world.talks_with(call) == other
            assert len(world.all("queue-entered")) == 1
        world.does(call.hang_up)
    world.run(120)
    terminal = world.all("call-abandoned") + world.all("call-answered") + world.all("call-left")
    assert len(terminal) == 1, terminal
    world.assert_quiet()


def test_a_phone_told_to_stop_before_it_exists_is_stopped_when_it_appears(poked):
    """Race R2: the originate reached the switch, its kill came too early."""
    world = centre("1000", poked=poked, behaviour=IGNORES)
    call = world.call()
    # Nothing has run since the originate was sent: the leg does not exist yet for us.
    world.does(call.hang_up)
    world.run(5)

    assert not any(leg.alive for leg in world.phones["1000"].legs)
    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


@pytest.mark.parametrize(
    "lost",
    [
        ("CHANNEL_CREATE",),
        ("CHANNEL_PROGRESS",),
        ("CHANNEL_ANSWER",),
        ("BACKGROUND_JOB",),
        ("CHANNEL_ANSWER", "BACKGROUND_JOB"),
        ("CHANNEL_CREATE", "CHANNEL_PROGRESS", "CHANNEL_ANSWER"),
        ("CHANNEL_HANGUP",),
        ("CHANNEL_DESTROY",),
    ],
    ids="+".join,
)
def test_the_call_goes_on_when_events_are_lost(lost, poked):
    world = centre("1000", poked=poked)
    losing(world, *lost)

    call = world.call()
    world.run(5)

    assert world.talks_with(call) == "1000"
    assert world.agent("1000").state == "in_a_queue_call"
    world.does(call.hang_up)
    world.run(60)
    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


def test_a_lost_park_of_the_agent_is_replaced_by_the_job(poked):
    world = centre("1000", poked=poked)
    world.drop = lambda event: event.name == "CHANNEL_PARK" and event.get("variable_cc_side") == "agent"

    call = world.call()
    world.run(5)

    assert world.talks_with(call) == "1000"


def test_a_lost_bridge_event_costs_nobody_the_conversation(poked):
    """Nothing says that the two talk: after the deadline a look at the caller tells."""
    world = centre("1000", poked=poked)
    losing(world, "CHANNEL_BRIDGE")
    call = world.call()
    world.run(12)

    assert world.talks_with(call) == "1000"
    assert world.agent("1000").state == "in_a_queue_call"
    assert world.the("call-answered").agent == "1000"


def test_when_every_event_of_a_dying_leg_is_lost_the_agent_comes_back_all_the_same():
    world = centre("1000")
    call = world.call()
    world.run(5)
    losing(world, "CHANNEL_HANGUP", "CHANNEL_DESTROY")

    world.does(call.hang_up)
    world.run(5)
    # The next resynchronisation tells the truth.
    world.drop = lambda _event: False
    world.resync()
    world.run(60)

    assert world.agent("1000").state == "waiting"
    assert not world.engine.view(world.now_us).calls


def test_an_originate_whose_outcome_nobody_knows_is_watched(poked):
    world = centre("1000", "1001", poked=poked)
    world.swallow = lambda action: isinstance(action, Originate) and len(world.sent(Originate)) == 1

    call = world.call()
    world.run(40)

    assert world.talks_with(call) in ("1000", "1001")
    assert world.all("offer-ended")[0].outcome in ("path_error", "answered")
    world.does(call.hang_up)
    world.run(90)
    assert {world.agent(name).state for name in ("1000", "1001")} == {"waiting"}
    world.assert_quiet()


def test_a_bridge_that_is_swallowed_is_tried_again(poked):
    world = centre("1000", "1001", poked=poked)
    world.swallow = lambda action: isinstance(action, Bridge) and len(world.sent(Bridge)) == 1

    call = world.call()
    world.run(15)

    assert world.talks_with(call)
    assert len(world.sent(Bridge)) == 2
    assert len(world.all("queue-entered")) == 1


@pytest.mark.parametrize("after_s", [0.5, 1.5, 2.03, 2.06, 5.0])
def test_a_cut_connection_loses_nobody(after_s, poked):
    world = centre("1000", poked=poked)
    call = world.call()
    world.run(after_s)

    world.cut()
    world.run(8)

    assert call.alive
    assert world.talks_with(call) == "1000"
    assert len(world.all("call-offered")) == 1
    world.does(call.hang_up)
    world.run(60)
    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


def test_a_caller_who_left_while_we_were_blind_is_not_kept(poked):
    world = centre("1000", poked=poked, behaviour=IGNORES)
    call = world.call()
    world.run(1)
    world.switch.disconnect(world.events)
    world.switch.disconnect(world.commands)
    call.hang_up()

    world.connect()
    world.resync()
    world.run(30)

    assert world.the("call-lost")
    assert not world.ringing("1000")
    assert world.agent("1000").state == "waiting"


def test_a_restarted_switch_takes_its_calls_along_and_frees_the_agents(poked):
    world = centre("1000", "1001", poked=poked)
    talking = world.call(number="1")
    world.run(5)
    waiting = world.call(number="2")
    world.run(0.5)

    world.switch.restart()
    world.now_us += SECOND
    world.switch.run_until(world.now_us)
    world.connect()
    world.resync()
    world.run(30)

    assert not talking.alive
    assert not waiting.alive
    assert len(world.all("call-lost")) == 1
    assert world.the("conversation-ended").ended_by in ("system", "agent")
    assert {world.agent(name).state for name in ("1000", "1001")} == {"waiting"}
    world.assert_quiet()


def test_a_killed_controller_finds_its_waiting_callers_in_their_places():
    world = centre("1000", behaviour=IGNORES)
    calls = [world.call(number=str(number)) for number in range(5)]
    world.run(7)
    order = [line.id for line in world.engine.view(world.now_us).calls]
    entered = {line.id: line.entered_us for line in world.engine.view(world.now_us).calls}

    world.kill_controller()
    world.now_us += 5 * SECOND
    world.switch.run_until(world.now_us)
    world.start({"1000": "Available"})
    world.run(1)

    view = world.engine.view(world.now_us).calls
    assert [line.id for line in view] == order == [call.uuid for call in calls]
    assert {line.id: line.entered_us for line in view} == entered
    assert len(world.all("call-offered")) == 5
    assert len(world.all("queue-entered")) == 5


def test_a_restarted_controller_hangs_up_its_own_orphans_and_nobody_elses():
    world = centre("1000", behaviour=IGNORES)
    call = world.call()
    stranger = world.call("echo")
    world.run(1)
    [orphan] = [leg.uuid for leg in world.phones["1000"].legs]

    world.kill_controller()
    world.start({"1000": "Logged Out"})
    world.run(2)

    assert not any(leg.alive for leg in world.phones["1000"].legs)
    killed = [kill.uuid for kill in world.sent(Kill)]
    assert orphan in killed
    assert stranger.alive
    assert call.alive


def test_stamps_without_our_seal_make_a_new_caller():
    """A caller who brings `cc_entered_us` and a made-up tag gains nothing by it (design 4)."""
    from py_callcenter.sim import Step

    world = World(everybody([queue()], [agent("1000", status="Logged Out")]))
    honest = world.call(number="1")
    world.run(5)
    world.switch.dialplan.add(
        "forged",
        Step("set", "cc_queue=support"),
        Step("set", "cc_entered_us=1"),
        Step("set", "cc_call=somebody-else"),
        Step("set", f"cc_tag={'0' * 32}"),
        Step("answer"),
        Step("park"),
    )
    thief = world.call("forged", number="2")
    world.run(1)

    assert [line.id for line in world.engine.view(world.now_us).calls] == [honest.uuid, thief.uuid]


def test_a_stamp_copied_from_another_call_does_not_count():
    from py_callcenter.sim import Step

    world = World(everybody([queue()], [agent("1000", status="Logged Out")]))
    victim = world.call(number="1")
    world.run(5)
    stamps = victim.leg.values
    copied = [
        Step("set", f"{name}={stamps[name]}") for name in ("cc_queue", "cc_call", "cc_entered_us", "cc_tag")
    ]
    world.switch.dialplan.add("copied", *copied, Step("answer"), Step("park"))

    thief = world.call("copied", number="2")
    world.run(1)

    lines = world.engine.view(world.now_us).calls
    assert [line.id for line in lines] == [victim.uuid, thief.uuid]


@pytest.mark.parametrize("seed", range(12))
def test_the_same_seed_gives_the_same_story(seed):
    def story() -> list[str]:
        world = centre(
            "1000", "1001", seed=seed, behaviour=Behaviour(answer_after_us=700_000, talk_us=3 * SECOND)
        )
        for number in range(6):
            world.call(number=str(number))
            world.run(1.3)
        world.run(40)
        return [repr(record.as_dict()) for record in world.records] + [
            repr(action) for action in world.actions
        ]

    assert story() == story()


@pytest.mark.parametrize("after_ms", [0, 5, 15, 25, 35, 45, 60])
def test_a_look_while_the_two_are_being_connected_disturbs_nothing(after_ms, poked):
    world = centre("1000", "1001", poked=poked, behaviour=MANUAL)
    call = world.call()
    world.run(1)
    first = next(name for name in ("1000", "1001") if world.phones[name].legs)
    world.does(world.phones[first].answer)
    while not world.sent(Bridge):
        world.run(0.001)
    world.run(after_ms / 1000)

    world.resync()
    world.run(2)

    assert world.talks_with(call) == first
    assert len(world.sent(Originate)) == 1


def test_a_bridge_lost_with_the_connection_is_made_after_it_and_nobody_else_is_rung(poked):
    """The agent answered, the command to bridge went down with the connection: a look finds both parked."""
    world = centre("1000", "1001", poked=poked, record_template="/rec/{call}.wav")
    call = world.call()
    world.swallow = lambda action: isinstance(action, Bridge) and len(world.sent(Bridge)) == 1
    while not world.sent(Bridge):
        world.run(0.001)
    [lost] = world.sent(Bridge)

    world.carry_out(world.engine.on_failure(lost, None, world.now_us))
    world.run(0.5)
    world.resync()
    world.run(1)

    assert world.talks_with(call) == "1000"
    assert len(world.sent(Originate)) == 1
    assert len(world.all("recording-started")) == 1
    world.does(call.hang_up)
    world.run(20)
    world.assert_quiet()


@pytest.mark.parametrize("error", ["-ERR Invalid uuid", "-ERR No such channel"])
def test_a_bridge_that_the_switch_refuses_gives_the_caller_to_the_next_agent(error):
    world = centre("1000", "1001")
    call = world.call()
    world.swallow = lambda action: isinstance(action, Bridge) and len(world.sent(Bridge)) == 1
    while not world.sent(Bridge):
        world.run(0.001)
    [refused] = world.sent(Bridge)

    world.carry_out(world.engine.on_failure(refused, error, world.now_us))
    world.run(5)

    assert world.talks_with(call) == "1001"
    assert len(world.all("queue-entered")) == 1
