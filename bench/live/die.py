"""The controller killed, stopped and cut off while callers wait and talk: how soon it goes on.

    FREESWITCH_HOME=… .venv/bin/python bench/live/die.py [--waiting 1000] [--talking 100] [--cuts 50]

So many callers wait, a hundred of them with music, so many talk with agents, some agents are in wrap-up.
Then, one after the other:

- `kill -9` of the controller and a start: every call lives on, the order of the queue, the order of idle
  agents and the wrap-ups are as they were, nothing is counted twice; from the start of the new process to
  the first phone that rings it takes two seconds at most.
- SIGSTOP for 5 and for 30 seconds, which the dead man must bear.
- cuts of the connection, evenly over a minute.
- as many callers on two switches, half on each, and `kill -9` of one: the other's go on, those of the dead
  one end once in the books.

Ends with 1 when something of that did not hold.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).parents[2] / "tests"), str(Path(__file__).parent)]

import httpx
from endpoints import Endpoints
from live.product import Controller, Setup
from live.sip import StoryError, until
from live.switch import FreeSwitch
from live.test_nodes import TwoSwitches
from live.wire_cutter import WireCutter
from stage import MANY_PORTS, Shares, Shipped, on_a_switch, open_wide

LIMIT_S = 2.0
FOREVER_S = 3600.0
MUSIC_TO = 100
IDLE = ("idle0", "idle1", "idle2", "idle3")
"""Agents with nobody to talk to; they log in one after the other."""
RESTING = 3
"""Agents who had a short call and are in wrap-up."""
COUNTERS = (
    "callcenter_queue_calls_offered_total",
    "callcenter_queue_calls_answered_total",
    "callcenter_queue_calls_abandoned_total",
)


@dataclass
class Picture:
    """What an operator sees."""

    waiting: list[str]
    talking: dict[str, str]
    agents: dict[str, tuple[Any, ...]]
    legs: set[str]

    @classmethod
    def take(cls, controller: Controller, switch: FreeSwitch) -> Picture:
        calls = controller.get("calls")
        agents = controller.get("agents")
        return cls(
            waiting=[call["id"] for call in calls if call["state"] in ("waiting", "ringing")],
            talking={call["id"]: call["agents"][0] for call in calls if call["state"] == "talking"},
            agents={
                row["name"]: (
                    row["status"],
                    row["state"],
                    round(row["since"], 1),
                    row["ready_at"],
                    row["calls_answered"],
                )
                for row in agents
            },
            legs=channels(switch),
        )

    def differences(self, other: Picture) -> list[str]:
        found = []
        if self.waiting != other.waiting:
            found.append(f"the queue: {len(self.waiting)} → {len(other.waiting)}, or another order")
        if self.talking != other.talking:
            found.append(f"conversations: {len(self.talking)} → {len(other.talking)}")
        found += [
            f"agent {name}: {stood} → {other.agents.get(name)}"
            for name, stood in self.agents.items()
            if other.agents.get(name) != stood
        ]
        if self.legs - other.legs:
            found.append(f"{len(self.legs - other.legs)} of {len(self.legs)} channels are gone")
        return found


class Office:
    """Callers, agents and a controller at one switch."""

    def __init__(self, switch: FreeSwitch, folder: Path, waiting: int, talking: int) -> None:
        self.switch = switch
        self.wire = WireCutter(switch.esl_port)
        self.ends = Endpoints(switch.sip_port, "queue_support", talk_s=FOREVER_S, agent_hangs_up=False)
        self.brief = Endpoints(switch.sip_port, "queue_support", talk_s=1.0, agent_hangs_up=True)
        # Music to so many at most: it is the switch's work, and more of it than of anything else.
        heard = min(waiting, MUSIC_TO)
        self.quiet = Endpoints(switch.sip_port, "queue_quiet", talk_s=FOREVER_S, agent_hangs_up=False)
        setup = Setup().queue().queue("quiet", moh_sound="").queue("other")
        for name in IDLE:
            setup.agent(
                name, queue="other", contact=f"sofia/internal/{name}@127.0.0.1:9", status="Logged Out"
            )
        for place in range(RESTING):
            contact = f"sofia/internal/rest{place}@127.0.0.1:{self.brief.agent_port}"
            setup.agent(f"rest{place}", contact=contact, wrap_up_time=1200)
        for place in range(talking):
            contact = f"sofia/internal/talk{place}@127.0.0.1:{self.ends.agent_port}"
            setup.agent(f"talk{place}", contact=contact, wrap_up_time=0, status="On Break")
        self.controller = Shipped(folder, switch, setup, esl_port=self.wire.port)
        self.controller.start()
        until(lambda: switch.api("global_getvar cc_alive") == "true", "the controller says that it is alive")
        self.brief.run(2, RESTING / 2)
        self._callers = [
            threading.Thread(target=ends.run, args=(self._rate, count / self._rate), daemon=True)
            for ends, count in ((self.ends, heard + talking), (self.quiet, waiting - heard))
            if count
        ]
        for name in IDLE[2:] + IDLE[:2]:
            self.set(name, "Available")
            time.sleep(0.2)
        for place in range(talking):
            self.set(f"talk{place}", "Available")
        for caller in self._callers:
            caller.start()
            self._reached(talking, heard if caller is self._callers[0] else waiting)

    _rate = 20

    def set(self, agent: str, status: str) -> None:
        url = f"{self.controller.url}/api/v1/agents/{agent}"
        token = next(self.controller.folder.glob("**/token")).read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        httpx.patch(
            url, json={"status": status}, headers=headers, timeout=5, trust_env=False
        ).raise_for_status()

    def _reached(self, talking: int, waiting: int) -> None:
        def there() -> bool:
            metric = self.controller.metric
            return (
                metric("callcenter_agents", state="in_a_queue_call") == talking
                and metric("callcenter_queue_calls_waiting") == waiting
            )

        until(there, f"{talking} talk and {waiting} wait", 60 + (waiting + talking) / self._rate)

    def counters(self) -> tuple[float, ...]:
        return tuple(self.controller.metric(name) for name in COUNTERS)

    def rings(self) -> int:
        return len(self.ends._rings)

    def close(self) -> None:
        self.controller.stop()
        self.switch.api("hupall NORMAL_CLEARING")
        # The thread of the other ends reads its sockets to the end of this process.
        self.brief.close()
        self.wire.close()


def since(office: Office, began: float, what: str) -> float:
    """Seconds from `began` (epoch) until a log line of that kind; the controller's own clock."""
    for line in office.controller.log.splitlines():
        if what in line:
            at = datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
            if at >= began:
                return at - began
    return float("inf")


