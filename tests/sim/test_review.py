"""Stories of a second reader: late, doubled and crossing news, odd dialplans, switches out of sight."""

from __future__ import annotations

import random
from functools import partial

import gevent
import pytest
from sim.test_swarm import random_centre, traffic
from sim.world import ANSWERS, KEY, MANUAL, NODE, SECOND, World, agent, everybody, queue

from py_callcenter._router import Event
from py_callcenter.app.controller import Controller
from py_callcenter.app.crossing import IntoHub
from py_callcenter.app.secrets import Keys
from py_callcenter.config import Config, Tier
from py_callcenter.engine import exits, staffing
from py_callcenter.engine.actions import Bridge, Kill, Look, Originate, PlayMusic, SetVariables, Transfer
from py_callcenter.engine.memory import Memory
from py_callcenter.engine.transfers import Destination
from py_callcenter.esl.port import NOT_SENT
from py_callcenter.sim import Behaviour, Step

pytestmark = pytest.mark.sim

OUTSIDE = "sofia/internal/outside@127.0.0.1:5099"


def centre(*names: str, behaviour: Behaviour = ANSWERS, agents: dict | None = None, **settings) -> World:
    world = World(everybody([queue(**settings)], [agent(name, **(agents or {})) for name in names]))
    for name in names:
        world.phone(name, behaviour)
    return world


def two_queues(**settings) -> World:
    config = Config(
        queues=(queue("support", **settings), queue("billing")),
        agents=(agent("1000"), agent("2000")),
        tiers=(Tier(queue="support", agent="1000"), Tier(queue="billing", agent="2000")),
    )
    world = World(config)
    world.phone("1000", ANSWERS)
    world.phone("2000", ANSWERS)
    return world


def dialplan(world: World, name: str, *settings: str) -> str:
    steps = [Step("set", "cc_queue=support"), *(Step("set", text) for text in settings)]
    world.switch.dialplan.add(name, *steps, Step("answer"), Step("park"))
    return name


def feed(world: World, event) -> None:
    world.carry_out(world.engine.on_event(NODE, event, world.now_us))
    world._settle()


def keep_back(world: World, *names: str) -> list:
    """Events of these names are kept instead of delivered; feed them later."""
    kept: list = []

    def held(event) -> bool:
        if event.name in names:
            kept.append(event)
            return True
        return False

    world.drop = held
    return kept


def unreachable(world: World, *kinds: type) -> None:
    """No connection to the switch just now for these actions."""
    lost = []
    carry_out = world.engine.on_failure

    def swallow(action) -> bool:
        if isinstance(action, kinds):
            lost.append(action)
            return True
        return False

    world.swallow = swallow
    world.lost = lost
    world.report_lost = lambda text: [
        world.carry_out(carry_out(action, text, world.now_us)) for action in _taken(lost)
    ]


def _taken(items: list) -> list:
    taken, items[:] = list(items), []
    return taken


def set_status(world: World, name: str, status: str) -> None:
    world.carry_out(world.engine.set_agent_status(name, status, world.now_us))


# What a dialplan may ask for.


@pytest.mark.parametrize(
    "settings",
    [
        ("caller_tier=gold", "cc_export_vars=caller_tier"),
        ("default_language=fa", "cc_export_vars=default_language"),
        ("record_it=1", "cc_export_vars=record_it"),
        ("_x=1", "cc_export_vars=_x"),
        ("9lives=1", "cc_export_vars=9lives"),
        ("my_hook=1", "cc_export_vars=my_hook"),
        ("account=ARRAY::1|:2", "cc_export_vars=account"),
        ("account=a:_:_:b", "cc_export_vars=account"),
        (*(f"v{n}={'x' * 300}" for n in range(16)), "cc_export_vars=" + ",".join(f"v{n}" for n in range(16))),
    ],
    ids=lambda settings: settings[0][:20],
)
def test_an_exported_variable_never_costs_a_caller_the_agent(settings):
    contacts = tuple(f"sofia/internal/{'p' * 60}{n}@{'h' * 100}.example:5085" for n in range(8))
    world = World(everybody([queue()], [agent("1000", contacts=contacts)]))
    for contact in contacts:
        world.phone(contact, ANSWERS, contact)

    world.call(dialplan(world, "own", *settings))
    world.run(1)

    assert world.sent(Originate)
    assert not [action for action, _ in world.failures if isinstance(action, Originate)], world.failures


