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
  both. What the router told each caller who had to wait, against the wait of somebody who stays: for one who
  gave up until an agent would have come. `served` is the bias for those who were served, who wait less, since
  of those who would have waited long most gave up. Squared error against the queue-length predictor that
  counts shared agents in full (/full), that leaves them out (/own) and the last wait (/LES).
- **Fairness**: Jain's index of talk within each of these groups of equal skill, by strategy.
- **Cost**: one call through Python, by a nanosecond clock whose own cost is within each time.

    python bench/python/bench_estimate.py [--calls 3000000] [--seed 11] [--no-cargo]
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path
from time import perf_counter_ns

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from contract.sharing import QUEUES, Run
from contract.sharing import Centre as Sharing
from contract.theory import Centre, Interval, Model, interval, jain

from py_callcenter import _router
from py_callcenter._router import Erlang, Estimator

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

RUNS = 8
T_99_RUNS = 3.499
"""Two-sided 99 % of Student's distribution with 7 degrees of freedom."""
FAIR = 0.98
"""Least index of Jain within agents of equal skill."""
FAIR_STRATEGIES = (
    "longest-idle-agent", "round-robin", "random", "agent-with-least-talk-time", "agent-with-fewest-calls",
    "least-occupied",
)  # fmt: skip


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


def held(good: bool, words: str) -> str:
    return f"{'PASS' if good else 'MISS'}  {words}"


def shared(calls: int, seed: int) -> None:
    """Both queues bring more than their own agents can do; patience is 150 s on average, a call 100 s."""
    print(f"shared agents: {RUNS} runs of {calls} calls, seeds from {seed}; ± half of the 99 % interval")
    print(
        f"{'queue':8} {'waits':>7} {'mean s':>7} {'agents':>7} {'bias':>14} {'served':>14} {'p10-90':>14} "
        f"{'silent':>7} {'/full':>6} {'/own':>6} {'/LES':>6}"
    )
    centre = Sharing()
    runs = [Run(centre, seed + number).run(calls) for number in range(RUNS)]
    for queue, name in enumerate(QUEUES):
        told = [run.told[queue] for run in runs]
        bias, served, inside = (
            interval([[value] for value in values], T_99_RUNS)
            for values in (
                [one.bias() for one in told],
                [one.bias(served_only=True) for one in told],
                [one.inside() for one in told],
            )
        )
        count, silent = sum(len(one.answers) for one in told), sum(one.silent for one in told)
        squares = [one.squares(centre, queue) for one in told]
        ours = sum(sums["ours"] for sums in squares)
        ratios = " ".join(
            f"{ours / sum(sums[other] for sums in squares):6.3f}" for other in ("full", "own", "last")
        )
        effective = [run.router.wait_rates(run.queues[queue]).effective_agents for run in runs]
        print(
            f"{name:8} {count:7} {sum(one.mean_s for one in told) / RUNS:7.1f} {sum(effective) / RUNS:7.1f} "
            f"{bias.mean:+7.1%} ±{bias.half:5.1%} {served.mean:+7.1%} ±{served.half:5.1%} "
            f"{inside.mean:7.1%} ±{inside.half:5.1%} {silent / (count + silent):7.2%} {ratios}"
        )
        good = abs(bias.mean) <= 0.03 and 0.75 <= inside.mean <= 0.85
        print("   ", held(good, "bias ≤ 3 %, p10-90 75…85 %"))
    print(flush=True)


def fairness(calls: int, seed: int) -> None:
    """The same centre with each strategy that is to share the work; the least of the three groups counts."""
    print(f"fairness of talk within agents of equal skill: {calls} calls, seed {seed}")
    for strategy in FAIR_STRATEGIES:
        least = min(Run(Sharing(strategy=strategy), seed).run(calls).jain())
        print(f"{strategy:28} jain {least:.4f}  {held(least >= FAIR, f'≥ {FAIR}')}")
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
    shared(max(options.calls // 15, 10_000), options.seed)
    fairness(max(options.calls // 15, 10_000), options.seed)
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
