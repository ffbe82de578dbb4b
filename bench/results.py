"""Run the benches and write what they print into bench/RESULTS.md, with the machine and the moment.

    .venv/bin/python bench/results.py [--live] [--reports] [--only WORDS …]

`--live` adds the benches on a real FreeSWITCH (FREESWITCH_HOME or PATH). It takes minutes; nothing else
should run.
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "bench/RESULTS.md"
BENCHES = (
    ("A whole call: CPU of the controller", ["bench/python/bench_call.py"]),
    ("Decoding events, against greenswitch", ["bench/python/bench_wire.py"]),
    (
        "Decisions of the core, in Rust (criterion)",
        [
            "cargo",
            "bench",
            "--quiet",
            "--locked",
            "-p",
            "callcenter_core",
            "--bench",
            "router",
            "--",
            "--noplot",
            "--warm-up-time=0.5",  # with a space, the bench takes the number for the name of a bench
            "--measurement-time=1",
        ],
    ),
    ("Decisions of the core, through Python", ["bench/python/bench_router.py"]),
    (
        "The same by pytest-benchmark",
        ["-m", "pytest", "-c", "bench/python/pytest.ini", "bench/python"],
    ),
    (
        "The core against its size, against the plain reference, and its memory",
        ["bench/python/bench_scale.py", "--plots", "bench/plots"],
    ),
    ("What an open page and a scrape take of the hub's time", ["bench/python/bench_page.py"]),
    ("A scrape at 1 000 queues and 10 000 agents", ["bench/python/bench_metrics.py"]),
    ("Skills and demands, through Python", ["bench/python/bench_skills.py"]),
    ("Expected wait, and the core against queueing theory", ["bench/python/bench_estimate.py"]),
)
LIVE = (
    (
        "A real FreeSWITCH: the caller's 200 OK to the agent's INVITE, with two rivals on the same switch",
        ["bench/live/load.py", "--rival", "script", "--rival", "mod_callcenter"],
    ),
    ("A real FreeSWITCH: connections cut, switch killed", ["bench/live/cut.py"]),
)

SHIPPED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""The environment of the controller as deploy/ starts it. The benches run in it, but for those that start a
switch or a database beside it: these would have it, too."""

REPORTS = ("Reports out of a year of 20 million calls, on PostgreSQL", ["bench/python/bench_reports.py"])
"""Takes twenty minutes and 20 GB of disk: only when asked for."""


def machine() -> str:
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    return f"{cpu}, {os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"


HEAD = """# Measured

Written by `make bench` (`make bench-live` with a real FreeSWITCH); how each figure is taken stands
at the top of its script. Compare ratios, and run it on your machine before you rely on one. PASS and MISS
hold a figure against what it should be at most, on a quiet machine.

![Cost against size](plots/cost-against-size.svg)
"""


def pages(environment: Mapping[str, str]) -> str:
    """Whether the allocator asks for huge pages, and whether this machine gives any."""
    offered = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    given = re.search(r"\[(\w+)\]", offered.read_text("ascii")) if offered.exists() else None
    asked = "glibc.malloc.hugetlb=1" in environment.get("GLIBC_TUNABLES", "")
    mode = given[1] if given else "not known"
    return f"Huge pages: {'asked for' if asked else 'not asked for'}, the kernel's mode is {mode}"


def measure(title: str, command: list[str], commit: str) -> tuple[str, bool]:
    """A section of the file, and whether the bench ended well."""
    print(f"{title} …", flush=True)
    program = command if command[0] == "cargo" else [sys.executable, *command]
    alone = (title, command) in BENCHES
    environment = {**os.environ, **(SHIPPED if alone else {}), "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, check=False, env=environment)
    good = done.returncode == 0
    verdict = "" if good else f"\n(ended with {done.returncode})\n{done.stderr[-2000:]}"
    shown = " ".join(command if program is command else ["python", *command])
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}. {machine()}. {pages(environment)}."
    return f"## {title}\n\n`{shown}`\n\n{when}\n\n```\n{done.stdout.strip()}{verdict}\n```\n", good


def sections(text: str) -> dict[str, str]:
    """Those of an earlier run, by title."""
    found = text.split("\n## ")[1:]
    return {section.split("\n", 1)[0]: f"## {section.rstrip()}\n" for section in found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--only", action="append", help="run benches with this in the title, keep the rest")
    parser.add_argument("--reports", action="store_true", help="only the bench of reports: 20 GB")
    options = parser.parse_args()
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT, check=False
    ).stdout.strip()
    kept = sections(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    failed = False
    titles = [title for title, _ in (*BENCHES, REPORTS, *LIVE)]
    for title, command in (REPORTS,) if options.reports else (*BENCHES, *LIVE):
        wanted = options.only is None or any(word in title for word in options.only)
        if wanted and (options.live or (title, command) not in LIVE):
            kept[title], good = measure(title, command, commit)
            failed |= not good
            RESULTS.write_text("\n".join([HEAD, *(kept[t] for t in titles if t in kept)]), "utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
