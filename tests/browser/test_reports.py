"""The reports page in a real Chromium, over a database with a simulated day."""

import re
import shutil
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from app.day import busy_day
from app.fake_controller import FakeController
from playwright.sync_api import expect, sync_playwright
from sim.world import KEY, START_US

from py_callcenter.api import create_app
from py_callcenter.api.server import ApiServer
from py_callcenter.app.history import StoredHistory
from py_callcenter.stats import FORMULAS
from py_callcenter.store import Store

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install the package `chromium`"),
]

DAY = str(datetime.fromtimestamp(START_US / 1e6, ZoneInfo("Europe/Berlin")).date())


class Clock:
    def __init__(self, now_us):
        self._now_us = now_us

    def now_us(self):
        return self._now_us


NIGHT_US = int(datetime(2026, 10, 24, 23, 10, tzinfo=ZoneInfo("UTC")).timestamp()) * 1_000_000
"""Two in the morning of the next day comes twice in Berlin."""


@pytest.fixture(params=[{}])
def place(tmp_path, request):
    day = busy_day(moments=250, closes=True, **request.param)
    store = Store.open(f"sqlite:///{tmp_path}/cc.db")
    store.database.append(day.records)
    controller = FakeController()
    controller.clock = Clock(day.now_us)
    running = ApiServer("127.0.0.1", 0)
    history = StoredHistory(controller, store, KEY)
    running.start(create_app(controller, token="a-token-for-the-tests", history=history))
    yield running, day
    running.stop()
    store.close()


def test_a_day_is_shown_in_figures_plots_and_rows_and_nonsense_is_explained(place):
    server, day = place
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        page = browser.new_context(viewport={"width": 1300, "height": 1000}).new_page()
        page.set_default_timeout(30_000)
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{server.url}/reports")
        expect(page.locator("#formulas option")).to_have_count(len(FORMULAS))

        page.locator("[name=from]").fill(DAY)
        page.locator("[name=to]").fill(DAY)
        page.locator("[name=zone]").fill("Europe/Berlin")
        page.get_by_role("button", name="Show").click()

        entered = sum(record.kind == "queue-entered" for record in day.records)
        expect(page.locator("[data-figure=offered]")).to_have_text(str(entered))
        expect(page.locator(".plot")).to_have_count(2)
        assert page.locator("rect.answered").count() > 1
        page.locator("[name=name]").fill("support")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".plot")).to_have_count(3)  # one queue has a service level to draw
        assert "format=csv" in page.locator("#csv").get_attribute("href")

        page.locator("[name=zone]").fill("Mars/Olympus")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#wrong")).to_contain_text("unknown time zone `Mars/Olympus`")
        expect(page.get_by_role("heading")).to_have_count(1)  # no empty boxes, and no figures of before
        expect(page.locator("#csv")).not_to_have_attribute("href", re.compile("."))

        page.locator("[name=zone]").fill("Europe/Berlin")
        page.locator("[name=name]").fill("")
        for side in ("from", "to"):
            page.locator(f"[name={side}]").fill("2020-02-02")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_text("Nothing happened in this time.")).to_be_visible()
        expect(page.get_by_role("heading", name="Together")).to_be_hidden()

        for side in ("from", "to"):
            page.locator(f"[name={side}]").fill(DAY)
        page.locator("[name=name]").fill("")
        page.locator("[name=what]").select_option("agents")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#wrong")).to_be_hidden()
        expect(page.locator("[data-figure=occupancy]")).to_contain_text("%")
        assert errors == []
        browser.close()


CUT_OFF = """() => [...document.querySelectorAll(".panel:not(.wide)")]
    .filter((box) => box.scrollHeight > box.clientHeight + 1 || box.scrollWidth > box.clientWidth + 1)
    .length"""
SCALES = """() => [...document.querySelectorAll(".plot > svg")]
    .map((svg) => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)"""
BARS = """(name) => [...document.querySelectorAll(".plot:first-child rect." + name + " title")]
    .map((title) => title.textContent)"""


@pytest.mark.parametrize(
    "place", [{"start_us": NIGHT_US, "pause_s": 90, "transfers": True}], indirect=True, ids=["autumn"]
)
@pytest.mark.parametrize("width", [390, 1300])
def test_the_hour_that_comes_twice_is_two_bars_in_order_and_a_phone_shows_all_of_it(place, width):
    server, day = place
    zone = ZoneInfo("Europe/Berlin")
    entered = {}
    for record in day.records:
        if record.kind == "queue-entered":
            hour = datetime.fromtimestamp(record.at_us / 1e6, zone).replace(minute=0, second=0, microsecond=0)
            entered[hour.isoformat()] = entered.get(hour.isoformat(), 0) + 1
    both = ["2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"]
    assert all(entered[hour] for hour in both)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
        page = browser.new_context(viewport={"width": width, "height": 800}).new_page()
        page.set_default_timeout(10_000)
        page.goto(f"{server.url}/reports")
        expect(page.locator("#formulas option")).to_have_count(len(FORMULAS))
        page.locator("[name=from]").fill("2026-10-24")
        page.locator("[name=to]").fill("2026-10-25")
        page.locator("[name=zone]").fill("Europe/Berlin")
        page.get_by_role("button", name="Show").click()
        expect(page.locator(".plot")).to_have_count(2)

        names = list(dict.fromkeys(page.locator("#rows td:nth-child(2)").all_text_contents()))
        at = names.index("2026-10-25 02:00 +02")
        assert names[at - 1 : at + 3] == [
            "2026-10-25 01:00", "2026-10-25 02:00 +02", "2026-10-25 02:00 +01", "2026-10-25 03:00",
        ]  # fmt: skip
        told = {}
        for outcome in ("answered", "abandoned", "overflowed"):
            for title in page.evaluate(BARS, outcome):
                name, _, rest = title.partition(": ")
                told[name] = told.get(name, 0) + int(rest.split(" ")[0])
        assert [told[f"10-25 02:00 {offset}"] for offset in ("+02", "+01")] == [
            entered[hour] for hour in both
        ]
        assert list(dict.fromkeys(title.split(": ")[0] for title in page.evaluate(BARS, "abandoned"))) == [
            name[5:] for name in names
        ]

        assert page.evaluate(CUT_OFF) == 0
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert all(scale > 0.85 for scale in page.evaluate(SCALES)), "letters that can be read"

        page.locator("[name=what]").select_option("agents")
        page.get_by_role("button", name="Show").click()
        expect(page.get_by_text("Agents' hours, logged in")).to_be_visible()
        hours = sum(
            float(title.split(": ")[1].split(" ")[0])
            for name in ("busy", "rest", "ring", "answered", "off", "elsewhere", "overflowed")
            for title in page.evaluate(BARS, name)
        )
        figure = page.locator("[data-figure=logged_in_seconds]").text_content()
        whole, minutes, _ = map(int, figure.split(":"))
        assert abs(hours - whole - minutes / 60) < 0.5, "all states, added up"
        browser.close()
