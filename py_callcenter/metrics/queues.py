"""Metrics by queue, the bulk of /metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from py_callcenter._router import SeriesText
from py_callcenter.metrics import expected, text
from py_callcenter.metrics.snapshot import MetricsSnapshot
from py_callcenter.stats import (
    AGENT_STATES,
    ENDED_BY,
    LEFT_REASONS,
    PHASES,
    WAIT_OUTCOMES,
    Histogram,
    QueueStats,
)

_COUNTERS: Final[tuple[tuple[str, str, Callable[[QueueStats], int]], ...]] = (
    (
        "callcenter_queue_calls_offered",
        "Calls that reached this queue first, counted at their first PARK.",
        lambda queue: queue.offered,
    ),
    (
        "callcenter_queue_calls_entered",
        "Queue legs: first arrivals and transfers into this queue.",
        lambda queue: queue.entered,
    ),
    (
        "callcenter_queue_calls_resumed",
        "Queue legs of an earlier run of the controller whose callers were found still waiting.",
        lambda queue: queue.resumed,
    ),
    (
        "callcenter_queue_calls_answered",
        "Queue legs bridged with an agent.",
        lambda queue: queue.answered,
    ),
    (
        "callcenter_queue_calls_answered_within_service_level",
        "Queue legs bridged with an agent within the queue's service-level time.",
        lambda queue: queue.answered_in_time,
    ),
    (
        "callcenter_queue_calls_abandoned_within_service_level",
        "Queue legs abandoned within the queue's service-level time, short ones included.",
        lambda queue: queue.abandoned_in_time,
    ),
    (
        "callcenter_queue_calls_lost",
        "Queue legs whose caller vanished with the switch.",
        lambda queue: queue.lost,
    ),
    (
        "callcenter_queue_calls_transferred",
        "Conversations that ended by a transfer.",
        lambda queue: queue.transferred,
    ),
)
_BY_LABEL: Final[
    tuple[tuple[str, str, str, tuple[str, ...], Callable[[QueueStats], Mapping[str, int]]], ...]
] = (
    (
        "callcenter_queue_calls_abandoned",
        "Queue legs whose caller hung up: at once (short), waiting (queued) or as a phone rang (ringing).",
        "phase",
        PHASES,
        lambda queue: queue.abandoned,
    ),
    (
        "callcenter_queue_calls_overflowed",
        "Queue legs ended by a rule or by hand, the caller living on elsewhere.",
        "reason",
        LEFT_REASONS,
        lambda queue: queue.left,
    ),
    (
        "callcenter_queue_conversations_ended",
        "Conversations that are over, by who hung up; `transfer`: nobody did.",
        "side",
        ENDED_BY,
        lambda queue: queue.ended_by,
    ),
)
_HISTOGRAMS: Final[tuple[tuple[str, str, Callable[[QueueStats], Histogram]], ...]] = (
    ("callcenter_talk_seconds", "Conversation with an agent, hold included.", lambda queue: queue.talk),
    ("callcenter_hold_seconds", "Time on hold within a conversation.", lambda queue: queue.hold),
    ("callcenter_wrapup_seconds", "Wrap-up after a conversation, as it really was.", lambda q: q.wrap_up),
    (
        "callcenter_answer_to_voice_seconds",
        "From the agent's answer until the caller and the agent hear each other.",
        lambda queue: queue.voice,
    ),
)


def lines(snapshot: MetricsSnapshot, *, openmetrics: bool) -> Iterator[bytes]:
    """Text of all of them, a metric at a time."""

    def head(name: str, kind: str, help_text: str) -> bytes:
        return text.head(name, kind, help_text, openmetrics=openmetrics)

    names = sorted(snapshot.stats.queues)
    queues = [snapshot.stats.queues[name] for name in names]
    series = SeriesText([text.labels(queue=name) for name in names])
    yield from _counted(snapshot.at_us, series, queues, head)
    yield from _configured(snapshot, head)
    yield from expected.lines(snapshot, series, queues, head)


def _counted(at_us: int, series: SeriesText, queues: list[QueueStats], head: text.Head) -> Iterator[bytes]:
    """What the records tell."""
    name = "callcenter_queue_calls_waiting"
    yield head(name, "gauge", "Callers in the queue: until they are bridged with an agent, or leave.")
    yield from series.samples(name, [("", [len(queue.waiting) for queue in queues])])
    name = "callcenter_queue_calls_connected"
    yield head(name, "gauge", "Callers bridged with an agent whose answer doesn't count yet: a second.")
    yield from series.samples(name, [("", [len(queue.connected) for queue in queues])])
    name = "callcenter_queue_calls_waiting_late"
    yield head(name, "gauge", "Callers who still wait two seconds after the queue's service-level time.")
    yield from series.samples(name, [("", [queue.late(at_us) for queue in queues])])
    name = "callcenter_queue_oldest_joined_timestamp_seconds"
    yield head(name, "gauge", "When the longest waiting caller came; absent while nobody waits.")
    oldest = (queue.oldest_entered_us for queue in queues)
    yield from series.samples(name, [("", [None if at_us is None else at_us / 1e6 for at_us in oldest])])
    for name, help_text, value in _COUNTERS:
        yield head(name, "counter", help_text)
        yield from series.samples(f"{name}_total", [("", [value(queue) for queue in queues])])
    for name, help_text, label, words, values in _BY_LABEL:
        yield head(name, "counter", help_text)
        found = [values(queue) for queue in queues]
        columns = [(f'{label}="{word}"', [counts[word] for counts in found]) for word in words]
        yield from series.samples(f"{name}_total", columns)
    name = "callcenter_queue_wait_seconds"
    yield head(name, "histogram", "Wait of a queue leg, from its PARK to the bridge or to its other end.")
    waits = [(f'outcome="{word}"', [queue.wait[word] for queue in queues]) for word in WAIT_OUTCOMES]
    yield from series.histograms(name, waits)
    for name, help_text, found_in in _HISTOGRAMS:
        yield head(name, "histogram", help_text)
        yield from series.histograms(name, [("", [found_in(queue) for queue in queues])])


def _configured(snapshot: MetricsSnapshot, head: text.Head) -> Iterator[bytes]:
    """Of the configured queues only."""
    names = sorted(snapshot.targets)
    targets = [snapshot.targets[name] for name in names]
    series = SeriesText([text.labels(queue=name) for name in names])
    name = "callcenter_queue_service_level_threshold_seconds"
    yield head(name, "gauge", "Wait within which an answer counts as in time, by the configuration.")
    yield from series.samples(name, [("", [target.threshold_us / 1e6 for target in targets])])
    name = "callcenter_queue_service_level_target_ratio"
    yield head(name, "gauge", "Share of calls to be answered in time, 0 to 1, by the configuration.")
    yield from series.samples(name, [("", [target.percent / 100 for target in targets])])
    yield from _staffing(snapshot, head)
    name = "callcenter_queue_agents"
    help_text = "Agents with a tier in the queue, by state as records tell it; one may be in several queues."
    yield head(name, "gauge", help_text)
    nobody: Mapping[str, int] = {}
    found = [(state, snapshot.live_agents.by_state.get(state, nobody)) for state in AGENT_STATES]
    columns = [(f'state="{state}"', [counts.get(queue, 0) for queue in names]) for state, counts in found]
    yield from series.samples(name, columns)


def _staffing(snapshot: MetricsSnapshot, head: text.Head) -> Iterator[bytes]:
    """Of queues of which enough is known."""
    names = sorted(snapshot.staffing)
    hints = [snapshot.staffing[name] for name in names]
    series = SeriesText([text.labels(queue=name) for name in names])
    name = "callcenter_queue_agents_needed"
    help_text = (
        "Fewest agents for the queue's service level by Erlang A, for what came in the last half hour (now)"
        " and what is expected in the next one (next); absent while too little is known."
    )
    yield head(name, "gauge", help_text)
    needed = [('when="now"', [hint.now for hint in hints]), ('when="next"', [hint.next for hint in hints])]
    yield from series.samples(name, needed)
    name = "callcenter_queue_calls_forecast"
    yield head(name, "gauge", "Calls expected to enter the queue in the next half hour.")
    yield from series.samples(name, [("", [hint.calls_next for hint in hints])])
