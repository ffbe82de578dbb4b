"""What happened: the append-only log that every figure is computed from.

A record is written once, when the thing is known to have happened, and never changed. Its id
(node, epoch, sequence) makes writing it twice harmless. Times and durations are integer microseconds.
Records hold no caller numbers or names: a call is known by its id, a caller by a keyed hash that only this
site's key makes (`identity.Sealer.caller`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, ClassVar, Final, Literal, get_args

from py_callcenter.value import value

AbandonPhase = Literal["short", "queued", "ringing"]
OfferOutcome = Literal[
    "answered", "busy", "rejected", "no_answer", "unreachable", "unregistered", "path_error", "withdrawn"
]
LeftReason = Literal[
    "timeout",
    "no-agent",
    "full",
    "expected-wait",
    "exit-key",
    "transferred",
    "moved",
    "taken-elsewhere",
    "unknown-queue",
    "diverted",
]
Side = Literal["caller", "agent", "system"]
StatusReason = Literal[
    "initial",
    "set",
    "removed",
    "break-over",
    "break-removed",
    "max-no-answer",
    "max-busy",
    "max-reject",
    "max-unregistered",
]
"""Why an agent's status changed; `removed`: the agent left the configuration and is logged out for good;
`break-over`: the break had lasted as long as it may; `break-removed`: its reason left the configuration, the
agent still rests; the last four are the limits of failed offers."""
BreakStep = Literal["asked", "granted", "overdue", "withdrawn"]
IgnoredWish = Literal["cc_skills", "cc_language", "cc_preferred_agent", "cc_outbound_announce"]


@value(kw_only=True)
class Record:
    """Common head of all records."""

    kind: ClassVar[str] = "record"

    node: str
    epoch: int
    sequence: int
    at_us: int

    @property
    def id(self) -> str:
        return f"{self.node}:{self.epoch}:{self.sequence}"

    def as_dict(self) -> dict[str, Any]:
        """All fields and the kind, ready for JSON."""
        return {"kind": self.kind, "id": self.id, **asdict(self)}


@value(kw_only=True)
class CallOffered(Record):
    """A new call reached a queue for the first time (first accepted PARK).

    `caller`: pseudonym of the caller's number, empty without a number; taken out when it is to be forgotten.
    """

    kind: ClassVar[str] = "call-offered"

    call: str
    queue: str
    caller: str = ""


@value(kw_only=True)
class QueueEntered(Record):
    """A queue leg began. `leg` counts the call's queue legs from 1; a transfer makes a new one.

    `position`: the place it began at, 1 = next; 0 where it got none (full,
    diverted, or too long a wait to be expected). `earlier_us`: time before it that
    counts as wait in the order; `resumed`: as the caller had lost a place here a moment ago.
    `expected_us`: the wait that half of such callers stay below, as it was known then; eight in ten wait
    between `expected_low_us` and `expected_high_us`. All 0: not known, or somebody was free.
    """

    kind: ClassVar[str] = "queue-entered"

    call: str
    queue: str
    leg: int
    priority: int
    position: int = 0
    earlier_us: int = 0
    resumed: bool = False
    expected_us: int = 0
    expected_low_us: int = 0
    expected_high_us: int = 0


@value(kw_only=True)
class QueueResumed(Record):
    """A start of ours found a caller of an earlier run still waiting; the leg goes on from `entered_us`."""

    kind: ClassVar[str] = "queue-resumed"

    call: str
    queue: str
    leg: int
    entered_us: int


@value(kw_only=True)
class OfferMade(Record):
    """An agent's devices were asked to ring for a caller."""

    kind: ClassVar[str] = "offer-made"

    call: str
    queue: str
    agent: str
    attempt: int


@value(kw_only=True)
class OfferEnded(Record):
    """An offer is over, every leg of it gone or talking. `cause` is the switch's hangup cause, if any."""

    kind: ClassVar[str] = "offer-ended"

    call: str
    queue: str
    agent: str
    attempt: int
    outcome: OfferOutcome
    cause: str
    ring_us: int


@value(kw_only=True)
class CallAnswered(Record):
    """Caller and agent were bridged; the queue leg's wait ends there, up to a second before this record.

    `voice_us`: from the agent's answer to the bridge, when the two hear each other.
    """

    kind: ClassVar[str] = "call-answered"

    call: str
    queue: str
    leg: int
    agent: str
    wait_us: int
    voice_us: int = 0


@value(kw_only=True)
class BridgeUndone(Record):
    """A bridge broke at once with nobody hanging up: it counts for nothing, the caller waits again."""

    kind: ClassVar[str] = "bridge-undone"

    call: str
    queue: str
    leg: int
    agent: str


