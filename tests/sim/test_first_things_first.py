"""What nobody waits for comes after what somebody waits for, and still comes."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from sim.world import NODE, World, agent, everybody, queue

from py_callcenter._router import Event
from py_callcenter.app.controller import Controller
from py_callcenter.engine import Outcome
from py_callcenter.engine.actions import Probe

pytestmark = pytest.mark.sim


def centre() -> World:
    world = World(everybody([queue()], [agent("1000")]))
    world.phone("1000")
    return world


def answer(uuid: str) -> Event:
    lines = {"Event-Name": "CHANNEL_ANSWER", "Unique-ID": uuid, "variable_cc_queue": "support"}
    return Event.from_plain("".join(f"{key}: {value}\n" for key, value in lines.items()).encode() + b"\n")


def test_the_answer_of_a_caller_who_is_not_parked_yet_leads_to_nothing_but_a_deadline():
    world = centre()

    outcome = world.engine.on_event(NODE, answer("caller-1"), world.now_us)

    assert (outcome.quiet, list(outcome.actions), outcome.records) == (True, [], [])
    due_us = world.engine.next_deadline_us()
    assert due_us is not None
    asked = world.engine.tick(due_us)
    while not asked.actions and (due_us := world.engine.next_deadline_us()) is not None:
        asked = world.engine.tick(due_us)
    # By the audit's round as well, where both are due at one moment.
    assert {action.uuid for action in asked.actions} == {"caller-1"}, "no PARK came: where are they?"


def test_what_is_due_at_such_an_answer_is_done_then():
    world = centre()
    state = world.engine._state
    probe = Probe(NODE, "somebody")
    state.start_timer(1000, lambda state: state.act(probe))

    outcome = world.engine.on_event(NODE, answer("caller-1"), world.now_us + 1000)

    assert (outcome.quiet, list(outcome.actions)) == (False, [probe])


def test_records_that_are_read_late_are_those_of_their_input():
    engine, now_us = (world := centre()).engine, world.now_us
    first = engine.set_agent_status("1000", "On Break", now_us)
    second = engine.set_agent_status("1000", "Available", now_us + 7)

    later, sooner = second.records, first.records
    assert [(record.status, record.at_us) for record in sooner] == [("On Break", now_us)]
    assert [(record.status, record.at_us) for record in later] == [("Available", now_us + 7)]
    assert later[0].sequence == sooner[0].sequence + 1
    assert first.records is sooner


def test_a_fault_in_a_record_costs_no_deadline():
    """Whoever keeps the time carries outcomes out too, and must not end by one."""
    looks: list[str] = []

    def faulty() -> list[object]:
        raise TypeError("no such field")

    shell = object.__new__(Controller)
    shell.faults, shell._due_us = 0, None
    shell._wake = SimpleNamespace(set=lambda: None)
    shell.engine = SimpleNamespace(next_deadline_us=lambda: 5, wants_attention=lambda: True)
    shell.links = {NODE: SimpleNamespace(request_resync=lambda: looks.append(NODE))}

    shell._carry_out(Outcome(take=faulty))

    assert (shell.faults, looks, shell._due_us) == (1, [NODE], 5)
