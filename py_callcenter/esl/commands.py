"""The one place that writes event-socket commands.

`encode` writes the actions of the engine; the other functions write what only the shell sends. Each argument
goes through its check in `arguments`, each finished command through `_seal`.

Facts about the parsers: `mod_event_socket.c`, `mod_commands.c` and `switch_ivr_originate.c` of 1.11.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from typing import Final

from py_callcenter.config import shapes
from py_callcenter.engine.actions import (
    Action,
    AskApplication,
    AskMark,
    Bridge,
    Device,
    Kill,
    Look,
    Originate,
    PlayMusic,
    Probe,
    SetVariables,
    StartRecording,
    StopMusic,
    Transfer,
)
from py_callcenter.esl.arguments import (
    cause,
    clean_caller_name,
    clean_caller_number,
    contact,
    context,
    event_name,
    extension,
    global_name,
    has_control,
    identifier,
    login_user,
    our_global_name,
    recording_path,
    seconds,
    sound,
    variable_pairs,
)
from py_callcenter.esl.arguments import password as checked_password
from py_callcenter.esl.errors import CommandError

MAX_COMMAND_BYTES: Final = 4096
MAX_VARIABLES: Final = 64
"""`uuid_setvar_multi` answers `+OK` to more and puts the rest into the last value."""
MAX_DEVICES: Final = 128
"""Legs that `switch_ivr_originate` takes in one command."""

_HARMFUL: Final = tuple(
    f"{how} {word}".encode()
    for how in ("api", "bgapi")
    for word in (
        "hupall",
        "fsctl",
        "shutdown",
        "reload",
        "unload",
        "load ",
        "system",
        "bgsystem",
        "expand",
        "eval",
    )
)
"""Commands that could harm more than our own calls (I17); none is in this module."""

CANARY_SUBCLASS: Final = "callcenter::canary"

EVENTS: Final = (
    "CHANNEL_CREATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_ANSWER",
    "CHANNEL_PARK",
    "CHANNEL_UNPARK",
    "CHANNEL_BRIDGE",
    "CHANNEL_UNBRIDGE",
    "CHANNEL_HOLD",
    "CHANNEL_UNHOLD",
    "CHANNEL_HANGUP",
    "CHANNEL_DESTROY",
    "DTMF",
    "BACKGROUND_JOB",
    "HEARTBEAT",
    "RECORD_START",
    "RECORD_STOP",
    "PLAYBACK_STOP",
    "SHUTDOWN",
    # FreeSWITCH takes each word after CUSTOM for a subclass, so these stay last.
    "CUSTOM",
    CANARY_SUBCLASS,
    "sofia::register",
    "sofia::unregister",
    "sofia::expire",
    "sofia::transferor",
)

_HEADER_NAMES = frozenset({"Job-UUID", "Event-Subclass", "Canary-Source", "Canary-Number"})
_VERBS = frozenset({"api", "auth", "bgapi", "event", "exit", "sendevent", "userauth"})
_API_WORDS = frozenset({
    "global_getvar", "global_setvar", "originate", "sched_api", "sched_del", "show", "sofia_contact",
    "uuid_break",
    "uuid_bridge", "uuid_broadcast", "uuid_dump", "uuid_exists", "uuid_getvar", "uuid_kill", "uuid_record",
    "uuid_setvar_multi", "uuid_transfer", "version",
})  # fmt: skip


def _seal(line: str, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """One command as bytes, blank line included. The last look at everything that leaves this module."""
    verb, _, rest = line.partition(" ")
    if verb not in _VERBS or (verb in {"api", "bgapi"} and rest.partition(" ")[0] not in _API_WORDS):
        raise CommandError("command", "a command of the built-in list")
    lines = [line]
    for name, value in headers:
        if name not in _HEADER_NAMES:
            raise CommandError("header", "a header of the built-in list")
        lines.append(f"{name}: {value}")
    for text in lines:
        if has_control(text):
            raise CommandError("command", "text without control characters and line separators")
    try:
        data = ("\n".join(lines) + "\n\n").encode()
    except UnicodeEncodeError:
        raise CommandError("command", "valid Unicode") from None
    if len(data) > MAX_COMMAND_BYTES:
        raise CommandError("command", f"at most {MAX_COMMAND_BYTES} bytes")
    return data


def _originate(action: Originate) -> bytes:
    job = identifier(action.job, "job")
    if not 1 <= len(action.devices) <= MAX_DEVICES:
        raise CommandError("devices", f"1 to {MAX_DEVICES}")
    if len({device.uuid for device in action.devices}) != len(action.devices):
        raise CommandError("devices", "a different id each")
    if len(action.variables) > MAX_VARIABLES:
        raise CommandError("variables", f"at most {MAX_VARIABLES}")
    number = clean_caller_number(action.caller_number)
    name = clean_caller_name(action.caller_name)
    if not name or name.lower() == "undef":  # FreeSWITCH's word for a word that is left out
        name = number
    common = [
        "ignore_early_media=t",
        *[
            # FreeSWITCH splits the words at spaces, but not between single quotes, which it then drops.
            f"{variable}='{value}'" if " " in value else f"{variable}={value}"
            for variable, value in variable_pairs(action.variables)
            if value
        ],
    ]
    legs = ",".join([_leg(device) for device in action.devices])
    shown = f"'{name}' {number}" if " " in name else f"{name} {number}"
    # Name, number and timeout as words, behind a dialplan and a context that `&park()` doesn't read:
    # FreeSWITCH reads a command byte by byte, at a microsecond for each, while a caller waits for the phone.
    words = f"&park() - - {shown} {seconds(action.timeout_s, 'timeout')}"
    return _seal(f"bgapi originate {{{','.join(common)}}}{legs} {words}", [("Job-UUID", job)])


def _leg(device: Device) -> str:
    variables = f"origination_uuid={identifier(device.uuid, 'device id')}"
    if device.user:
        name, _, domain = login_user(device.user).partition("@")
        # What the stock dial string of `user/…` sets: the line's lamp, and the domain that the phone expects.
        variables += f",presence_id={name}@{domain},sip_invite_domain={domain}"
    return f"[{variables}]{_known_contact(device.contact)}"


# The same contacts come with every call. A cache of those that passed: refusals aren't kept.
_known_contact = lru_cache(maxsize=16_384)(contact)


def _set_variables(action: SetVariables) -> bytes:
    if not 1 <= len(action.variables) <= MAX_VARIABLES:
        raise CommandError("variables", f"1 to {MAX_VARIABLES}")
    pairs = ";".join([f"{name}={value}" for name, value in variable_pairs(action.variables)])
    return _seal(f"api uuid_setvar_multi {identifier(action.uuid)} {pairs}")


def _bridge(action: Bridge) -> bytes:
    return _seal(f"api uuid_bridge {identifier(action.caller, 'caller')} {identifier(action.agent, 'agent')}")


def _kill(action: Kill) -> bytes:
    return _seal(f"api uuid_kill {identifier(action.uuid)} {cause(action.cause)}")


def _play_music(action: PlayMusic) -> bytes:
    return _seal(f"api uuid_broadcast {identifier(action.uuid)} {sound(action.source)} aleg")


def _stop_music(action: StopMusic) -> bytes:
    return _seal(f"api uuid_break {identifier(action.uuid)} all")


def _start_recording(action: StartRecording) -> bytes:
    return _seal(f"bgapi uuid_record {identifier(action.uuid)} start {recording_path(action.path)}")


def _transfer(action: Transfer) -> bytes:
    place = f"{extension(action.extension)} XML {context(action.context)}"
    return _seal(f"api uuid_transfer {identifier(action.uuid)} {place}")


def _probe(action: Probe) -> bytes:
    return uuid_exists(action.uuid)


def _look(action: Look) -> bytes:
    return uuid_dump(action.uuid)


def _ask_application(action: AskApplication) -> bytes:
    return _seal(f"api uuid_getvar {identifier(action.uuid)} current_application")


def _ask_mark(action: AskMark) -> bytes:
    return _seal(f"api uuid_getvar {identifier(action.uuid)} transfer_source")


# The type of the function depends on the type of the key, which `dict` can't say.
_BUILDERS: Final[dict[type[object], tuple[str, Callable[..., bytes]]]] = {
    Originate: ("originate", _originate),
    Bridge: ("uuid_bridge", _bridge),
    Kill: ("uuid_kill", _kill),
    SetVariables: ("uuid_setvar_multi", _set_variables),
    PlayMusic: ("uuid_broadcast", _play_music),
    StopMusic: ("uuid_break", _stop_music),
    StartRecording: ("uuid_record", _start_recording),
    Transfer: ("uuid_transfer", _transfer),
    Probe: ("uuid_exists", _probe),
    Look: ("uuid_dump", _look),
    AskApplication: ("uuid_getvar", _ask_application),
    AskMark: ("uuid_getvar", _ask_mark),
}


def is_harmful(data: bytes) -> bool:
    """A second look at what is about to be sent: whether it is something that we never send (I17)."""
    return data.startswith(_HARMFUL)


def encode(action: Action) -> bytes:
    """The command that carries out `action`, blank line included. Raises `CommandError`."""
    return _BUILDERS[type(action)][1](action)


def word(action: Action) -> str:
    """FreeSWITCH's word for an action, for counters and logs."""
    return _BUILDERS[type(action)][0]


