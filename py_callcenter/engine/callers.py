"""A caller's way: parked, in a queue, parked again after whatever happened, and out by a named exit."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from py_callcenter._router import Estimate, Event
from py_callcenter.config import HANGUP, Queue
from py_callcenter.engine import (
    arrival,
    consults,
    divert,
    endings,
    exits,
    holds,
    joining,
    looks,
    moves,
    music,
    staffing,
    talk,
    wishes,
)
from py_callcenter.engine.actions import SetVariables
from py_callcenter.engine.calls import WISH_OVER, Call, OfferState, Phase, Stay
from py_callcenter.engine.identity import job_uuid
from py_callcenter.engine.records import (
    AbandonPhase,
    CallAbandoned,
    CallEnded,
    CallLost,
    CallOffered,
    QueueEntered,
    QueueResumed,
)
from py_callcenter.engine.state import State

SETTLE_US: Final = 400_000
"""A PARK and the agent's HANGUP may swap; this long we wait for the second before deciding."""
FOR_AGENT_US: Final = 60_000_000
"""So long a caller who was transferred to an agent waits for that one."""
SHORT_ABANDON_US: Final = 5_000_000
"""An abandoned call shorter than this is counted apart (`phase="short"`)."""


def expect(state: State, event: Event) -> None:
    """A channel came that may be a caller's: has at hand what takes longest to make for the first phone
    that rings. Its ANSWER and PARK may come together, some milliseconds later.
    """
    uuid = event.unique_id
    state.sealer.leg(uuid, 1, 0)
    job_uuid(uuid, 1)
    state.sealer.caller(event.get("Caller-Caller-ID-Number") or "")


def arrived(state: State, node: str, event: Event) -> None:
    """First PARK of a channel that we don't know."""
    name = event.get("variable_cc_queue") or ""
    queue = state.queues.get(name)
    stamped = looks.is_stamped(state, event)
    known = stamped or looks.was_ours(state, event)
    call = call_from(state, node, event, state.now_us)
    if known:  # with another queue than before, it is another queue leg
        stamp = looks.stamp_of(event)
        call.attempts, call.stays = stamp.attempt, stamp.leg - 1 if stamped else stamp.leg
        if stamped:
            call.first_us = min(stamp.entered_us, state.now_us)
    entered_us = call.first_us
    state.calls[call.uuid] = call
    if not known and queue is not None:
        caller = state.sealer.caller(call.number)
        state.note(CallOffered, node, call=call.id, queue=queue.name, caller=caller)
    if queue is None:
        exits.unknown_queue(state, call, name)
    elif stamped and event.get("variable_cc_agent_bridged") == "true":
        exits.leave(
            state, call, None, queue.after_call
        )  # the conversation ended while nobody of us was there
    else:
        if stamped:
            resumed, earlier_us = None, read_earlier(state, event)
        else:
            resumed = arrival.resume(state, call, queue)
            earlier_us = arrival.earlier_us(state, call, queue, event) if resumed is None else resumed
        enter(
            state,
            call,
            queue,
            entered_us,
            counted=stamped,
            earlier_us=earlier_us,
            resumed=resumed is not None,
            shown=event,
        )


def call_from(state: State, node: str, event: Event, first_us: int) -> Call:
    """A call of the channel that an event or a dump tells of."""
    wishes_ = wishes.read(event)
    if _is_meant(state, event):
        wishes_ = replace(wishes_, preferred_for_us=FOR_AGENT_US)
    return Call(
        id=event.unique_id,
        node=node,
        uuid=event.unique_id,
        name=event.get("variable_effective_caller_id_name") or event.get("Caller-Caller-ID-Name") or "",
        number=event.get("variable_effective_caller_id_number") or event.get("Caller-Caller-ID-Number") or "",
        wishes=wishes_,
        first_us=first_us,
        source=moves.source(event),
    )


