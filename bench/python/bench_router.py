"""What a decision costs through Python, at 10 000 waiting callers, 10 000 agents and 1 000 queues.

Two states of a call centre, each in balance, so that the 20 000th decision sees what the first saw:

- **full**: everybody is busy and 10 000 wait. An agent becomes free and `decide` gives her the next caller.
- **quiet**: 10 000 agents are ready and nobody waits. A caller comes and `decide` finds the agent.

Measured: `decide` alone, the whole event with it (`finish` or `enqueue`, then `decide`), and `position`.
One time is one call, read by a nanosecond clock whose own cost is printed and not taken off. With **skills**
each queue demands one of 200 skills, every second caller demands a level of it, and agents have the skills of
their three queues at one of five levels. The whole event should take 3 µs at most in the middle.

    python bench/python/bench_router.py [--rounds 20000] [--callers 10000] [--agents 10000] [--queues 1000]
    [--strategies round-robin …] [--no-skills]
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
SKILLS = 200
EVENT_LIMIT_US = 3.0
"""Median of a whole event with its decision."""


def staffed_router(options: argparse.Namespace, strategy: str) -> tuple[Router, list[int], random.Random]:
    """Queues with agents in them: each agent serves three queues, on one of two levels."""
    chance = random.Random(7)
    router = Router()
    skilled = getattr(options, "skills", False)
    queues = [
        router.put_queue(0, f"queue {number}", strategy, skills=skill_of(number) if skilled else "any")
        for number in range(options.queues)
    ]
    for number in range(options.agents):
        places = chance.sample(range(len(queues)), min(3, len(queues)))
        skills = {skill_of(place): chance.randint(1, 5) for place in places} if skilled else {}
        agent = router.put_agent(0, f"agent {number}", skills=skills)
        for queue in (queues[place] for place in places):
            router.put_tier(0, queue, agent, chance.randint(1, 2), chance.randint(1, 50))
        router.set_status(number, agent, "Available")
    return router, queues, chance


def skill_of(queue: int) -> str:
    return f"skill{queue % SKILLS}"


def demand(
    options: argparse.Namespace, queues: list[int], queue: int, chance: random.Random
) -> dict[str, str]:
    """What a caller of this queue brings, as arguments of `enqueue`."""
    if not getattr(options, "skills", False) or chance.random() < 0.5:
        return {}
    return {"skills": f"{skill_of(queue - queues[0])} >= {chance.randint(2, 3)}"}


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
            router.enqueue(now_us, queue, entered_us=now_us, skills="any")
        proposals = router.decide(now_us)
        for proposal in proposals:
            connect(router, now_us, proposal.offer)
            talking.append(proposal.offer)
    waiting = sum(router.calls_waiting(queue) for queue in queues)
    for _ in range(max(0, options.callers - waiting)):
        queue = chance.choice(queues)
        brings = demand(options, queues, queue, chance)
        router.enqueue(now_us, queue, entered_us=now_us, priority=chance.randint(-1, 1), **brings)
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
        while not proposals:  # Nobody waits for these skills just now: somebody comes who takes anybody.
            waiting_too = router.enqueue(now_us, chance.choice(queues), entered_us=now_us, skills="any")
            proposals = router.decide(now_us)
            if not proposals:
                router.leave(now_us, waiting_too)
        (proposal,) = proposals
        wanted = router.demand(proposal.caller)
        connect(router, now_us, proposal.offer)
        talking[place] = proposal.offer
        # Another takes the place of the served one, so that each queue stays as long as it is.
        caller = router.enqueue(now_us, proposal.queue, entered_us=now_us, skills=wanted)
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
        brings = demand(options, queues, queue, chance)
        begin = perf_counter_ns()
        caller = router.enqueue(now_us, queue, entered_us=now_us, **brings)
        middle = perf_counter_ns()
        proposals = router.decide(now_us)
        end = perf_counter_ns()
        times.setdefault("decide", []).append(end - middle)
        times.setdefault("enqueue + decide", []).append(end - begin)
        if proposals:
            connect(router, now_us, proposals[0].offer)
            router.finish(now_us, proposals[0].offer)
        else:
            router.leave(now_us, caller)
        router.decide(now_us)
        timed(times, "decide, nothing to do", lambda now_us=now_us: router.decide(now_us))
    return times


def report(state: str, strategy: str, times: Times) -> None:
    for name, values in times.items():
        values.sort()
        p50, p99, worst = values[len(values) // 2], values[len(values) * 99 // 100], values[-1]
        shown = f"{state:6} {strategy:20} {name:22} {p50 / 1000:8.2f} {p99 / 1000:8.2f} {worst / 1000:10.1f}"
        if " + " in name:
            shown += f"   {verdict(p50 / 1000 <= EVENT_LIMIT_US)} p50 ≤ {EVENT_LIMIT_US:.0f}"
        print(shown)


def verdict(good: bool) -> str:
    return "PASS" if good else "MISS"


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
    parser.add_argument("--no-skills", action="store_true", help="leave the centre with skills out")
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
    if not options.no_skills:
        options.skills = True
        report("full", f"{SKILLS} skills", full(options, options.strategies[0]))
        report("quiet", f"{SKILLS} skills", quiet(options, options.strategies[0]))


if __name__ == "__main__":
    main()
