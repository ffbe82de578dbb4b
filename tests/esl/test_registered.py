"""What the switch says about registered phones, which choose their own addresses."""

import pytest

from py_callcenter.engine.actions import Device, Originate
from py_callcenter.esl import commands
from py_callcenter.esl.errors import CommandError
from py_callcenter.esl.registered import phones_of

pytestmark = pytest.mark.esl

DESK = "sofia/internal/sip:1001@192.0.2.7:5060"
APP = "sofia/internal/sip:x7f~1@192.0.2.9:41234;transport=tls;fs_nat=yes;fs_path=sip%3A203.0.113.5%3A41234"


def test_each_phone_is_found_once():
    assert phones_of(f"{DESK},{APP},{DESK}") == ((DESK, APP), 0)


def test_nobody_is_registered():
    assert phones_of("error/user_not_registered") == ((), 0)
    assert phones_of("") == ((), 0)


@pytest.mark.parametrize(
    "hostile",
    [
        "sofia/internal/sip:a@h]evil",
        "sofia/internal/sip:${system(x)}@192.0.2.7",
        "loopback/1001",
        "sofia/internal/sip:a@192.0.2.7 &system(x)",
        "sofia/internal/sip:a@192.0.2.7;x=%0d%0aBYE",
        "sofia/internal/sip:a@192.0.2.7|error/user_busy",
        "user/1001@example.org",
        "sofia/gateway/trunk/00442079460000",
        "sofia/internal/00442079460000@192.0.2.7",
    ],
)
def test_an_address_that_could_be_a_command_is_passed_over_and_the_others_ring(hostile):
    assert phones_of(f"{DESK},{hostile}") == ((DESK,), 1)


def test_a_user_with_very_many_phones_still_fits_a_command():
    phones, more = phones_of(",".join(f"sofia/internal/sip:1001@192.0.2.{i}:5060" for i in range(1, 30)))
    assert (len(phones), more) == (8, 21)
    long = f"{'x' * 60}.example.org"
    phones, _ = phones_of(",".join(f"{APP};n={'y' * 150}{i}" for i in range(8)))
    devices = tuple(Device(f"leg-{i}", phone, f"{'u' * 60}@{long}") for i, phone in enumerate(phones))
    variables = tuple((f"cc_{i}", "v" * 60) for i in range(16))
    assert commands.encode(Originate("fs1", "job", devices, variables, "A" * 64, "1" * 32, 20))


def test_the_question_takes_a_user_and_nothing_else():
    assert commands.registered_phones("1001@example.org") == b"api sofia_contact */1001@example.org\n\n"
    assert commands.registered_phones("1001") == b"api sofia_contact */1001\n\n"
    for hostile in ("1001@x/y", "a b", "1001~x", "", "1001\n\nbgapi hupall"):
        with pytest.raises(CommandError):
            commands.registered_phones(hostile)


def test_each_registered_phone_keeps_what_the_stock_dial_string_sets():
    action = Originate(
        "fs1", "job", (Device("l1", DESK, "1001@example.org"), Device("l2", APP)), (), "Ann", "5550123", 20
    )
    line = commands.encode(action).decode()
    assert f"[origination_uuid=l1,presence_id=1001@example.org,sip_invite_domain=example.org]{DESK}" in line
    assert f",[origination_uuid=l2]{APP} &park()" in line
