import re
from itertools import pairwise

import pytest
from app.fake_controller import configuration
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector

from py_callcenter._router import Router, SeriesText
from py_callcenter.app.measuring import TimedRouter
from py_callcenter.engine import records as r
from py_callcenter.metrics import AGENT_STATES, Heard, MetricsSnapshot, NodeMetrics, Target, render, text
from py_callcenter.stats import DECISION_BOUNDS_US, LAG_BOUNDS_US, WAIT_BOUNDS_US, Histogram, Live, Stats

pytestmark = pytest.mark.app


def entered(n):
    return r.QueueEntered(
        node="f", epoch=1, sequence=n, at_us=1_795_000_000_500_000 + n, call=f"w{n}", queue="support", leg=1,
        priority=0,
    )  # fmt: skip


def taken(**changes):
    stats = Stats()
    stats.configure({queue.name: queue.service_level.us for queue in configuration().queues})
    for n in range(3):
        stats.fold(entered(n))
    fields = {
        "stats": stats,
        "agents": {"waiting": 2},
        "nodes": {"fs1": NodeMetrics(up=True, events={"CHANNEL_PARK": 9}, commands={"ok": 4})},
        "version": "0.1.0",
        "build_profile": "release",
    }
    return MetricsSnapshot(**{**fields, **changes})


def samples(snapshot, accept=""):
    text = render(snapshot, accept)[0].decode()
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_the_fixed_names_and_values_exist_before_the_first_call():
    found = samples(taken())

    for queue in ("support", "sales"):
        assert found["callcenter_queue_calls_offered_total", queue] == 0
        assert found["callcenter_queue_calls_answered_total", queue] == 0
        for phase in ("short", "queued", "ringing"):
            assert found["callcenter_queue_calls_abandoned_total", *sorted((queue, phase))] == 0
        for outcome in ("answered", "abandoned", "overflowed", "callback", "lost"):
            assert found["callcenter_queue_wait_seconds_count", *sorted((queue, outcome))] == 0
    for state in AGENT_STATES:
        assert ("callcenter_agents", state) in found
    for outcome in ("answered", "busy", "rejected", "no_answer", "withdrawn"):
        assert found["callcenter_agent_offers_total", outcome] == 0
    assert found["callcenter_queue_calls_waiting", "support"] == 3
    assert found["callcenter_queue_oldest_joined_timestamp_seconds", "support"] == 1_795_000_000.5
    assert found["callcenter_unknown_queue_calls_total",] == 0
    assert found["callcenter_esl_up", "fs1"] == 1
    assert found["callcenter_node_originates_waiting", "fs1"] == 0
    assert found["callcenter_esl_commands_total", "fs1", "ok"] == 4
    assert found["callcenter_esl_commands_total", "fs1", "unknown"] == 0
    assert found["callcenter_build_info", "0.1.0", "release"] == 1


def test_waits_are_in_seconds_and_buckets_hold_the_usual_thresholds():
    stats = taken().stats
    stats.fold(
        r.CallAnswered(
            node="f",
            epoch=1,
            sequence=1,
            at_us=0,
            call="c",
            queue="support",
            leg=1,
            agent="a",
            wait_us=20_000_000,
        )
    )
    found = samples(taken(stats=stats))

    assert found["callcenter_queue_wait_seconds_sum", "answered", "support"] == 20
    assert found["callcenter_queue_wait_seconds_bucket", "15.0", "answered", "support"] == 0
    assert found["callcenter_queue_wait_seconds_bucket", "20.0", "answered", "support"] == 1
    assert found["callcenter_queue_calls_answered_within_service_level_total", "support"] == 1


def test_every_metric_has_help_and_keeps_to_the_rules_of_names():
    text = render(taken())[0].decode()

    for family in text_string_to_metric_families(text):
        assert family.documentation
        assert family.name.startswith("callcenter_")
        assert not re.search(r"_(ms|us|milliseconds|minutes)(_|$)", family.name)
        for sample in family.samples:
            assert not {"call", "caller", "agent", "uuid", "number"} & sample.labels.keys()


