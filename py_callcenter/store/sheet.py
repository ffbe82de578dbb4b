"""What the database counted: figures by interval and name, added up from several queries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import add
from typing import Any, Final

from py_callcenter.stats import Figures
from py_callcenter.store.errors import TooManyRowsError

MAX_ROWS: Final = 50_000

Key = tuple[int, str]
"""The number of the interval, and the name of a queue or an agent."""


class Sheet:
    """Figures by interval and name. `names`: which, in the order of each key's values; `maxima` of them, the
    last ones, are maxima.
    """

    def __init__(self, names: Sequence[str], maxima: int = 0) -> None:
        self.names = tuple(names)
        self.found: dict[Key, Sequence[int]] = {}
        self._sums = len(self.names) - maxima

    def take(self, rows: Iterable[Any]) -> None:
        """Rows of the database: number, name and values; those of a key that is there are added to it.

        Raises `TooManyRowsError`.
        """
        found, sums = self.found, self._sums
        for row in rows:
            key, values = (row[0], row[1]), row[2:]
            known = found.get(key)
            if known is None:
                found[key] = values
            else:
                found[key] = (
                    *map(add, known[:sums], values[:sums]),
                    *map(max, known[sums:], values[sums:]),
                )
        if len(found) > MAX_ROWS:
            raise TooManyRowsError(MAX_ROWS)

    def columns(self, keys: Sequence[Key]) -> dict[str, Sequence[int]]:
        """The values of these keys, figure by figure; 0 for keys that aren't there."""
        none = (0,) * len(self.names)
        values = [self.found.get(key, none) for key in keys]
        if not values:
            return dict.fromkeys(self.names, ())
        return dict(zip(self.names, zip(*values, strict=True), strict=True))

    def figures(self) -> dict[Key, Figures]:
        """One by one."""
        return {
            key: Figures(dict(zip(self.names, values, strict=True))) for key, values in self.found.items()
        }
