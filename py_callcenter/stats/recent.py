"""What a queue's last half hour brought, by the minute: callers, and how long each held an agent."""

from __future__ import annotations

from collections import deque
from typing import Final

HALF_HOUR_US: Final = 1_800_000_000
ENOUGH: Final = 10
"""Conversations, or callers who gave up, whose mean says something."""

_SLOT_US: Final = 60_000_000
_SLOTS: Final = HALF_HOUR_US // _SLOT_US


class Recent:
    """Counts of the last half hour, and since the fold began; the oldest minute drops out as a whole."""

    __slots__ = ("_held_us", "_slots", "_talks")

    def __init__(self) -> None:
        self._slots: deque[list[int]] = deque()
        self._talks = 0
        self._held_us = 0

    def count(self, at_us: int, *, calls: int = 0, talks: int = 0, held_us: int = 0) -> None:
        """`held_us`: time that an agent was held: ringing, talking or wrapping up."""
        slot = at_us // _SLOT_US
        if not self._slots or slot > self._slots[-1][0]:
            self._slots.append([slot, 0, 0, 0])
            self._forget(slot)
        entry = self._slots[-1]
        entry[1] += calls
        entry[2] += talks
        entry[3] += held_us
        self._talks += talks
        self._held_us += held_us

    def calls(self, now_us: int) -> int:
        """Queue legs that began in the last half hour."""
        self._forget(now_us // _SLOT_US)
        return sum(entry[1] for entry in self._slots)

    def handle_us(self, now_us: int) -> int | None:
        """Mean time that a conversation held an agent, in the last half hour or, with few in it, since the
        fold began; None with few at all.
        """
        self._forget(now_us // _SLOT_US)
        talks = sum(entry[2] for entry in self._slots)
        if talks >= ENOUGH:
            return sum(entry[3] for entry in self._slots) // talks
        return self._held_us // self._talks if self._talks >= ENOUGH else None

    def _forget(self, slot: int) -> None:
        while self._slots and self._slots[0][0] <= slot - _SLOTS:
            self._slots.popleft()
