"""The one fold of records that page, API and Prometheus are fed from.

Pure: the same records in the same order give the same figures. Counters only grow; ratios are computed
when somebody reads. At any moment, for each queue: entered + resumed = answered + abandoned + left +
callback + lost + waiting + connected.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any, Final, Protocol

from py_callcenter.stats.histogram import ERROR_BOUNDS_US, FAST_BOUNDS_US, WAIT_BOUNDS_US, Histogram
from py_callcenter.stats.recent import Recent
from py_callcenter.stats.service_level import ServiceLevelWindow, late_since

PHASES: Final = ("short", "queued", "ringing")
WAIT_OUTCOMES: Final = ("answered", "abandoned", "overflowed", "callback", "lost")
OFFER_OUTCOMES: Final = (
    "answered", "busy", "rejected", "no_answer", "unreachable", "unregistered", "path_error", "withdrawn",
)  # fmt: skip
LEFT_REASONS: Final = (
    "timeout", "no-agent", "full", "expected-wait", "exit-key", "transferred", "moved", "taken-elsewhere",
    "diverted",
)  # fmt: skip
ENDED_BY: Final = ("caller", "agent", "system", "transfer")
"""Who hung up; nobody did where a transfer ended the conversation."""
DIRECTIONS: Final = ("later", "sooner")
"""How an expected wait was off: the caller waited more, or less."""

RECOVERIES: Final = ("caller", "conversation", "ringing", "orphan", "missed_end")

DEFAULT_TARGET_US: Final = 20_000_000
MAX_EXTRA_BOUNDS: Final = 8
"""Bucket bounds beside the usual ones, for thresholds of queues that aren't usual."""


def ended_by(record: Any) -> str:
    """How a conversation ended, one of `ENDED_BY`, by its `conversation-ended`."""
    return "transfer" if record.transferred else str(record.ended_by)


class RecordLike(Protocol):
    """What the fold needs of every record; the rest it reads by the record's kind."""

    @property
    def kind(self) -> str: ...
    @property
    def at_us(self) -> int: ...


class QueueStats:
    """Figures of one queue since the fold began.

    `offered` counts calls at their first PARK, `entered` counts queue legs: a call that another queue
    handed over is entered here and offered there. `resumed` legs were entered in an earlier run. Each leg is
    in exactly one of `answered`, `abandoned`, `left`, `callback`, `lost`, `waiting` and `connected`: bridged,
    until the answer counts, a second later.
    """

    __slots__ = (
        "abandoned", "abandoned_in_time", "answered", "answered_in_time", "callback", "connected", "ended_by",
        "entered", "expected_covered", "expected_error", "hold", "left", "lost", "offered", "recent",
        "resumed", "talk", "target_us", "transferred", "voice", "wait", "waiting", "window", "wrap_up",
    )  # fmt: skip

    def __init__(
        self, target_us: int = DEFAULT_TARGET_US, bounds_us: tuple[int, ...] = WAIT_BOUNDS_US
    ) -> None:
        self.target_us = target_us
        """Threshold of the service level, for queue legs that end from now on."""
        self.offered = 0
        self.entered = 0
        self.resumed = 0
        self.answered = 0
        self.answered_in_time = 0
        self.abandoned_in_time = 0
        self.callback = 0
        self.lost = 0
        self.transferred = 0
        self.abandoned = dict.fromkeys(PHASES, 0)
        self.left = dict.fromkeys(LEFT_REASONS, 0)
        self.ended_by = dict.fromkeys(ENDED_BY, 0)
        self.wait = {outcome: Histogram(bounds_us) for outcome in WAIT_OUTCOMES}
        self.talk = Histogram(WAIT_BOUNDS_US)
        self.hold = Histogram(WAIT_BOUNDS_US)
        self.wrap_up = Histogram(WAIT_BOUNDS_US)
        self.voice = Histogram(FAST_BOUNDS_US)
        self.expected_error = {way: Histogram(ERROR_BOUNDS_US) for way in DIRECTIONS}
        """How much later or sooner than expected at their entry callers were answered; of those who were kept
        waiting and were answered."""
        self.expected_covered = 0
        """Those of them who waited within the range that should hold eight in ten."""
        self.window = ServiceLevelWindow()
        self.recent = Recent()
        self.waiting: dict[str, tuple[int, int]] = {}
        """Calls that wait here: queue leg, and when it was entered."""
        self.connected: dict[str, tuple[int, int]] = {}
        """Likewise those who are bridged and whose answer doesn't count yet."""

    @property
    def oldest_entered_us(self) -> int | None:
        """When the longest waiting caller came; None while nobody waits."""
        return min((entered_us for _, entered_us in self.waiting.values()), default=None)

    def late(self, now_us: int) -> int:
        """Calls whose wait isn't over though the threshold is (`late_since`)."""
        waits = chain(self.waiting.values(), self.connected.values())
        return sum(late_since(entered_us, self.target_us) < now_us for _, entered_us in waits)

    def copy(self) -> QueueStats:
        """What is to go on counting, while this one stays as it is. What is about the last half hour isn't
        copied, it is read at once.
        """
        other = QueueStats.__new__(QueueStats)
        other.target_us = self.target_us
        other.offered = self.offered
        other.entered = self.entered
        other.resumed = self.resumed
        other.answered = self.answered
        other.answered_in_time = self.answered_in_time
        other.abandoned_in_time = self.abandoned_in_time
        other.callback = self.callback
        other.lost = self.lost
        other.transferred = self.transferred
        other.expected_covered = self.expected_covered
        other.abandoned = self.abandoned.copy()
        other.left = self.left.copy()
        other.ended_by = self.ended_by.copy()
        other.wait = {outcome: histogram.copy() for outcome, histogram in self.wait.items()}
        other.talk = self.talk.copy()
        other.hold = self.hold.copy()
        other.wrap_up = self.wrap_up.copy()
        other.voice = self.voice.copy()
        other.expected_error = {way: found.copy() for way, found in self.expected_error.items()}
        other.waiting = self.waiting.copy()
        other.connected = self.connected.copy()
        other.window = self.window
        other.recent = self.recent
        return other


