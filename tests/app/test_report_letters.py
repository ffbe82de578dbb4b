"""What a report by e-mail says: the day's own figures, in three languages, whatever a queue is called."""

from __future__ import annotations

import email
from dataclasses import replace
from datetime import date, datetime, timedelta
from email.policy import default
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from app.day import busy_day
from sim.world import START_US

from py_callcenter.config import ServiceLevel
from py_callcenter.languages import LANGUAGES, language_named
from py_callcenter.reports import ask, build
from py_callcenter.reports.mail.facts import Wish, gather
from py_callcenter.reports.mail.letter import MAX_ROWS, write
from py_callcenter.reports.mail.message import Key, compose
from py_callcenter.reports.mail.periods import Period, containing
from py_callcenter.store import Database

pytestmark = pytest.mark.app

ZONE = "Europe/Berlin"
DAY = datetime.fromtimestamp(START_US / 1e6, ZoneInfo(ZONE)).date()
TARGETS = {"support": ServiceLevel(seconds=20, percent=80), "billing": ServiceLevel(seconds=30, percent=1)}
HOSTILE = '<script>alert("1")</script>\r\nBcc: thief@example.org\u202e'


@pytest.fixture(scope="module")
def day():
    return busy_day(moments=300, seed=8, pause_s=65, closes=True)


@pytest.fixture(scope="module")
def facts(day, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('letters')}/cc.db"
    with Database.open(url) as database:
        database.append(day.records)
        yield gather(
            database,
            Wish(period=Period("daily", DAY, DAY), zone=ZONE),
            TARGETS,
            now_us=day.now_us + 86_400_000_000,
        )


def letter(facts, code="en"):
    language = language_named(code)
    return write(facts, language, language.own_calendar)


class Page(HTMLParser):
    """Elements with their attributes, and what is read."""

    def __init__(self, html):
        super().__init__()
        self.elements = []
        self.words = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        if data.strip():
            self.words.append(data.strip())


def values(page, label):
    """What stands after each label."""
    return [after for before, after in zip(page.words, page.words[1:], strict=False) if before == label]


def test_the_figures_are_those_of_the_days_records(facts, day):
    in_day = [r for r in day.records if datetime.fromtimestamp(r.at_us / 1e6, ZoneInfo(ZONE)).date() == DAY]
    came = [r for r in in_day if r.kind == "call-offered"]
    entered = {name: sum(r.kind == "queue-entered" and r.queue == name for r in in_day) for name in TARGETS}
    found = letter(facts)
    page = Page(found.html)

    assert len(came) > 50
    assert values(page, "Offered") == [str(len(came)), str(entered["billing"]), str(entered["support"])]
    for word in ("html", "text"):
        for name in ("billing", "support", "1000", "1001", "1002"):
            assert name in getattr(found, word)


def test_the_figures_are_those_of_the_api(facts, day, tmp_path):
    """One fold: the same rows as a report over the same days."""
    with Database.open(f"sqlite:///{tmp_path}/cc.db") as database:
        database.append(day.records)
        query = ask(
            "queues", now_us=day.now_us + 86_400_000_000, first=str(DAY), last=str(DAY), size="day", zone=ZONE
        )
        rows = build(database, query, {name: target.us for name, target in TARGETS.items()}).rows
    page = Page(letter(facts).html)

    levels = [f"{round(row['service_level_percent'], 1):g}%" for row in rows]
    assert values(page, "Service level")[1:] == levels
    assert values(page, "Overflowed") == [str(row["overflowed"]) for row in rows]


def test_a_missed_target_is_seen_and_a_reached_one_not(facts):
    styles = [attributes.get("style", "") for tag, attributes in Page(letter(facts).html).elements]
    below = [row for row in facts.queues.rows if row["service_level_percent"] < TARGETS[row["queue"]].percent]

    assert 0 < len(below) < len(facts.queues.rows)
    assert sum("#b3261e" in style for style in styles) == len(below)


def test_persian_is_written_from_the_right_in_its_own_digits_and_calendar(facts):
    found = letter(facts, "fa")
    page = Page(found.html)

    assert ("html", {"lang": "fa", "dir": "rtl"}) in page.elements
    assert found.subject == "گزارش روزانه: جمعه ۲۵ دی ۱۴۰۵"
    assert date(2027, 1, 15) == DAY
    figures = values(page, "دریافتی") + values(page, "سطح خدمت") + values(page, "میانگین مکالمه")
    assert len(figures) == 12
    assert not any(sign in "0123456789" for figure in figures for sign in figure)
    assert "\u2068support\u2069" in found.text  # a Latin name moves no Persian word about


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_language_says_it_all_in_its_own_words(facts, code):
    found = letter(facts, code)
    other = {"Offered", "Queues", "Agents", "Occupancy"}

    assert len(Page(found.html).words) == len(Page(letter(facts).html).words)
    assert all((word in found.text) == (code == "en") for word in other)
    assert "{" not in found.html + found.text


