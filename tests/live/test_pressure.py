"""A real switch that is full or throttles: what it says, and what becomes of callers and agents."""

from __future__ import annotations

import pytest
from live.product import Setup
from live.sip import until

pytestmark = [pytest.mark.live, pytest.mark.timeout(90)]


@pytest.fixture
def limited(switch):
    """The switch with limits of one's choice; afterwards the usual ones."""

    def limit(**limits: int) -> None:
        for name, value in limits.items():
            switch.api(f"fsctl {name} {value}")

    yield limit
    limit(sps=300, max_sessions=5000)


def refused(office) -> int:
    return sum(row["originates_refused"] for row in office.get("nodes"))


def test_agents_become_free_at_once_and_ring_at_the_pace_that_the_switch_takes(
    sip, switch, limited, open_for_business
):
    setup = Setup().queue()
    phones = []
    for i in range(6):
        phones.append(sip.phone(f"phone{i}"))
        setup.agent(f"a{i}", phones[-1], status="On Break")
    limited(sps=9)
    office = open_for_business(setup)
    until(lambda: office.get("nodes")[0]["sessions_per_second"] == 9, "the controller knows the limit")
    for i in range(6):
        sip.caller("queue_support", name=f"caller{i}", number=f"555000{i}")
        office.wait_metric("callcenter_queue_calls_waiting", i + 1, queue="support")
    for i in range(6):
        office.set_status(f"a{i}", "Available")
    office.wait_metric("callcenter_agents", 6, state="in_a_queue_call", wait_s=15)
    at = sorted(phone.received("INVITE")[0].at for phone in phones)
    assert at[5] - at[0] > 0.8, "four a second: half of the eight that the switch lets begin"
    assert refused(office) == 0


def test_a_full_switch_blames_nobody_and_the_caller_is_connected_when_there_is_room(
    sip, switch, limited, open_for_business
):
    phone = sip.phone("phone")
    office = open_for_business(Setup().queue().agent("a1", phone, status="On Break"))
    caller = sip.caller("queue_support")
    office.wait_metric("callcenter_queue_calls_waiting", 1, queue="support")
    # Whoever knows that the switch is full asks nothing of it, so that look has to come before.
    until(lambda: office.log.count("esl_synchronised") == 2, "the second look of the start is over")
    limited(max_sessions=1)
    office.set_status("a1", "Available")
    until(lambda: refused(office) >= 1, "the switch refused an originate")
    row = office.get("agents")[0]
    assert row["ready_at"] is None, "nobody rests for it"
    assert (row["no_answer_count"], row["status"]) == (0, "Available")
    assert not phone.received("INVITE")
    assert "pressure" in office.get("nodes")[0]["held"]
    limited(max_sessions=5000)
    phone.wait_talking(15)
    office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="support")
    assert not caller.over


def test_everybody_is_diverted_by_one_order_which_outlives_the_controller(sip, open_for_business):
    setup = Setup().queue().queue("sales").agent("a1", sip.phone("phone"), status="On Break")
    office = open_for_business(setup)
    waits = sip.caller("queue_support", name="waits")
    office.wait_metric("callcenter_queue_calls_waiting", 1, queue="support")
    rows = office.ask("PUT", "divert", {"to": "voicemail"})
    assert [row["divert"] for row in rows] == ["voicemail@default"] * 2
    assert "cause=18" in (waits.wait_received("BYE").header("Reason") or "")
    office.stop()
    office.start()
    late = sip.caller("queue_sales", name="late", number="5550002")
    assert "cause=18" in (late.wait_received("BYE").header("Reason") or "")
    office.ask("DELETE", "divert")
    stays = sip.caller("queue_sales", name="stays", number="5550003")
    office.wait_metric("callcenter_queue_calls_waiting", 1, queue="sales")
    assert not stays.over
