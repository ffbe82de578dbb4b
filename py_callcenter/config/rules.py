"""What a single value of the configuration may look like: names, contacts, exits, sounds, paths.

All checks are allow-lists, because each of these texts ends up in a command or in a channel variable
of a switch. `py_callcenter.esl.commands` checks again when it sends, by the same `shapes`.
"""

from __future__ import annotations

import ipaddress
import re
from datetime import UTC, datetime
from typing import Final

from py_callcenter._router import DemandError, parse_demand
from py_callcenter.config import shapes
from py_callcenter.value import value

STATUSES: Final = ("Available", "Available (On Demand)", "On Break", "Logged Out")
"""Agent statuses by mod_callcenter's names (mod_callcenter.c, `AGENT_STATUS_CHART`)."""

DEFAULT_CONTEXT: Final = "default"
"""Dialplan context of an exit that names none."""

NO_PASSWORD: Final = ("has no password", "give `password` or `password-file`")

DEFAULT_PASSWORD: Final = "ClueCon"  # noqa: S105 - what FreeSWITCH ships; known to everybody
"""Password of a stock event_socket.conf.xml."""

_DATABASE = re.compile(r"sqlite://(?:/\S.*)?|postgresql\+psycopg://[^\s/?]*(?:/[^\s]*)?(?:\?[^\s]*)?")
_NAME = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.@ -]{0,62}[A-Za-z0-9_.@-])?\Z")
_CONTACT_ENDPOINTS = ("user", "sofia", "verto.rtc")
_TEMPLATE_TEXT = re.compile(r"[A-Za-z0-9_.@/-]*\Z")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_PLACEHOLDERS = ("call", "queue", "agent", "date", "time")
_RECORD_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}\Z")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
_SKILL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.:-]{0,63})\Z")
_DEMAND_WORDS = ("and", "or", "not", "any")


