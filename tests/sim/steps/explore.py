"""Every misfortune at every step of every story; then others at later steps of what came of it."""

from __future__ import annotations

import hashlib
import multiprocessing
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from sim.steps.misfortunes import ALL
from sim.steps.stage import Blow, Stage, Step
from sim.steps.stories import STORIES
from sim.storm.pool import quiet

SOON: Final = 8
SOON_SHARE: Final = 0.6
"""What crosses is worse than what follows: so many steps are soon, and so much of what is drawn is soon."""


@dataclass(frozen=True, slots=True)
class Case:
    """A story, and what strikes it at which steps."""

    story: str
    blows: tuple[tuple[str, str], ...] = ()
    slow: bool = False
    """Far from the switch, which isn't poked; agents don't rest after a call."""

    @property
    def command(self) -> str:
        """What plays it again, told step by step."""
        struck = "".join(f" --strike '{at}' '{what}'" for at, what in self.blows)
        return f"""make steps MORE="--story '{self.story}'{struck}{" --slow" * self.slow} --tell\""""

    def stage(self) -> Stage:
        """The world in which it is played."""
        blows = [Blow(at, ALL[what]) for at, what in self.blows]
        return Stage(STORIES[self.story], blows, slow=self.slow)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a case came to."""

    case: Case
    broken: tuple[str, ...]
    steps: tuple[Step, ...]
    struck: int


@dataclass(slots=True)
class Tally:
    """What many came to."""

    runs: int = 0
    steps: int = 0
    """Of the stories themselves."""
    failures: list[tuple[Case, tuple[str, ...]]] = field(default_factory=list)
    struck: Counter[str] = field(default_factory=Counter)
    """How often, by misfortune."""

    def add(self, outcome: Outcome) -> None:
        """One more."""
        self.runs += 1
        self.struck.update(what for _at, what in outcome.case.blows)
        if outcome.broken:
            self.failures.append((outcome.case, outcome.broken))

    def join(self, other: Tally) -> None:
        """Those of another."""
        self.runs += other.runs
        self.steps += other.steps
        self.failures += other.failures
        self.struck.update(other.struck)


def run(case: Case) -> Outcome:
    """Play it."""
    random.seed(0)  # nothing may use it
    stage = case.stage()
    try:
        broken = stage.play()
    except Exception as problem:  # noqa: BLE001 - whatever it is, the case is named
        broken = [f"{type(problem).__name__}: {problem}"]
    return Outcome(case, tuple(broken), tuple(stage.steps), stage.struck)


def every_step(plain: Outcome) -> Iterator[Case]:
    """Each misfortune at each step that it fits."""
    for step in plain.steps:
        for what in ALL.values():
            if what.fits(step):
                yield replace(plain.case, blows=((str(step), what.name),))


def another_blow(outcome: Outcome, rng: random.Random) -> Case | None:
    """The same, and some other misfortune at a later step of what came of it, mostly soon after."""
    last = outcome.case.blows[-1][0]
    place = next((number for number, step in enumerate(outcome.steps) if str(step) == last), None)
    later = () if place is None else outcome.steps[place + 1 :]
    if not later:
        return None
    step = rng.choice(later[:SOON] if rng.random() < SOON_SHARE else later)
    what = rng.choice([one for one in ALL.values() if one.fits(step)])
    return replace(outcome.case, blows=(*outcome.case.blows, (str(step), what.name)))


def chosen(case: Case, share: float) -> bool:
    """A part of all cases, always the same one."""
    digest = hashlib.blake2b(repr(case).encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") < share * 2**32


@dataclass(frozen=True, slots=True)
class Reach:
    """How much is tried."""

    share: float = 1.0
    """This part of the cases with one misfortune."""
    more: tuple[int, ...] = ()
    """After each of them so many with a second one, after each of these so many with a third …"""
    seed: int = 0
    slow: bool = False


def explore(story: str, reach: Reach, aloud: Callable[[str], None] | None = None) -> Tally:
    """All cases of a story, or a part of them."""
    total = Tally()

    def ran(case: Case, more: tuple[int, ...]) -> Outcome:
        outcome = run(case)
        total.add(outcome)
        if outcome.broken:
            if aloud is not None:
                aloud(f"{'; '.join(outcome.broken[:3])}\n  again: {case.command}")
        elif more:
            rng = random.Random(f"{case} {reach.seed}")
            for _ in range(more[0]):
                further = another_blow(outcome, rng)
                if further is not None:
                    ran(further, more[1:])
        return outcome

    plain = ran(Case(story, slow=reach.slow), ())
    total.steps = len(plain.steps)
    for case in every_step(plain):
        if chosen(case, reach.share):
            ran(case, reach.more)
    return total


def _one(reach: Reach, story: str) -> tuple[str, Tally, float]:
    begun_s = time.monotonic()
    total = explore(story, reach, aloud=partial(print, flush=True))
    return story, total, time.monotonic() - begun_s


def explore_all(stories: Iterable[str], reach: Reach, jobs: int) -> Iterator[tuple[str, Tally, float]]:
    """Story by story, on some cores: its name, what it came to, and how many seconds that took."""
    work = partial(_one, reach)
    if jobs <= 1:
        yield from map(work, stories)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(jobs, mp_context=context, initializer=quiet) as pool:
        yield from pool.map(work, stories)
