"""Records as this layer takes and gives them. No library of the database is needed for them."""

from __future__ import annotations

from typing import Any, Protocol

from py_callcenter.engine.records import AnyRecord, load
from py_callcenter.value import value


class RecordLike(Protocol):
    """A dataclass of `engine.records`; fields beside these are its kind's own."""

    @property
    def id(self) -> str: ...
    @property
    def node(self) -> str: ...
    @property
    def epoch(self) -> int: ...
    @property
    def sequence(self) -> int: ...
    @property
    def at_us(self) -> int: ...
    @property
    def kind(self) -> str: ...


@value
class StoredRecord:
    """A record as read back; `body` holds all fields of the dataclass."""

    id: str
    at_us: int
    kind: str
    body: dict[str, Any]

    def load(self) -> AnyRecord | None:
        """As the engine wrote it; None for a kind that this version doesn't know."""
        return load(self.kind, self.body)