@value(kw_only=True)
class CallAbandoned(Record):
    """The caller hung up before an agent had them. `position`: the place in the queue then, 0 = unknown."""

    kind: ClassVar[str] = "call-abandoned"

    call: str
    queue: str
    leg: int
    wait_us: int
    phase: AbandonPhase
    position: int = 0


@value(kw_only=True)
class CallLeft(Record):
    """The queue leg ended by a rule or by hand: the caller lives on at `target` (or was hung up by us).

    `position`: the place in the queue then, 0 where there was none. `key`: the exit key that was pressed.
    """

    kind: ClassVar[str] = "call-left"

    call: str
    queue: str
    leg: int
    wait_us: int
    reason: LeftReason
    target: str
    position: int = 0
    key: str = ""


@value(kw_only=True)
class CallLost(Record):
    """The caller vanished with the switch, or while we could not see it: nobody's fault in the queue."""

    kind: ClassVar[str] = "call-lost"

    call: str
    queue: str
    leg: int
    wait_us: int


@value(kw_only=True)
class ConversationEnded(Record):
    """Agent and caller parted. `attended`: by a transfer to somebody whom its maker talked to first."""

    kind: ClassVar[str] = "conversation-ended"

    call: str
    queue: str
    leg: int
    agent: str
    talk_us: int
    hold_us: int
    ended_by: Side
    transferred: bool
    attended: bool = False


@value(kw_only=True)
class ConversationJoined(Record):
    """An agent goes on talking, now with this caller: somebody had rung the queue and connected the two.

    `after`: the call in which the agent was answered. `leg` is a further number of this call, without a wait.
    """

    kind: ClassVar[str] = "conversation-joined"

    call: str
    queue: str
    leg: int
    agent: str
    after: str


@value(kw_only=True)
class CallTransferred(Record):
    """Somebody sent the caller on by the API. `agent`: who talked with them, empty for one who waited.

    `target`: a queue, an agent or an extension; a number outside is not kept. What ended by it (a
    conversation, a wait) and what began (a queue leg) have records of their own.
    """

    kind: ClassVar[str] = "call-transferred"

    call: str
    queue: str
    leg: int
    agent: str
    to: Literal["queue", "agent", "extension", "number"]
    target: str


@value(kw_only=True)
class ConsultationEnded(Record):
    """An agent consulted somebody about a call. `completed`: the caller went over to them.

    `target`: an agent; a number outside is not kept. `talk_us`: how long agent and other side talked.
    """

    kind: ClassVar[str] = "consultation-ended"

    call: str
    queue: str
    leg: int
    agent: str
    to: Literal["agent", "number"]
    target: str
    outcome: Literal["completed", "returned", "failed"]
    cause: str
    talk_us: int


@value(kw_only=True)
class CallEnded(Record):
    """The caller's channel is gone; the call's story is complete."""

    kind: ClassVar[str] = "call-ended"

    call: str
    cause: str


@value(kw_only=True)
class AgentStatusChanged(Record):
    """An agent's status changed, by hand or by a limit. `break_reason`: what an agent `On Break` rests for,
    empty for a break without a reason; it may change while the status stays.
    """

    kind: ClassVar[str] = "agent-status"

    agent: str
    status: str
    reason: StatusReason
    break_reason: str = ""


@value(kw_only=True)
class AgentBreak(Record):
    """An agent `asked` for a break that couldn't begin at once; a place for it was `granted`, so it begins
    after call and wrap-up; the request is void (`withdrawn`); or a break has lasted as long as it may
    (`overdue`).
    """

    kind: ClassVar[str] = "agent-break"

    agent: str
    break_reason: str
    step: BreakStep


@value(kw_only=True)
class AgentWrapUp(Record):
    """An agent's wrap-up began (or was moved); it ends at `until_us`. `call`: the one it belongs to."""

    kind: ClassVar[str] = "agent-wrap-up"

    agent: str
    until_us: int
    call: str = ""


@value(kw_only=True)
class AgentHeld(Record):
    """Somebody said that an agent is offered nothing before `until_us`; if that is `at_us`, no longer so."""

    kind: ClassVar[str] = "agent-held"

    agent: str
    until_us: int


@value(kw_only=True)
class WishIgnored(Record):
    """The dialplan asked for something that can't be read or granted; the queue's own default is used."""

    kind: ClassVar[str] = "wish-ignored"

    call: str
    queue: str
    wish: IgnoredWish


