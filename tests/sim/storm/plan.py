"""What will happen in a simulated stretch of time: who calls, who works, what goes wrong, drawn from a seed.

A plan is plain data, so that a failing one can be made smaller: each person and each fault draws from a
stream of its own, and taking one away leaves the others as they were.
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field, replace

from py_callcenter.config import Agent, BreakReason, Breaks, Config, Controller, Node, Queue, Tier
from py_callcenter.engine.standby import TYPE as STANDS_BY

SECOND = 1_000_000
QUEUE_NAMES = ("support", "sales", "billing", "night")
OUTSIDE = "sofia/internal/outside@127.0.0.1:5099"
DIAL_OUT = "sofia/gateway/trunk/{number}"
COLLEAGUE = "+15550199"
"""Somebody outside whom agents ask."""

SHORTEST_S, LONGEST_S = 30.0, 600.0
"""Of what is drawn; people go home after that."""

LATER_FAULTS = frozenset({5, 24, 26, 35, 37, 43, 44})
"""Drawn from a stream of their own, so that a seed without them stays the story that it was."""

HABITS = ("standby", "consult", "transfer", "breaks", "strangers")
"""What people do beside calling and answering; each drawn from a stream of its own, likewise."""


@dataclass(frozen=True, slots=True)
class CallPlan:
    """One caller."""

    number: int
    at_s: float
    node: int
    destination: str
    patience_s: float
    talk_s: float | None
    """When the caller ends the conversation; None = the agent does."""
    presses: str = ""
    presses_after_s: float = 0.0
    name: str = "Caller"


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """One agent and how they treat calls."""

    name: str
    phones: int
    ring_to_answer_s: float
    talk_s: float
    no_answer: float
    reject: float
    busy: float
    hold: float
    transfer: float
    attended: float
    moods_s: float
    """Mean time between changes of status by hand; 0 = never."""


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """One misfortune: F-number of the list of faults, when, how long, where, how bad (0…1)."""

    fault: int
    index: int
    at_s: float
    for_s: float
    node: int
    level: float


@dataclass(frozen=True, slots=True)
class Plan:
    """All of it."""

    seed: int
    seconds: float
    nodes: int
    queues: tuple[Queue, ...]
    agents: tuple[AgentPlan, ...]
    tiers: tuple[Tier, ...]
    calls: tuple[CallPlan, ...]
    faults: tuple[FaultPlan, ...]
    wrap_up_s: float
    delay_s: float
    poked: bool
    latency_us: int
    skew_s: tuple[float, ...] = field(default=(0.0, 0.0, 0.0))
    """How far each node's clock is off."""
    standby: tuple[str, ...] = ()
    """Agents whose leg stays up."""
    consult_s: float = 0.0
    """Mean time between two consultations that are asked for through the API; 0 = none."""
    transfer_s: float = 0.0
    """The same of transfers."""
    break_s: float = 0.0
    """The same of what agents do about breaks: ask, withdraw, come back."""
    breaks: Breaks = field(default_factory=Breaks)
    """Their reasons and quotas."""
    stranger_s: float = 0.0
    """Mean time between two warm transfers by people outside the queues; 0 = none."""

    def config(self) -> Config:
        """The configuration of the call centre."""
        names = {agent.name for agent in self.agents}
        way_out = DIAL_OUT if self.consult_s else None
        return Config(
            controller=Controller(outside_number="+15550100"),
            nodes=tuple(
                Node(name=f"fs{node + 1}", port=8021 + node, password="ClueCon", dial_out=way_out)
                for node in range(self.nodes)
            ),
            queues=self.queues,
            agents=tuple(
                Agent(
                    name=agent.name,
                    type=STANDS_BY if agent.name in self.standby else "callback",
                    contacts=tuple(
                        contact(agent.name, place)
                        for place in range(1 if agent.name in self.standby else agent.phones)
                    ),
                    status="Available",
                    wrap_up_time=self.wrap_up_s,
                    busy_delay_time=self.delay_s,
                    reject_delay_time=self.delay_s,
                    no_answer_delay_time=self.delay_s,
                    max_no_answer=0,
                )
                for agent in self.agents
            ),
            tiers=tuple(tier for tier in self.tiers if tier.agent in names),
            breaks=self.breaks if self.break_s else Breaks(),
        )

    def numbers(self) -> list[int]:
        """The faults in it, by number."""
        return sorted({fault.fault for fault in self.faults})

    def only(self, faults: set[int]) -> Plan:
        """The same without other faults."""
        return replace(self, faults=tuple(fault for fault in self.faults if fault.fault in faults))

    @property
    def habits(self) -> tuple[str, ...]:
        """Which of `HABITS` people have."""
        has = (self.standby, self.consult_s, self.transfer_s, self.break_s, self.stranger_s)
        return tuple(name for name, has_it in zip(HABITS, has, strict=True) if has_it)

    def with_habits(self, kept: tuple[str, ...]) -> Plan:
        """The same with these of its habits only."""
        return replace(
            self,
            standby=self.standby if "standby" in kept else (),
            consult_s=self.consult_s if "consult" in kept else 0.0,
            transfer_s=self.transfer_s if "transfer" in kept else 0.0,
            break_s=self.break_s if "breaks" in kept else 0.0,
            stranger_s=self.stranger_s if "strangers" in kept else 0.0,
        )

    def smaller(
        self,
        *,
        faults: tuple[FaultPlan, ...] | None = None,
        calls: tuple[CallPlan, ...] | None = None,
        agents: tuple[AgentPlan, ...] | None = None,
        seconds: float | None = None,
    ) -> Plan:
        """The same with fewer of something."""
        plan = replace(
            self,
            faults=self.faults if faults is None else faults,
            calls=self.calls if calls is None else calls,
            agents=self.agents if agents is None else agents,
        )
        if seconds is None:
            return plan
        return replace(
            plan,
            seconds=seconds,
            calls=tuple(call for call in plan.calls if call.at_s < seconds),
            faults=tuple(fault for fault in plan.faults if fault.at_s < seconds),
        )


