"""A caller's way in and out: parked for the first time, in a queue, gone. Between: `returning`."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from py_callcenter._router import Estimate, Event
from py_callcenter.config import Queue
from py_callcenter.engine import (
    arrival,
    consults,
    divert,
    exits,
    holds,
    looks,
    moves,
    music,
    staffing,
    talk,
    wishes,
)
from py_callcenter.engine.actions import SetVariables
from py_callcenter.engine.calls import Call, Phase, Stay
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

FOR_AGENT_US: Final = 60_000_000
"""So long a caller who was transferred to an agent waits for that one."""
SETTLED_US: Final = 1_000_000
"""So long after a start nothing is done for those who just wait on: the first phones ring meanwhile."""
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
    call.seen_at = looks.sequence_of(event)
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
            resumed, earlier_us = None, arrival.read_earlier(state, event)
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
    if is_meant(state, event):
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
        extension=moves.extension(event),
    )


def is_meant(state: State, event: Event) -> bool:
    """Whether the agent whom the channel names is there by a transfer of ours, not by the dialplan's wish."""
    tag = event.get("variable_cc_meant")
    agent = event.get("variable_cc_preferred_agent") or ""
    return tag is not None and state.sealer.holds(tag, "meant", event.unique_id, agent)


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
    if queue.name in state.diverts and not counted and not divert.comes_round(state, call, stay):
        _note_entered(state, call, stay, 0)
        divert.turned_away(state, call)
        return
    too_long = queue_up(state, call, stay, new=not counted, sent=sent)
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
    # In the next turn: the caller waits for a phone to ring, and for nothing else. After a start that is true
    # of a thousand at once, who have settled in under the run before.
    after_us = 0
    if counted and shown is not None and looks.is_settled(shown):
        after_us = SETTLED_US
        call.playing = looks.application(shown) == "playback"  # for all we know
    state.start_timer(after_us, settle_in, call, stay, shown)


def queue_up(state: State, call: Call, stay: Stay, *, new: bool, sent: bool = False) -> bool:
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


def settle_in(state: State, call: Call, stay: Stay, shown: Event | None = None) -> None:
    """What must outlive us on the channel, and music."""
    if call.stay is stay and stay.open:
        stamps = stamps_of(state, call, stay)
        if shown is not None:  # the switch reads each byte on its own, while it rings a phone
            call.playing = False  # or was it the last thing to be played?
            stamps = tuple(one for one in stamps if (shown.get(f"variable_{one[0]}") or "") != one[1])
        if any(name != "cc_epoch" for name, _ in stamps):  # whose stamps they are, as long as they hold
            state.act(SetVariables(call.node, call.uuid, stamps))
        music.start(state, call)


def stamps_of(state: State, call: Call, stay: Stay) -> tuple[tuple[str, str], ...]:
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
        ("cc_exit_to", ""),
        ("cc_call", call.id),
        ("cc_leg", str(stay.index)),
        ("cc_member_uuid", call.id),
        ("cc_entered_us", str(stay.entered_us)),
        ("cc_queue_joined_epoch", str(stay.entered_us // 1_000_000)),
        ("cc_attempt", str(max(1, call.attempts))),
        ("cc_earlier", arrival.seal_earlier(state, call, stay.earlier_us)),
        ("cc_epoch", str(state.epoch)),
        ("cc_source", moves.stamp(call)),
        ("cc_tag", tag),
    )


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
