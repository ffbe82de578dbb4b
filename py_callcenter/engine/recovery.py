"""Taking up what outlived the last run: agents as they stood, conversations, ringing phones, waiting callers.

The switch says what lives and who is bridged with whom; the books (`Memory`) say what is written down already
and what happened to a call before. A caller is taken up for what the switch shows; the books only decide what
a parked channel means and what must be added to them. Once taken up, it is an ordinary call.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from collections.abc import Set as AbstractSet
from typing import Final

from py_callcenter._router import Event
from py_callcenter.config import Exit, Queue
from py_callcenter.engine import (
    callers,
    exits,
    moves,
    offers,
    outside,
    questions,
    registrations,
    standby,
    strangers,
    talk,
)
from py_callcenter.engine.actions import Kill, SetVariables
from py_callcenter.engine.calls import Call, Leg, Offer, OfferState, Phase, Stay
from py_callcenter.engine.identity import job_uuid
from py_callcenter.engine.looks import (
    OfferSeal,
    application,
    is_agents,
    is_bridged,
    is_on_the_way,
    is_parked,
    is_stamped,
    offer_seal,
    partner_of,
    sequence_of,
    stamp_of,
)
from py_callcenter.engine.memory import GIVEN_UP_FOR_US, OUT_OF_SIGHT, AgentMemory, CallMemory, Memory
from py_callcenter.engine.questions import Asked
from py_callcenter.engine.records import (
    CallAnswered,
    CallEnded,
    CallLeft,
    CallLost,
    ConversationEnded,
    ConversationJoined,
    LegOrphaned,
    OfferEnded,
    OfferMade,
    OfferTakenUp,
    QueueResumed,
    Side,
)
from py_callcenter.engine.state import GivenUp, State

HOLD_US: Final = 60_000_000
"""So long an agent with a call on a node that isn't seen yet is offered nothing."""
ORPHAN_US: Final = 1_000_000
"""So long the phone of a leg that is hung up gets no other call: it takes one media tick, or two."""
_HELD: Final = frozenset({"reserved", "receiving", "in_a_queue_call"})


# Agents.


def restore_agent(state: State, name: str, was: AgentMemory) -> None:
    """Put an agent, whose status is set, back to how they stood."""
    now_us = state.now_us
    fresh = state.agents[name].reset_counters
    state.router.restore_agent(
        now_us,
        state.agent_ids[name],
        idle_since_us=was.idle_since_us,
        state_since_us=was.since_us,
        no_answer_count=was.no_answer_count,
        busy_count=was.busy_count,
        reject_count=was.reject_count,
        unregistered_count=was.unregistered_count,
        calls_answered=was.fresh_calls if fresh else was.calls_answered,
        talk_us=was.fresh_talk_us if fresh else was.talk_us,
        served=was.served,
        rest_until_us=max(0, was.rest_until_us),
        wrap_up=True,
    )
    registrations.keep_back(state, name, was.held_until_us)


def expect(state: State, memory: Memory) -> None:
    """Remember calls that the books leave open, and offer their agents nothing until their nodes are seen."""
    nodes = {node.name for node in state.config.nodes}
    if len(nodes) > 1:
        for agent, known in memory.agents.items():
            if known.rung_on in nodes and agent in state.agent_ids:
                _await(state, agent, known.rung_on, known)
    for uuid, past in memory.calls.items():
        if nodes and past.node not in nodes:
            _close_books(state, uuid, past)
            continue
        if past.standing == "given-up":
            state.reach.given_up.setdefault(past.node, {})[uuid] = _given_up(past)
            continue
        state.past[uuid] = past
        if len(nodes) > 1:
            was = memory.agents.get(past.agent)
            ending = was is not None and was.finishing == uuid  # the leg was to be hung up
            talks = past.standing == "talking" or ending
            for agent in [*past.offers, past.agent] if talks else past.offers:
                if agent in state.agent_ids:
                    _await(state, agent, past.node, memory.agents.get(agent))


