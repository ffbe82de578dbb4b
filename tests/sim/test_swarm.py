"""Random call centres with random misfortunes, by seed: whatever happens, nobody is lost and nobody is stuck.

A failing seed is named by the test's id; run it alone with -k. SWARM_SEEDS sets how many are tried.
"""

from __future__ import annotations

import os
import random
from typing import Any

import pytest
from sim.world import World, agent, queue

from py_callcenter.config import Config, Tier
from py_callcenter.sim.people import AgentStyle, CallerStyle, Traffic, lognormal, weibull

pytestmark = pytest.mark.sim

SEEDS = int(os.environ.get("SWARM_SEEDS", "60"))
STRATEGIES = ("longest-idle-agent", "round-robin", "ring-all")
LOSABLE = (
    "CHANNEL_CREATE", "CHANNEL_PROGRESS", "CHANNEL_ANSWER", "CHANNEL_PARK", "CHANNEL_BRIDGE",
    "CHANNEL_HANGUP", "CHANNEL_DESTROY", "BACKGROUND_JOB", "CHANNEL_HOLD", "CHANNEL_UNHOLD",
    "CHANNEL_UNPARK", "CHANNEL_UNBRIDGE", "CHANNEL_PROGRESS_MEDIA", "PLAYBACK_STOP", "DTMF", "CUSTOM",
    "HEARTBEAT",
)  # fmt: skip
"""All that are heard. What a lost UNHOLD costs is a figure: the hold lasts until that leg ends."""


def random_centre(rng: random.Random, seed: int) -> World:
    names = [f"a{number}" for number in range(rng.randint(1, 8))]
    queues = [
        queue(
            name,
            strategy=rng.choice(STRATEGIES),
            agent_originate_timeout=rng.randint(5, 20),
            max_wait_time=rng.choice((0, 0, 45)),
            max_callers=rng.choice((0, 0, 6)),
            on_timeout="voicemail",
            on_full="voicemail",
            after_call=rng.choice(("hangup", "voicemail")),
        )
        for name in ("support", "sales")
    ]
    people = [
        agent(name, wrap_up_time=rng.choice((0, 3, 10)), busy_delay_time=5, max_no_answer=0) for name in names
    ]
    tiers = [Tier(queue="support", agent=name, level=rng.randint(1, 2)) for name in names]
    tiers += [Tier(queue="sales", agent=name) for name in names if rng.random() < 0.6]
    config = Config(queues=tuple(queues), agents=tuple(people), tiers=tuple(tiers))
    world = World(config, seed=seed, poked=rng.random() < 0.5)
    style = AgentStyle(
        ring_to_answer=lognormal(3.0, 0.7),
        talk=lognormal(15.0, 0.9),
        no_answer=0.08,
        reject=0.05,
        busy=0.05,
        hold=0.2,
        transfer=0.15,
        transfer_to=("queue_sales", "queue_support", "outside"),
        attended=0.3,
    )
    for name in names:
        world.phone(name, style)
    world.switch.add_phone("sofia/internal/outside@127.0.0.1:5099", style)
    return world


def traffic(world: World, rng: random.Random, seed: int) -> Traffic:
    return Traffic(
        world.switch,
        seed=seed,
        calls_per_s=rng.uniform(0.1, 0.6),
        destinations={"queue_support": 3.0, "queue_sales": 2.0, "queue_nowhere": 0.1},
        styles={
            name: CallerStyle(patience=weibull(30.0, 0.8), talk=lognormal(20.0, 0.8))
            for name in ("queue_support", "queue_sales")
        },
    )


def books(records: list[Any]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for record in records:
        counts[record.kind] = counts.get(record.kind, 0) + 1
    return counts


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nobody_is_lost_and_nobody_is_stuck(seed):
    rng = random.Random(seed)
    world = random_centre(rng, seed)
    callers = traffic(world, rng, seed)
    faults = rng.random() < 0.6
    loss = rng.choice((0.0, 0.002, 0.02)) if faults else 0.0
    world.drop = lambda event: event.name in LOSABLE and rng.random() < loss
    callers.start()
    for _ in range(rng.randint(2, 6)):
        world.run(rng.uniform(5, 40))
        if faults:
            misfortune(world, rng)

    callers.stop()
    world.drop = lambda _event: False
    # Everybody goes home: a look at the switch tells what was missed, then time does the rest.
    world.resync()
    world.run(60)
    for call in callers.living:
        call.hang_up()
    world.run(60)
    world.resync()
    world.run(200)

    assert not world.switch.legs, "a channel lives on with nobody at it"
    state = world.engine._state
    assert not state.calls
    assert not state.offers
    assert not state.waiting
    lines = world.engine.view(world.now_us).agents
    assert {line.state for line in lines} <= {"waiting", "idle", "on_break", "logged_out"}
    counts = books(world.records)
    legs = sum(counts.get(kind, 0) for kind in ("call-answered", "call-abandoned", "call-left", "call-lost"))
    assert counts.get("queue-entered", 0) == legs, counts
    assert counts.get("offer-made", 0) == counts.get("offer-ended", 0), counts
    answered = [record for record in world.records if record.kind == "call-answered"]
    assert len(answered) == len({(record.call, record.leg) for record in answered})


def misfortune(world: World, rng: random.Random) -> None:
    match rng.choice(("cut", "break", "back", "resync", "none")):
        case "cut":
            world.cut()
        case "break":
            world.carry_out(
                world.engine.set_agent_status(
                    rng.choice(world.config.agents).name, rng.choice(("On Break", "Logged Out")), world.now_us
                )
            )
        case "back":
            for one in world.config.agents:
                world.carry_out(world.engine.set_agent_status(one.name, "Available", world.now_us))
        case "resync":
            world.resync()
        case _:
            world.run(1)
