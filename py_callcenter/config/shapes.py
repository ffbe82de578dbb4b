"""What configured texts that end up in commands may look like: dial strings, places, sounds, files.

Said once, here: the configuration is checked by it when it is read, and the builder of commands checks
again when it sends. All are allow-lists, for nearly each other character means something to one of
FreeSWITCH's parsers.
"""

from __future__ import annotations

import re
from typing import Final

PREMIUM_PREFIXES: Final = (
    "870", "881", "882", "883", "979",
    "1900", "31900", "31906", "31909", "3389", "34803", "34806", "34807", "39899",
    "41900", "41901", "41906", "43900", "43930", "44871", "44872", "44873", "449", "49900",
)  # fmt: skip
"""International numbers that cost the caller by the minute, satellite and network codes included: where a
stolen dial string rings. An agent never sits there."""

_EXTENSION = re.compile(r"[A-Za-z0-9_+*#][A-Za-z0-9_.+*#-]{0,63}")
_CONTEXT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?"
USER = r"[A-Za-z0-9_.~+*#-]{1,64}"
_ESCAPED = r"%(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e])"
"""A percent escape of a printable ASCII character: a decoded control character cuts the INVITE."""
_URI_PARAMETERS = rf"(?:;[A-Za-z0-9_-]{{1,32}}(?:=(?:[A-Za-z0-9_.~:@+-]|{_ESCAPED}){{1,200}})?){{0,8}}"
_CONTACTS = (
    re.compile(rf"user/{USER}(?:@{HOST})?"),
    re.compile(rf"verto\.rtc/{USER}(?:@{HOST})?"),
    re.compile(rf"sofia/gateway/(?P<gateway>[A-Za-z0-9_.-]{{1,64}})/(?P<number>{USER})"),
    re.compile(
        rf"sofia/(?!gateway/)[A-Za-z0-9_.-]{{1,64}}/(?:sips?:)?(?P<number>(?:[A-Za-z0-9_.~+*#-]|{_ESCAPED}){{1,64}})"
        rf"@{HOST}(?::[0-9]{{1,5}})?{_URI_PARAMETERS}"
    ),
)
_STREAMS = (
    re.compile(r"local_stream://[A-Za-z0-9_.@/-]{1,128}"),
    re.compile(r"silence_stream://-?[0-9]{1,9}(?:,[0-9]{1,6})?"),
    re.compile(r"tone_stream://(?:[A-Za-z0-9%(),.=:+-]|;(?!;)){1,400}"),
)
_PATH = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_.+@/-]{0,254}")
_RECORDING_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}")
_DEVICES = ("/dev/", "/proc/", "/sys/")
_SYSTEM_FOLDERS = ("/boot/", "/etc/", "/lib", "/bin", "/sbin", "/usr/bin", "/usr/lib", "/usr/sbin")
_INTERNATIONAL = re.compile(r"(?:\+|00|011)([1-9][0-9]*)")


def is_extension(value: str) -> bool:
    """1 to 64 letters, digits and `_ . + * # -`, not beginning with `-` or `.`."""
    return _EXTENSION.fullmatch(value) is not None


def is_context(value: str) -> bool:
    """1 to 64 letters, digits and `_ . -`, beginning with a letter or digit."""
    return _CONTEXT.fullmatch(value) is not None


def is_contact(value: str) -> bool:
    """One device: `user/1000@host`, `sofia/gateway/name/number`, `sofia/profile/user@host:port;parameters` or
    `verto.rtc/user@host`; no list, no group, no `loopback/`, no premium-rate number.
    """
    for form in _CONTACTS:
        found = form.fullmatch(value)
        if found and len(value) <= 512:
            number = found.groupdict().get("number")
            return not (number and _is_premium(number))
    return False


def is_number(value: str) -> bool:
    """A telephone number to call: 2 to 20 digits, perhaps after a `+`; no premium-rate number."""
    return re.fullmatch(r"\+?[0-9]{2,20}", value) is not None and not _is_premium(value)


def is_sound(value: str) -> bool:
    """`local_stream://name`, `tone_stream://…`, `silence_stream://ms` or a file path without `..`."""
    stream = any(form.fullmatch(value) for form in _STREAMS) and "::" not in value
    return stream or _is_plain_path(value)


def is_recording_path(value: str) -> bool:
    """An absolute path of letters, digits and `_ . + @ / -`, no `..`, no system folder, with a suffix."""
    suffix = value[value.rfind(".") :]
    return (
        value.startswith("/")
        and _is_plain_path(value)
        and not value.startswith(_SYSTEM_FOLDERS)
        and _RECORDING_SUFFIX.fullmatch(suffix) is not None
    )


def _is_plain_path(value: str) -> bool:
    return (
        _PATH.fullmatch(value) is not None
        and ".." not in value
        and "//" not in value
        and not value.startswith(_DEVICES)
    )


def _is_premium(number: str) -> bool:
    if found := _INTERNATIONAL.fullmatch(number):
        return found.group(1).startswith(PREMIUM_PREFIXES)
    # As dialled at home: North America with and without the 1, elsewhere with a 0.
    return re.fullmatch(r"1?900[0-9]{7}|0900[0-9]{4,}", number) is not None