def _await(state: State, agent: str, node: str, was: AgentMemory | None) -> None:
    """Offer an agent nothing until a node is seen, or for so long."""
    held_until_us = 0 if was is None else was.held_until_us
    state.awaited[agent] = node, held_until_us
    ready_us = max(held_until_us, state.now_us + HOLD_US)
    state.router.set_ready_at(state.now_us, state.agent_ids[agent], ready_us)


def rung_elsewhere(state: State, agent: str) -> None:
    """An agent waited long enough for a node that nobody sees, and gets another call: what the books have
    open of them there is over, or the next start would wait again, and count their time twice.
    """
    if state.awaited.pop(agent, None) is None:
        return
    for uuid, past in state.past.items():
        if agent in past.offers:
            _end_offer(state, uuid, past, agent)
        if past.agent == agent:
            _part_in_books(state, uuid, past, transferred=False)


def expected_legs(state: State, node: str, seen: Container[str]) -> list[str]:
    """Channels that the books speak of: a look at the node must ask for them by name.

    `seen`: channels that it shows. Who talks does so by one phone; once that is seen there is no other, and
    seven names of each conversation need not be asked for while callers wait.
    """
    uuids = []
    for uuid, past in state.past.items():
        if past.node != node:
            continue
        uuids.append(uuid)
        for attempt in past.offers.values():
            uuids += state.sealer.legs(uuid, attempt)
        if past.standing == "talking" and past.agent not in past.offers:
            legs = state.sealer.legs(uuid, past.attempts)
            if not any(leg in seen for leg in legs):
                uuids += legs
    return uuids


# Calls.


def give_up(state: State, node: str) -> None:
    """All calls of a node are about to end in the books, for nobody knows of them."""
    calls = state.reach.given_up.setdefault(node, {})
    for call in state.calls.values():
        if call.node == node:
            entered_us = call.first_us if call.stay is None else call.stay.entered_us
            calls[call.uuid] = GivenUp(call.stays, entered_us, call.attempts)
    calls.update({uuid: _given_up(past) for uuid, past in state.past.items() if past.node == node})


def _given_up(past: CallMemory) -> GivenUp:
    return GivenUp(past.leg, past.entered_us, past.attempts)


def reappeared(state: State, node: str, uuid: str) -> bool:
    """A channel tells something. One that was given up, and that the switch has again (`sofia recover` after
    its death), is taken up by a fresh look: its events alone don't tell what became of its call.
    """
    back = uuid in state.reach.given_up.get(node, ())
    if back:
        state.round.doubts.add(node)
    return back


def seen(state: State, node: str) -> None:
    """A node has been looked at. Who isn't there any more may be brought back by the switch for a while."""
    gone = state.reach.given_up.get(node, {})
    _forget(state, node, gone.keys() & state.calls.keys())
    newly = frozenset(uuid for uuid, was in gone.items() if not was.missed)
    for uuid in newly:
        gone[uuid].missed = True
    if newly:
        state.start_timer(GIVEN_UP_FOR_US, _forget, node, newly)


def _forget(state: State, node: str, uuids: AbstractSet[str]) -> None:
    left = state.reach.given_up.get(node, {})
    for uuid in uuids:
        left.pop(uuid, None)
    if not left:
        state.reach.given_up.pop(node, None)


def cause_unseen(state: State, node: str, uuid: str) -> str:
    """Of the end of a call that nobody saw."""
    return OUT_OF_SIGHT if uuid in state.reach.given_up.get(node, ()) else "UNSEEN"


def take_up(state: State, node: str, live: Mapping[str, Event]) -> None:
    """Everything that lives on a node and is unknown here; then what the books have open and that is dead."""
    _await_no_more(state, node)
    for uuid in live.keys() & state.reach.given_up.get(node, {}).keys():
        state.dead.pop(uuid, None)
    legs = {uuid: dump for uuid, dump in live.items() if uuid not in state.legs and offer_seal(state, dump)}
    unknown = [dump for uuid, dump in live.items() if uuid not in state.calls and not is_agents(state, dump)]
    unknown.sort(key=lambda dump: _age(state, dump))
    asked = questions.found(state, live)
    ringing = {uuid: past for uuid, past in state.past.items() if past.node == node and past.offers}
    for dump in unknown:
        _take_up_caller(state, node, dump, legs, asked)
        call = state.calls.get(dump.unique_id)
        if call is not None:
            questions.take_up(state, call, dump, asked, live)
    questions.end(state, node, asked)
    legs = {uuid: dump for uuid, dump in legs.items() if not standby.is_sealed(state, dump)}
    _take_up_offers(state, node, legs, ringing)
    for uuid, past in ringing.items():
        _end_offers(state, uuid, past)
    for uuid in [uuid for uuid, past in state.past.items() if past.node == node]:
        _close_books(state, uuid, state.past.pop(uuid))
    for uuid, dump in live.items():
        if uuid in state.calls:
            strangers.known(state, uuid)
        elif uuid not in state.legs and is_bridged(dump):
            seal = offer_seal(state, dump)
            if seal is not None and seal.agent in state.agents:
                outside.lent(state, node, uuid, seal.agent)


