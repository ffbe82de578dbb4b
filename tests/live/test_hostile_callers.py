"""Callers write what they like into their names; an agent's phone gets a whole INVITE and a clean name."""

from __future__ import annotations

import re

import pytest
from live.product import Setup

pytestmark = [pytest.mark.live, pytest.mark.timeout(90)]

# Attack inputs A1-A3 and A8-A13 as what they would be on the wire: a display name.
NAMES = {
    "another channel's id": '"x%0AUnique-ID: 11111111-2222-3333-4444-555555555555"',
    "the end of the event": '"x%0A%0AContent-Length: 5"',
    "the end of the INVITE": '"x%0D%0A%0D%0Av=0"',
    "another event": '"1001%0AEvent-Name: CHANNEL_HANGUP"',
    "line ends of Unicode": '"1001\u2028Event-Name: CHANNEL_HANGUP\u0085x"',
    "a variable": '"a,api_on_answer=system id"',
    "the end of the variables": '"a}sofia/external/900@example.org"',
    "the end of the leg": '"a]b"',
    "the end of the dial string": '"<a=b>"',
    "another delimiter": '"^^:api_on_answer=system id:x=y"',
    "expansion": '"${system(id)} ${expr(1/0)} $${default_password} #{x}"',
    "quotes": '"x\\\\\' y\\\\"',
    "not UTF-8": '"\udcff\udcfe caller"',
    "no quotes": "plain words",
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES.keys())
def test_the_agents_phone_gets_a_whole_invite_with_a_clean_name(sip, open_for_business, name):
    phone = sip.phone("phone")
    open_for_business(Setup().queue().agent("a1", phone))
    caller = sip.caller("queue_support", stay_s=2, display=name, number="5550123")
    invite = phone.wait_received("INVITE")
    head, _, body = invite.text.replace("\r\n", "\n").partition("\n\n")
    for header in ("Via", "From", "To", "Call-ID", "CSeq", "Contact", "Content-Type"):
        assert len(re.findall(rf"^{header}:", head, re.MULTILINE)) == 1, header
    assert body.startswith("v=0\n"), "the body is the switch's own"
    assert int(invite.header("Content-Length")) == len(body.replace("\n", "\r\n").rstrip()) + 2
    shown = re.fullmatch(r'(?:"([^"]*)" )?<sip:5550123@[0-9.]+>;tag=\w+', invite.header("From"))
    assert shown, invite.header("From")
    assert re.fullmatch(r"[\w .-]*", shown[1] or ""), "nothing but letters, digits and spaces is shown"
    assert not re.search(r"uid=\d|gid=\d", invite.text), "nothing was run"
    phone.wait_talking()
    caller.wait_sent("BYE")
    phone.wait_received("BYE")
