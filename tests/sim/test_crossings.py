"""Moments that cross: each pair of them in every order, and within 50 ms of each other in steps of 1 ms.

F22 the caller hangs up, F23 the agent does, F24 several agents answer, F25 a bridge comes to nothing, F26 it
breaks at once, F27 an agent hangs up from hold, F28 transfers. The checker of the storm judges each of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sim.storm.centre import Centre
from sim.storm.plan import AgentPlan, Plan
from sim.storm.rules import Rules
from sim.storm.run import everybody_hangs_up
from sim.storm.truth import Truth

from py_callcenter.config import Queue, Tier
from py_callcenter.sim import Behaviour

pytestmark = [pytest.mark.sim, pytest.mark.usefixtures("quiet")]

APART_MS = range(-50, 51)
MANUAL = Behaviour("manual")
Act = Callable[["Crossing"], Any]


class Crossing:
    """One caller, some agents whose phones are in the test's hands, and the checker."""

    def __init__(
        self,
        agents: int = 2,
        strategy: str = "longest-idle-agent",
        *,
        latency_us: int = 200,
        **settings: Any,
    ) -> None:
        names = [f"a{number}" for number in range(agents)]
        queues = tuple(
            Queue(name=name, strategy=strategy, after_call="voicemail", on_exit_key="voicemail", **settings)
            for name in ("support", "sales")
        )
        plan = Plan(
            seed=1, seconds=60, nodes=1, queues=queues,
            agents=tuple(AgentPlan(name, 1, 1, 10, 0, 0, 0, 0, 0, 0, 0) for name in names),
            tiers=tuple(Tier(queue=queue.name, agent=name) for queue in queues for name in names),
            calls=(), faults=(), wrap_up_s=1.0, delay_s=1.0, poked=True, latency_us=latency_us,
        )  # fmt: skip
        self.truth = Truth()
        self.rules = Rules(self.truth)
        self.centre = Centre(plan, self.truth)
        self.rules.attach(self.centre)
        self.centre.start()
        self.centre.run(0.5)
        self.switch = self.centre.switches[0]
        for person in self.centre.people.agents.values():
            person._behave = lambda _rng: MANUAL
            for phone in person.phones:
                phone.behaviour = MANUAL
        self.call = self.centre.people.call(0, "queue_support")
        self.centre.run(0.5)

    def phone(self, name: str = "") -> Any:
        """The phone of an agent; of whoever is being called when nobody is named."""
        phones = {person.plan.name: person.phones[0] for person in self.centre.people.agents.values()}
        if name:
            return phones[name]
        return next((phone for phone in phones.values() if phone.leg is not None), phones["a0"])

    def do(self, act: Act) -> None:
        """Something happens at the switch now."""
        self.centre.switch_input(0, lambda _switch: act(self))

    def talk(self) -> None:
        """Until caller and agent have been talking for two seconds."""
        self.do(lambda world: world.phone().answer())
        self.centre.run(2)
        assert self.call.partner

    def next_caller(self) -> None:
        """Whoever was there hangs up, and when the agents are rested somebody else calls."""
        everybody_hangs_up(self.centre, self.truth)
        self.centre.run(1.5)
        self.call = self.centre.people.call(0, "queue_support")
        self.centre.run(0.5)

    def cross(self, first: Act, second: Act, apart_ms: int) -> None:
        """Two things, the second `apart_ms` after the first, or before."""
        self.centre.after(0.1, self.do, first)
        self.centre.after(0.1 + apart_ms / 1000, self.do, second)
        self.centre.run(0.3)

    def verdict(self) -> list[str]:
        """What was broken, after everybody was served by people who answer at once and went home."""
        for person in self.centre.people.agents.values():
            for phone in person.phones:
                phone.behaviour = Behaviour("answer", answer_after_us=300_000, talk_us=4_000_000)
        for phone in (person.phones[0] for person in self.centre.people.agents.values()):
            if phone.leg is not None and phone.leg.answer_state == "ringing":
                self.do(lambda _world, phone=phone: phone.answer())
        self.centre.run(25)
        everybody_hangs_up(self.centre, self.truth)
        self.centre.run(40)
        self.rules.at_quiescence()
        return list(map(str, self.rules.violations))


def caller_leaves(world: Crossing) -> None:
    world.call.hang_up()


def caller_presses_the_exit_key(world: Crossing) -> None:
    world.call.press("1")


def agent_rings(world: Crossing) -> None:
    world.phone().ring()


