"""Each rule of the simulated switch, told to it and to a real one by the same commands and phones.

What a rule is about stands in its name and, by number of line, in `py_callcenter/sim`. Which commands and
events have a live test at all: `tests/sim/test_rules_of_the_model.py`. Whole calls, byte by byte:
`tests/sim/test_conformance.py`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from live.switch import FreeSwitch
from live.twin import REFUSALS, Model, Real, Side

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

Story = Callable[[Side], None]
EXIT = "hold_hangup_xfer_exten=queue_later"
KEPT = "park_after_bridge=true"
RULES: dict[str, Story] = {}


def rule(story: Story) -> Story:
    RULES[story.__name__] = story
    return story


def told(side: Side, story: Story) -> tuple[list[str], dict[str, list[str]]]:
    story(side)
    side.pause(0.5)
    return side.said, side.story()


@pytest.fixture
def real(switch: FreeSwitch) -> Iterator[Real]:
    side = Real(switch)
    yield side
    side.close()


@pytest.mark.parametrize("name", RULES)
def test_the_model_and_a_real_switch_tell_the_same(real, name):
    said, story = told(Model(), RULES[name])

    answers, events = told(real, RULES[name])
    deadline = time.monotonic() + 5
    while events != story and time.monotonic() < deadline:
        time.sleep(0.2)
        events = real.story()

    assert answers == said
    for leg in events.keys() | story.keys():
        assert ", ".join(events.get(leg, ())) == ", ".join(story.get(leg, ())), leg


def transfer_is_forgotten(side: Side, number: int) -> bool:
    """A caller is sent elsewhere and the agent's leg dies, in one breath, as they are being joined."""
    caller, agent = f"caller{number}", f"agent{number}"
    side.leg(caller)
    side.keeps(caller)
    side.leg(agent)
    side.api(f"uuid_bridge {{{caller}}} {{{agent}}}")
    side.api(f"uuid_transfer {{{caller}}} queue_sales XML default", f"uuid_kill {{{agent}}}")
    side.sees(caller, "PARK", 2)
    side.api(f"uuid_dump {{{caller}}}")
    shown = side.said.pop().splitlines()
    assert "Caller-Destination-Number: queue_sales" in shown
    assert any(line.startswith("Caller-Transfer-Source:") and "bl_xfer" in line for line in shown)
    return "Channel-State: CS_PARK" in shown


def test_a_transfer_may_be_forgotten_when_the_agents_leg_dies_as_they_are_being_joined(real):
    """By both, depending on what their threads notice first; the channel keeps the mark of the transfer."""
    for side in (Model(), real):
        assert any(transfer_is_forgotten(side, number) for number in range(15))


def conversation(side: Side, *agent: str, kept: bool = True) -> None:
    side.leg("caller")
    if kept:
        side.keeps("caller")
    side.leg("agent", *agent)
    side.joins("caller", "agent")


# The end of a bridge.


@rule
def a_caller_who_is_kept_parks_when_the_agent_hangs_up(side: Side) -> None:
    conversation(side)
    side.acts("agent", "hang_up")
    side.sees("caller", "PARK", 2)
    side.sees("agent", "DESTROY")


@rule
def without_it_both_are_gone(side: Side) -> None:
    conversation(side, kept=False)
    side.acts("agent", "hang_up")
    side.sees("caller", "DESTROY")


@rule
def an_agent_who_is_kept_parks_when_the_caller_hangs_up(side: Side) -> None:
    conversation(side, KEPT)
    side.acts("caller", "hang_up")
    side.sees("agent", "PARK", 2)
    side.sees("caller", "DESTROY")


@rule
def an_agent_who_is_not_kept_goes_with_the_caller(side: Side) -> None:
    conversation(side)
    side.acts("caller", "hang_up")
    side.sees("agent", "DESTROY")


@rule
def a_killed_agent_leaves_the_caller_parked(side: Side) -> None:
    conversation(side)
    side.api("uuid_kill {agent} NORMAL_CLEARING")
    side.sees("caller", "PARK", 2)
    side.sees("agent", "DESTROY")


# uuid_bridge.


@rule
def a_second_bridge_takes_the_caller_without_asking(side: Side) -> None:
    conversation(side)
    side.leg("other")
    side.joins("caller", "other")
    side.sees("agent", "DESTROY")