# --- Commands that only the shell needs ----------------------------------------------------------------


def auth(password: str, user: str | None = None) -> bytes:
    """Log in; `user` as `name@domain` makes it `userauth`. The error never shows the password."""
    if user is None:
        return _seal(f"auth {checked_password(password)}")
    return _seal(f"userauth {login_user(user)}:{checked_password(password)}")


def subscribe(events: Iterable[str] = EVENTS) -> bytes:
    """Ask for events in the plain format. FreeSWITCH ignores names that it doesn't know."""
    names = [event_name(name) for name in events]
    if not names:
        raise CommandError("events", "one or more event names")
    return _seal(f"event plain {' '.join(names)}")


def canary(source: str, number: int) -> bytes:
    """An event of our own that comes back on the events connection: proof of life and measure of lag."""
    headers = [
        ("Event-Subclass", CANARY_SUBCLASS),
        ("Canary-Source", identifier(source, "source")),
        ("Canary-Number", str(int(number))),
    ]
    return _seal("sendevent CUSTOM", headers)


def leave() -> bytes:
    """Say goodbye; FreeSWITCH answers, sends a notice and closes."""
    return _seal("exit")


def show_channels() -> bytes:
    """All channels as a JSON table. It is a view in SQL: it may lack the newest and still list the dead."""
    return _seal("api show channels as json")


