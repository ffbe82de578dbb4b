"""Asterisk's `queue_log`, for report tools that read it: the same records in app_queue's words.

A line is `seconds|call|queue|agent|VERB|data…` as Asterisk's logger writes it; verbs and fields are those
of app_queue.c (read at asterisk/asterisk f0c1c1a7b7). Without a counterpart: the caller's number (the
second field of ENTERQUEUE is empty, no record holds numbers), the peer's channel (CONNECT names our offer,
`cc_offer` of the agent's leg) and where a phone sent the caller (the first two fields of BLINDTRANSFER are
empty; of a transfer by the API they are extension and context, for a queue or an agent its name and `queue`
or `agent`). The bridge after an ATTENDEDTRANSFER has no name on a switch that has legs only: BRIDGE and an
empty field. A caller whom a queue turns away at once (full, diverted, too long a wait to be expected) is in
no line of it, as app_queue's `join_queue` has it. The place at which a call of an earlier run was entered is
told as 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from py_callcenter.stats.fold import RecordLike

GONE_KEPT: Final = 1000

_SECOND_US: Final = 1_000_000
_NONE: Final = "NONE"
_MISSED: Final = ("no_answer", "busy", "rejected", "unreachable", "unregistered")
_BREAK, _OUT = "On Break", "Logged Out"


@dataclass(slots=True)
class _Leg:
    queue: str
    position: int
    wait_us: int = 0
    ring_us: int = 0
    attempt: int = 0
    still_rings: str = ""
    """The verb for a phone that rings while the caller goes: app_queue blames it at the wait's limit only."""
    joined: int = 0
    """Number of a conversation that the caller was joined to: app_queue knows of none."""
    onward: tuple[str, str] = ("", "")
    """Where the API sends the caller: extension and context."""


