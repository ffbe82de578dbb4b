"""What people ask of the controller through its API while calls go on: consultations and transfers.

Whoever asks sees who talks and who waits, asks for something that may just have become impossible, and takes
a refusal as an answer. Each habit draws from a stream of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from sim.storm.plan import COLLEAGUE, DIAL_OUT

from py_callcenter.engine.errors import EngineError
from py_callcenter.engine.transfers import Destination
from py_callcenter.sim.people import AgentStyle, lognormal

if TYPE_CHECKING:
    from sim.storm.centre import Centre
    from sim.storm.truth import Caller

PLACES = ("voicemail", "queue_support", "outside")


class Desk:
    """Everybody who uses the API."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self.closed = False
        """Nobody asks for anything any more."""
        plan = centre.plan
        if plan.consult_s:
            colleague = AgentStyle(
                ring_to_answer=lognormal(2.0, 0.5), talk=lognormal(8.0, 0.5), no_answer=0.1
            )
            for switch in centre.switches:
                switch.add_phone(DIAL_OUT.replace("{number}", COLLEAGUE), colleague)
            self._plan(plan.consult_s, random.Random(f"consults {plan.seed}"), self._consult)
        if plan.transfer_s:
            self._plan(plan.transfer_s, random.Random(f"transfers {plan.seed}"), self._transfer)

    def _plan(self, gap_s: float, rng: random.Random, act: Callable[[random.Random], None]) -> None:
        def due() -> None:
            if not self.closed:
                act(rng)
                self._plan(gap_s, rng, act)

        self._centre.after(rng.expovariate(1 / gap_s), due)

    def _ask(self, wish: Callable[[Any], object]) -> bool:
        def asked(controller: Any) -> bool:
            try:
                wish(controller)
            except EngineError:
                return False
            return True

        return self._centre.wish(asked) is True

    # Consultations.

    def _consult(self, rng: random.Random) -> None:
        talking = [caller for caller in self._callers() if caller.leg.partner is not None]
        agent = rng.choice(self._centre.plan.agents).name
        to = Destination("agent", agent) if rng.random() < 0.6 else Destination("number", COLLEAGUE)
        picked, after_s, ends = rng.random(), rng.uniform(0.5, 15), rng.choice((None, "back", "over", "over"))
        if not talking:
            return
        uuid = talking[int(picked * len(talking))].uuid
        if not self._ask(lambda controller: controller.consult(uuid, to)):
            return
        if to.kind == "agent":
            # From now on what the agent's phone does is told by this switch, or not told.
            self._centre.spy.workers[agent].others_node = self._centre.spy.callers[uuid].node
        if ends:
            self._centre.after(after_s, self._end, uuid, ends)

    def _end(self, uuid: str, how: str) -> None:
        self._centre.spy.callers[uuid].consulted_us = self._centre.now_us
        if how == "back":
            self._ask(lambda controller: controller.end_consult(uuid))
        else:
            self._ask(lambda controller: controller.complete_consult(uuid))

    # Transfers.

    def _transfer(self, rng: random.Random) -> None:
        to = rng.choice((
            Destination("queue", rng.choice(self._centre.config.queues).name),
            Destination("agent", rng.choice(self._centre.plan.agents).name),
            Destination("extension", rng.choice(PLACES)),
        ))  # fmt: skip
        picked, keep_wait = rng.random(), rng.random() < 0.5
        callers = self._callers()
        if callers:
            caller = callers[int(picked * len(callers))]
            caller.asked_us = self._centre.now_us
            self._ask(lambda controller: controller.transfer_call(caller.uuid, to, keep_wait=keep_wait))

    def _callers(self) -> list[Caller]:
        return list(self._centre.spy.living.values())
