"""Everything the engine's parts share: the tables, the outbox, the timers and the core."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from py_callcenter._router import Router
from py_callcenter.config import Agent, Config, Queue, Tier
from py_callcenter.engine.actions import Action
from py_callcenter.engine.calls import Call, Offer, Stay
from py_callcenter.engine.identity import Sealer
from py_callcenter.engine.ledger import Ledger
from py_callcenter.engine.marks import Marks
from py_callcenter.engine.memory import CallMemory
from py_callcenter.engine.records import AnyRecord, InvariantViolated
from py_callcenter.engine.regulars import Regulars

if TYPE_CHECKING:  # they work on the state and are kept in it
    from py_callcenter.engine.consults import Consult
    from py_callcenter.engine.divert import Divert
    from py_callcenter.engine.pacing import Pace
    from py_callcenter.engine.standby import Standing

CANCEL_MEMORY_US: Final = 120_000_000
DEAD_MEMORY_US: Final = 60_000_000


@dataclass(slots=True)
class GivenUp:
    """What must be known of a call that ended in the books with its node, should its channel appear again."""

    leg: int
    """The last queue leg."""
    entered_us: int
    attempts: int
    missed: bool = False
    """The node has been seen since, without the channel."""


@dataclass(slots=True)
class Reach:
    """How agents are reached; see `registrations`."""

    registered: dict[str, dict[str, int]] = field(default_factory=dict)
    """How many phones each node has for a `user/…` contact, as far as it said."""
    agents_of: dict[str, list[str]] = field(default_factory=dict)
    """Agents by `user/…` contact."""
    dials: dict[str, str] = field(default_factory=dict)
    """Templates of the nodes that reach phones elsewhere."""
    away: dict[str, int] = field(default_factory=dict)
    """Agents whose phones have all gone, and until when they are offered nothing."""
    no_leg: dict[str, int] = field(default_factory=dict)
    """`uuid-standby` agents whose leg is down; see `standby`."""
    standing: dict[str, Standing] = field(default_factory=dict)
    """Legs of `uuid-standby` agents, by the agent's name."""
    standing_legs: dict[str, Standing] = field(default_factory=dict)
    """The same by uuid of the leg, and by the job that dials it."""
    kept_back: dict[str, int] = field(default_factory=dict)
    """Agents who by hand are offered nothing before a moment."""
    given_up: dict[str, dict[str, GivenUp]] = field(default_factory=dict)
    """By node that was gone or out of sight: calls that ended in the books for that."""
    unseen: set[str] = field(default_factory=set)
    """Nodes that a start looks at before it offers anything; see `recovery.awaited`."""
    last_known_us: int = 0
    """When earlier runs last saw what they left open; 0 when nobody knows. See `recovery.books`."""


@dataclass(slots=True)
class Outside:
    """Calls of agents that aren't the queues'; see `outside`."""

    lines: dict[str, set[str]] = field(default_factory=dict)
    """Agents by `user@host`, in small letters."""
    registered: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """Addresses of registered phones by node and `user/…` contact."""
    channels: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)
    """Node and agents of each channel, by its uuid."""
    by_hand: dict[str, int] = field(default_factory=dict)
    busy: set[str] = field(default_factory=set)
    """Agents with such calls, as the records have it."""
    consults: dict[str, Consult] = field(default_factory=dict)
    """By leg, and by job, of those whom agents consult; see `consults`."""
    strangers: dict[str, str] = field(default_factory=dict)
    """Living channels that nobody here knows, with their node; see `strangers`."""


