"""Many seeds on several cores."""

from __future__ import annotations

import gc
import hashlib
import math
import multiprocessing
import time
from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

import structlog
from sim.storm.plan import HABITS, Plan, draw
from sim.storm.run import FAULTS, simulate

from py_callcenter.app import notable

CHUNK = 4


TELL_EVERY = 200


@dataclass(frozen=True, slots=True)
class Allowed:
    """What may happen in each seed beside what it draws by itself."""

    faults: tuple[int, ...] = FAULTS
    always: tuple[str, ...] = ()
    """Habits that people of each have."""
    brief: bool = False
    """Shorter stories: `plan.draw`."""

    def __str__(self) -> str:
        """As options of the command line; empty for nothing in particular."""
        faults = () if self.faults == FAULTS else (f"--faults={','.join(map(str, self.faults))}",)
        always = (f"--always {','.join(self.always)}",) if self.always else ()
        return " ".join((*faults, *always, *(("--brief",) if self.brief else ())))

    def draw(self, seed: int, habits: tuple[str, ...] = HABITS) -> Plan:
        """The plan of a seed of this run."""
        return draw(seed, self.faults, habits, self.always, brief=self.brief)


ANYTHING = Allowed()


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
    notable.NOTABLE.clear()
    # What a run leaves behind is thrown away as a whole (`one`); looking for cycles under way costs a sixth.
    gc.freeze()
    gc.set_threshold(100_000, 50, 50)


def one(seed: int, allowed: Allowed = ANYTHING) -> Ran:
    """Run a seed."""
    plan = allowed.draw(seed)
    numbers = tuple(plan.numbers())
    try:
        result = simulate(plan)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the seed is named
        said = f"{type(problem).__name__}: {problem}"
        return Ran(seed, 0, 0, plan.seconds, numbers, problem=said, rules=("error",))
    finally:
        gc.collect()  # a world is a heap of circles: milliseconds, and the process stays as small as it was
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


def _some(seeds: range, allowed: Allowed) -> list[Ran]:
    return [one(seed, allowed) for seed in seeds]


def many(seeds: range, jobs: int, for_s: float = math.inf, allowed: Allowed = ANYTHING) -> Iterator[Ran]:
    """Run seeds on several cores, in order; none begins later than after `for_s`. Only a few are under way at
    a time, and a process that dies costs the seeds that it had.
    """
    until_s = time.monotonic() + for_s
    if jobs <= 1:
        quiet()
        for seed in seeds:
            if time.monotonic() >= until_s:
                return
            yield one(seed, allowed)
        return
    left = deque(seeds[at : at + CHUNK] for at in range(0, len(seeds), CHUNK))
    while left and time.monotonic() < until_s:
        yield from _in_one_pool(left, jobs, until_s, allowed)


def _in_one_pool(left: deque[range], jobs: int, until_s: float, allowed: Allowed) -> Iterator[Ran]:
    """Until all is done or a process dies. What is done is taken out of `left`."""
    under_way: deque[Future[list[Ran]]] = deque()
    # An executor notices a worker that dies; a `Pool` starts another one for ever.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=quiet) as pool:
        while left:
            while len(under_way) < min(4 * jobs, len(left)) and time.monotonic() < until_s:
                under_way.append(pool.submit(_some, left[len(under_way)], allowed))
            if not under_way:
                return
            try:
                done = under_way.popleft().result()
            except BrokenProcessPool:
                for seed in left.popleft():
                    yield Ran(seed, 0, 0, 0.0, (), problem="the process died", rules=("error",))
                return
            left.popleft()
            yield from done


def tally(
    seeds: range, jobs: int, *, aloud: bool, for_s: float = math.inf, allowed: Allowed = ANYTHING
) -> Tally:
    """Run seeds and add them up; `aloud`: tell of each that fails, and now and then how far it is."""
    total = Tally()
    begun_s = time.monotonic()
    for ran in many(seeds, jobs, for_s, allowed):
        total.add(ran)
        if ran.problem and aloud:
            more = f" MORE='{allowed}'" if str(allowed) else ""
            print(f"seed {ran.seed}: {ran.problem}\n  again: make sim SEED={ran.seed}{more}", flush=True)
        if aloud and total.seeds % TELL_EVERY == 0:
            took_s = time.monotonic() - begun_s
            print(
                f"{total.seeds} of {len(seeds)} seeds, {total.calls} calls, {len(total.failures)} fail, "
                f"{took_s:.0f} s, {total.seeds / took_s:.1f} seeds/s",
                flush=True,
            )
    return total
