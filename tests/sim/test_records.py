"""What the records tell beyond the bare happening: places, keys, pseudonyms, and what a restart finds."""

from __future__ import annotations

from typing import get_args

import pytest
from sim.world import ANSWERS, KEY, MANUAL, SECOND, World, agent, everybody, queue

from py_callcenter.engine import records as r
from py_callcenter.engine.identity import Sealer
from py_callcenter.sim import Step

pytestmark = pytest.mark.sim


def support(behaviour=MANUAL, **settings) -> World:
    world = World(everybody([queue(**settings)], [agent("1000", status="Available")]))
    world.phone("1000", behaviour)
    return world


def test_a_queue_leg_tells_its_place_at_both_ends():
    world = support()
    first, second, third = (world.call(number=f"555100{n}") for n in range(3))
    world.run(10)
    world.does(second.hang_up)
    world.does(third.hang_up)
    world.run(1)

    assert [record.position for record in world.all("queue-entered")] == [1, 2, 3]
    assert [record.position for record in world.all("call-abandoned")] == [2, 2]
    assert first.alive


def test_a_full_queue_gives_no_place():
    world = support(max_callers=1)
    world.call()
    world.call()
    world.run(1)

    assert [record.position for record in world.all("queue-entered")] == [1, 0]
    assert (world.the("call-left").reason, world.the("call-left").position) == ("full", 0)


def test_the_exit_key_is_in_the_records():
    world = support(on_exit_key="voicemail")
    world.switch.dialplan.add(
        "keys", Step("set", "cc_queue=support"), Step("set", "cc_exit_keys=2#"), Step("answer"), Step("park")
    )
    call = world.call("keys")
    world.run(3)
    world.does(lambda: call.press("2"))
    world.run(1)

    left = world.the("call-left")
    assert (left.reason, left.key, left.position) == ("exit-key", "2", 1)


def test_a_caller_is_known_again_by_a_pseudonym_and_the_number_is_in_no_record():
    world = support(ANSWERS)
    for number in ("+49 911 5550100", "00499115550100", "anonymous"):
        call = world.call(number=number)
        world.run(4)
        world.does(call.hang_up)
        world.run(12)

    first, again, withheld = (record.caller for record in world.all("call-offered"))
    assert first == again != ""
    assert withheld == ""
    assert first == Sealer(KEY).caller("49911 555 01 00")
    assert first != Sealer(b"the key of another site, as long").caller("+499115550100")
    assert not any("5550100" in repr(record) for record in world.records)


def test_the_way_from_the_answer_to_the_voice_is_measured():
    world = support(ANSWERS)
    world.call()
    world.run(5)

    assert 0 < world.the("call-answered").voice_us < SECOND


def test_a_caller_found_waiting_by_the_next_start_is_resumed_not_entered_again():
    world = support()
    world.call()
    world.run(5)
    world.kill_controller()
    world.start()
    world.run(1)

    resumed = world.the("queue-resumed")
    assert (resumed.leg, resumed.queue, resumed.entered_us) == (
        1,
        "support",
        world.the("queue-entered").at_us,
    )


def test_every_record_comes_back_as_it_was():
    world = support(ANSWERS)
    call = world.call()
    world.run(5)
    world.does(call.hang_up)
    world.run(1)

    for record in world.records:
        values = record.as_dict()
        assert r.load(values.pop("kind"), values) == record


def test_a_record_of_another_version_is_not_guessed_at():
    assert r.load("a-kind-of-tomorrow", {}) is None
    assert r.load("call-ended", {"node": "fs1"}) is None
    assert {kind.kind for kind in get_args(r.AnyRecord)} == set(r._KINDS)
