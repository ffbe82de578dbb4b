"""What each kind of argument of a command may look like.

FreeSWITCH reads text, and nearly each character means something to one of its parsers: a newline ends the
command, a comma makes a variable, `&` starts an application, `${` runs code. So nothing is escaped: each
kind of argument has a short alphabet, and what doesn't fit raises `CommandError`. Only the caller's name and
number, which strangers choose, are cleaned instead, so that a hostile name costs nobody a call.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from py_callcenter.config import shapes
from py_callcenter.engine.exports import is_exportable
from py_callcenter.esl.errors import CommandError

CAUSES: Final = frozenset({
    "ALLOTTED_TIMEOUT",
    "ATTENDED_TRANSFER",
    "BLIND_TRANSFER",
    "CALL_REJECTED",
    "DESTINATION_OUT_OF_ORDER",
    "EXCHANGE_ROUTING_ERROR",
    "INCOMPATIBLE_DESTINATION",
    "LOSE_RACE",
    "MANAGER_REQUEST",
    "MEDIA_TIMEOUT",
    "NETWORK_OUT_OF_ORDER",
    "NORMAL_CLEARING",
    "NORMAL_TEMPORARY_FAILURE",
    "NORMAL_UNSPECIFIED",
    "NO_ANSWER",
    "NO_ROUTE_DESTINATION",
    "NO_USER_RESPONSE",
    "ORIGINATOR_CANCEL",
    "PICKED_OFF",
    "PROGRESS_TIMEOUT",
    "RECOVERY_ON_TIMER_EXPIRE",
    "SERVICE_UNAVAILABLE",
    "SUBSCRIBER_ABSENT",
    "SYSTEM_SHUTDOWN",
    "UNALLOCATED_NUMBER",
    "USER_BUSY",
    "USER_NOT_REGISTERED",
})  # fmt: skip

VARIABLES: Final = frozenset({
    "accountcode",
    "continue_on_fail",
    "hangup_after_bridge",
    "hold_hangup_xfer_exten",
    "hold_music",
    "leg_progress_timeout",
    "leg_timeout",
    "no_throttle_limits",
    "park_after_bridge",
    "park_timeout",
    "playback_terminators",
    "presence_data",
    "transfer_after_bridge",
    "transfer_history",
    "uuid_bridge_continue_on_cancel",
    "uuid_bridge_park_on_cancel",
})  # fmt: skip
"""Channel variables with a meaning to FreeSWITCH that we set besides `cc_…`."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_VARIABLE = re.compile(r"cc_[A-Za-z0-9_]{1,60}")
_GLOBAL_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_EVENT_NAME = re.compile(r"[A-Za-z_]{1,64}(?:::[A-Za-z_]{1,64})?")
_LOGIN_USER = re.compile(rf"{shapes.USER}@{shapes.HOST}")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 ._-]{0,1024}")
_CALLER_NUMBER = re.compile(r"[0-9+*#]{1,32}")
_PLAIN_VALUE = re.compile(r"[A-Za-z0-9 _.:@/+*#-]*")
_PLAIN_BYTES: Final = (string.ascii_letters + string.digits + " _.:@/+*#-").encode()
_LONGEST_VALUE: Final = 256
_CHECKED_VALUES: Final = frozenset({"hold_hangup_xfer_exten", "hold_music", "transfer_after_bridge"})
"""Variables whose value has a form of its own."""
_INVISIBLE_LETTERS = frozenset("\u115f\u1160\u3164\uffa0")


# A call's id comes with each of its commands. Refusals aren't kept.
@lru_cache(maxsize=4096)
def identifier(value: str, argument: str = "id") -> str:
    """A channel's, job's or our own id: letters, digits, `_`, `.`, `-`, at most 64. Raises `CommandError`."""
    if not _ID.fullmatch(value):
        raise CommandError(
            argument, "1 to 64 letters, digits, `_`, `.` or `-`, beginning with a letter or digit"
        )
    return value