def test_openmetrics_for_those_who_ask():
    body, media_type = render(taken(), "application/openmetrics-text; version=1.0.0")

    assert media_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_the_older_text_and_openmetrics_say_the_same():
    snapshot = taken(targets={"support": Target(20_000_000, 80.0)})
    snapshot.stats.fold(
        r.CallAbandoned(
            node="f",
            epoch=1,
            sequence=9,
            at_us=0,
            call="w0",
            queue="support",
            leg=1,
            wait_us=7,
            phase="short",
        )
    )
    body, _ = render(snapshot, "application/openmetrics-text; version=1.0.0")
    strict = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in openmetrics_families(body.decode())
        for sample in family.samples
    }
    old = samples(snapshot)

    def ours(found):
        """Without what a moment changes: how long it took, and what the process uses."""
        moving = ("callcenter_collector_duration_seconds", "callcenter_process_")
        return {key: value for key, value in found.items() if not key[0].startswith(moving)}

    assert ours(old) == ours(strict)
    assert old["callcenter_queue_service_level_threshold_seconds", "support"] == 20
    assert old["callcenter_queue_service_level_target_ratio", "support"] == 0.8
    assert old["callcenter_queue_calls_abandoned_within_service_level_total", "support"] == 1


def test_what_is_written_by_hand_is_what_the_library_would_write():
    found = Histogram(WAIT_BOUNDS_US)
    for us in (0, 1_000_000, 1_000_001, 20_000_000, 10**10):
        found.observe(us)
    family = HistogramMetricFamily("x_seconds", "Help.", labels=["queue"])
    name = 'with "quotes" and \\ and %d'
    family.add_metric([name], found.cumulative(), found.sum_us / 1e6)
    registry = CollectorRegistry()
    registry.register(type("One", (Collector,), {"collect": lambda _self: [family]})())

    ours = text.head("x_seconds", "histogram", "Help.", openmetrics=False)
    ours += b"".join(SeriesText([text.labels(queue=name)]).histograms("x_seconds", [("", [found])]))
    theirs = list(text_string_to_metric_families(generate_latest(registry).decode()))
    assert list(text_string_to_metric_families(ours.decode())) == theirs


def test_an_unusual_threshold_is_a_bucket_of_every_queue_and_few_of_them_are():
    stats = Stats()
    stats.configure({"support": 25_000_000, "sales": 20_000_000})
    stats.configure({"late": 33_000_000})
    found = samples(taken(stats=stats))

    for queue in ("support", "sales", "late"):
        assert ("callcenter_queue_wait_seconds_bucket", *sorted(("25.0", queue, "answered"))) in found
    assert ("callcenter_queue_wait_seconds_bucket", *sorted(("33.0", "late", "answered"))) not in found
    many = Stats()
    many.configure({f"q{n}": n * 1_000_000 + 7 for n in range(200)})
    assert len(many.queues["q1"].wait["lost"].bounds_us) <= len(WAIT_BOUNDS_US) + 8


WAYS = ("answered", "abandoned", "left", "lost", "ended", "stays", "bridged", "undone", "ended while bridged")


