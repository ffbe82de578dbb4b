"""The switch's clock, agenda and event system; knows legs, but not what they do."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from typing import Any

from py_callcenter.sim.connections import Connection
from py_callcenter.sim.headers import NAMES, Fired, Letterhead, line
from py_callcenter.sim.legs import Leg

TICK_US = 20_000  # the media tick; also the step of Event-Date-Timestamp
_VERSION_4 = 4 << 76 | 2 << 62  # version and variant of RFC 9562, as `uuid.UUID` sets them
_FREE_BITS = ~(15 << 76 | 3 << 62)


class Core:
    """Time, randomness, legs and subscribers of one simulated switch."""

    def __init__(self, *, seed: int, start_us: int, name: str, poked: bool, wake_us: int | None) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a seeded model, nothing secret
        self.name = name
        self.start_us = start_us
        self.now_us = start_us
        self.booted_us = start_us
        self.poked = poked
        self.wake_us = wake_us
        self.legs: dict[str, Leg] = {}
        self.connections: dict[int, Connection] = {}
        self._listeners: dict[str, list[Connection]] = {}
        self.globals: dict[str, str] = {}
        self.letterhead = Letterhead(self.new_uuid(), name)
        self.sequence = self.random.randrange(1, 500_000)
        self.sessions = 0
        self.peak = 0
        self.sessions_per_second = 1000
        self.max_sessions = 5000
        self._second = 0
        self._begun = 0
        self._agenda: list[tuple[int, int, Callable[..., object], tuple[Any, ...]]] = []
        self._order = 0
        self.observers: list[Callable[[str, Leg], None]] = []
        self.terse = False
        """Channels end without the hundred variables that only a call record reads: long runs are shorter."""

    # -- time

    def after(self, delay_us: int, action: Callable[..., object], *arguments: Any) -> None:
        """Do something later; the same moment keeps the order of asking."""
        self._order += 1
        due_us = self.now_us + delay_us if delay_us > 0 else self.now_us
        heapq.heappush(self._agenda, (due_us, self._order, action, arguments))

    def at(self, due_us: int, action: Callable[..., object], *arguments: Any) -> None:
        """Do something at a moment, at the earliest now."""
        self._order += 1
        if due_us < self.now_us:
            due_us = self.now_us
        heapq.heappush(self._agenda, (due_us, self._order, action, arguments))

    def wake(self, action: Callable[..., object], *arguments: Any) -> None:
        """Do something when a leg's own thread wakes: within one media tick."""
        delay = self.random.randint(1_000, TICK_US) if self.wake_us is None else self.wake_us
        self.after(delay, action, *arguments)

    def next_due_us(self) -> int | None:
        """When something happens next by itself."""
        return self._agenda[0][0] if self._agenda else None

    def run_until(self, now_us: int) -> None:
        """Let time pass; everything due up to and at `now_us` happens, in order."""
        agenda = self._agenda
        while agenda and agenda[0][0] <= now_us:
            due_us, _, action, arguments = heapq.heappop(agenda)
            if due_us > self.now_us:
                self.now_us = due_us
            action(*arguments)
        if now_us > self.now_us:
            self.now_us = now_us

    def forget_agenda(self) -> None:
        """Nothing planned happens any more (the switch stopped)."""
        self._agenda.clear()

    @property
    def stamp_us(self) -> int:
        """The switch's cached clock, which moves in steps of 20 ms."""
        return self.now_us - (self.now_us - self.booted_us) % TICK_US

    def new_uuid(self) -> str:
        """A random UUID out of the seed."""
        number = self.random.getrandbits(128) & _FREE_BITS | _VERSION_4
        text = f"{number:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    # -- events

    def fire(self, leg: Leg, kind: str, lead: str = "", tail: str = "", *, variables: bool = True) -> None:
        """Fire an event of a leg. `lead` and `tail` are encoded lines before and after the channel's own."""
        self.sequence += 2  # the switch counts STATE and CALLSTATE events too, sent or not
        for observer in self.observers:
            observer(kind, leg)
        takers = self.listeners(kind)
        if not takers:
            return
        text = (
            self.letterhead.lines(kind, self.stamp_us, self.sequence)
            + lead
            + leg.channel_lines()
            + (leg.variable_lines() if variables else "")
            + tail
        )
        self._deliver(Fired(NAMES[kind], "", text), takers)

    def listeners(self, kind: str) -> list[Connection]:
        """Whose subscription includes a leg's events of this kind; kept, for each event of each leg asks."""
        known = self._listeners.get(kind)
        if known is None:
            name = NAMES[kind]
            known = [connection for connection in self.connections.values() if connection.wants(name, "")]
            self._listeners[kind] = known
        return known

    def subscriptions_changed(self) -> None:
        """Other connections listen to other events from now on."""
        self._listeners.clear()

    def announce(self, kind: str, lines: str, *, name: str = "", subclass: str = "", body: str = "") -> None:
        """Fire an event that belongs to no leg."""
        self.sequence += 1
        known = name or NAMES[kind]
        takers = [c for c in self.connections.values() if c.wants(known, subclass)]
        if not takers:
            return
        head = self.letterhead.lines(kind, self.stamp_us, self.sequence, name)
        # What a client sent stands before the headers of the switch.
        text = lines + head if kind == "sent" else head + lines
        if subclass:
            text = line("Event-Subclass", subclass) + text
        self._deliver(Fired(known, subclass, text, body), takers)

    def _deliver(self, event: Fired, takers: list[Connection]) -> None:
        for connection in takers:
            if not connection.passes(event):
                continue
            connection.push(event)
            if self.poked and not connection.blocked:
                connection.flush()
            elif not connection.flush_scheduled:
                connection.flush_scheduled = True
                self.at(connection.next_poll_us(self.now_us), connection.flush)

    # -- legs

    def find(self, uuid: str) -> Leg | None:
        """A leg that commands can reach: gone from the moment its hang-up begins."""
        leg = self.legs.get(uuid)
        return leg if leg is not None and leg.alive else None

    def is_full(self) -> bool:
        """Whether the switch refuses one more channel now; asking counts as trying (switch_core_session.c,
        `switch_core_session_request_uuid`: the last of a second's `sessions-per-second` is refused too).
        """
        second = self.now_us // 1_000_000
        self._begun = self._begun + 1 if second == self._second else 1
        self._second = second
        return self._begun >= self.sessions_per_second or len(self.legs) >= self.max_sessions

    @property
    def sessions_left(self) -> int:
        """Session-Per-Sec of HEARTBEAT: what is left of this second."""
        used = self._begun if self.now_us // 1_000_000 == self._second else 0
        return self.sessions_per_second - used

    def add(self, leg: Leg) -> None:
        """Register a new leg."""
        self.legs[leg.uuid] = leg
        self.sessions += 1
        self.peak = max(self.peak, len(self.legs))
