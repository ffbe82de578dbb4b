"""The switch's answer to `sofia_contact`: the phones that are registered for a user."""

from __future__ import annotations

import re
from typing import Final

from py_callcenter.config import shapes

MOST: Final = 8
MOST_CHARACTERS: Final = 1200
"""What an originate of all of them may take of a command's room."""
_NOBODY: Final = "error/"
_PHONE: Final = re.compile(r"sofia/(?!gateway/)[^/]+/sips?:")
"""A registered address on a profile; an address that a phone has made up may hold commas and slashes."""


def phones_of(answer: str) -> tuple[tuple[str, ...], int]:
    """The dial strings in `sofia/internal/sip:a@b:1,sofia/…`, and how many can't be used.

    A phone chooses its own address, so each passes the check of configured contacts or is left out.
    """
    phones: list[str] = []
    unusable = 0
    room = MOST_CHARACTERS
    for part in answer.split(","):
        phone = part.strip()
        if not phone or phone.startswith(_NOBODY) or phone in phones:
            continue
        if _PHONE.match(phone) and shapes.is_contact(phone) and len(phones) < MOST and len(phone) <= room:
            phones.append(phone)
            room -= len(phone)
        else:
            unusable += 1
    return tuple(phones), unusable
