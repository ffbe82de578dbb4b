"""Does anything grow? Memory and descriptors of the controller at a constant rate of calls.

    .venv/bin/python bench/soak.py virtual [--hours 24] [--rate 1]
    .venv/bin/python bench/soak.py served [--minutes 30] [--rate 100]

- **virtual**: the production controller, link by link, on a simulated switch in virtual time, all in this
  process, with the production `Store` before SQLite and its spool in an empty folder. Its two threads live in
  real time, so virtual time waits while more than 5 000 records are on their way; its housekeeping is asked
  for by virtual time. Sampled each half virtual hour when all is written, after a collection of garbage and
  a trim of the heap. `--without-store` keeps nothing, to tell a growth of the database from others.
- **served**: the simulated switch as an event-socket server in this process; `callcenter run` with SQLite is
  a process of its own, as the unit runs it, whose memory and descriptors are read from /proc every five
  seconds.

The slope is that of a straight line through the samples after the warm-up. In virtual time that takes a
sixth of the hours, and two at least. Served, it takes a third of the minutes (20 of 30 count), 3 at least,
and until the stories of recent calls (the last 5 000) have been full for as long as they took to fill: what
is bounded must be full before it can be seen that nothing else grows, and the allocator grows by steps until
the worst mixture of living calls has been there once. A run that leaves less time than its warm-up takes is
refused.

The promise: at most 1 MB/h, and as many descriptors at the end as at its beginning. Ends with 1 when it is
broken, when records were lost, or when the rate of calls that was asked for was not reached.
"""

from __future__ import annotations

import argparse
import gc
import math
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import conditions
import gevent
import shipped
from sim.storm.centre import Centre
from sim.storm.plan import AgentPlan, Plan
from sim.storm.pool import quiet
from soak_books import Forgetful, Nobody, OnDisk

from py_callcenter.app.traces import CALLS_KEPT
from py_callcenter.app.trimming import find
from py_callcenter.config import Queue, Tier
from py_callcenter.sim import Dialplan, Step, Switch
from py_callcenter.sim.people import AgentStyle, CallerStyle, Traffic, lognormal, weibull
from py_callcenter.sim.server import SwitchServer

LIMIT_MB_PER_H = 1.0
RATE_REACHED = 0.95
PAGE = os.sysconf("SC_PAGE_SIZE")
Samples = list[tuple[float, float, int]]
"""Hours since the start, resident memory in MB, open descriptors."""


def sample(pid: int) -> tuple[float, int]:
    resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE / 2**20
    return resident, sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())


def slope(samples: Samples) -> float:
    """MB per hour: least squares."""
    hours = [at for at, _mb, _fds in samples]
    sizes = [mb for _at, mb, _fds in samples]
    mean_h, mean_mb = sum(hours) / len(hours), sum(sizes) / len(sizes)
    spread = sum((at - mean_h) ** 2 for at in hours)
    return sum((at - mean_h) * (mb - mean_mb) for at, mb in zip(hours, sizes, strict=True)) / spread


def uncertainty(samples: Samples) -> float:
    """Standard error of the slope, MB per hour. Samples are seconds apart and like their neighbours, so `n`
    of them say as much as n·(1-ρ)/(1+ρ) independent ones; ρ: correlation of a residual with the next one.
    """
    growth = slope(samples)
    mean_h = statistics.fmean(at for at, _mb, _fds in samples)
    mean_mb = statistics.fmean(mb for _at, mb, _fds in samples)
    left = [mb - mean_mb - growth * (at - mean_h) for at, mb, _fds in samples]
    squares = sum(one * one for one in left)
    if len(samples) < 4 or not squares:
        return 0.0
    likeness = min(0.99, max(0.0, sum(one * next_ for one, next_ in pairwise(left)) / squares))
    spread = sum((at - mean_h) ** 2 for at, _mb, _fds in samples)
    return math.sqrt(squares / (len(samples) - 2) / spread * (1 + likeness) / (1 - likeness))


def processor_s(pid: int) -> float:
    """Processor time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def warm_up_min(minutes: float, rate: float) -> float:
    return max(minutes / 3, 3.0, 2 * CALLS_KEPT / rate / 60)


def judge(samples: Samples, warm_up_h: float, unit: str) -> bool:
    late = [one for one in samples if one[0] >= warm_up_h]
    if len(late) < 2:
        print(f"NOT within the promise: nothing was measured after {warm_up_h:.2f} {unit} of warm-up")
        return False
    growth = slope(late)
    # What is read or scraped at the moment of a sample has a descriptor of its own: the usual number counts.
    fds = (statistics.mode(one[2] for one in late[:24]), statistics.mode(one[2] for one in late[-24:]))
    print(f"{len(late)} samples after {warm_up_h:.2f} {unit}: {late[0][1]:.1f} MB to {late[-1][1]:.1f} MB")
    print(
        f"slope {growth:+.3f} ± {uncertainty(late):.3f} MB per {unit[:-1]} (standard error); "
        f"descriptors {fds[0]} to {fds[1]}"
    )
    good = growth <= LIMIT_MB_PER_H and fds[0] == fds[1]
    print(
        "within the promise" if good else f"NOT within the promise ({LIMIT_MB_PER_H} MB/h, equal descriptors)"
    )
    return good


def reached(placed: int, rate: float, took_s: float) -> bool:
    """Whether so many calls were placed that what was measured is that rate's."""
    enough = placed >= RATE_REACHED * rate * took_s
    if not enough:
        print(f"NOT the rate that was asked for: {placed / took_s:.1f} of {rate:g} calls/s on this machine")
    return enough


