"""Names and seals: derived, repeatable, and worthless to whoever hasn't the key."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from py_callcenter.engine.identity import Sealer, job_uuid, leg_uuid

pytestmark = pytest.mark.unit

KEY = b"0123456789abcdef0123456789abcdef"


def test_a_leg_has_the_same_name_whoever_derives_it():
    name = leg_uuid("call", 3, 0)

    assert name == leg_uuid("call", 3, 0)
    assert uuid.UUID(name).version == 5


def test_every_attempt_and_device_and_job_has_its_own_name():
    names = {leg_uuid("c", attempt, device) for attempt in range(20) for device in range(5)}
    names |= {job_uuid("c", attempt) for attempt in range(20)}

    assert len(names) == 120


def test_a_seal_holds_for_its_parts_and_its_key_only():
    sealer = Sealer(KEY)
    tag = sealer.seal("caller", "uuid", "support", 5)

    assert sealer.holds(tag, "caller", "uuid", "support", 5)
    assert not sealer.holds(tag, "caller", "uuid", "support", 6)
    assert not sealer.holds(tag, "offer", "uuid", "support", 5)
    assert not Sealer(KEY[::-1]).holds(tag, "caller", "uuid", "support", 5)
    assert not sealer.holds(None, "caller", "uuid", "support", 5)
    assert not sealer.holds("", "caller", "uuid", "support", 5)
    assert not sealer.holds("\u0660" * 32, "caller", "uuid", "support", 5)


def test_the_name_of_an_offers_leg_is_proof_for_whoever_has_the_key():
    old, new = Sealer(KEY), Sealer(KEY[::-1], KEY)
    name = old.leg("call", 3, 7)

    assert uuid.UUID(name).version == 5
    assert name == Sealer(KEY).leg("call", 3, 7)
    assert name in new.legs("call", 3), "an earlier key counts"
    assert name not in new.legs("call", 4)
    assert name not in Sealer(KEY[::-1]).legs("call", 3), "nobody else can make it"
    assert name != leg_uuid("call", 3, 7)
    assert len(set(new.legs("call", 3))) == 16


@given(st.lists(st.text(max_size=8), max_size=4), st.lists(st.text(max_size=8), max_size=4))
def test_no_two_lists_of_parts_share_a_seal(one, other):
    sealer = Sealer(KEY)

    assert (sealer.seal(*one) == sealer.seal(*other)) == (one == other)


def test_every_byte_of_a_long_key_counts():
    long = KEY * 4
    tag = Sealer(long).seal("caller")

    assert Sealer(long).holds(tag, "caller")
    assert not Sealer(long[:-1] + b"x").holds(tag, "caller")


def test_a_short_key_is_refused_and_no_key_is_ever_shown():
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Sealer(b"short")

    assert "0123" not in repr(Sealer(KEY))


@given(st.text(max_size=80), st.integers(0, 10**6), st.integers(0, 128))
def test_names_are_version_5_uuids_of_our_namespace(call, attempt, device):
    expected = uuid.uuid5(uuid.UUID("6f1d7a1c-4f0e-5b7a-9d0b-2f4f0c6f8a51"), f"leg/{call}/{attempt}/{device}")

    assert leg_uuid(call, attempt, device) == str(expected)
