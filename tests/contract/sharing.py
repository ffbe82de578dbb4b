"""Two queues in virtual time whose callers need one skill each; agents have the one, the other or both.

The truth of an answer is the wait of somebody who stays. A caller who gave up would have been taken by the
first agent with the skill who then had nobody who came earlier.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from heapq import heappop, heappush

from contract.theory import jain

from py_callcenter._router import Estimate, Router

SECOND = 1_000_000
QUEUES = ("support", "sales")


@dataclass(frozen=True, slots=True)
class Centre:
    """By default both queues bring more than their own agents can do."""

    arrivals_per_s: tuple[float, float] = (0.24, 0.20)
    agents: tuple[int, int, int] = (10, 10, 20)
    """For support only, for sales only, for both."""
    handling_s: float = 100
    patience_s: float = 150
    strategy: str = "longest-idle-agent"

    def able(self, queue: int) -> int:
        return self.agents[queue] + self.agents[2]


@dataclass(slots=True)
class Caller:
    queue: int
    joined_us: int
    ahead: int
    """In the queue."""
    told: Estimate | None
    last_us: int
    """Wait of the last who entered service."""
    counts: bool


@dataclass(slots=True)
class Told:
    """Those of one queue who had to wait and were told something: the caller, and the wait if they stay."""

    answers: list[tuple[Caller, int, bool]] = field(default_factory=list)
    """The last: served."""
    silent: int = 0

    def note(self, caller: Caller, wait_us: int, *, served: bool) -> None:
        if not caller.counts:
            return
        if caller.told is None:
            self.silent += 1
        else:
            self.answers.append((caller, wait_us, served))

    @property
    def mean_s(self) -> float:
        return sum(wait_us for _, wait_us, _ in self.answers) / len(self.answers) / SECOND

    def bias(self, *, served_only: bool = False) -> float:
        chosen = [(caller, wait_us) for caller, wait_us, served in self.answers if served or not served_only]
        error = sum(caller.told.mean_us - wait_us for caller, wait_us in chosen if caller.told)
        return error / sum(wait_us for _, wait_us in chosen)

    def inside(self) -> float:
        """Share of waits within p10…p90."""
        held = sum(
            caller.told.p10_us <= wait_us <= caller.told.p90_us
            for caller, wait_us, _ in self.answers
            if caller.told
        )
        return held / len(self.answers)

    def squares(self, centre: Centre, queue: int) -> dict[str, float]:
        """Sums of squared errors: ours; queue length over all able agents; over own agents; the last wait."""
        sums = dict.fromkeys(("ours", "full", "own", "last"), 0.0)
        step_us = centre.handling_s * SECOND
        for caller, wait_us, _ in self.answers:
            place = caller.ahead + 1
            assert caller.told
            sums["ours"] += (caller.told.mean_us - wait_us) ** 2
            sums["full"] += (place * step_us / centre.able(queue) - wait_us) ** 2
            sums["own"] += (place * step_us / max(1, centre.agents[queue]) - wait_us) ** 2
            sums["last"] += (caller.last_us - wait_us) ** 2
        return sums


class Run:
    """After `run` all is over: `told` by queue, `jain` by group of agents."""

    def __init__(self, centre: Centre, seed: int) -> None:
        self.centre, self.router, self._chance = centre, Router(), random.Random(seed)
        self.queues = [self.router.put_queue(0, name, centre.strategy, skills=name) for name in QUEUES]
        self.told = (Told(), Told())
        self.groups: list[list[int]] = []
        self._able: dict[int, tuple[int, ...]] = {}
        for able, size in zip(((0,), (1,), (0, 1)), centre.agents, strict=True):
            skills = {QUEUES[queue]: 1 for queue in able}
            name = " and ".join(skills)
            ids = [self.router.put_agent(0, f"{name} {n}", skills=skills) for n in range(size)]
            for number, agent in enumerate(ids):
                for queue in self.queues:
                    self.router.put_tier(0, queue, agent, 1, 1)
                self.router.set_status(number, agent, "Available")
                self._able[agent] = able
            self.groups.append(ids)
        self._due: list[tuple[int, int, str, int]] = []
        self._numbered = 0
        self._waiting: dict[int, Caller] = {}
        self._gone: tuple[list[Caller], list[Caller]] = ([], [])
        self._talking: dict[int, int] = {}

    def run(self, calls: int) -> Run:
        """The first tenth of the calls counts for nothing."""
        arrived, last_us = 0, [0, 0]
        for queue, per_s in enumerate(self.centre.arrivals_per_s):
            self._plan(0, 1 / per_s, "arrives", queue)
        while self._due:
            now_us, _, what, item = heappop(self._due)
            freed = None
            if what == "arrives":
                arrived += 1
                if arrived < calls:
                    self._plan(now_us, 1 / self.centre.arrivals_per_s[item], "arrives", item)
                self._arrive(now_us, item, last_us[item], counts=arrived > calls // 10)
            elif what == "finishes":
                freed = self._talking.pop(item)
                self.router.finish(now_us, item)
            elif (caller := self._waiting.pop(item, None)) is not None:
                self.router.leave(now_us, item, abandoned=True)
                self._gone[caller.queue].append(caller)
            first = self._connect(now_us, last_us)
            if freed is not None:
                self._would_have_come(now_us, freed, first)
        return self

    def jain(self) -> list[float]:
        """Fairness of talk within each group that is there."""
        talk_us = [[self.router.agent(agent).talk_us for agent in group] for group in self.groups]
        return [jain(group) for group in talk_us if group]

    def _plan(self, now_us: int, mean_s: float, what: str, item: int) -> None:
        self._numbered += 1
        in_us = round(self._chance.expovariate(1 / mean_s) * SECOND)
        heappush(self._due, (now_us + in_us, self._numbered, what, item))

    def _arrive(self, now_us: int, queue: int, last_us: int, *, counts: bool) -> None:
        ahead = self.router.calls_waiting(self.queues[queue])
        caller = self.router.enqueue(now_us, self.queues[queue], entered_us=now_us)
        told = self.router.expected_wait_of(now_us, caller)
        self._waiting[caller] = Caller(queue, now_us, ahead, told, last_us, counts)
        self._plan(now_us, self.centre.patience_s, "gives up", caller)

    def _connect(self, now_us: int, last_us: list[int]) -> Caller | None:
        """Whoever was taken, if anybody."""
        taken = None
        for proposal in self.router.decide(now_us):
            self.router.claim(now_us, proposal.offer)
            self.router.bridged(now_us, proposal.offer)
            self._talking[proposal.offer] = proposal.agent
            self._plan(now_us, self.centre.handling_s, "finishes", proposal.offer)
            taken = self._waiting.pop(proposal.caller)
            if (wait_us := now_us - taken.joined_us) > 0:
                last_us[taken.queue] = wait_us
                self.told[taken.queue].note(taken, wait_us, served=True)
        return taken

    def _would_have_come(self, now_us: int, agent: int, taken: Caller | None) -> None:
        """An agent got free: who is gone and came before whoever was taken needn't have waited longer."""
        for queue in self._able[agent]:
            gone = self._gone[queue]
            for caller in list(gone):
                if taken is None or caller.joined_us < taken.joined_us:
                    gone.remove(caller)
                    self.told[queue].note(caller, now_us - caller.joined_us, served=False)
