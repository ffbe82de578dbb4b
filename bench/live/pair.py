"""Two switches, half of all callers on each, and one of them is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

from endpoints import Endpoints
from live.sip import StoryError, until
from live.switch import FreeSwitch
from live.test_nodes import TwoSwitches
from office import (
    FOREVER_S,
    MUSIC_TO,
    NEVER_S,
    PTIME_MS,
    all_channels,
    channels,
    in_time,
    rang_after,
    said,
    talking,
)
from stage import MANY_PORTS, Shipped, open_wide

QUEUES = ("here", "there")
"""The ends speak with one switch each, so an agent is rung by the switch of the own queue's callers."""
RATE = 10
HANG_UPS = 5
EVERY_S = 0.4


class Pair:
    """Callers, agents and a controller at two switches; how many wait and talk is rounded down to halves."""

    def __init__(self, first: FreeSwitch, folder: Path, waiting: int, talking: int) -> None:
        self.first, self.second = first, FreeSwitch(folder / "second", instance=1, rtp_ports=MANY_PORTS)
        self.waiting, self.talking = waiting // 2, talking // 2
        """On each of them."""
        open_wide(self.second)
        heard = min(self.waiting, MUSIC_TO // 2)
        switches = (self.first, self.second)
        self.served = [self._ends(one, queue) for one, queue in zip(switches, QUEUES, strict=True)]
        self._ends_and_calls = [(ends, self.talking + heard) for ends in self.served]
        self.quiet = self.waiting - heard
        """Without music, on each of them; nobody serves them."""
        if self.quiet:
            self._ends_and_calls += [(self._ends(one, "quiet"), self.quiet) for one in switches]
        setup = TwoSwitches(second=self.second).queue("here").queue("there").queue("quiet", moh_sound="")
        for place in range(2 * self.talking):
            contact = f"sofia/internal/talk{place}@127.0.0.1:{self.served[place % 2].agent_port}"
            setup.agent(f"talk{place}", queue=QUEUES[place % 2], contact=contact, wrap_up_time=0)
        self.controller = Shipped(folder / "pair", first, setup)

    @staticmethod
    def _ends(switch: FreeSwitch, queue: str) -> Endpoints:
        return Endpoints(
            switch.sip_port, f"queue_{queue}", talk_s=FOREVER_S, agent_hangs_up=False, ptime_ms=PTIME_MS
        )

    def start(self) -> None:
        """Until all wait and talk."""
        self.controller.start(wait_s=60)
        until(lambda: all(row["up"] for row in self.controller.get("nodes")), "both switches are in step", 20)
        for ends, count in self._ends_and_calls:
            threading.Thread(target=ends.run, args=(RATE, count / RATE), daemon=True).start()
        metric = self.controller.metric
        until(
            lambda: (
                metric("callcenter_agents", state="in_a_queue_call") == 2 * self.talking
                and metric("callcenter_queue_calls_waiting") == 2 * self.waiting
            ),
            "all wait and talk",
            90 + 2 * self.waiting / RATE,
        )

    def waiting_of(self, legs: set[str]) -> list[tuple[str, str]]:
        """Queue and call of those who wait, in order of service within their queue."""
        calls = [call for call in self.controller.get("calls") if call["state"] == "waiting"]
        return [(call["queue"], call["id"]) for call in calls if call["id"] in legs]

    def close(self) -> None:
        try:
            self.controller.stop()
        finally:
            self.second.stop()
            for ends, _count in self._ends_and_calls:
                ends._rtp.close()


def one_of_two(first: FreeSwitch, folder: Path, waiting: int, talking: int) -> bool:
    """Half of all callers on each of two switches, and one of them dies."""
    pair = Pair(first, folder, waiting, talking)
    try:
        pair.start()
        return one_dies(pair)
    finally:
        pair.close()


class HangUps(threading.Thread):
    """Agents at the other switch hang up one after the other, from the moment of the death until the
    controller has noticed it: each one's phone is to ring again soon.
    """

    def __init__(self, ends: Endpoints) -> None:
        super().__init__(daemon=True)
        self._ends, self._known = ends, set(ends._rings)
        self._freed = talking(ends)[:HANG_UPS]
        self.count = len(self._freed)
        self._at_ns: list[int] = []

    def run(self) -> None:
        for ring in self._freed:
            self._at_ns.append(time.time_ns())
            self._ends._hang_up(ring)
            time.sleep(EVERY_S)

    @property
    def rings(self) -> int:
        """How often a phone rang since."""
        return len(self._ends._rings.keys() - self._known)

    def waits_s(self) -> list[float]:
        """Of each of them, to the next time that the phone rings."""
        self.join()
        return [
            rang_after(self._ends, self._known, at_ns, 20, ring.agent)
            for ring, at_ns in zip(self._freed, self._at_ns, strict=True)
        ]


def one_dies(pair: Pair) -> bool:
    metric = pair.controller.metric
    there = all_channels(pair.second, pair.waiting + 2 * pair.talking)
    before = pair.waiting_of(there)
    offered, answered = (metric(f"callcenter_queue_calls_{what}_total") for what in ("offered", "answered"))
    hang_ups = HangUps(pair.served[1])
    died_ns = time.time_ns()
    os.kill(pair.first.pid, signal.SIGKILL)
    hang_ups.start()
    gone_s = _the_dead_are_gone(pair, died_ns)
    waits_s = hang_ups.waits_s()
    pair.first.stop(signal.SIGKILL)
    time.sleep(5)
    served = [one for one in before if one[0] == "there"][: hang_ups.count]
    after = pair.waiting_of(channels(pair.second))
    violations = metric("callcenter_invariant_violations_total")
    free, talk = (metric("callcenter_agents", state=state) for state in ("waiting", "in_a_queue_call"))
    lost = metric("callcenter_queue_calls_lost_total")
    gone = len(there - channels(pair.second))
    anew = metric("callcenter_queue_calls_offered_total") - offered
    more = metric("callcenter_queue_calls_answered_total") - answered
    wrong = {
        f"the other's queue: {len(before)} → {len(after)}, or another order": after
        != [one for one in before if one not in served],
        f"{gone} of the other's {len(there)} channels are gone": gone != 2 * hang_ups.count,
        f"{hang_ups.rings} phones rang, {hang_ups.count} were free": hang_ups.rings != hang_ups.count,
        f"{anew:g} were counted as offered again": anew,
        f"{more:g} were counted as answered, {hang_ups.count} were": more != hang_ups.count,
        f"{violations:g} invariant violations": violations,
        f"{talk:g} agents talk and {free:g} are free, of {2 * pair.talking}": (talk, free)
        != (pair.talking, pair.talking),
        # A conversation was answered, so it is none of the lost; it ends with the switch.
        f"{lost:g} lost, {pair.waiting} waited there": lost != pair.waiting,
        "calls of the dead one are still in the queues": gone_s == NEVER_S,
    }
    slowest_s = max(waits_s, default=NEVER_S)
    good = not any(wrong.values())
    print(
        f"kill -9 of one of two switches, {2 * pair.waiting} wait and {2 * pair.talking} talk on both: "
        + ("all as before PASS" if good else "MISS")
    )
    print(
        f"  {hang_ups.count} agents at the other hung up, every {EVERY_S} s from the kill: to the next time "
        f"the phone rings, the slowest {said(slowest_s)}"
    )
    print(
        f"  after {gone_s:.1f} s all calls of the dead one are out of the queues; {lost:g} lost in the books"
    )
    for what, is_so in wrong.items():
        if is_so:
            print(f"  NOT AS BEFORE: {what}")
    return good and all(map(in_time, waits_s)) and hang_ups.count > 0


def _the_dead_are_gone(pair: Pair, died_ns: int) -> float:
    """Seconds until nobody waits who waited on the dead switch."""
    metric = pair.controller.metric

    def waiting() -> tuple[float, float]:
        here, quiet = (metric("callcenter_queue_calls_waiting", queue=name) for name in ("here", "quiet"))
        return here, quiet

    try:
        until(lambda: waiting() == (0, pair.quiet), "the dead ones are gone", 20)
    except StoryError:
        print(f"  {waiting()} wait here and in quiet, {pair.quiet} of quiet on the other switch", flush=True)
        print(f"  nodes: {pair.controller.get('nodes')}", *pair.controller.log.splitlines()[-12:], sep="\n  ")
        return NEVER_S
    return (time.time_ns() - died_ns) / 1e9
