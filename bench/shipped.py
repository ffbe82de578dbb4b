"""A process as the unit in `deploy/systemd` runs it: its environment and its priority.

What is measured is what ships: a controller that isn't before others on its machine, or without huge pages,
is another one.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from pathlib import Path

UNIT = (Path(__file__).parents[1] / "deploy/systemd/callcenter.service").read_text("utf-8")

ENVIRONMENT = dict(re.findall(r"^Environment=(\w+)=(.*)$", UNIT, re.MULTILINE))
NICE = int(next(iter(re.findall(r"^Nice=(-?\d+)$", UNIT, re.MULTILINE))))


def environment() -> dict[str, str]:
    """This process's environment with the unit's."""
    return {**os.environ, **ENVIRONMENT}


def put_first(pid: int) -> bool:
    """Give a process that has just begun the unit's priority; False where this user may not."""
    with suppress(PermissionError):
        os.setpriority(os.PRIO_PROCESS, pid, NICE)
        return True
    return False
