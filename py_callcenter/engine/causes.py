"""FreeSWITCH's hangup causes turned into whose fault a failed offer is.

A dead path is nobody's no-answer. `compatible = true` in a queue gives mod_callcenter's coarser rule instead
(`mod_callcenter.c` 1.11.1, lines 2141-2197), by which it is.
"""

from __future__ import annotations

from typing import Final, Literal

from py_callcenter.engine.records import StatusReason

Fault = Literal["busy", "rejected", "no_answer", "unreachable", "unregistered", "path_error", "withdrawn"]

_FAULTS: Final[dict[str, Fault]] = {
    "USER_BUSY": "busy",
    "NORMAL_CIRCUIT_CONGESTION": "busy",
    "NO_ANSWER": "no_answer",
    "NO_USER_RESPONSE": "unreachable",
    "ALLOTTED_TIMEOUT": "unreachable",
    "PROGRESS_TIMEOUT": "unreachable",
    "CALL_REJECTED": "rejected",
    "USER_NOT_REGISTERED": "unregistered",
    "SUBSCRIBER_ABSENT": "unregistered",
    "UNALLOCATED_NUMBER": "unregistered",
    "NUMBER_CHANGED": "unregistered",
    "ORIGINATOR_CANCEL": "withdrawn",
    "LOSE_RACE": "withdrawn",
    "PICKED_OFF": "withdrawn",
}

NO_REGISTRATION: Final = frozenset({"USER_NOT_REGISTERED", "SUBSCRIBER_ABSENT"})
"""The switch's own word about a `user/…`, when it makes no leg."""

_COMPATIBLE: Final[dict[str, Fault]] = {
    "USER_BUSY": "busy",
    "NORMAL_CIRCUIT_CONGESTION": "busy",
    "CALL_REJECTED": "rejected",
    "USER_NOT_REGISTERED": "unregistered",
    "ORIGINATOR_CANCEL": "withdrawn",
    "LOSE_RACE": "withdrawn",
}
"""Every other cause is a no-answer."""

LIMITS: Final[dict[str, StatusReason]] = {
    "no_answer": "max-no-answer",
    "unreachable": "max-no-answer",
    "busy": "max-busy",
    "rejected": "max-reject",
    "unregistered": "max-unregistered",
}
"""The limit that a fault counts towards; the others count towards none."""

_ANSWERED_THEN_GONE: Final = frozenset({"NORMAL_CLEARING", "NORMAL_UNSPECIFIED"})


def fault_of(cause: str, *, answered: bool, compatible: bool = False) -> Fault:
    """Fault for a hangup cause of an agent's leg or of a failed originate.

    `answered`: the phone had been picked up. An agent who hangs up between answering and the bridge has
    turned the call away. Every cause that the table doesn't name is a fault of the path; with `compatible`,
    as in mod_callcenter, a no-answer.
    """
    if answered and cause in _ANSWERED_THEN_GONE:
        return "rejected"
    if compatible:
        return _COMPATIBLE.get(cause, "no_answer")
    return _FAULTS.get(cause, "path_error")


def cause_of_job(body: bytes) -> str | None:
    """Cause in the body of a failed originate's BACKGROUND_JOB (`-ERR CAUSE`); None when it succeeded."""
    text = body.decode("utf-8", "replace").strip()
    if text.startswith("+OK"):
        return None
    words = text.removeprefix("-ERR").split()
    return words[0] if words else "UNKNOWN"
