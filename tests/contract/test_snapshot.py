"""A router that was saved and restored at any moment goes on as if nothing had happened."""

from __future__ import annotations

import pytest
from contract.test_random_histories import Histories
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule

from py_callcenter._router import Router, SnapshotError

pytestmark = pytest.mark.contract

SECOND = 1_000_000


class Restarts(Histories):
    """The histories of `test_random_histories`, in which the compiled router is replaced again and again."""

    @rule()
    def restart(self):
        router, reference = self.routers
        data = router.snapshot()
        restored = Router.restore(data)
        assert restored.snapshot() == data
        self.routers = (restored, reference)


profile = settings.get_profile("router")
Restarts.TestCase.settings = settings(profile, max_examples=profile.max_examples // 3)
TestRestarts = Restarts.TestCase


def a_day_at_work() -> Router:
    """A ringing offer, a conversation, a wrap-up, a delay, a hold, a preference, timers."""
    router = Router(seed=7)
    support = router.put_queue(0, "support", "ring-all", tier_rules_apply=True, tier_rule_wait_us=SECOND)
    sales = router.put_queue(0, "sales", "random")
    agents = [router.put_agent(0, name, wrap_up_us=9 * SECOND) for name in ("x", "y", "z", "پویا")]
    for index, agent in enumerate(agents):
        router.put_tier(0, support, agent, index, 1)
        router.put_tier(0, sales, agent, 1, index, opening_delay_us=index)
        router.set_status(0, agent, "Available")
    router.enqueue(0, sales, entered_us=0)
    (first,) = router.decide(1)
    router.claim(2, first.offer)
    router.bridged(3, first.offer)
    router.finish(SECOND, first.offer)
    router.enqueue(SECOND, sales, entered_us=0, priority=5)
    (second,) = router.decide(SECOND)
    router.claim(SECOND, second.offer)
    router.bridged(SECOND, second.offer)
    router.enqueue(2 * SECOND, support, entered_us=SECOND, base_score_us=-5)
    for proposal in router.decide(2 * SECOND)[1:]:
        router.fail(2 * SECOND, proposal.offer, "unregistered")
    router.enqueue(2 * SECOND, sales, entered_us=0, preferred_agent=second.agent, preferred_for_us=SECOND)
    router.set_ready_at(2 * SECOND, agents[3], 7 * SECOND)
    router.set_timer(5 * SECOND, 12)
    router.set_timer(5 * SECOND, -3)
    return router


def test_a_restored_router_is_the_same_router():
    router = a_day_at_work()
    data = router.snapshot()
    restored = Router.restore(data)
    assert restored.snapshot() == data
    for one in (router, restored):
        assert one.next_deadline_us() == 3 * SECOND
    for now_us in (3 * SECOND, 5 * SECOND, 20 * SECOND):
        assert router.advance(now_us) == restored.advance(now_us)
        pairs = [[(p.offer, p.caller, p.agent) for p in one.decide(now_us)] for one in (router, restored)]
        assert pairs[0] == pairs[1]
    assert router.snapshot() == restored.snapshot() != data


def test_ids_go_on_after_those_that_are_gone():
    router = Router()
    router.remove_queue(0, router.put_queue(0, "a", "ring-all"))
    router.remove_agent(0, router.put_agent(0, "a"))
    queue = router.put_queue(0, "b", "ring-all")
    router.leave(0, router.enqueue(0, queue, entered_us=0))
    restored = Router.restore(router.snapshot())
    assert restored.put_queue(0, "a", "ring-all") == 3
    assert restored.put_agent(0, "a") == 2
    assert restored.enqueue(0, queue, entered_us=0) == 2


def test_two_histories_with_one_outcome_are_one_snapshot():
    plain, busy = Router(), Router()
    for router in (plain, busy):
        queue = router.put_queue(0, "a", "ring-all")
        agents = [router.put_agent(0, name) for name in ("x", "y")]
        if router is busy:
            for agent in agents:
                router.put_tier(0, queue, agent, 1, 1)
                router.remove_tier(0, queue, agent)
        for agent in agents if router is plain else reversed(agents):
            router.put_tier(0, queue, agent, 2, 1)
    assert plain.snapshot() == busy.snapshot()


def test_an_empty_router():
    assert Router.restore(Router(seed=2**64 - 1).snapshot()).snapshot() == Router(seed=2**64 - 1).snapshot()


def test_bytes_of_something_else():
    for data in (b"", b"CCROUTE", b"SQLite format 3\x00", bytes(100)):
        with pytest.raises(SnapshotError, match="no snapshot"):
            Router.restore(data)


def test_a_snapshot_of_another_version_says_so():
    data = a_day_at_work().snapshot()
    with pytest.raises(SnapshotError, match=r"format 999, this version reads format [0-9]+ only"):
        Router.restore(data[:8] + (999).to_bytes(4, "little") + data[12:])


def test_every_cut_and_every_wrong_bit_is_noticed():
    data = a_day_at_work().snapshot()
    for end in range(len(data)):
        with pytest.raises(SnapshotError):
            Router.restore(data[:end])
    for place in range(len(data)):
        for bit in range(8):
            wrong = bytearray(data)
            wrong[place] ^= 1 << bit
            with pytest.raises(SnapshotError):
                Router.restore(bytes(wrong))
    with pytest.raises(SnapshotError):
        Router.restore(data + b"\x00")


@settings(max_examples=200, derandomize=True, database=None, deadline=None)
@given(st.binary(max_size=200))
def test_noise_behind_a_true_beginning(noise):
    data = a_day_at_work().snapshot()
    for sealed in (data[:12] + noise, noise):
        with pytest.raises(SnapshotError):
            Router.restore(sealed)


def test_an_error_names_nobody():
    data = a_day_at_work().snapshot()
    with pytest.raises(SnapshotError) as caught:
        Router.restore(data[:-1])
    assert "support" not in str(caught.value)
