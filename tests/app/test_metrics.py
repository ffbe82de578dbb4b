import re

import pytest
from app.fake_controller import configuration
from prometheus_client.parser import text_string_to_metric_families

from py_callcenter.engine import records as r
from py_callcenter.metrics import AGENT_STATES, MetricsSnapshot, NodeMetrics, render
from py_callcenter.stats import Stats

pytestmark = pytest.mark.app


def taken(**changes):
    stats = Stats()
    stats.configure({queue.name: queue.service_level.us for queue in configuration().queues})
    fields = {
        "stats": stats,
        "waiting": {"support": 3, "sales": 0},
        "oldest_entered_us": {"support": 1_795_000_000_500_000},
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
    assert found["callcenter_unknown_queue_calls_total",] == 0
    assert found["callcenter_esl_up", "fs1"] == 1
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
