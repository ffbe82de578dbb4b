"""A simulated day of a small call centre, as records of the engine."""

from __future__ import annotations

import random
from collections.abc import Collection

from sim.world import ANSWERS, SECOND, START_US, World, agent, everybody, queue

from py_callcenter.sim import Behaviour

CALLERS = [f"+4991155501{n:02}" for n in range(20)]


def busy_day(
    *,
    moments: int,
    seed: int = 5,
    pause_s: float = 20,
    closes: bool = False,
    dies: Collection[int] = (),
    start_us: int = START_US,
    transfers: bool = False,
) -> World:
    """Busy hours in two queues with every way a call can end, from the engine itself, in virtual time.

    `dies`: at these moments the controller is killed; another one starts some seconds later. `transfers`:
    agents also put callers on hold, and send them to the other queue or outside, with and without asking.
    """
    rng = random.Random(seed)
    settings = {"max_wait_time": 90, "on_timeout": "voicemail", "max_callers": 12}
    queues = [queue("support", **settings), queue("billing", agent_originate_timeout=8)]
    team = [agent(str(1000 + n), wrap_up_time=5, max_no_answer=3) for n in range(3)]
    world = World(everybody(queues, team), start_us=start_us)
    for one in team:
        world.phone(one.name, ANSWERS)
    desk = Desk(world, seed) if transfers else None
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
        if desk is not None:
            desk.turn()
        if alive and rng.random() < 0.4:
            call = alive.pop(rng.randrange(len(alive)))
            if call.alive:
                world.does(call.hang_up)
        if rng.random() < 0.04:
            status = rng.choice(["On Break", "Logged Out", "Available", "Available", "Available (On Demand)"])
            world.carry_out(world.engine.set_agent_status(rng.choice(team).name, status, world.now_us))
    while closes and alive:  # everybody is served or sent away, and goes home
        if desk is not None:
            world.does(desk.outside.hang_up)
        world.run(200)
        for call in alive:
            if call.alive:
                world.does(call.hang_up)
        alive = [call for call in alive if call.alive]
    world.run(60 if closes else 0)
    return world


class Desk:
    """What agents do with a caller on the line but talk."""

    def __init__(self, world: World, seed: int) -> None:
        self._world = world
        self._rng = random.Random(f"desk {seed}")
        self.outside = world.switch.add_phone(
            "sofia/internal/outside@127.0.0.1:5099", Behaviour(answer_after_us=2 * SECOND)
        )

    def turn(self) -> None:
        phone = self._world.phones[self._rng.choice(sorted(self._world.phones))]
        number = self._rng.random()
        if number < 0.2:
            self._world.does(phone.hold)
            self._world.run(self._rng.uniform(1, 20))
            self._world.does(phone.unhold)
        elif number < 0.26:
            self._world.does(lambda: phone.refer("queue_billing"))
        elif number < 0.29:
            self._world.does(lambda: phone.refer("outside"))
        elif number < 0.33:
            self._world.does(lambda: phone.attended_transfer("outside", consult_us=5 * SECOND))
        elif number < 0.4:
            self._world.does(self.outside.hang_up)
