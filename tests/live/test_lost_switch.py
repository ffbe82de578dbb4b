"""The connection is cut, or the switch itself dies and comes back: nobody is stuck, nobody is forgotten."""

from __future__ import annotations

import signal
import socket
import time

import pytest
from live.deskphone import DeskPhone
from live.product import Controller, Setup, quiet_for
from live.sip import Sip, until
from live.switch import FreeSwitch, free_port
from live.wire_cutter import WireCutter

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


def test_after_a_cut_connection_everybody_is_where_they_were_within_two_seconds(switch, sip, tmp_path):
    talker, other = sip.phone("talker"), sip.phone("other")
    setup = Setup().queue().agent("a1", talker).agent("a2", other, status="On Break")
    wire = WireCutter(switch.esl_port)
    controller = Controller(tmp_path / "controller", switch, setup, esl_port=wire.port)
    try:
        controller.start()
        talks = sip.caller("queue_support", name="talks")
        controller.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
        # Until an answer counts, a second after the bridge, the caller counts as waiting.
        controller.wait_metric("callcenter_queue_calls_answered_total", 1, queue="support")
        waits = sip.caller("queue_support", name="waits", number="5550002")
        controller.wait_metric("callcenter_queue_calls_waiting", 1, queue="support")
        # Often it is back before anybody could see that it was away.
        reconnects = controller.metric("callcenter_esl_reconnects_total")
        assert wire.cut() >= 2
        began = time.monotonic()
        until(
            lambda: controller.metric("callcenter_esl_reconnects_total") > reconnects,
            "the loss is noticed",
            2,
        )
        until(controller.ready, "the controller is ready again", 5)
        assert time.monotonic() - began < 2
        assert controller.metric("callcenter_queue_calls_waiting", queue="support") == 1
        assert controller.metric("callcenter_agents", state="in_a_queue_call") == 1
        assert not talks.over
        assert not waits.over
        legs = [x for x in switch.api("show channels").splitlines() if ",inbound," in x and ",5550001," in x]
        switch.api(f"uuid_kill {legs[0].split(',')[0]}")
        talker.wait_talking(nth=2)
        assert not waits.over, "who waited is served when the agent is free"
    finally:
        controller.stop()
        wire.close()


def test_a_switch_that_died_and_came_back_gets_its_calls_routed_again(tmp_path):
    switch = FreeSwitch(tmp_path / "switch")
    switch.folder.mkdir()
    switch.start()
    sip = Sip(tmp_path, switch.sip_port)
    phone = sip.phone("phone")
    controller = Controller(tmp_path / "controller", switch, Setup().queue().agent("a1", phone))
    try:
        controller.start()
        sip.caller("queue_support", name="lost")
        controller.wait_metric("callcenter_queue_calls_answered_total", 1)
        switch.stop(signal.SIGKILL)
        until(lambda: not controller.ready(), "the loss is noticed", 5)
        switch.start()
        began = time.monotonic()
        until(controller.ready, "the controller is ready again", 15)
        took = time.monotonic() - began
        controller.wait_metric("callcenter_agents", 1, state="waiting")
        sip.caller("queue_support", name="next", number="5550002", stay_s=5)
        phone.wait_talking(nth=2)
        assert took < 2
    finally:
        controller.stop()
        sip.stop()
        switch.stop()


def test_calls_that_a_switch_brings_back_are_where_they_were(tmp_path):
    """`sofia recover` of a switch with `track-calls`: phones are asked to go on by a re-INVITE. Its records
    are older than our stamps, and it brings callers back in any order.
    """
    switch = FreeSwitch(tmp_path / "switch")
    switch.folder.mkdir()
    switch.write_configuration()
    profile = switch.conf / "autoload_configs/callcenter/sofia.xml"
    text = profile.read_text()
    profile.write_text(text.replace("</include>", '<param name="track-calls" value="true"/>\n</include>'))
    switch.start()
    agent, *people = phones = [DeskPhone(switch.sip_port) for _ in range(4)]
    controller = Controller(tmp_path / "controller", switch, Setup().queue().agent("a1", agent))
    try:
        controller.start()
        lines = [people[0].call("queue_support")]
        controller.wait_metric("callcenter_queue_calls_answered_total", 1)
        for phone in people[1:]:
            lines.append(phone.call("queue_support"))
            time.sleep(0.2)
        controller.wait_metric("callcenter_queue_calls_waiting", 2)
        before = {call["id"]: (call["state"], call["entered_at"]) for call in controller.get("calls")}
        assert sorted(state for state, _ in before.values()) == ["talking", "waiting", "waiting"]
        switch.stop(signal.SIGKILL)
        until(lambda: '"event":"esl_node_gone"' in controller.log, "the death is noticed")
        controller.wait_metric("callcenter_agents", 1, state="waiting")
        switch.start()
        until(controller.ready, "the controller is ready again", 15)

        assert "Recovered 4 call(s)" in switch.api("sofia recover")

        controller.wait_metric("callcenter_queue_calls_waiting", 2, wait_s=15)
        controller.wait_metric("callcenter_agents", 1, state="in_a_queue_call", wait_s=15)
        after = {call["id"]: (call["state"], call["entered_at"]) for call in controller.get("calls")}
        assert list(after.items()) == list(before.items()), "in the same order, too"
        quiet_for(35, "nobody is lost", lambda: any(line.over for line in lines))
        assert controller.metric("callcenter_queue_calls_offered_total") == 3
        assert controller.metric("callcenter_queue_calls_answered_total") == 1
        assert not controller.metric("callcenter_invariant_violations_total")
        people[0].hang_up(lines[0])
        until(lambda: len(agent.lines) == 2, "the first of those who wait is next")
    finally:
        controller.stop()
        switch.stop()
        for phone in phones:
            phone.stop()


def test_a_wrong_password_is_told_from_a_switch_that_is_not_there(switch, tmp_path):
    class WrongPassword(Setup):
        def text(self, switch: FreeSwitch, port: int, esl_port: int) -> str:
            return super().text(switch, port, esl_port).replace(switch.password, "not-the-password")

    wrong = Controller(tmp_path / "wrong", switch, WrongPassword().queue())
    away = Controller(tmp_path / "away", switch, Setup().queue(), esl_port=free_port(socket.SOCK_STREAM))
    try:
        wrong.launch()
        away.launch()
        until(lambda: "refuses us: check the password" in wrong.why_not_ready, "it says what is wrong", 30)
        until(lambda: "no connection to the switch" in away.why_not_ready, "it says what is wrong", 30)
        assert '"reason":"wrong-password"' in wrong.log
        assert "not-the-password" not in wrong.log
        assert "Connection refused" in away.log
    finally:
        wrong.stop()
        away.stop()
