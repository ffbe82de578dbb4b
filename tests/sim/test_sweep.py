"""What must never be is looked for all the time: each break that is planted is found, told once, and mended
where that is for us to do.
"""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from sim.test_audit import centre
from sim.world import MANUAL, NODE

from py_callcenter.app import notable
from py_callcenter.engine import endings, offers, pacing, sweep
from py_callcenter.engine import records as r
from py_callcenter.engine.calls import OfferState, Phase
from py_callcenter.metrics.families import VIOLATION_RULES

pytestmark = pytest.mark.sim


def found(world, seconds=75):
    """Rules and calls of what is told; a round takes half a minute, and it must look wrong twice."""
    world.run(seconds)
    return [(record.rule, record.call) for record in world.all("invariant-violated")]


def one_waits():
    world = centre("1000")
    world.carry_out(world.engine.set_agent_status("1000", "Logged Out", world.now_us))
    call = world.call()
    world.run(2)
    return world, world.engine._state, call


def one_rings():
    """A phone that nobody touches, however long."""
    world = centre("1000", "1001", agent_originate_timeout=600)
    for phone in world.phones.values():
        phone.behaviour = MANUAL
    call = world.call()
    world.run(2)
    state = world.engine._state
    [offer] = state.offers.values()
    return world, state, call, offer


def comes_to_an_agent(world, call):
    """Agent 1000 logs in, and is offered this caller first."""
    world.carry_out(world.engine.set_agent_status("1000", "Available", world.now_us))
    world.run(8)
    assert world.talks_with(call) == "1000"


def three_about_to_be_rung(monkeypatch, module, name):
    """Three callers and three agents who are matched at once; what is named fails for the first of them."""
    world = centre("1000", "1001", "1002", "1003", agent_originate_timeout=600)
    world.carry_out(world.engine.set_agent_status("1003", "Logged Out", world.now_us))
    for phone in world.phones.values():
        phone.behaviour = MANUAL
    world.bears_faults = True
    world.carry_out(world.engine.on_node(NODE, False, world.now_us))
    calls = [world.call(number=str(number)) for number in range(3)]
    world.run(1)
    real, failed = getattr(module, name), []

    def once(*arguments):
        if not failed:
            failed.append(arguments)
            raise RuntimeError("a fault of ours")
        return real(*arguments)

    monkeypatch.setattr(module, name, once)
    outcome = world.engine.on_node(NODE, True, world.now_us)
    assert [str(fault) for fault in outcome.faults] == ["a fault of ours"]
    world.carry_out(outcome)
    world.run(1)
    return world, calls


def rings_for(world):
    """Agents whose phones ring."""
    return [name for name in ("1000", "1001", "1002") if world.ringing(name)]


def the_missed(world):
    [missed] = {"1000", "1001", "1002"} - set(rings_for(world))
    return missed


HALFWAY = [(offers, "ring"), (pacing, "send"), (offers, "identity_of"), (offers, "devices_for")]


@pytest.mark.parametrize(("module", "name"), HALFWAY)
def test_a_fault_in_the_ringing_of_one_phone_costs_that_phone_some_seconds(monkeypatch, module, name):
    world, calls = three_about_to_be_rung(monkeypatch, module, name)
    assert len(rings_for(world)) == 2, "the two others ring at once"
    missed = the_missed(world)

    world.run(59)

    assert len(rings_for(world)) == 3
    world.does(world.phones[missed].answer)
    world.run(3)
    assert world.talks_with(calls[0]) == missed
    counts = world.engine._state.router.agent(world.engine._state.agent_ids[missed])
    assert (counts.no_answer_count, counts.reject_count, counts.busy_count) == (0, 0, 0)
    assert {one.outcome for one in world.all("offer-ended")} <= {"path_error", "answered"}


