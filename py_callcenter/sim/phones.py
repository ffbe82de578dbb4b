"""People at their telephones: what a phone does when it rings, and what a caller can do.

Handles act at the switch's present moment; behaviours act by themselves in virtual time.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from py_callcenter.sim import sip
from py_callcenter.sim.legs import Leg

if TYPE_CHECKING:
    from py_callcenter.sim.routing import Routing

Outcome = Literal[
    "answer",
    "no_answer",
    "manual",
    "busy",
    "reject",
    "not_found",
    "unavailable",
    "codec",
    "error",
    "unreachable",
    "unregistered",
    "no_dial_string",
]


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person does during a conversation, `after_us` from the previous act or the bridge."""

    after_us: int
    what: Literal["hold", "unhold", "bye", "refer", "attended"]
    target: str = ""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a phone does with one call.

    `outcome` is what becomes of it: answered, left ringing, left to the test (`manual`), one of SIP's
    refusals, or one of the failures that the switch finds before it calls. Times count from the INVITE,
    `hang_up_after_us` from the answer, `talk_us` and `acts` from each bridge.
    """

    outcome: Outcome = "answer"
    ring_after_us: int = 1_000
    rings: bool = True
    answer_after_us: int = 60_000
    refuse_after_us: int = 200_000
    hang_up_after_us: int | None = None
    talk_us: int | None = None
    acts: tuple[Act, ...] = ()


Behaviours = Behaviour | Callable[[random.Random], Behaviour]


class Party:
    """Whoever is at the far end of a leg."""

    def invited(self, leg: Leg) -> None:
        """A call for this phone arrived."""

    def bridged(self, leg: Leg, other: Leg) -> None:
        """The leg now talks to another."""

    def parted(self, leg: Leg) -> None:
        """The leg's bridge is over and it lives on."""

    def leg_gone(self, leg: Leg) -> None:
        """The leg is destroyed."""


class Phone(Party):
    """A phone that the switch can dial under a contact."""

    def __init__(self, switch: Routing, contact: str, address: str, behaviour: Behaviours) -> None:
        self._switch = switch
        self.contact = contact
        self.address = address
        self.behaviour = behaviour
        self.legs: list[Leg] = []
        self._plans: dict[str, Behaviour] = {}
        self.shown: list[tuple[str, str]] = []  # caller's name and number of each INVITE
        self.invites = 0

    @property
    def unregistered(self) -> bool:
        """Known user, no phone: `user/…` fails with USER_NOT_REGISTERED."""
        return isinstance(self.behaviour, Behaviour) and self.behaviour.outcome == "unregistered"

    @property
    def dial_string(self) -> bool:
        """Has the directory a dial-string for this user?"""
        return not (isinstance(self.behaviour, Behaviour) and self.behaviour.outcome == "no_dial_string")

    @property
    def leg(self) -> Leg | None:
        """The newest living leg."""
        return next((leg for leg in reversed(self.legs) if leg.alive), None)

    def _pick(self, uuid: str | None) -> Leg | None:
        if uuid is None:
            return self.leg
        return next((leg for leg in self.legs if leg.uuid == uuid and leg.alive), None)

    # -- by itself

    def invited(self, leg: Leg) -> None:
        """Decide what to do with this call and plan it."""
        self.legs.append(leg)
        self.invites += 1
        self.shown.append((leg.profile.name, leg.profile.number))
        plan = (
            self.behaviour if isinstance(self.behaviour, Behaviour) else self.behaviour(self._switch.random)
        )
        self._plans[leg.uuid] = plan
        after = self._switch.after
        if plan.outcome == "manual":
            return
        if plan.outcome == "unreachable":
            self._switch.phone_refuses(leg, plan.outcome)
            return
        if plan.rings:
            after(plan.ring_after_us, self._switch.phone_rings, leg)
        if plan.outcome == "answer":
            after(plan.answer_after_us, self._answer, leg, plan)
        elif plan.outcome not in {"no_answer", "unregistered", "no_dial_string"}:
            after(plan.refuse_after_us, self._switch.phone_refuses, leg, plan.outcome)

    def _answer(self, leg: Leg, plan: Behaviour) -> None:
        if self._switch.phone_answers(leg) and plan.hang_up_after_us is not None:
            self._switch.after(plan.hang_up_after_us, self._switch.bye, leg)

    def bridged(self, leg: Leg, other: Leg) -> None:
        """Plan the conversation."""
        plan = self._plans.get(leg.uuid)
        if plan is None:
            return
        acts = plan.acts
        if plan.talk_us is not None:
            acts = (*acts, Act(plan.talk_us, "bye"))
        if acts:
            self._switch.after(acts[0].after_us, self._act, leg, other, acts)

    def _act(self, leg: Leg, other: Leg, acts: tuple[Act, ...]) -> None:
        if not leg.alive or leg.partner is not other:
            return
        act = acts[0]
        if act.what == "bye":
            self._switch.bye(leg)
        elif act.what == "hold":
            self._switch.phone_holds(leg)
        elif act.what == "unhold":
            self._switch.phone_unholds(leg)
        elif act.what == "refer":
            self._switch.refer(leg, act.target)
        else:
            self.attended_transfer(act.target, uuid=leg.uuid)
        if len(acts) > 1:
            self._switch.after(acts[1].after_us, self._act, leg, other, acts[1:])

    def leg_gone(self, leg: Leg) -> None:
        """Forget it."""
        if leg in self.legs:
            self.legs.remove(leg)
        self._plans.pop(leg.uuid, None)

    # -- by hand

    def ring(self, uuid: str | None = None) -> None:
        """180."""
        leg = self._pick(uuid)
        if leg is not None:
            self._switch.phone_rings(leg)

    def answer(self, uuid: str | None = None) -> bool:
        """200 OK. False when nothing rings here any more."""
        leg = self._pick(uuid)
        return leg is not None and self._switch.phone_answers(leg)

    def refuse(self, how: str, uuid: str | None = None) -> None:
        """A final refusal: `busy`, `reject`, `not_found`, `unavailable`, `codec`, `error`."""
        leg = self._pick(uuid)
        if leg is not None:
            self._switch.phone_refuses(leg, how)

    def hang_up(self, uuid: str | None = None) -> None:
        """BYE."""
        leg = self._pick(uuid)
        if leg is not None:
            self._switch.bye(leg)

    def hold(self, uuid: str | None = None) -> None:
        """Re-INVITE, a=sendonly."""
        leg = self._pick(uuid)
        if leg is not None:
            self._switch.phone_holds(leg)

    def unhold(self, uuid: str | None = None) -> None:
        """Re-INVITE, a=sendrecv."""
        leg = self._pick(uuid)
        if leg is not None:
            self._switch.phone_unholds(leg)

    def press(self, digits: str, uuid: str | None = None) -> None:
        """Digits by RFC 2833."""
        leg = self._pick(uuid)
        if leg is not None:
            self._switch.digits_arrive(leg, digits, source="RTP")

    def refer(self, extension: str, uuid: str | None = None) -> bool:
        """Blind transfer (REFER) of the other side to an extension."""
        leg = self._pick(uuid)
        return leg is not None and self._switch.refer(leg, extension)

    def attended_transfer(
        self, extension: str, *, consult_us: int = 2_000_000, uuid: str | None = None
    ) -> Call | None:
        """Hold, call an extension, talk for `consult_us`, then join both far ends. Gives the second call."""
        leg = self._pick(uuid)
        if leg is None or leg.partner is None:
            return None
        self._switch.phone_holds(leg)
        user = self.address.partition("@")[0]
        second = self._switch.place_call(user, user, extension)
        self._switch.after(consult_us, self._complete, leg, second)
        return second

    def _complete(self, leg: Leg, second: Call) -> None:
        if leg.alive and second.leg.alive:
            self._switch.replace(leg, second.leg)


