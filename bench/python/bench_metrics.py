"""What a scrape costs at 1 000 queues and 10 000 agents: on the hub's time, beside it, and in bytes.

    .venv/bin/python bench/python/bench_metrics.py [--queues 1000] [--agents 10000] [--scrapes 20]

Every queue has calls with every outcome, every agent is in three queues. The goal is 100 ms for a whole
scrape, and on the hub nothing that grows with queues or agents.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import os
import platform
import random
import statistics
import time
from concurrent.futures import Future
from typing import Any

from py_callcenter import __version__
from py_callcenter._router import BUILD_PROFILE
from py_callcenter.app.controller import Controller
from py_callcenter.app.port import HubPort
from py_callcenter.app.secrets import Keys
from py_callcenter.config import Agent, Config, Queue, Tier
from py_callcenter.engine import records as r
from py_callcenter.metrics import render
from py_callcenter.store import Database, Store

SECOND = 1_000_000


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


def calls(controller: Controller, rng: random.Random, rounds: int, now_us: int) -> None:
    """Every queue gets one call of each outcome, and agents are busy with them."""
    sequence = 0

    def at(kind: Any, **fields: Any) -> Any:
        nonlocal sequence
        sequence += 1
        return kind(node="fs1", epoch=2, sequence=sequence, at_us=now_us, **fields)

    agents = [agent.name for agent in controller.config.agents]
    for n in range(rounds):
        for queue in controller.config.queues:
            call = f"{queue.name}-{n}"
            leg = {"call": call, "queue": queue.name, "leg": 1}
            wait_us = rng.randrange(900 * SECOND)
            batch = [
                at(r.CallOffered, call=call, queue=queue.name),
                at(r.QueueEntered, **leg, priority=0),
            ]
            match n % 4:
                case 0:
                    agent = rng.choice(agents)
                    batch += [
                        at(r.CallAnswered, **leg, agent=agent, wait_us=wait_us, voice_us=40_000),
                        at(
                            r.ConversationEnded, **leg, agent=agent, talk_us=wait_us, hold_us=0,
                            ended_by="agent", transferred=False,
                        ),
                    ]  # fmt: skip
                case 1:
                    batch.append(at(r.CallAbandoned, **leg, wait_us=wait_us, phase="queued"))
                case 2:
                    left = {"reason": "timeout", "target": "hangup"}
                    batch.append(at(r.CallLeft, **leg, wait_us=wait_us, **left))
                case _:
                    pass
            controller.live.put(batch)


async def measure(options: argparse.Namespace) -> None:
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
    rng = random.Random(2)
    calls(controller, rng, 8, controller.clock.now_us())
    gc.collect()
    gc.freeze()  # as the controller does at its start
    whole, parts, cpu, size = [], [], [], 0
    for n in range(options.scrapes + 2):
        calls(controller, rng, 1, controller.clock.now_us())
        with controller.live.reading():  # what came since the last second is folded by another thread
            pass
        begun, cpu_begun = time.perf_counter(), time.process_time()
        snapshot = await port.metrics()
        taken = time.perf_counter()
        body, _ = await asyncio.to_thread(render, snapshot, "text/plain")
        if n >= 2:
            whole.append((time.perf_counter() - begun) * 1e3)
            parts.append((taken - begun) * 1e3)
            cpu.append((time.process_time() - cpu_begun) * 1e3)
        size = len(body)
    lines = body.count(b"\n")
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {os.cpu_count()} cores, Python {platform.python_version()},")
    print(f"callcenter {__version__} ({BUILD_PROFILE}); {options.queues} queues, {options.agents} agents")
    print(f"whole scrape: {spread(whole)} ms")
    print(f"  of it the snapshot: {spread(parts)} ms")
    print(f"processor time of a scrape: {spread(cpu)} ms")
    print(f"on the hub: {spread(straight.spent_us)} us")
    print(f"{lines} lines, {size / 1e6:.1f} MB")
    store.close()


def spread(times: list[float]) -> str:
    return f"median {statistics.median(times):.1f}, best {min(times):.1f}, worst {max(times):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--queues", type=int, default=1000)
    parser.add_argument("--agents", type=int, default=10_000)
    parser.add_argument("--scrapes", type=int, default=20)
    asyncio.run(measure(parser.parse_args()))


if __name__ == "__main__":
    main()
