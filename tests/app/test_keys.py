"""The key that seals callers' places is changed under way, and nobody loses the place."""

from __future__ import annotations

import signal

import pytest
from app.test_process import Office, office, place_call, server, until
from sim.world import agent, everybody, queue

from py_callcenter.app import secrets
from py_callcenter.app.controller import Controller
from py_callcenter.app.secrets import MAX_OLD, forget_seals, next_epoch, read_keys, rotate_seal
from py_callcenter.engine.memory import Memory
from py_callcenter.sim import Behaviour

pytestmark = [pytest.mark.app, pytest.mark.timeout(90)]

_ = server  # the fixture
MINUTE = 60_000_000


def waiting(place: Office) -> list[str]:
    return [row["id"] for row in place.calls()]


def test_two_new_keys_and_a_crash_cost_nobody_the_place(tmp_path, server):
    server.call(
        lambda: server.switch.add_phone("sofia/internal/1000@127.0.0.1:5085", Behaviour(outcome="no_answer"))
    )
    with office(tmp_path, server, status="On Break") as place:
        first = place_call(server)
        until(lambda: len(waiting(place)) == 1, "the first waits")
        told = place.command("key", "rotate")
        assert (told.returncode, told.stdout) == (0, "new key in use; earlier ones that still count: 1\n")
        second = place_call(server, "15552")
        until(lambda: len(waiting(place)) == 2, "the second waits")
        place.must("key", "rotate")
        third = place_call(server, "15553")
        until(lambda: len(waiting(place)) == 3, "the third waits")
        offered = 'callcenter_queue_calls_offered_total{queue="support"}'
        assert place.metric(offered) == 3

        place.end(signal.SIGKILL)
        place.start()
        until(lambda: waiting(place) == [first.uuid, second.uuid, third.uuid], "all have their places")
        assert place.metric(offered) == 0, "nobody is new"
        place.end()
    assert len(read_keys(tmp_path / "state").old_seals) == 2


def test_while_nothing_runs_the_next_start_has_the_new_key(tmp_path, server):
    place = Office(tmp_path, server)
    before = read_keys(tmp_path / "state")
    place.must("key", "rotate")
    after = read_keys(tmp_path / "state")

    assert after.old_seals == (before.seal,)
    assert after.caller == before.caller, "callers are known again"
    assert (tmp_path / "state" / "seal.key").stat().st_mode & 0o077 == 0


def test_too_many_keys_are_refused_and_change_nothing(tmp_path):
    for number in range(MAX_OLD):
        rotate_seal(tmp_path, number)
    keys = read_keys(tmp_path)
    with pytest.raises(ValueError, match="still count"):
        rotate_seal(tmp_path, 99)
    assert read_keys(tmp_path) == keys


def test_a_key_is_forgotten_by_the_moment_of_its_end(tmp_path):
    keys = [rotate_seal(tmp_path, now_us) for now_us in (1000, 2000, 3000)]

    kept = forget_seals(tmp_path, 2000)

    assert kept.seal == keys[-1].seal
    assert kept.replaced_us == (3000, 2000)
    assert kept.old_seals == (keys[1].seal, keys[0].seal)


def test_a_key_counts_until_the_last_call_that_may_carry_it_is_over(tmp_path, monkeypatch):
    class NoStore:
        def put(self, records):
            pass

    config = everybody([queue()], [agent("1000", status="Logged Out")]).model_copy(update={"nodes": ()})
    rotate_seal(tmp_path, 0)
    controller = Controller(
        config, NoStore(), keys=read_keys(tmp_path), epoch=1, memory=Memory(), seed=1, orders_in=tmp_path
    )
    controller.use_keys(rotate_seal(tmp_path, controller.clock.now_us() - 10 * MINUTE))
    for came_us, left in ((30 * MINUTE, 1), (0, 1), (None, 0)):
        monkeypatch.setattr(controller.engine, "oldest_call_us", lambda came_us=came_us: came_us)
        controller.forget_keys()
        assert len(read_keys(tmp_path).old_seals) == left


def test_a_full_disk_keeps_nobody_from_starting(tmp_path, monkeypatch):
    first = next_epoch(tmp_path, 1000)

    def full(_path, _text):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(secrets, "write_private", full)

    assert next_epoch(tmp_path, 1060) == 1060 > first
    with pytest.raises(OSError, match="No space"):
        next_epoch(tmp_path, 900)  # the clock went back: the number might be an earlier run's
