"""The shell around the engine: a fault of ours costs one input, and no call."""

from __future__ import annotations

import gevent
import pytest
from sim.world import KEY, agent, everybody, queue

from py_callcenter._router import Event
from py_callcenter.app.controller import Controller
from py_callcenter.app.crossing import IntoHub
from py_callcenter.app.secrets import Keys
from py_callcenter.engine import exits, staffing
from py_callcenter.engine.memory import Memory

pytestmark = pytest.mark.sim


class NoStore:
    """A store that keeps records in memory."""

    def __init__(self) -> None:
        self.records: list = []

    def put(self, records) -> None:
        self.records += records


def shell(max_wait_time: float = 0) -> tuple[Controller, NoStore]:
    store = NoStore()
    config = everybody([queue(max_wait_time=max_wait_time)], [agent("1000", status="Logged Out")])
    return Controller(config, store, keys=Keys(KEY, (), KEY), epoch=1, memory=Memory(), seed=1), store


def park(uuid: str, **more: str) -> Event:
    headers = {"Event-Name": "CHANNEL_PARK", "Unique-ID": uuid, "variable_cc_queue": "support", **more}
    return Event.from_plain(("".join(f"{n}: {v}\n" for n, v in headers.items()) + "\n").encode())


def test_a_fault_in_the_engine_costs_one_input_and_not_what_was_decided_before(monkeypatch):
    controller, store = shell()
    monkeypatch.setattr(staffing, "watch", lambda *_: 1 / 0)
    controller.on_event("fs1", park("c1"))
    monkeypatch.undo()

    assert controller.faults == 1
    assert [record.kind for record in store.records] == ["call-offered", "queue-entered"]

    controller.on_event("fs1", park("c2"))
    assert [line.id for line in controller.view().calls] == ["c1", "c2"]


def test_the_deadlines_go_on_after_a_fault_in_one_of_them(monkeypatch):
    controller, store = shell(max_wait_time=0.02)
    for uuid in ("c1", "c2", "c3"):
        controller.on_event("fs1", park(uuid))
    real, failed = exits.leave, []

    def leave(state, call, *rest):
        if call.uuid == "c2" and not failed:
            failed.append(call)
            raise RuntimeError("a fault of ours")
        real(state, call, *rest)

    monkeypatch.setattr(exits, "leave", leave)
    keeper = gevent.spawn(controller._keep_time)
    gevent.sleep(0.2)

    assert not keeper.dead
    assert controller.faults == 1
    assert [r.call for r in store.records if r.kind == "call-left"] == ["c1", "c3"]
    keeper.kill()


def test_a_question_to_a_hub_that_is_closing_is_refused_and_not_left_open():
    hub = IntoHub()
    waiting = hub.call(lambda: None)
    hub.close()
    late = hub.call(lambda: None)

    for future in (waiting, late):
        with pytest.raises(RuntimeError, match="stopping"):
            future.result(0)