@rule
def an_agent_who_is_kept_parks_when_the_caller_is_taken(side: Side) -> None:
    conversation(side, KEPT)
    side.leg("other")
    side.joins("caller", "other")
    side.sees("agent", "PARK", 2)


@rule
def an_agent_who_is_taken_leaves_a_kept_caller_parked(side: Side) -> None:
    conversation(side)
    side.leg("second")
    side.joins("second", "agent")
    side.sees("caller", "PARK", 2)


@rule
def an_agent_who_is_taken_drops_a_caller_who_is_not_kept(side: Side) -> None:
    conversation(side, kept=False)
    side.leg("second")
    side.joins("second", "agent")
    side.sees("caller", "DESTROY")


@rule
def a_dead_leg_is_refused_on_either_side_and_the_living_one_stays(side: Side) -> None:
    side.leg("caller")
    side.leg("agent")
    side.api("uuid_kill {agent}")
    side.sees("agent", "DESTROY")
    side.api("uuid_bridge {caller} {agent}", "uuid_bridge {agent} {caller}", "uuid_exists {caller}")


@rule
def two_phones_that_ring_are_not_joined(side: Side) -> None:
    side.rings("one", phone="silent")
    side.rings("two", phone="silent")
    side.sees("one", "PROGRESS")
    side.sees("two", "PROGRESS")
    side.api("uuid_bridge {one} {two}", "uuid_kill {one}", "uuid_kill {two}")
    side.sees("one", "DESTROY")
    side.sees("two", "DESTROY")


@rule
def an_agent_who_dies_right_behind_the_command_leaves_a_kept_caller_parked(side: Side) -> None:
    side.leg("caller")
    side.keeps("caller")
    side.leg("agent")
    side.api("uuid_bridge {caller} {agent}", "uuid_kill {agent}")
    side.sees("caller", "PARK", 2)
    side.sees("agent", "DESTROY")


@rule
def an_agent_who_dies_right_behind_the_command_takes_a_caller_who_is_not_kept_along(side: Side) -> None:
    side.leg("caller")
    side.leg("agent")
    side.api("uuid_bridge {caller} {agent}", "uuid_kill {agent}")
    side.sees("caller", "DESTROY")


@rule
def an_agent_whose_caller_dies_right_behind_the_command_sleeps_on_without_an_event(side: Side) -> None:
    side.leg("caller")
    side.leg("agent")
    side.api("uuid_bridge {caller} {agent}", "uuid_kill {caller}")
    side.sees("caller", "DESTROY")
    side.pause(2.0)
    side.api("uuid_exists {agent}", "uuid_kill {agent}")
    side.sees("agent", "DESTROY")


# Hold.


@rule
def hold_and_back_again_with_music_for_the_other_side(side: Side) -> None:
    conversation(side)
    side.acts("agent", "hold")
    side.sees("caller", "PLAYBACK_START")
    side.acts("agent", "unhold")
    side.sees("caller", "PLAYBACK_STOP break")


def hangs_up_from_hold(side: Side, *agent: str, kept: bool) -> None:
    conversation(side, *agent, kept=kept)
    side.acts("agent", "hold")
    side.sees("caller", "PLAYBACK_START")
    side.acts("agent", "hang_up")


@rule
def a_bye_from_hold_parks_a_kept_caller_when_the_agents_leg_has_its_exit(side: Side) -> None:
    hangs_up_from_hold(side, EXIT, kept=True)
    side.sees("caller", "PARK", 2)


@rule
def a_bye_from_hold_sends_a_caller_who_is_not_kept_to_that_exit(side: Side) -> None:
    hangs_up_from_hold(side, EXIT, kept=False)
    side.sees("caller", "PARK", 2)
    side.api("uuid_getvar {caller} cc_queue")


@rule
def a_bye_from_hold_drops_even_a_kept_caller_without_that_exit(side: Side) -> None:
    hangs_up_from_hold(side, kept=True)
    side.sees("caller", "DESTROY")


@rule
def a_kill_from_hold_drops_a_caller_who_hears_music_too(side: Side) -> None:
    conversation(side)
    side.acts("agent", "hold")
    side.sees("caller", "PLAYBACK_START")
    side.api("uuid_kill {agent}")
    side.sees("caller", "DESTROY")


