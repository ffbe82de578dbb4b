"""The picture that is brought up to date by changes is, at every moment, the one that is made anew."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from sim.test_swarm import misfortune, random_centre, traffic
from sim.world import SECOND, World, agent, everybody, queue

from py_callcenter.app.picture import Picture, QueueFigures
from py_callcenter.app.rows import agent_row, call_row, wait_error_row, wait_row
from py_callcenter.config import Exit
from py_callcenter.engine import Engine, View, watch
from py_callcenter.stats import Stats

pytestmark = pytest.mark.sim


def bring_up_to_date(picture: Picture, engine: Engine, now_us: int) -> int:
    """How many pieces it took."""
    for pieces in range(1, 10_000):
        changes = engine.look(now_us)
        picture.take(changes, engine.config)
        if not changes.more:
            picture.settle({})
            return pieces
    raise AssertionError("the changes never end")


def compare(picture: Picture, view: View) -> None:
    by_id = {call.id: call for call in view.calls}
    ringing = {name: call for call in view.calls for name in call.ringing}
    assert picture.calls() == tuple(
        call_row(call, call.position, wait_row(call.expected)) for call in view.calls
    )
    agents = {
        line.name: agent_row(line, by_id.get(line.call) or ringing.get(line.name)) for line in view.agents
    }
    assert {row.name: row for row in picture.agents()} == agents
    for shown, row in zip(view.queues, picture.queues(), strict=True):
        assert (row.name, row.strategy, row.waiting) == (shown.name, shown.strategy, shown.waiting)
        assert row.oldest_at == (shown.oldest_entered_us / 1e6 if shown.oldest_entered_us else None)
        assert row.expected_wait == wait_row(shown.expected)
        assert row.expected_wait_error == wait_error_row(shown.score)
        assert row.divert == (shown.divert or None)
        states = Counter(line.state for line in view.agents if shown.name in line.queues)
        assert row.agents == dict(states)


class Watched:
    """A world whose picture is compared after each thing that happens, or after some."""

    def __init__(self, world: World, rng: random.Random, *, every: float = 1.0) -> None:
        self.world = world
        self.picture = Picture()
        self.compared = 0
        self.stats = Stats()
        self.epoch = world.epoch
        carry_out = world.carry_out

        def carried_out(outcome: Any) -> None:
            if self.epoch != world.epoch:
                self.epoch, self.stats = world.epoch, Stats()
            for record in outcome.records:
                self.stats.fold(record)
            carry_out(outcome)
            if rng.random() < every:
                self.look()

        world.carry_out = carried_out  # type: ignore[method-assign]  # of this one world

    def look(self) -> None:
        world = self.world
        bring_up_to_date(self.picture, world.engine, world.now_us)
        compare(self.picture, world.engine.view(world.now_us))
        self.compared += 1

    def compare_with_the_fold(self) -> None:
        """A scrape reads the fold of the records, a page the core: they say the same at every moment."""
        for row in self.picture.queues():
            counted = self.stats.queues.get(row.name)
            oldest_us = None if counted is None else counted.oldest_entered_us
            assert row.waiting == (0 if counted is None else len(counted.waiting))
            assert row.oldest_at == (None if oldest_us is None else oldest_us / 1e6)


@pytest.mark.parametrize("seed", range(24))
def test_whatever_happens_the_picture_is_that_of_the_moment(seed, monkeypatch):
    rng = random.Random(seed)
    monkeypatch.setattr(watch, "PIECE", rng.choice((1, 3, 100)))
    world = random_centre(rng, seed)
    watched = Watched(world, rng, every=rng.choice((1.0, 0.2)))
    callers = traffic(world, rng, seed)
    callers.start()
    for _ in range(4):
        world.run(rng.uniform(5, 30))
        misfortune(world, rng)
        if seed % 4 == 0:
            world.restart(rng.uniform(0.1, 3))
    callers.stop()
    world.run(5)
    watched.look()
    assert watched.compared > 20


@pytest.mark.parametrize("seed", range(100, 112))
def test_the_page_and_a_scrape_count_the_same_callers(seed):
    rng = random.Random(seed)
    world = random_centre(rng, seed)
    watched = Watched(world, rng)
    callers = traffic(world, rng, seed)
    callers.start()
    carry_out = world.carry_out

    def carried_out(outcome: Any) -> None:
        carry_out(outcome)
        watched.compare_with_the_fold()

    world.carry_out = carried_out  # type: ignore[method-assign]
    for _ in range(4):
        world.run(rng.uniform(5, 30))
        misfortune(world, rng)
    assert watched.compared > 20


def support(**settings: Any) -> World:
    people = [agent("1000"), agent("1001")]
    world = World(everybody([queue("support", **settings), queue("sales")], people))
    for one in people:
        world.phone(one.name)
    return world


def test_what_an_operator_orders_shows_at_the_next_look():
    world = support()
    world.carry_out(world.engine.set_agent_status("1000", "On Break", world.now_us))
    world.carry_out(world.engine.set_agent_status("1001", "On Break", world.now_us))
    watched = Watched(world, random.Random(1))
    first, second = world.call(), world.call()
    engine = world.engine
    world.carry_out(engine.rank_call(second.uuid, world.now_us, priority=5, base_score=None, skills=None))
    assert [row.id for row in watched.picture.calls()] == [second.uuid, first.uuid]
    world.carry_out(engine.move_call(second.uuid, "sales", world.now_us, keep_wait=True))
    assert {row.id: row.queue for row in watched.picture.calls()} == {
        first.uuid: "support",
        second.uuid: "sales",
    }
    world.carry_out(engine.hold_agent("1000", world.now_us + 60 * SECOND, world.now_us))
    world.carry_out(engine.divert("sales", Exit("voicemail", "default"), world.now_us))
    assert watched.picture.queue("sales").divert == "voicemail@default"
    assert watched.compared > 5


def test_a_changed_configuration_begins_the_picture_anew():
    world = support()
    watched = Watched(world, random.Random(1))
    world.call()
    smaller = everybody([queue("support"), queue("new")], [agent("1000"), agent("1001"), agent("1002")])
    world.carry_out(world.engine.apply(smaller, world.now_us))
    assert [row.name for row in watched.picture.queues()] == ["support", "new"]
    assert [row.name for row in watched.picture.agents()] == ["1000", "1001", "1002"]


def test_who_looks_again_is_told_only_what_changed():
    world = support()
    picture = Picture()
    bring_up_to_date(picture, world.engine, world.now_us)
    world.run(1)
    assert world.engine.look(world.now_us) == watch.Changes(at_us=world.now_us, fresh=False)
    caller = world.call()
    changes = world.engine.look(world.now_us)
    assert [call.id for call in changes.calls] == [caller.uuid]
    assert [line.name for line in changes.agents] == ["1000"]
    picture.take(changes, world.engine.config)
    picture.settle({})
    before = {row.name: row for row in picture.agents()}
    world.carry_out(world.engine.set_agent_status("1001", "On Break", world.now_us))
    picture.take(world.engine.look(world.now_us), world.engine.config)
    picture.settle({})
    assert picture.agent("1000") is before["1000"]
    assert picture.agent("1001").status == "On Break"


def test_figures_that_change_make_a_new_row():
    world = support()
    picture = Picture()
    bring_up_to_date(picture, world.engine, world.now_us)
    old = picture.queue("support")
    picture.take(world.engine.look(world.now_us), world.engine.config)
    picture.settle({"support": QueueFigures(offered=1)})
    assert (old.offered, picture.queue("support").offered) == (0, 1)


def test_nothing_is_marked_while_nobody_looks():
    world = support()
    world.call()
    assert not world.engine._state.marks.calls
    bring_up_to_date(Picture(), world.engine, world.now_us)
    world.call()
    assert world.engine._state.marks.calls
