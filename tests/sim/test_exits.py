"""Nobody falls into silence: every way out of a queue has a name and a destination."""

from __future__ import annotations

from random import Random

import pytest
from sim.world import ANSWERS, IGNORES, SECOND, World, agent, everybody, queue, voicemail_plan

from py_callcenter.config import Config
from py_callcenter.engine.actions import Originate
from py_callcenter.sim import Call, Step
from py_callcenter.stats import QueueLog

pytestmark = pytest.mark.sim


def empty_queue(**settings) -> World:
    return World(everybody([queue(**settings)], [agent("1000", status="Logged Out")]))


def reached(call, destination: str) -> bool:
    return call.alive and call.leg.profile.destination == destination


def test_the_maximum_wait_leads_to_its_exit():
    world = empty_queue(max_wait_time=30, on_timeout="voicemail")
    call = world.call()

    world.run(29.9)
    assert not world.all("call-left")

    world.run(0.5)
    assert reached(call, "voicemail")
    left = world.the("call-left")
    assert (left.reason, left.target) == ("timeout", "voicemail@default")
    assert 30 * SECOND <= left.wait_us <= 30.1 * SECOND
    assert call.leg.values["cc_cancel_reason"] == "TIMEOUT"
    assert call.leg.values["cc_cause"] == "cancel"
    assert "park_after_bridge" not in call.leg.values

    world.run(60)
    world.assert_quiet()


def test_hanging_up_is_an_exit_too():
    world = empty_queue(max_wait_time=10)
    call = world.call()

    world.run(11)

    assert not call.alive
    assert world.the("call-left").target == "hangup"
    world.assert_quiet()


def test_a_timeout_while_a_phone_rings_calls_the_phone_off():
    world = World(everybody([queue(max_wait_time=10, on_timeout="voicemail")], [agent("1000")]))
    world.phone("1000", IGNORES)
    call = world.call()

    world.run(12)

    assert reached(call, "voicemail")
    assert not world.ringing("1000")
    assert world.the("offer-ended").outcome == "withdrawn"
    assert world.agent("1000").no_answer_count == 0


def test_nobody_logged_in_leads_to_its_exit_and_newcomers_wait_only_the_grace():
    world = empty_queue(
        max_wait_time_with_no_agent=20,
        max_wait_time_with_no_agent_time_reached=5,
        on_no_agent="voicemail",
    )
    first = world.call(number="1")
    world.run(19)
    assert not world.all("call-left")
    world.run(2)
    assert reached(first, "voicemail")

    second = world.call(number="2")
    world.run(4)
    assert not reached(second, "voicemail")
    world.run(2)
    assert reached(second, "voicemail")
    assert [record.reason for record in world.all("call-left")] == ["no-agent", "no-agent"]


def test_somebody_who_logs_in_stops_that_clock():
    world = empty_queue(max_wait_time_with_no_agent=20, on_no_agent="voicemail")
    world.phone("1000", IGNORES)
    call = world.call()
    world.run(15)
    world.carry_out(world.engine.set_agent_status("1000", "On Break", world.now_us))

    world.run(60)

    assert call.alive
    assert not world.all("call-left")


def busy_for_hours(**settings) -> World:
    """One agent, conversations of a minute, callers by chance; in the end one talks and two wait."""
    plan = voicemail_plan()
    steps = (Step("set", "cc_queue=support"), Step("set", "cc_priority=5"), Step("answer"), Step("park"))
    plan.add("important", *steps)
    world = World(everybody([queue(**settings)], [agent("1000", wrap_up_time=0)]), dialplan=plan)
    world.phone("1000", ANSWERS)
    chance = Random(7)
    callers: list[Call] = []
    for number in range(2000):
        world.run(5)
        talking = next((call for call in callers if world.talks_with(call)), None)
        if talking is not None and chance.random() < 5 / 60:
            world.does(talking.hang_up)
            callers.remove(talking)
        if len(callers) < 3 and chance.random() < 5 / 60:
            callers.append(world.call(number=f"1555{number}"))
    while len(callers) < 3:
        callers.append(world.call())
    world.run(5)
    return world


def test_who_would_wait_too_long_is_sent_on():
    world = busy_for_hours(max_expected_wait=160, on_full="voicemail")
    assert not world.all("call-left")
    assert len(world.engine.view(world.now_us).calls) == 3
    third = world.call(number="3")
    fourth, important = world.call(number="4"), world.call("important", number="5")
    world.run(1)

    assert not reached(third, "voicemail")
    assert reached(fourth, "voicemail")
    assert not reached(important, "voicemail"), "goes before the others"
    left = world.the("call-left")
    assert (left.reason, left.target) == ("expected-wait", "voicemail@default")
    log = QueueLog()
    lines = [line.split("|") for record in world.records for line in log.lines(record)]
    assert not [line for line in lines if line[1] == fourth.uuid], "as app_queue: refused before it joined"
    assert [line[4] for line in lines if line[1] == third.uuid] == ["ENTERQUEUE"]
    assert not [line for line in lines if line[4] == "WITHDRAW"]
    assert fourth.leg.values["cc_cancel_reason"] == "EXPECTED_WAIT"
    assert fourth.leg.values["cc_cause"] == "cancel"


