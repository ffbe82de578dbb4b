"""The connection is cut, or the switch itself dies and comes back: nobody is stuck, nobody is forgotten."""

from __future__ import annotations

import signal
import socket
import time

import pytest
from live.product import Controller, Setup
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
