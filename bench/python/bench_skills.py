"""What skills cost through Python, and how much faster the compiled half is than the plain Python reference.

Every agent has a different set of 8 of 200 skills, every demand is another one. Measured, one call each:
`parse_demand`; `put_demand` of a new demand with everybody it matches; `matches`; `matching_profiles` and
`matching_demands`; `explain`. The same calls on the reference, fewer times, at the same size.
What the router pays inside is measured in Rust: `cargo bench -p callcenter_core --bench skills`.

    python bench/python/bench_skills.py [--agents 10000] [--demands 10000] [--rounds 20000]
"""

from __future__ import annotations

import argparse
import gc
import random
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter_ns

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[2] / "tests")]

from bench_router import machine
from contract import reference_skills

from py_callcenter import _router

SKILLS = [f"skill:{number}" for number in range(200)]


def demand(chance: random.Random) -> str:
    return " and ".join(f"{name} >= {chance.randint(1, 50)}" for name in chance.sample(SKILLS, 2))


def measured(rounds: int, call: Callable[[], object]) -> tuple[int, int, int]:
    times = []
    for _ in range(rounds):
        begin = perf_counter_ns()
        call()
        times.append(perf_counter_ns() - begin)
    times.sort()
    return times[len(times) // 2], times[len(times) * 99 // 100], times[-1]


class Reference(reference_skills.Skills):
    """The reference looks for an equal thing in a list; a bench of that would measure the filling."""

    def put_profile(self, skills: dict[str, int]) -> int:
        number = self.profiles.last = self.profiles.last + 1
        self.profiles.things[number], self.profiles.uses[number] = skills, 1
        return number

    def put_demand(self, demand: str) -> int:
        number = self.demands.last = self.demands.last + 1
        self.demands.things[number], self.demands.uses[number] = reference_skills.read(demand), 1
        return number


def run(module, skills, options: argparse.Namespace, rounds: int) -> dict[str, tuple[int, int, int]]:
    chance = random.Random(11)
    profiles = [
        skills.put_profile({name: chance.randint(1, 100) for name in chance.sample(SKILLS, 8)})
        for _ in range(options.agents)
    ]
    demands = [skills.put_demand(demand(chance)) for _ in range(options.demands)]
    new = iter([demand(chance) for _ in range(rounds * 2)])
    few = max(5, rounds // 20)
    return {
        "parse_demand": measured(rounds, lambda: module.parse_demand(next(new))),
        "put_demand, new": measured(rounds, lambda: skills.put_demand(next(new))),
        "matches": measured(rounds, lambda: skills.matches(chance.choice(profiles), chance.choice(demands))),
        "explain": measured(rounds, lambda: skills.explain(chance.choice(profiles), chance.choice(demands))),
        "matching_profiles": measured(few, lambda: skills.matching_profiles(chance.choice(demands))),
        "matching_demands": measured(few, lambda: skills.matching_demands(chance.choice(profiles))),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    for option, default in (("rounds", 20_000), ("agents", 10_000), ("demands", 10_000)):
        parser.add_argument(f"--{option}", type=int, default=default)
    options = parser.parse_args()
    print(f"machine   {machine()}")
    print(f"versions  _router {_router.__version__} {_router.BUILD_PROFILE}")
    print(f"size      {options.agents} agents, all different, {options.demands} demands, all different\n")
    gc.disable()
    rust = run(_router, _router.Skills(), options, options.rounds)
    slow = run(reference_skills, Reference(), options, 100)
    print(f"{'call':20} {'p50 µs':>9} {'p99 µs':>9} {'worst µs':>10} {'reference p50 µs':>18} {'times':>8}")
    for name, (p50, p99, worst) in rust.items():
        theirs = slow[name][0]
        print(
            f"{name:20} {p50 / 1000:9.2f} {p99 / 1000:9.2f} {worst / 1000:10.1f} "
            f"{theirs / 1000:18.1f} {theirs / p50:8.0f}"
        )


if __name__ == "__main__":
    main()
