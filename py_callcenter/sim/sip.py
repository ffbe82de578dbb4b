"""What mod_sofia and the core put on a channel at each stage of a SIP call.

Only names, order and shape are of interest; the values are those of a loopback call with PCMU.
"""

from __future__ import annotations

from py_callcenter.sim.encoding import quote
from py_callcenter.sim.legs import Leg, is_taken

_PORT = "5060"


class Fixed:
    """Variables whose value is the same for every leg, rendered once."""

    def __init__(self, *pairs: tuple[str, str]) -> None:
        self._values = dict(pairs)
        self._lines = {name: f"variable_{name}: {quote(value)}\n" for name, value in pairs}

    def set(self, leg: Leg) -> None:
        """Set them all, in order."""
        leg.set_encoded(self._values, self._lines)


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
_OFFERED = Fixed(
    *_OFFER,
    ("remote_audio_media_flow", "sendrecv"),
    ("audio_media_flow", "sendrecv"),
)
_RECEIVED = Fixed(*_AGREED, ("endpoint_disposition", "RECEIVED"))
_ANSWERED = Fixed(*_OFFER, ("remote_audio_media_flow", "sendrecv"), *_AGREED)
_HELD = Fixed(*_OFFER, ("remote_audio_media_flow", "sendonly"), ("audio_media_flow", "recvonly"))
_BYE = Fixed(("sip_term_status", "200"), ("proto_specific_hangup_cause", "sip:200"), ("sip_term_cause", "16"))


def invite_received(leg: Leg, headers: dict[str, str], now_us: int) -> None:
    """An INVITE came in: all that CHANNEL_CREATE of an inbound leg shows."""
    sip = leg.sip
    number, host, port = sip["user"], sip["host"], sip["port"]
    to = leg.profile.destination
    leg.set_all(
        {
            "direction": "inbound",
            "uuid": leg.uuid,
            "call_uuid": leg.uuid,
            "session_id": str(leg.session),
            "sip_from_user": number,
            "sip_from_port": port,
            "sip_from_uri": f"{number}@{host}:{port}",
            "sip_from_host": host,
            "video_media_flow": "disabled",
            "text_media_flow": "disabled",
            "channel_name": leg.profile.channel_name,
            "sip_call_id": sip["call_id"],
            "sip_local_network_addr": host,
            "sip_network_ip": host,
            "sip_network_port": port,
            "sip_invite_stamp": str(now_us),
            "sip_received_ip": host,
            "sip_received_port": port,
            "sip_via_protocol": "udp",
            "sip_from_user_stripped": number.lstrip("+"),
            "sip_from_tag": sip["from_tag"],
            "sofia_profile_name": "internal",
            "sofia_profile_url": f"sip:mod_sofia@127.0.0.1:{_PORT}",
            "recovery_profile_name": "internal",
            "sip_full_via": f"SIP/2.0/UDP {host}:{port};branch={sip['branch']}-0",
            **_from(sip),
            "sip_full_to": f"<sip:{to}@127.0.0.1:{_PORT}>",
            "sip_req_user": to,
            "sip_req_port": _PORT,
            "sip_req_uri": f"{to}@127.0.0.1:{_PORT}",
            "sip_req_host": "127.0.0.1",
            "sip_to_user": to,
            "sip_to_port": _PORT,
            "sip_to_uri": f"{to}@127.0.0.1:{_PORT}",
            "sip_to_host": "127.0.0.1",
            "sip_contact_user": "caller",
            "sip_contact_port": port,
            "sip_contact_uri": f"caller@{host}:{port}",
            "sip_contact_host": host,
            "sip_via_host": host,
            "sip_via_port": port,
            "max_forwards": "70",
        }
    )
    for name, value in headers.items():
        leg.set_checked(f"sip_h_{name}", value)
    leg.set("switch_r_sdp", _sdp("user1 53655765 2353687637", sip["rtp"], "0\r\na=rtpmap:0 PCMU/8000\r\n"))
    _OFFERED.set(leg)
    leg.set_all({"remote_media_ip": host, "remote_media_port": sip["rtp"]})
    _RECEIVED.set(leg)


