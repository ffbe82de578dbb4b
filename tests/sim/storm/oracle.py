"""A naive distributor that looks at everybody at each choice: who should have been rung, for whom, and when.

It knows what can be seen from outside and leaves alone whatever happened less than `MARGIN_US` ago, for the
controller may not have heard of it yet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sim.storm.truth import Caller, Worker

if TYPE_CHECKING:
    from sim.storm.rules import Rules

SECOND: Final = 1_000_000
MARGIN_US: Final = 150_000
LATE_US: Final = SECOND // 2
STUCK_US: Final = 60 * SECOND
ON_ITS_WAY_US: Final = SECOND
"""From the choice until the phone rings, at most."""


def entered_us(caller: Caller) -> int:
    """The moment that the caller's place goes by, as stamped on the channel; an earlier wait counts too."""
    text = caller.leg.values.get("cc_entered_us", "")
    earlier = caller.leg.values.get("cc_earlier", "").partition("/")[0]
    return int(text) - (int(earlier) if earlier.isdecimal() else 0) if text.isdecimal() else 0


def since_us(caller: Caller) -> int:
    """Since when the caller could have been given to somebody."""
    return max(caller.parked_us, caller.entered_us, caller.offered_us, caller.meant_until_us, caller.asked_us)


def is_meant(caller: Caller, now: int) -> bool:
    """Transferred to one agent, for whom they wait before anybody else gets them."""
    return bool(caller.meant_for) and not 0 <= caller.meant_until_us <= now


def waits(rules: Rules, caller: Caller, now: int) -> bool:
    """Certainly waiting, with no phone ringing, for a while."""
    leg = caller.leg
    if not (leg.parked and caller.entered and leg.values.get("cc_queue") == caller.entered):
        return False
    if caller.node in rules.truth.drained:
        return False
    if caller.talked_since_us or leg.values.get("cc_queue_terminated_epoch") or is_meant(caller, now):
        return False
    if now - since_us(caller) < MARGIN_US or now - caller.promised_us < ON_ITS_WAY_US:
        return False
    return not any(ring.call == caller.uuid for ring in rules.truth.living_rings.values())


def free(rules: Rules, worker: Worker, now: int) -> bool:
    """Certainly free, for a while."""
    return (
        worker.status == "Available"
        and not rules.truth.rests.of[worker.name].granted
        and not worker.rings
        and (not worker.stands or _stands_by(worker))
        and not (worker.others and any(leg.alive for leg in worker.others.values()))
        and now - worker.promised_us >= ON_ITS_WAY_US
        and worker.free_us + MARGIN_US <= now
    )


def _stands_by(worker: Worker) -> bool:
    leg = worker.standing
    return leg is not None and leg.alive and leg.parked and worker.talk is None


def _known(rules: Rules, worker: Worker, now: int) -> bool:
    """The controller must have heard how the last call of this agent ended, the queues' or another."""
    calm = rules.centre.health.calm
    elsewhere = worker.others_node is None or calm(worker.others_node, now, 2 * SECOND)
    return elsewhere and calm(worker.last_node, now, 2 * SECOND)


def judge(rules: Rules, node: int, caller: Caller, worker: Worker, queue: str) -> None:
    """An agent is chosen for a caller: is it this caller's turn (I7), this agent's (I8), and in time (I9)?"""
    centre = rules.centre
    now = centre.now_us
    if not centre.health.calm(node, now, 2 * SECOND):
        return
    _turn_of_caller(rules, caller, worker, now)
    if caller.meant_for or caller.asked_us == now:
        return
    strategy = centre.config.queue(queue).strategy
    if strategy == "longest-idle-agent":
        _turn_of_agent(rules, caller, worker, queue, now)
    late_us = now - max(since_us(caller), worker.free_us, worker.promised_us)
    first = not caller.refused_by and not any(
        r.call == caller.uuid for r in rules.truth.living_rings.values()
    )
    if late_us > LATE_US and first and free(rules, worker, now) and _known(rules, worker, now):
        rules.broken(
            _late(rules, node),
            f"{caller.uuid} {now}",
            f"{worker.name} was rung {late_us / SECOND:.3f} s late",
        )


