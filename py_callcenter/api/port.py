"""What the HTTP side needs of the controller, and the shapes it shows.

The controller lives in another thread; the methods here are coroutines of the HTTP side's event loop, and
`app` carries them over. Moments are epoch seconds by the controller's clock, durations are seconds.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

from py_callcenter.config import Change, Config, Exit
from py_callcenter.metrics import MetricsSnapshot

CallState = Literal["waiting", "ringing", "connecting", "talking", "leaving"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceLevelRow:
    """Target of a queue and what it reaches now."""

    seconds: float
    percent: float
    now_percent: float | None
    """None while no queue leg ended within the window."""
    window_seconds: int
    formula: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitRow:
    """An expected wait of somebody who stays, in seconds of two significant digits: more would be a promise.

    `low`…`high` is the range to announce: half of such callers wait less than its low end, one in five more
    than its high end. Eight in ten are between `p10` and `p90`.
    """

    low: float
    high: float
    p10: float
    p90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitErrorRow:
    """How good the last few hundred expected waits were, judged by those who were served."""

    answers: int
    """How many were judged since the controller started."""
    bias: float | None
    """(expected − wait) / mean wait; above 0: too long. None before the first."""
    error: float | None
    """Root mean square of the same."""
    inside: float | None
    """Share of waits between p10 and p90, which should be 0.8."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffingRow:
    """Agents that a queue needs for its service level, by Erlang A (Erlang C while nobody gives up)."""

    agents_now: int
    """For what the last half hour brought."""
    agents_next: int
    """For what is expected in the next half hour."""
    calls_now: int
    """Calls that entered in the last half hour."""
    calls_next: float
    """Calls expected in the next: that of the past four weeks, scaled by how this one compares."""
    handle_seconds: float
    """Mean time that a call holds an agent: ringing, talk and wrap-up."""
    patience_seconds: float | None
    """Mean patience of callers; None: too few gave up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueRow:
    """A queue now, and its counts since the controller started."""

    name: str
    strategy: str
    waiting: int
    oldest_at: float | None
    """When the longest waiting caller came; None while nobody waits."""
    service_level: ServiceLevelRow
    agents: dict[str, int]
    """Agents with a tier in this queue, by state; states without agents may be left out."""
    offered: int
    answered: int
    abandoned: int
    overflowed: int
    lost: int
    expected_wait: WaitRow | None = None
    """Of somebody who came now, all 0 when an agent is ready. None: not known, or past answers were wrong."""
    expected_wait_error: WaitErrorRow | None = None
    staffing: StaffingRow | None = None
    """None: too little is known."""
    divert: str | None = None
    """Where an operator diverts its callers, as exten@context or `hangup`; None when nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRow:
    """A call that is in a queue or with an agent."""

    id: str
    queue: str
    state: CallState
    position: int | None
    """Place in the queue, 1 = next; None when no longer in it."""
    number: str
    """The caller's number, masked."""
    priority: int
    entered_at: float
    """Begin of this queue leg's wait."""
    since: float
    """Begin of the state."""
    agents: tuple[str, ...] = ()
    """Who is rung, or the one who talks."""
    node: str = ""
    expected_wait: WaitRow | None = None
    """From now on; None: not known, or not waiting."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakRow:
    """A break with a reason, a request for one, or both: who rests may ask for another reason."""

    reason: str | None
    since: float | None
    until: float | None
    """How long it may last; None: no limit."""
    overdue: bool
    """That moment has passed."""
    asked: str | None
    """The reason that is asked for."""
    asked_at: float | None
    place: int | None
    """Place in the line, 1 = next; 0: there is a place, the break begins after call and wrap-up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    """An agent now."""

    name: str
    status: str
    state: str
    since: float
    """Begin of the state."""
    ready_at: float | None
    """End of a wrap-up or delay that runs; else None."""
    queue: str | None
    """Queue of the call the agent is rung for or talks on."""
    call: str | None
    number: str | None
    """Masked number of that caller."""
    queues: tuple[str, ...]
    """Queues the agent has a tier in."""
    calls_answered: int
    talk_seconds: float
    no_answer_count: int
    reachable: bool = True
    """False: every phone of the agent has unregistered."""
    rest: BreakRow | None = None
    """The break with a reason, or the request for one; None without either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """A switch and its event socket."""

    name: str
    up: bool
    since: float
    reason: str = ""
    """Why it is down; empty while up."""
    drained: bool = False
    """An operator wants no new offers there."""
    held: tuple[str, ...] = ()
    """Why its callers get no offers: `away`, `drained`, `pressure`, `starting`; empty when they do."""
    lag_seconds: float | None = None
    """Round trip of the latest probe, from a command to its event."""
    heartbeat_age_seconds: float | None = None
    sessions_per_second: int | None = None
    """What the switch takes, by its own words."""
    max_sessions: int | None = None
    originates_waiting: int = 0
    """Phones that wait their turn to be rung."""
    originates_refused: int = 0
    """Originates that the switch refused because it was full or throttled, since the start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything the page shows, at one moment. `version` grows with every snapshot."""

    version: int
    at: float
    queues: tuple[QueueRow, ...]
    calls: tuple[CallRow, ...]
    """In order of queue, then of place; talking calls last."""
    agents: tuple[AgentRow, ...]
    nodes: tuple[NodeRow, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """An answer for a balancer; `reasons` says in plain words what is not well.

    `notes`: what somebody should see to, though callers are served as ever.
    """

    ok: bool
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceStep:
    """One thing that happened to a call."""

    at: float
    kind: str
    text: str
    details: dict[str, str | int | float | bool | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyAgent:
    """One agent of a waiting caller's queue: why not this one?"""

    agent: str
    reason: str | None = None
    """The first rule that keeps the agent away; null: may be had, the best first."""
    until: float | None = None
    """When that ends by waiting alone."""
    other_call: str | None = None
    refused_before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class WhyRow:
    """Where a waiting caller stands with each agent of the queue."""

    call: str
    queue: str
    at: float
    closed: str | None = None
    """Why nobody is looked for now: `held`, or `ringing` when as many phones ring as the strategy wants."""
    wanted: int = 0
    agents: tuple[WhyAgent, ...] = ()
    more_agents: int = 0
    """So many more aren't named."""


