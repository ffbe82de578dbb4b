"""The misfortunes of the list, by number: what each does to the world, and when it is over.

A fault gets its plan and a stream of chance of its own. `blinds` says that the short promises don't hold on
the node while it lasts and for a minute after it.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sim.storm.plan import SECOND, FaultPlan

from py_callcenter._router import Event
from py_callcenter.engine.errors import EngineError

if TYPE_CHECKING:
    from sim.storm.centre import Centre
    from sim.storm.network import Network

    from py_callcenter.sim import Switch

Run = Callable[["Centre", FaultPlan, random.Random], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of misfortune."""

    number: int
    what: str
    run: Run
    everywhere: bool = False
    """It touches all nodes."""
    blinds: bool = True


TROUBLE: Final = frozenset({9, 10, 11, 12, 13, 17, 18, 21, 25})
"""With these a connection may fail its own proof of life, again and again."""

KINDS: Final[dict[int, Fault]] = {}


def fault(number: int, what: str, *, everywhere: bool = False, blinds: bool = True) -> Callable[[Run], Run]:
    """Put a fault into the list."""

    def take(run: Run) -> Run:
        KINDS[number] = Fault(number, what, run, everywhere, blinds)
        return run

    return take


def arrange(centre: Centre) -> None:
    """Plan all misfortunes of a run."""
    for plan in centre.plan.faults:
        centre.after(plan.at_s, _begin, centre, plan)


def _begin(centre: Centre, plan: FaultPlan) -> None:
    kind = KINDS[plan.fault]
    if kind.blinds:
        for node in range(centre.plan.nodes):
            if kind.everywhere or node == plan.node:
                centre.health.begin(node)
                centre.after(
                    min(plan.for_s, left_s(centre)), lambda node=node: centre.health.end(node, centre.now_us)
                )
    if plan.fault in TROUBLE:
        network = centre.networks[plan.node]
        network.troubled += 1
        over(centre, plan, lambda: _less_trouble(network), plan.for_s + (130 if plan.fault == 13 else 2))
    kind.run(centre, plan, random.Random(f"fault {centre.plan.seed} {plan.fault} {plan.index}"))


def _less_trouble(network: Network) -> None:
    network.troubled -= 1


def left_s(centre: Centre) -> float:
    """Until all misfortunes are over."""
    return max(0.0, (centre.start_us - centre.now_us) / SECOND + centre.plan.seconds)


def over(centre: Centre, plan: FaultPlan, end: Callable[[], None], for_s: float | None = None) -> None:
    """Have a fault end in time."""
    centre.after(min(plan.for_s if for_s is None else for_s, left_s(centre)), end)


# The controller.


