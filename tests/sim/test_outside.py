"""An agent who is on another call is busy before the phone rings."""

from __future__ import annotations

import pytest
from sim.world import ANSWERS, IGNORES, NODE, SECOND, START_US, World, agent, everybody, queue

from py_callcenter._router import Event, Router
from py_callcenter.engine import Engine
from py_callcenter.engine.actions import Originate, Probe
from py_callcenter.engine.memory import Memory
from py_callcenter.engine.records import OfferEnded, OfferMade, load
from py_callcenter.stats import AgentTimes, Live

pytestmark = pytest.mark.sim

ANNA = "user/1001@example.org"
PHONE = "sofia/internal/sip:x7f@10.0.0.9:5062;transport=udp"


def channel(name: str, uuid: str, **headers: str) -> Event:
    lines = {"Event-Name": name, "Unique-ID": uuid} | {k.replace("__", "-"): v for k, v in headers.items()}
    return Event.from_plain("".join(f"{key}: {value}\n" for key, value in lines.items()).encode() + b"\n")


class Desk:
    """One engine, told of channels by hand as a real 1.11.1 tells of them."""

    def __init__(self, contact: str = ANNA, **settings: object) -> None:
        config = everybody([queue(**settings)], [agent("anna", contacts=(contact,))])
        self.engine = Engine(config, Router(), key=b"k" * 32, epoch=1, start_us=START_US)
        self.records = [*self.engine.start().records]

    def __call__(self, name: str, uuid: str = "x", **headers: str) -> str:
        self.records += self.engine.on_event(NODE, channel(name, uuid, **headers), START_US).records
        return self.state

    @property
    def state(self) -> str:
        return self.engine.view(START_US).agents[0].state


DIALLED = {
    "Call__Direction": "outbound",
    "variable_dialed_user": "1001",
    "variable_dialed_domain": "example.org",
}
LOGGED_IN = {
    "Call__Direction": "inbound",
    "variable_user_name": "1001",
    "variable_domain_name": "Example.org",
}
FROM_PHONE = {
    "Call__Direction": "inbound",
    "variable_sip_from_user": "x7f",
    "Caller__Network__Addr": "10.0.0.9",
}
TO_PHONE = {"Call__Direction": "outbound", "Channel__Name": "sofia/internal/x7f@10.0.0.9:5062"}

TO_ANNA = {"Call__Direction": "outbound", "Channel__Name": "sofia/internal/anna@127.0.0.1:9"}


@pytest.mark.parametrize("headers", [DIALLED, LOGGED_IN])
def test_a_call_to_or_from_an_agent_makes_them_busy_until_it_ends(headers):
    desk = Desk()
    assert desk("CHANNEL_CREATE", **headers) == "busy_elsewhere"
    assert desk("CHANNEL_CREATE", "y", **headers) == "busy_elsewhere"
    assert desk("CHANNEL_HANGUP", "x") == "busy_elsewhere", "there is a second one"
    assert desk("CHANNEL_DESTROY", "x") == "busy_elsewhere", "told twice, ended once"
    assert desk("CHANNEL_HANGUP", "y") == "waiting"


@pytest.mark.parametrize("headers", [FROM_PHONE, TO_PHONE])
def test_the_address_of_a_registered_phone_is_the_agent_s_line(headers):
    desk = Desk()
    assert desk("CHANNEL_CREATE", **headers) == "waiting", "nobody knows that phone"
    desk("CHANNEL_HANGUP")
    desk.engine.on_phones(NODE, ANNA, (PHONE,), START_US)
    assert desk("CHANNEL_CREATE", **headers) == "busy_elsewhere"
    assert desk("CHANNEL_HANGUP") == "waiting"


@pytest.mark.parametrize(
    "headers",
    [
        {
            "Call__Direction": "inbound",
            "variable_sip_from_user": "1001",
            "variable_sip_from_host": "example.org",
        },
        {
            "Call__Direction": "inbound",
            "Caller__Caller__ID__Number": "1001",
            "Caller__Network__Addr": "203.0.113.5",
        },
        {"Call__Direction": "outbound", "Caller__Destination__Number": "1001"},
        DIALLED | {"variable_cc_side": "agent"},
    ],
)
def test_what_a_stranger_writes_keeps_nobody_from_work(headers):
    desk = Desk()
    assert desk("CHANNEL_CREATE", **headers) == "waiting"


