"""What mod_sofia and the core put on a channel at each stage of a SIP call.

Only names, order and shape are of interest; the values are those of a loopback call with PCMU.
"""

from __future__ import annotations

from py_callcenter.sim.encoding import quote
from py_callcenter.sim.legs import Leg

_PORT = "5060"

_PREPARED: dict[tuple[tuple[str, str], ...], tuple[dict[str, str], dict[str, str]]] = {}


def set_fixed(leg: Leg, *pairs: tuple[str, str]) -> None:
    """Set variables whose value is the same for every leg."""
    prepared = _PREPARED.get(pairs)
    if prepared is None:
        lines = {name: f"variable_{name}: {quote(value)}\n" for name, value in pairs}
        prepared = _PREPARED[pairs] = dict(pairs), lines
    leg.set_encoded(*prepared)


def _sdp(origin: str, port: str, lines: str) -> str:
    return (
        f"v=0\r\no={origin} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {lines}"
    )


_OUR_CODECS = (
    "0 8 101 13\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=fmtp:101 0-15\r\na=rtpmap:13 CN/8000\r\na=ptime:20\r\na=sendrecv\r\n"
)

_AGREED = (
    ("rtp_audio_recv_pt", "0"),
    ("rtp_use_codec_name", "PCMU"),
    ("rtp_use_codec_rate", "8000"),
    ("rtp_use_codec_ptime", "20"),
    ("rtp_use_codec_channels", "1"),
    ("rtp_last_audio_codec_string", "PCMU@8000h@20i@1c"),
    ("read_codec", "PCMU"),
    ("original_read_codec", "PCMU"),
    ("read_rate", "8000"),
    ("original_read_rate", "8000"),
    ("write_codec", "PCMU"),
    ("write_rate", "8000"),
    ("dtmf_type", "info"),
)
_OFFER = (
    ("ep_codec_string", "CORE_PCM_MODULE.PCMU@8000h@20i@64000b"),
    ("rtp_use_codec_string", "PCMU,PCMA"),
    ("remote_video_media_flow", "inactive"),
    ("remote_text_media_flow", "inactive"),
)


def invite_received(leg: Leg, headers: dict[str, str], now_us: int) -> None:
    """An INVITE came in: all that CHANNEL_CREATE of an inbound leg shows."""
    sip = leg.sip
    number, host, port = sip["user"], sip["host"], sip["port"]
    uri = f"{number}@{host}:{port}"
    to = leg.profile.destination
    set_fixed(leg, ("direction", "inbound"))
    leg.set("uuid", leg.uuid)
    leg.set("call_uuid", leg.uuid)
    leg.set("session_id", str(leg.session))
    leg.set("sip_from_user", number)
    leg.set("sip_from_port", port)
    leg.set("sip_from_uri", uri)
    leg.set("sip_from_host", host)
    set_fixed(leg, ("video_media_flow", "disabled"), ("text_media_flow", "disabled"))
    leg.set("channel_name", leg.profile.channel_name)
    leg.set("sip_call_id", sip["call_id"])
    leg.set("sip_local_network_addr", host)
    leg.set("sip_network_ip", host)
    leg.set("sip_network_port", port)
    leg.set("sip_invite_stamp", str(now_us))
    leg.set("sip_received_ip", host)
    leg.set("sip_received_port", port)
    set_fixed(leg, ("sip_via_protocol", "udp"))
    leg.set("sip_from_user_stripped", number.lstrip("+"))
    leg.set("sip_from_tag", sip["from_tag"])
    set_fixed(
        leg,
        ("sofia_profile_name", "internal"),
        ("sofia_profile_url", f"sip:mod_sofia@127.0.0.1:{_PORT}"),
        ("recovery_profile_name", "internal"),
    )
    leg.set("sip_full_via", f"SIP/2.0/UDP {host}:{port};branch={sip['branch']}-0")
    _from(leg)
    leg.set("sip_full_to", f"<sip:{to}@127.0.0.1:{_PORT}>")
    for part in ("req", "to"):
        leg.set(f"sip_{part}_user", to)
        leg.set(f"sip_{part}_port", _PORT)
        leg.set(f"sip_{part}_uri", f"{to}@127.0.0.1:{_PORT}")
        leg.set(f"sip_{part}_host", "127.0.0.1")
    leg.set("sip_contact_user", "caller")
    leg.set("sip_contact_port", port)
    leg.set("sip_contact_uri", f"caller@{host}:{port}")
    leg.set("sip_contact_host", host)
    leg.set("sip_via_host", host)
    leg.set("sip_via_port", port)
    set_fixed(leg, ("max_forwards", "70"))
    for name, value in headers.items():
        leg.set_checked(f"sip_h_{name}", value)
    leg.set("switch_r_sdp", _sdp("user1 53655765 2353687637", sip["rtp"], "0\r\na=rtpmap:0 PCMU/8000\r\n"))
    set_fixed(
        leg,
        *_OFFER,
        ("remote_audio_media_flow", "sendrecv"),
        ("audio_media_flow", "sendrecv"),
    )
    leg.set("remote_media_ip", host)
    leg.set("remote_media_port", sip["rtp"])
    set_fixed(leg, *_AGREED, ("endpoint_disposition", "RECEIVED"))


