"""Service level over a sliding window, and when a wait that isn't over is beyond the threshold.

The window's formula, named because a bare "service level" means nothing: queue legs answered within the
target ÷ (answered + abandoned + left + lost), short abandons left out. A queue leg counts when its wait ends.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

DEFAULT_FORMULA: Final = "callcenter"
"""Where a report names none of `formulas`."""
WINDOW_SECONDS: Final = 1800
FORMULA: Final = "answered in time / (answered + abandoned + left + lost), short abandons left out"

SETTLED_US: Final = 2_000_000
"""An answer in time is told a second after the bridge, when it counts, and is in the database soon after.
Until then nobody knows that it was in time, so a wait is late only so long after the threshold."""

_SLOT_US: Final = 60_000_000
_SLOTS: Final = WINDOW_SECONDS * 1_000_000 // _SLOT_US


def late_since(entered_us: Any, threshold_us: Any) -> Any:
    """After which moment a wait that still isn't over counts as longer than the threshold; of columns too."""
    return entered_us + threshold_us + SETTLED_US


class ServiceLevelWindow:
    """Counts of the last half hour, kept by the minute; the oldest minute drops out as a whole."""

    __slots__ = ("_good", "_slots", "_total")

    def __init__(self) -> None:
        self._slots: deque[list[int]] = deque()
        self._good = 0
        self._total = 0

    def count(self, at_us: int, *, in_time: bool) -> None:
        slot = at_us // _SLOT_US
        if not self._slots or slot > self._slots[-1][0]:
            self._slots.append([slot, 0, 0])
        entry = self._slots[-1]
        entry[1] += in_time
        entry[2] += 1
        self._good += in_time
        self._total += 1
        self._forget(slot)

    def percent(self, now_us: int) -> float | None:
        """Share from 0 to 100; None when no queue leg ended within the window."""
        self._forget(now_us // _SLOT_US)
        return 100 * self._good / self._total if self._total else None

    def _forget(self, slot: int) -> None:
        while self._slots and self._slots[0][0] <= slot - _SLOTS:
            _, good, total = self._slots.popleft()
            self._good -= good
            self._total -= total
