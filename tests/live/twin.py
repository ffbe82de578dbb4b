"""One story told to two switches: the model in virtual time and a real one, by the same commands and phones.

A side has legs with names. What comes of a story is what each command answered and what each leg's events
said, in order; which leg's event came before another's is left open.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Callable
from urllib.parse import unquote
from uuid import uuid4

from live.deskphone import DeskPhone, Line
from live.sip import StoryError, until
from live.switch import Esl, FreeSwitch
from sim.desk import Desk

from py_callcenter.sim import Behaviour

EVENTS = (
    "CHANNEL_CREATE CHANNEL_PROGRESS CHANNEL_ANSWER CHANNEL_PARK CHANNEL_UNPARK CHANNEL_BRIDGE "
    "CHANNEL_UNBRIDGE CHANNEL_HOLD CHANNEL_UNHOLD CHANNEL_HANGUP CHANNEL_DESTROY PLAYBACK_START "
    "PLAYBACK_STOP RECORD_START RECORD_STOP DTMF BACKGROUND_JOB"
)
DETAILS = {
    "CHANNEL_HANGUP": "Hangup-Cause",
    "CHANNEL_BRIDGE": "Bridge-B-Unique-ID",
    "PLAYBACK_STOP": "Playback-Status",
    "DTMF": "DTMF-Digit",
}
REFUSALS = {
    "busy": "486 Busy Here",
    "reject": "603 Decline",
    "not_found": "404 Not Found",
    "unavailable": "480 Temporarily Unavailable",
    "codec": "488 Not Acceptable Here",
    "error": "500 Server Internal Error",
}
SOON_S = 15.0


class Side(ABC):
    """A switch to which a story is told. In commands `{name}` stands for the leg of that name, `{folder}` for
    a folder that the switch may write to.
    """

    def __init__(self, folder: str) -> None:
        self.said: list[str] = []
        """What commands answered."""
        self._uuids: dict[str, str] = {"folder": folder}
        self._names: dict[str, str] = {}

    # What a story does.

    def leg(self, name: str, *variables: str) -> None:
        """Somebody is called, answers, and waits."""
        self.rings(name, *variables)
        self.sees(name, "PARK")

    def rings(self, name: str, *variables: str, phone: str = "answers") -> None:
        """Call a phone that `answers`, is `silent`, or refuses in one of SIP's ways."""
        self.begin(name)
        contact = self.phone(name, phone)
        self.dials(name, f"[origination_uuid={{{name}}}]{contact}", *variables)

    def dials(self, job: str, legs: str, *variables: str) -> None:
        """Originate a dial string; what becomes of it is told by `job`."""
        settings = ",".join(("ignore_early_media=true", *variables))
        call = f"{{{{{settings}}}}}{legs}".format(**self._uuids)
        self.tell(f"bgapi originate {call} &park()\nJob-UUID: job-{job}-{uuid4()}")

    def begin(self, *names: str) -> None:
        """Names for legs that are yet to come."""
        for name in names:
            self._uuids[name] = str(uuid4())
            self._names[self._uuids[name]] = name

    def api(self, *commands: str) -> None:
        """Commands in one breath on one connection."""
        texts = [command.format(**self._uuids) for command in commands]
        self.said += [self._named(reply).strip() for reply in self._ask(texts)]

    def keeps(self, name: str) -> None:
        """The leg outlives its bridge, as our callers do."""
        self.api(f"uuid_setvar_multi {{{name}}} park_after_bridge=true;uuid_bridge_park_on_cancel=true")

    def joins(self, first: str, second: str) -> None:
        self.api(f"uuid_bridge {{{first}}} {{{second}}}")
        self.sees(first, f"BRIDGE {second}")

    def story(self) -> dict[str, list[str]]:
        """By leg, or by job, what its events said."""
        told: dict[str, list[str]] = defaultdict(list)
        for name, headers, body in self._events():
            if name == "BACKGROUND_JOB":
                job, _, rest = headers.get("Job-UUID", "").partition("-")
                if job == "job":
                    told[f"job {rest.partition('-')[0]}"].append(self._named(body).strip())
                continue
            leg = self._names.get(headers.get("Unique-ID", ""))
            if leg is not None:
                detail = self._named(headers.get(DETAILS.get(name, ""), ""))
                told[leg].append(f"{name.removeprefix('CHANNEL_')} {detail}".strip())
        return dict(told)

    def sees(self, name: str, what: str, times: int = 1) -> None:
        """Wait for an event of a leg."""
        self.wait_until(lambda: self.story().get(name, []).count(what) >= times, f"{name}: {what}")

    def _named(self, text: str) -> str:
        for uuid, name in self._names.items():
            text = text.replace(uuid, name)
        return text

    # What differs.

    @abstractmethod
    def phone(self, name: str, kind: str) -> str:
        """A phone of its own for this leg; gives its contact."""

    @abstractmethod
    def acts(self, name: str, what: str, *words: str) -> None:
        """Somebody at a phone: `hang_up`, `hold`, `unhold`, `answer`, `refer` to an extension."""

    @abstractmethod
    def connects(self, name: str, second: str) -> None:
        """A phone connects the far ends of two legs: REFER with Replaces."""

    @abstractmethod
    def pause(self, seconds: float) -> None: ...

    @abstractmethod
    def wait_until(self, look: Callable[[], bool], what: str) -> None: ...

    @abstractmethod
    def tell(self, command: str) -> None:
        """A command whose reply says nothing."""

    @abstractmethod
    def _ask(self, commands: list[str]) -> list[str]: ...

    @abstractmethod
    def _events(self) -> list[tuple[str, dict[str, str], str]]:
        """All events so far: name, headers, body."""


