"""Variables of the caller that go along on the agent's leg: what the dialplan knows of them, and what
`cc_export_vars` names.

What the builder would refuse must not get into an offer: one such variable would cost the caller every agent.
"""

from __future__ import annotations

import re
from typing import Final

from py_callcenter._router import Event

ALWAYS: Final = ("cc_customer_id", "cc_tenant")
"""What the dialplan knows of the caller, for whatever shows it to the agent."""
_MOST: Final = 16
_VALUE_MAX: Final = 128
_TOTAL_MAX: Final = 640
"""Characters of all together: FreeSWITCH takes a command of 4096 bytes, and eight phones need most of it."""
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@:/+*#-")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_ACTED_UPON = re.compile(
    r"absolute_|api_|bind_|bridge_|bypass_|campon|caller_|cc_|codec|conference_|continue_|default_|dialed_|dialplan|"
    r"direction|disable_|dtmf|eavesdrop_|effective_|enable_|event_|exec|export_|fail_on_|failed_|force_|group_|"
    r"hangup|hold_|ignore_|import|inbound_|inherit_|instant_|intercept_|jitterbuffer|last_|leg_|loopback|max_|media_|"
    r"monitor_|no_|nolocal|originat|outbound_|park|pass_|playback_|presence_|process_|progress|proxy_|read_|"
    r"record|recovery|remote_|ringback|rtcp_|rtp_|say_|sched_|send_|session_|signal_|sip_|skip_|socket_|sound_|soft_|"
    r"srtp_|switch_|t38|temp_|timer_|transfer|tts_|unbridge|uuid|verto_|video_|write_|zrtp_|.*(?:_hook|_app|_exec)\Z",
    re.IGNORECASE,
)
"""Beginnings of names that make FreeSWITCH run, send or write something (`api_on_answer`, `execute_on_…`,
`group_confirm_key`, `sip_h_…`). Wide on purpose: an exported variable is the operator's own word."""


def is_exportable(name: str) -> bool:
    """Whether a variable of this name means nothing to FreeSWITCH."""
    return _NAME.fullmatch(name) is not None and _ACTED_UPON.match(name) is None


def read(event: Event) -> tuple[tuple[str, str], ...]:
    """Names and values. A caller may have chosen the values: only plain characters pass, the rest is `_`."""
    asked = event.get("variable_cc_export_vars")
    words = [name for name in ALWAYS if event.get(f"variable_{name}")]
    if asked:
        words += [word.strip() for word in asked.split(",")[:_MOST]]
    if not words:
        return ()
    found: dict[str, str] = {}
    room = _TOTAL_MAX
    for name in words:
        value = event.get(f"variable_{name}") if name in ALWAYS or is_exportable(name) else None
        if not value or name in found:
            continue
        plain = "".join(mark if mark in _PLAIN else "_" for mark in value[:_VALUE_MAX])
        # Neither may stand in a value: one splits the originate, the other makes a list.
        plain = plain.replace(":_:", "___").replace("ARRAY::", "ARRAY__")
        room -= len(name) + len(plain)
        if room < 0:
            break
        found[name] = plain
    return tuple(found.items())
