"""What a figure was measured on: a line each for the machine and the moment, for whoever prints figures."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from py_callcenter import __version__

ROOT = Path(__file__).parents[1]
WRITTEN = (":!bench/RESULTS.md", ":!bench/plots")
"""What benches write themselves doesn't make the program another one."""


def cpu() -> str:
    """The processor's model as Linux names it."""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def machine() -> str:
    """Processor, cores, system and Python."""
    return f"{cpu()}, {os.cpu_count()} cores, {platform.platform()}, Python {platform.python_version()}"


def commit() -> str:
    """Of the tree that this file lies in, and whether something in it was changed since."""
    short = _git("rev-parse", "--short", "HEAD")
    changed = _git("status", "--porcelain", "--untracked-files=no", "--", ".", *WRITTEN)
    return (short or "not known") + (" with changes" if changed else "")


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], capture_output=True, text=True, cwd=ROOT, check=False)
    except OSError:
        return ""
    return done.stdout.strip()


def moment() -> str:
    """Date and time."""
    return f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"


def load() -> str:
    """Of the machine, over the last minute."""
    return f"load {os.getloadavg()[0]:.2f}"


def measured(of: str = "") -> str:
    """All of it in a line that a reader finds again. `of`: the commit, when the run began earlier."""
    program = f"py_callcenter {__version__}, commit {of or commit()}"
    return f"measured {moment()}, {program}. {machine()}. {load()}."
