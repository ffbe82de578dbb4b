"""The live page in a real Chromium."""

import re
import shutil
import time
from dataclasses import replace

import pytest
from app.busy_hour import busy_hour
from app.fake_controller import FakeController, agent_row, call_row, queue_row, service_level, snapshot
from playwright.sync_api import expect, sync_playwright

from py_callcenter.api import create_app
from py_callcenter.api.port import BreakRow, WhyAgent, WhyRow
from py_callcenter.api.server import ApiServer

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(180),
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium: install the package `chromium`"),
]

CUT = "[...document.querySelectorAll('.panel')].filter((p) => p.scrollWidth > p.clientWidth).length"
"""How many tables have to be scrolled sideways."""
TOKEN = "a-token-for-the-tests"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def controller():
    return FakeController(busy_hour(time.time()))


@pytest.fixture
def server(controller):
    running = ApiServer("127.0.0.1", 0)
    running.start(create_app(controller, token=TOKEN))
    yield running
    running.stop()


@pytest.fixture
def page(chromium, server):
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, color_scheme="light")
    context.set_default_timeout(30_000)
    view = context.new_page()
    view.complaints = []
    view.on(
        "console", lambda message: view.complaints.append(message.text) if message.type == "error" else None
    )
    view.on("pageerror", lambda error: view.complaints.append(str(error)))
    view.goto(server.url)
    expect(view.locator("#link")).to_have_attribute("data-state", "live")
    yield view
    context.close()


def queue_card(page, name):
    return page.locator(".queue", has=page.get_by_role("heading", name=name, exact=True))


def test_queues_callers_and_agents_are_there_and_nothing_complains(page):
    support = queue_card(page, "support")
    expect(support.locator('[data-f="waiting"]')).to_have_text("5")
    expect(support.locator('[data-f="sl"]')).to_have_text("71 %")
    expect(support).to_have_attribute("data-level", "bad")
    expect(queue_card(page, "sales")).to_have_attribute("data-level", "good")
    expect(queue_card(page, "night").locator(".legend")).to_have_text("No agents logged in")
    expect(page.locator("#calls tr")).to_have_count(8)
    expect(page.locator("#agents tr")).to_have_count(18)
    expect(page.locator('[data-total="talking"]')).to_have_text("9")
    assert page.complaints == []


def test_what_is_expected_of_a_queue_is_said_or_that_it_is_not_known(page):
    outlook = {
        name: queue_card(page, name).locator(".outlook") for name in ("support", "sales", "billing", "night")
    }
    expect(outlook["support"]).to_have_text(
        re.compile(r"A new caller waits 1:15–3:30 Agents needed 12, soon 13$")
    )
    expect(outlook["sales"]).to_have_text(re.compile("A new caller waits not at all Agents needed 5$"))
    expect(outlook["billing"]).to_have_text(re.compile("Agents needed –$"))
    expect(outlook["night"].get_by_text("Too few calls so far for an outlook")).to_be_visible()
    expect(outlook["night"].get_by_text("A new caller waits")).to_be_hidden()
    expect(outlook["support"].get_by_text("Too few calls")).to_be_hidden()


def test_timers_run_in_the_browser_between_snapshots(page):
    longest = queue_card(page, "support").locator('[data-f="longest"]')
    before = longest.inner_text()

    expect(longest).not_to_have_text(before)


def test_what_changes_in_the_controller_shows_without_a_reload(page, controller):
    now = controller.now
    queues = (replace(now.queues[0], waiting=4), queue_row("brand new", 0, None), *now.queues[1:])
    agents = (replace(now.agents[0], state="on_break", number=None, queue=None), *now.agents[1:])
    controller.show(
        snapshot(2, at=time.time(), queues=queues, calls=now.calls[1:], agents=agents, nodes=now.nodes)
    )

    expect(queue_card(page, "support").locator('[data-f="waiting"]')).to_have_text("4")
    expect(page.locator(".queue h3")).to_have_text(["support", "brand new", "sales", "billing", "night"])
    expect(page.locator("#calls tr")).to_have_count(7)
    expect(page.locator("#agents tr").first.locator(".pill")).to_have_text("On break")
    assert page.complaints == []