@dataclass(slots=True)
class Round:
    """Where the questions of `audit` are."""

    left: deque[str] = field(default_factory=deque)
    """Channels still to be asked about."""
    share: int = 0
    """So many a step."""
    timer: int | None = None
    doubts: set[str] = field(default_factory=set)
    """Nodes of which something was missed: each needs a fresh look."""
    suspects: dict[str, int] = field(default_factory=dict)
    """Channels that the switch didn't know when it was asked, with that moment."""
    number: int = 0
    """Counts the steps."""
    ledger: Ledger = field(default_factory=Ledger)
    """What the records of this run promise."""
    findings: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    """What looked wrong (`sweep`): rule and what about, when first (0: told) and when last."""
    holders: dict[int, int] = field(default_factory=dict)
    """The offer last seen of each agent."""
    reserved: dict[int, tuple[int, str, str]] = field(default_factory=dict)
    """By the core's agent id: the last reservation that it gave, with the call's id and node."""
    faults: list[Exception] = field(default_factory=list)
    """Faults of ours that cost one phone's ringing; see `Outcome.faults`."""


@dataclass(slots=True)
class _Notes:
    """What becomes records, and those that nobody has taken yet."""

    sequence: int = 0
    """Of the last record."""
    noted: list[tuple[type[AnyRecord], dict[str, Any]]] = field(default_factory=list)
    """Kind and fields."""
    records: list[AnyRecord] = field(default_factory=list)


