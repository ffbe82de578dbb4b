"""Bytes of the event socket: FreeSWITCH's percent-encoding and its frames."""

from __future__ import annotations

import re
from functools import lru_cache

_SPECIAL = '\r\n "#%&+:;<=>?@[\\]^`{|}'
_NEEDS_WORK = re.compile(r"[^!$\'()*,\-./0-9A-Z_a-z~]")
_ALREADY_ENCODED = re.compile(rb"%[0-9A-F]{2}")


def _encode_byte(byte: int) -> bytes:
    if byte < 0x20 or byte > 0x7E or chr(byte) in _SPECIAL:
        return b"%%%02X" % byte
    return bytes((byte,))


_TABLE = tuple(_encode_byte(byte) for byte in range(256))
_ASCII = {byte: _TABLE[byte].decode("ascii") for byte in range(128)}
_CODES = [(character, _ASCII[ord(character)]) for character in _SPECIAL if character != "%"]


@lru_cache(maxsize=16384)
def quote(value: str) -> str:
    """Encode a header's value as `event plain` does.

    A `%` before two upper-case hexadecimal digits is left alone (switch_utils.c), so the encoding can't be
    inverted: that is the switch's own trait, and attacks by display names live on it.
    """
    if not value:
        return "_undef_"
    if _NEEDS_WORK.search(value) is None:
        return value
    if value.isascii() and "%" not in value:
        return _quote_plain(value)
    raw = value.encode("utf-8", "surrogateescape")
    if b"%" not in raw:
        return b"".join(map(_TABLE.__getitem__, raw)).decode("ascii")
    parts: list[bytes] = []
    start = 0
    for match in _ALREADY_ENCODED.finditer(raw):
        parts.extend(map(_TABLE.__getitem__, raw[start : match.start()]))
        parts.append(match.group())
        start = match.end()
    parts.extend(map(_TABLE.__getitem__, raw[start:]))
    return b"".join(parts).decode("ascii")


def _quote_plain(value: str) -> str:
    """Of ASCII without `%`. A few searches are sooner done than a look-up for each character."""
    quoted = value
    for character, code in _CODES:
        if character in quoted:
            quoted = quoted.replace(character, code)
    return quoted if quoted.isprintable() else value.translate(_ASCII)


def as_json(value: str) -> object:
    """A header's value as `event json` shows it: arrays become lists."""
    if value.startswith("ARRAY::"):
        return value[7:].split("|:")
    return value


AUTH_REQUEST = b"Content-Type: auth/request\n\n"
GOODBYE = (
    b"Content-Type: text/disconnect-notice\nContent-Length: 67\n\n"
    b"Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
)


def reply(text: str, *extra: tuple[str, str]) -> bytes:
    """A `command/reply` frame; `extra` are further headers, such as Job-UUID."""
    more = "".join(f"{name}: {value}\n" for name, value in extra)
    return f"Content-Type: command/reply\nReply-Text: {text}\n{more}\n".encode("utf-8", "surrogateescape")


def response(text: str) -> bytes:
    """An `api/response` frame. Empty output is `-ERR no reply`, as the switch has it."""
    body = (text or "-ERR no reply\n").encode("utf-8", "surrogateescape")
    return b"Content-Type: api/response\nContent-Length: %d\n\n%b" % (len(body), body)


def event_frame(kind: str, body: bytes) -> bytes:
    """An event's frame; `kind` is `plain` or `json`."""
    return b"Content-Length: %d\nContent-Type: text/event-%b\n\n%b" % (len(body), kind.encode(), body)