def compare(office: Office, before: Picture, counters: tuple[float, ...] | None, what: str) -> bool:
    found = before.differences(Picture.take(office.controller, office.switch))
    violations = office.controller.metric("callcenter_invariant_violations_total")
    if violations:
        found.append(f"{violations:g} invariant violations")
    if counters is not None and office.counters() != counters:
        found.append(f"counters {counters} → {office.counters()}")
    print(f"{what}: {'as before' if not found else ''}")
    for line in found[:8]:
        print(f"  NOT AS BEFORE: {line}")
    return not found


def killed(office: Office) -> bool:
    before = Picture.take(office.controller, office.switch)
    rings = office.rings()
    office.controller.stop(signal.SIGKILL)
    time.sleep(1)
    began = time.time()
    office.controller.start(wait_s=60)
    in_step_s = since(office, began, '"state":"up"')
    # Counters of a process begin at 0: whoever is only taken up is not counted again.
    good = compare(office, before, (0.0, 0.0, 0.0), f"kill -9 and a start, {len(before.legs)} channels")
    good = good and office.rings() == rings
    loaded_s = since(office, began, "controller_started")
    print(
        f"  new process to switch in step: {in_step_s * 1000:.0f} ms, of it {loaded_s * 1000:.0f} ms to load "
        f"the program and open the database (load of the machine {os.getloadavg()[0]:.1f})"
    )
    return good