def test_nobody_is_sent_on_while_the_expected_wait_is_not_known():
    world = World(everybody([queue(max_expected_wait=1)], [agent("1000")]))
    world.phone("1000", ANSWERS)
    callers = [world.call(number=str(number)) for number in range(10)]
    world.run(10)

    assert all(call.alive for call in callers)
    assert not world.all("call-left")


def test_a_full_queue_sends_the_next_caller_on():
    world = empty_queue(max_callers=2, on_full="voicemail")
    waiting = [world.call(number=str(number)) for number in range(2)]

    third = world.call(number="3")
    world.run(1)

    assert reached(third, "voicemail")
    assert all(world.engine.view(world.now_us).calls)
    assert world.the("call-left").reason == "full"
    assert third.leg.values["cc_cancel_reason"] == "QUEUE_FULL"
    assert len(world.all("call-offered")) == 3
    assert all(call.alive for call in waiting)


def test_an_exit_key_leaves_and_other_keys_do_not():
    world = empty_queue(on_exit_key="voicemail")
    world.switch.dialplan.add(
        "keys", Step("set", "cc_queue=support"), Step("set", "cc_exit_keys=2#"), Step("answer"), Step("park")
    )
    call = world.call("keys")
    world.run(1)
    world.does(lambda: call.press("1"))
    world.run(1)
    assert not world.all("call-left")

    world.does(lambda: call.press("2"))
    world.run(1)

    assert reached(call, "voicemail")
    assert call.leg.values["cc_exit_key"] == "2"
    assert world.the("call-left").reason == "exit-key"


def test_the_dialplan_may_override_the_exit():
    world = empty_queue(max_wait_time=5)
    world.switch.dialplan.add(
        "own",
        Step("set", "cc_queue=support"),
        Step("set", "cc_exit_exten=voicemail@default"),
        Step("answer"),
        Step("park"),
    )
    call = world.call("own")

    world.run(6)

    assert reached(call, "voicemail")


@pytest.mark.parametrize("text", ["x inline", "'system:id' inline", "a b c", "../x"])
def test_an_override_that_would_be_a_command_is_not_used(text):
    world = empty_queue(max_wait_time=5, on_timeout="voicemail")
    world.switch.dialplan.add(
        "evil",
        Step("set", "cc_queue=support"),
        Step("set", f"cc_exit_exten={text}"),
        Step("answer"),
        Step("park"),
    )
    call = world.call("evil")

    world.run(6)

    assert reached(call, "voicemail")


def test_an_unknown_queue_has_an_exit_a_record_and_no_offer():
    config = everybody([queue()], [agent("1000")])
    config = Config.model_validate(
        {**config.model_dump(), "controller": {"on_unknown_queue": "voicemail@default"}}
    )
    world = World(config)
    world.phone("1000", ANSWERS)

    call = world.call("queue_nowhere")
    world.run(1)

    assert reached(call, "voicemail")
    assert world.kinds(call) == ["unknown-queue"]
    assert not world.sent(Originate)
    world.run(60)
    assert world.kinds(call) == ["unknown-queue", "call-ended"]


def test_an_exit_may_lead_to_another_queue():
    world = World(
        everybody(
            [queue("support", max_wait_time=5, on_timeout="queue_sales"), queue("sales")],
            [agent("1000", status="Logged Out")],
        )
    )
    call = world.call()

    world.run(7)

    assert [(r.queue, r.leg) for r in world.all("queue-entered")] == [("support", 1), ("sales", 2)]
    assert len(world.all("call-offered")) == 1
    assert call.alive
    assert world.engine.view(world.now_us).calls[0].queue == "sales"


@pytest.mark.parametrize(
    ("asked", "shown"),
    [("nowhere", "nowhere"), ("no where\n;x", "no_where__x"), ("5551234567", "…"), ("x" * 500, "x" * 64)],
)
def test_what_was_asked_for_is_told_without_what_a_caller_may_have_put_into_it(asked, shown):
    world = empty_queue()
    world.switch.dialplan.add("odd", Step("set", f"cc_queue={asked}"), Step("answer"), Step("park"))

    world.call("odd")

    assert world.the("unknown-queue").asked == shown
