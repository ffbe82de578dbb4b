"""Consultations: an agent speaks with somebody else while the caller hears music, then returns or hands over.

Agent and caller go on talking until the other side answers. From then on three legs are kept from falling
apart by `park_after_bridge`: whichever hangs up, the other two are parked and joined. An agent who hangs up
hands the caller over; when the other side hangs up, the agent has the caller back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from py_callcenter.config import shapes
from py_callcenter.engine import looks, music, outside, registrations, standby, transfers
from py_callcenter.engine.actions import Bridge, Device, Kill, Originate, SetVariables
from py_callcenter.engine.calls import Call, Offer, OfferState, Phase
from py_callcenter.engine.errors import BadTarget, NotNow, UnknownAgent, UnknownQueueName
from py_callcenter.engine.identity import job_uuid, leg_uuid
from py_callcenter.engine.records import ConsultationEnded
from py_callcenter.engine.state import State

RING_S: Final = 30
OVERDUE_US: Final = (RING_S + 5) * 1_000_000
PARK_US: Final = 1_000_000
"""So long a leg that was left alone may take to be parked."""
WHOM: Final = "cc_consult"
"""Variable of the other side's legs, with a MAC in `cc_tag`: `agent/NAME`, or `number/`."""
JOIN_US: Final = 3_000_000
"""So long two parked legs may take to be joined; it takes three media ticks."""
GONE_US: Final = 2_000_000
"""A leg that was hung up has gone by then."""
_MOST_PHONES: Final = 8

Outcome = Literal["completed", "returned", "failed"]


@dataclass(slots=True, eq=False)
class Consult:
    """One consultation of one call."""

    call: Call
    offer: Offer
    kind: Literal["agent", "number"]
    target: str
    job: str
    legs: tuple[str, ...]
    """Phones of the other side; the one that answered when `talking`."""
    talk_leg: str = ""
    since_us: int = 0
    going: Literal["", "back", "over"] = ""
    """Under way: the agent returns to the caller, or the caller goes over to the other side."""
    timer: int | None = None
    owes_park: bool = False
    """The other side was taken for parked without having been told."""
    parked_at: int = 0
    """Place of the last PARK of the other side among the events of its switch."""
    doubted: bool = False
    """What should have been told long ago was looked for once."""

    @property
    def talking(self) -> bool:
        return self.talk_leg != ""


def start(state: State, call_id: str, to: transfers.Destination) -> None:
    """Call somebody for the agent of a call; of a queue, whoever is free.

    Raises `UnknownCall`, `UnknownAgent`, `UnknownQueueName`, `BadTarget`, `NotNow`.
    """
    call = transfers.find(state, call_id)
    offer = call.winner
    if call.phase is not Phase.TALKING or offer is None or offer.state is not OfferState.TALKING:
        raise NotNow(f"no agent talks with call `{call_id[:64]}`")
    if call.consult is not None:
        raise NotNow("the agent consults somebody already")
    if to.kind == "queue":
        to = _one_of(state, offer, to.name)
    contacts, number = _contacts(state, call, offer, to)
    call.consults += 1
    name = f"consult/{call.id}/{state.epoch}"
    legs = tuple(leg_uuid(name, call.consults, place) for place in range(len(contacts)))
    consult = Consult(
        call, offer, "agent" if to.kind == "agent" else "number", to.name, job_uuid(name, call.consults), legs
    )
    call.consult = consult
    for key in (*legs, consult.job):
        state.outside.consults[key] = consult
    if to.kind == "agent":  # from now on; a queue may offer them somebody in this very moment
        for uuid in legs:
            outside.took(state, call.node, uuid, to.name)
    consult.timer = state.start_timer(OVERDUE_US, _overdue, consult)
    _keep_agent(state, consult, keep=True)
    whom = f"agent/{to.name}" if to.kind == "agent" else "number/"
    state.act(
        Originate(
            node=call.node,
            job=consult.job,
            devices=tuple(map(Device, legs, contacts)),
            variables=_marks(state, call, whom),
            caller_name=call.name if to.kind == "agent" else "",
            caller_number=number,
            timeout_s=RING_S,
        )
    )


