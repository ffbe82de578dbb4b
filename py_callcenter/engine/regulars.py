"""Callers who call again: who lost their place a moment ago, and whom they talked with last.

Callers are known by the pseudonym of their number; one without a number is nobody, so that strangers with
withheld numbers never take each other's place. Bounded; a restart of ours forgets it.
"""

from __future__ import annotations

from typing import Final, TypeVar

from py_callcenter.value import value

MOST_CALLERS: Final = 100_000


@value
class LostPlace:
    """A place that a caller lost by hanging up, or with the switch."""

    since_us: int
    """Begin of the wait that counted in the order."""
    base_score_us: int
    gone_us: int


class Regulars:
    """Two bounded tables; the oldest entries go first."""

    def __init__(self) -> None:
        self.agents_wanted = False
        """Some queue lets callers wait for the agent of their last talk."""
        self._places: dict[tuple[str, str], LostPlace] = {}
        self._agents: dict[str, tuple[str, int]] = {}

    def lose_place(self, queue: str, caller: str, place: LostPlace) -> None:
        if caller:
            _put(self._places, (queue, caller), place)

    def resume(self, queue: str, caller: str, now_us: int, within_us: int) -> LostPlace | None:
        """The place that this caller lost in this queue not longer ago than that; it is given once."""
        place = self._places.pop((queue, caller), None)
        return place if place is not None and now_us - place.gone_us <= within_us else None

    def talked(self, caller: str, agent: str, now_us: int) -> None:
        if caller:
            _put(self._agents, caller, (agent, now_us))

    def last_agent(self, caller: str, now_us: int, within_us: int) -> str:
        """The agent who last talked with this caller; empty when that is too long ago or never was."""
        agent, at_us = self._agents.get(caller, ("", 0))
        return agent if agent and now_us - at_us <= within_us else ""


Key = TypeVar("Key")
Value = TypeVar("Value")


def _put(table: dict[Key, Value], key: Key, value: Value) -> None:
    table.pop(key, None)
    table[key] = value
    if len(table) > MOST_CALLERS:
        del table[next(iter(table))]