def contact(agent: str, place: int) -> str:
    """How the switch reaches one phone of an agent."""
    return f"sofia/internal/{agent}-{place}@127.0.0.1:5085"


def draw(
    seed: int,
    faults: tuple[int, ...],
    habits: tuple[str, ...] = (),
    always: tuple[str, ...] = (),
    *,
    brief: bool = False,
) -> Plan:
    """The plan of a seed; `faults` are the numbers that may happen, `habits` what people may do; in each seed
    some of it, and `always` these. `brief`: as likely shorter than 134 s as longer, where it's 315 s else,
    and at most 130 calls, not 220: more seeds in the same time.
    """
    rng = random.Random(f"plan {seed}")
    seconds = rng.uniform(SHORTEST_S, LONGEST_S)
    if brief:  # its logarithm is uniform, out of the same draw
        seconds = SHORTEST_S * (LONGEST_S / SHORTEST_S) ** ((seconds - SHORTEST_S) / (LONGEST_S - SHORTEST_S))
    nodes = rng.choice((1, 1, 1, 2, 2, 3))
    queues = tuple(_queue(rng, name) for name in QUEUE_NAMES[: rng.randint(1, 4)])
    agents = tuple(_agent(rng, f"a{number}") for number in range(rng.randint(1, 12)))
    tiers = _tiers(rng, queues, agents)
    count = round(math.exp(rng.uniform(math.log(6), math.log(130 if brief else 220))))
    later = tuple(number for number in faults if number in LATER_FAULTS)
    faults = tuple(number for number in faults if number not in LATER_FAULTS)
    plan = Plan(
        seed=seed,
        seconds=seconds,
        nodes=nodes,
        queues=queues,
        agents=agents,
        tiers=tiers,
        calls=_calls(rng, count, seconds, nodes, queues),
        faults=_faults(rng, faults, seconds, nodes),
        wrap_up_s=rng.choice((0.0, 1.0, 5.0, 10.0)),
        delay_s=rng.choice((1.0, 5.0)),
        poked=rng.random() < 0.7,
        latency_us=rng.choice((50, 200, 1000, 5000)),
        skew_s=tuple(
            rng.uniform(-300, 300) if 38 in faults and rng.random() < 0.3 else 0.0 for _ in range(3)
        ),
    )
    plan = replace(plan, faults=plan.faults + _later_faults(plan, later, alone=not faults))
    return _with_habits(plan, always).with_habits(habits)


def _later_faults(plan: Plan, allowed: tuple[int, ...], *, alone: bool) -> tuple[FaultPlan, ...]:
    """Each of them in one seed of ten, once or twice; in every seed when no others may happen."""
    faults = []
    for number in allowed:
        rng = random.Random(f"fault {number} of {plan.seed}")
        if rng.random() < (1.0 if alone else 0.1):
            faults += [
                FaultPlan(
                    fault=number,
                    index=100 * number + place,
                    at_s=rng.uniform(0, plan.seconds * 0.9),
                    for_s=math.exp(rng.uniform(math.log(0.2), math.log(60))),
                    node=rng.randrange(plan.nodes),
                    level=rng.random(),
                )
                for place in range(rng.choice((1, 1, 2)))
            ]
    return tuple(faults)


def _with_habits(plan: Plan, always: tuple[str, ...]) -> Plan:
    """What the people of this seed do; a leg that stays up is on the first node, so with one only."""
    standby, consult, transfer, breaks, strangers = (
        random.Random(f"{habit} {plan.seed}") for habit in HABITS
    )
    chance = {habit: 1.0 if habit in always else 0.35 for habit in HABITS}
    share = standby.uniform(0.1, 0.7) if standby.random() < chance["standby"] and plan.nodes == 1 else 0.0
    return replace(
        plan,
        standby=tuple(agent.name for agent in plan.agents if standby.random() < share),
        consult_s=consult.uniform(5, 40) if consult.random() < chance["consult"] else 0.0,
        transfer_s=transfer.uniform(5, 40) if transfer.random() < chance["transfer"] else 0.0,
        break_s=breaks.uniform(1, 8) if breaks.random() < chance["breaks"] else 0.0,
        breaks=_breaks(breaks),
        stranger_s=strangers.uniform(5, 40) if strangers.random() < chance["strangers"] else 0.0,
    )


