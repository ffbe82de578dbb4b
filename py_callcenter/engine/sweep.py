"""Proof by looking: what must hold between two inputs, checked a little every second while calls are there.

Rules I1–I17 are the promises of this product (docs/runbook.md, CallcenterInvariantViolated). Here are those
that the tables themselves can break; what records can break is proven while they are written (`ledger`), and
what only the shell sees is told by it (`Engine.violated`).

What looks wrong once may be on its way: it counts when it looks wrong at every look for half a minute, which
is within the promise of sixty seconds. Of a node that is away nothing is known, so its calls can't look
wrong. Each finding is told once, with the call that it is about, and has the switch looked at anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final

from py_callcenter.engine import holds
from py_callcenter.engine.calls import Call, Offer, OfferState, Phase
from py_callcenter.engine.records import InvariantViolated
from py_callcenter.engine.state import State

RULES: Final = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I9", "I13")
LASTS_US: Final = 20_000_000
"""So long something must look wrong."""
FORGOTTEN_US: Final = 120_000_000
"""A finding that wasn't seen for so long was none."""
_RULES_OF_CALLS: Final = ("I1", "I2", "I4")
_RULES_OF_OFFERS: Final = ("I4", "I5", "I6", "I13")
_RULES_OF_AGENTS: Final = ("I3",)
_BUSY: Final = frozenset({"reserved", "receiving", "in_a_queue_call"})
_WITH_AGENT: Final = frozenset({OfferState.CLAIMED, OfferState.BRIDGING, OfferState.TALKING})
_MOST_TIMERS: Final = 12
"""An engine has so many timers for each call, offer and agent at the most, and some of its own."""
_SPARE: Final = 200
_MOST_ORDERED: Final = 500
"""Callers at the head of a queue who are looked at."""

Finding = tuple[str, str, str, str]
"""Rule, what it is about, id of the call, node."""


def call(state: State, one: Call) -> None:
    """Look at one call."""
    known = not holds.is_held(state, one.node, "away")
    _looked(state, _RULES_OF_CALLS, one.uuid, list(_of_call(state, one)) if known else [])


def offer(state: State, one: Offer) -> None:
    """Look at one offer."""
    known = not holds.is_held(state, one.call.node, "away")
    _looked(state, _RULES_OF_OFFERS, f"offer {one.id}", list(_of_offer(state, one)) if known else [])


def step(state: State, part: int, parts: int) -> None:
    """Look at a part of the agents and queues, and at the tables as wholes."""
    held = {one.agent_id for one in state.offers.values() if one.state is not OfferState.OVER}
    for agent_id in list(state.agent_names)[part::parts]:
        about = f"agent {agent_id}"
        wrong = agent_id not in held and state.router.agent(agent_id).state in _BUSY
        _looked(state, _RULES_OF_AGENTS, about, [("I3", about, "", "")] if wrong else [])
    for queue_id in list(state.queue_names)[part::parts]:
        _unserved(state, queue_id)
        _disordered(state, queue_id)
    entries = len(state.calls) + len(state.offers) + len(state.agents) + len(state.queues)
    if state.timers > _MOST_TIMERS * entries + len(state.past) + len(state.awaited) + _SPARE:
        _found(state, ("I13", "timers", "", ""))
    if state.ledger.entries > len(state.calls) + _SPARE:
        _found(state, ("I13", "books", "", ""))
    old_us = state.now_us - FORGOTTEN_US
    for key in [key for key, (_first, last) in state.round.findings.items() if last < old_us]:
        del state.round.findings[key]


def _of_call(state: State, one: Call) -> Iterator[Finding]:
    def wrong(rule: str) -> Finding:
        return rule, one.uuid, one.id, one.node

    if one.phase is Phase.ENDED or one.uuid in state.dead:
        yield wrong("I2")
    elif not _is_somewhere(state, one):
        yield wrong("I1")
    if one.stay is not None:
        taken = [other for other in one.stay.offers.values() if other.state in _WITH_AGENT]
        if len(taken) > 1:
            yield wrong("I4")


def _is_somewhere(state: State, one: Call) -> bool:
    """Whether a living caller waits, is with an agent, or is on the way with a deadline."""
    stay = one.stay
    match one.phase:
        case Phase.WAITING:
            return stay is not None and state.waiting.get(stay.caller_id, (None, None))[0] is one
        case Phase.CONNECTING | Phase.TALKING:
            return one.winner is not None and one.winner.state in _WITH_AGENT
        case Phase.PARTED | Phase.LEAVING:
            # Whom an agent transferred is in somebody else's hands until parked again.
            cared_for = one.transferred or one.handed_on or one.winner is not None
            if one.phase is Phase.LEAVING and not one.parked:
                cared_for = True  # at the exit
            return cared_for or one.settle_timer is not None
        case _:
            return True


def _of_offer(state: State, one: Offer) -> Iterator[Finding]:
    def wrong(rule: str) -> Finding:
        return rule, f"offer {one.id}", one.call.id, one.call.node

    if state.offers.get(one.id) is not one:
        yield wrong("I13")
        return
    before = state.offers.get(state.round.holders.get(one.agent_id, -1))
    state.round.holders[one.agent_id] = one.id
    if before is not None and before is not one and before.agent_id == one.agent_id:
        both = before.state in _WITH_AGENT and one.state in _WITH_AGENT
        yield wrong("I4" if both else "I5")
    if one.state is OfferState.RINGING and (
        state.calls.get(one.call.uuid) is not one.call or one.call.stay is not one.stay
    ):
        yield wrong("I6")


def _unserved(state: State, queue_id: int) -> None:
    """The first caller of a queue could have an agent, and gets none."""
    if not state.router.calls_waiting(queue_id):
        return
    first = state.router.callers(queue_id)[0]
    told = state.router.explain(first)
    if told.closed is None and told.wanted and any(one.reason is None for one in told.candidates):
        entry = state.waiting.get(first)
        about = ("", "") if entry is None else (entry[0].id, entry[0].node)
        _found(state, ("I9", f"caller {first}", *about))


def _disordered(state: State, queue_id: int) -> None:
    """Somebody stands before a caller who comes first by priority, or by the wait that counts."""
    before: tuple[int, int] | None = None
    for caller_id in islice(state.router.callers(queue_id), _MOST_ORDERED):
        entry = state.waiting.get(caller_id)
        if entry is None:
            continue
        one, stay = entry
        key = (-stay.priority, stay.entered_us - stay.earlier_us - one.wishes.base_score_us)
        if before is not None and key < before:
            _found(state, ("I7", f"caller {caller_id}", one.id, one.node))
        before = key


def _looked(state: State, rules: tuple[str, ...], about: str, wrong: list[Finding]) -> None:
    """What was looked at and is well now starts anew, should it look wrong another time."""
    for rule in rules:
        first_us, _last_us = state.round.findings.get((rule, about), (0, 0))
        if first_us and not any(finding[0] == rule for finding in wrong):
            del state.round.findings[rule, about]
    for finding in wrong:
        _found(state, finding)


def _found(state: State, finding: Finding) -> None:
    rule, about, call_id, node = finding
    findings = state.round.findings
    first_us, _last_us = findings.get((rule, about), (state.now_us, 0))
    findings[rule, about] = (first_us, state.now_us)
    if 0 < first_us <= state.now_us - LASTS_US:
        findings[rule, about] = (0, state.now_us)  # told
        state.note(InvariantViolated, node, rule=rule, call=call_id)
        if node:
            state.round.doubts.add(node)
