"""Callers, agents and their phones on a real FreeSWITCH: what each of them sees on the wire."""

from __future__ import annotations

import uuid

import pytest
from live.product import Setup, quiet_for
from live.rtp import Ear, loudness, pitch_share
from live.sip import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(90)]

MUSIC_HZ = 440


def test_a_caller_is_answered_talks_and_hangs_up_and_the_agent_is_free_again(sip, open_for_business):
    phone = sip.phone("phone", ring_s=0.3)
    office = open_for_business(Setup().queue().agent("a1", phone))
    caller = sip.caller("queue_support", stay_s=2, number="5550123", display='"Ann Example"')
    invite = phone.wait_received("INVITE")
    assert invite.header("From").startswith('"Ann Example" <sip:5550123@')
    phone.wait_talking()
    office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="support")
    hung_up = caller.wait_sent("BYE")
    assert phone.wait_received("BYE").at - hung_up.at < 1
    assert len(phone.received("INVITE")) == 1
    office.wait_metric("callcenter_agents", 1, state="waiting")
    assert office.metric("callcenter_queue_calls_offered_total", queue="support") == 1
    assert office.metric("callcenter_queue_calls_abandoned_total") == 0


def test_an_agent_who_hangs_up_ends_the_call_for_the_caller_too(sip, open_for_business):
    phone = sip.phone("phone", talk_s=1)
    office = open_for_business(Setup().queue().agent("a1", phone))
    caller = sip.caller("queue_support")
    hung_up = phone.wait_sent("BYE")
    assert caller.wait_received("BYE").at - hung_up.at < 1
    office.wait_metric("callcenter_agents", 1, state="waiting")
    assert len(phone.received("INVITE")) == 1


def test_a_caller_who_gives_up_while_nobody_is_there_is_an_abandoned_call(sip, open_for_business):
    phone = sip.phone("phone")
    office = open_for_business(Setup().queue().agent("a1", phone, status="On Break"))
    caller = sip.caller("queue_support", stay_s=1)
    caller.wait_answered()
    office.wait_metric("callcenter_queue_calls_waiting", 1, queue="support")
    caller.wait_sent("BYE")
    office.wait_metric("callcenter_queue_calls_waiting", 0, queue="support")
    assert office.metric("callcenter_queue_calls_abandoned_total", queue="support") == 1
    assert not phone.received("INVITE")


def test_a_phone_stops_ringing_within_a_second_after_its_caller_gave_up(sip, open_for_business):
    phone = sip.silent_phone("phone")
    office = open_for_business(Setup().queue().agent("a1", phone))
    # From five seconds on it is no longer a short abandon.
    caller = sip.caller("queue_support", stay_s=5.5)
    phone.wait_received("INVITE")
    gave_up = caller.wait_sent("BYE")
    cancelled = phone.wait_received("CANCEL")
    assert 0 <= cancelled.at - gave_up.at <= 1
    office.wait_metric("callcenter_queue_calls_abandoned_total", 1, queue="support", phase="ringing")
    office.wait_metric("callcenter_agents", 1, state="waiting")


@pytest.mark.parametrize("answer", ["486 Busy Here", "603 Decline", "silent"])
def test_when_a_phone_fails_the_caller_goes_to_the_next_agent(sip, open_for_business, answer):
    first = sip.silent_phone("first") if answer == "silent" else sip.refusing_phone("first", answer)
    second = sip.phone("second")
    open_for_business(
        Setup().queue(agent_originate_timeout=2).agent("a1", first).agent("a2", second, level=2)
    )
    caller = sip.caller("queue_support", stay_s=5)
    first_rang = first.wait_received("INVITE")
    second_rang = second.wait_received("INVITE")
    assert second_rang.at > first_rang.at
    second.wait_talking()
    assert not caller.over, "the caller stayed on the line"
    if answer == "silent":
        # The switch counts whole seconds: two are at least one.
        assert 0.9 < first.wait_received("CANCEL").at - first_rang.at < 3.5
    quiet_for(1, "the agent who failed rests", lambda: len(first.received("INVITE")) > 1)


def test_a_phone_that_is_not_there_is_passed_over(sip, open_for_business):
    gone = sip.phone("gone")
    gone.stop()
    second = sip.phone("second")
    open_for_business(Setup().queue(agent_originate_timeout=2).agent("a1", gone).agent("a2", second, level=2))
    caller = sip.caller("queue_support", stay_s=8)
    second.wait_talking(15)
    assert not caller.over, "the caller stayed on the line"
    assert not gone.received("INVITE")


