"""Is a switch gone, or only out of sight? Its machine refuses connections, or nobody has seen it for long."""

from __future__ import annotations

from collections.abc import Callable

from py_callcenter.esl.settings import Timings


class Sight:
    """What failed connections say of a node. It counts as gone once, until it is seen again."""

    def __init__(self, timings: Timings, clock: Callable[[], float]) -> None:
        self._timings = timings
        self._clock = clock
        self._unseen_since: float | None = None
        self._refused_since: float | None = None
        self._counts_as_gone = False
        self.ended = False
        """Its machine says for long enough that nobody listens."""

    def lost(self, reason: str) -> None:
        """A connection ended or none came; `reason` is that of the `ConnectionFailed`."""
        now = self._clock()
        self._unseen_since = now if self._unseen_since is None else self._unseen_since
        if reason != "nobody-listens":
            self._refused_since = None
        elif self._refused_since is None:
            self._refused_since = now
        self.ended = (
            self._refused_since is not None and now - self._refused_since >= self._timings.gone_after_s
        )

    def newly_gone(self) -> bool:
        """Whether it counts as gone from now on."""
        unseen_s = 0.0 if self._unseen_since is None else self._clock() - self._unseen_since
        if self._counts_as_gone or not (self.ended or unseen_s >= self._timings.out_of_sight_s):
            return False
        self._counts_as_gone = True
        return True

    def regained(self) -> None:
        """It is there and has been looked at."""
        self._unseen_since = self._refused_since = None
        self._counts_as_gone = self.ended = False
