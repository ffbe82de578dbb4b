"""The life of an offer on the wire: ring the devices, claim at the answer, connect, or give the agent back.

An agent stays reserved in the core until every leg of the offer is gone: a phone that still rings
can't take another call, and no second originate may overtake the first one's end.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from py_callcenter._router import Event, Proposal
from py_callcenter.config import Agent, expand_record_template
from py_callcenter.config.rules import RuleError
from py_callcenter.engine import announce, holds, music, pacing, registrations, staffing, standby
from py_callcenter.engine.actions import (
    Bridge,
    Device,
    Kill,
    Look,
    Originate,
    PlayMusic,
    Probe,
    SetVariables,
    StartRecording,
    StopMusic,
)
from py_callcenter.engine.calls import Call, Leg, Offer, OfferState, Phase, Stay
from py_callcenter.engine.causes import LIMITS, Fault, cause_of_job, fault_of
from py_callcenter.engine.identity import MOST_PHONES, job_uuid
from py_callcenter.engine.records import (
    AgentStatusChanged,
    AgentWrapUp,
    InvariantViolated,
    OfferEnded,
    OfferMade,
    RecordingStarted,
)
from py_callcenter.engine.state import State

SECOND_US: Final = 1_000_000
RING_GRACE_US: Final = 3 * SECOND_US
"""Past the ring time, for an originate whose end nobody reported (freeswitch-esl.md 2.3)."""
PARK_GRACE_US: Final = 250_000
"""A job that succeeded is enough to go on when the leg's PARK doesn't come (race R12)."""
REGAIN_US: Final = 500_000
"""So long a caller may take to be parked again after a bridge that its other side spoilt."""
TONE_US: Final = 2 * SECOND_US
"""So long a tone that announces a caller may take, should its end not be told."""
BRIDGE_DEADLINE_US: Final = 3 * SECOND_US
LOOK_DEADLINE_US: Final = SECOND_US
KILL_DEADLINE_US: Final = 2 * SECOND_US
KILL_ROUNDS: Final = 3
SPARED_US: Final = 10 * SECOND_US
"""How often we ask whether a leg lives that others may have sent elsewhere."""
ASK_AFTER_US: Final = SECOND_US
"""A command that found no channel hints at a HANGUP on its way: so long it may take."""
TAKES_CALLS: Final = frozenset({"Available", "Available (On Demand)"})
DESCRIBED: Final = "hold_hangup_xfer_exten"
"""Of what is set on an agent's leg, the one with a meaning to the switch."""
HOLD_EXTENSION: Final = "callcenter_hold"
"""Only its presence matters: with it, a hang-up from hold spares the caller (freeswitch-esl.md 2.4)."""


def ring(state: State, proposal: Proposal) -> None:
    """Originate all devices of the agent for the caller, each leg under a name of ours."""
    call, stay = state.waiting[proposal.caller]
    agent = state.agents[state.agent_names[proposal.agent]]
    call.attempts += 1
    attempt = call.attempts
    if standby.stands(state, agent.name):
        _announce(state, proposal, call, stay, agent)
        return
    devices = _devices(state, call, attempt, agent.contacts)
    offer = Offer(
        id=proposal.offer,
        call=call,
        stay=stay,
        agent=agent,
        agent_id=proposal.agent,
        attempt=attempt,
        job=job_uuid(call.id, attempt),
        made_us=state.now_us,
        legs={device.uuid: Leg(device.uuid) for device in devices},
    )
    stay.offers[offer.id] = offer
    state.touch(call)
    state.offers[offer.id] = offer
    state.jobs[offer.job] = offer
    for device in devices:
        state.legs[device.uuid] = offer
    if attempt > 1:
        state.act(SetVariables(call.node, call.uuid, (("cc_attempt", str(attempt)),)))
    watch_ring(state, offer)
    state.note(OfferMade, call.node, call=call.id, queue=stay.queue.name, agent=agent.name, attempt=attempt)
    prefix = call.wishes.name_prefix
    pacing.send(
        state,
        offer,
        Originate(
            node=call.node,
            job=offer.job,
            devices=devices,
            variables=_identity(offer),
            caller_name=f"{prefix}{call.name}" if prefix else call.name,
            caller_number=call.number,
            timeout_s=stay.queue.agent_originate_timeout,
        ),
        spare,
    )


