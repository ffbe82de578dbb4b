"""Moments that cross, at twenty random instants each, on a real FreeSWITCH (F22–F28 of the list of faults).

`tests/sim/test_crossings.py` sweeps the same pairs in steps of a millisecond; here the switch and the phones
are real, and each instant is drawn. Whatever happens, nobody is lost, doubled or stuck.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator

import pytest
from live.deskphone import DeskPhone, Line
from live.product import Controller, Setup
from live.sip import StoryError, until
from live.switch import FreeSwitch

pytestmark = [pytest.mark.live, pytest.mark.timeout(300)]

INSTANTS = 20


@pytest.fixture
def desk(switch) -> Iterator[Callable[..., DeskPhone]]:
    phones: list[DeskPhone] = []

    def make(**settings) -> DeskPhone:
        phones.append(DeskPhone(switch.sip_port, **settings))
        return phones[-1]

    yield make
    for phone in phones:
        phone.stop()


def instants(what: str, up_to_s: float) -> Iterator[float]:
    """Spread over the whole stretch, so that each part of it has its turn; the same in every run."""
    draw = random.Random(what)
    places = list(range(INSTANTS))
    draw.shuffle(places)
    for place in places:
        yield (place + draw.random()) / INSTANTS * up_to_s


def rings(phone: DeskPhone, after: int) -> Line:
    """The line that rings next."""
    return until(lambda: phone.lines[after] if len(phone.lines) > after else None, "the phone rings")


def ending(phone: DeskPhone, line: Line) -> None:
    if line.answered and not line.over:
        phone.hang_up(line)


def all_is_over(office: Controller, switch: FreeSwitch, agents: int, instant_s: float) -> None:
    def quiet() -> bool:
        waiting = office.metric("callcenter_agents", state="waiting")
        return switch.channels() == 0 and waiting == agents and not office.get("calls")

    try:
        until(quiet, "", 15)
    except StoryError:
        calls, channels = office.get("calls"), switch.api("show channels as json")
        raise AssertionError(
            f"at {instant_s * 1000:.0f} ms: {calls} {channels} {office.log[-1500:]}"
        ) from None


def books_agree(office: Controller, calls: int, legs: int) -> None:
    """Each call was offered once, each queue leg has one end, and the product found nothing to mend."""
    assert office.metric("callcenter_queue_calls_offered_total") == calls
    assert office.metric("callcenter_queue_wait_seconds_count") == legs
    assert office.metric("callcenter_invariant_violations_total") == 0
    assert office.metric("callcenter_engine_faults_total") == 0


def test_the_caller_hangs_up_between_the_first_ring_and_the_conversation(desk, switch, open_for_business):
    """F22."""
    phone, callers = desk(ring_s=0.15), desk()
    office = open_for_business(Setup().queue().agent("a1", phone, wrap_up_time=0))

    for instant_s in instants("F22", 0.35):
        caller = callers.call("queue_support")
        time.sleep(instant_s)
        callers.hang_up(caller)
        all_is_over(office, switch, 1, instant_s)

    books_agree(office, INSTANTS, INSTANTS)
    left = office.metric("callcenter_queue_calls_abandoned_total")
    answered = office.metric("callcenter_queue_calls_answered_total")
    assert left + answered == INSTANTS, "each of them has one end"


def test_the_agent_hangs_up_between_the_answer_and_a_second_of_conversation(desk, switch, open_for_business):
    """F23: until the answer counts the caller keeps the place and is rung for again."""
    phone, callers = desk(ring_s=0.1), desk()
    office = open_for_business(
        Setup().queue(after_call="voicemail@default").agent("a1", phone, wrap_up_time=0)
    )

    for instant_s in instants("F23", 1.1):
        before = len(phone.lines)
        caller = callers.call("queue_support")
        line = rings(phone, before)
        until(lambda line=line: line.answered, "the agent answers")
        time.sleep(instant_s)
        phone.hang_up(line)
        time.sleep(0.3)
        assert not caller.over, f"at {instant_s * 1000:.0f} ms the caller was dropped with the agent"
        callers.hang_up(caller)
        for other in phone.lines[before:]:
            ending(phone, other)
        all_is_over(office, switch, 1, instant_s)

    books_agree(office, INSTANTS, INSTANTS)


def test_three_agents_answer_at_nearly_the_same_moment(desk, switch, open_for_business):
    """F24: one of them gets the caller, the others are free."""
    phones, callers = [desk(answers=False) for _ in range(3)], desk()
    setup = Setup().queue(strategy="ring-all")
    for number, phone in enumerate(phones):
        setup.agent(f"a{number}", phone, wrap_up_time=0)
    office = open_for_business(setup)
    draw = random.Random("F24")

    for instant_s in instants("F24", 0.04):
        before = [len(phone.lines) for phone in phones]
        caller = callers.call("queue_support")
        lines = [rings(phone, count) for phone, count in zip(phones, before, strict=True)]
        pairs = list(zip(phones, lines, strict=True))
        draw.shuffle(pairs)
        for place, (phone, line) in enumerate(pairs):
            if place == 1:
                time.sleep(instant_s)
            if not line.over:
                phone.answer(line)
        until(lambda lines=lines: sum(not line.over for line in lines) == 1, "two of three are let go")
        time.sleep(0.2)
        assert sum(not line.over for line in lines) == 1
        assert not caller.over
        callers.hang_up(caller)
        all_is_over(office, switch, 3, instant_s)

    books_agree(office, INSTANTS, INSTANTS)


def test_somebody_parts_the_two_around_the_moment_of_the_bridge(desk, switch, open_for_business):
    """F25 and F26: a bridge that doesn't come about, or breaks with nobody hanging up, drops no caller."""
    phone, callers = desk(answers=False), desk()
    office = open_for_business(
        Setup().queue(after_call="voicemail@default").agent("a1", phone, wrap_up_time=0)
    )

    for instant_s in instants("F26", 0.2):
        before = len(phone.lines)
        caller = callers.call("queue_support")
        line = rings(phone, before)
        [call] = until(lambda: office.get("calls"), "the call is known")
        phone.answer(line)
        time.sleep(instant_s)
        switch.api(f"uuid_park {call['id']}")
        time.sleep(0.6)
        assert not caller.over, f"at {instant_s * 1000:.0f} ms the caller was dropped"
        callers.hang_up(caller)
        for other in phone.lines[before:]:
            ending(phone, other)
        all_is_over(office, switch, 1, instant_s)

    books_agree(office, INSTANTS, INSTANTS)


