"""The lines by queue are written in Rust; a plain writer beside it says what they must be, byte for byte."""

import asyncio
import threading

import pytest
from app.plain_metrics import histogram, line, plain
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from py_callcenter._router import SeriesText
from py_callcenter.api.app import _one_by_one
from py_callcenter.engine import records as r
from py_callcenter.metrics import ExpectedWait, MetricsSnapshot, Target, pieces
from py_callcenter.metrics.text import labels
from py_callcenter.stats import AGENT_STATES, WAIT_BOUNDS_US, Hint, Histogram, Live, LiveAgents, Stats

pytestmark = pytest.mark.app


def quick(snapshot: MetricsSnapshot, accept: str = "") -> str:
    """What /metrics says by queue, without HELP and TYPE."""
    text = b"".join(pieces(snapshot, accept)[0]).decode()
    begin, end = text.index("# HELP callcenter_queue"), text.index("# HELP callcenter_process")
    return "".join(
        f"{line}\n" for line in text[begin:end].rstrip("\n").split("\n") if not line.startswith("# ")
    )


COUNTS = st.integers(0, 2**40)
INTEGERS = st.integers(-(2**63), 2**63 - 1)
WRITERS = pytest.mark.parametrize("write", [quick, plain])


@given(
    st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"])), st.none() | st.floats() | INTEGERS))
)
@settings(deadline=None)
def test_every_number_and_every_name_is_written_as_python_writes_it(rows):
    written = SeriesText([labels(queue=name) for name, _ in rows])
    column = [value for _, value in rows]
    found = written.samples("x", [("", column), ('way="in"', column)])
    expected = [
        line("x", value, queue=name, **way)
        for name, value in rows
        for way in ({}, {"way": "in"})
        if value is not None
    ]

    assert b"".join(found).decode() == "".join(expected)


@given(
    st.lists(st.tuples(st.sets(st.integers(1, 10**10), max_size=4), st.lists(COUNTS, min_size=5), INTEGERS))
)
@settings(deadline=None)
def test_histograms_may_have_any_bounds_and_any_counts(rows):
    column = []
    for bounds_us, counts, sum_us in rows:
        found = Histogram(tuple(sorted(bounds_us)))
        found.counts, found.sum_us = counts[: len(bounds_us) + 1], sum_us
        column.append(found)
    written = SeriesText([labels(queue=f"q{n}") for n in range(len(rows))])
    found = b"".join(written.histograms("x", [('way="in"', column)])).decode()

    assert found == "".join(
        text for n, one in enumerate(column) for text in histogram("x", one, queue=f"q{n}", way="in")
    )


def some_histogram(rng, bounds_us):
    found = Histogram(bounds_us)
    for _ in range(rng.randrange(4)):
        found.observe(rng.choice([0, rng.randrange(10**8), bounds_us[3]]))
    return found


def fill(rng, queue):
    """Any figures at all."""
    for figure in (
        "offered", "entered", "resumed", "answered", "answered_in_time", "abandoned_in_time", "lost",
        "transferred", "expected_covered",
    ):  # fmt: skip
        setattr(queue, figure, rng.randrange(1000))
    for figure in ("abandoned", "left", "ended_by"):
        setattr(queue, figure, {word: rng.randrange(1000) for word in getattr(queue, figure)})
    for figure in ("wait", "expected_error"):
        found = getattr(queue, figure)
        setattr(queue, figure, {word: some_histogram(rng, one.bounds_us) for word, one in found.items()})
    for figure in ("talk", "hold", "wrap_up", "voice"):
        setattr(queue, figure, some_histogram(rng, getattr(queue, figure).bounds_us))
    queue.waiting = {f"c{n}": (1, rng.randrange(10**15)) for n in range(rng.randrange(3))}
    queue.connected = {f"d{n}": (1, 1) for n in range(rng.randrange(3))}


