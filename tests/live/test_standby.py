"""Agents of type `uuid-standby` on a real FreeSWITCH: one leg stays up, callers are joined to it."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
from live.deskphone import DeskPhone
from live.product import Setup, quiet_for
from live.rtp import Ear, loudness
from live.sip import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(150)]


@pytest.fixture
def handset(switch) -> Iterator[DeskPhone]:
    found = DeskPhone(switch.sip_port)
    yield found
    found.stop()


def living(phone: DeskPhone) -> list:
    return [line for line in phone.lines if line.answered and not line.over]


def row(office) -> dict:
    return office.get("agents")[0]


def connected(office) -> None:
    until(lambda: row(office)["reachable"], "the agent's leg is up", 15)


def setup(phone: DeskPhone, **settings) -> Setup:
    queue = Setup().queue(after_call="voicemail@default")
    return queue.agent("a1", phone, type="uuid-standby", wrap_up_time=1, **settings)


def test_one_leg_serves_one_caller_after_the_other(sip, switch, handset, open_for_business):
    office = open_for_business(setup(handset))
    connected(office)
    [line] = living(handset)
    for number in range(3):
        caller = sip.caller("queue_support", name=f"caller{number}", number=f"555000{number}", stay_s=3)
        office.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
        leg = next(x for x in switch.api("show channels").splitlines() if ",outbound," in x).split(",")[0]
        assert "tone_stream" in switch.api(f"uuid_dump {leg}"), "the agent has heard a tone"
        caller.wait_sent("BYE")
        office.wait_metric("callcenter_agents", 1, state="wrap_up")
        assert living(handset) == [line]
        office.wait_metric("callcenter_agents", 1, state="waiting")
    assert len(handset.lines) == 1, "the phone was rung once"
    history = f"uuid_getvar {leg} transfer_history"
    until(lambda: switch.api(history) == "_undef_", "no trace of callers piles up on the leg")
    assert switch.api(f"uuid_getvar {leg} cc_offer") == "_undef_"
    assert office.metric("callcenter_queue_calls_answered_total", queue="support") == 3
    assert not office.metric("callcenter_invariant_violations_total")
    office.set_status("a1", "Logged Out")
    until(lambda: line.over, "logged out, the leg ends")


def test_a_leg_that_drops_is_dialled_again_and_callers_wait_meanwhile(sip, handset, open_for_business):
    office = open_for_business(setup(handset))
    connected(office)
    handset.hang_up(handset.lines[0])
    until(lambda: not row(office)["reachable"], "the agent counts as away")
    caller = sip.caller("queue_support", stay_s=20)
    office.wait_metric("callcenter_agents", 1, wait_s=12, state="in_a_queue_call")
    assert len(handset.lines) == 2
    handset.hang_up(handset.lines[1])
    ended = caller.wait_received("BYE", 8)
    assert "cause=18" in (ended.header("Reason") or ""), "the caller gets the exit after the call"
    connected(office)
    assert len(handset.lines) == 3


def test_a_restarted_controller_takes_the_leg_up(sip, handset, open_for_business):
    office = open_for_business(setup(handset))
    connected(office)
    office.stop(signal.SIGKILL)
    office.start()
    connected(office)
    caller = sip.caller("queue_support", stay_s=9)
    office.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
    office.stop(signal.SIGKILL)
    office.start()
    office.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
    quiet_for(1, "they talk on", lambda: caller.over)
    caller.wait_sent("BYE", 12)
    office.wait_metric("callcenter_agents", 1, state="waiting")
    sip.caller("queue_support", name="next", number="5550002", stay_s=2).wait_answered()
    office.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
    assert len(handset.lines) == 1, "never rung a second time"


def test_a_tone_ends_with_its_caller_and_the_next_talk_is_quiet(sip, switch, open_for_business):
    """What the source says and only an ear proves: a break ends a sound at once, and takes away what waits
    behind it, which would otherwise be played after the bridge.
    """
    ear = Ear()
    phone = DeskPhone(switch.sip_port, ear=ear)
    try:
        office = open_for_business(setup(phone, warning_tone="tone_stream://%(3000,0,900)"))
        connected(office)
        caller = sip.caller("queue_support", stay_s=1)
        caller.wait_answered()
        ear.listen(0.4)
        assert loudness(ear.listen(0.3)) > 1000, "the tone"
        caller.wait_sent("BYE")
        ear.listen(0.3)  # what was already on its way
        assert loudness(ear.listen(1)) < 50, "the caller has left"

        sip.caller("queue_support", name="next", number="5550002", stay_s=8).wait_answered()
        ear.listen(0.4)
        assert loudness(ear.listen(0.3)) > 1000, "a tone of its own"
        office.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
        ear.listen(0.3)
        assert loudness(ear.listen(2)) < 50, "they talk; nobody says anything"
        assert office.metric("callcenter_agents", state="in_a_queue_call") == 1
    finally:
        phone.stop()


def test_callers_who_leave_at_any_moment_cost_the_agent_no_more_than_a_new_leg(
    sip, switch, handset, open_for_business
):
    office = open_for_business(setup(handset))
    connected(office)
    for number in range(12):
        caller = sip.caller("queue_support", name=f"c{number}", number=f"55500{number:02}", stay_s=60)
        caller.wait_answered()
        uuid = until(lambda: (office.get("calls") or [None])[0], "the call")["id"]
        quiet_for(number * 0.03, "a moment", lambda: False)
        switch.api(f"uuid_kill {uuid}")
        until(lambda: not office.get("calls"), "the caller is gone")
        connected(office)
        office.wait_metric("callcenter_agents", 1, state="waiting", wait_s=15)
    sip.caller("queue_support", name="last", number="5550099", stay_s=2)
    office.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
    assert len(living(handset)) == 1
    assert not office.metric("callcenter_invariant_violations_total")