class Stats:
    """All figures. Feed every record once, in order, to `fold`."""

    def __init__(self) -> None:
        self.queues: dict[str, QueueStats] = {}
        self.offers = dict.fromkeys(OFFER_OUTCOMES, 0)
        self.ring = {outcome: Histogram(WAIT_BOUNDS_US) for outcome in OFFER_OUTCOMES}
        """How long phones rang, by what came of it."""
        self.idle = Histogram(WAIT_BOUNDS_US)
        """How long agents had waited for a call when one was offered."""
        self.status_changes: dict[str, int] = {}
        """Agents' statuses that changed while the controller runs, by why."""
        self.unknown_queue = 0
        self.ignored_wishes: dict[str, int] = {}
        self.violations: dict[str, int] = {}
        self.recoveries = dict.fromkeys(RECOVERIES, 0)
        """What was taken up after a start, or made good after a lost event."""
        self.records = 0
        self._bounds_us = WAIT_BOUNDS_US
        self._configured = False
        self._now_us = 0
        self._place: dict[str, str] = {}
        """Queue in which a call waits."""
        self._last_queue: dict[str, str] = {}
        """Queue of an agent's last conversation, which the wrap-up belongs to."""
        self._joined: set[tuple[str, int]] = set()
        """Conversations without a wait, by call and number: no queue legs, so in no queue's figures."""
        self._given: set[str] = set()
        """Queues whose figures a reader has."""
        self._told: dict[str, tuple[int, int, int]] = {}
        """Expected wait of a call that waits: of half, and the range."""

    def configure(self, targets_us: Mapping[str, int]) -> None:
        """Name the queues with their service-level thresholds. Figures are kept, of removed queues too.

        The thresholds of the first configuration become bucket bounds of all queues' waits; a later one has
        its exact counter at once and its bucket after the next start.
        """
        if not self._configured:
            self._configured = True
            unusual = sorted(set(targets_us.values()) - set(WAIT_BOUNDS_US) - {0})
            self._bounds_us = tuple(sorted((*WAIT_BOUNDS_US, *unusual[:MAX_EXTRA_BOUNDS])))
        for name, target_us in targets_us.items():
            self._queue(name).target_us = target_us

    def fold(self, record: RecordLike) -> None:
        """Count one record. Kinds that say nothing about figures are passed over."""
        self.records += 1
        self._now_us = max(self._now_us, record.at_us)
        step = _STEPS.get(record.kind)
        if step is not None:
            step(self, record)

    def wrapped_up(self, ended: Iterable[tuple[str, int]]) -> None:
        """Count wrap-ups that are over: agent, and how long it was (`AgentTimes`)."""
        for agent, spent_us in ended:
            queue = self._last_queue.get(agent)
            if queue is not None:
                found = self._queue(queue)
                found.wrap_up.observe(spent_us)
                found.recent.count(self._now_us, held_us=spent_us)

    def copy(self) -> Stats:
        """Counters as of now, for another thread to read; a queue is copied when something happens in it."""
        other = Stats()
        other.queues = self.queues.copy()
        self._given = set(self.queues)
        other.offers = self.offers.copy()
        other.ring = {outcome: histogram.copy() for outcome, histogram in self.ring.items()}
        other.idle = self.idle.copy()
        other.status_changes = self.status_changes.copy()
        other.unknown_queue = self.unknown_queue
        other.ignored_wishes = self.ignored_wishes.copy()
        other.violations = self.violations.copy()
        other.recoveries = self.recoveries.copy()
        other.records = self.records
        return other

    def _queue(self, name: str) -> QueueStats:
        """A queue's figures, to be changed. Those that a reader was given stay as they are."""
        found = self.queues.get(name)
        if found is None:
            found = self.queues[name] = QueueStats(bounds_us=self._bounds_us)
        elif name in self._given:
            self._given.discard(name)
            found = self.queues[name] = found.copy()
        return found

    def _waits(self, record: Any, entered_us: int) -> QueueStats:
        queue = self._queue(record.queue)
        queue.waiting[record.call] = (record.leg, entered_us)
        self._place[record.call] = record.queue
        return queue

    def _waits_no_more(self, record: Any) -> QueueStats:
        """A start may tell the end of a leg that an earlier run entered without having taken it up."""
        queue = self._queue(record.queue)
        if queue.waiting.pop(record.call, None) or queue.connected.pop(record.call, None):
            self._place.pop(record.call, None)
        else:
            queue.resumed += 1
        self._told.pop(record.call, None)
        return queue

    def _offered(self, record: Any) -> None:
        self._queue(record.queue).offered += 1

    def _entered(self, record: Any) -> None:
        queue = self._waits(record, record.at_us)
        queue.entered += 1
        queue.recent.count(record.at_us, calls=1)
        if record.expected_us:
            told = (record.expected_us, record.expected_low_us, record.expected_high_us)
            self._told[record.call] = told

    def _resumed(self, record: Any) -> None:
        self._waits(record, record.entered_us).resumed += 1
        self.recoveries["caller"] += 1

    def _answered(self, record: Any) -> None:
        told = self._told.get(record.call)
        queue = self._waits_no_more(record)
        if told is not None:
            half_us, low_us, high_us = told
            off_us = record.wait_us - half_us
            queue.expected_error["later" if off_us > 0 else "sooner"].observe(abs(off_us))
            queue.expected_covered += low_us <= record.wait_us <= high_us
        in_time = record.wait_us <= queue.target_us
        queue.answered += 1
        queue.answered_in_time += in_time
        queue.wait["answered"].observe(record.wait_us)
        queue.voice.observe(record.voice_us)
        queue.window.count(record.at_us, in_time=in_time)

    def _abandoned(self, record: Any) -> None:
        queue = self._waits_no_more(record)
        queue.abandoned[record.phase] += 1
        queue.abandoned_in_time += record.wait_us <= queue.target_us
        queue.wait["abandoned"].observe(record.wait_us)
        if record.phase != "short":
            queue.window.count(record.at_us, in_time=False)

    def _left(self, record: Any) -> None:
        if record.reason not in LEFT_REASONS:  # an unknown queue's name must not become a label
            return
        queue = self._waits_no_more(record)
        queue.left[record.reason] += 1
        queue.wait["overflowed"].observe(record.wait_us)
        queue.window.count(record.at_us, in_time=False)

    def _lost(self, record: Any) -> None:
        queue = self._waits_no_more(record)
        queue.lost += 1
        queue.wait["lost"].observe(record.wait_us)
        queue.window.count(record.at_us, in_time=False)

    def _ended(self, record: Any) -> None:
        """A call whose end of waiting no record told is lost, not waiting for ever."""
        self._told.pop(record.call, None)
        place = self._place.pop(record.call, None)
        if place is None:
            return
        queue = self._queue(place)
        found = queue.waiting if record.call in queue.waiting else queue.connected
        _, entered_us = found.pop(record.call)
        queue.lost += 1
        queue.wait["lost"].observe(max(0, record.at_us - entered_us))

    def _offer_ended(self, record: Any) -> None:
        self.offers[record.outcome] += 1
        self.ring[record.outcome].observe(record.ring_us)
        queue = self._queue(record.queue)
        if record.outcome == "answered":
            queue.recent.count(record.at_us, held_us=record.ring_us)
        if record.outcome == "answered" and record.call in queue.waiting:
            queue.connected[record.call] = queue.waiting.pop(record.call)

    def _undone(self, record: Any) -> None:
        queue = self._queue(record.queue)
        if record.call in queue.connected:
            queue.waiting[record.call] = queue.connected.pop(record.call)

    def _conversation_joined(self, record: Any) -> None:
        self._joined.add((record.call, record.leg))

    def _conversation_ended(self, record: Any) -> None:
        queue = self._queue(record.queue)
        if (record.call, record.leg) in self._joined:
            self._joined.discard((record.call, record.leg))
            self._last_queue.pop(record.agent, None)
            queue.recent.count(record.at_us, held_us=record.talk_us)
            return
        queue.talk.observe(record.talk_us)
        queue.hold.observe(record.hold_us)
        queue.recent.count(record.at_us, talks=1, held_us=record.talk_us)
        queue.ended_by[ended_by(record)] += 1
        queue.transferred += record.transferred
        self._last_queue[record.agent] = record.queue

    def _status(self, record: Any) -> None:
        if record.reason != "initial":
            self.status_changes[record.reason] = self.status_changes.get(record.reason, 0) + 1

    def _unknown_queue(self, _record: Any) -> None:
        self.unknown_queue += 1

    def _wish_ignored(self, record: Any) -> None:
        self.ignored_wishes[record.wish] = self.ignored_wishes.get(record.wish, 0) + 1

    def _violated(self, record: Any) -> None:
        self.violations[record.rule] = self.violations.get(record.rule, 0) + 1

    def _taken_up(self, record: Any) -> None:
        self.recoveries["conversation" if record.talking else "ringing"] += 1

    def _orphaned(self, _record: Any) -> None:
        self.recoveries["orphan"] += 1

    def _end_missed(self, _record: Any) -> None:
        self.recoveries["missed_end"] += 1


