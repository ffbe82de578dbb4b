"""What the dialplan asked for, read from the variables of a PARK.

Design decision 4: these are the operator's word. Numbers that don't fit are put at the nearest bound, so
that a dialplan's mistake costs an order and not a caller.
"""

from __future__ import annotations

import re
from typing import Final

from py_callcenter._router import DemandError, Event, parse_demand
from py_callcenter.config import Exit, shapes
from py_callcenter.config.rules import RuleError, parse_exit
from py_callcenter.engine import exports
from py_callcenter.engine.calls import Wishes
from py_callcenter.engine.records import IgnoredWish

PRIORITY_MIN: Final = -100
PRIORITY_MAX: Final = 100
_LANGUAGE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")
_NAME_MAX: Final = 64
BASE_SCORE_MAX_S: Final = 10 * 365 * 86_400


_NAMES: Final = tuple(
    f"variable_{name}"
    for name in (
        "cc_skills",
        "cc_language",
        "cc_outbound_announce",
        "cc_priority",
        "cc_base_score",
        "cc_exit_keys",
        "cc_exit_exten",
        "cc_moh_override",
        "cc_outbound_cid_name_prefix",
        "cc_export_vars",
        "cc_preferred_agent",
        *exports.ALWAYS,
    )
)
_NONE: Final = Wishes(
    priority=0,
    base_score_us=0,
    exit_keys="",
    exit=None,
    moh_override="",
    name_prefix="",
    announce="",
    exports=(),
)


def read(event: Event) -> Wishes:
    """The wishes in a PARK event."""
    if not any(map(event.get, _NAMES)):  # most callers have none, and wait for a phone
        return _NONE
    skills, language = _demand(event.get("variable_cc_skills")), _language(event.get("variable_cc_language"))
    unreadable: list[IgnoredWish] = []
    if skills is None:
        unreadable.append("cc_skills")
    if language is None:
        unreadable.append("cc_language")
    announce = event.get("variable_cc_outbound_announce") or ""
    if announce and not shapes.is_sound(announce):
        unreadable.append("cc_outbound_announce")
        announce = ""
    return Wishes(
        priority=_bounded(event.get("variable_cc_priority"), PRIORITY_MIN, PRIORITY_MAX),
        base_score_us=_bounded(event.get("variable_cc_base_score"), -BASE_SCORE_MAX_S, BASE_SCORE_MAX_S)
        * 1_000_000,
        exit_keys=_keys(event.get("variable_cc_exit_keys")),
        exit=_exit(event.get("variable_cc_exit_exten") or ""),
        moh_override=event.get("variable_cc_moh_override") or "",
        name_prefix=(event.get("variable_cc_outbound_cid_name_prefix") or "")[:32],
        announce=announce,
        exports=exports.read(event),
        skills=skills or "",
        language=language or "",
        preferred=(event.get("variable_cc_preferred_agent") or "")[:_NAME_MAX],
        preferred_once=event.get("variable_cc_preferred_once") == "true",
        unreadable=tuple(unreadable),
    )


def _demand(text: str | None) -> str | None:
    """A demand as it was written, empty for none; None for what can't be read."""
    if not text or not text.strip():
        return ""
    try:
        parse_demand(text)
    except DemandError:
        return None
    return "any" if text.strip() == "any" else text


def _language(text: str | None) -> str | None:
    """A language's code in small letters, empty for none; None for what is no code."""
    if not text or not text.strip():
        return ""
    code = text.strip().lower()
    return code if _LANGUAGE.fullmatch(code) else None


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
