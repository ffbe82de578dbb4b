"""Whatever happens in a wrap-up, the agent's times in the books say at each moment what the page showed."""

from __future__ import annotations

import pytest
from sim.restarting import centre
from sim.world import SECOND, World, agent, everybody, queue

from py_callcenter.stats import fold_call
from py_callcenter.stats.agents import AgentTimes, open_spans

pytestmark = pytest.mark.sim

WRAP_UP_S = 30

STORIES = {
    "it runs out": [],
    "a break in the middle": [(5, "On Break"), (10, "Available")],
    "a break beyond its end": [(5, "On Break"), (40, "Available")],
    "logged out for a moment": [(5, "Logged Out"), (3, "Available")],
    "two breaks": [(5, "On Break"), (5, "Available"), (5, "On Break"), (5, "Available")],
    "a break, and a start meanwhile": [(5, "On Break"), (2, "a start"), (5, "Available")],
    "a start": [(5, "a start")],
    "ended by hand after a break": [(5, "On Break"), (5, "Available"), (2, "ends it")],
    "available already": [(5, "Available")],
    "on demand after a break": [(5, "On Break"), (5, "Available (On Demand)")],
    "on demand from then on": [(5, "Available (On Demand)")],
    "removed and added again": [(5, "is removed"), (5, "is added")],
    "logged out, removed and added again": [(3, "Logged Out"), (2, "is removed"), (5, "is added")],
}


def act(world: World, what: str) -> None:
    if what == "a start":
        world.restart(after=0.5)
    elif what in ("is removed", "is added"):
        both = everybody([queue(), queue("billing")], [agent("1000", wrap_up_time=WRAP_UP_S), agent("other")])
        one = everybody([queue(), queue("billing")], [agent("other")])
        world.carry_out(world.engine.apply(both if what == "is added" else one, world.now_us))
    elif what == "ends it":
        world.carry_out(world.engine.set_wrap_up_end("1000", world.now_us, world.now_us))
    else:
        world.carry_out(world.engine.set_agent_status("1000", what, world.now_us))
    world._settle()


def shown(world: World) -> str:
    """What the page shows; whoever is not there is logged out in the books."""
    seen = {line.name: line.state for line in world.engine.view(world.now_us).agents}
    return str(seen.get("1000", "logged_out"))


def in_the_books(world: World) -> tuple[str, dict[str, int]]:
    """State now, and the time in each so far."""
    times, spent = AgentTimes(), {}
    for record in world.records:
        times.fold(record)
    lines, slots = times.take()
    for slot in slots:
        for state, spent_us in slot.spent_us.items() if slot.agent == "1000" else ():
            spent[state] = spent.get(state, 0) + spent_us
    line = next(line for line in lines if line.agent == "1000")
    state = line.state
    for state, from_us, to_us in open_spans(line, world.now_us):
        if state != "logged_out":
            spent[state] = spent.get(state, 0) + to_us - from_us
    return state, spent


@pytest.mark.parametrize("status_in_the_call", [None, "On Break"])
@pytest.mark.parametrize("story", STORIES)
def test_the_books_and_the_page_agree_at_each_moment(story, status_in_the_call):
    world = centre("1000", wrap_up=WRAP_UP_S)
    call = world.call()
    world.run(6)
    assert world.talks_with(call) == "1000"
    if status_in_the_call:
        act(world, status_in_the_call)
    world.does(call.hang_up)
    world.run(0.2)
    shown_us: dict[str, int] = {}
    _, before = in_the_books(world)
    steps = [*STORIES[story], (60, "")]
    if status_in_the_call:
        steps.insert(0, (2, "Available"))
    for after_s, what in steps:
        for _ in range(after_s * 10):
            state = shown(world)
            world.run(0.1)
            shown_us[state] = shown_us.get(state, 0) + SECOND // 10
            assert in_the_books(world)[0] == shown(world)
        if what:
            act(world, what)
            assert in_the_books(world)[0] == shown(world), what
    _, after = in_the_books(world)

    assert shown_us["wrap_up"] >= 2 * SECOND
    for state in ("wrap_up", "on_break"):
        told_us = after.get(state, 0) - before.get(state, 0)
        assert told_us == pytest.approx(shown_us.get(state, 0), abs=1.1 * SECOND)


def test_a_wrap_up_with_a_break_in_it_is_one_and_over_when_its_time_is():
    """As a histogram counts it."""
    world = centre("1000", wrap_up=WRAP_UP_S)
    for back_after_s in (10, 40):
        call = world.call()
        world.run(6)
        assert world.talks_with(call) == "1000"
        world.does(call.hang_up)
        world.run(5)
        act(world, "On Break")
        world.run(back_after_s)
        act(world, "Available")
        world.run(60)
    world.call()
    world.run(6)
    times = AgentTimes()
    for record in world.records:
        times.fold(record)
    told = times.take_wrap_ups()

    assert [name for name, _ in told] == ["1000", "1000"]
    assert [spent_us for _, spent_us in told] == pytest.approx([20 * SECOND, 5 * SECOND], abs=SECOND // 10)


def test_a_call_tells_the_wrap_up_that_was_to_follow():
    world = centre("1000", wrap_up=WRAP_UP_S)
    call = world.call()
    world.run(6)
    world.does(call.hang_up)
    world.run(5)
    act(world, "On Break")
    world.run(60)

    row, legs = fold_call([record for record in world.records if getattr(record, "call", "") == call.uuid])
    assert row is not None
    assert (row.wrap_up_us, [leg.wrap_up_us for leg in legs]) == (WRAP_UP_S * SECOND, [WRAP_UP_S * SECOND])
    assert in_the_books(world)[1]["wrap_up"] == pytest.approx(5 * SECOND, abs=SECOND // 10)