def registered_phones(user: str) -> bytes:
    """Addresses of the phones that are registered for a `user` or `user@domain`, of all profiles."""
    # `~` would ask for phones of one make.
    if "~" in user or not shapes.is_contact(f"user/{user}"):
        raise CommandError("user", "`name` or `name@domain`")
    return _seal(f"api sofia_contact */{user}")


def uuid_dump(uuid: str) -> bytes:
    """Everything about one channel, in the form of a plain event."""
    return _seal(f"api uuid_dump {identifier(uuid)}")


def uuid_exists(uuid: str) -> bytes:
    """`true` or `false`; false from the start of the hang-up on."""
    return _seal(f"api uuid_exists {identifier(uuid)}")


def get_global(name: str) -> bytes:
    """A global variable of the switch, for example `core_uuid`."""
    return _seal(f"api global_getvar {global_name(name)}")


def set_global(name: str, value: str) -> bytes:
    """Set one of our global variables (`cc_…`), which a dialplan may ask for."""
    return _seal(f"api global_setvar {our_global_name(name)}={identifier(value, 'value')}")


def arm_dead_man(after_s: int) -> bytes:
    """Let the node run `cc_deadman.lua` once after so many seconds unless it is disarmed before."""
    return _seal(f"api sched_api +{seconds(after_s, 'delay')} cc_deadman luarun cc_deadman.lua")


def disarm_dead_man() -> bytes:
    """Take the dead man's task away again."""
    return _seal("api sched_del cc_deadman")


def arm_lease(after_s: int) -> bytes:
    """Let the node turn new callers away after so many seconds unless that is disarmed before."""
    return _seal(f"api sched_api +{seconds(after_s, 'delay')} cc_lease global_setvar cc_alive=false")


def disarm_lease() -> bytes:
    """Take the lease's task away again."""
    return _seal("api sched_del cc_lease")


def status() -> bytes:
    """How full the switch is and what it takes, as text."""
    return _seal("api show status")


def version() -> bytes:
    """The switch's version, as text."""
    return _seal("api version")