def test_a_recording_that_has_no_file_name_costs_no_call():
    world = World(everybody([queue(record_template="/rec/{agent}.wav/{call}.wav")], [agent("a..b")]))
    world.phone("a..b", ANSWERS)

    call = world.call()
    world.run(5)

    assert world.talks_with(call) == "a..b"
    assert not world.all("recording-started")


@pytest.mark.parametrize("text", ["-5", ".hidden@default", "5@-x"])
def test_an_exit_override_that_the_switch_would_not_get_leaves_the_queues_own(text):
    world = centre("1000", agents={"status": "Logged Out"}, max_wait_time=5, on_timeout="voicemail")

    call = world.call(dialplan(world, "own", f"cc_exit_exten={text}"))
    world.run(7)

    assert call.alive
    assert call.leg.profile.destination == "voicemail"
    assert world.the("call-left").target == "voicemail@default"


# Exits whose commands get lost.


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


# A look at the switch while the caller is elsewhere.


def test_a_look_at_the_switch_does_not_disturb_a_caller_who_was_transferred_outside():
    world = two_queues(after_call="voicemail")
    outside = world.switch.add_phone(OUTSIDE, Behaviour(answer_after_us=5 * SECOND))
    call = world.call()
    world.run(5)
    world.does(lambda: world.phones["1000"].refer("outside"))
    world.run(2)

    world.resync()  # the phone outside rings
    world.run(2)
    assert call.leg.profile.destination == "outside"
    world.run(4)
    assert any(leg.uuid == call.partner for leg in outside.legs)
    world.resync()  # they talk
    world.resync()
    world.run(6)

    assert call.alive
    assert any(leg.uuid == call.partner for leg in outside.legs)
    assert len(world.all("queue-entered")) == 1
    world.does(outside.hang_up)
    world.run(30)
    world.assert_quiet()


@pytest.mark.parametrize("how", ["blind", "attended"])
def test_a_transfer_while_we_could_not_see_is_respected(how):
    world = two_queues(after_call="voicemail")
    outside = world.switch.add_phone(OUTSIDE, Behaviour(answer_after_us=SECOND))
    call = world.call()
    world.run(5)
    world.drop = lambda _event: True
    if how == "blind":
        world.does(lambda: world.phones["1000"].refer("outside"))
    else:
        world.does(lambda: world.phones["1000"].attended_transfer("outside", consult_us=2 * SECOND))
    world.run(1.5 if how == "blind" else 5)
    world.drop = lambda _event: False

    world.resync()
    world.run(8)

    assert call.alive
    assert any(leg.uuid == call.partner for leg in outside.legs)
    assert world.agent("1000").state in ("wrap_up", "waiting")
    assert len(world.all("queue-entered")) == 1


def test_a_caller_whose_phone_outside_rings_during_the_look_is_left_alone():
    world = two_queues(after_call="voicemail")
    outside = world.switch.add_phone(OUTSIDE, Behaviour(answer_after_us=8 * SECOND))
    call = world.call()
    world.run(5)
    world.drop = lambda _event: True
    world.does(lambda: world.phones["1000"].refer("outside"))
    world.run(1)
    world.drop = lambda _event: False

    world.resync()
    world.run(9)

    assert any(leg.uuid == call.partner for leg in outside.legs)


def test_old_news_after_a_look_does_not_queue_a_caller_again_who_is_leaving():
    world = centre("1000", "1001", after_call="voicemail")
    call = world.call()
    world.run(5)
    kept = keep_back(world, "CHANNEL_PARK", "CHANNEL_HANGUP", "CHANNEL_DESTROY")
    world.does(lambda: [phone.hang_up() for phone in world.phones.values() if phone.legs])
    world.run(0.5)
    world.drop = lambda _event: False

    world.resync()
    for event in kept:
        feed(world, event)
    world.run(5)

    assert call.leg.profile.destination == "voicemail"
    assert len(world.all("queue-entered")) == 1
    assert len(world.sent(Originate)) == 1
    world.run(60)
    world.assert_quiet()


@pytest.mark.parametrize("phase_s", [0.5, 1.9, 2.005, 2.03, 2.06, 5.0, 8.0])
def test_two_looks_in_a_row_with_old_news_after_them_change_nothing_for_the_caller(phase_s):
    world = centre("1000", after_call="voicemail")
    seen: list = []
    world.drop = lambda event: seen.append(event) or False
    call = world.call()
    world.run(phase_s)

    world.resync()
    world.resync()
    for event in [
        event for event in seen if event.name in ("CHANNEL_CREATE", "CHANNEL_ANSWER", "CHANNEL_PARK")
    ][-3:]:
        feed(world, event)
    world.run(12)

    assert world.talks_with(call) == "1000"
    assert len(world.all("queue-entered")) == 1
    assert len(world.all("call-offered")) == 1
    world.does(call.hang_up)
    world.run(60)
    world.assert_quiet()


