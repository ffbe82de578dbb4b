"""What the dialplan asked for, read from the variables of a PARK.

Design decision 4: these are the operator's word. Numbers that don't fit are put at the nearest bound, so
that a dialplan's mistake costs an order and not a caller.
"""

from __future__ import annotations

from typing import Final

from py_callcenter._router import Event
from py_callcenter.config import Exit
from py_callcenter.config.rules import RuleError, parse_exit
from py_callcenter.engine import exports
from py_callcenter.engine.calls import Wishes

PRIORITY_MIN: Final = -100
PRIORITY_MAX: Final = 100
BASE_SCORE_MAX_S: Final = 10 * 365 * 86_400


def read(event: Event) -> Wishes:
    """The wishes in a PARK event."""
    return Wishes(
        priority=_bounded(event.get("variable_cc_priority"), PRIORITY_MIN, PRIORITY_MAX),
        base_score_us=_bounded(event.get("variable_cc_base_score"), -BASE_SCORE_MAX_S, BASE_SCORE_MAX_S)
        * 1_000_000,
        exit_keys=_keys(event.get("variable_cc_exit_keys")),
        exit=_exit(event.get("variable_cc_exit_exten") or ""),
        moh_override=event.get("variable_cc_moh_override") or "",
        name_prefix=(event.get("variable_cc_outbound_cid_name_prefix") or "")[:32],
        exports=exports.read(event),
    )


def _keys(text: str | None) -> str:
    """The telephone's keys in it."""
    return "".join(key for key in text if key in "0123456789*#ABCD") if text else ""


def _bounded(text: str | None, low: int, high: int) -> int:
    """A whole number within bounds; 0 for anything that is none."""
    if not text:
        return 0
    digits = text.strip()
    plain = digits.removeprefix("-").removeprefix("+")
    if len(digits) > 20 or not (plain.isascii() and plain.isdecimal()):
        return 0
    return max(low, min(high, int(digits)))


def _exit(text: str) -> Exit | None:
    """The exit to use in place of the queue's own; None when there is none or it can't be used."""
    try:
        return parse_exit(text) if text else None
    except RuleError:
        return None
