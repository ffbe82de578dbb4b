"""One language: its words, numbers and dates, with the digits that its readers use.

Babel knows the shapes of numbers and Gregorian dates (CLDR), persiantools the Persian calendar and digits.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, time
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from typing import Final, Literal

from babel import Locale
from babel.dates import format_date, format_interval
from babel.numbers import format_decimal
from persiantools.digits import en_to_fa
from persiantools.jdatetime import JalaliDate

from py_callcenter.languages.catalogue import catalogue
from py_callcenter.languages.days import CalendarName

LANGUAGES: Final = ("en", "fa", "uk")

NOTHING: Final = "–"
"""What is shown for a figure that there isn't: an average of no calls."""

_DIGITS: Final[dict[str, Callable[[str], str]]] = {"fa": en_to_fa}
_PERCENT_SIGNS: Final = {"fa": "٪"}


class Language:
    """Use `language_named`."""

    def __init__(self, code: str) -> None:
        self.code = code
        self._locale = Locale(code)
        self._words = catalogue(code)
        self._digits = _DIGITS.get(code, str)

    @property
    def direction(self) -> Literal["ltr", "rtl"]:
        return "rtl" if self._locale.text_direction == "rtl" else "ltr"

    @property
    def own_calendar(self) -> CalendarName:
        """What its readers count days by."""
        return "persian" if self.code == "fa" else "gregorian"

    def tr(self, words: str, /, **values: object) -> str:
        """English words in this language, with `{named}` values put in."""
        return self._words.gettext(words).format(**values)

    def trn(self, one: str, many: str, n: int, /, **values: object) -> str:
        """The same for a number of things; `{n}` is the number in the language's digits."""
        return self._words.ngettext(one, many, n).format(n=self.number(n), **values)

    def number(self, value: float | None, *, places: int = 0) -> str:
        """A number with at most so many decimal places."""
        if value is None:
            return NOTHING
        shape = "#,##0." + "#" * places if places else "#,##0"
        return self._digits(
            format_decimal(_rounded(value, places), shape, self._locale, numbering_system="default")
        )

    def percent(self, value: float | None) -> str:
        """Percent, given as 0 to 100, to a tenth. CLDR has no space before the sign in any of the three."""
        if value is None:
            return NOTHING
        return self.number(value, places=1) + _PERCENT_SIGNS.get(self.code, "%")

    def span(self, seconds: float | None) -> str:
        """A duration as 2:03 or 1:02:03, rounded to seconds, halves up as the page does."""
        if seconds is None:
            return NOTHING
        minutes, rest = divmod(int(seconds + 0.5), 60)
        hours, minutes = divmod(minutes, 60)
        return self._digits(f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}")

    def clock(self, at: time) -> str:
        """Hour and minute of 24."""
        return self._digits(f"{at:%H:%M}")

    def day(self, day: date, calendar: CalendarName) -> str:
        """A day with its weekday."""
        if calendar == "persian":
            return f"{format_date(day, 'EEEE', self._locale)} {self._persian(day)}"
        return self._digits(format_date(day, "full", self._locale))

    def days(self, first: date, last: date, calendar: CalendarName) -> str:
        """A range of days."""
        if calendar == "persian":
            return f"{self._persian(first)} {NOTHING} {self._persian(last)}"
        return self._digits(format_interval(first, last, "yMMMd", locale=self._locale))

    def month(self, first: date, calendar: CalendarName) -> str:
        """The month that begins with a day, with its year."""
        if calendar == "persian":
            return self._persian(first).partition(" ")[2]
        return self._digits(format_date(first, "LLLL y", self._locale))

    def _persian(self, day: date) -> str:
        """A day of the Persian calendar, its month in Latin letters where Persian isn't read."""
        there = JalaliDate(day)
        month = there.strftime("%B", locale="fa" if self.code == "fa" else "en")
        return self._digits(f"{there.day} {month} {there.year}")


@cache
def language_named(code: str) -> Language:
    """One of `LANGUAGES`."""
    if code not in LANGUAGES:
        raise KeyError(code)
    return Language(code)


def _rounded(value: float, places: int) -> Decimal:
    """Halves go up, as the page's do: one figure must not read 6.2 here and 6.3 there."""
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
