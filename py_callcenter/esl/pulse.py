"""Signs of life on a node's events connection.

Whoever answers TCP's own questions may stand still all the same (SIGSTOP, a paused machine), and where nobody
waits and nobody is ready nothing is written that would tell. So the connection is over when it is silent and
a new one is taken and not answered; or when it is silent for as long as several HEARTBEATs take, by the
longest time between two that this very switch has shown: how often it sends them is its own affair.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from py_callcenter._router import Event
from py_callcenter.esl.connection import Connection
from py_callcenter.esl.errors import ConnectionFailed
from py_callcenter.esl.heartbeat import Heartbeat

_UNANSWERED: Final = frozenset({"no-greeting", "no-login"})
"""The machine takes a connection and nobody says a word on it."""
_MISSED: Final = 3
_TOGETHER_S: Final = 0.02
"""Two that come so close were held up on the way, or by us: no switch beats so fast."""


class Pulse:
    """When a switch was heard. Times are seconds by `clock`, which is monotonic."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.heartbeat: Heartbeat | None = None
        """The switch's last word about itself, of this connection or an earlier one."""
        self._clock = clock
        self._at: float | None = None
        self._before: float | None = None
        """The HEARTBEAT before on this connection."""
        self._gap_s = 0.0
        """The longest time between two on this connection; 0 before the second."""

    @property
    def age_s(self) -> float | None:
        """Since the last HEARTBEAT; None before the first."""
        return None if self._at is None else self._clock() - self._at

    def begin(self) -> None:
        """A new connection: what passed before it says nothing of how often the switch beats."""
        self._before, self._gap_s = None, 0.0

    def beat(self, event: Event) -> None:
        """A HEARTBEAT came."""
        now = self._at = self._clock()
        self.heartbeat = Heartbeat.from_event(event)
        if self._before is not None and now - self._before > _TOGETHER_S:
            self._gap_s = max(self._gap_s, now - self._before)
        self._before = now

    def stopped(self, events: Connection) -> bool:
        """Whether several HEARTBEATs are missing, and nothing else came either."""
        return 0.0 < self._gap_s * _MISSED < events.silent_s


def is_dead(events: Connection, error: ConnectionFailed) -> bool:
    """Whether an events connection is over, as another to the same switch ended by `error`: that one wasn't
    answered, and this one is silent for as long as an answer may take.
    """
    return error.reason in _UNANSWERED and events.silent_s >= events.limits.auth_s
