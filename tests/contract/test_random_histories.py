"""Random histories on both routers at once: the same answers, errors and pictures after each step.

ROUTER_EXAMPLES=20000 searches further than the fixed default run.
"""

from __future__ import annotations

from typing import Any

import pytest
from contract.reference_router import FAULTS, STATUSES, STRATEGIES
from contract.reference_router import Router as ReferenceRouter
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from py_callcenter._router import Router, RouterError

pytestmark = pytest.mark.contract

SECOND = 1_000_000
VIEW = (
    "name",
    "status",
    "state",
    "state_since_us",
    "idle_since_us",
    "ready_at_us",
    "no_answer_count",
    "calls_answered",
    "talk_us",
)

number = st.integers(0, 30)
small = st.integers(0, 3)
seconds = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 5, 10, 60, -5))


def plain(value: Any) -> Any:
    """Answers of both routers in one form."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if hasattr(value, "offer"):
        return (value.offer, value.caller, value.agent, value.queue)
    return value


class Histories(RuleBasedStateMachine):
    """Two routers, and a diary of what an outside observer knows, to check the promises against."""

    def __init__(self) -> None:
        super().__init__()
        self.routers = (Router(), ReferenceRouter())
        self.now_us = 1000 * SECOND
        self.queues: list[int] = []
        self.agents: list[int] = []
        self.callers: list[int] = []
        self.offers: list[int] = []
        self.strategy: dict[int, str] = {}
        self.tiers: set[tuple[int, int]] = set()
        self.waiting: dict[int, tuple[tuple[int, int, int], int]] = {}  # caller: (rank, queue)
        self.open_offers: dict[int, tuple[int, int]] = {}  # offer: (caller, agent)
        self.claims: dict[int, int] = {}  # caller: offer

    def both(self, method: str, *args: Any, **kwargs: Any) -> tuple[bool, Any]:
        """Call a method on both; give whether it was carried out, and the answer."""
        answers = []
        for router in self.routers:
            try:
                answers.append((True, plain(getattr(router, method)(*args, **kwargs))))
            except RouterError:
                answers.append((False, None))
        assert answers[0] == answers[1], (method, args, kwargs)
        return answers[0]

    def pick(self, known: list[int], index: int) -> int:
        """One of those handed out, stale ones too; now and then one that never was."""
        return known[-1 - index % len(known)] if known and index != 30 else 999

    # The staff.

    @initialize(
        strategies=st.lists(st.sampled_from(STRATEGIES), min_size=1, max_size=3), agents=st.integers(1, 5)
    )
    def open_the_centre(self, strategies, agents):
        for index, strategy in enumerate(strategies):
            self.put_queue(index, strategy, "On Break")
        for index in range(agents):
            self.put_agent(index, index % 3, index % 2, 0)
            for queue in range(len(strategies)):
                self.put_tier(queue, agents - 1 - index, 1, index % 2)
            self.set_status(0, "Available")

    @rule(index=small, strategy=st.sampled_from(STRATEGIES), status=st.sampled_from(STATUSES))
    def put_queue(self, index, strategy, status):
        _, queue = self.both("put_queue", self.now_us, f"queue {index}", strategy, no_answer_status=status)
        self.strategy[queue] = strategy
        if queue not in self.queues:
            self.queues.append(queue)

    @rule(index=number)
    def remove_queue(self, index):
        queue = self.pick(self.queues, index)
        done, _ = self.both("remove_queue", self.now_us, queue)
        if done:
            self.tiers = {tier for tier in self.tiers if tier[0] != queue}

    @rule(index=st.integers(0, 6), wrap_up=small, delay=small, limit=small)
    def put_agent(self, index, wrap_up, delay, limit):
        _, agent = self.both(
            "put_agent",
            self.now_us,
            f"agent {index}",
            wrap_up_us=wrap_up * SECOND,
            busy_delay_us=delay * SECOND,
            reject_delay_us=SECOND,
            no_answer_delay_us=delay * 2 * SECOND,
            max_no_answer=limit,
        )
        if agent not in self.agents:
            self.agents.append(agent)

    @rule(index=number)
    def remove_agent(self, index):
        agent = self.pick(self.agents, index)
        done, _ = self.both("remove_agent", self.now_us, agent)
        if done:
            self.tiers = {tier for tier in self.tiers if tier[1] != agent}

    @rule(queue=number, agent=number, level=small, position=small)
    def put_tier(self, queue, agent, level, position):
        pair = (self.pick(self.queues, queue), self.pick(self.agents, agent))
        done, _ = self.both("put_tier", self.now_us, *pair, level, position)
        if done:
            self.tiers.add(pair)

    @rule(queue=number, agent=number)
    def remove_tier(self, queue, agent):
        pair = (self.pick(self.queues, queue), self.pick(self.agents, agent))
        done, _ = self.both("remove_tier", self.now_us, *pair)
        assert done == (pair in self.tiers)
        self.tiers.discard(pair)

    @rule(agent=number, status=st.sampled_from((*STATUSES, "Available", "Available", "on break")))
    def set_status(self, agent, status):
        self.both("set_status", self.now_us, self.pick(self.agents, agent), status)

    @rule(agent=number, later=seconds)
    def set_wrap_up_end(self, agent, later):
        self.both("set_wrap_up_end", self.now_us, self.pick(self.agents, agent), self.now_us + later * SECOND)

    # The callers.

    def arrive(self, queue, entered, priority, base_score):
        queue = self.pick(self.queues, queue)
        entered_us, base_score_us = self.now_us - entered * SECOND, base_score * SECOND
        done, caller = self.both(
            "enqueue",
            self.now_us,
            queue,
            entered_us=entered_us,
            priority=priority,
            base_score_us=base_score_us,
        )
        if done:
            self.callers.append(caller)
            self.waiting[caller] = ((-priority, entered_us - base_score_us, caller), queue)

    @rule(
        queue=number,
        entered=seconds,
        priority=st.integers(-1, 1),
        base_score=st.sampled_from((0, 0, 1, -1, 5)),
    )
    def enqueue(self, queue, entered, priority, base_score):
        self.arrive(queue, entered, priority, base_score)

    @rule(queue=number, count=st.integers(1, 4))
    def enqueue_several(self, queue, count):
        for _ in range(count):
            self.arrive(queue, 0, 0, 0)

    @rule(caller=number)
    def leave(self, caller):
        caller = self.pick(self.callers, caller)
        done, _ = self.both("leave", self.now_us, caller)
        assert done == (caller in self.waiting)
        if done:
            self.forget(caller)

    def forget(self, caller):
        del self.waiting[caller]
        self.claims.pop(caller, None)

    # The calls.

    def is_open(self, caller):
        if caller in self.claims:
            return False
        _rank, queue = self.waiting[caller]
        rings = any(other == caller for other, _agent in self.open_offers.values())
        return self.strategy[queue] == "ring-all" or not rings

    @rule()
    def decide(self):
        self.decide_now()

    @rule(count=st.integers(1, 3))
    def decide_and_talk(self, count):
        """The usual course, so that long histories reach conversations often."""
        for offer, *_rest in self.decide_now()[:count]:
            self.both("ringing", self.now_us, offer)
            self.claim_offer(offer)
            self.bridge_offer(offer)

    def decide_now(self):
        _, proposals = self.both("decide", self.now_us)
        for offer, caller, agent, queue in proposals:
            rank, own_queue = self.waiting[caller]
            assert own_queue == queue
            assert (queue, agent) in self.tiers
            assert self.is_open(caller)
            assert agent not in {holder for _caller, holder in self.open_offers.values()}
            for other, (other_rank, other_queue) in self.waiting.items():
                if other_rank < rank and (other_queue, agent) in self.tiers:
                    assert not self.is_open(other), f"{other} should have had agent {agent} before {caller}"
            self.offers.append(offer)
            self.open_offers[offer] = (caller, agent)
        for caller, (_rank, queue) in self.waiting.items():
            if self.is_open(caller):
                assert self.routers[0].can_serve(queue) == 0, "a pair was left unmatched"
        return proposals

    @rule(offer=number)
    def ringing(self, offer):
        self.both("ringing", self.now_us, self.pick(self.offers, offer))

    @rule(offer=number)
    def claim(self, offer):
        self.claim_offer(self.pick(self.offers, offer))

    def claim_offer(self, offer):
        done, losers = self.both("claim", self.now_us, offer)
        if done and losers is not None:
            caller, _agent = self.open_offers[offer]
            assert caller in self.waiting
            assert caller not in self.claims, "a caller was claimed twice"
            self.claims[caller] = offer
            assert all(self.open_offers[loser][0] == caller for loser in losers)

    @rule(offer=number)
    def bridged(self, offer):
        self.bridge_offer(self.pick(self.offers, offer))

    def bridge_offer(self, offer):
        done, _ = self.both("bridged", self.now_us, offer)
        if done:
            caller, _agent = self.open_offers[offer]
            assert self.claims[caller] == offer
            self.forget(caller)

    @rule(offer=number, fault=st.sampled_from((*FAULTS, "withdrawn", "no_answer", "tired")))
    def fail(self, offer, fault):
        offer = self.pick(self.offers, offer)
        caller, agent = self.open_offers.get(offer, (0, 0))
        idle_since_us = self.routers[0].agent(agent).idle_since_us if agent else 0
        done, _ = self.both("fail", self.now_us, offer, fault)
        if done:
            assert self.routers[0].agent(agent).idle_since_us == idle_since_us
            del self.open_offers[offer]
            if self.claims.get(caller) == offer:
                del self.claims[caller]

    @rule(offer=number)
    def finish(self, offer):
        offer = self.pick(self.offers, offer)
        done, _ = self.both("finish", self.now_us, offer)
        if done:
            del self.open_offers[offer]

    # Time.

    @rule(later=seconds, token=small)
    def set_timer(self, later, token):
        self.both("set_timer", self.now_us + later * SECOND, token)

    @rule(token=small)
    def cancel_timer(self, token):
        self.both("cancel_timer", token)

    @rule(later=seconds)
    def advance(self, later):
        self.now_us += later * SECOND
        self.both("advance", self.now_us)

    @rule()
    def advance_to_the_next_deadline(self):
        _, deadline_us = self.both("next_deadline_us")
        if deadline_us is not None:
            self.now_us = max(self.now_us, deadline_us)
            self.both("advance", self.now_us)

    @invariant()
    def both_show_the_same_picture(self):
        for method in ("next_deadline_us", "agents_by_state"):
            self.both(method)
        for queue in self.queues:
            for method in ("callers", "calls_waiting", "staffed", "can_serve"):
                self.both(method, queue)
        for caller in self.callers[-40:]:
            done, _ = self.both("position", caller)
            assert done == (caller in self.waiting)
        for agent in self.agents:
            views = []
            for router in self.routers:
                try:
                    view = router.agent(agent)
                    views.append([getattr(view, name) for name in VIEW])
                except RouterError:
                    views.append(None)
            assert views[0] == views[1]


Histories.TestCase.settings = settings.get_profile("router")
TestRandomHistories = Histories.TestCase
