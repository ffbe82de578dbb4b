"""What the benches of misfortunes share: a switch that takes enough, and a verdict as the exit code."""

from __future__ import annotations

import compileall
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

HERE = Path(__file__)
sys.path[:0] = [str(HERE.parents[2] / "tests"), str(HERE.parent), str(HERE.parents[1])]

import conditions
import shipped
from live.product import Controller
from live.switch import FreeSwitch, missing

MANY_PORTS = 8000
TICKS_S: Final = os.sysconf("SC_CLK_TCK")


class Shipped(Controller):
    """The controller with the unit's environment and priority."""

    def launch(self) -> None:
        self.environment = shipped.environment()
        super().launch()
        assert self.process is not None
        shipped.put_first(self.process.pid)


class Shares:
    """Who had the processors since this was made: a start on a machine that is full of calls takes what the
    switch, which comes first, and the phones, which a site has elsewhere, leave of them.
    """

    def __init__(self, switch: FreeSwitch, controller: Controller | None = None) -> None:
        """`controller`: the one that runs; None when it will be started."""
        self._switch = switch
        self._begun = time.monotonic()
        self._before = self._used()
        self._controller_s = 0.0 if controller is None else _spent_s(controller)

    def told(self, controller: Controller) -> str:
        took_s = time.monotonic() - self._begun
        used_s = {name: used - self._before[name] for name, used in self._used().items()}
        used_s["controller"] = _spent_s(controller) - self._controller_s
        shares = ", ".join(f"{name} {used / took_s:.2f}" for name, used in used_s.items())
        return f"of {os.cpu_count()} processors: {shares}"

    def _used(self) -> dict[str, float]:
        return {"switch": processor_s(self._switch.pid), "phones and this script": time.process_time()}


def _spent_s(controller: Controller) -> float:
    assert controller.process is not None
    return processor_s(controller.process.pid)


def processor_s(pid: int) -> float:
    """Processor time of a process so far, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_S


def on_a_switch(play: Callable[[FreeSwitch, Path], bool], *, rtp_ports: int = 998) -> int:
    """Start a switch, let `play` have it and an empty folder; 0 when all was well, 2 where none can run."""
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    # As `make` leaves it, whatever was edited since: a start from sources takes half as long again.
    compileall.compile_dir(HERE.parents[2] / "py_callcenter", quiet=1)
    with tempfile.TemporaryDirectory(prefix="callcenter-bench-") as name:
        folder = Path(name)
        switch = FreeSwitch(folder / "switch", rtp_ports=rtp_ports)
        open_wide(switch)
        try:
            print(conditions.measured(), switch.api("version").strip(), sep="\n", flush=True)
            return 0 if play(switch, folder) else 1
        finally:
            switch.stop()


def open_wide(switch: FreeSwitch) -> None:
    """Start it; as shipped a switch takes 1 000 channels and 30 new ones a second."""
    switch.start()
    switch.api("fsctl max_sessions 10000")
    switch.api("fsctl sps 500")