def test_the_agent_hangs_up_from_hold(desk, switch, open_for_business):
    """F27: the caller goes on to the exit after the call."""
    phone, callers = desk(ring_s=0.1), desk()
    office = open_for_business(
        Setup().queue(after_call="voicemail@default").agent("a1", phone, wrap_up_time=0)
    )

    for instant_s in instants("F27", 0.3):
        before = len(phone.lines)
        caller = callers.call("queue_support")
        line = rings(phone, before)
        until(lambda: office.metric("callcenter_agents", state="in_a_queue_call") == 1, "they talk")
        time.sleep(1.1)  # it counts as an answer
        phone.hold(line)
        time.sleep(instant_s)
        phone.hang_up(line)
        time.sleep(0.4)
        assert not caller.over, f"at {instant_s * 1000:.0f} ms the caller was dropped with the agent"
        callers.hang_up(caller)
        all_is_over(office, switch, 1, instant_s)

    books_agree(office, INSTANTS, INSTANTS)
    assert office.metric("callcenter_queue_calls_answered_total") == INSTANTS


@pytest.mark.parametrize("how", ["blind", "attended"])
def test_the_agent_transfers_the_caller_to_another_queue_at_any_moment(desk, switch, open_for_business, how):
    """F28 by the agent's phone, from the first moment of the conversation on: a second queue leg of the same
    call, the agent is free, and nobody's phone is left over.
    """
    phone, callers = desk(ring_s=0.1), desk()
    office = open_for_business(
        Setup().queue(after_call="voicemail@default").queue("sales").agent("a1", phone, wrap_up_time=0)
    )

    for instant_s in instants(f"F28 {how}", 0.4):
        before = len(phone.lines)
        caller = callers.call("queue_support")
        line = rings(phone, before)
        office.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
        [call] = office.get("calls")
        if how == "attended":
            phone.hold(line)
            second = phone.call("queue_sales")
            time.sleep(instant_s)
            phone.connect(line, second)
        else:
            time.sleep(instant_s)
            phone.refer(line, "queue_sales")
        until(lambda call=call: in_queue(office, call["id"]) == "sales", "the caller waits for sales")
        time.sleep(0.2)
        assert not caller.over, f"at {instant_s * 1000:.0f} ms the caller was dropped"
        callers.hang_up(caller)
        for other in phone.lines[before:]:
            ending(phone, other)
        all_is_over(office, switch, 1, instant_s)

    assert office.metric("callcenter_invariant_violations_total") == 0
    assert office.metric("callcenter_engine_faults_total") == 0
    assert office.metric("callcenter_queue_calls_answered_total", queue="support") == INSTANTS


