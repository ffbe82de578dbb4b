"""Message catalogues (gettext), read as they are kept: nothing has to be compiled at build."""

from __future__ import annotations

from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

CATALOGUES: Final = Path(__file__).parent / "catalogues"

KEYWORDS: Final[dict[str, tuple[int, ...] | None]] = {
    "tr": None,
    "trn": (1, 2),
    "mark": None,
    "Formula": (2,),
}
"""What marks words for the catalogues, as Babel's extraction takes it: `tr(words)`, `trn(one, many, n)`,
`mark(words)`, and the second argument of a service level's `Formula`."""


def mark(words: str) -> str:
    """Words for the catalogues that are put into a language elsewhere, where they are shown."""
    return words


@cache
def catalogue(code: str) -> NullTranslations:
    """A language's words. English needs no catalogue: it is what stands in the program."""
    if code == "en":
        return NullTranslations()
    with (CATALOGUES / f"{code}.po").open("rb") as file:
        words = read_po(file, locale=code, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, words)
    compiled.seek(0)
    return GNUTranslations(compiled)
