"""Call records: what a call's records come to, one row a queue leg and one row a call.

Always folded from all records of the call, so folding them again, or some of them twice, gives the same rows.
Durations and moments are integer microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from py_callcenter.stats.fold import LEFT_REASONS, RecordLike, ended_by

Outcome = Literal["waiting", "answered", "abandoned", "overflowed", "callback", "lost", "joined"]
OUTCOMES: Final[tuple[Outcome, ...]] = (
    "waiting", "answered", "abandoned", "overflowed", "callback", "lost",
)  # fmt: skip
"""Each queue leg, and each call, is in exactly one of them; `waiting` until it is known. `joined` is the
outcome of a conversation without a wait: an attended transfer connected the caller with an agent. Its row has
no queue, so it is in the agent's figures and the call's, and in no queue's."""


@dataclass(slots=True)
class LegRow:
    """One stay of a call in one queue, or a conversation that a caller was joined to (`queue` empty)."""

    call: str
    leg: int
    node: str
    queue: str
    caller: str
    """Pseudonym; empty when unknown or forgotten."""
    entered_us: int
    priority: int = 0
    position: int = 0
    """Place at entry, 1 = next; 0 = none."""
    outcome: Outcome = "waiting"
    detail: str = ""
    """Reason of an overflowed leg; of an abandoned one `ringing` when a phone rang for it, else `queued`."""
    wait_us: int = 0
    """From the PARK to the bridge, or to the leg's other end."""
    left_position: int = 0
    offers: int = 0
    """Agents rung for it."""
    missed: int = 0
    """Offers that came to nothing by the agent's side: no answer, busy, rejected."""
    agent: str = ""
    ring_us: int = 0
    """How long the answering agent's phone rang."""
    voice_us: int = 0
    """From the agent's answer to the bridge."""
    talk_us: int = 0
    """Conversation, hold included."""
    hold_us: int = 0
    wrap_up_us: int = 0
    """The wrap-up that was to follow it, as it was last set. What agents make of theirs: `stats.agents`."""
    ended_by: str = ""
    """Who hung up: caller, agent or system; `transfer` when nobody did, empty while it lasts."""
    transferred: bool = False
    """The conversation ended by a transfer."""


@dataclass(slots=True)
class CallRow:
    """One call over all its queue legs."""

    call: str
    node: str
    queue: str
    """Where it was offered first."""
    caller: str
    offered_us: int
    outcome: Outcome = "waiting"
    detail: str = ""
    wait_us: int = 0
    """From the first PARK to the first bridge; of a call never answered to the end of its last wait."""
    agent: str = ""
    """Who answered first."""
    legs: int = 0
    talk_us: int = 0
    hold_us: int = 0
    wrap_up_us: int = 0
    transfers: int = 0
    """Conversations that ended by a transfer."""
    missed: int = 0
    ended_by: str = ""
    """Likewise of the last conversation."""
    ended_us: int = 0
    """When the caller's channel was gone; 0 while it lives."""
    cause: str = ""


