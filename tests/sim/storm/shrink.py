"""A failing plan made smaller: fewer misfortunes, less time, fewer people, as long as a promise breaks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from sim.storm.plan import Plan
from sim.storm.run import Result, simulate

T = TypeVar("T")
RUNS = 200


class Shrinker:
    """Tries smaller plans, at most `runs` of them."""

    def __init__(
        self, failing: Result, run: Callable[[Plan], Result] = simulate, *, runs: int = RUNS
    ) -> None:
        self.best = failing
        self._rules = failing.rules
        self._run = run
        self._left = runs

    def shrink(self) -> Result:
        """The smallest that was found."""
        plan = self.best.plan
        if plan.faults:
            self._fewer(lambda p: p.faults, lambda p, kept: p.smaller(faults=tuple(kept)))
        self._fewer(lambda p: p.habits, lambda p, kept: p.with_habits(tuple(kept)))
        self._shorter()
        self._fewer(lambda p: p.calls, lambda p, kept: p.smaller(calls=tuple(kept)))
        self._fewer(lambda p: p.agents, lambda p, kept: p.smaller(agents=tuple(kept)), least=1)
        self._fewer(lambda p: p.faults, lambda p, kept: p.smaller(faults=tuple(kept)))
        self._shorter()
        return self.best

    def _try(self, plan: Plan) -> bool:
        if self._left <= 0:
            return False
        self._left -= 1
        result = self._run(plan)
        if not result.rules & self._rules:
            return False
        self.best = result
        return True

    def _shorter(self) -> None:
        for share in (0.25, 0.5, 0.75, 0.9):
            if self._try(self.best.plan.smaller(seconds=self.best.plan.seconds * share)):
                return

    def _fewer(
        self, things: Callable[[Plan], Sequence[T]], keep: Callable[[Plan, Sequence[T]], Plan], least: int = 0
    ) -> None:
        """Leave out halves, then quarters, then single ones."""
        size = max(1, len(things(self.best.plan)) // 2)
        while size:
            at = 0
            while at < len(things(self.best.plan)):
                all_of_them = things(self.best.plan)
                rest = [*all_of_them[:at], *all_of_them[at + size :]]
                if len(rest) < least or not self._try(keep(self.best.plan, rest)):
                    at += size
            size //= 2


def command(plan: Plan, whole: Plan, allowed: str = "") -> str:
    """How to run this plan again; `allowed`: the options by which the whole was drawn."""
    words = [f"make sim SEED={plan.seed}"]
    more = [allowed] if allowed else []
    if plan.habits != whole.habits:
        more.append(f"--habits {','.join(plan.habits) or 'none'}")
    if plan.seconds != whole.seconds:
        more.append(f"--seconds {plan.seconds!r}")
    if plan.faults != whole.faults:
        more.append(f"--keep-faults {','.join(str(fault.index) for fault in plan.faults) or 'none'}")
    if plan.calls != whole.calls:
        more.append(f"--keep-calls {','.join(str(call.number) for call in plan.calls) or 'none'}")
    if plan.agents != whole.agents:
        more.append(f"--keep-agents {','.join(agent.name for agent in plan.agents)}")
    if more:
        words.append(f"MORE='{' '.join(more)}'")
    return " ".join(words)
