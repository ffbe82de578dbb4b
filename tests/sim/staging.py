"""Call centres that several stories begin with, and what may happen to their news and commands."""

from __future__ import annotations

from sim.world import ANSWERS, NODE, World, agent, everybody, queue

from py_callcenter._router import Event
from py_callcenter.config import Config, Tier
from py_callcenter.sim import Behaviour, Step

OUTSIDE = "sofia/internal/outside@127.0.0.1:5099"


def centre(*names: str, behaviour: Behaviour = ANSWERS, agents: dict | None = None, **settings) -> World:
    world = World(everybody([queue(**settings)], [agent(name, **(agents or {})) for name in names]))
    for name in names:
        world.phone(name, behaviour)
    return world


def two_queues(**settings) -> World:
    config = Config(
        queues=(queue("support", **settings), queue("billing")),
        agents=(agent("1000"), agent("2000")),
        tiers=(Tier(queue="support", agent="1000"), Tier(queue="billing", agent="2000")),
    )
    world = World(config)
    world.phone("1000", ANSWERS)
    world.phone("2000", ANSWERS)
    return world


def dialplan(world: World, name: str, *settings: str) -> str:
    steps = [Step("set", "cc_queue=support"), *(Step("set", text) for text in settings)]
    world.switch.dialplan.add(name, *steps, Step("answer"), Step("park"))
    return name


def feed(world: World, event) -> None:
    world.carry_out(world.engine.on_event(NODE, event, world.now_us))
    world._settle()


def keep_back(world: World, *names: str) -> list:
    """Events of these names are kept instead of delivered; feed them later."""
    kept: list = []

    def held(event) -> bool:
        if event.name in names:
            kept.append(event)
            return True
        return False

    world.drop = held
    return kept


def unreachable(world: World, *kinds: type) -> None:
    """No connection to the switch just now for these actions."""
    lost = []
    carry_out = world.engine.on_failure

    def swallow(action) -> bool:
        if isinstance(action, kinds):
            lost.append(action)
            return True
        return False

    world.swallow = swallow
    world.lost = lost
    world.report_lost = lambda text: [
        world.carry_out(carry_out(action, text, world.now_us)) for action in _taken(lost)
    ]


def _taken(items: list) -> list:
    taken, items[:] = list(items), []
    return taken


def set_status(world: World, name: str, status: str) -> None:
    world.carry_out(world.engine.set_agent_status(name, status, world.now_us))


def part_at_once(world: World, call) -> None:
    """The switch tells of a bridge, and of the caller's PARK right after it."""
    caller = world.switch.legs[call.uuid]
    other = caller.partner
    lead = {"Bridge-A-Unique-ID": call.uuid, "Bridge-B-Unique-ID": other.uuid, "Event-Sequence": "999999999"}
    body = "".join(f"{name}: {value}\n" for name, value in {"Event-Name": "CHANNEL_BRIDGE", **lead}.items())
    feed(world, Event.from_plain(f"{body}\n".encode()))
    world.drop = lambda _event: False
    world.does(lambda: world.switch._part(other if caller.leads_bridge else caller))