def _await_no_more(state: State, node: str) -> None:
    """The node has been seen: its agents are held back for other reasons only."""
    for agent in [agent for agent, (where, _) in state.awaited.items() if where == node]:
        _, held_until_us = state.awaited.pop(agent)
        if agent in state.agent_ids:
            registrations.keep_back(state, agent, held_until_us)


def orphan(state: State, node: str, uuid: str, dump: Event) -> None:
    """A leg that carries our seal and belongs to nothing here; never one that talks, never a stranger's."""
    seal = offer_seal(state, dump)
    if seal is None and standby.is_sealed(state, dump) and not is_bridged(dump):
        state.act(Kill(node, uuid, "NORMAL_CLEARING"))  # another stands by for that agent
    if seal is not None and not is_bridged(dump):
        state.note(LegOrphaned, node, call=seal.call, agent=seal.agent)
        state.act(Kill(node, uuid, "ORIGINATOR_CANCEL"))
        agent_id = state.agent_ids.get(seal.agent)
        if agent_id is not None:  # no other call may reach the phone before this one has left it
            ready_us = max(state.router.agent(agent_id).ready_at_us, state.now_us + ORPHAN_US)
            state.router.set_ready_at(state.now_us, agent_id, ready_us)


def _age(state: State, dump: Event) -> tuple[int, int]:
    """Who came first is taken up first: so the core orders those who came in the same microsecond."""
    past = state.past.get(dump.unique_id)
    if past is not None:
        return past.entered_us, past.order
    return stamp_of(dump).entered_us, 1 << 62


def _take_up_caller(
    state: State, node: str, dump: Event, legs: dict[str, Event], asked: dict[str, Asked]
) -> None:
    uuid = dump.unique_id
    past = state.past.pop(uuid, None)
    was = state.reach.given_up.get(node, {}).get(uuid)
    known = past is not None or was is not None or is_stamped(state, dump)
    if not dump.get("variable_cc_queue"):
        if past is not None:
            _take_up_leaving(state, node, dump, past)
        return
    if is_bridged(dump):
        if known:
            take_up = _take_up_transferred if is_on_the_way(dump) else _take_up_bridged
            take_up(state, node, dump, past, legs.pop(partner_of(dump), None))
    elif not is_parked(dump) and not (past is not None and _hears_music(dump, past)):
        if past is not None:
            _take_up_elsewhere(state, node, dump, past)
    elif not known:
        callers.arrived(state, node, dump)
    else:
        if past is not None and past.queue == dump.get("variable_cc_queue"):
            apart = questions.agents_leg(state, uuid, past, legs, asked)
            if apart is not None:
                del legs[apart.unique_id]
                _take_up_bridged(state, node, dump, past, apart)
                return
        _take_up_parked(state, node, dump, past, asked)


def _take_up_leaving(state: State, node: str, dump: Event, past: CallMemory) -> None:
    """On their way out or away: followed to the end, or sent once more."""
    if not _never_left(dump, past):
        _take_up_elsewhere(state, node, dump, past)
        return
    queue = state.queues.get(past.queue)
    to = state.config.controller.on_unknown_queue if queue is None else _exit_for(queue, past.reason)
    exits.leave(state, _call(state, node, dump, past), None, to)