@value(kw_only=True)
class CallerRanked(Record):
    """Somebody changed the priority or the base score of a caller who waits."""

    kind: ClassVar[str] = "caller-ranked"

    call: str
    queue: str
    priority: int
    base_score_us: int


@value(kw_only=True)
class RecordingStarted(Record):
    """Recording of a caller's leg was asked for."""

    kind: ClassVar[str] = "recording-started"

    call: str
    agent: str
    path: str


@value(kw_only=True)
class UnknownQueue(Record):
    """A call asked for a queue that is not configured and was sent to `on-unknown-queue`.

    `asked`: the name as the dialplan gave it, at most 64 characters; all but letters, digits and `_ . @ -` is
    replaced and long numbers are left out, for a dialplan may make it of what the caller dialled.
    """

    kind: ClassVar[str] = "unknown-queue"

    call: str
    asked: str


@value(kw_only=True)
class AgentReachable(Record):
    """The last registered phone of an agent has gone (False), or one is back."""

    kind: ClassVar[str] = "agent-reachable"

    agent: str
    reachable: bool


@value(kw_only=True)
class AgentElsewhere(Record):
    """An agent's first call that isn't the queues' began (True), or the last one ended; or somebody set how
    many calls nobody sees (`by_hand`), which end by hand only.
    """

    kind: ClassVar[str] = "agent-elsewhere"

    agent: str
    elsewhere: bool
    by_hand: int = 0


@value(kw_only=True)
class QueueDiverted(Record):
    """An operator diverted a queue to `target`, or took that back (empty). `waiting`: who was in it then."""

    kind: ClassVar[str] = "queue-diverted"

    queue: str
    target: str
    waiting: int


@value(kw_only=True)
class NodeHeld(Record):
    """The node's callers are offered to nobody for the time being. See `holds.HoldReason`."""

    kind: ClassVar[str] = "node-held"

    reason: str


@value(kw_only=True)
class NodeReleased(Record):
    """A reason for holding the node is gone."""

    kind: ClassVar[str] = "node-released"

    reason: str


@value(kw_only=True)
class NodeThrottled(Record):
    """The switch refused to ring a phone because it is full or throttles; `strikes`: how often in a row."""

    kind: ClassVar[str] = "node-throttled"

    strikes: int


@value(kw_only=True)
class OfferTakenUp(Record):
    """A start of ours found an offer of an earlier run: the phone still rings, or (`talking`) they talk."""

    kind: ClassVar[str] = "offer-taken-up"

    call: str
    queue: str
    agent: str
    attempt: int
    talking: bool


@value(kw_only=True)
class LegOrphaned(Record):
    """A phone leg with our seal belonged to nothing any more and was hung up."""

    kind: ClassVar[str] = "leg-orphaned"

    call: str
    agent: str


@value(kw_only=True)
class EndMissed(Record):
    """The switch doesn't know a channel whose end nobody told: an event was lost, and this makes it good."""

    kind: ClassVar[str] = "end-missed"

    call: str
    side: Side


@value(kw_only=True)
class InvariantViolated(Record):
    """A watchdog found and repaired something that must not happen."""

    kind: ClassVar[str] = "invariant-violated"

    rule: str
    call: str
    agent: str = ""


AnyRecord = (
    CallOffered
    | QueueEntered
    | QueueResumed
    | BridgeUndone
    | OfferMade
    | OfferEnded
    | CallAnswered
    | CallAbandoned
    | CallLeft
    | CallLost
    | ConversationEnded
    | ConversationJoined
    | CallTransferred
    | ConsultationEnded
    | CallEnded
    | AgentStatusChanged
    | AgentBreak
    | AgentWrapUp
    | AgentHeld
    | CallerRanked
    | WishIgnored
    | RecordingStarted
    | UnknownQueue
    | AgentReachable
    | AgentElsewhere
    | QueueDiverted
    | NodeHeld
    | NodeReleased
    | NodeThrottled
    | OfferTakenUp
    | LegOrphaned
    | EndMissed
    | InvariantViolated
)

_KINDS: Final[dict[str, type[AnyRecord]]] = {kind.kind: kind for kind in get_args(AnyRecord)}
_FIELDS: Final = {name: frozenset(f.name for f in fields(kind)) for name, kind in _KINDS.items()}


def load(kind: str, values: Mapping[str, Any]) -> AnyRecord | None:
    """A record from its fields as they were stored; None for a kind or a shape this version doesn't know."""
    if kind not in _KINDS:
        return None
    known = {name: value for name, value in values.items() if name in _FIELDS[kind]}
    try:
        return _KINDS[kind](**known)
    except TypeError:  # a field is missing
        return None
