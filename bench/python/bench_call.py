"""CPU of the controller for one whole call, with events of real size, by its parts.

    .venv/bin/python bench/python/bench_call.py [--calls 2000]

The simulated switch writes the bytes that a real one would (its headers are judged by captures), in virtual
time; the stopwatch runs only while the controller's own code works: cutting and decoding frames, the engine
with the core, building commands, folding records. A call: parked, music, one agent rung, answered, bridged,
30 s of talk, both legs gone, wrap-up. Not in it: system calls, the poke, HTTP. The budget is 700 µs.
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import statistics
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from sim.world import SECOND, World, agent, everybody, queue

from py_callcenter import __version__
from py_callcenter._router import BUILD_PROFILE, FrameParser
from py_callcenter.esl import commands
from py_callcenter.sim import Behaviour
from py_callcenter.stats import Stats

BUDGET_US = 700


class Stopwatch:
    def __init__(self) -> None:
        self.ns: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()

    def wrap(self, part: str, function: Any) -> Any:
        def timed(*arguments: Any, **more: Any) -> Any:
            begun = time.perf_counter_ns()
            try:
                return function(*arguments, **more)
            finally:
                self.ns[part] += time.perf_counter_ns() - begun
                self.calls[part] += 1

        return timed


class TimedParser:
    """The parser with a stopwatch; frames come out as they are."""

    def __init__(self, watch: Stopwatch) -> None:
        self._parser = FrameParser()
        self._watch = watch
        self.bytes = 0

    def feed(self, data: bytes) -> list[Any]:
        self.bytes += len(data)
        return self._watch.wrap("frames", self._parser.feed)(data)


def measure(calls: int, agents: int) -> tuple[Stopwatch, int]:
    people = [agent(f"a{number}", wrap_up_time=1) for number in range(agents)]
    world = World(everybody([queue()], people))
    for person in people:
        world.phone(person.name, Behaviour(answer_after_us=2 * SECOND, talk_us=30 * SECOND))
    watch = Stopwatch()
    stats = Stats()
    engine = world.engine
    world.event_parser = parser = TimedParser(watch)  # type: ignore[assignment]
    for name in ("on_event", "tick", "on_probe", "on_failure"):
        setattr(engine, name, watch.wrap("engine and core", getattr(engine, name)))
    carry = world.carry_out

    def carry_out(outcome: Any) -> None:
        begun = time.perf_counter_ns()
        for record in outcome.records:
            stats.fold(record)
        watch.ns["records"] += time.perf_counter_ns() - begun
        begun = time.perf_counter_ns()
        for action in outcome.actions:
            commands.encode(action)
        watch.ns["commands"] += time.perf_counter_ns() - begun
        watch.calls["commands"] += len(outcome.actions)
        watch.calls["records"] += len(outcome.records)
        carry(outcome)

    world.carry_out = carry_out  # type: ignore[method-assign]
    for number in range(calls):
        world.call(number=str(100_000 + number))
        world.run(0.5)
        world.records.clear()
        world.actions.clear()
    world.run(60)
    return watch, parser.bytes


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--calls", type=int, default=1000)
    options.add_argument("--agents", type=int, default=100)
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    measure(50, given.agents)
    gc.collect()
    gc.freeze()
    rounds = [measure(given.calls, given.agents) for _ in range(given.rounds)]
    parts = sorted({part for watch, _ in rounds for part in watch.ns})
    print(f"py_callcenter {__version__} ({BUILD_PROFILE}), Python {platform.python_version()}")
    print(f"{_processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}")
    print(f"{given.calls} calls, {given.agents} agents, {given.rounds} rounds; median of rounds, µs a call\n")
    total = 0.0
    for part in parts:
        us = statistics.median(watch.ns[part] / 1000 / given.calls for watch, _ in rounds)
        count = statistics.median(watch.calls[part] / given.calls for watch, _ in rounds)
        total += us
        print(f"  {part:<16} {us:8.1f}   in {count:5.1f} pieces")
    volume = statistics.median(size / given.calls for _, size in rounds)
    print(f"  {'whole call':<16} {total:8.1f}   budget {BUDGET_US}; {volume / 1000:.0f} kB of events")
    sys.exit(total > BUDGET_US)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
