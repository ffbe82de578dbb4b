"""What the benches of misfortunes share: a switch that takes enough, and a verdict as the exit code."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__)
sys.path[:0] = [str(HERE.parents[2] / "tests"), str(HERE.parent), str(HERE.parents[1])]

import shipped
from live.product import Controller
from live.switch import FreeSwitch, missing
from load import machine

MANY_PORTS = 8000


class Shipped(Controller):
    """The controller with the unit's environment and priority."""

    def launch(self) -> None:
        self.environment = shipped.environment()
        super().launch()
        assert self.process is not None
        shipped.put_first(self.process.pid)


def on_a_switch(play: Callable[[FreeSwitch, Path], bool], *, rtp_ports: int = 998) -> int:
    """Start a switch, let `play` have it and an empty folder; 0 when all was well, 2 where none can run."""
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="callcenter-bench-") as name:
        folder = Path(name)
        switch = FreeSwitch(folder / "switch", rtp_ports=rtp_ports)
        open_wide(switch)
        try:
            print(switch.api("version").strip(), machine(), flush=True)
            return 0 if play(switch, folder) else 1
        finally:
            switch.stop()


def open_wide(switch: FreeSwitch) -> None:
    """Start it; as shipped a switch takes 1 000 channels and 30 new ones a second."""
    switch.start()
    switch.api("fsctl max_sessions 10000")
    switch.api("fsctl sps 500")
