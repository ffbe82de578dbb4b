"""`originate`: legs that ring together, one that wins, and the result that its caller is told."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from py_callcenter.sim import dialstrings, sip
from py_callcenter.sim.dialstrings import DialError, Request, Target
from py_callcenter.sim.headers import line
from py_callcenter.sim.legs import Leg, Profile, Times
from py_callcenter.sim.transfers import Transfers

if TYPE_CHECKING:
    from py_callcenter.sim.phones import Phone

POLL_US = 20_000  # switch_ivr_originate looks at its legs every 20 ms
INVITE_US = 300  # to the phone and back on a loopback network

# SIP's final answers and what the switch makes of them.
REFUSALS: dict[str, tuple[int, str, str, int]] = {
    "busy": (486, "Busy Here", "USER_BUSY", 17),
    "reject": (603, "Decline", "CALL_REJECTED", 21),
    "not_found": (404, "Not Found", "UNALLOCATED_NUMBER", 1),
    "unavailable": (480, "Temporarily Unavailable", "NO_USER_RESPONSE", 18),
    "codec": (488, "Not Acceptable Here", "INCOMPATIBLE_DESTINATION", 88),
    "error": (500, "Server Internal Error", "NORMAL_TEMPORARY_FAILURE", 41),
    "unreachable": (503, "Service Unavailable", "NORMAL_TEMPORARY_FAILURE", 41),
}


@dataclass(slots=True, eq=False)
class Originate:
    """One originate under way."""

    request: Request
    done: Callable[[str], None]
    legs: list[Leg] = field(default_factory=list)
    attempt: int = 0
    started_us: int = 0
    finished: bool = False
    polling: bool = False
    cause: str = ""
    caller: Leg | None = None  # the leg whose `bridge` application dials
    won: Callable[[Leg], None] | None = None


class Originates(Transfers, ABC):
    """Outbound calls."""

    phones: dict[str, Phone]

    def find_phone(self, contact: str) -> Phone | None:
        """The phone behind a contact, without its parameters."""
        return self.phones.get(contact) or self.phones.get(contact.partition(";")[0])

    def dial(
        self,
        arguments: str,
        done: Callable[[str], None],
        *,
        caller: Leg | None = None,
        won: Callable[[Leg], None] | None = None,
    ) -> None:
        """Run `originate`; `done` gets its output, at once or when the call is answered or lost."""
        try:
            request = dialstrings.parse_request(arguments)
        except DialError as problem:
            done(f"-ERR {problem}\n")
            return
        if request is None:
            done(
                "-USAGE: <call url> <exten>|&<application_name>(<app_args>) [<dialplan>] [<context>] "
                "[<cid_name>] [<cid_num>] [<timeout_sec>]\n"
            )
            return
        work = Originate(request, done, caller=caller, won=won)
        self._attempt(work)

    def _attempt(self, work: Originate) -> None:
        work.started_us = self.now_us
        work.legs = []
        made: list[Leg] = []
        for target in work.request.attempts[work.attempt]:
            try:
                leg = self._make_leg(work, target)
            except DialError as problem:
                work.cause = str(problem)
                continue
            made.append(leg)
            work.legs.append(leg)
            self.fire(leg, "outgoing", variables=False)
        if not made:
            self._lost(work)
            return
        for leg in made:
            self.after(200, self._create, leg)
        self._arm_timeout(work)

    def _make_leg(self, work: Originate, target: Target) -> Leg:
        contact = target.contact
        phone = self.find_phone(contact)
        kind, _, rest = contact.partition("/")
        if kind == "user":
            if phone is None:
                raise DialError("SUBSCRIBER_ABSENT")
            if phone.unregistered:
                raise DialError("USER_NOT_REGISTERED")
            if not phone.dial_string:
                raise DialError("MANDATORY_IE_MISSING")
        elif kind == "error":
            raise DialError(rest.upper())
        elif kind not in {"sofia", "loopback", "verto.rtc"}:
            raise DialError("CHAN_NOT_IMPLEMENTED")
        elif rest.startswith("gateway/") and phone is None:
            raise DialError("INVALID_GATEWAY")
        uuid = target.variable("origination_uuid")
        if kind == "loopback" or work.attempt:
            uuid = ""
        if self.is_full() or (uuid and uuid in self.legs):
            raise DialError("DESTINATION_OUT_OF_ORDER")
        leg = self._outbound(uuid or self.new_uuid(), target, phone, work.request)
        leg.originate = work
        leg.party = phone
        return leg

    def _outbound(self, uuid: str, target: Target, phone: Phone | None, request: Request) -> Leg:
        uri = phone.address if phone is not None else target.contact.split("/")[-1].partition(";")[0]
        user, _, host = uri.partition("@")
        number = target.variable("origination_caller_id_number") or request.caller_number or "0000000000"
        name = target.variable("origination_caller_id_name") or request.caller_name
        profile = Profile(
            uuid=uuid,
            direction="outbound",
            logical="outbound",
            source="src/switch_ivr_originate.c",
            context="default",
            channel_name=f"sofia/internal/{uri}",
            destination=user,
            name=name,
            number=number,
            orig_name=name,
            orig_number=number,
            callee_name=target.variable("origination_callee_id_name") or "Outbound Call",
            callee_number=target.variable("origination_callee_id_number") or user,
            ani=number,
            times=Times(profile=self.stamp_us, created=self.stamp_us),
        )
        leg = Leg(uuid, inbound=False, profile=profile, session=self.sessions + 1)
        self.add(leg)
        address, _, port = host.partition(":")
        leg.sip = {
            "uri": uri,
            "user": user,
            "host": address,
            "port": port or "5060",
            **self.sip_identity(),
        }
        leg.sip["local_rtp"] = str(self.random.randrange(20_000, 40_000, 2))
        sip.invite_sent(leg, list(target.variables))
        return leg

    def sip_identity(self) -> dict[str, str]:
        """Random tags, ports and ids of a new dialog."""
        bits = self.random.getrandbits
        return {
            "from_tag": f"{bits(52):013x}",
            "to_tag": f"{bits(40):010x}",
            "branch": f"z9hG4bK{bits(44):011x}",
            "call_id": f"{bits(32):08x}-{bits(48):012x}",
            "cseq": str(100_000_000 + bits(24)),
            "ssrc": str(bits(32)),
            "sdp": str(self.now_us // 1_000_000 - bits(14)),
            "rtp": str(30_000 + (bits(12) & ~1)),
        }

    def _create(self, leg: Leg) -> None:
        leg.running, leg.pending = "CS_INIT", "CS_ROUTING"
        self.fire(leg, "create")
        self.fire(leg, "originate")
        if leg.alive:
            leg.running = leg.pending = "CS_CONSUME_MEDIA"
            self.after(INVITE_US, self._invite_arrives, leg)

    def _invite_arrives(self, leg: Leg) -> None:
        if not leg.alive:
            return
        phone = leg.party
        if phone is None:
            self.phone_refuses(leg, "unreachable")
        else:
            phone.invited(leg)

    # -- what the phone answers

    def phone_rings(self, leg: Leg) -> None:
        """180."""
        if not leg.alive or leg.call_state != "DOWN" or leg.answer_state != "ringing":
            return
        sip.first_reply(leg, contact_params=True)
        leg.profile.network = leg.sip["host"]
        leg.profile.times.progress = self.stamp_us
        leg.touch()
        self.fire(leg, "progress")
        leg.call_state = "RINGING"

    def phone_answers(self, leg: Leg) -> bool:
        """200. False when the call is gone or was answered before."""
        if not leg.alive or leg.answer_state != "ringing" or leg.running != "CS_CONSUME_MEDIA":
            return False
        if leg.call_state == "DOWN":
            sip.first_reply(leg, contact_params=False)
            leg.profile.network = leg.sip["host"]
        sip.answered_outbound(leg)
        leg.codec = "PCMU"
        leg.answer_state = "answered"
        leg.profile.times.answered = self.stamp_us
        leg.touch()
        self.fire(leg, "answer")
        leg.call_state = "ACTIVE"
        leg.set("endpoint_disposition", "ANSWER")
        if leg.originate is not None:
            self._poll_soon(leg.originate)
        return True

    def phone_refuses(self, leg: Leg, how: str) -> None:
        """A final refusal; `how` is a key of REFUSALS."""
        if not leg.alive or leg.answer_state != "ringing":
            return
        status, phrase, cause, q850 = REFUSALS[how]
        sip.refused(leg, status, phrase, q850, sent=how != "unreachable")
        leg.refused = True
        self.hang_up(leg, cause)

    # -- the originating thread

    def _poll_soon(self, work: Originate) -> None:
        if not work.polling and not work.finished:
            work.polling = True
            self.wake(self._poll, work)

    def _poll(self, work: Originate) -> None:
        work.polling = False
        if work.finished:
            return
        winner = next((leg for leg in work.legs if leg.alive and leg.answer_state == "answered"), None)
        if winner is not None:
            self._won(work, winner)
        elif not any(leg.alive for leg in work.legs):
            work.cause = work.legs[0].hangup_cause  # switch_ivr_originate.c 4023
            self._lost(work)

    def _arm_timeout(self, work: Originate) -> None:
        # The switch compares whole seconds: a timeout of 3 s rings between 2 and 3 s.
        due_second = work.started_us // 1_000_000 + work.request.timeout_s
        self.at(due_second * 1_000_000 + self.random.randint(1, POLL_US), self._time_out, work, work.attempt)

    def _time_out(self, work: Originate, attempt: int) -> None:
        if work.finished or work.attempt != attempt:
            return
        if any(leg.alive and leg.answer_state == "answered" for leg in work.legs):
            return
        work.cause = "NO_ANSWER"
        for leg in work.legs:
            self.hang_up(leg, "NO_ANSWER")
        self._lost(work)

    def _lost(self, work: Originate) -> None:
        if work.attempt + 1 < len(work.request.attempts):
            for leg in work.legs:
                self._release(leg)
            work.attempt += 1
            self._attempt(work)
            return
        work.finished = True
        work.done(f"-ERR {work.cause or 'DESTINATION_OUT_OF_ORDER'}\n")
        for leg in work.legs:
            self._release(leg)

    def _release(self, leg: Leg) -> None:
        """The originate lets go of a leg: only now can a dead one be destroyed."""
        leg.originate = None
        if leg.reported:
            self.destroy(leg)

    def originate_lost(self, leg: Leg) -> bool:
        """A leg ended while its originate runs."""
        if leg.originate is None:
            return False
        if not leg.originate.finished:
            self._poll_soon(leg.originate)
        return True

    def _won(self, work: Originate, leg: Leg) -> None:
        work.finished = True
        for other in work.legs:
            if other is not leg:
                if other.alive:
                    other.set("group_dial_status", "loser")
                    self.hang_up(other, "LOSE_RACE")
                self._release(other)
        leg.originate = None
        if work.won is not None:
            work.won(leg)
            return
        self._flip(leg, work.request)
        work.done(f"+OK {leg.uuid}\n")
        if leg.alive:
            self._continue(leg, work.request)

    def _flip(self, leg: Leg, request: Request) -> None:
        """Caller and callee change sides: from now on the leg is a caller of its own."""
        if not request.then.startswith("&"):
            source = f"{self.stamp_us // 1_000_000}:{self.new_uuid()}:bl_xfer:"
            source += f"{request.then}/{request.context}/{request.dialplan}"
            leg.set("max_forwards", "70")
            leg.push("transfer_history", source)
            leg.set("transfer_source", source)
            leg.set("call_uuid", leg.uuid)
            leg.profile = leg.profile.copy(
                index=2, transfer_source=source, dialplan=request.dialplan, context=request.context
            )
            leg.profile.times.profile = self.stamp_us
            leg.running, leg.pending = "CS_ROUTING", "CS_ROUTING"
        profile = leg.profile
        leg.set("pre_transfer_caller_id_name", profile.name)
        leg.set("pre_transfer_caller_id_number", profile.number)
        leg.set("channel_cid_flipped", "yes")
        profile.name, profile.callee_name = profile.callee_name, profile.name
        profile.number, profile.callee_number = profile.callee_number, profile.number
        leg.hit_dialplan = True
        leg.touch()
        self.fire(leg, "flip", lead=line("Direction", "RECV"))

    def _continue(self, leg: Leg, request: Request) -> None:
        leg.running = leg.pending = "CS_EXECUTE"
        leg.set("call_uuid", leg.uuid)
        if request.then.startswith("&"):
            name, data = dialstrings.application(request.then)
            self.run_application(leg, name, data)
        elif request.dialplan == "inline":
            self.run_inline(leg, request.then)
        else:
            self.route(leg, request.then)

    @abstractmethod
    def run_application(self, leg: Leg, name: str, data: str) -> None:
        """Run one application on a leg; the layer above knows them."""

    @abstractmethod
    def run_inline(self, leg: Leg, text: str) -> None:
        """Run `app:data,app:data`."""
