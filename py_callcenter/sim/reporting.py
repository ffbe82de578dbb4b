"""What a channel reports of itself at its end: cause, times and counters of CHANNEL_HANGUP_COMPLETE."""

from __future__ import annotations

import time

from py_callcenter.sim.legs import Q850, Leg
from py_callcenter.sim.sip import Fixed

_TIMES_ZERO = ("resurrect", "progress", "progress_media")

_ZERO_RTP = Fixed(
    *(
        (f"rtp_audio_{name}", value)
        for name, value in (
            ("in_jitter_packet_count", "0"),
            ("in_dtmf_packet_count", "0"),
            ("in_cng_packet_count", "0"),
            ("in_flush_packet_count", "0"),
            ("in_largest_jb_size", "0"),
            ("in_jitter_min_variance", "0.00"),
            ("in_jitter_max_variance", "0.00"),
            ("in_jitter_loss_rate", "0.00"),
            ("in_jitter_burst_rate", "0.00"),
            ("in_mean_interval", "0.00"),
            ("in_flaw_total", "0"),
            ("in_quality_percentage", "100.00"),
            ("in_mos", "4.50"),
            ("out_raw_bytes", "0"),
            ("out_media_bytes", "0"),
            ("out_packet_count", "0"),
            ("out_media_packet_count", "0"),
            ("out_skip_packet_count", "0"),
            ("out_dtmf_packet_count", "0"),
            ("out_cng_packet_count", "0"),
            ("rtcp_packet_count", "0"),
            ("rtcp_octet_count", "0"),
        )
    )
)
_NO_RTP = Fixed(
    *(
        (f"rtp_audio_in_{name}", "0")
        for name in ("raw_bytes", "media_bytes", "packet_count", "media_packet_count")
    )
)
_CANCELLED = Fixed(
    ("sip_hangup_disposition", "send_cancel"),
    ("sip_invite_failure_status", "487"),
    ("sip_invite_failure_phrase", "CANCEL"),
)


def report(leg: Leg, now_us: int, stamp_us: int) -> None:
    """CS_REPORTING: causes, times and counters that CHANNEL_HANGUP_COMPLETE shows."""
    if leg.bye_received and "sip_hangup_disposition" not in leg.values:
        leg.set("sip_hangup_disposition", "recv_bye")
    leg.set("hangup_cause", leg.hangup_cause)
    leg.set("hangup_cause_q850", str(Q850.get(leg.hangup_cause, 16)))
    leg.set("digits_dialed", leg.digits or "none")
    _stamps(leg, stamp_us)
    _durations(leg, stamp_us)
    if leg.hangup_cause == "LOSE_RACE" and not leg.inbound:
        leg.set("call_completed_elsewhere", "true")
    answered = leg.profile.times.answered
    if not leg.bye_received and not leg.refused:
        if answered or leg.inbound:
            leg.set("sip_hangup_disposition", "send_bye")
        else:
            _CANCELLED.set(leg)
    if answered:
        _NO_RTP.set(leg)
        leg.set("rtp_audio_in_skip_packet_count", str((now_us - answered) // 20_000))
        _ZERO_RTP.set(leg)


def _stamp(us: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(us // 1_000_000))


def _stamps(leg: Leg, end_us: int) -> None:
    t = leg.profile.times
    for name, value in (
        ("start", t.created),
        ("profile_start", t.profile),
        ("answer", t.answered),
        ("bridge", t.bridged),
        ("hold", t.last_hold),
        ("progress", t.progress),
    ):
        if value:
            leg.set(f"{name}_stamp", _stamp(value))
    if leg.hold_spans:
        spans = ",".join(f"{{{start},{end}}}" for start, end in leg.hold_spans)
        leg.set("hold_events", f"{{{spans}}}")
    leg.set("end_stamp", _stamp(end_us))


def _durations(leg: Leg, end_us: int) -> None:
    t = leg.profile.times
    for name, value in (
        ("start", t.created),
        ("profile_start", t.profile),
        ("answer", t.answered),
        ("bridge", t.bridged),
        ("last_hold", t.last_hold),
    ):
        leg.set(f"{name}_epoch", str(value // 1_000_000))
        leg.set(f"{name}_uepoch", str(value))
    leg.set("hold_accum_seconds", str(t.hold_accum // 1_000_000))
    leg.set("hold_accum_usec", str(t.hold_accum))
    leg.set("hold_accum_ms", str(t.hold_accum // 1000))
    for name, value in zip(_TIMES_ZERO, (0, t.progress, 0), strict=True):
        leg.set(f"{name}_epoch", str(value // 1_000_000))
        leg.set(f"{name}_uepoch", str(value))
    leg.set("end_epoch", str(end_us // 1_000_000))
    leg.set("end_uepoch", str(end_us))
    if leg.last_app:
        leg.set("last_app", leg.last_app)
        if leg.last_arg:
            leg.set("last_arg", leg.last_arg)
    name, number = leg.profile.name, leg.profile.number
    leg.set("caller_id", f'"{name}" <{number}>' if name else number)
    spans = {
        "duration": (t.created, end_us),
        "bill": (t.answered, end_us),
        "progress": (t.created, t.progress),
        "answer": (t.created, t.answered),
        "wait": (t.created, t.bridged),
        "progress_media": (0, 0),
        "flow_bill": (t.created if t.answered else 0, end_us),
    }
    us = {name: max(end - start, 0) if start and end else 0 for name, (start, end) in spans.items()}
    # Seconds are differences of whole epochs, as the switch reckons them.
    for name, (start, end) in spans.items():
        seconds = end // 1_000_000 - start // 1_000_000 if us[name] else 0
        leg.set("duration" if name == "duration" else f"{name}sec", str(seconds))
    for unit, divisor in (("m", 1000), ("u", 1)):
        for name, value in us.items():
            if name == "duration":
                leg.set(f"{unit}duration", str(value // divisor))
            else:
                leg.set(f"{name}{unit}sec", str(value // divisor))