def test_a_break_has_its_reason_and_a_request_its_place(page, controller):
    now = controller.now
    nothing = BreakRow(
        reason=None, since=None, until=None, overdue=False, asked=None, asked_at=None, place=None
    )
    began = time.time() - 2000
    late = replace(nothing, reason="lunch", since=began, until=began + 1800, overdue=True)
    asks = [replace(nothing, asked="coffee", asked_at=began, place=place) for place in (2, 0)]
    states = ("on_break", "waiting", "in_a_queue_call")
    agents = [
        replace(row, state=state, rest=rest, ready_at=None)
        for row, state, rest in zip(now.agents, states, (late, *asks), strict=False)
    ]
    controller.show(replace(now, version=99, agents=(*agents, *now.agents[3:])))
    rows = page.locator("#agents tr")
    expect(rows.nth(0).locator(".pill")).to_have_text("On break: lunch")
    expect(rows.nth(0).locator("td").nth(3)).to_have_attribute("data-level", "bad")
    expect(rows.nth(0).locator("td").nth(3)).to_have_text(re.compile("33:2"))
    expect(rows.nth(1).locator("td").nth(1)).to_have_text("Ready asks for coffee, place 2")
    expect(rows.nth(2).locator("td").nth(1)).to_have_text("Talking then coffee")
    assert page.complaints == []


def test_a_diverted_queue_says_where_its_callers_go(page, controller):
    queues = controller.now.queues
    diverted = replace(queues[0], divert="voicemail@default")
    controller.show(replace(controller.now, version=99, queues=(diverted, *queues[1:])))
    expect(queue_card(page, queues[0].name).locator(".strategy")).to_have_text("diverted: voicemail@default")


