"""A switch that is full or throttles: phones ring a little later, nobody is blamed, nobody loses a place."""

from __future__ import annotations

from itertools import pairwise

import pytest
from sim.world import ANSWERS, IGNORES, NODE, SECOND, World, agent, everybody, queue

from py_callcenter.config import Config, Node
from py_callcenter.engine.actions import Originate
from py_callcenter.engine.capacity import Capacity
from py_callcenter.sim import Behaviour
from py_callcenter.sim.dialstrings import DialError

pytestmark = pytest.mark.sim

STATUS = """UP 0 years, 0 days, 0 hours, 0 minutes, 1 second, 874 milliseconds, 618 microseconds
FreeSWITCH (Version 1.11.1-release  64bit) is ready
12 session(s) since startup
7 session(s) - peak 9, last 5min 9
0 session(s) per Sec out of max 300, peak 4, last 5min 4
5000 session(s) max
min idle cpu 0.00/100.00
"""


def office(agents: int, *, per_second: int = 0, **queue_settings: object) -> Config:
    people = [agent(f"a{i:02}") for i in range(agents)]
    node = Node(name=NODE, password="a password", originates_per_second=per_second)
    return everybody([queue(**queue_settings)], people).model_copy(update={"nodes": (node,)})


def fill(world: World, behaviour=ANSWERS) -> None:
    for one in world.config.agents:
        world.phone(one.name, behaviour)


def rung_at(world: World) -> list[float]:
    """When originates left, in seconds since the first."""
    sent = [at for at, action in world.timed if isinstance(action, Originate)]
    return [(at - sent[0]) / SECOND for at in sent]


class Timed(World):
    """A world that notes when each action left."""

    def carry_out(self, outcome):
        self.timed = getattr(self, "timed", [])
        self.timed += [(self.now_us, action) for action in outcome.actions]
        self.asked_for = [*getattr(self, "asked_for", ()), *outcome.doubts]
        super().carry_out(outcome)


def test_the_switch_s_own_words_tell_what_it_takes():
    assert Capacity.from_status(STATUS) == Capacity(300, 5000, 7, 1_000_000)
    up = "UP 1 year, 2 days, 1 hour, 0 minutes, 3 seconds, 874 milliseconds, 618 microseconds"
    assert Capacity.from_status(up).up_us == (((365 + 2) * 24 + 1) * 3600 + 3) * SECOND
    assert Capacity.from_status("-ERR") == Capacity()


def test_twelve_callers_at_once_ring_at_the_pace_that_the_operator_set():
    world = Timed(office(12, per_second=5))
    fill(world)
    for _ in range(12):
        world.call()
    world.run(4)
    at = rung_at(world)
    assert len(at) == 12
    assert all(later - earlier >= 1 for earlier, later in zip(at, at[5:], strict=False)), at
    assert at[-1] < 2.2, "and not slower than that"
    assert not world.all("offer-ended") or {r.outcome for r in world.all("offer-ended")} == {"answered"}


def test_without_a_setting_half_of_what_the_switch_lets_through_is_ours():
    world = Timed(office(12))
    world.switch.sessions_per_second = 9
    world.carry_out(world.engine.on_capacity(NODE, Capacity(9, 1000, 0), (), world.now_us))
    fill(world)
    for _ in range(12):
        world.call()
    world.run(9)
    at = rung_at(world)
    assert len(at) == 12
    assert all(later - earlier >= 1 for earlier, later in zip(at, at[4:], strict=False)), at
    assert not world.all("node-throttled"), "the switch never had to refuse"
    assert len(world.all("call-answered")) == 12


def test_a_caller_who_leaves_while_the_phone_waits_its_turn_rings_nobody():
    world = Timed(office(3, per_second=1))
    fill(world)
    world.call()
    second = world.call()
    world.run(0.1)
    assert len(rung_at(world)) == 1
    world.does(second.hang_up)
    world.run(3)
    assert len(rung_at(world)) == 1, "the second caller's phone never rang"
    assert {world.agent(f"a0{i}").state for i in (1, 2)} == {"waiting"}
    assert [r.outcome for r in world.all("offer-ended")] == ["withdrawn", "answered"]


def test_when_everybody_rings_the_first_phone_of_the_next_caller_comes_before_further_ones():
    world = Timed(office(4, per_second=2, strategy="ring-all"))
    fill(world, IGNORES)
    first = world.call()
    world.run(0.1)
    assert [r.agent for r in world.all("offer-made")] == ["a00", "a01", "a02", "a03"]
    sent = world.sent(Originate)
    assert len(sent) == 2, "two phones ring, two wait their turn"
    world.run(1.5)
    assert len(world.sent(Originate)) == 4
    world.does(first.hang_up)
    world.run(3)
    world.assert_quiet()


def test_a_throttling_switch_blames_nobody_and_the_caller_keeps_the_place():
    """The limit was lowered while nobody told us: originates come back refused."""
    world = Timed(office(4))
    world.switch.sessions_per_second = 2
    fill(world)
    callers = [world.call() for _ in range(4)]
    world.run(0.5)
    assert len(world.all("call-ended")) == 0
    refused = [r for r in world.all("offer-ended") if r.outcome == "path_error"]
    assert refused
    assert {r.cause for r in refused} == {"DESTINATION_OUT_OF_ORDER"}
    assert len(world.all("node-throttled")) == 1, "refused together is one lesson"
    for name in ("a00", "a01", "a02", "a03"):
        line = world.agent(name)
        assert line.ready_at_us == 0, "nobody rests for it"
        assert line.no_answer_count == 0
    world.run(40)
    assert len(world.all("call-answered")) == 4, "everybody is served in the end"
    answered = [r.call for r in world.all("call-answered")]
    assert answered == [call.uuid for call in callers], "in the order in which they came"