def complete(state: State, call_id: str) -> None:
    """Connect the caller with the other side; the agent is free. Raises `UnknownCall`, `NotNow`."""
    consult = _under_way(state, call_id)
    if not consult.talking:
        raise NotNow("the other side hasn't answered yet")
    if consult.talk_leg not in state.outside.consults:
        raise NotNow("the other side has hung up; the agent is about to have the caller back")
    _keep_agent(state, consult, keep=False)
    _hand_over(state, consult)


def give_back(state: State, call_id: str) -> None:
    """The agent returns to the caller. Raises `UnknownCall`, `NotNow`."""
    consult = _under_way(state, call_id)
    if consult.talking:
        _return(state, consult)
    else:
        _end(state, consult, "returned", "")


def goes_on_ringing(state: State, consult: Consult) -> None:
    """One of the last run: for so long at the most."""
    consult.timer = state.start_timer(OVERDUE_US, _overdue, consult)


# What the switch tells.


def parked(state: State, uuid: str, at: int) -> None:
    """The other side has answered, or was left alone. `at`: the event's place among all of its switch."""
    consult = state.outside.consults[uuid]
    call = consult.call
    if at <= consult.parked_at:  # told twice
        return
    consult.parked_at, late = at, consult.owes_park
    consult.owes_park = False
    if late:
        return
    if not consult.talking:
        state.stop_timer(consult.timer)
        consult.timer = None
        consult.talk_leg, consult.since_us = uuid, state.now_us
        state.act(Bridge(call.node, consult.offer.talk_leg, uuid))
        consult.timer = state.start_timer(JOIN_US, _never_met, consult)
    elif consult.going == "back":
        state.act(Kill(call.node, uuid, "NORMAL_CLEARING"))
    elif consult.going == "over":
        _hand_over(state, consult)
    else:  # the agent's end is about to be told, or somebody sent the agent's leg elsewhere
        state.stop_timer(consult.timer)
        consult.timer = state.start_timer(PARK_US, _left_alone, consult)


def caller_parked(state: State, call: Call) -> bool:
    """The caller's PARK while the agent consults: music. False when there is no consultation."""
    consult = call.consult
    if consult is None or not consult.talking:
        return False
    if consult.going == "over" and call.phase is Phase.PARTED:
        return True  # about to be joined with the other side, or its deadline tells
    if call.phase is not Phase.TALKING:
        return False
    call.parked = True
    if consult.offer.hold_since_us is None:
        consult.offer.hold_since_us = state.now_us
    music.start(state, call)
    return True


def agent_parked(state: State, offer: Offer) -> bool:
    """The agent's leg was left alone: back to the caller. False when that isn't a consultation's doing."""
    consult = offer.call.consult
    if consult is None or not consult.talking or offer.state is not OfferState.TALKING:
        return False
    if not consult.going:
        _return(state, consult)
    elif consult.going == "over":  # one that stands by is free as soon as the caller is the other side's
        offer.leg_back = True
    return True


def bridged(state: State, call: Call, partner: str) -> None:
    """The caller is joined with somebody."""
    consult = call.consult
    if consult is None or not consult.talking:
        return
    if partner == consult.offer.talk_leg and consult.going == "back":
        consult.offer.leg_back = False
        _end(state, consult, "returned", "")
    elif partner == consult.talk_leg:
        _end(state, consult, "completed", "")


def is_joined(call: Call) -> bool:
    """Whether the agent is in the consultation, or was and is on the way to the caller. While a phone rings
    for it, and when the caller goes over, the agent's leg is in no need of it.
    """
    consult = call.consult
    return consult is not None and consult.talking and consult.going != "over"