def agent_answers(world: Crossing) -> None:
    world.phone().answer()


def agent_refuses(world: Crossing) -> None:
    world.phone().refuse("busy")


def agent_hangs_up(world: Crossing) -> None:
    world.phone().hang_up()


def agent_holds(world: Crossing) -> None:
    world.phone().hold()


def agent_transfers(world: Crossing) -> None:
    world.phone().refer("queue_sales")


def agent_transfers_out(world: Crossing) -> None:
    world.phone().refer("outside")


def agent_consults(world: Crossing) -> None:
    world.phone().attended_transfer("queue_sales", consult_us=20_000)


def agents_log_out(world: Crossing) -> None:
    for person in world.centre.people.agents.values():
        world.centre.people.set_status(person, "Logged Out")
        world.centre.after(1, world.centre.people.set_status, person, "Available")


def connections_break(world: Crossing) -> None:
    world.centre.health.touch(0, world.centre.now_us)
    world.centre.cut_node(0)


def caller_is_sent_elsewhere(world: Crossing) -> None:
    """To another queue, by another program."""
    world.centre.ask_switch(0, [f"api uuid_transfer {world.call.uuid} queue_sales XML default\n\n".encode()])


def caller_is_sent_out(world: Crossing) -> None:
    """Out of the queues, by another program."""
    world.centre.ask_switch(0, [f"api uuid_transfer {world.call.uuid} voicemail XML default\n\n".encode()])


def controller_dies(world: Crossing) -> None:
    world.centre.health.touch(0, world.centre.now_us)
    world.centre.kill()
    world.centre.after(0.5, world.centre.start)


WHILE_RINGING = (
    caller_leaves, caller_presses_the_exit_key, agent_answers, agent_refuses, agents_log_out,
    connections_break, controller_dies,
)  # fmt: skip
WHILE_TALKING = (
    caller_leaves, agent_hangs_up, agent_holds, agent_transfers, agent_transfers_out, agent_consults,
    agents_log_out, connections_break, controller_dies,
)  # fmt: skip


def pairs(acts: tuple[Act, ...]) -> list[Any]:
    return [
        pytest.param(first, second, id=f"{first.__name__} and {second.__name__}")
        for place, first in enumerate(acts)
        for second in acts[place + 1 :]
    ]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("first", "second"), pairs(WHILE_RINGING))
def test_while_a_phone_rings(first, second):
    """F22 and F23, and whatever else may cross an answer."""
    for apart_ms in APART_MS:
        world = Crossing()
        world.do(agent_rings)
        world.cross(first, second, apart_ms)
        assert world.verdict() == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("from_ms", range(0, 1300, 100))
@pytest.mark.parametrize("who", [caller_leaves, agent_hangs_up], ids=lambda act: act.__name__)
def test_from_the_answer_until_a_second_after_the_bridge(who, from_ms):
    """F22, F23: at every millisecond. One caller after the other, so that only the last must go home."""
    world = Crossing(agents=8)
    for after_ms in range(from_ms, from_ms + 100):
        world.do(agent_rings)
        world.cross(agent_answers, who, after_ms)
        world.centre.run(1.2)
        assert world.rules.violations == [], f"{after_ms} ms"
        world.next_caller()

    assert world.verdict() == []
    assert world.truth.counts["call-offered"] == world.truth.counts["call-ended"] == 101


@pytest.mark.timeout(300)
@pytest.mark.parametrize("agents", [2, 10])
def test_several_agents_answer_within_a_millisecond(agents):
    """F24: one of them has the caller, the others keep their place in the idle order."""
    for apart_us in (*range(0, 1000, 50), *range(1000, 50_000, 1000)):
        world = Crossing(agents, "ring-all")
        for number in range(agents):
            answer = world.phone(f"a{number}").answer
            world.centre.at(
                world.centre.now_us + 100_000 + number * apart_us,
                world.do,
                lambda _world, answer=answer: answer(),
            )
        world.centre.run(1)
        assert len([ring for ring in world.truth.living_rings.values() if ring.leg.partner is not None]) == 1
        assert world.verdict() == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("first", "second"), pairs(WHILE_TALKING))
def test_while_they_talk(first, second):
    """F27, F28, and the ends of a conversation crossing everything else."""
    for apart_ms in APART_MS:
        world = Crossing()
        world.do(agent_rings)
        world.talk()
        world.cross(first, second, apart_ms)
        assert world.verdict() == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("apart_ms", range(60))
