"""Breaks with a reason: who may go, who stands in line, what is written down, and what a restart keeps."""

from __future__ import annotations

import pytest
from sim.world import SECOND, World, agent, everybody, queue

from py_callcenter._router import Router
from py_callcenter.config import BreakReason, Breaks, Config
from py_callcenter.engine.errors import BadBreak, NotNow, UnknownAgent, UnknownBreakReason, UnknownStatus
from py_callcenter.stats import QueueLog

pytestmark = pytest.mark.sim

LUNCH = BreakReason(name="lunch", time_limit=1800, quota=1)
COFFEE = BreakReason(name="coffee", time_limit=300, when_over="Available")


def office(*names: str, breaks: Breaks | None = None, **settings) -> World:
    agents = [agent(name, wrap_up_time=10) for name in names or ("1000", "1001", "1002")]
    config = everybody([queue(**settings)], agents)
    world = World(config.model_copy(update={"breaks": breaks or Breaks(reasons=(LUNCH, COFFEE))}))
    for one in agents:
        world.phone(one.name)
    return world


def rest(world: World, name: str, reason: str = "lunch", *, force: bool = False) -> None:
    world.carry_out(
        world.engine.set_agent_status(name, "On Break", world.now_us, break_reason=reason, force=force)
    )


def status(world: World, name: str, status: str) -> None:
    world.carry_out(world.engine.set_agent_status(name, status, world.now_us))


def told(world: World) -> list[tuple[str, ...]]:
    """What the records say of breaks: agent, and status or step, and reason."""
    said = []
    for record in world.records:
        if record.kind == "agent-status" and record.reason != "initial":
            said.append((record.agent, record.status, record.break_reason))
        elif record.kind == "agent-break":
            said.append((record.agent, record.step, record.break_reason))
    return said


def test_lunch_begins_at_once_and_is_written_down():
    world = office()
    rest(world, "1000")
    line = world.agent("1000")
    assert (line.status, line.state, line.rest.reason) == ("On Break", "on_break", "lunch")
    assert line.rest.limit_us == world.now_us + 1800 * SECOND
    assert told(world) == [("1000", "On Break", "lunch")]


def test_the_second_waits_for_the_place_and_takes_calls_meanwhile():
    world = office("1000", "1001")
    rest(world, "1000")
    rest(world, "1001")
    assert (world.agent("1001").status, world.agent("1001").rest.place) == ("Available", 1)
    call = world.call()
    world.run(3)
    assert world.talks_with(call) == "1001"
    status(world, "1000", "Available")
    assert world.agent("1001").rest.place == 0
    world.does(call.hang_up)
    world.run(1)
    assert world.agent("1001").state == "wrap_up"
    world.run(10)
    assert (world.agent("1001").state, world.agent("1001").rest.reason) == ("on_break", "lunch")
    assert told(world) == [
        ("1000", "On Break", "lunch"),
        ("1001", "asked", "lunch"),
        ("1000", "Available", ""),
        ("1001", "granted", "lunch"),
        ("1001", "On Break", "lunch"),
    ]


def test_nobody_is_rung_whose_break_has_just_begun():
    world = office("1000")
    call = world.call()
    world.run(3)
    rest(world, "1000")
    world.call(number="15552")
    world.does(call.hang_up)
    world.run(11)
    assert world.agent("1000").state == "on_break"
    assert len(world.all("offer-made")) == 1


def test_a_request_is_taken_back():
    world = office()
    rest(world, "1000")
    rest(world, "1001")
    world.carry_out(world.engine.withdraw_break("1001", world.now_us))
    assert world.agent("1001").rest is None
    assert told(world)[-1] == ("1001", "withdrawn", "lunch")
    with pytest.raises(NotNow, match="asked for no break"):
        world.engine.withdraw_break("1001", world.now_us)
    with pytest.raises(UnknownAgent):
        world.engine.withdraw_break("nobody", world.now_us)


def test_who_logs_out_has_asked_for_nothing():
    world = office()
    rest(world, "1000")
    rest(world, "1001")
    status(world, "1001", "Logged Out")
    status(world, "1001", "Available")
    status(world, "1000", "Available")
    assert world.agent("1001").state == "waiting"


def test_a_supervisor_sends_somebody_above_the_quota():
    world = office()
    rest(world, "1000")
    rest(world, "1001", force=True)
    assert world.agent("1001").rest.reason == "lunch"
    assert world.engine.break_counts() == {"lunch": (2, 0, 0), "coffee": (0, 0, 0)}


def test_a_break_that_lasts_too_long_is_told_once():
    world = office()
    rest(world, "1000")
    world.run(1799)
    assert not world.agent("1000").rest.overdue
    world.run(2)
    assert world.agent("1000").rest.overdue
    world.run(3600)
    assert told(world)[-1] == ("1000", "overdue", "lunch")
    assert world.agent("1000").status == "On Break"


