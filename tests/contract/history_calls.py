"""Histories: decisions, and the course that each offer takes."""

from __future__ import annotations

from contract.chance import among, rule, several, together
from contract.history_callers import Callers
from contract.history_promises import Promises
from contract.history_values import number, own_demands
from contract.reference_values import FAULTS

arrivals = several(together(number, among(0, 0, 0, 1, -1), own_demands), 0, 4)
outcomes = several(
    among("talk", "talk", "talk", "claim", "ring", "keep", "leave", "no_answer", *FAULTS), 3, 6
)


class Calls(Callers, Promises):
    """Offers, one by one or in a rush."""

    def rush(self, arrivals, outcomes):
        """Callers come; each offer takes its own course. What is not named stays as it is."""
        for queue, priority, skills in arrivals:
            self.arrive(queue, 0, priority, 0, skills)
        for (offer, caller, *_rest), outcome in zip(self.decide_now(), outcomes, strict=False):
            if outcome in {"ring", "claim", "talk"}:
                self.both("ringing", self.now_us, offer)
            if outcome in {"claim", "talk"}:
                self.claim_offer(offer)
            if outcome == "talk":
                self.bridge_offer(offer)
            if outcome in FAULTS:
                self.fail_offer(offer, outcome)
            if outcome == "leave" and caller in self.waiting:
                self.caller_leaves(caller)

    @rule(arrivals=arrivals, outcomes=outcomes)
    def a_few_call(self, arrivals, outcomes):
        self.rush(arrivals, outcomes)

    @rule(arrivals=arrivals, outcomes=outcomes, later=among(0, 1, 2))
    def agents_finish_and_others_call(self, arrivals, outcomes, later):
        self.end_all(("talking", "withdrawn"))
        self.pass_time(later)
        self.rush(arrivals, outcomes)

    @rule(outcomes=outcomes)
    def everything_ends_and_the_rest_is_served(self, outcomes):
        self.end_all(("talking", "withdrawn", "ringing"))
        self.pass_time(10)
        self.rush((), outcomes)

    def end_all(self, steps):
        for offer in self.offers_in(*steps):
            if self.open_offers[offer][2] == "talking":
                self.finish_offer(offer)
            else:
                self.fail_offer(offer, "withdrawn")

    @rule(outcomes=outcomes)
    def decide(self, outcomes):
        self.rush((), outcomes)

    def decide_now(self):
        _, proposals = self.both("decide", self.now_us)
        turns = set()
        for offer, caller, agent, queue in proposals:
            _rank, own_queue = self.waiting[caller]
            assert own_queue == queue
            assert (queue, agent) in self.tiers
            assert self.is_open(caller)
            assert agent not in {holder for _caller, holder, _step in self.open_offers.values()}
            assert self.meets(agent, caller)
            self.check_turn(caller, agent, turns)
            self.offers.append(offer)
            self.open_offers[offer] = (caller, agent, "ringing")
            self.offered_us[caller] = self.clock_us
        for caller, (_rank, queue) in self.waiting.items():
            if self.is_open(caller) and caller not in self.held and self.is_plain(queue):
                able = [a for q, a in self.tiers if q == queue and self.is_free(a) and self.meets(a, caller)]
                assert not able, "a pair was left unmatched"
        return proposals

    @rule(offer=number)
    def ringing(self, offer):
        self.both("ringing", self.now_us, self.pick(self.offers, offer, self.open_offers))

    @rule(offer=number)
    def claim(self, offer):
        self.claim_offer(self.pick(self.offers, offer, self.offers_in("ringing", "withdrawn")))

    def claim_offer(self, offer):
        done, losers = self.both("claim", self.now_us, offer)
        if done and losers is not None:
            caller, *_ = self.open_offers[offer]
            assert caller in self.waiting
            assert caller not in self.claims, "a caller was claimed twice"
            self.claims[caller] = offer
            self.step(offer, "claimed")
            for loser in losers:
                assert self.open_offers[loser][0] == caller
                self.step(loser, "withdrawn")

    @rule(offer=number)
    def bridged(self, offer):
        self.bridge_offer(self.pick(self.offers, offer, self.offers_in("claimed")))

    def bridge_offer(self, offer):
        done, _ = self.both("bridged", self.now_us, offer)
        if done:
            caller, *_ = self.open_offers[offer]
            assert self.claims[caller] == offer
            self.step(offer, "talking")
            self.forget(caller)

    @rule(offer=number, fault=among(*FAULTS, "no_answer", "no_answer", "tired"))
    def fail(self, offer, fault):
        self.fail_offer(
            self.pick(self.offers, offer, self.offers_in("ringing", "withdrawn", "claimed")), fault
        )

    def fail_offer(self, offer, fault):
        caller, agent, _step = self.open_offers.get(offer, (0, 0, ""))
        idle_since_us = self.routers[0].agent(agent).idle_since_us if agent else 0
        done, _ = self.both("fail", self.now_us, offer, fault)
        if done:
            assert self.routers[0].agent(agent).idle_since_us == idle_since_us
            del self.open_offers[offer]
            if self.claims.get(caller) == offer:
                del self.claims[caller]

    @rule(offer=number)
    def finish(self, offer):
        self.finish_offer(self.pick(self.offers, offer, self.offers_in("talking")))

    def finish_offer(self, offer):
        done, _ = self.both("finish", self.now_us, offer)
        if done:
            del self.open_offers[offer]
