"""Replays a captured conversation in the simulated switch.

From a capture only two things are taken as inputs: what the client wrote, and what people at SIP phones did
(a call placed, 180, 200, a refusal, a BYE, a re-INVITE, a REFER), each at its moment. All that the switch
wrote is the expectation.
"""

import json
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

from esl import captures

from py_callcenter.sim import Behaviour, Switch

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
REFUSALS = {"486": "busy", "603": "reject", "404": "not_found"}
MANUAL = Behaviour("manual")


@dataclass(frozen=True)
class Frame:
    """One frame of the switch: the envelope, and for events their headers in order."""

    at_us: int
    kind: str  # the content type
    envelope: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...] = ()
    body: str = ""

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def is_event(self) -> bool:
        return self.kind.startswith("text/event-")

    @property
    def owner(self) -> str:
        """Whose thread fired it: a leg, a job, or the switch itself."""
        return self.get("Unique-ID") or self.get("Job-UUID") or self.get("Event-Name")

    @property
    def stamp_us(self) -> int:
        return int(self.get("Event-Date-Timestamp") or 0)


def read_frames(data: bytes, at_us: int = 0) -> list[Frame]:
    """Cut a stream of the switch into frames."""
    frames = []
    while data:
        head, _, data = data.partition(b"\n\n")
        envelope = tuple(tuple(line.split(": ", 1)) for line in head.decode().split("\n"))
        length = int(dict(envelope).get("Content-Length", "0"))
        body, data = data[:length], data[length:]
        kind = dict(envelope)["Content-Type"]
        headers: tuple[tuple[str, str], ...] = ()
        text = body.decode("utf-8", "surrogateescape")
        if kind == "text/event-plain":
            block, _, text = text.partition("\n\n")
            headers = tuple(
                (name, unquote(value))
                for name, _, value in (line.partition(": ") for line in block.split("\n"))
            )
        elif kind == "text/event-json":
            pairs = json.loads(text, object_pairs_hook=list)
            headers = tuple(
                (name, "ARRAY::" + "|:".join(value) if isinstance(value, list) else value)
                for name, value in pairs
            )
            text = ""
        frames.append(Frame(at_us, kind, envelope, headers, text))
    return frames


@dataclass
class Capture:
    """A capture taken apart."""

    name: str
    written: list[tuple[int, bytes]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)

    @classmethod
    def load(cls, name: str) -> "Capture":
        capture = cls(name)
        for chunk in captures.load(name):
            if chunk.direction == "client":
                capture.written.append((chunk.at_us, chunk.data))
            else:
                capture.frames += read_frames(chunk.data, chunk.at_us)
        return capture

    @property
    def events(self) -> list[Frame]:
        return [frame for frame in self.frames if frame.is_event]

    def legs(self) -> dict[str, list[Frame]]:
        legs: dict[str, list[Frame]] = {}
        for event in self.events:
            if event.get("Unique-ID"):
                legs.setdefault(event.get("Unique-ID"), []).append(event)
        return legs

    def command_before(self, text: str, at_us: int) -> int:
        """When the last command with this text in it was written, 0 if none was."""
        return max((at for at, data in self.written if text.encode() in data and at <= at_us), default=0)


@dataclass(frozen=True)
class Action:
    """What a person did, as a SIP message shows it."""

    at_us: int
    what: str
    uuid: str
    detail: tuple[str, ...] = ()


def read_actions(capture: Capture) -> list[Action]:
    """The SIP side of a capture."""
    actions = []
    for uuid, events in capture.legs().items():
        final = events[-1]
        for position, event in enumerate(events):
            name, line = event.get("Event-Name"), event.get("Event-Calling-Line-Number")
            inbound = event.get("Call-Direction") == "inbound"
            born = capture.command_before(uuid, event.at_us) if not inbound else 0
            # The stamp moves in steps of 20 ms: the message came at most that much later.
            moment = max(
                event.stamp_us + 1_000, born and capture.command_before(f"uuid={uuid}", event.at_us) + 700
            )
            if inbound and position == 0:
                actions.append(Action(moment, "call", uuid, _call(event, events)))
                late = _acknowledged_late(capture, events)
                if late is not None:
                    actions.append(Action(late or moment + 600, "ack", uuid))
            if name == "CHANNEL_PROGRESS":
                actions.append(Action(moment, "ring", uuid))
            elif name == "CHANNEL_ANSWER" and not inbound:
                actions.append(Action(moment, "answer", uuid))
            elif name == "CHANNEL_HOLD" and line == "876":
                actions.append(Action(moment, "hold", uuid))
            elif name == "CHANNEL_HANGUP":
                how = final.get("variable_sip_hangup_disposition")
                status = final.get("variable_sip_invite_failure_status")
                if how == "recv_refuse" and status in REFUSALS:
                    actions.append(Action(moment, "refuse", uuid, (REFUSALS[status],)))
                elif how == "recv_bye":
                    actions.append(Action(moment, "bye", uuid))
                to = event.get("variable_transfer_destination")
                if to.startswith("blind:"):
                    actions.append(Action(moment - 20_000, "refer", uuid, (to[6:],)))
            elif name == "CHANNEL_HANGUP_COMPLETE" and len(events) <= 2:  # a thin subscription
                actions.append(Action(moment, "bye", uuid))
    return sorted(actions, key=lambda action: action.at_us)