def _late(rules: Rules, node: int) -> str:
    """I9, or I15 when another node is in trouble."""
    health = rules.centre.health
    trouble = (
        health.faults[other] or not health.nodes[other].well
        for other in range(len(health.nodes))
        if other != node
    )
    return "I15" if any(trouble) else "I9"


def _turn_of_caller(rules: Rules, caller: Caller, worker: Worker, now: int) -> None:
    mine = entered_us(caller)
    served = rules.centre.queues_of.get(worker.name, frozenset())
    for other in rules.truth.living.values():
        if other is caller or other.entered not in served or not waits(rules, other, now):
            continue
        theirs = entered_us(other)
        if theirs and theirs + 10_000 < mine and rules.centre.health.calm(other.node, now, 2 * SECOND):
            what = f"{worker.name} was rung for {caller.uuid}; {other.uuid} was first by {mine - theirs} us"
            # Of what is decided at once, phones that ring leave before those that stand by are told.
            rules.centre.at(now, _passed_over, rules, f"{caller.uuid} {now}", what, other)


def _passed_over(rules: Rules, key: str, what: str, first: Caller) -> None:
    if first.promised_us != rules.centre.now_us:
        rules.broken("I7", key, what)


def _turn_of_agent(rules: Rules, caller: Caller, worker: Worker, queue: str, now: int) -> None:
    tiers = rules.centre.tiers.get(queue, {})
    mine = tiers.get(worker.name)
    key = f"{caller.uuid} {now}"
    if mine is None:
        rules.broken("I8", key, f"{worker.name} doesn't serve {queue}")
        return
    if worker.name in caller.refused_by or not _known(rules, worker, now) or _wished_for(caller, worker):
        return
    workers, joined = rules.truth.workers, rules.truth.lent
    lent = {name for name, one in workers.items() if one.untold or (one.stands and name in joined)}
    # Somebody else joined the leg that stays up, or events got lost: who knows since when they are idle.
    if worker.name in lent:
        return
    for name, tier in tiers.items():
        other = rules.truth.workers[name]
        if (
            other is worker
            or name in caller.refused_by
            or name in lent
            or not free(rules, other, now)
            or not _known(rules, other, now)
        ):
            continue
        if tier.level < mine.level:
            rules.broken(
                "I8", key, f"{worker.name} was rung at level {mine.level} before {name} at {tier.level}"
            )
        elif tier.level == mine.level and other.idle_us + MARGIN_US < worker.idle_us:
            rules.broken("I8", key, f"{worker.name} was rung before {name}, who had been idle for longer")


def _wished_for(caller: Caller, worker: Worker) -> bool:
    """By the dialplan, in whatever queue they are; a transfer of ours to an agent is sealed in `cc_meant`."""
    values = caller.leg.values
    return values.get("cc_preferred_agent") == worker.name and not values.get("cc_meant")


def unmatched(rules: Rules, now: int) -> None:
    """I9: somebody waits, somebody is free, and nothing happens."""
    truth, centre = rules.truth, rules.centre
    callers = [caller for caller in truth.living.values() if caller.leg.parked and caller.entered]
    if not callers:
        return
    workers = [worker for worker in truth.workers.values() if free(rules, worker, now)]
    if not workers:
        return
    for caller in callers:
        if not waits(rules, caller, now):
            continue
        for worker in workers:
            if worker.name not in centre.tiers.get(caller.entered, {}):
                continue
            apart_us = now - max(since_us(caller), worker.free_us)
            calm = centre.health.calm(caller.node, now, SECOND) and centre.health.calm(
                worker.last_node, now, SECOND
            )
            if calm and apart_us > SECOND and rules.shown(worker.name) == "waiting":
                rules.broken(
                    _late(rules, caller.node),
                    f"{caller.uuid} {worker.name}",
                    f"{worker.name} is free and {caller.uuid} waits",
                )
            key = f"{worker.name} {worker.free_us} {caller.uuid} {since_us(caller)}"
            if rules.aged_everywhere("I3", key, now) > STUCK_US:
                rules.broken(
                    "I3",
                    worker.name,
                    f"{worker.name} has been free for {apart_us // SECOND} s and gets no call",
                )
