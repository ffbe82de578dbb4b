"""The people of a run: callers by their plans, agents at their phones (the same person on every node)."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

from sim.storm.breakroom import BreakRoom
from sim.storm.desk import Desk
from sim.storm.plan import OUTSIDE, SECOND, AgentPlan, CallPlan, contact
from sim.storm.rests import Wish
from sim.storm.strangers import Strangers

from py_callcenter.engine.errors import EngineError
from py_callcenter.sim import Behaviour
from py_callcenter.sim.people import AgentStyle, lognormal
from py_callcenter.sim.phones import Call, Phone

if TYPE_CHECKING:
    from sim.storm.centre import Centre

AT_ONCE = Behaviour("answer", answer_after_us=300_000)


class Person:
    """An agent: one pair of ears, some phones on each node."""

    def __init__(self, centre: Centre, plan: AgentPlan) -> None:
        self.plan = plan
        self.status = "Available"
        """What the agent asked for last and the controller took."""
        self.away = 0
        """The phone is not registered (F30)."""
        self.deaf = 0
        """Nothing is heard of the phone, not even a refusal (F19)."""
        self.eager = False
        """At the end of a run: picks up at once and is glad to talk."""
        self.stands = plan.name in centre.plan.standby
        self.phones: list[Phone] = []
        self._style = AgentStyle(
            ring_to_answer=lognormal(plan.ring_to_answer_s, 0.5),
            talk=lognormal(plan.talk_s, 0.8),
            no_answer=plan.no_answer,
            reject=plan.reject,
            busy=plan.busy,
            hold=plan.hold,
            transfer=plan.transfer,
            transfer_to=("queue_support", "queue_sales", "outside", "voicemail"),
            attended=plan.attended,
        )
        self._random = random.Random(f"agent {centre.plan.seed} {plan.name}")
        for switch in centre.switches:
            for place in range(plan.phones):
                self.phones.append(switch.add_phone(contact(plan.name, place), self._behave))

    def _behave(self, _rng: random.Random) -> Behaviour:
        if self.deaf:
            return Behaviour("manual")
        if self.away:
            return Behaviour("unreachable")
        if self.eager:
            return AT_ONCE
        if self.talking:
            return Behaviour("busy", rings=False, refuse_after_us=50_000)
        return self._style(self._random)

    def grow_eager(self) -> None:
        """From now on; on a leg that stays up too, which was picked up long ago."""
        self.eager = True
        if self.stands:
            for phone in self.phones:
                phone._plans.update(dict.fromkeys(phone._plans, AT_ONCE))

    @property
    def talking(self) -> bool:
        """On the phone with somebody."""
        return any(
            leg.alive and leg.answer_state == "answered" for phone in self.phones for leg in phone.legs
        )


class People:
    """Everybody."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self.agents = {plan.name: Person(centre, plan) for plan in centre.plan.agents}
        self.calls: list[Call] = []
        self.placed = 0
        self.desk = Desk(centre)
        self.break_room = BreakRoom(centre)
        self.strangers = Strangers(centre)
        outside = AgentStyle(ring_to_answer=lognormal(2.0, 0.5), talk=lognormal(10.0, 0.5), no_answer=0.1)
        for switch in centre.switches:
            switch.add_phone(OUTSIDE, outside)
        for plan in centre.plan.calls:
            centre.after(plan.at_s, self._arrive, plan)
        for person in self.agents.values():
            if person.plan.moods_s:
                self._plan_mood(person)

    # Callers.

    def _arrive(self, plan: CallPlan) -> None:
        self.call(
            plan.node,
            plan.destination,
            plan.patience_s,
            plan.talk_s,
            plan.presses,
            plan.presses_after_s,
            plan.name,
        )

    def call(
        self,
        node: int,
        destination: str,
        patience_s: float | None = None,
        talk_s: float | None = None,
        presses: str = "",
        presses_after_s: float = 0.0,
        name: str = "Caller",
    ) -> Call | None:
        """Somebody calls; nobody answers while the switch is down."""
        centre = self._centre
        if centre.down[node]:
            return None
        self.placed += 1
        made: list[Call] = []

        def place(switch: Any) -> None:
            made.append(
                switch.place_call(
                    f"1555{self.placed:06d}",
                    name,
                    destination,
                    patience_us=None if patience_s is None else max(1_000, round(patience_s * SECOND)),
                    talk_us=None if talk_s is None else max(1_000, round(talk_s * SECOND)),
                )
            )

        centre.switch_input(node, place)
        [call] = made
        self.calls.append(call)
        if presses:
            centre.after(presses_after_s, self._press, node, call, presses)
        return call

    def _press(self, node: int, call: Call, digits: str) -> None:
        if call.alive:
            self._centre.switch_input(node, lambda _switch: call.press(digits))

    @property
    def living(self) -> list[Call]:
        """Calls that aren't over."""
        self.calls = [call for call in self.calls if call.alive]
        return list(self.calls)

    # Agents.

    def _plan_mood(self, person: Person) -> None:
        gap_s = person._random.expovariate(1 / person.plan.moods_s)
        self._centre.after(gap_s, self._change_mood, person)

    def _change_mood(self, person: Person) -> None:
        if not person.eager:
            status = person._random.choice(("Available", "Available", "On Break", "Logged Out"))
            self.set_status(person, status)
            self._plan_mood(person)

    def set_status(self, person: Person, status: str) -> bool:
        """An agent (or a supervisor) sets a status; False when the controller can't be reached or refuses."""

        def ask(controller: Any) -> bool:
            try:
                controller.set_agent_status(person.plan.name, status)
            except EngineError:
                return False
            return True

        wish = Wish("status", person.plan.name, status)
        self._centre.spy.wished(wish)
        answer = self._centre.wish(ask)
        self._centre.spy.answered(wish, answer)
        if answer is not True:
            return False
        person.status = status
        return True


def median(values: list[float]) -> float:
    """The middle one; not a number when there is none."""
    return sorted(values)[len(values) // 2] if values else math.nan
