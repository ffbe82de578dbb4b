"""Many random histories of both routers in little time, each from a number that plays it again.

The rules, their arguments and all promises are those of `test_random_histories.py`; only the drawing is plain
chance without hypothesis' search, which takes several times as long for each history. What fails is made
shorter by leaving steps out.

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
from collections.abc import Sequence
from random import Random
from typing import Any

from contract import conftest  # noqa: F401 - the profile that the histories are run by
from contract.test_random_histories import Histories
from contract.test_reasons import Explained
from hypothesis.control import BuildContext
from hypothesis.internal.conjecture.data import ConjectureData

STEPS = 60
LOOK_EVERY = 4
"""The whole picture of both is compared after so many steps, and at the end."""

Step = tuple[str, dict[str, Any]]

_RULES = {
    name: rule
    for name in dir(Histories)
    if (rule := getattr(getattr(Histories, name), "hypothesis_stateful_rule", None)) is not None
}
_OPENING = Histories.open_the_centre.hypothesis_stateful_initialize_rule


def steps_of(seed: int) -> list[Step]:
    """The history of a number: the opening of a centre and what happened to it."""
    chance = Random(seed)
    data = ConjectureData(prefix=(), random=chance, max_choices=1_000_000)
    names = sorted(_RULES)
    with BuildContext(data, is_final=False, wrapped_test=steps_of):
        told = [("open_the_centre", {name: data.draw(s) for name, s in _OPENING.arguments.items()})]
        for _ in range(STEPS):
            name = chance.choice(names)
            told.append((name, {key: data.draw(s) for key, s in _RULES[name].arguments.items()}))
    return told


def play(steps: Sequence[Step], kind: type[Histories] = Histories) -> str:
    """Why the history fails; empty when it doesn't."""
    world = kind()
    try:
        for number, (name, arguments) in enumerate(steps, 1):
            function = _OPENING.function if name == "open_the_centre" else _RULES[name].function
            function(world, **arguments)
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
            if play(fewer, kind):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps


def try_one(seed: int) -> tuple[int, str, int]:
    return seed, play(steps_of(seed)), 0


def explain_one(seed: int) -> tuple[int, str, int]:
    """The same, and how many decisions were explained."""
    before = Explained.states
    why = play(steps_of(seed), Explained)
    return seed, why, Explained.states - before


def one(seed: int, kind: type[Histories]) -> int:
    steps = steps_of(seed)
    why = play(steps, kind)
    if why:
        steps = shorten(steps, kind)
    for name, arguments in steps:
        print(f"  {name} {arguments}")
    print(f"seed {seed}: {play(steps, kind) or 'both routers agree'}")
    return 1 if why else 0


def many(first: int, count: int, jobs: int, *, explained: bool) -> int:
    began = time.monotonic()
    failed = []
    states = 0
    task = explain_one if explained else try_one
    # Forked workers would share the parent's locks; fresh ones cost a second.
    with multiprocessing.get_context("spawn").Pool(jobs) as pool:
        for done, (seed, why, looked_at) in enumerate(
            pool.imap_unordered(task, range(first, first + count), chunksize=100), 1
        ):
            states += looked_at
            if why:
                failed.append(seed)
                print(f"seed {seed}: {why}\n  play it again: --seed {seed}", flush=True)
            if done % 10_000 == 0:
                print(f"{done} histories, {time.monotonic() - began:.0f} s", flush=True)
    took_s = time.monotonic() - began
    print(
        f"{count} histories from {first} on, {STEPS} steps each, in {took_s:.0f} s by {jobs} processes "
        f"({platform.machine()}, Python {platform.python_version()}): {len(failed)} fail"
        + (f"; {states} decisions explained" if explained else "")
    )
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
