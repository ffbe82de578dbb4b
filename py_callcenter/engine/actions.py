"""What the engine wants done on a switch: typed values, no text of commands.

`py_callcenter.esl.commands` turns each into bytes; nothing else does.
Every action names the node (the FreeSWITCH) that it is for.
"""

from __future__ import annotations

from py_callcenter.value import value


@value
class Device:
    """One leg of an originate: a name of ours and a dial string out of the configuration.

    `user`: `name@domain` when the dial string is one of several phones that are registered for that user.
    """

    uuid: str
    contact: str
    user: str = ""


@value
class Originate:
    """Ring all devices of one agent at once; the first that answers is parked, the switch ends the others.

    `job` is the Job-UUID that comes back in BACKGROUND_JOB. `variables` are set on every leg.
    """

    node: str
    job: str
    devices: tuple[Device, ...]
    variables: tuple[tuple[str, str], ...]
    caller_name: str
    caller_number: str
    timeout_s: int


@value
class Bridge:
    """Connect two parked legs; the caller first: FreeSWITCH reads the on-cancel variables from it."""

    node: str
    caller: str
    agent: str


@value
class Kill:
    """Hang a leg up with a cause of FreeSWITCH's list."""

    node: str
    uuid: str
    cause: str


@value
class SetVariables:
    """Set channel variables in one command; at most 64."""

    node: str
    uuid: str
    variables: tuple[tuple[str, str], ...]


@value
class PlayMusic:
    """Start a sound or stream on a parked caller."""

    node: str
    uuid: str
    source: str


@value
class StopMusic:
    """Stop whatever plays on a leg."""

    node: str
    uuid: str


@value
class StartRecording:
    """Record a leg to a path that came out of the queue's template."""

    node: str
    uuid: str
    path: str


@value
class Transfer:
    """Send a leg to an extension of the dialplan."""

    node: str
    uuid: str
    extension: str
    context: str


@value
class Probe:
    """Ask whether a leg lives; the answer comes back through `Engine.on_probe`. `audit`: just to be sure."""

    node: str
    uuid: str
    audit: bool = False


@value
class Look:
    """Ask what a leg does, when its events don't tell; the answer comes back through `Engine.on_look`."""

    node: str
    uuid: str
    news: int = 0
    """How much had been told of the leg when this was asked: an answer that comes after more may be old."""


@value
class AskApplication:
    """Ask what a leg that we don't know does; the answer comes back through `Engine.on_application`."""

    node: str
    uuid: str


@value
class AskMark:
    """Ask whether a caller's channel lives, and by which transfer or bridge it came where it is (`moves`);
    the answer comes back through `Engine.on_mark`.
    """

    node: str
    uuid: str


Action = (
    Originate
    | Bridge
    | Kill
    | SetVariables
    | PlayMusic
    | StopMusic
    | StartRecording
    | Transfer
    | Probe
    | Look
    | AskApplication
    | AskMark
)
