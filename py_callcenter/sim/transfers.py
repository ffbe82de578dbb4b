"""What people and commands do to a conversation: transfers, hold, BYE.

Rules by number of line are those of switch_ivr_bridge.c in 1.11.1.
"""

from __future__ import annotations

from py_callcenter.sim import sip
from py_callcenter.sim.bridges import Bridges
from py_callcenter.sim.legs import Leg

HOLD_MUSIC_US = 200_000
CONSULTATION_US = 1_800_000


class Transfers(Bridges):
    """Conversations that go elsewhere, pause or end."""

    # -- transfers

    def transfer(self, leg: Leg, extension: str, context: str = "", dialplan: str = "XML") -> bool:
        """Send a leg to an extension; a bridge it is in ends, its partner with it. False: once too often."""
        hops = int(leg.values.get("max_forwards", "71")) - 1
        if hops <= 0:
            self.hang_up(leg, "EXCHANGE_ROUTING_ERROR")
            return False
        leg.ticket += 1
        expected = leg.bridging
        if expected is not None and not (leg.leads and leg.heeded and expected.bridging is leg):
            expected = None  # before that the other sleeps on in CS_RESET
        leg.bridging = None
        partner = leg.partner
        if partner is not None:
            leg.unset("bridge_to", "signal_bond")
            partner.unset("bridge_to", "signal_bond")
        context = context or leg.profile.context
        leg.set("max_forwards", str(hops))
        old = leg.profile.destination
        self.new_profile(leg, f"bl_xfer:{extension}/{context}/{dialplan}")
        leg.profile.rdnis, leg.profile.destination, leg.profile.context = old, extension, context
        leg.other = None
        leg.touch()
        leg.pending = "CS_ROUTING"
        leg.routing = extension
        leg.steps = []
        if expected is not None:
            self.wake(self._stop_waiting, leg, leg.ticket, expected, expected.ticket)
        elif partner is None:
            self.wake(self._take_route, leg, leg.ticket)
        else:
            self.wake(self._leave_bridge, leg, partner, leg.ticket)
        return True

    def _stop_waiting(self, leg: Leg, ticket: int, expected: Leg, expected_ticket: int) -> None:
        """The thread of a first leg that waits to be joined notices its transfer, within a tick.

        It ends the other leg and goes. If that has died by now, it parks instead, and the transfer comes to
        nothing: so in 52 of 76 tries on 1.11.1 with both in one breath, 2 to 45 ms after uuid_bridge.
        """
        if not leg.alive or leg.ticket != ticket:
            return
        if not expected.alive:
            leg.routing = None
            self.partner_vanished(leg, expected)
            return
        if expected.ticket == expected_ticket:
            self.hang_up(expected, "DESTINATION_OUT_OF_ORDER")
        self._take_route(leg, ticket)

    def _take_route(self, leg: Leg, ticket: int) -> None:
        if not leg.alive or leg.ticket != ticket or leg.routing is None:
            return
        extension = leg.routing
        leg.routing = None
        leg.broadcasts.clear()
        if leg.parked:
            self.leave_park(leg)
        else:
            self.stop_playback(leg)
            self.finish_app(leg)
        self.route(leg, extension)

    def _leave_bridge(self, leg: Leg, partner: Leg, ticket: int) -> None:
        if not leg.alive or leg.ticket != ticket or leg.partner is not partner:
            return
        leg.partner = partner.partner = None
        survivor = partner.alive and (partner.bridging is not None or partner.routing is not None)
        if survivor and partner.routing is not None:
            self.wake(self._take_route, partner, partner.ticket)
        elif not survivor and partner.alive:
            self.left_second(partner)
        leg.set("bridge_hangup_cause", "NORMAL_CLEARING")
        self.fire_unbridge(leg, partner)
        if partner.reported:
            partner.set("call_uuid", partner.uuid)
            self.destroy(partner)
        if leg.party is not None:
            leg.party.parted(leg)
        extension = leg.routing
        leg.routing = None
        self.stop_playback(leg)
        self.finish_app(leg)
        if extension is not None:
            self.route(leg, extension)

    def refer(self, leg: Leg, extension: str) -> bool:
        """A blind transfer by the phone (REFER): the partner goes to the extension, this leg is over."""
        partner = leg.partner
        if partner is None or not leg.alive or not partner.alive:
            return False
        partner.set("sip_h_Referred-By", "<sip:h@127.0.0.1>")
        partner.set("sip_refer_to", f"<sip:{extension}@127.0.0.1:5060>")
        self.transfer(partner, extension)
        leg.set("transfer_disposition", "recv_replace")
        leg.set("transfer_to", f"blind:{partner.uuid}")
        leg.set("transfer_destination", f"blind:{extension}")
        leg.set("transfer_fallback_extension", leg.sip.get("user", leg.profile.destination))
        leg.set("endpoint_disposition", "BLIND_TRANSFER")
        return True

    def replace(self, leg: Leg, consultation: Leg) -> bool:
        """An attended transfer (REFER with Replaces): far ends are joined, both near legs are over.

        Seen on 1.11.1: the leg that asks names the other far end and hangs up with NORMAL_CLEARING; the
        consultation is parked for two seconds whatever its variables say, unless the phone hangs up first.
        """
        far, other = leg.partner, consultation.partner
        if far is None or not leg.alive or not consultation.alive:
            return False
        if other is not None:
            leg.set("transfer_to", f"att:{other.uuid}")
            consultation.set("endpoint_disposition", "ATTENDED_TRANSFER")
            consultation.set("park_timeout", "2:attended_transfer")
            kept = consultation.values.get("park_after_bridge")
            consultation.set("park_after_bridge", "true")
            self.request_bridge(far, other)
            self.after(CONSULTATION_US, self._consultation_over, consultation, kept)
            return True
        # The consultation talks to no leg: the far end takes over its extension.
        self.transfer(far, consultation.profile.destination)
        self.hang_up(consultation, "ATTENDED_TRANSFER")
        return True

    def _consultation_over(self, consultation: Leg, kept: str | None) -> None:
        if kept is None:
            consultation.unset("park_after_bridge")
        if consultation.alive and consultation.parked:
            self.hang_up(consultation, "ATTENDED_TRANSFER")

    # -- hold by the phone, BYE

    def phone_holds(self, leg: Leg) -> None:
        """A re-INVITE with a=sendonly: the partner hears hold music."""
        if not leg.alive or leg.holding or leg.partner is None:
            return
        sip.hold_received(leg)
        self.hold(leg, "phone-hold")
        sip.reinvite_answered(leg)
        partner = leg.partner
        partner.set("switch_m_sdp", leg.values["switch_r_sdp"])
        self.after(HOLD_MUSIC_US, self._hold_music, leg, partner)

    def _hold_music(self, leg: Leg, partner: Leg) -> None:
        if (
            leg.alive
            and leg.holding
            and leg.partner is partner
            and partner.alive
            and partner.playback is None
        ):
            self.play(partner, "playback", partner.values.get("hold_music", "local_stream://moh"))

    def phone_unholds(self, leg: Leg) -> None:
        """A re-INVITE with a=sendrecv."""
        if not leg.alive or not leg.holding:
            return
        sip.unhold_received(leg)
        self.unhold(leg, "phone-unhold")
        leg.call_state = "ACTIVE"
        sip.reinvite_answered(leg)
        if leg.partner is not None:
            self.stop_playback(leg.partner, "break")

    def bye(self, leg: Leg) -> None:
        """The far end hangs up."""
        if not leg.alive:
            return
        sip.bye_received(leg)
        held = leg.holding
        if held:
            self.unhold(leg, "phone-unhold")
            leg.holding = True  # for the rule of 905-935
        if leg.partner is not None:
            leg.set("last_bridge_role", "originator" if leg.leads_bridge else "originatee")
        self.hang_up(leg, "NORMAL_CLEARING", bye=True)