# In virtual time.


def office(agents: int, seed: int) -> Plan:
    names = [f"a{number}" for number in range(agents)]
    style = {"ring_to_answer_s": 2.0, "talk_s": 30.0, "no_answer": 0.03, "reject": 0.02, "busy": 0.01}
    return Plan(
        seed=seed,
        seconds=0.0,
        nodes=1,
        queues=(
            Queue(name="support", moh_sound="local_stream://moh", agent_originate_timeout=15),
            Queue(name="sales", strategy="round-robin", max_wait_time=60, on_timeout="voicemail"),
        ),
        agents=tuple(
            AgentPlan(name, 1, **style, hold=0.1, transfer=0.05, attended=0.2, moods_s=1800.0)
            for name in names
        ),
        tiers=tuple(Tier(queue=queue, agent=name) for queue in ("support", "sales") for name in names),
        calls=(),
        faults=(),
        wrap_up_s=5.0,
        delay_s=5.0,
        poked=True,
        latency_us=200,
    )


def virtual(hours: float, rate: float, *, stored: bool = True) -> bool:
    quiet()
    with tempfile.TemporaryDirectory(prefix="callcenter-soak-") as name:
        centre = Centre(office(max(4, round(rate * 50)), 1), Nobody())
        books = OnDisk(centre, Path(name)) if stored else Forgetful(centre)
        try:
            return live_through(centre, books, hours, rate)
        finally:
            books.close()


def live_through(centre: Centre, books: Forgetful, hours: float, rate: float) -> bool:
    centre.books = books
    centre.restless = True  # the canaries fly, as in production
    switch = centre.switches[0]
    queues = ("queue_support", "queue_sales")
    traffic = Traffic(
        switch,
        seed=1,
        calls_per_s=rate,
        destinations=dict.fromkeys(queues, 1.0),
        styles={name: CallerStyle(patience=weibull(60.0, 0.9)) for name in queues},
    )
    centre.start()
    traffic.start()
    samples: Samples = []
    begun = time.monotonic()
    kept, trim = True, find()
    for half in range(round(hours * 2) + 1):
        if half:
            half_an_hour(centre, books, traffic, half)
        kept &= books.settle()
        gc.collect()
        if trim is not None:
            trim()  # as a thread of the process does
        resident, fds = sample(os.getpid())
        samples.append((half / 2, resident, fds))
        state = centre.controller.engine._state
        held = {name: len(value) for name, value in vars(state).items() if hasattr(value, "__len__")}
        most = sorted(held.items(), key=lambda item: -item[1])[:4]
        print(
            f"{half / 2:5.1f} h  {resident:7.1f} MB  {fds} descriptors  {traffic.placed} calls  {most}",
            flush=True,
        )
    took = time.monotonic() - begun
    print(
        f"{traffic.placed} calls, {books.records} records, {hours:g} virtual hours in {took:.0f} s, "
        f"{conditions.load()}"
    )
    good = judge(samples, max(2.0, hours / 6), "virtual hours")
    return reached(traffic.placed, rate, hours * 3600) and kept and good


def half_an_hour(centre: Centre, books: Forgetful, traffic: Traffic, half: int) -> None:
    for step in range(180):
        centre.run(10)
        books.keep_up((half - 1) * 1800 + (step + 1) * 10)
        centre.switches[0].commands.clear()  # the model keeps them for tests
        with centre.controller.live.reading():  # as its thread does each second
            pass
        traffic.living  # noqa: B018 - forgets those that are over


# As a server.


def call_centre(folder: Path, port: int, web: int, agents: int) -> Path:
    lines = [
        f'[controller]\nlisten = "127.0.0.1:{web}"\ndatabase = "sqlite:///{folder}/soak.db"',
        f'state = "{folder}/state"\n',
        f'[[nodes]]\nname = "simulated"\nhost = "127.0.0.1"\nport = {port}\npassword = "ClueCon"',
        "originates-per-second = 10000\n",
        '[[queues]]\nname = "support"\nmoh-sound = "local_stream://moh"\n',
    ]
    for number in range(agents):
        lines.append(
            f'[[agents]]\nname = "{1000 + number}"\nstatus = "Available"\nwrap-up-time = 0\n'
            f'contact = "sofia/internal/{1000 + number}@127.0.0.1:5085"\n'
        )
        lines.append(f'[[tiers]]\nqueue = "support"\nagent = "{1000 + number}"\n')
    path = folder / "soak.toml"
    path.write_text("\n".join(lines))
    return path


