"""Theory and the expected wait: how close the router is to Erlang, how good the estimate is, what it costs.

- **Theory**: the compiled router in virtual time as M/M/s and M/M/s+M, longest-idle-agent. Mean wait of all
  callers, share that waits and share that gives up, each as the mean of 30 batches with its 99 % interval,
  beside Erlang's value. The first tenth of the calls isn't counted. `jain` is the fairness of calls and of
  talk over the agents, `order` how often somebody was served before somebody who came earlier.
- **Estimate**: the simulation of `rust_router/core/tests/wait_estimate.rs`, run by cargo: the router told
  and asked as a controller does it. Mean squared errors against the queue-length predictor (/QL, which knows
  agents and service rate), the last wait (/LES) and the best that can be known from the queue length
  (/known); share of waits in p10…p90 and p50…p80.
- **Shared agents**: two queues whose callers need one skill each; 10 agents have the one, 10 the other, 20
  both. What the router told each caller who had to wait, judged by those who were served (who wait less than
  somebody who stays, for whom the answer is: some bias above 0 is right), against the queue-length predictor
  that counts shared agents in full (/full), that leaves them out (/own) and the last wait (/LES). `jain` is
  the fairness of talk within each group of agents with equal skills.
- **Cost**: one call through Python, by a nanosecond clock whose own cost is within each time.

    python bench/python/bench_estimate.py [--calls 3000000] [--seed 11] [--no-cargo]
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import random
import shutil
import subprocess
import sys
from heapq import heappop, heappush
from itertools import islice
from pathlib import Path
from time import perf_counter_ns

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from contract.theory import SECOND, Centre, Interval, Model, jain

from py_callcenter import _router
from py_callcenter._router import Erlang, Estimate, Estimator, Router

MODELS = [
    Model(1, 0.7 / 60, 1 / 60),
    Model(5, 4 / 60, 1 / 60),
    Model(20, 17 / 180, 1 / 180),
    Model(100, 90 / 180, 1 / 180),
    Model(1, 2 / 60, 1 / 60, 1 / 60),
    Model(10, 12 / 100, 1 / 100, 0.5 / 100),
    Model(50, 48 / 300, 1 / 300, 2 / 300),
    Model(100, 120 / 100, 1 / 100, 0.5 / 100),
]


def machine() -> str:
    name = platform.processor() or platform.machine()
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as lines:
            name = next(
                (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name
            )
    except OSError:
        pass  # not Linux
    return f"{name}, {os.cpu_count()} CPUs, {platform.system()} {platform.release()}"


def compared(found: Interval, theory: float, scale: float) -> str:
    verdict = " " if found.holds(theory) else "!"
    return f"{found.mean * scale:8.3f} ±{found.half * scale:6.3f} {theory * scale:8.3f}{verdict}"


def theory(calls: int, seed: int) -> None:
    print(f"theory: {calls} calls each, seeds from {seed}; measured ± half of the 99 % interval, then Erlang")
    print(
        f"{'model':24} {'mean wait s':>26} {'wait %':>26} {'give up %':>26} "
        f"{'jain calls':>10} {'talk':>6} order"
    )
    for number, model in enumerate(MODELS):
        found = Centre(model, seed + number).run(calls)
        exact = Erlang(
            model.agents,
            arrivals_per_s=model.arrivals_per_s,
            service_per_s=model.service_per_s,
            abandonment_per_s=model.abandonment_per_s,
        )
        print(
            f"{model!s:24} {compared(found.wait_s, exact.mean_wait_s, 1)} "
            f"{compared(found.wait_share, exact.wait_share, 100)} "
            f"{compared(found.abandon_share, exact.abandon_share, 100)} "
            f"{jain(found.answered):10.6f} {jain(found.talk_us):6.4f} {found.out_of_order:5}"
        )
        assert found.lost == 0
    print("`!` marks a value outside the interval: one in a hundred is by chance.\n")


class Told:
    """Answers of one queue against the waits that came."""

    def __init__(self) -> None:
        self.waits: list[int] = []
        self.squares: dict[str, float] = dict.fromkeys(("ours", "full", "own", "LES"), 0.0)
        self.error = self.inside = self.announced = self.silent = self.last_us = 0

    def note(self, wait_us: int, ahead: int, answer: Estimate | None, last_us: int) -> None:
        if answer is None:
            self.silent += 1
            return
        self.waits.append(wait_us)
        self.error += answer.mean_us - wait_us
        self.inside += answer.p10_us <= wait_us <= answer.p90_us
        self.announced += answer.p50_us <= wait_us <= answer.p80_us
        for name, told_us in (
            ("ours", answer.mean_us),
            ("full", (ahead + 1) * 100 * SECOND // 30),
            ("own", (ahead + 1) * 100 * SECOND // 10),
            ("LES", last_us),
        ):
            self.squares[name] += (told_us - wait_us) ** 2


def shared(calls: int, seed: int) -> None:
    """Both queues bring more than their own agents can do; patience is 150 s on average, a call 100 s."""
    chance, router = random.Random(seed), Router()
    queues = {
        router.put_queue(0, name, "longest-idle-agent", skills=name): (name, rate, Told())
        for name, rate in (("support", 0.24), ("sales", 0.20))
    }
    groups = {"support": 10, "sales": 10, "both": 20}
    agents = {
        group: [router.put_agent(0, f"{group} {n}") for n in range(size)] for group, size in groups.items()
    }
    for group, ids in agents.items():
        skills = dict.fromkeys(("support", "sales") if group == "both" else (group,), 1)
        for number, agent in enumerate(ids):
            router.put_agent(0, f"{group} {number}", skills=skills)
            for queue in queues:
                router.put_tier(0, queue, agent, 1, 1)
            router.set_status(number, agent, "Available")
    due: list[tuple[int, int, str, int]] = [
        (SECOND, -number, "arrives", q) for number, q in enumerate(queues)
    ]
    numbered, arrived = 0, 0
    waiting: dict[int, tuple[int, int, Estimate | None, int]] = {}
    while due:
        now_us, _, what, item = heappop(due)

        def plan(mean_s: float, what: str, item: int, now_us: int = now_us) -> None:
            nonlocal numbered
            numbered += 1
            in_us = round(chance.expovariate(1 / mean_s) * SECOND)
            heappush(due, (now_us + in_us, numbered, what, item))

        if what == "arrives":
            arrived += 1
            _name, rate, told = queues[item]
            if arrived < calls:
                plan(1 / rate, "arrives", item)
            ahead = router.calls_waiting(item)
            caller = router.enqueue(now_us, item, entered_us=now_us)
            waiting[caller] = (now_us, ahead, router.expected_wait_of(now_us, caller), told.last_us)
            plan(150, "gives up", caller)
        elif what == "finishes":
            router.finish(now_us, item)
        elif waiting.pop(item, None) is not None:
            router.leave(now_us, item, abandoned=True)
        for proposal in router.decide(now_us):
            router.claim(now_us, proposal.offer)
            router.bridged(now_us, proposal.offer)
            plan(100, "finishes", proposal.offer)
            joined_us, ahead, answer, last_us = waiting.pop(proposal.caller)
            if now_us > joined_us:
                told = queues[proposal.queue][2]
                told.last_us = now_us - joined_us
                if arrived > calls // 10:
                    told.note(now_us - joined_us, ahead, answer, last_us)
    print(f"shared agents: {calls} calls, seed {seed}")
    print(f"{'queue':8} {'waits':>7} {'mean s':>7} {'agents':>7} {'bias':>6} {'p10-90':>7} {'p50-80':>7} "
          f"{'silent':>7} {'/full':>6} {'/own':>6} {'/LES':>6}")  # fmt: skip
    for queue, (name, _rate, told) in queues.items():
        count, ours = len(told.waits), told.squares["ours"]
        ratios = " ".join(f"{ours / told.squares[other]:6.3f}" for other in ("full", "own", "LES"))
        print(
            f"{name:8} {count:7} {sum(told.waits) / count / SECOND:7.1f} "
            f"{router.wait_rates(queue).effective_agents:7.1f} {told.error / sum(told.waits):+6.1%} "
            f"{told.inside / count:7.1%} {told.announced / count:7.1%} "
            f"{told.silent / (count + told.silent):7.2%} {ratios}"
        )
    for group, ids in agents.items():
        talk_us = [router.agent(agent).talk_us for agent in ids]
        print(f"jain of talk, {len(ids)} agents of {group}: {jain(talk_us):.4f}")
    print(flush=True)


def cost(rounds: int = 50_000) -> None:
    estimator = Estimator()
    estimator.agents(0, 100, 0)
    tickets = [estimator.joined(0, ahead) for ahead in range(100)]
    times: dict[str, list[int]] = {}
    now_us = 0
    for number in range(rounds):
        now_us += 1_000_000
        first = tickets.pop(0)
        begin = perf_counter_ns()
        if number % 6:
            estimator.started(now_us, first)
        else:
            estimator.abandoned(now_us, first)
        after = perf_counter_ns()
        ticket = estimator.joined(now_us, 99)
        joined = perf_counter_ns()
        estimator.estimate(now_us, 99)
        far = perf_counter_ns()
        estimator.estimate(now_us, 2)
        near = perf_counter_ns()
        estimator.ended(100_000_000)
        ended = perf_counter_ns()
        tickets.append(ticket)
        for name, spent in (
            ("started or abandoned", after - begin),
            ("joined", joined - after),
            ("estimate, 99 ahead", far - joined),
            ("estimate, 2 ahead", near - far),
            ("ended", ended - near),
        ):
            times.setdefault(name, []).append(spent)
    print(f"cost: {rounds} rounds, µs\n{'call':24} {'p50':>8} {'p99':>8}")
    for name, values in times.items():
        values.sort()
        print(
            f"{name:24} {values[len(values) // 2] / 1000:8.2f} {values[len(values) * 99 // 100] / 1000:8.2f}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--calls", type=int, default=3_000_000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--no-cargo", action="store_true", help="leave the simulated estimates out")
    options = parser.parse_args()
    print(f"machine   {machine()}")
    print(
        f"versions  Python {platform.python_version()}, _router {_router.__version__} {_router.BUILD_PROFILE}"
    )
    print(f"load      {', '.join(f'{load:.2f}' for load in islice(os.getloadavg(), 3))}\n")
    gc.disable()
    cost()
    gc.enable()
    print(flush=True)
    shared(max(options.calls // 6, 10_000), options.seed)
    theory(options.calls, options.seed)
    cargo = shutil.which("cargo")
    if options.no_cargo or cargo is None:
        print("estimate: left out (needs cargo)")
        return
    print("estimate: 900 000 callers each, seeds as printed; errors by those who waited", flush=True)
    subprocess.run(
        [
            *(cargo, "test", "--quiet", "--release", "--locked", "-p", "callcenter_core"),
            *("--test", "wait_estimate", "--", "--ignored", "--nocapture"),
        ],
        cwd=Path(__file__).parents[2],
        check=True,
    )


if __name__ == "__main__":
    main()
