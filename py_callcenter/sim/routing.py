"""Calls that come in and the dialplan's applications."""

from __future__ import annotations

from collections.abc import Callable

from py_callcenter.sim import sip
from py_callcenter.sim.dialplan import Dialplan, Step
from py_callcenter.sim.headers import line
from py_callcenter.sim.legs import Leg, Profile, Times
from py_callcenter.sim.originates import Originates
from py_callcenter.sim.phones import Call

ACK_PLACES = ("answered", "before-park", "at-park", "later", "by-hand")
ACK_LATER_US = 10_000


class Routing(Originates):
    """Inbound legs, extensions, and the applications in them."""

    dialplan: Dialplan

    def place_call(
        self,
        number: str,
        caller_name: str,
        destination: str,
        *,
        headers: dict[str, str] | None = None,
        uuid: str = "",
        patience_us: int | None = None,
        talk_us: int | None = None,
        ack: str = "",
        context: str = "public",
    ) -> Call:
        """An INVITE from outside; runs through the dialplan at once.

        `headers` are SIP headers beside the usual (they show as `sip_h_…`). `ack` is where the ACK of the
        200 OK lands in the race with the dialplan (one of ACK_PLACES; `by-hand` waits for
        `Call.acknowledge`), by the seed when not given.
        """
        uuid = uuid or self.new_uuid()
        port = str(self.random.randrange(5061, 5999))
        channel = f"sofia/internal/{number}@127.0.0.1:{port}"
        stamp = self.stamp_us
        shown = caller_name.replace("${", "%{")  # a profile's name may not be expanded
        profile = Profile(
            uuid=uuid,
            direction="inbound",
            logical="inbound",
            source="mod_sofia",
            context=context,
            channel_name=channel,
            destination=destination,
            username=number,
            dialplan="XML",
            name=shown,
            number=number,
            orig_name=shown,
            orig_number=number,
            network="127.0.0.1",
            ani=number,
            times=Times(profile=stamp, created=stamp),
        )
        leg = Leg(uuid, inbound=True, profile=profile, session=self.sessions + 1)
        self.add(leg)
        leg.sip = {
            "user": number,
            "display": caller_name,
            "host": "127.0.0.1",
            "port": port,
            "to": destination,
            **self.sip_identity(),
            "local_rtp": str(self.random.randrange(20_000, 40_000, 2)),
        }
        leg.codec = "PCMU"
        leg.ack_at = ack or self.random.choice(ACK_PLACES[:4])
        call = Call(self, leg, patience_us=patience_us, talk_us=talk_us)
        leg.party = call
        sip.invite_received(leg, headers or {}, stamp)
        leg.running, leg.pending = "CS_INIT", "CS_ROUTING"
        self.fire(leg, "create")
        leg.call_state = "RINGING"
        self.route(leg, destination)
        return call

    def route(self, leg: Leg, extension: str) -> None:
        """CS_ROUTING: find the extension, then run it in CS_EXECUTE."""
        found = self.dialplan.route(extension)
        if found is None:
            self.hang_up(leg, "NO_ROUTE_DESTINATION")
            return
        if found.match:
            leg.set("DP_MATCH", found.match)
        leg.set("call_uuid", leg.uuid)
        leg.running = leg.pending = "CS_EXECUTE"
        leg.steps = list(found.steps)
        self.next_step(leg)

    def next_step(self, leg: Leg) -> None:
        """Run steps until one of them waits."""
        while leg.alive and leg.steps:
            step = leg.steps.pop(0)
            if self._runs_on(leg, step):
                return
        if leg.alive and not leg.app:
            self.hang_up(leg, "NORMAL_CLEARING")

    def run_application(self, leg: Leg, name: str, data: str) -> None:
        """One application, as `originate … &app(data)` does."""
        leg.steps = [Step(name, data)]
        self.next_step(leg)

    def run_inline(self, leg: Leg, text: str) -> None:
        """`app:data,app:data`."""
        leg.steps = []
        for item in text.split(","):
            name, _, data = item.partition(":")
            leg.steps.append(Step(name, data))
        self.next_step(leg)

    def _runs_on(self, leg: Leg, step: Step) -> bool:
        """Start one application; True when it doesn't end at once."""
        if step.application == "park" and leg.ack_at == "before-park":
            self._acknowledged(leg)
        self.start_app(leg, step.application, step.data)
        lasting = self._lasting().get(step.application)
        if lasting is not None:
            lasting(leg, step)
            return True
        if step.application == "set":
            name, _, value = step.data.partition("=")
            leg.set(name, value)
        elif step.application == "answer":
            self.answer(leg)
            if leg.ack_at == "answered":
                self._acknowledged(leg)
        elif step.application == "queue_dtmf":
            digits, _, duration = step.data.partition("@")
            leg.queued_digits = (digits, int(duration or "250") * 8)
        self.finish_app(leg)
        return False

    def _lasting(self) -> dict[str, Callable[[Leg, Step], None]]:
        """Applications that keep the leg until something happens."""
        return {
            "park": self._app_park,
            "hangup": lambda leg, step: self.hang_up(leg, step.data or "NORMAL_CLEARING"),
            "bridge": self._app_bridge,
            "playback": self._app_playback,
            "sleep": lambda leg, step: self._last(leg, int(step.data or "0") * 1000),
            "echo": lambda _leg, _step: None,
            "eavesdrop": self._app_eavesdrop,
        }

    def _app_park(self, leg: Leg, _step: Step) -> None:
        if leg.ack_at == "at-park":
            self._acknowledged(leg)
        self.park(leg, "CS_EXECUTE")
        if leg.ack_at == "later":
            self.after(ACK_LATER_US, self._acknowledged, leg)

    def _app_playback(self, leg: Leg, step: Step) -> None:
        self.answer(leg)
        self._last(leg, int(step.seconds * 1_000_000))

    def _last(self, leg: Leg, duration_us: int) -> None:
        self.after(duration_us, self._ran_out, leg, leg.app_uuid)

    def _acknowledged(self, leg: Leg) -> None:
        if leg.ack_at and leg.alive and leg.inbound:
            leg.ack_at = ""
            sip.ack_received(leg)

    def answer(self, leg: Leg) -> None:
        """200 OK to the caller, once."""
        if leg.answer_state != "ringing" or not leg.inbound:
            return
        sip.answered_inbound(leg)
        leg.answer_state = "answered"
        leg.profile.times.answered = self.stamp_us
        leg.touch()
        self.fire(leg, "answer")
        leg.set("endpoint_disposition", "ANSWER")
        leg.call_state = "ACTIVE"

    def _ran_out(self, leg: Leg, uuid: str) -> None:
        if leg.alive and leg.app_uuid == uuid and leg.running == "CS_EXECUTE":
            self.finish_app(leg)
            self.next_step(leg)

    # -- the application `bridge`: how a transferred caller reaches someone outside

    def _app_bridge(self, leg: Leg, step: Step) -> None:
        contact = step.data
        number = leg.profile.number
        ticket = leg.ticket
        arguments = (
            f"{{origination_caller_id_number={number}}}{contact} &park()" if number else f"{contact} &park()"
        )

        def won(other: Leg) -> None:
            if not leg.alive or leg.ticket != ticket:
                self.hang_up(other, "ORIGINATOR_CANCEL")
                return
            self.answer(leg)
            other.running = other.pending = "CS_EXCHANGE_MEDIA"
            leg.leads = True
            self.join_legs(leg, other)

        def lost(result: str) -> None:
            if leg.alive and leg.ticket == ticket:
                leg.set("originate_disposition", result.removeprefix("-ERR ").strip())
                self.finish_app(leg)
                self.next_step(leg)

        self.dial(arguments, lost, caller=leg, won=won)

    # -- supervision, as far as a controller sees it

    def _app_eavesdrop(self, leg: Leg, step: Step) -> None:
        target = step.data
        other = self.find(target)
        if other is None:
            self.finish_app(leg)
            return
        lead = line("Media-Bug-Function", "eavesdrop") + line("Media-Bug-Target", target)
        leg.watching = other
        self.fire(other, "bug-start", lead=lead)
        leg.codec = "L16"
        leg.set("read_codec", "L16")
        leg.set("read_rate", "8000")
        name, number = other.profile.name, other.profile.number
        leg.set("last_sent_callee_id_name", name)
        leg.set("last_sent_callee_id_number", number)
        shown = line("Sent-Callee-ID-Name", name) + line("Sent-Callee-ID-Number", number)
        self.fire(leg, "display", lead=line("Direction", "SEND") + shown)
        digits, duration = leg.queued_digits
        if digits:
            self.digits_arrive(leg, digits, source="APP", duration=duration, delay_us=1)
            leg.set("last_dtmf_duration", str(duration // 8))
