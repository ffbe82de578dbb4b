"""Promises that only the shell around the engine can see broken."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from py_callcenter.api.port import PortError
from py_callcenter.app import controller, port
from py_callcenter.config import Config, Queue
from py_callcenter.store import StoreError

pytestmark = pytest.mark.app


class Books:
    """A store that takes a configuration once, and then nothing more."""

    working = True

    def __init__(self, *, fails_at: int) -> None:
        self.applied: list[Config] = []
        self.fails_at = fails_at

    def apply(self, config):
        self.applied.append(config)
        future = Future()
        if len(self.applied) >= self.fails_at:
            future.set_exception(StoreError("the disk is full"))
        else:
            future.set_result(len(self.applied))
        return future


@pytest.mark.parametrize(("fails_at", "told"), [(2, ["I16"]), (9, [])])
def test_a_refused_configuration_that_can_not_be_taken_back_is_told(fails_at, told):
    before, wanted = Config(), Config(queues=(Queue(name="support"),))
    broken = []

    def refuse(_wanted):
        raise PortError(409, "somebody waits there")

    async def ask(what):
        return what()

    hub = object.__new__(port.HubPort)
    hub._applying = asyncio.Lock()
    hub._ask = ask
    hub._store = Books(fails_at=fails_at)
    hub._controller = SimpleNamespace(
        config=before,
        plan=lambda config: (config, ["a change"]),
        take_up=refuse,
        violated=broken.append,
    )

    with pytest.raises(PortError, match="somebody waits"):
        asyncio.run(hub.apply(wanted, dry_run=False))

    assert hub._store.applied == [wanted, before]
    assert broken == told


@pytest.mark.parametrize(
    "order", ["set_agent_status", "end_wrap_up", "set_wrap_up", "hold_agent", "set_external_calls"]
)
def test_an_order_about_an_agent_is_answered_when_it_is_on_disk(order):
    """I16: who kills the controller right after the "yes" finds the order obeyed by the next one."""
    steps = []

    async def ask(what):
        what()

    async def row(_agent):
        steps.append("yes")

    def kept():
        steps.append("on its way")
        return future

    hub = object.__new__(port.HubPort)
    hub._ask, hub._agent = ask, row
    hub._controller = SimpleNamespace(**{order: lambda *_words, **_more: steps.append("done")})
    hub._store = SimpleNamespace(kept=kept)
    words = {"set_agent_status": ("On Break",), "end_wrap_up": ()}.get(order, (5,))

    async def give():
        asyncio.get_running_loop().call_later(
            0.05, lambda: (steps.append("on disk"), future.set_result(True))
        )
        await getattr(hub, order)("1000", *words)

    future = Future()
    asyncio.run(give())
    assert steps == ["done", "on its way", "on disk", "yes"]

    future = Future()
    future.set_result(False)
    with pytest.raises(PortError, match="in force, but not kept") as refused:
        asyncio.run(getattr(hub, order)("1000", *words))
    assert refused.value.status == 503


def test_everything_is_diverted_also_while_every_question_to_the_database_hangs():
    kept, hangs = [], threading.Event()
    orders = object()

    async def ask(what):
        return what()

    async def snapshot():
        return SimpleNamespace(queues=[])

    async def give():
        asking = [asyncio.create_task(asyncio.to_thread(hangs.wait)) for _ in range(100)]
        await asyncio.sleep(0.05)
        hub = port.HubPort(
            SimpleNamespace(divert=lambda *_order: None, orders=orders, keep_orders=kept.append), None, None
        )
        hub._ask, hub.snapshot = ask, snapshot
        try:
            await asyncio.wait_for(hub.divert(None, None), 5)
        finally:
            hangs.set()
        await asyncio.gather(*asking)

    asyncio.run(give())

    assert kept == [orders]


@pytest.mark.parametrize(("took_s", "told"), [(4.9, []), (5.1, [("I14", "fs1")])])
def test_a_switch_that_is_in_step_too_late_is_told(took_s, told):
    broken = []
    one = object.__new__(controller.Controller)
    one.violated = lambda rule, node: broken.append((rule, node))

    one.on_resumed("fs1", took_s)

    assert broken == told
