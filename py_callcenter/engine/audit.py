"""Asking the switch about every channel that it may have told us of, a few a second; so a lost event is made
good. The question about a caller asks as well by which transfer or bridge they came where they are: whoever
was sent elsewhere, and nothing told so, is looked at.

A channel that the switch doesn't know may be hanging up just now, its HANGUP on the way (freeswitch-esl.md
2.1). So it is asked about again a few seconds later; only when nothing was told by then, it is gone.
"""

from __future__ import annotations

from typing import Final

from py_callcenter.engine import callers, events, looks, moves, outside, pacing, standby, strangers, sweep
from py_callcenter.engine.actions import AskMark, Probe
from py_callcenter.engine.calls import Phase
from py_callcenter.engine.records import EndMissed
from py_callcenter.engine.state import State

STEP_US: Final = 1_000_000
STEPS: Final = 30
"""One round over all channels takes so many steps, so a channel is asked about twice a minute."""
AGAIN_US: Final = 3_000_000
_NO_MARK: Final = "_undef_"
_NO_CHANNEL: Final = "-ERR No such channel"
_WITH_OTHERS: Final = frozenset({Phase.PARTED, Phase.AWAY, Phase.LEAVING})
"""In somebody else's care, who tells nothing of it, or on the way there, which may be into a queue."""


def wake(state: State) -> None:
    """Have the round go on while there is anything to ask about."""
    if state.round.timer is None and (
        state.calls
        or state.legs
        or state.outside.strangers
        or state.outside.channels
        or state.reach.standing_legs
    ):
        state.round.timer = state.start_timer(STEP_US, _step)


def _step(state: State) -> None:
    state.round.timer = None
    state.round.number += 1
    sweep.step(state, state.round.number % STEPS, STEPS)
    if not state.round.left:
        state.round.left.extend(state.calls)
        state.round.left.extend(uuid for uuid, offer in state.legs.items() if offer.legs[uuid].created)
        state.round.left.extend(state.outside.channels)
        state.round.left.extend(one.uuid for one in state.reach.standing.values() if one.up)
        state.round.left.extend(state.outside.strangers)
        state.round.share = -(-len(state.round.left) // STEPS)
    for _ in range(min(state.round.share, len(state.round.left))):
        _ask(state, state.round.left.popleft())
    wake(state)


def _ask(state: State, uuid: str) -> None:
    call, offer = state.calls.get(uuid), state.legs.get(uuid)
    if call is not None:
        sweep.call(state, call)
        state.act(AskMark(call.node, uuid))
    elif offer is not None:
        sweep.offer(state, offer)
        if not offer.legs[uuid].dead:
            state.act(Probe(offer.call.node, uuid, audit=True))
    elif uuid in state.outside.channels:
        state.act(Probe(state.outside.channels[uuid][0], uuid, audit=True))
    elif uuid in state.reach.standing_legs:
        state.act(Probe(state.reach.standing_legs[uuid].node, uuid, audit=True))
    else:
        strangers.ask(state, uuid)


def marked(state: State, node: str, uuid: str, mark: str) -> None:
    """The answer to a question about a caller: the channel lives, and its mark is this."""
    call = state.calls.get(uuid)
    moved = call is not None and moves.unheard(call, "" if mark == _NO_MARK else mark)
    answered(state, node, uuid, alive=True, moved=moved)


def not_marked(state: State, node: str, uuid: str, error: str) -> None:
    """There is no such channel; or the switch has its reasons not to say, and is asked for less."""
    if error.startswith(_NO_CHANNEL):
        pacing.hung_up(state, node, uuid)
        answered(state, node, uuid, alive=False)
    elif error.startswith("-"):  # the switch's own words
        state.act(Probe(node, uuid, audit=True))


def answered(state: State, node: str, uuid: str, *, alive: bool, moved: bool = False) -> None:
    """The answer to a question of the round. `moved`: by its mark somebody sent the channel elsewhere."""
    suspected_us = state.round.suspects.pop(uuid, None)
    ours = (state.calls, state.legs, state.outside.channels, state.reach.standing_legs)
    known = any(uuid in where for where in ours)
    call, offer = state.calls.get(uuid), state.legs.get(uuid)
    if (
        alive
        and call is not None
        and (moved or call.phase in _WITH_OTHERS or (call.stay is not None and call.stay.astray))
    ):
        looks.ask(state, call)  # back in a queue, or no longer there, and what told so was lost?
    if alive or not known:
        return
    if suspected_us is None or state.now_us - suspected_us < AGAIN_US:
        state.round.suspects[uuid] = state.now_us if suspected_us is None else suspected_us
        state.start_timer(AGAIN_US, _ask, uuid)
        return
    state.round.doubts.add(node)  # an event was lost: perhaps not only this one
    if call is not None:
        state.note(EndMissed, call.node, call=call.id, side="caller")
        callers.gone(state, call, "UNSEEN", lost=True)
    elif offer is not None:
        state.note(EndMissed, offer.call.node, call=offer.call.id, side="agent")
        events.leg_gone(state, uuid)
    else:
        outside.ended(state, uuid)
        standby.gone(state, uuid)
