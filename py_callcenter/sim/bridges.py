"""Bridges of two legs and what ends them: `uuid_bridge` with its stealing.

Rules by number of line are those of switch_ivr_bridge.c in 1.11.1.
"""

from __future__ import annotations

from abc import abstractmethod

from py_callcenter.sim.channels import Channels
from py_callcenter.sim.core import TICK_US
from py_callcenter.sim.headers import line
from py_callcenter.sim.legs import Leg

LATENCY_US = (35_000, 57_000)  # uuid_bridge → CHANNEL_BRIDGE, measured
PEER_LIMIT_US = 20_000_000  # 1000 loops of 20 ms
HOLD_EXIT = "hold_hangup_xfer_exten"


class Bridges(Channels):
    """Two legs at a time."""

    @abstractmethod
    def transfer(self, leg: Leg, extension: str, context: str = "", dialplan: str = "XML") -> bool:
        """Send a leg to an extension. False when it was transferred too often and hangs up."""

    # -- uuid_bridge

    def request_bridge(self, first: Leg, second: Leg) -> None:
        """Accepted: both legs are told to leave what they do. Nothing asks whether they talk to others."""
        for leg in (first, second):
            leg.ticket += 1
            leg.heeded = False
            leg.asked_us = self.now_us
            rival = leg.bridging
            if rival is not None and rival.bridging is leg:
                rival.bridging = None
        first.set("uuid_bridge", second.uuid)
        self._bond(first, second)
        self._bond(second, first)
        seen_by_second = first.profile.copy()
        seen_by_second.times = type(seen_by_second.times)()
        seen_by_second.transfer_source = seen_by_second.rdnis = ""
        first.profile.callee_number = second.profile.callee_number
        self.new_profile(second, f"uuid_br:{first.uuid}")
        seen_by_first = second.profile.copy(logical="inbound", transfer_source="", rdnis="")
        self.new_profile(first, f"uuid_br:{second.uuid}")
        first.other, first.other_type = seen_by_first, "originatee"
        second.other, second.other_type = seen_by_second, "originator"
        second.profile.name, second.profile.number = first.profile.name, first.profile.number
        second.hit_dialplan = False
        for leg, other in ((first, second), (second, first)):
            leg.touch()
            leg.pending = "CS_CONSUME_MEDIA" if leg.pending == "CS_HIBERNATE" else "CS_HIBERNATE"
            leg.bridging = other
            self.wake(self._heed_request, leg, leg.ticket)
        first.leads, second.leads = True, False
        self.after(PEER_LIMIT_US, self._peer_never_came, first, first.ticket)

    def _bond(self, leg: Leg, other: Leg) -> None:
        leg.set_all(
            {
                "bridge_channel": other.profile.channel_name,
                "bridge_uuid": other.uuid,
                "signal_bond": other.uuid,
                "original_destination_number": leg.profile.destination,
                "original_caller_id_name": leg.profile.name,
                "original_caller_id_number": leg.profile.number,
            }
        )

    def new_profile(self, leg: Leg, why: str) -> None:
        source = f"{self.stamp_us // 1_000_000}:{self.new_uuid()}:{why}"
        leg.push("transfer_history", source)
        leg.set("transfer_source", source)
        leg.profile = leg.profile.copy(index=leg.profile.index + 1, transfer_source=source)
        leg.profile.times.profile = self.stamp_us
        leg.profile.times.bridged = 0
        leg.touch()

    def _heed_request(self, leg: Leg, ticket: int) -> None:
        """The leg's thread sees the request: it leaves its bridge or its park loop."""
        if not leg.alive or leg.ticket != ticket:
            return
        if leg.partner is not None:
            self.stop_playback(leg)  # what is heard on hold ends before the bridge does
            self._part(leg)
        self.leave_park(leg)
        leg.heeded = True
        leg.running = "CS_RESET"
        if not leg.leads:
            leg.set("call_uuid", leg.uuid)
        other = leg.bridging
        if other is None:
            return  # the other one was taken away: this leg sleeps in CS_RESET
        # Heeded this request: it may have slept in CS_RESET since an earlier one.
        if not other.alive or (other.heeded and other.bridging is leg):
            latency = self.random.randint(*LATENCY_US)
            delay = TICK_US if self.wake_us is not None else leg.asked_us + latency - self.now_us
            first, second = (leg, other) if leg.leads else (other, leg)
            self.after(delay, self._join, first, second, first.ticket, second.ticket)

    def hang_up(self, leg: Leg, cause: str, *, bye: bool = False) -> None:
        """As ever; a first leg that waits for this one notices within a media tick (1185)."""
        first = leg.bridging if leg.alive else None
        super().hang_up(leg, cause, bye=bye)
        if first is not None and not leg.heeded and first.leads and first.heeded and first.bridging is leg:
            self.wake(self._join, first, leg, first.ticket, leg.ticket)

    def _part(self, leg: Leg) -> None:
        """A request takes a leg out of its bridge; the one left behind is on its own."""
        left = leg.partner
        if left is None:
            return
        leg.partner = left.partner = None
        leg.unset("bridge_to")
        left.unset("bridge_to")
        if leg.holding:
            self._let_go_of_the_held(leg, left)
        if not left.alive or left.bridging is not None:
            self.fire_unbridge(leg, left)
        elif leg.leads_bridge:
            self.left_second(left)
            self.fire_unbridge(leg, left)
            if left.reported:
                self.destroy(left)
        else:
            self.fire_unbridge(left, leg)
            self._after_bridge(left)

    def _let_go_of_the_held(self, leg: Leg, left: Leg) -> None:
        """914-935: whoever leaves a bridge while holding takes the other along, or names the place for them;
        the hold music ends.
        """
        if left.alive and left.bridging is None and left.routing is None:
            extension = leg.values.get("hold_hangup_xfer_exten")
            if extension is not None:
                left.set("transfer_after_bridge", extension)
            else:
                self._hang_up_at_once(left, "NORMAL_CLEARING")
            self.stop_playback(left)
        self.unhold(leg, "phone-unhold")

    def left_second(self, leg: Leg) -> None:
        """The first leg went elsewhere: the second parks if it may, else its thread hangs it up."""
        if leg.is_true("park_after_bridge"):
            self.park(leg, "CS_PARK")
            if leg.party is not None:
                leg.party.parted(leg)
            return
        if leg.call_state in {"HELD", "UNHELD"}:
            leg.call_state = "ACTIVE"
        if leg.holding:
            self.unhold(leg, "phone-unhold")
        self._begin_hangup(leg, "NORMAL_CLEARING")
        self.report(leg)

    def fire_unbridge(self, first: Leg, second: Leg) -> None:
        if not first.leads_bridge:
            first, second = second, first
        lead = line("Bridge-A-Unique-ID", first.uuid) + line("Bridge-B-Unique-ID", second.uuid)
        self.fire(first, "unbridge", lead=lead)

    def _join(self, first: Leg, second: Leg, ticket_1: int, ticket_2: int) -> None:
        """Both reached CS_SOFT_EXECUTE, or one of them is gone."""
        if not first.alive:
            if second.ticket == ticket_2:
                second.bridging = None  # it sleeps on in CS_RESET, alive and silent
            return
        if first.ticket != ticket_1:
            return
        if not second.alive or second.ticket != ticket_2:
            first.bridging = None
            self.partner_vanished(first, second)
            return
        first.bridging = second.bridging = None
        first.running = second.running = "CS_SOFT_EXECUTE"
        first.pending = second.pending = "CS_SOFT_EXECUTE"
        first.unset("uuid_bridge")
        application = line("Application", "uuid_bridge")
        self.fire(first, "soft-a", tail=application + line("Application-Data", second.uuid))
        self.fire(second, "soft-b", tail=application + line("Application-Data", first.uuid))
        self.join_legs(first, second)

    def join_legs(self, first: Leg, second: Leg) -> None:
        """CHANNEL_BRIDGE, and the displays of both ends."""
        first.partner, second.partner = second, first
        first.leads_bridge, second.leads_bridge = True, False
        for leg in (first, second):
            leg.profile.times.bridged = self.stamp_us
            leg.touch()
        lead = line("Bridge-A-Unique-ID", first.uuid) + line("Bridge-B-Unique-ID", second.uuid)
        self.fire(first, "bridge", lead=lead)
        self._show(first, second, second.profile.callee_name or second.profile.callee_number)
        second.running = second.pending = "CS_EXCHANGE_MEDIA"
        second.set("call_uuid", first.uuid)
        self._show(second, first, first.profile.name or first.profile.number)
        for leg, other in ((first, second), (second, first)):
            self.play_what_waits(leg)
            if leg.party is not None:
                leg.party.bridged(leg, other)

    def _show(self, leg: Leg, other: Leg, name: str) -> None:
        number = other.profile.callee_number if leg.leads_bridge else other.profile.number
        old = (leg.values.get("last_sent_callee_id_name"), leg.values.get("last_sent_callee_id_number"))
        leg.set_all(
            {
                "bridge_to": other.uuid,
                "last_bridge_to": other.uuid,
                "bridge_channel": other.profile.channel_name,
                "bridge_uuid": other.uuid,
                "signal_bond": other.uuid,
                "last_sent_callee_id_name": name,
                "last_sent_callee_id_number": number,
            }
        )
        if old != (name, number):
            lead = (
                line("Direction", "SEND")
                + line("Sent-Callee-ID-Name", name)
                + line("Sent-Callee-ID-Number", number)
                + line("Bridged-To", other.uuid)
            )
            self.fire(leg, "display", lead=lead)

    def partner_vanished(self, leg: Leg, gone: Leg) -> None:
        """The second leg died, before it left its park loop or after: two rules (1146-1284)."""
        leg.unset("uuid_bridge")
        if gone.heeded:
            parks, cause = "uuid_bridge_park_on_cancel", "ORIGINATOR_CANCEL"
        else:
            parks, cause = "park_after_bridge", "DESTINATION_OUT_OF_ORDER"
        if leg.is_true(parks):
            self.park(leg, "CS_PARK")
        elif not gone.heeded and "transfer_after_bridge" in leg.values:
            self.transfer(leg, leg.values["transfer_after_bridge"])
        else:
            leg.running = "CS_SOFT_EXECUTE"
            self._hang_up_at_once(leg, cause)

    def _peer_never_came(self, first: Leg, ticket: int) -> None:
        other = first.bridging
        if not first.alive or first.ticket != ticket or other is None:
            return
        for leg in (first, other):
            leg.bridging = None
            self.hang_up(leg, "DESTINATION_OUT_OF_ORDER")

    # -- the end of a bridge

    def bridge_ends(self, leg: Leg) -> bool:
        """A leg of a bridge hangs up; the other's thread notices within a tick."""
        partner = leg.partner
        if partner is None:
            return False
        if leg.leads_bridge:
            self.wake(self._second_notices, leg, partner)
            return True
        if leg.bye_received:
            self.after(0, self._report_second, leg, partner)
        else:
            self.wake(self._report_second, leg, partner)
        return True

    def _report_second(self, leg: Leg, first: Leg) -> None:
        leg.unset("bridge_to")
        self.stop_playback(leg)
        self.report(leg)
        self.wake(self._first_notices, first, leg)

    def _learn(self, leg: Leg, gone: Leg) -> None:
        """What a leg notes of the partner that hung up."""
        leg.unset("bridge_to")
        self.stop_playback(leg)
        if gone.bye_received:
            leg.set("sip_hangup_phrase", "OK")
        leg.set("last_bridge_hangup_cause", gone.hangup_cause)
        if gone.bye_received:
            leg.set("last_bridge_proto_specific_hangup_cause", "sip:200")

    def _first_notices(self, first: Leg, gone: Leg) -> None:
        """The second leg hung up; the first runs the bridge's loop and decides about itself."""
        if first.partner is not gone:  # a transfer in the same tick goes first
            self.destroy(gone)
            return
        first.partner = gone.partner = None
        if first.alive:
            hears = first.playback is not None
            dropped = _takes_along(gone, first)
            spared = dropped and HOLD_EXIT in gone.values
            if spared:
                self.stop_playback(first, "break")
            elif dropped and hears:
                self._hang_up_at_once(first, gone.hangup_cause)
            self._learn(first, gone)
            if spared:
                dropped = False
                first.set("transfer_after_bridge", gone.values[HOLD_EXIT])
            first.set("bridge_hangup_cause", gone.hangup_cause)
            self.fire_unbridge(first, gone)
            if dropped and not hears:
                self._hang_up_at_once(first, gone.hangup_cause)
            elif not dropped:
                self._after_bridge(first)
        gone.set("call_uuid", gone.uuid)
        self.destroy(gone)

    def _second_notices(self, gone: Leg, second: Leg) -> None:
        """The first leg hung up: the second goes its way, then the first's thread winds up."""
        if second.partner is not gone:  # a transfer in the same tick goes first
            self.report(gone)
            self.destroy(gone)
            return
        second.partner = gone.partner = None
        if second.alive:
            stays = second.bridging is None and second.routing is None
            dropped = stays and _takes_along(gone, second)
            if dropped and second.playback is not None:
                self._begin_hangup(second, "NORMAL_CLEARING")
            self._learn(second, gone)
            if second.bridging is None:
                self._second_goes_on(second, dropped=dropped)
        gone.unset("bridge_to")
        self.stop_playback(gone)
        self.fire_unbridge(gone, second)
        if not second.destroyed:
            second.set("bridge_hangup_cause", gone.hangup_cause)
            second.set("call_uuid", second.uuid)
        self.report(gone)
        self.destroy(gone)
        if second.reported:
            self.destroy(second)
        elif second.party is not None:
            second.party.parted(second)

    def _second_goes_on(self, second: Leg, *, dropped: bool) -> None:
        if second.routing is not None:
            extension = second.routing
            second.routing = None
            self.route(second, extension)
        elif second.is_true("park_after_bridge") and not dropped:
            self.park(second, "CS_PARK")
        else:
            if second.alive:
                self._begin_hangup(second, "NORMAL_CLEARING")
            self.report(second)

    def _after_bridge(self, leg: Leg) -> None:
        """1895-1940: what the survivor does."""
        if leg.party is not None:
            leg.party.parted(leg)
        if leg.bridging is not None:
            return
        if leg.routing is not None:
            extension = leg.routing
            leg.routing = None
            self.route(leg, extension)
        elif leg.app == "bridge":
            self.finish_app(leg)
            self.wake(self._after_bridge_app, leg)
        elif leg.is_true("park_after_bridge"):
            self.park(leg, "CS_PARK")
        elif "transfer_after_bridge" in leg.values:
            self.transfer(leg, leg.values["transfer_after_bridge"])
        else:
            leg.running = "CS_EXECUTE"
            leg.set("call_uuid", leg.uuid)
            self._hang_up_at_once(leg, "NORMAL_CLEARING")

    def _after_bridge_app(self, leg: Leg) -> None:
        if not leg.alive:
            return
        if leg.is_true("park_after_bridge"):
            self.park(leg, "CS_PARK")
        elif leg.steps and not leg.is_true("hangup_after_bridge"):
            self.next_step(leg)
        else:
            self.hang_up(leg, "NORMAL_CLEARING")

    def _hang_up_at_once(self, leg: Leg, cause: str) -> None:
        """The leg's own thread hangs it up, so nothing has to wake."""
        self._begin_hangup(leg, cause)
        self.after(0, self.finish_hangup, leg)

    def _begin_hangup(self, leg: Leg, cause: str) -> None:
        leg.hangup_cause = cause
        leg.pending = "CS_HANGUP"
        leg.answer_state = "hangup"
        leg.ticket += 1
        self.fire(leg, "hangup")


def _takes_along(gone: Leg, left: Leg) -> bool:
    """905-935: a leg that ends while it holds ends its partner too, unless the partner's thread has left the
    bridge by then: it does so in time only when it plays nothing and the end is no BYE.
    """
    return gone.holding and (gone.bye_received or left.playback is not None)
