"""How agents spend their time, folded from the records.

Each agent is in exactly one state at any moment, so the states add up to the time by construction. What the
records tell: a phone is rung, it rang so long, a conversation began and ended, a wrap-up runs until then, the
status changed, calls that aren't the queues' began and ended. A start of ours takes up what the last run left
and writes down what ended meanwhile; until then an agent stays in the state that the last run saw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from py_callcenter.stats.fold import OFFER_OUTCOMES, RecordLike

AgentState = Literal[
    "waiting", "reserved", "receiving", "in_a_queue_call", "wrap_up", "idle", "busy_elsewhere", "on_break",
    "logged_out",
]  # fmt: skip
AGENT_STATES: Final[tuple[AgentState, ...]] = (
    "waiting", "reserved", "receiving", "in_a_queue_call", "wrap_up", "idle", "busy_elsewhere", "on_break",
    "logged_out",
)  # fmt: skip
"""The contract's. `waiting` here includes the delays after an offer that wasn't taken."""
AWAY: Final = ("on_break", "logged_out")
LOGGED_IN_STATES: Final = tuple(state for state in AGENT_STATES if state != "logged_out")

SLOT_US: Final = 900_000_000
"""Time is kept by the quarter of an hour: every time zone in use is a multiple of it away from UTC."""

_ON_DEMAND: Final = "Available (On Demand)"


@dataclass(slots=True)
class AgentLine:
    """Where one agent is.

    `until_us`: end of the wrap-up that runs, or that an agent on break or logged out comes back to; else 0.
    """

    agent: str
    status: str
    changed_us: int
    """When the status last changed."""
    state: AgentState
    since_us: int
    until_us: int = 0
    break_reason: str = ""
    """What the agent rests for; empty for a break without a reason, and for none."""
    served: bool = False
    """Has had a call since the status was set; On Demand that was all."""

    def base(self) -> AgentState:
        """The state that the status alone gives."""
        if self.status == "Logged Out":
            return "logged_out"
        return "on_break" if self.status == "On Break" else "waiting"

    def rested(self) -> AgentState:
        """The state that follows on a wrap-up."""
        return "idle" if self.status == _ON_DEMAND and self.served else self.base()


@dataclass(slots=True)
class BreakCount:
    """Breaks for one reason; `begun` and `overdue` count where they happened."""

    spent_us: int = 0
    begun: int = 0
    overdue: int = 0


@dataclass(slots=True)
class AgentSlot:
    """What one agent did in one quarter of an hour; offers count where they ended."""

    agent: str
    slot_us: int
    spent_us: dict[AgentState, int] = field(default_factory=dict)
    offers: dict[str, int] = field(default_factory=dict)
    breaks: dict[str, BreakCount] = field(default_factory=dict)
    """By reason. Their time is in the time of the state too."""

    def rests(self, reason: str) -> BreakCount:
        return self.breaks.setdefault(reason, BreakCount())


class AgentTimes:
    """Feed every record once, in order, to `fold`; take what is to be kept with `take`."""

    def __init__(self, lines: dict[str, AgentLine] | None = None) -> None:
        self.lines: dict[str, AgentLine] = lines or {}
        self._slots: dict[tuple[str, int], AgentSlot] = {}
        self._touched: set[str] = set()
        self._wrap_ups: list[tuple[str, int]] = []
        self._rested_us: dict[str, int] = {}
        """What agents who are away had of a wrap-up that isn't over."""
        self._elsewhere = {line.agent for line in self.lines.values() if line.state == "busy_elsewhere"}
        """Agents with calls that aren't the queues'; who isn't seen so in `lines` is taken for free."""

    def fold(self, record: RecordLike) -> None:
        step = _STEPS.get(record.kind)
        if step is not None:
            step(self, record)

    def idle_us(self, record: Any) -> int | None:
        """Before an offer is folded: how long its agent has waited for one; None for everything else."""
        if record.kind != "offer-made":
            return None
        line = self.lines.get(record.agent)
        if line is None:
            return None
        state, since_us = line.state, line.since_us
        if state == "wrap_up" and line.until_us:
            state, since_us = self._base(line), line.until_us
        return max(0, record.at_us - since_us) if state == "waiting" else None

    def take(self) -> tuple[list[AgentLine], list[AgentSlot]]:
        """Agents that changed, and what is to be added to their quarters, since the last `take`."""
        lines = [self.lines[name] for name in sorted(self._touched)]
        slots = [self._slots[key] for key in sorted(self._slots)]
        self._touched, self._slots = set(), {}
        return lines, slots

    def take_wrap_ups(self) -> list[tuple[str, int]]:
        """Wrap-ups that ended since the last time: agent, and how long it was."""
        ended, self._wrap_ups = self._wrap_ups, []
        return ended

    def status(self, record: Any) -> None:
        line = self.lines.get(record.agent)
        if line is None:
            line = AgentLine(record.agent, record.status, record.at_us, "logged_out", record.at_us)
            self.lines[record.agent] = line
        elif record.at_us < line.changed_us and record.reason != "initial":
            return  # old news
        self._settle(line, record.at_us)
        line.status, line.changed_us = record.status, record.at_us
        anew = record.reason in ("initial", "removed")
        if anew:  # who is on a call is found anew
            self._elsewhere.discard(line.agent)
        line.served = False
        keeps = line.state == "in_a_queue_call" or (
            line.state in ("reserved", "wrap_up") and line.base() == "waiting"
        )
        if record.reason == "initial" or not keeps:
            until_us = 0 if anew else line.until_us
            self._move(line, self._base(line), record.at_us)
            self._rests_on(line, until_us, record.at_us)
        if line.until_us <= record.at_us and line.agent in self._rested_us:
            self._wrap_ups.append((line.agent, self._rested_us.pop(line.agent)))
        line.break_reason = getattr(record, "break_reason", "")
        if line.break_reason:
            self._slot(line.agent, record.at_us).rests(line.break_reason).begun += 1
        self._touched.add(line.agent)

    def rests(self, record: Any) -> None:
        """A step of a break."""
        if record.step == "overdue":
            self._slot(record.agent, record.at_us).rests(record.break_reason).overdue += 1

    def elsewhere(self, record: Any) -> None:
        line = self._line(record)
        if record.elsewhere:
            self._elsewhere.add(line.agent)
        else:
            self._elsewhere.discard(line.agent)
        if line.state in ("waiting", "busy_elsewhere"):
            self._move(line, self._base(line), record.at_us)

    def offered(self, record: Any) -> None:
        line = self._line(record)
        if line.state != "in_a_queue_call":
            self._move(line, "reserved", record.at_us)

    def taken_up(self, record: Any) -> None:
        """An offer or a conversation of an earlier run goes on."""
        self._move(self._line(record), "in_a_queue_call" if record.talking else "reserved", record.at_us)

    def offer_over(self, record: Any) -> None:
        line = self._line(record)
        slot = self._slot(line.agent, record.at_us)
        slot.offers[record.outcome] = slot.offers.get(record.outcome, 0) + 1
        if line.state != "reserved":
            return
        if record.ring_us > 0:
            self._move(line, "receiving", max(line.since_us, record.at_us - record.ring_us))
        self._move(
            line, "in_a_queue_call" if record.outcome == "answered" else self._base(line), record.at_us
        )

    def parted(self, record: Any) -> None:
        line = self._line(record)
        line.served = True
        if line.state == "in_a_queue_call":
            self._move(line, self.rested(line), record.at_us)

    def joined(self, record: Any) -> None:
        """The agent goes on with another caller, who was connected to them."""
        self._move(self._line(record), "in_a_queue_call", record.at_us)

    def undone(self, record: Any) -> None:
        line = self._line(record)
        if line.state == "in_a_queue_call":
            self._move(line, self._base(line), record.at_us)

    def wrap_up(self, record: Any) -> None:
        line = self._line(record)
        if line.state in AWAY:
            line.until_us = record.until_us
        if line.state not in ("waiting", "idle", "wrap_up", "busy_elsewhere"):
            return
        if record.until_us <= record.at_us:
            if line.state == "wrap_up":
                self._after_wrap_up(line, record.at_us)
            return
        if line.state != "wrap_up":
            self._move(line, "wrap_up", record.at_us)
        line.until_us = record.until_us

    def _rests_on(self, line: AgentLine, until_us: int, at_us: int) -> None:
        """A change of the status doesn't end a wrap-up: who comes back before its end is in it again."""
        if until_us <= at_us:
            return
        if line.state in ("waiting", "busy_elsewhere"):
            self._move(line, "wrap_up", at_us)
        if line.state == "wrap_up" or line.state in AWAY:
            line.until_us = until_us

    def _line(self, record: Any) -> AgentLine:
        """The agent as of the record; one whose status no record tells was available."""
        line = self.lines.get(record.agent)
        if line is None:
            line = AgentLine(record.agent, "Available", record.at_us, "waiting", record.at_us)
            self.lines[record.agent] = line
        self._settle(line, record.at_us)
        self._touched.add(line.agent)
        return line

    def _settle(self, line: AgentLine, at_us: int) -> None:
        """A wrap-up that ended in the meantime."""
        if line.state == "wrap_up" and line.until_us <= at_us:
            self._after_wrap_up(line, line.until_us)

    def _after_wrap_up(self, line: AgentLine, at_us: int) -> None:
        self._move(line, self.rested(line), at_us)

    def _base(self, line: AgentLine) -> AgentState:
        state = line.base()
        return "busy_elsewhere" if state == "waiting" and line.agent in self._elsewhere else state

    def rested(self, line: AgentLine) -> AgentState:
        """The state that follows on a wrap-up."""
        return "idle" if line.rested() == "idle" else self._base(line)

    def _move(self, line: AgentLine, state: AgentState, at_us: int) -> None:
        at_us = max(at_us, line.since_us)  # a clock that went back between two runs
        if line.state != "logged_out":
            for slot_us, spent_us in quarters(line.since_us, at_us):
                slot = self._slot(line.agent, slot_us)
                slot.spent_us[line.state] = slot.spent_us.get(line.state, 0) + spent_us
                if line.break_reason and line.state == "on_break":
                    slot.rests(line.break_reason).spent_us += spent_us
        if line.state == "wrap_up":
            rested_us = self._rested_us.pop(line.agent, 0) + at_us - line.since_us
            if state in AWAY and line.until_us > at_us:
                self._rested_us[line.agent] = rested_us
            else:
                self._wrap_ups.append((line.agent, rested_us))
        line.state, line.since_us, line.until_us = state, at_us, 0
        self._touched.add(line.agent)

    def _slot(self, agent: str, at_us: int) -> AgentSlot:
        slot_us = at_us - at_us % SLOT_US
        key = (agent, slot_us)
        found = self._slots.get(key)
        if found is None:
            found = self._slots[key] = AgentSlot(agent, slot_us)
        return found


