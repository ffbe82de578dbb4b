"""A small call centre around a router: names instead of ids, seconds instead of microseconds."""

from __future__ import annotations

from typing import Any

START = 1_700_000_000
SECOND = 1_000_000


class Centre:
    def __init__(self, router: Any):
        self.router = router
        self.now_us = START * SECOND
        self.queues: dict[str, int] = {}
        self.agents: dict[str, int] = {}
        self.reasons: dict[str, int] = {}
        self.callers: dict[str, int] = {}
        self.offers: dict[tuple[str, str], int] = {}

    @property
    def now(self) -> float:
        return self.now_us / SECOND

    def queue(self, name: str, strategy: str = "longest-idle-agent", **settings: Any) -> None:
        self.queues[name] = self.router.put_queue(self.now_us, name, strategy, **settings)

    def agent(
        self,
        name: str,
        *queues: str,
        level: int = 1,
        position: int = 1,
        skills: dict[str, int] | None = None,
        **seconds: int,
    ) -> None:
        """An agent who logs in now. Times of `settings` in seconds."""
        plain = {"max_no_answer", "max_busy", "max_reject", "max_unregistered", "reset_counters"}
        settings = {
            key if key in plain else f"{key}_us": value if key in plain else value * SECOND
            for key, value in seconds.items()
        }
        self.agents[name] = self.router.put_agent(self.now_us, name, skills=skills, **settings)
        for queue in queues:
            self.tier(queue, name, level, position)
        self.status(name, "Available")

    def tier(self, queue: str, agent: str, level: int = 1, position: int = 1, **settings: int) -> None:
        self.router.put_tier(self.now_us, self.queues[queue], self.agents[agent], level, position, **settings)

    def status(self, agent: str, status: str) -> list[int]:
        return self.router.set_status(self.now_us, self.agents[agent], status)

    def reason(self, name: str, *, limit: float = 0, quota: int = 0, over: str | None = None) -> None:
        self.reasons[name] = self.router.put_break_reason(
            self.now_us, name, time_limit_us=round(limit * SECOND), quota=quota, when_over=over
        )

    def ask(self, agent: str, reason: str, *, force: bool = False) -> None:
        """Ask for a break; who can begins it at once."""
        self.router.request_break(self.now_us, self.agents[agent], self.reasons[reason], force=force)
        self.decide()

    def news(self) -> list[tuple[str, ...]]:
        """What happened to breaks since the last time: step, agent, reason, and a status if there is one."""
        agents = {number: name for name, number in self.agents.items()}
        reasons = {number: name for name, number in self.reasons.items()}
        return [
            (news.step, agents[news.agent], reasons[news.reason], *filter(None, [news.status]))
            for news in self.router.break_news()
        ]

    def rest(self, agent: str) -> Any:
        """The agent's break and request."""
        return self.router.agent_break(self.agents[agent])

    def call(
        self,
        name: str,
        queue: str,
        *,
        priority: int = 0,
        base_score: float = 0,
        entered: float | None = None,
        preferred: str | None = None,
        preferred_for: float = 0,
        skills: Any = None,
    ):
        entered_us = self.now_us if entered is None else round(entered * SECOND)
        self.callers[name] = self.router.enqueue(
            self.now_us,
            self.queues[queue],
            entered_us=entered_us,
            priority=priority,
            base_score_us=round(base_score * SECOND),
            preferred_agent=None if preferred is None else self.agents[preferred],
            preferred_for_us=round(preferred_for * SECOND),
            skills=skills,
        )

    def wait(self, seconds: float) -> list[int]:
        self.now_us += round(seconds * SECOND)
        return self.router.advance(self.now_us)

    def wait_for_deadline(self) -> float:
        """Let time pass until the router wants it; give the seconds that it took."""
        deadline_us = self.router.next_deadline_us()
        assert deadline_us is not None
        passed_us = deadline_us - self.now_us
        self.now_us = deadline_us
        self.router.advance(self.now_us)
        return passed_us / SECOND

    def decide(self) -> list[tuple[str, str]]:
        """Decide; give (caller, agent) by name, in the order of decision."""
        callers = {number: name for name, number in self.callers.items()}
        agents = {number: name for name, number in self.agents.items()}
        pairs = []
        for proposal in self.router.decide(self.now_us):
            pair = (callers[proposal.caller], agents[proposal.agent])
            self.offers[pair] = proposal.offer
            pairs.append(pair)
        return pairs

    def offer(self, caller: str, agent: str) -> int:
        return self.offers[caller, agent]

    def ring(self, caller: str, agent: str) -> None:
        self.router.ringing(self.now_us, self.offer(caller, agent))

    def claim(self, caller: str, agent: str) -> list[int] | None:
        return self.router.claim(self.now_us, self.offer(caller, agent))

    def bridge(self, caller: str, agent: str) -> None:
        self.router.bridged(self.now_us, self.offer(caller, agent))

    def fail(self, caller: str, agent: str, fault: str) -> str | None:
        return self.router.fail(self.now_us, self.offer(caller, agent), fault)

    def finish(self, caller: str, agent: str) -> None:
        self.router.finish(self.now_us, self.offer(caller, agent))

    def leave(self, caller: str) -> list[int]:
        return self.router.leave(self.now_us, self.callers[caller])

    def talk(self, caller: str, agent: str, seconds: float = 60) -> None:
        """From the offer to the end of the conversation."""
        self.ring(caller, agent)
        self.claim(caller, agent)
        self.bridge(caller, agent)
        self.wait(seconds)
        self.finish(caller, agent)

    def view(self, agent: str) -> Any:
        return self.router.agent(self.agents[agent])

    def state(self, agent: str) -> str:
        return self.view(agent).state

    def line(self, queue: str) -> list[str]:
        """Callers of a queue by name, in order of service."""
        names = {number: name for name, number in self.callers.items()}
        return [names[number] for number in self.router.callers(self.queues[queue])]

    def position(self, caller: str) -> int:
        return self.router.position(self.callers[caller])
