"""Proof by looking: what must hold between two inputs, checked a little every second while calls are there.

Rules I1–I17 are the promises of this product (docs/runbook.md, CallcenterInvariantViolated). Here are those
that the tables themselves can break; what records can break is proven while they are written (`ledger`), and
what only the shell sees is told by it (`Engine.violated`).

What looks wrong once may be on its way: it counts when it looks wrong at every look for half a minute, which
is within the promise of sixty seconds. Of a node that is away nothing is known, so its calls can't look
wrong. Each finding is told with the call or agent that it is about, has the switch looked at anew, and is
mended where that can harm nobody (`repairs`), at every look until it is well; it is told once.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import Final

from py_callcenter.engine import endings, holds, repairs
from py_callcenter.engine.calls import Call, Offer, OfferState, Phase
from py_callcenter.engine.records import InvariantViolated
from py_callcenter.engine.state import State
from py_callcenter.value import value

RULES: Final = ("I1", "I2", "I3", "I4", "I5", "I6", "I7", "I9", "I13")
LASTS_US: Final = 20_000_000
"""So long something must look wrong."""
FORGOTTEN_US: Final = 120_000_000
"""A finding that wasn't seen for so long was none."""
_RULES_OF_CALLS: Final = ("I1", "I2", "I4")
_RULES_OF_OFFERS: Final = ("I4", "I5", "I6", "I13")
_RULES_OF_AGENTS: Final = ("I3",)
_WITH_AGENT: Final = frozenset({OfferState.CLAIMED, OfferState.BRIDGING, OfferState.TALKING})
_MOST_TIMERS: Final = 12
"""An engine has so many timers for each call, offer and agent at the most, and some of its own."""
_SPARE: Final = 200


@value
class Finding:
    """Something that looks wrong. Empty: no call, node or agent is known."""

    rule: str
    about: str
    call: str = ""
    node: str = ""
    agent: str = ""
    mend: repairs.Mend | None = None
    """Puts it right, and blames nobody."""


def call(state: State, one: Call) -> None:
    """Look at one call."""
    known = not holds.is_held(state, one.node, "away")
    _looked(state, _RULES_OF_CALLS, one.uuid, list(_of_call(state, one)) if known else [])


def offer(state: State, one: Offer) -> None:
    """Look at one offer."""
    known = not holds.is_held(state, one.call.node, "away")
    _looked(state, _RULES_OF_OFFERS, f"offer {one.id}", list(_of_offer(state, one)) if known else [])


def not_rung(state: State, offer_id: int, agent_id: int) -> None:
    """A fault of ours came between a reservation and the phone: neither agent nor caller is kept for long.
    Not given back at once, for then the same would be tried again, and fail, at every event.
    """
    offer = state.offers.get(offer_id)
    if offer is None:
        state.round.findings.pop(("I3", f"agent {agent_id}"), None)  # that was another reservation
        _agent(state, agent_id)
    elif offer.state is OfferState.RINGING:  # whatever comes later has a deadline of its own
        endings.watch(state, offer, LASTS_US, repairs.call_off)


def step(state: State, part: int, parts: int) -> None:
    """Look at a part of the agents and queues, and at the tables as wholes."""
    held = {one.agent_id for one in state.offers.values() if one.state is not OfferState.OVER}
    for agent_id in list(state.agent_names)[part::parts]:
        if agent_id not in held or ("I3", f"agent {agent_id}") in state.round.findings:
            _agent(state, agent_id)
    for queue_id in list(state.queue_names)[part::parts]:
        _unserved(state, queue_id)
        _disordered(state, queue_id)
    entries = len(state.calls) + len(state.offers) + len(state.agents) + len(state.queues)
    if state.timers > _MOST_TIMERS * entries + len(state.past) + len(state.awaited) + _SPARE:
        _found(state, Finding("I13", "timers"))
    if state.ledger.entries > len(state.calls) + _SPARE:
        _found(state, Finding("I13", "books"))
    old_us = state.now_us - FORGOTTEN_US
    for key in [key for key, (_first, last) in state.round.findings.items() if last < old_us]:
        del state.round.findings[key]


def _agent(state: State, agent_id: int) -> None:
    """Whoever is kept must be kept by an offer. Tables and core change together, so nothing is on its way:
    the second look needn't wait for the next round.
    """
    name = state.agent_names.get(agent_id)
    if name is None:
        return
    about = f"agent {agent_id}"
    if not repairs.is_unowned(state, agent_id):
        _looked(state, _RULES_OF_AGENTS, about, [])
        return
    _offer_id, call_id, node = state.round.reserved.get(agent_id, (0, "", ""))
    if ("I3", about) not in state.round.findings:
        state.start_timer(LASTS_US, _agent, agent_id)
    mend = partial(repairs.give_back, agent_id=agent_id)
    _found(state, Finding("I3", about, call_id, node, name, mend))


