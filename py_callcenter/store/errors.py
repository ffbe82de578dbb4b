"""The one error of this layer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import SQLAlchemyError


class StoreError(Exception):
    """The database can't do what was asked. The message holds no password."""


class TooManyRowsError(StoreError):
    """More rows were asked for than anybody reads. `most`: how many would do."""

    def __init__(self, most: int) -> None:
        super().__init__(f"more than {most} rows")
        self.most = most


@contextmanager
def as_store_error() -> Iterator[None]:
    """Whatever the database or its driver raises comes out as `StoreError`."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        line = str(cause).partition("\n")[0][:200]
        raise StoreError(f"the database failed: {type(cause).__name__}: {line}") from error
