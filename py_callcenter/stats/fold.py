"""The one fold of records that page, API and Prometheus are fed from.

Pure: the same records in the same order give the same figures. Counters only grow; ratios are computed
when somebody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from py_callcenter.stats.histogram import WAIT_BOUNDS_US, Histogram
from py_callcenter.stats.service_level import ServiceLevelWindow

PHASES: Final = ("short", "queued", "ringing")
WAIT_OUTCOMES: Final = ("answered", "abandoned", "overflowed", "callback", "lost")
OFFER_OUTCOMES: Final = (
    "answered", "busy", "rejected", "no_answer", "unreachable", "unregistered", "path_error", "withdrawn",
)  # fmt: skip
LEFT_REASONS: Final = (
    "timeout", "no-agent", "full", "exit-key", "transferred", "moved", "taken-elsewhere", "diverted",
)  # fmt: skip

DEFAULT_TARGET_US: Final = 20_000_000


class RecordLike(Protocol):
    """What the fold needs of every record; the rest it reads by the record's kind."""

    @property
    def kind(self) -> str: ...
    @property
    def at_us(self) -> int: ...


class QueueStats:
    """Figures of one queue since the fold began.

    `offered` counts calls at their first PARK, `entered` counts queue legs: a call that another queue
    handed over is entered here and offered there. Each leg that ended is in exactly one of `answered`,
    `abandoned`, `left` and `lost`.
    """

    __slots__ = (
        "abandoned", "answered", "answered_in_time", "entered", "left", "lost", "offered", "talk",
        "target_us", "wait", "window",
    )  # fmt: skip

    def __init__(self, target_us: int = DEFAULT_TARGET_US) -> None:
        self.target_us = target_us
        """Threshold of the service level, for queue legs that end from now on."""
        self.offered = 0
        self.entered = 0
        self.answered = 0
        self.answered_in_time = 0
        self.lost = 0
        self.abandoned = dict.fromkeys(PHASES, 0)
        self.left = dict.fromkeys(LEFT_REASONS, 0)
        self.wait = {outcome: Histogram(WAIT_BOUNDS_US) for outcome in WAIT_OUTCOMES}
        self.talk = Histogram(WAIT_BOUNDS_US)
        self.window = ServiceLevelWindow()

    def copy(self) -> QueueStats:
        """An independent copy of the counters; the window stays behind, it is read at once."""
        other = QueueStats(self.target_us)
        other.offered, other.entered = self.offered, self.entered
        other.answered, other.answered_in_time, other.lost = self.answered, self.answered_in_time, self.lost
        other.abandoned = self.abandoned.copy()
        other.left = self.left.copy()
        other.wait = {outcome: histogram.copy() for outcome, histogram in self.wait.items()}
        other.talk = self.talk.copy()
        return other


class Stats:
    """All figures. Feed every record once, in order, to `fold`."""

    def __init__(self) -> None:
        self.queues: dict[str, QueueStats] = {}
        self.offers = dict.fromkeys(OFFER_OUTCOMES, 0)
        self.unknown_queue = 0
        self.violations: dict[str, int] = {}
        self.records = 0

    def configure(self, targets_us: Mapping[str, int]) -> None:
        """Name the queues with their service-level thresholds. Figures are kept, of removed queues too."""
        for name, target_us in targets_us.items():
            self._queue(name).target_us = target_us

    def fold(self, record: RecordLike) -> None:
        """Count one record. Kinds that say nothing about figures are passed over."""
        self.records += 1
        step = _STEPS.get(record.kind)
        if step is not None:
            step(self, record)

    def copy(self) -> Stats:
        other = Stats()
        other.queues = {name: queue.copy() for name, queue in self.queues.items()}
        other.offers = self.offers.copy()
        other.unknown_queue = self.unknown_queue
        other.violations = self.violations.copy()
        other.records = self.records
        return other

    def _queue(self, name: str) -> QueueStats:
        found = self.queues.get(name)
        if found is None:
            found = self.queues[name] = QueueStats()
        return found

    def _offered(self, record: Any) -> None:
        self._queue(record.queue).offered += 1

    def _entered(self, record: Any) -> None:
        self._queue(record.queue).entered += 1

    def _answered(self, record: Any) -> None:
        queue = self._queue(record.queue)
        in_time = record.wait_us <= queue.target_us
        queue.answered += 1
        queue.answered_in_time += in_time
        queue.wait["answered"].observe(record.wait_us)
        queue.window.count(record.at_us, in_time=in_time)

    def _abandoned(self, record: Any) -> None:
        queue = self._queue(record.queue)
        queue.abandoned[record.phase] += 1
        queue.wait["abandoned"].observe(record.wait_us)
        if record.phase != "short":
            queue.window.count(record.at_us, in_time=False)

    def _left(self, record: Any) -> None:
        if record.reason not in LEFT_REASONS:  # an unknown queue's name must not become a label
            return
        queue = self._queue(record.queue)
        queue.left[record.reason] += 1
        queue.wait["overflowed"].observe(record.wait_us)
        queue.window.count(record.at_us, in_time=False)

    def _lost(self, record: Any) -> None:
        queue = self._queue(record.queue)
        queue.lost += 1
        queue.wait["lost"].observe(record.wait_us)
        queue.window.count(record.at_us, in_time=False)

    def _offer_ended(self, record: Any) -> None:
        self.offers[record.outcome] += 1

    def _conversation_ended(self, record: Any) -> None:
        self._queue(record.queue).talk.observe(record.talk_us)

    def _unknown_queue(self, _record: Any) -> None:
        self.unknown_queue += 1

    def _violated(self, record: Any) -> None:
        self.violations[record.rule] = self.violations.get(record.rule, 0) + 1


_STEPS: Final[dict[str, Callable[[Stats, Any], None]]] = {
    "call-offered": Stats._offered,  # noqa: SLF001 - the table of the class's own steps
    "queue-entered": Stats._entered,  # noqa: SLF001
    "call-answered": Stats._answered,  # noqa: SLF001
    "call-abandoned": Stats._abandoned,  # noqa: SLF001
    "call-left": Stats._left,  # noqa: SLF001
    "call-lost": Stats._lost,  # noqa: SLF001
    "offer-ended": Stats._offer_ended,  # noqa: SLF001
    "conversation-ended": Stats._conversation_ended,  # noqa: SLF001
    "unknown-queue": Stats._unknown_queue,  # noqa: SLF001
    "invariant-violated": Stats._violated,  # noqa: SLF001
}
