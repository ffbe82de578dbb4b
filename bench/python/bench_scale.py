"""Cost of the core against the size of the centre, against the plain reference, and its memory.

- **size**: the two states of `bench_router.py` with more and more agents or waiting callers; each row is one
  decision with the event that led to it, through Python. The factor compares it with 10 000.
- **reference**: the same rounds by the slow, obvious Python router of the contract tests, in the same run.
- **memory**: growth of the process's resident set by so many agents or waiting callers, allocator and all.

    PYTHONPATH=tests python bench/python/bench_scale.py [--rounds 5000] [--plots bench/plots]

`--plots` writes the curves as SVG (needs matplotlib).
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from time import perf_counter_ns
from typing import Any

from bench_router import EVENT_LIMIT_US, Times, full, machine, quiet, verdict
from contract.reference_router import Router as ReferenceRouter
from contract.reference_values import KINDS, Agent, Caller, Offer, Tier

from py_callcenter import _router
from py_callcenter._router import Router

AGENTS = (100, 1_000, 10_000, 100_000)
WAITING = (10_000, 100_000, 1_000_000)
BASE = 10_000
QUEUES = 1_000
STRATEGY = "longest-idle-agent"
EVENT = {"full": "finish + decide", "quiet": "enqueue + decide"}
REFERENCE_ROUNDS = {"full": 1, "quiet": 20}
"""The reference looks at everything at each decision: a few rounds tell."""
PATIENCE_S = 20.0
"""A round of the reference that takes longer counts as so long: the factor is then at least the one shown."""
SETTINGS = (
    *("wrap_up", "busy", "rejected", "no_answer", "unreachable", "unregistered", "path_error"),
    "withdrawn",
)

Curve = dict[int, tuple[float, float]]
"""Median and 99th percentile in µs, by size."""


def options_for(rounds: int, *, callers: int = BASE, agents: int = BASE) -> argparse.Namespace:
    return argparse.Namespace(rounds=rounds, callers=callers, agents=agents, queues=QUEUES)


def figures(values: list[int]) -> tuple[float, float]:
    values.sort()
    return values[len(values) // 2] / 1000, values[len(values) * 99 // 100] / 1000


def show(title: str, state: str, curve: Curve) -> None:
    base50, base99 = curve[BASE]
    for size, (p50, p99) in curve.items():
        limit = EVENT_LIMIT_US * (2 if size > BASE else 1)
        print(
            f"{title:22} {state:6} {size:>9} {p50:8.2f} {p99:8.2f} {p50 / base50:7.2f} {p99 / base99:7.2f}"
            f"   {verdict(p50 <= limit)} p50 ≤ {limit:.0f}"
        )


def measure(state: str, sizes: tuple[int, ...], what: str, rounds: int) -> Curve:
    curve: Curve = {}
    for size in sizes:
        options = options_for(rounds, **{what: size})
        times: Times = (full if state == "full" else quiet)(options, STRATEGY)
        curve[size] = figures(times[EVENT[state]])
        del times
        gc.collect()
    return curve


def reference(state: str) -> tuple[ReferenceRouter, list[int]]:
    """The plain router in one of the two states.

    The rows are put where it keeps them: by its own calls it would take hours to get there.
    """
    router, chance = ReferenceRouter(), random.Random(7)
    queues = [router.put_queue(0, f"queue {number}", STRATEGY) for number in range(QUEUES)]
    for number in range(1, BASE + 1):
        for queue in chance.sample(queues, 3):
            router._tiers[queue, number] = Tier(chance.randint(1, 2), chance.randint(1, 50), 0, 1)
        router._agents[number] = Agent(
            number,
            f"agent {number}",
            dict.fromkeys(SETTINGS, 0),
            dict.fromkeys(KINDS, 0),
            False,
            {},
            "Available",
            "waiting",
            0,
            number,
        )
        if state == "full":
            queue = chance.choice(queues)
            router._callers[number] = Caller(number, queue, number, chance.randint(-1, 1), 0, None)
            router._offers[number] = Offer(number, 0, number, queue, {}, "talking")
            router._agents[number].state = "in_a_queue_call"
    router._handed_out |= {"agent": BASE, "caller": BASE, "offer": BASE}
    return router, queues


def reference_round_us(state: str) -> float:
    """Median of so many events with their decisions as take some seconds, or how long one was waited for."""
    router, queues = reference(state)
    times = []
    for number in range(1, REFERENCE_ROUNDS[state] + 1):
        begin = perf_counter_ns()
        try:
            with at_most(PATIENCE_S):
                if state == "full":
                    router.finish(BASE + number, number)
                else:
                    router.enqueue(BASE + number, queues[number], entered_us=BASE + number)
                assert len(router.decide(BASE + number)) == 1
        except TimeoutError:
            print(
                f"(a decision of the reference in the state {state!r} is not waited for after {PATIENCE_S} s)"
            )
        times.append(perf_counter_ns() - begin)
    return figures(times)[0]


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Give up with `TimeoutError` after so long."""

    def give_up(_signal: int, _frame: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, give_up)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def against_reference(state: str, rounds: int) -> None:
    ours = (full if state == "full" else quiet)(options_for(rounds), STRATEGY)
    fast, slow = figures(ours[EVENT[state]])[0], reference_round_us(state)
    times = slow / fast
    shown = f"{state:6} {EVENT[state]:18} {fast:10.2f} {slow:14.0f} {times:10.0f}"
    print(f"{shown}   {verdict(times >= 100)} ≥ 100 times")


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def memory(what: str, count: int) -> float:
    """Bytes each. Runs in a process of its own, so that nothing freed before is used again."""
    router, chance = Router(), random.Random(7)
    queues = [router.put_queue(0, f"queue {number}", STRATEGY) for number in range(QUEUES)]
    before = resident_bytes()
    for number in range(count):
        if what == "agent":
            agent = router.put_agent(0, f"agent {number}")
            for queue in chance.sample(queues, 3):
                router.put_tier(0, queue, agent, 1, chance.randint(1, 50))
            router.set_status(number, agent, "Available")
        else:
            router.enqueue(number, chance.choice(queues), entered_us=number)
    return (resident_bytes() - before) / count


