"""What the engine knows of a call, its queue legs, its offers and their phone legs.

Plain state, no behaviour beyond questions about itself. Agents and the order of callers live in the
core; only their ids are kept here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

from py_callcenter._router import Event
from py_callcenter.config import Agent, Exit, Queue
from py_callcenter.config.rules import HANGUP
from py_callcenter.engine.causes import Fault
from py_callcenter.engine.records import IgnoredWish
from py_callcenter.value import value

if TYPE_CHECKING:  # it works on calls and is kept in them
    from py_callcenter.engine.consults import Consult


class Phase(Enum):
    """Where a caller is."""

    WAITING = auto()
    """In a queue; phones may be ringing."""
    CONNECTING = auto()
    """An agent answered; the bridge is under way."""
    TALKING = auto()
    """Bridged with an agent of ours."""
    PARTED = auto()
    """The conversation is over; the channel is about to be parked, transferred or hung up."""
    LEAVING = auto()
    """Sent to an exit; the dialplan has the call."""
    AWAY = auto()
    """Bridged with somebody who isn't ours, by a transfer or by another program."""
    ENDED = auto()
    """The channel is gone."""


class OfferState(Enum):
    """Where an offer is. It only moves down this list."""

    RINGING = auto()
    CLAIMED = auto()
    """Answered first; waiting for the legs to be parked and bridged."""
    BRIDGING = auto()
    TALKING = auto()
    ENDING = auto()
    """Failed, withdrawn or talked out; the agent is held until every leg is gone."""
    OVER = auto()


@dataclass(slots=True)
class Leg:
    """One phone leg of an offer."""

    uuid: str
    created: bool = False
    answered: bool = False
    parked: bool = False
    dead: bool = False
    cause: str = ""
    described: bool = False
    """It carries what isn't needed for the phone to ring (`agent_legs.describe`)."""


@dataclass(slots=True, eq=False)
class Offer:
    """One agent being rung for one caller, over all devices of the agent."""

    id: int
    call: Call
    stay: Stay
    agent: Agent
    agent_id: int
    attempt: int
    job: str
    made_us: int
    legs: dict[str, Leg]
    state: OfferState = OfferState.RINGING
    ring_since_us: int | None = None
    job_done: bool = False
    fault: Fault | None = None
    cause: str = ""
    answered_us: int = 0
    """When the first of the phones was picked up."""
    talk_leg: str = ""
    talk_since_us: int = 0
    hold_since_us: int | None = None
    hold_us: int = 0
    watchdog: int | None = None
    kill_rounds: int = 0
    seen_alive: bool = False
    """The switch has said since the last deadline that a leg which should be gone lives."""
    spared: bool = False
    """The talking leg isn't ours to end: somebody transferred the caller, perhaps both of them."""
    transferring: bool = False
    """The agent's phone asked for a transfer."""
    unsure: bool = False
    """Nobody knows whether the switch got the bridge command: a look at it will tell."""
    overdue: bool = False
    """The bridge should have been told of long ago: a look at the caller decides."""
    recording: bool = False
    announced: bool | None = None
    """False while the agent hears an announcement, True afterwards (see `announce`)."""
    standing: bool = False
    """The leg is one that stays up (see `standby`): nobody rings, and it isn't ended with the offer."""
    leg_back: bool = False
    """That leg is parked again."""
    sent: bool = True
    """The originate has left; until then it waits its turn (see `pacing`) and nothing rings."""
    nobody_to_blame: bool = False
    """The node was short: the agent neither rests nor loses anything."""
    answer_timer: int | None = None
    """Runs until the bridge has lasted long enough to count as an answer (race R7)."""

    @property
    def answered(self) -> bool:
        return any(leg.answered for leg in self.legs.values())

    @property
    def legs_gone(self) -> bool:
        """Nothing of this offer can ring any more: all legs died, or the job ended and none lives."""
        done = self.job_done
        return all(leg.dead or (done and not leg.created) for leg in self.legs.values())

    def parked_leg(self) -> Leg | None:
        for leg in self.legs.values():
            if leg.parked and not leg.dead:
                return leg
        return None


