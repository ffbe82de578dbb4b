"""How long what is kept, and what is gone when a caller is forgotten."""

from __future__ import annotations

from py_callcenter.value import value


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
