"""Marks of what changed on the picture since somebody last looked; see `watch`."""

from __future__ import annotations

from typing import Final

from py_callcenter.engine.calls import Call

MOST: Final = 50_000
"""With more marks nobody looks any more: the next look begins with everything."""


class Marks:
    """`on`: somebody looks; otherwise nothing is marked."""

    __slots__ = ("agents", "all_agents", "all_calls", "calls", "on", "queues", "queues_of")

    def __init__(self) -> None:
        self.on = False
        self.agents: dict[int, None] = {}
        """By the core's ids."""
        self.calls: dict[str, None] = {}
        """By uuid."""
        self.queues: dict[str, None] = {}
        """By name."""
        self.all_agents: list[int] = []
        """Those not told yet of the whole picture that somebody began to look at; likewise `all_calls`."""
        self.all_calls: list[str] = []
        self.queues_of: dict[str, tuple[str, ...]] = {}
        """Queues that an agent has a tier in, by the agent's name: they change with the agent."""

    def touch(self, call: Call) -> None:
        """A call changed, and with it the queue that it is in."""
        if len(self.calls) >= MOST:
            self.stop()
            return
        self.calls[call.uuid] = None
        if call.stay is not None:
            self.queues[call.stay.queue.name] = None

    def stop(self) -> None:
        self.on = False
        for found in (self.agents, self.calls, self.queues, self.all_agents, self.all_calls):
            found.clear()