class Call(Party):
    """A caller's call into the switch."""

    def __init__(self, switch: Routing, leg: Leg, *, patience_us: int | None, talk_us: int | None) -> None:
        self._switch = switch
        self.leg = leg
        self.talk_us = talk_us
        self.talked = False
        self.ended = False
        if patience_us is not None:
            switch.after(patience_us, self._lose_patience)

    @property
    def uuid(self) -> str:
        """The leg's name on the switch."""
        return self.leg.uuid

    @property
    def alive(self) -> bool:
        """Is the caller still there?"""
        return self.leg.alive

    @property
    def partner(self) -> str:
        """Whom the caller talks to: a leg's uuid, empty for nobody."""
        return self.leg.partner.uuid if self.leg.partner is not None else ""

    def bridged(self, leg: Leg, other: Leg) -> None:
        """Talk for as long as planned."""
        self.talked = True
        if self.talk_us is not None and leg is self.leg:
            self._switch.after(self.talk_us, self._talked_enough, other)

    def leg_gone(self, leg: Leg) -> None:
        """The call is over."""
        self.ended = not leg.alive

    def _talked_enough(self, other: Leg) -> None:
        if self.leg.partner is other:
            self.hang_up()

    def _lose_patience(self) -> None:
        if not self.talked:
            self.hang_up()

    def hang_up(self) -> None:
        """BYE, or CANCEL before the answer."""
        if self.leg.answer_state == "ringing" and self.leg.alive:
            self._switch.hang_up(self.leg, "ORIGINATOR_CANCEL", bye=True)
        else:
            self._switch.bye(self.leg)

    def press(self, digits: str) -> None:
        """Digits by RFC 2833."""
        self._switch.digits_arrive(self.leg, digits, source="RTP")

    def acknowledge(self) -> None:
        """The ACK of the 200 OK arrives."""
        if self.leg.alive:
            sip.ack_received(self.leg)
