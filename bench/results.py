"""Run the benches and write what they print into bench/RESULTS.md, with the machine and the moment.

    .venv/bin/python bench/results.py [--live | --reports | --soak | --storm FILE] [--only WORDS …]

`--live` adds the benches on a real FreeSWITCH (FREESWITCH_HOME or PATH). It takes minutes; nothing else
should run. `--reports` and `--soak` are those alone. `--storm` runs nothing: a long storm takes hours, so it
takes the end of what `make sim SEEDS=… | tee FILE` has printed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT)]

import conditions

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
    (
        "A real FreeSWITCH, 1 000 wait and 100 talk: controller killed, stopped, cut off; a switch killed",
        ["bench/live/die.py"],
    ),
    (
        "A real FreeSWITCH, 1 000 wait and 100 talk: from the start to the next phone that rings",
        ["bench/live/restart.py"],
    ),
)
SOAK = (
    ("Soak: memory and descriptors at 100 calls a second, as a process", ["bench/soak.py", "served"]),
    ("Soak: memory and descriptors over a day in virtual time", ["bench/soak.py", "virtual"]),
)
"""Half an hour and ten minutes."""

SHIPPED = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""The environment of the controller as deploy/ starts it. The benches run in it, but for those that start a
switch or a database beside it: these would have it, too."""

REPORTS = ("Reports out of a year of 20 million calls, on PostgreSQL", ["bench/python/bench_reports.py"])
"""Takes twenty minutes and 20 GB of disk: only when asked for."""

STORM = "Random call centres with misfortunes in virtual time"
SUMMARY = re.compile(r"^\d+ seeds, \d+ calls, .* seeds fail; ", re.MULTILINE)
"""How the end of what a storm prints begins."""
FROM = re.compile(r"Seeds from (\d+)(, --.+)?\.$")
"""Which were played, and how."""

HEAD = """# Measured

Written by `make bench` (`make bench-live` with a real FreeSWITCH, `make bench-soak`, `make bench-storm`);
how each figure is taken stands at the top of its script. Compare ratios, and run it on your machine before
you rely on one. PASS and MISS hold a figure against what it should be at most, on a quiet machine.

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
    when = f"{conditions.moment()}, commit {commit}. {conditions.machine()}. {pages(environment)}."
    return f"## {title}\n\n`{shown}`\n\n{when}\n\n```\n{done.stdout.strip()}{verdict}\n```\n", good


def storm(said: str) -> tuple[str, bool]:
    """A section out of what a storm printed, and whether no seed failed. Raises `ValueError` when that has
    not come to its end, or doesn't say where it was measured.
    """
    ends = list(SUMMARY.finditer(said))
    if not ends:
        raise ValueError("no end of a storm in there: a line `… seeds, … calls, … seeds fail; …`")
    end = [line for line in said[ends[-1].start() :].splitlines() if not line.startswith("make")]
    if not any(line.startswith("measured ") for line in end):
        raise ValueError("it doesn't say when and on which machine and commit: a line `measured …`")
    seeds = end[0].split(" ", 1)[0]
    first, how = (found[1], found[2]) if (found := FROM.search(end[1])) else ("0", "")
    more = f" MORE='--first {first}{how.replace(',', '', 1)}'" if first != "0" or how else ""
    good = "; 0 seeds fail; " in end[0]
    return f"## {STORM}\n\n`make sim SEEDS={seeds}{more}`\n\n```\n" + "\n".join(end).strip() + "\n```\n", good


def sections(text: str) -> dict[str, str]:
    """Those of an earlier run, by title."""
    found = text.split("\n## ")[1:]
    return {section.split("\n", 1)[0]: f"## {section.rstrip()}\n" for section in found}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--live", action="store_true")
    which.add_argument("--reports", action="store_true", help="only the bench of reports: 20 GB")
    which.add_argument("--soak", action="store_true", help="only the soak")
    which.add_argument("--storm", type=Path, help="only the storm, out of what it printed into this file")
    parser.add_argument("--only", action="append", help="run benches with this in the title, keep the rest")
    options = parser.parse_args()
    kept = sections(RESULTS.read_text("utf-8")) if RESULTS.exists() else {}
    if options.storm is not None:
        try:
            kept[STORM], good = storm(options.storm.read_text("utf-8"))
        except (OSError, ValueError) as error:
            parser.error(f"{options.storm}: {error}")
        write(kept)
        return int(not good)
    commit = conditions.commit()  # of what is measured, whatever is changed meanwhile
    failed = False
    for title, command in chosen(options):
        if options.only is None or any(word in title for word in options.only):
            kept[title], good = measure(title, command, commit)
            failed |= not good
            write(kept)
    return int(failed)


def chosen(options: argparse.Namespace) -> tuple[tuple[str, list[str]], ...]:
    if options.reports:
        return (REPORTS,)
    if options.soak:
        return SOAK
    return (*BENCHES, *LIVE) if options.live else BENCHES


def write(kept: Mapping[str, str]) -> None:
    """The file, in the order of the benches."""
    titles = [*(title for title, _ in (*BENCHES, REPORTS, *LIVE, *SOAK)), STORM]
    RESULTS.write_text("\n".join([HEAD, *(kept[title] for title in titles if title in kept)]), "utf-8")


if __name__ == "__main__":
    sys.exit(main())