@pytest.mark.parametrize("after_s", [2.3, 2.9, 6.0])
def test_an_attended_transfer_to_a_queue_joins_the_caller_and_the_agent_there(after_s):
    """The agent rings another queue, speaks to the agent there and connects the two."""
    world = two_queues(after_call="voicemail")
    call = world.call()
    world.run(5)
    world.does(
        lambda: world.phones["1000"].attended_transfer("queue_billing", consult_us=round(after_s * SECOND))
    )
    world.run(after_s + 1)
    assert world.talks_with(call) == "2000"

    world.run(10)

    assert world.talks_with(call) == "2000"
    assert world.agent("2000").state == "in_a_queue_call"
    assert world.agent("1000").state in ("wrap_up", "waiting")
    assert len(world.all("offer-made")) == 2
    world.does(call.hang_up)
    world.run(20)
    assert {world.agent(name).state for name in ("1000", "2000")} == {"waiting"}
    assert len(world.all("call-answered")) == 2
    assert len(world.all("conversation-ended")) == 3
    world.assert_quiet()


# Events that cross.


def test_a_caller_who_is_parked_by_a_transfer_before_the_agents_hangup_is_told_is_not_forgotten():
    world = two_queues()
    call = world.call()
    world.run(5)
    kept = keep_back(world, "CHANNEL_HANGUP", "CHANNEL_DESTROY")
    world.does(lambda: world.phones["1000"].refer("queue_billing"))
    world.run(0.2)
    world.drop = lambda _event: False
    for event in kept:
        feed(world, event)
    world.run(5)

    assert world.talks_with(call) == "2000"
    assert [(r.queue, r.leg) for r in world.all("queue-entered")] == [("support", 1), ("billing", 2)]


def test_a_caller_who_is_parked_before_the_agents_hangup_is_told_does_not_wait_in_silence():
    world = centre("1000", after_call="voicemail")
    call = world.call()
    world.run(5)
    kept = keep_back(world, "CHANNEL_HANGUP", "CHANNEL_DESTROY")
    world.does(world.phones["1000"].hang_up)
    world.run(0.2)
    world.drop = lambda _event: False
    for event in kept:
        feed(world, event)
    world.run(0.1)

    assert call.leg.profile.destination == "voicemail"


@pytest.mark.parametrize("known", [True, False], ids=["doubled", "overtaken"])
def test_a_park_that_is_told_after_the_hangup_makes_no_caller(known):
    """Race R8: a hang-up is final, whatever comes after it."""
    world = centre("1000", behaviour=MANUAL)
    parks: list = []
    world.drop = lambda event: event.name == "CHANNEL_PARK" and (parks.append(event) or not known)
    call = world.call()
    world.run(0.5)
    world.does(call.hang_up)
    world.run(1)

    feed(world, parks[0])

    assert not world.engine.view(world.now_us).calls
    assert len(world.all("queue-entered")) == known


def test_a_late_answer_to_a_question_does_not_end_a_transferred_call():
    """A command for the caller failed, and the question after it is answered when the agent has
    transferred them already."""
    world = two_queues(after_call="hangup")
    outside = world.switch.add_phone(OUTSIDE, Behaviour(answer_after_us=3 * SECOND))
    call = world.call()
    world.run(5)
    world.carry_out(world.engine.on_failure(world.sent(SetVariables)[-1], None, world.now_us))
    world.does(lambda: world.phones["1000"].refer("outside"))
    world.run(5)

    assert call.alive
    assert any(leg.uuid == call.partner for leg in outside.legs)


def test_a_bridge_refused_because_the_caller_hangs_up_is_an_abandoned_call_not_a_lost_one():
    """Race R3: the refusal comes before the HANGUP is told."""
    world = centre("1000", behaviour=MANUAL)
    call = world.call()
    world.run(1)
    kept = keep_back(world, "CHANNEL_HANGUP", "CHANNEL_DESTROY")
    call.hang_up()
    world.does(world.phones["1000"].answer)
    world.run(0.3)
    world.drop = lambda _event: False
    for event in kept:
        feed(world, event)
    world.run(5)

    assert world.the("call-abandoned")
    assert not world.all("call-lost")
    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


