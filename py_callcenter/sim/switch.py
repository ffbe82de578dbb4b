"""The simulated switch: a FreeSWITCH without I/O and clock.

It is driven from outside: bytes in by `receive`, time by `run_until`, bytes out by `take_output`; people act
by `place_call` and by their phones. The same seed and the same inputs give the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from py_callcenter.sim.api import VERSION
from py_callcenter.sim.commands import Commands
from py_callcenter.sim.core import Core
from py_callcenter.sim.dialplan import Dialplan
from py_callcenter.sim.headers import Letterhead, line
from py_callcenter.sim.phones import Behaviour, Behaviours, Phone


class Switch(Commands):
    """One simulated FreeSWITCH 1.11.1.

    `poked`: events leave at once, as on a connection that is poked all the time; otherwise a connection
    sends them every 20 ms or when its client writes something. `wake_us`: how long a leg's thread takes to
    notice something; by the seed within its 20 ms when not given. `sounds`: does it have sound files?
    """

    def __init__(
        self,
        *,
        seed: int,
        start_us: int,
        name: str = "sim1",
        password: str = "ClueCon",  # noqa: S107 - FreeSWITCH's own default, for a model on loopback
        heartbeat_s: float = 20,
        poked: bool = False,
        wake_us: int | None = None,
        sounds: bool = True,
        dialplan: Dialplan | None = None,
    ) -> None:
        Core.__init__(self, seed=seed, start_us=start_us, name=name, poked=poked, wake_us=wake_us)
        self.password = password
        self.sounds = sounds
        self.dialplan = dialplan if dialplan is not None else Dialplan()
        self.phones = {}
        self.commands = []
        self.connected = 0
        self.closed = {}
        self.heartbeat_us = int(heartbeat_s * 1_000_000)
        self.prepare_api()
        self.observers.append(self.note_departure)
        self._schedule_heartbeat()

    # -- bytes

    def take_output(self, number: int) -> bytes:
        """What the switch wrote to a connection since the last time."""
        connection = self.connections.get(number) or self.closed.get(number)
        if connection is None or not connection.out:
            return b""
        data = b"".join(connection.out)
        connection.out.clear()
        self.closed.pop(number, None)
        return data

    def has_output(self, number: int) -> bool:
        """Is there output that nobody has taken?"""
        connection = self.connections.get(number) or self.closed.get(number)
        return connection is not None and bool(connection.out)

    def is_open(self, number: int) -> bool:
        """False once the switch has closed a connection; its last output may still be taken."""
        return number in self.connections

    def on_output(self, number: int, notify: Callable[[], None]) -> None:
        """Have `notify` called whenever there is output to take."""
        self.connections[number].on_output = notify

    # -- people

    def add_phone(self, contact: str, behaviour: Behaviours | None = None, *, address: str = "") -> Phone:
        """A phone behind a contact as dial strings name it, for example `user/1000@example.org`.

        `address` is `user@host:port` as it shows in the channel's name; made up when not given.
        """
        if not address:
            text = contact.rpartition("/")[2].partition(";")[0]
            address = text if contact.startswith("sofia/") and "@" in text else ""
            address = address or f"{text.partition('@')[0]}@127.0.0.1:5070"
        phone = Phone(self, contact, address, behaviour if behaviour is not None else Behaviour())
        self.phones[contact] = phone
        return phone

    # -- life

    def _schedule_heartbeat(self) -> None:
        if self.heartbeat_us > 0:
            self.after(self.heartbeat_us, self._heartbeat)

    def _heartbeat(self) -> None:
        idle = "98.500000"
        text = (
            line("Event-Info", "System Ready")
            + line("Up-Time", self.uptime_text())
            + line("FreeSWITCH-Version", VERSION)
            + line("Uptime-msec", str((self.now_us - self.booted_us) // 1000))
            + line("Session-Count", str(len(self.legs)))
            + f"Max-Sessions: {self.max_sessions}\nSession-Per-Sec: {self.sessions_left}\n"
            + "Session-Per-Sec-Last: 1\nSession-Per-Sec-Max: 1\n"
            + "Session-Per-Sec-FiveMin: 1\n"
            + line("Session-Since-Startup", str(self.sessions))
            + line("Session-Peak-Max", str(self.peak))
            + line("Session-Peak-FiveMin", str(self.peak))
            + line("Idle-CPU", idle)
        )
        self.announce("heartbeat", text)
        self._schedule_heartbeat()

    def restart(self) -> None:
        """The process dies and comes back: no legs, no hashes, a new Core-UUID; connections are cut."""
        for number in list(self.connections):
            self.cut(number)
        self.forget_agenda()
        legs = list(self.legs.values())
        self.legs.clear()
        for leg in legs:
            leg.hangup_cause = leg.hangup_cause or "SYSTEM_SHUTDOWN"
            leg.reported = leg.destroyed = True
            if leg.party is not None:
                leg.party.leg_gone(leg)
        self.globals.clear()
        self.letterhead = Letterhead(self.new_uuid(), self.name)
        self.booted_us = self.now_us
        self.sequence = 1
        self.sessions = self.peak = 0
        scripts = self.scripts
        self.prepare_api()
        self.scripts = scripts
        self._schedule_heartbeat()
