"""An operator sends a caller elsewhere just as we connect them with an agent, within a few milliseconds."""

from __future__ import annotations

import random
import signal
import time

import pytest
from live.deskphone import DeskPhone
from live.product import Setup, quiet_for
from live.sip import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

MOMENTS = 20


def state_of(dump: str) -> str:
    return next(line for line in dump.splitlines() if line.startswith("Channel-State:")).split()[-1]


def joined(dump: str) -> bool:
    """Whether a channel is in a bridge. What it heard before, the switch shows still."""
    return state_of(dump) in ("CS_SOFT_EXECUTE", "CS_EXCHANGE_MEDIA")


def test_a_caller_sent_elsewhere_while_the_agents_leg_is_joined_is_with_one_of_the_two(
    sip, switch, open_for_business
):
    """At random moments around the bridge. Whoever spoke to the switch last has the caller; nobody pulls the
    caller back, nobody else is rung, and the agent is free when not talking.
    """
    lots = random.Random(4)
    phone, other = DeskPhone(switch.sip_port, answers=False), sip.phone("other")
    setup = Setup().queue().agent("a1", phone, wrap_up_time=0)
    office = open_for_business(setup.agent("a2", other, level=2, status="On Break"))
    reached = {"message": 0, "agent": 0}
    try:
        for number in range(MOMENTS):
            lines = len(phone.lines)
            caller = sip.caller("queue_support", name=f"caller{number}", number=f"55500{number:02}")
            line = until(lambda n=lines: phone.lines[n] if len(phone.lines) > n else None, "the phone rings")
            uuid = office.get("calls")[0]["id"]
            phone.answer(line)
            time.sleep(lots.uniform(0, 0.08))
            assert switch.api(f"uuid_transfer {uuid} long_message XML default") == "+OK"
            office.set_status("a2", "Available")

            quiet_for(4.5, "the caller is left in peace", lambda c=caller: c.over)

            if not joined(switch.api(f"uuid_dump {uuid}")):
                assert "1000,100,900" in switch.api(f"uuid_getvar {uuid} current_application_data")
                reached["message"] += 1
                until(lambda x=line: x.over, "the agent's phone is let go")
                assert office.metric("callcenter_agents", state="waiting") == 2
            else:
                reached["agent"] += 1
                assert not line.over
                assert office.metric("callcenter_agents", state="in_a_queue_call") == 1
            assert len(phone.lines) == lines + 1
            assert not other.received("INVITE"), "nobody else is rung"
            office.set_status("a2", "On Break")
            switch.api(f"uuid_kill {uuid}")
            until(lambda: switch.channels() == 0, "all is over")
            office.wait_metric("callcenter_agents", 1, state="waiting")
    finally:
        phone.stop()
    assert min(reached.values()) > 0, "the moments are around the bridge"
    assert not office.metric("callcenter_invariant_violations_total")


def test_a_start_sends_a_caller_there_whose_transfer_the_switch_forgot(sip, switch, open_for_business):
    """The agent hangs up and the controller dies just as an operator sends the caller elsewhere."""
    lots = random.Random(5)
    phone = DeskPhone(switch.sip_port, answers=False)
    office = open_for_business(Setup().queue().agent("a1", phone, wrap_up_time=0))
    forgotten = 0
    try:
        for number in range(MOMENTS):
            lines = len(phone.lines)
            sip.caller("queue_support", name=f"caller{number}", number=f"55500{number:02}")
            line = until(lambda n=lines: phone.lines[n] if len(phone.lines) > n else None, "the phone rings")
            uuid = office.get("calls")[0]["id"]
            phone.answer(line)
            time.sleep(lots.uniform(0.02, 0.05))
            assert switch.api(f"uuid_transfer {uuid} long_message XML default") == "+OK"
            phone.hang_up(line)
            office.stop(signal.SIGKILL)
            time.sleep(0.2)
            forgotten += state_of(switch.api(f"uuid_dump {uuid}")) == "CS_PARK"
            office.start()

            until(
                lambda u=uuid: "1000,100,900" in switch.api(f"uuid_getvar {u} current_application_data"),
                "the caller hears the message",
            )
            assert len(phone.lines) == lines + 1, "nobody is rung"
            switch.api(f"uuid_kill {uuid}")
            until(lambda: switch.channels() == 0, "all is over")
            office.wait_metric("callcenter_agents", 1, state="waiting")
    finally:
        phone.stop()
    assert forgotten > 0, "some of them in the moment in which the switch forgets"
    assert not office.metric("callcenter_invariant_violations_total")
