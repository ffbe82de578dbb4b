"""What callers bring along into a queue: demands, agents to wait for, wait that counts already."""

from __future__ import annotations

from typing import Any

import pytest
from sim.world import ANSWERS, IGNORES, MANUAL, NODE, World, agent, queue

from py_callcenter.config import Config, Tier
from py_callcenter.config.routing import Relaxation
from py_callcenter.engine import EngineError
from py_callcenter.engine.actions import SetVariables
from py_callcenter.sim import Call, Step

pytestmark = pytest.mark.sim

SKILLS = {"1000": {"billing": 50}, "1001": {"billing": 10, "language:fa": 80}, "1002": {}}


def centre_with(
    needed: str | None, agents: dict[str, dict[str, int]] | None = None, *, behaviour=MANUAL, **settings: Any
) -> World:
    """Three agents for support, first come by position: a biller, one who speaks Persian too, a beginner."""
    people = agents or SKILLS
    config = Config(
        queues=(
            queue(strategy="sequentially-by-agent-order", skills=needed, **settings),
            queue("sales"),
        ),
        agents=tuple(agent(name, skills=skills, wrap_up_time=0) for name, skills in people.items()),
        tiers=tuple(Tier(queue="support", agent=name, position=n) for n, name in enumerate(people, 1)),
    )
    world = World(config)
    for name in people:
        world.phone(name, behaviour)
    return world


def call(world: World, number: str = "15551", *, where: str = "support", **variables: str) -> Call:
    """A call for which the dialplan sets variables first."""
    name = f"with_{len(world.switch.dialplan._extensions)}"
    steps = [Step("set", f"{key}={value}") for key, value in {"cc_queue": where, **variables}.items()]
    world.switch.dialplan.add(name, *steps, Step("answer"), Step("park"))
    return world.call(name, number)


def ringing(world: World) -> list[str]:
    return [name for name in SKILLS if world.ringing(name)]


def talk(world: World, caller: Call, name: str) -> None:
    world.does(world.phones[name].answer)
    world.run(3)
    assert world.talks_with(caller) == name
    world.does(caller.hang_up)
    world.run(2)


def line(world: World) -> list[str]:
    return [one.id for one in world.engine.view(world.now_us).calls if one.position]


# Skills.


def test_a_queues_callers_get_who_has_the_skill_though_others_stand_first():
    world = centre_with("billing", {"1000": {}, "1001": {"billing": 1}, "1002": {"billing": 9}})
    call(world)
    world.run(1)
    assert ringing(world) == ["1001"]


def test_the_dialplan_may_ask_for_more_and_add_a_language():
    for variables, found in (
        ({}, "1000"),
        ({"cc_skills": "billing < 20"}, "1001"),
        ({"cc_language": "fa"}, "1001"),
        ({"cc_language": " FA "}, "1001"),
        ({"cc_skills": "not billing"}, "1002"),
        ({"cc_skills": "any"}, "1000"),
    ):
        world = centre_with("billing")
        call(world, **variables)
        world.run(1)
        assert ringing(world) == [found], variables
        assert not world.all("wish-ignored")


def test_who_needs_what_nobody_has_waits_and_is_reached_when_somebody_learns_it():
    world = centre_with("billing")
    caller = call(world, cc_skills="juggling")
    world.run(30)
    assert ringing(world) == []
    learnt = world.config.agents[2].model_copy(update={"skills": {"juggling": 1}})
    config = world.config.model_copy(update={"agents": (*world.config.agents[:2], learnt)})
    world.does(lambda: world.carry_out(world.engine.apply(config, world.now_us)))
    world.run(1)
    assert ringing(world) == ["1002"]
    talk(world, caller, "1002")
    world.assert_quiet()


def test_an_applied_file_changes_what_a_queue_needs_for_those_who_wait():
    world = centre_with("juggling")
    call(world)
    world.run(5)
    assert ringing(world) == []
    support = world.config.queues[0].model_copy(update={"skills": None})
    config = world.config.model_copy(update={"queues": (support, world.config.queues[1])})
    world.does(lambda: world.carry_out(world.engine.apply(config, world.now_us)))
    world.run(1)
    assert ringing(world) == ["1000"]


def test_after_some_waiting_less_will_do():
    steps = (Relaxation(after=20, skills="billing >= 50"), Relaxation(after=40, skills="any"))
    busy = {"1000": {"billing": 10}, "1001": {"billing": 50}, "1002": {}}
    world = centre_with("billing >= 90", busy, relax=steps)
    caller = call(world)
    world.run(19)
    assert ringing(world) == []
    world.run(2)
    assert ringing(world) == ["1001"]
    talk(world, caller, "1001")
    beginner = call(world, cc_language="fa")
    world.run(39)
    assert ringing(world) == []
    world.run(2)
    assert ringing(world) == ["1000"]  # anybody will do, of any language
    talk(world, beginner, "1000")


