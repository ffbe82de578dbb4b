"""When the events connection of a node is poked: FreeSWITCH looks after an idle one every 20 ms only."""

from __future__ import annotations

from py_callcenter._router import Event, Poker
from py_callcenter.esl.connection import Connection
from py_callcenter.esl.settings import Timings


class Poking:
    """The rhythm of pokes of one link, over all its events connections."""

    def __init__(self, timings: Timings) -> None:
        self.wanted = False
        """Whether each millisecond counts: an agent is ready or a caller waits."""
        self._timings = timings
        self._poker: Poker | None = None
        self._parked: str | None = None
        """The channel of the last PARK."""

    def start(self, connection: Connection) -> None:
        """From now on nothing else is written to this connection."""
        self.stop()
        self._poker = connection.make_poker(
            interval_us=round(self._timings.poke_s * 1e6), hurry_us=round(self._timings.hurry_s * 1e6)
        )
        self._poker.want(self.wanted)

    def stop(self) -> None:
        if self._poker is not None:
            self._poker.stop()
            self._poker = None

    def want(self, wanted: bool) -> None:
        """Poke from now on, or rest."""
        if wanted != self.wanted:
            self.wanted = wanted
            if self._poker is not None:
                self._poker.want(wanted)

    def heard(self, name: str, event: Event) -> None:
        """Hurry when an event says that the next one follows within milliseconds."""
        if self._poker is None:
            return
        if (name == "CHANNEL_ANSWER" and event.unique_id != self._parked) or (
            # A leg of ours rings for seconds before its next event; a caller is parked in milliseconds.
            name == "CHANNEL_CREATE" and event.get("Call-Direction") == "inbound"
        ):
            self._poker.hurry()
        elif name == "CHANNEL_PARK":
            # What we hurried for is here; the switch now needs the cores to ring the phone.
            self._parked = event.unique_id
            self._poker.hurry(0)