@pytest.mark.parametrize("told", ["CHANNEL_PROGRESS", "CHANNEL_ANSWER", "CHANNEL_PARK"])
def test_a_phone_nobody_waits_for_any_more_is_stopped_by_whatever_is_heard_of_it(told):
    """Race R1: all kills went astray and our patience for the end of the offer is over."""
    world = centre("1000", behaviour=MANUAL)
    call = world.call()
    ghost = world.sent(Originate)[0].devices[0].uuid
    seen: list = []
    world.drop = lambda event: (
        event.name == "BACKGROUND_JOB" or (event.unique_id == ghost and (seen.append(event) or True))
    )
    world.run(1)
    world.does(world.phones["1000"].ring)
    world.does(world.phones["1000"].answer)
    world.run(1)
    world.swallow = lambda action: isinstance(action, Kill)
    world.does(call.hang_up)
    world.run(20)
    assert world.agent("1000").state == "waiting"

    before = len(world.sent(Kill))
    feed(world, next(event for event in seen if event.name == told))

    assert ghost in [kill.uuid for kill in world.sent(Kill)[before:]]


@pytest.mark.parametrize("seed", range(8))
def test_news_that_comes_late_or_twice_and_commands_of_unknown_outcome_lose_nobody(seed):
    rng = random.Random(seed)
    world = random_centre(rng, seed)
    callers_ = traffic(world, rng, seed)
    later: list = []

    def late_or_twice(event) -> bool:
        luck = rng.random()
        if luck < 0.06:
            later.append((world.now_us + rng.randrange(600_000), partial(world.engine.on_event, NODE, event)))
        return luck < 0.03

    def not_known(action) -> bool:
        luck = rng.random()
        if luck < 0.04:
            outcome = None if luck < 0.02 else NOT_SENT
            later.append(
                (world.now_us + rng.randrange(SECOND), partial(world.engine.on_failure, action, outcome))
            )
        return luck < 0.01 or 0.02 <= luck < 0.04

    world.drop, world.swallow = late_or_twice, not_known
    callers_.start()
    for _ in range(300):
        world.run(0.1)
        for item in [item for item in later if item[0] <= world.now_us]:
            later.remove(item)
            world.carry_out(item[1](world.now_us))
    callers_.stop()
    world.drop = world.swallow = lambda _: False
    world.resync()
    world.run(30)

    calls = world.engine._state.calls
    for leg in world.switch.legs.values():
        if leg.inbound and leg.parked:  # in the park with music, or just being connected
            assert leg.playback is not None or calls[leg.uuid].phase.name == "CONNECTING"
    for call in callers_.living:
        call.hang_up()
    world.run(60)
    world.resync()
    world.run(200)
    world.assert_quiet()
    ends = ("call-answered", "call-abandoned", "call-left", "call-lost")
    ended = [(record.call, record.leg) for kind in ends for record in world.all(kind)]
    assert sorted(ended) == sorted((record.call, record.leg) for record in world.all("queue-entered"))
    assert len(world.all("offer-made")) == len(world.all("offer-ended"))


# Agents.


def test_an_agent_on_demand_is_ready_again_by_setting_the_same_status():
    world = centre("1000", agents={"status": "Available (On Demand)", "wrap_up_time": 0})
    first = world.call(number="1")
    world.run(4)
    world.does(first.hang_up)
    world.run(2)
    assert world.agent("1000").state == "idle"

    set_status(world, "1000", "Available (On Demand)")
    assert world.agent("1000").state == "waiting"

    second = world.call(number="2")
    world.run(4)
    assert world.talks_with(second) == "1000"


def test_a_wrap_up_that_begins_in_a_break_is_written_down():
    world = centre("1000", agents={"wrap_up_time": 30})
    call = world.call()
    world.run(4)
    set_status(world, "1000", "On Break")
    world.does(call.hang_up)
    world.run(2)
    assert world.agent("1000").state == "on_break"

    assert world.the("agent-wrap-up").until_us > world.now_us
    set_status(world, "1000", "Available")
    assert world.agent("1000").state == "wrap_up"