def _of_call(state: State, one: Call) -> Iterator[Finding]:
    def wrong(rule: str, mend: repairs.Mend | None = None) -> Finding:
        return Finding(rule, one.uuid, one.id, one.node, mend=mend)

    if one.phase is Phase.ENDED or one.uuid in state.dead:
        yield wrong("I2")
    elif not _is_somewhere(state, one):
        yield wrong("I1", partial(repairs.put_back, call=one))
    if one.stay is not None:
        taken = [other for other in one.stay.offers.values() if other.state in _WITH_AGENT]
        if len(taken) > 1:
            yield wrong("I4")


def _is_somewhere(state: State, one: Call) -> bool:
    """Whether a living caller waits, is with an agent, or is on the way with a deadline."""
    stay = one.stay
    match one.phase:
        case Phase.WAITING:
            return stay is not None and repairs.is_queued(state, one, stay)
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
    def wrong(rule: str, mend: repairs.Mend | None = None) -> Finding:
        return Finding(rule, f"offer {one.id}", one.call.id, one.call.node, one.agent.name, mend)

    if state.offers.get(one.id) is not one:
        yield wrong("I13", partial(repairs.give_back, agent_id=one.agent_id))
        return
    before = state.offers.get(state.round.holders.get(one.agent_id, -1))
    state.round.holders[one.agent_id] = one.id
    if before is not None and before is not one and before.agent_id == one.agent_id:
        both = before.state in _WITH_AGENT and one.state in _WITH_AGENT
        yield wrong("I4" if both else "I5")
    if one.state is OfferState.RINGING and (
        state.calls.get(one.call.uuid) is not one.call or one.call.stay is not one.stay
    ):
        yield wrong("I6", partial(repairs.call_off, offer=one))


def _unserved(state: State, queue_id: int) -> None:
    """The first caller of a queue could have an agent, and gets none."""
    if not state.router.calls_waiting(queue_id):
        return
    first = state.router.callers(queue_id)[0]
    entry = state.waiting.get(first)
    if entry is None:
        return  # whom `_disordered` finds
    told = state.router.explain(first)
    if told.closed is None and told.wanted and any(one.reason is None for one in told.candidates):
        _found(state, Finding("I9", f"caller {first}", entry[0].id, entry[0].node))


def _disordered(state: State, queue_id: int) -> None:
    """Somebody stands before a caller who comes first by priority, or by the wait that counts."""
    before: tuple[int, int] | None = None
    nobodys = []
    for caller_id in islice(state.router.callers(queue_id), repairs.MOST_ORDERED):
        entry = state.waiting.get(caller_id)
        if entry is None:
            nobodys.append(caller_id)
            continue
        one, stay = entry
        key = (-stay.priority, stay.entered_us - stay.earlier_us - one.wishes.base_score_us)
        if before is not None and key < before:
            mend = partial(repairs.rank_again, queue_id=queue_id)
            _found(state, Finding("I7", f"caller {caller_id}", one.id, one.node, mend=mend))
        before = key
    if nobodys:
        _unknown(state, nobodys)


def _unknown(state: State, caller_ids: list[int]) -> None:
    """Places in the core's order that are nobody's. A caller whom only our table lacks is found as such."""
    stays = (one.stay for one in state.calls.values())
    known = {stay.caller_id for stay in stays if stay is not None and stay.open}
    for caller_id in caller_ids:
        if caller_id not in known:
            mend = partial(repairs.send_off, caller_id=caller_id)
            _found(state, Finding("I2", f"caller {caller_id}", mend=mend))


def _looked(state: State, rules: tuple[str, ...], about: str, wrong: list[Finding]) -> None:
    """What was looked at and is well now starts anew, should it look wrong another time."""
    for rule in rules:
        if (rule, about) in state.round.findings and not any(finding.rule == rule for finding in wrong):
            del state.round.findings[rule, about]
    for finding in wrong:
        _found(state, finding)


def _found(state: State, finding: Finding) -> None:
    findings, key = state.round.findings, (finding.rule, finding.about)
    first_us, _last_us = findings.get(key, (state.now_us, 0))
    findings[key] = (first_us, state.now_us)
    if first_us > state.now_us - LASTS_US:
        return
    if first_us:
        findings[key] = (0, state.now_us)  # told
        what = {"rule": finding.rule, "call": finding.call, "agent": finding.agent}
        state.note(InvariantViolated, finding.node, **what)
        if finding.node:
            state.round.doubts.add(finding.node)
    if finding.mend is not None:
        finding.mend(state)