def test_an_agent_for_whom_ringing_fails_for_ever_keeps_no_caller(monkeypatch):
    """And the log has a line every half minute, not one at every event."""
    world = centre("1000", "1001")
    world.bears_faults = True
    broken = world.engine._state.agent_ids["1000"]
    real, tried = offers.ring, []

    def ring(state, proposal):
        if proposal.agent == broken:
            tried.append(state.now_us)
            raise RuntimeError("a fault of ours")
        real(state, proposal)

    monkeypatch.setattr(offers, "ring", ring)
    call = world.call()
    world.run(60)

    assert world.talks_with(call) == "1001"
    world.run(240)
    assert 1 <= len(tried) <= 12


def test_a_caller_who_leaves_while_a_fault_of_ours_keeps_an_agent_leaves_the_agent_free(monkeypatch):
    world, calls = three_about_to_be_rung(monkeypatch, offers, "ring")
    world.does(calls[0].hang_up)
    world.run(1)

    missed = the_missed(world)
    assert world.agent(missed).state == "waiting"
    assert [one.call for one in world.all("call-abandoned")] == [calls[0].uuid]


def test_a_break_ends_what_a_fault_of_ours_keeps(monkeypatch):
    world, calls = three_about_to_be_rung(monkeypatch, offers, "ring")
    missed = the_missed(world)
    world.carry_out(world.engine.set_agent_status(missed, "On Break", world.now_us))
    world.carry_out(world.engine.set_agent_status("1003", "Available", world.now_us))
    world.run(1)

    assert world.agent(missed).state == "on_break"
    assert world.ringing("1003"), "for the caller whom the other one was kept for"
    assert calls[0].alive


def test_a_centre_at_work_breaks_no_promise():
    world = centre("1000", "1001")
    for number in range(5):
        world.call(number=str(number))
        world.run(40)

    assert found(world) == []


def test_a_caller_in_no_queue_is_found():
    world, state, call = one_waits()
    state.waiting.clear()

    assert found(world) == [("I1", call.uuid)]
    comes_to_an_agent(world, call)


def test_a_caller_whom_the_core_has_forgotten_waits_at_their_place_again():
    world, state, call = one_waits()
    world.run(10)
    later = world.call(number="2")
    world.run(2)
    state.router.leave(world.now_us, state.calls[call.uuid].stay.caller_id)

    assert found(world) == [("I1", call.uuid)]
    assert [line.id for line in world.engine.view(world.now_us).calls] == [call.uuid, later.uuid]
    comes_to_an_agent(world, call)
    assert later.partner == ""
    assert len([one for one in world.all("queue-entered") if one.call == call.uuid]) == 1


def test_a_caller_whose_queue_leg_is_closed_and_who_still_waits_enters_the_queue_anew():
    world, state, call = one_waits()
    world.run(10)
    one = state.calls[call.uuid]
    state.note(
        r.CallLeft,
        NODE,
        call=call.uuid,
        queue="support",
        leg=1,
        wait_us=0,
        reason="timeout",
        target="",
        position=1,
        key="",
    )
    state.router.leave(world.now_us, one.stay.caller_id)
    one.stay.open = False
    state.waiting.clear()

    assert found(world) == [("I1", call.uuid)]
    comes_to_an_agent(world, call)
    assert world.all("queue-entered")[-1].earlier_us >= 30_000_000


def test_a_caller_in_nobody_s_care_is_found():
    world, state, call = one_waits()
    state.calls[call.uuid].phase = Phase.TALKING

    assert found(world) == [("I1", call.uuid)]
    comes_to_an_agent(world, call)


def test_a_place_in_the_order_that_is_nobody_s_is_taken_out():
    world, state, call = one_waits()
    one = state.calls[call.uuid]
    ghost = state.router.enqueue(world.now_us, one.stay.queue_id, entered_us=0, priority=9)

    assert found(world) == [("I2", "")]
    assert ghost not in state.router.callers(one.stay.queue_id)
    comes_to_an_agent(world, call)


def test_what_looks_wrong_now_and_then_only_is_no_finding():
    world, state, call = one_waits()
    for _ in range(6):
        state.calls[call.uuid].phase = Phase.TALKING  # as between two conversations
        sweep.call(state, state.calls[call.uuid])
        state.calls[call.uuid].phase = Phase.WAITING
        world.run(9)

    assert found(world) == []