def test_ring_all_with_two_answers_at_once_connects_exactly_one(sip, open_for_business):
    phones = [sip.phone(f"phone{i}", ring_s=0.5) for i in range(3)]
    setup = Setup().queue(strategy="ring-all")
    for i, phone in enumerate(phones):
        setup.agent(f"a{i}", phone)
    office = open_for_business(setup)
    caller = sip.caller("queue_support", stay_s=4)
    for phone in phones:
        phone.wait_received("INVITE")

    def ended(phone):
        return phone.received("BYE") or phone.received("CANCEL")

    until(lambda: sum(1 for p in phones if ended(p)) == 2, "two of three phones are let go")
    winner = next(p for p in phones if not ended(p))
    winner.wait_talking()
    quiet_for(1, "the winner keeps the caller", lambda: ended(winner) or caller.over)
    until(lambda: caller.over, "the caller hangs up")
    winner.wait_received("BYE")
    assert office.metric("callcenter_queue_calls_answered_total", queue="support") == 1
    office.wait_metric("callcenter_agents", 3, state="waiting")


def test_both_phones_of_an_agent_ring_and_one_takes_the_call(sip, open_for_business):
    desk, mobile = sip.phone("desk", ring_s=0.6), sip.silent_phone("mobile")
    office = open_for_business(Setup().queue().agent("a1", desk, mobile))
    caller = sip.caller("queue_support", stay_s=3)
    at_desk, at_mobile = desk.wait_received("INVITE"), mobile.wait_received("INVITE")
    assert abs(at_desk.at - at_mobile.at) < 0.1
    desk.wait_talking()
    mobile.wait_received("CANCEL")
    assert not caller.over
    desk.wait_received("BYE")
    office.wait_metric("callcenter_agents", 1, state="waiting")


def test_all_phones_that_are_registered_for_an_agent_ring_and_one_takes_the_call(
    sip, switch, open_for_business
):
    """With `user/…` the switch itself would ring only one of them."""
    desk, mobile = sip.phone("desk", ring_s=1.2), sip.silent_phone("mobile")
    sip.register("1001", desk)
    office = open_for_business(Setup().queue().agent("a1", contact="user/1001@127.0.0.1", wrap_up_time=0))
    sip.caller("queue_support", name="first", stay_s=2)
    desk.wait_talking()
    assert not mobile.received("INVITE")
    desk.wait_received("BYE")
    office.wait_metric("callcenter_agents", 1, state="waiting")

    sip.register("1001", mobile)
    until(lambda: switch.api("sofia_contact */1001@127.0.0.1").count(",") == 1, "both are registered")
    caller = sip.caller("queue_support", name="second", stay_s=3)
    at_mobile, at_desk = mobile.wait_received("INVITE"), desk.wait_received("INVITE", nth=2)
    assert abs(at_desk.at - at_mobile.at) < 0.2

    def legs() -> list[str]:
        lines = switch.api("show channels").splitlines()
        return [line.split(",")[0] for line in lines if ",outbound," in line]

    until(lambda: len(legs()) == 2, "the switch shows both legs")
    for leg in legs():
        assert switch.api(f"uuid_getvar {leg} cc_offer").endswith("/1")
        assert uuid.UUID(leg).version == 5, "named by us"
        assert switch.api(f"uuid_getvar {leg} presence_id") == "1001@127.0.0.1"
    desk.wait_talking(nth=2)
    mobile.wait_received("CANCEL")
    assert not caller.over
    desk.wait_received("BYE", nth=2)
    office.wait_metric("callcenter_agents", 1, state="waiting")
    office.wait_metric("callcenter_queue_calls_answered_total", 2, queue="support")


def test_a_caller_shows_on_the_agents_phone_as_the_dialplan_wants(sip, open_for_business):
    phone = sip.phone("phone", ring_s=0.3)
    open_for_business(Setup().queue().agent("a1", phone))
    sip.caller("named_support", stay_s=2, number="5550123", display='"Ann Example"')
    invite = phone.wait_received("INVITE")
    assert invite.header("From").startswith('"VIP Gold Customer" <sip:5559999@')


@pytest.mark.parametrize(
    ("number", "least_s", "most_s"),
    [("announced_support", 1.5, 2.5), ("announced-badly_support", 0, 0.7)],
    ids=["a tone", "a file that is not there"],
)
def test_an_agent_hears_the_announcement_and_then_the_caller(sip, open_for_business, number, least_s, most_s):
    """The time from the answer to the voice is the announcement's; a missing one costs hardly any."""
    phone = sip.phone("phone", ring_s=0.3)
    office = open_for_business(Setup().queue().agent("a1", phone))
    caller = sip.caller(number, stay_s=6)
    phone.wait_sent("200")
    office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="support")
    [call] = office.get("calls")
    [answer] = [s for s in office.get(f"calls/{call['id']}/trace") if s["kind"] == "call-answered"]
    assert least_s <= answer["details"]["voice_us"] / 1e6 <= most_s
    assert not caller.over


