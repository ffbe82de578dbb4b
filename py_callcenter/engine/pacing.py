"""How fast a node is asked to ring phones, and what happens when it says that it is full.

FreeSWITCH lets `sessions-per-second` less one new channels a second begin, callers' and agents' alike, and at
most `max-sessions` live; whatever comes on top fails as DESTINATION_OUT_OF_ORDER without a channel (measured
on 1.11.1). A caller who is refused so is lost before we know of them, so we leave room:

- Our legs are at most `originates-per-second`, or half of what the switch takes; with the callers who come
  they stay below the switch's limit, but for a quarter of it that is ours even then.
- Offers beyond that wait here, for a fraction of a second, first phones before further ones of the same
  caller. Whoever is answered or leaves meanwhile takes their offers along.
- Phones that are to stand by (see `standby`) have half of our legs at the most, and only while no caller's
  phone waits its turn: after a restart of the switch they are all to be called at once.
- When two seconds' worth wait, when the switch is full or refuses, the node is held (see `holds`): callers
  keep their places, its unsent offers are taken back, agents are free for callers of other nodes at once
  and nobody is blamed. Refused again after a pause, the next pause is twice as long.

Hang-ups, bridges, transfers and exits are never paced: they free what is short. Nor is a consultation: one
leg, for which a person waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Final

from py_callcenter.engine import holds
from py_callcenter.engine.actions import Originate
from py_callcenter.engine.calls import Offer, OfferState
from py_callcenter.engine.capacity import Capacity
from py_callcenter.engine.records import NodeThrottled
from py_callcenter.engine.state import State

WINDOW_US: Final = 1_000_000
PAUSE_US: Final = 1_000_000
"""The switch counts anew each second."""
LONGEST_PAUSE_US: Final = 30_000_000
BEHIND_S: Final = 2
"""So many seconds of originates may wait before new offers stop."""
ON_ITS_WAY: Final = 8
"""This part of a second's channels may be told of a little later than the switch counts them."""
STAND_BY_PART: Final = 2
"""Of the legs that are ours, phones that are to stand by may take this part."""
ENDING_US: Final = 5_000_000
"""From the end of a channel to its DESTROY, at most; after that the event is taken for lost."""
ASK_ANEW_US: Final = 60_000_000
"""A switch that refuses is asked what it takes at most so often: to look costs it a dump of each channel."""
REFUSED_CAUSE: Final = "DESTINATION_OUT_OF_ORDER"
"""What a refused originate says; also of a second leg under a living leg's name."""

TakeBack = Callable[[State, Offer], None]


