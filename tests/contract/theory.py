"""The compiled router as a queue of the textbooks: arrivals, handling time and patience are exponential."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import sqrt

from py_callcenter._router import Router

SECOND = 1_000_000

# Two-sided 99 % of Student's distribution with 29 degrees of freedom: 30 batches.
BATCHES = 30
T_99 = 2.756

ARRIVES, FREE, GIVES_UP = range(3)


@dataclass(frozen=True)
class Model:
    agents: int
    arrivals_per_s: float
    service_per_s: float
    abandonment_per_s: float = 0.0

    def __str__(self) -> str:
        patience = f" θ/μ={self.abandonment_per_s / self.service_per_s:g}" if self.abandonment_per_s else ""
        load = self.arrivals_per_s / self.service_per_s / self.agents
        return f"M/M/{self.agents}{'+M' if patience else ''} ρ={load:g}{patience}"


@dataclass
class Interval:
    """Mean of batches with half the width of its 99 % interval."""

    mean: float
    half: float

    def holds(self, value: float) -> bool:
        return abs(value - self.mean) <= self.half


@dataclass
class Outcome:
    wait_s: Interval
    wait_share: Interval
    abandon_share: Interval
    calls: int
    talk_us: list[int]
    answered: list[int]
    out_of_order: int
    lost: int


def interval(batches: list[list[float]], percentile: float = T_99) -> Interval:
    means = [sum(batch) / len(batch) for batch in batches]
    mean = sum(means) / len(means)
    variance = sum((value - mean) ** 2 for value in means) / (len(means) - 1)
    return Interval(mean, percentile * sqrt(variance / len(means)))


def jain(shares: list[int]) -> float:
    """1 when all have the same, 1/n when one has all."""
    return sum(shares) ** 2 / (len(shares) * sum(share * share for share in shares))


@dataclass
class Centre:
    """One queue in virtual time. All that is decided is decided by the router."""

    model: Model
    seed: int
    strategy: str = "longest-idle-agent"
    router: Router = field(default_factory=Router)

    def run(self, calls: int) -> Outcome:
        """The first tenth of the calls fills the queue and is not counted; the rest makes equal batches."""
        model, router, chance = self.model, self.router, random.Random(self.seed)
        queue = router.put_queue(0, "support", self.strategy)
        agents = [router.put_agent(0, f"agent {number}") for number in range(model.agents)]
        for number, agent in enumerate(agents):
            router.put_tier(0, queue, agent, 1, 1)
            router.set_status(number, agent, "Available")

        due: list[tuple[int, int, int, int]] = []
        numbered = 0

        def plan(in_s: float, what: int, item: int) -> None:
            nonlocal numbered
            numbered += 1
            heappush(due, (now_us + round(in_s * SECOND), numbered, what, item))

        number_of: dict[int, int] = {}
        joined_us: list[int] = []
        wait_s: list[float | None] = []
        gave_up = [False] * calls
        served_last = out_of_order = 0
        now_us = SECOND
        plan(0, ARRIVES, 0)
        while due:
            now_us, _, what, item = heappop(due)
            if what == ARRIVES:
                caller = router.enqueue(now_us, queue, entered_us=now_us)
                number_of[caller] = item
                joined_us.append(now_us)
                wait_s.append(None)
                if item + 1 < calls:
                    plan(chance.expovariate(model.arrivals_per_s), ARRIVES, item + 1)
                if model.abandonment_per_s:
                    plan(chance.expovariate(model.abandonment_per_s), GIVES_UP, caller)
            elif what == FREE:
                router.finish(now_us, item)
            elif item in number_of:
                assert router.leave(now_us, item) == []
                number = number_of.pop(item)
                wait_s[number] = (now_us - joined_us[number]) / SECOND
                gave_up[number] = True
            for proposal in router.decide(now_us):
                assert router.claim(now_us, proposal.offer) == []
                router.bridged(now_us, proposal.offer)
                number = number_of.pop(proposal.caller)
                wait_s[number] = (now_us - joined_us[number]) / SECOND
                out_of_order += number < served_last
                served_last = number
                plan(chance.expovariate(model.service_per_s), FREE, proposal.offer)

        size = calls * 9 // 10 // BATCHES
        starts = range(calls - size * BATCHES, calls, size)
        waits = [[wait or 0.0 for wait in wait_s[start : start + size]] for start in starts]
        views = [router.agent(agent) for agent in agents]
        return Outcome(
            wait_s=interval(waits),
            wait_share=interval([[float(wait > 0) for wait in batch] for batch in waits]),
            abandon_share=interval([[float(gone) for gone in gave_up[s : s + size]] for s in starts]),
            calls=calls,
            talk_us=[view.talk_us for view in views],
            answered=[view.calls_answered for view in views],
            out_of_order=out_of_order,
            lost=sum(wait is None for wait in wait_s) + len(router.callers(queue)),
        )
