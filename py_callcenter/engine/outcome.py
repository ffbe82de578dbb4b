"""What an input leads to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from py_callcenter.engine.actions import Action
from py_callcenter.engine.records import AnyRecord


class Outcome:
    """What one input led to: actions for the switches, in order per leg, records, and nodes to be looked at
    afresh, for events of theirs were lost.
    """

    __slots__ = ("_records", "_take", "actions", "doubts", "faults", "quiet")

    def __init__(
        self,
        actions: Sequence[Action] = (),
        doubts: AbstractSet[str] = frozenset(),
        take: Callable[[], list[AnyRecord]] = list,
        *,
        faults: Sequence[Exception] = (),
        quiet: bool = False,
    ) -> None:
        """`take` makes the records. `faults` of ours each cost one phone's ringing and nothing else. `quiet`:
        nothing came of it, but for a deadline perhaps.
        """
        self.actions, self.doubts, self.faults = actions, doubts, faults
        self.quiet = quiet
        self._take: Callable[[], list[AnyRecord]] | None = take
        self._records: list[AnyRecord] = []

    @property
    def untaken(self) -> bool:
        """Whether the records aren't made yet."""
        return self._take is not None

    @property
    def records(self) -> list[AnyRecord]:
        """Made when they are first asked for, or else before the next input is taken."""
        take, self._take = self._take, None
        if take is not None:
            self._records = take()
        return self._records


NOTHING: Final = Outcome(quiet=True)
