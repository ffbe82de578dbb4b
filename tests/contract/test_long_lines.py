"""Long lines under overtaking caps on both routers: more than 64 open callers are kept in order.

The random histories elsewhere have few callers each, and never come so far.
"""

from __future__ import annotations

from random import Random

import pytest
from contract.reference_router import Router as ReferenceRouter

from py_callcenter._router import Router

# The plain router looks at everybody for everybody; some seconds, and more on a machine that others use too.
pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]

SECOND = 1_000_000
LINE = 120
STEPS = 100
DEMANDS = (None, None, "fa", "fa >= 3", [(0, "fa >= 3"), (3 * SECOND, "any")])
PROFILES = ({}, {"fa": 1}, {"fa": 4})


class LongLines:
    """Two routers with many waiting, and agents who are free one or two at a time."""

    def __init__(self, seed):
        self.chance = Random(seed)
        self.routers = (Router(seed=1), ReferenceRouter(seed=1))
        self.now_us = 100 * SECOND
        self.served = 0
        self.waiting = []
        cap = self.chance.randint(1, 3)
        self.sales = self.both("put_queue", self.now_us, "sales", "round-robin", queue_priority=1)
        self.support = self.both(
            "put_queue", self.now_us, "support", "longest-idle-agent", overtaking_cap=cap, skills="any"
        )
        self.agents = []
        for number in range(8):
            skills = self.chance.choice(PROFILES)
            agent = self.both("put_agent", self.now_us, f"agent {number}", skills=skills)
            self.agents.append(agent)
            self.both("put_tier", self.now_us, self.sales, agent, 1, 1)
            late = self.chance.choice((0, 0, 2 * SECOND))
            self.both("put_tier", self.now_us, self.support, agent, 1, 1, opening_delay_us=late)
        for _ in range(LINE):
            self.arrive(self.support)

    def both(self, method, *args, **settings):
        answers = [getattr(router, method)(*args, **settings) for router in self.routers]
        assert answers[0] == answers[1], (method, args, settings)
        return answers[0]

    def arrive(self, queue):
        caller = self.both(
            "enqueue",
            self.now_us,
            queue,
            entered_us=self.now_us - self.chance.randrange(5) * SECOND,
            priority=self.chance.choice((0, 0, 0, 1)),
            skills=self.chance.choice(DEMANDS),
        )
        self.waiting.append(caller)

    def decide(self):
        made, plain = [
            [(offer.offer, offer.caller, offer.agent, offer.queue) for offer in router.decide(self.now_us)]
            for router in self.routers
        ]
        assert made == plain
        for offer, caller, agent, _queue in made:
            self.both("claim", self.now_us, offer)
            self.both("bridged", self.now_us, offer)
            self.waiting.remove(caller)
            self.both("set_status", self.now_us, agent, "On Break")
            self.both("finish", self.now_us, offer)
        self.served += len(made)
        assert self.both("callers", self.support)

    def step(self):
        chance = self.chance
        self.now_us += chance.choice((0, 1, 1)) * SECOND
        self.both("advance", self.now_us)
        for _ in range(chance.randint(0, 2)):
            self.arrive(self.sales)
        self.arrive(self.support)
        match chance.randrange(8):
            case 0:
                caller = chance.choice(self.waiting)
                self.waiting.remove(caller)
                self.both("leave", self.now_us, caller)
            case 1:
                self.both("set_skills", self.now_us, chance.choice(self.waiting), chance.choice(DEMANDS))
            case 2:
                self.both("set_priority", self.now_us, chance.choice(self.waiting), chance.randint(0, 1))
            case 3:
                late = chance.choice((0, SECOND))
                self.both(
                    *("put_tier", self.now_us, self.support, chance.choice(self.agents), 1, 1),
                    opening_delay_us=late,
                )
        for agent in chance.sample(self.agents, chance.randint(1, 2)):
            self.both("set_status", self.now_us, agent, "Available")
        self.decide()


@pytest.mark.parametrize("seed", range(1, 5))
def test_both_routers_agree_while_many_wait(seed):
    lines = LongLines(seed)
    for _ in range(STEPS):
        lines.step()
    assert lines.served > STEPS / 2
    assert len(lines.both("callers", lines.support)) > 64