def test_a_waiting_caller_says_why(page, controller):
    """Each agent of the queue with what keeps them away, for the one who asks and by the keyboard too."""
    other, caller = controller.now.calls[:2]
    answer = WhyRow(
        call=caller.id,
        queue=caller.queue,
        at=time.time(),
        wanted=1,
        agents=(
            WhyAgent(agent="Ann", reason=None),
            WhyAgent(agent="<b>Bob</b>", reason="wrap_up", until=time.time() + 7),
            WhyAgent(agent="Cid", reason="overtaking_cap", other_call=other.id),
            WhyAgent(agent="Dee", reason="skills", refused_before=True),
        ),
        more_agents=3,
    )
    controller.reasons[caller.id] = answer
    button = page.locator(f'#calls tr[data-key="{caller.id}"]').get_by_role("button")
    expect(button).to_have_accessible_name(re.compile(rf"why {re.escape(caller.number)} still waits"))
    button.focus()
    page.keyboard.press("Enter")

    dialog = page.get_by_role("dialog", name=f"Why {caller.number} still waits")
    expect(dialog.get_by_role("status")).to_have_text("Looking for 1 agent.")
    expect(dialog.locator("tbody tr")).to_have_text(
        [
            "AnnCan be had",
            re.compile("^<b>Bob</b>Is in wrap-up, ends in 0:0[78]$"),
            f"CidIs kept for a caller who was overtaken often enough, namely {other.number}",
            "DeeLacks a skill that the caller needs, has let this caller ring before",
        ]
    )
    expect(dialog).to_contain_text("and 3 more agents")
    controller.reasons[caller.id] = replace(answer, closed="ringing", agents=answer.agents[:1], more_agents=0)
    dialog.get_by_role("button", name="Ask again").click()
    expect(dialog.get_by_role("status")).to_have_text("As many phones ring as the queue's strategy wants.")
    expect(dialog.locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(button).to_be_focused()
    assert page.complaints == []


def test_a_caller_who_is_gone_meanwhile_has_no_reasons(page, controller):
    page.locator("#calls tr").first.get_by_role("button").click()

    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text(
        "Not known: nothing is known of this call"
    )
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_agents_who_are_logged_out_can_be_shown(page):
    page.get_by_role("button", name="All").click()

    expect(page.locator("#agents tr")).to_have_count(24)
    expect(page.locator("#agents-count")).to_have_text("24 of 24")


def test_text_from_a_caller_or_a_file_never_becomes_markup(page, controller):
    evil = "<img src=x onerror=alert(1)>"
    controller.show(
        snapshot(
            2,
            at=time.time(),
            queues=(queue_row(evil, 1, time.time()),),
            calls=(call_row("c", evil, number=evil),),
            agents=(agent_row(evil, "in_a_queue_call", number=evil, queue=evil),),
        )
    )

    expect(page.locator(".queue h3")).to_have_text([evil])
    assert page.locator("main img").count() == 0
    assert page.complaints == []


def test_a_lost_connection_is_said_and_comes_back_by_itself(page, server, controller):
    server.stop()
    expect(page.locator("#banner")).to_contain_text("No connection to the controller for")
    expect(page.locator("#link")).to_have_text("Connection lost")

    again = ApiServer("127.0.0.1", server.port)
    controller.now = busy_hour(time.time())
    again.start(create_app(controller, token=TOKEN))
    try:
        expect(page.locator("#link")).to_have_text("Live", timeout=30000)
        expect(page.locator("#banner")).to_be_hidden()
    finally:
        again.stop()


def test_a_switch_that_is_not_connected_is_said(page, controller):
    now = controller.now
    down = replace(now.nodes[1], up=False, reason="connection refused")
    controller.show(replace(now, version=2, at=time.time(), nodes=(now.nodes[0], down)))

    expect(page.locator("#banner")).to_contain_text("No connection to FreeSWITCH: fs2 (connection refused)")
    controller.show(replace(now, version=3, at=time.time()))
    expect(page.locator("#banner")).to_be_hidden()


def test_from_elsewhere_the_page_asks_for_the_token(chromium, server):
    context = chromium.new_context(extra_http_headers={"x-forwarded-for": "203.0.113.9"})
    context.set_default_timeout(30_000)
    page = context.new_page()
    page.goto(server.url)
    page.get_by_role("textbox", name="Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_text("This token isn't right.")).to_be_visible()
    page.get_by_role("textbox", name="Token").fill(TOKEN)
    page.get_by_role("button", name="Open").click()

    expect(page.locator("#link")).to_have_text("Live")
    expect(page.locator(".queue")).to_have_count(4)
    context.close()


def test_light_and_dark_and_the_choice_is_remembered(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    page.get_by_role("button", name="Switch between light and dark").click()
    dark = page.evaluate(ground)
    assert light != dark
    page.reload()
    assert page.evaluate(ground) == dark


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_both_colours(chromium, server, scheme):
    """Contrast of at least 4.5 : 1 (WCAG AA) for every text that is shown."""
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator("#agents tr")).to_have_count(18)
    weak = page.evaluate(
        """() => {
      const rgb = (c) => c.match(/[\\d.]+/g).map(Number);
      const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
      const lum = ([r, g, b]) => [r, g, b].map((v) => linear(v / 255))
        .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
      const back = (node) => { for (; node; node = node.parentElement) {
        const c = rgb(getComputedStyle(node).backgroundColor); if (c.length < 4 || c[3] > 0) return c; }
        return [255, 255, 255]; };
      const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
      const weak = [];
      for (let text = walker.nextNode(); text; text = walker.nextNode()) {
        const node = text.parentElement;
        const words = text.textContent.trim();
        if (!words || !node.checkVisibility() || ["SCRIPT", "NOSCRIPT"].includes(node.tagName)) continue;
        const [a, b] = [lum(rgb(getComputedStyle(node).color)), lum(back(node))].sort((x, y) => y - x);
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5) weak.push(`${words} ${ratio.toFixed(2)}`);
      }
      return weak; }"""
    )
    context.close()

    assert weak == []


@pytest.mark.parametrize("width", [360, 768, 1024, 1201, 1280, 1920])
def test_nothing_sticks_out_at_any_width(chromium, server, width):
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator(".queue")).to_have_count(4)

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == 0
    context.close()


@pytest.mark.parametrize("width", [1280, 1400, 1440, 1920])
def test_a_short_name_is_not_broken_in_two(chromium, server, width):
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(server.url)
    name = page.locator("#calls .sub", has_text="1014").last
    expect(name).to_be_visible()

    assert name.bounding_box()["height"] < 28, "one line of text"
    context.close()


@pytest.mark.parametrize("width", [360, 1280])
def test_long_names_are_wrapped_and_hide_nothing(chromium, server, controller, width):
    queue = "Kundendienst-Nordwest-Versicherungen-und-Schaeden-Abteilung-7_eu"
    agent = "agent.with.a.very.long.name@callcenter.example.org"
    now = controller.now
    context = chromium.new_context(viewport={"width": width, "height": 800})
    page = context.new_page()
    page.goto(server.url)
    controller.show(
        replace(
            now,
            version=2,
            queues=(replace(now.queues[0], name=queue),),
            calls=tuple(replace(call, queue=queue, agents=(agent,)) for call in now.calls),
            agents=tuple(
                replace(row, name=f"{agent}{n}", queue=queue if row.queue else None)
                for n, row in enumerate(now.agents)
            ),
        )
    )
    expect(page.locator(".queue h3")).to_have_text([queue])

    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(CUT) == 0
    context.close()


def test_three_queues_fill_the_width_and_none_at_all_are_explained(chromium, server, controller):
    context = chromium.new_context(viewport={"width": 1600, "height": 800})
    page = context.new_page()
    page.goto(server.url)
    expect(page.locator(".queue")).to_have_count(4)
    controller.show(replace(controller.now, version=2, queues=controller.now.queues[:3]))
    expect(page.locator(".queue")).to_have_count(3)
    right = page.locator(".queue").last.bounding_box()
    assert right["x"] + right["width"] > 1600 - 40
    controller.show(replace(controller.now, version=3, queues=(), calls=(), agents=()))
    expect(page.get_by_text("No queues are configured.")).to_be_visible()
    context.close()


def test_three_hundred_agents_and_callers_stay_quick(page, controller):
    calls = tuple(call_row(f"c{n}", "support", n + 1) for n in range(300))
    agents = tuple(agent_row(f"a{n}", since=time.time()) for n in range(300))
    queues = tuple(queue_row(f"q{n}", 1, time.time(), service_level=service_level()) for n in range(30))
    for version in range(2, 8):
        shown = tuple(replace(row, calls_answered=version) for row in agents)
        controller.show(
            snapshot(version, at=time.time(), queues=queues, calls=calls[version:], agents=shown, nodes=())
        )
        expect(page.locator("#agents tr").last.locator("td").last).to_have_text(str(version))
    draw_ms = page.evaluate(
        """() => new Promise((done) => {
          const begun = performance.now();
          requestAnimationFrame(() => done(performance.now() - begun));
        })"""
    )

    expect(page.locator("#calls tr")).to_have_count(293)
    assert draw_ms < 500


def test_the_view_of_the_api_needs_no_network(chromium, server):
    context = chromium.new_context()
    page = context.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{server.url}/api/docs")
    page.get_by_text("/api/v1/agents/{name}", exact=True).last.click()

    expect(page.get_by_text("Change an agent").first).to_be_visible()
    assert all(url.startswith(server.url) for url in asked)
    context.close()
