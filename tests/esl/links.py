"""A link to a simulated node and an application that writes down what it hears."""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Container, Iterable

import gevent
from esl.fake_server import FakeSwitch, wait_for

from py_callcenter._router import Event
from py_callcenter.engine.actions import Action, AskApplication, AskMark, Device, Look, Originate, Probe
from py_callcenter.esl.node import NodeLink
from py_callcenter.esl.port import State
from py_callcenter.esl.settings import NodeSettings, Timings
from py_callcenter.esl.values import Limits

U1 = "4ed3197a-40f7-4fd7-85ee-b66a612c0200"
U2 = "47cd395f-bc16-41ce-a629-fe39699a6553"
U3 = "a57ab476-285d-45bc-87c2-fb5f3df182ac"
FAST = Timings(canary_s=0.05, resync_every_s=0.05, dead_man_every_s=0.05)
RUDE = b"Content-Type: text/rude-rejection\nContent-Length: 24\n\nAccess Denied, go away.\n"


class Recorder:
    """An application that writes down what it hears."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.failures: list[tuple[Action, str | None]] = []
        self.probes: list[tuple[str, bool]] = []
        self.looks: list[tuple[str, str | None]] = []
        self.applications: list[tuple[str, str]] = []
        self.marks: list[tuple[str, str]] = []
        self.syncs: list[tuple[list[str], str, bool]] = []
        self.states: list[State] = []
        self.story: list[str] = []
        self.known: list[str] = []
        self.gone = 0
        self.resumed: list[float] = []
        self.harmful: list[str] = []

    def on_resumed(self, _node: str, took_s: float) -> None:
        self.resumed.append(took_s)

    def on_harmful(self, _node: str, uuid: str) -> None:
        self.harmful.append(uuid)

    def on_gone(self, _node: str) -> None:
        self.gone += 1

    def on_event(self, _node: str, event: Event) -> None:
        self.events.append(event.name)
        self.story.append(f"{event.name} {event.unique_id}".strip())

    def on_failure(self, action: Action, error: str | None) -> None:
        self.failures.append((action, error))

    def on_application(self, action: AskApplication, application: str) -> None:
        self.applications.append((action.uuid, application))

    def on_mark(self, action: AskMark, mark: str) -> None:
        self.marks.append((action.uuid, mark))

    def on_probe(self, action: Probe, alive: bool) -> None:
        self.probes.append((action.uuid, alive))

    def on_look(self, action: Look, dump: Event | None) -> None:
        self.looks.append((action.uuid, None if dump is None else dump.get("variable_cc_queue")))

    def on_sync(self, _node: str, dumps: list[Event], core_uuid: str, restarted: bool) -> None:
        self.syncs.append(([dump.unique_id for dump in dumps], core_uuid, restarted))
        self.story.append("sync")

    def on_state(self, _node: str, state: State) -> None:
        self.states.append(state)

    def known_legs(self, _node: str, _seen: Container[str]) -> Iterable[str]:
        return self.known


@contextlib.contextmanager
def linked(switch: FakeSwitch, app: Recorder, *, up: bool = True, password: str = "ClueCon", **options):
    timings = options.pop("timings", FAST)
    clock = options.pop("clock", time.monotonic)
    limits = options.pop("limits", Limits())
    settings = NodeSettings("fs1", switch.host, switch.port, password, **options)
    link = NodeLink(settings, app, rng=random.Random(7), timings=timings, limits=limits, clock=clock)
    link.start()
    try:
        if up:
            wait_for(lambda: link.state is State.UP)
        yield link
    finally:
        link.stop()
        gevent.sleep(0.01)


class Clock:
    """Stands still until it is moved on."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def tried(link: NodeLink, problem: str) -> None:
    """Two more attempts have failed, so that what one of them led to is there."""
    before = link.counters.reconnects.get(problem, 0)
    wait_for(lambda: link.counters.reconnects.get(problem, 0) >= before + 2)


def ring(job: str = "job-1") -> Originate:
    return Originate("fs1", job, (Device(U1, "user/1000"),), (), "", "1", 20)