@fault(1, "kill -9 of the controller, and a restart", everywhere=True)
def _kill(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    centre.kill()
    centre.after(rng.choice((0.3, 1, 3, 20)) * (0.5 + plan.level), centre.start)


@fault(2, "SIGSTOP of the controller for seconds", everywhere=True)
def _stop(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    _pause(centre, min(rng.choice((5, 30, 120)), left_s(centre)))


@fault(42, "the controller's hub stands still for a moment", everywhere=True)
def _stand_still(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    for _ in range(rng.randint(1, 10)):
        centre.after(rng.uniform(0, min(plan.for_s, left_s(centre))), _pause, centre, rng.uniform(0.02, 0.5))


def _pause(centre: Centre, for_s: float) -> None:
    controller = centre.controller
    centre.pause()
    centre.after(for_s, lambda: centre.go_on() if centre.controller is controller else None)


@fault(36, "the controller dies between a command and its record", everywhere=True)
def _die_midway(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    centre.crash_after_actions = rng.randint(1, 12)


@fault(44, "the controller is stopped for another version, which finds more than it knows", everywhere=True)
def _upgrade(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    centre.leave()
    centre.books.another_version()
    for switch in centre.switches:
        for leg in switch.legs.values():
            if leg.alive and leg.values.get("cc_tag"):
                leg.set("cc_mood", "fair")
    centre.after(rng.choice((0.3, 2, 20)), centre.start)


@fault(38, "the wall clock is set while the controller restarts", everywhere=True)
def _clock(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    centre.kill()
    centre.clock_offset_us += rng.choice((-3600, 3600, -300, 300, 1)) * SECOND
    centre.after(0.5, centre.start)


@fault(41, "the engine fails on an input", everywhere=True)
def _stumble(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    controller = centre.controller
    if controller is None:
        return
    engine = controller.engine
    handle = engine.on_event
    calls = [rng.randint(1, 40)]

    def stumbling(node: str, event: Event, now_us: int) -> Any:
        calls[0] -= 1
        if calls[0] == 0:
            del engine.on_event
            for each in range(centre.plan.nodes):  # perhaps long after the fault was put in
                centre.health.touch(each, centre.now_us)
            raise RuntimeError("a fault put in by the simulation")
        return handle(node, event, now_us)

    engine.on_event = stumbling


# Cables.


@fault(6, "the connections to a node are reset")
def _reset(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    centre.cut_node(plan.node)


@fault(39, "all nodes reconnect at once", everywhere=True)
def _reset_all(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    for node in range(centre.plan.nodes):
        centre.cut_node(node)


@fault(7, "packets vanish for some seconds")
def _vanish(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    _stall(centre, plan, min(plan.for_s, 30))


@fault(8, "a node is out of reach for minutes")
def _partition(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    _stall(centre, plan, rng.uniform(30, 600))


def _stall(centre: Centre, plan: FaultPlan, for_s: float) -> None:
    network = centre.networks[plan.node]
    if not network.stalled:
        centre.stalled_us[plan.node] = centre.now_us
    network.stall()
    centre.health.begin(plan.node)
    centre.feel()

    def heal() -> None:
        network.heal()
        centre.health.end(plan.node, centre.now_us)
        centre.feel()

    over(centre, plan, heal, for_s)


@fault(13, "events come late")
def _late(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    network = centre.networks[plan.node]
    late_us = round(plan.level**2 * 60 * SECOND)
    network.late_us += late_us
    centre.feel()

    def end() -> None:
        network.late_us -= late_us
        # What was held back is still on its way for so long.
        centre.health.begin(plan.node)
        centre.at(centre.now_us + late_us, lambda: centre.health.end(plan.node, centre.now_us))
        centre.feel()
        # So is the answer to the link's own words, which it waits for in vain before it dials again.
        network.troubled += 1
        centre.after(late_us / SECOND + 6, _less_trouble, network)

    over(centre, plan, end)


@fault(14, "bytes come in pieces")
def _fragments(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    network = centre.networks[plan.node]
    network.fragments = True
    over(centre, plan, lambda: setattr(network, "fragments", False))


@fault(15, "a frame is broken")
def _garbage(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    for link in centre.links:
        line = link.events.line
        if link.node == plan.node and line is not None:
            line._come(
                rng.choice(
                    (b"Content-Length: x\n\n", b"no colon here\n\n", b"Content-Type: a\nContent-Type: b\n\n")
                )
            )


# Events.


def _dial_up(centre: Centre, plan: FaultPlan, name: str, amount: float) -> None:
    network: Network = centre.networks[plan.node]
    setattr(network, name, getattr(network, name) + amount)

    def end() -> None:
        value = getattr(network, name) - amount
        setattr(network, name, value if value > 1e-9 else 0.0)

    over(centre, plan, end)


@fault(9, "events get lost")
def _loss(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    _dial_up(centre, plan, "loss", 0.001 + 0.05 * plan.level**2)


@fault(10, "a burst of events gets lost")
def _burst(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    network = centre.networks[plan.node]
    network.loss += 1.0

    def end() -> None:
        network.loss = max(0.0, network.loss - 1.0)

    over(centre, plan, end, 0.05 + 2 * plan.level)


@fault(11, "events come twice")
def _doubles(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    _dial_up(centre, plan, "doubles", 0.01 + 0.5 * plan.level)


@fault(12, "events of one leg come in another order")
def _swaps(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    _dial_up(centre, plan, "swaps", 0.01 + 0.3 * plan.level)


@fault(18, "the end of a job is lost, or the job never runs")
def _jobs(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    _dial_up(centre, plan, "job_loss", 0.1 + 0.9 * plan.level)
    switch: Any = centre.switches[plan.node]
    job = switch._job
    switch._job = lambda command, uuid: None if rng.random() < 0.2 else job(command, uuid)
    over(centre, plan, lambda: switch.__dict__.pop("_job", None))


@fault(21, "nothing more is heard of an agent's leg once it was made")
def _silent_legs(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    _dial_up(centre, plan, "silence_new", 0.1 + 0.4 * plan.level)


# Replies.


def _fine(run: Callable[[str], str], text: str) -> str:
    run(text)
    return "+OK\n"


@fault(17, "replies come late; `+OK` for channels that are gone")
def _replies(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    network = centre.networks[plan.node]
    late_us = round(plan.level * 3 * SECOND)
    network.reply_late_us += late_us
    words = centre.switches[plan.node]._words
    honest = {
        name: words[name] for name in ("uuid_kill", "uuid_setvar_multi", "uuid_break", "uuid_broadcast")
    }
    for name, run in honest.items():
        words[name] = partial(_fine, run)

    def end() -> None:
        network.reply_late_us -= late_us
        words.update(honest)

    over(centre, plan, end)


@fault(25, "`uuid_bridge` is accepted and nothing comes of it")
def _no_bridge(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    switch: Any = centre.switches[plan.node]
    real = switch.request_bridge

    def refuse(first: Any, second: Any) -> None:
        if rng.random() > 0.3 + 0.5 * plan.level:
            real(first, second)

    switch.request_bridge = refuse
    over(centre, plan, lambda: switch.__dict__.pop("request_bridge", None))


# Switches.


@fault(3, "a node dies")
def _node_dies(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    _restart(centre, plan.node, rng.choice((2, 10, 60)) * (0.5 + plan.level))


@fault(4, "a node restarts in less than a second")
def _node_restarts(centre: Centre, plan: FaultPlan, _rng: random.Random) -> None:
    _restart(centre, plan.node, 0.1 + 0.8 * plan.level)


def _restart(centre: Centre, node: int, for_s: float) -> None:
    centre.restart_node(node, min(for_s, left_s(centre)))


@fault(20, "the switch takes no more originates", blinds=True)
def _throttle(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    switch: Any = centre.switches[plan.node]
    dial = switch.dial
    share = 0.3 + 0.7 * plan.level

    def limited(arguments: str, done: Callable[[str], None], **more: Any) -> None:
        if rng.random() < share and not more:
            done("-ERR DESTINATION_OUT_OF_ORDER\n")
        else:
            dial(arguments, done, **more)

    switch.dial = limited
    over(centre, plan, lambda: switch.__dict__.pop("dial", None))


# People.


def _someone(centre: Centre, rng: random.Random) -> Any:
    return rng.choice(list(centre.people.agents.values()))


@fault(19, "phones answer nothing at all", blinds=False)
def _deaf(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    person = _someone(centre, rng)
    person.deaf += 1
    over(centre, plan, lambda: setattr(person, "deaf", person.deaf - 1))


@fault(30, "an agent's phone loses its registration", blinds=False)
def _unregister(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    person = _someone(centre, rng)
    person.away += 1
    for phone in person.phones:
        leg = phone.leg
        if leg is not None and leg.answer_state == "ringing":
            node = centre.switches.index(phone._switch)
            centre.switch_input(node, lambda _switch, phone=phone: phone.refuse("unavailable"))
    over(centre, plan, lambda: setattr(person, "away", person.away - 1))


@fault(22, "callers hang up as soon as a phone rings or is picked up", blinds=False)
def _caller_leaves(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    _on_events(
        centre, plan, ("progress", "answer", "outgoing", "bridge"), rng, _caller_of, 0.3 + 0.5 * plan.level
    )


@fault(23, "agents hang up as soon as they answer", blinds=False)
def _agent_leaves(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    _on_events(centre, plan, ("answer", "bridge"), rng, lambda _switch, leg: leg, 0.2 + 0.4 * plan.level)


def _caller_of(switch: Switch, leg: Any) -> Any:
    return switch.find(leg.values.get("cc_offer", "").partition("/")[0])


def _on_events(
    centre: Centre,
    plan: FaultPlan,
    kinds: tuple[str, ...],
    rng: random.Random,
    whom: Callable[[Switch, Any], Any],
    share: float,
) -> None:
    """Somebody hangs up 0…200 ms after something happened to an agent's leg."""
    switch = centre.switches[plan.node]

    def watch(kind: str, leg: Any) -> None:
        if kind in kinds and "cc_offer" in leg.values and rng.random() < share:
            found = whom(switch, leg)
            if found is not None:
                switch.after(rng.randrange(200_000), switch.bye, found)

    switch.observers.append(watch)
    over(centre, plan, lambda: switch.observers.remove(watch))


@fault(29, "somebody else kills, moves or connects our channels")
def _foreigner(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    def act() -> None:
        switch = centre.switches[plan.node]
        legs = [leg for leg in switch.legs.values() if leg.alive and leg.answer_state == "answered"]
        if not legs:
            return
        leg = rng.choice(legs)
        what = rng.choice(("kill", "kill", "move", "connect"))
        if what == "kill":
            centre.switch_input(plan.node, lambda switch: switch.hang_up(leg, "NORMAL_CLEARING"))
        elif what == "move":
            centre.switch_input(plan.node, lambda switch: switch.transfer(leg, "voicemail"))
        else:
            other = rng.choice(legs)
            if other is not leg:
                centre.switch_input(plan.node, lambda switch: switch.request_bridge(leg, other))

    for _ in range(rng.randint(1, 4)):
        centre.after(rng.uniform(0, min(plan.for_s, left_s(centre))), act)


@fault(31, "agents log out or take a break while their phones ring", blinds=False)
def _walk_off(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    person = _someone(centre, rng)
    ringing = [
        p
        for p in centre.people.agents.values()
        if any(ring.leg.alive for ring in centre.spy.workers[p.plan.name].rings)
    ]
    if ringing:
        person = rng.choice(ringing)
    centre.people.set_status(person, rng.choice(("On Break", "Logged Out")))
    centre.after(plan.for_s, lambda: centre.people.set_status(person, "Available"))


@fault(32, "the configuration changes under way", blinds=False)
def _reconfigure(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    config = centre.config
    queue = rng.choice(config.queues)
    kept = tuple(q for q in config.queues if q is not queue)
    shorter = config.model_copy(
        update={"queues": kept, "tiers": tuple(tier for tier in config.tiers if tier.queue != queue.name)}
    )

    def apply(controller: Any, wanted: Any) -> bool:
        try:
            controller.take_up(controller.plan(wanted)[0])
        except EngineError:
            return False
        return True

    if kept and queue.name != "support" and rng.random() < 0.3:
        # Only a queue with nobody in it goes; it comes back a moment later.
        if centre.wish(lambda controller: apply(controller, shorter)):
            centre.wish(lambda controller: apply(controller, config))
    else:
        other = queue.model_copy(update={"agent_originate_timeout": rng.randint(5, 20)})
        changed = config.model_copy(
            update={"queues": tuple(other if q is queue else q for q in config.queues)}
        )
        centre.wish(lambda controller: apply(controller, changed))


@fault(40, "three times as many calls for a minute", blinds=False)
def _rush(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    for _ in range(rng.randint(5, 20 + round(20 * plan.level))):
        centre.after(
            rng.uniform(0, min(60.0, left_s(centre))), centre.people.call, plan.node,
            f"queue_{rng.choice(centre.config.queues).name}", rng.weibullvariate(40, 0.8),
        )  # fmt: skip


NASTY_NAMES: Final = (
    "%0AUnique-ID: forged", "a\u0000b", "Renée \udce9", "_undef_", "ARRAY::a|:b", "x" * 4000, "${cc_queue}",
    "'; hupall", "\r\n\r\napi hupall",
)  # fmt: skip


@fault(16, "names that look like commands, events or nothing at all", blinds=False)
def _names(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    for name in NASTY_NAMES:
        centre.after(
            rng.uniform(0, min(plan.for_s, left_s(centre))), centre.people.call, plan.node, "queue_support",
            20.0, 5.0, "", 0.0, name,
        )  # fmt: skip


# The database.


@fault(37, "the spool's last lines are damaged when the controller dies", everywhere=True)
def _damaged(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    books = centre.books
    books.away += 1  # or there would be nothing in it

    def die() -> None:
        if centre.controller is not None:
            books.damage(rng)
        centre.kill()
        books.come_back()
        centre.after(0.5, centre.start)

    over(centre, plan, die, min(plan.for_s, 20))


@fault(35, "another server takes the database over and lacks the last transactions", blinds=False)
def _fail_over(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    books = centre.books
    books.away += 1

    def taken_over() -> None:
        books.fail_over(rng)
        if rng.random() < 0.5 and centre.controller is not None:  # the machine that had both
            for node in range(centre.plan.nodes):
                centre.health.touch(node, centre.now_us)
            centre.kill()
            centre.after(0.5, centre.start)
        books.come_back()

    over(centre, plan, taken_over, min(plan.for_s, 20))


@fault(34, "the database is away, slow or full", blinds=False)
def _database(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    books = centre.books
    if rng.random() < 0.5:
        books.away += 1
        over(centre, plan, books.come_back)
    else:
        books.slow_us += 5 * SECOND
        over(centre, plan, lambda: setattr(books, "slow_us", books.slow_us - 5 * SECOND))
