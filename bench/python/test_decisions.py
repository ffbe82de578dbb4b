"""One event with its decision, through Python, by pytest-benchmark; the states of `bench_router.py`.

    python -m pytest -c bench/python/pytest.ini bench/python [--benchmark-json FILE]

The table has no percentiles but the quartiles; p50 and p99 of all rounds are in its `extra_info` and printed.
"""

from __future__ import annotations

import argparse
from typing import Any

import pytest
from bench_router import connect, staffed_router

from py_callcenter._router import Proposal

ROUNDS = 20_000
SIZE = argparse.Namespace(agents=10_000, callers=10_000, queues=1_000)
STRATEGIES = ("longest-idle-agent", "round-robin", "random", "least-occupied")


class Full:
    """Everybody is busy and 10 000 wait: an agent becomes free and gets the next caller."""

    def __init__(self, strategy: str) -> None:
        self.router, self.queues, self.chance = staffed_router(SIZE, strategy)
        self.now_us = SIZE.agents
        self.talking: list[int] = []
        while self.router.agents_by_state()[0] != ("waiting", 0):
            for queue in self.queues:
                self.router.enqueue(self.now_us, queue, entered_us=self.now_us)
            for proposal in self.router.decide(self.now_us):
                connect(self.router, self.now_us, proposal.offer)
                self.talking.append(proposal.offer)
        for _ in range(SIZE.callers - sum(map(self.router.calls_waiting, self.queues))):
            self.router.enqueue(self.now_us, self.chance.choice(self.queues), entered_us=self.now_us)
        self.free = self.talking[0]

    def before(self) -> None:
        self.now_us += 1000
        self.place = self.chance.randrange(len(self.talking))
        self.free = self.talking[self.place]

    def event(self) -> list[Proposal]:
        self.router.finish(self.now_us, self.free)
        self.proposals = self.router.decide(self.now_us)
        return self.proposals

    def after(self) -> None:
        (proposal,) = self.proposals
        connect(self.router, self.now_us, proposal.offer)
        self.talking[self.place] = proposal.offer
        self.router.enqueue(self.now_us, proposal.queue, entered_us=self.now_us)


class Quiet:
    """10 000 agents are ready and nobody waits: a caller comes and gets an agent."""

    def __init__(self, strategy: str) -> None:
        self.router, queues, self.chance = staffed_router(SIZE, strategy)
        self.queues = [queue for queue in queues if self.router.staffed(queue)]
        self.now_us = SIZE.agents

    def before(self) -> None:
        self.now_us += 1000
        self.queue = self.chance.choice(self.queues)

    def event(self) -> list[Proposal]:
        self.router.enqueue(self.now_us, self.queue, entered_us=self.now_us)
        self.proposals = self.router.decide(self.now_us)
        return self.proposals

    def after(self) -> None:
        (proposal,) = self.proposals
        connect(self.router, self.now_us, proposal.offer)
        self.router.finish(self.now_us, proposal.offer)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("state", [Full, Quiet])
def test_decision(benchmark: Any, state: type[Full | Quiet], strategy: str) -> None:
    centre = state(strategy)
    started = False

    def setup() -> None:
        nonlocal started
        if started:
            centre.after()
        started = True
        centre.before()

    benchmark.pedantic(centre.event, setup=setup, rounds=ROUNDS, warmup_rounds=1_000)
    times = sorted(benchmark.stats.stats.data)
    p50_us, p99_us = times[len(times) // 2] * 1e6, times[len(times) * 99 // 100] * 1e6
    benchmark.extra_info |= {"p50_us": round(p50_us, 2), "p99_us": round(p99_us, 2)}
    print(f"\n{state.__name__.lower():6} {strategy:20} p50 {p50_us:6.2f} µs  p99 {p99_us:6.2f} µs")


def test_the_centre_stays_in_balance() -> None:
    """What is measured 20 000 times is the same thing each time."""
    centre = Full("longest-idle-agent")
    waiting = sum(map(centre.router.calls_waiting, centre.queues))
    for _ in range(100):
        centre.before()
        assert len(centre.event()) == 1
        centre.after()
    assert sum(map(centre.router.calls_waiting, centre.queues)) == waiting
