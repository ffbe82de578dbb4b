"""Events are lost for good: within a minute nobody notices any more."""

from __future__ import annotations

import pytest
from sim.test_outside import channel
from sim.world import MANUAL, NODE, World, agent, everybody, queue

from py_callcenter.config import Node
from py_callcenter.engine.actions import AskApplication, AskMark, Look, Originate, Probe
from py_callcenter.sim import Call, Dialplan, Step

pytestmark = pytest.mark.sim

ENDS = ("CHANNEL_HANGUP", "CHANNEL_DESTROY")


def centre(*names: str, **settings) -> World:
    world = World(everybody([queue(**settings)], [agent(name) for name in names]))
    for name in names:
        world.phone(name)
    return world


def deaf_to(world: World, *names: str) -> None:
    world.drop = lambda event: event.name in names


def test_a_caller_whose_hangup_is_lost_is_not_kept_in_the_queue():
    world = centre("1000")
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    call = world.call()
    world.run(5)
    deaf_to(world, *ENDS)
    world.does(call.hang_up)

    world.run(60)

    assert not world.engine.view(world.now_us).calls
    assert world.the("call-lost")
    assert world.the("end-missed").side == "caller"
    world.assert_quiet()


@pytest.mark.parametrize("who", ["caller", "agent"])
def test_an_agent_is_free_although_every_end_of_the_conversation_is_lost(who):
    world = centre("1000", after_call="voicemail")
    call = world.call()
    world.run(5)
    deaf_to(world, *ENDS, "CHANNEL_PARK", "CHANNEL_UNBRIDGE")
    world.does(call.hang_up if who == "caller" else world.phones["1000"].hang_up)

    world.run(60)

    assert world.agent("1000").state == "waiting"
    assert len(world.all("conversation-ended")) == 1
    if who == "agent":
        assert call.leg.profile.destination == "voicemail"
    else:
        world.assert_quiet()


def test_a_transferred_caller_whose_park_is_lost_is_found_in_the_next_queue():
    world = World(everybody([queue(), queue("billing")], [agent("1000")]))
    world.phone("1000")
    call = world.call()
    world.run(5)
    deaf_to(world, "CHANNEL_PARK")
    world.does(lambda: world.phones["1000"].refer("queue_billing"))
    world.run(1)
    assert [record.queue for record in world.all("queue-entered")] == ["support"]

    world.run(60)

    assert [record.queue for record in world.all("queue-entered")] == ["support", "billing"]
    assert world.talks_with(call) == "1000"


def test_a_hangup_that_is_only_late_is_believed_rather_than_the_silence():
    """The switch no longer knows the channel, and its HANGUP comes a second later: nobody was lost."""
    world = centre("1000")
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    call = world.call()
    world.run(6)
    late = []
    world.drop = lambda event: event.name in ENDS and not late.append(event)
    world.does(call.hang_up)
    [probe] = [Probe("fs1", call.uuid, audit=True)]
    world.carry_out(world.engine.on_probe(probe, False, world.now_us))
    world.run(1)
    world.carry_out(world.engine.on_event("fs1", late[0], world.now_us))

    world.run(60)

    assert not world.all("end-missed")
    assert world.the("call-abandoned")


def test_an_idle_centre_asks_nothing_and_a_busy_one_little():
    world = centre("1000", "1001")
    for phone in world.phones.values():
        phone.behaviour = MANUAL
    world.run(600)
    assert not world.sent(Probe)
    assert not world.sent(AskMark)

    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    world.carry_out(world.engine.set_agent_status("1001", "Logged Out", world.now_us))
    calls = [world.call(number=str(number)) for number in range(60)]
    world.run(61)

    asked = [question.uuid for question in world.sent(AskMark)]
    assert {call.uuid for call in calls} == set(asked)
    assert len(asked) <= 3 * len(calls)
    assert not world.sent(Probe)
    assert not world.sent(Look)


@pytest.mark.parametrize(
    "lost",
    [
        ("CHANNEL_PARK",),
        ("CHANNEL_PARK", "CHANNEL_ANSWER"),
        ("CHANNEL_PARK", "CHANNEL_ANSWER", "CHANNEL_CREATE"),
    ],
    ids=["the last", "all but the first", "all"],
)
def test_a_caller_whose_first_events_are_lost_is_found_within_a_minute(lost):
    node = Node(name=NODE, password="ClueCon")
    world = World(everybody([queue()], [agent("1000")]).model_copy(update={"nodes": (node,)}))
    world.phone("1000")
    world.run(45)  # two HEARTBEATs
    deaf_to(world, *lost)
    call = world.call()
    world.run(1)
    deaf_to(world)

    world.run(59)

    assert world.the("call-answered").call == call.uuid