@pytest.mark.parametrize("status", ["On Break", "Logged Out", "Available (On Demand)"])
@pytest.mark.parametrize("after_s", [0.5, 2.01, 2.05, 5.0])
def test_a_status_set_at_any_moment_leaves_no_agent_stuck(status, after_s):
    world = centre("1000", "1001", agents={"wrap_up_time": 1})
    call = world.call()
    world.run(after_s)
    set_status(world, "1000", status)
    world.run(6)
    assert world.talks_with(call)
    world.does(call.hang_up)
    world.run(10)

    set_status(world, "1000", "Available")
    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


def test_a_phone_that_cancels_by_itself_is_not_rung_without_pause():
    """Some phones answer 487 at once; that is not our own cancelling."""
    world = centre("1000", behaviour=MANUAL)
    call = world.call()
    for _ in range(20):
        world.run(0.1)
        for leg in list(world.switch.legs.values()):
            if leg.uuid != call.uuid and leg.alive:
                world.does(lambda leg=leg: world.switch.hang_up(leg, "ORIGINATOR_CANCEL"))

    assert len(world.sent(Originate)) <= 2
    assert world.agent("1000").no_answer_count == 0


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


def test_an_answer_that_is_older_than_what_was_told_since_is_asked_for_again():
    world = centre("1000", behaviour=MANUAL)
    call = world.call()
    world.run(1)
    keep_back(world, "CHANNEL_BRIDGE")
    world.does(world.phones["1000"].answer)
    unreachable(world, Look)
    world.run(4)
    [question] = world.lost
    answers: list[str] = []
    world.switch.run_api(f"uuid_dump {call.uuid}", answers.append)
    world.does(world.phones["1000"].hang_up)
    world.run(1)

    world.swallow = lambda _action: False
    with_the_agent = Event.from_plain(answers[0].encode())
    world.carry_out(world.engine.on_look(question, with_the_agent, world.now_us))
    world.run(1)

    assert [line.phase for line in world.engine.view(world.now_us).calls] == ["waiting"]
    assert not world.all("call-left")


# Music.


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


# Restarts and changes.


def test_a_bridge_that_broke_at_once_leaves_no_mark_that_would_end_the_wait_after_a_restart():
    """Race R7: bridged and parted with nobody hanging up. The caller keeps the place, after a restart too."""
    world = centre("1000", behaviour=MANUAL, after_call="voicemail")
    call = world.call()
    world.run(1)
    parks: list = []
    world.drop = lambda event: event.name == "CHANNEL_BRIDGE" or (parks.append(event) or False)
    world.does(world.phones["1000"].answer)
    world.run(0.2)
    part_at_once(world, call)
    world.run(3)
    assert not world.all("call-answered")
    assert world.engine.view(world.now_us).calls[0].phase == "waiting"

    set_status(world, "1000", "Logged Out")
    world.kill_controller()
    world.start({"1000": "Logged Out"})
    world.run(1)

    assert [line.phase for line in world.engine.view(world.now_us).calls] == ["waiting"]
    assert len(world.all("queue-entered")) == len(world.all("bridge-undone")) == 1


def test_a_conversation_that_began_while_no_controller_lived_takes_no_time_from_the_wait_before_it():
    """The caller had talked with somebody else: the moment of that is still on the channel."""
    world = two_queues()
    call = world.call()
    world.phones["2000"].behaviour = MANUAL
    world.run(5)
    world.does(lambda: world.phones["1000"].refer("queue_billing"))
    world.run(20)
    assert len(world.all("queue-entered")) == 2
    world.drop = lambda event: event.name == "CHANNEL_BRIDGE"
    world.does(world.phones["2000"].answer)
    world.run(0.5)
    assert call.partner

    world.kill_controller()
    world.drop = lambda _event: False
    world.start()
    world.run(10)
    world.does(world.phones["2000"].hang_up)
    world.run(2)

    assert world.all("call-answered")[-1].wait_us > 15 * SECOND
    assert world.all("conversation-ended")[-1].talk_us < 15 * SECOND


def test_whom_a_transfer_meant_for_one_agent_is_everybody_s_in_the_next_queue_after_a_restart_too():
    world = centre("1000", "2000", behaviour=ANSWERS)
    set_status(world, "2000", "On Break")
    call = world.call()
    world.run(5)
    assert world.talks_with(call) == "1000"
    to = Destination("agent", "1000")
    world.carry_out(world.engine.transfer(call.uuid, to, world.now_us, keep_wait=False))
    world.run(0.5)

    world.kill_controller()
    world.start()
    world.run(25)
    assert world.talks_with(call) == "1000"
    set_status(world, "2000", "Available")
    world.does(lambda: world.phones["1000"].refer("queue_support"))
    world.run(5)

    assert world.talks_with(call) == "2000", "nobody waits for the first agent any more"