class PortError(Exception):
    """The controller can't do what was asked. `status` is the HTTP status that says so."""

    def __init__(self, status: Literal[400, 404, 409, 503], message: str, hint: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.hint = hint


class ControllerPort(Protocol):
    """Each method may raise `PortError`; 503 when the controller is stopping or doesn't answer in time."""

    async def snapshot(self) -> Snapshot: ...

    def subscribe(self) -> AsyncIterator[Snapshot]:
        """Snapshots while somebody listens: one at once, then a newer one whenever something changed.

        The reader takes at most four a second. A snapshot that was not taken is replaced, never queued.
        """
        ...

    async def set_agent_status(
        self, agent: str, status: str, *, reason: str = "", force: bool = False
    ) -> AgentRow:
        """`reason`: of a break, which may have to wait for its turn unless `force`."""
        ...

    async def withdraw_break(self, agent: str) -> AgentRow:
        """Take a request for a break back; 409 when there is none."""
        ...

    async def end_wrap_up(self, agent: str) -> AgentRow: ...

    async def set_wrap_up(self, agent: str, seconds: float) -> AgentRow:
        """Let a wrap-up that runs end so many seconds from now; 409 when none runs."""
        ...

    async def hold_agent(self, agent: str, seconds: float) -> AgentRow:
        """Offer an agent nothing for so many seconds; 0 ends that."""
        ...

    async def set_external_calls(self, agent: str, count: int) -> AgentRow: ...

    async def move_call(self, call: str, queue: str, *, keep_wait: bool) -> CallRow:
        """Put a waiting caller into another queue; 409 when the call doesn't wait."""
        ...

    async def rank_call(
        self, call: str, *, priority: int | None, base_score: int | None, skills: str | None
    ) -> CallRow:
        """Change a waiting caller's priority, base score or demand; 409 when the call doesn't wait."""
        ...

    async def transfer_call(
        self, call: str, kind: Literal["queue", "agent", "extension", "number"], name: str, *, keep_wait: bool
    ) -> None:
        """Send a caller who waits or talks somewhere else. 409 when that isn't possible now."""
        ...

    async def consult(self, call: str, kind: Literal["agent", "queue", "number"], name: str) -> None:
        """Call somebody for the agent of a call; 409 when that isn't possible now."""
        ...

    async def complete_consult(self, call: str) -> None:
        """Connect the caller with whom the agent consults; 409 when nobody answered yet."""
        ...

    async def end_consult(self, call: str) -> None:
        """Bring the agent back to the caller; 409 when nobody is consulted."""
        ...

    async def hang_up(self, call: str) -> None: ...

    async def divert(self, queue: str | None, to: Exit | None) -> list[QueueRow]:
        """Send everybody in a queue and everybody who comes to a place; `queue` None: of all queues; `to`
        None: take it back. Gives the rows of these queues.
        """
        ...

    async def drain(self, node: str, *, on: bool) -> NodeRow:
        """No new offers for a node's callers, who stay; or offers again."""
        ...

    async def rotate_key(self) -> int:
        """Seal what is stamped on channels with a new key; how many earlier ones count for those who are
        there. 409 when there are too many.
        """
        ...

    async def trace(self, call: str) -> list[TraceStep]:
        """What happened to a call, in order. 404 when nothing is known of it."""
        ...

    async def why(self, call: str) -> WhyRow:
        """Where a waiting caller stands with each agent; 404 for an unknown call, 409 for one not waiting."""
        ...

    async def configuration(self) -> Config:
        """The configuration in force."""
        ...

    async def apply(self, config: Config, *, dry_run: bool) -> list[Change]:
        """Make queues, agents and tiers be as in `config`, all or nothing; give the changes.

        Its controller and nodes are to be ignored. 409 when a change can't be made now, for example because
        callers wait in a queue that would go.
        """
        ...

    async def health(self) -> Health:
        """Whether the process works: its main loop turns."""
        ...

    async def ready(self) -> Health:
        """Whether it can route a call: connected, in step with the switch, records kept."""
        ...

    async def metrics(self) -> MetricsSnapshot: ...
