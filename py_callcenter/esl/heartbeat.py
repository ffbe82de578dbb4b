"""What a switch says of itself in its HEARTBEAT (`send_heartbeat` in switch_core.c)."""

from __future__ import annotations

from py_callcenter._router import Event
from py_callcenter.value import value

_DIGITS = 18
"""More than any of these counts has, and few enough for a 64-bit number."""


@value
class Heartbeat:
    """Figures of one HEARTBEAT; 0 where the switch said nothing that could be read."""

    sent_us: int
    """By the switch's clock, as `started_us`."""
    started_us: int
    """When the switch started; 0 = not said."""
    sessions: int
    """Channels that live."""
    sessions_begun: int
    """Channels that began since the switch started."""
    idle_cpu: float
    """Share of its machine's processors that is idle, 0 to 1, as the switch sees it."""

    @classmethod
    def from_event(cls, event: Event) -> Heartbeat:
        """Out of the event; it came over the wire, so nothing in it is believed to be a number."""
        uptime_ms = _count(event.get("Uptime-msec"))
        return cls(
            sent_us=event.timestamp_us,
            started_us=max(0, event.timestamp_us - uptime_ms * 1000) if uptime_ms else 0,
            sessions=_count(event.get("Session-Count")),
            sessions_begun=_count(event.get("Session-Since-Startup")),
            idle_cpu=_percent(event.get("Idle-CPU")) / 100,
        )


def _count(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) <= _DIGITS else 0


def _percent(text: str | None) -> float:
    try:
        percent = float(text) if text and text.isascii() else 0.0
    except ValueError:
        return 0.0
    return percent if 0 <= percent <= 100 else 0.0
