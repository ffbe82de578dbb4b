"""The views of `show … as json`: SQL rows that are written from events, so they come late and leave late."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable

from py_callcenter.sim.legs import Leg


def channel_row(leg: Leg, hostname: str) -> dict[str, str]:
    """One row of `show channels`."""
    profile = leg.profile
    created = leg.created_us // 1_000_000
    codec = leg.codec
    return {
        "uuid": leg.uuid,
        "direction": "inbound" if leg.inbound else "outbound",
        "created": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(created)),
        "created_epoch": str(created),
        "name": profile.channel_name,
        "state": leg.running,
        "cid_name": profile.name,
        "cid_num": profile.number,
        "ip_addr": profile.network if leg.inbound else "",
        "dest": profile.destination,
        "application": leg.values.get("current_application", ""),
        "application_data": leg.values.get("current_application_data", ""),
        "dialplan": profile.dialplan,
        "context": profile.context,
        "read_codec": codec,
        "read_rate": "8000" if codec else "",
        "read_bit_rate": "64000" if codec else "",
        "write_codec": codec,
        "write_rate": "8000" if codec else "",
        "write_bit_rate": "64000" if codec else "",
        "secure": "",
        "hostname": hostname,
        "presence_id": leg.values.get("presence_id", ""),
        "presence_data": leg.values.get("presence_data", ""),
        "accountcode": leg.values.get("accountcode", ""),
        "callstate": leg.call_state,
        "callee_name": profile.callee_name,
        "callee_num": profile.callee_number,
        "callee_direction": "",
        "call_uuid": "" if leg.inbound and leg.partner is None else leg.call_uuid,
        "sent_callee_name": leg.values.get("last_sent_callee_id_name", ""),
        "sent_callee_num": leg.values.get("last_sent_callee_id_number", ""),
        "initial_cid_name": profile.orig_name,
        "initial_cid_num": profile.orig_number,
        "initial_ip_addr": profile.network if leg.inbound else "",
        "initial_dest": leg.values.get("original_destination_number", profile.destination),
        "initial_dialplan": profile.dialplan,
        "initial_context": profile.context,
    }


_BOTH = (
    "uuid direction created created_epoch name state cid_name cid_num ip_addr dest presence_id presence_data "
    "accountcode callstate callee_name callee_num callee_direction"
)
_SENT = "sent_callee_name sent_callee_num"
_CALL_COLUMNS = f"{_BOTH} call_uuid hostname {_SENT}".split()
_PARTNER_COLUMNS = f"{_BOTH} {_SENT}".split()


def call_row(leg: Leg, hostname: str) -> dict[str, str]:
    """One row of `show calls`: a leg and the one it talks to."""
    row = channel_row(leg, hostname)
    call = {name: row[name] for name in _CALL_COLUMNS}
    partner = leg.partner
    other = channel_row(partner, hostname) if partner is not None else {}
    call.update({f"b_{name}": other.get(name, "") for name in _PARTNER_COLUMNS})
    call["call_created_epoch"] = other.get("created_epoch", "")
    return call


def as_table(rows: Iterable[dict[str, str]]) -> str:
    """The JSON of `show … as json`; an empty table has no `rows`."""
    listed = list(rows)
    if not listed:
        return '{"row_count": 0}\n'
    return json.dumps({"row_count": len(listed), "rows": listed}, separators=(",", ":"), ensure_ascii=False)
