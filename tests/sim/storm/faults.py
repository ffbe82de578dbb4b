"""The misfortunes of the list, by number: what each does to the world, and when it is over. What people do is
in `people_faults.py`.

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

if TYPE_CHECKING:
    from sim.storm.centre import Centre
    from sim.storm.network import Network

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


@fault(26, "bridges break at once, and nobody hangs up")
def _breaks(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    switch: Any = centre.switches[plan.node]
    real = switch.join_legs

    def join(first: Any, second: Any) -> None:
        real(first, second)
        if rng.random() < 0.3 + 0.5 * plan.level:
            switch.after(rng.randrange(100_000), _fall_apart, switch, first, second)

    switch.join_legs = join
    over(centre, plan, lambda: switch.__dict__.pop("join_legs", None))


def _fall_apart(switch: Any, first: Any, second: Any) -> None:
    """The second leg leaves the bridge for the park by itself; the first does what it always does then."""
    if first.partner is second and second.routing is None:
        switch._part(second)
        if second.alive and second.bridging is None:
            switch.park(second, "CS_PARK")


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