ALL_OF_THEM = ("CHANNEL_PARK", "CHANNEL_ANSWER", "CHANNEL_CREATE", *ENDS)


def test_a_caller_who_is_not_told_of_before_the_first_heartbeat_is_found():
    """The first HEARTBEAT counts a channel more than events told of: it is no measure of what is usual."""
    node = Node(name=NODE, password="ClueCon")
    world = World(everybody([queue()], [agent("1000")]).model_copy(update={"nodes": (node,)}))
    world.phone("1000")
    world.run(2)
    deaf_to(world, *ALL_OF_THEM)
    call = world.call()
    world.run(1)
    deaf_to(world)

    world.run(59)

    assert world.the("call-answered").call == call.uuid


@pytest.mark.parametrize("heard", [(), ("CHANNEL_HANGUP",)], ids=["nothing", "only the HANGUP"])
@pytest.mark.parametrize("who", ["a caller", "somebody else's channel"])
def test_a_caller_who_comes_unheard_while_another_channel_goes_so_is_found(who, heard):
    """The switch counts as many channels as events told of: one too few and one too many."""
    node = Node(name=NODE, password="ClueCon")
    plan = Dialplan()
    plan.add("theirs", Step("answer"), Step("playback", "/tones/hello.wav", seconds=900))
    world = World(everybody([queue()], [agent("1000")]).model_copy(update={"nodes": (node,)}), dialplan=plan)
    world.phone("1000")
    world.carry_out(world.engine.set_agent_status("1000", "On Break", world.now_us))
    first = world.call() if who == "a caller" else world.call("theirs")
    world.run(45)
    deaf_to(world, *ALL_OF_THEM)
    second = world.call()
    world.run(0.2)
    deaf_to(world, *(set(ENDS) - set(heard)))
    world.does(first.hang_up)
    world.run(1)
    deaf_to(world)

    world.run(5)
    world.carry_out(world.engine.set_agent_status("1000", "Available", world.now_us))
    world.run(54)

    assert world.the("call-answered").call == second.uuid


def test_a_caller_whose_way_out_leads_into_another_queue_unheard_is_found_there():
    queues = [queue(max_wait_time=5, on_timeout="queue_billing"), queue("billing")]
    world = World(everybody(queues, [agent("1000")]))
    world.phone("1000")
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    call = world.call()
    world.run(4)
    deaf_to(world, "CHANNEL_PARK")
    world.run(2)
    deaf_to(world)
    assert world.the("call-left").target == "queue_billing@default"

    world.run(58)

    assert [record.queue for record in world.all("queue-entered")] == ["support", "billing"]
    assert call.alive


def test_a_caller_who_hears_a_welcome_first_is_no_cause_for_a_look():
    plan = Dialplan()
    plan.add(
        "welcome",
        Step("set", "cc_queue=support"),
        Step("answer"),
        Step("playback", "/tones/hello.wav", seconds=90),
        Step("park"),
    )
    world = World(everybody([queue()], [agent("1000")]), dialplan=plan)
    world.phone("1000")
    world.call("welcome")

    world.run(89)
    assert not world.looks
    world.run(10)

    assert world.the("call-answered")
    assert not world.looks


def test_a_channel_that_somebody_else_parked_is_looked_at_once():
    plan = Dialplan()
    plan.add("theirs", Step("answer"), Step("park"))
    world = World(everybody([queue()], [agent("1000")]), dialplan=plan)
    world.drop = lambda event: event.name == "CHANNEL_PARK"
    world.call("theirs")

    world.run(300)

    assert world.looks == 1
    assert len(world.sent(AskApplication)) == 1
    assert not world.all("call-offered")


def test_busy_traffic_without_loss_is_no_cause_for_a_look():
    node = Node(name=NODE, password="ClueCon")
    names = ("1000", "1001")
    world = World(everybody([queue()], list(map(agent, names))).model_copy(update={"nodes": (node,)}))
    for name in names:
        world.phone(name)
    for number in range(120):
        world.call(number=str(number), patience_us=20_000_000)
        world.run(1.7)

    assert not world.looks