def _from(leg: Leg) -> None:
    sip = leg.sip
    uri = f"<sip:{sip['user']}@{sip['host']}:{sip['port']}>;tag={sip['from_tag']}"
    if sip["display"]:
        leg.set_checked("sip_from_display", sip["display"])
        leg.set_checked("sip_full_from", f'"{sip["display"]}" {uri}')
    else:
        leg.set("sip_full_from", uri)


def answered_inbound(leg: Leg) -> None:
    """We sent 200 OK."""
    sip = leg.sip
    number = sip["sdp"]
    leg.set(
        "rtp_local_sdp_str",
        f"v=0\r\no=FreeSWITCH {number} {int(number) + 1} IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\n"
        f"c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {sip['local_rtp']} RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
        "a=ptime:20\r\na=sendrecv\r\n",
    )
    _media(leg)


def _media(leg: Leg) -> None:
    sip = leg.sip
    set_fixed(leg, ("local_media_ip", "127.0.0.1"))
    leg.set("local_media_port", sip["local_rtp"])
    set_fixed(leg, ("advertised_media_ip", "127.0.0.1"), ("rtp_use_timer_name", "soft"), ("rtp_use_pt", "0"))
    leg.set("rtp_use_ssrc", sip["ssrc"])
    leg.set("remote_media_ip", sip["host"])
    leg.set("remote_media_port", sip["rtp"])


def ack_received(leg: Leg) -> None:
    """The caller's ACK; it races with the dialplan."""
    sip = leg.sip
    leg.set("sip_to_tag", sip["to_tag"])
    leg.set("sip_from_tag", sip["from_tag"])
    set_fixed(leg, ("sip_cseq", "1"))
    leg.set("sip_call_id", sip["call_id"])
    leg.set("sip_full_via", f"SIP/2.0/UDP {sip['host']}:{sip['port']};branch={sip['branch']}-5")
    _from(leg)
    leg.set("sip_full_to", f"<sip:{sip['to']}@127.0.0.1:{_PORT}>;tag={sip['to_tag']}")


def invite_sent(leg: Leg, variables: list[tuple[str, str]]) -> None:
    """We sent an INVITE: what an outbound CHANNEL_CREATE shows. `variables` are those of the dial string."""
    sip = leg.sip
    uri = sip["uri"]
    set_fixed(leg, ("direction", "outbound"), ("is_outbound", "true"))
    leg.set("uuid", leg.uuid)
    leg.set("call_uuid", leg.uuid)
    leg.set("session_id", str(leg.session))
    set_fixed(
        leg,
        ("sip_local_network_addr", "127.0.0.1"),
        ("sip_profile_name", "internal"),
        ("video_media_flow", "disabled"),
        ("text_media_flow", "disabled"),
    )
    leg.set("channel_name", leg.profile.channel_name)
    leg.set("sip_destination_url", f"sip:{uri}")
    for name, value in variables:
        leg.set(name, value)
    early = "false" if leg.is_true("ignore_early_media") else "true"
    set_fixed(
        leg,
        ("originate_early_media", early),
        ("originate_endpoint", "sofia"),
        ("rtp_use_codec_string", "PCMU,PCMA"),
        ("local_media_ip", "127.0.0.1"),
    )
    leg.set("local_media_port", sip["local_rtp"])
    set_fixed(leg, ("advertised_media_ip", "127.0.0.1"), ("audio_media_flow", "sendrecv"))
    _local_sdp(leg, 1)
    set_fixed(leg, ("sip_outgoing_contact_uri", f"<sip:mod_sofia@127.0.0.1:{_PORT}>"))
    leg.set("sip_req_uri", uri)
    leg.set("sip_to_host", uri.partition("@")[2])
    set_fixed(
        leg,
        ("sip_from_host", "127.0.0.1"),
        ("sofia_profile_name", "internal"),
        ("recovery_profile_name", "internal"),
        ("sofia_profile_url", f"sip:mod_sofia@127.0.0.1:{_PORT}"),
    )


def _local_sdp(leg: Leg, version: int) -> None:
    sip = leg.sip
    number = int(sip["sdp"])
    leg.set(
        "rtp_local_sdp_str",
        f"v=0\r\no=FreeSWITCH {number} {number + version} IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\n"
        f"c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {sip['local_rtp']} RTP/AVP {_OUR_CODECS}",
    )


def _reply_from(leg: Leg) -> None:
    sip = leg.sip
    leg.set("sip_local_network_addr", "127.0.0.1")
    leg.set("sip_reply_host", sip["host"])
    leg.set("sip_reply_port", sip["port"])
    leg.set("sip_network_ip", sip["host"])
    leg.set("sip_network_port", sip["port"])


