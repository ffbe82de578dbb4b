"""Where a node is, and the periods by which a link to it lives."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import field

from py_callcenter.value import value


@value
class NodeSettings:
    """Where a node is and how many connections it gets."""

    name: str
    host: str
    port: int
    password: str = field(repr=False)
    quick: int = 1
    """Connections for quick commands. One keeps all of them in order."""
    background: int = 2
    """Connections for originates and recordings."""
    dead_man_s: int = 0
    """After so many seconds without us the node runs `cc_deadman.lua`; 0 leaves the node alone."""
    lease_s: int = 10
    """After so many seconds without us the node's dialplan turns new callers away."""


@value
class Timings:
    """Periods in seconds."""

    poke_s: float = 0.001
    hurry_s: float = 0.00015
    """Between pokes when a caller has come or a leg was answered: a PARK follows within milliseconds."""
    canary_s: float = 1.0
    canaries_missed: int = 3
    back_off_first_s: float = 0.1
    back_off_soon_s: float = 1.0
    """Longest pause at first: a switch that restarts is back in seconds and has callers at once."""
    soon_for_s: float = 60.0
    back_off_most_s: float = 10.0
    """Longest pause when a node has been away for longer."""
    refused_s: float = 30.0
    steady_s: float = 10.0
    """A connection that lived so long starts again with the shortest back-off."""
    hands_s: float = 1.0
    """So long the first picture waits for the connections that commands go out by."""
    second_look_s: float = 1.0
    """After a reconnect the picture is taken again: `show channels` lags behind (freeswitch-esl.md 0.8)."""
    resync_every_s: float = 5.0
    """Lost events ask for a new picture at most so often."""
    picture_keeps_s: float = 5.0
    """A picture for an application that isn't there by then is thrown away, and what happened since: another
    is taken when it is there."""
    dead_man_every_s: float = 1.0
    gone_after_s: float = 1.0
    """Its machine answers for so long that nobody listens: the switch has ended. A reload of its event socket
    is shorter."""
    out_of_sight_s: float = 60.0
    """Nothing is heard for so long: its calls may live, but nobody can tell, and the dead man has sent those
    who waited away."""


def back_off_s(attempt: int, rng: random.Random, timings: Timings, away_s: float = 0.0) -> float:
    """Seconds before attempt number `attempt` + 1, with full jitter so that nodes don't come back in step.

    `away_s`: how long the node has been away.
    """
    most_s = timings.back_off_soon_s if away_s < timings.soon_for_s else timings.back_off_most_s
    return rng.uniform(0.0, min(most_s, timings.back_off_first_s * 2.0 ** min(attempt, 20)))


class BackOff:
    """The pauses of one connection between its attempts. `clock`: monotonic seconds."""

    def __init__(self, rng: random.Random, timings: Timings, clock: Callable[[], float]) -> None:
        self._rng = rng
        self._timings = timings
        self._clock = clock
        self._away_since: float | None = None
        self.attempts = 0
        """Those in a row that led to nothing steady."""

    def pause_s(self, lived_s: float) -> float:
        """Seconds until the next attempt. The last one ended now, so long after it began."""
        steady = lived_s >= self._timings.steady_s
        self.attempts = 0 if steady else self.attempts + 1
        now = self._clock()
        if steady or self._away_since is None:
            self._away_since = now
        return back_off_s(max(0, self.attempts - 1), self._rng, self._timings, now - self._away_since)
