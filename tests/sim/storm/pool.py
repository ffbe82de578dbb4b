"""Many seeds on several cores."""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import structlog
from sim.storm.plan import HABITS, draw
from sim.storm.run import FAULTS, simulate

from py_callcenter.app import controller


@dataclass(frozen=True, slots=True)
class Ran:
    """What one seed came to; plain values, for they come from another process."""

    seed: int
    calls: int
    records: int
    virtual_s: float
    faults: tuple[int, ...]
    fingerprint: str = ""
    problem: str = ""
    rules: tuple[str, ...] = ()


@dataclass(slots=True)
class Tally:
    """What many runs came to."""

    seeds: int = 0
    calls: int = 0
    records: int = 0
    virtual_s: float = 0.0
    failures: list[tuple[int, str]] = field(default_factory=list)
    rules: Counter[str] = field(default_factory=Counter)
    faults: Counter[int] = field(default_factory=Counter)
    """In how many of them each fault was played."""
    _stories: Any = field(default_factory=lambda: hashlib.blake2b(digest_size=8))

    def add(self, ran: Ran) -> None:
        """One more."""
        self.seeds += 1
        self.calls += ran.calls
        self.records += ran.records
        self.virtual_s += ran.virtual_s
        self.rules.update(ran.rules)
        self.faults.update(ran.faults)
        self._stories.update(ran.fingerprint.encode())
        if ran.problem:
            self.failures.append((ran.seed, ran.problem))

    @property
    def fingerprint(self) -> str:
        """The same for the same seeds."""
        return str(self._stories.hexdigest())


def quiet() -> None:
    """Hundreds of thousands of calls need no log."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    controller._NOTABLE.clear()
    # What a run leaves behind is thrown away as a whole (`one`); looking for cycles under way costs a sixth.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def one(seed: int, allowed: tuple[int, ...] = FAULTS) -> Ran:
    """Run a seed."""
    plan = draw(seed, allowed, HABITS)
    numbers = tuple(plan.numbers())
    try:
        result = simulate(plan)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the seed is named
        said = f"{type(problem).__name__}: {problem}"
        return Ran(seed, 0, 0, plan.seconds, numbers, problem=said, rules=("error",))
    what = "; ".join(str(violation) for violation in result.violations[:3])
    return Ran(
        seed,
        result.calls,
        result.records,
        plan.seconds,
        numbers,
        result.fingerprint,
        what,
        tuple(sorted(result.rules)),
    )


def many(seeds: range, jobs: int) -> Iterator[Ran]:
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
    for ran in many(seeds, jobs):
        total.add(ran)
        if ran.problem and aloud:
            print(f"seed {ran.seed}: {ran.problem}\n  again: make sim SEED={ran.seed}", flush=True)
    return total
