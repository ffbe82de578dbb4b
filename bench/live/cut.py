"""Connections cut and a switch killed under load: how soon we are back in step, and who was forgotten.

    FREESWITCH_HOME=… .venv/bin/python bench/live/cut.py [--rate 12] [--seconds 60] [--cuts 6]

First the load of `load.py` with the wire between controller and switch cut every few seconds: every
caller must be served once, and at the end every agent is free. Then the same load, and the switch
is killed with SIGKILL in the middle and started again: its calls are gone, the controller must be
in step within two seconds of the switch's return and every agent free. Times are from the
controller's own log. Ends with 1 when a caller or agent was forgotten or a return took more than
two seconds.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[2] / "tests"), str(Path(__file__).parent)]

from endpoints import Endpoints
from live.product import Controller, Setup
from live.sip import until
from live.switch import FreeSwitch
from live.wire_cutter import WireCutter
from load import contacts, judge
from stage import on_a_switch

LIMIT_S = 2.0


def states(controller: Controller) -> list[tuple[float, str]]:
    """When the node's state changed, by the controller's log."""
    found = []
    for line in controller.log.splitlines():
        if "esl_node_state" in line:
            entry = json.loads(line)
            found.append((datetime.fromisoformat(entry["timestamp"]).timestamp(), entry["state"]))
    return found


def outages(controller: Controller) -> list[float]:
    """Seconds from each loss to the next time in step."""
    lost_at, lengths = None, []
    for at, state in states(controller):
        if state == "up":
            if lost_at is not None:
                lengths.append(at - lost_at)
            lost_at = None
        elif lost_at is None and lengths is not None and state == "down":
            lost_at = at
    return lengths


def all_free(controller: Controller, agents: int) -> bool:
    return controller.metric("callcenter_agents", state="waiting") == agents


def office(switch: FreeSwitch, ends: Endpoints, folder: Path, agents: int, port: int) -> Controller:
    setup = Setup().queue()
    for place, contact in enumerate(contacts(agents, ends.agent_port)):
        setup.agent(f"agent{place}", wrap_up_time=0, contact=contact)
    controller = Controller(folder, switch, setup, esl_port=port)
    controller.start()
    until(lambda: switch.api("global_getvar cc_alive") == "true", "the controller says that it is alive")
    return controller


def cut_under_load(switch: FreeSwitch, folder: Path, given: argparse.Namespace) -> bool:
    wire = WireCutter(switch.esl_port)
    ends = Endpoints(switch.sip_port, "queue_support", talk_s=3, agent_hangs_up=False)
    controller = office(switch, ends, folder / "cut", given.agents, wire.port)

    def cut() -> None:
        for _ in range(given.cuts):
            time.sleep(given.seconds / (given.cuts + 1))
            wire.cut()

    cutter = threading.Thread(target=cut)
    cutter.start()
    try:
        tally = ends.run(given.rate, given.seconds, run_up=5)
        cutter.join()
        until(lambda: all_free(controller, given.agents), "every agent is free", 30)
        lengths = outages(controller)
        verdict = judge(tally)
        violations = controller.metric("callcenter_invariant_violations_total")
    finally:
        controller.stop()
        ends.close()
        wire.close()
    print(f"wire cut {given.cuts} times in {given.seconds:.0f} s at {given.rate:g} calls/s")
    print(f"  lost to in step: {', '.join(f'{length * 1000:.0f}' for length in lengths)} ms")
    for key in (
        "calls", "unserved", "served_twice", "rung_twice", "rung_after_the_caller_left",
        "callers_never_ended",
    ):  # fmt: skip
        print(f"  {key.replace('_', ' ')}: {verdict[key]}")
    print(f"  invariant violations: {violations:g}; every agent free at the end")
    # A cut may hide that a phone was just asked to ring: that phone is rung once more, nobody else is.
    bad = verdict["unserved"] + verdict["served_twice"] + verdict["callers_never_ended"]
    return bad == 0 and violations == 0 and len(lengths) >= given.cuts and max(lengths) <= LIMIT_S


def kill_under_load(switch: FreeSwitch, folder: Path, given: argparse.Namespace) -> bool:
    ends = Endpoints(switch.sip_port, "queue_support", talk_s=3, agent_hangs_up=False)
    controller = office(switch, ends, folder / "kill", given.agents, switch.esl_port)
    back: list[float] = []

    def kill() -> None:
        time.sleep(given.seconds / 3)
        switch.stop(signal.SIGKILL)
        switch.start()
        back.append(time.time())

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        ends.run(given.rate, given.seconds, settle_s=5)
        killer.join()
        until(lambda: all_free(controller, given.agents), "every agent is free", 60)
        up = [at for at, state in states(controller) if state == "up"]
        waiting = controller.metric("callcenter_queue_calls_waiting", queue="support")
        violations = controller.metric("callcenter_invariant_violations_total")
    finally:
        controller.stop()
        ends.close()
    late_s = max(0.0, up[-1] - back[0])
    print(f"\nswitch killed and started again at {given.rate:g} calls/s")
    print(f"  switch answers again to controller in step: {late_s * 1000:.0f} ms")
    print(f"  callers shown as waiting at the end: {waiting:g}; every agent free; violations: {violations:g}")
    return late_s <= LIMIT_S and waiting == 0 and violations == 0


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=float, default=12)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--agents", type=int, default=50)
    parser.add_argument("--cuts", type=int, default=6)
    given = parser.parse_args()

    def play(switch: FreeSwitch, folder: Path) -> bool:
        good = cut_under_load(switch, folder, given)
        return kill_under_load(switch, folder, given) and good

    return on_a_switch(play)


if __name__ == "__main__":
    sys.exit(main())