def _announce(state: State, proposal: Proposal, call: Call, stay: Stay, agent: Agent) -> None:
    """Tell an agent whose leg stays up of the caller: a tone, then they are joined."""
    uuid = standby.ready_leg(state, agent, call.node)
    offer = Offer(
        id=proposal.offer,
        call=call,
        stay=stay,
        agent=agent,
        agent_id=proposal.agent,
        attempt=call.attempts,
        job=job_uuid(call.id, call.attempts),
        made_us=state.now_us,
        legs={uuid: Leg(uuid, created=True)} if uuid else {},
        standing=True,
        job_done=True,
        ring_since_us=state.now_us,
    )
    stay.offers[offer.id] = state.offers[offer.id] = state.jobs[offer.job] = offer
    state.touch(call)
    if offer.attempt > 1:
        state.act(SetVariables(call.node, call.uuid, (("cc_attempt", str(offer.attempt)),)))
    state.note(
        OfferMade, call.node, call=call.id, queue=stay.queue.name, agent=agent.name, attempt=offer.attempt
    )
    if not uuid:
        originate_refused(state, offer)
        return
    state.legs[uuid] = offer
    state.router.ringing(state.now_us, offer.id)
    tag = state.sealer.seal("offer", call.id, offer.attempt, agent.name)
    state.act(SetVariables(call.node, uuid, (*_identity(offer), ("cc_tag", tag), *_description(offer))))
    if agent.warning_tone:
        state.act(PlayMusic(call.node, uuid, agent.warning_tone))
        _watch(state, offer, TONE_US, toned)
    else:
        toned(state, offer)


def toned(state: State, offer: Offer) -> None:
    """The tone or the announcement is over: join them."""
    leg = offer.parked_leg()
    if offer.standing and offer.state is OfferState.RINGING:
        for standing_leg in offer.legs.values():
            leg_parked(state, offer, standing_leg)
    elif offer.announced is False and leg is not None:
        announce.over(state, offer, leg)
        _watch(state, offer, BRIDGE_DEADLINE_US, _bridge_overdue)
        connect(state, offer.call)


def _devices(state: State, call: Call, attempt: int, contacts: tuple[str, ...]) -> tuple[Device, ...]:
    """A leg for each phone; a `user/…` with several registered phones becomes one leg each."""
    found: list[tuple[str, str]] = []
    room = MOST_PHONES
    for place, contact in enumerate(contacts):
        phones = state.phones.get((call.node, contact), ())
        if len(phones) > 1 and len(phones) + len(contacts) - place - 1 <= room:
            user = contact.removeprefix("user/")
            found += [(phone, user if "@" in user else "") for phone in phones]
        else:
            found.append((registrations.way(state, call.node, contact) if state.reach.dials else contact, ""))
        room = MOST_PHONES - len(found)
    return tuple(
        Device(state.sealer.leg(call.id, attempt, place), contact, user)
        for place, (contact, user) in enumerate(found)
    )


def _identity(offer: Offer) -> tuple[tuple[str, str], ...]:
    """What an agent's leg is known by from its first moment on: no more, for each byte of the command delays
    the phone. That it is ours is proven by its name (see `identity`).
    """
    call = offer.call
    return (
        ("cc_offer", f"{call.id}/{offer.attempt}"),
        ("cc_agent", offer.agent.name),
        ("cc_queue", offer.stay.queue.name),
        *call.wishes.exports,
    )


