"""The one place that reads a clock."""

from __future__ import annotations

import time


class Clock:
    """Epoch microseconds: anchored to the wall clock once, moved on by the monotonic clock, never backwards.

    A wall clock that is set while we run shifts no deadline and no wait (design 1).
    """

    __slots__ = ("_anchor_ns",)

    def __init__(self) -> None:
        self._anchor_ns = time.time_ns() - time.monotonic_ns()

    def now_us(self) -> int:
        return (self._anchor_ns + time.monotonic_ns()) // 1000
