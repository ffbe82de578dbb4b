"""Live figures of a run begin with where the run before it left everybody: no record tells that again."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, SECOND, World, agent, everybody, queue

from py_callcenter.app.live import LiveFigures, as_left
from py_callcenter.engine.memory import Memory
from py_callcenter.stats import AgentTimes, QueueLog

pytestmark = pytest.mark.sim

NAMES = ("resting", "talking", "waiting", "break", "out")


def test_agents_by_queue_and_state_are_right_from_the_first_moment():
    """Or an alert would say that nobody serves a queue whose agents had nothing to do since the start."""
    world = World(everybody([queue()], [agent(name, wrap_up_time=60) for name in NAMES]))
    for name in NAMES:
        world.phone(name, ANSWERS)
        if name not in ("resting", "talking"):
            world.carry_out(world.engine.set_agent_status(name, "Logged Out", world.now_us))
    first, _second = world.call(), world.call()
    world.run(10)
    rests = world.talks_with(first)
    talks = ({"resting", "talking"} - {rests}).pop()
    for name, status in (("waiting", "Available"), ("break", "On Break")):
        world.carry_out(world.engine.set_agent_status(name, status, world.now_us))
    world.does(first.hang_up)
    world.run(5)

    memory = Memory()
    for record in world.records:
        memory.fold(record)
    before = len(world.records)
    world.restart(2)
    live = LiveFigures(as_left(memory, NAMES, world.now_us))
    live.put(world.records[before:])
    world.run(10)
    with live.reading() as figures:
        found = figures.agents(world.now_us, {name: ["support"] for name in NAMES})
    seen = {view.name: view.state for view in world.engine.view(world.now_us).agents}
    assert seen == {
        rests: "wrap_up", talks: "in_a_queue_call", "waiting": "waiting", "break": "on_break",
        "out": "logged_out",
    }  # fmt: skip
    assert {state: by["support"] for state, by in found.by_state.items() if by["support"]} == dict.fromkeys(
        seen.values(), 1
    )
    assert sum(found.spent_us.values()) == pytest.approx(4 * 10 * SECOND, abs=SECOND)


def test_a_wrap_up_that_waits_behind_a_break_is_known_after_a_start():
    world = World(everybody([queue()], [agent("rests", wrap_up_time=60)]))
    world.phone("rests", ANSWERS)
    call = world.call()
    world.run(10)
    world.does(call.hang_up)
    world.run(5)
    world.carry_out(world.engine.set_agent_status("rests", "On Break", world.now_us))
    memory = Memory()
    for record in world.records:
        memory.fold(record)
    before = len(world.records)
    world.restart(2)
    live = LiveFigures(as_left(memory, ["rests"], world.now_us))
    world.run(5)
    world.carry_out(world.engine.set_agent_status("rests", "Available", world.now_us))
    live.put(world.records[before:])
    with live.reading() as figures:
        found = figures.agents(world.now_us, {"rests": ["support"]})

    assert world.agent("rests").state == "wrap_up"
    assert {state: by["support"] for state, by in found.by_state.items() if by["support"]} == {"wrap_up": 1}


@pytest.mark.parametrize("while_it_runs", [True, False])
def test_an_agent_who_is_removed_is_logged_out_in_the_books(while_it_runs):
    """And one of that name who comes back is new. Or a report would have them logged in for ever."""
    world = World(everybody([queue()], [agent("stays"), agent("goes")]))
    world.run(30)
    both, one = world.config, everybody([queue()], [agent("stays")])
    if while_it_runs:
        world.carry_out(world.engine.apply(one, world.now_us))
    else:
        world.config = one
        world.restart(2)
    gone_us = world.now_us
    world.run(60)
    told = world.all("agent-status")[-1]
    assert (told.agent, told.status, told.reason) == ("goes", "Logged Out", "removed")

    times, log = AgentTimes(), QueueLog()
    lines = []
    for record in world.records:
        times.fold(record)
        lines += log.lines(record)
    assert times.lines["goes"].state == "logged_out"
    spent = sum(sum(slot.spent_us.values()) for slot in times.take()[1] if slot.agent == "goes")
    assert spent == pytest.approx(30 * SECOND, abs=4 * SECOND)
    assert times.lines["goes"].since_us <= gone_us
    assert lines[-1].split("|")[3:5] == ["goes", "AGENTLOGOFF"]

    world.config = both
    world.restart(2)
    assert world.agent("goes").status == "Available"
    assert world.all("agent-status")[-1].reason == "initial"
    assert len(world.all("agent-status")) == 4
