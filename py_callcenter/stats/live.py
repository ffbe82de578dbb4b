"""What happened since the start and where everybody is now: the folds that live figures are read from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from itertools import chain
from typing import Final

from py_callcenter.stats.agents import (
    AGENT_STATES,
    LOGGED_IN_STATES,
    AgentLine,
    AgentState,
    AgentTimes,
    BreakCount,
)
from py_callcenter.stats.fold import RecordLike, Stats
from py_callcenter.value import value

AT_ONCE: Final = 1000
"""Agents whose queues are counted in one go: some tenths of a millisecond."""


@value
class LiveAgents:
    """Agents' time since the start, and where they are by queue, at one moment."""

    spent_us: Mapping[AgentState, int]
    """While logged in. What a ringing offer takes is added when it is over: only then it is known how long
    the phone really rang."""
    by_state: Mapping[AgentState, Mapping[str, int]]
    """Agents with a tier in a queue, by state and queue; an agent of several queues is in each. Where there
    are none, there is no number."""
    breaks: Mapping[str, BreakCount] = field(default_factory=dict)
    """Breaks since the start, by reason; one that goes on counts up to now."""


class Live:
    """Feed records in order to `fold`; they are counted once, here, for every reader."""

    def __init__(self, lines: Mapping[str, AgentLine] | None = None) -> None:
        """`lines`: agents as an earlier run left them; no record tells their status again."""
        self.stats = Stats()
        self._times = AgentTimes(dict(lines or {}))
        self._spent_us: dict[AgentState, int] = dict.fromkeys(LOGGED_IN_STATES, 0)
        self._breaks: dict[str, BreakCount] = {}
        self._told_us: dict[str, int] = {}
        """The most that was told of each state and break: a record that comes after a look may shorten what
        was counted up to that moment, and a counter that falls counts as one that began anew."""

    def fold(self, records: Sequence[RecordLike]) -> None:
        for record in records:
            self.stats.fold(record)
            idle_us = self._times.idle_us(record)
            if idle_us is not None:
                self.stats.idle.observe(idle_us)
            self._times.fold(record)
        ended = self._times.take_wrap_ups()
        if ended:
            self.stats.wrapped_up(ended)
        for slot in self._times.take()[1]:
            for state, spent_us in slot.spent_us.items():
                self._spent_us[state] += spent_us
            for reason, count in slot.breaks.items():
                known = self._breaks.setdefault(reason, BreakCount())
                known.spent_us += count.spent_us
                known.begun += count.begun
                known.overdue += count.overdue

    def agents(self, now_us: int, queues_of: Mapping[str, Sequence[str]]) -> LiveAgents:
        """`queues_of`: the queues that each configured agent has a tier in."""
        spent_us = self._spent_us.copy()
        breaks = {reason: replace(count) for reason, count in self._breaks.items()}
        counts: dict[AgentState, list[Sequence[str]]] = {state: [] for state in AGENT_STATES}
        for name, line in self._times.lines.items():
            state, since_us = line.state, line.since_us
            if state == "wrap_up" and line.until_us < now_us:  # over, and nothing happened since
                spent_us[state] += line.until_us - since_us
                state, since_us = self._times.rested(line), line.until_us
            if state not in ("reserved", "logged_out") and since_us < now_us:
                spent_us[state] += now_us - since_us
                if line.break_reason and state == "on_break":
                    breaks.setdefault(line.break_reason, BreakCount()).spent_us += now_us - since_us
            queues = queues_of.get(name)
            if queues is not None:
                counts[state].append(queues)
        for state, us in spent_us.items():
            spent_us[state] = self._told_us[state] = max(us, self._told_us.get(state, 0))
        for reason, count in breaks.items():
            key = f"break {reason}"
            count.spent_us = self._told_us[key] = max(count.spent_us, self._told_us.get(key, 0))
        return LiveAgents(spent_us, {state: _counted(found) for state, found in counts.items()}, breaks)


def _counted(found: Sequence[Sequence[str]]) -> Counter[str]:
    """How often each queue is among them; in pieces, for counting holds the interpreter."""
    counter: Counter[str] = Counter()
    for first in range(0, len(found), AT_ONCE):
        counter.update(chain.from_iterable(found[first : first + AT_ONCE]))
    return counter
