"""What a decision costs through Python, at 10 000 waiting callers, 10 000 agents and 1 000 queues.

Two states of a call centre, each in balance, so that the 20 000th decision sees what the first saw:

- **full**: everybody is busy and 10 000 wait. An agent becomes free and `decide` gives her the next caller.
- **quiet**: 10 000 agents are ready and nobody waits. A caller comes and `decide` finds the agent.

Measured: `decide` alone, the whole event with it (`finish` or `enqueue`, then `decide`), and `position`.
One time is one call, read by a nanosecond clock whose own cost is printed and not taken off.

    python bench/python/bench_router.py [--rounds 20000] [--callers 10000] [--agents 10000] [--queues 1000]
        [--strategies round-robin …]
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import random
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from time import perf_counter_ns

from py_callcenter import _router
from py_callcenter._router import Router

Times = dict[str, list[int]]


def staffed_router(options: argparse.Namespace, strategy: str) -> tuple[Router, list[int], random.Random]:
    """Queues with agents in them: each agent serves three queues, on one of two levels."""
    chance = random.Random(7)
    router = Router()
    queues = [router.put_queue(0, f"queue {number}", strategy) for number in range(options.queues)]
    for number in range(options.agents):
        agent = router.put_agent(0, f"agent {number}")
        for queue in chance.sample(queues, min(3, len(queues))):
            router.put_tier(0, queue, agent, chance.randint(1, 2), chance.randint(1, 50))
        router.set_status(number, agent, "Available")
    return router, queues, chance


def timed(times: Times, name: str, call: Callable[[], object]) -> object:
    begin = perf_counter_ns()
    answer = call()
    times.setdefault(name, []).append(perf_counter_ns() - begin)
    return answer


def connect(router: Router, now_us: int, offer: int) -> None:
    router.ringing(now_us, offer)
    router.claim(now_us, offer)
    router.bridged(now_us, offer)


def full(options: argparse.Namespace, strategy: str) -> Times:
    router, queues, chance = staffed_router(options, strategy)
    now_us = options.agents
    talking: list[int] = []
    while router.agents_by_state()[0] != ("waiting", 0):
        for queue in queues:
            router.enqueue(now_us, queue, entered_us=now_us)
        proposals = router.decide(now_us)
        for proposal in proposals:
            connect(router, now_us, proposal.offer)
            talking.append(proposal.offer)
    waiting = sum(router.calls_waiting(queue) for queue in queues)
    for _ in range(max(0, options.callers - waiting)):
        router.enqueue(now_us, chance.choice(queues), entered_us=now_us, priority=chance.randint(-1, 1))
    assert router.decide(now_us) == []

    times: Times = {}
    for _ in range(options.rounds):
        now_us += 1000
        place = chance.randrange(len(talking))
        offer = talking[place]
        begin = perf_counter_ns()
        router.finish(now_us, offer)
        middle = perf_counter_ns()
        proposals = router.decide(now_us)
        end = perf_counter_ns()
        times.setdefault("decide", []).append(end - middle)
        times.setdefault("finish + decide", []).append(end - begin)
        (proposal,) = proposals
        connect(router, now_us, proposal.offer)
        talking[place] = proposal.offer
        # Another takes the place of the served one, so that each queue stays as long as it is.
        caller = router.enqueue(now_us, proposal.queue, entered_us=now_us)
        timed(times, "position", lambda caller=caller: router.position(caller))
    return times


def quiet(options: argparse.Namespace, strategy: str) -> Times:
    router, queues, chance = staffed_router(options, strategy)
    served = [queue for queue in queues if router.staffed(queue)]
    now_us = options.agents
    times: Times = {}
    for _ in range(options.rounds):
        now_us += 1000
        queue = chance.choice(served)
        begin = perf_counter_ns()
        router.enqueue(now_us, queue, entered_us=now_us)
        middle = perf_counter_ns()
        proposals = router.decide(now_us)
        end = perf_counter_ns()
        times.setdefault("decide", []).append(end - middle)
        times.setdefault("enqueue + decide", []).append(end - begin)
        connect(router, now_us, proposals[0].offer)
        router.finish(now_us, proposals[0].offer)
        timed(times, "decide, nothing to do", lambda now_us=now_us: router.decide(now_us))
    return times


def report(state: str, strategy: str, times: Times) -> None:
    for name, values in times.items():
        values.sort()
        p50, p99, worst = values[len(values) // 2], values[len(values) * 99 // 100], values[-1]
        print(f"{state:6} {strategy:20} {name:22} {p50 / 1000:8.2f} {p99 / 1000:8.2f} {worst / 1000:10.1f}")


def machine() -> str:
    name = platform.processor() or platform.machine()
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            name = next(
                (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name
            )
    except OSError:
        pass  # not Linux
    return f"{name}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for option, default in (("rounds", 20_000), ("callers", 10_000), ("agents", 10_000), ("queues", 1_000)):
        parser.add_argument(f"--{option}", type=int, default=default)
    parser.add_argument(
        "--strategies",
        nargs="+",
        help="those that ring one phone at a time",
        default=["longest-idle-agent", "round-robin", "random", "least-occupied"],
    )
    options = parser.parse_args()
    print(f"machine   {machine()}")
    print(
        f"versions  Python {platform.python_version()}, _router {_router.__version__} {_router.BUILD_PROFILE}"
    )
    print(
        f"size      {options.callers} callers, {options.agents} agents, {options.queues} queues; 3 tiers each"
    )
    clock = sorted(-perf_counter_ns() + perf_counter_ns() for _ in range(10_000))
    print(f"clock     {clock[5000]} ns a reading, within each time below")
    print(f"load      {', '.join(f'{load:.2f}' for load in islice(os.getloadavg(), 3))}\n")
    print(f"{'state':6} {'strategy':20} {'call':22} {'p50 µs':>8} {'p99 µs':>8} {'worst µs':>10}")
    gc.disable()
    for strategy in options.strategies:
        report("full", strategy, full(options, strategy))
        report("quiet", strategy, quiet(options, strategy))


if __name__ == "__main__":
    main()
