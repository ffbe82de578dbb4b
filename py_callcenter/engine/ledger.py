"""What the records promise of themselves, proven while they are written.

A queue leg begins once and ends once, a call is not over before its queue leg is (I10); an agent's
conversations don't overlap (I11); an offer that came to nothing leaves the agent's place in the idle order
alone (I8). Costs a look in a table for each record.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

_SLACK_US: Final = 1_000_000
"""Where two conversations touch, the moments of the switch and ours may differ by so much."""
_FOLLOWED: Final = 100_000
"""Calls at the most: more are no calls of a centre, but ends that were never written."""


class Ledger:
    """Feed every record once, in order, to `fold`."""

    def __init__(self) -> None:
        self._legs: dict[str, int] = {}
        """By call, the number of its last queue leg; negative when that has ended."""
        self._talked_until_us: dict[str, int] = {}
        self._stirred_us: dict[str, int] = {}
        """By agent, when something last moved the begin of the idle time: a login, a conversation's end."""

    def is_open(self, call: str, leg: int) -> bool:
        """Whether a queue leg has begun and not ended."""
        return self._legs.get(call, 0) == leg

    def fold(self, record: Any) -> str:
        """The rule that a record breaks; empty for none."""
        step = _STEPS.get(record.kind)
        return "" if step is None else step(self, record)

    def stirred_us(self, agent: str) -> int:
        """When the agent's idle time last had a reason to begin anew; 0: never in this run."""
        return self._stirred_us.get(agent, 0)

    @property
    def entries(self) -> int:
        return len(self._legs)

    def _begun(self, record: Any) -> str:
        before = self._legs.get(record.call, 0)
        self._legs[record.call] = record.leg
        if len(self._legs) > _FOLLOWED:
            del self._legs[next(iter(self._legs))]
        return "I10" if before > 0 else ""

    def _ended(self, record: Any) -> str:
        """`before` is 0 for a call of an earlier run, whose books only the database knows."""
        before = self._legs.get(record.call, 0)
        self._legs[record.call] = -record.leg
        return "I10" if before == -record.leg else ""

    def _undone(self, record: Any) -> str:
        if self._legs.get(record.call, 0) == -record.leg:
            self._legs[record.call] = record.leg
        return ""

    def _over(self, record: Any) -> str:
        return "I10" if self._legs.pop(record.call, 0) > 0 else ""

    def _talked(self, record: Any) -> str:
        begun_us = record.at_us - record.talk_us
        before_us = self._talked_until_us.get(record.agent, 0)
        self._talked_until_us[record.agent] = self._stirred_us[record.agent] = record.at_us
        return "I11" if record.talk_us < 0 or begun_us + _SLACK_US < before_us else ""

    def _status(self, record: Any) -> str:
        self._stirred_us[record.agent] = record.at_us
        return ""


_STEPS: Final[dict[str, Callable[[Ledger, Any], str]]] = {
    "queue-entered": Ledger._begun,  # noqa: SLF001 - the table of its own methods
    "queue-resumed": Ledger._begun,  # noqa: SLF001 - likewise
    "call-answered": Ledger._ended,  # noqa: SLF001 - likewise
    "call-abandoned": Ledger._ended,  # noqa: SLF001 - likewise
    "call-left": Ledger._ended,  # noqa: SLF001 - likewise
    "call-lost": Ledger._ended,  # noqa: SLF001 - likewise
    "bridge-undone": Ledger._undone,  # noqa: SLF001 - likewise
    "call-ended": Ledger._over,  # noqa: SLF001 - likewise
    "conversation-ended": Ledger._talked,  # noqa: SLF001 - likewise
    "agent-status": Ledger._status,  # noqa: SLF001 - likewise
}