def draw(folder: Path, curves: dict[str, dict[str, Curve]]) -> None:
    import matplotlib.pyplot as plt  # only for those who want the picture

    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, len(curves), figsize=(10, 4), sharey=True, layout="constrained")
    for axis, (title, states) in zip(axes, curves.items(), strict=True):
        for state, curve in states.items():
            (line,) = axis.plot(curve.keys(), [p50 for p50, _ in curve.values()], "o-", label=f"{state}, p50")
            axis.plot(
                curve.keys(),
                [p99 for _, p99 in curve.values()],
                "o--",
                color=line.get_color(),
                label=f"{state}, p99",
            )
        axis.set(xscale="log", xlabel=title, ylim=(0, None), title=f"{STRATEGY}, {QUEUES} queues")
        axis.grid(visible=True, alpha=0.3)
        axis.legend()
    axes[0].set_ylabel("event with its decision, µs, through Python")
    figure.savefig(folder / "cost-against-size.svg", metadata={"Date": None})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--rounds", type=int, default=5_000)
    parser.add_argument("--plots", type=Path)
    parser.add_argument("--memory", choices=["agent", "caller"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(memory(options.memory, 100_000 if options.memory == "agent" else 1_000_000))
        return
    print(f"machine   {machine()}")
    print(
        f"versions  Python {platform.python_version()}, _router {_router.__version__} {_router.BUILD_PROFILE}"
    )
    print(f"load      {', '.join(f'{load:.2f}' for load in islice(os.getloadavg(), 3))}")
    print(f"method    {options.rounds} rounds each, {STRATEGY}, {QUEUES} queues, 3 tiers an agent\n")
    gc.disable()
    print(f"{'grows':22} {'state':6} {'size':>9} {'p50 µs':>8} {'p99 µs':>8} {'of 10k':>7} {'of 10k':>7}")
    curves: dict[str, dict[str, Curve]] = {"agents": {}, "waiting callers, 10 000 agents": {}}
    for state in ("full", "quiet"):
        curves["agents"][state] = measure(state, AGENTS, "agents", options.rounds)
        show("agents", state, curves["agents"][state])
    waiting = measure("full", WAITING, "callers", options.rounds)
    curves["waiting callers, 10 000 agents"]["full"] = waiting
    show("waiting callers", "full", waiting)
    if options.plots:
        draw(options.plots, curves)
    print(f"\n{'state':6} {'event':18} {'core p50':>10} {'reference p50':>14} {'times':>10}")
    for state in ("full", "quiet"):
        against_reference(state, options.rounds)
    print()
    for what, limit in (("agent", 1024), ("caller", 300)):
        command = [sys.executable, __file__, "--memory", what]
        answer: Any = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        name = "waiting caller" if what == "caller" else what
        print(f"bytes a {name:15} {float(answer):6.0f}   {verdict(float(answer) <= limit)} ≤ {limit}")


if __name__ == "__main__":
    main()