def agent_bridged(state: State, offer: Offer, partner: str) -> None:
    """The agent's leg is joined with somebody who isn't the caller. When whoever was asked has connected them
    with another (an attended transfer), that one is asked from now on.
    """
    consult = offer.call.consult
    if consult is None or not consult.talking or consult.going:
        return
    if partner == consult.talk_leg:
        state.stop_timer(consult.timer)
        consult.timer = None
        return
    if offer.state is not OfferState.TALKING or partner in state.outside.consults:  # another's
        return
    state.stop_timer(consult.timer)
    consult.timer = None
    state.outside.consults.pop(consult.talk_leg, None)
    state.act(Kill(offer.call.node, consult.talk_leg, "NORMAL_CLEARING"))
    marks: tuple[tuple[str, str], ...] = (("park_after_bridge", "true"),)
    if partner not in state.legs and partner not in state.reach.standing_legs:
        marks = _marks(state, offer.call, "number/")  # for the next start; whose number doesn't matter
    state.act(SetVariables(offer.call.node, partner, marks))
    consult.talk_leg, consult.legs = partner, (partner,)
    state.outside.consults[partner] = consult


def gone(state: State, uuid: str, cause: str) -> None:
    """A leg of the other side is no more."""
    consult = state.outside.consults.pop(uuid, None)
    if consult is None:
        return
    if consult.talk_leg == uuid:
        state.stop_timer(consult.timer)
        if not consult.going:  # the agent's PARK follows, or was lost
            consult.timer = state.start_timer(PARK_US, _left_alone, consult)
        elif consult.going == "over" and consult.offer.state is OfferState.TALKING:
            _return(state, consult)
        elif consult.going == "over":
            _fail(state, consult)
        else:
            consult.timer = state.start_timer(JOIN_US, _give_up, consult)
    elif not consult.talking and not any(leg in state.outside.consults for leg in consult.legs):
        _end(state, consult, "failed", cause)


def job_failed(state: State, job: str, cause: str) -> None:
    """Nobody was reached."""
    consult = state.outside.consults.get(job)
    if consult is not None and not consult.talking:
        _end(state, consult, "failed", cause)


def job_done(state: State, job: str, uuid: str) -> None:
    """Somebody has answered: PARK follows, or was lost."""
    consult = state.outside.consults.get(job)
    if consult is not None and not consult.talking and uuid in consult.legs:
        state.start_timer(PARK_US, _answered_unseen, consult, uuid)


def _answered_unseen(state: State, consult: Consult, uuid: str) -> None:
    if consult.call.consult is consult and not consult.talking and uuid in state.outside.consults:
        parked(state, uuid, 1)
        consult.owes_park = True


def asked(state: State, call: Call, uuid: str) -> bool:
    """Whether a leg was called in this run for somebody whom an agent of the call consults, or consulted."""
    name = f"consult/{call.id}/{state.epoch}"
    return any(
        uuid == leg_uuid(name, number, place)
        for number in range(1, call.consults + 1)
        for place in range(_MOST_PHONES)
    )


def not_joined(state: State, uuid: str, error: str | None) -> None:
    """The switch wouldn't join somebody with the other side: one of the two is no more."""
    consult = state.outside.consults[uuid]
    if error is None or not error.startswith("-"):
        return  # it may have: the deadline tells
    state.act(Kill(consult.call.node, uuid, "NORMAL_CLEARING"))
    gone(state, uuid, "UNSEEN")


def agent_gone(state: State, call: Call) -> bool:
    """The agent hung up. True when that hands the caller over to the other side."""
    consult = call.consult
    if consult is None:
        return False
    if not consult.talking or consult.going == "back":
        _end(state, consult, "failed", "")
        return False
    if not consult.going:  # else they are being joined: asked for twice, the second parts them for a moment
        consult.going = "over"
        state.stop_timer(consult.timer)
        consult.timer = state.start_timer(PARK_US, _left_alone, consult)
    return True


def caller_gone(state: State, call: Call) -> None:
    """The caller hung up: there is nothing left to consult about."""
    if call.consult is not None:
        _end(state, call.consult, "failed", "")


