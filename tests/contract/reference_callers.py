"""Callers of the plain Python router: their place, wishes and demands."""

from __future__ import annotations

from contract.reference_selection import Selection
from contract.reference_values import MAX_US, Caller, Steps, check_number, read_ladder

from py_callcenter._router import RouterError


class Callers(Selection):
    def enqueue(
        self,
        now_us: int,
        queue: int,
        *,
        entered_us: int,
        priority: int = 0,
        base_score_us: int = 0,
        preferred_agent: int | None = None,
        preferred_for_us: int = 0,
        skills: Steps | None = None,
    ) -> int:
        check_number("now_us", now_us, 0, MAX_US)
        check_number("entered_us", entered_us, 0, MAX_US)
        check_number("priority", priority, -100, 100)
        check_number("base_score_us", base_score_us, -MAX_US, MAX_US)
        if preferred_agent is not None:
            check_number("preferred_for_us", preferred_for_us, 0, MAX_US)
            self._agent(preferred_agent)
        self._queue(queue)
        ladder = None if skills is None else read_ladder(skills)
        self._clock(now_us)
        caller = Caller(self._next("caller"), queue, entered_us, priority, base_score_us, ladder)
        caller.preferred = preferred_agent or 0
        caller.preferred_until_us = self._now_us + preferred_for_us
        self._callers[caller.id] = caller
        self._drop_vain_preference(caller)
        return caller.id

    def _drop_vain_preference(self, caller: Caller) -> None:
        """Nobody waits for an agent who doesn't serve the queue, or who is logged out."""
        agent = self._agents.get(caller.preferred)
        serves = (caller.queue, caller.preferred) in self._tiers
        if agent is None or not serves or agent.status == "Logged Out":
            caller.preferred = 0

    def set_priority(self, now_us: int, caller: int, priority: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        check_number("priority", priority, -100, 100)
        self._caller(caller)
        self._clock(now_us)
        self._callers[caller].priority = priority

    def set_base_score(self, now_us: int, caller: int, base_score_us: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        check_number("base_score_us", base_score_us, -MAX_US, MAX_US)
        self._caller(caller)
        self._clock(now_us)
        self._callers[caller].base_score_us = base_score_us

    def set_skills(self, now_us: int, caller: int, skills: Steps | None) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        entry = self._caller(caller)
        ladder = None if skills is None else read_ladder(skills)
        self._clock(now_us)
        entry.ladder = ladder

    def demand(self, caller: int) -> str:
        return self._demand(self._caller(caller))[0]

    def move(self, now_us: int, caller: int, queue: int, *, keep_entered: bool = True) -> list[int]:
        check_number("now_us", now_us, 0, MAX_US)
        entry = self._caller(caller)
        self._queue(queue)
        if entry.claimed_by:
            raise RouterError("an agent has answered this caller")
        self._clock(now_us)
        given = self._withdraw(self._offers_of_caller(caller))
        entry.queue = queue
        entry.tried = None
        if not keep_entered:
            entry.entered_us = self._now_us
        self._drop_vain_preference(entry)
        return given

    def leave(self, now_us: int, caller: int, *, abandoned: bool = False) -> list[int]:  # noqa: ARG002 - decides nothing
        check_number("now_us", now_us, 0, MAX_US)
        self._caller(caller)
        self._clock(now_us)
        given = self._withdraw(self._offers_of_caller(caller))
        del self._callers[caller]
        return given

    def position(self, caller: int) -> int:
        return self.callers(self._caller(caller).queue).index(caller) + 1

    def ahead(self, caller: int) -> int | None:
        row = self.callers(self._caller(caller).queue)
        place = row.index(caller)
        return row[place - 1] if place else None

    def hold_caller(self, now_us: int, caller: int, held: bool) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        entry = self._caller(caller)
        self._clock(now_us)
        entry.held = held
