"""The misfortunes that are people's doing: agents, callers, supervisors and strangers; see `faults.py`."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from sim.storm.faults import fault, left_s, over
from sim.storm.plan import FaultPlan

from py_callcenter.engine.errors import EngineError

if TYPE_CHECKING:
    from sim.storm.centre import Centre

    from py_callcenter.sim import Switch


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


def _call_of(leg: Any) -> str:
    """The caller whom an agent's leg is for; empty for other legs."""
    return str(leg.values.get("cc_offer", "").partition("/")[0])


def _caller_of(switch: Switch, leg: Any) -> Any:
    return switch.find(_call_of(leg))


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


@fault(24, "all whose phones ring for a caller pick up within a millisecond", blinds=False)
def _together(centre: Centre, plan: FaultPlan, rng: random.Random) -> None:
    switch = centre.switches[plan.node]
    due: set[str] = set()

    def pick_up(call: str) -> None:
        due.discard(call)
        hands = []
        for person in centre.people.agents.values():
            ringing = [
                (phone, phone.leg.uuid)
                for phone in person.phones
                if phone._switch is switch and phone.leg is not None and _call_of(phone.leg) == call
            ]
            if ringing and not (person.deaf or person.away or person.talking):
                hands.append(rng.choice(ringing))
        if len(hands) > 1:
            for phone, uuid in hands:
                switch.after(rng.randrange(1000), phone.answer, uuid)

    def watch(kind: str, leg: Any) -> None:
        call = _call_of(leg) if kind == "progress" else ""
        if call and call not in due:
            due.add(call)
            switch.after(rng.randrange(50_000, 1_500_000), pick_up, call)

    switch.observers.append(watch)
    # Few callers ring for several agents: for long enough that there is one.
    over(centre, plan, lambda: switch.observers.remove(watch), max(plan.for_s, 30.0))


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
                centre.spy.connected |= {leg.uuid: other.uuid, other.uuid: leg.uuid}
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
