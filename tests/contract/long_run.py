"""Many random histories of both routers in little time, each from a number that plays it again.

The rules, their arguments and all promises are those of `test_random_histories.py`; only the drawing is plain
chance without hypothesis' search, which takes many times as long for each history. What fails is made shorter
by leaving steps out. What occurred is counted in the end, and something that never did is a failure too.

    PYTHONPATH=tests python -m contract.long_run --count 100000 [--first N] [--jobs N]
    PYTHONPATH=tests python -m contract.long_run --explained --count N     and each decision explained before
    PYTHONPATH=tests python -m contract.long_run --seed N     one history, shortened if it fails
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Any

from contract import conftest  # noqa: F401 - the profile that the histories are run by
from contract.chance import Rule, rules_of
from contract.occurrences import EVERYTHING, Counted
from contract.test_random_histories import Histories
from contract.test_reasons import Explained

STEPS = 60
LOOK_EVERY = 4
"""The whole picture of both is compared after so many steps, and at the end."""

ENOUGH = 10_000
"""From so many histories on, everything has to occur."""

EXPLAINED = "decisions explained"

Step = tuple[str, dict[str, Any]]

OPENING = "open_the_centre"
_RULES = rules_of(Histories)
_LATER: list[tuple[str, Rule]] = sorted((name, step) for name, step in _RULES.items() if name != OPENING)


def steps_of(seed: int) -> list[Step]:
    """The history of a number: the opening of a centre and what happened to it."""
    chance = Random(seed)
    told = [(OPENING, _RULES[OPENING].arguments.draw(chance))]
    for _ in range(STEPS):
        name, step = chance.choice(_LATER)
        told.append((name, step.arguments.draw(chance)))
    return told


def play(steps: Sequence[Step], world: Histories | None = None) -> str:
    """Why the history fails; empty when it doesn't."""
    world = world or Histories()
    try:
        for number, (name, arguments) in enumerate(steps, 1):
            _RULES[name].function(world, **arguments)
            if number % LOOK_EVERY == 0 or number == len(steps):
                world.both_show_the_same_picture()
        world.teardown()
    except AssertionError as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    except Exception as error:  # noqa: BLE001 - whatever it is, the history that leads to it is wanted
        return f"{type(error).__name__}: {error}"
    return ""


def shorten(steps: list[Step], kind: type[Histories] = Histories) -> list[Step]:
    """Leave out what the failure doesn't need: halves first, single steps in the end."""
    size = len(steps) // 2
    while size:
        at = 1
        while at < len(steps):
            fewer = steps[:at] + steps[at + size :]
            if play(fewer, kind()):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps


def try_one(seed: int) -> tuple[int, str, Counter[str]]:
    """The number, why its history fails, and what occurred in it."""
    world = Counted()
    return seed, play(steps_of(seed), world), world.seen


def explain_one(seed: int) -> tuple[int, str, Counter[str]]:
    """The same, with each decision explained before it is made."""
    before = Explained.states
    why = play(steps_of(seed), Explained())
    return seed, why, Counter({EXPLAINED: Explained.states - before})


def one(seed: int, kind: type[Histories]) -> int:
    steps = steps_of(seed)
    why = play(steps, kind())
    if why:
        steps = shorten(steps, kind)
    for name, arguments in steps:
        print(f"  {name} {arguments}")
    print(f"seed {seed}: {play(steps, kind()) or 'both routers agree'}")
    return 1 if why else 0


def report(times: Counter[str], histories: Counter[str]) -> list[str]:
    """Print what occurred, how often and in how many histories; give what had to and didn't."""
    print(f"{'times':>10} {'histories':>10}")
    for name in dict.fromkeys((*EVERYTHING, *sorted(times))):
        print(f"{times[name]:10} {histories[name]:10}  {name}")
    return [name for name in EVERYTHING if not times[name]]


def many(first: int, count: int, jobs: int, *, explained: bool) -> int:
    began = time.monotonic()
    failed = []
    times: Counter[str] = Counter()
    histories: Counter[str] = Counter()
    task = explain_one if explained else try_one
    # Forked workers would share the parent's locks; fresh ones cost a second.
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for done, (seed, why, seen) in enumerate(
            pool.imap_unordered(task, range(first, first + count), chunksize=100), 1
        ):
            times.update(seen)
            histories.update(name for name, often in seen.items() if often)
            if why:
                failed.append(seed)
                print(f"seed {seed}: {why}\n  play it again: --seed {seed}", flush=True)
            if done % 10_000 == 0:
                print(f"{done} histories, {time.monotonic() - began:.0f} s", flush=True)
    took_s = time.monotonic() - began
    missing = [] if explained else report(times, histories)
    print(
        f"{count} histories from {first} on, {STEPS} steps each, in {took_s:.0f} s by {jobs} processes "
        f"({platform.machine()}, Python {platform.python_version()}): {len(failed)} fail"
        + (f"; {times[EXPLAINED]} decisions explained" if explained else "")
    )
    if missing and count >= ENOUGH:
        print("never occurred: " + "; ".join(missing))
        return 1
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--explained", action="store_true", help="explain each decision before it is made")
    parser.add_argument("--seed", type=int, help="play one history")
    options = parser.parse_args()
    if options.seed is not None:
        return one(options.seed, Explained if options.explained else Histories)
    return many(options.first, options.count, options.jobs, explained=options.explained)


if __name__ == "__main__":
    sys.exit(main())
