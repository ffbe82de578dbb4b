"""Offers of the plain Python router, from the reservation to the end of the conversation."""

from __future__ import annotations

from contract.reference_selection import Selection
from contract.reference_values import (
    COUNTED,
    FAULTS,
    KINDS,
    MAX_MISSES,
    MAX_US,
    REFUSALS,
    TAKES_CALLS,
    Offer,
    check_number,
    check_word,
)

from py_callcenter._router import RouterError


class Offers(Selection):
    def adopt_offer(self, now_us: int, caller: int, agent: int) -> int:
        check_number("now_us", now_us, 0, MAX_US)
        waiting = self._caller(caller)
        entry = self._agent(agent)
        if waiting.claimed_by:
            raise RouterError("an agent has answered this caller")
        self._unheld(agent)
        self._clock(now_us)
        queue = self._queues[waiting.queue]
        offer = Offer(self._next("offer"), caller, entry.id, queue.id, queue.statuses)
        self._offers[offer.id] = offer
        self._rest(entry, "", 0)
        waiting.offered_us = self._now_us
        self._settle()
        return offer.id

    def adopt_conversation(self, now_us: int, agent: int, *, since_us: int, counted: bool) -> int:
        check_number("now_us", now_us, 0, MAX_US)
        check_number("since_us", since_us, 0, MAX_US)
        entry = self._unheld(agent)
        self._clock(now_us)
        offer = Offer(self._next("offer"), 0, entry.id, 0, {}, step="talking")
        offer.talking_since_us = min(since_us, self._now_us)
        self._offers[offer.id] = offer
        self._rest(entry, "", 0)
        entry.missed = dict.fromkeys(KINDS, 0)
        entry.calls_answered += not counted
        self._settle()
        entry.state_since_us = offer.talking_since_us
        return offer.id

    def ringing(self, now_us: int, offer: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        entry = self._offer(offer)
        self._clock(now_us)
        if entry.step == "reserved":
            entry.step = "ringing"
        self._settle()

    def claim(self, now_us: int, offer: int) -> list[int] | None:
        check_number("now_us", now_us, 0, MAX_US)
        entry = self._offer(offer)
        if entry.step not in {"reserved", "ringing"}:
            raise RouterError("this offer was claimed before")
        self._clock(now_us)
        if entry.withdrawn or entry.caller not in self._callers:
            return None
        entry.step = "claimed"
        self._callers[entry.caller].claimed_by = offer
        self._settle()
        return self._withdraw([other for other in self._offers_of_caller(entry.caller) if other is not entry])

    def bridged(self, now_us: int, offer: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        entry = self._offer(offer)
        if entry.step != "claimed" or entry.caller not in self._callers:
            raise RouterError("only a claimed offer whose caller is there can be bridged")
        self._clock(now_us)
        del self._callers[entry.caller]
        entry.step = "talking"
        entry.talking_since_us = self._now_us
        agent = self._agents[entry.agent]
        agent.missed = dict.fromkeys(KINDS, 0)
        agent.calls_answered += 1
        self._settle()

    def fail(self, now_us: int, offer: int, fault: str) -> str | None:
        check_number("now_us", now_us, 0, MAX_US)
        check_word("fault", fault, FAULTS)
        entry = self._offer(offer)
        if entry.step == "talking":
            raise RouterError("this offer became a conversation")
        self._clock(now_us)
        del self._offers[offer]
        caller = self._callers.get(entry.caller)
        if caller is not None and caller.claimed_by == offer:
            caller.claimed_by = 0
        if caller is not None and fault in REFUSALS:
            caller.refused = [*(a for a in caller.refused if a != entry.agent), entry.agent][-64:]
            caller.preferred = 0
        agent = self._agents[entry.agent]
        self._rest(agent, "delay", agent.settings[fault])
        new_status = None
        if fault in COUNTED:
            kind = COUNTED[fault]
            agent.missed[kind] = min(agent.missed[kind] + 1, MAX_MISSES)
            limit = agent.limits[kind]
            if 0 < limit <= agent.missed[kind] and agent.status in TAKES_CALLS:
                new_status = entry.statuses[kind]
                self._change_status(agent, new_status)
        self._settle()
        return new_status

    def finish(self, now_us: int, offer: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        entry = self._offer(offer)
        if entry.step != "talking":
            raise RouterError("this offer never became a conversation")
        self._clock(now_us)
        del self._offers[offer]
        agent = self._agents[entry.agent]
        agent.talk_us += self._now_us - entry.talking_since_us
        agent.idle_since_us = self._now_us
        agent.served_on_demand = agent.status == "Available (On Demand)"
        self._rest(agent, "wrap_up", agent.settings["wrap_up"])
        self._settle()
