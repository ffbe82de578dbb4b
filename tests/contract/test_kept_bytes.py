"""What an earlier build wrote down is read by this one, or refused by the name of its format.

`tests/data/router` holds a snapshot and a decision log of the day below. When a format changes on purpose,
its number does too, and `python -m contract.test_kept_bytes` (with PYTHONPATH=tests) writes them anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from py_callcenter._router import DecisionLogError, Proposal, Replay, Router, SnapshotError

pytestmark = pytest.mark.contract

SECOND = 1_000_000
KEPT = Path(__file__).parents[1] / "data/router"
SNAPSHOT, LOG = KEPT / "snapshot", KEPT / "decision-log"


def a_day(router: Router) -> None:
    """Of everything that is kept at least one."""
    router.put_queue(0, "support", "longest-idle-agent", skills=[(0, "billing >= 2"), (30 * SECOND, "any")])
    router.put_queue(0, "sales", "weighted-random", queue_weight=3, overtaking_cap=2)
    router.put_queue(0, "everybody", "ring-all", tier_rules_apply=True, tier_rule_wait_us=5 * SECOND)
    for number, name in enumerate(("Agnes", "Bea", "پویا", "Dora"), 1):
        router.put_agent(
            0,
            name,
            wrap_up_us=9 * SECOND,
            busy_delay_us=3 * SECOND,
            max_no_answer=2,
            max_busy=3,
            skills={"billing": number},
        )
        for queue in (1, 2, 3):
            router.put_tier(0, queue, number, 1 + number % 2, number, weight=number)
        router.set_status(number, number, "Available")
    calls = [router.enqueue(SECOND, 1 + number % 3, entered_us=number) for number in range(5)]
    talking, *ringing = router.decide(SECOND)
    router.claim(2 * SECOND, talking.offer)
    router.bridged(2 * SECOND, talking.offer)
    router.ringing(2 * SECOND, ringing[0].offer)
    router.fail(3 * SECOND, ringing[1].offer, "busy")
    router.decide(3 * SECOND)
    router.finish(4 * SECOND, talking.offer)
    router.leave(4 * SECOND, calls[-1], abandoned=True)
    router.enqueue(
        4 * SECOND, 1, entered_us=0, priority=7, base_score_us=-5, skills="billing or chess",
        preferred_agent=talking.agent, preferred_for_us=60 * SECOND,
    )  # fmt: skip
    router.set_ready_at(4 * SECOND, 4, 40 * SECOND)
    router.set_external_calls(4 * SECOND, 3, 1)
    router.set_timer(50 * SECOND, -12)
    router.decide(4 * SECOND)


def as_tuple(proposal: Proposal) -> tuple[int, int, int, int]:
    return proposal.offer, proposal.caller, proposal.agent, proposal.queue


def kept_now() -> tuple[bytes, bytes]:
    router = Router(seed=5)
    log = router.start_log()
    a_day(router)
    log += router.fetch_log()
    return router.snapshot(), log


def test_a_kept_snapshot_goes_on_where_it_was_taken():
    data = SNAPSHOT.read_bytes()
    router = Router.restore(data)
    assert router.snapshot() == data
    again = Router(seed=5)
    a_day(again)
    for moment_us in (13 * SECOND, 31 * SECOND, 41 * SECOND, 51 * SECOND):
        assert router.advance(moment_us) == again.advance(moment_us)
        ours, theirs = router.decide(moment_us), again.decide(moment_us)
        assert [as_tuple(proposal) for proposal in ours] == [as_tuple(proposal) for proposal in theirs]
    assert router.snapshot() == again.snapshot()


def test_a_kept_decision_log_gives_its_decisions_again():
    replay = Replay(LOG.read_bytes())
    offers = [as_tuple(made) for _, made in replay.offers()]
    assert offers == [(1, 2, 4, 2), (2, 5, 2, 2), (3, 1, 3, 1)]
    replay.run()
    assert replay.snapshot() == SNAPSHOT.read_bytes()


def test_the_formats_have_not_changed_under_their_numbers():
    assert kept_now() == (SNAPSHOT.read_bytes(), LOG.read_bytes())


@pytest.mark.parametrize("path", [SNAPSHOT, LOG], ids=["snapshot", "decision log"])
@pytest.mark.parametrize("other", [1, 99])
def test_another_format_is_refused_by_its_number(path, other):
    data = bytearray(path.read_bytes())
    data[8:12] = other.to_bytes(4, "little")
    with pytest.raises((SnapshotError, DecisionLogError), match=f"has format {other}, this version reads"):
        (Router.restore if path is SNAPSHOT else Replay)(bytes(data))


if __name__ == "__main__":
    KEPT.mkdir(parents=True, exist_ok=True)
    for path, data in zip((SNAPSHOT, LOG), kept_now(), strict=True):
        path.write_bytes(data)
