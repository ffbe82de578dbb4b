"""Calls that the switch makes: phones that ring, refuse, don't exist, and ghosts."""

import pytest
from sim.desk import Desk

from py_callcenter.sim import Behaviour

pytestmark = pytest.mark.sim

A = "sofia/internal/a@127.0.0.1:5080"
B = "sofia/internal/b@127.0.0.1:5081"
C = "sofia/internal/c@127.0.0.1:5082"


def outcome(behaviour, contact=A, *variables, wait=5.0, events="ALL"):
    desk = Desk(events)
    if behaviour is not None:
        desk.switch.add_phone(contact, behaviour)
    desk.ring(contact, "leg", *variables)
    desk.wait(wait)
    return desk, desk.last("BACKGROUND_JOB").body


@pytest.mark.parametrize(
    ("how", "cause"),
    [
        ("busy", "USER_BUSY"),
        ("reject", "CALL_REJECTED"),
        ("not_found", "UNALLOCATED_NUMBER"),
        ("unavailable", "NO_USER_RESPONSE"),
        ("codec", "INCOMPATIBLE_DESTINATION"),
        ("error", "NORMAL_TEMPORARY_FAILURE"),
        ("unreachable", "NORMAL_TEMPORARY_FAILURE"),
    ],
)
def test_a_refusal_has_its_cause(how, cause):
    desk, body = outcome(Behaviour(how))
    assert body == f"-ERR {cause}\n"
    assert desk.last("CHANNEL_HANGUP").get("Hangup-Cause") == cause
    assert desk.switch.legs == {}


@pytest.mark.parametrize(
    ("behaviour", "contact", "cause"),
    [
        (Behaviour("unregistered"), "user/1000@example.org", "USER_NOT_REGISTERED"),
        (None, "user/1000@example.org", "SUBSCRIBER_ABSENT"),
        (None, "sofia/gateway/trunk/5550100", "INVALID_GATEWAY"),
        (None, "error/user_busy", "USER_BUSY"),
        (None, "nonsense/x", "CHAN_NOT_IMPLEMENTED"),
    ],
)
def test_a_leg_that_was_never_made_has_no_events(behaviour, contact, cause):
    desk, body = outcome(behaviour, contact)
    assert body == f"-ERR {cause}\n"
    assert desk.story() == ["BACKGROUND_JOB"]


def test_a_timeout_counts_whole_seconds():
    for seed in range(10):
        desk = Desk(seed=seed)
        desk.switch.add_phone(A, Behaviour("no_answer"))
        desk.wait(0.1 * seed)
        begun = desk.switch.now_us
        desk.ring(A, "leg", "originate_timeout=3")
        desk.wait(5)
        hangup = desk.last("CHANNEL_HANGUP")
        assert hangup.get("Hangup-Cause") == "NO_ANSWER"
        assert 2_000_000 <= hangup.stamp_us - begun <= 3_040_000


def test_a_name_that_lives_is_refused_and_its_leg_is_unharmed():
    desk = Desk()
    desk.agent("a1")
    desk.seen.clear()
    reply = desk.api("originate {origination_uuid=a1}sofia/internal/a1@127.0.0.1:5080 &park()")
    assert reply == "-ERR DESTINATION_OUT_OF_ORDER\n"
    desk.wait(1)
    assert desk.story() == []
    assert desk.api("uuid_exists a1") == "true"


def test_a_kill_before_the_leg_exists_leaves_a_ghost():
    desk = Desk()
    phone = desk.switch.add_phone(A, Behaviour("no_answer"))
    desk.ring(A, "leg")
    other = desk.login()
    desk.write("api uuid_kill leg\n\n", other)
    assert b"-ERR No such channel!" in desk.switch.take_output(other)
    desk.wait(3)
    assert phone.invites == 1
    assert desk.api("uuid_exists leg") == "true"


def test_the_first_of_several_phones_parks_and_the_rest_lose_the_race():
    desk = Desk()
    desk.switch.add_phone(A, Behaviour(answer_after_us=500_000))
    desk.switch.add_phone(B, Behaviour(answer_after_us=500_100))
    desk.switch.add_phone(C, Behaviour("no_answer"))
    legs = f"[origination_uuid=l1]{A},[origination_uuid=l2]{B},[origination_uuid=l3]{C}"
    desk.write(f"bgapi originate {{ignore_early_media=true,cc_offer=o1}}{legs} &park()\nJob-UUID: j\n\n")
    desk.wait(2)
    parked = [f.get("Unique-ID") for f in desk.seen if f.get("Event-Name") == "CHANNEL_PARK"]
    causes = {
        f.get("Unique-ID"): f.get("Hangup-Cause")
        for f in desk.seen
        if f.get("Event-Name") == "CHANNEL_HANGUP"
    }
    assert len(parked) == 1
    assert causes == dict.fromkeys({"l1", "l2", "l3"} - set(parked), "LOSE_RACE")
    assert desk.last("BACKGROUND_JOB").body == f"+OK {parked[0]}\n"
    assert all(
        f.get("variable_cc_offer") == "o1" for f in desk.seen if f.get("Event-Name") == "CHANNEL_CREATE"
    )


def test_one_phone_that_refuses_leaves_the_others_ringing():
    desk = Desk()
    desk.switch.add_phone(A, Behaviour("busy"))
    desk.switch.add_phone(B, Behaviour(answer_after_us=3_000_000))
    desk.write(f"bgapi originate [origination_uuid=l1]{A},[origination_uuid=l2]{B} &park()\nJob-UUID: j\n\n")
    desk.wait(4)
    assert desk.last("BACKGROUND_JOB").body == "+OK l2\n"


def test_one_name_for_two_legs_rings_only_the_first():
    desk = Desk()
    first = desk.switch.add_phone(A, Behaviour("no_answer"))
    second = desk.switch.add_phone(B, Behaviour("no_answer"))
    desk.write(f"bgapi originate {{origination_uuid=leg}}{A},{B} &park()\n\n")
    desk.wait(2)
    assert (first.invites, second.invites) == (1, 0)


def test_a_loopback_leg_ignores_the_name():
    desk = Desk()
    desk.switch.add_phone("loopback/1000", Behaviour())
    desk.ring("loopback/1000", "leg")
    desk.wait(1)
    assert desk.last("BACKGROUND_JOB").body.startswith("+OK ")
    assert "leg" not in desk.last("BACKGROUND_JOB").body


def test_values_may_be_quoted_and_the_phone_shows_the_caller():
    desk = Desk()
    phone = desk.switch.add_phone(A, Behaviour("no_answer"))
    desk.ring(A, "leg", "origination_caller_id_name='Ann, of Ghent'", "origination_caller_id_number=5550100")
    desk.wait(1)
    assert phone.shown == [("Ann, of Ghent", "5550100")]
    assert desk.last("CHANNEL_PROGRESS").get("variable_origination_caller_id_name") == "Ann, of Ghent"


def test_variables_of_a_leg_are_in_all_its_events():
    desk = Desk()
    desk.switch.add_phone(A, Behaviour(hang_up_after_us=1_000_000))
    desk.ring(A, "leg", "cc_agent=1000")
    desk.wait(3)
    mine = [f for f in desk.seen if f.get("Unique-ID") == "leg" and f.get("Event-Name") != "CHANNEL_OUTGOING"]
    assert len(mine) > 8
    assert all(f.get("variable_cc_agent") == "1000" for f in mine)


def test_arguments_that_make_no_call():
    desk = Desk()
    assert desk.api("originate").startswith("-USAGE: <call url>")
    assert desk.api(f"originate {A}").startswith("-USAGE: <call url>")