def test_a_limit_that_an_operator_lowers_is_asked_for_when_the_switch_refuses_and_then_kept():
    world = Timed(office(1))
    fill(world)
    world.switch.sessions_per_second = 1

    world.call()
    world.call()
    world.run(0.5)
    assert world.all("node-throttled")
    assert NODE in world.asked_for

    world.run(20)
    world.switch.max_sessions = 0  # refuses on and on
    world.call()
    world.run(30)
    assert len(world.asked_for) == 1, "to look costs a switch that is short something, too"
    world.run(60)
    assert len(world.asked_for) == 2


def test_pauses_grow_while_the_switch_keeps_refusing_and_end_when_it_takes_calls_again():
    world = Timed(office(1))
    world.switch.max_sessions = 0
    fill(world)
    world.call()
    world.run(20)
    at = rung_at(world)
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert gaps == pytest.approx([1, 2, 4, 8], abs=0.1)
    world.switch.max_sessions = 100
    world.run(20)
    assert len(world.all("call-answered")) == 1
    assert "pressure" not in str(world.engine.view(world.now_us).nodes[0].held)


def test_a_full_switch_is_not_even_asked():
    world = Timed(office(2))
    world.switch.max_sessions = 10
    world.carry_out(world.engine.on_capacity(NODE, Capacity(100, 10, 9), (), world.now_us))
    fill(world)
    world.call()
    world.run(3)
    assert not world.sent(Originate), "the caller's own channel was the last one"
    assert world.agent("a00").state == "waiting"
    world.carry_out(world.engine.on_capacity(NODE, Capacity(100, 10, 5), (), world.now_us))
    world.run(6)
    assert len(world.all("call-answered")) == 1


def test_one_phone_that_always_fails_so_is_not_taken_for_a_full_switch():
    """The same cause may mean something else: others get through meanwhile, so it is this phone's way."""
    world = Timed(office(2, strategy="top-down"))
    fill(world)
    make = world.switch._make_leg

    def refuse_a00(work, target):
        if "a00" in target.contact:
            raise DialError("DESTINATION_OUT_OF_ORDER")
        return make(work, target)

    world.switch._make_leg = refuse_a00
    for _ in range(2):
        world.call()
    world.run(30)
    assert len(world.all("call-answered")) == 1, "the other agent talks"
    assert world.agent("a00").ready_at_us > 0 or world.all("node-throttled")
    throttled = len(world.all("node-throttled"))
    world.run(60)
    assert len(world.all("node-throttled")) <= throttled + 2


def test_when_far_behind_no_new_offers_begin_and_agents_stay_free():
    world = Timed(office(12, per_second=1))
    fill(world)
    for _ in range(12):
        world.call()
    world.run(0.1)
    states = [world.agent(f"a{i:02}").state for i in range(12)]
    assert "pressure" in world.engine.view(world.now_us).nodes[0].held
    assert states.count("waiting") >= 8, "agents aren't kept for callers of a node that is behind"
    world.run(20)
    assert len(world.all("call-answered")) == 12


def stand_by(agents: int) -> Timed:
    """A switch that begins ten channels a second, and agents whose phones stay connected."""
    config = office(agents + 1)
    people = [
        one.model_copy(update={"type": "uuid-standby"}) if one.name != "a00" else one for one in config.agents
    ]
    world = Timed(everybody(list(config.queues), people).model_copy(update={"nodes": config.nodes}))
    world.switch.sessions_per_second = 10
    world.carry_out(world.engine.on_capacity(NODE, Capacity(10, 1000, 0), (), world.now_us))
    fill(world, Behaviour("answer", answer_after_us=SECOND))
    return world


def up(world: World) -> int:
    return sum(one.up for one in world.engine._state.reach.standing.values())


def test_phones_that_stay_connected_are_called_little_by_little_and_after_callers_phones():
    """A switch restarts, and all of them are to be called again: callers are let in meanwhile."""
    world = stand_by(20)
    world.run(3)
    before = len(world.sent(Originate))
    call = world.call()
    assert call.alive, "the switch still lets callers in"
    world.run(0.1)
    assert world.sent(Originate)[before].devices[0].contact.startswith("sofia/internal/a00@"), "at once"
    world.run(9)

    assert up(world) == 20
    assert not world.all("node-throttled")
    at = rung_at(world)
    assert all(later - earlier >= 1 for earlier, later in zip(at, at[4:], strict=False)), at


def test_a_full_switch_is_no_fault_of_the_phones_that_stay_connected():
    world = stand_by(3)
    world.switch.max_sessions = 0
    world.run(40)
    assert not up(world)
    throttled = world.all("node-throttled")
    assert 0 < len(throttled) < 8, "asked again with growing pauses"
    assert len(world.sent(Originate)) <= len(throttled) + 1, "refused together is one lesson"

    world.switch.max_sessions = 100
    world.carry_out(world.engine.on_capacity(NODE, Capacity(10, 100, 0), (), world.now_us))
    world.run(34)
    assert up(world) == 3
    assert {one.failures for one in world.engine._state.reach.standing.values()} == {0}
