"""Canaries: numbered events of our own that prove that a node's events reach us, and how late."""

from __future__ import annotations

from collections.abc import Callable

from py_callcenter._router import Event
from py_callcenter.esl import commands


class Canaries:
    """Keeps the numbers that are under way. Times are seconds by `clock`, which is monotonic."""

    def __init__(self, source: str, clock: Callable[[], float]) -> None:
        self.lag_s: float | None = None
        """Round trip of the latest one that came back."""
        self._source = source
        self._clock = clock
        self._number = 0
        self._latest_back = 0
        self._sent: dict[int, float] = {}
        self._accepted: set[int] = set()

    def next(self) -> tuple[int, bytes]:
        """The next number and its command; it counts as sent now."""
        self._number += 1
        self._sent[self._number] = self._clock()
        return self._number, commands.canary(self._source, self._number)

    def accepted(self, number: int) -> None:
        """The switch said that it fired this one, so from now on it must come."""
        if number in self._sent:
            self._accepted.add(number)

    def drop(self, number: int) -> None:
        """Expect this one no longer."""
        self._sent.pop(number, None)
        self._accepted.discard(number)

    def forget(self) -> None:
        """Expect nothing: the connections have changed."""
        self._sent.clear()
        self._accepted.clear()

    def arrived(self, event: Event) -> None:
        """One came back; another controller's and repeated ones don't count."""
        text = event.get("Canary-Number") or ""
        if event.get("Canary-Source") != self._source or not text.isdecimal() or len(text) > 18:
            return
        sent_at = self._sent.pop(int(text), None)
        if sent_at is None:
            return
        self._accepted.discard(int(text))
        self._latest_back = max(self._latest_back, int(text))
        self.lag_s = max(0.0, self._clock() - sent_at)

    def overdue(self, after_s: float) -> bool:
        """Whether one that the switch fired has been missing for `after_s` and none came after it."""
        if not self._accepted:
            return False
        now = self._clock()
        return any(
            now - self._sent[number] >= after_s and number > self._latest_back for number in self._accepted
        )

    def lost(self) -> bool:
        """Whether a later one came back and an earlier one didn't: an event was lost. Tells once."""
        # A switch with several dispatch threads may swap two neighbours, so the very last doesn't count.
        missing = [number for number in self._accepted if number < self._latest_back - 1]
        for number in missing:
            self.drop(number)
        return bool(missing)
