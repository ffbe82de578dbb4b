"""What the dialplan asked for, read from the variables of a PARK.

Design decision 4: these are the operator's word. Numbers that don't fit are put at the nearest bound, so
that a dialplan's mistake costs an order and not a caller.
"""

from __future__ import annotations

from typing import Final

from py_callcenter._router import Event
from py_callcenter.engine.calls import Wishes

PRIORITY_MIN: Final = -100
PRIORITY_MAX: Final = 100
BASE_SCORE_MAX_S: Final = 10 * 365 * 86_400
_EXPORTS_MAX: Final = 16
_VALUE_MAX: Final = 128
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@:/+*#-")


def read(event: Event) -> Wishes:
    """The wishes in a PARK event."""
    return Wishes(
        priority=_bounded(event.get("variable_cc_priority"), PRIORITY_MIN, PRIORITY_MAX),
        base_score_us=_bounded(event.get("variable_cc_base_score"), -BASE_SCORE_MAX_S, BASE_SCORE_MAX_S)
        * 1_000_000,
        exit_keys="".join(
            key for key in event.get("variable_cc_exit_keys") or "" if key in "0123456789*#ABCD"
        ),
        exit_exten=event.get("variable_cc_exit_exten") or "",
        moh_override=event.get("variable_cc_moh_override") or "",
        name_prefix=(event.get("variable_cc_outbound_cid_name_prefix") or "")[:32],
        exports=_exports(event),
    )


def _bounded(text: str | None, low: int, high: int) -> int:
    """A whole number within bounds; 0 for anything that is none."""
    digits = (text or "").strip()
    plain = digits.removeprefix("-").removeprefix("+")
    if len(digits) > 20 or not (plain.isascii() and plain.isdecimal()):
        return 0
    return max(low, min(high, int(digits)))


def _exports(event: Event) -> tuple[tuple[str, str], ...]:
    """Variables named by `cc_export_vars`, for the agent's leg.

    Their values may come from the caller: only plain characters pass, the rest becomes `_`.
    Names that FreeSWITCH itself acts upon never pass.
    """
    found: list[tuple[str, str]] = []
    for word in (event.get("variable_cc_export_vars") or "").split(",")[:_EXPORTS_MAX]:
        name = word.strip()
        if not _is_exportable(name):
            continue
        value = event.get(f"variable_{name}")
        if value:
            plain = "".join(mark if mark in _PLAIN else "_" for mark in value[:_VALUE_MAX])
            # `:_:` would split the originate, so the builder refuses it: no offer ever.
            found.append((name, plain.replace(":_:", "___")))
    return tuple(found)


_ACTED_UPON: Final = (
    "api_",
    "exec",
    "bridge_",
    "sip_",
    "origination_",
    "originate",
    "park",
    "transfer",
    "hangup",
    "session_",
    "absolute_codec",
    "hold_",
    "cc_",
)


def _is_exportable(name: str) -> bool:
    plain = 0 < len(name) <= 64 and name.replace("_", "").replace("-", "").isalnum() and name.isascii()
    return plain and not name.lower().startswith(_ACTED_UPON)
