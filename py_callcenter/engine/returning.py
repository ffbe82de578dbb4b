"""A known caller is parked again, after whatever happened: a talk, a transfer, a bridge that never came."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from py_callcenter._router import Event
from py_callcenter.config import HANGUP, Queue
from py_callcenter.engine import (
    arrival,
    callers,
    consults,
    departures,
    endings,
    exits,
    holds,
    joining,
    looks,
    moves,
    music,
    talk,
    wishes,
)
from py_callcenter.engine.actions import SetVariables
from py_callcenter.engine.calls import WISH_OVER, Call, OfferState, Phase, Stay
from py_callcenter.engine.state import State

_IN_OUR_CARE: Final = frozenset({Phase.WAITING, Phase.CONNECTING, Phase.TALKING})
_WITHOUT_QUEUE: Final = frozenset({Phase.AWAY, Phase.PARTED})
SETTLE_US: Final = 400_000
"""A PARK and the agent's HANGUP may swap; this long we wait for the second before deciding."""


def parked_again(state: State, call: Call, event: Event) -> None:
    """A known caller is parked: what happened in between decides (design 7)."""
    if _old_news_or_moved(state, call, event) or consults.caller_parked(state, call):
        return
    call.parked, call.forsaken = True, False
    holds.find(state, call)
    name = event.get("variable_cc_queue") or ""
    match call.phase:
        case Phase.WAITING:
            _parked_while_waiting(state, call, event)
        case Phase.CONNECTING:
            _parked_while_connecting(state, call)
        case Phase.TALKING:
            call.parked_by, call.parked_us = event, state.now_us
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
    if call.phase is Phase.LEAVING and not event.get("variable_cc_queue") and _arrived(state, call, event):
        return True
    moved = moves.moved(call, event)
    # A bridge that was asked for after the transfer hides its mark.
    sent_on = moved or call.crossed or moves.extension(event) != call.extension
    call.crossed = False
    # Whoever a start found apart from their agent is parked, and stays so when the bridge comes to nothing.
    apart = call.phase is Phase.TALKING and call.parked
    elsewhere = call.phase in (Phase.AWAY, Phase.TALKING) or _being_bridged(call)
    if not moves.parked(call, event) and elsewhere and not apart:
        return True
    in_the_queue = call.phase in (Phase.WAITING, Phase.CONNECTING)
    if in_the_queue and sent_on and moves.forgotten(event):
        _finish_transfer(state, call, event)
        return True
    if not moved or call.phase not in (Phase.WAITING, Phase.CONNECTING, Phase.TALKING, Phase.PARTED):
        return False
    call.parked = True
    if in_the_queue:
        _moved(state, call, event)
    else:
        talk.end(state, call, "system", transferred=True)
        call.transferred = True
        _after_talk(state, call, event)
    return True


def _arrived(state: State, call: Call, event: Event) -> bool:
    """Whether a caller who was sent to an exit got there: who parks them there is somebody else."""
    if moves.moved(call, event):
        return not moves.forgotten(event)
    other = moves.joined(call, event)
    return bool(other) and not state.sealer.is_offers(other, call.uuid, call.attempts)


def _finish_transfer(state: State, call: Call, event: Event) -> None:
    """The switch itself has parked a caller whom somebody sent elsewhere while we joined them with an agent:
    both came to nothing. They go where they were sent; to a place that we can't name, back into the queue.
    """
    call.parked = True
    to = moves.place(event)
    if call.stay is None or to is None:
        _moved(state, call, event)
        return
    exits.note_left(state, call, call.stay, "transferred", "")
    exits.out_of_core(state, call, call.stay)
    call.wishes = replace(call.wishes, exit=None)
    exits.leave(state, call, None, to)


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
    name = event.get("variable_cc_queue")
    # After a bridge the switch parks in a state of its own: then `cc_queue` is left from before, because what
    # cleared it was lost.
    if name and event.get("Channel-State") != "CS_PARK":
        _moved(state, call, event)
    elif call.stay is not None:
        exits.leave(state, call, None, call.stay.queue.after_call)
    elif name:  # a start found them with others, who have let go of them
        queue = state.queues.get(name)
        exits.leave(state, call, None, HANGUP if queue is None else queue.after_call)


def _settled(state: State, call: Call, event: Event) -> None:
    """Parked, and the agent's leg didn't hang up: somebody else parted them, or they never met."""
    if call.phase is not Phase.TALKING:
        parted(state, call)
        return
    stay = call.stay
    queue = None if stay is None else state.queues.get(stay.queue.name)
    if stay is not None and queue is not None and talk.undo(state, call):
        wait_on(state, call, stay, queue)
        return
    talk.end(state, call, "system", hang_up=True)
    _after_talk(state, call, event)


def wait_on(state: State, call: Call, stay: Stay, queue: Queue) -> None:
    """The queue leg goes on at its place, out of which the core has taken the caller."""
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
    callers.queue_up(state, call, again, new=False)
    state.act(SetVariables(call.node, call.uuid, callers.stamps_of(state, call, again)))
    music.start(state, call)


def parted(state: State, call: Call) -> None:
    """The agent's leg is gone. The caller's PARK may have been told before that."""
    if call.phase is Phase.PARTED and call.parked_by is not None:
        _after_talk(state, call, call.parked_by)


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
    callers.enter(state, call, queue, state.now_us, earlier_us=onward.earlier_us, sent=True)