def variable_name(name: str) -> str:
    """A channel variable that we may set. Raises `CommandError`.

    `cc_…`, one of `VARIABLES`, or a name of the operator's own (`cc_export_vars`) that means nothing to it.
    """
    if name in VARIABLES or _VARIABLE.fullmatch(name):
        return name
    if not is_exportable(name):
        raise CommandError(
            "variable name", "`cc_…`, a name in VARIABLES, or one that FreeSWITCH gives no meaning"
        )
    return name


# The same few names come with every call. A cache of lists that passed: refusals aren't kept.
@lru_cache(maxsize=256)
def _known_names(names: tuple[str, ...]) -> tuple[int, ...]:
    """Have all passed by `variable_name`; places of those whose value has a form of its own."""
    for name in names:
        variable_name(name)
    return tuple(place for place, name in enumerate(names) if name in _CHECKED_VALUES)


def is_safe_value(value: str) -> bool:
    """Whether `value` may be a channel variable's value: letters and digits of any script, spaces
    and `_ . : @ / + * # -`, at most 256 characters, no `:_:` in it and no `ARRAY::` before it.
    """
    return (
        len(value) <= _LONGEST_VALUE
        # `:_:` splits the whole originate line into separate calls, wherever it stands.
        and ":_:" not in value
        and not value.startswith("ARRAY::")
        # Nearly every value is plain ASCII; one match spares a look-up for each character.
        and (
            _PLAIN_VALUE.fullmatch(value) is not None
            or all(
                c in " _.:@/+*#-" or _is_letter_or_digit(c) or unicodedata.category(c) in {"Mn", "Mc"}
                for c in value
            )
        )
    )


def variable_value(name: str, value: str) -> str:
    """A value for `name`, or an empty string, which unsets it. Raises `CommandError`."""
    if not is_safe_value(value):
        raise CommandError(f"value of {name}", "at most 256 letters, digits, spaces and `_ . : @ / + * # -`")
    # These two name a place in the dialplan; a dialplan called `inline` would run applications instead.
    if (
        value
        and name in {"hold_hangup_xfer_exten", "transfer_after_bridge"}
        and not _is_place_afterwards(value)
    ):
        raise CommandError(f"value of {name}", "`exten`, `exten:XML` or `exten:XML:context`")
    if value and name == "hold_music":
        return sound(value)
    return value


_known_value = lru_cache(maxsize=256)(variable_value)
"""The same for values that have a form of their own."""


def variable_pairs(variables: Sequence[tuple[str, str]]) -> Sequence[tuple[str, str]]:
    """The same pairs, each of which `variable_name` and `variable_value` take. Raises `CommandError`.

    One look at all values together, in nearly every call enough, in place of several at each: somebody waits.
    """
    if not variables:
        return variables
    names, values = zip(*variables, strict=True)
    own_form = _known_names(names)
    text = " ".join(values)
    if (
        text.isascii()
        and not text.encode().translate(None, _PLAIN_BYTES)
        and ":_:" not in text
        and "ARRAY::" not in text
        and (len(text) <= _LONGEST_VALUE or max(map(len, values)) <= _LONGEST_VALUE)
    ):
        for place in own_form:
            _known_value(names[place], values[place])
    else:
        for name, value in variables:
            variable_value(name, value)
    return variables


def _is_place_afterwards(value: str) -> bool:
    extension_, *rest = value.split(":")
    return shapes.is_extension(extension_) and (
        not rest or (rest[0] == "XML" and len(rest) <= 2 and all(map(shapes.is_context, rest[1:])))
    )


def contact(value: str) -> str:
    """One device's dial string. Raises `CommandError`.

    `user/1000@host`, `sofia/gateway/name/number`, `sofia/profile/user@host:port;parameters` or
    `verto.rtc/user@host`. No lists, no groups, no `loopback/` (it ignores our leg's name), no `error/`.
    """
    if shapes.is_contact(value):
        return value
    raise CommandError(
        "contact",
        "`user/1000@host`, `sofia/gateway/name/number`, `sofia/profile/user@host` or `verto.rtc/user@host`,"
        " one device each",
    )