@pytest.mark.parametrize("second", [caller_leaves, agent_hangs_up], ids=lambda act: act.__name__)
def test_a_bridge_that_comes_to_nothing(second, apart_ms, monkeypatch):
    """F25: accepted, and neither leg hears of it; somebody hangs up meanwhile."""
    world = Crossing()
    world.do(agent_rings)
    monkeypatch.setattr(world.switch, "request_bridge", lambda _first, _second: None)
    world.centre.health.touch(0, world.centre.now_us)
    world.cross(agent_answers, second, apart_ms)
    monkeypatch.undo()
    assert world.verdict() == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("apart_ms", range(100))
def test_a_bridge_that_breaks_at_once(apart_ms, monkeypatch):
    """F26: bridged and parted with nobody hanging up: not an answer, and the place is kept."""
    world = Crossing()
    world.do(agent_rings)
    switch: Any = world.switch
    joined = switch.join_legs

    def breaks(first: Any, second: Any) -> None:
        joined(first, second)
        switch.after(apart_ms * 1000, switch._part, second)

    monkeypatch.setattr(switch, "join_legs", breaks)
    world.centre.health.touch(0, world.centre.now_us)
    world.do(agent_answers)
    world.centre.run(0.3)
    monkeypatch.undo()
    world.centre.run(2)
    assert world.verdict() == []

    assert world.truth.counts["call-offered"] == 1


def fall_apart(world: Crossing, agents: Any) -> None:
    """A bridge ends with nobody hanging up. An agent whose caller somebody has just sent elsewhere is hung up
    by the switch, as in any bridge; else that is left to us.
    """
    caller = agents.partner
    sent_on = caller is not None and caller.routing is not None
    world.switch._part(agents)
    if sent_on and agents.alive:
        world.switch._hang_up_at_once(agents, "NORMAL_CLEARING")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", [caller_leaves, caller_presses_the_exit_key], ids=lambda act: act.__name__)
def test_several_agents_answer_as_the_caller_leaves(first):
    """F24 and F22: nobody is left with a phone that talks to nobody."""
    for apart_ms in APART_MS:
        world = Crossing(3, "ring-all")
        world.centre.after(0.1, world.do, first)
        for number in range(3):
            answer = world.phone(f"a{number}").answer
            world.centre.after(
                0.1 + apart_ms / 1000 + number / 1e4, world.do, lambda _world, answer=answer: answer()
            )
        world.centre.run(1)
        assert world.verdict() == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("sent", "second"),
    [
        (caller_is_sent_out, agent_hangs_up),
        (caller_is_sent_out, connections_break),
        (caller_is_sent_elsewhere, agent_hangs_up),
    ],
    ids=lambda act: act.__name__,
)
@pytest.mark.parametrize("apart_ms", [-5, 0, 5, 20])
@pytest.mark.parametrize("latency_us", [200, 15_000])
def test_a_caller_is_sent_elsewhere_as_they_are_joined(sent, second, apart_ms, latency_us):
    """F28 and F23 or F26, at every millisecond from 50 before the answer to 100 after it."""
    for after_ms in range(-50, 101):
        world = Crossing(latency_us=latency_us)
        world.do(agent_rings)
        world.centre.after(0.1 + (after_ms + apart_ms) / 1000, world.do, second)
        world.cross(agent_answers, sent, after_ms)
        world.centre.run(1)
        if sent is caller_is_sent_out and not world.call.partner:
            assert world.call.leg.profile.destination == "voicemail", f"{after_ms} ms"
            assert not world.call.leg.parked, f"{after_ms} ms"
            assert world.truth.counts["queue-entered"] == 1, f"{after_ms} ms"
        assert world.verdict() == [], f"{after_ms} ms"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "second",
    [caller_leaves, agent_hangs_up, agent_holds, agent_transfers, caller_is_sent_elsewhere],
    ids=lambda act: act.__name__,
)
def test_a_bridge_breaks_at_once_as_somebody_leaves(second, monkeypatch):
    """F26 and F22, F23, F27 or F28."""
    for apart_ms in APART_MS:
        world = Crossing()
        world.do(agent_rings)
        switch: Any = world.switch
        joined = switch.join_legs

        def breaks(first: Any, other: Any, world=world, joined=joined, apart_ms=apart_ms) -> None:
            joined(first, other)
            world.centre.after(0.06, world.do, lambda world: fall_apart(world, other))
            world.centre.after(0.06 + apart_ms / 1000, world.do, second)

        with monkeypatch.context() as patch:
            patch.setattr(switch, "join_legs", breaks)
            world.centre.health.touch(0, world.centre.now_us)
            world.do(agent_answers)
            world.centre.run(0.3)
        world.centre.run(2)
        assert world.verdict() == [], f"{apart_ms} ms"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "second",
    [caller_leaves, agent_transfers, agent_transfers_out, agents_log_out, connections_break, controller_dies],
    ids=lambda act: act.__name__,
)
def test_an_agent_hangs_up_from_hold_and(second):
    """F27 and F22, F28, or a loss of ours."""
    for apart_ms in APART_MS:
        world = Crossing()
        world.do(agent_rings)
        world.talk()
        world.do(agent_holds)
        world.centre.run(1)
        world.cross(agent_hangs_up, second, apart_ms)
        assert world.verdict() == [], f"{apart_ms} ms"


