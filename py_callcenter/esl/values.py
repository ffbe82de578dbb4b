"""Small values of the event-socket client: limits, counters, replies."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from py_callcenter.esl.errors import CommandRefused
from py_callcenter.stats import LAG_BOUNDS_US, Histogram
from py_callcenter.value import value

KEPT_EVENTS: Final = frozenset({
    b"BACKGROUND_JOB",
    b"CHANNEL_ANSWER",
    b"CHANNEL_BRIDGE",
    b"CHANNEL_CREATE",
    b"CHANNEL_DESTROY",
    b"CHANNEL_HANGUP",
    b"CHANNEL_PARK",
    b"CHANNEL_UNBRIDGE",
    b"CUSTOM",
    b"HEARTBEAT",
    b"SHUTDOWN",
})  # fmt: skip
"""Events that are never shed: each changes who is where, or proves that the switch lives."""


@value
class Limits:
    """Time limits and sizes of one connection."""

    connect_s: float = 3.0
    auth_s: float = 5.0
    command_s: float = 5.0
    write_stall_s: float = 5.0
    """How long the switch may take no byte of ours."""
    frame_s: float = 10.0
    """How long a frame may stay unfinished: a switch writes one in a single go."""
    body_bytes: int = 16 * 1024 * 1024
    """Longest body of a frame; an event has about 10 kB."""
    high_water_frames: int = 20_000
    high_water_lag_s: float = 2.0
    """Above either, informative events are shed."""
    hard_frames: int = 60_000
    hard_bytes: int = 256 * 1024 * 1024
    hard_lag_s: float = 10.0
    """Beyond any of these the connection cuts itself: that costs a second, being killed may cost the node."""


@dataclass(slots=True)
class Counters:
    """Plain numbers for metrics; they only grow. One per node, shared by its connections."""

    events: dict[str, int] = field(default_factory=dict)
    commands: dict[tuple[str, str], int] = field(default_factory=dict)
    """By FreeSWITCH's word and outcome: `ok` `refused` `unknown` `not-sent` `invalid`."""
    durations: dict[str, Histogram] = field(default_factory=dict)
    """From a command to the switch's reply, by FreeSWITCH's word."""
    reconnects: dict[str, int] = field(default_factory=dict)
    parse_errors: int = 0
    shed: int = 0
    handler_errors: int = 0
    bytes_received: int = 0

    def took(self, word: str, seconds: float) -> None:
        """Count how long a reply took."""
        found = self.durations.get(word)
        if found is None:
            found = self.durations[word] = Histogram(LAG_BOUNDS_US)
        found.observe(round(seconds * 1e6))


class Reply(NamedTuple):
    """The switch's answer to one command."""

    text: str
    """`Reply-Text`, or the body of an `api/response` without its line end."""
    body: bytes
    """Body of an `api/response`, raw."""

    @property
    def ok(self) -> bool:
        """Whether the switch accepted the command. That isn't "done": only events tell."""
        return not self.text.startswith(("-ERR", "-USAGE"))

    def accepted(self) -> Reply:
        """The reply itself; raises `CommandRefused` when it is a refusal."""
        if not self.ok:
            raise CommandRefused(self.text)
        return self
