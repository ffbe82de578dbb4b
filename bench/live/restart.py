"""From the start of a process to the next phone that rings, and where the time goes.

    FREESWITCH_HOME=… .venv/bin/python bench/live/restart.py [--waiting 1000] [--talking 100] [--times 5]

So many callers wait, a hundred of them with music, so many talk. Again and again the controller is killed, an
agent's phone hangs up meanwhile, and a new process starts, with the priority and the environment that the
unit gives it. Each moment is counted from the start of that process, by its own log and the kernel's stamp of
the INVITE. Who had the processors meanwhile is told: the phones are this script, a site has them elsewhere.
In between a bare script asks the switch for the same picture (table of channels, a dump of each):
what remains is the switch's own time.

Ends with 1 when the slowest took longer than two seconds, or a moment could not be measured.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import statistics
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "tests"), str(Path(__file__).parent)]

from live.sip import until
from live.switch import FreeSwitch
from office import NEVER_S, Office, in_time, rang_after, said, since
from stage import MANY_PORTS, Shares, on_a_switch

MOMENTS = {
    "loaded, database read": "controller_started",
    "picture of the switch taken": "esl_synchronised",
    "in step": '"state":"up"',
}


def once(office: Office) -> tuple[dict[str, float], str]:
    """Seconds to each moment, and who had the processors until the phone rang."""
    rings, busy = office.rings(), office.busy()
    office.controller.stop(signal.SIGKILL)
    office.ends._hang_up(busy)
    time.sleep(1)
    began, shares = time.time(), Shares(office.switch)
    office.controller.launch()
    rang_s = rang_after(office.ends, rings, round(began * 1e9), 30)
    told = shares.told(office.controller)
    until(office.controller.ready, "the controller is ready", 30)
    took = {name: since(office, began, what) for name, what in MOMENTS.items()}
    return took | {"a phone rings": rang_s}, told


def bare(switch: FreeSwitch) -> tuple[int, float, float, int]:
    """Channels, seconds for their table, seconds for a dump of each, bytes of all dumps."""
    with socket.create_connection(("127.0.0.1", switch.esl_port)) as sock:
        stream = sock.makefile("rb")

        def body() -> bytes:
            length = 0
            while line := stream.readline().strip():
                if line.startswith(b"Content-Length:"):
                    length = int(line.split(b":")[1])
            return stream.read(length)

        body()
        sock.sendall(f"auth {switch.password}\n\n".encode())
        body()
        begun = time.perf_counter()
        sock.sendall(b"api show channels as json\n\n")
        rows = json.loads(body()).get("rows", [])
        listed = time.perf_counter()
        size = 0
        for start in range(0, len(rows), 256):
            part = rows[start : start + 256]
            sock.sendall(b"".join(b"api uuid_dump %s\n\n" % row["uuid"].encode() for row in part))
            size += sum(len(body()) for _row in part)
        return len(rows), listed - begun, time.perf_counter() - listed, size


def play(switch: FreeSwitch, folder: Path, waiting: int, talking: int, times: int) -> bool:
    office = Office(switch, folder / "office", waiting, talking)
    try:
        office.open()
        print(f"{waiting} wait, {talking} talk", flush=True)
        runs = []
        for _ in range(times):
            time.sleep(3)
            channels, table_s, dumps_s, size = bare(switch)
            run, told = once(office)
            runs.append(run)
            shown = ", ".join(f"{name} {at:.3f}" for name, at in runs[-1].items())
            print(f"  {shown} s (load {os.getloadavg()[0]:.1f})")
            print(f"    {told}")
            print(
                f"    a bare script: {channels} channels listed in {table_s * 1000:.0f} ms, "
                f"dumped in {dumps_s * 1000:.0f} ms, {size / 1e6:.1f} MB",
                flush=True,
            )
        rang = sorted(run["a phone rings"] for run in runs)
        print(
            f"start to the next phone that rings: median {statistics.median(rang) * 1000:.0f} ms, "
            f"most {said(rang[-1])}"
        )
        missing = [name for run in runs for name, at_s in run.items() if at_s == NEVER_S]
        print(*(f"NOT MEASURED: {name}" for name in missing), sep="\n", end="\n" if missing else "")
        return in_time(rang[-1]) and not missing
    finally:
        office.close()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--waiting", type=int, default=1000)
    parser.add_argument("--talking", type=int, default=100)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    return on_a_switch(
        lambda switch, folder: play(switch, folder, given.waiting, given.talking, given.times),
        rtp_ports=MANY_PORTS,
    )


if __name__ == "__main__":
    sys.exit(main())
