"""A report by e-mail as a mail program shows it: on a phone and on a screen, from either side."""

import shutil
from dataclasses import replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from app.day import busy_day
from playwright.sync_api import sync_playwright
from sim.world import START_US

from py_callcenter.config import ServiceLevel
from py_callcenter.languages import LANGUAGES, language_named
from py_callcenter.reports.mail.facts import Wish, gather
from py_callcenter.reports.mail.letter import write
from py_callcenter.reports.mail.periods import Period
from py_callcenter.store import Database

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install the package `chromium`"),
]

WIDTHS = (360, 900)
LONGEST_NAME = "W" * 64
FIGURES = """() => [...document.querySelectorAll("div")]
    .filter(box => box.style.display === "inline-block")
    .map(box => box.getBoundingClientRect())
    .map(box => [box.left, box.right, box.bottom])"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    day = busy_day(moments=120, closes=True)
    local = datetime.fromtimestamp(START_US / 1e6, ZoneInfo("Asia/Tehran")).date()
    with Database.open(f"sqlite:///{tmp_path_factory.mktemp('letter')}/cc.db") as database:
        database.append(day.records)
        found = gather(
            database,
            Wish(period=Period("daily", local, local), zone="Asia/Tehran"),
            {"support": ServiceLevel()},
            now_us=day.now_us + 86_400_000_000,
        )
    rows = [{**found.queues.rows[0], "queue": LONGEST_NAME, "offered": 1_234_567}, *found.queues.rows]
    return replace(found, queues=replace(found.queues, rows=rows))


@pytest.mark.parametrize("code", LANGUAGES)
def test_nothing_sticks_out_and_figures_begin_at_the_readers_side(facts, code):
    language = language_named(code)
    html = write(facts, language, language.own_calendar).html
    asked = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        for width in WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": 900})
            page.on("request", lambda request: asked.append(request.url))
            page.set_content(html)
            wide = page.evaluate("document.documentElement.scrollWidth")
            boxes = page.evaluate(FIGURES)
            in_a_row = [box for box in boxes if box[2] == boxes[0][2]]

            assert wide == width
            assert len(boxes) > 20
            assert all(left >= 0 and right <= width for left, right, _ in boxes)
            assert len(in_a_row) == (3 if width == 360 else 8)  # the sum: three on a phone, all on a screen
            first, second = in_a_row[:2]
            assert (first[0] > second[0]) == (code == "fa")
        browser.close()
    assert asked == []