class RuleError(ValueError):
    """A value breaks a rule. `hint` says what to write instead; it may be empty."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@value
class Exit:
    """Where a caller goes who leaves a queue: nowhere (`hangup`) or to an extension of the dialplan.

    `extension` and `context` are empty for a hang-up.
    """

    extension: str = ""
    context: str = ""

    @property
    def is_hangup(self) -> bool:
        return not self.extension

    @property
    def kind(self) -> str:
        """`hangup` or `transfer`."""
        return "hangup" if self.is_hangup else "transfer"

    def __str__(self) -> str:
        return "hangup" if self.is_hangup else f"{self.extension}@{self.context}"


HANGUP: Final = Exit()


def parse_exit(text: object) -> Exit:
    """Read `hangup` or `exten[@context]`."""
    if isinstance(text, Exit):
        return text
    if not isinstance(text, str):
        raise RuleError("must be text", 'write "hangup" or an extension such as "voicemail@default"')
    if text == "hangup":
        return HANGUP
    extension, at, context = text.partition("@")
    if not at:
        context = DEFAULT_CONTEXT
    if not shapes.is_extension(extension) or not shapes.is_context(context):
        raise RuleError(
            f"{shown(text)} is neither `hangup` nor an extension",
            'write "hangup" or an extension such as "voicemail@default"; '
            "letters, digits and _ . - * # + are allowed, not beginning with - or .",
        )
    return Exit(extension, context)


def check_context(text: str) -> str:
    """A context of the dialplan."""
    if not shapes.is_context(text):
        raise RuleError(
            f"{shown(text)} can't be a context",
            "1 to 64 letters, digits and _ . - are allowed, beginning with a letter or digit",
        )
    return text


def check_number(text: str) -> str:
    """A telephone number to show, or `anonymous`."""
    if text != "anonymous" and not shapes.is_number(text):
        raise RuleError("can't be a telephone number", "write 2 to 20 digits, perhaps after a `+`")
    return text


def check_name(text: str) -> str:
    """A name of a node, queue or agent: 1…64 of letters, digits, `_ . @ -` and inner spaces."""
    if not _NAME.match(text):
        raise RuleError(
            f"{shown(text)} can't be a name",
            "1 to 64 letters, digits, spaces and _ . @ - are allowed, beginning with a letter, digit or _",
        )
    return text


def check_contact(text: str) -> str:
    """One dial string that stands for exactly one phone.

    Several legs in one string (`,` `|` `:_:`), variables and endpoints that ring something else than the
    named leg are refused: the controller names each leg it starts, and only a leg that keeps its name can
    be followed (`loopback/` drops it silently).
    """
    endpoint = text.partition("/")[0].lower()
    if endpoint == "loopback":
        raise RuleError(
            "a `loopback/` contact can't be followed: the switch gives that leg another id",
            "name the phone itself, for example user/1000@example.org or sofia/gateway/NAME/NUMBER",
        )
    if any(part in text for part in (",", "|", ":_:")):
        raise RuleError(
            f"{shown(text)} names several phones in one text",
            'give a list: contact = ["user/1000@example.org", "sofia/gateway/core/2000"]',
        )
    if endpoint not in _CONTACT_ENDPOINTS:
        raise RuleError(
            f"{shown(text)} doesn't begin with an endpoint that can be rung",
            "begin with one of: " + ", ".join(f"{known}/" for known in _CONTACT_ENDPOINTS),
        )
    if not shapes.is_contact(text):
        raise RuleError(
            f"{shown(text)} isn't the plain dial string of one phone",
            "write user/1000@example.org, sofia/gateway/NAME/NUMBER or sofia/PROFILE/USER@HOST:PORT; "
            "variables, spaces, quotes and premium-rate numbers aren't allowed",
        )
    return text


def check_dial(text: str) -> str:
    """How a node reaches a phone elsewhere: a contact with `{number}` in it once."""
    if text.count("{number}") != 1:
        raise RuleError(
            f"{shown(text)} must hold {{number}} once", 'for example dial = "sofia/gateway/core/{number}"'
        )
    check_contact(text.replace("{number}", "1000"))
    return text


def check_sound(text: str) -> str:
    """Music: a stream or an absolute file name on the switch."""
    if not shapes.is_sound(text):
        raise RuleError(
            f"{shown(text)} is no sound that can be played while waiting",
            'for example "local_stream://moh", "tone_stream://%(1000,4000,425);loops=-1" '
            'or "/usr/share/freeswitch/sounds/hold.wav"',
        )
    return text


def check_record_template(text: str) -> str:
    """An absolute file name on the switch with `{call}` and maybe `{queue}` `{agent}` `{date}` `{time}`."""
    hint = 'for example "/var/lib/freeswitch/recordings/{date}/{queue}-{call}.wav"'
    for found in _PLACEHOLDER.findall(text):
        if found not in _PLACEHOLDERS:
            known = " ".join(f"{{{name}}}" for name in _PLACEHOLDERS)
            raise RuleError(f"{{{found}}} is no known part of a record template", f"known are {known}")
    plain = _PLACEHOLDER.sub("x", text)
    if not text.startswith("/"):
        raise RuleError(f"{shown(text)} isn't an absolute path", hint)
    if ".." in text:
        raise RuleError("a record template can't hold `..`", hint)
    if not _TEMPLATE_TEXT.match(plain) or len(text) > 200:
        raise RuleError(f"{shown(text)} has characters that a file name shouldn't have", hint)
    if not shapes.is_recording_path(plain):
        raise RuleError(f"{shown(text)} is no place for recordings", hint)
    if "{call}" not in text:
        raise RuleError("without {call} one recording would overwrite another", hint)
    if not _RECORD_SUFFIX.search(plain):
        raise RuleError("the file needs an ending that names its format, such as .wav", hint)
    return text


def expand_record_template(template: str, *, call: str, queue: str, agent: str, at_us: int) -> str:
    """The file name of one recording. Date and time are UTC, as 20261121 and 221500."""
    at = datetime.fromtimestamp(at_us / 1_000_000, UTC)
    values = {
        "call": call,
        "queue": queue,
        "agent": agent,
        "date": at.strftime("%Y%m%d"),
        "time": at.strftime("%H%M%S"),
    }
    path = _PLACEHOLDER.sub(lambda found: re.sub(r"[^A-Za-z0-9_.@-]", "_", values[found[1]]), template)
    if ".." in path or "\n" in path:
        raise RuleError("the recording's file name would leave its folder")
    return path


def check_skill(text: str) -> str:
    """A name that a demand can use: 1…64 of letters, digits and `_ . : -`."""
    if not _SKILL.match(text):
        raise RuleError(f"{shown(text)} can't be a skill", "for example billing or language:fa")
    if text in _DEMAND_WORDS:
        raise RuleError(
            f"{shown(text)} can't be a skill: it is a word of the demands", "give it another name"
        )
    return text


def check_demand(text: str) -> str:
    """What a caller needs, as `_router.parse_demand` reads it. Kept as it was written."""
    try:
        parse_demand(text)
    except DemandError as error:
        raise RuleError(
            f"{shown(text)} can't be a demand: at column {error.column} {error.reason}",
            'for example "language:fa >= 3 and (billing or sales) and not trainee", or "any"',
        ) from error
    return text


def check_host(text: str) -> str:
    """A host name or an address, IPv6 without brackets."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        if not _HOST.match(text):
            raise RuleError(
                f"{shown(text)} is neither a host name nor an address", 'for example "127.0.0.1", "::1"'
            ) from None
    return text


def check_database(text: str) -> str:
    """SQLAlchemy's URL of one of the two databases. No message quotes it: it may hold a password."""
    if not _DATABASE.fullmatch(text):
        raise RuleError(
            "isn't the URL of a database that can be used",
            'write "sqlite:///callcenter.db" or "postgresql+psycopg://user@host/db"',
        )
    return text


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the host. Names other than `localhost` count as public."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def split_listen(text: str) -> tuple[str, int]:
    """Read `host:port`, with brackets around an IPv6 address."""
    hint = 'for example "127.0.0.1:8080" or "[::1]:8080"'
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise RuleError(f"{shown(text)} needs brackets around the IPv6 address", hint)
    if not colon or not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise RuleError(f"{shown(text)} isn't host:port", hint)
    return check_host(host), int(port)


def shown(text: str) -> str:
    """A value in quotes for a message: control characters escaped, shortened."""
    cut = text if len(text) <= 60 else text[:57] + "…"
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut) + '"'