def enter(
    state: State,
    call: Call,
    queue: Queue,
    entered_us: int,
    *,
    counted: bool = False,
    earlier_us: int = 0,
    resumed: bool = False,
    sent: bool = False,
    shown: Event | None = None,
) -> None:
    """Begin a queue leg: into the core's order, stamped on the channel, with music.

    `counted`: the leg was entered before a restart of ours and is in the records already. `earlier_us`: wait
    before it that counts in the order; `resumed`: it is that of a place lost a moment ago. `sent`: somebody
    has decided that the caller waits here, however long. `shown`: the channel as it is, with nothing of ours
    under way to it.
    """
    queue_id = state.queue_ids[queue.name]
    full = 0 < queue.max_callers <= state.router.calls_waiting(queue_id)
    call.stays += 1
    call.phase = Phase.WAITING
    call.transferred = False
    stay = Stay(
        queue=queue,
        queue_id=queue_id,
        caller_id=0,
        index=call.stays,
        entered_us=entered_us,
        priority=call.wishes.priority,
        earlier_us=earlier_us,
        resumed=resumed,
        open=False,
    )
    call.stay = stay
    if full and not counted:
        _note_entered(state, call, stay, 0)
        exits.note_left(state, call, stay, "full", str(call.wishes.exit or queue.on_full))
        exits.leave(state, call, "full", queue.on_full)
        return
    if queue.name in state.diverts and not counted:
        _note_entered(state, call, stay, 0)
        divert.turned_away(state, call)
        return
    too_long = _queue_up(state, call, stay, new=not counted, sent=sent)
    if not counted:
        for wish in call.wishes.unreadable:
            arrival.ignored(state, call, queue, wish)
    if counted:
        state.note(
            QueueResumed,
            call.node,
            call=call.id,
            queue=queue.name,
            leg=stay.index,
            entered_us=stay.entered_us,
        )
    elif too_long:
        exits.leave(state, call, "expected-wait", queue.on_full)
        return
    # In the next turn: the caller waits for a phone to ring, and for nothing else.
    state.start_timer(0, _settle_in, call, stay, shown)


def _settle_in(state: State, call: Call, stay: Stay, shown: Event | None = None) -> None:
    """What must outlive us on the channel, and music."""
    if call.stay is stay and stay.open:
        stamps = _stamps(state, call, stay)
        if shown is not None:  # the switch reads each byte on its own, while it rings a phone
            stamps = tuple(one for one in stamps if one[1] or f"variable_{one[0]}" in shown)
        state.act(SetVariables(call.node, call.uuid, stamps))
        music.start(state, call)


def _note_entered(state: State, call: Call, stay: Stay, position: int, told: Estimate | None = None) -> None:
    """`told`: the expected wait."""
    state.note(
        QueueEntered,
        call.node,
        call=call.id,
        queue=stay.queue.name,
        leg=stay.index,
        priority=stay.priority,
        position=position,
        earlier_us=stay.earlier_us,
        resumed=stay.resumed,
        expected_us=0 if told is None else told.p50_us,
        expected_low_us=0 if told is None else told.p10_us,
        expected_high_us=0 if told is None else told.p90_us,
    )


def _queue_up(state: State, call: Call, stay: Stay, *, new: bool, sent: bool = False) -> bool:
    """`new`: the records don't know this queue leg yet. Tells whether the expected wait is longer than the
    queue allows; then the leg gets no place in the records either.
    """
    router = state.router
    kept_waiting = router.calls_waiting(stay.queue_id) > 0 or router.can_serve(stay.queue_id) == 0
    stay.caller_id = arrival.enqueue(state, call, stay)
    stay.open = True
    state.waiting[stay.caller_id] = (call, stay)
    state.touch(call)
    holds.queued(state, call.node, stay)
    too_long = False
    if new:
        told = router.expected_wait_of(state.now_us, stay.caller_id) if kept_waiting else None
        too_long = not sent and told is not None and 0 < stay.queue.max_expected_wait_us < told.p50_us
        _note_entered(state, call, stay, 0 if too_long else router.position(stay.caller_id), told)
    limit_us = stay.queue.max_wait_time_us
    if limit_us > 0:
        left_us = max(0, stay.entered_us + limit_us - state.now_us)
        stay.wait_timer = state.start_timer(left_us, exits.wait_over, call, stay)
    staffing.watch(state, call, stay, exits.no_agent_over)
    return too_long


