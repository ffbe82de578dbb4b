"""A simulated day of a small call centre, as records of the engine."""

from __future__ import annotations

import random
from collections.abc import Collection

from sim.world import ANSWERS, World, agent, everybody, queue

from py_callcenter.sim import Behaviour

CALLERS = [f"+4991155501{n:02}" for n in range(20)]


def busy_day(
    *, moments: int, seed: int = 5, pause_s: float = 20, closes: bool = False, dies: Collection[int] = ()
) -> World:
    """Busy hours in two queues with every way a call can end, from the engine itself, in virtual time.

    `dies`: at these moments the controller is killed; another one starts some seconds later.
    """
    rng = random.Random(seed)
    settings = {"max_wait_time": 90, "on_timeout": "voicemail", "max_callers": 12}
    queues = [queue("support", **settings), queue("billing", agent_originate_timeout=8)]
    team = [agent(str(1000 + n), wrap_up_time=5, max_no_answer=3) for n in range(3)]
    world = World(everybody(queues, team))
    for one in team:
        world.phone(one.name, ANSWERS)
    alive = []
    for moment in range(moments):
        if moment in dies:
            world.restart(after=rng.uniform(1, 6))
        if rng.random() < 0.45:
            target = rng.choice(["queue_support", "queue_support", "queue_billing"])
            alive.append(world.call(target, number=rng.choice(CALLERS)))
        phone = world.phones[rng.choice(team).name]
        phone.behaviour = rng.choice(
            [ANSWERS, ANSWERS, ANSWERS, Behaviour(outcome="busy"), Behaviour(outcome="no_answer")]
        )
        world.run(rng.uniform(1, pause_s))
        if alive and rng.random() < 0.4:
            call = alive.pop(rng.randrange(len(alive)))
            if call.alive:
                world.does(call.hang_up)
        if rng.random() < 0.04:
            status = rng.choice(["On Break", "Logged Out", "Available", "Available", "Available (On Demand)"])
            world.carry_out(world.engine.set_agent_status(rng.choice(team).name, status, world.now_us))
    while closes and alive:  # everybody is served or sent away, and goes home
        world.run(200)
        for call in alive:
            if call.alive:
                world.does(call.hang_up)
        alive = [call for call in alive if call.alive]
    world.run(60 if closes else 0)
    return world