@pytest.mark.parametrize(
    ("variables", "wish"),
    [
        ({"cc_skills": "billing and (sales"}, "cc_skills"),
        ({"cc_skills": "billing and not billing"}, "cc_skills"),
        ({"cc_skills": "((" * 3000}, "cc_skills"),
        ({"cc_skills": "a or " * 3000 + "a"}, "cc_skills"),
        ({"cc_skills": "\N{SNOWMAN}; drop table"}, "cc_skills"),
        ({"cc_language": "fa) or (any"}, "cc_language"),
        ({"cc_language": "x" * 5000}, "cc_language"),
        ({"cc_preferred_agent": "nobody"}, "cc_preferred_agent"),
        ({"cc_preferred_agent": "x" * 5000}, "cc_preferred_agent"),
    ],
)
def test_what_makes_no_sense_is_noted_and_the_queues_own_default_holds(variables, wish):
    world = centre_with("billing")
    caller = call(world, **variables)
    world.run(1)
    assert ringing(world) == ["1000"]
    assert world.the("wish-ignored").wish == wish
    assert str(next(iter(variables.values()))) not in str(world.records)
    talk(world, caller, "1000")
    world.assert_quiet()


def test_a_language_that_contradicts_the_demand_is_left_out():
    world = centre_with("billing and not language:fa")
    call(world, cc_language="fa")
    world.run(1)
    assert ringing(world) == ["1000"]
    assert world.the("wish-ignored").wish == "cc_language"


def test_what_a_waiting_caller_needs_is_changed_by_hand():
    world = centre_with("billing")
    caller = call(world, cc_skills="juggling")
    world.run(5)
    change = lambda text: world.carry_out(world.engine.rank_call(caller.uuid, world.now_us, skills=text))  # noqa: E731
    with pytest.raises(EngineError, match="column 9"):
        change("billing (")
    world.does(lambda: change("billing < 20"))
    world.run(1)
    assert ringing(world) == ["1001"]
    assert ("cc_skills", "billing < 20") in [pair for a in world.sent(SetVariables) for pair in a.variables]


# Across queues.


def test_one_agent_serves_the_queue_of_higher_priority_first_and_a_weight_makes_waits_longer():
    for settings, first in (
        ({}, "older"),
        ({"queue_priority": 1}, "newer"),
        ({"queue_weight": 3}, "newer"),
        ({"urgent_by_service_level": True}, "older"),
    ):
        config = Config(
            queues=(queue(), queue("sales", **settings)),
            agents=(agent("1000"),),
            tiers=(Tier(queue="support", agent="1000"), Tier(queue="sales", agent="1000")),
        )
        world = World(config, statuses={"1000": "On Break"})
        world.phone("1000", ANSWERS)
        callers = {"older": world.call()}
        world.run(10)
        callers["newer"] = world.call("queue_sales", number="16666")
        world.run(10)
        world.does(lambda w=world: w.carry_out(w.engine.set_agent_status("1000", "Available", w.now_us)))
        world.run(5)
        assert world.talks_with(callers[first]) == "1000", settings


def test_a_caller_is_put_back_by_other_queues_only_so_often():
    config = Config(
        queues=(queue(overtaking_cap=2), queue("sales", queue_priority=50)),
        agents=(agent("1000", wrap_up_time=0),),
        tiers=(Tier(queue="support", agent="1000"), Tier(queue="sales", agent="1000")),
    )
    world = World(config, statuses={"1000": "On Break"})
    world.phone("1000", ANSWERS)
    callers = [world.call()] + [world.call("queue_sales", number=f"1666{n}") for n in range(4)]
    world.does(lambda: world.carry_out(world.engine.set_agent_status("1000", "Available", world.now_us)))
    served = []
    for _ in callers:
        world.run(5)
        (talking,) = [caller for caller in callers if world.talks_with(caller) == "1000"]
        served.append(callers.index(talking))
        world.does(talking.hang_up)
    assert served == [1, 2, 0, 3, 4]


# Agents to wait for.


def test_a_caller_waits_for_the_agent_whom_the_dialplan_names_and_then_takes_anybody():
    world = centre_with(None, preferred_agent_wait=20)
    busy = call(world, cc_preferred_agent="1001")
    world.run(1)
    assert ringing(world) == ["1001"]
    world.does(world.phones["1001"].answer)
    world.run(2)
    assert world.talks_with(busy) == "1001"
    call(world, "16666", cc_preferred_agent="1001")
    world.run(19)
    assert ringing(world) == []
    world.run(2)
    assert ringing(world) == ["1000"]


@pytest.mark.parametrize("once", [True, False])
def test_a_wish_for_this_once_is_over_with_the_conversation(once):
    world = centre_with(None, preferred_agent_wait=20)
    marks = {"cc_preferred_agent": "1001"} | ({"cc_preferred_once": "true"} if once else {})
    sent_on = call(world, **marks)
    world.run(1)
    assert ringing(world) == ["1001"]
    world.does(world.phones["1001"].answer)
    world.run(3)
    assert world.talks_with(sent_on) == "1001"
    world.switch.transfer(sent_on.leg, "queue_support", "default")
    world.run(2)
    assert ringing(world) == (["1000"] if once else ["1001"])