@dataclass(slots=True, eq=False)
class Stay:
    """One queue leg of a call: from a PARK with a queue until answered, abandoned or left."""

    queue: Queue
    queue_id: int
    caller_id: int
    index: int
    entered_us: int
    priority: int
    offers: dict[int, Offer] = field(default_factory=dict)
    wait_timer: int | None = None
    no_agent_timer: int | None = None
    open: bool = True
    """Still in the core's queue."""
    earlier_us: int = 0
    """Wait before this queue leg that counts in the order."""
    over_us: int = 0
    """When the wait was over; 0 while it lasts."""
    met: bool = False
    """Somebody talks or talked with the caller since, and no exit has come after that: who is sent into a
    queue now brings the wait along.
    """
    resumed: bool = False
    """It is that of a place lost a moment ago."""
    astray: bool = False
    """The caller is offered to nobody, for nobody knows where they are (`holds.lose`)."""
    stays_for: object = None
    """The order to divert this queue (`divert.Divert`) that has brought them back to it, and leaves them."""

    def waited_us(self, now_us: int) -> int:
        """The wait so far, that before this queue leg included; the time of a talk is none."""
        return max(0, (self.over_us or now_us) - self.entered_us) + self.earlier_us


WISH_OVER: Final = (("cc_preferred_agent", ""), ("cc_preferred_once", ""), ("cc_meant", ""))
"""Clears what a transfer to an agent left on the caller's channel."""


@value
class Wishes:
    """What the dialplan asked for at the first PARK of a queue leg: the operator's word."""

    priority: int
    base_score_us: int
    exit_keys: str
    exit: Exit | None
    moh_override: str
    name_prefix: str
    announce: str
    """A sound for the agent before the caller is there."""
    exports: tuple[tuple[str, str], ...]
    skills: str = ""
    """A demand in place of the queue's."""
    language: str = ""
    """A language that the agent must have besides."""
    preferred: str = ""
    """Name of the agent to wait for."""
    preferred_for_us: int = 0
    """How long; 0: as the queue says."""
    preferred_once: bool = False
    """Until somebody has talked with the caller; not in later queue legs."""
    unreadable: tuple[IgnoredWish, ...] = ()
    """Wishes that make no sense."""

    @property
    def of_ours(self) -> tuple[tuple[str, str], ...]:
        """What clears the wish that a transfer to an agent left on the channel: it was for one queue leg."""
        return WISH_OVER if self.preferred_for_us or self.preferred_once else ()


@value
class Onward:
    """Where a caller goes as soon as they are parked: a place, or a queue, perhaps for one of its agents."""

    queue: str = ""
    agent: str = ""
    agent_us: int = 0
    """So long the agent is waited for."""
    exit: Exit | None = None
    earlier_us: int = 0
    """Wait that counts there."""


@dataclass(slots=True, eq=False)
class Call:
    """One caller's channel and its story."""

    id: str
    node: str
    uuid: str
    name: str
    number: str
    wishes: Wishes
    first_us: int
    phase: Phase = Phase.WAITING
    source: str = ""
    """Where the last PARK came from, by the switch's mark (`moves.source`)."""
    extension: str = ""
    """In which extension that was."""
    news: int = 0
    """Counts what was told of where the channel is."""
    seen_at: int = 0
    """`Event-Sequence` of the last look at the channel: the switch counts its events and its dumps alike."""
    parked: bool = True
    crossed: bool = False
    """Somebody sends the caller elsewhere while the switch is asked to join them with an agent."""
    playing: bool = False
    music_since_us: int = 0
    stay: Stay | None = None
    stays: int = 0
    attempts: int = 0
    last_agent: str = ""
    """Who talked with this caller last."""
    winner: Offer | None = None
    transferred: bool = False
    """The agent sent the caller to an extension; the next PARK is a new queue leg."""
    handed_on: bool = False
    """The agent transferred the caller, in whatever way: somebody else cares for them."""
    forsaken: bool = False
    """In nobody's hands for all we know, since somebody else's bridge ended."""
    consult: Consult | None = None
    """Somebody whom the agent consults."""
    consults: int = 0
    """How many there were."""
    onward: Onward | None = None
    """A transfer under way."""
    parked_by: Event | None = None
    """The PARK that ended the conversation, while the end of the agent's leg isn't told yet."""
    parked_us: int = 0
    """When that was told."""
    exit: Exit = HANGUP
    """Where a leaving caller was sent."""
    exit_tries: int = 0
    exit_us: int = 0
    """When they were last sent there."""
    cancel_reason: str = ""
    diverted: dict[str, tuple[object, int]] = field(default_factory=dict)
    """By which order (`divert.Divert`) and when it was last sent on from a queue, by the queue's name."""
    unstamped: bool = False
    """What we set on the channel may not have got there."""
    settle_timer: int | None = None
    """The one deadline of the call itself: parted, leaving, or let go by a bridge that came to nothing."""

    @property
    def being_joined(self) -> bool:
        """Whether the switch was asked to join them with an agent, and hasn't told what came of it."""
        return self.winner is not None and self.winner.state is OfferState.BRIDGING