def _moved(state: State, call: Call, event: Event) -> None:
    """The dialplan put the caller into a queue anew: another queue leg of the same call."""
    stay = call.stay
    if stay is not None and stay.open:
        exits.note_left(state, call, stay, "transferred", "")
        exits.out_of_core(state, call, stay)
    state.stop_timer(call.settle_timer)
    call.settle_timer = None
    call.wishes = wishes.read(event)
    if callers.is_meant(state, event):  # it was for the queue leg before
        state.act(SetVariables(call.node, call.uuid, WISH_OVER))
        call.wishes = replace(call.wishes, preferred="")
    call.playing = False
    name = event.get("variable_cc_queue") or ""
    queue = state.queues.get(name)
    if queue is None:
        exits.unknown_queue(state, call, name)
    else:
        earlier_us = arrival.earlier_us(state, call, queue, event)
        callers.enter(state, call, queue, state.now_us, earlier_us=earlier_us)


# What a look at the switch finds.


def seen_leaving(state: State, call: Call, dump: Event, *, parked: bool, anew: bool) -> None:
    """A look at the switch finds a caller sent to an exit: there, in a queue again, or not gone yet.

    `anew`: what was tried before may never have reached the switch.
    """
    if parked and state.now_us < call.exit_us + exits.EXIT_AGAIN_US:
        # The look may be older than that; and a parked channel goes with the next media tick only.
        state.start_timer(exits.EXIT_AGAIN_US, looks.ask, call)
        return
    if parked:
        parked_again(state, call, dump)
    if call.phase is not Phase.LEAVING:
        return
    if (parked or call.parked) and not _arrived(state, call, dump):
        call.exit_tries = 0 if anew else call.exit_tries
        exits.go(state, call)
    else:
        call.parked = False


def elsewhere(state: State, call: Call) -> None:
    """A look at the switch finds a caller in the dialplan, neither parked nor bridged."""
    if call.phase is Phase.PARTED:  # the agent transferred them while nobody was looking
        state.stop_timer(call.settle_timer)
        call.parked = False
        call.transferred = call.handed_on = True


def asleep(state: State, call: Call, dump: Event) -> None:
    """A look finds the caller between two bridges, where everybody is for some ticks.

    At the second look it is for ever: whoever asked for the next bridge, or is to be its other side, has died
    or gone elsewhere before it began (`uuid_bridge` waits for ever then): only we can end the silence.
    """
    if call.forsaken:
        call.forsaken = False
        talk.end(state, call, "system")
        if call.phase in _WITHOUT_QUEUE:
            # A start that finds them asleep knows of no queue but the one that is on the channel.
            queue = state.queues.get(dump.get("variable_cc_queue") or "")
            queue = queue if call.stay is None else call.stay.queue
            call.source = moves.source(dump)  # they never got to whom it names
            exits.leave(state, call, None, HANGUP if queue is None else queue.after_call)
    elif call.phase in (Phase.TALKING, Phase.PARTED, Phase.AWAY):
        call.forsaken = True
        state.start_timer(departures.FORSAKEN_US, looks.ask, call)


def lives(state: State, call: Call, dump: Event) -> None:
    """A look that we asked for shows the caller where we think, or nowhere in particular."""
    _stamp_again(state, call, dump)
    match call.phase:
        case Phase.WAITING | Phase.CONNECTING if _is_let_go(state, call):
            pass
        case Phase.CONNECTING if (
            call.winner is not None and call.winner.overdue and call.winner.state is OfferState.BRIDGING
        ):
            joining.bridge_failed(state, call.winner)
        case Phase.WAITING | Phase.CONNECTING if not call.parked and not _being_bridged(call):
            joining.assume_parked(state, call)
        case Phase.WAITING:
            music.start(state, call)
        case Phase.PARTED if state.is_pending(call.settle_timer):
            # For some ticks the bridge has yet to notice a transfer, or to park the caller; the switch
            # tells when it has, and the deadline asks again.
            pass
        case Phase.PARTED if call.onward is not None:
            go_on(state, call)
        case Phase.PARTED if call.stay is not None and not call.handed_on:
            call.parked = True
            exits.leave(state, call, None, call.stay.queue.after_call)
        case _:
            pass


def _stamp_again(state: State, call: Call, dump: Event) -> None:
    """What was set on the channel may never have got there: again, for where the caller is by now."""
    stay = call.stay
    if not call.unstamped:
        return
    if _is_let_go(state, call):  # perhaps somebody else's by now
        state.start_timer(looks.ASK_AFTER_US, looks.ask, call)
    elif call.phase is Phase.AWAY:
        call.unstamped = False
        state.act(SetVariables(call.node, call.uuid, talk.NO_LONGER_OURS))
    elif call.phase in _IN_OUR_CARE and stay is not None:
        call.unstamped = False
        name = () if dump.get("variable_cc_queue") == stay.queue.name else (("cc_queue", stay.queue.name),)
        talking = (
            talk.stamps_of(state, call.winner)
            if call.winner is not None and call.phase is Phase.TALKING
            else ()
        )
        stamps = (*name, *callers.stamps_of(state, call, stay), *talking)
        state.act(SetVariables(call.node, call.uuid, stamps))


def _is_let_go(state: State, call: Call) -> bool:
    """Whether a bridge has just come to nothing: the switch tells of the park within a tick or two."""
    astray = call.stay is not None and call.stay.astray
    return astray and state.is_pending(call.settle_timer)


def _being_bridged(call: Call) -> bool:
    return call.winner is not None and call.winner.state is not OfferState.ENDING
