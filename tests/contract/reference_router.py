"""The routing rules in plain Python: slow, obvious, and the same interface as `py_callcenter._router.Router`.

Nothing here is kept in order or remembered for speed: each question sorts and counts everything anew.
Where the compiled router and this file differ, one of them is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction

from contract.reference_breaks import AgentBreak, BreakNews, Breaks, Reason, Rest
from contract.reference_reasons import Explanation, explain
from contract.reference_skills import Expr, Skills, holds, read

from py_callcenter._router import RouterError

MAX_US = 10**17
MAX_NAME = 10_000
MAX_INT = 2**63 - 1
MAX_MISSES = 1_000_000

STRATEGIES = (
    "longest-idle-agent",
    "round-robin",
    "top-down",
    "agent-with-least-talk-time",
    "agent-with-fewest-calls",
    "sequentially-by-agent-order",
    "random",
    "weighted-random",
    "least-occupied",
    "ring-all",
    "ring-progressively",
    "ring-k",
)
STATUSES = ("Available", "Available (On Demand)", "On Break", "Logged Out")
TAKES_CALLS = ("Available", "Available (On Demand)")
STATES = (
    "waiting",
    "reserved",
    "receiving",
    "in_a_queue_call",
    "wrap_up",
    "idle",
    "busy_elsewhere",
    "on_break",
    "logged_out",
)
REFUSALS = ("busy", "rejected", "no_answer", "unreachable", "unregistered")
COUNTED = {
    "no_answer": "no_answer",
    "unreachable": "no_answer",
    "busy": "busy",
    "rejected": "reject",
    "unregistered": "unregistered",
}
"""The limit that a fault counts towards."""
KINDS = ("no_answer", "busy", "reject", "unregistered")
FAULTS = ("busy", "rejected", "no_answer", "unreachable", "unregistered", "path_error", "withdrawn")
TRIES = 16  # lots drawn among all agents before those who meet a demand are listed

Steps = str | list[tuple[int, str]]
Ladder = list[tuple[int, str, Expr]]  # from which waited time on, demand in canonical form, its meaning


@dataclass(frozen=True)
class Proposal:
    offer: int
    caller: int
    agent: int
    queue: int


@dataclass(frozen=True)
class AgentView:
    name: str
    status: str
    state: str
    state_since_us: int
    idle_since_us: int
    ready_at_us: int
    no_answer_count: int
    busy_count: int
    reject_count: int
    unregistered_count: int
    calls_answered: int
    talk_us: int
    external_calls: int


@dataclass
class Queue:
    id: int
    name: str
    strategy: str
    statuses: dict[str, str]
    ring_progressively_delay_us: int
    ring_count: int
    occupancy_window_us: int
    tier_rules_apply: bool
    tier_rule_wait_us: int
    tier_rule_wait_multiply_level: bool
    tier_rule_no_agent_no_wait: bool
    tier_rules_compatible: bool
    skip_agents_with_external_calls: bool
    refusal_memory: bool
    ladder: Ladder
    queue_priority: int
    queue_weight: int
    service_level_us: int
    overtaking_cap: int | None
    passes: list[int] = field(default_factory=list)  # the newest caller's id at each passing-over


@dataclass
class Agent:
    id: int
    name: str
    settings: dict[str, int]
    limits: dict[str, int]
    reset_counters: bool
    skills: dict[str, int]
    status: str = "Logged Out"
    state: str = "logged_out"
    state_since_us: int = 0
    idle_since_us: int = 0
    served_on_demand: bool = False
    rest: str = ""  # "wrap_up", "delay" or nothing
    rest_until_us: int = 0
    missed: dict[str, int] = field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    calls_answered: int = 0
    talk_us: int = 0
    hold_until_us: int = 0
    external_calls: int = 0
    work: list[tuple[int, int]] = field(default_factory=list)
    work_since_us: int | None = None


@dataclass
class Tier:
    level: int
    position: int
    opening_delay_us: int
    weight: int
    last_offer: int = 0


@dataclass
class Caller:
    id: int
    queue: int
    entered_us: int
    priority: int
    base_score_us: int
    ladder: Ladder | None
    claimed_by: int = 0
    held: bool = False
    offered_us: int = 0
    tried: tuple[int, int, int] | None = None
    refused: list[int] = field(default_factory=list)
    preferred: int = 0
    preferred_until_us: int = 0

    @property
    def rank(self) -> tuple[int, int, int]:
        return (-self.priority, self.entered_us - self.base_score_us, self.id)


@dataclass
class Offer:
    id: int
    caller: int
    agent: int
    queue: int
    statuses: dict[str, str]
    step: str = "reserved"  # then "ringing", "claimed", "talking"
    withdrawn: bool = False
    talking_since_us: int = 0


@dataclass
class Timer:
    deadline_us: int
    order: int
    token: int


def _number(what: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise RouterError(f"{what} must be {low}…{high}")


def _text(value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RouterError("the text is not valid Unicode") from None


def _word(what: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise RouterError(f"unknown {what}")


def _ladder(steps: Steps) -> Ladder:
    """Read and check demands by waited time, as the catalogue of skills does."""
    known = Skills()
    ladder = known.put_ladder([(0, steps)] if isinstance(steps, str) else steps)
    return [(after_us, text, read(text)[1]) for after_us, text in known.ladders.get(ladder)]


def _name(value: str) -> None:
    _text(value)
    if not 1 <= len(value) <= MAX_NAME:
        raise RouterError("a name must have 1…10000 characters")


def _splitmix(seed: int, number: int) -> int:
    """The number-th lot of a seed, counted from 1: 64 bits by SplitMix64 (Steele, Lea, Flood 2014)."""
    word = (1 << 64) - 1
    mixed = (seed + number * 0x9E3779B97F4A7C15) & word
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & word
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & word
    return mixed ^ (mixed >> 31)


@dataclass(kw_only=True)
class Router:
    seed: int = 0
    _draws: int = 0
    _counts_work: bool = False
    _now_us: int = 0
    _queues: dict[int, Queue] = field(default_factory=dict)
    _agents: dict[int, Agent] = field(default_factory=dict)
    _tiers: dict[tuple[int, int], Tier] = field(default_factory=dict)
    _callers: dict[int, Caller] = field(default_factory=dict)
    _offers: dict[int, Offer] = field(default_factory=dict)
    _timers: list[Timer] = field(default_factory=list)
    _handed_out: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("queue", "agent", "caller", "offer", "timer", "break reason"), 0
        )
    )
    _breaks: Breaks = field(default_factory=Breaks)

    def __post_init__(self) -> None:
        _number("seed", self.seed, 0, 2**64 - 1)

    # Helpers.

    def _next(self, kind: str) -> int:
        self._handed_out[kind] += 1
        return self._handed_out[kind]

    def _clock(self, now_us: int) -> int:
        self._now_us = max(self._now_us, now_us)
        return self._now_us

    def _queue(self, queue: int) -> Queue:
        if queue not in self._queues:
            raise RouterError("no such queue")
        return self._queues[queue]

    def _agent(self, agent: int) -> Agent:
        if agent not in self._agents:
            raise RouterError("no such agent")
        return self._agents[agent]

    def _caller(self, caller: int) -> Caller:
        if caller not in self._callers:
            raise RouterError("no such caller")
        return self._callers[caller]

    def _offer(self, offer: int) -> Offer:
        if offer not in self._offers:
            raise RouterError("no such offer")
        return self._offers[offer]

    def _offer_of_agent(self, agent: int) -> Offer | None:
        return next((offer for offer in self._offers.values() if offer.agent == agent), None)

    def _offers_of_caller(self, caller: int) -> list[Offer]:
        return [o for o in self._offers.values() if o.caller == caller and o.step != "talking"]

    def _state(self, agent: Agent) -> str:
        offer = self._offer_of_agent(agent.id)
        if offer is not None:
            return {
                "reserved": "reserved",
                "ringing": "receiving",
                "claimed": "receiving",
                "talking": "in_a_queue_call",
            }[offer.step]
        if agent.status == "Logged Out":
            return "logged_out"
        if agent.status == "On Break":
            return "on_break"
        if agent.rest == "wrap_up":
            return "wrap_up"
        if agent.served_on_demand:
            return "idle"
        if agent.external_calls:
            return "busy_elsewhere"
        return "waiting"

    def _settle(self) -> None:
        """Note each agent whose state is another than before."""
        for agent in self._agents.values():
            state = self._state(agent)
            if state != agent.state:
                agent.state = state
                agent.state_since_us = self._now_us
                works = state in {"in_a_queue_call", "wrap_up"}
                if works and agent.work_since_us is None and self._counts_work:
                    agent.work_since_us = self._now_us
                if not works and agent.work_since_us is not None:
                    agent.work.append((agent.work_since_us, self._now_us))
                    agent.work_since_us = None

    def _is_ready(self, queue: int, agent: Agent) -> bool:
        """Whether this agent could take a call of this queue now, were there a caller."""
        if agent.rest or agent.hold_until_us:
            return False
        if agent.external_calls and self._queues[queue].skip_agents_with_external_calls:
            return False
        return self._state(agent) in {"waiting", "busy_elsewhere"}

    def _work_lately(self, agent: Agent, window_us: int) -> int:
        """Work in a window that moves on in 32 steps."""
        begin_us = self._now_us - self._now_us % (window_us // 32) - window_us
        return sum(max(0, end - max(begin, begin_us)) for begin, end in agent.work)

    # Which agents a wait opens.

    def _level_wait_us(self, queue: Queue, level: int) -> int:
        """The wait that opens a level, when that doesn't depend on who is there."""
        if not queue.tier_rules_apply or level == 0:
            return 0
        if level == 1 and not queue.tier_rules_compatible:
            return 0
        return queue.tier_rule_wait_us * (level if queue.tier_rule_wait_multiply_level else 1)

    def _is_present(self, queue: Queue, agent: Agent) -> bool:
        if agent.status == "On Break":
            return queue.tier_rules_compatible
        return agent.status in TAKES_CALLS

    def _is_level_open(self, queue: Queue, level: int, waited_us: int) -> bool:
        if waited_us >= self._level_wait_us(queue, level):
            return True
        lower = [
            agent
            for (q, agent), tier in self._tiers.items()
            if q == queue.id and tier.level < level and self._is_present(queue, self._agents[agent])
        ]
        return queue.tier_rule_no_agent_no_wait and not lower

    def _opens_to(self, caller: Caller, agent: Agent) -> bool:
        queue = self._queues[caller.queue]
        tier = self._tiers[queue.id, agent.id]
        waited_us = max(0, self._now_us - caller.entered_us)
        return waited_us >= tier.opening_delay_us and self._is_level_open(queue, tier.level, waited_us)

    def _steps(self, caller: Caller) -> Ladder:
        return self._queues[caller.queue].ladder if caller.ladder is None else caller.ladder

    def _demand(self, caller: Caller) -> tuple[str, Expr]:
        """What this caller demands now."""
        waited_us = max(0, self._now_us - caller.entered_us)
        begun = [(text, expr) for after_us, text, expr in self._steps(caller) if after_us <= waited_us]
        return begun[-1]

    def _meets(self, agent: Agent, caller: Caller) -> bool:
        return holds(self._demand(caller)[1], agent.skills)

    def _is_held(self, caller: Caller) -> bool:
        """Whether this caller waits for one agent only."""
        if not caller.preferred or self._now_us >= caller.preferred_until_us:
            return False
        return self._meets(self._agents[caller.preferred], caller)

    def _release(self, agent: int, queue: int | None = None) -> None:
        """Nobody (of this queue) waits for this agent any more."""
        for caller in self._callers.values():
            if caller.preferred == agent and queue in {None, caller.queue}:
                caller.preferred = 0

    # Which agent of them.

    def _ready(self, queue: int) -> list[Agent]:
        agents = [self._agents[agent] for q, agent in self._tiers if q == queue]
        return [agent for agent in agents if self._is_ready(queue, agent)]

    def _choice(self, caller: Caller) -> Agent | None:
        """The agent whom this caller gets now."""
        ready = self._ready(caller.queue)
        allowed = [agent for agent in ready if not self._protects(agent, caller)]
        if self._is_held(caller):
            return next((agent for agent in allowed if agent.id == caller.preferred), None)
        ready = [agent for agent in ready if self._opens_to(caller, agent)]
        refused = caller.refused if self._queues[caller.queue].refusal_memory else []
        willing = [agent for agent in ready if agent.id not in refused]
        able = [agent for agent in willing if agent in allowed and self._meets(agent, caller)]
        if able and self._queues[caller.queue].strategy in {"random", "weighted-random"}:
            return self._by_lot(caller, willing, able)
        if able:
            return self._best(caller, able)
        ready = [agent for agent in ready if agent in allowed and self._meets(agent, caller)]
        return min(ready, key=lambda agent: refused.index(agent.id), default=None)

    def _may_take(self, agent: Agent, caller: Caller) -> bool:
        """Whether this agent could be given to this caller now, were there no other callers."""
        serves = (caller.queue, agent.id) in self._tiers
        if not serves or not self._is_ready(caller.queue, agent) or not self._is_open(caller):
            return False
        if self._is_held(caller):
            return agent.id == caller.preferred
        return self._opens_to(caller, agent) and self._meets(agent, caller)

    def _is_protected(self, caller: Caller) -> bool:
        queue = self._queues[caller.queue]
        cap = queue.overtaking_cap
        if not cap:
            return cap == 0
        return len(queue.passes) >= cap and caller.id <= queue.passes[-cap]

    def _protects(self, agent: Agent, caller: Caller) -> Caller | None:
        """The first protected one whom this agent may take, if before this caller."""
        if all(queue.overtaking_cap is None for queue in self._queues.values()):
            return None
        protected = [
            other
            for other in self._callers.values()
            if other.rank < caller.rank and self._is_protected(other) and self._may_take(agent, other)
        ]
        return min(protected, key=lambda other: other.rank, default=None)

    def _passed_over(self, agent: Agent, caller: Caller) -> list[int]:
        """The queues with a cap in which this agent may take somebody who is before this caller."""
        return [
            queue.id
            for queue in self._queues.values()
            if queue.overtaking_cap is not None
            and any(
                other.queue == queue.id != caller.queue
                and other.rank < caller.rank
                and self._may_take(agent, other)
                for other in self._callers.values()
            )
        ]

    def _best(self, caller: Caller, agents: list[Agent]) -> Agent:
        queue = self._queues[caller.queue]
        tiers = {agent.id: self._tiers[queue.id, agent.id] for agent in agents}
        strategy = queue.strategy
        offered = [t for (q, _), t in self._tiers.items() if q == queue.id and t.last_offer > 0]
        last = max(offered, key=lambda t: t.last_offer, default=None)

        def order(agent: Agent) -> tuple[int | bool, ...]:
            tier = tiers[agent.id]
            position = tier.position
            in_place = (tier.level, position, agent.id)
            match strategy:
                case "round-robin":
                    behind = last is not None and tier.level == last.level and position > last.position
                    return (not behind, tier.level, position, tier.last_offer, agent.id)
                case "sequentially-by-agent-order":
                    return (tier.level, position, tier.last_offer, agent.id)
                case "top-down":
                    behind = caller.tried is not None and in_place > caller.tried
                    return (not behind, *in_place)
                case "longest-idle-agent" | "ring-k":
                    return (tier.level, agent.idle_since_us, position, agent.id)
                case "agent-with-least-talk-time":
                    return (tier.level, agent.talk_us, position, agent.id)
                case "agent-with-fewest-calls":
                    return (tier.level, agent.calls_answered, position, agent.id)
                case "least-occupied":
                    lately = self._work_lately(agent, queue.occupancy_window_us)
                    return (tier.level, lately, position, agent.id)
                case _:
                    return in_place

        return min(agents, key=order)

    def _by_lot(self, caller: Caller, willing: list[Agent], able: list[Agent]) -> Agent:
        """Draw among all of the level until one is able; after some tries among the able ones."""
        queue = self._queues[caller.queue]
        tiers = {agent.id: self._tiers[queue.id, agent.id] for agent in willing}
        level = min(tiers[agent.id].level for agent in able)

        def weight(agent: Agent) -> int:
            return tiers[agent.id].weight if queue.strategy == "weighted-random" else 1

        def draw(agents: list[Agent]) -> Agent:
            row = sorted(
                (agent for agent in agents if tiers[agent.id].level == level),
                key=lambda agent: (tiers[agent.id].opening_delay_us, weight(agent), agent.id),
            )
            lots = [agent for agent in row for _ in range(weight(agent))]
            self._draws += 1
            return lots[_splitmix(self.seed, self._draws) * len(lots) >> 64]

        for _ in range(TRIES):
            agent = draw(willing)
            if agent in able:
                return agent
        return draw(able)

    def _is_open(self, caller: Caller) -> bool:
        if caller.claimed_by or caller.held:
            return False
        queue = self._queues[caller.queue]
        rings = len(self._offers_of_caller(caller.id))
        match queue.strategy:
            case "ring-all":
                return True
            case "ring-k":
                return rings < queue.ring_count
            case "ring-progressively":
                return rings == 0 or self._now_us >= caller.offered_us + queue.ring_progressively_delay_us
            case _:
                return rings == 0

    def _withdraw(self, offers: list[Offer]) -> list[int]:
        given = []
        for offer in sorted(offers, key=lambda o: o.id):
            if not offer.withdrawn:
                offer.withdrawn = True
                given.append(offer.id)
        return given

    # Configuration.

    def put_queue(
        self,
        now_us: int,
        name: str,
        strategy: str,
        *,
        no_answer_status: str = "On Break",
        busy_status: str = "On Break",
        reject_status: str = "On Break",
        unregistered_status: str = "On Break",
        ring_progressively_delay_us: int = 10_000_000,
        ring_count: int = 2,
        occupancy_window_us: int = 1_800_000_000,
        tier_rules_apply: bool = False,
        tier_rule_wait_us: int = 0,
        tier_rule_wait_multiply_level: bool = False,
        tier_rule_no_agent_no_wait: bool = True,
        tier_rules_compatible: bool = False,
        skip_agents_with_external_calls: bool = True,
        refusal_memory: bool = True,
        skills: Steps = "any",
        queue_priority: int = 0,
        queue_weight: int = 1,
        service_level_us: int = 0,
        overtaking_cap: int | None = None,
    ) -> int:
        _number("now_us", now_us, 0, MAX_US)
        _name(name)
        _word("strategy", strategy, STRATEGIES)
        statuses = {
            "no_answer": no_answer_status,
            "busy": busy_status,
            "reject": reject_status,
            "unregistered": unregistered_status,
        }
        for status in statuses.values():
            _word("status", status, STATUSES)
        _number("ring_progressively_delay_us", ring_progressively_delay_us, 1, MAX_US)
        _number("ring_count", ring_count, 1, 10_000)
        _number("occupancy_window_us", occupancy_window_us, 60_000_000, 3_600_000_000)
        _number("tier_rule_wait_us", tier_rule_wait_us, 0, 10**12)
        _number("queue_priority", queue_priority, -100, 100)
        _number("queue_weight", queue_weight, 1, 1000)
        _number("service_level_us", service_level_us, 0, MAX_US)
        _number("overtaking_cap", overtaking_cap or 0, 0, 1000)
        ladder = _ladder(skills)
        self._clock(now_us)
        self._counts_work = self._counts_work or strategy == "least-occupied"
        known = self.queue_id(name)
        queue = Queue(
            known or self._next("queue"),
            name,
            strategy,
            statuses,
            ring_progressively_delay_us,
            ring_count,
            occupancy_window_us,
            tier_rules_apply,
            tier_rule_wait_us,
            tier_rule_wait_multiply_level,
            tier_rule_no_agent_no_wait,
            tier_rules_compatible,
            skip_agents_with_external_calls,
            refusal_memory,
            ladder,
            queue_priority,
            queue_weight,
            service_level_us,
            overtaking_cap,
        )
        before = self._queues.get(queue.id)
        if before is not None and before.overtaking_cap == overtaking_cap:
            queue.passes = before.passes
        self._queues[queue.id] = queue
        return queue.id

    def remove_queue(self, now_us: int, queue: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        self._queue(queue)
        if self.callers(queue):
            raise RouterError("callers are in this queue")
        self._clock(now_us)
        del self._queues[queue]
        self._tiers = {key: tier for key, tier in self._tiers.items() if key[0] != queue}

    def put_agent(
        self,
        now_us: int,
        name: str,
        *,
        wrap_up_us: int = 0,
        busy_delay_us: int = 0,
        reject_delay_us: int = 0,
        no_answer_delay_us: int = 0,
        unregistered_delay_us: int = 5_000_000,
        path_error_delay_us: int = 5_000_000,
        max_no_answer: int = 0,
        max_busy: int = 0,
        max_reject: int = 0,
        max_unregistered: int = 0,
        reset_counters: bool = False,
        skills: dict[str, int] | None = None,
    ) -> int:
        settings = {
            "wrap_up": wrap_up_us,
            "busy": busy_delay_us,
            "rejected": reject_delay_us,
            "no_answer": no_answer_delay_us,
            "unreachable": no_answer_delay_us,
            "unregistered": unregistered_delay_us,
            "path_error": path_error_delay_us,
            "withdrawn": 0,
        }
        limits = {
            "no_answer": max_no_answer,
            "busy": max_busy,
            "reject": max_reject,
            "unregistered": max_unregistered,
        }
        _number("now_us", now_us, 0, MAX_US)
        _name(name)
        for what, value in settings.items():
            _number(what, value, 0, MAX_US)
        for what, value in limits.items():
            _number(what, value, 0, MAX_MISSES)
        catalogue = Skills()
        levels = dict(catalogue.profile(catalogue.put_profile(skills or {})))
        self._clock(now_us)
        known = self.agent_id(name)
        if known is not None:
            self._agents[known].settings = settings
            self._agents[known].limits = limits
            self._agents[known].reset_counters = reset_counters
            self._agents[known].skills = levels
            return known
        number = self._next("agent")
        agent = Agent(number, name, settings, limits, reset_counters, levels, state_since_us=self._now_us)
        self._agents[agent.id] = agent
        return agent.id

    def remove_agent(self, now_us: int, agent: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        self._agent(agent)
        if self._offer_of_agent(agent) is not None:
            raise RouterError("an offer or conversation holds this agent")
        self._clock(now_us)
        del self._agents[agent]
        self._breaks.forget(agent)
        self._release(agent)
        self._tiers = {key: tier for key, tier in self._tiers.items() if key[1] != agent}

    def put_tier(
        self,
        now_us: int,
        queue: int,
        agent: int,
        level: int,
        position: int,
        *,
        opening_delay_us: int = 0,
        weight: int = 1,
    ) -> None:
        _number("now_us", now_us, 0, MAX_US)
        _number("level", level, 0, 86_400)
        _number("position", position, 0, 86_400)
        _number("opening_delay_us", opening_delay_us, 0, MAX_US)
        _number("weight", weight, 1, 1000)
        self._queue(queue)
        self._agent(agent)
        self._clock(now_us)
        before = self._tiers.get((queue, agent))
        last_offer = before.last_offer if before else 0
        self._tiers[queue, agent] = Tier(level, position, opening_delay_us, weight, last_offer)

    def remove_tier(self, now_us: int, queue: int, agent: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        self._queue(queue)
        self._agent(agent)
        if (queue, agent) not in self._tiers:
            raise RouterError("no such tier")
        self._clock(now_us)
        del self._tiers[queue, agent]
        self._release(agent, queue)

    def queue_id(self, name: str) -> int | None:
        _text(name)
        return next((queue.id for queue in self._queues.values() if queue.name == name), None)

    def agent_id(self, name: str) -> int | None:
        _text(name)
        return next((agent.id for agent in self._agents.values() if agent.name == name), None)

    # Callers.

    def enqueue(
        self,
        now_us: int,
        queue: int,
        *,
        entered_us: int,
        priority: int = 0,
        base_score_us: int = 0,
        preferred_agent: int | None = None,
        preferred_for_us: int = 0,
        skills: Steps | None = None,
    ) -> int:
        _number("now_us", now_us, 0, MAX_US)
        _number("entered_us", entered_us, 0, MAX_US)
        _number("priority", priority, -100, 100)
        _number("base_score_us", base_score_us, -MAX_US, MAX_US)
        if preferred_agent is not None:
            _number("preferred_for_us", preferred_for_us, 0, MAX_US)
            self._agent(preferred_agent)
        self._queue(queue)
        ladder = None if skills is None else _ladder(skills)
        self._clock(now_us)
        caller = Caller(self._next("caller"), queue, entered_us, priority, base_score_us, ladder)
        caller.preferred = preferred_agent or 0
        caller.preferred_until_us = self._now_us + preferred_for_us
        self._callers[caller.id] = caller
        self._drop_vain_preference(caller)
        return caller.id

    def _drop_vain_preference(self, caller: Caller) -> None:
        """Nobody waits for an agent who doesn't serve the queue, or who is logged out."""
        agent = self._agents.get(caller.preferred)
        serves = (caller.queue, caller.preferred) in self._tiers
        if agent is None or not serves or agent.status == "Logged Out":
            caller.preferred = 0

    def set_priority(self, now_us: int, caller: int, priority: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        _number("priority", priority, -100, 100)
        self._caller(caller)
        self._clock(now_us)
        self._callers[caller].priority = priority

    def set_base_score(self, now_us: int, caller: int, base_score_us: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        _number("base_score_us", base_score_us, -MAX_US, MAX_US)
        self._caller(caller)
        self._clock(now_us)
        self._callers[caller].base_score_us = base_score_us

    def set_skills(self, now_us: int, caller: int, skills: Steps | None) -> None:
        _number("now_us", now_us, 0, MAX_US)
        entry = self._caller(caller)
        ladder = None if skills is None else _ladder(skills)
        self._clock(now_us)
        entry.ladder = ladder

    def demand(self, caller: int) -> str:
        return self._demand(self._caller(caller))[0]

    def move(self, now_us: int, caller: int, queue: int, *, keep_entered: bool = True) -> list[int]:
        _number("now_us", now_us, 0, MAX_US)
        entry = self._caller(caller)
        self._queue(queue)
        if entry.claimed_by:
            raise RouterError("an agent has answered this caller")
        self._clock(now_us)
        given = self._withdraw(self._offers_of_caller(caller))
        entry.queue = queue
        entry.tried = None
        if not keep_entered:
            entry.entered_us = self._now_us
        self._drop_vain_preference(entry)
        return given

    def leave(self, now_us: int, caller: int, *, abandoned: bool = False) -> list[int]:  # noqa: ARG002 - decides nothing
        _number("now_us", now_us, 0, MAX_US)
        self._caller(caller)
        self._clock(now_us)
        given = self._withdraw(self._offers_of_caller(caller))
        del self._callers[caller]
        return given

    def position(self, caller: int) -> int:
        return self.callers(self._caller(caller).queue).index(caller) + 1

    def ahead(self, caller: int) -> int | None:
        row = self.callers(self._caller(caller).queue)
        place = row.index(caller)
        return row[place - 1] if place else None

    def callers(self, queue: int) -> list[int]:
        self._queue(queue)
        there = [caller for caller in self._callers.values() if caller.queue == queue]
        return [caller.id for caller in sorted(there, key=lambda caller: caller.rank)]

    def calls_waiting(self, queue: int) -> int:
        return len(self.callers(queue))

    def staffed(self, queue: int) -> int:
        self._queue(queue)
        return sum(1 for q, a in self._tiers if q == queue and self._agents[a].status != "Logged Out")

    def can_serve(self, queue: int) -> int:
        self._queue(queue)
        return len(self._ready(queue))

    # Agents.

    def set_status(self, now_us: int, agent: int, status: str) -> list[int]:
        _number("now_us", now_us, 0, MAX_US)
        _word("status", status, STATUSES)
        entry = self._agent(agent)
        self._clock(now_us)
        self._change_status(entry, status)
        offer = self._offer_of_agent(agent)
        if offer is None or status in TAKES_CALLS or offer.step not in {"reserved", "ringing"}:
            return []
        return self._withdraw([offer])

    def _change_status(self, agent: Agent, status: str) -> None:
        self._breaks.leave(agent, status)
        if status == "Available" and agent.status != "Available":
            agent.missed = dict.fromkeys(KINDS, 0)
            if agent.reset_counters:
                agent.calls_answered = agent.talk_us = 0
        if status == "Logged Out":
            self._release(agent.id)
        if agent.status == "Logged Out" and status != "Logged Out":
            agent.idle_since_us = self._now_us
        agent.status = status
        agent.served_on_demand = False
        self._settle()

    def set_wrap_up_end(self, now_us: int, agent: int, end_us: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        _number("end_us", end_us, 0, MAX_US)
        entry = self._agent(agent)
        if entry.rest != "wrap_up":
            raise RouterError("no wrap-up runs")
        self._clock(now_us)
        self._rest(entry, "wrap_up", end_us - self._now_us)
        self._settle()

    def set_ready_at(self, now_us: int, agent: int, ready_at_us: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        _number("ready_at_us", ready_at_us, 0, MAX_US)
        entry = self._agent(agent)
        self._clock(now_us)
        entry.hold_until_us = ready_at_us if ready_at_us > self._now_us else 0
        self._settle()

    def set_external_calls(self, now_us: int, agent: int, count: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        _number("count", count, 0, 1_000_000)
        entry = self._agent(agent)
        self._clock(now_us)
        entry.external_calls = count
        self._settle()

    # Breaks with a reason.

    def put_break_reason(
        self,
        now_us: int,
        name: str,
        *,
        time_limit_us: int = 0,
        quota: int = 0,
        when_over: str | None = None,
    ) -> int:
        _number("now_us", now_us, 0, MAX_US)
        _name(name)
        _number("time_limit_us", time_limit_us, 0, MAX_US)
        _number("quota", quota, 0, 1_000_000)
        if when_over is not None:
            _word("status", when_over, STATUSES)
        if when_over == "On Break":
            raise RouterError("a break can't lead to a break when it is over")
        self._clock(now_us)
        reasons = self._breaks.reasons
        known = next((reason.id for reason in reasons.values() if reason.name == name), None)
        number = known or self._next("break reason")
        reasons[number] = Reason(number, name, time_limit_us, quota, when_over)
        for rest in self._breaks.resting.values():
            self._breaks.review_limit(rest, self._now_us)
        return number

    def remove_break_reason(self, now_us: int, reason: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        self._breaks.reason(reason)
        self._clock(now_us)
        self._breaks.remove(reason)

    def set_break_quota(self, now_us: int, quota: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        _number("quota", quota, 0, 1_000_000)
        self._clock(now_us)
        self._breaks.quota = quota

    def request_break(
        self, now_us: int, agent: int, reason: int, *, force: bool = False, asked_us: int | None = None
    ) -> None:
        _number("now_us", now_us, 0, MAX_US)
        asked_us = now_us if asked_us is None else asked_us
        _number("asked_us", asked_us, 0, MAX_US)
        entry = self._agent(agent)
        self._breaks.reason(reason)
        if entry.status == "Logged Out":
            raise RouterError("an agent who is logged out takes no break")
        self._clock(now_us)
        self._breaks.ask(agent, reason, min(asked_us, self._now_us), force=force)

    def withdraw_break(self, now_us: int, agent: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        self._agent(agent)
        request = self._breaks.request_of(agent)
        if request is None:
            raise RouterError("no break was asked for")
        self._clock(now_us)
        self._breaks.drop(request)

    def restore_break(self, now_us: int, agent: int, reason: int, *, since_us: int, overdue: bool) -> None:
        _number("now_us", now_us, 0, MAX_US)
        _number("since_us", since_us, 0, MAX_US)
        entry = self._agent(agent)
        self._breaks.reason(reason)
        if entry.status != "On Break" or agent in self._breaks.resting:
            raise RouterError("only a break without a reason can be given one")
        self._clock(now_us)
        request = self._breaks.request_of(agent)
        if request is not None and request.reason == reason:
            self._breaks.drop(request)
        rest = Rest(reason, min(since_us, self._now_us), overdue)
        self._breaks.resting[agent] = rest
        self._breaks.review_limit(rest, self._now_us)

    def break_news(self) -> list[BreakNews]:
        return self._breaks.take_news()

    def agent_break(self, agent: int) -> AgentBreak | None:
        self._agent(agent)
        return self._breaks.view(agent)

    def break_counts(self) -> list[tuple[int, int, int, int]]:
        return self._breaks.counts()

    def _rest(self, agent: Agent, kind: str, length_us: int) -> None:
        agent.rest = kind if length_us > 0 else ""
        agent.rest_until_us = self._now_us + length_us if length_us > 0 else 0

    # What outlived a process.

    def restore_agent(
        self,
        now_us: int,
        agent: int,
        *,
        idle_since_us: int,
        state_since_us: int,
        no_answer_count: int = 0,
        busy_count: int = 0,
        reject_count: int = 0,
        unregistered_count: int = 0,
        calls_answered: int = 0,
        talk_us: int = 0,
        served: bool = False,
        rest_until_us: int = 0,
        wrap_up: bool = False,
    ) -> None:
        moments = (now_us, idle_since_us, state_since_us, calls_answered, talk_us, rest_until_us)
        for value in moments:
            _number("a moment or count", value, 0, MAX_US)
        missed = {
            "no_answer": no_answer_count,
            "busy": busy_count,
            "reject": reject_count,
            "unregistered": unregistered_count,
        }
        for what, value in missed.items():
            _number(what, value, 0, MAX_MISSES)
        entry = self._unheld(agent)
        self._clock(now_us)
        self._rest(entry, "wrap_up" if wrap_up else "delay", rest_until_us - self._now_us)
        entry.idle_since_us = min(idle_since_us, self._now_us)
        entry.missed = missed
        entry.calls_answered = calls_answered
        entry.talk_us = talk_us
        entry.served_on_demand = served and entry.status == "Available (On Demand)"
        self._settle()
        entry.state_since_us = min(state_since_us, self._now_us)

    def adopt_offer(self, now_us: int, caller: int, agent: int) -> int:
        _number("now_us", now_us, 0, MAX_US)
        waiting = self._caller(caller)
        entry = self._agent(agent)
        if waiting.claimed_by:
            raise RouterError("an agent has answered this caller")
        self._unheld(agent)
        self._clock(now_us)
        queue = self._queues[waiting.queue]
        offer = Offer(self._next("offer"), caller, entry.id, queue.id, queue.statuses)
        self._offers[offer.id] = offer
        self._rest(entry, "", 0)
        waiting.offered_us = self._now_us
        self._settle()
        return offer.id

    def adopt_conversation(self, now_us: int, agent: int, *, since_us: int, counted: bool) -> int:
        _number("now_us", now_us, 0, MAX_US)
        _number("since_us", since_us, 0, MAX_US)
        entry = self._unheld(agent)
        self._clock(now_us)
        offer = Offer(self._next("offer"), 0, entry.id, 0, {}, step="talking")
        offer.talking_since_us = min(since_us, self._now_us)
        self._offers[offer.id] = offer
        self._rest(entry, "", 0)
        entry.missed = dict.fromkeys(KINDS, 0)
        entry.calls_answered += not counted
        self._settle()
        entry.state_since_us = offer.talking_since_us
        return offer.id

    def hold_caller(self, now_us: int, caller: int, held: bool) -> None:
        _number("now_us", now_us, 0, MAX_US)
        entry = self._caller(caller)
        self._clock(now_us)
        entry.held = held

    def _unheld(self, agent: int) -> Agent:
        entry = self._agent(agent)
        if self._offer_of_agent(agent):
            raise RouterError("an offer or conversation holds this agent")
        return entry

    def agent(self, agent: int) -> AgentView:
        entry = self._agent(agent)
        return AgentView(
            entry.name,
            entry.status,
            entry.state,
            entry.state_since_us,
            entry.idle_since_us,
            max(entry.rest_until_us, entry.hold_until_us),
            *(entry.missed[kind] for kind in KINDS),
            entry.calls_answered,
            entry.talk_us,
            entry.external_calls,
        )

    def agent_skills(self, agent: int) -> list[tuple[str, int]]:
        return sorted(self._agent(agent).skills.items())

    def agents_by_state(self) -> list[tuple[str, int]]:
        states = [agent.state for agent in self._agents.values()]
        return [(state, states.count(state)) for state in STATES]

    # Decisions.

    def decide(self, now_us: int) -> list[Proposal]:
        _number("now_us", now_us, 0, MAX_US)
        self._clock(now_us)
        self._breaks.settle(self)
        proposals: list[Proposal] = []
        while self._serve_somebody(proposals):
            pass  # Who was passed by may be free to go now that somebody protected is served.
        return proposals

    def _serve_somebody(self, proposals: list[Proposal]) -> bool:
        """Walk all callers in order; from the top again after each protected one who is served."""
        for caller in sorted(self._callers.values(), key=self._rank):
            protected = self._is_protected(caller)
            served = self._serve(caller)
            proposals += served
            if protected and served:
                return True
        return False

    def _serve(self, caller: Caller) -> list[Proposal]:
        """Reserve agents for a caller until no more are wanted, or there."""
        proposals = []
        passed: set[int] = set()
        while self._is_open(caller) and (agent := self._choice(caller)):
            passed.update(self._passed_over(agent, caller))
            proposals.append(self._reserve(caller, agent))
        for queue in passed:
            self._queues[queue].passes.append(self._handed_out["caller"])
        return proposals

    def explain(self, caller: int) -> Explanation:
        self._caller(caller)
        return explain(self, caller)

    def _rank(self, caller: Caller) -> tuple[int | Fraction, ...]:
        """Who is first of all queues: smaller."""
        queue = self._queues[caller.queue]
        score_us = self._now_us - (caller.entered_us - caller.base_score_us)
        over_us = score_us - queue.service_level_us
        weight = queue.queue_weight
        urgency: int | Fraction = over_us * weight
        if over_us < 0:
            urgency = over_us if weight == 1 else Fraction(over_us, weight)
        return (-queue.queue_priority, -caller.priority, -urgency, *caller.rank)

    def _reserve(self, caller: Caller, agent: Agent) -> Proposal:
        queue = self._queues[caller.queue]
        offer = Offer(self._next("offer"), caller.id, agent.id, queue.id, queue.statuses)
        self._offers[offer.id] = offer
        tier = self._tiers[queue.id, agent.id]
        tier.last_offer = offer.id
        caller.offered_us = self._now_us
        caller.tried = (tier.level, tier.position, agent.id)
        self._settle()
        return Proposal(offer.id, caller.id, agent.id, queue.id)

    def ringing(self, now_us: int, offer: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        entry = self._offer(offer)
        self._clock(now_us)
        if entry.step == "reserved":
            entry.step = "ringing"
        self._settle()

    def claim(self, now_us: int, offer: int) -> list[int] | None:
        _number("now_us", now_us, 0, MAX_US)
        entry = self._offer(offer)
        if entry.step not in {"reserved", "ringing"}:
            raise RouterError("this offer was claimed before")
        self._clock(now_us)
        if entry.withdrawn or entry.caller not in self._callers:
            return None
        entry.step = "claimed"
        self._callers[entry.caller].claimed_by = offer
        self._settle()
        return self._withdraw([other for other in self._offers_of_caller(entry.caller) if other is not entry])

    def bridged(self, now_us: int, offer: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        entry = self._offer(offer)
        if entry.step != "claimed" or entry.caller not in self._callers:
            raise RouterError("only a claimed offer whose caller is there can be bridged")
        self._clock(now_us)
        del self._callers[entry.caller]
        entry.step = "talking"
        entry.talking_since_us = self._now_us
        agent = self._agents[entry.agent]
        agent.missed = dict.fromkeys(KINDS, 0)
        agent.calls_answered += 1
        self._settle()

    def fail(self, now_us: int, offer: int, fault: str) -> str | None:
        _number("now_us", now_us, 0, MAX_US)
        _word("fault", fault, FAULTS)
        entry = self._offer(offer)
        if entry.step == "talking":
            raise RouterError("this offer became a conversation")
        self._clock(now_us)
        del self._offers[offer]
        caller = self._callers.get(entry.caller)
        if caller is not None and caller.claimed_by == offer:
            caller.claimed_by = 0
        if caller is not None and fault in REFUSALS:
            caller.refused = [*(a for a in caller.refused if a != entry.agent), entry.agent][-64:]
            caller.preferred = 0
        agent = self._agents[entry.agent]
        self._rest(agent, "delay", agent.settings[fault])
        new_status = None
        if fault in COUNTED:
            kind = COUNTED[fault]
            agent.missed[kind] = min(agent.missed[kind] + 1, MAX_MISSES)
            limit = agent.limits[kind]
            if 0 < limit <= agent.missed[kind] and agent.status in TAKES_CALLS:
                new_status = entry.statuses[kind]
                self._change_status(agent, new_status)
        self._settle()
        return new_status

    def finish(self, now_us: int, offer: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        entry = self._offer(offer)
        if entry.step != "talking":
            raise RouterError("this offer never became a conversation")
        self._clock(now_us)
        del self._offers[offer]
        agent = self._agents[entry.agent]
        agent.talk_us += self._now_us - entry.talking_since_us
        agent.idle_since_us = self._now_us
        agent.served_on_demand = agent.status == "Available (On Demand)"
        self._rest(agent, "wrap_up", agent.settings["wrap_up"])
        self._settle()

    # Timers.

    def set_timer(self, deadline_us: int, token: int) -> None:
        _number("deadline_us", deadline_us, 0, MAX_US)
        _number("token", token, -MAX_INT - 1, MAX_INT)
        self.cancel_timer(token)
        self._timers.append(Timer(deadline_us, self._next("timer"), token))

    def cancel_timer(self, token: int) -> None:
        _number("token", token, -MAX_INT - 1, MAX_INT)
        self._timers = [timer for timer in self._timers if timer.token != token]

    def next_deadline_us(self) -> int | None:
        moments = [timer.deadline_us for timer in self._timers]
        for agent in self._agents.values():
            moments += [agent.rest_until_us] if agent.rest else []
            moments += [agent.hold_until_us] if agent.hold_until_us else []
        moments += [limit_us for limit_us, _agent in self._breaks.limits()]
        for caller in self._callers.values():
            moments += [moment for moment in self._changes(caller) if moment > self._now_us]
        return min(moments, default=None)

    def _changes(self, caller: Caller) -> list[int]:
        """When, by waiting alone, this caller may have somebody else."""
        queue = self._queues[caller.queue]
        moments = []
        for (q, _agent), tier in self._tiers.items():
            if q == queue.id:
                waits = (self._level_wait_us(queue, tier.level), tier.opening_delay_us)
                moments += [caller.entered_us + wait for wait in waits if wait > 0]
        moments += [caller.entered_us + after_us for after_us, _text, _expr in self._steps(caller)[1:]]
        if caller.preferred:
            moments.append(caller.preferred_until_us)
        if queue.strategy == "ring-progressively" and self._offers_of_caller(caller.id):
            moments.append(caller.offered_us + queue.ring_progressively_delay_us)
        return moments

    def advance(self, now_us: int) -> list[int]:
        _number("now_us", now_us, 0, MAX_US)
        self._clock(now_us)
        for agent in self._agents.values():
            if agent.rest and agent.rest_until_us <= self._now_us:
                self._rest(agent, "", 0)
            if agent.hold_until_us <= self._now_us:
                agent.hold_until_us = 0
        self._settle()
        self._breaks.pass_limits(self)
        due = [timer for timer in self._timers if timer.deadline_us <= self._now_us]
        self._timers = [timer for timer in self._timers if timer.deadline_us > self._now_us]
        return [timer.token for timer in sorted(due, key=lambda t: (t.deadline_us, t.order))]