def test_nothing_looks_wrong_while_the_node_is_away():
    world, state, call = one_waits()
    world.carry_out(world.engine.on_node("fs1", False, world.now_us))
    state.calls[call.uuid].phase = Phase.TALKING

    assert found(world) == []


def test_somebody_who_waits_and_has_hung_up_is_found():
    world, state, call = one_waits()
    state.dead[call.uuid] = world.now_us + 600_000_000

    assert found(world) == [("I2", call.uuid)]


def test_an_agent_who_is_reserved_for_nothing_is_found(monkeypatch):
    world, state, call, offer = one_rings()
    del state.offers[offer.id]
    for uuid in offer.legs:
        del state.legs[uuid]

    lines = []
    monkeypatch.setitem(notable.NOTABLE, "invariant-violated", lambda **told: lines.append(told))

    assert found(world) == [("I3", call.uuid)]
    for record in world.all("invariant-violated"):
        notable.log_if_notable(record)
    assert lines == [{"rule": "I3", "call": call.uuid, "agent": "1000", "node": NODE}]
    assert list(state.offers.values()) == [offer], "the phone rings: whoever picks up gets the caller"
    world.does(world.phones[offer.agent.name].answer)
    world.run(3)
    assert world.talks_with(call) == offer.agent.name


def test_an_agent_whose_offer_is_gone_for_good_is_free_again_and_nobody_is_blamed():
    world, state, call, offer = one_rings()
    endings._forget(state, offer)
    world.does(world.phones[offer.agent.name].hang_up)
    other = next(name for name in world.phones if name != offer.agent.name)
    world.carry_out(world.engine.set_agent_status(other, "Logged Out", world.now_us))

    assert found(world, 60) == [("I3", call.uuid)]
    assert world.ringing(offer.agent.name), "they are offered to each other once more"
    assert state.router.agent(offer.agent_id).no_answer_count == 0
    assert call.alive


def test_an_agent_kept_for_a_conversation_that_nobody_has_is_free_again():
    world, state, _call = one_waits()
    agent_id = state.agent_ids["1000"]
    world.carry_out(world.engine.set_agent_status("1000", "On Break", world.now_us))
    lost = state.router.adopt_conversation(world.now_us, agent_id, since_us=world.now_us, counted=False)
    state.reserve(agent_id, lost, None)

    assert found(world, 60) == [("I3", "")]
    assert state.router.agent(agent_id).state == "on_break"


def test_a_caller_with_two_agents_is_found():
    world, _state, call, offer = one_rings()
    offer.state = OfferState.TALKING
    offer.stay.offers[offer.id + 1] = replace(offer, id=offer.id + 1)

    assert ("I4", call.uuid) in found(world)


def test_an_agent_with_two_open_offers_is_found():
    _world, state, call, offer = one_rings()
    twin = replace(offer, id=offer.id + 1)
    state.offers[twin.id] = twin
    for _ in range(2):
        sweep.offer(state, offer)
        sweep.offer(state, twin)
        state.now_us += 30_000_000

    assert {(record.rule, record.call) for record in state.records} == {("I5", call.uuid)}


def test_a_phone_that_rings_for_a_caller_who_left_is_found():
    world, state, call, offer = one_rings()
    offer.stay = type(offer.stay)(
        offer.stay.queue, offer.stay.queue_id, offer.stay.caller_id, 9, offer.stay.entered_us, 0
    )

    assert ("I6", call.uuid) in found(world)
    assert offer.state is OfferState.OVER
    assert not any(
        leg.alive for phone in world.phones.values() for leg in phone.legs if leg.uuid in offer.legs
    )
    assert state.router.agent(offer.agent_id).no_answer_count == 0


def test_work_that_is_left_undone_is_found():
    world, state, call = one_waits()

    class Lazy:
        """A core that never offers anything."""

        def __getattr__(self, name):
            return getattr(core, name)

        def decide(self, _now_us):
            return []

    core, state.router = state.router, Lazy()
    world.carry_out(world.engine.set_agent_status("1000", "Available", world.now_us))

    assert found(world) == [("I9", call.uuid)]