@given(st.randoms(use_true_random=True), st.sampled_from(["", "application/openmetrics-text; version=1.0.0"]))
@settings(deadline=None, max_examples=60)
def test_both_write_the_same_bytes(rng, accept):
    names = rng.sample(['a"b', "b\\c\n", "support", "پشتیبانی", ""], rng.randrange(6))

    def some(value):
        return {name: value() for name in names if rng.random() < 0.7}

    def whole():
        return rng.randrange(10**9)

    stats = Stats()
    stats.configure(some(whole))
    for queue in stats.queues.values():
        fill(rng, queue)
    snapshot = MetricsSnapshot(
        stats=stats,
        agents={},
        at_us=rng.randrange(10**15),
        live_agents=LiveAgents({}, {state: some(whole) for state in AGENT_STATES}),
        targets=some(lambda: Target(whole(), 100 * rng.random())),
        expected=some(
            lambda: ExpectedWait(
                rng.choice([None, whole()]), rng.choice([None, whole()]), rng.randrange(2),
                rng.random(), rng.random(), rng.random(),
            )
        ),
        staffing=some(lambda: Hint(whole(), whole(), whole(), rng.random(), 1.0, None)),
    )  # fmt: skip

    assert quick(snapshot, accept) == plain(snapshot)


@WRITERS
def test_a_thousand_queues_come_in_order_and_each_once(write):
    """More lines than are written at once."""
    stats = Stats()
    stats.configure({f"q{n:04}": 20_000_000 for n in range(1000)})
    for n, queue in enumerate(stats.queues.values()):
        queue.wait["lost"].observe(n)
        queue.talk.observe(n * 1_000_000)
        queue.offered = n
    text = write(MetricsSnapshot(stats=stats, agents={}))
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault((sample.name, *sorted(sample.labels.items())[:-1]), []).append(
                (sample.labels["queue"], sample.value)
            )

    offered = [(f"q{n:04}", n) for n in range(1000)]
    assert found["callcenter_queue_calls_offered_total",] == offered
    assert found["callcenter_talk_seconds_sum",] == offered
    assert len(text.split("\n")) == len(set(text.split("\n")))


@WRITERS
def test_a_number_below_a_ten_thousandth_of_a_second_is_not_lost(write):
    stats = Stats()
    stats.configure({"support": 1})
    stats.queues["support"].hold.observe(50)

    assert 'callcenter_hold_seconds_sum{queue="support"} 5e-05\n' in write(
        MetricsSnapshot(stats=stats, agents={})
    )


@WRITERS
def test_a_queue_that_came_later_may_have_other_buckets(write):
    stats = Stats()
    stats.fold(r.CallOffered(node="f", epoch=1, sequence=1, at_us=1, call="c", queue="early"))
    stats.configure({"late": 25_000_000})
    text = write(MetricsSnapshot(stats=stats, agents={}))

    series = 'callcenter_queue_wait_seconds_bucket{queue="%s",outcome="lost",le="25.0"} 0'
    assert series % "late" in text
    assert series % "early" not in text


WAYS = ("entered", "answered", "abandoned", "left", "lost", "ended", "talked", "wrapped up", "configured")