def _never_left(dump: Event, past: CallMemory) -> bool:
    """On the way to an exit by our word, and still in the park: the transfer or the hang-up was lost."""
    ours = past.standing == "left" or (past.standing == "parted" and not past.transferred)
    if not ours or not dump.get("variable_cc_queue_terminated_epoch") or moves.moved_since_stamped(dump):
        return False
    return is_parked(dump) or application(dump) == "playback"


def _take_up_elsewhere(state: State, node: str, dump: Event, past: CallMemory) -> None:
    """In somebody else's care, such as the dead man's exit: what the books have open of the call is over."""
    uuid = dump.unique_id
    _part_in_books(state, uuid, past, transferred=True)
    if past.standing == "waiting":
        _note_left(state, uuid, past, "taken-elsewhere")
    _with_others(_call(state, node, dump, past), dump)


def _with_others(call: Call, dump: Event) -> None:
    """Somebody else cares for the caller; if the dialplan does, a PARK that it comes to is news."""
    call.phase = Phase.AWAY
    if moves.by_transfer(dump):
        call.source = ""


def _hears_music(dump: Event, past: CallMemory) -> bool:
    """In the park for all we know, though our stamps didn't reach the channel."""
    waits = past.standing == "waiting" and not moves.moved_since_stamped(dump)
    return waits and application(dump) == "playback"


def _call(state: State, node: str, dump: Event, past: CallMemory | None) -> Call:
    """The caller's channel as a call of ours again."""
    uuid = dump.unique_id
    call = callers.call_from(state, node, dump, state.now_us)
    call.seen_at = sequence_of(dump)
    stamp = stamp_of(dump)
    was = past or state.reach.given_up.get(node, {}).get(uuid)
    call.attempts = max(stamp.attempt, was.attempts if was is not None else 0)
    call.stays = was.leg if was is not None else stamp.leg
    call.first_us = min(was.entered_us if was is not None else stamp.entered_us, state.now_us)
    state.calls[uuid] = call
    return call


def _take_up_parked(
    state: State, node: str, dump: Event, past: CallMemory | None, asked: dict[str, Asked]
) -> None:
    """A caller of ours is parked: what the books and the stamps say of the time before decides."""
    uuid = dump.unique_id
    name = dump.get("variable_cc_queue") or ""
    queue = state.queues.get(name)
    talked = dump.get("variable_cc_agent_bridged") == "true"
    anew = moves.moved_since_stamped(dump)
    call = _call(state, node, dump, past)
    if past is None:
        standing, same = ("parted" if talked else "waiting"), True
    else:
        standing, same = past.standing, past.queue == name
        if standing == "waiting" and talked:  # the books lack it
            standing = past.standing = "talking"
            past.agent = dump.get("variable_cc_agent") or ""
            past.talk_since_us = max(past.entered_us, stamp_of(dump).answered_us)
        if standing == "talking":
            asks = same and not anew and questions.hand_over(state, call, past, asked)
            _part_in_books(state, uuid, past, transferred=asks or not same or anew)
            if asks:
                state.act(SetVariables(node, uuid, talk.NO_LONGER_OURS))
                return
    if queue is None:
        exits.unknown_queue(state, call, name)
        return
    match standing:
        case "waiting" if same and not anew:
            call.stays -= uuid not in state.reach.given_up.get(node, ())
            entered_us = _entered_us(state, node, uuid, past, stamp_of(dump).entered_us)
            earlier_us = callers.read_earlier(state, dump)
            callers.enter(state, call, queue, entered_us, counted=True, earlier_us=earlier_us)
        case "waiting" if past is not None:
            _note_left(state, uuid, past, "transferred")
            callers.enter(state, call, queue, state.now_us)
        case "left" if past is not None and not dump.get("variable_cc_queue_terminated_epoch"):
            exits.leave(state, call, None, _exit_for(queue, past.reason))
        case "talking" | "parted" if same and not (past is not None and (past.transferred or anew)):
            exits.leave(state, call, None, queue.after_call)
        case _:
            callers.enter(state, call, queue, state.now_us)


def _entered_us(state: State, node: str, uuid: str, past: CallMemory | None, stamped_us: int) -> int:
    """Since when a caller waits. What the switch kept of a channel that it brought back may be older than our
    stamps; what we know comes first.
    """
    was = past or state.reach.given_up.get(node, {}).get(uuid)
    return min(was.entered_us if was is not None else stamped_us or state.now_us, state.now_us)