def parted(state: State, call: Call) -> bool:
    """Agent and caller are no longer in one conversation, and it wasn't the consultation that parted them.
    True when nobody but us ends the agent's leg, which outlives what it was joined with.
    """
    consult = call.consult
    if consult is None or consult.going == "over":
        return False
    _end(state, consult, "failed", "")
    return not consult.offer.standing


def look(state: State, node: str, live: dict[str, object]) -> None:
    """A fresh look at the switch."""
    for uuid, consult in list(state.outside.consults.items()):
        if consult.talking and uuid == consult.talk_leg and consult.call.node == node and uuid not in live:
            gone(state, uuid, "UNSEEN")


def legs(state: State, node: str) -> list[str]:
    """Legs of other sides that we hold for alive."""
    return [uuid for uuid, one in state.outside.consults.items() if one.call.node == node and uuid != one.job]


# Inside.


def _contacts(state: State, call: Call, offer: Offer, to: transfers.Destination) -> tuple[list[str], str]:
    """Dial strings, and the number that is shown."""
    if to.kind == "agent":
        agent = state.agents.get(to.name)
        if agent is None:
            raise UnknownAgent(to.name)
        if agent is offer.agent:
            raise NotNow("that is the agent who talks with the caller")
        if not _is_free(state, to.name):
            raise NotNow(f"agent `{to.name}` can't be called now")
        if standby.stands(state, agent.name):
            raise NotNow(f"the phone of agent `{to.name}` stays connected, so it can't be called")
        return [
            registrations.way(state, call.node, one) for one in agent.contacts[:_MOST_PHONES]
        ], call.number
    if to.kind != "number":
        raise BadTarget("somebody to consult", "an agent, a queue or a number")
    node = state.config.node(call.node)
    if node is None or node.dial_out is None:
        raise NotNow("there is no way to numbers outside: the node's `dial-out` isn't set")
    if not shapes.is_number(to.name):
        raise BadTarget("a number", "2 to 20 digits, perhaps after a `+`; no premium-rate number")
    return [node.dial_out.replace("{number}", to.name)], state.config.controller.outside_number


def _one_of(state: State, offer: Offer, queue: str) -> transfers.Destination:
    """Who is asked for a queue: the lowest level first, then whoever has been idle for longest. The agent
    waits in no line, for the caller waits too.
    """
    if queue not in state.queues:
        raise UnknownQueueName(queue, state.queues)
    free = [
        (tier.level, state.router.agent(state.agent_ids[name]).idle_since_us, name)
        for (served, name), tier in state.tiers.items()
        if served == queue
        and name != offer.agent.name
        and _is_free(state, name)
        and not standby.stands(state, name)
    ]
    if not free:
        raise NotNow(f"nobody of queue `{queue}` is free now")
    return transfers.Destination("agent", min(free)[2])


def _is_free(state: State, agent: str) -> bool:
    line = state.router.agent(state.agent_ids[agent])
    return line.state == "waiting" and registrations.is_reachable(state, agent)


def _marks(state: State, call: Call, whom: str) -> tuple[tuple[str, str], ...]:
    """What a leg of the other side carries."""
    return (
        ("cc_side", "consult"),
        ("cc_call", call.id),
        (WHOM, whom),
        ("cc_tag", state.sealer.seal("consult", call.id, whom)),
        ("park_after_bridge", "true"),
    )


def _under_way(state: State, call_id: str) -> Consult:
    consult = transfers.find(state, call_id).consult
    if consult is None or consult.going:
        raise NotNow(f"the agent of call `{call_id[:64]}` consults nobody")
    return consult


def _keep_agent(state: State, consult: Consult, *, keep: bool) -> None:
    """Whether the agent's leg outlives what it is joined with; one that stands by always does."""
    if not consult.offer.standing:
        variable = ("park_after_bridge", "true" if keep else "")
        state.act(SetVariables(consult.call.node, consult.offer.talk_leg, (variable,)))


