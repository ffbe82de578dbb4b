"""How soon a new process serves calls: from its start to the switch in step, and what comes after.

Run: .venv/bin/python bench/python/bench_start.py [--starts 10] [--waiting 1000]

So many callers wait on a simulated switch over TCP (it runs in this process, so it takes its part of the
machine); the controller is killed with SIGKILL and started again. Times are from before the process is made
to the line in its log.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from app.test_process import Office, place_call, until

from py_callcenter.sim import Switch
from py_callcenter.sim.server import in_thread

MARKS = {
    "controller_started": "loaded, database read",
    '"state":"up"': "switch in step",
    "listening": "HTTP serves",
}
PROGRAM = "from py_callcenter.cli import main; main()"


def start(place: Office) -> dict[str, float]:
    """Seconds to each mark."""
    path = place.folder / "log"
    seen = path.stat().st_size if path.exists() else 0
    command = [sys.executable, "-c", PROGRAM, "run", "-c", str(place.file)]
    with path.open("ab") as log:
        begun = time.time()
        place.process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=place.folder, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
    until(lambda: "listening" in place.log[seen:] and '"state":"up"' in place.log[seen:], "it serves", 60)
    found = {}
    for line in place.log[seen:].splitlines():
        if "controller_started" in line:
            found["of it processor time"] = json.loads(line).get("processor_s", float("nan"))
        for mark, what in MARKS.items():
            if mark in line and what not in found:
                found[what] = datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp() - begun
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--waiting", type=int, default=1000)
    given = parser.parse_args()
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    compileall.compile_dir(ROOT / "py_callcenter", quiet=1)  # as `make` leaves it
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores", cpu[1] if cpu else "")
    switch = Switch(seed=5, start_us=time.time_ns() // 1000)
    with tempfile.TemporaryDirectory(prefix="callcenter-start-") as name, in_thread(switch) as server:
        place = Office(Path(name), server, status="On Break")
        start(place)
        for number in range(given.waiting):
            place_call(server, str(10000 + number))
        until(lambda: len(place.log) and place.process is not None, "it runs")
        time.sleep(2 + given.waiting / 500)
        rounds = []
        for _ in range(given.starts):
            place.end(signal.SIGKILL)
            rounds.append(start(place))
            time.sleep(1)
        place.end(signal.SIGKILL)
    load = os.getloadavg()[0]
    print(f"{given.waiting} wait; {given.starts} starts after SIGKILL; load of the machine {load:.1f}")

    for what in (*MARKS.values(), "of it processor time"):
        times_ms = sorted(1000 * found[what] for found in rounds)
        print(f"  {what:<24} median {statistics.median(times_ms):5.0f} ms, longest {times_ms[-1]:5.0f} ms")


if __name__ == "__main__":
    main()