def _exit_for(queue: Queue, reason: str) -> Exit:
    return {
        "timeout": queue.on_timeout,
        "no-agent": queue.on_no_agent,
        "full": queue.on_full,
        "expected-wait": queue.on_full,
        "exit-key": queue.on_exit_key,
    }.get(reason, queue.after_call)


# Conversations.


def _take_up_bridged(
    state: State, node: str, dump: Event, past: CallMemory | None, partner: Event | None
) -> None:
    """`partner`: the leg that the caller is bridged with, when it carries our seal."""
    uuid = dump.unique_id
    seal = None if partner is None else offer_seal(state, partner)
    stamp = stamp_of(dump)
    # The stamped name of the queue is sealed; the books need none.
    queue = state.queues.get(past.queue if past is not None else dump.get("variable_cc_queue") or "")
    agent_id = None if seal is None else state.agent_ids.get(seal.agent)
    call = _call(state, node, dump, past)
    call.parked = False
    # An attended transfer leaves the caller with a leg that was made for another call.
    joined = partner is not None and dump.get("variable_cc_agent_uuid") == partner.unique_id
    ours = seal is not None and (seal.call == uuid or joined)
    entered_us = _entered_us(state, node, uuid, past, stamp.entered_us)
    anew = uuid in state.reach.given_up.get(node, ())
    if queue is not None:
        call.stays = max(1, call.stays + anew)
        call.stay = Stay(
            queue=queue,
            queue_id=state.queue_ids[queue.name],
            caller_id=0,
            index=call.stays,
            entered_us=entered_us,
            priority=call.wishes.priority,
            open=False,
        )
    stay = call.stay
    if partner is None or seal is None or not ours or queue is None or stay is None or agent_id is None:
        _take_up_with_others(state, call, dump, past)
        return
    counted = anew or (past is not None and past.counted)
    talks = past is not None and past.standing == "talking"
    parted = past is not None and past.standing == "parted"  # for all that we knew
    if past is not None and (talks or parted):
        since_us = past.talk_since_us
    else:
        since_us = 0 if anew else stamp.answered_us
        # The stamp is in whole seconds, and the agent may have come from another caller meanwhile.
        since_us = max(since_us or state.now_us, state.router.agent(agent_id).idle_since_us)
    since_us = max(entered_us, min(since_us, state.now_us))
    if not _free(state, agent_id):  # the agent is another caller's by now
        _close_in_books(state, uuid, past)
        _with_others(call, dump)
        return
    offer_id = state.router.adopt_conversation(state.now_us, agent_id, since_us=since_us, counted=counted)
    leg = Leg(partner.unique_id, created=True, answered=True, described=offers.is_described(partner))
    offer = _offer(state, offer_id, (call, stay), seal, [leg])
    offer.state = OfferState.TALKING
    offer.job_done = True
    offer.talk_leg, offer.talk_since_us = leg.uuid, since_us
    offer.hold_since_us = state.now_us if partner.get("Channel-Call-State") == "HELD" else None
    offer.recording = True  # it runs already where the queue wants one
    call.phase, call.winner = Phase.TALKING, offer
    if past is not None and not talks and seal.agent in past.offers:
        past.offers.pop(seal.agent)
        talk.note_taken(state, offer)
    if anew:  # in the books that conversation is over, and goes on as one without a wait
        what = {"call": uuid, "queue": queue.name, "leg": stay.index, "agent": seal.agent}
        state.note(ConversationJoined, node, after=uuid, **what)
    elif past is None:  # what the books lack, they learn as of a caller who is still waiting
        state.note(
            QueueResumed, node, call=uuid, queue=queue.name, leg=stay.index, entered_us=stay.entered_us
        )
    if not counted:
        talk.prove_answer(state, offer, since_us)
    state.note(
        OfferTakenUp, node, call=uuid, queue=queue.name, agent=seal.agent, attempt=seal.attempt, talking=True
    )