def quarters(from_us: int, to_us: int) -> Iterator[tuple[int, int]]:
    """The quarters of an hour that a span touches, by their beginnings, with the time spent in each."""
    while from_us < to_us:
        slot_us = from_us - from_us % SLOT_US
        end_us = min(to_us, slot_us + SLOT_US)
        yield slot_us, end_us - from_us
        from_us = end_us


def open_spans(line: AgentLine, now_us: int) -> Iterator[tuple[AgentState, int, int]]:
    """What an agent did since the last change that is in the quarters: state, from, to. Who has another call
    after a wrap-up is taken for free until the next record.
    """
    if line.state == "wrap_up" and line.until_us < now_us:
        yield "wrap_up", line.since_us, line.until_us
        yield line.rested(), line.until_us, now_us
    elif line.since_us < now_us:
        yield line.state, line.since_us, now_us


_STEPS: Final[dict[str, Callable[[AgentTimes, Any], None]]] = {
    "agent-status": AgentTimes.status,
    "agent-break": AgentTimes.rests,
    "offer-made": AgentTimes.offered,
    "offer-taken-up": AgentTimes.taken_up,
    "offer-ended": AgentTimes.offer_over,
    "conversation-ended": AgentTimes.parted,
    "conversation-joined": AgentTimes.joined,
    "bridge-undone": AgentTimes.undone,
    "agent-wrap-up": AgentTimes.wrap_up,
    "agent-elsewhere": AgentTimes.elsewhere,
}

__all__ = [
    "AGENT_STATES",
    "LOGGED_IN_STATES",
    "OFFER_OUTCOMES",
    "SLOT_US",
    "AgentLine",
    "AgentSlot",
    "AgentState",
    "AgentTimes",
    "BreakCount",
    "open_spans",
    "quarters",
]
