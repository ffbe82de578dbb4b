"""The cable between the controller and one switch: bytes that travel, wait or vanish; events that get lost.

Within a connection TCP keeps order and loses nothing. What is lost, doubled or swapped are whole events: in
the switch's own queues, before they are written (freeswitch-esl.md 0.2, 1.8, 1.9).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from py_callcenter._router import Event
from py_callcenter.sim import Switch

if TYPE_CHECKING:
    from sim.storm.centre import Centre

LOSABLE = frozenset({
    "CHANNEL_CREATE", "CHANNEL_PROGRESS", "CHANNEL_ANSWER", "CHANNEL_PARK", "CHANNEL_BRIDGE",
    "CHANNEL_HOLD", "CHANNEL_UNHOLD", "CHANNEL_HANGUP", "CHANNEL_DESTROY", "BACKGROUND_JOB", "DTMF",
    "PLAYBACK_STOP", "CUSTOM",
})  # fmt: skip


USER_TIMEOUT_US = 10_000_000
"""So long the kernel tries to deliver what a process wrote, dead or alive (`esl.dial`). Seen on Linux 6: what
was written into a cut cable arrived after 6 s of it and not after 18; without that option it did.
"""


class Network:
    """One node's cable and the faults on it."""

    def __init__(self, centre: Centre, node: int, rng: random.Random) -> None:
        self.centre = centre
        self.node = node
        self.rng = rng
        self.base_us = centre.plan.latency_us
        self._bits = self.base_us.bit_length()
        self.stalled = 0
        """Packets vanish, which TCP makes good when they come through again."""
        self.healed_us = 0
        """When they last came through again."""
        self.troubled = 0
        """Faults under way that may keep a connection from proving itself."""
        self.late_us = 0
        """Extra delay of events (F13)."""
        self.reply_late_us = 0
        self.loss = 0.0
        self.doubles = 0.0
        self.swaps = 0.0
        self.job_loss = 0.0
        self.fragments = False
        self.silent_legs: set[str] = set()
        """Legs that nothing more is heard of (F21)."""
        self.silence_new = 0.0
        self._waiting: list[tuple[Callable[..., object], tuple[Any, ...]]] = []
        self._behind: list[Event] = []

    # Bytes.

    def latency_us(self) -> int:
        """One way, this time."""
        # `base_us + rng.randrange(base_us)`, three times as fast: each message asks.
        base_us, draw, bits = self.base_us, self.rng.getrandbits, self._bits
        more_us = draw(bits)
        while more_us >= base_us:
            more_us = draw(bits)
        return base_us + more_us

    def carry(self, due_us: int, deliver: Callable[..., object], *arguments: Any) -> None:
        """Have something arrive at `due_us`, or once packets come through again."""
        self.centre.at(due_us, self._arrive, deliver, arguments)

    def _arrive(self, deliver: Callable[..., object], arguments: tuple[Any, ...]) -> None:
        if self.stalled:
            self._waiting.append((deliver, arguments))
        else:
            deliver(*arguments)

    def stall(self) -> None:
        """Packets vanish from now on."""
        self.stalled += 1

    def heal(self) -> None:
        """Packets come through again; what TCP held back comes now, in order."""
        self.stalled -= 1
        if not self.stalled:
            self.healed_us = self.centre.now_us
            waiting, self._waiting = self._waiting, []
            for deliver, arguments in waiting:
                deliver(*arguments)

    def pieces(self, data: bytes) -> list[bytes]:
        """The same bytes in the pieces that they arrive in (F14)."""
        if not self.fragments or len(data) < 2:
            return [data]
        cuts = sorted(self.rng.randrange(1, len(data)) for _ in range(self.rng.randint(1, 4)))
        return [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]

    # Events.

    @property
    def lossy(self) -> bool:
        """Whether anything happens to single events."""
        return bool(
            self.loss or self.doubles or self.swaps or self.job_loss or self.silent_legs or self.silence_new
            or self._behind
        )  # fmt: skip

    @property
    def uneasy(self) -> bool:
        """Whether something may keep a canary from coming back."""
        return bool(self.troubled or self.stalled or self.late_us or self.reply_late_us) or self.lossy

    def mangle(self, events: list[Event]) -> list[Event]:
        """What is left of some events, in the order in which they are written."""
        out: list[Event] = []
        for event in events:
            name = event.name
            if name not in LOSABLE:
                out.append(event)
                continue
            uuid = event.unique_id
            if name == "CHANNEL_CREATE" and self.silence_new and event.get("variable_cc_offer"):
                if self.rng.random() < self.silence_new:
                    self.silent_legs.add(uuid)
            elif uuid in self.silent_legs:
                if name == "CHANNEL_HANGUP":  # perhaps long after the fault: nobody hears of the end
                    self.centre.health.touch(self.node, self.centre.now_us)
                continue
            if name == "BACKGROUND_JOB" and self.rng.random() < self.job_loss:
                continue
            if self.loss and self.rng.random() < self.loss:
                continue
            if self.swaps and self.rng.random() < self.swaps:
                self._behind.append(event)  # another dispatch thread: it comes after the next one
                continue
            out.append(event)
            if self.doubles and self.rng.random() < self.doubles:
                out.append(event)
            if self._behind:
                out += self._behind
                self._behind = []
        return out


class Line:
    """One connection as the controller holds it. `parser` cuts what arrives."""

    def __init__(self, network: Network, number: int, take: Callable[[Line, bytes], None]) -> None:
        self.network = network
        self.number = number
        self.connection = network.centre.switches[network.node].connections[number]
        self.written = self.connection.out
        """What the switch wrote and nobody has taken yet."""
        self.open = True
        self.given_up = False
        """The kernel found the other end dead: what it still had to send is gone."""
        self.pending: list[tuple[Any, Any, int]] = []
        """What is asked and not answered, in order: callback, question, when."""
        self._take = take
        self._to_us = 0
        self._from_us = 0
        self.is_events = False

    def send(self, data: bytes) -> None:
        """Bytes to the switch."""
        centre = self.network.centre
        self._to_us = due_us = max(self._to_us, centre.now_us + self.network.latency_us())
        self.network.carry(due_us, self._reach, due_us, data)

    def _reach(self, due_us: int, data: bytes) -> None:
        # What the kernel has taken arrives even when the process is dead, unless the kernel gave up too.
        centre, node = self.network.centre, self.network.node
        self.given_up = self.given_up or centre.now_us - due_us >= USER_TIMEOUT_US
        if not self.given_up:
            centre.switch_input(node, Switch.receive, self.number, data)

    def collect(self) -> None:
        """Take what the switch wrote and let it travel."""
        centre, network = self.network.centre, self.network
        data = centre.switches[network.node].take_output(self.number)
        extra_us = network.late_us if self.is_events else network.reply_late_us
        self._from_us = max(self._from_us, centre.now_us + network.latency_us() + extra_us)
        network.carry(self._from_us, self._come, data)

    def _come(self, data: bytes) -> None:
        if not self.open:
            return
        if not self.network.fragments:
            self._take(self, data)
            return
        for piece in self.network.pieces(data):
            if self.open:
                self._take(self, piece)

    def close(self) -> None:
        """The controller's end is closed; the switch learns of it when packets come through."""
        if self.open:
            self.open = False
            centre, node = self.network.centre, self.network.node
            centre.lines[node].pop(self.number, None)
            self.network.carry(
                max(self._to_us, centre.now_us + self.network.base_us),  # behind what was sent before
                lambda: centre.switch_input(node, lambda switch: switch.disconnect(self.number)),
            )