@rule
def and_spares_a_kept_one_when_the_agents_leg_has_its_exit(side: Side) -> None:
    conversation(side, EXIT)
    side.acts("agent", "hold")
    side.sees("caller", "PLAYBACK_START")
    side.api("uuid_kill {agent}")
    side.sees("caller", "PARK", 2)


@rule
def a_caller_who_hangs_up_from_hold_takes_even_a_kept_agent_along(side: Side) -> None:
    conversation(side, KEPT)
    side.acts("caller", "hold")
    side.sees("agent", "PLAYBACK_START")
    side.acts("caller", "hang_up")
    side.sees("agent", "DESTROY")
    side.sees("caller", "DESTROY")


# Transfers.


@rule
def a_blind_transfer_beats_park_after_bridge(side: Side) -> None:
    conversation(side)
    side.acts("agent", "refer", "queue_sales")
    side.sees("caller", "PARK", 2)
    side.sees("agent", "DESTROY")
    side.api("uuid_getvar {caller} cc_queue")


@rule
def an_agent_whose_caller_is_transferred_away_by_command_is_hung_up(
    side: Side,
) -> None:
    conversation(side)
    side.api("uuid_transfer {caller} queue_sales XML default")
    side.sees("caller", "PARK", 2)
    side.sees("agent", "DESTROY")


@rule
def or_parked_where_the_agent_is_kept(side: Side) -> None:
    conversation(side, KEPT)
    side.api("uuid_transfer {caller} queue_sales XML default")
    side.sees("caller", "PARK", 2)
    side.sees("agent", "PARK", 2)


@rule
def a_transfer_in_a_conversation_beats_the_end_of_the_agents_leg_in_the_same_breath(side: Side) -> None:
    conversation(side)
    side.api("uuid_transfer {caller} queue_sales XML default", "uuid_kill {agent}")
    side.sees("caller", "PARK", 2)
    side.sees("agent", "DESTROY")
    side.api("uuid_getvar {caller} cc_queue")


@rule
def transfers_are_counted_and_the_last_one_ends_the_call(side: Side) -> None:
    side.leg("caller")
    side.api("uuid_setvar {caller} max_forwards 2", "uuid_transfer {caller} queue_sales XML default")
    side.sees("caller", "PARK", 2)
    side.api("uuid_transfer {caller} queue_sales XML default")
    side.sees("caller", "DESTROY")


def asks_an_expert(side: Side) -> None:
    """On the phone's second line, while the caller is on hold."""
    conversation(side)
    side.acts("agent", "hold")
    side.sees("caller", "PLAYBACK_START")
    side.leg("desk")
    side.leg("expert")
    side.joins("desk", "expert")


@rule
def an_attended_transfer_joins_the_far_ends_and_ends_both_lines(side: Side) -> None:
    asks_an_expert(side)
    side.connects("agent", "desk")
    side.sees("caller", "BRIDGE expert")
    side.sees("agent", "DESTROY")
    side.sees("desk", "DESTROY")


@rule
def and_the_caller_is_kept_when_the_expert_hangs_up(side: Side) -> None:
    asks_an_expert(side)
    side.connects("agent", "desk")
    side.sees("caller", "BRIDGE expert")
    side.sees("desk", "DESTROY")
    side.acts("expert", "hang_up")
    side.sees("caller", "PARK", 2)
    side.sees("expert", "DESTROY")


# Sounds.

LONG, SHORT = "local_stream://moh", "tone_stream://%(200,0,640)"


@rule
def a_second_sound_waits_for_the_end_of_the_first(side: Side) -> None:
    side.leg("caller")
    side.api(f"uuid_broadcast {{caller}} {SHORT} aleg", f"uuid_broadcast {{caller}} {SHORT} aleg")
    side.sees("caller", "PLAYBACK_STOP done", 2)


@rule
def a_break_ends_what_plays_and_empties_the_line(side: Side) -> None:
    side.leg("caller")
    side.api(f"uuid_broadcast {{caller}} {LONG} aleg", f"uuid_broadcast {{caller}} {SHORT} aleg")
    side.sees("caller", "PLAYBACK_START")
    side.pause(0.5)
    side.api("uuid_break {caller} all")
    side.sees("caller", "PLAYBACK_STOP break")


