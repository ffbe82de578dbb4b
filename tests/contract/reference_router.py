"""The routing rules in plain Python: slow, obvious, and the same interface as `py_callcenter._router.Router`.

Nothing here is kept in order or remembered for speed: each question sorts and counts everything anew.
Where the compiled router and this file differ, one of them is wrong.

`reference_books` has what it knows, `reference_selection` says who gets whom; what can be told and asked of
queues, callers, agents and offers has a module each.
"""

from __future__ import annotations

from contract.reference_agents import Agents
from contract.reference_callers import Callers
from contract.reference_offers import Offers
from contract.reference_queues import Queues
from contract.reference_values import MAX_INT, MAX_US, Caller, Timer, check_number


class Router(Queues, Callers, Agents, Offers):
    def set_timer(self, deadline_us: int, token: int) -> None:
        check_number("deadline_us", deadline_us, 0, MAX_US)
        check_number("token", token, -MAX_INT - 1, MAX_INT)
        self.cancel_timer(token)
        self._timers.append(Timer(deadline_us, self._next("timer"), token))

    def cancel_timer(self, token: int) -> None:
        check_number("token", token, -MAX_INT - 1, MAX_INT)
        self._timers = [timer for timer in self._timers if timer.token != token]

    def next_deadline_us(self) -> int | None:
        moments = [timer.deadline_us for timer in self._timers]
        for agent in self._agents.values():
            moments += [agent.rest_until_us] if agent.rest else []
            moments += [agent.hold_until_us] if agent.hold_until_us else []
        moments += [limit_us for limit_us, _agent in self._breaks.limits()]
        for caller in self._callers.values():
            moments += [moment for moment in self._changes(caller) if moment > self._now_us]
        return min(moments, default=None)

    def _changes(self, caller: Caller) -> list[int]:
        """When, by waiting alone, this caller may have somebody else."""
        queue = self._queues[caller.queue]
        moments = []
        for (q, _agent), tier in self._tiers.items():
            if q == queue.id:
                waits = (self._level_wait_us(queue, tier.level), tier.opening_delay_us)
                moments += [caller.entered_us + wait for wait in waits if wait > 0]
        moments += [caller.entered_us + after_us for after_us, check_text, _expr in self._steps(caller)[1:]]
        if caller.preferred:
            moments.append(caller.preferred_until_us)
        if queue.strategy == "ring-progressively" and self._offers_of_caller(caller.id):
            moments.append(caller.offered_us + queue.ring_progressively_delay_us)
        return moments

    def advance(self, now_us: int) -> list[int]:
        check_number("now_us", now_us, 0, MAX_US)
        self._clock(now_us)
        for agent in self._agents.values():
            if agent.rest and agent.rest_until_us <= self._now_us:
                self._rest(agent, "", 0)
            if agent.hold_until_us <= self._now_us:
                agent.hold_until_us = 0
        self._settle()
        self._breaks.pass_limits(self)
        due = [timer for timer in self._timers if timer.deadline_us <= self._now_us]
        self._timers = [timer for timer in self._timers if timer.deadline_us > self._now_us]
        return [timer.token for timer in sorted(due, key=lambda t: (t.deadline_us, t.order))]
