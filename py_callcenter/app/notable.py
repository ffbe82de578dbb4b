"""Records that somebody may have to act on are log lines too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import structlog

from py_callcenter.engine import AnyRecord

_log = structlog.get_logger(__name__)

NOTABLE: Final[dict[str, Callable[..., Any]]] = {
    "unknown-queue": partial(
        _log.warning, "call_for_unknown_queue", hint="set `cc_queue` in the dialplan to a configured queue"
    ),
    "wish-ignored": partial(
        _log.warning, "wish_ignored", hint="look at what the dialplan sets; the queue's default was used"
    ),
    "invariant-violated": partial(_log.error, "invariant_violated"),
    "end-missed": partial(_log.warning, "end_of_channel_missed", hint="an event of the switch was lost"),
    "leg-orphaned": partial(_log.warning, "orphaned_leg_hung_up"),
}
_TOLD: Final = ("asked", "rule", "queue", "wish")
"""Fields of these records that a log line may show."""
_WHERE: Final = ("agent", "node")
"""Likewise, where they say anything."""


def log_if_notable(record: AnyRecord) -> None:
    say = NOTABLE.get(record.kind)
    if say is not None:
        details = {name: getattr(record, name) for name in _TOLD if hasattr(record, name)}
        details |= {name: value for name in _WHERE if (value := getattr(record, name, ""))}
        say(call=getattr(record, "call", ""), **details)
