"""The shell around the engine: a fault of ours costs one input, and no call."""

from __future__ import annotations

from types import SimpleNamespace

import gevent
import pytest
from sim.world import KEY, agent, everybody, queue

from py_callcenter._router import Event
from py_callcenter.app import controller as controller_module
from py_callcenter.app import notable
from py_callcenter.app.controller import Controller
from py_callcenter.app.crossing import IntoHub
from py_callcenter.app.secrets import Keys
from py_callcenter.engine import exits, offers, staffing
from py_callcenter.engine.actions import Originate
from py_callcenter.engine.memory import Memory
from py_callcenter.esl.port import State

pytestmark = pytest.mark.sim


class StoppedClock:
    """Time passes when the test says so."""

    now = 1_800_000_000_000_000

    def now_us(self) -> int:
        return self.now


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


def test_a_fault_in_the_ringing_of_one_phone_costs_that_phone_and_is_logged(monkeypatch):
    clock = StoppedClock()
    agents = [agent(name, status="Logged Out") for name in ("1000", "1001", "1002")]
    store = NoStore()
    controller = Controller(
        everybody([queue()], agents),
        store,
        keys=Keys(KEY, (), KEY),
        epoch=1,
        memory=Memory(),
        seed=1,
        clock=clock,
    )
    logged, looks, performed = [], [], []
    monkeypatch.setattr(
        controller_module, "_log", SimpleNamespace(error=lambda event, **more: logged.append((event, more)))
    )
    monkeypatch.setitem(notable.NOTABLE, "invariant-violated", lambda **told: logged.append(told))
    link = SimpleNamespace(
        state=State.UP, request_resync=lambda: looks.append("fs1"), perform=performed.append
    )
    controller.links = {"fs1": link}
    for uuid in ("c1", "c2", "c3"):
        controller.on_event("fs1", park(uuid))
    controller.on_state("fs1", State.DOWN)
    for one in agents:
        controller.set_agent_status(one.name, "Available")
    real, failed = offers.ring, []

    def ring(state, proposal):
        if not failed:
            failed.append(proposal)
            raise RuntimeError("a fault of ours")
        real(state, proposal)

    monkeypatch.setattr(offers, "ring", ring)
    controller.on_state("fs1", State.UP)

    assert [record.call for record in store.records if record.kind == "offer-made"] == ["c2", "c3"]
    assert sum(isinstance(action, Originate) for action in performed) == 2
    [(event, more)] = logged
    assert (controller.faults, event, more["input"]) == (1, "engine_fault", "ring")
    assert str(more["exc_info"]) == "a fault of ours"

    looks.clear()
    for _ in range(30):
        clock.now += 1_000_000
        controller._input(controller.engine.tick)
    made = [record for record in store.records if record.kind == "offer-made"]
    assert [record.call for record in made][2:] == ["c1"]
    assert logged[1:] == [{"rule": "I3", "call": "c1", "agent": made[2].agent, "node": "fs1"}]
    assert looks == ["fs1"]
    assert controller.faults == 1


def test_a_question_to_a_hub_that_is_closing_is_refused_and_not_left_open():
    hub = IntoHub()
    waiting = hub.call(lambda: None)
    hub.close()
    late = hub.call(lambda: None)

    for future in (waiting, late):
        with pytest.raises(RuntimeError, match="stopping"):
            future.result(0)
