"""What the plain Python router has noted: who is there, in which state, and with which offers."""

from __future__ import annotations

from dataclasses import dataclass, field

from contract.reference_breaks import Breaks
from contract.reference_values import Agent, Caller, Offer, Queue, Tier, Timer, check_number

from py_callcenter._router import RouterError


@dataclass(kw_only=True)
class Books:
    seed: int = 0
    _draws: int = 0
    _counts_work: bool = False
    _now_us: int = 0
    _queues: dict[int, Queue] = field(default_factory=dict)
    _agents: dict[int, Agent] = field(default_factory=dict)
    _tiers: dict[tuple[int, int], Tier] = field(default_factory=dict)
    _callers: dict[int, Caller] = field(default_factory=dict)
    _offers: dict[int, Offer] = field(default_factory=dict)
    _timers: list[Timer] = field(default_factory=list)
    _handed_out: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(
            ("queue", "agent", "caller", "offer", "timer", "break reason"), 0
        )
    )
    _breaks: Breaks = field(default_factory=Breaks)

    def __post_init__(self) -> None:
        check_number("seed", self.seed, 0, 2**64 - 1)

    def _next(self, kind: str) -> int:
        self._handed_out[kind] += 1
        return self._handed_out[kind]

    def _clock(self, now_us: int) -> int:
        self._now_us = max(self._now_us, now_us)
        return self._now_us

    def _queue(self, queue: int) -> Queue:
        if queue not in self._queues:
            raise RouterError("no such queue")
        return self._queues[queue]

    def _agent(self, agent: int) -> Agent:
        if agent not in self._agents:
            raise RouterError("no such agent")
        return self._agents[agent]

    def _caller(self, caller: int) -> Caller:
        if caller not in self._callers:
            raise RouterError("no such caller")
        return self._callers[caller]

    def _offer(self, offer: int) -> Offer:
        if offer not in self._offers:
            raise RouterError("no such offer")
        return self._offers[offer]

    def _offer_of_agent(self, agent: int) -> Offer | None:
        return next((offer for offer in self._offers.values() if offer.agent == agent), None)

    def _offers_of_caller(self, caller: int) -> list[Offer]:
        return [o for o in self._offers.values() if o.caller == caller and o.step != "talking"]

    def _unheld(self, agent: int) -> Agent:
        entry = self._agent(agent)
        if self._offer_of_agent(agent):
            raise RouterError("an offer or conversation holds this agent")
        return entry

    def _state(self, agent: Agent) -> str:
        offer = self._offer_of_agent(agent.id)
        if offer is not None:
            return {
                "reserved": "reserved",
                "ringing": "receiving",
                "claimed": "receiving",
                "talking": "in_a_queue_call",
            }[offer.step]
        if agent.status == "Logged Out":
            return "logged_out"
        if agent.status == "On Break":
            return "on_break"
        if agent.rest == "wrap_up":
            return "wrap_up"
        if agent.served_on_demand:
            return "idle"
        if agent.external_calls:
            return "busy_elsewhere"
        return "waiting"

    def _settle(self) -> None:
        """Note each agent whose state is another than before."""
        for agent in self._agents.values():
            state = self._state(agent)
            if state != agent.state:
                agent.state = state
                agent.state_since_us = self._now_us
                works = state in {"in_a_queue_call", "wrap_up"}
                if works and agent.work_since_us is None and self._counts_work:
                    agent.work_since_us = self._now_us
                if not works and agent.work_since_us is not None:
                    agent.work.append((agent.work_since_us, self._now_us))
                    agent.work_since_us = None

    def _rest(self, agent: Agent, kind: str, length_us: int) -> None:
        agent.rest = kind if length_us > 0 else ""
        agent.rest_until_us = self._now_us + length_us if length_us > 0 else 0

    def _withdraw(self, offers: list[Offer]) -> list[int]:
        given = []
        for offer in sorted(offers, key=lambda o: o.id):
            if not offer.withdrawn:
                offer.withdrawn = True
                given.append(offer.id)
        return given
