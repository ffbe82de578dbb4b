"""Whose fault a failed offer is: the table of causes, row by row."""

from __future__ import annotations

from typing import get_args

import pytest

from py_callcenter.engine.causes import LIMITS, Fault, cause_of_job, fault_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("cause", "fault"),
    [
        ("USER_BUSY", "busy"),
        ("NO_ANSWER", "no_answer"),
        ("NO_USER_RESPONSE", "unreachable"),
        ("ALLOTTED_TIMEOUT", "unreachable"),
        ("PROGRESS_TIMEOUT", "unreachable"),
        ("CALL_REJECTED", "rejected"),
        ("USER_NOT_REGISTERED", "unregistered"),
        ("SUBSCRIBER_ABSENT", "unregistered"),
        ("UNALLOCATED_NUMBER", "unregistered"),
        ("RECOVERY_ON_TIMER_EXPIRE", "path_error"),
        ("NETWORK_OUT_OF_ORDER", "path_error"),
        ("NORMAL_TEMPORARY_FAILURE", "path_error"),
        ("GATEWAY_DOWN", "path_error"),
        ("ORIGINATOR_CANCEL", "withdrawn"),
        ("LOSE_RACE", "withdrawn"),
        ("PICKED_OFF", "withdrawn"),
        ("INCOMPATIBLE_DESTINATION", "path_error"),
        ("DESTINATION_OUT_OF_ORDER", "path_error"),
        ("EXCHANGE_ROUTING_ERROR", "path_error"),
        ("A_CAUSE_OF_THE_FUTURE", "path_error"),
    ],
)
def test_a_cause_has_its_fault(cause, fault):
    assert fault_of(cause, answered=False) == fault


@pytest.mark.parametrize(
    ("cause", "fault"),
    [
        ("LOSE_RACE", "withdrawn"),
        ("ORIGINATOR_CANCEL", "withdrawn"),
        ("NORMAL_CIRCUIT_CONGESTION", "busy"),
        ("USER_BUSY", "busy"),
        ("CALL_REJECTED", "rejected"),
        ("USER_NOT_REGISTERED", "unregistered"),
        ("NO_ANSWER", "no_answer"),
        ("NO_USER_RESPONSE", "no_answer"),
        ("SUBSCRIBER_ABSENT", "no_answer"),
        ("RECOVERY_ON_TIMER_EXPIRE", "no_answer"),
        ("NETWORK_OUT_OF_ORDER", "no_answer"),
        ("A_CAUSE_OF_THE_FUTURE", "no_answer"),
    ],
)
def test_mod_callcenters_table_blames_the_agent_for_the_path_too(cause, fault):
    assert fault_of(cause, answered=False, compatible=True) == fault


def test_each_fault_that_an_agent_can_mend_has_a_limit():
    assert set(get_args(Fault)) - set(LIMITS) == {"path_error", "withdrawn"}


def test_an_agent_who_hangs_up_right_after_answering_has_turned_the_call_away():
    assert fault_of("NORMAL_CLEARING", answered=True) == "rejected"
    assert fault_of("NORMAL_CLEARING", answered=False) == "path_error"
    assert fault_of("USER_BUSY", answered=True) == "busy"
    assert fault_of("NORMAL_CLEARING", answered=True, compatible=True) == "rejected"


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (b"+OK 47cd395f-bc16-41ce-a629-fe39699a6553\n", None),
        (b"-ERR NO_ANSWER\n", "NO_ANSWER"),
        (b"-ERR USER_NOT_REGISTERED\n", "USER_NOT_REGISTERED"),
        (b"-ERR\n", "UNKNOWN"),
        (b"", "UNKNOWN"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_a_job_tells_its_cause(body, cause):
    assert cause_of_job(body) == cause