class Model(Side):
    """The simulated switch."""

    def __init__(self) -> None:
        super().__init__("/rec")
        self._desk = Desk(EVENTS, poked=True)
        self._desk.switch.globals["cc_alive"] = "true"

    def phone(self, name: str, kind: str) -> str:
        outcome = {"answers": "answer", "silent": "no_answer"}.get(kind, kind)
        behaviour = Behaviour(outcome)  # type: ignore[arg-type]  # one of its words
        return self._desk.switch.add_phone(f"sofia/internal/{name}@127.0.0.1:5080", behaviour).contact

    def acts(self, name: str, what: str, *words: str) -> None:
        phone = self._desk.switch.phones[f"sofia/internal/{name}@127.0.0.1:5080"]
        getattr(phone, what)(*words)
        self.pause(0.05)

    def connects(self, name: str, second: str) -> None:
        legs = self._desk.switch.legs
        self._desk.switch.replace(legs[self._uuids[name]], legs[self._uuids[second]])
        self.pause(0.05)

    def pause(self, seconds: float) -> None:
        self._desk.wait(seconds)

    def wait_until(self, look: Callable[[], bool], what: str) -> None:
        for _ in range(round(SOON_S / 0.02)):
            if look():
                return
            self._desk.wait(0.02)
        raise AssertionError(f"the model: {what}; {self.story()}")

    def tell(self, command: str) -> None:
        self._desk.write(f"{command}\n\n")
        self.pause(0.02)
        self._desk.replies()

    def _ask(self, commands: list[str]) -> list[str]:
        self._desk.replies()
        self._desk.write("".join(f"api {command}\n\n" for command in commands))
        replies = [frame.body for frame in self._desk.replies()]
        self.pause(0.02)
        return replies

    def _events(self) -> list[tuple[str, dict[str, str], str]]:
        return [(f.get("Event-Name"), dict(f.headers), f.body) for f in self._desk.seen]


class Listener(Esl):
    """Events of a real switch, read by a thread."""

    def __init__(self, port: int, password: str) -> None:
        super().__init__(port, password, timeout=3600)
        self._sock.sendall(f"event plain {EVENTS}\n\n".encode())
        self._frame()
        self.seen: list[tuple[str, dict[str, str], str]] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(Exception):  # the end of the test
            while True:
                _envelope, text = self._frame()
                block, _, body = text.partition("\n\n")
                pairs = (line.partition(": ") for line in block.split("\n"))
                headers = {name: unquote(value) for name, _, value in pairs}
                self.seen.append((headers.get("Event-Name", ""), headers, body))

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        super().close()


class Real(Side):
    """A FreeSWITCH and phones on loopback."""

    def __init__(self, switch: FreeSwitch) -> None:
        super().__init__(str(switch.folder))
        self._switch = switch
        self._listener = Listener(switch.esl_port, switch.password)
        self._commands = Esl(switch.esl_port, switch.password)
        self._phones: dict[str, DeskPhone] = {}
        self._commands.api("global_setvar cc_alive=true")

    def phone(self, name: str, kind: str) -> str:
        refusal = REFUSALS.get(kind)
        desk = DeskPhone(self._switch.sip_port, ring_s=0.06, answers=kind == "answers", refusal=refusal)
        self._phones[name] = desk
        return f"sofia/internal/{name}@127.0.0.1:{desk.port}"

    def _line(self, name: str) -> Line:
        return self._phones[name].lines[-1]

    def acts(self, name: str, what: str, *words: str) -> None:
        getattr(self._phones[name], what)(self._line(name), *words)
        self.pause(0.05)

    def connects(self, name: str, second: str) -> None:
        self._phones[name].connect(self._line(name), self._line(second))
        self.pause(0.05)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)

    def wait_until(self, look: Callable[[], bool], what: str) -> None:
        try:
            until(look, what, SOON_S)
        except StoryError:
            raise AssertionError(f"a real switch: {what}; {self.story()}") from None

    def tell(self, command: str) -> None:
        self._commands.tell(command)
        self.pause(0.02)

    def _ask(self, commands: list[str]) -> list[str]:
        replies = self._commands.apis(commands)
        self.pause(0.02)
        return replies

    def _events(self) -> list[tuple[str, dict[str, str], str]]:
        return list(self._listener.seen)

    def close(self) -> None:
        self._commands.api("global_setvar cc_alive=false")
        for uuid in self._names:
            self._commands.api(f"uuid_kill {uuid}")
        for phone in self._phones.values():
            phone.stop()
        self._listener.close()
        self._commands.close()
