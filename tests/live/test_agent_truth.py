"""An agent on another call, or without a phone, is known before the phone rings; on a real FreeSWITCH."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live.product import Controller, Setup, quiet_for
from live.sip import Sip, until
from live.switch import FreeSwitch

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

CONTACT = "user/1001@127.0.0.1"
LOCAL_USERS = """
<extension name="local-user">
  <condition field="destination_number" expression="^(10\\d\\d)$">
    <action application="bridge" data="user/$1@127.0.0.1"/>
  </condition>
</extension>
"""


@pytest.fixture(scope="module")
def office_switch(tmp_path_factory) -> Iterator[FreeSwitch]:
    found = FreeSwitch(
        tmp_path_factory.mktemp("switch"), extra={"extra_dialplan.xml": LOCAL_USERS}, instance=2
    )
    found.start()
    yield found
    found.stop()


@pytest.fixture
def ends(office_switch, tmp_path) -> Iterator[Sip]:
    folder = tmp_path / "sip"
    folder.mkdir()
    found = Sip(folder, office_switch.sip_port)
    yield found
    found.stop()
    office_switch.api("hupall NORMAL_CLEARING")
    office_switch.api("sofia profile internal flush_inbound_reg 1001@127.0.0.1")
    until(lambda: office_switch.channels() == 0, "no leg is left on the switch")


@pytest.fixture
def office(office_switch, tmp_path) -> Iterator[Controller]:
    setup = Setup().queue().agent("a1", contact=CONTACT, wrap_up_time=0)
    found = Controller(tmp_path / "controller", office_switch, setup)
    found.start()
    yield found
    found.stop()


def test_a_direct_call_to_the_agent_keeps_the_queue_s_callers_away(ends, office):
    phone = ends.phone("phone")
    ends.register("1001", phone)
    ends.caller("1001", name="friend", number="5550009", stay_s=4)
    phone.wait_talking()
    office.wait_metric("callcenter_agents", 1, state="busy_elsewhere")
    caller = ends.caller("queue_support", name="caller")
    office.wait_metric("callcenter_queue_calls_waiting", 1, queue="support")
    quiet_for(1, "the agent is on the phone", lambda: len(phone.received("INVITE")) > 1)
    phone.wait_received("BYE")
    phone.wait_talking(nth=2)
    assert not caller.over


def test_a_call_that_the_agent_makes_counts_too_and_a_stranger_with_that_number_does_not(ends, office):
    phone = ends.phone("phone")
    ends.register("1001", phone)
    until(lambda: office.metric("callcenter_agents", state="waiting") == 1, "the agent is there")
    stranger = ends.caller("long_message", name="stranger", number="1002", stay_s=3, display='"1001"')
    stranger.wait_answered()
    quiet_for(
        0.5, "a stranger is a stranger", lambda: office.metric("callcenter_agents", state="busy_elsewhere")
    )
    own = ends.caller("long_message", name="own", number="1001", stay_s=3)
    own.wait_answered()
    office.wait_metric("callcenter_agents", 1, state="busy_elsewhere")
    own.wait_sent("BYE")
    office.wait_metric("callcenter_agents", 1, state="waiting")
    assert office.metric("callcenter_agents", state="busy_elsewhere") == 0


def test_other_calls_are_known_after_a_restart_of_the_controller(ends, office):
    phone = ends.phone("phone")
    ends.register("1001", phone)
    ends.caller("1001", name="friend", number="5550009", stay_s=30)
    phone.wait_talking()
    office.wait_metric("callcenter_agents", 1, state="busy_elsewhere")
    office.stop()
    office.start()
    office.wait_metric("callcenter_agents", 1, state="busy_elsewhere")
    assert phone.received("BYE") == [], "the call went on meanwhile"


def test_an_agent_whose_phone_unregisters_is_offered_nothing_until_it_registers(ends, office, office_switch):
    phone = ends.phone("phone")
    ends.register("1001", phone)
    until(lambda: "sofia/" in office_switch.api("sofia_contact */1001@127.0.0.1"), "registered")
    ends.caller("queue_support", name="first", stay_s=1)
    phone.wait_talking()
    phone.wait_received("BYE")
    office_switch.api("sofia profile internal flush_inbound_reg 1001@127.0.0.1")
    until(lambda: office.get("agents")[0]["reachable"] is False, "the controller knows")
    caller = ends.caller("queue_support", name="second")
    office.wait_metric("callcenter_queue_calls_waiting", 1, queue="support")
    trace = f"calls/{office.get('calls')[0]['id']}/trace"
    quiet_for(1, "no offer", lambda: "offer-made" in [step["kind"] for step in office.get(trace)])
    ends.register("1001", phone)
    phone.wait_talking(nth=2)
    assert not caller.over