@given(
    st.lists(
        st.tuples(st.sampled_from(["support", "sales"]), st.sampled_from(WAYS), st.booleans()), max_size=12
    )
)
@settings(deadline=None, max_examples=20)
def test_at_every_scrape_what_came_is_what_went_and_what_waits(story):
    """Entered + resumed = answered + abandoned + overflowed + callback + lost + waiting + connected."""
    stats = taken(stats=Stats()).stats
    for n, (queue, way, resumed) in enumerate(story):
        head = {"node": "f", "epoch": 1, "sequence": n, "at_us": n, "call": f"c{n}"}
        leg = {**head, "queue": queue, "leg": 1}
        if resumed:
            stats.fold(r.QueueResumed(**leg, entered_us=0))
        else:
            stats.fold(r.QueueEntered(**leg, priority=0))
        if way in ("answered", "bridged", "undone", "ended while bridged"):
            bridged = {"agent": "a", "attempt": 1, "outcome": "answered", "cause": "", "ring_us": 1}
            stats.fold(r.OfferEnded(**head, queue=queue, **bridged))
        match way:
            case "undone":
                stats.fold(r.BridgeUndone(**leg, agent="a"))
            case "answered":
                stats.fold(r.CallAnswered(**leg, agent="a", wait_us=5))
            case "abandoned":
                stats.fold(r.CallAbandoned(**leg, wait_us=5, phase="ringing"))
            case "left":
                stats.fold(r.CallLeft(**leg, wait_us=5, reason="full", target="hangup"))
            case "lost":
                stats.fold(r.CallLost(**leg, wait_us=5))
        if way not in ("stays", "bridged", "undone"):
            stats.fold(r.CallEnded(**head, cause="X"))
        found = samples(taken(stats=stats))
        for name in stats.queues:
            came = found["callcenter_queue_calls_entered_total", name]
            came += found["callcenter_queue_calls_resumed_total", name]
            went = sum(
                value
                for key, value in found.items()
                if key[0] == "callcenter_queue_wait_seconds_count" and name in key
            )
            assert came == (
                went
                + found["callcenter_queue_calls_waiting", name]
                + found["callcenter_queue_calls_connected", name]
            )
            assert went == sum(
                value
                for key, value in found.items()
                if name in key
                and key[0].removeprefix("callcenter_queue_calls_")
                in ("answered_total", "abandoned_total", "overflowed_total", "lost_total")
            )


def test_how_long_agents_had_waited_for_a_call_is_counted_when_one_is_offered():
    live = Live()

    def at(kind, seconds, **fields):
        live.fold([kind(node="f", epoch=1, sequence=0, at_us=seconds * 1_000_000, **fields)])

    offer = {"agent": "a", "call": "c", "queue": "support", "attempt": 1}
    at(r.AgentStatusChanged, 10, agent="a", status="Available", reason="initial")
    at(r.OfferMade, 17, **offer)
    assert live.stats.idle.sum_us == 7_000_000
    at(r.OfferEnded, 20, **offer, outcome="answered", cause="", ring_us=0)
    at(
        r.ConversationEnded, 50, agent="a", call="c", queue="support", leg=1, talk_us=0, hold_us=0,
        ended_by="agent", transferred=False,
    )  # fmt: skip
    at(r.AgentWrapUp, 50, agent="a", until_us=60_000_000, call="c")
    at(r.OfferMade, 63, **offer)
    assert live.stats.idle.sum_us == 10_000_000, "the wrap-up is no waiting"
    assert live.stats.copy().idle.count == 2


def test_a_switch_is_shown_as_its_heartbeat_told_it_and_not_at_all_before():
    node = NodeMetrics(
        up=True,
        heard=Heard(at_us=90_000_000, started_us=5_000_000, sessions=7, sessions_begun=70, idle_cpu=0.4),
        max_sessions=1000,
    )
    found = samples(taken(nodes={"fs1": node, "fs2": NodeMetrics()}))

    assert found["callcenter_switch_heartbeat_timestamp_seconds", "fs1"] == 90
    assert found["callcenter_switch_start_timestamp_seconds", "fs1"] == 5
    assert found["callcenter_switch_sessions", "fs1"] == 7
    assert found["callcenter_switch_sessions_begun_total", "fs1"] == 70
    assert found["callcenter_switch_idle_cpu_ratio", "fs1"] == 0.4
    assert found["callcenter_switch_sessions_limit", "fs1"] == 1000
    assert ("callcenter_switch_sessions_per_second_limit", "fs1") not in found
    assert not [key for key in found if key[0].startswith("callcenter_switch_") and "fs2" in key]
    assert found["callcenter_esl_event_lag_seconds_count", "fs2"] == 0