def test_an_agent_who_hangs_up_on_hold_leaves_the_caller_to_the_exit_after_the_call(sip, open_for_business):
    phone = sip.holding_phone("phone", talk_s=0.7, hold_s=1)
    office = open_for_business(Setup().queue(after_call="voicemail@default").agent("a1", phone))
    caller = sip.caller("queue_support")
    hung_up = phone.wait_sent("BYE")
    ended = caller.wait_received("BYE")
    assert ended.at - hung_up.at > 0.8, "the caller was not dropped but heard the exit's tone"
    assert "cause=18" in (ended.header("Reason") or ""), "and ended with the exit's own cause"
    office.wait_metric("callcenter_agents", 1, state="waiting")
    assert len(phone.received("INVITE")) == 1, "a conversation was had: nobody is rung again"


def test_an_agent_transfers_the_caller_blindly_to_another_queue(sip, open_for_business):
    phone, sales = sip.transferring_phone("phone", talk_s=0.7, to="queue_sales"), sip.phone("sales")
    office = open_for_business(
        Setup().queue().queue("sales").agent("a1", phone).agent("s1", sales, queue="sales")
    )
    caller = sip.caller("queue_support", stay_s=5)
    phone.wait_received("202")
    sales.wait_talking()
    assert not caller.over
    office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="sales")
    until(lambda: caller.over, "the caller hangs up")
    sales.wait_received("BYE")
    office.wait_metric("callcenter_agents", 2, state="waiting")
    assert len(phone.received("INVITE")) == 1


def test_an_agent_transfers_the_caller_outside_and_the_call_ends_there(sip, open_for_business):
    outside = sip.phone("outside", talk_s=1.5)
    phone = sip.transferring_phone("phone", talk_s=0.7, to=f"outside_{outside.port}")
    office = open_for_business(Setup().queue().agent("a1", phone))
    caller = sip.caller("queue_support")
    outside.wait_talking()
    office.wait_metric("callcenter_agents", 1, state="waiting")
    hung_up = outside.wait_sent("BYE")
    ended = caller.wait_received("BYE", 5)
    assert ended.at - hung_up.at < 2
    assert len(phone.received("INVITE")) == 1, "the caller did not come back into the queue"
    assert office.metric("callcenter_queue_calls_offered_total") == 1


def test_a_waiting_caller_hears_music_that_stops_when_the_agent_answers(sip, open_for_business):
    phone = sip.phone("phone", ring_s=2.5)
    open_for_business(Setup().queue().agent("a1", phone))
    ear = Ear()
    try:
        caller = sip.caller("queue_support", stay_s=8, rtp_port=ear.port)
        caller.wait_answered()
        phone.wait_received("INVITE")
        heard = ear.listen(1.5)
        assert loudness(heard) > 1000
        assert pitch_share(heard, MUSIC_HZ) > 0.2, "it is the queue's music"
        phone.wait_talking()
        ear.listen(0.3)  # what was already on its way
        assert loudness(ear.listen(0.7)) < 50, "the agent's phone is silent, and no music plays over it"
        assert not caller.over
    finally:
        ear.close()


def test_a_number_of_no_queue_leads_to_its_exit_not_into_silence(sip, open_for_business):
    office = open_for_business(Setup().queue())
    caller = sip.caller("queue_nobody")
    caller.wait_received("BYE", 5)
    assert office.metric("callcenter_queue_calls_offered_total") == 0


def test_a_caller_who_waits_too_long_goes_to_the_exit_for_that(sip, open_for_business):
    open_for_business(Setup().queue(max_wait_time=1, on_timeout="voicemail@default"))
    caller = sip.caller("queue_support")
    answered = caller.wait_answered()
    ended = caller.wait_received("BYE", 8)
    assert "cause=18" in (ended.header("Reason") or "")
    assert 1.5 < ended.at - answered.at < 4


def test_a_waiting_caller_who_presses_the_exit_key_goes_to_the_exit_for_that(sip, open_for_business):
    office = open_for_business(Setup().queue(on_exit_key="voicemail@default"))
    caller = sip.caller("keyed_support", digits=((1.0, "5"), (1.0, "1")))
    answered = caller.wait_answered()
    ended = caller.wait_received("BYE", 8)
    assert "cause=18" in (ended.header("Reason") or "")
    assert 2.5 < ended.at - answered.at < 6, "the other key changed nothing"
    assert office.metric("callcenter_queue_calls_offered_total") == 1
