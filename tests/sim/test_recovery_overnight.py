"""A controller that was stopped or died in the evening, and started in the morning: what ended meanwhile
ends in the books when it was last there.
"""

from __future__ import annotations

import pytest
from sim.restarting import centre, everybody_leaves
from sim.world import IGNORES, SECOND, World, agent, everybody, queue

pytestmark = pytest.mark.sim

NIGHT_S = 14 * 3600


def talking(world: World, number: int = 1):
    call = world.call(number=str(number))
    world.run(60)
    assert world.talks_with(call)
    return call


def a_night_later(world: World, *gone) -> None:
    """They hang up five minutes after the controller's end."""
    world.kill_controller()
    world.rest(300)
    for call in gone:
        world.does_alone(call.hang_up)
    world.rest(NIGHT_S)
    world.start()
    world.run(1)


def test_conversations_of_the_evening_end_in_the_books_when_the_controller_was_last_there():
    world = centre("1000", "1001", strategy="ring-all")
    calls = [talking(world, number) for number in range(2)]

    a_night_later(world, *calls)

    ends = {record.call: record.talk_us for record in world.all("conversation-ended")}
    for entry in world.all("queue-entered"):
        wait_us = next(r.wait_us for r in world.all("call-answered") if r.call == entry.call)
        assert ends[entry.call] == world.last_known_us - entry.at_us - wait_us
    everybody_leaves(world)


def test_a_wait_of_the_evening_is_over_when_the_controller_was_last_there():
    world = centre("1000", behaviour=IGNORES)
    call = world.call()
    world.run(20)

    a_night_later(world, call)

    assert world.the("call-lost").wait_us == 20 * SECOND
    everybody_leaves(world)


def test_who_was_sent_to_the_fallback_meanwhile_left_when_the_controller_was_last_there():
    world = centre("1000", behaviour=IGNORES)
    call = world.call()
    world.run(20)

    world.kill_controller()
    world.rest(60)
    world.console(f"uuid_transfer {call.uuid} voicemail")
    world.rest(5)
    world.start()
    world.run(1)

    assert world.the("call-left").wait_us == 20 * SECOND
    everybody_leaves(world, call)


def test_a_night_that_nobody_talked_through_takes_no_calls_from_an_agent():
    """The agent with the least talk time is the next one; the night isn't talk time."""
    agents = [agent("1000", wrap_up_time=0), agent("1001", wrap_up_time=0)]
    world = World(everybody([queue(strategy="agent-with-least-talk-time")], agents))
    for name in ("1000", "1001"):
        world.phone(name)
    first = talking(world)
    name = world.talks_with(first)
    other = "1001" if name == "1000" else "1000"

    a_night_later(world, first)
    assert world.agent(name).talk_us == world.the("conversation-ended").talk_us < 60 * SECOND

    second = talking(world)
    assert world.talks_with(second) == other
    world.run(600)
    world.does(second.hang_up)
    world.run(2)
    third = talking(world)
    assert world.talks_with(third) == name

    world.does(third.hang_up)
    world.run(2)
    talk_us = world.agent(name).talk_us
    world.restart()
    assert abs(world.agent(name).talk_us - talk_us) < SECOND
    everybody_leaves(world)


def test_without_a_word_of_the_last_run_it_ends_at_the_start():
    """The state folder is new, or the last run was of a version that kept no moment."""
    world = centre("1000", behaviour=IGNORES)
    call = world.call()
    world.run(20)

    world.kill_controller()
    world.does_alone(call.hang_up)
    world.last_known_us = 0
    world.rest(100)
    world.start()

    assert world.the("call-lost").wait_us == 120 * SECOND
    everybody_leaves(world)


@pytest.mark.parametrize(
    ("off_s", "talked_s"),
    [(3600, 10), (-3600, 0), (-(10**9), 0), (10**9, 10)],
    ids=["a little later", "before the call came", "long before", "for ever"],
)
def test_a_moment_that_is_off_makes_no_conversation_longer_than_it_can_be(off_s, talked_s):
    """Somebody set the wall clock, or the disk had taken nothing for long: never before it began, never later
    than now.
    """
    world = centre("1000")
    call = world.call()
    world.run(5)
    talked_us = world.now_us - world.the("call-answered").wait_us - world.the("queue-entered").at_us

    world.kill_controller()
    world.does_alone(call.hang_up)
    world.last_known_us += off_s * SECOND
    world.rest(10)
    world.start()

    ended = world.the("conversation-ended")
    assert ended.talk_us == (talked_us + 10 * SECOND if talked_s else 0)
    everybody_leaves(world)


def test_a_disk_that_kept_no_moment_for_long_leaves_the_last_that_the_books_tell():
    world = centre("1000")
    call = talking(world)
    before_us = world.now_us
    other = world.call(number="2")
    world.run(30)

    world.kill_controller()
    for one in (call, other):
        world.does_alone(one.hang_up)
    world.last_known_us = before_us - 3600 * SECOND
    world.rest(NIGHT_S)
    world.start()

    begun_us = before_us - world.the("conversation-ended").talk_us
    assert begun_us == world.all("queue-entered")[0].at_us + world.the("call-answered").wait_us
    everybody_leaves(world)
