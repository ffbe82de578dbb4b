"""What a scrape costs at 1 000 queues and 10 000 agents: on the hub's time, beside it, and in bytes.

    .venv/bin/python bench/python/bench_metrics.py [--queues 1000] [--agents 10000] [--scrapes 20]

Every queue has had calls with every outcome, so that every histogram counts, every queue knows its expected
wait, every agent is in three queues and one in six wraps up. Three kinds of scrapes take turns: nothing
happened since the last one, every queue answered a call, and every figure of every queue changed. The goal is
100 ms for a whole scrape, and on the hub nothing that grows with queues or agents. A thread that asks to be
woken every half millisecond, as the hub does while it is idle, tells how long others wait for the
interpreter.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import random
import statistics
import sys
import threading
import time
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

from py_callcenter import __version__
from py_callcenter._router import BUILD_PROFILE
from py_callcenter.app.controller import Controller
from py_callcenter.app.port import HubPort
from py_callcenter.app.run import SWITCH_INTERVAL_S
from py_callcenter.app.secrets import Keys
from py_callcenter.config import Agent, Config, Queue, Tier
from py_callcenter.engine import records as r
from py_callcenter.metrics import pieces
from py_callcenter.stats import LEFT_REASONS, PHASES, Hint
from py_callcenter.store import Database, Store

SECOND = 1_000_000
TICK_S = 0.0005
KINDS = ("nothing happened", "every queue answered a call", "every figure changed")


class Straight:
    """Runs at once what would be carried into the hub, and keeps the time it took there."""

    def __init__(self) -> None:
        self.spent_us: list[float] = []

    def call(self, function: Any) -> Future[Any]:
        future: Future[Any] = Future()
        begun = time.perf_counter()
        result = function()
        self.spent_us.append((time.perf_counter() - begun) * 1e6)
        future.set_result(result)
        return future


def centre(queues: int, agents: int) -> Config:
    rng = random.Random(1)
    names = [f"queue-{n:04}" for n in range(queues)]
    return Config(
        queues=tuple(Queue(name=name) for name in names),
        agents=tuple(
            Agent(name=f"{n:05}", contacts=(f"user/{n}",), status="Available") for n in range(agents)
        ),
        tiers=tuple(
            Tier(queue=queue, agent=f"{n:05}") for n in range(agents) for queue in rng.sample(names, 3)
        ),
    )


class Ticking:
    """A thread that notes how late it is woken, in microseconds."""

    def __init__(self) -> None:
        self.late_us: list[float] = []
        threading.Thread(target=self._tick, daemon=True).start()

    def _tick(self) -> None:
        while True:
            begun = time.perf_counter()
            time.sleep(TICK_S)
            self.late_us.append((time.perf_counter() - begun - TICK_S) * 1e6)


class Past:
    """What happens in the call centre, as records."""

    def __init__(self, controller: Controller) -> None:
        self.controller = controller
        self.rng = random.Random(2)
        self.agents = [agent.name for agent in controller.config.agents]
        self.queues = [queue.name for queue in controller.config.queues]
        self.made = 0

    def record(self, kind: Any, **fields: Any) -> Any:
        self.made += 1
        now_us = self.controller.clock.now_us()
        return kind(node="fs1", epoch=2, sequence=self.made, at_us=now_us, **fields)

    def entered(self, queue: str) -> tuple[list[Any], dict[str, Any]]:
        """A caller comes, and is told a minute."""
        call = f"call-{self.made}"
        leg = {"call": call, "queue": queue, "leg": 1}
        told = {"expected_us": 60 * SECOND, "expected_low_us": SECOND, "expected_high_us": 90 * SECOND}
        came = self.record(r.CallOffered, call=call, queue=queue)
        return [came, self.record(r.QueueEntered, **leg, priority=0, **told)], leg

    def wait_us(self) -> int:
        return self.rng.randrange(1, 900 * SECOND)

    def answered(self, queue: str, wait_us: int) -> None:
        """The caller talks, the agent wraps up."""
        records, leg = self.entered(queue)
        agent = self.rng.choice(self.agents)
        rung = {"agent": agent, "call": leg["call"], "queue": queue, "attempt": 1}
        talked = {"talk_us": self.wait_us(), "hold_us": self.wait_us(), "ended_by": "agent"}
        until_us = self.controller.clock.now_us() + self.rng.randrange(60 * SECOND)
        records += [
            self.record(r.OfferMade, **rung),
            self.record(r.OfferEnded, **rung, outcome="answered", cause="", ring_us=3 * SECOND),
            self.record(r.CallAnswered, **leg, agent=agent, wait_us=wait_us, voice_us=40_000),
            self.record(r.ConversationEnded, **leg, agent=agent, **talked, transferred=False),
            self.record(r.AgentWrapUp, agent=agent, until_us=until_us, call=leg["call"]),
        ]
        self.controller.live.put(records)

    def not_answered(self, queue: str) -> None:
        """One of each other end, one who waits on, and a wrap-up that is cut short."""
        ends = [(r.CallAbandoned, {"phase": phase}) for phase in PHASES]
        ends += [(r.CallLeft, {"reason": reason, "target": "hangup"}) for reason in LEFT_REASONS]
        ends.append((r.CallLost, {}))
        for kind, fields in ends:
            records, leg = self.entered(queue)
            self.controller.live.put([*records, self.record(kind, **leg, wait_us=self.wait_us(), **fields)])
        self.controller.live.put(self.entered(queue)[0])
        for side in ("caller", "system"):
            agent = self.rng.choice(self.agents)
            leg = {"call": f"call-{self.made}", "queue": queue, "leg": 1, "agent": agent}
            talked = {"talk_us": SECOND, "hold_us": 1, "ended_by": side, "transferred": True}
            until_us = self.controller.clock.now_us() + SECOND
            self.controller.live.put([
                self.record(r.ConversationEnded, **leg, **talked),
                self.record(r.AgentWrapUp, agent=agent, until_us=until_us, call=leg["call"]),
                self.record(r.AgentWrapUp, agent=agent, until_us=0, call=leg["call"]),
            ])  # fmt: skip

    def happen(self, kind: str) -> None:
        for queue in self.queues if kind != KINDS[0] else ():
            self.answered(queue, self.wait_us())
            if kind == KINDS[2]:
                self.answered(queue, SECOND)
                self.not_answered(queue)
        with self.controller.live.reading():  # a thread of its own folds what came, once a second
            pass


def serve(controller: Controller) -> None:
    """Let every queue answer enough calls to know what to tell those who come."""
    router: Any = controller.router
    now_us = controller.clock.now_us()
    for queue in controller.engine._state.queue_ids.values():
        for _ in range(30):
            router.enqueue(now_us, queue, entered_us=now_us)
    talking: list[int] = []
    for _ in range(40):
        for offer in talking:
            router.finish(now_us, offer)
        talking = []
        while found := router.decide(now_us):
            for proposal in found:
                router.claim(now_us, proposal.offer)
                router.bridged(now_us, proposal.offer)
                talking.append(proposal.offer)
        now_us += 60 * SECOND
        router.advance(now_us)


async def measure(options: argparse.Namespace) -> None:
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    database = Database.open("sqlite://")
    store = Store(database)
    controller = Controller(
        centre(options.queues, options.agents),
        store,
        keys=Keys(b"k" * 32, (), b"c" * 32),
        epoch=1,
        memory=store.memory(),
        seed=1,
    )
    controller.live.put(controller.engine.start().records)
    straight = Straight()
    port = HubPort(controller, store, straight)  # type: ignore[arg-type]  # stands in for the way into the hub
    serve(controller)
    past = Past(controller)
    for _ in range(3):
        past.happen(KINDS[2])
    gc.collect()
    gc.freeze()  # as the controller does at its start
    ticking = Ticking()
    await asyncio.sleep(1)
    alone, ticking.late_us = ticking.late_us, []
    figures: dict[str, dict[str, list[float]]] = {
        kind: {"whole scrape": [], "  of it the snapshot": [], "processor time of a scrape": []}
        for kind in KINDS
    }
    staffing = {queue: Hint(3, 4, 20, 21.5, 240.0, 100.0) for queue in past.queues}
    late_us, size, lines = [], 0, 0
    for n in range(len(KINDS) * (options.scrapes + 2)):
        kind = KINDS[n % len(KINDS)]
        past.happen(kind)
        ticking.late_us = []
        begun, cpu_begun = time.perf_counter(), time.process_time()
        snapshot = replace(await port.metrics(), staffing=staffing)  # hints are worked out once a minute
        taken = time.perf_counter()
        found, _ = await asyncio.to_thread(pieces, snapshot, "text/plain")
        ended = time.perf_counter()
        if n >= 2 * len(KINDS):
            for times, took in zip(
                figures[kind].values(),
                (ended - begun, taken - begun, time.process_time() - cpu_begun),
                strict=True,
            ):
                times.append(took * 1e3)
            late_us += ticking.late_us
        size, lines = sum(map(len, found)), sum(piece.count(b"\n") for piece in found)
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()},")
    print(f"callcenter {__version__} ({BUILD_PROFILE}); {options.queues} queues, {options.agents} agents")
    for kind, measured in figures.items():
        print(f"\n{kind} since the last scrape")
        for what, times in measured.items():
            print(f"{what}: {spread(times)} ms")
    print(f"\non the hub: {spread(straight.spent_us)} us")
    print(f"another thread is woken late: {spread(late_us)}, p99 {p99(late_us):.0f} us")
    print(f"  without a scrape: {spread(alone)}, p99 {p99(alone):.0f} us")
    known = sum(wait.half_us is not None for wait in snapshot.expected.values())
    print(f"{lines} lines, {size / 1e6:.1f} MB; {known} queues know their expected wait")
    store.close()


def spread(times: list[float]) -> str:
    return f"median {statistics.median(times):.1f}, best {min(times):.1f}, worst {max(times):.1f}"


def p99(times: list[float]) -> float:
    return sorted(times)[len(times) * 99 // 100]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--queues", type=int, default=1000)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--scrapes", type=int, default=20)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