def _take_up_transferred(
    state: State, node: str, dump: Event, past: CallMemory | None, _partner: Event | None
) -> None:
    """Sent into the dialplan a moment ago, which may park them in a queue: as if we had seen it."""
    call = _call(state, node, dump, past)
    _close_in_books(state, call.uuid, past)
    call.source = ""  # the PARK that follows is the first of this transfer
    call.parked = False
    call.phase = Phase.PARTED
    call.transferred = call.handed_on = True


def _take_up_with_others(state: State, call: Call, dump: Event, past: CallMemory | None) -> None:
    """Bridged with a leg that isn't an agent's of ours, or with one that has just hung up."""
    last = dump.get("variable_cc_agent_uuid")
    alone = bool(last) and partner_of(dump) == last and call.stay is not None
    _close_in_books(state, call.uuid, past, transferred=not alone)
    if alone:  # the caller's PARK follows
        call.phase = Phase.PARTED
        call.settle_timer = state.start_timer(talk.PARTED_DEADLINE_US, talk.still_parted, call)
    else:
        _with_others(call, dump)
        state.act(SetVariables(call.node, call.uuid, talk.NO_LONGER_OURS))


def _close_in_books(state: State, uuid: str, past: CallMemory | None, *, transferred: bool = True) -> None:
    """Whatever the books have open of a call whose channel somebody else has."""
    if past is None:
        return
    _part_in_books(state, uuid, past, transferred=transferred)
    if past.standing == "waiting":
        _note_left(state, uuid, past, "taken-elsewhere")


def _free(state: State, agent_id: int) -> bool:
    return state.router.agent(agent_id).state not in _HELD


def _offer(
    state: State, offer_id: int, where: tuple[Call, Stay], seal: OfferSeal, legs: Iterable[Leg]
) -> Offer:
    """An offer of the last run, for a queue leg of a call."""
    call, stay = where
    offer = Offer(
        id=offer_id,
        call=call,
        stay=stay,
        agent=state.agents[seal.agent],
        agent_id=state.agent_ids[seal.agent],
        attempt=seal.attempt,
        job=job_uuid(call.id, seal.attempt),
        made_us=state.now_us,
        legs={leg.uuid: leg for leg in legs},
        standing=standby.stands(state, seal.agent),
    )
    call.attempts = max(call.attempts, seal.attempt)
    stay.offers[offer_id] = offer
    state.touch(call)
    state.offers[offer_id] = offer
    state.jobs[offer.job] = offer
    for leg in offer.legs.values():
        state.legs[leg.uuid] = offer
        if leg.answered:
            offers.describe(state, offer, leg)
    return offer


# Phones that ring.


def _take_up_offers(
    state: State, node: str, legs: Mapping[str, Event], ringing: Mapping[str, CallMemory]
) -> None:
    """Phones that ring for a caller who waits go on ringing; all other legs of ours are hung up."""
    rings: dict[OfferSeal, list[Event]] = {}
    for dump in legs.values():
        seal = offer_seal(state, dump)
        if seal is not None:
            rings.setdefault(seal, []).append(dump)
    for seal, dumps in sorted(rings.items(), key=lambda item: (item[0].call, item[0].attempt, item[0].agent)):
        call = state.calls.get(seal.call)
        if call is None or not _wants(state, call, seal) or any(is_bridged(dump) for dump in dumps):
            for dump in dumps:
                orphan(state, node, dump.unique_id, dump)
            continue
        past = ringing.get(call.id)
        known = past is not None and past.offers.pop(seal.agent, None) is not None
        _take_up_offer(state, call, seal, dumps, known=known)


def _wants(state: State, call: Call, seal: OfferSeal) -> bool:
    """Whether the caller still waits and the agent could take the call."""
    agent_id = state.agent_ids.get(seal.agent)
    if agent_id is None or call.stay is None or not call.stay.open or call.phase is not Phase.WAITING:
        return False
    agent = state.router.agent(agent_id)
    return agent.state not in _HELD and agent.status in offers.TAKES_CALLS