_STEPS: Final[dict[str, Callable[[Stats, Any], None]]] = {
    "call-offered": Stats._offered,  # noqa: SLF001 - the table of the class's own steps
    "queue-entered": Stats._entered,  # noqa: SLF001
    "queue-resumed": Stats._resumed,  # noqa: SLF001
    "call-answered": Stats._answered,  # noqa: SLF001
    "call-abandoned": Stats._abandoned,  # noqa: SLF001
    "call-left": Stats._left,  # noqa: SLF001
    "call-lost": Stats._lost,  # noqa: SLF001
    "call-ended": Stats._ended,  # noqa: SLF001
    "offer-ended": Stats._offer_ended,  # noqa: SLF001
    "bridge-undone": Stats._undone,  # noqa: SLF001
    "conversation-joined": Stats._conversation_joined,  # noqa: SLF001
    "conversation-ended": Stats._conversation_ended,  # noqa: SLF001
    "agent-status": Stats._status,  # noqa: SLF001
    "unknown-queue": Stats._unknown_queue,  # noqa: SLF001
    "wish-ignored": Stats._wish_ignored,  # noqa: SLF001
    "invariant-violated": Stats._violated,  # noqa: SLF001
    "offer-taken-up": Stats._taken_up,  # noqa: SLF001
    "leg-orphaned": Stats._orphaned,  # noqa: SLF001
    "end-missed": Stats._end_missed,  # noqa: SLF001
}