class _Fold:
    def __init__(self) -> None:
        self.call: CallRow | None = None
        self.legs: dict[int, LegRow] = {}
        self._joined: dict[int, LegRow] = {}
        self._last_agent: dict[str, LegRow] = {}
        self._short: set[int] = set()
        """Legs abandoned so soon that the record doesn't say whether a phone rang."""
        self._wrap_up_since: dict[tuple[str, int], int] = {}

    def take(self, record: RecordLike) -> None:
        step = _STEPS.get(record.kind)
        if step is not None:
            step(self, record)

    def offered(self, record: Any) -> None:
        """Once: a start that has lost what was written of a new caller meets them as new again."""
        if self.call is not None:
            return
        self.call = CallRow(record.call, record.node, record.queue, record.caller, record.at_us)

    def entered(self, record: Any) -> None:
        self._leg(record, record.at_us, priority=record.priority, position=record.position)

    def resumed(self, record: Any) -> None:
        """Only where the records of its beginning are missing."""
        if record.leg not in self.legs:
            self._leg(record, record.entered_us)

    def _leg(self, record: Any, entered_us: int, *, priority: int = 0, position: int = 0) -> None:
        if self.call is None:
            self.call = CallRow(record.call, record.node, record.queue, "", entered_us)
        self.legs[record.leg] = LegRow(
            call=record.call,
            leg=record.leg,
            node=record.node,
            queue=record.queue,
            caller=self.call.caller,
            entered_us=entered_us,
            priority=priority,
            position=position,
        )

    def offer_made(self, _record: Any) -> None:
        leg = self._open()
        if leg is not None:
            leg.offers += 1

    def offer_ended(self, record: Any) -> None:
        leg = self._open()
        if leg is None:
            return
        if record.outcome == "answered":
            leg.ring_us = record.ring_us
        elif record.outcome in ("no_answer", "busy", "rejected"):
            leg.missed += 1
        elif leg.leg in self._short and record.outcome == "withdrawn" and record.ring_us > 0:
            leg.detail = "ringing"  # until the caller gave up

    def answered(self, record: Any) -> None:
        leg = self.legs.get(record.leg)
        if leg is not None:
            leg.outcome, leg.wait_us = "answered", record.wait_us
            leg.agent, leg.voice_us = record.agent, record.voice_us

    def abandoned(self, record: Any) -> None:
        if record.phase == "short":
            self._short.add(record.leg)
        self._end(record, "abandoned", "queued" if record.phase == "short" else record.phase)

    def left(self, record: Any) -> None:
        if record.reason in LEFT_REASONS:
            self._end(record, "overflowed", record.reason)

    def lost(self, record: Any) -> None:
        self._end(record, "lost", "")

    def _end(self, record: Any, outcome: Outcome, detail: str) -> None:
        leg = self.legs.get(record.leg)
        if leg is not None:
            leg.outcome, leg.detail, leg.wait_us = outcome, detail, record.wait_us
            leg.left_position = getattr(record, "position", 0)

    def joined(self, record: Any) -> None:
        self._join(record, record.at_us)

    def _join(self, record: Any, since_us: int) -> LegRow:
        leg = self._joined[record.leg] = LegRow(
            call=record.call,
            leg=record.leg,
            node=record.node,
            queue="",
            caller=self.call.caller if self.call is not None else "",
            entered_us=since_us,
            outcome="joined",
            agent=record.agent,
        )
        return leg

    def parted(self, record: Any) -> None:
        leg = self.legs.get(record.leg) or self._joined.get(record.leg)
        if leg is None:  # the record of its beginning is missing
            leg = self._join(record, record.at_us - record.talk_us)
        leg.talk_us, leg.hold_us = record.talk_us, record.hold_us
        leg.ended_by, leg.transferred = ended_by(record), record.transferred
        self._last_agent[record.agent] = leg

    def wrapped_up(self, record: Any) -> None:
        """The last word counts: an agent may end or move a wrap-up."""
        leg = self._last_agent.get(record.agent)
        if leg is not None:
            begun_us = self._wrap_up_since.setdefault((record.agent, leg.leg), record.at_us)
            leg.wrap_up_us = max(0, record.until_us - begun_us)

    def ended(self, record: Any) -> None:
        if self.call is None:
            return
        self.call.ended_us, self.call.cause = record.at_us, record.cause
        for leg in self.legs.values():
            if leg.outcome == "waiting":  # its end is in none of the records
                leg.outcome, leg.wait_us = "lost", max(0, record.at_us - leg.entered_us)

    def _open(self) -> LegRow | None:
        return self.legs[max(self.legs)] if self.legs else None

    @property
    def rows(self) -> list[LegRow]:
        """Queue legs and joined conversations in their order."""
        return sorted([*self.legs.values(), *self._joined.values()], key=lambda leg: leg.leg)

    def close(self) -> None:
        """Sum the legs up into the call."""
        call = self.call
        if call is None:
            return
        legs = [self.legs[index] for index in sorted(self.legs)]
        call.legs = len(legs)
        talks = self.rows
        call.talk_us = sum(talk.talk_us for talk in talks)
        call.hold_us = sum(talk.hold_us for talk in talks)
        call.wrap_up_us = sum(talk.wrap_up_us for talk in talks)
        call.transfers = sum(talk.transferred for talk in talks)
        call.missed = sum(leg.missed for leg in legs)
        call.ended_by = next((talk.ended_by for talk in reversed(talks) if talk.ended_by), "")
        telling = next((leg for leg in legs if leg.outcome == "answered"), legs[-1] if legs else None)
        if telling is not None:
            call.outcome, call.detail, call.agent = telling.outcome, telling.detail, telling.agent
            if telling.outcome != "waiting":
                call.wait_us = max(0, telling.entered_us + telling.wait_us - call.offered_us)


_STEPS: Final[dict[str, Callable[[_Fold, Any], None]]] = {
    "call-offered": _Fold.offered,
    "queue-entered": _Fold.entered,
    "queue-resumed": _Fold.resumed,
    "offer-made": _Fold.offer_made,
    "offer-ended": _Fold.offer_ended,
    "call-answered": _Fold.answered,
    "call-abandoned": _Fold.abandoned,
    "call-left": _Fold.left,
    "call-lost": _Fold.lost,
    "conversation-joined": _Fold.joined,
    "conversation-ended": _Fold.parted,
    "agent-wrap-up": _Fold.wrapped_up,
    "call-ended": _Fold.ended,
}


def fold_call(records: Iterable[RecordLike]) -> tuple[CallRow | None, list[LegRow]]:
    """All records of one call, in the order in which they happened → its row, and those of its queue legs and
    of conversations that it was joined to.

    None for a call that never was in a queue.
    """
    fold = _Fold()
    for record in records:
        fold.take(record)
    fold.close()
    return fold.call, fold.rows
