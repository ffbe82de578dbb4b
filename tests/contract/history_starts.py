"""Histories: what outlived a process is taken up."""

from __future__ import annotations

from contract.chance import rule, together
from contract.history_diary import SECOND, Diary
from contract.history_values import flag, number, seconds, small


class Starts(Diary):
    """Agents, offers and conversations from before."""

    @rule(
        agent=number,
        idle=seconds,
        rest=seconds,
        counts=together(small, small, small),
        served=flag,
        wrap_up=flag,
    )
    def restore_agent(self, agent, idle, rest, counts, served, wrap_up):
        no_answer, calls, talk = counts
        self.both(
            "restore_agent",
            self.now_us,
            self.pick(self.agents, agent),
            idle_since_us=self.now_us - abs(idle) * SECOND,
            state_since_us=self.now_us - rest * SECOND,
            no_answer_count=no_answer,
            busy_count=calls,
            reject_count=talk,
            unregistered_count=no_answer,
            calls_answered=calls,
            talk_us=talk * SECOND,
            served=served,
            rest_until_us=self.now_us + rest * SECOND,
            wrap_up=wrap_up,
        )

    @rule(caller=number, agent=number)
    def adopt_offer(self, caller, agent):
        caller, agent = self.pick(self.callers, caller, self.waiting), self.pick(self.agents, agent)
        done, offer = self.both("adopt_offer", self.now_us, caller, agent)
        if done:
            assert caller not in self.claims
            assert agent not in {holder for _caller, holder, _step in self.open_offers.values()}
            self.offers.append(offer)
            self.open_offers[offer] = (caller, agent, "ringing")
            self.offered_us[caller] = self.clock_us

    @rule(agent=number, since=seconds, counted=flag)
    def adopt_conversation(self, agent, since, counted):
        agent = self.pick(self.agents, agent)
        since_us = self.now_us - since * SECOND
        done, offer = self.both("adopt_conversation", self.now_us, agent, since_us=since_us, counted=counted)
        if done:
            assert agent not in {holder for _caller, holder, _step in self.open_offers.values()}
            self.offers.append(offer)
            self.open_offers[offer] = (0, agent, "talking")

    @rule(caller=number, held=flag)
    def hold_caller(self, caller, held):
        caller = self.pick(self.callers, caller, self.waiting)
        done, _ = self.both("hold_caller", self.now_us, caller, held)
        assert done == (caller in self.waiting)
        self.held.add(caller)