@rule
def what_is_broken_off_before_it_began_never_begins(side: Side) -> None:
    side.leg("caller")
    side.api(f"uuid_broadcast {{caller}} {LONG} aleg", "uuid_break {caller} all")
    side.pause(1.0)


@rule
def a_bridge_ends_what_plays(side: Side) -> None:
    side.leg("caller")
    side.leg("agent")
    side.api(f"uuid_broadcast {{caller}} {LONG} aleg")
    side.sees("caller", "PLAYBACK_START")
    side.joins("caller", "agent")


@rule
def a_star_ends_what_plays(side: Side) -> None:
    side.leg("caller")
    side.api(f"uuid_broadcast {{caller}} {LONG} aleg")
    side.sees("caller", "PLAYBACK_START")
    side.pause(0.5)
    side.api("uuid_recv_dtmf {caller} *")
    side.sees("caller", "PLAYBACK_STOP break")


@rule
def unless_nothing_may_end_it(side: Side) -> None:
    side.leg("caller", "playback_terminators=none")
    side.api(f"uuid_broadcast {{caller}} {LONG} aleg")
    side.sees("caller", "PLAYBACK_START")
    side.pause(0.5)
    side.api("uuid_recv_dtmf {caller} *5#")
    side.sees("caller", "DTMF #")


@rule
def a_recording_begins_and_ends(side: Side) -> None:
    conversation(side)
    side.api("uuid_record {caller} start {folder}/{caller}.wav")
    side.sees("caller", "RECORD_START")
    side.api("uuid_record {caller} stop {folder}/{caller}.wav")
    side.api("uuid_record {caller} stop {folder}/other.wav")
    side.sees("caller", "RECORD_STOP")


# Calls that the switch makes.


def refuses(how: str) -> Story:
    def story(side: Side) -> None:
        side.rings("agent", phone=how)
        side.sees("agent", "DESTROY")

    return story


RULES |= {f"a_phone_refuses_{how}": refuses(how) for how in REFUSALS}


@rule
def nobody_answers_in_time(side: Side) -> None:
    side.rings("agent", "originate_timeout=2", phone="silent")
    side.sees("agent", "DESTROY")


@rule
def a_leg_that_cannot_be_made_has_no_events(side: Side) -> None:
    side.api("originate error/user_busy &park()", "originate nonsense/x &park()")
    side.api("originate sofia/gateway/nowhere/5550100 &park()")
    side.api("originate", "originate sofia/internal/x@127.0.0.1:5080")


@rule
def a_name_that_lives_is_refused_and_its_leg_is_unharmed(side: Side) -> None:
    side.leg("agent")
    contact = side.phone("twin", "answers")
    side.api(f"originate {{{{origination_uuid={{agent}}}}}}{contact} &park()", "uuid_exists {agent}")


@rule
def a_kill_before_the_leg_is_there_is_not_remembered(side: Side) -> None:
    side.begin("agent")
    contact = side.phone("agent", "silent")
    side.api("uuid_kill {agent} ORIGINATOR_CANCEL")
    side.dials("agent", f"[origination_uuid={{agent}}]{contact}")
    side.sees("agent", "PROGRESS")
    side.api("uuid_kill {agent} ORIGINATOR_CANCEL")
    side.sees("agent", "DESTROY")


@rule
def of_several_phones_in_one_originate_the_first_parks_and_the_rest_lose_the_race(side: Side) -> None:
    side.begin("one", "two")
    quick, silent = side.phone("one", "answers"), side.phone("two", "silent")
    side.dials("both", f"[origination_uuid={{one}}]{quick},[origination_uuid={{two}}]{silent}")
    side.sees("two", "DESTROY")


@rule
def one_that_refuses_leaves_the_others_ringing(side: Side) -> None:
    side.begin("one", "two")
    busy, silent = side.phone("one", "busy"), side.phone("two", "silent")
    side.dials("both", f"[origination_uuid={{one}}]{busy},[origination_uuid={{two}}]{silent}")
    side.sees("one", "HANGUP USER_BUSY")
    side.pause(0.5)
    side.api("uuid_exists {two}", "uuid_kill {two} ORIGINATOR_CANCEL")
    side.sees("two", "DESTROY")