def _description(offer: Offer) -> tuple[tuple[str, str], ...]:
    """What it carries besides, from the ringing on."""
    call = offer.call
    return (
        ("cc_side", "agent"),
        ("cc_agent_type", offer.agent.type),
        ("cc_call", call.id),
        ("cc_queue_joined_epoch", str(offer.stay.entered_us // SECOND_US)),
        ("cc_member_uuid", call.id),
        ("cc_member_session_uuid", call.uuid),
        (DESCRIBED, HOLD_EXTENSION),
    )


def describe(state: State, offer: Offer, leg: Leg) -> None:
    """Set on a leg what the originate left out, once."""
    if not leg.described and not offer.standing:
        leg.described = True
        state.act(SetVariables(offer.call.node, leg.uuid, _description(offer)))


def is_described(dump: Event) -> bool:
    """Whether a leg that an earlier run made carries it."""
    return dump.get(f"variable_{DESCRIBED}") is not None


def not_described(state: State, offer: Offer, uuid: str, error: str | None) -> None:
    """That was refused, for the leg is no more, or may not have got there."""
    if error is None or not error.startswith("-"):  # not the switch's own words
        leg = offer.legs[uuid]
        leg.described = False
        state.start_timer(ASK_AFTER_US, _describe_again, offer, leg)


def _describe_again(state: State, offer: Offer, leg: Leg) -> None:
    if not leg.dead and state.legs.get(leg.uuid) is offer:
        describe(state, offer, leg)


# What the switch tells about a leg.


def leg_created(state: State, offer: Offer, leg: Leg) -> None:
    leg.created = True
    pacing.leg_began(state, offer.call.node, offer.agent.name)
    if offer.state is OfferState.ENDING and not leg.dead:
        _kill(state, offer, leg, "ORIGINATOR_CANCEL")


def leg_rings(state: State, offer: Offer, leg: Leg) -> None:
    leg.created = True
    describe(state, offer, leg)
    if offer.ring_since_us is None and offer.state is OfferState.RINGING:
        offer.ring_since_us = state.now_us
        state.touch(offer.call)
        state.router.ringing(state.now_us, offer.id)


def leg_answered(state: State, offer: Offer, leg: Leg) -> None:
    """The first answer claims the caller; every later one is told that it lost."""
    leg.created = leg.answered = True
    if offer.state is OfferState.ENDING:
        _kill(state, offer, leg, "LOSE_RACE")
    elif offer.state is OfferState.RINGING:
        losers = state.router.claim(state.now_us, offer.id)
        if losers is None:
            withdraw(state, offer, "LOSE_RACE")
            return
        offer.state = OfferState.CLAIMED
        offer.answered_us = state.now_us
        offer.call.winner = offer
        offer.call.phase = Phase.CONNECTING
        state.touch(offer.call)
        describe(state, offer, leg)
        _watch(state, offer, BRIDGE_DEADLINE_US, _bridge_overdue)
        for loser in losers:
            withdraw(state, state.offers[loser], "LOSE_RACE")


def leg_parked(state: State, offer: Offer, leg: Leg) -> None:
    leg.parked = True
    if offer.standing and (offer.talk_since_us or offer.state in (OfferState.BRIDGING, OfferState.ENDING)):
        _leg_back(state, offer, leg)
        return
    if offer.state in (OfferState.TALKING, OfferState.ENDING):
        state.start_timer(BRIDGE_DEADLINE_US, _left_parked, offer, leg)
        return
    if not leg.answered or offer.state is OfferState.RINGING:
        leg_answered(state, offer, leg)
    connect(state, offer.call)


def _left_parked(state: State, offer: Offer, leg: Leg) -> None:
    """Whoever was joined with this leg is no longer, and nobody but us ends it."""
    if offer.state is OfferState.TALKING and not leg.dead:
        ask(state, offer.call)
    elif offer.state is OfferState.ENDING and not leg.dead:
        state.act(Kill(offer.call.node, leg.uuid, "NORMAL_CLEARING"))


def _leg_back(state: State, offer: Offer, leg: Leg) -> None:
    """A leg that stays up has parked: the caller is no longer there."""
    offer.leg_back = True
    if offer.state is OfferState.ENDING:
        leg.dead = True
        _conclude(state, offer)
    elif offer.state is OfferState.TALKING:  # the caller's own news follows, or was lost
        state.start_timer(BRIDGE_DEADLINE_US, _still_talking, offer)


def _still_talking(state: State, offer: Offer) -> None:
    if offer.state is OfferState.TALKING:
        ask(state, offer.call)


def connect(state: State, call: Call) -> None:
    """Bridge as soon as the caller and the leg that won are both parked."""
    offer = call.winner
    if offer is None or offer.state is not OfferState.CLAIMED or not call.parked:
        return
    leg = offer.parked_leg()
    if leg is None or offer.announced is False:
        return
    if announce.begin(state, offer, leg):
        _watch(state, offer, announce.LONGEST_US, toned)
        return
    music.stop(state, call)
    with suppress(RuleError):  # a name that makes no file name costs the recording, not the call
        record(state, call, offer)
    offer.state = OfferState.BRIDGING
    offer.talk_leg = leg.uuid
    call.parked = False
    state.act(Bridge(call.node, call.uuid, leg.uuid))
    _watch(state, offer, BRIDGE_DEADLINE_US, _bridge_overdue)


def record(state: State, call: Call, offer: Offer) -> None:
    """Record the caller's leg by the queue's template. Raises `RuleError` when it makes no file name."""
    template = offer.stay.queue.record_template
    if offer.recording:  # a second bridge of the same legs
        return
    offer.recording = True
    if template is None:
        return
    path = expand_record_template(
        template, call=call.id, queue=offer.stay.queue.name, agent=offer.agent.name, at_us=state.now_us
    )
    state.act(SetVariables(call.node, call.uuid, (("cc_record_filename", path),)))
    state.act(StartRecording(call.node, call.uuid, path))
    state.note(RecordingStarted, call.node, call=call.id, agent=offer.agent.name, path=path)


def job_ended(state: State, offer: Offer, event: Event) -> bool:
    """BACKGROUND_JOB of the originate: the only sign of a failure that made no leg. True: no news."""
    offer.job_done = True
    cause = cause_of_job(event.body)
    if cause is not None:
        offer.cause = offer.cause or cause
        if cause == pacing.REFUSED_CAUSE and not any(leg.created for leg in offer.legs.values()):
            offer.nobody_to_blame = pacing.refused(state, offer, spare)
        if offer.legs_gone:
            _conclude(state, offer)
        return False
    winner = offer.legs.get(event.body.decode("utf-8", "replace").removeprefix("+OK").strip())
    if winner is None or winner.dead or winner.parked:
        return True
    if not winner.answered:
        leg_answered(state, offer, winner)
    if offer.state is OfferState.CLAIMED:
        state.start_timer(PARK_GRACE_US, _park_overdue, offer, winner)
    return False


def originate_refused(state: State, offer: Offer) -> None:
    """The switch or our own builder refused the command: no leg will come, and nobody is to blame."""
    offer.job_done = True
    offer.fault, offer.cause = "path_error", "ORIGINATE_REFUSED"
    if offer.legs_gone:
        _conclude(state, offer)


def leg_gone(state: State, offer: Offer, leg: Leg, cause: str) -> None:
    """HANGUP (or DESTROY, or a probe that found nothing) of one leg. Conversations end elsewhere."""
    if leg.dead:
        return
    leg.created = leg.dead = True
    leg.cause = cause
    if offer.state in (OfferState.CLAIMED, OfferState.BRIDGING) and not any(
        other.answered and not other.dead for other in offer.legs.values()
    ):
        _give_up(state, offer, _fault(offer, cause, answered=leg.answered), cause)
    if offer.state in (OfferState.RINGING, OfferState.ENDING) and offer.legs_gone:
        offer.cause = offer.cause or cause
        _conclude(state, offer)


def spare(state: State, offer: Offer) -> None:
    """The node can't ring the phone now: as if the offer had never been made."""
    state.spared = True
    withdraw(state, offer, "ORIGINATOR_CANCEL")


def withdraw(state: State, offer: Offer, cause: str) -> None:
    """Stop ringing: the caller left or is another's. The agent keeps the idle time."""
    if offer.state in (OfferState.RINGING, OfferState.CLAIMED, OfferState.BRIDGING):
        if offer.standing and offer.state is OfferState.RINGING and offer.agent.warning_tone:
            for leg in offer.legs.values():  # or it passes for the next caller's, or is heard in their talk
                state.act(StopMusic(offer.call.node, leg.uuid))
        offer.fault = "withdrawn"
        _end(state, offer, cause)


def take_back(state: State, offer: Offer) -> None:
    """The caller is parked again and the bridge never came (race R5): free the agent, keep the place."""
    offer.fault = offer.fault or "path_error"
    offer.cause = offer.cause or "BRIDGE_FAILED"
    _end(state, offer, "NORMAL_CLEARING")


def end_after_talk(state: State, offer: Offer, *, hang_up: bool) -> None:
    """The conversation is over: the agent is freed when the last leg is gone.

    Without `hang_up` the switch is trusted to end the talking leg; the watchdog sees to it if it doesn't.
    """
    _end(state, offer, "NORMAL_CLEARING", kill_talk_leg=hang_up)


# Ends.


def _fault(offer: Offer, cause: str, *, answered: bool) -> Fault:
    """Whose fault it is. What we called off ourselves is marked by `withdraw`; a phone that cancels on its
    own would be rung again at once, and for ever, if that counted as withdrawn.
    """
    fault = fault_of(cause, answered=answered, compatible=offer.stay.queue.compatible)
    return "path_error" if fault == "withdrawn" else fault


def _give_up(state: State, offer: Offer, fault: Fault, cause: str) -> None:
    """An answered offer came to nothing before the bridge: the caller keeps the place (race R5)."""
    if offer.state is OfferState.BRIDGING:
        state.start_timer(REGAIN_US, _regain, offer.call)
    offer.fault = fault
    offer.cause = cause
    _end(state, offer, "NORMAL_CLEARING")


def _end(state: State, offer: Offer, cause: str, *, kill_talk_leg: bool = True) -> None:
    offer.state = OfferState.ENDING
    state.touch(offer.call)
    for leg in offer.legs.values():
        leg.dead = leg.dead or not offer.sent
        if offer.standing and not leg.dead and (offer.leg_back or not offer.talk_leg):
            leg.dead = True  # for this offer; it stays where it is
        if leg.dead:
            continue
        if kill_talk_leg or leg.uuid != offer.talk_leg:
            _kill(state, offer, leg, cause)
    if offer.legs_gone:
        _conclude(state, offer)
    else:
        _watch(state, offer, SPARED_US if offer.spared else KILL_DEADLINE_US, _kill_overdue)


def _prove_idle(state: State, offer: Offer) -> None:
    """An offer that came to nothing leaves the agent's place in the idle order alone (I8)."""
    idle_since_us = state.router.agent(offer.agent_id).idle_since_us
    if idle_since_us > offer.made_us >= state.ledger.stirred_us(offer.agent.name):
        state.note(InvariantViolated, offer.call.node, rule="I8", call=offer.call.id)


def _kill(state: State, offer: Offer, leg: Leg, cause: str) -> None:
    if not leg.created:
        state.forbid(leg.uuid)
    state.act(Kill(offer.call.node, leg.uuid, cause))


def _conclude(state: State, offer: Offer) -> None:
    """Every leg is gone: the agent goes back to the core."""
    if offer.state is OfferState.OVER:
        return
    call, stay = offer.call, offer.stay
    talked = offer.talk_since_us > 0
    fault = offer.fault or _fault(offer, offer.cause, answered=offer.answered)
    offer.state = OfferState.OVER
    state.touch(call)
    state.stop_timer(offer.watchdog)
    _forget(state, offer)
    if talked:
        state.router.finish(state.now_us, offer.id)
        state.wrapping[offer.agent.name] = call.id
        note_wrap_up(state, call.node, offer.agent, call.id)
    else:
        if fault == "unregistered":
            registrations.not_there(state, offer.agent)
        _prove_idle(state, offer)
        status = state.router.fail(state.now_us, offer.id, "withdrawn" if offer.nobody_to_blame else fault)
        state.note(
            OfferEnded,
            call.node,
            call=call.id,
            queue=stay.queue.name,
            agent=offer.agent.name,
            attempt=offer.attempt,
            outcome=fault,
            cause=offer.cause,
            ring_us=0 if offer.ring_since_us is None else state.now_us - offer.ring_since_us,
        )
        if status is not None:
            state.note(AgentStatusChanged, agent=offer.agent.name, status=status, reason=LIMITS[fault])
            staffing.review(state)
    if offer.standing:
        standby.freed(state, call.node, offer.agent.name)
    if call.winner is offer:
        call.winner = None
        if call.phase is Phase.CONNECTING and stay.open:
            call.phase = Phase.WAITING
            music.start(state, call)


def note_wrap_up(state: State, node: str, agent: Agent, call: str) -> None:
    """Write down how long an agent rests after talking. One whose phone is away is kept back for longer:
    that passes with its reason, and must not come back with the next start.
    """
    ready_us = state.router.agent(state.agent_ids[agent.name]).ready_at_us
    until_us = max(state.now_us, min(ready_us, state.now_us + agent.wrap_up_time_us))
    state.note(AgentWrapUp, node, agent=agent.name, until_us=until_us, call=call)


def _forget(state: State, offer: Offer) -> None:
    state.offers.pop(offer.id, None)
    state.jobs.pop(offer.job, None)
    offer.stay.offers.pop(offer.id, None)
    for leg in offer.legs.values():
        state.legs.pop(leg.uuid, None)
        if not leg.created and offer.sent:
            state.forbid(leg.uuid)


# Deadlines.


def watch_ring(state: State, offer: Offer) -> None:
    """An originate whose end nobody reports is ended by us."""
    after_us = offer.stay.queue.agent_originate_timeout_us + RING_GRACE_US
    _watch(state, offer, after_us, _ring_overdue)


def _watch(state: State, offer: Offer, after_us: int, run: Callable[[State, Offer], None]) -> None:
    state.stop_timer(offer.watchdog)
    offer.watchdog = state.start_timer(after_us, run, offer)


def _ring_overdue(state: State, offer: Offer) -> None:
    """Neither a hang-up nor the job came: end it ourselves; nobody's fault."""
    if offer.state is not OfferState.RINGING:
        return
    rings_us = offer.stay.queue.agent_originate_timeout_us + RING_GRACE_US
    if not offer.sent or state.now_us < offer.made_us + rings_us:  # it waited its turn first
        _watch(state, offer, rings_us, _ring_overdue)
    else:
        offer.fault, offer.cause = "path_error", "WATCHDOG"
        _end(state, offer, "NO_ANSWER")


def _regain(state: State, call: Call) -> None:
    """The bridge ended before it began, and no PARK tells that the caller is back. Others may have sent them
    elsewhere meanwhile, which no event told: so look.
    """
    if not call.parked and call.phase in (Phase.WAITING, Phase.CONNECTING):
        ask(state, call)


def assume_parked(state: State, call: Call) -> None:
    """The caller lives and is nowhere else."""
    call.parked = True
    call.playing = False
    music.start(state, call)
    connect(state, call)


def _park_overdue(state: State, offer: Offer, leg: Leg) -> None:
    if offer.state is OfferState.CLAIMED and not leg.dead:
        leg_parked(state, offer, leg)


def ask(state: State, call: Call) -> None:
    """Does the caller's channel live, and where is it?"""
    if call.phase is not Phase.ENDED:
        state.act(Look(call.node, call.uuid, call.news))


def _bridge_overdue(state: State, offer: Offer) -> None:
    """No CHANNEL_BRIDGE: look where the caller is; with the agent, elsewhere, or still parked."""
    if offer.state is OfferState.CLAIMED:
        bridge_failed(state, offer)
    elif offer.state is OfferState.BRIDGING:
        offer.overdue = True
        ask(state, offer.call)
        _watch(state, offer, LOOK_DEADLINE_US, _look_overdue)


def _look_overdue(state: State, offer: Offer) -> None:
    """The switch doesn't say where the caller is: free the agent, and ask until it does."""
    if offer.state is OfferState.BRIDGING:
        offer.fault, offer.cause = "path_error", "BRIDGE_FAILED"
        _end(state, offer, "NORMAL_CLEARING")


def bridge_again(state: State, offer: Offer) -> None:
    """A look at the switch finds both legs parked: the bridge command never arrived."""
    offer.unsure = False
    offer.state = OfferState.CLAIMED
    offer.call.parked = True
    connect(state, offer.call)


def bridge_failed(state: State, offer: Offer) -> None:
    """The bridge was refused or never asked for; a look tells whether the caller still needs the place."""
    call = offer.call
    state.start_timer(ASK_AFTER_US, ask, call)
    offer.fault, offer.cause = "path_error", "BRIDGE_FAILED"
    call.parked = True
    _end(state, offer, "NORMAL_CLEARING")


def _kill_overdue(state: State, offer: Offer) -> None:
    """The legs should be gone by now: ask, kill again, and in the end free the agent regardless.

    A switch that doesn't answer breaks no invariant; a leg that it shows alive after all those kills does.
    While the node is away nothing can be said or done: its phones may ring on, so the agent is kept until it
    is back or counts as gone.
    """
    if offer.state is not OfferState.ENDING:
        return
    if holds.is_held(state, offer.call.node, "away"):
        _watch(state, offer, KILL_DEADLINE_US, _kill_overdue)
        return
    living = [leg for leg in offer.legs.values() if not leg.dead]
    offer.kill_rounds += 0 if offer.spared else 1
    if offer.kill_rounds > KILL_ROUNDS:
        if offer.seen_alive:
            state.note(InvariantViolated, offer.call.node, rule="I3", call=offer.call.id)
        for leg in living:
            state.forbid(leg.uuid)
            leg.created = leg.dead = True
        _conclude(state, offer)
        return
    offer.seen_alive = False
    for leg in living:
        state.act(Probe(offer.call.node, leg.uuid))
        if not offer.spared:
            _kill(state, offer, leg, "NORMAL_CLEARING")
    _watch(state, offer, SPARED_US if offer.spared else KILL_DEADLINE_US, _kill_overdue)
