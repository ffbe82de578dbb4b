"""One seed from beginning to end: misfortunes, then peace, then everybody goes home."""

from __future__ import annotations

import random
from dataclasses import dataclass

from sim.storm import (
    coverage,
    faults,
    people_faults,  # noqa: F401 - they enter themselves into the list
)
from sim.storm.centre import Centre
from sim.storm.plan import HABITS, Plan, draw
from sim.storm.rules import Rules, Violation
from sim.storm.truth import Truth

ALL_FAULTS = tuple(sorted(faults.KINDS))
FAULTS = tuple(number for number in ALL_FAULTS if number not in coverage.FAULTS_NOT_YET)
"""Those that every seed may have."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to."""

    plan: Plan
    fingerprint: str
    violations: tuple[Violation, ...]
    calls: int
    records: int
    crash: str = ""

    @property
    def rules(self) -> set[str]:
        """The promises that were broken."""
        return {violation.rule for violation in self.violations}


def simulate(plan: Plan) -> Result:
    """Run a plan."""
    random.seed(0)  # nothing may use it; if something does, it shows as the same story twice
    truth = Truth()
    rules = Rules(truth)
    centre = Centre(plan, truth)
    rules.attach(centre)
    faults.arrange(centre)
    centre.start()
    centre.run(plan.seconds)
    _peace(centre)
    _home(centre, rules)
    return Result(
        plan, centre.fingerprint(), tuple(rules.violations), centre.people.placed, len(truth.records)
    )


def _peace(centre: Centre) -> None:
    """All misfortunes are over; what they broke must be repaired within a minute."""
    if centre.controller is None:
        centre.start()
    while centre.paused:
        centre.go_on()
    centre.run(75)
    centre.people.desk.closed = True
    centre.people.break_room.everybody_withdraws()
    for person in centre.people.agents.values():
        person.grow_eager()
        centre.people.set_status(person, "Available")
    centre.run(60)


def _home(centre: Centre, rules: Rules) -> None:
    centre.restless = False  # nothing goes wrong any more
    everybody_hangs_up(centre, rules.truth)
    centre.run(30)
    _everybody_works(centre, rules)
    centre.run(150)
    last = centre.people.call(
        0, "queue_support", 1.0
    )  # what is kept for a time is looked through at the next call
    centre.run(20)
    if last is not None and last.alive:
        last.hang_up()
        centre.collect(0)
        centre.run(20)
    rules.at_quiescence()


def everybody_hangs_up(centre: Centre, truth: Truth) -> None:
    """Callers, and agents who rang a queue themselves to consult."""
    for caller in list(truth.living.values()):
        centre.switch_input(caller.node, lambda switch, leg=caller.leg: switch.bye(leg))
    for call in centre.people.living:
        node = centre.switches.index(call._switch)
        centre.switch_input(node, lambda _switch, call=call: call.hang_up())


def _everybody_works(centre: Centre, rules: Rules) -> None:
    """I3: each agent still gets a call when there are enough."""
    room = centre.config.queue("support").max_callers or 1000
    served = list(centre.tiers.get("support", {}))
    if len(served) > room:
        return
    calls = [centre.people.call(number % centre.plan.nodes, "queue_support") for number in range(len(served))]
    before = {name: len(_talks(rules, name)) for name in served}
    centre.run(8)
    for name in served:
        if len(_talks(rules, name)) == before[name]:
            rules.broken("I3", f"end {name}", f"{name} is free and gets no call when everybody is needed")
    for call in calls:
        if call is not None:
            call.hang_up()
    for node in range(centre.plan.nodes):
        centre.collect(node)


def _talks(rules: Rules, agent: str) -> list[object]:
    return [talk for caller in rules.truth.callers.values() for talk in caller.talks if talk.agent == agent]


def run_seed(seed: int, allowed: tuple[int, ...] = FAULTS, habits: tuple[str, ...] = HABITS) -> Result:
    """Draw a plan and run it."""
    return simulate(draw(seed, allowed, habits))
