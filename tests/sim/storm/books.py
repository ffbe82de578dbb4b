"""The database as the controller's `Store` uses it, in virtual time: writes take a while, fail, or wait.

What was put is on disk at once (`store.spool`), so it outlives the controller and reaches the database later.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from py_callcenter.engine.memory import Memory
from py_callcenter.store import spool

if TYPE_CHECKING:
    from sim.storm.centre import Centre

COMMIT_US = 3_000
ROOM = 200_000
SUM_CHARS = 9
"""Of a spool's line, before its kind."""
ON_DISK_US = 60_000_000
"""So long the spool keeps what was written, at the least."""
COMMITS = 40
"""So many transactions at the most are lost when another server takes over."""


class Books:
    """Stands in for `store.Store`."""

    def __init__(self, centre: Centre) -> None:
        self._centre = centre
        self.kept: dict[str, Any] = {}
        """Committed records by id, in order."""
        self.said: list[Any] = []
        """All records that the controllers ever wrote down, kept or not."""
        self.waiting: list[Any] = []
        self.away = 0
        self.slow_us = 0
        self.room = ROOM
        self.dropped = 0
        self._commits: list[tuple[int, list[Any]]] = []
        """The last ones, with their moments."""
        self._lapsed: list[Any] = []
        """What the database had and lacks, and nobody knows yet."""
        self.twice = 0
        """Ids that were written a second time with another content."""
        self.of_another_version = False
        """What the next start reads was written by a version that knows more."""
        self._busy = False
        self._life = 0
        self._memory = Memory()
        self._unfolded: list[Any] = []
        self._standing: dict[tuple[str, str], str] = {}

    # What the controller asks.

    def memory(self) -> Memory:
        """What the committed records leave for the next start, as the table of `store.standing` holds it."""
        self._begin()
        for record in self._unfolded:  # only now: most runs have one start
            self._memory.fold(record)
        self._unfolded.clear()
        for kind, name, values in self._memory.take_changes():
            if values is None:
                self._standing.pop((kind, name), None)
            else:
                self._standing[kind, name] = json.dumps(values)
        rows = [(kind, name, json.loads(text)) for (kind, name), text in self._standing.items()]
        if self.of_another_version:
            rows = [(kind, name, {**values, "mood": "fair"}) for kind, name, values in rows]
            rows.append(("weather", "today", {"sun": True}))
        return Memory.load(rows)

    def put(self, records: Sequence[Any]) -> bool:
        """Take records to be written."""
        centre = self._centre
        for record in records:
            centre.trace(b"r", record.id.encode(), record.kind.encode())
            centre.spy.record(record)
        self.said += records
        self._unfolded += records
        if len(self.waiting) + len(records) > self.room:
            self.dropped += len(records)
            return False
        self.waiting += records
        self._begin()
        return True

    # What happens.

    def another_version(self) -> None:
        """From now on starts read what a newer version left: of kinds and with fields that they don't know.
        A line of the spool that is a record of one of these is passed over, the others count.
        """
        self.of_another_version = True
        text = b'weather {"node":"fs1","epoch":1,"sequence":1,"at_us":1}'
        assert spool.decode(b"%08x %s" % (zlib.crc32(text), text)) is None
        for record in self.waiting:
            line = spool.encode(record)[:-1]
            text = line[SUM_CHARS:-1] + b',"mood":"fair"}'
            assert spool.decode(b"%08x %s" % (zlib.crc32(text), text)) == record

    def process_died(self) -> None:
        """A write under way never ends; what it was about is in the spool."""
        self._life += 1
        self._busy = False
        self.waiting, self._lapsed = self._lapsed + self.waiting, []

    def damage(self, rng: random.Random) -> None:
        """The last lines of the spool are torn or have a bit flipped: whatever reads it passes them over."""
        good = self.waiting[: max(0, len(self.waiting) - rng.randint(1, 3))]
        lost = self.waiting[len(good) :]
        for record in lost:
            line = bytearray(spool.encode(record)[:-1])
            if rng.random() < 0.5:
                del line[rng.randrange(1, len(line)) :]
            else:
                line[rng.randrange(len(line))] ^= 1 << rng.randrange(8)
            if spool.decode(bytes(line)) == record:  # a letter of the sum in capitals says the same
                line[-1] ^= 1
            assert spool.decode(bytes(line)) is None
        assert [spool.decode(spool.encode(record)[:-1]) for record in good] == good
        self.waiting = good
        self._centre.spy.forgotten({getattr(record, "call", "") for record in lost})
        gone = {record.id for record in lost}
        self.said = [record for record in self.said if record.id not in gone]
        # An earlier start may have read them, and they still waited for the database.
        self._memory, self._standing, self._unfolded = Memory(), {}, list(self.said)

    def fail_over(self, rng: random.Random) -> None:
        """Another server takes the database over and lacks the last transactions, and with the records what
        they came to, for both were written in one. Whoever writes next, this controller or the next one,
        finds out and first writes again what is still on this machine's disk (`store.Writer`, `store.First`).
        """
        lost = [
            record
            for at_us, commit in self._commits[-rng.randint(1, COMMITS) :]
            if self._centre.now_us - at_us < ON_DISK_US
            for record in commit
        ]
        del self._commits[:]
        for record in lost:
            del self.kept[record.id]
        self._lapsed += lost

    def come_back(self) -> None:
        """The database works again."""
        self.away -= 1
        self._begin()

    def _begin(self) -> None:
        if not self._busy and self.waiting and not self.away:
            self._busy = True
            self._centre.at(self._centre.now_us + COMMIT_US + self.slow_us, self._commit, self._life)

    def _commit(self, life: int) -> None:
        if life != self._life:
            return
        self._busy = False
        if self.away:
            return
        self.waiting, self._lapsed = self._lapsed + self.waiting, []
        for record in self.waiting:
            old = self.kept.setdefault(record.id, record)
            if old is not record and old != record:
                self.twice += 1
        self._commits.append((self._centre.now_us, self.waiting))
        if len(self._commits) > COMMITS:
            del self._commits[0]
        self.waiting = []
