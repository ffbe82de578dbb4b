"""People outside the queues who connect agents and callers with somebody of theirs: warm transfers that the
controller neither asked for nor is told of, except by what the switch says of the legs.

A receptionist has a customer on the line and joins them with an agent who talks; or takes a caller over. On
the wire both are the switch's `uuid_bridge`, as an attended transfer by REFER ends in the same.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.storm.centre import Centre
    from sim.storm.truth import Caller

    from py_callcenter.sim.phones import Call

LINE = "echo"
"""Where a receptionist's customers are in the dialplan."""


class Strangers:
    """Everybody outside who has somebody on the line."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        if centre.plan.stranger_s:
            self._plan(random.Random(f"strangers {centre.plan.seed}"))

    def _plan(self, rng: random.Random) -> None:
        self._centre.after(rng.expovariate(1 / self._centre.plan.stranger_s), self._due, rng)

    def _due(self, rng: random.Random) -> None:
        if self._centre.people.desk.closed:
            return
        self._plan(rng)
        picked, joins_after_s, stays_s = rng.random(), rng.uniform(0.5, 6), rng.lognormvariate(2.5, 0.8)
        takes, parts_first = rng.random() < 0.4, rng.random() < 0.3
        talking = [caller for caller in self._centre.spy.living.values() if _talks(caller)]
        if not talking:
            return
        caller = talking[int(picked * len(talking))]
        customer = self._centre.people.call(caller.node, LINE, joins_after_s + stays_s, name="Customer")
        if customer is not None:
            self._centre.after(joins_after_s, self._join, caller, customer, takes, parts_first)

    def _join(self, caller: Caller, customer: Call, takes: bool, parts_first: bool) -> None:
        """The customer with the agent, or with the caller; the caller perhaps hangs up in that moment."""
        if not (customer.alive and caller.alive and _talks(caller)):
            return
        agent = caller.leg.partner
        assert agent is not None
        uuid = caller.uuid if takes else agent.uuid
        self._centre.spy.joined_by_strangers(caller, customer.uuid)
        self._centre.switch_input(
            caller.node, lambda switch: switch._api_uuid_bridge(f"{customer.uuid} {uuid}")
        )
        if parts_first and not takes:
            self._centre.switch_input(caller.node, lambda switch: switch.bye(caller.leg))


def _talks(caller: Caller) -> bool:
    """With an agent whom the queue rang for them or for another."""
    other = caller.leg.partner
    return other is not None and bool(caller.talks) and caller.talks[-1].leg == other.uuid