def resumes(office: Office, talking: int) -> bool:
    """Kill once more while an agent becomes free: from the new process to the next phone that rings."""
    rings = office.ends.tally.unexpected.get("agent INVITE", 0) + office.rings()
    office.controller.stop(signal.SIGKILL)
    busy = next(ring for ring in list(office.ends._rings.values()) if not ring.ended_ns)
    office.ends._hang_up(busy)
    time.sleep(1)
    began_ns, shares = time.time_ns(), Shares(office.switch)
    office.controller.launch()
    until(lambda: office.rings() > rings, "a phone rings", 60)
    told = shares.told(office.controller)
    until(office.controller.ready, "the controller is ready", 60)
    after_s = (max(ring.rang_ns for ring in list(office.ends._rings.values())) - began_ns) / 1e9
    print(
        f"kill -9 while an agent hangs up: new process to the next phone that rings {after_s * 1000:.0f} ms"
        f" ({told})"
    )
    until(
        lambda: office.controller.metric("callcenter_agents", state="in_a_queue_call") == talking, "all talk"
    )
    return after_s <= LIMIT_S


def stopped(office: Office, seconds: float) -> bool:
    process = office.controller.process
    assert process is not None
    before, counters = Picture.take(office.controller, office.switch), office.counters()
    process.send_signal(signal.SIGSTOP)
    time.sleep(seconds)
    process.send_signal(signal.SIGCONT)
    until(office.controller.ready, "the controller is ready again", 20)
    time.sleep(8)
    return compare(office, before, counters, f"SIGSTOP for {seconds:g} s")


def cut_off(office: Office, cuts: int, seconds: float) -> bool:
    before, counters = Picture.take(office.controller, office.switch), office.counters()
    for _ in range(cuts):
        time.sleep(seconds / cuts)
        office.wire.cut()
    until(office.controller.ready, "the controller is ready again", 20)
    time.sleep(3)
    return compare(office, before, counters, f"{cuts} cuts in {seconds:g} s")


