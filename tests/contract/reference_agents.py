"""Agents of the plain Python router: status, rest, breaks, and how they stand."""

from __future__ import annotations

from contract.reference_breaks import AgentBreak, BreakNews, Reason, Rest
from contract.reference_selection import Selection
from contract.reference_skills import Skills
from contract.reference_values import (
    KINDS,
    MAX_MISSES,
    MAX_US,
    STATES,
    STATUSES,
    TAKES_CALLS,
    Agent,
    AgentView,
    check_name,
    check_number,
    check_text,
    check_word,
)

from py_callcenter._router import RouterError


class Agents(Selection):
    def put_agent(
        self,
        now_us: int,
        name: str,
        *,
        wrap_up_us: int = 0,
        busy_delay_us: int = 0,
        reject_delay_us: int = 0,
        no_answer_delay_us: int = 0,
        unregistered_delay_us: int = 5_000_000,
        path_error_delay_us: int = 5_000_000,
        max_no_answer: int = 0,
        max_busy: int = 0,
        max_reject: int = 0,
        max_unregistered: int = 0,
        reset_counters: bool = False,
        skills: dict[str, int] | None = None,
    ) -> int:
        settings = {
            "wrap_up": wrap_up_us,
            "busy": busy_delay_us,
            "rejected": reject_delay_us,
            "no_answer": no_answer_delay_us,
            "unreachable": no_answer_delay_us,
            "unregistered": unregistered_delay_us,
            "path_error": path_error_delay_us,
            "withdrawn": 0,
        }
        limits = {
            "no_answer": max_no_answer,
            "busy": max_busy,
            "reject": max_reject,
            "unregistered": max_unregistered,
        }
        check_number("now_us", now_us, 0, MAX_US)
        check_name(name)
        for what, value in settings.items():
            check_number(what, value, 0, MAX_US)
        for what, value in limits.items():
            check_number(what, value, 0, MAX_MISSES)
        catalogue = Skills()
        levels = dict(catalogue.profile(catalogue.put_profile(skills or {})))
        self._clock(now_us)
        known = self.agent_id(name)
        if known is not None:
            self._agents[known].settings = settings
            self._agents[known].limits = limits
            self._agents[known].reset_counters = reset_counters
            self._agents[known].skills = levels
            return known
        number = self._next("agent")
        agent = Agent(number, name, settings, limits, reset_counters, levels, state_since_us=self._now_us)
        self._agents[agent.id] = agent
        return agent.id

    def remove_agent(self, now_us: int, agent: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        self._agent(agent)
        if self._offer_of_agent(agent) is not None:
            raise RouterError("an offer or conversation holds this agent")
        self._clock(now_us)
        del self._agents[agent]
        self._breaks.forget(agent)
        self._release(agent)
        self._tiers = {key: tier for key, tier in self._tiers.items() if key[1] != agent}

    def agent_id(self, name: str) -> int | None:
        check_text(name)
        return next((agent.id for agent in self._agents.values() if agent.name == name), None)

    def set_status(self, now_us: int, agent: int, status: str) -> list[int]:
        check_number("now_us", now_us, 0, MAX_US)
        check_word("status", status, STATUSES)
        entry = self._agent(agent)
        self._clock(now_us)
        self._change_status(entry, status)
        offer = self._offer_of_agent(agent)
        if offer is None or status in TAKES_CALLS or offer.step not in {"reserved", "ringing"}:
            return []
        return self._withdraw([offer])

    def _change_status(self, agent: Agent, status: str) -> None:
        self._breaks.leave(agent, status)
        if status == "Available" and agent.status != "Available":
            agent.missed = dict.fromkeys(KINDS, 0)
            if agent.reset_counters:
                agent.calls_answered = agent.talk_us = 0
        if status == "Logged Out":
            self._release(agent.id)
        if agent.status == "Logged Out" and status != "Logged Out":
            agent.idle_since_us = self._now_us
        agent.status = status
        agent.served_on_demand = False
        self._settle()

    def set_wrap_up_end(self, now_us: int, agent: int, end_us: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        check_number("end_us", end_us, 0, MAX_US)
        entry = self._agent(agent)
        if entry.rest != "wrap_up":
            raise RouterError("no wrap-up runs")
        self._clock(now_us)
        self._rest(entry, "wrap_up", end_us - self._now_us)
        self._settle()

    def set_ready_at(self, now_us: int, agent: int, ready_at_us: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        check_number("ready_at_us", ready_at_us, 0, MAX_US)
        entry = self._agent(agent)
        self._clock(now_us)
        entry.hold_until_us = ready_at_us if ready_at_us > self._now_us else 0
        self._settle()

    def set_external_calls(self, now_us: int, agent: int, count: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        check_number("count", count, 0, 1_000_000)
        entry = self._agent(agent)
        self._clock(now_us)
        entry.external_calls = count
        self._settle()

    def put_break_reason(
        self,
        now_us: int,
        name: str,
        *,
        time_limit_us: int = 0,
        quota: int = 0,
        when_over: str | None = None,
    ) -> int:
        check_number("now_us", now_us, 0, MAX_US)
        check_name(name)
        check_number("time_limit_us", time_limit_us, 0, MAX_US)
        check_number("quota", quota, 0, 1_000_000)
        if when_over is not None:
            check_word("status", when_over, STATUSES)
        if when_over == "On Break":
            raise RouterError("a break can't lead to a break when it is over")
        self._clock(now_us)
        reasons = self._breaks.reasons
        known = next((reason.id for reason in reasons.values() if reason.name == name), None)
        number = known or self._next("break reason")
        reasons[number] = Reason(number, name, time_limit_us, quota, when_over)
        for rest in self._breaks.resting.values():
            self._breaks.review_limit(rest, self._now_us)
        return number

    def remove_break_reason(self, now_us: int, reason: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        self._breaks.reason(reason)
        self._clock(now_us)
        self._breaks.remove(reason)

    def set_break_quota(self, now_us: int, quota: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        check_number("quota", quota, 0, 1_000_000)
        self._clock(now_us)
        self._breaks.quota = quota

    def request_break(
        self, now_us: int, agent: int, reason: int, *, force: bool = False, asked_us: int | None = None
    ) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        asked_us = now_us if asked_us is None else asked_us
        check_number("asked_us", asked_us, 0, MAX_US)
        entry = self._agent(agent)
        self._breaks.reason(reason)
        if entry.status == "Logged Out":
            raise RouterError("an agent who is logged out takes no break")
        self._clock(now_us)
        self._breaks.ask(agent, reason, min(asked_us, self._now_us), force=force)

    def withdraw_break(self, now_us: int, agent: int) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        self._agent(agent)
        request = self._breaks.request_of(agent)
        if request is None:
            raise RouterError("no break was asked for")
        self._clock(now_us)
        self._breaks.drop(request)

    def restore_break(self, now_us: int, agent: int, reason: int, *, since_us: int, overdue: bool) -> None:
        check_number("now_us", now_us, 0, MAX_US)
        check_number("since_us", since_us, 0, MAX_US)
        entry = self._agent(agent)
        self._breaks.reason(reason)
        if entry.status != "On Break" or agent in self._breaks.resting:
            raise RouterError("only a break without a reason can be given one")
        self._clock(now_us)
        request = self._breaks.request_of(agent)
        if request is not None and request.reason == reason:
            self._breaks.drop(request)
        rest = Rest(reason, min(since_us, self._now_us), overdue)
        self._breaks.resting[agent] = rest
        self._breaks.review_limit(rest, self._now_us)

    def break_news(self) -> list[BreakNews]:
        return self._breaks.take_news()

    def agent_break(self, agent: int) -> AgentBreak | None:
        self._agent(agent)
        return self._breaks.view(agent)

    def break_counts(self) -> list[tuple[int, int, int, int]]:
        return self._breaks.counts()

    def restore_agent(
        self,
        now_us: int,
        agent: int,
        *,
        idle_since_us: int,
        state_since_us: int,
        no_answer_count: int = 0,
        busy_count: int = 0,
        reject_count: int = 0,
        unregistered_count: int = 0,
        calls_answered: int = 0,
        talk_us: int = 0,
        served: bool = False,
        rest_until_us: int = 0,
        wrap_up: bool = False,
    ) -> None:
        moments = (now_us, idle_since_us, state_since_us, calls_answered, talk_us, rest_until_us)
        for value in moments:
            check_number("a moment or count", value, 0, MAX_US)
        missed = {
            "no_answer": no_answer_count,
            "busy": busy_count,
            "reject": reject_count,
            "unregistered": unregistered_count,
        }
        for what, value in missed.items():
            check_number(what, value, 0, MAX_MISSES)
        entry = self._unheld(agent)
        self._clock(now_us)
        self._rest(entry, "wrap_up" if wrap_up else "delay", rest_until_us - self._now_us)
        entry.idle_since_us = min(idle_since_us, self._now_us)
        entry.missed = missed
        entry.calls_answered = calls_answered
        entry.talk_us = talk_us
        entry.served_on_demand = served and entry.status == "Available (On Demand)"
        self._settle()
        entry.state_since_us = min(state_since_us, self._now_us)

    def agent(self, agent: int) -> AgentView:
        entry = self._agent(agent)
        return AgentView(
            entry.name,
            entry.status,
            entry.state,
            entry.state_since_us,
            entry.idle_since_us,
            max(entry.rest_until_us, entry.hold_until_us),
            *(entry.missed[kind] for kind in KINDS),
            entry.calls_answered,
            entry.talk_us,
            entry.external_calls,
        )

    def agent_skills(self, agent: int) -> list[tuple[str, int]]:
        return sorted(self._agent(agent).skills.items())

    def agents_by_state(self) -> list[tuple[str, int]]:
        states = [agent.state for agent in self._agents.values()]
        return [(state, states.count(state)) for state in STATES]
