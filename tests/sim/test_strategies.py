"""Strategies and rules of a queue, from the file's keys to the phones that ring."""

from __future__ import annotations

import pytest
from sim.world import IGNORES, MANUAL, World, agent, queue

from py_callcenter.config import Config, Strategy, Tier

pytestmark = pytest.mark.sim

NAMES = ("1000", "1001", "1002")


def world(strategy: Strategy, behaviour=MANUAL, tier=lambda place: {"position": place}, **settings) -> World:
    """Three agents, in order of their names."""
    config = Config(
        queues=(queue(strategy=strategy, **settings),),
        agents=tuple(agent(name, no_answer_delay_time=0) for name in NAMES),
        tiers=tuple(Tier(queue="support", agent=name, **tier(place)) for place, name in enumerate(NAMES, 1)),
    )
    centre = World(config)
    for name in NAMES:
        centre.phone(name, behaviour)
    return centre


def ringing(centre: World) -> list[str]:
    return [name for name in NAMES if centre.ringing(name)]


def test_ring_progressively_rings_one_more_after_each_delay_and_one_wins():
    centre = world("ring-progressively", ring_progressively_delay=4, agent_originate_timeout=30)
    call = centre.call()
    centre.run(1)

    assert ringing(centre) == ["1000"]

    centre.run(4)

    assert ringing(centre) == ["1000", "1001"]

    centre.run(4)

    assert ringing(centre) == ["1000", "1001", "1002"]

    centre.does(centre.phones["1001"].answer)
    centre.run(1)

    assert centre.talks_with(call) == "1001"
    assert ringing(centre) == []
    assert [centre.agent(name).state for name in NAMES] == ["waiting", "in_a_queue_call", "waiting"]

    centre.does(call.hang_up)
    centre.run(60)

    centre.assert_quiet()


def test_ring_k_keeps_two_phones_ringing():
    centre = world("ring-k", ring_count=2)
    centre.call()
    centre.run(1)

    assert ringing(centre) == ["1000", "1001"]

    centre.does(lambda: centre.phones["1000"].refuse("reject"))
    centre.run(1)

    assert ringing(centre) == ["1001", "1002"]


@pytest.mark.parametrize("strategy", ["top-down", "longest-idle-agent", "random"])
def test_a_caller_whom_one_agent_lets_ring_gets_another(strategy):
    centre = world(strategy, IGNORES, agent_originate_timeout=10)
    centre.call()
    rung = []
    for _ in range(3):
        centre.run(5)
        rung += ringing(centre)
        centre.run(5.5)

    assert sorted(rung) == list(NAMES)


def test_the_next_level_opens_by_time_alone():
    centre = world(
        "longest-idle-agent",
        tier=lambda place: {"level": place},
        tier_rules_apply=True,
        tier_rule_wait_second=20,
        tier_rule_wait_multiply_level=True,
        agent_originate_timeout=300,
    )
    for _ in range(2):
        centre.call()
    centre.run(1)

    assert ringing(centre) == ["1000"]

    centre.run(38)

    assert ringing(centre) == ["1000"]

    centre.run(2)

    assert ringing(centre) == ["1000", "1001"]


def test_a_helper_gets_only_callers_who_waited():
    centre = world(
        "longest-idle-agent", tier=lambda place: {"opening_delay": 0 if place == 1 else 15 * place}
    )
    for _ in range(2):
        centre.call()
    centre.run(1)

    assert ringing(centre) == ["1000"]

    centre.run(30)

    assert "1001" in ringing(centre)
    assert "1002" not in ringing(centre)
