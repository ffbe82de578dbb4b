"""Languages that people are written to in: words from catalogues, numbers, dates, direction.

Words of the program are English and stand where they are used; `catalogues/*.po` hold what they are
elsewhere. `make messages` brings the catalogues up to what is used; a test tells when one isn't complete.
"""

from __future__ import annotations

from py_callcenter.languages.catalogue import CATALOGUES, KEYWORDS, catalogue, mark
from py_callcenter.languages.days import CalendarName, month_of, week_of
from py_callcenter.languages.language import LANGUAGES, Language, language_named

__all__ = [
    "CATALOGUES",
    "KEYWORDS",
    "LANGUAGES",
    "CalendarName",
    "Language",
    "catalogue",
    "language_named",
    "mark",
    "month_of",
    "week_of",
]