@pytest.mark.timeout(300)
def test_several_agents_answer_as_the_first_of_them_hangs_up():
    """F24 and F23: whoever hangs up takes neither the caller nor the others along."""
    for apart_ms in APART_MS:
        world = Crossing(3, "ring-all")
        for number in range(3):
            phone = world.phone(f"a{number}")
            world.centre.after(0.1 + number / 1e4, world.do, lambda _world, phone=phone: phone.answer())
        first = world.phone("a0")
        world.centre.after(0.1 + apart_ms / 1000, world.do, lambda _world, phone=first: phone.hang_up())
        world.centre.run(1)
        assert world.call.alive, f"{apart_ms} ms"
        assert world.verdict() == [], f"{apart_ms} ms"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("comes_to", ["nothing", "pieces"])
def test_several_agents_answer_and_the_bridge_comes_to(comes_to, monkeypatch):
    """F24 and F25 or F26: the others' phones are quiet, and the caller has somebody in the end."""
    for apart_ms in range(51):
        world = Crossing(3, "ring-all")
        world.centre.health.touch(0, world.centre.now_us)
        switch: Any = world.switch
        joined = switch.join_legs

        def breaks(first: Any, other: Any, joined=joined, switch=switch) -> None:
            joined(first, other)
            switch.after(10_000, switch._part, other)

        with monkeypatch.context() as patch:
            if comes_to == "nothing":
                patch.setattr(switch, "request_bridge", lambda _first, _second: None)
            else:
                patch.setattr(switch, "join_legs", breaks)
            for number in range(3):
                phone = world.phone(f"a{number}")
                world.centre.after(
                    0.1 + number * apart_ms / 1000, world.do, lambda _world, phone=phone: phone.answer()
                )
            world.centre.run(0.4)
        world.centre.run(4)
        assert world.call.alive, f"{apart_ms} ms"
        assert world.verdict() == [], f"{apart_ms} ms"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "second", [caller_is_sent_elsewhere, agent_transfers, agent_holds], ids=lambda act: act.__name__
)
def test_a_bridge_that_comes_to_nothing_as_somebody_moves_the_caller(second, monkeypatch):
    """F25 and F28 or F27."""
    for apart_ms in APART_MS:
        world = Crossing()
        world.do(agent_rings)
        world.centre.health.touch(0, world.centre.now_us)
        with monkeypatch.context() as patch:
            patch.setattr(world.switch, "request_bridge", lambda _first, _second: None)
            world.cross(agent_answers, second, apart_ms)
        assert world.call.alive, f"{apart_ms} ms"
        assert world.verdict() == [], f"{apart_ms} ms"


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("agents", "second"),
    [(1, caller_is_sent_elsewhere), (3, caller_is_sent_elsewhere), (1, agent_transfers)],
    ids=["one is asked", "three are asked", "the agent does it"],
)
def test_the_caller_is_moved_as_the_bridge_comes_about(agents, second):
    """F28 around the answers of one or of several (F24)."""
    for apart_ms in APART_MS:
        world = Crossing(agents, "ring-all")
        for number in range(agents):
            phone = world.phone(f"a{number}")
            world.centre.after(0.1 + number / 1e4, world.do, lambda _world, phone=phone: phone.answer())
        world.centre.after(0.1 + apart_ms / 1000, world.do, second)
        world.centre.run(1)
        assert world.call.alive, f"{apart_ms} ms"
        assert world.verdict() == [], f"{apart_ms} ms"
