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


@pytest.fixture
def place(tmp_path):
    day = busy_day(moments=250, closes=True)
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