def test_replies_of_all_switches_are_one_histogram_for_each_command():
    def node(us):
        took = Histogram(LAG_BOUNDS_US)
        took.observe(us)
        return NodeMetrics(durations={"originate": took})

    found = samples(taken(nodes={"fs1": node(1_000), "fs2": node(3_000)}))

    assert found["callcenter_esl_command_duration_seconds_count", "originate"] == 2
    assert found["callcenter_esl_command_duration_seconds_sum", "originate"] == 0.004


def test_a_record_that_comes_after_a_scrape_makes_no_counter_fall():
    """The phone rang just before the moment of the scrape, and that was told just after it."""
    live, second = Live(), 1_000_000
    head = {"node": "f", "epoch": 1, "agent": "a"}
    live.fold([r.AgentStatusChanged(**head, sequence=1, at_us=0, status="Available", reason="initial")])
    before = live.agents(10 * second, {}).spent_us["waiting"]
    live.fold([r.OfferMade(**head, sequence=2, at_us=9 * second, call="c", queue="support", attempt=1)])

    assert live.agents(10 * second, {}).spent_us["waiting"] == before == 10 * second


def test_a_start_that_tells_the_end_of_a_wait_that_it_never_took_up_keeps_the_sum():
    stats = Stats()
    head = {"node": "f", "epoch": 2, "at_us": 5, "queue": "support", "leg": 1}
    stats.fold(r.CallLost(**head, sequence=1, call="a", wait_us=5))
    stats.fold(r.CallAnswered(**head, sequence=2, call="b", agent="1", wait_us=5))
    queue = stats.queues["support"]

    assert queue.entered + queue.resumed == queue.lost + queue.answered == 2


def test_agents_time_grows_and_never_goes_back():
    """A counter that fell would look like a restart to Prometheus."""
    live = Live()
    second = 1_000_000

    def at(kind, seconds, **fields):
        live.fold([kind(node="f", epoch=1, sequence=seconds, at_us=seconds * second, agent="a", **fields)])
        return dict(live.agents(seconds * second, {"a": ["support"]}).spent_us)

    where = {"call": "c", "queue": "support"}
    steps = [
        at(r.AgentStatusChanged, 10, status="Available", reason="initial"),
        at(r.OfferMade, 20, **where, attempt=1),
        at(r.OfferEnded, 30, **where, attempt=1, outcome="answered", cause="", ring_us=6 * second),
        at(
            r.ConversationEnded, 90, **where, leg=1, talk_us=60 * second, hold_us=0, ended_by="agent",
            transferred=False,
        ),
        at(r.AgentWrapUp, 90, until_us=100 * second, call="c"),
        at(r.AgentWrapUp, 95, until_us=120 * second, call="c"),
        dict(live.agents(130 * second, {}).spent_us),
        at(r.AgentStatusChanged, 140, status="On Break", reason="set"),
        dict(live.agents(150 * second, {}).spent_us),
    ]  # fmt: skip
    for before, after in pairwise(steps):
        assert all(after[state] >= before[state] for state in before)
    assert {state: us // second for state, us in steps[-1].items() if us} == {
        "waiting": 30, "reserved": 4, "receiving": 6, "in_a_queue_call": 60, "wrap_up": 30, "on_break": 10,
    }  # fmt: skip
    assert live.agents(150 * second, {"a": ["support", "sales"]}).by_state == {
        **{state: {} for state in AGENT_STATES}, "on_break": {"support": 1, "sales": 1},
    }  # fmt: skip
    assert live.stats.queues["support"].wrap_up.sum_us == 30 * second