def first_reply(leg: Leg, *, contact_params: bool) -> None:
    """The first response of the phone that makes a dialog (180, or 200 when it never rang)."""
    sip = leg.sip
    host, port, user = sip["host"], sip["port"], sip["user"]
    here = f"{host}:{port}"
    number = leg.profile.orig_number
    _reply_from(leg)
    leg.set("sip_recover_contact", f"<sip:{here}{';transport=UDP' if contact_params else ''}>")
    via = f"SIP/2.0/UDP 127.0.0.1;rport;branch={sip['branch']}"
    leg.set("sip_full_via", via)
    leg.set("sip_recover_via", via)
    leg.set("sip_full_from", f"<sip:{number}@127.0.0.1>;tag={sip['from_tag']}")
    leg.set("sip_full_to", f"<sip:{sip['uri']}>;tag={sip['to_tag']}")
    leg.set("sip_from_user", number)
    leg.set("sip_from_uri", f"{number}@127.0.0.1")
    leg.set("sip_from_host", "127.0.0.1")
    leg.set("sip_to_user", user)
    leg.set("sip_to_port", port)
    leg.set("sip_to_uri", sip["uri"])
    leg.set("sip_to_host", host)
    if contact_params:
        set_fixed(leg, ("sip_contact_params", "transport=UDP"))
    set_fixed(leg, ("sip_contact_user", "nobody"))
    leg.set("sip_contact_port", port)
    leg.set("sip_contact_uri", f"nobody@{here}")
    leg.set("sip_contact_host", host)
    leg.set("sip_to_tag", sip["to_tag"])
    leg.set("sip_from_tag", sip["from_tag"])
    leg.set("sip_cseq", sip["cseq"])
    leg.set("sip_call_id", sip["call_id"])


def answered_outbound(leg: Leg) -> None:
    """The phone's 200 OK."""
    leg.set(
        "switch_r_sdp", _sdp("user1 53655765 2353687637", leg.sip["rtp"], "0\r\na=rtpmap:0 PCMU/8000\r\n")
    )
    set_fixed(leg, *_OFFER, ("remote_audio_media_flow", "sendrecv"), *_AGREED)
    _media(leg)


def refused(leg: Leg, status: int, phrase: str, q850: int, *, sent: bool) -> None:
    """A final refusal. `sent` is False when nobody was there to answer."""
    if sent:
        _reply_from(leg)
    else:
        leg.set("sip_call_id", leg.sip["call_id"])
        leg.set("sip_local_network_addr", "127.0.0.1")
        leg.set("sip_reply_port", "0")
        leg.set("sip_network_port", "0")
    leg.set("sip_hangup_disposition", "recv_refuse")
    leg.set("sip_invite_failure_status", str(status))
    leg.set("sip_invite_failure_phrase", phrase)
    leg.set("sip_term_status", str(status))
    leg.set("proto_specific_hangup_cause", f"sip:{status}")
    leg.set("sip_term_cause", str(q850))


def bye_received(leg: Leg) -> None:
    """The far end said BYE."""
    set_fixed(
        leg, ("sip_term_status", "200"), ("proto_specific_hangup_cause", "sip:200"), ("sip_term_cause", "16")
    )


def hold_received(leg: Leg) -> None:
    """A re-INVITE with a=sendonly: before the HOLD event."""
    leg.set(
        "switch_r_sdp",
        _sdp("u 1 2", leg.sip["rtp"], "0\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\n"),
    )
    set_fixed(leg, *_OFFER, ("remote_audio_media_flow", "sendonly"), ("audio_media_flow", "recvonly"))


def unhold_received(leg: Leg) -> None:
    """A re-INVITE with a=sendrecv."""
    leg.set("switch_r_sdp", _sdp("u 1 3", leg.sip["rtp"], "0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"))
    set_fixed(leg, *_OFFER, ("remote_audio_media_flow", "sendrecv"), ("audio_media_flow", "sendrecv"))


def reinvite_answered(leg: Leg) -> None:
    """Our 200 to the phone's re-INVITE and its ACK: after the HOLD event."""
    sip = leg.sip
    leg.set("remote_media_ip", sip["host"])
    leg.set("remote_media_port", sip["rtp"])
    set_fixed(leg, ("rtp_audio_recv_pt", "0"), ("dtmf_type", "info"))
    _local_sdp(leg, 2)
    leg.set("sip_to_tag", sip["from_tag"])
    leg.set("sip_from_tag", sip["to_tag"])
    set_fixed(leg, ("sip_cseq", "10"))
    leg.set("sip_call_id", sip["call_id"])
    set_fixed(leg, ("dlg_req_swap_direction", "true"))
    via = f"SIP/2.0/UDP {sip['host']}:{sip['port']};branch={sip['branch']}-7"
    leg.set("sip_full_via", via)
    leg.set("sip_recover_via", via)
    leg.set("sip_full_from", f"<sip:{sip['uri']}>;tag={sip['to_tag']}")
    leg.set("sip_full_to", f"<sip:{leg.profile.orig_number}@127.0.0.1>;tag={sip['from_tag']}")


def held_by_command(leg: Leg, version: int) -> None:
    """`uuid_hold` sends a re-INVITE of our own."""
    _local_sdp(leg, version)
