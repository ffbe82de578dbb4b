"""News for the pages: none is missed, and much of it wakes the HTTP thread once."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from py_callcenter.app.port import HubPort

pytestmark = pytest.mark.app


class Hub:
    """Answers at once."""

    def call(self, function):
        future = Future()
        future.set_result(function())
        return future


def a_port(monkeypatch):
    controller = SimpleNamespace(changed=lambda: None, what="nothing")
    port = HubPort(controller, store=None, into_hub=Hub())

    async def snapshot(_self):
        return controller.what

    monkeypatch.setattr(HubPort, "snapshot", snapshot)
    return controller, port


def test_a_page_hears_of_what_changed_after_its_last_look(monkeypatch):
    controller, port = a_port(monkeypatch)

    async def watch():
        first, second = port.subscribe(), port.subscribe()
        seen = [await anext(first), await anext(second)]
        for news in ("a call", "an answer", "an end"):
            controller.what = news
            controller.changed()
            seen += await asyncio.wait_for(asyncio.gather(anext(first), anext(second)), 10)
        await first.aclose()
        await second.aclose()
        return seen

    assert asyncio.run(watch()) == ["nothing"] * 2 + ["a call"] * 2 + ["an answer"] * 2 + ["an end"] * 2


def test_news_that_nobody_has_looked_at_is_told_once(monkeypatch):
    controller, port = a_port(monkeypatch)

    async def wakes():
        loop, woken = asyncio.get_running_loop(), []
        page = port.subscribe()
        await anext(page)
        with monkeypatch.context() as patch:
            patch.setattr(loop, "call_soon_threadsafe", lambda run: woken.append(loop.call_soon(run)))
            for _ in range(5):
                controller.changed()
                await asyncio.sleep(0)
            await anext(page)
            controller.changed()
        await page.aclose()
        return len(woken)

    assert asyncio.run(wakes()) == 2
