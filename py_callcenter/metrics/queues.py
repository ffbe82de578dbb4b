"""Metrics by queue, the bulk of /metrics."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from py_callcenter.metrics import expected, text
from py_callcenter.metrics.snapshot import MetricsSnapshot
from py_callcenter.stats import AGENT_STATES, AgentState, Histogram, QueueStats

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
_BY_LABEL: Final[tuple[tuple[str, str, str, Callable[[QueueStats], dict[str, int]]], ...]] = (
    (
        "callcenter_queue_calls_abandoned",
        "Queue legs whose caller hung up: at once (short), waiting (queued) or as a phone rang (ringing).",
        "phase",
        lambda queue: queue.abandoned,
    ),
    (
        "callcenter_queue_calls_overflowed",
        "Queue legs ended by a rule or by hand, the caller living on elsewhere.",
        "reason",
        lambda queue: queue.left,
    ),
    (
        "callcenter_queue_conversations_ended",
        "Conversations that are over, by who ended them.",
        "side",
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


def lines(snapshot: MetricsSnapshot, *, openmetrics: bool) -> Iterator[str]:
    """Text of all of them, a metric at a time."""

    def head(name: str, kind: str, help_text: str) -> str:
        return text.head(name, kind, help_text, openmetrics=openmetrics)

    queues = [(text.labels(queue=n), queue) for n, queue in sorted(snapshot.stats.queues.items())]
    name = "callcenter_queue_calls_waiting"
    yield head(name, "gauge", "Callers in the queue: until they are bridged with an agent, or leave.")
    yield text.gauge(name, ((shown, len(queue.waiting)) for shown, queue in queues))
    name = "callcenter_queue_calls_connected"
    yield head(name, "gauge", "Callers bridged with an agent whose answer doesn't count yet: a second.")
    yield text.gauge(name, ((shown, len(queue.connected)) for shown, queue in queues))
    name = "callcenter_queue_oldest_joined_timestamp_seconds"
    yield head(name, "gauge", "When the longest waiting caller came; absent while nobody waits.")
    oldest = ((shown, queue.oldest_entered_us) for shown, queue in queues)
    yield text.gauge(name, ((shown, at_us / 1e6) for shown, at_us in oldest if at_us is not None))
    for name, help_text, value in _COUNTERS:
        yield head(name, "counter", help_text)
        yield text.counter(name, [(shown, value(queue)) for shown, queue in queues])
    for name, help_text, label, values in _BY_LABEL:
        yield head(name, "counter", help_text)
        yield text.counter(
            name,
            [
                (f'{shown},{label}="{key}"', count)
                for shown, queue in queues
                for key, count in values(queue).items()
            ],
        )
    name = "callcenter_queue_wait_seconds"
    yield head(name, "histogram", "Wait of a queue leg, from its PARK to the bridge or to its other end.")
    waits = (
        (f'{shown},outcome="{key}"', found) for shown, queue in queues for key, found in queue.wait.items()
    )
    yield text.histogram(name, waits)
    for name, help_text, found_in in _HISTOGRAMS:
        yield head(name, "histogram", help_text)
        yield text.histogram(name, ((shown, found_in(queue)) for shown, queue in queues))
    yield from _configured(snapshot, head)
    yield from expected.lines(snapshot, head)


def _configured(snapshot: MetricsSnapshot, head: Callable[[str, str, str], str]) -> Iterator[str]:
    """Of the configured queues only."""
    queues = [(text.labels(queue=name), name, snapshot.targets[name]) for name in sorted(snapshot.targets)]
    name = "callcenter_queue_service_level_threshold_seconds"
    yield head(name, "gauge", "Wait within which an answer counts as in time, by the configuration.")
    yield text.gauge(name, ((shown, target.threshold_us / 1e6) for shown, _, target in queues))
    name = "callcenter_queue_service_level_target_ratio"
    yield head(name, "gauge", "Share of calls to be answered in time, 0 to 1, by the configuration.")
    yield text.gauge(name, ((shown, target.percent / 100) for shown, _, target in queues))
    hints = [(text.labels(queue=name), snapshot.staffing[name]) for name in sorted(snapshot.staffing)]
    name = "callcenter_queue_agents_needed"
    help_text = (
        "Fewest agents for the queue's service level by Erlang A, for what came in the last half hour (now)"
        " and what is expected in the next one (next); absent while too little is known."
    )
    yield head(name, "gauge", help_text)
    yield text.gauge(
        name,
        [
            (f'{shown},when="{when}"', agents)
            for shown, hint in hints
            for when, agents in (("now", hint.now), ("next", hint.next))
        ],
    )
    name = "callcenter_queue_calls_forecast"
    yield head(name, "gauge", "Calls expected to enter the queue in the next half hour.")
    yield text.gauge(name, [(shown, hint.calls_next) for shown, hint in hints])
    name = "callcenter_queue_agents"
    help_text = "Agents with a tier in the queue, by state as records tell it; one may be in several queues."
    yield head(name, "gauge", help_text)
    nobody: Mapping[AgentState, int] = {}
    by_queue = snapshot.live_agents.by_queue
    yield text.gauge(
        name,
        [
            (f'{shown},state="{state}"', counts.get(state, 0))
            for shown, counts in ((shown, by_queue.get(queue, nobody)) for shown, queue, _ in queues)
            for state in AGENT_STATES
        ],
    )
