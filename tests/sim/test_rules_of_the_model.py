"""What the simulated switch answers and tells is what a real one does: a live test for each rule shows it.

A rule is a command that the controller writes or an event that it acts upon. Adding one without a live test
fails here. Rule by rule the model and a real switch are told the same stories in
`tests/live/test_rules_of_the_model.py`; bytes are compared with captures (`test_conformance`).
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from sim.storm.coverage import FAULTS_ELSEWHERE
from sim.storm.rules import VOCABULARY

from py_callcenter.engine.events import HANDLERS

pytestmark = pytest.mark.sim

ROOT = Path(__file__).parent.parent.parent

LIVE: dict[str, dict[str, str]] = {
    "test_agent_truth": {
        "test_a_direct_call_to_the_agent_keeps_the_queue_s_callers_away": "CHANNEL_CREATE",
        "test_an_agent_whose_phone_unregisters_is_offered_nothing_until_it_registers": "CUSTOM",
    },
    "test_calls": {
        "test_a_caller_is_answered_talks_and_hangs_up_and_the_agent_is_free_again": (
            "originate CHANNEL_PARK"
        ),
        "test_a_phone_stops_ringing_within_a_second_after_its_caller_gave_up": ("uuid_kill CHANNEL_PROGRESS"),
        "test_a_waiting_caller_hears_music_that_stops_when_the_agent_answers": ("uuid_broadcast uuid_break"),
        "test_a_caller_who_waits_too_long_goes_to_the_exit_for_that": "uuid_transfer",
        "test_an_agent_hears_the_announcement_and_then_the_caller": "CHANNEL_PROGRESS_MEDIA",
        "test_ring_all_with_two_answers_at_once_connects_exactly_one": "CHANNEL_ANSWER",
        "test_an_agent_who_hangs_up_on_hold_leaves_the_caller_to_the_exit_after_the_call": ("CHANNEL_HOLD"),
        "test_a_caller_who_gives_up_while_nobody_is_there_is_an_abandoned_call": "CHANNEL_DESTROY",
        "test_a_waiting_caller_who_presses_the_exit_key_goes_to_the_exit_for_that": "DTMF",
        "test_a_phone_that_is_not_there_is_passed_over": "BACKGROUND_JOB",
    },
    "test_controller_dies": {
        "test_a_killed_controller_is_followed_by_one_that_goes_on": "uuid_setvar_multi uuid_setvar",
    },
    "test_controller_stops": {
        "test_with_no_controller_a_new_caller_gets_the_fallback": "global_setvar",
        "test_a_dead_controllers_callers_are_sent_to_the_fallback_by_the_switch": "sched_api",
        "test_a_stopped_controllers_callers_wait_in_place_for_the_next_one": "sched_del",
    },
    "test_crossings": {
        "test_somebody_parts_the_two_around_the_moment_of_the_bridge": "uuid_bridge",
        "test_the_agent_hangs_up_between_the_answer_and_a_second_of_conversation": "CHANNEL_BRIDGE",
        "test_the_caller_is_transferred_to_another_queue_at_any_moment": "CHANNEL_UNBRIDGE",
        "test_the_caller_hangs_up_between_the_first_ring_and_the_conversation": "CHANNEL_HANGUP",
    },
    "test_lost_switch": {
        "test_after_a_cut_connection_everybody_is_where_they_were_within_two_seconds": (
            "uuid_exists uuid_dump show"
        ),
        "test_a_switch_that_died_and_came_back_gets_its_calls_routed_again": "version global_getvar",
    },
    "test_pressure": {
        "test_a_full_switch_blames_nobody_and_the_caller_is_connected_when_there_is_room": (
            "status HEARTBEAT"
        ),
    },
    "test_readme": {
        "test_while_a_controller_is_alive_the_call_is_answered_and_parked_with_its_queue": ("uuid_getvar"),
    },
    "test_standby": {
        "test_one_leg_serves_one_caller_after_the_other": "PLAYBACK_STOP",
    },
    "test_transfers": {
        "test_an_agent_asks_an_agent_of_another_queue_and_connects_the_caller": "uuid_record",
        "test_an_operator_takes_a_waiting_caller_away_while_a_phone_rings": "CHANNEL_UNPARK",
        "test_an_agent_asks_a_colleague_outside_and_connects_the_caller": "CHANNEL_UNHOLD",
    },
}
"""By module and test of `tests/live`: the commands and events that it shows."""


def names_in(path: Path) -> set[str]:
    return {
        node.name for node in ast.parse(path.read_text("utf-8")).body if isinstance(node, ast.FunctionDef)
    }


def test_each_command_and_each_event_has_a_live_test():
    shown = {word for tests in LIVE.values() for words in tests.values() for word in words.split()}

    assert shown == {*VOCABULARY, *HANDLERS}


@pytest.mark.parametrize("module", LIVE)
def test_the_live_tests_exist(module):
    assert LIVE[module].keys() <= names_in(ROOT / "tests/live" / f"{module}.py")


@pytest.mark.parametrize("number", FAULTS_ELSEWHERE)
def test_what_stands_for_a_fault_that_is_not_played_exists(number):
    _why, test = FAULTS_ELSEWHERE[number]
    path, _, name = test.partition("::")

    assert not test or (ROOT / path).is_file()
    assert not name or name in names_in(ROOT / path)
