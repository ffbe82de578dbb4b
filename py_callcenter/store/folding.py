"""Call records and agents' time, kept in step with the records in the same transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby

from sqlalchemy import Connection, Table, delete, select

from py_callcenter.stats import SLOT_US, AgentLine, AgentTimes, fold_call
from py_callcenter.store import rows
from py_callcenter.store.counting import Counting, forget
from py_callcenter.store.expected import FOLDED
from py_callcenter.store.progress import Progress
from py_callcenter.store.record import RecordLike
from py_callcenter.store.schema import agent_slots, agents, break_slots, calls, legs, meta, records


def refold_calls(connection: Connection, touched: Iterable[str], counting: Counting) -> None:
    """Make the call records of some calls anew from all of their records, any number of times."""
    names = sorted(set(touched))
    for start in range(0, len(names), rows.BATCH):
        some = names[start : start + rows.BATCH]
        query = (
            select(records)
            .where(records.c.call.in_(some))
            .order_by(records.c.call, records.c.epoch, records.c.sequence)
        )
        call_rows, leg_rows = [], []
        found = map(rows.from_row, connection.execute(query))
        for _, story in groupby(found, key=lambda stored: stored.body["call"]):
            known = (stored.load() for stored in story)
            call, its_legs = fold_call(record for record in known if record is not None)
            if call is not None:
                call_rows.append(rows.call_row(call))
                leg_rows += [rows.call_row(leg) for leg in its_legs]
        moments_us = [row["offered_us"] for row in call_rows] + [row["entered_us"] for row in leg_rows]
        counting.calls_change(connection, some, moments_us)
        rows.put(connection, calls, call_rows)
        rows.put(connection, legs, leg_rows)


class AgentFolding:
    """Agents' time, folded on from where the database is. Lines are kept while nobody else writes."""

    def __init__(self, connection: Connection, kept: Mapping[Table, int] | None = None) -> None:
        """`kept`: tables, and the one quarter of an hour of each that stays as it is."""
        self._kept = kept or {}
        lines = (AgentLine(**row._asdict()) for row in connection.execute(select(agents)))
        self._times = AgentTimes({line.agent: line for line in lines})

    def fold(self, connection: Connection, fresh: Iterable[RecordLike], counting: Counting) -> None:
        """Take records that were just written, each once."""
        for record in fresh:
            self._times.fold(record)
        self._times.take_wrap_ups()
        lines, slots = self._times.take()
        rows.put(connection, agents, map(rows.line_row, lines))
        for table, told in ((agent_slots, map(rows.slot_row, slots)), (break_slots, rows.break_rows(slots))):
            kept_us = self._kept.get(table)
            rows.add(connection, table, (row for row in told if row["slot_us"] != kept_us))
        counting.changed(connection, "times", (slot.slot_us for slot in slots))


def is_folded(connection: Connection) -> bool:
    """Whether the folded tables go with the records."""
    return connection.scalar(select(meta.c.value).where(meta.c.key == FOLDED[0])) == FOLDED[1]


def rebuild(connection: Connection, progress: Progress) -> None:
    """Make everything that is folded anew, as far back as records are kept; what is older stays as it is."""
    oldest_us = connection.scalar(select(records.c.at_us).order_by(records.c.at_us).limit(1))
    if oldest_us is not None:
        # Of the quarter in which they begin, a part may be gone: what was counted of it stays.
        cut_us = oldest_us - oldest_us % SLOT_US
        kept = {table: cut_us for table in (agent_slots, break_slots) if _has(connection, table, cut_us)}
        connection.execute(delete(agents))
        for table in (agent_slots, break_slots):
            connection.execute(delete(table).where(table.c.slot_us > cut_us))
        forget(connection)
        folding, counting = AgentFolding(connection, kept), Counting(connection)
        progress.begin("agents' times are counted anew from all records")
        for batch in in_order(connection):
            folding.fold(connection, batch, counting)
            progress.step(len(batch))
        progress.begin("calls are counted anew from all records")
        for names in _calls(connection):
            refold_calls(connection, names, counting)
            progress.step(len(names))
    rows.put(connection, meta, [{"key": FOLDED[0], "value": FOLDED[1]}])


def _has(connection: Connection, table: Table, slot_us: int) -> bool:
    query = select(table.c.slot_us).where(table.c.slot_us == slot_us).limit(1)
    return connection.scalar(query) is not None


def in_order(connection: Connection) -> Iterator[list[RecordLike]]:
    """All records, by time: those of another program's hand have epochs of their own."""
    query = select(records).order_by(records.c.at_us, records.c.epoch, records.c.sequence)
    result = connection.execute(query, execution_options={"yield_per": rows.BATCH})
    for part in result.partitions():
        loaded = (rows.from_row(row).load() for row in part)
        yield [record for record in loaded if record is not None]


def _calls(connection: Connection) -> Iterator[Sequence[str]]:
    last = ""
    while True:
        query = select(records.c.call).where(records.c.call > last).distinct().order_by(records.c.call)
        names = [str(name) for name in connection.scalars(query.limit(rows.BATCH))]
        if not names:
            return
        yield names
        last = names[-1]