def _return(state: State, consult: Consult) -> None:
    call = consult.call
    consult.going, consult.doubted = "back", False
    music.stop(state, call)
    state.act(Bridge(call.node, call.uuid, consult.offer.talk_leg))
    _give_time(state, consult)


def _hand_over(state: State, consult: Consult) -> None:
    call = consult.call
    consult.going, consult.doubted = "over", False
    music.stop(state, call)
    state.act(SetVariables(call.node, consult.talk_leg, (("park_after_bridge", ""),)))
    state.act(Bridge(call.node, call.uuid, consult.talk_leg))
    _give_time(state, consult)


def _give_time(state: State, consult: Consult) -> None:
    state.stop_timer(consult.timer)
    consult.timer = state.start_timer(JOIN_US, _give_up, consult)


def _give_up(state: State, consult: Consult) -> None:
    """Two that should be joined aren't, or nobody told: a look at the caller first, which tells."""
    consult.timer = None
    if consult.call.consult is not consult:
        return
    if not consult.doubted:
        consult.doubted = True
        looks.ask(state, consult.call)
        _give_time(state, consult)
        return
    _fail(state, consult)


def _fail(state: State, consult: Consult) -> None:
    """Whoever is there goes on from where the switch shows the caller."""
    if consult.call.consult is consult:
        _end(state, consult, "failed", "")
        consult.call.handed_on = False
        looks.ask(state, consult.call)


def _never_met(state: State, consult: Consult) -> None:
    """Nothing told that the agent and the other side were joined: unless the caller was parked for it, they
    weren't, and the agent talks on with the caller.
    """
    consult.timer = None
    call = consult.call
    if call.consult is not consult or consult.going or call.parked:
        return
    if not consult.doubted:
        consult.doubted = True
        looks.ask(state, call)
        consult.timer = state.start_timer(JOIN_US, _never_met, consult)
        return
    _end(state, consult, "failed", "")


def _left_alone(state: State, consult: Consult) -> None:
    """No PARK was told of the leg whose other side hung up."""
    consult.timer = None
    if consult.call.consult is not consult:
        return
    if consult.going == "over":
        _hand_over(state, consult)
    elif not consult.going and consult.offer.state is OfferState.TALKING:
        _return(state, consult)


def _surely_gone(state: State, uuid: str) -> None:
    """A leg that was hung up; as a rule its HANGUP has told sooner that the phone is free."""
    outside.ended(state, uuid)


def _overdue(state: State, consult: Consult) -> None:
    consult.timer = None
    if not consult.talking:
        _end(state, consult, "failed", "NO_ANSWER")


def _end(state: State, consult: Consult, outcome: Outcome, cause: str) -> None:
    call, offer = consult.call, consult.offer
    state.stop_timer(consult.timer)
    call.consult = None
    for key in (*consult.legs, consult.job):
        known = state.outside.consults.pop(key, None) is not None
        if not known and key != consult.talk_leg:
            outside.ended(state, key)
        if known and key != consult.job and not (outcome == "completed" and key == consult.talk_leg):
            state.forbid(key)
            state.act(Kill(call.node, key, "ORIGINATOR_CANCEL" if not consult.talking else "NORMAL_CLEARING"))
            state.start_timer(GONE_US, _surely_gone, key)
    if outcome != "completed" and offer.state is OfferState.TALKING:
        _keep_agent(state, consult, keep=False)
    if offer.hold_since_us is not None and outcome == "returned":
        offer.hold_us += state.now_us - offer.hold_since_us
        offer.hold_since_us = None
    state.note(
        ConsultationEnded,
        call.node,
        call=call.id,
        queue=offer.stay.queue.name,
        leg=offer.stay.index,
        agent=offer.agent.name,
        to=consult.kind,
        target=consult.target if consult.kind == "agent" else "",
        outcome=outcome,
        cause=cause,
        talk_us=state.now_us - consult.since_us if consult.talking else 0,
    )