class QueueLog:
    """Feed every record once, in order, to `lines`."""

    def __init__(
        self,
        known: Mapping[str, tuple[str, int]] | None = None,
        agents: Mapping[str, tuple[str, int]] | None = None,
    ) -> None:
        """What goes on from an earlier run. `known`: calls by id, their queue, and their wait if they talk.
        `agents`: their status, and when they logged in.
        """
        self._epoch: int | None = None
        self._legs = {call: _Leg(queue, 1, wait_us) for call, (queue, wait_us) in (known or {}).items()}
        self._gone: dict[str, _Leg] = {}
        """Calls that are over, for phones that rang for them."""
        self._status = dict(agents or {})
        """And when they logged in."""
        self._resting: dict[str, str] = {}
        """What they rest for."""

    def lines(self, record: RecordLike) -> list[str]:
        """The lines, without line ends, that one record comes to."""
        out: list[str] = []
        epoch = getattr(record, "epoch", None)
        if getattr(record, "node", "") != "cli" and epoch != self._epoch:
            self._epoch = epoch
            out.append(_line(record, _NONE, _NONE, _NONE, "QUEUESTART", ""))
        step = _STEPS.get(record.kind)
        if step is not None:
            out += step(self, record)
        return out

    def entered(self, record: Any) -> list[str]:
        if record.position == 0:  # turned away at once: what comes next is no way out of the queue before
            self._forget(record.call)
            return []
        self._legs[record.call] = _Leg(record.queue, record.position)
        data = ("", "", record.position)
        return [_line(record, record.call, record.queue, _NONE, "ENTERQUEUE", *data)]

    def resumed(self, record: Any) -> list[str]:
        self._legs.setdefault(record.call, _Leg(record.queue, 1))
        return []

    def offer_over(self, record: Any) -> list[str]:
        leg = self._legs.get(record.call) or self._gone.get(record.call)
        if leg is None:
            return []
        if record.outcome == "answered":
            leg.ring_us, leg.attempt = record.ring_us, record.attempt
            return []
        verb = "RINGNOANSWER" if record.outcome in _MISSED else ""
        if record.outcome == "withdrawn":
            verb = leg.still_rings
        if not verb:
            return []
        return [_line(record, record.call, record.queue, record.agent, verb, record.ring_us // 1000)]

    def answered(self, record: Any) -> list[str]:
        leg = self._legs.get(record.call)
        if leg is None:
            return []
        leg.wait_us = record.wait_us
        data = (_seconds(record.wait_us), f"{record.call}/{leg.attempt}", _seconds(leg.ring_us))
        return [_line(record, record.call, record.queue, record.agent, "CONNECT", *data)]

    def abandoned(self, record: Any) -> list[str]:
        leg = self._legs.get(record.call)
        if leg is None:
            return []
        leg.still_rings = "RINGCANCELED"
        position = getattr(record, "position", 0) or leg.position
        data = (position, leg.position, _seconds(record.wait_us))
        return [_line(record, record.call, record.queue, _NONE, "ABANDON", *data)]

    def left(self, record: Any) -> list[str]:
        leg = self._legs.get(record.call)
        if leg is None:
            return []
        data: tuple[Any, ...] = (record.position, leg.position, _seconds(record.wait_us))
        match record.reason:
            case "timeout":
                verb, leg.still_rings = "EXITWITHTIMEOUT", "RINGNOANSWER"
            case "no-agent":
                verb = "EXITEMPTY"
            case "exit-key":
                verb, data, leg.still_rings = "EXITWITHKEY", (record.key, *data), "RINGCANCELED"
            case _:
                verb, data = "WITHDRAW", (*data, record.reason)
        return [_line(record, record.call, record.queue, _NONE, verb, *data)]

    def joined(self, record: Any) -> list[str]:
        leg = self._legs.get(record.call)
        if leg is not None:
            leg.joined = record.leg
        return []

    def sent_on(self, record: Any) -> list[str]:
        leg = self._legs.get(record.call)
        if leg is not None and record.agent:
            extension, _, context = record.target.partition("@")
            kind = record.to if record.to in ("queue", "agent") else ""
            leg.onward = (record.target, kind) if kind else (extension, context)
        return []

    def parted(self, record: Any) -> list[str]:
        leg = self._legs.get(record.call)
        if leg is None or leg.joined == record.leg:
            return []
        data: tuple[Any, ...] = (_seconds(leg.wait_us), _seconds(record.talk_us), leg.position)
        if record.attended:
            verb, data = "ATTENDEDTRANSFER", ("BRIDGE", "", *data)
        elif record.transferred:
            verb, data = "BLINDTRANSFER", (*leg.onward, *data)
        else:
            verb = "COMPLETEAGENT" if record.ended_by == "agent" else "COMPLETECALLER"
        return [_line(record, record.call, record.queue, record.agent, verb, *data)]

    def ended(self, record: Any) -> list[str]:
        self._forget(record.call)
        return []

    def _forget(self, call: str) -> None:
        leg = self._legs.pop(call, None)
        if leg is not None and leg.still_rings:  # its phone may have a line to come
            self._gone[call] = leg
            if len(self._gone) > GONE_KEPT:
                del self._gone[next(iter(self._gone))]

    def status(self, record: Any) -> list[str]:
        """Logged in and out as agents of a pool, breaks as a pause in all queues."""
        before, since_us = self._status.get(record.agent, (_OUT, record.at_us))
        rested_for = self._resting.pop(record.agent, "")
        reason = getattr(record, "break_reason", "")
        if reason:
            self._resting[record.agent] = reason
        if before == record.status and rested_for == reason:
            return []
        login_us = record.at_us if before == _OUT else since_us
        self._status[record.agent] = (record.status, login_us)

        def line(verb: str, *data: Any) -> str:
            return _line(record, _NONE, _NONE, record.agent, verb, *data)

        out = []
        if before == _BREAK:
            out.append(line("UNPAUSEALL", ""))
        if before == _OUT:
            out.append(line("AGENTLOGIN", record.agent))
        if record.status == _BREAK:
            out.append(line("PAUSEALL", reason))
        elif record.status == _OUT:
            out.append(line("AGENTLOGOFF", record.agent, _seconds(record.at_us - since_us)))
        return out


_STEPS: Final[dict[str, Callable[[QueueLog, Any], list[str]]]] = {
    "queue-entered": QueueLog.entered,
    "queue-resumed": QueueLog.resumed,
    "offer-ended": QueueLog.offer_over,
    "call-answered": QueueLog.answered,
    "call-abandoned": QueueLog.abandoned,
    "call-lost": QueueLog.abandoned,
    "call-left": QueueLog.left,
    "conversation-joined": QueueLog.joined,
    "call-transferred": QueueLog.sent_on,
    "conversation-ended": QueueLog.parted,
    "call-ended": QueueLog.ended,
    "agent-status": QueueLog.status,
}


def _seconds(us: int) -> int:
    return us // _SECOND_US


def _line(record: RecordLike, call: str, queue: str, agent: str, verb: str, *data: Any) -> str:
    """`|` and line ends in names would make other fields of them."""
    fields = (record.at_us // _SECOND_US, call, queue, agent, verb, *data)
    return "|".join(str(field).translate(_UNSAFE) for field in fields)


_UNSAFE: Final = {ord("|"): "_", ord("\n"): "_", ord("\r"): "_"}
