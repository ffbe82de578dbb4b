"""The expected wait as Python sees it; `rust_router/core/tests/wait_estimate.rs` measures how good it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_callcenter._router import EstimateError, Estimator

pytestmark = pytest.mark.contract

SECOND = 1_000_000


class Queue:
    """Ten agents, always so many waiting; somebody enters service every ten seconds."""

    def __init__(self, *, staffed: int = 10, waiting: int = 5):
        self.estimator = Estimator()
        self.now_us = 0
        self.estimator.agents(0, staffed, 0)
        self.tickets = [self.estimator.joined(0, ahead) for ahead in range(waiting)]

    def serve(self, entries: int, *, every_s: int = 10) -> Queue:
        for _ in range(entries):
            self.now_us += every_s * SECOND
            self.estimator.started(self.now_us, self.tickets.pop(0))
            self.estimator.ended(100 * SECOND)
            self.tickets.append(self.estimator.joined(self.now_us, len(self.tickets)))
        return self

    def ask(self, ahead: int):
        return self.estimator.estimate(self.now_us, ahead)


def test_a_new_queue_does_not_know():
    assert Estimator().estimate(0, 0) is None
    assert Queue().serve(9).ask(3) is None


def test_the_answer_is_a_range_in_microseconds():
    answer = Queue().serve(200).ask(5)
    assert answer.mean_us == pytest.approx(60 * SECOND, rel=1e-6)
    assert answer.p10_us < answer.p50_us < answer.p80_us < answer.p90_us
    assert all(type(value) is int for value in (answer.mean_us, answer.p10_us, answer.p90_us))
    assert repr(answer).startswith("Estimate(mean_us=")


def test_who_is_further_back_waits_longer():
    queue = Queue(waiting=300).serve(400)
    answers = [queue.ask(ahead) for ahead in (0, 1, 5, 50, 300)]
    assert [answer.p80_us for answer in answers] == sorted({answer.p80_us for answer in answers})
    # The range of a long wait is narrower in proportion: chance evens out.
    widths = [(answer.p90_us - answer.p10_us) / answer.mean_us for answer in answers]
    assert widths == sorted(widths, reverse=True)


def test_nobody_staffed_nothing_known():
    queue = Queue().serve(200)
    queue.estimator.agents(queue.now_us, 0, 0)
    assert queue.ask(0) is None


def test_agents_who_leave_lengthen_the_wait_at_once():
    queue = Queue().serve(200)
    before = queue.ask(5).mean_us
    queue.estimator.agents(queue.now_us, 5, 0)
    assert queue.ask(5).mean_us == pytest.approx(2 * before, rel=1e-9)


def test_shared_agents_count_in_part():
    """Calls hold an agent for 100 s, but ten agents take one only every 20 s: half of them is ours."""
    rates = Queue().serve(300, every_s=20).estimator.rates()
    assert rates.service_per_s == pytest.approx(0.01)
    assert rates.entries_per_agent_s == pytest.approx(0.005)
    assert rates.effective_agents == pytest.approx(5)


def test_the_score_tells_how_good_the_answers_were():
    queue = Queue()
    assert (queue.estimator.score().answers, queue.estimator.score().bias) == (0, 0)
    score = queue.serve(400).estimator.score()
    assert score.answers > 300
    assert abs(score.bias) < 0.01
    assert score.relative_error < 0.05
    assert score.coverage > 0.99
    assert score.error_ratio < 0.2


def test_overtaken_callers_make_it_silent():
    queue = Queue().serve(300)
    for _ in range(300):
        queue.now_us += 10 * SECOND
        queue.estimator.started(queue.now_us, queue.tickets.pop())
        queue.tickets.append(queue.estimator.joined(queue.now_us, 30))
    assert queue.estimator.score().bias > 0.35
    assert queue.ask(5) is None


# What callers are told who are then served so many steps later than they should be, by their number: and the
# only limit that is passed in the end.
WRONG = {
    "too short": (0, 2, lambda _number: 0, 500, "bias"),
    "too long": (1, 1, lambda _number: 0, 200, "bias"),
    "never within the range": (30, 31, lambda number: (-9, 9)[number % 2], 400, "coverage"),
    "seldom wrong, but then by far": (
        100,
        101,
        lambda number: {0: -64, 4: 64}.get(number % 8, 0),
        1000,
        "error_ratio",
    ),
}


@pytest.mark.parametrize("how", WRONG)
def test_each_way_of_being_wrong_makes_it_silent(how):
    """One way at a time: the other two figures are as they should be."""
    ahead, line, late, calls, wrong = WRONG[how]
    queue = Queue(waiting=line).serve(300)
    assert queue.ask(ahead) is not None
    due = {}
    for number in range(calls):
        queue.now_us += 10 * SECOND
        ticket = due.pop(number) if number in due else queue.tickets.pop(0)
        queue.estimator.started(queue.now_us, ticket)
        due[number + line + late(number)] = queue.estimator.joined(queue.now_us, ahead)
    score = queue.estimator.score()
    passed = {
        "bias": abs(score.bias) > 0.35,
        "coverage": score.coverage < 0.5,
        "error_ratio": score.error_ratio > 2.5,
    }
    assert [name for name, is_so in passed.items() if is_so] == [wrong]
    assert queue.ask(ahead) is None


def test_a_caller_who_finds_a_free_agent_is_neither_judged_nor_counted():
    queue = Queue().serve(200)
    before, rates = queue.estimator.score(), queue.estimator.rates()
    for ticket in queue.tickets:
        queue.estimator.left(queue.now_us, ticket)
    queue.estimator.agents(queue.now_us, 10, 2)
    for _ in range(100):
        ticket = queue.estimator.joined(queue.now_us, 0)
        queue.now_us += 3 * SECOND  # it rings
        queue.estimator.started(queue.now_us, ticket)
    assert queue.estimator.score().answers == before.answers
    assert queue.estimator.rates().entries_per_agent_s == rates.entries_per_agent_s


def test_time_that_goes_back_counts_as_the_last_seen():
    queue = Queue().serve(200)
    answer = queue.ask(5)
    queue.estimator.agents(0, 10, 0)
    assert repr(queue.estimator.estimate(0, 5)) == repr(answer)


def test_a_ticket_counts_once():
    estimator = Estimator()
    ticket = estimator.joined(0, 0)
    estimator.abandoned(5, ticket)
    for give_back in (estimator.started, estimator.abandoned, estimator.left):
        with pytest.raises(EstimateError, match="nobody waits"):
            give_back(5, ticket)


@pytest.mark.parametrize("moment", [-1, 10**17 + 1, 2**63, -(2**70)])
def test_moments_out_of_range_are_refused(moment):
    estimator = Estimator()
    ticket = estimator.joined(0, 0)
    for call in (
        lambda: estimator.agents(moment, 1, 0),
        lambda: estimator.joined(moment, 0),
        lambda: estimator.started(moment, ticket),
        lambda: estimator.abandoned(moment, ticket),
        lambda: estimator.left(moment, ticket),
        lambda: estimator.ended(moment),
        lambda: estimator.estimate(moment, 0),
    ):
        with pytest.raises(EstimateError, match=r"must be|out of range"):
            call()


@pytest.mark.parametrize("count", [-1, 2**32, 2**70])
def test_counts_out_of_range_are_refused(count):
    estimator = Estimator()
    for call in (
        lambda: estimator.agents(0, count, 0),
        lambda: estimator.agents(0, 0, count),
        lambda: estimator.joined(0, count),
        lambda: estimator.estimate(0, count),
    ):
        with pytest.raises(EstimateError, match=r"must be|out of range"):
            call()


moments = st.integers(0, 10**17)
counts = st.one_of(st.integers(0, 30), st.integers(0, 2**32 - 1))
facts = st.one_of(
    st.tuples(st.just("agents"), moments, counts, counts),
    st.tuples(st.just("joined"), moments, counts),
    st.tuples(st.sampled_from(["started", "abandoned", "left"]), moments),
    st.tuples(st.just("ended"), moments),
)


@given(st.lists(facts, max_size=200))
def test_no_history_gives_a_wrong_number(history):
    """Whatever is told, the same telling gives the same answer, in range and in order, or none."""
    answers = []
    for _ in range(2):
        estimator, tickets, told = Estimator(), [], []
        for what, *arguments in history:
            if what == "joined":
                tickets.append(estimator.joined(*arguments))
            elif what in {"agents", "ended"}:
                getattr(estimator, what)(*arguments)
            elif tickets:
                getattr(estimator, what)(*arguments, tickets.pop(0))
            answer = estimator.estimate(0, 3)
            told.append(repr(answer))
            if answer is not None:
                order = [0, answer.p10_us, answer.p50_us, answer.p80_us, answer.p90_us, 10**17]
                assert order == sorted(order)
                assert 0 <= answer.mean_us <= 10**17
        answers.append(told)
    assert answers[0] == answers[1]


def test_what_was_measured_survives_as_bytes():
    queue = Queue().serve(300)
    data = queue.estimator.to_bytes()
    again = Estimator.from_bytes(data)
    assert again.to_bytes() == data
    assert repr(again.estimate(queue.now_us, 7)) == repr(queue.ask(7))
    for estimator in (again, queue.estimator):
        estimator.started(queue.now_us + SECOND, queue.tickets[0])
    assert again.to_bytes() == queue.estimator.to_bytes() != data


@given(st.binary(max_size=500), st.integers(0, 400), st.integers(0, 255))
def test_bytes_that_are_none_of_ours_are_refused_or_harmless(garbage, place, byte):
    with pytest.raises(EstimateError):
        Estimator.from_bytes(garbage)
    data = bytearray(Queue().serve(40).estimator.to_bytes())
    place %= len(data)
    data[place] = byte
    try:
        estimator = Estimator.from_bytes(bytes(data))
    except EstimateError:
        return
    estimator.agents(10**17, 10, 0)
    estimator.joined(10**17, 3)
    answer = estimator.estimate(10**17, 5)
    assert answer is None or 0 <= answer.p10_us <= answer.p90_us <= 10**17
    estimator.score()
    estimator.rates()


def test_callers_who_come_as_talks_end_are_told_right_together_but_not_each():
    """One agent, talks of 60 s, callers only 18 s before the end of one and while nobody waits, sometimes
    several. The first waits 18 s, each other one a whole talk more. One rate for both kinds of step lies
    between them: too long for the first, too short for the others. The range is as wide as that is wrong.
    """
    estimator = Estimator()
    estimator.agents(0, 1, 0)
    waiting = []
    told = {0: [], 1: [], 2: []}
    for number in range(3000):
        ends_us = (number + 1) * 60 * SECOND
        comes_us = ends_us - 18 * SECOND
        if not waiting:
            for ahead in range((1, 1, 2, 1, 1, 3, 1)[number % 7]):
                answer = estimator.estimate(comes_us, ahead)
                waiting.append((comes_us, ahead, answer, estimator.joined(comes_us, ahead)))
        since_us, ahead, answer, ticket = waiting.pop(0)
        estimator.started(ends_us, ticket)
        estimator.ended(60 * SECOND)
        if answer is not None:
            told[ahead].append((answer, ends_us - since_us))

    def bias(some):
        return sum(answer.mean_us for answer, _ in some) / sum(wait_us for _, wait_us in some) - 1

    everybody = [pair for some in told.values() for pair in some]
    inside = sum(answer.p10_us <= wait_us <= answer.p90_us for answer, wait_us in everybody)
    assert abs(bias(everybody)) < 0.05
    assert bias(told[0]) > 0.5
    assert -0.3 < bias(told[1]) < -0.1
    assert -0.5 < bias(told[2]) < -0.3
    assert inside / len(everybody) > 0.8
