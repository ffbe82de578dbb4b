"""Breaks with a reason, in plain Python: who rests, who stands in line, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from py_callcenter._router import RouterError

if TYPE_CHECKING:
    from contract.reference_router import Router
    from contract.reference_values import Agent

FREE = {"waiting", "idle", "busy_elsewhere", "on_break"}
"""States in which a break can begin."""


@dataclass
class Reason:
    id: int
    name: str
    time_limit_us: int
    quota: int
    when_over: str | None


@dataclass
class Rest:
    reason: int
    since_us: int
    overdue: bool = False


@dataclass
class Request:
    agent: int
    reason: int
    asked_us: int
    has_place: bool = False
    told: bool = False


@dataclass(frozen=True)
class BreakNews:
    step: str
    agent: int
    reason: int
    status: str | None = None


@dataclass(frozen=True)
class AgentBreak:
    reason: int | None
    since_us: int
    limit_us: int
    overdue: bool
    asked: int | None
    asked_us: int
    place: int


@dataclass
class Breaks:
    reasons: dict[int, Reason] = field(default_factory=dict)
    quota: int = 0
    resting: dict[int, Rest] = field(default_factory=dict)  # by agent
    line: list[Request] = field(default_factory=list)
    news: list[BreakNews] = field(default_factory=list)

    def reason(self, number: int) -> Reason:
        if number not in self.reasons:
            raise RouterError("no such break reason")
        return self.reasons[number]

    def request_of(self, agent: int) -> Request | None:
        return next((request for request in self.line if request.agent == agent), None)

    def limit_us(self, rest: Rest) -> int:
        limit_us = self.reasons[rest.reason].time_limit_us
        return rest.since_us + limit_us if limit_us else 0

    def limits(self) -> list[tuple[int, int]]:
        """Moment and agent of each limit to come, the next one first."""
        return sorted(
            (self.limit_us(rest), agent)
            for agent, rest in self.resting.items()
            if self.limit_us(rest) and not rest.overdue
        )

    def _tell(self, step: str, agent: int, reason: int, status: str | None = None) -> None:
        self.news.append(BreakNews(step, agent, reason, status))

    def _has_room(self, reason: int) -> bool:
        taken = [rest.reason for rest in self.resting.values()]
        taken += [request.reason for request in self.line if request.has_place]
        quota = self.reasons[reason].quota
        all_full = self.quota and len(taken) >= self.quota
        return not all_full and not (quota and taken.count(reason) >= quota)

    # What is told.

    def review_limit(self, rest: Rest, now_us: int) -> None:
        """Only a limit that has passed makes a break overdue."""
        rest.overdue = rest.overdue and 0 < self.limit_us(rest) <= now_us

    def remove(self, number: int) -> None:
        for agent in sorted(self.resting):
            if self.resting[agent].reason == number:
                del self.resting[agent]
                self._tell("unnamed", agent, number)
        for request in [request for request in self.line if request.reason == number]:
            self.drop(request)
        del self.reasons[number]

    def ask(self, agent: int, reason: int, asked_us: int, *, force: bool) -> None:
        before = self.request_of(agent)
        if before is not None and before.reason == reason:
            before.has_place = before.has_place or force
            return
        if before is not None:
            self.drop(before)
        if agent in self.resting and self.resting[agent].reason == reason:
            return
        self.line.append(Request(agent, reason, asked_us, has_place=force))
        self._tell("asked", agent, reason)

    def drop(self, request: Request) -> None:
        self.line.remove(request)
        self._tell("withdrawn", request.agent, request.reason)

    def leave(self, agent: Agent, status: str) -> None:
        """The agent gets this status."""
        if status == agent.status == "On Break":
            return
        self.resting.pop(agent.id, None)
        request = self.request_of(agent.id)
        if request is not None and status in {"On Break", "Logged Out"}:
            self.drop(request)

    def forget(self, agent: int) -> None:
        self.resting.pop(agent, None)
        self.line = [request for request in self.line if request.agent != agent]

    # What follows.

    def settle(self, router: Router) -> None:
        """Give free places in the order of the line; begin the breaks of those who can."""
        go_on = True
        while go_on:
            go_on = False
            for request in self.line:
                request.has_place = request.has_place or self._has_room(request.reason)
            for request in list(self.line):
                if not request.has_place:
                    continue
                agent = router._agents[request.agent]
                if router._state(agent) in FREE:
                    self._begin(router, agent, request)
                    go_on = True
                elif not request.told:
                    request.told = True
                    self._tell("granted", request.agent, request.reason)

    def _begin(self, router: Router, agent: Agent, request: Request) -> None:
        self.line.remove(request)
        self.resting.pop(agent.id, None)
        if agent.status != "On Break":
            router._change_status(agent, "On Break")
        self.resting[agent.id] = Rest(request.reason, router._now_us)
        self._tell("begun", agent.id, request.reason)

    def pass_limits(self, router: Router) -> None:
        while (limits := self.limits()) and limits[0][0] <= router._now_us:
            agent = limits[0][1]
            rest = self.resting[agent]
            rest.overdue = True
            self._tell("overdue", agent, rest.reason)
            status = self.reasons[rest.reason].when_over
            if status is not None:
                router._change_status(router._agents[agent], status)
                self._tell("over", agent, rest.reason, status)

    # What is asked.

    def take_news(self) -> list[BreakNews]:
        news, self.news = self.news, []
        return news

    def view(self, agent: int) -> AgentBreak | None:
        rest, request = self.resting.get(agent), self.request_of(agent)
        if rest is None and request is None:
            return None
        waiting = [other.agent for other in self.line if not other.has_place]
        return AgentBreak(
            reason=rest and rest.reason,
            since_us=rest.since_us if rest else 0,
            limit_us=self.limit_us(rest) if rest else 0,
            overdue=rest is not None and rest.overdue,
            asked=request and request.reason,
            asked_us=request.asked_us if request else 0,
            place=waiting.index(agent) + 1 if agent in waiting else 0,
        )

    def counts(self) -> list[tuple[int, int, int, int]]:
        resting = list(self.resting.values())
        return [
            (
                number,
                sum(rest.reason == number for rest in resting),
                sum(rest.reason == number and rest.overdue for rest in resting),
                sum(request.reason == number for request in self.line),
            )
            for number in sorted(self.reasons)
        ]
