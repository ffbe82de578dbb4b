"""What is shown of a caller."""

from __future__ import annotations

from typing import Final

_SHOWN_TAIL: Final = 3
_SHOWN_HEAD: Final = 3
_LONG_ENOUGH: Final = 8


def mask_number(number: str) -> str:
    """A caller's number with its middle hidden: enough to recognise a call, too little to dial it.

    Short numbers keep their last two digits; what is no number at all is hidden as a whole.
    """
    digits = [c for c in number if c.isascii() and c.isdigit()]
    if not digits:
        return "unknown"
    plus = "+" if number.startswith("+") else ""
    if len(digits) < _LONG_ENOUGH:
        return plus + "•" * max(1, len(digits) - 2) + "".join(digits[-2:] if len(digits) > 2 else [])
    hidden = "•" * (len(digits) - _SHOWN_HEAD - _SHOWN_TAIL)
    return plus + "".join(digits[:_SHOWN_HEAD]) + hidden + "".join(digits[-_SHOWN_TAIL:])
