"""What the next start must know, kept in step with the records in the same transaction (`engine.memory`)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import orjson
from sqlalchemy import Connection, delete, select, tuple_

from py_callcenter.engine.memory import Memory
from py_callcenter.store import rows
from py_callcenter.store.expected import STANDING
from py_callcenter.store.kept import StandingRow
from py_callcenter.store.progress import Progress
from py_callcenter.store.record import RecordLike
from py_callcenter.store.schema import meta, standing


class Standing:
    """Folded on from where the database is. Rows are read once and kept while nobody else writes."""

    def __init__(self, connection: Connection) -> None:
        self._memory = read(connection)

    def fold(self, connection: Connection, fresh: Iterable[RecordLike]) -> None:
        """Take records that were just written, each once."""
        for record in fresh:
            self._memory.fold(record)
        changed, gone = [], []
        for kind, name, values in self._memory.take_changes():
            if values is None:
                gone.append((kind, name))
            else:
                changed.append({"kind": kind, "name": name, "fields": orjson.dumps(values).decode()})
        rows.put(connection, standing, changed)
        for start in range(0, len(gone), rows.BATCH):
            part = gone[start : start + rows.BATCH]
            key = tuple_(standing.c.kind, standing.c.name)
            connection.execute(delete(standing).where(key.in_(part)))


def read(connection: Connection) -> Memory:
    """What the records written so far come to."""
    return Memory.load(rows_of(connection))


def rows_of(connection: Connection) -> list[StandingRow]:
    """The same, as `Memory.load` takes it."""
    found = connection.execute(select(standing))
    return [(row.kind, row.name, orjson.loads(row.fields)) for row in found]


def is_made(connection: Connection) -> bool:
    """Whether the rows go with the records."""
    return connection.scalar(select(meta.c.value).where(meta.c.key == STANDING[0])) == STANDING[1]


def rebuild(connection: Connection, batches: Iterable[Sequence[RecordLike]], progress: Progress) -> None:
    """Make the rows anew from all records, given in order."""
    connection.execute(delete(standing))
    made = Standing(connection)
    progress.begin("what agents and open calls are at is worked out anew from all records")
    for batch in batches:
        made.fold(connection, batch)
        progress.step(len(batch))
    rows.put(connection, meta, [{"key": STANDING[0], "value": STANDING[1]}])