def test_an_agent_busy_elsewhere_is_not_rung_and_then_is():
    world = World(everybody([queue()], [agent("anna")]))
    world.swallow = lambda action: isinstance(action, Probe)  # the switch doesn't really have that channel
    world.phone("anna", ANSWERS)
    busy = channel("CHANNEL_CREATE", "x", **TO_ANNA)
    world.carry_out(world.engine.on_event(NODE, busy, world.now_us))
    world.call()
    world.run(10)
    assert not world.sent(Originate)
    free = channel("CHANNEL_HANGUP", "x")
    world.carry_out(world.engine.on_event(NODE, free, world.now_us))
    world.run(4)
    assert len(world.all("call-answered")) == 1


def anna_on_the_phone(world, *names):
    for name in names:
        world.carry_out(world.engine.on_event(NODE, channel(name, "x", **TO_ANNA), world.now_us))


def test_time_on_other_calls_is_told_as_such_and_the_states_still_add_up():
    """Before, in and after a conversation of a queue that rings who is on the phone; over a start."""
    world = World(everybody([queue(skip_agents_with_external_calls=False)], [agent("anna", wrap_up_time=10)]))
    world.swallow = lambda action: isinstance(action, Probe)
    world.phone("anna", ANSWERS)
    began_us = world.now_us
    world.run(5)
    anna_on_the_phone(world, "CHANNEL_CREATE", "CHANNEL_CREATE")
    world.run(20)
    call = world.call()
    world.run(30)
    world.does(call.hang_up)
    world.run(40)
    assert world.agent("anna").state == "busy_elsewhere"
    anna_on_the_phone(world, "CHANNEL_HANGUP", "CHANNEL_DESTROY")
    world.run(7)
    assert [r.elsewhere for r in world.all("agent-elsewhere")] == [True, False]

    live = Live()
    live.fold(world.records)
    spent = live.agents(world.now_us, {"anna": ["support"]}).spent_us
    assert sum(spent.values()) == world.now_us - began_us
    assert spent["waiting"] == pytest.approx(12 * SECOND, abs=SECOND)
    assert spent["busy_elsewhere"] == pytest.approx(50 * SECOND, abs=SECOND)
    assert spent["wrap_up"] == 10 * SECOND

    anna_on_the_phone(world, "CHANNEL_CREATE")
    world.run(5)
    world.restart(2)
    world.run(5)
    lines = AgentTimes()
    for record in world.records:
        lines.fold(record)
    assert lines.lines["anna"].state == world.agent("anna").state == "waiting", (
        "the switch has no such channel"
    )


def test_a_fold_that_goes_on_from_kept_lines_knows_who_is_on_another_call():
    desk = Desk()
    desk("CHANNEL_CREATE", **DIALLED)
    first = AgentTimes()
    for record in desk.records:
        first.fold(record)
    assert first.lines["anna"].state == "busy_elsewhere"
    later = AgentTimes(dict(first.lines))
    head = {"node": NODE, "epoch": 1, "call": "c", "queue": "support", "agent": "anna", "attempt": 1}
    later.fold(OfferMade(**head, sequence=90, at_us=START_US + SECOND))
    ended = {"outcome": "no_answer", "cause": "", "ring_us": SECOND}
    later.fold(OfferEnded(**head, **ended, sequence=91, at_us=START_US + 3 * SECOND))
    assert later.lines["anna"].state == "busy_elsewhere"


def test_a_queue_may_ring_agents_who_are_on_other_calls():
    world = World(everybody([queue(skip_agents_with_external_calls=False)], [agent("anna")]))
    world.phone("anna", IGNORES)
    busy = channel("CHANNEL_CREATE", "x", **TO_ANNA)
    world.carry_out(world.engine.on_event(NODE, busy, world.now_us))
    world.call()
    world.run(1)
    assert len(world.sent(Originate)) == 1