def _tell(live, n, queue, way):
    head = {"node": "f", "epoch": 1, "sequence": n, "at_us": n * 1_000_000, "call": f"c{n % 4}"}
    leg = {**head, "queue": queue, "leg": 1}
    match way:
        case "entered":
            told = {"expected_us": 3_000_000, "expected_low_us": 1, "expected_high_us": 5_000_000}
            records = [r.CallOffered(**head, queue=queue), r.QueueEntered(**leg, priority=0, **told)]
        case "answered":
            ring = {"agent": "a", "attempt": 1, "cause": "", "outcome": "answered", "ring_us": 1}
            records = [
                r.OfferEnded(**head, queue=queue, **ring),
                r.CallAnswered(**leg, agent="a", wait_us=n * 999_999, voice_us=n),
            ]
        case "abandoned":
            records = [r.CallAbandoned(**leg, wait_us=n, phase="queued")]
        case "left":
            records = [r.CallLeft(**leg, wait_us=n, reason="full", target="hangup")]
        case "lost":
            records = [r.CallLost(**leg, wait_us=n)]
        case "ended":
            records = [r.CallEnded(**head, cause="X")]
        case "talked":
            parts = {"talk_us": n, "hold_us": n, "ended_by": "agent", "transferred": True}
            records = [r.ConversationEnded(**leg, agent="a", **parts)]
        case "wrapped up":
            until = {"until_us": (n + 1) * 1_000_000, "call": "c"}
            status = {"status": "Available", "reason": "set"}
            records = [
                r.AgentWrapUp(**{**head, **until}, agent="a"),
                r.AgentStatusChanged(
                    node="f", epoch=1, sequence=n, at_us=(n + 2) * 1_000_000, agent="a", **status
                ),
            ]
        case _:
            live.stats.configure({queue: n})
            records = []
    live.fold(records)


@given(
    st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.sampled_from(WAYS), st.booleans()), max_size=25)
)
@settings(deadline=None, max_examples=30)
def test_every_scrape_says_what_a_fresh_count_says_and_goes_on_saying_it(story):
    """A queue is copied when something happens in it after a scrape, no other."""
    scraped, scrapes = Live(), []
    for n, (queue, way, scrape) in enumerate(story):
        _tell(scraped, n, queue, way)
        if scrape:
            fresh = Live()
            for past, (past_queue, past_way, _) in enumerate(story[: n + 1]):
                _tell(fresh, past, past_queue, past_way)
            expected = plain(MetricsSnapshot(stats=fresh.stats, agents={}))
            scrapes.append((scraped.stats.copy(), expected))
            assert plain(MetricsSnapshot(stats=scrapes[-1][0], agents={})) == expected
    for stats, expected in scrapes:  # what came afterwards is in none of them
        assert plain(MetricsSnapshot(stats=stats, agents={})) == expected


def test_a_snapshot_stays_as_it_was_while_calls_go_on():
    live = Live()
    _tell(live, 1, "support", "entered")
    taken = MetricsSnapshot(stats=live.stats.copy(), agents={})
    before = quick(taken)
    for n, way in enumerate(WAYS, 2):
        _tell(live, n, "support", way)

    assert quick(taken) == before
    assert quick(MetricsSnapshot(stats=live.stats.copy(), agents={})) != before


def test_text_is_told_what_it_cannot_write():
    series = SeriesText(['queue="a"', 'queue="b"'])
    good, bad = Histogram(WAIT_BOUNDS_US), Histogram(WAIT_BOUNDS_US)
    bad.counts = [1]

    with pytest.raises(ValueError, match="for each row"):
        series.samples("x", [("", [1])])
    with pytest.raises(ValueError, match="a column"):
        series.histograms("x", [])
    with pytest.raises(ValueError, match="one count more"):
        series.histograms("x", [("", [good, bad])])
    with pytest.raises(OverflowError):
        series.samples("x", [("", [1, 2**64])])
    good.counts[0] = -1
    with pytest.raises(OverflowError):
        series.histograms("x", [("", [good, good])])
    with pytest.raises(TypeError):
        series.samples("x", [("", [1, "2"])])
    assert SeriesText([]).samples("x", [("", [])]) == []


def test_many_threads_may_write_at_once():
    """Two Prometheuses, and somebody with a browser."""
    stats = Stats()
    stats.configure({f"q{n:03}": 20_000_000 for n in range(300)})
    snapshot = MetricsSnapshot(stats=stats, agents={})
    expected, found = plain(snapshot), []
    threads = [threading.Thread(target=lambda: found.append(quick(snapshot))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert found == [expected] * 4


def test_pieces_are_sent_as_they_are():
    async def told():
        return [piece async for piece in _one_by_one([b"a", b"", b"b"])]

    assert asyncio.run(told()) == [b"a", b"", b"b"]