def _call(event: Frame, events: list[Frame]) -> tuple[str, ...]:
    customer = event.get("variable_sip_h_X-Customer-ID")
    # What looks like an encoded newline was six printable characters of the SIP message.
    display = event.get("Caller-Caller-ID-Name").replace("\n", "%0A")
    if not event.get("variable_sip_from_display"):
        display = display.replace("%{", "${")  # refused as a variable, and defused in the profile
    return (
        event.get("Caller-Caller-ID-Number"),
        display,
        event.get("Caller-Destination-Number"),
        customer,
        _acknowledged(events),
    )


def _acknowledged(events: list[Frame]) -> str:
    """Where the ACK of the 200 OK landed in its race with the dialplan: sip_to_tag stands there first."""
    first = next((event for event in events if event.get("variable_sip_to_tag")), None)
    if first is None:
        return "by-hand"
    app, name = first.get("Application"), first.get("Event-Name")
    if name == "CHANNEL_EXECUTE_COMPLETE" and app == "answer":
        return "answered"
    if name == "CHANNEL_EXECUTE" and app == "park":
        return "before-park"
    if name == "CHANNEL_PARK":
        return "at-park" if len(events) > 2 else "before-park"
    return "by-hand"


def _acknowledged_late(capture: Capture, events: list[Frame]) -> int | None:
    """When an ACK came after PARK: its place among the variables tells. 0 = before any command."""
    if _acknowledged(events) != "by-hand":
        return None
    first = next((event for event in events if event.get("variable_sip_to_tag")), None)
    if first is None:
        return 0
    names = [name for name, _ in first.headers]
    before = names[: names.index("variable_sip_to_tag")]
    for variable, command in (
        ("variable_transfer_source", "uuid_bridge"),
        ("variable_park_after_bridge", "uuid_setvar_multi"),
    ):
        if variable in before:
            return capture.command_before(f"{command} {first.get('Unique-ID')}", first.at_us) + 500
    return 0


def replay(
    name: str, *, seed: int = 1, poked: bool = True, wake_us: int | None = 2_000
) -> tuple[Capture, list[Frame]]:
    """Run a capture's inputs through the model; gives the capture and the model's frames."""
    capture = Capture.load(name)
    start = capture.frames[0].at_us
    switch = Switch(
        seed=seed,
        start_us=start,
        name="vm",
        poked=poked,
        wake_us=wake_us,
        sounds=False,
        heartbeat_s=HEARTBEATS.get(name[:2], 0),
    )
    for contact, behaviour in PHONES.get(name[:2], {}).items():
        switch.add_phone(contact, behaviour)
    for text in _dialled(capture):
        if text not in switch.phones:
            switch.add_phone(text, MANUAL)
    connection = switch.connect()
    calls = {}
    frames: list[Frame] = []
    agenda = [(at, 1, data) for at, data in capture.written]
    agenda += [(action.at_us, 0, action) for action in read_actions(capture)]
    agenda.sort(key=lambda entry: entry[:2])
    waiting = b""

    def collect() -> None:
        nonlocal waiting
        frames.extend(read_frames(switch.take_output(connection), switch.now_us))

    for at_us, _, item in agenda:
        while (due := switch.next_due_us()) is not None and due <= at_us:
            switch.run_until(due)
            collect()
        switch.run_until(at_us)
        if isinstance(item, bytes):
            if item.startswith(b"exit"):
                switch.run_until(max(at_us, switch.now_us))
                collect()
            switch.receive(connection, item)
        elif item.what == "call":
            number, caller, destination, customer, ack = item.detail
            headers = {"X-Customer-ID": customer} if customer else {}
            calls[item.uuid] = switch.place_call(
                number, caller, destination, headers=headers, uuid=item.uuid, ack=ack
            )
        elif item.what == "ack":
            calls[item.uuid].acknowledge()
        elif item.what == "bye" and item.uuid in calls:
            calls[item.uuid].hang_up()
        else:
            phone = next(
                phone for phone in switch.phones.values() if any(leg.uuid == item.uuid for leg in phone.legs)
            )
            act = {"ring": phone.ring, "answer": phone.answer, "hold": phone.hold, "bye": phone.hang_up}
            if item.what == "refuse":
                phone.refuse(*item.detail, uuid=item.uuid)
            elif item.what == "refer":
                assert phone.refer(*item.detail, uuid=item.uuid)
            else:
                act[item.what](uuid=item.uuid)
        collect()
    return capture, frames


def _dialled(capture: Capture) -> list[str]:
    """Contacts of legs that a phone answered in some way; the others have nobody there."""
    contacts = []
    for events in capture.legs().values():
        if events[0].get("Call-Direction") == "outbound" and len(events) > 1:
            unreachable = events[-1].get("variable_sip_invite_failure_status") == "503"
            address = events[0].get("Channel-Name")
            if not unreachable:
                contacts.append(address)
    return contacts


# What can't be read from events, for the call was made without any or nobody subscribed to them.
PHONES = {
    "08": {"user/1000@127.0.0.1": Behaviour("no_dial_string")},
    "18": {
        "sofia/internal/x@127.0.0.1:5082": Behaviour("busy", refuse_after_us=200_000),
        "user/1000@127.0.0.1": Behaviour("unregistered"),
    },
}
HEARTBEATS = {"01": 2.2, "07": 1.8, "13": 0.96, "17": 15.7, "23": 2.2}
