"""Names of ours and the proof that they are ours.

Leg UUIDs derive from call, attempt and device, so two controllers that mean the same offer name the same
leg and the switch refuses the second (freeswitch-esl.md 0.5). What we stamp on a channel counts only with a
valid MAC: a caller may copy or invent variables through SIP headers, but not the key. An offer's leg needs no
MAC besides: its very name can be derived only by who has the key, and nobody chooses a channel's name.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Callable
from functools import lru_cache
from typing import Final

_NAMESPACE: Final = uuid.UUID("6f1d7a1c-4f0e-5b7a-9d0b-2f4f0c6f8a51")
_VERSION_5: Final = 0x5000_8000_0000_0000_0000
_FREE_BITS: Final = ~(0xF000_C000_0000_0000_0000)
_TAG_BYTES: Final = 16
_JOB_LETTERS: Final = 10
"""50 bits: enough for some ten thousand jobs that run at a time."""
MOST_PHONES: Final = 8
"""Legs that fit one command with all that is set on them; what doesn't fit is dialled as configured."""
_LATEST: Final = 100
"""So many offers of one call may ring at once."""
_WITHHELD_DIGITS: Final = 2
_TOO_SHORT: Final = f"the key must have at least {_TAG_BYTES} bytes"


def leg_uuid(call: str, attempt: int, device: int) -> str:
    """UUID of a leg that isn't an offer's: whoever knows what it is for can derive it."""
    return _uuid5(_NAMESPACE.bytes, f"leg/{call}/{attempt}/{device}")


def job_uuid(call: str, attempt: int) -> str:
    """Job-UUID of the originate of one offer: any word will do, and a short one is read sooner."""
    return _job(f"job/{call}/{attempt}")


@lru_cache(maxsize=1024)
def _uuid5(namespace: bytes, name: str) -> str:
    """`uuid.uuid5` as text (RFC 9562, 5.5), without its objects: a caller waits for each of these."""
    digest = hashlib.sha1(namespace + name.encode(), usedforsecurity=False).digest()
    number = int.from_bytes(digest[:16]) & _FREE_BITS | _VERSION_5
    text = f"{number:032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


@lru_cache(maxsize=1024)
def _job(name: str) -> str:
    digest = hashlib.sha1(name.encode(), usedforsecurity=False).digest()
    return base64.b32encode(digest[:_JOB_LETTERS]).decode()[:_JOB_LETTERS].lower()


class Sealer:
    """Makes and checks the MAC in `cc_tag`, and the names of offers' legs."""

    __slots__ = ("_caller_key", "_key", "_namespaces", "_old_keys", "caller")

    def __init__(self, key: bytes, *old_keys: bytes, caller_key: bytes = b"") -> None:
        """`old_keys`: what they sealed counts still; nothing new is sealed with them.

        `caller_key`: what pseudonyms are made with, when not `key`; they must stay the same over its changes.
        """
        if len(caller_key or key) < _TAG_BYTES:
            raise ValueError(_TOO_SHORT)
        self.use(key, *old_keys)
        self._caller_key = _fitting(caller_key or key)
        self.caller: Callable[[str], str] = lru_cache(maxsize=1024)(self._caller)
        """Pseudonym of a caller's number: the same for the same digits, of no use without the key.

        Empty for what holds fewer than three digits, as withheld numbers do. `+` and the international `00`
        read alike.
        """

    def use(self, key: bytes, *old_keys: bytes) -> None:
        """Seal with `key` from now on, and let what is sealed with `old_keys` count."""
        if min(map(len, (key, *old_keys))) < _TAG_BYTES:
            raise ValueError(_TOO_SHORT)
        self._key, *self._old_keys = map(_fitting, (key, *old_keys))
        self._namespaces = [_namespace(one) for one in (self._key, *self._old_keys)]

    def leg(self, call: str, attempt: int, device: int) -> str:
        """UUID of the leg that rings one device of one offer: a UUIDv5 of a namespace that only the key's
        holders know.
        """
        return _uuid5(self._namespaces[0], f"leg/{call}/{attempt}/{device}")

    def legs(self, call: str, attempt: int | str) -> list[str]:
        """Those of all devices that an offer may have, by each key that counts."""
        return [
            _uuid5(namespace, f"leg/{call}/{attempt}/{device}")
            for namespace in self._namespaces
            for device in range(MOST_PHONES)
        ]

    def is_offers(self, uuid: str, call: str, last: int) -> bool:
        """Whether a leg was dialled for one of the latest offers of a call: up to this attempt."""
        attempts = range(max(0, last - _LATEST), last + 1)
        return any(uuid in self.legs(call, attempt) for attempt in attempts)

    def seal(self, *parts: str | int) -> str:
        """Tag over the parts, in order; each is length-prefixed so that no two lists read alike."""
        return _tag(self._key, parts)

    def _caller(self, number: str) -> str:
        plain = number.isascii() and number.isdigit()
        digits = number if plain else "".join(c for c in number if c.isascii() and c.isdigit())
        if not number.lstrip().startswith("+"):
            digits = digits.removeprefix("00")
        return _tag(self._caller_key, ("caller-number", digits)) if len(digits) > _WITHHELD_DIGITS else ""

    def holds(self, tag: str | None, *parts: str | int) -> bool:
        """Whether `tag` is ours for these parts; compared in constant time."""
        if tag is None:
            return False
        given = tag.encode()
        return any(
            hmac.compare_digest(_tag(key, parts).encode(), given) for key in (self._key, *self._old_keys)
        )

    def __repr__(self) -> str:
        return "Sealer(key hidden)"


def _fitting(key: bytes) -> bytes:
    """BLAKE2s (RFC 7693) takes keys of 32 bytes at most."""
    return key if len(key) <= hashlib.blake2s.MAX_KEY_SIZE else hashlib.blake2s(key).digest()


def _namespace(key: bytes) -> bytes:
    return hashlib.blake2s(b"names of legs", key=key, digest_size=_TAG_BYTES).digest()


def _tag(key: bytes, parts: tuple[str | int, ...]) -> str:
    text = "".join([f"{len(word)}:{word}" for word in map(str, parts)])
    return hashlib.blake2s(text.encode(), key=key, digest_size=_TAG_BYTES).hexdigest()