def _take_up_offer(state: State, call: Call, seal: OfferSeal, dumps: Iterable[Event], *, known: bool) -> None:
    """`known`: the records tell that the offer was made."""
    stay = call.stay
    if stay is None:
        return
    names = [
        state.sealer.leg(call.id, seal.attempt, place)
        for place in range(len(state.agents[seal.agent].contacts))
    ]
    offer_id = state.router.adopt_offer(state.now_us, stay.caller_id, state.agent_ids[seal.agent])
    offer = _offer(state, offer_id, (call, stay), seal, map(Leg, names))
    what = {"call": call.id, "queue": stay.queue.name, "agent": seal.agent, "attempt": seal.attempt}
    if not known:
        state.note(OfferMade, call.node, **what)
    state.note(OfferTakenUp, call.node, talking=False, **what)
    offers.watch_ring(state, offer)
    for dump in dumps:
        leg = offer.legs.get(dump.unique_id)
        if leg is None:  # one more phone was registered then
            leg = offer.legs[dump.unique_id] = Leg(dump.unique_id)
            state.legs[leg.uuid] = offer
        leg.created = True
        leg.described = offers.is_described(dump)
        if is_parked(dump):
            offers.leg_parked(state, offer, leg)
        elif dump.get("Answer-State") == "answered":
            offers.leg_answered(state, offer, leg)
        elif dump.get("Answer-State") in ("ringing", "early"):
            offers.leg_rings(state, offer, leg)


# The books.


def _end_offers(state: State, uuid: str, past: CallMemory) -> None:
    """Write down that these came to nothing while nobody looked."""
    for agent in list(past.offers):
        _end_offer(state, uuid, past, agent)


def _end_offer(state: State, uuid: str, past: CallMemory, agent: str) -> None:
    state.note(
        OfferEnded,
        past.node,
        call=uuid,
        queue=past.queue,
        agent=agent,
        attempt=past.offers.pop(agent),
        outcome="withdrawn",
        cause="UNSEEN",
        ring_us=0,
    )


def _part_in_books(state: State, uuid: str, past: CallMemory, *, transferred: bool) -> None:
    """The conversation that the books have open ended while nobody looked; the agent rests from now on."""
    if past.standing != "talking":
        return
    past.standing = "parted"
    past.transferred = transferred
    since_us, past.talk_since_us = past.talk_since_us, state.now_us
    if not past.counted:
        state.note(
            CallAnswered,
            past.node,
            call=uuid,
            queue=past.queue,
            leg=past.leg,
            agent=past.agent,
            wait_us=max(0, since_us - past.entered_us),
        )
    ended_by: Side = "agent" if transferred else "system"
    state.note(
        ConversationEnded,
        past.node,
        call=uuid,
        queue=past.queue,
        leg=past.leg,
        agent=past.agent,
        talk_us=max(0, state.now_us - since_us),
        hold_us=0,
        ended_by=ended_by,
        transferred=transferred,
    )
    agent_id = state.agent_ids.get(past.agent)
    for offer in state.offers.values():
        if offer.agent_id == agent_id and offer.talk_since_us:  # with the next caller, as far as the books go
            offer.talk_since_us = max(offer.talk_since_us, state.now_us)
    if agent_id is not None and _free(state, agent_id):
        offer_id = state.router.adopt_conversation(
            state.now_us, agent_id, since_us=min(since_us, state.now_us), counted=past.counted
        )
        state.router.finish(state.now_us, offer_id)
        offers.note_wrap_up(state, past.node, state.agents[past.agent], uuid)


def _note_left(state: State, uuid: str, past: CallMemory, reason: str) -> None:
    state.note(
        CallLeft,
        past.node,
        call=uuid,
        queue=past.queue,
        leg=past.leg,
        wait_us=max(0, state.now_us - past.entered_us),
        reason=reason,
        target="",
    )


def _close_books(state: State, uuid: str, past: CallMemory) -> None:
    """The channel died while nobody looked."""
    _end_offers(state, uuid, past)
    if past.standing == "waiting":
        state.note(
            CallLost,
            past.node,
            call=uuid,
            queue=past.queue,
            leg=past.leg,
            wait_us=max(0, state.now_us - past.entered_us),
        )
    else:
        _part_in_books(state, uuid, past, transferred=False)
    state.note(CallEnded, past.node, call=uuid, cause=cause_unseen(state, past.node, uuid))
