"""How many agents a queue needs: what comes, and Erlang turned round.

Calls expected in the next half hour: the mean of that half hour in the past four weeks, scaled by how the
last half hour compared with its own past:

    next = past next * (last + 5) / (past last + 5), the factor held between 1/2 and 2

so a quiet morning says little, and a busy half hour doubles the forecast at the most. Without a past it is
what the last half hour brought.

Agents: the fewest with which Erlang A (Erlang C while nobody gives up) answers the share of all callers that
the queue's service level asks for within its seconds. The model takes every agent to serve this queue alone;
who serves others too counts in each of them. Shrinkage (breaks, training) isn't in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from py_callcenter._router import Erlang
from py_callcenter.stats.recent import ENOUGH, HALF_HOUR_US

WEEKS: Final = 4
STEADY: Final = 5
"""Calls that the last half hour must differ by to say much."""
MOST_FACTOR: Final = 2.0
MOST_SHARE: Final = 0.999
"""A target of 100 % is taken for this: no number of agents promises all."""
MOST_AGENTS: Final = 100_000

_HALF_HOUR_S: Final = HALF_HOUR_US / 1e6


@dataclass(frozen=True, slots=True)
class Workload:
    """What half an hour asks of a queue. `patience_s`: mean patience of callers; None: nobody gives up."""

    calls: float
    handle_s: float
    patience_s: float | None = None


class Worked(NamedTuple):
    """Queue legs of one queue. `held_us`: time that those who `talked` held an agent, from ringing to the end
    of the wrap-up. `waited_us`: of all, also of those who gave up (`abandoned`).
    """

    calls: int
    talked: int
    held_us: int
    abandoned: int
    waited_us: int

    @property
    def handle_us(self) -> int | None:
        """Mean time that a conversation held an agent; None with few."""
        return self.held_us // self.talked if self.talked >= ENOUGH else None

    @property
    def patience_s(self) -> float | None:
        return mean_patience_s(self.waited_us, self.abandoned)


@dataclass(frozen=True, slots=True)
class Hint:
    """Agents that a queue needs for its service level: for what comes now, and in the next half hour."""

    now: int
    next: int
    calls_now: int
    """Queue legs that began in the last half hour."""
    calls_next: float
    handle_s: float
    patience_s: float | None


def mean_patience_s(waited_us: int, abandoned: int) -> float | None:
    """All waiting over those who gave up, which is right for exponential patience; None with few."""
    return max(1.0, waited_us / abandoned / 1e6) if abandoned >= ENOUGH else None


def forecast(last: int, past_last: Sequence[int], past_next: Sequence[int]) -> float:
    """Calls of the next half hour. `past_last`, `past_next`: calls of both half hours in earlier weeks."""
    if not past_next or not past_last:
        return float(last)
    before = sum(past_last) / len(past_last)
    factor = (last + STEADY) / (before + STEADY)
    return sum(past_next) / len(past_next) * min(MOST_FACTOR, max(1 / MOST_FACTOR, factor))


def agents_needed(work: Workload, threshold_s: float, share: float) -> int:
    """The fewest agents with whom `share` (0 to 1) of all callers are answered within `threshold_s`. 0 when
    nobody comes.
    """
    if work.calls <= 0 or work.handle_s <= 0:
        return 0
    share = min(share, MOST_SHARE)
    load = work.calls / _HALF_HOUR_S * work.handle_s

    def enough(agents: int) -> bool:
        queue = Erlang(
            agents,
            arrivals_per_s=work.calls / _HALF_HOUR_S,
            service_per_s=1 / work.handle_s,
            abandonment_per_s=1 / work.patience_s if work.patience_s else 0.0,
        )
        return queue.served_within(threshold_s) >= share

    # Without patience the queue must not grow for ever, so more agents than the load are the fewest.
    few = 0 if work.patience_s else int(load + 1e-9)
    many = max(few, int(load)) + 1
    while not enough(many):
        few, many = many, many * 2
        if many > MOST_AGENTS:
            return MOST_AGENTS
    while many - few > 1:
        middle = (few + many) // 2
        if enough(middle):
            many = middle
        else:
            few = middle
    return many


def hint(
    work: Workload, threshold_s: float, share: float, past_last: Sequence[int], past_next: Sequence[int]
) -> Hint:
    """`work`: of the last half hour."""
    coming = forecast(round(work.calls), past_last, past_next)
    return Hint(
        now=agents_needed(work, threshold_s, share),
        next=agents_needed(Workload(coming, work.handle_s, work.patience_s), threshold_s, share),
        calls_now=round(work.calls),
        calls_next=coming,
        handle_s=work.handle_s,
        patience_s=work.patience_s,
    )
