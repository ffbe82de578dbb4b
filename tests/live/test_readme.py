"""An operator follows freeswitch_conf/README.md on a stock configuration and gets a routed call."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from live.product import Controller, Setup, command
from live.sip import Sip, until
from live.switch import REPO, SNIPPETS, FreeSwitch, binary, free_port

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]


def stock_configuration() -> Path | None:
    """FreeSWITCH's own example configuration: installed with it, or pointed at."""
    named = os.environ.get("FREESWITCH_STOCK_CONF")
    home = Path(binary() or "/").parents[1] if binary() else Path("/nowhere")
    places = [Path(named)] if named else [home / "conf", home / "share/freeswitch/conf/vanilla"]
    places.append(Path("/usr/share/freeswitch/conf/vanilla"))
    return next((p for p in places if (p / "dialplan/public.xml").exists()), None)


def move_to_loopback(conf: Path, ports: dict[str, int]) -> None:
    """The only changes to the stock files: its ports and addresses, for this is not a machine of its own."""
    variables = conf / "vars.xml"
    text = variables.read_text()
    for name, port in ports.items():
        text, changed = re.subn(rf"{name}=\d+", f"{name}={port}", text)
        assert changed == 1, name
    text = re.sub(r'cmd="stun-set" data="(external_\w+_ip)=[^"]*"', r'cmd="set" data="\1=127.0.0.1"', text)
    text = text.replace("<include>", '<include>\n<X-PRE-PROCESS cmd="set" data="local_ip_v4=127.0.0.1"/>', 1)
    variables.write_text(text)
    for profile in conf.glob("sip_profiles/*ipv6.xml"):
        profile.unlink()


def follow_readme(conf: Path, scripts: Path) -> None:
    """Every shell block of the README, in one shell, in the repository's top folder."""
    blocks = re.findall(r"^```sh\n(.*?)^```$", (SNIPPETS / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    environment = {**os.environ, "CONF": str(conf), "SCRIPTS": str(scripts)}
    subprocess.run(["sh", "-eu", "-c", "\n".join(blocks)], check=True, cwd=REPO, env=environment)


@pytest.fixture(scope="module")
def stock_switch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FreeSwitch]:
    stock = stock_configuration()
    if stock is None:
        pytest.skip("no stock configuration: set FREESWITCH_STOCK_CONF to FreeSWITCH's conf/vanilla")
    folder = tmp_path_factory.mktemp("stock")
    switch = FreeSwitch(folder, esl_port=free_port(socket.SOCK_STREAM), sip_port=free_port())
    shutil.copytree(stock, switch.conf)
    internal = free_port()
    move_to_loopback(switch.conf, {"internal_sip_port": internal, "external_sip_port": switch.sip_port})
    (folder / "sounds/music/8000").mkdir(parents=True)
    follow_readme(switch.conf, folder / "scripts")
    socket_conf = switch.conf / "autoload_configs/event_socket.conf.xml"
    socket_conf.write_text(socket_conf.read_text().replace('"8021"', f'"{switch.esl_port}"'))
    switch.password = (switch.conf / "callcenter.password").read_text()
    switch.start(60)
    yield switch
    switch.stop()


@pytest.fixture
def outside(stock_switch: FreeSwitch, tmp_path: Path) -> Iterator[Sip]:
    sip = Sip(tmp_path, stock_switch.sip_port)
    yield sip
    sip.stop()


def test_with_no_controller_a_call_to_the_queue_hears_a_busy_tone_and_ends(stock_switch, outside):
    caller = outside.caller("15550100")
    caller.wait_received("183")
    refused = until(lambda: caller.received("503"), "the switch gives up", 15)
    assert 'cause=41;text="NORMAL_TEMPORARY_FAILURE"' in (refused[0].header("Reason") or "")
    assert not caller.received("200"), "never answered, so it costs the caller nothing"


def test_while_a_controller_is_alive_the_call_is_answered_and_parked_with_its_queue(stock_switch, outside):
    stock_switch.api("global_setvar cc_alive=true")
    caller = outside.caller("15550100", stay_s=5)
    caller.wait_answered(3)
    line = until(
        lambda: next((x for x in stock_switch.api("show channels").splitlines() if ",park," in x), None),
        "parked",
    )
    uuid = line.split(",")[0]
    assert stock_switch.api(f"uuid_getvar {uuid} cc_queue") == "support"
    assert stock_switch.api(f"uuid_getvar {uuid} hangup_after_bridge") == "_undef_"
    assert stock_switch.api(f"uuid_getvar {uuid} playback_terminators") == "none"


def test_the_settings_that_the_readme_includes_are_in_force(stock_switch):
    status = stock_switch.api("status")
    assert "5000 session(s) max" in status
    assert "per Sec out of max 300" in status
    profiles = stock_switch.api("xml_locate configuration configuration name sofia.conf")
    assert profiles.count("fire-transfer-events") == 2, "internal and external"


def test_waiting_callers_are_taken_out_of_the_queue_when_the_controller_does_not_come_back(
    stock_switch, outside
):
    stock_switch.api("global_setvar cc_alive=true")
    caller = outside.caller("15550100")
    answered = caller.wait_answered(3)
    stock_switch.api("sched_api +1 cc_deadman luarun cc_deadman.lua")
    until(lambda: stock_switch.api("global_getvar cc_alive") == "false", "the word is taken back")
    assert not caller.over, "the tone of the fallback comes first"
    assert caller.wait_received("BYE", 15).at - answered.at > 1


class AsWritten(Setup):
    """The README's own file; only ports, password file and the phones' domain are this machine's."""

    def text(self, switch: FreeSwitch, port: int, esl_port: int) -> str:
        [block] = re.findall(
            r"^```toml\n(.*?)^```", (SNIPPETS / "README.md").read_text(), re.MULTILINE | re.DOTALL
        )
        for written, here in (
            ("port = 8021", f"port = {esl_port}"),
            ("/etc/freeswitch/callcenter.password", str(switch.conf / "callcenter.password")),
            ("192.0.2.10", "127.0.0.1"),
        ):
            assert written in block, written
            block = block.replace(written, here)
        return f'[controller]\nlisten = "127.0.0.1:{port}"\n\n{block}'


@pytest.mark.skipif(command() is None, reason="callcenter is not installed beside this Python")
def test_a_call_from_outside_reaches_a_phone_registered_with_the_switch(stock_switch, outside, tmp_path):
    variables = (stock_switch.conf / "vars.xml").read_text()
    password = re.search(r"default_password=(\w+)", variables)[1]
    internal = Sip(tmp_path, int(re.search(r"internal_sip_port=(\d+)", variables)[1]))
    stock_switch.api("global_setvar cc_alive=false")
    controller = Controller(tmp_path / "controller", stock_switch, AsWritten())
    try:
        phone = internal.phone("phone")
        internal.register("1000", phone, password)
        controller.start()
        until(
            lambda: stock_switch.api("global_getvar cc_alive") == "true",
            "the controller says that it is alive",
        )
        caller = outside.caller("15550100", stay_s=4)
        phone.wait_talking()
        assert not caller.over
        assert phone.wait_received("BYE")
    finally:
        controller.stop()
        internal.stop()
