"""One leg: its states, its variables in FreeSWITCH's order, its caller profiles.

A channel's variables are an ordered list where setting deletes and appends; that alone explains the order of
headers in every captured event. Lines are kept encoded, so that an event is a handful of joins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from py_callcenter.sim.encoding import quote

if TYPE_CHECKING:
    from py_callcenter.sim.dialplan import Step
    from py_callcenter.sim.originates import Originate
    from py_callcenter.sim.phones import Party

# switch_types.h: the order of channel states is the number in Channel-State-Number.
STATES = (
    "CS_NEW",
    "CS_INIT",
    "CS_ROUTING",
    "CS_SOFT_EXECUTE",
    "CS_EXECUTE",
    "CS_EXCHANGE_MEDIA",
    "CS_PARK",
    "CS_CONSUME_MEDIA",
    "CS_HIBERNATE",
    "CS_RESET",
    "CS_HANGUP",
    "CS_REPORTING",
    "CS_DESTROY",
    "CS_NONE",
)
NUMBER = {name: number for number, name in enumerate(STATES)}

Q850 = {
    "NORMAL_CLEARING": 16,
    "UNALLOCATED_NUMBER": 1,
    "USER_BUSY": 17,
    "NO_USER_RESPONSE": 18,
    "NO_ANSWER": 19,
    "SUBSCRIBER_ABSENT": 20,
    "CALL_REJECTED": 21,
    "DESTINATION_OUT_OF_ORDER": 27,
    "NORMAL_UNSPECIFIED": 31,
    "NORMAL_TEMPORARY_FAILURE": 41,
    "MANDATORY_IE_MISSING": 96,
    "RECOVERY_ON_TIMER_EXPIRE": 102,
    # Causes of FreeSWITCH's own, above 127, go out as 16 or 31.
    "ORIGINATOR_CANCEL": 16,
    "LOSE_RACE": 16,
    "PICKED_OFF": 16,
    "MANAGER_REQUEST": 16,
    "BLIND_TRANSFER": 16,
    "ATTENDED_TRANSFER": 16,
    "USER_NOT_REGISTERED": 31,
}
CAUSES = frozenset(Q850) | {
    "NO_ROUTE_DESTINATION",
    "NETWORK_OUT_OF_ORDER",
    "INCOMPATIBLE_DESTINATION",
    "ALLOTTED_TIMEOUT",
    "PROGRESS_TIMEOUT",
    "GATEWAY_DOWN",
    "INVALID_GATEWAY",
    "EXCHANGE_ROUTING_ERROR",
    "INVALID_NUMBER_FORMAT",
    "NUMBER_CHANGED",
    "CHAN_NOT_IMPLEMENTED",
    "CRASH",
    "SYSTEM_SHUTDOWN",
}


@dataclass(slots=True)
class Times:
    """Stamps of one caller profile in microseconds, 0 = never."""

    profile: int = 0
    created: int = 0
    answered: int = 0
    progress: int = 0
    hangup: int = 0
    bridged: int = 0
    last_hold: int = 0
    hold_accum: int = 0

    def copy(self) -> Times:
        """The same stamps, to go on on their own."""
        return Times(
            self.profile, self.created, self.answered, self.progress, self.hangup, self.bridged,
            self.last_hold, self.hold_accum,
        )  # fmt: skip


PROFILE_HEADERS = (
    "Direction", "Logical-Direction", "Username", "Dialplan", "Caller-ID-Name", "Caller-ID-Number",
    "Orig-Caller-ID-Name", "Orig-Caller-ID-Number", "Callee-ID-Name", "Callee-ID-Number", "Network-Addr",
    "ANI", "Destination-Number", "Unique-ID", "Source", "Transfer-Source", "Context", "RDNIS", "Channel-Name",
)  # fmt: skip


@dataclass
class Profile:
    """Who a leg says it is: the block `Caller-*` or, seen from the partner, `Other-Leg-*`."""

    uuid: str
    direction: str
    logical: str
    source: str
    context: str
    channel_name: str
    destination: str
    username: str = ""
    dialplan: str = ""
    name: str = ""
    number: str = ""
    orig_name: str = ""
    orig_number: str = ""
    callee_name: str = ""
    callee_number: str = ""
    network: str = ""
    ani: str = ""
    transfer_source: str = ""
    rdnis: str = ""
    index: int = 1
    times: Times = field(default_factory=Times)
    _names: dict[str, tuple[tuple[str, ...], str]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """By prefix: what the names were rendered from, and the lines."""

    def copy(self, **changes: Any) -> Profile:
        """A new profile with its own stamps."""
        other = Profile.__new__(Profile)
        vars(other).update({**vars(self), "times": self.times.copy(), "_names": {}, **changes})
        return other

    def lines(self, prefix: str) -> str:
        """Header lines in the order of switch_caller_profile_event_set_data; empty fields are left out."""
        names = self._lines_of_names(prefix)
        index = f"Caller-Profile-Index: {self.index}\n" if prefix == "Caller" else ""
        t = self.times
        return (
            f"{names}{index}"
            f"{prefix}-Profile-Created-Time: {t.profile}\n{prefix}-Channel-Created-Time: {t.created}\n"
            f"{prefix}-Channel-Answered-Time: {t.answered}\n{prefix}-Channel-Progress-Time: {t.progress}\n"
            f"{prefix}-Channel-Progress-Media-Time: 0\n{prefix}-Channel-Hangup-Time: {t.hangup}\n"
            f"{prefix}-Channel-Transfer-Time: 0\n{prefix}-Channel-Resurrect-Time: 0\n"
            f"{prefix}-Channel-Bridged-Time: {t.bridged}\n{prefix}-Channel-Last-Hold: {t.last_hold}\n"
            f"{prefix}-Channel-Hold-Accum: {t.hold_accum}\n{prefix}-Screen-Bit: true\n"
            f"{prefix}-Privacy-Hide-Name: false\n{prefix}-Privacy-Hide-Number: false\n"
        )

    def _lines_of_names(self, prefix: str) -> str:
        """They stay for most of a leg's life, while stamps change: rendered when one of them has."""
        named = (
            self.direction, self.logical, self.username, self.dialplan, self.name, self.number,
            self.orig_name, self.orig_number, self.callee_name, self.callee_number, self.network, self.ani,
            self.destination, self.uuid, self.source, self.transfer_source, self.context, self.rdnis,
            self.channel_name,
        )  # fmt: skip
        before, lines = self._names.get(prefix, ((), ""))
        if named != before:
            lines = "".join(
                [
                    f"{prefix}-{header}: {quote(value)}\n"
                    for header, value in zip(PROFILE_HEADERS, named, strict=True)
                    if value
                ]
            )
            self._names[prefix] = named, lines
        return lines