def _stamps(state: State, call: Call, stay: Stay) -> tuple[tuple[str, str], ...]:
    """What must outlive this process, and what keeps the caller when an agent's leg dies (design 4 and 7)."""
    tag = state.sealer.seal("caller", call.uuid, call.id, stay.queue.name, stay.entered_us)
    return (
        ("park_after_bridge", "true"),
        ("uuid_bridge_park_on_cancel", "true"),
        ("hangup_after_bridge", ""),
        ("playback_terminators", "none"),
        ("cc_side", "member"),
        ("cc_agent_found", ""),
        ("cc_agent_bridged", ""),
        ("cc_cause", "cancel"),  # until an agent answers: true of whoever hangs up before
        ("cc_cancel_reason", ""),
        ("cc_queue_canceled_epoch", ""),
        ("cc_queue_terminated_epoch", ""),
        ("cc_call", call.id),
        ("cc_leg", str(stay.index)),
        ("cc_member_uuid", call.id),
        ("cc_entered_us", str(stay.entered_us)),
        ("cc_queue_joined_epoch", str(stay.entered_us // 1_000_000)),
        ("cc_attempt", str(max(1, call.attempts))),
        ("cc_earlier", _seal_earlier(state, call, stay.earlier_us)),
        ("cc_epoch", str(state.epoch)),
        ("cc_source", moves.stamp(call)),
        ("cc_tag", tag),
    )


def _seal_earlier(state: State, call: Call, earlier_us: int) -> str:
    return f"{earlier_us}/{state.sealer.seal('earlier', call.uuid, earlier_us)}" if earlier_us else ""


def read_earlier(state: State, event: Event) -> int:
    """The earlier wait as stamped before a restart of ours; 0 without our seal."""
    number, _, tag = (event.get("variable_cc_earlier") or "").partition("/")
    earlier_us = looks.number_in(number)
    return earlier_us if state.sealer.holds(tag, "earlier", event.unique_id, earlier_us) else 0


def _is_meant(state: State, event: Event) -> bool:
    """Whether the agent whom the channel names is there by a transfer of ours, not by the dialplan's wish."""
    tag = event.get("variable_cc_meant")
    agent = event.get("variable_cc_preferred_agent") or ""
    return tag is not None and state.sealer.holds(tag, "meant", event.unique_id, agent)


# Parked again.


def parked_again(state: State, call: Call, event: Event) -> None:
    """A known caller is parked: what happened in between decides (design 7)."""
    if _old_news_or_moved(state, call, event) or consults.caller_parked(state, call):
        return
    call.parked = True
    name = event.get("variable_cc_queue") or ""
    match call.phase:
        case Phase.WAITING:
            _parked_while_waiting(state, call, event)
        case Phase.CONNECTING:
            _parked_while_connecting(state, call)
        case Phase.TALKING:
            call.parked_by = event
            state.stop_timer(call.settle_timer)
            call.settle_timer = state.start_timer(SETTLE_US, _settled, call, event)
        case Phase.PARTED:
            _after_talk(state, call, event)
        case Phase.LEAVING:
            # Without the mark that `leave` sets it is old news: the caller was parked before leaving.
            if name and event.get("variable_cc_queue_terminated_epoch"):
                _moved(state, call, event)
        case Phase.AWAY:
            _back(state, call, event)
        case Phase.ENDED:
            pass


def _old_news_or_moved(state: State, call: Call, event: Event) -> bool:
    """A PARK that is old news is left; one that a transfer led to, which nothing told of before, is dealt
    with. False for all others.
    """
    if looks.is_old(call, event):
        return True
    moved = moves.moved(call, event)
    if not moves.parked(call, event) and call.phase is Phase.AWAY:
        return True
    if not moved or call.phase not in (Phase.WAITING, Phase.CONNECTING, Phase.TALKING, Phase.PARTED):
        return False
    call.parked = True
    if call.phase in (Phase.WAITING, Phase.CONNECTING):
        _moved(state, call, event)
    else:
        talk.end(state, call, "system", transferred=True)
        call.transferred = True
        _after_talk(state, call, event)
    return True


def _parked_while_waiting(state: State, call: Call, event: Event) -> None:
    name = event.get("variable_cc_queue")
    if call.stay is not None and name and name != call.stay.queue.name:
        _moved(state, call, event)
    else:
        call.playing = False
        music.start(state, call)


def _parked_while_connecting(state: State, call: Call) -> None:
    offer = call.winner
    if offer is not None and offer.state is OfferState.BRIDGING:
        endings.take_back(state, offer)
    else:
        joining.connect(state, call)


def _back(state: State, call: Call, event: Event) -> None:
    """Whoever had the caller let go of them."""
    # After a bridge the switch parks in a state of its own: then `cc_queue` is left from before, because what
    # cleared it was lost.
    if event.get("variable_cc_queue") and event.get("Channel-State") != "CS_PARK":
        _moved(state, call, event)
    elif call.stay is not None:
        exits.leave(state, call, None, call.stay.queue.after_call)


def _settled(state: State, call: Call, event: Event) -> None:
    """Parked, and the agent's leg didn't hang up: somebody else parted them, or they never met."""
    if call.phase is not Phase.TALKING:
        parted(state, call)
        return
    stay = call.stay
    queue = None if stay is None else state.queues.get(stay.queue.name)
    if stay is not None and queue is not None and talk.undo(state, call):
        again = Stay(
            queue=queue,
            queue_id=state.queue_ids[queue.name],
            caller_id=0,
            index=stay.index,
            entered_us=stay.entered_us,
            priority=stay.priority,
            earlier_us=stay.earlier_us,
            open=False,
        )
        call.stay = again
        call.phase = Phase.WAITING
        _queue_up(state, call, again, new=False)
        state.act(SetVariables(call.node, call.uuid, _stamps(state, call, again)))
        music.start(state, call)
        return
    talk.end(state, call, "system", hang_up=True)
    _after_talk(state, call, event)


def parted(state: State, call: Call) -> None:
    """The agent's leg is gone. The caller's PARK may have been told before that."""
    if call.phase is Phase.PARTED and call.parked_by is not None:
        _after_talk(state, call, call.parked_by)


def seen_leaving(state: State, call: Call, dump: Event, *, parked: bool) -> None:
    """A look at the switch finds a caller sent to an exit: there, in a queue again, or not gone yet."""
    if parked:
        parked_again(state, call, dump)
    if call.phase is not Phase.LEAVING:
        return
    # The exit may be the extension that they came by: only a transfer since then has brought them there.
    arrived_there = dump.get("Caller-Destination-Number") == call.exit.extension and moves.moved(call, dump)
    if (parked or call.parked) and not arrived_there:
        call.exit_tries = 0
        exits.go(state, call)
    else:
        call.parked = False


def elsewhere(state: State, call: Call) -> None:
    """A look at the switch finds a caller in the dialplan, neither parked nor bridged."""
    if call.phase is Phase.PARTED:  # the agent transferred them while nobody was looking
        state.stop_timer(call.settle_timer)
        call.parked = False
        call.transferred = call.handed_on = True


def forsaken(state: State, call: Call) -> None:
    """Asleep between two bridges: whoever asked for the second one has died before it began (`uuid_bridge`
    waits for ever then), so nobody but us can end the silence.
    """
    call.forsaken = False
    if call.phase is Phase.AWAY and call.stay is not None:
        exits.leave(state, call, None, call.stay.queue.after_call)


def _after_talk(state: State, call: Call, event: Event) -> None:
    state.stop_timer(call.settle_timer)
    call.parked_by = None
    stay = call.stay
    if call.onward is not None:
        go_on(state, call)
    elif call.transferred:
        _moved(state, call, event)
    elif event.get("variable_endpoint_disposition") == "ATTENDED_TRANSFER":
        # Whoever rang the queue has connected the agent with somebody else; only their phone is left here.
        call.wishes = replace(call.wishes, exit=None)
        exits.leave(state, call, None, HANGUP)
    elif stay is not None:
        exits.leave(state, call, None, stay.queue.after_call)


def go_on(state: State, call: Call) -> None:
    """The caller is parked, and free to go where the transfer says."""
    onward, call.onward = call.onward, None
    if onward is None:
        return
    state.stop_timer(call.settle_timer)
    call.parked, call.parked_by, call.transferred, call.handed_on = True, None, False, False
    before = call.wishes
    call.wishes = replace(
        before,
        exit=before.exit if onward.exit is None else None,
        preferred=onward.agent,
        preferred_for_us=onward.agent_us,
        unreadable=(),
    )
    if onward.exit is not None:
        if before.of_ours:
            state.act(SetVariables(call.node, call.uuid, before.of_ours))
        exits.leave(state, call, None, onward.exit)
        return
    queue = state.queues.get(onward.queue)
    if queue is None:  # the configuration has changed meanwhile
        exits.unknown_queue(state, call, onward.queue)
        return
    meant = state.sealer.seal("meant", call.uuid, onward.agent) if onward.agent else ""
    variables = (("cc_queue", queue.name), ("cc_preferred_agent", onward.agent), ("cc_meant", meant))
    state.act(SetVariables(call.node, call.uuid, variables))
    enter(state, call, queue, state.now_us, earlier_us=onward.earlier_us, sent=True)


def _moved(state: State, call: Call, event: Event) -> None:
    """The dialplan put the caller into a queue anew: another queue leg of the same call."""
    stay = call.stay
    if stay is not None and stay.open:
        exits.note_left(state, call, stay, "transferred", "")
        exits.out_of_core(state, call, stay)
    call.wishes = wishes.read(event)
    if _is_meant(state, event):  # it was for the queue leg before
        state.act(SetVariables(call.node, call.uuid, WISH_OVER))
        call.wishes = replace(call.wishes, preferred="")
    call.playing = False
    name = event.get("variable_cc_queue") or ""
    queue = state.queues.get(name)
    if queue is None:
        exits.unknown_queue(state, call, name)
    else:
        earlier_us = arrival.earlier_us(state, call, queue, event)
        enter(state, call, queue, state.now_us, earlier_us=earlier_us)


# Gone.


def gone(state: State, call: Call, cause: str, *, lost: bool = False) -> None:
    """The caller's channel is no more. `lost`: with its switch, or unseen."""
    stay = call.stay
    consults.caller_gone(state, call)
    if call.phase is Phase.TALKING:
        talk.end(state, call, "system" if lost else "caller")
    elif stay is not None and stay.open:
        if lost:
            state.note(
                CallLost,
                call.node,
                call=call.id,
                queue=stay.queue.name,
                leg=stay.index,
                wait_us=state.now_us - stay.entered_us,
            )
        else:
            _note_abandoned(state, call, stay)
        exits.out_of_core(state, call, stay, gave_up=not lost)
        arrival.lost(state, call, stay)
    call.phase = Phase.ENDED
    state.stop_timer(call.settle_timer)
    state.calls.pop(call.uuid, None)
    state.touch(call)
    state.bury(call.uuid)
    state.note(CallEnded, call.node, call=call.id, cause=cause)


def _note_abandoned(state: State, call: Call, stay: Stay) -> None:
    wait_us = state.now_us - stay.entered_us
    rings = any(offer.ring_since_us is not None for offer in stay.offers.values())
    phase: AbandonPhase = "ringing" if rings else "queued"
    if wait_us < SHORT_ABANDON_US:
        phase = "short"
    state.note(
        CallAbandoned,
        call.node,
        call=call.id,
        queue=stay.queue.name,
        leg=stay.index,
        wait_us=wait_us,
        phase=phase,
        position=state.router.position(stay.caller_id),
    )


def _being_bridged(call: Call) -> bool:
    return call.winner is not None and call.winner.state is not OfferState.ENDING


def lives(state: State, call: Call) -> None:
    """A look that we asked for shows the caller where we think, or nowhere in particular."""
    match call.phase:
        case Phase.WAITING if call.unstamped and call.stay is not None:
            call.unstamped = False
            _settle_in(state, call, call.stay)
        case Phase.CONNECTING if (
            call.winner is not None and call.winner.overdue and call.winner.state is OfferState.BRIDGING
        ):
            joining.bridge_failed(state, call.winner)
        case Phase.WAITING | Phase.CONNECTING if not call.parked and not _being_bridged(call):
            joining.assume_parked(state, call)
        case Phase.WAITING:
            music.start(state, call)
        case Phase.AWAY if call.unstamped:
            call.unstamped = False
            state.act(SetVariables(call.node, call.uuid, talk.NO_LONGER_OURS))
        case Phase.PARTED if call.onward is not None:
            go_on(state, call)
        case Phase.PARTED if call.stay is not None and not call.handed_on:
            call.parked = True
            exits.leave(state, call, None, call.stay.queue.after_call)
        case _:
            pass
