"""`queue_log` of what the engine really does, where the order of its records decides the verb."""

from __future__ import annotations

import pytest
from sim.test_consult import complete, consulting, home, office, talking
from sim.world import IGNORES, World, agent, everybody, queue

from py_callcenter.engine.transfers import Destination
from py_callcenter.sim import Step
from py_callcenter.stats import QueueLog

pytestmark = pytest.mark.sim


def lines_of(world: World) -> list[list[str]]:
    log = QueueLog()
    return [line.split("|") for record in world.records for line in log.lines(record)]


def verbs_of(world: World, call) -> list[str]:
    return [line[4] for line in lines_of(world) if line[1] == call.uuid]


@pytest.mark.parametrize("who", ["agent", "number"])
def test_an_agent_asks_and_hands_over(who):
    world = office()
    call = consulting(world, who)
    complete(world, call)
    world.run(1)
    assert verbs_of(world, call) == ["ENTERQUEUE", "CONNECT", "ATTENDEDTRANSFER"]
    home(world, call)


def test_the_api_sends_a_talking_caller_to_another_queue():
    world = office()
    call = talking(world)
    world.carry_out(world.engine.transfer(call.uuid, Destination("queue", "sales"), world.now_us))
    world._settle()
    world.run(5)
    assert verbs_of(world, call)[:4] == ["ENTERQUEUE", "CONNECT", "BLINDTRANSFER", "ENTERQUEUE"]
    sent = next(line for line in lines_of(world) if line[4] == "BLINDTRANSFER")
    assert sent[2:4] == ["support", "1000"]
    assert sent[5:7] == ["sales", "queue"]
    home(world, call)


@pytest.mark.parametrize(
    ("goes", "verbs"),
    [
        ("key", {"EXITWITHKEY", "RINGCANCELED"}),
        ("late", {"EXITWITHTIMEOUT", "RINGNOANSWER"}),
        ("hangs up", {"ABANDON", "RINGCANCELED"}),
    ],
)
def test_a_phone_rings_while_the_caller_goes(goes, verbs):
    settings = {"max_wait_time": 8, "on_timeout": "voicemail"} if goes == "late" else {}
    world = World(everybody([queue(on_exit_key="voicemail", **settings)], [agent("1000")]))
    world.phone("1000", IGNORES)
    world.switch.dialplan.add(
        "keys", Step("set", "cc_queue=support"), Step("set", "cc_exit_keys=2"), Step("answer"), Step("park")
    )
    call = world.call("keys")
    world.run(3)
    assert world.ringing("1000")
    if goes == "key":
        world.does(lambda: call.press("2"))
    elif goes == "hangs up":
        world.does(call.hang_up)
    world.run(10)

    lines = [line for line in lines_of(world) if line[1] == call.uuid]
    assert lines[0][4] == "ENTERQUEUE"
    assert {line[4] for line in lines[1:]} == verbs
    rung = next(line for line in lines if line[4].startswith("RING"))
    assert rung[3] == "1000"
    assert 1000 <= int(rung[5]) <= 9000