def part_at_once(world: World, call) -> None:
    """The switch tells of a bridge, and of the caller's PARK right after it."""
    caller = world.switch.legs[call.uuid]
    other = caller.partner
    lead = {"Bridge-A-Unique-ID": call.uuid, "Bridge-B-Unique-ID": other.uuid}
    body = "".join(f"{name}: {value}\n" for name, value in {"Event-Name": "CHANNEL_BRIDGE", **lead}.items())
    feed(world, Event.from_plain(f"{body}\n".encode()))
    world.drop = lambda _event: False
    world.does(lambda: world.switch._part(other if caller.leads_bridge else caller))


def test_configuration_changes_while_calls_run_lose_nobody():
    world = two_queues()
    call = world.call()
    world.run(1)
    fewer = Config(queues=world.config.queues, agents=world.config.agents, tiers=(world.config.tiers[1],))
    world.carry_out(world.engine.apply(fewer, world.now_us))
    world.run(4)
    assert world.talks_with(call) == "1000"

    gone = Config(
        queues=(world.config.queues[1],), agents=world.config.agents, tiers=(world.config.tiers[1],)
    )
    world.carry_out(world.engine.apply(gone, world.now_us))
    world.does(world.phones["1000"].hang_up)
    world.run(30)

    assert not call.alive
    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


# Memory.


def test_nothing_is_remembered_for_ever():
    contact = "user/1000@example.org"
    world = World(everybody([queue()], [agent("1000", contacts=(contact,))]))
    world.phone("1000", Behaviour(outcome="no_dial_string"), contact)
    call = world.call()
    world.run(900)
    state = world.engine._state

    assert len(world.sent(Originate)) > 100
    assert len(state.cancelled) < 40
    assert len(state._timers) < 10
    world.does(call.hang_up)
    world.run(300)
    world.call(number="2")
    world.run(1)
    assert len(state.cancelled) < 3


# The shell around the engine.


class NoStore:
    """A store that keeps records in memory."""

    def __init__(self) -> None:
        self.records: list = []

    def put(self, records) -> None:
        self.records += records


def shell(max_wait_time: float = 0) -> tuple[Controller, NoStore]:
    store = NoStore()
    config = everybody([queue(max_wait_time=max_wait_time)], [agent("1000", status="Logged Out")])
    return Controller(config, store, keys=Keys(KEY, (), KEY), epoch=1, memory=Memory(), seed=1), store


def park(uuid: str, **more: str) -> Event:
    headers = {"Event-Name": "CHANNEL_PARK", "Unique-ID": uuid, "variable_cc_queue": "support", **more}
    return Event.from_plain(("".join(f"{n}: {v}\n" for n, v in headers.items()) + "\n").encode())


def test_a_fault_in_the_engine_costs_one_input_and_not_what_was_decided_before(monkeypatch):
    controller, store = shell()
    monkeypatch.setattr(staffing, "watch", lambda *_: 1 / 0)
    controller.on_event("fs1", park("c1"))
    monkeypatch.undo()

    assert controller.faults == 1
    assert [record.kind for record in store.records] == ["call-offered", "queue-entered"]

    controller.on_event("fs1", park("c2"))
    assert [line.id for line in controller.view().calls] == ["c1", "c2"]


def test_the_deadlines_go_on_after_a_fault_in_one_of_them(monkeypatch):
    controller, store = shell(max_wait_time=0.02)
    for uuid in ("c1", "c2", "c3"):
        controller.on_event("fs1", park(uuid))
    real, failed = exits.leave, []

    def leave(state, call, *rest):
        if call.uuid == "c2" and not failed:
            failed.append(call)
            raise RuntimeError("a fault of ours")
        real(state, call, *rest)

    monkeypatch.setattr(exits, "leave", leave)
    keeper = gevent.spawn(controller._keep_time)
    gevent.sleep(0.2)

    assert not keeper.dead
    assert controller.faults == 1
    assert [r.call for r in store.records if r.kind == "call-left"] == ["c1", "c3"]
    keeper.kill()


def test_a_question_to_a_hub_that_is_closing_is_refused_and_not_left_open():
    hub = IntoHub()
    waiting = hub.call(lambda: None)
    hub.close()
    late = hub.call(lambda: None)

    for future in (waiting, late):
        with pytest.raises(RuntimeError, match="stopping"):
            future.result(0)