def _from(sip: dict[str, str]) -> dict[str, str]:
    """The From of the far end; its name only if FreeSWITCH takes it (see `Leg.set_checked`)."""
    uri = f"<sip:{sip['user']}@{sip['host']}:{sip['port']}>;tag={sip['from_tag']}"
    name = sip["display"]
    if not name:
        return {"sip_full_from": uri}
    shown = {"sip_from_display": name, "sip_full_from": f'"{name}" {uri}'}
    return {variable: value for variable, value in shown.items() if is_taken(value)}


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
    leg.set_all(
        {
            "local_media_ip": "127.0.0.1",
            "local_media_port": sip["local_rtp"],
            "advertised_media_ip": "127.0.0.1",
            "rtp_use_timer_name": "soft",
            "rtp_use_pt": "0",
            "rtp_use_ssrc": sip["ssrc"],
            "remote_media_ip": sip["host"],
            "remote_media_port": sip["rtp"],
        }
    )


def ack_received(leg: Leg) -> None:
    """The caller's ACK; it races with the dialplan."""
    sip = leg.sip
    leg.set_all(
        {
            "sip_to_tag": sip["to_tag"],
            "sip_from_tag": sip["from_tag"],
            "sip_cseq": "1",
            "sip_call_id": sip["call_id"],
            "sip_full_via": f"SIP/2.0/UDP {sip['host']}:{sip['port']};branch={sip['branch']}-5",
            **_from(sip),
            "sip_full_to": f"<sip:{sip['to']}@127.0.0.1:{_PORT}>;tag={sip['to_tag']}",
        }
    )


def invite_sent(leg: Leg, variables: list[tuple[str, str]]) -> None:
    """We sent an INVITE: what an outbound CHANNEL_CREATE shows. `variables` are those of the dial string."""
    sip = leg.sip
    uri = sip["uri"]
    leg.set_all(
        {
            "direction": "outbound",
            "is_outbound": "true",
            "uuid": leg.uuid,
            "call_uuid": leg.uuid,
            "session_id": str(leg.session),
            "sip_local_network_addr": "127.0.0.1",
            "sip_profile_name": "internal",
            "video_media_flow": "disabled",
            "text_media_flow": "disabled",
            "channel_name": leg.profile.channel_name,
            "sip_destination_url": f"sip:{uri}",
        }
    )
    for name, value in variables:
        leg.set(name, value)
    leg.set_all(
        {
            "originate_early_media": "false" if leg.is_true("ignore_early_media") else "true",
            "originate_endpoint": "sofia",
            "rtp_use_codec_string": "PCMU,PCMA",
            "local_media_ip": "127.0.0.1",
            "local_media_port": sip["local_rtp"],
            "advertised_media_ip": "127.0.0.1",
            "audio_media_flow": "sendrecv",
            "rtp_local_sdp_str": _local_sdp(sip, 1),
            "sip_outgoing_contact_uri": f"<sip:mod_sofia@127.0.0.1:{_PORT}>",
            "sip_req_uri": uri,
            "sip_to_host": uri.partition("@")[2],
            "sip_from_host": "127.0.0.1",
            "sofia_profile_name": "internal",
            "recovery_profile_name": "internal",
            "sofia_profile_url": f"sip:mod_sofia@127.0.0.1:{_PORT}",
        }
    )


def _local_sdp(sip: dict[str, str], version: int) -> str:
    number = int(sip["sdp"])
    return (
        f"v=0\r\no=FreeSWITCH {number} {number + version} IN IP4 127.0.0.1\r\ns=FreeSWITCH\r\n"
        f"c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {sip['local_rtp']} RTP/AVP {_OUR_CODECS}"
    )


def _reply_from(sip: dict[str, str]) -> dict[str, str]:
    return {
        "sip_local_network_addr": "127.0.0.1",
        "sip_reply_host": sip["host"],
        "sip_reply_port": sip["port"],
        "sip_network_ip": sip["host"],
        "sip_network_port": sip["port"],
    }


