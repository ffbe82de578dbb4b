"""A whole call centre on one machine: the controller as it ships, on a simulated switch with people in it.

The controller talks to the simulated switch over TCP, as to a real one; nothing in it knows the difference.
Its database and state folder are temporary.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Final

import gevent
from pydantic import SecretStr

from py_callcenter.app.run import Process, run
from py_callcenter.config import (
    Agent,
    BreakReason,
    Breaks,
    Config,
    Controller,
    Exit,
    Node,
    Queue,
    ServiceLevel,
    Strategy,
    Tier,
)
from py_callcenter.sim import Dialplan, Step, Switch
from py_callcenter.sim.people import AgentStyle, CallerStyle, Traffic, lognormal, weibull
from py_callcenter.sim.server import SwitchServer

SEED: Final = 20261121
PASSWORD: Final = "demo"  # noqa: S105 - a simulated switch on loopback
BREAK_EVERY_S: Final = 12.0
FIRST_CALLS: Final = 16
HEARTBEAT_S: Final = 20.0
"""The switch's own."""

_CALLS_PER_S: Final = 0.19
_QUEUES: Final[tuple[tuple[str, Strategy, float, float], ...]] = (
    ("support", "longest-idle-agent", 20, 5.0),
    ("sales", "ring-all", 15, 2.0),
    ("billing", "round-robin", 30, 3.0),
)  # fmt: skip
"""Name, strategy, service-level seconds, share of the callers."""
_BREAKS: Final = (("coffee", 40), ("lunch", 120))
"""Reason, and the seconds that such a break may last; some take longer."""
_AT_REST: Final = 3
"""So many may take one at once; who asks for another waits."""
_TEAMS: Final = {"support": range(1000, 1012), "sales": range(1010, 1017), "billing": range(1014, 1024)}


def demo(*, listen: str = "127.0.0.1:8080", hurry: float = 1.0) -> None:
    """Run it until interrupted; the address of the page goes to standard output.

    `hurry`: how many times faster than people everybody comes, answers, talks and loses patience.
    """
    with tempfile.TemporaryDirectory(prefix="callcenter-demo-") as folder:
        switch = Switch(
            seed=SEED,
            start_us=time.time_ns() // 1000,
            password=PASSWORD,
            dialplan=_dialplan(),
            heartbeat_s=HEARTBEAT_S / hurry,
        )
        server = SwitchServer(switch)
        port = server.start()
        config = _config(listen, port, Path(folder), hurry)
        traffic = _populate(switch, hurry)

        def begin(process: Process) -> None:
            sys.stdout.write(f"A call centre is running on a simulated switch: {process.server.url}\n")
            sys.stdout.write("Stop it with Ctrl-C.\n")
            sys.stdout.flush()
            gevent.spawn(_open, process, server, traffic, hurry)
            gevent.spawn(_take_breaks, process, hurry)

        try:
            run(config, started=begin)
        finally:
            server.stop()


def _dialplan() -> Dialplan:
    plan = Dialplan()
    plan.add("voicemail", Step("answer"), Step("playback", "/tones/voicemail.wav", seconds=8), Step("hangup"))
    plan.add("outside", Step("bridge", "sofia/internal/outside@127.0.0.1:5099"), Step("hangup"))
    return plan


def _contact(agent: int) -> str:
    return f"user/{agent}@demo.example"


def _config(listen: str, port: int, folder: Path, hurry: float) -> Config:
    agents = sorted({number for team in _TEAMS.values() for number in team})
    return Config(
        controller=Controller(
            listen=listen, database=f"sqlite:///{folder}/callcenter.db", state=str(folder / "state")
        ),
        breaks=Breaks(
            quota=_AT_REST,
            reasons=tuple(BreakReason(name=name, time_limit=limit_s / hurry) for name, limit_s in _BREAKS),
        ),
        nodes=(Node(name="simulated", host="127.0.0.1", port=port, password=SecretStr(PASSWORD)),),
        queues=tuple(
            Queue(
                name=name,
                strategy=strategy,
                service_level=ServiceLevel(seconds=seconds / hurry, percent=80),
                moh_sound="local_stream://moh",
                max_wait_time=240 / hurry,
                on_timeout=Exit("voicemail", "default"),
            )
            for name, strategy, seconds, _share in _QUEUES
        ),
        agents=tuple(
            Agent(name=str(number), contacts=(_contact(number),), status="Available", wrap_up_time=15 / hurry)
            for number in agents
        ),
        tiers=tuple(
            Tier(queue=queue, agent=str(number), level=1 if place < 6 else 2)
            for queue, team in _TEAMS.items()
            for place, number in enumerate(team)
        ),
    )


def _populate(switch: Switch, hurry: float) -> Traffic:
    style = AgentStyle(
        ring_to_answer=lognormal(4.0 / hurry, 0.5),
        talk=lognormal(75.0 / hurry, 0.6),
        no_answer=0.03,
        reject=0.02,
        hold=0.15,
        transfer=0.06,
        transfer_to=("queue_billing", "queue_support", "outside"),
    )
    for number in sorted({number for team in _TEAMS.values() for number in team}):
        switch.add_phone(_contact(number), style)
    switch.add_phone("sofia/internal/outside@127.0.0.1:5099", style)
    return Traffic(
        switch,
        seed=SEED,
        calls_per_s=_CALLS_PER_S * hurry,
        destinations={f"queue_{name}": share for name, _strategy, _seconds, share in _QUEUES},
        styles={
            f"queue_{name}": CallerStyle(patience=weibull(120.0 / hurry, 0.9))
            for name, _strategy, _seconds, _share in _QUEUES
        },
    )


def _open(process: Process, server: SwitchServer, traffic: Traffic, hurry: float) -> None:
    """Once the controller serves the switch: a busy minute at once, then calls as they come."""
    while not all(link.announced for link in process.controller.links.values()):
        gevent.sleep(0.05)
    for _ in range(FIRST_CALLS):
        server.act(traffic.call)
        gevent.sleep(0.25 / hurry)
    server.act(traffic.start)


def _take_breaks(process: Process, hurry: float) -> None:
    """Now and then somebody rests or asks to, and somebody comes back."""
    rng = Random(SEED)  # noqa: S311 - who rests when is no secret
    controller = process.controller
    while True:
        gevent.sleep(rng.expovariate(hurry / BREAK_EVERY_S))
        lines = controller.view().agents
        resting = [line.name for line in lines if line.status != "Available"]
        free = [line.name for line in lines if line.state == "waiting"]
        if resting and rng.random() < 0.3 + 0.1 * len(resting):
            controller.set_agent_status(rng.choice(resting), "Available")
        elif free:
            reason, _limit_s = rng.choice(_BREAKS)
            controller.set_agent_status(rng.choice(free), "On Break", reason=reason)
