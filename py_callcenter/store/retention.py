"""How long what is kept, and what is gone when a caller is forgotten."""

from __future__ import annotations

from typing import Final

from py_callcenter.value import value

DAY_US: Final = 86_400_000_000


@value
class Retention:
    """How long to keep what. Calls and agents' time hold no numbers and are small: they may stay longer."""

    records_days: int = 90
    calls_days: int = 400


@value
class Erased:
    """`recordings`: files of that caller's voice; the switch has them, they are to be deleted there."""

    calls: int
    recordings: tuple[str, ...]