def _breaks(rng: random.Random) -> Breaks:
    """Few places, so that agents stand in line for them."""
    return Breaks(
        quota=rng.choice((0, 0, 1, 2, 3)),
        reasons=tuple(
            BreakReason(
                name=name,
                quota=rng.choice((0, 1, 1, 2)),
                time_limit=rng.choice((0, 10, 30, 60)),
                when_over=rng.choice((None, None, "Available", "Logged Out")),
            )
            for name in ("lunch", "coffee", "training")[: rng.randint(1, 3)]
        ),
    )


def _queue(rng: random.Random, name: str) -> Queue:
    return Queue(
        name=name,
        strategy=rng.choice(
            (
                "longest-idle-agent",
                "longest-idle-agent",
                "round-robin",
                "top-down",
                "ring-all",
                "ring-progressively",
            )
        ),
        ring_progressively_delay=rng.choice((2, 5)),
        moh_sound=rng.choice(("local_stream://moh", None)),
        agent_originate_timeout=rng.randint(5, 20),
        max_wait_time=rng.choice((0, 0, 0, 45, 90)),
        max_callers=rng.choice((0, 0, 0, 8)),
        max_wait_time_with_no_agent=rng.choice((0, 0, 20)),
        # A circle of overflows (F33) is possible: each way round takes its callers' time.
        on_timeout=rng.choice(("voicemail", "hangup", "queue_sales")),
        on_no_agent="voicemail",
        on_full="voicemail",
        on_exit_key=rng.choice(("voicemail", "queue_support")),
        after_call=rng.choice(("hangup", "hangup", "voicemail")),
    )


def _agent(rng: random.Random, name: str) -> AgentPlan:
    careless = rng.random()
    return AgentPlan(
        name=name,
        phones=rng.choice((1, 1, 1, 2)),
        ring_to_answer_s=rng.uniform(1, 5),
        talk_s=rng.uniform(3, 40),
        no_answer=0.15 * careless,
        reject=0.1 * rng.random(),
        busy=0.1 * rng.random(),
        hold=rng.choice((0, 0.3)),
        transfer=rng.choice((0, 0, 0.2)),
        attended=rng.choice((0, 0.4)),
        moods_s=rng.choice((0, 0, 60, 200)),
    )


def _tiers(rng: random.Random, queues: tuple[Queue, ...], agents: tuple[AgentPlan, ...]) -> tuple[Tier, ...]:
    tiers = [
        Tier(queue=queues[0].name, agent=agent.name, level=rng.randint(1, 2), position=rng.randint(1, 3))
        for agent in agents
    ]
    for queue in queues[1:]:
        tiers += [Tier(queue=queue.name, agent=agent.name) for agent in agents if rng.random() < 0.6]
    return tuple(tiers)


def _calls(
    rng: random.Random, count: int, seconds: float, nodes: int, queues: tuple[Queue, ...]
) -> tuple[CallPlan, ...]:
    moments = sorted(rng.uniform(0, seconds) for _ in range(count))
    calls = []
    for number, at_s in enumerate(moments):
        own = random.Random(rng.getrandbits(64))
        destination = f"queue_{own.choice(queues).name}" if own.random() < 0.98 else "queue_nowhere"
        calls.append(
            CallPlan(
                number=number,
                at_s=at_s,
                node=own.randrange(nodes),
                destination=destination,
                patience_s=own.weibullvariate(60, 0.8),
                talk_s=own.lognormvariate(math.log(20), 0.8) if own.random() < 0.5 else None,
                presses=own.choice(("", "", "", "1", "*2")),
                presses_after_s=own.uniform(0, 30),
            )
        )
    return tuple(calls)


def _faults(
    rng: random.Random, allowed: tuple[int, ...], seconds: float, nodes: int
) -> tuple[FaultPlan, ...]:
    """A random subset at random rates; one seed in five goes well."""
    if not allowed or rng.random() < 0.2:
        return ()
    chosen = rng.sample(allowed, min(len(allowed), rng.choice((1, 1, 2, 2, 3, 4, 6))))
    faults = []
    index = 0
    for number in sorted(chosen):
        for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
            faults.append(
                FaultPlan(
                    fault=number,
                    index=index,
                    at_s=rng.uniform(0, seconds * 0.9),
                    for_s=math.exp(rng.uniform(math.log(0.2), math.log(60))),
                    node=rng.randrange(nodes),
                    level=rng.random(),
                )
            )
            index += 1
    return tuple(faults)
