"""The one error of this layer."""

from __future__ import annotations


class StoreError(Exception):
    """The database can't do what was asked. The message holds no password."""


class UnusableError(StoreError):
    """What the configuration names is no database for this program, and waiting won't make it one."""


class RecordRefused(StoreError):
    """What was to be written is nothing that the database can hold; trying again is of no use."""


class TooManyRowsError(StoreError):
    """More rows were asked for than anybody reads. `most`: how many would do."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most} rows")
        self.most = most


class LostTransactionsError(StoreError):
    """The database lacks transactions that it had: a server that never got them has taken over."""


class SpoolError(StoreError):
    """The disk doesn't take it, or the spool is as large as it may be."""