def test_a_look_at_the_switch_finds_calls_that_began_and_ended_unseen():
    desk = Desk()
    there = channel("CHANNEL_DATA", "x", **DIALLED)
    desk.engine.resync(NODE, [there], START_US)
    assert desk.state == "busy_elsewhere"
    assert desk.engine.known_legs(NODE) == ["x"]
    desk.engine.resync("other", [], START_US)
    assert desk.state == "busy_elsewhere", "another switch says nothing of it"
    desk.engine.resync(NODE, [], START_US)
    assert desk.state == "waiting"


def test_calls_counted_by_hand_come_on_top():
    desk = Desk()
    desk.engine.set_external_calls("anna", 1, START_US)
    assert desk("CHANNEL_CREATE", **DIALLED) == "busy_elsewhere"
    assert desk("CHANNEL_HANGUP") == "busy_elsewhere"
    desk.engine.set_external_calls("anna", 0, START_US)
    assert desk.state == "waiting"


def answerable(**settings):
    world = World(everybody([queue(**settings)], [agent("anna")]))
    world.phone("anna", ANSWERS)
    return world


def counted(world, calls):
    world.carry_out(world.engine.set_external_calls("anna", calls, world.now_us))


def test_calls_counted_by_hand_outlive_the_controller_until_they_are_set_to_none():
    """An upgrade in the middle of a call that only the other exchange sees must not ring the phone."""
    world = answerable()
    counted(world, 1)
    counted(world, 2)
    world.restart(2)
    world.restart(2)
    world.call()
    world.run(10)
    assert world.agent("anna").state == "busy_elsewhere"
    assert not world.sent(Originate)
    agent_id = world.engine._state.agent_ids["anna"]
    assert world.engine._state.router.agent(agent_id).external_calls == 2
    lines = AgentTimes()
    for record in world.records:
        lines.fold(record)
    assert lines.lines["anna"].state == "busy_elsewhere", "in the books too"

    counted(world, 0)
    world.run(4)
    assert len(world.all("call-answered")) == 1


def test_calls_counted_by_hand_are_over_after_a_start_when_they_were_set_to_none_before():
    world = answerable()
    counted(world, 1)
    anna_on_the_phone(world, "CHANNEL_CREATE")
    counted(world, 0)
    assert world.agent("anna").state == "busy_elsewhere", "the other call goes on"
    world.restart(2)
    world.run(1)
    assert world.agent("anna").state == "waiting", "the switch has no such channel"
    world.call()
    world.run(4)
    assert len(world.all("call-answered")) == 1


def test_a_call_that_is_seen_on_top_of_those_counted_by_hand_does_not_take_them_along():
    world = answerable()
    world.swallow = lambda action: isinstance(action, Probe)
    anna_on_the_phone(world, "CHANNEL_CREATE")
    counted(world, 1)
    world.restart(2)
    world.run(1)
    assert world.agent("anna").state == "busy_elsewhere"


def test_a_number_that_was_set_goes_with_the_agent_who_is_removed():
    world = answerable()
    counted(world, 1)
    everybody_there = world.engine.config
    world.carry_out(world.engine.apply(everybody([queue()], []), world.now_us))
    world.carry_out(world.engine.apply(everybody_there, world.now_us))
    world.restart(2)
    world.run(1)
    assert world.agent("anna").state == "waiting", "who comes back is new"


def test_what_earlier_versions_wrote_of_calls_elsewhere_is_read():
    head = {"node": "", "epoch": 1, "sequence": 3, "at_us": START_US, "agent": "anna"}
    memory = Memory()
    memory.fold(load("agent-elsewhere", {**head, "elsewhere": True}))
    [(_kind, _name, row)] = memory.take_changes()
    assert (row.pop("elsewhere"), row.pop("elsewhere_by_hand")) == (True, 0)
    again = Memory.load([("agent", "anna", {**row, "elsewhere": True})])
    assert again.agents["anna"].elsewhere_by_hand == 0
