"""Every language says everything, with the same values in it, in its own digits, calendar and direction."""

from __future__ import annotations

import importlib.util
import re
from datetime import date, time, timedelta
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from hypothesis import given
from hypothesis import strategies as st

from py_callcenter.config import Language as ConfiguredLanguage
from py_callcenter.languages import CATALOGUES, LANGUAGES, language_named, month_of, week_of

pytestmark = pytest.mark.unit

TRANSLATED = [code for code in LANGUAGES if code != "en"]
PLACEHOLDER = re.compile(r"\{[^}]*\}")
SCRIPT = Path(__file__).parents[2] / "scripts/messages.py"


@pytest.fixture(scope="module")
def used():
    """What the program says, found in its sources and templates."""
    spec = importlib.util.spec_from_file_location("messages", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.words_in_use()


def forms(words):
    return (words,) if isinstance(words, str) else tuple(words)


def read(code):
    with (CATALOGUES / f"{code}.po").open("rb") as file:
        return read_po(file, locale=code, abort_invalid=True)


def problems(catalogue, used):
    """What keeps a catalogue from being complete."""
    wanted = {message.id for message in used if message.id}
    there = {message.id: message for message in catalogue if message.id}
    found = [f"not translated: {words}" for words in wanted - there.keys()]
    found += [f"nobody says it any more: {words}" for words in there.keys() - wanted]
    for words, message in there.items():
        if message.fuzzy:
            found.append(f"fuzzy: {words}")
        said = forms(message.string)
        if not all(said) or (not isinstance(words, str) and len(said) != catalogue.num_plurals):
            found.append(f"empty: {words}")
        values = set(PLACEHOLDER.findall(" ".join(forms(words))))
        if any(set(PLACEHOLDER.findall(form)) != values for form in said):
            found.append(f"other values: {words}")
    return found + [f"left over: {words}" for words in catalogue.obsolete]


def test_the_configuration_offers_the_languages_that_there_are():
    assert ConfiguredLanguage.__args__ == LANGUAGES
    assert {path.stem for path in CATALOGUES.glob("*.po")} == set(TRANSLATED)


@pytest.mark.parametrize("code", TRANSLATED)
def test_a_catalogue_is_complete(code, used):
    assert len(used) > 40
    assert problems(read(code), used) == []


def test_what_is_missing_in_a_catalogue_is_found(used):
    catalogue = read("uk")
    catalogue["Daily report"].string = ""
    catalogue["Weekly report"].flags.add("fuzzy")
    catalogue["target: {percent} within {seconds} s"].string = "ціль: {percent}"
    catalogue.delete("Queues")
    catalogue.add("Old words", "Старі слова")

    assert sorted(problems(catalogue, used)) == [
        "empty: Daily report",
        "fuzzy: Weekly report",
        "nobody says it any more: Old words",
        "not translated: Queues",
        "other values: target: {percent} within {seconds} s",
    ]


def test_a_day_is_named_as_its_readers_name_it():
    day = date(2026, 11, 21)

    assert [language_named(code).day(day, language_named(code).own_calendar) for code in LANGUAGES] == [
        "Saturday, November 21, 2026",
        "شنبه ۳۰ آبان ۱۴۰۵",
        "субота, 21 листопада 2026\u202fр.",
    ]


def test_numbers_have_the_readers_digits_and_marks():
    def shown(code):
        language = language_named(code)
        return (
            language.number(12345), language.percent(83.456), language.percent(100),
            language.span(3723.4), language.span(59.6), language.clock(time(6, 5)), language.span(None),
        )  # fmt: skip

    assert shown("en") == ("12,345", "83.5%", "100%", "1:02:03", "1:00", "06:05", "–")
    assert shown("fa") == ("۱۲٬۳۴۵", "۸۳٫۵٪", "۱۰۰٪", "۱:۰۲:۰۳", "۱:۰۰", "۰۶:۰۵", "–")
    assert language_named("en").percent(6.25) == "6.3%", "as the page rounds"
    assert language_named("en").span(62.5) == "1:03", "likewise"
    assert shown("uk") == ("12\xa0345", "83,5%", "100%", "1:02:03", "1:00", "06:05", "–")


def test_things_are_counted_by_each_languages_rule():
    one, many = (
        "{n} more queue, with fewer calls, isn't listed.",
        "{n} more queues, with fewer calls, aren't listed.",
    )

    def said(code):
        return [
            language_named(code).trn(one, many, n).split(" з ")[0].split(" із ")[0] for n in (1, 2, 5, 21)
        ]

    assert said("uk") == ["Ще 1 чергу", "Ще 2 черги", "Ще 5 черг", "Ще 21 чергу"]
    assert language_named("en").trn(one, many, 1).startswith("1 more queue,")
    assert language_named("fa").trn(one, many, 12).startswith("۱۲ صف دیگر")


def test_only_persian_is_written_from_the_right():
    assert [language_named(code).direction for code in LANGUAGES] == ["ltr", "rtl", "ltr"]


def test_weeks_and_months_are_those_of_the_readers_calendar():
    day = date(2026, 11, 21)  # a Saturday, the last of Aban 1405

    assert week_of(day, "gregorian") == (date(2026, 11, 16), date(2026, 11, 22))
    assert week_of(day, "persian") == (date(2026, 11, 21), date(2026, 11, 27))
    assert month_of(day, "gregorian") == (date(2026, 11, 1), date(2026, 11, 30))
    assert month_of(day, "persian") == (date(2026, 10, 23), date(2026, 11, 21))


def test_the_last_month_of_a_persian_leap_year_has_a_day_more():
    assert month_of(date(2025, 3, 1), "persian") == (
        date(2025, 2, 19),
        date(2025, 3, 20),
    )  # 1403, a leap year
    assert month_of(date(2026, 3, 1), "persian") == (date(2026, 2, 20), date(2026, 3, 20))


@given(st.dates(date(2000, 1, 1), date(2199, 1, 1)), st.sampled_from(["gregorian", "persian"]))
def test_periods_follow_each_other_without_gap_or_overlap(day, calendar):
    for part in (week_of, month_of):
        first, last = part(day, calendar)

        assert first <= day <= last
        assert part(first, calendar) == part(last, calendar) == (first, last)
        assert part(last + timedelta(days=1), calendar)[0] == last + timedelta(days=1)