def first_reply(leg: Leg, *, contact_params: bool) -> None:
    """The first response of the phone that makes a dialog (180, or 200 when it never rang)."""
    sip = leg.sip
    host, port = sip["host"], sip["port"]
    here = f"{host}:{port}"
    number = leg.profile.orig_number
    via = f"SIP/2.0/UDP 127.0.0.1;rport;branch={sip['branch']}"
    leg.set_all(
        {
            **_reply_from(sip),
            "sip_recover_contact": f"<sip:{here}{';transport=UDP' if contact_params else ''}>",
            "sip_full_via": via,
            "sip_recover_via": via,
            "sip_full_from": f"<sip:{number}@127.0.0.1>;tag={sip['from_tag']}",
            "sip_full_to": f"<sip:{sip['uri']}>;tag={sip['to_tag']}",
            "sip_from_user": number,
            "sip_from_uri": f"{number}@127.0.0.1",
            "sip_from_host": "127.0.0.1",
            "sip_to_user": sip["user"],
            "sip_to_port": port,
            "sip_to_uri": sip["uri"],
            "sip_to_host": host,
            **({"sip_contact_params": "transport=UDP"} if contact_params else {}),
            "sip_contact_user": "nobody",
            "sip_contact_port": port,
            "sip_contact_uri": f"nobody@{here}",
            "sip_contact_host": host,
            "sip_to_tag": sip["to_tag"],
            "sip_from_tag": sip["from_tag"],
            "sip_cseq": sip["cseq"],
            "sip_call_id": sip["call_id"],
        }
    )


def answered_outbound(leg: Leg) -> None:
    """The phone's 200 OK."""
    leg.set(
        "switch_r_sdp", _sdp("user1 53655765 2353687637", leg.sip["rtp"], "0\r\na=rtpmap:0 PCMU/8000\r\n")
    )
    _ANSWERED.set(leg)
    _media(leg)


def refused(leg: Leg, status: int, phrase: str, q850: int, *, sent: bool) -> None:
    """A final refusal. `sent` is False when nobody was there to answer."""
    if sent:
        leg.set_all(_reply_from(leg.sip))
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
    _BYE.set(leg)


def hold_received(leg: Leg) -> None:
    """A re-INVITE with a=sendonly: before the HOLD event."""
    leg.set(
        "switch_r_sdp",
        _sdp("u 1 2", leg.sip["rtp"], "0\r\na=rtpmap:0 PCMU/8000\r\na=sendonly\r\n"),
    )
    _HELD.set(leg)


def unhold_received(leg: Leg) -> None:
    """A re-INVITE with a=sendrecv."""
    leg.set("switch_r_sdp", _sdp("u 1 3", leg.sip["rtp"], "0\r\na=rtpmap:0 PCMU/8000\r\na=sendrecv\r\n"))
    _OFFERED.set(leg)


def reinvite_answered(leg: Leg) -> None:
    """Our 200 to the phone's re-INVITE and its ACK: after the HOLD event."""
    sip = leg.sip
    via = f"SIP/2.0/UDP {sip['host']}:{sip['port']};branch={sip['branch']}-7"
    leg.set_all(
        {
            "remote_media_ip": sip["host"],
            "remote_media_port": sip["rtp"],
            "rtp_audio_recv_pt": "0",
            "dtmf_type": "info",
            "rtp_local_sdp_str": _local_sdp(sip, 2),
            "sip_to_tag": sip["from_tag"],
            "sip_from_tag": sip["to_tag"],
            "sip_cseq": "10",
            "sip_call_id": sip["call_id"],
            "dlg_req_swap_direction": "true",
            "sip_full_via": via,
            "sip_recover_via": via,
            "sip_full_from": f"<sip:{sip['uri']}>;tag={sip['to_tag']}",
            "sip_full_to": f"<sip:{leg.profile.orig_number}@127.0.0.1>;tag={sip['from_tag']}",
        }
    )


def held_by_command(leg: Leg, version: int) -> None:
    """`uuid_hold` sends a re-INVITE of our own."""
    leg.set("rtp_local_sdp_str", _local_sdp(leg.sip, version))
