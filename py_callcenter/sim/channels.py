"""The life of one leg: applications, park, playback, recording, digits, hang-up."""

from __future__ import annotations

from abc import abstractmethod

from py_callcenter.sim import reporting
from py_callcenter.sim.core import TICK_US, Core
from py_callcenter.sim.headers import line
from py_callcenter.sim.legs import Leg, Playback, Recording

BROADCAST_US = 200_000  # measured on a leg whose peer sends no RTP


TONE_US = 200_000  # one tone of `%(200,0,…)`


class Channels(Core):
    """What happens to a leg by itself. Bridges and originates are built upon it."""

    sounds: bool = True  # does the switch have its sound files?

    # -- what the layers above do

    @abstractmethod
    def next_step(self, leg: Leg) -> None:
        """Run the next step of the leg's extension."""

    @abstractmethod
    def route(self, leg: Leg, extension: str) -> None:
        """Look the extension up and run it."""

    @abstractmethod
    def bridge_ends(self, leg: Leg) -> bool:
        """The leg has begun to hang up: end its bridge. True when the bridge will finish the hang-up."""

    @abstractmethod
    def originate_lost(self, leg: Leg) -> bool:
        """The leg hung up before its originate ended. True when the originate will destroy it."""

    # -- applications

    def start_app(self, leg: Leg, application: str, data: str = "") -> None:
        """CHANNEL_EXECUTE."""
        leg.app, leg.app_data, leg.app_uuid = application, data, self.new_uuid()
        self._execute(leg, application, data, leg.app_uuid)

    def _execute(self, leg: Leg, application: str, data: str, uuid: str) -> None:
        leg.last_app, leg.last_arg = application, data
        leg.unset("current_application_data", "current_application_response")
        leg.set("current_application", application)
        leg.set("current_application_data", data)
        tail = ""
        if self.listeners("execute"):
            shown = line("Application-Data", data) if data else ""
            tail = line("Application", application) + shown + line("Application-UUID", uuid)
        self.fire(leg, "execute", tail=tail)
        leg.set("current_application", application)

    def finish_app(self, leg: Leg) -> None:
        """CHANNEL_EXECUTE_COMPLETE of the extension's application."""
        if leg.app:
            application, data, uuid = leg.app, leg.app_data, leg.app_uuid
            leg.app = leg.app_data = leg.app_uuid = ""
            self._complete(leg, application, data, uuid)

    def _complete(self, leg: Leg, application: str, data: str, uuid: str) -> None:
        tail = ""
        if self.listeners("complete"):
            shown = line("Application-Data", data) if data else ""
            response = leg.values.get("current_application_response", "_none_")
            tail = line("Application", application) + shown + line("Application-Response", response)
            tail += line("Application-UUID", uuid)
        self.fire(leg, "complete", tail=tail)

    # -- park

    def park(self, leg: Leg, state: str) -> None:
        """Enter the park loop, in CS_EXECUTE (an extension's `park`) or CS_PARK (after a bridge)."""
        leg.running = leg.pending = state
        leg.parked = True
        self.fire(leg, "park")
        self.play_what_waits(leg)

    def leave_park(self, leg: Leg) -> None:
        """CHANNEL_UNPARK, and the end of the application when there was one."""
        self.stop_playback(leg)
        if leg.parked:
            leg.parked = False
            self.fire(leg, "unpark")
            self.finish_app(leg)

    # -- playback

    def broadcast(self, leg: Leg, application: str, data: str) -> None:
        """`uuid_broadcast`: queued behind what already plays."""
        leg.broadcasts.append((application, data))
        if leg.playback is None and len(leg.broadcasts) == 1:
            self.after(BROADCAST_US, self._next_broadcast, leg)

    def play_what_waits(self, leg: Leg) -> None:
        """What was queued for the leg outlives what it does: it plays in its next loop, a bridge's too
        (`switch_core_session_private_event_count` in `audio_bridge_thread`).
        """
        if leg.broadcasts and leg.playback is None:
            self.after(BROADCAST_US, self._next_broadcast, leg)

    def _next_broadcast(self, leg: Leg) -> None:
        if not leg.alive or leg.playback is not None or not leg.broadcasts or leg.bridging is not None:
            return
        application, data = leg.broadcasts.pop(0)
        self.play(leg, application, data)

    def play(self, leg: Leg, application: str, data: str) -> None:
        """Start an application inside the leg's own one."""
        leg.set("current_loop", "1")
        leg.set("total_loops", "-1" if data.startswith("local_stream") else "1")
        uuid = self.new_uuid()
        is_file = application == "playback"
        leg.playback = Playback(application, data, uuid, self.now_us, is_file)
        self._execute(leg, application, data, uuid)
        if not is_file:
            return
        if not self.sounds and not data.startswith(("tone_stream", "silence_stream")):
            leg.playback = None
            leg.set("current_application_response", "FILE NOT FOUND")
            self._complete(leg, application, data, uuid)
            self.after(0, self._end_loops, leg)
            return
        self.fire(leg, "play-start", tail=_file(data))
        if "local_stream" not in data and "loops" not in data:
            self.after(_lasts_us(data), self._played_out, leg, uuid)

    def _end_loops(self, leg: Leg) -> None:
        if leg.playback is None:
            leg.unset("current_loop", "total_loops")
            self._next_broadcast(leg)

    def _played_out(self, leg: Leg, uuid: str) -> None:
        if leg.alive and leg.playback is not None and leg.playback.uuid == uuid:
            self.stop_playback(leg)

    def stop_playback(self, leg: Leg, status: str = "done") -> None:
        """End what `play` started: PLAYBACK_STOP and the application's end."""
        playback = leg.playback
        if playback is None:
            return
        leg.playback = None
        if playback.file:
            ms = (self.now_us - playback.started_us) // 1000
            leg.set("playback_last_offset_pos", str(ms * 8))
            leg.set("playback_seconds", str(ms // 1000))
            leg.set("playback_ms", str(ms))
            leg.set("playback_samples", str(ms * 8))
            tail = _file(playback.data) + line("Playback-Status", status)
            self.fire(leg, "play-stop", tail=tail)
            leg.set("current_application_response", "FILE PLAYED")
        self._complete(leg, playback.application, playback.data, playback.uuid)
        self._end_loops(leg)

    def break_playback(self, leg: Leg, *, everything: bool) -> None:
        """`uuid_break`: takes effect in the leg's thread, on what plays now.

        What begins afterwards isn't touched: each application clears the flag when it starts (CF_BREAK in
        `switch_core_session_exec`, CF_STOP_BROADCAST in `switch_ivr_parse_event`).
        """
        if everything:
            leg.broadcasts.clear()
        self.wake(self._break, leg, leg.playback)

    def _break(self, leg: Leg, playback: Playback | None) -> None:
        if leg.alive and leg.playback is playback:
            self.stop_playback(leg, "break")

    # -- recording

    def start_recording(self, leg: Leg, path: str) -> None:
        """RECORD_START and the media bug under it."""
        leg.recordings[path] = Recording(path, self.now_us)
        self.fire(leg, "record-start", tail=line("Record-File-Path", path))
        self.fire(leg, "bug-start", lead=_bug("session_record", path))

    def stop_recording(self, leg: Leg, path: str) -> bool:
        """RECORD_STOP; False when no such recording runs."""
        recording = leg.recordings.pop(path, None)
        if recording is None:
            return False
        ms = (self.now_us - recording.started_us) // 1000
        leg.set("record_file_size", str(44 + ms * 16))
        leg.set("record_samples", str(ms * 8))
        leg.set("record_seconds", str(ms // 1000))
        leg.set("record_ms", str(ms))
        leg.set("record_completion_cause", "success-maxtime")
        tail = line("Record-File-Path", path) + line("Record-Completion-Cause", "success-maxtime")
        self.fire(leg, "record-stop", tail=tail)
        self.fire(leg, "bug-stop", lead=_bug("session_record", path))
        return True

    # -- digits

    def digits_arrive(
        self, leg: Leg, digits: str, *, source: str, duration: int = 2000, delay_us: int = TICK_US
    ) -> None:
        """Digits are reported one by one, one a tick, as the leg's thread takes them."""
        for position, digit in enumerate(digits):
            self.after(delay_us + position * TICK_US, self._digit, leg, digit, source, duration, leg.ticket)

    def _digit(self, leg: Leg, digit: str, source: str, duration: int, ticket: int) -> None:
        if not leg.alive:
            return
        leg.digits += digit
        if leg.ticket != ticket:
            return  # a transfer or bridge took the leg out of the loop that reports digits
        tail = line("DTMF-Digit", digit) + line("DTMF-Duration", str(duration)) + line("DTMF-Source", source)
        self.fire(leg, "dtmf", tail=tail, variables=False)
        stop = leg.values.get("playback_terminators", "*")
        if leg.playback is not None and leg.playback.file and stop != "none" and digit in stop:
            self.stop_playback(leg, "break")

    # -- hold

    def hold(self, leg: Leg, kind: str) -> None:
        """A hold begins; `kind` is the event's kind."""
        leg.holding = True
        leg.call_state = "HELD"
        leg.hold_from_us = self.now_us
        leg.profile.times.last_hold = self.now_us
        leg.touch()
        self.fire(leg, kind)

    def unhold(self, leg: Leg, kind: str) -> None:
        """A hold ends."""
        leg.holding = False
        leg.call_state = "UNHELD"
        leg.profile.times.hold_accum += self.now_us - leg.hold_from_us
        leg.hold_spans.append((leg.hold_from_us, self.now_us))
        leg.touch()
        self.fire(leg, kind)

    # -- the end

    def hang_up(self, leg: Leg, cause: str, *, bye: bool = False) -> None:
        """Begin to hang a leg up. `bye` when the far end did it: then the leg's thread wakes at once."""
        if not leg.alive:
            return
        if leg.bridging is not None and leg.heeded:
            leg.running = "CS_SOFT_EXECUTE"
        if leg.holding and not bye:
            self.unhold(leg, "phone-unhold")
            leg.holding = True  # CF_HANGUP_HELD: how it ended decides about the partner
        leg.hangup_cause = cause
        leg.pending = "CS_HANGUP"
        leg.answer_state = "hangup"
        leg.bye_received = bye
        self.fire(leg, "hangup")
        if bye:
            leg.set("sip_hangup_disposition", "recv_bye")
        leg.ticket += 1
        if leg.partner is not None and self.bridge_ends(leg):
            return
        if bye or leg.refused:
            self.after(0, self.finish_hangup, leg)
        else:
            self.wake(self.finish_hangup, leg)

    def finish_hangup(self, leg: Leg) -> None:
        """The leg's own thread winds up: applications end, the report, the end of the session."""
        if leg.reported:
            return
        self.leave_park(leg)
        self._stop_watching(leg)
        self.finish_app(leg)
        self.report(leg)
        if not self.originate_lost(leg):
            self.destroy(leg)

    def _stop_watching(self, leg: Leg) -> None:
        watched = leg.watching
        if watched is not None:
            leg.watching = None
            if not watched.reported:
                self.fire(watched, "bug-stop", lead=_bug("eavesdrop", watched.uuid))
            leg.codec = "PCMU"
            leg.set("read_codec", "PCMU")
            leg.set("read_rate", "8000")

    def report(self, leg: Leg) -> None:
        """CHANNEL_HANGUP_COMPLETE."""
        for path in list(leg.recordings):
            self.stop_recording(leg, path)
        leg.reported = True
        leg.running = leg.pending = "CS_REPORTING"
        leg.call_state = "HANGUP"
        leg.profile.times.hangup = self.stamp_us
        leg.touch()
        if not self.terse:
            reporting.report(leg, self.now_us, self.stamp_us)
        self.fire(leg, "hangup-complete", lead=line("Hangup-Cause", leg.hangup_cause))

    def destroy(self, leg: Leg) -> None:
        """CHANNEL_DESTROY."""
        if leg.destroyed:
            return
        leg.destroyed = True
        leg.pending = "CS_DESTROY"
        self.fire(leg, "destroy")
        if self.legs.get(leg.uuid) is leg:
            del self.legs[leg.uuid]
        if leg.party is not None:
            leg.party.leg_gone(leg)


def _lasts_us(sound: str) -> int:
    """How long a sound plays that ends by itself."""
    if sound.startswith("silence_stream://"):
        return int(sound.removeprefix("silence_stream://").partition(",")[0]) * 1000
    return TONE_US if sound.startswith("tone_stream") else 3_000_000


def _file(path: str) -> str:
    kind = path.partition("://")[0] if "://" in path else "file"
    return line("Playback-File-Type", kind) + line("Playback-File-Path", path)


def _bug(function: str, target: str) -> str:
    return line("Media-Bug-Function", function) + line("Media-Bug-Target", target)
