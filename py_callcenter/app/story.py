"""Records in words, for `callcenter call trace`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from py_callcenter.api.port import TraceStep
from py_callcenter.engine import AnyRecord

_HEAD: Final = frozenset({"kind", "id", "node", "epoch", "sequence", "at_us", "call"})
_TEXTS: Final[dict[str, str]] = {
    "call-offered": "reached queue {queue}",
    "queue-entered": "waits in queue {queue} (queue leg {leg}, priority {priority})",
    "queue-resumed": "was still waiting in queue {queue} when the controller came back (queue leg {leg})",
    "offer-made": "agent {agent} is rung (attempt {attempt})",
    "offer-ended": "attempt {attempt} at agent {agent} ended: {outcome} {cause}",
    "call-answered": "agent {agent} answered",
    "bridge-undone": "the connection with agent {agent} broke at once; the caller waits again",
    "call-abandoned": "the caller hung up before an agent answered ({phase})",
    "call-left": "left queue {queue}: {reason}, to {target}",
    "call-lost": "vanished together with the switch or unseen",
    "conversation-ended": "the conversation with agent {agent} ended, by {by}",
    "conversation-joined": "connected with agent {agent} of queue {queue} by an attended transfer",
    "call-transferred": "transferred to {to} {target}",
    "consultation-ended": "agent {agent} consulted {to} {target}: {outcome} {cause}",
    "agent-wrap-up": "agent {agent} has a wrap-up",
    "wish-ignored": "asked for {wish} that can't be read or granted; the queue's default is used",
    "caller-ranked": "now has priority {priority} and base score {base_score_us} µs",
    "call-ended": "the caller's channel is gone ({cause})",
    "recording-started": "recorded from here on",
    "unknown-queue": "asked for a queue that is not configured",
    "offer-taken-up": "the phone of agent {agent} was taken up when the controller came back",
    "leg-orphaned": "a phone of agent {agent} that belonged to nothing any more was hung up",
    "end-missed": "the switch no longer knew the {side}'s channel, whose end was never told",
    "invariant-violated": "a watchdog had to repair something ({rule})",
}


def tell(record: AnyRecord) -> TraceStep:
    """One step of a call's story."""
    return step(record.kind, record.at_us, record.as_dict())


def step(kind: str, at_us: int, fields: Mapping[str, Any]) -> TraceStep:
    """The same of a record out of the database, perhaps written by another version."""
    details = {name: value for name, value in fields.items() if name not in _HEAD}
    by = "a transfer" if details.get("transferred") is True else f"the {details.get('ended_by')}"
    try:
        text = _TEXTS.get(kind, kind).format(**details, by=by).strip()
    except KeyError:
        text = kind.replace("-", " ")
    return TraceStep(at=at_us / 1e6, kind=kind, text=text, details=details)
