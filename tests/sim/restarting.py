"""A centre whose controller dies and starts again, and what must hold in the end."""

from __future__ import annotations

from typing import Any

from sim.world import ANSWERS, World, agent, everybody, queue


def centre(*names: str, behaviour=ANSWERS, wrap_up: int = 0, seed: int = 1, **settings: Any) -> World:
    agents = [agent(name, wrap_up_time=wrap_up) for name in names]
    world = World(everybody([queue(**settings), queue("billing")], agents), seed=seed)
    for name in names:
        world.phone(name, behaviour)
    return world


def balanced(world: World) -> None:
    """Nothing counted twice, nothing left open: every call, queue leg, offer and conversation ends once."""
    assert len(world.all("call-offered")) == len(world.all("call-ended"))
    legs = [(record.call, record.leg) for record in world.all("queue-entered")]
    assert len(set(legs)) == len(legs)
    kinds = ("call-answered", "call-abandoned", "call-left", "call-lost")
    ends = [(record.call, record.leg) for kind in kinds for record in world.all(kind)]
    assert sorted(ends) == sorted(legs)
    made = [(record.call, record.attempt) for record in world.all("offer-made")]
    assert sorted(made) == sorted((record.call, record.attempt) for record in world.all("offer-ended"))
    answered = [(record.call, record.leg) for record in world.all("call-answered")]
    assert sorted(answered) == sorted((r.call, r.leg) for r in world.all("conversation-ended"))


def everybody_leaves(world: World, *calls: Any) -> None:
    for call in calls:
        if call.alive:
            world.does(call.hang_up)
    world.run(90)
    world.assert_quiet()
    balanced(world)