def is_taken(value: str) -> bool:
    """Whether a variable may have this value when it comes from SIP: not with `${` in it."""
    return "${" not in value


@lru_cache(maxsize=16)
def _codec_lines(codec: str) -> str:
    rate = "128000" if codec == "L16" else "64000"
    return (
        f"Channel-Read-Codec-Name: {codec}\nChannel-Read-Codec-Rate: 8000\n"
        f"Channel-Read-Codec-Bit-Rate: {rate}\nChannel-Write-Codec-Name: PCMU\n"
        "Channel-Write-Codec-Rate: 8000\nChannel-Write-Codec-Bit-Rate: 64000\n"
    )


@dataclass(slots=True)
class Recording:
    """A recording under way on a leg."""

    path: str
    started_us: int


@dataclass(slots=True)
class Playback:
    """An application that `uuid_broadcast` or hold music started inside the leg's own one."""

    application: str
    data: str
    uuid: str
    started_us: int
    file: bool


class Leg:
    """A channel. Methods only change and render it; what happens when is decided elsewhere."""

    def __init__(self, uuid: str, *, inbound: bool, profile: Profile, session: int) -> None:
        self.uuid = uuid
        self.inbound = inbound
        self.profile = profile
        self.other: Profile | None = None
        self.other_type = ""
        self.session = session
        self.running = "CS_NONE"
        self.pending = "CS_INIT"
        self.call_state = "DOWN"
        self.answer_state = "ringing"
        self.codec = ""
        self.hit_dialplan = inbound
        self.hangup_cause = ""
        self.created_us = profile.times.created
        self.values: dict[str, str] = {}
        self._lines: dict[str, str] = {}
        self._block = ""  # cached caller profiles
        # What it is doing.
        self.app = ""  # application of the dialplan that runs, for example park
        self.app_data = ""
        self.app_uuid = ""
        self.last_app = ""
        self.last_arg = ""
        self.steps: list[Step] = []  # what is left of the extension it runs
        self.parked = False
        self.routing: str | None = None  # a transfer waits for the leg's thread: the extension
        self.playback: Playback | None = None
        self.broadcasts: list[tuple[str, str]] = []
        self.recordings: dict[str, Recording] = {}
        self.digits = ""
        self.queued_digits = ("", 0)
        self.watching: Leg | None = None  # the leg it listens to
        # Bridges.
        self.partner: Leg | None = None
        self.leads_bridge = False  # first leg of the bridge it is in
        self.leads = False  # first leg of the bridge it was asked for
        self.ticket = 0  # moves on with each request; steps of an older one give up
        self.bridging: Leg | None = None  # the other leg of a bridge that was asked for
        self.asked_us = 0  # when that bridge was asked for
        self.heeded = False  # its thread has left what it did for that bridge
        # Hold.
        self.holding = False
        self.hold_from_us = 0
        self.hold_spans: list[tuple[int, int]] = []
        self.sdp_version = 1
        # The end.
        self.bye_received = False
        self.refused = False
        self.reported = False
        self.destroyed = False
        # Around it.
        self.originate: Originate | None = None  # while its originate runs
        self.party: Party | None = None  # the person or phone behind it
        self.sip: dict[str, str] = {}
        self.ack_at = ""  # where in the dialplan the ACK arrives

    # -- variables

    def set(self, name: str, value: str) -> None:
        """Set a variable as the switch does: delete, then append. Empty values delete only."""
        values, lines = self.values, self._lines
        if name in values:
            del values[name], lines[name]
        if value:
            values[name] = value
            lines[name] = f"variable_{name}: {quote(value)}\n"

    def set_checked(self, name: str, value: str) -> None:
        """As `set`, but only what `is_taken`; else the old value stays."""
        if is_taken(value):
            self.set(name, value)

    def set_all(self, variables: dict[str, str]) -> None:
        """As `set` for several, in order."""
        for name in self.values.keys() & variables.keys():
            del self.values[name], self._lines[name]
        if "" in variables.values():
            variables = {name: value for name, value in variables.items() if value}
        self.values.update(variables)
        self._lines.update({name: f"variable_{name}: {quote(value)}\n" for name, value in variables.items()})

    def set_encoded(self, values: dict[str, str], lines: dict[str, str]) -> None:
        """As `set` for several, with lines that were rendered before."""
        for name in self.values.keys() & values.keys():
            del self.values[name], self._lines[name]
        self.values.update(values)
        self._lines.update(lines)

    def update(self, name: str, value: str) -> None:
        """Change a variable in place, for arrays that are pushed to."""
        self.values[name] = value
        self._lines[name] = f"variable_{name}: {quote(value)}\n"

    def push(self, name: str, value: str) -> None:
        """Append to an array variable in place; the first value makes a plain one."""
        old = self.values.get(name)
        if old is None:
            self.set(name, value)
        elif old.startswith("ARRAY::"):
            self.update(name, f"{old}|:{value}")
        else:
            self.update(name, f"ARRAY::{old}|:{value}")

    def unset(self, *names: str) -> None:
        """Delete variables; unknown ones are no error."""
        for name in names:
            self.values.pop(name, None)
            self._lines.pop(name, None)

    def is_true(self, name: str) -> bool:
        """FreeSWITCH's notion of a true variable."""
        value = self.values.get(name, "").lower()
        return value in {"true", "yes", "on", "enable", "enabled", "active", "allow", "t", "1"}

    # -- state

    @property
    def alive(self) -> bool:
        """False from the moment hang-up begins: from then on every command answers `No such channel`."""
        return not self.hangup_cause

    @property
    def call_uuid(self) -> str:
        """Channel-Call-UUID."""
        return self.values.get("call_uuid", self.uuid)

    def touch(self) -> None:
        """The profile was changed: render it anew."""
        self._block = ""

    # -- rendering

    def channel_lines(self) -> str:
        """`Channel-*` and profiles, the part that every event of a leg has."""
        block = self._block
        if not block:
            block = self.profile.lines("Caller")
            if self.other is not None:
                block += f"Other-Type: {self.other_type}\n" + self.other.lines("Other-Leg")
            self._block = block
        direction = "inbound" if self.inbound else "outbound"
        cause = f"Hangup-Cause: {self.hangup_cause}\n" if self.hangup_cause else ""
        codec = _codec_lines(self.codec) if self.codec else ""
        return (
            f"Channel-State: {self.running}\nChannel-Call-State: {self.call_state}\n"
            f"Channel-State-Number: {NUMBER[self.pending]}\n"
            f"Channel-Name: {quote(self.profile.channel_name)}\nUnique-ID: {quote(self.uuid)}\n"
            f"Call-Direction: {direction}\nPresence-Call-Direction: {direction}\n"
            f"Channel-HIT-Dialplan: {'true' if self.hit_dialplan else 'false'}\n"
            f"Channel-Call-UUID: {quote(self.call_uuid)}\nAnswer-State: {self.answer_state}\n"
            f"{cause}{codec}{block}"
        )

    def variable_lines(self) -> str:
        """All variables, encoded, in order."""
        return "".join(self._lines.values())