def test_a_coffee_ends_by_itself():
    world = office()
    rest(world, "1000", "coffee")
    call = world.call()
    world.does(call.hang_up)
    world.run(301)
    assert world.agent("1000").state == "waiting"
    assert told(world)[-2:] == [("1000", "overdue", "coffee"), ("1000", "Available", "")]
    assert world.all("agent-status")[-1].reason == "break-over"


def test_a_break_without_a_reason_is_as_ever():
    world = office()
    status(world, "1000", "On Break")
    status(world, "1001", "On Break")
    world.run(7200)
    assert world.agent("1000").rest is None
    assert told(world) == [("1000", "On Break", ""), ("1001", "On Break", "")]
    rest(world, "1000")
    assert told(world)[-1] == ("1000", "On Break", "lunch")


@pytest.mark.parametrize(
    ("name", "status", "reason", "error", "hint"),
    [
        ("nobody", "On Break", "lunch", UnknownAgent, ""),
        ("1000", "On Break", "lnch", UnknownBreakReason, "allowed are `lunch`, `coffee`"),
        ("1000", "Available", "lunch", BadBreak, "belongs to the status `On Break`"),
        ("1000", "resting", "lunch", UnknownStatus, "allowed are"),
    ],
)
def test_what_cannot_be_asked_for_says_what_can(name, status, reason, error, hint):
    world = office()
    with pytest.raises(error) as caught:
        world.engine.set_agent_status(name, status, world.now_us, break_reason=reason)
    assert hint in caught.value.hint
    assert world.agent("1000").status == "Available"


def test_without_reasons_the_hint_says_how_to_have_some():
    world = office(breaks=Breaks())
    with pytest.raises(UnknownBreakReason) as caught:
        world.engine.set_agent_status("1000", "On Break", world.now_us, break_reason="lunch")
    assert "[[breaks.reasons]]" in caught.value.hint


def test_who_is_logged_out_takes_no_break():
    world = office()
    status(world, "1000", "Logged Out")
    with pytest.raises(NotNow, match="logged out"):
        world.engine.set_agent_status("1000", "On Break", world.now_us, break_reason="lunch")


def test_a_quota_of_all_reasons():
    world = office(breaks=Breaks(quota=2, reasons=(LUNCH, COFFEE)))
    rest(world, "1000", "coffee")
    rest(world, "1001", "coffee")
    rest(world, "1002", "lunch")
    assert world.agent("1002").rest.place == 1


# A changed configuration.


def change(world: World, breaks: Breaks) -> None:
    world.config = world.config.model_copy(update={"breaks": breaks})
    world.carry_out(world.engine.apply(world.config, world.now_us))


def test_a_reason_that_leaves_the_configuration_leaves_the_break():
    world = office()
    rest(world, "1000")
    rest(world, "1001")
    change(world, Breaks(reasons=(COFFEE,)))
    assert (world.agent("1000").status, world.agent("1000").rest) == ("On Break", None)
    assert (world.agent("1001").status, world.agent("1001").rest) == ("Available", None)
    assert told(world)[-2:] == [("1000", "On Break", ""), ("1001", "withdrawn", "lunch")]
    world.run(3600)
    assert world.agent("1000").status == "On Break"
    change(world, Breaks())
    assert world.engine.break_counts() == {}


def test_a_larger_quota_lets_the_next_go():
    world = office()
    rest(world, "1000")
    rest(world, "1001")
    change(world, Breaks(reasons=(LUNCH.model_copy(update={"quota": 2}), COFFEE)))
    assert world.agent("1001").rest.reason == "lunch"


def test_a_removed_agent_makes_room():
    world = office()
    rest(world, "1000")
    rest(world, "1001")
    config = world.config
    world.config = config.model_copy(
        update={"agents": config.agents[1:], "tiers": tuple(t for t in config.tiers if t.agent != "1000")}
    )
    world.carry_out(world.engine.apply(world.config, world.now_us))
    assert world.agent("1001").rest.reason == "lunch"


# A restart.


def test_breaks_and_the_line_outlive_the_controller():
    world = office()
    rest(world, "1000")
    world.run(60)
    rest(world, "1002")
    rest(world, "1001")
    before = {name: world.agent(name).rest for name in ("1000", "1001", "1002")}
    assert before["1002"].place == 1
    written = len(told(world))
    world.restart()
    assert {name: world.agent(name).rest for name in before} == before
    assert len(told(world)) == written
    world.run(1800)
    assert told(world)[written:] == [("1000", "overdue", "lunch")]
    world.restart()
    world.run(60)
    assert world.agent("1000").rest.overdue
    status(world, "1000", "Available")
    assert world.agent("1002").rest.reason == "lunch"
    assert world.agent("1001").rest.place == 1


