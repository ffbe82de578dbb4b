"""Agents who ask for breaks with a reason, withdraw, come back, or leave without a word.

Each decides by what is known at the time, and takes a refusal as an answer. Around each misfortune somebody
does something, too.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

from sim.storm.plan import AgentPlan
from sim.storm.rests import Wish

from py_callcenter.engine.errors import EngineError

if TYPE_CHECKING:
    from sim.storm.centre import Centre

AROUND_S: Final = 1.0
"""So long before a misfortune, or after it."""

RESTING: Final = ((0.45, "Available"), (0.70, "break"), (0.75, "Logged Out"), (0.80, "On Break"))
STANDING: Final = ((0.30, "withdraw"), (0.45, "break"), (0.50, "On Break"), (0.55, "Logged Out"))
AWAY: Final = ((0.70, "Available"), (0.90, "break"))
WORKING: Final = ((0.80, "break"), (0.85, "withdraw"))
"""What agents do: up to which of chance's figures, and what; above all of them nothing."""


class BreakRoom:
    """Everybody who thinks of a break."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        plan = centre.plan
        if not plan.break_s:
            return
        self._plan(random.Random(f"rests {plan.seed}"))
        for fault in plan.faults:
            rng = random.Random(f"rests {plan.seed} {fault.index}")
            for _ in range(2):
                centre.after(
                    max(0.0, fault.at_s + rng.uniform(-AROUND_S, AROUND_S)),
                    self._somebody, plan.agents, rng,
                )  # fmt: skip

    def _plan(self, rng: random.Random) -> None:
        def due() -> None:
            if not self._centre.people.desk.closed:
                self._somebody(self._centre.plan.agents, rng)
                self._plan(rng)

        self._centre.after(rng.expovariate(1 / self._centre.plan.break_s), due)

    def _somebody(self, agents: tuple[AgentPlan, ...], rng: random.Random) -> None:
        name = rng.choice(agents).name
        reason = rng.choice(self._centre.config.breaks.reasons).name
        mood, force = rng.random(), rng.random() < 0.08
        rest = self._centre.spy.rests.of[name]
        if rest.reason:
            ways = RESTING
        elif rest.asked:
            ways = STANDING
        else:
            ways = WORKING if rest.status == "Available" else AWAY
        what = next((what for share, what in ways if mood < share), "")
        match what:
            case "":
                return
            case "break":
                self._rest(Wish("break", name, reason, force=force))
            case "withdraw":
                self.withdraw(name)
            case status:
                people = self._centre.people
                people.set_status(people.agents[name], status)

    def _rest(self, wish: Wish) -> None:
        self._ask(
            wish,
            lambda controller: controller.set_agent_status(
                wish.agent, "On Break", reason=wish.what, force=wish.force
            ),
        )

    def withdraw(self, agent: str) -> None:
        """An agent doesn't want the break any more."""
        self._ask(Wish("withdraw", agent), lambda controller: controller.withdraw_break(agent))

    def everybody_withdraws(self) -> None:
        """Nobody wants a break any more."""
        if self._centre.plan.break_s:
            for agent in self._centre.plan.agents:
                self.withdraw(agent.name)

    def _ask(self, wish: Wish, act: Any) -> None:
        def asked(controller: Any) -> bool:
            try:
                act(controller)
            except EngineError:
                return False
            return True

        spy = self._centre.spy
        spy.wished(wish)
        spy.answered(wish, self._centre.wish(asked))