@rule
def one_name_for_two_legs_rings_the_first_only(side: Side) -> None:
    side.begin("agent")
    first, second = side.phone("first", "silent"), side.phone("second", "silent")
    side.dials("agent", f"{first},{second}", "origination_uuid={agent}")
    side.sees("agent", "PROGRESS")
    side.pause(0.5)
    side.api("uuid_kill {agent}")
    side.sees("agent", "DESTROY")


def refused_for(limit: str, usual: str) -> Story:
    def story(side: Side) -> None:
        side.leg("caller")
        side.api(limit)
        side.pause(1.1)  # of what the switch lets begin in this second, the old limit holds
        side.begin("agent")
        side.dials("agent", f"[origination_uuid={{agent}}]{side.phone('agent', 'answers')}")
        side.pause(0.5)
        side.api(usual, "uuid_exists {agent}", "uuid_exists {caller}")

    return story


RULES["a_full_switch_makes_no_leg"] = refused_for("fsctl max_sessions 1", "fsctl max_sessions 5000")
RULES["a_switch_that_throttles_makes_no_leg"] = refused_for("fsctl sps 1", "fsctl sps 300")


# Variables and answers.


@rule
def variables_end_at_64_pairs_and_malformed_ones_are_passed_over(side: Side) -> None:
    side.leg("caller")
    pairs = ";".join(f"v{number}={number}" for number in range(70))
    side.api(f"uuid_setvar_multi {{caller}} {pairs}", "uuid_setvar_multi {caller} a=1;nonsense;c=3")
    side.api(*(f"uuid_getvar {{caller}} {name}" for name in ("v62", "v63", "v64", "a", "nonsense", "c")))
    side.api("uuid_setvar_multi {caller} d=${{x}};e=5", "uuid_getvar {caller} d", "uuid_getvar {caller} e")
    side.api("uuid_setvar {caller} a", "uuid_getvar {caller} a")


@rule
def a_leg_that_is_not_there(side: Side) -> None:
    side.api(
        "uuid_exists nope",
        "uuid_kill nope",
        "uuid_kill",
        "uuid_broadcast nope tone_stream://x aleg",
        "uuid_break nope all",
        "uuid_transfer nope x XML default",
        "uuid_record nope start /tmp/a.wav",
        "uuid_dump nope",
        "uuid_getvar nope a",
        "uuid_setvar nope a 1",
        "uuid_setvar_multi nope a=1",
        "uuid_hold nope",
        "uuid_recv_dtmf nope 1",
        "uuid_bridge nope no",
    )


@rule
def what_the_switch_remembers(side: Side) -> None:
    """Values with a condition, and tasks by their group."""
    side.api("hash delete/callcenter/rule", "hash insert_ifempty/callcenter/rule/n1:1")
    side.api("hash insert_ifempty/callcenter/rule/n2:2", "hash delete_ifmatch/callcenter/rule/n2:2")
    side.api("hash select/callcenter/rule", "hash delete_ifmatch/callcenter/rule/n1:1")
    side.api("global_setvar cc_rule=6", "global_setvar cc_rule=7=5", "global_getvar cc_rule")
    side.api("global_setvar cc_rule=7=6", "global_getvar cc_rule", "global_setvar cc_rule=")
    side.api("sched_del cc_rule")


@rule
def a_task_runs_once_unless_it_is_taken_away(side: Side) -> None:
    side.api("global_setvar cc_rule=")
    side.tell("api sched_api +1 cc_rule global_setvar cc_rule=1")
    side.api("sched_del cc_rule")
    side.pause(2.5)
    side.api("global_getvar cc_rule")
    side.tell("api sched_api +1 cc_rule global_setvar cc_rule=2")
    side.pause(2.5)
    side.api("global_getvar cc_rule", "sched_del cc_rule", "global_setvar cc_rule=")


@rule
def a_leg_that_hangs_up_is_out_of_reach(side: Side) -> None:
    side.leg("caller")
    side.api("uuid_kill {caller}")
    side.sees("caller", "HANGUP NORMAL_CLEARING")
    side.api("uuid_exists {caller}", "uuid_kill {caller}", "uuid_getvar {caller} cc_queue")
