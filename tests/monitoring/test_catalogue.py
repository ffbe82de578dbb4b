"""Nothing that an operator is promised to see is missing from /metrics."""

from __future__ import annotations

import re
from typing import get_args

import pytest
from monitoring.catalogue import ROOT, exported, values

from py_callcenter.engine.holds import HoldReason
from py_callcenter.engine.records import IgnoredWish, LeftReason, OfferOutcome, Side, StatusReason
from py_callcenter.reports.mail.courier import OUTCOMES as EMAIL_OUTCOMES

pytestmark = pytest.mark.unit

PROMISED = """
callcenter_build_info version profile
callcenter_esl_up node
callcenter_esl_events_total node event
callcenter_esl_event_lag_seconds_bucket node
callcenter_esl_commands_total node outcome
callcenter_esl_command_duration_seconds_bucket command
callcenter_esl_reconnects_total node reason
callcenter_esl_parse_errors_total node
callcenter_esl_backlog_events node
callcenter_queue_calls_waiting queue
callcenter_queue_calls_waiting_late queue
callcenter_queue_oldest_joined_timestamp_seconds queue
callcenter_queue_calls_offered_total queue
callcenter_queue_calls_answered_total queue
callcenter_queue_calls_answered_within_service_level_total queue
callcenter_queue_calls_abandoned_total queue phase
callcenter_queue_calls_overflowed_total queue reason
callcenter_queue_wait_seconds_bucket queue outcome
callcenter_queue_expected_wait_seconds queue quantile
callcenter_queue_expected_wait_error_seconds_bucket queue direction
callcenter_agents state
callcenter_agent_state_seconds_total state
callcenter_agent_offers_total outcome
callcenter_agent_status_changes_total reason
callcenter_agent_idle_seconds_bucket
callcenter_agents_resting reason
callcenter_agents_resting_overdue reason
callcenter_agents_asking_for_break reason
callcenter_breaks_total reason
callcenter_breaks_overdue_total reason
callcenter_break_seconds_total reason
callcenter_talk_seconds_bucket queue
callcenter_wrapup_seconds_bucket queue
callcenter_hold_seconds_bucket queue
callcenter_router_decision_seconds_bucket
callcenter_router_candidates_bucket
callcenter_router_offers_total strategy
callcenter_hub_lag_seconds_bucket
callcenter_http_requests_total route status
callcenter_sse_clients
callcenter_records_pending
callcenter_record_write_failures_total
callcenter_invariant_violations_total rule
callcenter_collector_duration_seconds
callcenter_collector_errors_total
"""


@pytest.mark.parametrize("line", PROMISED.split("\n")[1:-1])
def test_it_is_there_with_its_labels(line):
    name, *labels = line.split()
    assert name in exported()
    assert set(labels) <= exported()[name]


def test_every_strategy_has_a_series_before_its_first_offer():
    assert {"longest-idle-agent", "ring-all", "weighted-random"} <= values()[
        "callcenter_router_offers_total", "strategy"
    ]


def test_every_reason_for_a_status_has_a_series_and_no_other_value_can_come():
    reasons = set(get_args(StatusReason)) - {"initial"}

    assert values()["callcenter_agent_status_changes_total", "reason"] == reasons


@pytest.mark.parametrize(
    ("metric", "label", "words"),
    [
        ("callcenter_agent_offers_total", "outcome", get_args(OfferOutcome)),
        ("callcenter_node_offers_held", "reason", get_args(HoldReason)),
        ("callcenter_queue_calls_overflowed_total", "reason", {*get_args(LeftReason)} - {"unknown-queue"}),
        ("callcenter_queue_conversations_ended_total", "side", {*get_args(Side), "transfer"}),
        ("callcenter_report_emails_total", "outcome", EMAIL_OUTCOMES),
        ("callcenter_wishes_ignored_total", "wish", get_args(IgnoredWish)),
    ],
)
def test_every_word_that_can_come_has_a_series_before_it_comes_for_the_first_time(metric, label, words):
    """Prometheus doesn't see the first of what it has never seen."""
    assert values()[metric, label] == set(words)


def test_every_reason_for_which_a_connection_ends_has_a_series():
    """They are told by a fixed word each, where they are found."""
    sources = "".join(path.read_text("utf-8") for path in (ROOT / "py_callcenter/esl").glob("*.py"))
    words = re.findall(r'(?:ConnectionFailed|cut|super\(\).__init__)\("([a-z-]+)"', sources)
    words += re.findall(r'reason = "([a-z-]+)" if .* else "([a-z-]+)"', sources)[0]
    reasons = values()["callcenter_esl_reconnects_total", "reason"]

    assert set(words) - {"used"} == reasons  # a connection that is opened twice: no program does