def test_a_queue_out_of_order_is_found():
    world, state, first = one_waits()
    second = world.call(number="2")
    world.run(2)
    assert found(world) == []
    state.calls[second.uuid].stay.priority = 5  # told to nobody who puts them in order

    assert found(world) == [("I7", second.uuid)]
    assert first.alive
    comes_to_an_agent(world, second)


def test_an_agent_who_lost_their_place_by_an_offer_that_came_to_nothing_is_found():
    world, state, call, offer = one_rings()

    class Forgetful:
        """A core in which everybody has been idle for a moment only."""

        def __getattr__(self, name):
            return getattr(core, name)

        def agent(self, agent_id):
            view = core.agent(agent_id)
            return SimpleNamespace(
                idle_since_us=state.now_us,
                **{
                    name: getattr(view, name) for name in ("state", "status", "ready_at_us", "external_calls")
                },
            )

    core, state.router = state.router, Forgetful()
    world.does(call.hang_up)

    assert offer.state is OfferState.OVER
    assert found(world, 1) == [("I8", call.uuid)]


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (r.QueueEntered, {"leg": 2, "priority": 0}),
        (r.CallEnded, {"cause": "NORMAL_CLEARING"}),
    ],
)
def test_a_queue_leg_that_has_no_end_in_the_books_is_found(kind, more):
    world, state, call = one_waits()
    queue = {} if kind is r.CallEnded else {"queue": "support"}
    state.note(kind, "fs1", call=call.uuid, **queue, **more)

    assert found(world, 1) == [("I10", call.uuid)]


def test_a_queue_leg_that_ends_twice_in_the_books_is_found():
    world, state, call = one_waits()
    world.does(call.hang_up)
    world.run(1)
    state.note(r.CallEnded, "fs1", call="another", cause="UNSEEN")  # whose books an earlier run began
    for _ in range(2):
        state.note(r.CallLost, "fs1", call="third", queue="support", leg=1, wait_us=0)

    world.carry_out(world.engine.tick(world.now_us))

    assert found(world, 0) == [("I10", "third")]


def test_conversations_of_an_agent_that_overlap_in_the_books_are_found():
    world, state, _call = one_waits()
    talk = {"queue": "support", "leg": 1, "agent": "1000", "hold_us": 0, "ended_by": "agent"}
    for call, talk_us in (("one", 2_000_000), ("two", 0), ("three", 1_900_000)):
        state.note(r.ConversationEnded, "fs1", call=call, talk_us=talk_us, transferred=False, **talk)

    assert found(world, 1) == [("I11", "three")]


def test_books_of_calls_that_never_end_are_found():
    world, state, _call = one_waits()
    for number in range(300):
        state.note(r.CallLost, "fs1", call=f"call {number}", queue="support", leg=1, wait_us=0)

    assert found(world) == [("I13", "")]


def test_what_only_the_shell_sees_is_told_the_same_way():
    world, _state, call = one_waits()
    world.carry_out(world.engine.violated("I14", "fs1", "", world.now_us))
    world.carry_out(world.engine.violated("I17", "fs1", world.engine.call_of(call.uuid), world.now_us))

    assert found(world, 1) == [("I14", ""), ("I17", call.uuid)]
    assert world.engine.call_of("nobody's") == ""


def test_tables_that_grow_for_ever_are_found():
    world, state, _call, _offer = one_rings()
    for _ in range(2000):
        state.start_timer(3_600_000_000, print)

    assert {rule for rule, _call in found(world)} >= {"I13"}


def test_what_is_found_is_told_once_and_has_a_counter():
    world, state, call = one_waits()
    state.waiting.clear()

    assert found(world, 300) == [("I1", call.uuid)]
    assert {f"I{number}" for number in range(1, 18)} - {"I12", "I15"} == set(VIOLATION_RULES)
