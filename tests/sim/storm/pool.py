"""Many seeds on several cores."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import structlog
from sim.storm.plan import draw
from sim.storm.run import FAULTS, simulate

from py_callcenter.app import controller


@dataclass(slots=True)
class Tally:
    """What many runs came to."""

    seeds: int = 0
    calls: int = 0
    records: int = 0
    virtual_s: float = 0.0
    failures: list[tuple[int, str]] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)


def quiet() -> None:
    """Hundreds of thousands of calls need no log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    controller._NOTABLE.clear()


def one(seed: int, allowed: tuple[int, ...] = FAULTS) -> tuple[int, int, int, float, str, list[str]]:
    """Run a seed; plain values, for they come from another process."""
    plan = draw(seed, allowed)
    try:
        result = simulate(plan)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the seed is named
        return seed, 0, 0, plan.seconds, f"{type(problem).__name__}: {problem}", ["error"]
    what = "; ".join(str(violation) for violation in result.violations[:3])
    return seed, result.calls, result.records, plan.seconds, what, sorted(result.rules)


def many(seeds: range, jobs: int) -> Iterator[tuple[int, int, int, float, str, list[str]]]:
    """Run seeds on several cores."""
    if jobs <= 1:
        quiet()
        yield from map(one, seeds)
        return
    context = multiprocessing.get_context("spawn")
    # An executor notices a worker that dies; a `Pool` starts another one for ever.
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=quiet) as pool:
        yield from pool.map(one, seeds, chunksize=4)


def tally(seeds: range, jobs: int, *, aloud: bool) -> Tally:
    """Run seeds and add them up."""
    total = Tally()
    for seed, calls, records, virtual_s, what, rules in many(seeds, jobs):
        total.seeds += 1
        total.calls += calls
        total.records += records
        total.virtual_s += virtual_s
        total.rules.update(rules)
        if what:
            total.failures.append((seed, what))
            if aloud:
                print(f"seed {seed}: {what}\n  again: make sim SEED={seed}", flush=True)
    return total
