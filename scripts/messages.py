"""Brings `py_callcenter/languages/catalogues/*.po` up to the words that the program uses; `make messages`.

New words come in empty, words that changed are marked `fuzzy`, words that are gone go. A test refuses
catalogues with any of these, so what is left to do is to translate.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from py_callcenter.languages import CATALOGUES, KEYWORDS, LANGUAGES

PACKAGE = Path(__file__).parents[1] / "py_callcenter"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2"), ("**/templates/**.txt", "jinja2")]
OPTIONS = {"**/templates/**": {"trimmed": "true", "silent": "false"}}
EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
"""Stands in for the time of the extraction, which would change the files at each run."""


def words_in_use() -> Catalog:
    """Every marked word of the program and its templates, with the files that use it."""
    found = Catalog(project="py_callcenter", charset="utf-8", creation_date=EPOCH)
    keywords = dict(KEYWORDS)
    for file, _line, message, comments, context in extract_from_dir(
        PACKAGE, METHODS, OPTIONS, keywords, comment_tags=("Translators:",), strip_comment_tags=True
    ):
        found.add(message, None, [(file, None)], auto_comments=comments, context=context)
    return found


def update() -> None:
    """Rewrite every catalogue."""
    used = words_in_use()
    for code in LANGUAGES:
        if code == "en":
            continue
        path = CATALOGUES / f"{code}.po"
        with path.open("rb") as file:
            catalogue = read_po(file, locale=code)
        catalogue.update(used, no_fuzzy_matching=False, update_creation_date=False)
        catalogue.obsolete.clear()
        catalogue.project, catalogue.version = "py_callcenter", ""
        catalogue.last_translator = catalogue.msgid_bugs_address = catalogue.language_team = ""
        with path.open("wb") as file:
            write_po(
                file, catalogue, width=100, sort_by_file=True, include_lineno=False, ignore_obsolete=True
            )


if __name__ == "__main__":
    update()
