"""What a fresh controller must know of the runs before it, folded from their records.

Two things the switch can't tell: how agents stand (login, idle order, wrap-up, counters), and what the books
say of calls that hadn't ended, so that nothing is written down twice and nothing stays open. Which channels
live, and who is bridged with whom, is never taken from here (design 3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Literal, Self

_COUNTS: Final = {
    "no_answer": "no_answer_count",
    "unreachable": "no_answer_count",
    "busy": "busy_count",
    "rejected": "reject_count",
    "unregistered": "unregistered_count",
}
"""Failed offers that the core counts against a limit, and where."""
_ON_DEMAND: Final = "Available (On Demand)"

OUT_OF_SIGHT: Final = "OUT_OF_SIGHT"
"""The cause of a call's end when its node was given up: should the node come back, it may live."""

GIVEN_UP_FOR_US: Final = 24 * 3600 * 1_000_000
"""So long a start remembers such calls."""

Standing = Literal["waiting", "talking", "parted", "left", "given-up"]
"""Where the books leave a call: in a queue, with an agent, after a conversation, out by an exit, or given up
with its node.
"""


@dataclass(slots=True)
class AgentMemory:
    """How an agent stands. Times and durations in microseconds."""

    status: str
    """Empty: no record tells it."""
    since_us: int
    """When the status last changed, a conversation ended or a wrap-up began."""
    login_us: int = 0
    """When they last logged in."""
    elsewhere: bool = False
    """They have a call that isn't the queues'."""
    elsewhere_by_hand: int = 0
    """So many of these were counted by somebody."""
    idle_since_us: int = 0
    rest_until_us: int = 0
    """End of the last wrap-up."""
    failed: str = ""
    """How the last offer came to nothing, if there was none since; the agent rests for that."""
    failed_us: int = 0
    break_reason: str = ""
    """What they rest for; empty for none."""
    break_since_us: int = 0
    break_overdue: bool = False
    asked_reason: str = ""
    """The break that they have asked for; empty for none."""
    asked_us: int = 0
    asked_order: int = 0
    """Who asked first, where the moment doesn't tell."""
    granted: bool = False
    """There is a place for it."""
    held_until_us: int = 0
    """Somebody said that they get nothing before."""
    no_answer_count: int = 0
    busy_count: int = 0
    reject_count: int = 0
    unregistered_count: int = 0
    calls_answered: int = 0
    talk_us: int = 0
    fresh_calls: int = 0
    fresh_talk_us: int = 0
    """The same two since the agent last became `Available`."""
    served: bool = False
    """On Demand, and had the one call."""
    finishing: str = ""
    """The call whose conversation ended, until the end of the agent's legs is told."""
    rung_on: str = ""
    """The node on which a phone may ring: of an offer whose end isn't told, also when its call is over."""

    def forgive(self) -> None:
        """No failed offer counts any more."""
        self.no_answer_count = self.busy_count = self.reject_count = self.unregistered_count = 0


@dataclass(slots=True)
class CallMemory:
    """A call that hasn't ended, by the uuid of the caller's channel."""

    node: str
    queue: str
    leg: int
    entered_us: int
    order: int
    """Which call entered its queue leg first, where the moment doesn't tell."""
    standing: Standing = "waiting"
    agent: str = ""
    talk_since_us: int = 0
    """Since when they talk, or when that ended, or when the call was given up."""
    counted: bool = False
    """The answer is written down."""
    transferred: bool = False
    attempts: int = 0
    offers: dict[str, int] = field(default_factory=dict)
    """Agents being rung, with the attempt."""
    reason: str = ""
    """Why the call left the queue."""


