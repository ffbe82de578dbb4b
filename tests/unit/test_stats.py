"""Figures come from records and from nothing else."""

import random
from typing import get_args

import pytest

from py_callcenter.engine import records as r
from py_callcenter.stats import (
    LEFT_REASONS,
    OFFER_OUTCOMES,
    WAIT_BOUNDS_US,
    Histogram,
    ServiceLevelWindow,
    Stats,
)

pytestmark = pytest.mark.unit

SECOND = 1_000_000
MINUTE = 60 * SECOND


class Tape:
    """Makes records as the engine does."""

    def __init__(self):
        self.stats = Stats()
        self.stats.configure({"support": 20 * SECOND})
        self.sequence = 0

    def __call__(self, kind, at_us=0, **fields):
        self.sequence += 1
        self.stats.fold(kind(node="fs1", epoch=1, sequence=self.sequence, at_us=at_us, **fields))

    def answered(self, wait_s, at_us=0):
        self(r.CallAnswered, at_us, call="c", queue="support", leg=1, agent="a", wait_us=wait_s * SECOND)

    def abandoned(self, wait_s, phase="queued", at_us=0):
        self(r.CallAbandoned, at_us, call="c", queue="support", leg=1, wait_us=wait_s * SECOND, phase=phase)

    def left(self, wait_s, reason="timeout", queue="support", at_us=0):
        self(
            r.CallLeft,
            at_us,
            call="c",
            queue=queue,
            leg=1,
            wait_us=wait_s * SECOND,
            reason=reason,
            target="hangup",
        )


@pytest.fixture
def tape():
    return Tape()


def test_a_conversation_without_a_wait_is_in_no_queues_figures(tape):
    """An attended transfer joined the caller and an agent; the agent's own figures have it."""
    talk = {"call": "c", "queue": "support", "agent": "a", "talk_us": 9 * SECOND, "hold_us": 0}
    for leg, transferred in ((1, True), (2, False)):
        if leg == 2:
            tape(r.ConversationJoined, call="c", queue="support", leg=2, agent="a", after="x")
        tape(r.ConversationEnded, **talk, leg=leg, ended_by="caller", transferred=transferred)
    tape.stats.wrapped_up([("a", 5 * SECOND)])

    queue = tape.stats.queues["support"]
    assert (queue.talk.count, sum(queue.ended_by.values()), queue.transferred) == (1, 1, 1)
    assert queue.wrap_up.count == 0


def test_a_transferred_caller_is_one_call_and_two_queue_legs(tape):
    tape(r.CallOffered, call="c", queue="support")
    tape(r.QueueEntered, call="c", queue="support", leg=1, priority=0)
    tape.left(3, "transferred")
    tape(r.QueueEntered, call="c", queue="sales", leg=2, priority=0)

    support, sales = tape.stats.queues["support"], tape.stats.queues["sales"]
    assert (support.offered, support.entered, support.left["transferred"]) == (1, 1, 1)
    assert (sales.offered, sales.entered) == (0, 1)


def test_the_worked_example_of_a_service_level_with_its_formula_named(tape):
    """70 answered in time, 10 late, 3 short and 5 other abandons in time, 7 late ones, 5 timed out."""
    for _ in range(70):
        tape.answered(20)
    for _ in range(10):
        tape.answered(21)
    for _ in range(3):
        tape.abandoned(3, "short")
    for _ in range(12):
        tape.abandoned(15)
    for _ in range(5):
        tape.left(40)

    queue = tape.stats.queues["support"]
    assert (queue.answered, queue.answered_in_time, sum(queue.abandoned.values())) == (80, 70, 15)
    assert queue.window.percent(0) == pytest.approx(100 * 70 / 97)


def test_a_service_level_forgets_what_is_older_than_half_an_hour(tape):
    tape.answered(60, at_us=0)
    tape.answered(1, at_us=10 * MINUTE)
    window = tape.stats.queues["support"].window

    assert window.percent(29 * MINUTE) == 50
    assert window.percent(31 * MINUTE) == 100
    assert window.percent(41 * MINUTE) is None


def test_the_window_agrees_with_counting_by_hand():
    rng = random.Random(7)
    window, kept, at_us = ServiceLevelWindow(), [], 0
    for _ in range(2000):
        at_us += rng.randrange(5 * SECOND, 240 * SECOND)
        in_time = rng.random() < 0.7
        kept.append((at_us // MINUTE, in_time))
        window.count(at_us, in_time=in_time)
        recent = [good for minute, good in kept if minute > at_us // MINUTE - 30]
        assert window.percent(at_us) == pytest.approx(100 * sum(recent) / len(recent))


def test_a_changed_threshold_counts_from_then_on(tape):
    tape.answered(25)
    tape.stats.configure({"support": 30 * SECOND})
    tape.answered(25)

    assert tape.stats.queues["support"].answered_in_time == 1


def test_every_ended_leg_is_in_exactly_one_outcome(tape):
    tape.answered(1)
    tape.abandoned(2, "ringing")
    for reason in LEFT_REASONS:
        tape.left(3, reason)
    tape(r.CallLost, call="c", queue="support", leg=1, wait_us=4)

    queue = tape.stats.queues["support"]
    assert {name: h.count for name, h in queue.wait.items()} == {
        "answered": 1, "abandoned": 1, "overflowed": len(LEFT_REASONS), "callback": 0, "lost": 1,
    }  # fmt: skip


def test_the_name_of_an_unknown_queue_becomes_no_label(tape):
    tape(r.UnknownQueue, call="c", asked="x")
    tape.left(0, "unknown-queue", queue="typed by a stranger")

    assert tape.stats.unknown_queue == 1
    assert list(tape.stats.queues) == ["support"]


def test_offers_talk_and_violations(tape):
    for outcome in OFFER_OUTCOMES:
        tape(
            r.OfferEnded,
            call="c",
            queue="support",
            agent="a",
            attempt=1,
            outcome=outcome,
            cause="",
            ring_us=5,
        )
    tape(
        r.ConversationEnded,
        call="c", queue="support", leg=1, agent="a", talk_us=90 * SECOND, hold_us=0, ended_by="agent",
        transferred=False,
    )  # fmt: skip
    tape(r.InvariantViolated, rule="I3", call="c")

    assert set(tape.stats.offers.values()) == {1}
    assert tape.stats.queues["support"].talk.sum_us == 90 * SECOND
    assert tape.stats.violations == {"I3": 1}


def test_the_words_are_the_engines():
    assert set(OFFER_OUTCOMES) == set(get_args(r.OfferOutcome))
    assert {*LEFT_REASONS, "unknown-queue"} == set(get_args(r.LeftReason))


def test_a_copy_stays_as_it_was(tape):
    tape.answered(1)
    copy = tape.stats.copy()
    tape.answered(1)
    tape.abandoned(1)

    assert (copy.queues["support"].answered, copy.queues["support"].wait["answered"].count) == (1, 1)
    assert copy.queues["support"].abandoned == {"short": 0, "queued": 0, "ringing": 0}
    assert copy.records == 1


def test_a_wait_equal_to_a_bound_lies_within_it():
    histogram = Histogram(WAIT_BOUNDS_US)
    histogram.observe(20 * SECOND)
    histogram.observe(20 * SECOND + 1)
    histogram.observe(10**12)

    buckets = dict(histogram.cumulative())
    assert (buckets["15.0"], buckets["20.0"], buckets["30.0"], buckets["+Inf"]) == (0, 1, 2, 3)
