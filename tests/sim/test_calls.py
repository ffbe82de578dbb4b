"""The life of a call, as a supervisor would tell it."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, BUSY, IGNORES, MANUAL, REFUSES, SECOND, World, agent, everybody, queue

from py_callcenter.engine.actions import Kill, Originate, PlayMusic, StartRecording, StopMusic
from py_callcenter.sim import Behaviour
from py_callcenter.stats import Stats

pytestmark = pytest.mark.sim


@pytest.fixture(params=[True, False], ids=["poked", "unpoked"])
def poked(request):
    return request.param


def one_agent(poked: bool = True, behaviour: Behaviour = ANSWERS, queue_settings=None, **settings) -> World:
    world = World(everybody([queue(**(queue_settings or {}))], [agent("1000", **settings)]), poked=poked)
    world.phone("1000", behaviour)
    return world


def test_a_caller_hears_music_and_reaches_the_agent(poked):
    world = one_agent(poked)

    call = world.call()
    world.run(1)

    assert world.ringing("1000")
    assert [action.source for action in world.sent(PlayMusic)] == ["local_stream://moh"]

    world.run(2)

    assert world.talks_with(call) == "1000"
    assert world.agent("1000").state == "in_a_queue_call"
    assert world.sent(StopMusic)

    world.run(10)
    world.does(call.hang_up)
    world.run(1)

    assert world.agent("1000").state == "wrap_up"
    assert world.kinds(call) == [
        "call-offered", "queue-entered", "offer-made", "offer-ended", "call-answered", "conversation-ended",
        "call-ended", "agent-wrap-up",
    ]  # fmt: skip
    answered = world.the("call-answered")
    assert 2 * SECOND <= answered.wait_us < 2.3 * SECOND
    ended = world.the("conversation-ended")
    assert ended.ended_by == "caller"
    assert 9.5 * SECOND < ended.talk_us < 11 * SECOND

    world.run(10)

    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


def test_the_agent_hangs_up_and_the_caller_goes_to_the_after_call_exit(poked):
    world = one_agent(poked, queue_settings={"after_call": "voicemail"})
    call = world.call()
    world.run(5)

    world.does(world.phones["1000"].hang_up)
    world.run(1)

    assert call.alive
    assert call.leg.profile.destination == "voicemail"
    assert world.the("conversation-ended").ended_by == "agent"
    assert not world.all("call-left")

    world.run(40)

    world.assert_quiet()


def test_without_an_exit_the_caller_is_hung_up_after_the_conversation(poked):
    world = one_agent(poked)
    call = world.call()
    world.run(5)

    world.does(world.phones["1000"].hang_up)
    world.run(1)

    assert not call.alive
    world.run(20)
    world.assert_quiet()


@pytest.mark.parametrize(
    "after_s", [0.0, 0.001, 0.5, 1.5, 2.0, 2.01, 2.02, 2.03, 2.04, 2.05, 2.06, 2.07, 2.08, 2.1]
)
def test_a_caller_may_leave_at_any_moment(poked, after_s):
    """Race R1 among them: the phone that rings for somebody who left is called off."""
    world = one_agent(poked)
    call = world.call()
    world.run(after_s)

    world.does(call.hang_up)
    world.run(3)

    assert not world.ringing("1000")
    ended = world.all("call-abandoned") + world.all("conversation-ended")
    assert len(ended) == 1
    world.run(30)
    assert world.agent("1000").state == "waiting"
    world.assert_quiet()


def test_an_abandoned_call_says_in_which_phase(poked):
    world = World(everybody([queue()], [agent("1000", status="On Break")]), poked=poked)
    world.phone("1000", MANUAL)
    early = world.call(number="1")
    late = world.call(number="2")
    world.run(2)
    world.does(early.hang_up)
    world.run(10)
    world.does(late.hang_up)
    world.run(1)

    assert [record.phase for record in world.all("call-abandoned")] == ["short", "queued"]

    ringing = world.call(number="3")
    world.carry_out(world.engine.set_agent_status("1000", "Available", world.now_us))
    world.run(1)
    world.does(world.phones["1000"].ring)
    world.run(10)
    world.does(ringing.hang_up)
    world.run(3)

    assert world.all("call-abandoned")[-1].phase == "ringing"
    assert world.all("offer-ended")[-1].outcome == "withdrawn"
    world.assert_quiet()


@pytest.mark.parametrize(
    ("behaviour", "outcome", "state"),
    [
        (BUSY, "busy", "waiting"),
        (REFUSES, "rejected", "waiting"),
        (IGNORES, "no_answer", "waiting"),
        (Behaviour(outcome="not_found"), "unregistered", "waiting"),
        (Behaviour(outcome="unavailable"), "unreachable", "waiting"),
        (Behaviour(outcome="error"), "path_error", "waiting"),
        (Behaviour(outcome="unreachable"), "path_error", "waiting"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_when_one_agent_fails_the_next_one_gets_the_caller(poked, behaviour, outcome, state):
    world = World(everybody([queue()], [agent("1000"), agent("1001")]), poked=poked)
    world.phone("1000", behaviour)
    world.phone("1001", ANSWERS)
    call = world.call()
    world.run(30)

    assert world.talks_with(call) == "1001"
    first, second = world.all("offer-ended")
    assert (first.agent, first.outcome) == ("1000", outcome)
    assert (second.agent, second.outcome) == ("1001", "answered")
    assert world.agent("1000").state == state
    no_answers = 1 if outcome in ("no_answer", "unreachable") else 0
    assert world.agent("1000").no_answer_count == no_answers

    world.does(call.hang_up)
    world.run(60)
    world.assert_quiet()


def test_an_unregistered_phone_makes_no_event_and_still_frees_the_agent(poked):
    contact = "user/1000@example.org"
    world = World(everybody([queue()], [agent("1000", contacts=(contact,)), agent("1001")]), poked=poked)
    world.phone("1000", Behaviour(outcome="unregistered"), contact=contact)
    world.phone("1001", ANSWERS)

    call = world.call()
    world.run(4)

    assert world.talks_with(call) == "1001"
    assert world.all("offer-ended")[0].outcome == "unregistered"


def test_three_unanswered_offers_send_the_agent_on_a_break():
    world = one_agent(behaviour=IGNORES)

    call = world.call()
    world.run(90)

    assert len(world.sent(Originate)) == 3
    assert world.agent("1000").status == "On Break"
    assert call.alive
    assert world.all("agent-status")[-1].reason == "max-no-answer"


@pytest.mark.parametrize(
    ("behaviour", "settings", "status", "reason"),
    [
        (BUSY, {"max_busy": 2, "busy_delay_time": 5}, "On Break", "max-busy"),
        (REFUSES, {"max_reject": 2, "reject_delay_time": 5}, "Logged Out", "max-reject"),
        (Behaviour(outcome="not_found"), {"max_unregistered": 2}, "Logged Out", "max-unregistered"),
    ],
)
def test_each_kind_of_failed_offer_has_its_limit(behaviour, settings, status, reason):
    queues = [queue(agent_reject_status="Logged Out")]
    world = World(everybody(queues, [agent("1000", unregistered_delay_time=5, **settings)]))
    world.phone("1000", behaviour)

    call = world.call()
    world.run(4)
    assert world.agent("1000").status == "Available"
    world.run(120)

    assert len(world.sent(Originate)) == 2
    assert world.agent("1000").status == status
    assert call.alive
    changed = world.all("agent-status")[-1]
    assert (changed.status, changed.reason) == (status, reason)
    stats = Stats()
    for record in world.records:
        stats.fold(record)
    assert stats.status_changes == stats.copy().status_changes == {reason: 1}, "the one at the start is none"


@pytest.mark.parametrize(("compatible", "status"), [(False, "Available"), (True, "On Break")])
def test_a_broken_path_counts_as_unanswered_only_as_in_mod_callcenter(compatible, status):
    world = World(everybody([queue(compatible=compatible)], [agent("1000", max_no_answer=2)]))
    world.phone("1000", Behaviour(outcome="error"))

    world.call()
    world.run(60)

    assert world.agent("1000").status == status
    assert {record.outcome for record in world.all("offer-ended")} == {
        "no_answer" if compatible else "path_error"
    }


def test_a_busy_phone_is_left_alone_for_its_delay():
    world = one_agent(behaviour=BUSY, busy_delay_time=30)

    world.call()
    world.run(29)
    assert len(world.sent(Originate)) == 1

    world.run(5)
    assert len(world.sent(Originate)) == 2


@pytest.mark.parametrize("apart_ms", [0, 1, 13, 40])
def test_two_phones_of_one_agent_picked_up_at_once_are_one_answer(poked, apart_ms):
    """Race R4 in one originate: both phones ANSWER, the switch parks one and ends the other."""
    contacts = tuple(f"sofia/internal/{name}@127.0.0.1:5085" for name in ("desk", "mobile"))
    world = World(everybody([queue()], [agent("1000", contacts=contacts)]), poked=poked)
    for name in ("desk", "mobile"):
        world.phone(name, MANUAL)
    call = world.call()
    world.run(1)
    world.does(world.phones["desk"].answer)
    world.run(apart_ms / 1000)
    world.does(world.phones["mobile"].answer)
    world.run(2)

    winner = world.talks_with(call)
    assert winner in ("desk", "mobile")
    [loser] = {"desk", "mobile"} - {winner}
    assert not any(leg.alive for leg in world.phones[loser].legs)
    assert [record.outcome for record in world.all("offer-ended")] == ["answered"]
    assert len(world.all("call-answered")) == 1
    world.does(call.hang_up)
    world.run(20)
    world.assert_quiet()


def test_two_phones_of_one_agent_ring_together_and_one_takes_the_call(poked):
    contacts = ("sofia/internal/desk@127.0.0.1:5085", "sofia/internal/mobile@127.0.0.1:5086")
    world = World(everybody([queue()], [agent("1000", contacts=contacts)]), poked=poked)
    world.phone("desk", IGNORES, contacts[0])
    world.phone("mobile", ANSWERS, contacts[1])

    call = world.call()
    world.run(1)
    assert world.ringing("desk")
    assert world.ringing("mobile")

    world.run(2)
    assert world.talks_with(call) == "mobile"
    assert not world.ringing("desk")
    assert len(world.sent(Originate)) == 1

    world.does(call.hang_up)
    world.run(20)
    world.assert_quiet()


def test_one_busy_phone_does_not_stop_the_other(poked):
    contacts = ("sofia/internal/desk@127.0.0.1:5085", "sofia/internal/mobile@127.0.0.1:5086")
    world = World(everybody([queue()], [agent("1000", contacts=contacts)]), poked=poked)
    world.phone("desk", BUSY, contacts[0])
    world.phone("mobile", ANSWERS, contacts[1])

    call = world.call()
    world.run(3)

    assert world.talks_with(call) == "mobile"


def test_ring_all_rings_everybody_and_one_of_two_answers_wins(poked):
    """Race R4 between originates: the first answer claims the caller, the others are told LOSE_RACE."""
    names = ["1000", "1001", "1002"]
    world = World(everybody([queue(strategy="ring-all")], [agent(name) for name in names]), poked=poked)
    for name in names:
        world.phone(name, MANUAL)
    call = world.call()
    world.run(1)
    assert len(world.sent(Originate)) == 3
    for name in names:
        world.phones[name].ring()
    idle_before = world.agent("1001")

    world.does(lambda: (world.phones["1000"].answer(), world.phones["1001"].answer()))
    world.run(1)

    winner = world.talks_with(call)
    assert winner in ("1000", "1001")
    assert len(world.all("call-answered")) + len(world.all("offer-ended")) >= 3
    outcomes = sorted(record.outcome for record in world.all("offer-ended"))
    assert outcomes == ["answered", "withdrawn", "withdrawn"]
    others = [name for name in names if name != winner]
    for name in others:
        assert world.agent(name).state == "waiting"
        assert not any(leg.alive for leg in world.phones[name].legs)
    assert idle_before.no_answer_count == 0

    world.does(call.hang_up)
    world.run(20)
    world.assert_quiet()


def test_a_recording_begins_with_the_answer_by_the_template():
    world = one_agent(queue_settings={"record_template": "/rec/{queue}-{agent}-{call}.wav"})

    call = world.call()
    world.run(1)
    assert not world.sent(StartRecording)

    world.run(3)
    [started] = world.sent(StartRecording)
    assert started.path == f"/rec/support-1000-{call.uuid}.wav"
    assert started.uuid == call.uuid
    assert call.leg.values["cc_record_filename"] == started.path
    assert world.the("recording-started").path == started.path


def test_a_call_may_bring_its_own_music():
    world = one_agent(behaviour=IGNORES)
    world.switch.dialplan.add("own", *_queue_steps("cc_moh_override=local_stream://jazz"))

    world.call("own")
    world.run(1)

    assert [action.source for action in world.sent(PlayMusic)] == ["local_stream://jazz"]


def test_music_that_cannot_be_played_falls_back_to_the_queues():
    world = one_agent(behaviour=IGNORES)
    world.switch.dialplan.add("own", *_queue_steps("cc_moh_override=http://evil/x"))

    call = world.call("own")
    world.run(1)

    assert [action.source for action in world.sent(PlayMusic)] == ["http://evil/x", "local_stream://moh"]
    assert call.alive


def _queue_steps(*settings: str):
    from py_callcenter.sim import Step

    return (
        Step("set", "cc_queue=support"),
        *(Step("set", text) for text in settings),
        Step("answer"),
        Step("park"),
    )


def test_priority_and_base_score_come_first():
    world = World(everybody([queue()], [agent("1000", status="On Break")]))
    world.phone("1000", ANSWERS)
    world.switch.dialplan.add("vip", *_queue_steps("cc_priority=5"))
    world.switch.dialplan.add("loyal", *_queue_steps("cc_base_score=60"))
    plain = world.call(number="1")
    world.run(1)
    loyal = world.call("loyal", number="2")
    world.run(1)
    vip = world.call("vip", number="3")
    world.run(1)

    order = [line.id for line in world.engine.view(world.now_us).calls]

    assert order == [vip.uuid, loyal.uuid, plain.uuid]


@pytest.mark.parametrize(
    ("text", "priority"), [("999999", 100), ("-7", -7), ("x", 0), ("1e9", 0), ("٣", 0), ("", 0)]
)
def test_nonsense_in_the_dialplan_costs_an_order_and_not_a_caller(text, priority):
    world = one_agent(behaviour=IGNORES)
    world.switch.dialplan.add("odd", *_queue_steps(f"cc_priority={text}", f"cc_base_score={text}"))

    world.call("odd")

    assert world.the("queue-entered").priority == priority


def test_agents_take_turns_by_the_longest_idle_time():
    names = ["1000", "1001", "1002"]
    world = World(everybody([queue()], [agent(name, wrap_up_time=0) for name in names]))
    served = []
    for name in names:
        world.phone(name, ANSWERS)
    for number in range(6):
        call = world.call(number=str(number))
        world.run(4)
        served.append(world.talks_with(call))
        world.does(call.hang_up)
        world.run(1)

    assert served == names + names
    world.assert_quiet()


def test_nobody_else_is_ever_hung_up():
    """A switch carries other people's calls: legs without our seal are not our business."""
    world = one_agent()
    other = world.call("echo")
    call = world.call()
    world.run(5)
    world.does(call.hang_up)
    world.run(20)

    assert other.alive
    assert not [kill for kill in world.sent(Kill) if kill.uuid == other.uuid]


def test_a_file_that_ends_begins_again_as_long_as_the_caller_waits(poked):
    world = one_agent(poked, IGNORES, queue_settings={"moh_sound": "/sounds/hold.wav"})
    call = world.call()

    world.run(15)

    assert len(world.sent(PlayMusic)) >= 4
    assert call.leg.playback is not None

    world.does(call.hang_up)
    before = len(world.sent(PlayMusic))
    world.run(10)
    assert len(world.sent(PlayMusic)) == before


def test_a_file_without_a_sound_in_it_does_not_keep_the_switch_busy():
    world = one_agent(behaviour=IGNORES, queue_settings={"moh_sound": "/sounds/empty.wav"})
    call = world.call()
    for _ in range(20):
        world.run(0.1)
        if call.leg.playback is not None:
            world.does(lambda: world.switch.stop_playback(call.leg))

    assert 2 <= len(world.sent(PlayMusic)) <= 4