def sound(value: str) -> str:
    """A sound to play: one of three kinds of stream, or a file. Raises `CommandError`."""
    if shapes.is_sound(value):
        return value
    raise CommandError(
        "sound", "`local_stream://name`, `tone_stream://…`, `silence_stream://ms` or a file path without `..`"
    )


def recording_path(value: str) -> str:
    """Where to record: an absolute path ending in a format such as `.wav`. Raises `CommandError`."""
    if not shapes.is_recording_path(value):
        raise CommandError(
            "recording path",
            "an absolute path of letters, digits and `_ . + @ / -` without `..`, outside system folders,"
            " ending in a format such as `.wav`",
        )
    return value


def clean_caller_name(name: str) -> str:
    """What a phone's display may show of a name that a stranger chose; empty when nothing is left.

    Letters and digits of any script, space and `. - _` stay; all else becomes a space (`%` too: FreeSWITCH
    decodes `%0A` on its way out and the phone gets half an INVITE). At most 64 characters.
    """
    if _PLAIN_NAME.fullmatch(name):
        return " ".join(name.split())[:64].rstrip()
    # Composed first, so that an accent typed as a character of its own isn't lost.
    composed = unicodedata.normalize("NFC", name[:1024])
    kept = "".join(c if c in ".-_" or _is_letter_or_digit(c) else " " for c in composed)
    return " ".join(kept.split())[:64].rstrip()


def clean_caller_number(number: str) -> str:
    """The number when it is one (digits, `+`, `*`, `#`, at most 32), else `anonymous`."""
    return number if _CALLER_NUMBER.fullmatch(number) else "anonymous"


def _is_letter_or_digit(c: str) -> bool:
    category = unicodedata.category(c)
    return (category[0] == "L" or category == "Nd") and c not in _INVISIBLE_LETTERS


def seconds(value: int, argument: str, most: int = 3600) -> str:
    """A whole number of seconds from 1 to `most`, as text. Raises `CommandError`."""
    if not 1 <= value <= most:
        raise CommandError(argument, f"1 to {most} seconds")
    return str(int(value))


def extension(value: str) -> str:
    """An extension of the dialplan. Raises `CommandError`."""
    if not shapes.is_extension(value):
        raise CommandError(
            "extension", "1 to 64 letters, digits and `_ . + * # -`, not beginning with `-` or `.`"
        )
    return value


def context(value: str) -> str:
    """A context of the dialplan. Raises `CommandError`."""
    if not shapes.is_context(value):
        raise CommandError("context", "1 to 64 letters, digits and `_ . -`, beginning with a letter or digit")
    return value


def cause(value: str) -> str:
    """A hang-up cause by FreeSWITCH's name. Raises `CommandError`."""
    if value not in CAUSES:
        raise CommandError("cause", "a hang-up cause in CAUSES")
    return value


def global_name(value: str) -> str:
    """A global variable of the switch that may be read. Raises `CommandError`."""
    if not _GLOBAL_NAME.fullmatch(value):
        raise CommandError("global variable", "1 to 64 letters, digits and `_ . -`")
    return value


def our_global_name(value: str) -> str:
    """A global variable that we may set. Raises `CommandError`."""
    if not _VARIABLE.fullmatch(value):
        raise CommandError("global variable", "`cc_` and up to 60 letters, digits or `_`")
    return value


def event_name(value: str) -> str:
    """The name of an event or the subclass of a CUSTOM one. Raises `CommandError`."""
    if not _EVENT_NAME.fullmatch(value):
        raise CommandError("events", "event names")
    return value


def login_user(value: str) -> str:
    """`name@domain` of the directory. Raises `CommandError`."""
    if not _LOGIN_USER.fullmatch(value):
        raise CommandError("user", "`name@domain`")
    return value


def password(value: str) -> str:
    """A password of the event socket. The error never shows it. Raises `CommandError`."""
    if not value or has_control(value) or value != value.strip():
        raise CommandError("password", "1 or more printable characters, no space at either end")
    return value


def has_control(text: str) -> bool:
    """Whether `text` has a control character, a line separator or half a surrogate pair."""
    return not text.isprintable() and any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in text)