def test_a_kept_place_outlives_the_controller():
    world = office("1000", "1001")
    call = world.call()
    world.run(3)
    busy = world.talks_with(call)
    other = "1001" if busy == "1000" else "1000"
    rest(world, busy)
    rest(world, other)
    assert (world.agent(busy).rest.place, world.agent(other).rest.place) == (0, 1)
    before = told(world)
    world.restart()
    world.run(2)
    assert (world.agent(busy).state, world.agent(busy).status) == ("in_a_queue_call", "Available")
    assert (world.agent(busy).rest.place, world.agent(other).rest.place) == (0, 1)
    assert told(world) == before
    world.does(call.hang_up)
    world.run(9)
    assert world.agent(busy).state == "wrap_up"
    world.run(3)
    assert told(world) == [*before, (busy, "On Break", "lunch")]


def test_a_phone_rings_on_whose_owner_has_a_place_kept():
    world = office("1000")
    call = world.call()
    world.run(0.5)
    assert world.agent("1000").state == "receiving"
    rest(world, "1000")
    world.restart()
    world.run(4)
    assert world.talks_with(call) == "1000"
    assert world.agent("1000").status == "Available"
    world.does(call.hang_up)
    world.run(12)
    assert told(world)[1:] == [("1000", "granted", "lunch"), ("1000", "On Break", "lunch")]


def test_a_call_ends_while_nobody_runs_and_the_kept_break_begins_after_the_wrap_up():
    world = office("1000")
    call = world.call()
    world.run(3)
    rest(world, "1000")
    world.kill_controller()
    world.rest(1)
    world.does_alone(call.hang_up)
    world.start()
    world.run(1)
    assert world.agent("1000").state == "wrap_up"
    world.run(10)
    assert (world.agent("1000").state, world.agent("1000").rest.reason) == ("on_break", "lunch")


def test_who_asks_before_a_start_has_seen_the_call_goes_after_it():
    world = office("1000")
    call = world.call()
    world.run(3)
    world.kill_controller()
    world.rest(1)
    resync, world.resync = world.resync, lambda: None
    world.start()
    rest(world, "1000")
    assert world.agent("1000").status == "Available"
    resync()
    assert world.agent("1000").state == "in_a_queue_call"
    world.does(call.hang_up)
    world.run(12)
    assert told(world) == [
        ("1000", "asked", "lunch"),
        ("1000", "granted", "lunch"),
        ("1000", "On Break", "lunch"),
    ]


def test_a_node_that_nobody_sees_puts_a_break_off_for_a_minute():
    world = office("1000")
    world.call()
    world.run(3)
    rest(world, "1000")
    world.kill_controller()
    world.rest(1)
    world.resync = lambda: None
    world.start()
    world.run(50)
    assert world.agent("1000").status == "Available"
    world.run(15)
    assert world.agent("1000").rest.reason == "lunch"


def test_a_limit_that_passes_while_nobody_runs_is_kept_to():
    world = office()
    rest(world, "1000", "coffee")
    world.restart(after=400)
    world.run(1)
    assert world.agent("1000").status == "Available"
    assert told(world)[-1] == ("1000", "Available", "")


def test_a_reason_that_is_gone_at_the_next_start():
    world = office()
    rest(world, "1000")
    rest(world, "1001")
    world.config = world.config.model_copy(update={"breaks": Breaks(reasons=(COFFEE,))})
    world.restart()
    assert (world.agent("1000").status, world.agent("1000").rest) == ("On Break", None)
    assert world.agent("1001").rest is None
    assert told(world)[-1] == ("1000", "On Break", "")


def test_queue_log_names_the_reason():
    world = office()
    rest(world, "1000", "coffee")
    rest(world, "1000", "lunch")
    status(world, "1000", "Available")
    log = QueueLog()
    lines = [line for record in world.records for line in log.lines(record) if "PAUSE" in line]
    assert [line.split("|", 3)[3] for line in lines] == [
        "1000|PAUSEALL|coffee",
        "1000|UNPAUSEALL|",
        "1000|PAUSEALL|lunch",
        "1000|UNPAUSEALL|",
    ]


def test_a_centre_without_reasons_asks_the_core_nothing():
    class Silent:
        """A router without a word of breaks."""

        def __init__(self) -> None:
            self._router = Router()

        def __getattr__(self, name: str):
            assert "break" not in name
            return getattr(self._router, name)

    config: Config = everybody([queue()], [agent("1000")])
    world = World(config, make_router=Silent)
    status(world, "1000", "On Break")
    world.run(1)
    assert world.agent("1000").status == "On Break"
