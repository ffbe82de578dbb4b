"""What an outside observer of both routers knows, and the ways to ask both at once."""

from __future__ import annotations

from collections.abc import Collection
from operator import attrgetter
from typing import Any

from contract.reference_router import Router as ReferenceRouter
from hypothesis.stateful import RuleBasedStateMachine

from py_callcenter._router import Router, RouterError, SkillError

SECOND = 1_000_000
PROPOSAL = attrgetter("offer", "caller", "agent", "queue")
NEWS = attrgetter("step", "agent", "reason", "status")


def plain(value: Any) -> Any:
    """Answers of both routers in one form: lists of proposals as lists of tuples."""
    if isinstance(value, list) and value and hasattr(value[0], "offer"):
        return [PROPOSAL(item) for item in value]
    if isinstance(value, list) and value and hasattr(value[0], "step"):
        return [NEWS(item) for item in value]
    return value


class Diary(RuleBasedStateMachine):
    """Two routers, and a diary of what an outside observer knows, to check the promises against."""

    def __init__(self) -> None:
        super().__init__()
        self.routers = (Router(seed=5), ReferenceRouter(seed=5))
        self.now_us = 1000 * SECOND
        self.queues: list[int] = []
        self.agents: list[int] = []
        self.break_reasons: list[int] = []
        self.break_quotas: dict[int, int] = {}
        self.break_quota = 0
        self.callers: list[int] = []
        self.offers: list[int] = []
        self.plans: dict[int, tuple[str, dict[str, Any]]] = {}
        self.offered_us: dict[int, int] = {}
        self.tiers: set[tuple[int, int]] = set()
        self.entered: dict[int, int] = {}
        self.waiting: dict[int, tuple[tuple[int, int, int], int]] = {}  # caller: (rank, queue)
        self.open_offers: dict[int, tuple[int, int, str]] = {}  # offer: (caller, agent, step)
        self.claims: dict[int, int] = {}  # caller: offer
        self.held: set[int] = set()  # callers who came with a preferred agent
        self.delayed: set[int] = set()  # queues that had an opening delay once
        self.profiles: dict[int, dict[str, int]] = {}
        self.demands: dict[int, Any] = {}  # of callers who brought one
        self.clock_us = 0
        self.overtaken: dict[int, int] = {}  # caller: how often, in this queue and under its cap

    def both(self, method: str, *args: Any, **kwargs: Any) -> tuple[bool, Any]:
        """Call a method on both; give whether it was carried out, and the answer."""
        answers = []
        for router in self.routers:
            try:
                answers.append((True, plain(getattr(router, method)(*args, **kwargs))))
            except (RouterError, SkillError):
                answers.append((False, None))
        assert answers[0] == answers[1], (method, args, kwargs)
        if answers[0][0] and self.now_us in args[:1]:
            self.clock_us = max(self.clock_us, self.now_us)
        return answers[0]

    def pick(self, known: list[int], index: int, live: Collection[int] | None = None) -> int:
        """One that is live, when there is one; now and then a stale one, or one that never was."""
        if index == 37:
            return 999
        among = known if live is None or index % 8 == 7 else sorted(live)
        return among[index % len(among)] if among else 999

    def offers_in(self, *steps: str) -> list[int]:
        return [offer for offer, (_caller, _agent, step) in self.open_offers.items() if step in steps]

    def step(self, offer, step):
        """An offer goes on."""
        caller, agent, before = self.open_offers[offer]
        assert (before, step) not in {("withdrawn", "claimed"), ("withdrawn", "talking")}
        self.open_offers[offer] = (caller, agent, step)

    def forget(self, caller):
        """A caller waits no longer."""
        del self.waiting[caller]
        self.claims.pop(caller, None)

    def pass_time(self, later):
        self.now_us += later * SECOND
        self.both("advance", self.now_us)