def served(minutes: float, rate: float) -> bool:
    warm_up = warm_up_min(minutes, rate)
    if minutes < 2 * warm_up:
        raise SystemExit(
            f"at {rate:g} calls/s the warm-up takes {warm_up:.1f} min; --minutes {2 * warm_up:.0f}"
        )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        web = probe.getsockname()[1]
    agents = max(10, round(rate * 8))
    plan = Dialplan()
    plan.add("queue_support", Step("set", "cc_queue=support"), Step("answer"), Step("park"))
    switch = Switch(seed=1, start_us=time.time_ns() // 1000, password="ClueCon", dialplan=plan)
    switch.terse = True
    switch.sessions_per_second, switch.max_sessions = 100_000, 100_000
    style = AgentStyle(ring_to_answer=lognormal(1.0, 0.3), talk=lognormal(4.0, 0.5), no_answer=0.0)
    for number in range(agents):
        switch.add_phone(f"sofia/internal/{1000 + number}@127.0.0.1:5085", style)
    traffic = Traffic(
        switch,
        seed=1,
        calls_per_s=rate,
        destinations={"queue_support": 1.0},
        styles={"queue_support": CallerStyle(patience=weibull(30.0, 0.9))},
    )
    server = SwitchServer(switch)
    port = server.start()
    with tempfile.TemporaryDirectory(prefix="callcenter-soak-") as name:
        folder = Path(name)
        path = call_centre(folder, port, web, agents)
        command = [sys.executable, "-c", "from py_callcenter.cli import main; main()", "run", "-c", str(path)]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=shipped.environment())
        first = shipped.put_first(process.pid)
        print(f"as shipped: {shipped.ENVIRONMENT}, priority {shipped.NICE if first else 'may not be set'}")
        try:
            # In a thread: the switch must answer meanwhile.
            gevent.get_hub().threadpool.apply(ready, (web, process))
            server.act(traffic.start)
            samples: Samples = []
            begun = time.monotonic()
            spent = (processor_s(process.pid), processor_s(os.getpid()))
            due = begun
            while time.monotonic() - begun < minutes * 60:
                if process.poll() is not None:
                    raise SystemExit(f"the controller has ended:\n{(folder / 'log').read_text()[-3000:]}")
                at = time.monotonic() - begun
                resident, fds = sample(process.pid)
                samples.append((at / 3600, resident, fds))
                if len(samples) % 6 == 1:
                    living = len(traffic.living)
                    print(
                        f"{at / 60:5.1f} min  {resident:7.1f} MB  {fds} descriptors  {traffic.placed} calls, "
                        f"{living} living",
                        flush=True,
                    )
                switch.commands.clear()
                due += 5
                gevent.sleep(max(0.0, due - time.monotonic()))
            placed = traffic.placed
            took = time.monotonic() - begun
            print(
                f"{placed} calls in {took:.0f} s: {placed / took:.1f} calls/s, {agents} agents, "
                f"{conditions.load()}"
            )
            each = [
                (processor_s(pid) - before) / placed * 1000
                for pid, before in zip((process.pid, os.getpid()), spent, strict=True)
            ]
            print(f"processor time a call: controller {each[0]:.1f} ms, simulated switch {each[1]:.1f} ms")
            good = judge(samples, warm_up / 60, "hours")
            return reached(placed, rate, took) and good
        finally:
            process.terminate()
            gevent.get_hub().threadpool.apply(process.wait, (30,))
            server.stop()


def ready(web: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit("the controller has ended")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{web}/readyz", timeout=1) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        time.sleep(0.2)
    raise SystemExit("the controller isn't ready after a minute")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    one = parts.add_parser("virtual")
    one.add_argument("--hours", type=float, default=24.0)
    one.add_argument("--rate", type=float, default=1.0, help="calls a second")
    one.add_argument("--without-store", action="store_true", help="a database that keeps nothing")
    two = parts.add_parser("served")
    two.add_argument("--minutes", type=float, default=30.0)
    two.add_argument("--rate", type=float, default=100.0, help="calls a second")
    options = parser.parse_args()
    print(conditions.measured())
    if options.part == "virtual":
        return 0 if virtual(options.hours, options.rate, stored=not options.without_store) else 1
    return 0 if served(options.minutes, options.rate) else 1


if __name__ == "__main__":
    sys.exit(main())
