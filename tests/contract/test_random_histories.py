"""Random histories on both routers at once: the same answers, errors and pictures after each step.

What happens in them is told by subject: `history_staff`, `history_breaks`, `history_callers`, `history_calls`
and `history_starts`; what an observer knows in `history_diary`, what decisions promise in `history_promises`.

ROUTER_EXAMPLES=20000 searches further than the fixed default run.
"""

from __future__ import annotations

from operator import attrgetter

import pytest
from contract.chance import among, rule, several, together
from contract.history_breaks import Breaks
from contract.history_calls import Calls
from contract.history_diary import SECOND
from contract.history_staff import Staff
from contract.history_starts import Starts
from contract.history_values import seconds, small
from hypothesis import settings
from hypothesis.stateful import invariant

from py_callcenter._router import RouterError

# Three hundred histories take half a minute, and several times that on a machine that others use too.
pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]

LOOK = attrgetter(
    "name",
    "status",
    "state",
    "state_since_us",
    "idle_since_us",
    "ready_at_us",
    "no_answer_count",
    "busy_count",
    "reject_count",
    "unregistered_count",
    "calls_answered",
    "talk_us",
    "external_calls",
)
LOOK_AT_BREAK = attrgetter("reason", "since_us", "limit_us", "overdue", "asked", "asked_us", "place")


class Histories(Staff, Breaks, Calls, Starts):
    """All of it, while time goes by."""

    @rule(tokens=several(together(small, among(None, -5, 0, 1, 1, 2, 10)), 0, 4))
    def set_or_cancel_timers(self, tokens):
        for token, later in tokens:
            if later is None:
                self.both("cancel_timer", token)
            else:
                self.both("set_timer", self.now_us + later * SECOND, token)

    @rule(later=seconds)
    def advance(self, later):
        self.pass_time(later)

    @rule()
    def advance_to_the_next_deadline(self):
        _, deadline_us = self.both("next_deadline_us")
        if deadline_us is not None:
            self.now_us = max(self.now_us, deadline_us)
            self.both("advance", self.now_us)

    @invariant()
    def both_show_the_same_picture(self):
        pictures = [self.picture(router) for router in self.routers]
        if pictures[0] != pictures[1]:
            pairs = zip(*pictures, strict=True)
            differ = [(ours, plain) for ours, plain in pairs if ours != plain]
            raise AssertionError(differ)
        for caller in self.callers[-3:]:
            for method in ("position", "ahead", "demand"):
                done, _ = self.both(method, caller)
                assert done == (caller in self.waiting)
        for agent in self.agents:
            self.both("agent_skills", agent)
        self.both("break_news")

    def picture(self, router):
        """What a router shows of everybody who is there."""
        shown = [("moments", router.next_deadline_us(), router.agents_by_state(), router.break_counts())]
        for queue in self.queues:
            try:
                counts = [router.calls_waiting(queue), router.staffed(queue), router.can_serve(queue)]
                shown.append((f"queue {queue}", router.callers(queue), *counts))
            except RouterError:
                shown.append((f"queue {queue} is gone",))
        shown += [
            (f"caller {caller}", router.position(caller), router.ahead(caller), router.demand(caller))
            for caller in self.waiting
        ]
        for agent in self.agents:
            try:
                shown.append((f"agent {agent}", *LOOK(router.agent(agent))))
                found = router.agent_break(agent)
                shown.append((f"break of {agent}", found and LOOK_AT_BREAK(found)))
            except RouterError:
                shown.append((f"agent {agent} is gone",))
        return shown


Histories.TestCase.settings = settings.get_profile("router")
TestRandomHistories = Histories.TestCase
