"""The simulated switches of a run: their dialplan, and what the list of faults needs beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from py_callcenter.sim import Dialplan, Step, Switch
from py_callcenter.sim.legs import Leg

if TYPE_CHECKING:
    from sim.storm.centre import Centre


def make_switch(centre: Centre, node: int) -> Switch:
    """One FreeSWITCH with its dialplan and the dead man's script."""
    switch = Switch(
        seed=centre.plan.seed * 7 + node,
        start_us=centre.now_us + centre.skews_us[node],
        name=f"fs{node + 1}",
        poked=centre.plan.poked,
        dialplan=_dialplan(),
    )
    switch.terse = True
    switch.scripts["cc_deadman.lua"] = lambda: dead_man(switch)
    return switch


def _dialplan() -> Dialplan:
    plan = Dialplan()
    plan.add(
        "voicemail", Step("answer"), Step("playback", "/tones/voicemail.wav", seconds=10), Step("hangup")
    )
    plan.add("outside", Step("bridge", "sofia/internal/outside@127.0.0.1:5099"), Step("hangup"))
    plan.add(
        "callcenter_fallback", Step("answer"), Step("playback", "/tones/sorry.wav", seconds=5), Step("hangup")
    )
    plan.add(
        "queue_(.+)",
        Step("set", "cc_exit_keys=1*"),
        Step("set", "cc_queue=$1"),
        Step("answer"),
        Step("park"),
    )
    return plan


def dead_man(switch: Switch) -> None:
    """What `freeswitch_conf/scripts/cc_deadman.lua` does."""
    switch.globals["cc_alive"] = "false"
    for leg in list(switch.legs.values()):
        if not leg.alive:
            continue
        queue, offered = leg.values.get("cc_queue"), bool(leg.values.get("cc_offer"))
        agent = offered or leg.values.get("cc_side") == "agent"
        talking = leg.partner is not None or leg.bridging is not None
        if agent and not talking and offered:
            switch.after(0, switch.hang_up, leg, "ORIGINATOR_CANCEL")
        elif queue and not agent and talking:
            leg.set("park_after_bridge", "false")
        elif queue and not agent and not leg.values.get("cc_cancel_reason"):
            leg.set("park_after_bridge", "false")
            if leg.values.get("cc_cause") != "answered":
                leg.set("cc_cause", "cancel")
            leg.set("cc_cancel_reason", "NO_CONTROLLER")
            leg.set("cc_fallback_queue", queue)
            switch.transfer(leg, _exit(leg), "default")
        elif not queue and not agent and _is_let_go(leg):
            _send_on(switch, leg, leg.values["cc_exit_to"])


def _send_on(switch: Switch, leg: Leg, to: str) -> None:
    extension, _, context = to.partition("@")
    if to == "hangup":
        switch.after(0, switch.hang_up, leg, "NORMAL_CLEARING")
    else:
        switch.transfer(leg, extension, context or "default")


def _is_let_go(leg: Leg) -> bool:
    """Out of the queue, and the command that sends them on never came."""
    values, mark = leg.values, leg.values.get("transfer_source", "")
    if not values.get("cc_exit_to") or not values.get("cc_queue_terminated_epoch") or leg.partner is not None:
        return False
    if values.get("cc_source") and mark.startswith(values["cc_source"] + ":"):
        return leg.parked
    moved = ":bl_xfer:" in mark or mark.partition(":uuid_br:")[2] not in ("", values.get("cc_agent_uuid"))
    return leg.parked and not moved


def _exit(leg: Leg) -> str:
    return (leg.values.get("cc_exit_exten") or "callcenter_fallback").partition("@")[0]
