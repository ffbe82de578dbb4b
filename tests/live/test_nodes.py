"""Two real switches and one controller: a phone across, a drained node, a dead one, a full one."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from live.product import Controller, Setup, quiet_for, table
from live.sip import Sip, until
from live.switch import FreeSwitch

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

LOCAL_USERS = """
<extension name="local-user">
  <condition field="destination_number" expression="^(10\\d\\d)$">
    <action application="bridge" data="user/$1@127.0.0.1"/>
  </condition>
</extension>
"""


@dataclass
class TwoSwitches(Setup):
    """The call centre's file with a second node."""

    second: FreeSwitch | None = None
    dials: dict[str, str] = field(default_factory=dict)

    def text(self, switch: FreeSwitch, port: int, esl_port: int) -> str:
        assert self.second is not None
        more = {"dial": self.dials["fs2"]} if "fs2" in self.dials else {}
        node = {
            "name": "fs2",
            "host": "127.0.0.1",
            "port": self.second.esl_port,
            "password": self.second.password,
        }
        return super().text(switch, port, esl_port) + table("[[nodes]]", node | more)


@pytest.fixture
def pair(tmp_path) -> Iterator[tuple[FreeSwitch, FreeSwitch]]:
    switches = []
    for i in (1, 2):
        folder = tmp_path / f"switch{i}"
        folder.mkdir()
        switches.append(FreeSwitch(folder, extra={"extra_dialplan.xml": LOCAL_USERS}, instance=i - 1))
    try:
        for one in switches:
            one.start()
        yield switches[0], switches[1]
    finally:
        for one in switches:
            one.stop()


@pytest.fixture
def ends(pair, tmp_path) -> Iterator[tuple[Sip, Sip]]:
    found = []
    for i, one in enumerate(pair, 1):
        folder = tmp_path / f"sip{i}"
        folder.mkdir()
        found.append(Sip(folder, one.sip_port))
    yield found[0], found[1]
    for one in found:
        one.stop()


def nodes_up(controller: Controller) -> bool:
    return all(row["up"] for row in controller.get("nodes"))


def test_a_phone_registered_on_one_switch_takes_a_call_of_the_other(pair, ends, tmp_path):
    first, second = pair
    here, there = ends
    setup = TwoSwitches(second=second, dials={"fs2": f"sofia/internal/{{number}}@127.0.0.1:{first.sip_port}"})
    setup.queue().agent("a1", contact="user/1001@127.0.0.1", wrap_up_time=0)
    phone = here.phone("phone")
    here.register("1001", phone)
    controller = Controller(tmp_path / "controller", first, setup)
    try:
        controller.start()
        until(lambda: nodes_up(controller), "both switches are in step")
        caller = there.caller("queue_support", stay_s=3)
        phone.wait_talking()
        assert not caller.over
        assert first.channels() >= 1, "by way of the switch that knows the phone"
        phone.wait_received("BYE")
        controller.wait_metric("callcenter_queue_calls_answered_total", 1)
        controller.wait_metric("callcenter_agents", 1, state="waiting")
        here.caller("queue_support", name="local", stay_s=2)
        phone.wait_talking(nth=2)
    finally:
        controller.stop()


def test_when_one_switch_dies_its_calls_end_once_and_the_other_s_go_on(pair, ends, tmp_path):
    first, second = pair
    here, there = ends
    one, two = here.phone("one"), here.phone("two")
    setup = TwoSwitches(second=second).queue()
    setup.agent("a1", one, wrap_up_time=0).agent("a2", two, wrap_up_time=0, level=2)
    controller = Controller(tmp_path / "controller", first, setup)
    try:
        controller.start()
        until(lambda: nodes_up(controller), "both switches are in step")
        here.caller("queue_support", name="dies")
        one.wait_talking()
        lives = there.caller("queue_support", name="lives", number="5550002")
        two.wait_talking()
        waits = there.caller("queue_support", name="waits", number="5550003")
        controller.wait_metric("callcenter_queue_calls_waiting", 1, queue="support")
        first.stop(signal.SIGKILL)
        died = time.monotonic()
        one.wait_talking(nth=2, wait_s=15)
        took = time.monotonic() - died
        assert not lives.over
        assert not waits.over
        assert took < 5, "free a second after the switch was found to be no more"
        controller.wait_metric("callcenter_agents", 2, state="in_a_queue_call")
        controller.wait_metric("callcenter_queue_calls_waiting", 0, queue="support")
        print(f"the dead switch's agent talked to the other's caller after {took:.2f} s")
    finally:
        controller.stop()


def test_a_drained_switch_keeps_its_callers_and_gets_no_offers(pair, ends, tmp_path):
    first, second = pair
    here, there = ends
    phone = here.phone("phone")
    setup = TwoSwitches(second=second).queue().agent("a1", phone, wrap_up_time=0)
    controller = Controller(tmp_path / "controller", first, setup)
    try:
        controller.start()
        until(lambda: nodes_up(controller), "both switches are in step")
        controller.ask("PUT", "nodes/fs1/drain")
        waits = here.caller("queue_support", name="waits")
        controller.wait_metric("callcenter_queue_calls_waiting", 1, queue="support")
        served = there.caller("queue_support", name="served", number="5550002", stay_s=2)
        phone.wait_talking()
        phone.wait_received("BYE")
        quiet_for(1, "nobody is offered the drained node's caller", lambda: len(phone.received("INVITE")) > 1)
        assert served.over
        assert not waits.over
        controller.stop()
        controller.start()
        until(lambda: nodes_up(controller), "both switches are in step again")
        assert [row["drained"] for row in controller.get("nodes")] == [True, False], "it holds over a restart"
        controller.ask("DELETE", "nodes/fs1/drain")
        phone.wait_talking(nth=2)
    finally:
        controller.stop()