def test_a_queue_may_refuse_to_wait_for_anybody():
    world = centre_with(None, preferred_agent_wait=0)
    call(world, cc_preferred_agent="1001")
    world.run(1)
    assert ringing(world) == ["1000"]
    assert not world.all("wish-ignored")


def test_who_calls_again_gets_the_agent_of_the_last_talk():
    world = centre_with(None, last_agent_wait=30, last_agent_memory=600)
    talk_with = call(world, "15551", cc_preferred_agent="1002")
    world.run(1)
    talk(world, talk_with, "1002")
    again = call(world, "15551")
    world.run(1)
    assert ringing(world) == ["1002"]
    talk(world, again, "1002")
    call(world, "16666")
    world.run(1)
    assert ringing(world) == ["1000"]
    world.run(700)
    call(world, "15551")
    world.run(1)
    assert "1002" not in ringing(world)


@pytest.mark.parametrize("number", ["", "anonymous", "0"])
def test_callers_without_a_number_are_nobody_known(number):
    world = centre_with(None, last_agent_wait=30, abandoned_resume_allowed=True)
    first = call(world, number, cc_preferred_agent="1002")
    world.run(1)
    talk(world, first, "1002")
    call(world, number)
    world.run(1)
    assert ringing(world) == ["1000"]


# Wait that counts.


def test_time_before_the_queue_counts_if_the_file_says_so():
    """Twelve seconds of announcements after the answer, then the queue."""
    for base, order in (("queue", [0, 1]), ("system", [1, 0])):
        world = centre_with(None, behaviour=IGNORES, time_base_score=base)
        world.switch.dialplan.add(
            "ivr",
            Step("answer"),
            Step("playback", "/tones/menu.wav", seconds=12),
            Step("set", "cc_queue=support"),
            Step("park"),
        )
        late = world.call("ivr", "16666")
        world.run(5)
        early = call(world)
        world.run(10)
        names = [early.uuid, late.uuid]
        assert line(world) == [names[n] for n in order], base
        entered = {record.call: record.earlier_us for record in world.all("queue-entered")}
        assert entered[late.uuid] == pytest.approx(0 if base == "queue" else 12_000_000, abs=200_000)
        assert entered[early.uuid] < 200_000


def test_time_in_the_first_queue_counts_if_the_file_says_so():
    for base, order in (("queue", [0, 1]), ("first-queue", [1, 0])):
        world = centre_with("juggling", time_base_score=base)
        moved = call(world, "16666", where="sales")
        world.run(20)
        there = call(world)
        world.run(5)
        leg = world.switch.legs[moved.uuid]
        world.does(lambda moved=leg, switch=world.switch: switch.transfer(moved, "queue_support"))
        world.run(2)
        names = [there.uuid, moved.uuid]
        assert line(world) == [names[n] for n in order], base


def test_who_hangs_up_and_calls_again_soon_gets_the_place_back_once():
    world = centre_with("juggling", abandoned_resume_allowed=True, discard_abandoned_after=60)
    first = call(world, "15551", cc_base_score="7")
    world.run(30)
    second = call(world, "16666")
    world.run(5)
    world.does(first.hang_up)
    world.run(20)
    again = call(world, "15551", cc_base_score="900")
    world.run(1)
    assert line(world) == [again.uuid, second.uuid]
    entered = world.all("queue-entered")[-1]
    assert (entered.call, entered.resumed) == (again.uuid, True)
    assert entered.earlier_us == pytest.approx(55_000_000, abs=500_000)
    another = call(world, "15551")
    world.run(1)
    assert line(world) == [again.uuid, second.uuid, another.uuid]


@pytest.mark.parametrize(("settings", "pause"), [({}, 20), ({"abandoned_resume_allowed": True}, 70)])
def test_too_late_or_not_allowed_is_a_new_place(settings, pause):
    world = centre_with("juggling", **settings)
    first = call(world, "15551")
    world.run(30)
    second = call(world, "16666")
    world.does(first.hang_up)
    world.run(pause)
    again = call(world, "15551")
    world.run(1)
    assert line(world) == [second.uuid, again.uuid]


def test_who_was_lost_with_the_switch_gets_the_place_back():
    world = centre_with("juggling", abandoned_resume_allowed=True)
    first = call(world, "15551")
    world.run(30)
    second = call(world, "16666")
    world.run(1)
    world.carry_out(world.engine.resync(NODE, [], world.now_us))  # none of the channels is there any more
    assert len(world.all("call-lost")) == 2
    for caller in (first, second):
        world.does(caller.hang_up)
    late = call(world, "16666")
    early = call(world, "15551")
    world.run(1)
    assert line(world) == [early.uuid, late.uuid]