def in_queue(office: Controller, call: str) -> str:
    """Where a call waits; empty when it doesn't."""
    return next(
        (row["queue"] for row in office.get("calls") if (row["id"], row["state"]) == (call, "waiting")), ""
    )


def test_the_caller_dies_while_the_two_are_being_joined(desk, switch, open_for_business):
    """F25: the agent's leg may be left asleep, alive with nobody and without an event."""
    phone, callers = desk(answers=False), desk()
    office = open_for_business(Setup().queue().agent("a1", phone, wrap_up_time=0))

    for instant_s in instants("F25", 0.06):
        before = len(phone.lines)
        callers.call("queue_support")
        line = rings(phone, before)
        [call] = until(lambda: office.get("calls"), "the call is known")
        phone.answer(line)
        time.sleep(instant_s)
        switch.api(f"uuid_kill {call['id']}")
        until(lambda line=line: line.over, f"at {instant_s * 1000:.0f} ms: the agent's phone is let go", 3)
        all_is_over(office, switch, 1, instant_s)
        [ended] = phone.lines[before:]
        assert ended is line, f"at {instant_s * 1000:.0f} ms nobody else was rung"

    books_agree(office, INSTANTS, INSTANTS)
    assert office.metric("callcenter_invariant_violations_total") == 0


def test_the_caller_is_transferred_to_another_queue_at_any_moment(desk, switch, open_for_business):
    """F28: a second queue leg of the same call, and the first agent is free. Only when our bridge reaches the
    switch after the transfer has the agent the caller after all: the last word counts.
    """
    phone, callers = desk(ring_s=0.1), desk()
    office = open_for_business(Setup().queue().queue("sales").agent("a1", phone, wrap_up_time=0))

    moved = 0
    for instant_s in instants("F28", 0.5):
        before = len(phone.lines)
        caller = callers.call("queue_support")
        rings(phone, before)
        [call] = until(lambda: office.get("calls"), "the call is known")
        time.sleep(instant_s)
        switch.api(f"uuid_transfer {call['id']} queue_sales XML default")
        time.sleep(0.5)
        [found] = office.get("calls")
        assert found["state"] == ("waiting" if found["queue"] == "sales" else "talking"), (instant_s, found)
        moved += found["queue"] == "sales"
        assert not caller.over
        callers.hang_up(caller)
        for other in phone.lines[before:]:
            ending(phone, other)
        all_is_over(office, switch, 1, instant_s)

    books_agree(office, INSTANTS, INSTANTS + moved)
    assert moved > INSTANTS / 2