@pytest.mark.parametrize("code", LANGUAGES)
def test_nothing_is_fetched_and_nothing_runs(facts, code):
    page = Page(letter(facts, code).html)
    tags = {tag for tag, _ in page.elements}
    attributes = {name for _, found in page.elements for name in found}

    assert not tags & {"script", "img", "link", "style", "iframe", "object", "a", "form", "svg"}
    assert not attributes & {"src", "href", "background", "srcset", "action"}
    assert not any(name.startswith("on") for name in attributes)
    assert "url(" not in letter(facts, code).html


@pytest.mark.parametrize("code", LANGUAGES)
def test_a_hostile_name_is_only_a_name(facts, code):
    queues = replace(facts.queues, rows=[{**row, "queue": HOSTILE} for row in facts.queues.rows])
    agents = replace(facts.agents, rows=[{**row, "agent": HOSTILE} for row in facts.agents.rows])
    found = letter(replace(facts, queues=queues, agents=agents), code)
    page = Page(found.html)

    assert "script" not in {tag for tag, _ in page.elements}
    assert any('<script>alert("1")</script>' in word for word in page.words)
    assert "\u202e" not in found.html + found.text
    assert not any(line.strip().startswith("Bcc") for line in found.text.splitlines())
    sent = compose(found, KEY, sender="acd@example.org", sender_name="ACD", address="b@example.org", now_us=0)
    assert email.message_from_bytes(sent.as_bytes(), policy=default)["Bcc"] is None


KEY = Key("management", Period("daily", DAY, DAY))


@pytest.mark.parametrize("code", LANGUAGES)
def test_it_is_a_proper_email_with_text_and_html_beside_each_other(facts, code):
    found = letter(facts, code)
    sent = compose(
        found, KEY, sender="acd@calls.example.org", sender_name="Call centre", address="boss@example.org",
        now_us=START_US,
    )  # fmt: skip
    raw = sent.as_bytes()
    got = email.message_from_bytes(raw, policy=default)

    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert got.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in got.iter_parts()] == ["text/plain", "text/html"]
    assert [part.get_content().replace("\r\n", "\n") for part in got.iter_parts()] == [found.text, found.html]
    assert got["Subject"] == found.subject
    assert got["From"] == "Call centre <acd@calls.example.org>"
    assert got["Content-Language"] == code
    assert got["Auto-Submitted"] == "auto-generated"
    assert got["Date"].datetime == datetime.fromtimestamp(START_US // 1_000_000, ZoneInfo("UTC"))


def test_a_second_copy_is_known_by_its_id_and_another_report_has_another():
    def own(recipient="management", report="daily", first=DAY):
        key = Key(recipient, containing(report, first, "gregorian"))
        return key.id

    assert own() == own() == KEY.id
    assert len({own(), own("team"), own(report="weekly"), own(first=DAY + timedelta(days=1))}) == 4
    assert "management" not in KEY.id


def test_a_day_without_calls_says_so(facts):
    nobody = replace(facts.queues, rows=[]), replace(facts.agents, rows=[])
    found = letter(replace(facts, queues=nobody[0], agents=nobody[1]))

    assert "Nobody called." in found.html
    assert "Nobody called." in found.text
    assert "Nobody was logged in." in found.text


def test_of_very_many_agents_the_busiest_are_listed_and_the_rest_counted(facts):
    row = facts.agents.rows[0]
    rows = [{**row, "agent": f"a{n:03}", "answered": n} for n in range(MAX_ROWS + 7)]
    found = letter(replace(facts, agents=replace(facts.agents, rows=rows)))

    assert "7 more agents, with fewer calls, aren't listed." in found.text
    assert "a006" not in found.text
    assert "a007" in found.text


def test_who_still_waits_is_counted_where_it_happens(facts):
    total = {**facts.queues.total, "waiting": 1}
    found = letter(replace(facts, queues=replace(facts.queues, total=total)))

    assert "Not over yet" in found.text
    assert "Not over yet" not in letter(facts).text
