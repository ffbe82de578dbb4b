"""The story of recent calls, in memory, for `callcenter call trace`."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from py_callcenter.engine import AnyRecord

CALLS_KEPT: Final = 5000
RECORDS_PER_CALL: Final = 500


class Traces:
    """Records by call, of the last calls that something happened to."""

    def __init__(self, calls_kept: int = CALLS_KEPT) -> None:
        self._calls: OrderedDict[str, list[AnyRecord]] = OrderedDict()
        self._calls_kept = calls_kept

    def add(self, record: AnyRecord) -> None:
        call = getattr(record, "call", "")
        if not call:
            return
        story = self._calls.get(call)
        if story is None:
            story = self._calls[call] = []
            if len(self._calls) > self._calls_kept:
                self._calls.popitem(last=False)
        if len(story) < RECORDS_PER_CALL:
            story.append(record)

    def of(self, call: str) -> list[AnyRecord]:
        """In order; empty when nothing is known of the call."""
        return list(self._calls.get(call, ()))