def one_of_two(first: FreeSwitch, folder: Path, waiting: int, talking: int) -> bool:
    """Half of all callers on each of two switches, and one of them dies."""
    second = FreeSwitch(folder / "second", instance=1, rtp_ports=MANY_PORTS)
    open_wide(second)
    # The ends speak with one switch each, so an agent is rung by the switch of the own queue's callers.
    queues = ("here", "there")
    setup = TwoSwitches(second=second).queue("here").queue("there").queue("quiet", moh_sound="")
    ends = [
        (Endpoints(switch.sip_port, f"queue_{queue}", talk_s=FOREVER_S, agent_hangs_up=False), count // 2)
        for both, count in ((queues, talking), (("quiet", "quiet"), waiting))
        for switch, queue in zip((first, second), both, strict=True)
    ]
    for place in range(talking):
        contact = f"sofia/internal/talk{place}@127.0.0.1:{ends[place % 2][0].agent_port}"
        setup.agent(f"talk{place}", queue=queues[place % 2], contact=contact, wrap_up_time=0)
    controller = Controller(folder / "pair", first, setup)
    metric = controller.metric
    try:
        controller.start(wait_s=60)
        until(lambda: all(row["up"] for row in controller.get("nodes")), "both switches are in step", 20)
        for end, count in ends:
            threading.Thread(target=end.run, args=(10, count / 10), daemon=True).start()
        until(
            lambda: (
                metric("callcenter_agents", state="in_a_queue_call") == talking
                and metric("callcenter_queue_calls_waiting") == waiting
            ),
            "all wait and talk",
            90 + waiting / 10,
        )
        there = all_channels(second, waiting // 2 + talking // 2 * 2)
        before = [c["id"] for c in controller.get("calls") if c["state"] == "waiting" and c["id"] in there]
        offered = metric("callcenter_queue_calls_offered_total")
        first.stop(signal.SIGKILL)
        died_s = time.monotonic()
        _the_dead_are_gone(controller, len(before))
        noticed_s = time.monotonic() - died_s
        time.sleep(5)
        after = [c["id"] for c in controller.get("calls") if c["state"] == "waiting"]
        violations = metric("callcenter_invariant_violations_total")
        free, talk = (metric("callcenter_agents", state=state) for state in ("waiting", "in_a_queue_call"))
        lost = metric("callcenter_queue_calls_lost_total")
        gone = len(there - channels(second))
        wrong = {
            f"the other's queue: {len(before)} → {len(after)}, or another order": after != before,
            f"{gone} of the other's {len(there)} channels are gone": gone,
            "somebody was counted twice": metric("callcenter_queue_calls_offered_total") != offered,
            f"{violations:g} invariant violations": violations,
            f"{talk:g} agents talk and {free:g} are free, of {talking}": talk + free != talking,
            # A conversation was answered, so it is none of the lost; it ends with the switch.
            f"{lost:g} lost, not all who waited there": lost != waiting - len(before),
        }
    finally:
        controller.stop()
        second.stop()
        for end, _count in ends:
            end._rtp.close()
    print(f"kill -9 of one of two switches, {waiting} wait and {talking} talk on both")
    print(f"  after {noticed_s:.1f} s all its calls are out of the queues; {lost:g} lost in the books")
    for what, is_so in wrong.items():
        if is_so:
            print(f"  NOT AS BEFORE: {what}")
    return not any(wrong.values())


def _the_dead_are_gone(controller: Controller, others: int) -> None:
    """Only those wait who wait on the other switch."""
    try:
        until(
            lambda: controller.metric("callcenter_queue_calls_waiting") == others,
            "the dead ones are gone",
            20,
        )
    except StoryError:
        waiting = controller.metric("callcenter_queue_calls_waiting")
        print(f"  NOT AS BEFORE: {waiting:g} wait, {others} waited on the other switch", flush=True)
        print(f"  nodes: {controller.get('nodes')}", *controller.log.splitlines()[-12:], sep="\n  ")
        raise


def channels(switch: FreeSwitch) -> set[str]:
    return {line.split(",")[0] for line in switch.api("show channels").splitlines() if line[8:9] == "-"}


def all_channels(switch: FreeSwitch, legs: int) -> set[str]:
    """Every one of `legs`: `show channels` reads the switch's database, which is written behind the calls."""
    until(lambda: len(channels(switch)) == legs, f"the switch's table shows {legs} channels", 30)
    return channels(switch)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--waiting", type=int, default=50)
    parser.add_argument("--talking", type=int, default=10)
    parser.add_argument("--cuts", type=int, default=50)
    parser.add_argument("--only", choices=("one", "two"), help="one switch or two; both when not given")
    given = parser.parse_args()

    def play(switch: FreeSwitch, folder: Path) -> bool:
        good = [] if given.only == "two" else on_one(switch, folder, given)
        if given.only != "one":
            good.append(one_of_two(switch, folder, given.waiting, given.talking))
        return all(good)

    return on_a_switch(play, rtp_ports=MANY_PORTS)


def on_one(switch: FreeSwitch, folder: Path, given: argparse.Namespace) -> list[bool]:
    office = Office(switch, folder / "office", given.waiting, given.talking)
    try:
        all_channels(switch, given.waiting + 2 * given.talking)
        print(
            f"{given.waiting} wait, {given.talking} talk, {RESTING} in wrap-up, {len(IDLE)} idle", flush=True
        )
        return [
            killed(office),
            stopped(office, 5),
            stopped(office, 30),
            cut_off(office, given.cuts, 60),
            resumes(office, given.talking),
        ]
    finally:
        office.close()


if __name__ == "__main__":
    sys.exit(main())