def test_an_agents_own_call_whose_end_is_lost_does_not_keep_them_busy():
    world = centre("1000")
    to_phone = {"Call__Direction": "outbound", "Channel__Name": "sofia/internal/1000@127.0.0.1:5085"}
    world.carry_out(world.engine.on_event(NODE, channel("CHANNEL_CREATE", "x", **to_phone), world.now_us))
    assert world.agent("1000").state == "busy_elsewhere"

    world.run(60)  # the switch doesn't know the channel any more, and nobody said so

    assert world.agent("1000").state == "waiting"


def with_messages() -> Dialplan:
    plan = Dialplan()
    plan.add("message", Step("answer"), Step("playback", "/tones/voicemail.wav", seconds=900), Step("hangup"))
    return plan


LEAVES = ("CHANNEL_UNPARK", "PLAYBACK_STOP")
MUSIC = pytest.mark.parametrize("music", ["", "local_stream://moh"], ids=["in silence", "with music"])


def sent_on_unheard(music: str, where: str, *lost: str) -> tuple[World, Call]:
    """Somebody at the console sends a waiting caller elsewhere, and nothing tells of it."""
    queues = [queue(moh_sound=music), queue("billing", moh_sound=music)]
    world = World(everybody(queues, [agent("1000")]), dialplan=with_messages())
    world.phone("1000")
    world.carry_out(world.engine.set_agent_status("1000", "On Break", world.now_us))
    call = world.call()
    world.run(5)
    deaf_to(world, *LEAVES, *lost)
    world.console(f"uuid_transfer {call.uuid} {where}")
    world.run(0.5)
    deaf_to(world)
    assert not world.all("call-left"), "nobody knows yet"
    return world, call


@MUSIC
def test_nobody_rings_for_a_waiting_caller_whom_an_operator_sent_elsewhere_unheard(music):
    world, call = sent_on_unheard(music, "message")

    world.run(59)
    assert world.the("call-left").reason == "transferred"
    world.carry_out(world.engine.set_agent_status("1000", "Available", world.now_us))
    world.run(20)

    assert not world.sent(Originate)
    assert call.alive
    assert world.agent("1000").state == "waiting"


@MUSIC
def test_a_waiting_caller_who_was_sent_to_another_queue_unheard_waits_there_within_a_minute(music):
    world, call = sent_on_unheard(music, "queue_billing", "CHANNEL_PARK")

    world.run(59)
    assert [record.queue for record in world.all("queue-entered")] == ["support", "billing"]
    world.carry_out(world.engine.set_agent_status("1000", "Available", world.now_us))
    world.run(5)

    assert world.talks_with(call) == "1000"


def test_a_switch_that_does_not_say_where_a_caller_came_from_is_asked_whether_they_live():
    """The answer is no proof that the channel is gone: `callcenter` may not ask for variables there."""
    world = centre("1000")
    world.carry_out(world.engine.set_agent_status("1000", "On Break", world.now_us))
    call = world.call()
    world.run(1)
    world.swallow = lambda action: isinstance(action, AskMark)
    for text in ("-ERR permission denied", None):
        world.carry_out(world.engine.on_failure(AskMark(NODE, call.uuid), text, world.now_us))
    world.run(60)

    assert [probe.uuid for probe in world.sent(Probe)] == [call.uuid]
    assert world.engine.view(world.now_us).calls


@pytest.mark.parametrize("kind", ["callback", "uuid-standby"])
def test_a_conversation_that_an_operator_broke_up_unheard_is_over_within_a_minute(kind):
    """Both sides were sent on, so no HANGUP tells of it."""
    world = World(everybody([queue(moh_sound="")], [agent("1000", type=kind)]), dialplan=with_messages())
    world.phone("1000")
    world.run(3)
    call = world.call()
    world.run(6)
    assert world.talks_with(call) == "1000"
    deaf_to(world, "CHANNEL_UNBRIDGE")
    world.console(f"uuid_transfer {call.uuid} -both message")
    world.run(0.5)
    deaf_to(world)
    assert not world.all("conversation-ended"), "nobody knows yet"

    world.run(59)

    ended = world.the("conversation-ended")
    assert (ended.ended_by, ended.transferred) == ("system", True)
    assert call.alive
    assert call.leg.profile.destination == "message"