@dataclass(slots=True, eq=False)
class Pace:
    """One node's pace. Stamps are epoch microseconds of the last second only."""

    own: int = 0
    """`originates-per-second`; 0 = follow the switch."""
    capacity: Capacity = field(default_factory=Capacity)
    most: int = 0
    """Channels that the switch lets begin in a second; 0 = not known."""
    rate: int = 0
    """Legs of ours in a second; 0 = no limit."""
    share: int = 1
    """Legs of ours in a second however many callers come."""
    living: set[str] = field(default_factory=set)
    """Channels that live there, as far as the last look and events tell."""
    ending: dict[str, int] = field(default_factory=dict)
    """Those of them that were hung up and are not destroyed yet, and since when."""
    more: int = 0
    """Channels that the switch counted beyond `living` when it was last heard."""
    usual: int | None = 0
    """So many more are nothing to look for; None: as many as the next HEARTBEAT tells."""
    excess: int = 0
    """How many more than that there were at the last HEARTBEAT."""
    doubted: bool = False
    """This count was the reason for the look that comes next."""
    ours: deque[int] = field(default_factory=deque)
    begun: deque[int] = field(default_factory=deque)
    """All channels that began, ours from the moment that they were asked for."""
    first: deque[tuple[Offer, Originate]] = field(default_factory=deque)
    further: deque[tuple[Offer, Originate]] = field(default_factory=deque)
    timer: int | None = None
    paused: bool = False
    strikes: int = 0
    suspect: str = ""
    """The agent whose originate was refused last."""
    refused: int = 0
    """Originates that the switch refused, in all."""
    asked_us: int = 0
    """When a refusal last was the reason to ask what the switch takes."""

    @property
    def sessions(self) -> int:
        """Channels that live there, as far as known."""
        return max(0, len(self.living) + self.more)

    @property
    def backlog(self) -> int:
        return len(self.first) + len(self.further)

    def settle(self) -> None:
        """Work out what the setting and the switch's limit come to; not again with every call."""
        limit = self.capacity.sessions_per_second
        self.most = max(1, limit - 1) if limit else 0
        self.rate = self.own or (max(1, self.most // 2) if self.most else 0)
        self.share = max(1, self.most // 4)

    def room(self, legs: int) -> bool:
        """Whether so many more channels may live there."""
        most = self.capacity.max_sessions
        return not most or self.sessions + legs <= most or legs >= most > self.sessions

    def wait_us(self, now_us: int, legs: int, part: int = 1) -> int:
        """How long until so many legs may begin; 0 = now. What never fits goes when nothing else does.

        `part`: they may take this part of our legs only: 2 = half.
        """
        oldest_us = now_us - WINDOW_US
        for stamps in (self.ours, self.begun):
            while stamps and stamps[0] <= oldest_us:
                stamps.popleft()
        rate, most = self.rate and max(1, self.rate // part), self.most
        ours_us = self.ours[0] if rate and self.ours and len(self.ours) + legs > rate else 0
        crowded = most and self.begun and len(self.begun) + legs > most and len(self.ours) + legs > self.share
        begun_us = self.begun[0] if crowded else 0
        free_us = max(ours_us, begun_us)
        return free_us + WINDOW_US - now_us if free_us else 0


def configure(state: State) -> None:
    """A pace for each node. What runs is kept."""
    for node in state.config.nodes:
        pace = state.paces.setdefault(node.name, Pace())
        pace.own = node.originates_per_second
        pace.settle()


def send(state: State, offer: Offer, action: Originate, take_back: TakeBack) -> bool:
    """Ring the offer's phones now (True), or as soon as the node can take it."""
    pace = state.paces.get(action.node)
    if pace is None:
        state.act(action)
        return True
    legs = len(action.devices)
    if not pace.backlog and not pace.paused and pace.room(legs) and not pace.wait_us(state.now_us, legs):
        _go(state, pace, action)
        return True
    if pace.paused or not pace.room(legs):
        if not pace.paused:
            _pause(state, action.node, pace, take_back)
        offer.sent = False
        take_back(state, offer)
        return False
    offer.sent = False
    (pace.further if len(offer.stay.offers) > 1 else pace.first).append((offer, action))
    if pace.timer is None:
        _arm(state, action.node, pace, take_back)
    if pace.rate and pace.backlog > BEHIND_S * pace.rate:
        holds.hold(state, action.node, "pressure")
    return False


def stand_by(state: State, action: Originate) -> int:
    """Call a phone that is to stay up, for which no caller waits: 0 when that is done, else the microseconds
    until it may be tried again.
    """
    pace, legs = state.paces.get(action.node), len(action.devices)
    if pace is None:
        state.act(action)
        return 0
    if pace.paused or pace.backlog or not pace.room(legs):
        return PAUSE_US
    after_us = pace.wait_us(state.now_us, legs, STAND_BY_PART)
    if not after_us:
        _go(state, pace, action)
    return after_us


def _go(state: State, pace: Pace, action: Originate) -> None:
    stamps = [state.now_us] * len(action.devices)
    pace.ours.extend(stamps)
    pace.begun.extend(stamps)
    state.act(action)


def _arm(state: State, node: str, pace: Pace, take_back: TakeBack) -> None:
    line = pace.first or pace.further
    if line:
        after_us = max(1, pace.wait_us(state.now_us, len(line[0][1].devices)))
        pace.timer = state.start_timer(after_us, _flush, node, take_back)


def _flush(state: State, node: str, take_back: TakeBack) -> None:
    pace = state.paces[node]
    pace.timer = None
    while line := pace.first or pace.further:
        offer, action = line[0]
        legs = len(action.devices)
        if offer.state is not OfferState.RINGING:
            line.popleft()
        elif not pace.room(legs):
            _pause(state, node, pace, take_back)
            return
        elif pace.wait_us(state.now_us, legs):
            break
        else:
            line.popleft()
            offer.sent, offer.made_us = True, state.now_us
            _go(state, pace, action)
    if pace.backlog * 2 <= BEHIND_S * pace.rate:
        holds.release(state, node, "pressure")
    _arm(state, node, pace, take_back)


# What the switch tells.


def began(state: State, node: str, uuid: str) -> None:
    """A channel that isn't ours began."""
    pace = state.paces.get(node)
    if pace is not None:
        pace.living.add(uuid)
        pace.wait_us(state.now_us, 0)  # forgets what is older than a second
        pace.begun.append(state.now_us)


def leg_began(state: State, node: str, uuid: str, agent: str) -> None:
    """An agent's leg began: the switch takes originates."""
    pace = state.paces.get(node)
    if pace is not None:
        pace.living.add(uuid)
        pace.strikes = 0
        if pace.suspect == agent:
            pace.suspect = ""


def hung_up(state: State, node: str, uuid: str) -> None:
    """A channel, whosever, ends, or has ended as an answer of the switch tells: its DESTROY must follow."""
    pace = state.paces.get(node)
    if pace is not None and uuid in pace.living:
        pace.ending.setdefault(uuid, state.now_us)


def ended(state: State, node: str, uuid: str) -> None:
    """A channel, whosever, is destroyed."""
    pace = state.paces.get(node)
    if pace is not None:
        pace.living.discard(uuid)
        pace.ending.pop(uuid, None)


def learnt(state: State, node: str, capacity: Capacity, living: Collection[str]) -> None:
    """The switch's own words about what it takes, and the channels that it has."""
    pace = state.paces.get(node)
    if pace is not None:
        pace.living = set(living)
        pace.ending.clear()
        # A count that is wrong once more after a look for its sake is the switch's way; there would be no end
        # of looks.
        pace.usual = None if pace.doubted else 0
        pace.excess, pace.doubted = 0, False
        _settle(pace, capacity)


def _settle(pace: Pace, capacity: Capacity) -> None:
    pace.capacity = capacity
    pace.more = capacity.sessions - len(pace.living)
    pace.settle()


def heartbeat(state: State, node: str, *, sessions: int, max_sessions: int, per_second: int) -> None:
    """HEARTBEAT. `per_second`: what is left of the current second, so the limit is at least that."""
    pace = state.paces.get(node)
    if pace is None:
        return
    overdue = [uuid for uuid, since_us in pace.ending.items() if state.now_us - since_us >= ENDING_US]
    if overdue:
        state.round.doubts.add(node)  # an event was lost: perhaps not only these
    for uuid in overdue:
        ended(state, node, uuid)
    limit = max(pace.capacity.sessions_per_second, per_second)
    _settle(pace, Capacity(limit, max_sessions, sessions))
    pace.wait_us(state.now_us, 0)
    if pace.usual is None:
        pace.usual = pace.more
    before, now = pace.excess, pace.more - pace.usual
    on_its_way = len(pace.begun) // ON_ITS_WAY
    if min(before, now) > on_its_way or max(before, now) < -on_its_way:
        state.round.doubts.add(node)
        pace.doubted = True
    else:
        pace.excess = now


def refused(state: State, node: str, agent: str, take_back: TakeBack) -> bool:
    """An originate failed with `REFUSED_CAUSE` and no leg. True when the node is short, and nobody to blame.

    When others got through since this agent's last refusal, it is the way to this agent's phone instead.
    """
    pace = state.paces.get(node)
    if pace is None:
        return False
    if pace.suspect == agent and not pace.strikes and not pace.paused:
        return False
    pace.suspect = agent
    pace.refused += 1
    if not pace.paused:  # those that went out together are refused together, which is one lesson
        pace.strikes += 1
        state.note(NodeThrottled, node, strikes=pace.strikes)
        if (
            state.now_us - pace.asked_us >= ASK_ANEW_US
        ):  # its limit may have been lowered, which nothing tells
            pace.asked_us = state.now_us
            state.round.doubts.add(node)
        _pause(state, node, pace, take_back)
    return True


def _pause(state: State, node: str, pace: Pace, take_back: TakeBack) -> None:
    """Hold the node for a while; its unsent offers are taken back."""
    pace.paused = True
    holds.hold(state, node, "pressure")
    state.stop_timer(pace.timer)
    after_us = min(LONGEST_PAUSE_US, PAUSE_US << max(0, min(pace.strikes, 10) - 1))
    pace.timer = state.start_timer(after_us, _resume, node, take_back)
    unsent = [offer for offer, _action in (*pace.first, *pace.further)]
    pace.first.clear()
    pace.further.clear()
    for offer in unsent:
        take_back(state, offer)


def _resume(state: State, node: str, take_back: TakeBack) -> None:
    pace = state.paces[node]
    pace.timer = None
    if not pace.room(1):
        _pause(state, node, pace, take_back)
        return
    pace.paused = False
    holds.release(state, node, "pressure")