@dataclass(slots=True)
class LastBreaks:
    """What the last run left of breaks that were asked for."""

    put_off: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Agents who had a call on a node that hasn't been looked at yet: the node, and the end of a wrap-up. No
    break of theirs begins.
    """
    places: set[str] = field(default_factory=set)
    """Agents for whom a place was kept, which the books have."""


class State:
    """Mutable heart of one engine. `now_us` is the moment of the input being handled."""

    tiers: Mapping[tuple[str, str], Tier] = MappingProxyType({})
    """By queue and agent."""
    break_ids: Mapping[str, int] = MappingProxyType({})
    break_names: Mapping[int, str] = MappingProxyType({})
    """Reasons for breaks."""

    def __init__(self, router: Router, sealer: Sealer, *, epoch: int, start_us: int) -> None:
        self.router = router
        self.sealer = sealer
        self.epoch = epoch
        self.now_us = start_us
        self.config = Config()
        self.queues: dict[str, Queue] = {}
        self.queue_ids: dict[str, int] = {}
        self.queue_names: dict[int, str] = {}
        self.agents: dict[str, Agent] = {}
        self.agent_ids: dict[str, int] = {}
        self.agent_names: dict[int, str] = {}
        self.calls: dict[str, Call] = {}
        """By the uuid of the caller's channel."""
        self.waiting: dict[int, tuple[Call, Stay]] = {}
        """By the core's caller id."""
        self.offers: dict[int, Offer] = {}
        """By the core's offer id."""
        self.legs: dict[str, Offer] = {}
        """By the uuid of an agent's leg."""
        self.jobs: dict[str, Offer] = {}
        self.cancelled: dict[str, int] = {}
        """Legs that must not live, with the moment until which we remember it (races R1, R2)."""
        self.dead: dict[str, int] = {}
        """Callers' channels that hung up lately: a PARK that comes after that is old news (race R8)."""
        self.wrapping: dict[str, str] = {}
        """The call that an agent's last wrap-up belongs to, by the agent's name."""
        self.phones: dict[tuple[str, str], tuple[str, ...]] = {}
        """By node and `user/…` contact: the registered phones of a user who has several."""
        self.past: dict[str, CallMemory] = {}
        """Calls that earlier runs left open, by the caller's uuid, until their node has been looked at."""
        self.awaited: dict[str, tuple[str, int]] = {}
        """Agents who had a call on a node that hasn't been looked at yet: the node, and the end of a hold."""
        self.last_breaks = LastBreaks()
        self.round = Round()
        self.no_agent_since_us: dict[str, int] = {}
        self.reach = Reach()
        self.regulars = Regulars()
        self.outside = Outside()
        self.held_nodes: dict[str, set[str]] = {}
        """Nodes whose callers get no new offers, and why."""
        self.spared = False
        """An offer was taken back while others were decided on: decide again."""
        self.paces: dict[str, Pace] = {}
        self.diverts: dict[str, Divert] = {}  # by the queue's name
        self.marks = Marks()
        self.actions: list[Action] = []
        self._notes = _Notes()
        self._next_token = 1
        self._due: deque[int] = deque()
        self._timers: dict[int, tuple[Callable[..., None], tuple[Any, ...]]] = {}

    @property
    def is_still(self) -> bool:
        """Whether nothing is to be done, told or looked at."""
        return not (self.actions or self._notes.noted or self.round.doubts or self.spared)

    def reserve(self, agent_id: int, offer_id: int, call: Call | None) -> None:
        """The core keeps an agent for a call: until an offer says so, this is all that does."""
        about = ("", "") if call is None else (call.id, call.node)
        self.round.reserved[agent_id] = (offer_id, *about)

    def touch(self, call: Call) -> None:
        """Mark that what is shown of a call changed, or its place in the order."""
        if self.marks.on:
            self.marks.touch(call)

    def act(self, action: Action) -> None:
        self.actions.append(action)

    def note(self, kind: type[AnyRecord], node: str = "", **fields: Any) -> None:
        """Append a record. It is made when somebody asks for it: first the phone of an agent rings."""
        fields["node"], fields["at_us"] = node, self.now_us
        self._notes.noted.append((kind, fields))

    @property
    def records(self) -> list[AnyRecord]:
        """Those that nobody has taken yet."""
        if not self._notes.noted:
            return self._notes.records
        noted, self._notes.noted = self._notes.noted, []
        fold = self.round.ledger.fold
        for kind, fields in noted:
            record = self._write(kind, fields)
            broken = fold(record)
            if broken:
                what = {name: getattr(record, name, "") for name in ("node", "at_us", "call", "agent")}
                self._write(InvariantViolated, {"rule": broken, **what})
        return self._notes.records

    def take_records(self) -> list[AnyRecord]:
        records, self._notes.records = self.records, []
        return records

    @property
    def ledger(self) -> Ledger:
        """What all records up to now promise."""
        _ = self.records
        return self.round.ledger

    def _write(self, kind: type[AnyRecord], fields: dict[str, Any]) -> AnyRecord:
        """Ids are given here and nowhere else."""
        notes = self._notes
        notes.sequence += 1
        fields["epoch"], fields["sequence"] = self.epoch, notes.sequence
        record = kind(**fields)
        notes.records.append(record)
        return record

    def start_timer(self, after_us: int, run: Callable[..., None], *arguments: Any) -> int:
        """Call `run(state, *arguments)` after `after_us`; give the token to stop it with."""
        token = self._next_token
        self._next_token += 1
        self._timers[token] = (run, arguments)
        self.router.set_timer(self.now_us + after_us, token)
        return token

    def stop_timer(self, token: int | None) -> None:
        if token is not None and self._timers.pop(token, None) is not None:
            self.router.cancel_timer(token)

    def is_pending(self, token: int | None) -> bool:
        """Whether a timer was started, and neither stopped nor run."""
        return token in self._timers

    def run_timers(self) -> bool:
        """Run what is due at `now_us`, in order of deadline. False when nothing was."""
        # Kept in the state: should one of them raise, the others are run at the next input.
        now_due = self.router.advance(self.now_us)
        if not now_due and not self._due:
            return False
        self._due.extend(now_due)
        while self._due:
            due = self._timers.pop(self._due.popleft(), None)
            if due is not None:
                run, arguments = due
                run(self, *arguments)
        return True

    @property
    def timers(self) -> int:
        """How many run."""
        return len(self._timers)

    def next_deadline_us(self) -> int | None:
        """When `run_timers` next has something to do."""
        return self.now_us if self._due else self.router.next_deadline_us()

    def forbid(self, uuid: str) -> None:
        """A leg that doesn't exist yet must not live; remembered for a while."""
        self._remember(self.cancelled, uuid, CANCEL_MEMORY_US)

    def bury(self, uuid: str) -> None:
        """A caller's channel has hung up, which is final."""
        self._remember(self.dead, uuid, DEAD_MEMORY_US)

    def _remember(self, where: dict[str, int], uuid: str, for_us: int) -> None:
        where.pop(uuid, None)
        where[uuid] = self.now_us + for_us
        while where[oldest := next(iter(where))] <= self.now_us:
            del where[oldest]
