"""The routing rules in plain Python: slow, obvious, and the same interface as `py_callcenter._router.Router`.

Nothing here is kept in order or remembered for speed: each question sorts and counts everything anew.
Where the compiled router and this file differ, one of them is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from py_callcenter._router import RouterError

MAX_US = 10**17
MAX_NAME = 10_000
MAX_INT = 2**63 - 1

STRATEGIES = ("longest-idle-agent", "round-robin", "ring-all")
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
FAULTS = ("busy", "rejected", "no_answer", "unreachable", "unregistered", "path_error", "withdrawn")


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
    calls_answered: int
    talk_us: int


@dataclass
class Queue:
    id: int
    name: str
    strategy: str
    no_answer_status: str


@dataclass
class Agent:
    id: int
    name: str
    settings: dict[str, int]
    status: str = "Logged Out"
    state: str = "logged_out"
    state_since_us: int = 0
    idle_since_us: int = 0
    served_on_demand: bool = False
    rest: str = ""  # "wrap_up", "delay" or nothing
    rest_until_us: int = 0
    no_answer_count: int = 0
    calls_answered: int = 0
    talk_us: int = 0


@dataclass
class Tier:
    level: int
    position: int
    last_offer: int = 0


@dataclass
class Caller:
    id: int
    queue: int
    entered_us: int
    priority: int
    base_score_us: int
    claimed_by: int = 0

    @property
    def rank(self) -> tuple[int, int, int]:
        return (-self.priority, self.entered_us - self.base_score_us, self.id)


@dataclass
class Offer:
    id: int
    caller: int
    agent: int
    queue: int
    no_answer_status: str
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


def _name(value: str) -> None:
    _text(value)
    if not 1 <= len(value) <= MAX_NAME:
        raise RouterError("a name must have 1…10000 characters")


@dataclass
class Router:
    _now_us: int = 0
    _queues: dict[int, Queue] = field(default_factory=dict)
    _agents: dict[int, Agent] = field(default_factory=dict)
    _tiers: dict[tuple[int, int], Tier] = field(default_factory=dict)
    _callers: dict[int, Caller] = field(default_factory=dict)
    _offers: dict[int, Offer] = field(default_factory=dict)
    _timers: list[Timer] = field(default_factory=list)
    _handed_out: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("queue", "agent", "caller", "offer", "timer"), 0)
    )

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
        return "waiting"

    def _settle(self) -> None:
        """Note each agent whose state is another than before."""
        for agent in self._agents.values():
            state = self._state(agent)
            if state != agent.state:
                agent.state = state
                agent.state_since_us = self._now_us

    def _is_ready(self, agent: Agent) -> bool:
        return self._state(agent) == "waiting" and agent.rest == ""

    def _ready(self, queue: int) -> list[Agent]:
        """The agents who could take a call of this queue, the best first."""
        agents = [self._agents[a] for q, a in self._tiers if q == queue and self._is_ready(self._agents[a])]

        def tier(agent: Agent) -> Tier:
            return self._tiers[queue, agent.id]

        strategy = self._queues[queue].strategy
        if strategy == "longest-idle-agent":
            return sorted(agents, key=lambda a: (tier(a).level, a.idle_since_us, tier(a).position, a.id))
        if strategy == "ring-all":
            return sorted(agents, key=lambda a: (tier(a).level, tier(a).position, a.id))

        offered = [t for (q, _), t in self._tiers.items() if q == queue and t.last_offer > 0]
        last = max(offered, key=lambda t: t.last_offer, default=None)

        def after_last(agent: Agent) -> bool:
            t = tier(agent)
            return last is not None and t.level == last.level and t.position > last.position

        return sorted(
            agents,
            key=lambda a: (
                not after_last(a),
                tier(a).level,
                tier(a).position,
                tier(a).last_offer,
                a.id,
            ),
        )

    def _is_open(self, caller: Caller) -> bool:
        if caller.claimed_by:
            return False
        return self._queues[caller.queue].strategy == "ring-all" or not self._offers_of_caller(caller.id)

    def _withdraw(self, offers: list[Offer]) -> list[int]:
        given = []
        for offer in sorted(offers, key=lambda o: o.id):
            if not offer.withdrawn:
                offer.withdrawn = True
                given.append(offer.id)
        return given

    # Configuration.

    def put_queue(self, now_us: int, name: str, strategy: str, *, no_answer_status: str = "On Break") -> int:
        _number("now_us", now_us, 0, MAX_US)
        _name(name)
        _word("strategy", strategy, STRATEGIES)
        _word("status", no_answer_status, STATUSES)
        self._clock(now_us)
        known = self.queue_id(name)
        if known is not None:
            self._queues[known].strategy = strategy
            self._queues[known].no_answer_status = no_answer_status
            return known
        queue = Queue(self._next("queue"), name, strategy, no_answer_status)
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
            "max_no_answer": max_no_answer,
        }
        _number("now_us", now_us, 0, MAX_US)
        _name(name)
        for what, value in settings.items():
            _number(what, value, 0, 1_000_000 if what == "max_no_answer" else MAX_US)
        self._clock(now_us)
        known = self.agent_id(name)
        if known is not None:
            self._agents[known].settings = settings
            return known
        agent = Agent(self._next("agent"), name, settings, state_since_us=self._now_us)
        self._agents[agent.id] = agent
        return agent.id

    def remove_agent(self, now_us: int, agent: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        self._agent(agent)
        if self._offer_of_agent(agent) is not None:
            raise RouterError("an offer or conversation holds this agent")
        self._clock(now_us)
        del self._agents[agent]
        self._tiers = {key: tier for key, tier in self._tiers.items() if key[1] != agent}

    def put_tier(self, now_us: int, queue: int, agent: int, level: int, position: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        _number("level", level, 0, 86_400)
        _number("position", position, 0, 86_400)
        self._queue(queue)
        self._agent(agent)
        self._clock(now_us)
        before = self._tiers.get((queue, agent))
        self._tiers[queue, agent] = Tier(level, position, before.last_offer if before else 0)

    def remove_tier(self, now_us: int, queue: int, agent: int) -> None:
        _number("now_us", now_us, 0, MAX_US)
        self._queue(queue)
        self._agent(agent)
        if (queue, agent) not in self._tiers:
            raise RouterError("no such tier")
        self._clock(now_us)
        del self._tiers[queue, agent]

    def queue_id(self, name: str) -> int | None:
        _text(name)
        return next((queue.id for queue in self._queues.values() if queue.name == name), None)

    def agent_id(self, name: str) -> int | None:
        _text(name)
        return next((agent.id for agent in self._agents.values() if agent.name == name), None)

    # Callers.

    def enqueue(
        self, now_us: int, queue: int, *, entered_us: int, priority: int = 0, base_score_us: int = 0
    ) -> int:
        _number("now_us", now_us, 0, MAX_US)
        _number("entered_us", entered_us, 0, MAX_US)
        _number("priority", priority, -100, 100)
        _number("base_score_us", base_score_us, -MAX_US, MAX_US)
        self._queue(queue)
        self._clock(now_us)
        caller = Caller(self._next("caller"), queue, entered_us, priority, base_score_us)
        self._callers[caller.id] = caller
        return caller.id

    def leave(self, now_us: int, caller: int) -> list[int]:
        _number("now_us", now_us, 0, MAX_US)
        self._caller(caller)
        self._clock(now_us)
        given = self._withdraw(self._offers_of_caller(caller))
        del self._callers[caller]
        return given

    def position(self, caller: int) -> int:
        return self.callers(self._caller(caller).queue).index(caller) + 1

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
        if status == "Available" and agent.status != "Available":
            agent.no_answer_count = 0
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

    def _rest(self, agent: Agent, kind: str, length_us: int) -> None:
        agent.rest = kind if length_us > 0 else ""
        agent.rest_until_us = self._now_us + length_us if length_us > 0 else 0

    def agent(self, agent: int) -> AgentView:
        entry = self._agent(agent)
        return AgentView(
            entry.name,
            entry.status,
            entry.state,
            entry.state_since_us,
            entry.idle_since_us,
            entry.rest_until_us,
            entry.no_answer_count,
            entry.calls_answered,
            entry.talk_us,
        )

    def agents_by_state(self) -> list[tuple[str, int]]:
        states = [agent.state for agent in self._agents.values()]
        return [(state, states.count(state)) for state in STATES]

    # Decisions.

    def decide(self, now_us: int) -> list[Proposal]:
        _number("now_us", now_us, 0, MAX_US)
        self._clock(now_us)
        proposals = []
        for caller in sorted(self._callers.values(), key=lambda caller: caller.rank):
            while self._is_open(caller):
                ready = self._ready(caller.queue)
                if not ready:
                    break
                proposals.append(self._reserve(caller, ready[0]))
        return proposals

    def _reserve(self, caller: Caller, agent: Agent) -> Proposal:
        queue = self._queues[caller.queue]
        offer = Offer(self._next("offer"), caller.id, agent.id, queue.id, queue.no_answer_status)
        self._offers[offer.id] = offer
        self._tiers[queue.id, agent.id].last_offer = offer.id
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
        agent.no_answer_count = 0
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
        agent = self._agents[entry.agent]
        self._rest(agent, "delay", agent.settings[fault])
        new_status = None
        if fault in {"no_answer", "unreachable"}:
            agent.no_answer_count += 1
            limit = agent.settings["max_no_answer"]
            if 0 < limit <= agent.no_answer_count and agent.status in TAKES_CALLS:
                new_status = entry.no_answer_status
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
        rests = [agent.rest_until_us for agent in self._agents.values() if agent.rest]
        return min([timer.deadline_us for timer in self._timers] + rests, default=None)

    def advance(self, now_us: int) -> list[int]:
        _number("now_us", now_us, 0, MAX_US)
        self._clock(now_us)
        for agent in self._agents.values():
            if agent.rest and agent.rest_until_us <= self._now_us:
                self._rest(agent, "", 0)
        self._settle()
        due = [timer for timer in self._timers if timer.deadline_us <= self._now_us]
        self._timers = [timer for timer in self._timers if timer.deadline_us > self._now_us]
        return [timer.token for timer in sorted(due, key=lambda t: (t.deadline_us, t.order))]