class Memory:
    """Feed every record once, in order, to `fold`."""

    def __init__(self) -> None:
        self.agents: dict[str, AgentMemory] = {}
        self.calls: dict[str, CallMemory] = {}
        self._touched: set[tuple[str, str]] = set()
        self._entries = 0
        self._last_us = 0
        """The moment of the last record: an earlier one comes from a clock that was set back."""

    def fold(self, record: Any) -> None:
        """Take one record. Kinds that say nothing about what must be known are passed over."""
        if record.at_us < self._last_us:
            self._move_back(self._last_us - record.at_us)
        self._last_us = record.at_us
        step = _STEPS.get(record.kind)
        if step is not None:
            step(self, record)

    def bring_before(self, now_us: int) -> None:
        """Move everything back when it happened later than now: the wall clock was set back meanwhile.

        Who has been idle or waiting for longest stays so; only how long is no longer known.
        """
        self._move_back(max(self._last_us, self._latest_us()) - now_us)

    def _latest_us(self) -> int:
        moments = [us for agent in self.agents.values() for us in (agent.since_us, agent.idle_since_us)]
        return max(self.latest_call_us(), *moments, 0)

    def latest_call_us(self) -> int:
        """The last moment that is known of an open call; 0 without any. A controller was there then: agents'
        statuses can be set without one.
        """
        return max(
            (us for call in self.calls.values() for us in (call.entered_us, call.talk_since_us)), default=0
        )

    def _move_back(self, ahead_us: int) -> None:
        if ahead_us <= 0:
            return
        self._last_us -= ahead_us
        self._touched.update(("agent", name) for name in self.agents)
        self._touched.update(("call", uuid) for uuid in self.calls)
        for agent in self.agents.values():
            agent.since_us = max(0, agent.since_us - ahead_us)
            agent.login_us = max(0, agent.login_us - ahead_us)
            agent.idle_since_us = max(0, agent.idle_since_us - ahead_us)
            agent.rest_until_us = max(0, agent.rest_until_us - ahead_us)
            agent.failed_us = max(0, agent.failed_us - ahead_us)
            agent.held_until_us = max(0, agent.held_until_us - ahead_us)
            agent.break_since_us = max(0, agent.break_since_us - ahead_us)
            agent.asked_us = max(0, agent.asked_us - ahead_us)
        for call in self.calls.values():
            call.entered_us = max(0, call.entered_us - ahead_us)
            call.talk_since_us = max(0, call.talk_since_us - ahead_us)

    # Keeping it, a row for each agent and open call.

    def take_changes(self) -> list[tuple[str, str, dict[str, Any] | None]]:
        """Kind, name and fields of what changed since the last time; None: gone."""
        changes = []
        for kind, name in sorted(self._touched):
            entry = (self.agents if kind == "agent" else self.calls).get(name)
            changes.append((kind, name, None if entry is None else asdict(entry)))
        self._touched.clear()
        return changes

    @classmethod
    def load(cls, rows: Iterable[tuple[str, str, Mapping[str, Any]]]) -> Self:
        """From kept rows. Kinds and fields that this version doesn't know are passed over."""
        memory = cls()
        for kind, name, values in rows:
            if kind == "agent":
                memory.agents[name] = AgentMemory(**_known(AgentMemory, values))
            elif kind == "call":
                memory.calls[name] = CallMemory(**_known(CallMemory, values))
        orders = [call.order for call in memory.calls.values()]
        orders += [agent.asked_order for agent in memory.agents.values()]
        memory._entries = max(orders, default=0)
        memory._last_us = memory._latest_us()
        for uuid, call in list(memory.calls.items()):
            if call.standing == "given-up" and call.talk_since_us < memory._last_us - GIVEN_UP_FOR_US:
                del memory.calls[uuid]
                memory._touched.add(("call", uuid))
        return memory

    # Records.

    def _agent(self, record: Any) -> AgentMemory:
        name = record.agent
        self._touched.add(("agent", name))
        found = self.agents.get(name)
        if found is None:
            found = self.agents[name] = AgentMemory("", record.at_us)
        return found

    def _call(self, record: Any) -> CallMemory | None:
        found = self.calls.get(record.call)
        if found is not None:
            self._touched.add(("call", record.call))
        return found

    def status(self, record: Any) -> None:
        if record.reason == "removed":  # who comes back is new
            self._touched.add(("agent", record.agent))
            self.agents.pop(record.agent, None)
            return
        agent = self._agent(record)
        self._rests(agent, record)
        before, agent.status = agent.status, record.status
        if record.status == before:
            if record.reason != "initial":
                agent.served = False
            return
        agent.served = False
        agent.since_us = record.at_us
        if before in {"", "Logged Out"} and record.status != "Logged Out":
            agent.login_us = agent.idle_since_us = record.at_us
        if record.status == "Available":
            agent.forgive()
            agent.fresh_calls = agent.fresh_talk_us = 0

    def _rests(self, agent: AgentMemory, record: Any) -> None:
        """What a change of status says of the break and the request."""
        reason = getattr(record, "break_reason", "")
        if record.status != agent.status or reason != agent.break_reason:
            agent.break_reason, agent.break_overdue = reason, False
            agent.break_since_us = record.at_us if reason else 0
            if reason or not record.status.startswith("Available"):
                agent.asked_reason, agent.granted = "", False

    def rests(self, record: Any) -> None:
        """A step of a break or of a request for one."""
        agent = self._agent(record)
        match record.step:
            case "asked":
                self._entries += 1
                agent.asked_reason, agent.granted = record.break_reason, False
                agent.asked_us, agent.asked_order = record.at_us, self._entries
            case "granted":
                agent.granted = agent.asked_reason == record.break_reason
            case "withdrawn":
                agent.asked_reason, agent.granted = "", False
            case "overdue":
                agent.break_overdue = True

    def elsewhere(self, record: Any) -> None:
        agent = self._agent(record)
        agent.elsewhere, agent.elsewhere_by_hand = record.elsewhere, record.by_hand

    def entered(self, record: Any) -> None:
        """A queue leg begins, of a new call or of one that was in a queue before."""
        before = self.calls.get(record.call)
        self._entries += 1
        self.calls[record.call] = CallMemory(
            node=record.node,
            queue=record.queue,
            leg=record.leg,
            entered_us=record.at_us,
            order=self._entries,
            attempts=0 if before is None else before.attempts,
        )
        self._touched.add(("call", record.call))

    def resumed(self, record: Any) -> None:
        before = self.calls.get(record.call)
        if before is None or before.standing == "given-up" or record.leg > before.leg:
            self.entered(record)
            self.calls[record.call].entered_us = record.entered_us

    def offered(self, record: Any) -> None:
        call = self._call(record)
        if call is not None:
            call.attempts = max(call.attempts, record.attempt)
            call.offers[record.agent] = record.attempt
        agent = self._agent(record)
        agent.rung_on, agent.failed = record.node, ""

    def offer_ended(self, record: Any) -> None:
        agent = self._agent(record)
        agent.rung_on = ""
        call = self._call(record)
        count = _COUNTS.get(record.outcome)
        if count is not None:
            setattr(agent, count, getattr(agent, count) + 1)
            agent.failed, agent.failed_us = record.outcome, record.at_us
        elif record.outcome == "answered":
            agent.forgive()
        if call is not None:
            call.offers.pop(record.agent, None)
            if record.outcome == "answered":
                call.standing, call.agent, call.counted = "talking", record.agent, False
                call.talk_since_us = record.at_us

    def answered(self, record: Any) -> None:
        agent = self._agent(record)
        agent.calls_answered += 1
        agent.fresh_calls += 1
        call = self._call(record)
        if call is not None:
            call.standing, call.agent, call.counted = "talking", record.agent, True
            call.talk_since_us = call.entered_us + record.wait_us

    def undone(self, record: Any) -> None:
        call = self._call(record)
        if call is not None:
            call.standing, call.agent, call.talk_since_us = "waiting", "", 0

    def parted(self, record: Any) -> None:
        agent = self._agent(record)
        agent.talk_us += record.talk_us
        agent.fresh_talk_us += record.talk_us
        agent.idle_since_us = agent.since_us = record.at_us
        agent.served = agent.status == _ON_DEMAND
        agent.finishing = record.call
        call = self._call(record)
        if call is not None:
            call.standing, call.transferred = "parted", record.transferred
            call.talk_since_us = record.at_us

    def joined(self, record: Any) -> None:
        """The agent goes on, with a caller who was connected to them."""
        agent = self._agent(record)
        agent.finishing, agent.failed, agent.since_us = "", "", record.at_us
        if record.call not in self.calls:  # it had ended in the books when its node was given up
            self.entered(record)
        call = self._call(record)
        if call is not None:
            call.standing, call.agent, call.counted = "talking", record.agent, True
            call.queue, call.leg, call.talk_since_us = record.queue, record.leg, record.at_us
            call.transferred = False

    def wrap_up(self, record: Any) -> None:
        agent = self._agent(record)
        agent.rest_until_us = record.until_us
        if agent.finishing:
            agent.idle_since_us = agent.since_us = record.at_us
            agent.finishing = ""

    def held(self, record: Any) -> None:
        self._agent(record).held_until_us = record.until_us

    def left(self, record: Any) -> None:
        call = self._call(record)
        if call is not None:
            call.standing, call.reason = "left", record.reason
            call.offers.clear()

    def abandoned(self, record: Any) -> None:
        call = self._call(record)
        if call is not None:
            call.standing, call.reason = "left", "gone"
            call.offers.clear()

    def ended(self, record: Any) -> None:
        call = self._call(record)
        if call is None:
            return
        if record.cause == OUT_OF_SIGHT:
            call.standing, call.talk_since_us = "given-up", record.at_us
            call.offers.clear()
        else:
            del self.calls[record.call]


def _known(kind: type[Any], values: Mapping[str, Any]) -> dict[str, Any]:
    names = {entry.name for entry in fields(kind)}
    return {name: value for name, value in values.items() if name in names}


_STEPS: Final[dict[str, Callable[[Memory, Any], None]]] = {
    "agent-status": Memory.status,
    "agent-break": Memory.rests,
    "agent-elsewhere": Memory.elsewhere,
    "queue-entered": Memory.entered,
    "queue-resumed": Memory.resumed,
    "offer-made": Memory.offered,
    "offer-ended": Memory.offer_ended,
    "call-answered": Memory.answered,
    "bridge-undone": Memory.undone,
    "conversation-ended": Memory.parted,
    "conversation-joined": Memory.joined,
    "agent-wrap-up": Memory.wrap_up,
    "agent-held": Memory.held,
    "call-left": Memory.left,
    "call-abandoned": Memory.abandoned,
    "call-lost": Memory.abandoned,
    "call-ended": Memory.ended,
}