def test_breaks_are_counted_by_the_reasons_of_the_configuration_only():
    live = Live()
    second = 1_000_000

    def at(kind, seconds, **fields):
        live.fold([kind(node="f", epoch=1, sequence=seconds, at_us=seconds * second, agent="a", **fields)])

    at(r.AgentStatusChanged, 0, status="Available", reason="initial")
    at(r.AgentStatusChanged, 10, status="On Break", reason="set", break_reason="coffee")
    at(r.AgentStatusChanged, 20, status="On Break", reason="set", break_reason="lunch")
    at(r.AgentBreak, 50, break_reason="lunch", step="overdue")
    at(r.AgentStatusChanged, 60, status="Available", reason="set")
    at(r.AgentStatusChanged, 70, status="On Break", reason="set")
    at(r.AgentStatusChanged, 75, status="On Break", reason="set", break_reason="lunch")
    agents = live.agents(80 * second, {})
    assert agents.spent_us["on_break"] == 60 * second
    found = samples(taken(live_agents=agents, breaks={"lunch": (1, 0, 3), "tea": (0, 0, 0)}))

    assert found["callcenter_break_seconds_total", "lunch"] == 45
    assert found["callcenter_breaks_total", "lunch"] == 2
    assert found["callcenter_breaks_overdue_total", "lunch"] == 1
    assert found["callcenter_agents_resting", "lunch"] == 1
    assert found["callcenter_agents_resting_overdue", "lunch"] == 0
    assert found["callcenter_agents_asking_for_break", "lunch"] == 3
    assert found["callcenter_breaks_total", "tea"] == 0
    assert not [key for key in found if "coffee" in key]


def test_every_agent_of_a_large_centre_is_counted_once_in_each_queue():
    live, queues_of = Live(), {}
    for n in range(2_345):
        status = "Logged Out" if n % 3 == 0 else "Available"
        fields = {"agent": f"a{n}", "status": status, "reason": "initial"}
        live.fold([r.AgentStatusChanged(node="f", epoch=1, sequence=n, at_us=1, **fields)])
        queues_of[f"a{n}"] = ["all", "even" if n % 2 == 0 else "odd"]
    found = live.agents(2, queues_of).by_state

    assert found["logged_out"] == {"all": 782, "even": 391, "odd": 391}
    assert found["waiting"] == {"all": 1563, "even": 782, "odd": 781}


def test_an_offer_counts_by_its_queues_strategy_and_by_those_it_was_chosen_from():
    timed = TimedRouter(Router(), Histogram(DECISION_BOUNDS_US))
    support = timed.put_queue(0, "support", "round-robin")
    sales = timed.put_queue(0, "sales", "top-down")
    for number in range(4):
        agent = timed.put_agent(0, f"agent {number}")
        timed.put_tier(0, support if number else sales, agent, 1, 1)
        timed.set_status(0, agent, "Available")
    for queue in (support, support, sales):
        timed.enqueue(0, queue, entered_us=0)
        timed.decide(0)
    timed.decide(0)  # leads to nothing
    found = samples(taken(offers=dict(timed.offers), candidates=timed.candidates.copy()))

    assert found["callcenter_router_offers_total", "round-robin"] == 2
    assert found["callcenter_router_offers_total", "top-down"] == 1
    assert found["callcenter_router_offers_total", "ring-all"] == 0
    assert found["callcenter_router_candidates_sum",] == 3 + 2 + 1
    assert found["callcenter_router_candidates_bucket", "1.0"] == 1
    assert found["callcenter_router_candidates_bucket", "2.0"] == 2
    assert found["callcenter_router_candidates_count",] == 3


def test_a_scrape_that_failed_is_told_by_the_next_that_does_not():
    found = samples(taken(http_requests={("/metrics", "2xx"): 7, ("/metrics", "5xx"): 2}))

    assert found["callcenter_collector_errors_total",] == 2
    assert samples(taken())["callcenter_collector_errors_total",] == 0
