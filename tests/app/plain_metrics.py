"""The lines of /metrics by queue, written as slowly and plainly as can be: what the fast way is held against.

One line, one f-string; no HELP and no TYPE.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from py_callcenter.metrics import MetricsSnapshot
from py_callcenter.stats import AGENT_STATES, Histogram

COUNTERS = {
    "offered": "offered",
    "entered": "entered",
    "resumed": "resumed",
    "answered": "answered",
    "answered_within_service_level": "answered_in_time",
    "abandoned_within_service_level": "abandoned_in_time",
    "lost": "lost",
    "transferred": "transferred",
}
BY_LABEL = {
    "callcenter_queue_calls_abandoned_total": ("phase", "abandoned"),
    "callcenter_queue_calls_overflowed_total": ("reason", "left"),
    "callcenter_queue_conversations_ended_total": ("side", "ended_by"),
}
HISTOGRAMS = {"talk": "talk", "hold": "hold", "wrapup": "wrap_up", "answer_to_voice": "voice"}


def plain(snapshot: MetricsSnapshot) -> str:
    return "".join(_lines(snapshot))


def line(name: str, value: float, **labels: str) -> str:
    shown = []
    for label, word in labels.items():
        safe = word.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
        shown.append(f'{label}="{safe}"')
    return f"{name}{{{','.join(shown)}}} {value!r}\n"


def histogram(name: str, found: Histogram, **labels: str) -> Iterator[str]:
    for place, bound_us in enumerate(found.bounds_us):
        within = sum(found.counts[: place + 1])
        yield line(f"{name}_bucket", within, **labels, le=repr(bound_us / 1e6))
    yield line(f"{name}_bucket", sum(found.counts), **labels, le="+Inf")
    yield line(f"{name}_count", sum(found.counts), **labels)
    yield line(f"{name}_sum", found.sum_us / 1e6, **labels)


def _lines(snapshot: MetricsSnapshot) -> Iterator[str]:
    counted = sorted(snapshot.stats.queues.items())
    for name, queue in counted:
        yield line("callcenter_queue_calls_waiting", len(queue.waiting), queue=name)
    for name, queue in counted:
        yield line("callcenter_queue_calls_connected", len(queue.connected), queue=name)
    for name, queue in counted:
        waits = [*queue.waiting.values(), *queue.connected.values()]
        late = [at_us for _, at_us in waits if snapshot.at_us - at_us > queue.target_us + 2_000_000]
        yield line("callcenter_queue_calls_waiting_late", len(late), queue=name)
    for name, queue in counted:
        if queue.waiting:
            oldest_us = min(entered_us for _, entered_us in queue.waiting.values())
            yield line("callcenter_queue_oldest_joined_timestamp_seconds", oldest_us / 1e6, queue=name)
    for metric, figure in COUNTERS.items():
        for name, queue in counted:
            yield line(f"callcenter_queue_calls_{metric}_total", getattr(queue, figure), queue=name)
    for metric, (label, figure) in BY_LABEL.items():
        for name, queue in counted:
            for word, count in getattr(queue, figure).items():
                yield line(metric, count, queue=name, **{label: word})
    for name, queue in counted:
        for outcome, found in queue.wait.items():
            yield from histogram("callcenter_queue_wait_seconds", found, queue=name, outcome=outcome)
    for metric, figure in HISTOGRAMS.items():
        for name, queue in counted:
            yield from histogram(f"callcenter_{metric}_seconds", getattr(queue, figure), queue=name)
    yield from _configured(snapshot)
    yield from _expected(snapshot, counted)


def _configured(snapshot: MetricsSnapshot) -> Iterator[str]:
    targets, hints = sorted(snapshot.targets.items()), sorted(snapshot.staffing.items())
    for name, target in targets:
        seconds = target.threshold_us / 1e6
        yield line("callcenter_queue_service_level_threshold_seconds", seconds, queue=name)
    for name, target in targets:
        yield line("callcenter_queue_service_level_target_ratio", target.percent / 100, queue=name)
    for name, hint in hints:
        yield line("callcenter_queue_agents_needed", hint.now, queue=name, when="now")
        yield line("callcenter_queue_agents_needed", hint.next, queue=name, when="next")
    for name, hint in hints:
        yield line("callcenter_queue_calls_forecast", hint.calls_next, queue=name)
    for name, _ in targets:
        for state in AGENT_STATES:
            there = snapshot.live_agents.by_state.get(state, {}).get(name, 0)
            yield line("callcenter_queue_agents", there, queue=name, state=state)


def _expected(snapshot: MetricsSnapshot, counted: list[tuple[str, Any]]) -> Iterator[str]:
    waits = sorted(snapshot.expected.items())
    for name, wait in waits:
        for quantile, us in (("0.5", wait.half_us), ("0.8", wait.most_us)):
            if us is not None:
                yield line("callcenter_queue_expected_wait_seconds", us / 1e6, queue=name, quantile=quantile)
    for name, wait in waits:
        yield line("callcenter_queue_expected_wait_answers_total", wait.answers, queue=name)
    for name, queue in counted:
        for way, found in queue.expected_error.items():
            yield from histogram(
                "callcenter_queue_expected_wait_error_seconds", found, queue=name, direction=way
            )
    for name, queue in counted:
        yield line("callcenter_queue_expected_wait_covered_total", queue.expected_covered, queue=name)
    for figure in ("bias", "error", "inside"):
        for name, wait in waits:
            if wait.answers:
                value = getattr(wait, figure)
                yield line(f"callcenter_queue_expected_wait_{figure}_ratio", value, queue=name)
