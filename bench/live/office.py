"""A call centre for the benches of misfortunes: callers who wait and talk, agents in wrap-up and idle, what
an operator sees of them, and whether that is as it was.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import ANY

import httpx
from endpoints import Endpoints, Ring
from live.product import Controller, Setup
from live.sip import StoryError, until
from live.switch import FreeSwitch
from live.wire_cutter import WireCutter
from stage import Shipped

LIMIT_S = 2.0
NEVER_S = float("inf")
"""What wasn't measured took."""
FOREVER_S = 3600.0
MUSIC_TO = 100
PTIME_MS = 120
"""At 20 ms a switch looks after each leg fifty times a second, of which two cores bear some 900."""
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

    waiting: list[tuple[str, str]]
    """Queue and call, in the order of each queue."""
    talking: dict[str, str]
    agents: dict[str, tuple[Any, ...]]
    legs: set[str]

    @classmethod
    def take(cls, controller: Controller, switch: FreeSwitch) -> Picture:
        calls = controller.get("calls")
        agents = controller.get("agents")
        return cls(
            waiting=[
                (call["queue"], call["id"]) for call in calls if call["state"] in ("waiting", "ringing")
            ],
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

    def conversation(self, agent: str) -> str:
        """The call in which an agent talks."""
        return next(call for call, who in self.talking.items() if who == agent)

    def after_hang_up(self, agent: str, queue: str, phone: str) -> Picture:
        """As it must be when that agent's `phone` (its channel) hung up and the agent talks with the one who
        was next in `queue`.
        """
        over = self.conversation(agent)
        served = next(one for one in self.waiting if one[0] == queue)
        status, state, _since, ready_at, answered = self.agents[agent]
        talking = {call: who for call, who in self.talking.items() if call != over}
        return Picture(
            waiting=[one for one in self.waiting if one != served],
            talking=talking | {served[1]: agent},
            agents=self.agents | {agent: (status, state, ANY, ready_at, answered + 1)},
            legs=self.legs - {over, phone},
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
        self.ends = Endpoints(
            switch.sip_port, "queue_support", talk_s=FOREVER_S, agent_hangs_up=False, ptime_ms=PTIME_MS
        )
        self.brief = Endpoints(switch.sip_port, "queue_support", talk_s=1.0, agent_hangs_up=True)
        # Music to so many at most: it is the switch's work, and more of it than of anything else.
        heard = min(waiting, MUSIC_TO)
        self.quiet = Endpoints(
            switch.sip_port, "queue_quiet", talk_s=FOREVER_S, agent_hangs_up=False, ptime_ms=PTIME_MS
        )
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
        self.waiting, self.talking, self._heard = waiting, talking, heard

    def open(self) -> None:
        """Until all wait and talk."""
        waiting, talking, heard = self.waiting, self.talking, self._heard
        self.controller.start()
        until(
            lambda: self.switch.api("global_getvar cc_alive") == "true",
            "the controller says that it is alive",
        )
        self.brief.run(2, RESTING / 2)
        callers = [
            threading.Thread(target=ends.run, args=(self._rate, count / self._rate), daemon=True)
            for ends, count in ((self.ends, heard + talking), (self.quiet, waiting - heard))
            if count
        ]
        for name in IDLE[2:] + IDLE[:2]:
            self.set(name, "Available")
            time.sleep(0.2)
        for place in range(talking):
            self.set(f"talk{place}", "Available")
        for caller in callers:
            caller.start()
            self._reached(talking, heard if caller is callers[0] else waiting)
        all_channels(self.switch, waiting + 2 * talking)

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

    def rings(self) -> set[str]:
        """Every time a phone of those who talk has rung."""
        return set(self.ends._rings)

    def busy(self) -> Ring:
        """A phone whose agent talks."""
        return talking(self.ends)[0]

    def phone_of(self, call: str) -> str:
        """The agent's channel in a conversation."""
        return self.switch.api(f"uuid_getvar {call} signal_bond")

    def close(self) -> None:
        self.controller.stop()
        self.switch.api("hupall NORMAL_CLEARING")
        # The thread of the other ends reads its sockets to the end of this process.
        self.brief.close()
        self.wire.close()


def since(office: Office, began: float, what: str) -> float:
    """Seconds from `began` (epoch) until a log line of that kind, by the controller's own clock; `NEVER_S`
    when there is none.
    """
    for line in office.controller.log.splitlines():
        if what in line:
            at = datetime.fromisoformat(json.loads(line)["timestamp"]).timestamp()
            if at >= began:
                return at - began
    return NEVER_S


def talking(ends: Endpoints) -> list[Ring]:
    """Phones that talk."""
    return [ring for ring in list(ends._rings.values()) if ring.acked_ns and not ring.ended_ns]


def rang_after(
    ends: Endpoints, known: set[str], since_ns: int, wait_s: float = 60.0, agent: str | None = None
) -> float:
    """Seconds from a moment (epoch) until a phone, or this agent's, rang that hadn't before, by the kernel's
    stamp of the INVITE; `NEVER_S` when none did.
    """

    def rang() -> list[int]:
        return [
            ring.rang_ns
            for call, ring in list(ends._rings.items())
            if call not in known and agent in (None, ring.agent)
        ]

    try:
        return (min(until(rang, "a phone rings", wait_s)) - since_ns) / 1e9
    except StoryError:
        return NEVER_S


def in_time(after_s: float) -> bool:
    """What wasn't measured is not in time, nor what was before it could be."""
    return 0 <= after_s <= LIMIT_S


def said(after_s: float) -> str:
    shown = "NOT MEASURED" if after_s == NEVER_S else f"{after_s * 1000:.0f} ms"
    return f"{shown}, at most {LIMIT_S * 1000:.0f} {'PASS' if in_time(after_s) else 'MISS'}"


def channels(switch: FreeSwitch) -> set[str]:
    return {line.split(",")[0] for line in switch.api("show channels").splitlines() if line[8:9] == "-"}


def all_channels(switch: FreeSwitch, legs: int) -> set[str]:
    """Every one of `legs`: `show channels` reads the switch's database, which is written behind the calls."""
    until(lambda: len(channels(switch)) == legs, f"the switch's table shows {legs} channels", 30)
    return channels(switch)
