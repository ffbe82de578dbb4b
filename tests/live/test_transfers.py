"""Callers moved about by agents, operators and other programs, on a real FreeSWITCH."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live.deskphone import DeskPhone
from live.product import Setup, quiet_for
from live.sip import StoryError, until

pytestmark = [pytest.mark.live, pytest.mark.timeout(90)]


@pytest.fixture
def desk(switch) -> Iterator[Callable[..., DeskPhone]]:
    phones: list[DeskPhone] = []

    def make(**settings) -> DeskPhone:
        phones.append(DeskPhone(switch.sip_port, **settings))
        return phones[-1]

    yield make
    for phone in phones:
        phone.stop()


def talking(phone: DeskPhone):
    """The phone's first line, once it has been answered."""
    return until(lambda: next((x for x in phone.lines if x.answered), None), "the desk phone is answered")


def uuid_of(office, queue: str = "support") -> str:
    calls = until(lambda: [c for c in office.get("calls") if c["queue"] == queue], f"a call in {queue}")
    return calls[0]["id"]


def story(office, uuid: str) -> list[str]:
    return [step["kind"] for step in office.get(f"calls/{uuid}/trace")]


def test_an_agent_asks_a_colleague_outside_and_connects_the_caller(sip, desk, open_for_business):
    agents, outside = desk(), sip.phone("outside", talk_s=3)
    office = open_for_business(Setup().queue(after_call="voicemail@default").agent("a1", agents))
    caller = sip.caller("queue_support", stay_s=30)
    first = talking(agents)
    uuid = uuid_of(office)
    agents.hold(first)
    second = agents.call(f"outside_{outside.port}")

    agents.connect(first, second)

    office.wait_metric("callcenter_agents", 1, state="waiting")
    until(lambda: first.over, "the agent's phone is let go")
    assert not caller.over, "the caller talks to the colleague"
    assert story(office, uuid).count("conversation-ended") == 1
    hung_up = outside.wait_sent("BYE")
    assert caller.wait_received("BYE", 5).at - hung_up.at < 2, "and nobody parks the caller afterwards"
    assert "conversation-ended" in story(office, uuid)


def test_an_agent_asks_an_agent_of_another_queue_and_connects_the_caller(
    sip, desk, open_for_business, tmp_path: Path
):
    """The second talk is in the books, and recorded by the other queue's template."""
    agents, sales = desk(), sip.phone("sales", talk_s=3)
    tape = tmp_path / "tapes"
    tape.mkdir()
    office = open_for_business(
        Setup()
        .queue()
        .queue("sales", record_template=f"{tape}/{{call}}.wav")
        .agent("a1", agents)
        .agent("s1", sales, queue="sales")
    )
    caller = sip.caller("queue_support", stay_s=30)
    first = talking(agents)
    uuid = uuid_of(office)
    agents.hold(first)
    second = agents.call("queue_sales")
    sales.wait_talking()
    office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="sales")

    agents.connect(first, second)

    until(lambda: "conversation-joined" in story(office, uuid), "the caller talks to sales")
    rows = {row["name"]: row for row in office.get("agents")}
    assert rows["s1"]["call"] == uuid
    until(lambda: first.over and second.over, "both lines of the agent's phone are free")
    office.wait_metric("callcenter_agents", 1, state="waiting")
    assert not caller.over
    sales.wait_sent("BYE", 8)
    assert caller.wait_received("BYE", 5)
    office.wait_metric("callcenter_agents", 2, state="waiting")
    assert story(office, uuid).count("conversation-ended") == 2
    assert (tape / f"{uuid}.wav").stat().st_size > 8000, "the second talk is on tape"
    assert len(sales.received("INVITE")) == 1


def test_an_agent_sends_the_caller_to_a_colleague_by_name(sip, desk, open_for_business):
    """Not to whoever would be next; the agent's own phone has no caller to send."""
    first, next_one, meant = desk(), sip.phone("next", talk_s=30), sip.phone("meant", talk_s=30)
    setup = Setup().queue(strategy="top-down", preferred_agent_wait=20)
    for level, (name, phone) in enumerate((("a1", first), ("a2", next_one), ("a3", meant)), 1):
        setup.agent(name, phone, wrap_up_time=60, level=level)
    office = open_for_business(setup)
    caller = sip.caller("queue_support", stay_s=60)
    line = talking(first)
    uuid = uuid_of(office)

    first.refer(line, "agent_a3")

    meant.wait_talking()
    until(lambda: line.over, "the agent's line is free")
    assert not next_one.received("INVITE")
    assert not caller.over
    rows = {row["name"]: row for row in office.get("agents")}
    assert rows["a3"]["call"] == uuid
    until(lambda: story(office, uuid).count("call-answered") == 2, "both conversations are in the books")
    with pytest.raises(StoryError, match="agent_a2 answers"):
        first.call("agent_a2")
    assert not next_one.received("INVITE")


def test_a_receptionist_connects_an_agent_with_a_customer_from_outside(sip, desk, open_for_business):
    """Who is on the line then never came through a queue; nobody cuts them off, and the agent is busy."""
    reception, agent, customer = desk(), sip.phone("agent", talk_s=60), sip.phone("outside", talk_s=9)
    office = open_for_business(
        Setup().queue(after_call="voicemail@default").agent("a1", agent, wrap_up_time=1)
    )
    to_agent = reception.call("queue_support")
    agent.wait_talking()
    uuid = uuid_of(office)
    reception.hold(to_agent)
    to_customer = reception.call(f"outside_{customer.port}")

    reception.connect(to_agent, to_customer)

    until(lambda: to_agent.over and to_customer.over, "both lines of the receptionist's phone are free")
    quiet_for(5, "the agent is cut off", lambda: agent.over or customer.over)
    [row] = office.get("agents")
    assert row["state"] == "in_a_queue_call"
    hung_up = customer.wait_sent("BYE", 10)
    assert agent.wait_received("BYE", 5).at - hung_up.at < 2, "and the agent's phone is let go"
    office.wait_metric("callcenter_agents", 1, state="waiting")
    assert story(office, uuid).count("conversation-ended") == 1
    assert len(agent.received("INVITE")) == 1


@pytest.mark.parametrize("queue", ["support", "sales"])
def test_an_agent_who_connects_the_caller_to_a_queue_where_nobody_answered_yet(
    sip, desk, open_for_business, queue
):
    agents = desk()
    office = open_for_business(
        Setup().queue(after_call="voicemail@default").queue("sales").agent("a1", agents, wrap_up_time=30)
    )
    caller = sip.caller("queue_support", stay_s=30)
    first = talking(agents)
    uuid = uuid_of(office)
    agents.hold(first)
    second = agents.call(f"queue_{queue}")

    agents.connect(first, second)

    until(lambda: first.over and second.over, "both lines of the agent's phone are free")
    office.wait_metric("callcenter_queue_calls_waiting", 1, queue=queue)
    assert story(office, uuid).count("queue-entered") == 2
    quiet_for(1.5, "the caller waits there", lambda: caller.over)
    office.wait_metric("callcenter_queue_calls_waiting", 1, queue=queue)


def test_an_operator_takes_a_waiting_caller_away_while_a_phone_rings(sip, switch, open_for_business):
    phone = sip.silent_phone("phone")
    office = open_for_business(Setup().queue().agent("a1", phone))
    caller = sip.caller("queue_support", stay_s=30)
    phone.wait_received("INVITE")
    uuid = uuid_of(office)

    assert switch.api(f"uuid_transfer {uuid} voicemail XML default") == "+OK"

    phone.wait_received("CANCEL", 2)
    office.wait_metric("callcenter_agents", 1, state="waiting")
    office.wait_metric("callcenter_queue_calls_waiting", 0, queue="support")
    ended = caller.wait_received("BYE", 8)
    assert "cause=18" in (ended.header("Reason") or ""), "the caller got to where the operator sent them"
    assert "call-left" in story(office, uuid)
    assert "call-abandoned" not in story(office, uuid)
    assert len(phone.received("INVITE")) == 1


def test_an_operator_moves_a_waiting_caller_to_another_queue(sip, switch, open_for_business):
    phone, sales = sip.silent_phone("phone"), sip.phone("sales")
    office = open_for_business(
        Setup().queue().queue("sales").agent("a1", phone).agent("s1", sales, queue="sales")
    )
    sip.caller("queue_support", stay_s=4)
    phone.wait_received("INVITE")
    uuid = uuid_of(office)
    switch.api(f"uuid_transfer {uuid} queue_sales XML default")
    phone.wait_received("CANCEL", 2)
    sales.wait_talking()
    assert story(office, uuid).count("queue-entered") == 2


def test_an_operator_sends_a_waiting_caller_outside_for_good(sip, switch, open_for_business):
    """When the party outside hangs up, the caller doesn't fall back into the queue."""
    outside = sip.phone("outside", talk_s=1)
    office = open_for_business(Setup().queue().agent("a1", sip.silent_phone("phone")))
    caller = sip.caller("queue_support", stay_s=30)
    caller.wait_answered()
    uuid = uuid_of(office)
    switch.api(f"uuid_transfer {uuid} outside_{outside.port} XML default")
    outside.wait_sent("BYE")
    assert caller.wait_received("BYE", 5)
    assert story(office, uuid).count("queue-entered") == 1
    office.wait_metric("callcenter_queue_calls_waiting", 0, queue="support")


def test_an_operator_moves_a_caller_out_of_a_conversation(sip, switch, open_for_business):
    phone = sip.phone("phone")
    office = open_for_business(Setup().queue().agent("a1", phone))
    caller = sip.caller("queue_support", stay_s=30)
    phone.wait_talking()
    office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="support")
    uuid = uuid_of(office)

    switch.api(f"uuid_transfer {uuid} long_message XML default")

    phone.wait_received("BYE")
    office.wait_metric("callcenter_agents", 1, state="waiting")
    quiet_for(5, "the caller is left where they are", lambda: caller.over)
    assert switch.api(f"uuid_getvar {uuid} current_application") == "playback"


def test_a_supervisor_sends_a_talking_caller_to_another_queue_and_then_to_an_agent(sip, open_for_business):
    support, sales, expert = sip.phone("support"), sip.phone("sales"), sip.phone("expert")
    office = open_for_business(
        Setup()
        .queue()
        .queue("sales")
        .agent("a1", support)
        .agent("s1", sales, queue="sales", level=1)
        .agent("s2", expert, queue="sales", level=2)
    )
    caller = sip.caller("queue_support", stay_s=30)
    support.wait_talking()
    office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="support")
    uuid = uuid_of(office)

    office.ask("POST", f"calls/{uuid}/transfer", {"queue": "sales"})
    support.wait_received("BYE")
    sales.wait_talking()
    office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="sales")

    office.ask("POST", f"calls/{uuid}/transfer", {"agent": "s2"})
    sales.wait_received("BYE")
    expert.wait_talking()
    office.wait_metric("callcenter_queue_calls_answered_total", 2, queue="sales")

    office.wait_metric("callcenter_agents", 2, state="waiting")
    assert not caller.over
    told = story(office, uuid)
    assert told.count("call-transferred") == 2
    assert told.count("queue-entered") == 3
    assert told.count("call-offered") == 1
    assert office.metric("callcenter_queue_calls_transferred_total") == 2


def test_a_supervisor_sends_a_talking_caller_outside(sip, open_for_business):
    support, outside = sip.phone("support"), sip.phone("outside", talk_s=1)
    office = open_for_business(Setup().queue(after_call="voicemail@default").agent("a1", support))
    caller = sip.caller("queue_support", stay_s=30)
    support.wait_talking()
    office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="support")
    uuid = uuid_of(office)

    office.ask("POST", f"calls/{uuid}/transfer", {"to": f"outside_{outside.port}"})

    support.wait_received("BYE")
    office.wait_metric("callcenter_agents", 1, state="waiting")
    hung_up = outside.wait_sent("BYE")
    assert caller.wait_received("BYE", 5).at - hung_up.at < 2, "and nobody parks the caller afterwards"
    assert story(office, uuid).count("queue-entered") == 1


@pytest.fixture
def consulting(sip, open_for_business):
    """An agent of support talks with a caller, and asks the expert of sales."""

    def begin(**more):
        support, expert = sip.phone("support", **more), sip.phone("expert", **more)
        office = open_for_business(
            Setup()
            .queue(after_call="voicemail@default")
            .queue("sales")
            .agent("a1", support)
            .agent("s1", expert, queue="sales")
        )
        caller = sip.caller("queue_support", stay_s=60)
        support.wait_talking()
        office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="support")
        uuid = uuid_of(office)
        office.ask("POST", f"calls/{uuid}/consult", {"agent": "s1"})
        expert.wait_talking()
        office.wait_metric("callcenter_agents", 1, state="busy_elsewhere")
        return office, caller, support, expert, uuid

    return begin


def hears_music(switch, uuid: str) -> None:
    until(lambda: "moh" in switch.api(f"uuid_getvar {uuid} current_application_data"), "music for the caller")


def partner(switch, uuid: str) -> str:
    return switch.api(f"uuid_getvar {uuid} bridge_to")


def test_an_agent_consults_a_colleague_and_returns(switch, consulting):
    office, caller, support, expert, uuid = consulting()
    until(
        lambda: "moh" in switch.api(f"uuid_getvar {uuid} current_application_data"), "the caller hears music"
    )

    office.ask("DELETE", f"calls/{uuid}/consult")

    expert.wait_received("BYE")
    office.wait_metric("callcenter_agents", 1, state="waiting")
    until(lambda: partner(switch, uuid) != "_undef_", "the caller has the agent back")
    office.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
    assert not caller.over
    assert not support.over
    assert story(office, uuid).count("consultation-ended") == 1
    assert "conversation-ended" not in story(office, uuid)


def test_a_colleague_connects_the_agent_with_somebody_outside(sip, switch, desk, open_for_business):
    """Who is asked from then on: nobody breaks in, and afterwards the caller has the agent back."""
    support, expert, outside = sip.phone("support"), desk(), sip.phone("outside", talk_s=6)
    office = open_for_business(
        Setup().queue().queue("sales").agent("a1", support).agent("s1", expert, queue="sales")
    )
    caller = sip.caller("queue_support", stay_s=60)
    support.wait_talking()
    office.wait_metric("callcenter_queue_calls_answered_total", 1, queue="support")
    uuid = uuid_of(office)
    office.ask("POST", f"calls/{uuid}/consult", {"agent": "s1"})
    first = talking(expert)
    hears_music(switch, uuid)
    expert.hold(first)
    second = expert.call(f"outside_{outside.port}")
    outside.wait_talking()
    quiet_for(
        0.5, "they talk; before the switch has joined them they can't be connected", lambda: second.over
    )

    expert.connect(first, second)

    until(lambda: first.over and second.over, "both lines of the expert's phone are free")
    office.wait_metric("callcenter_agents", 1, state="waiting")
    quiet_for(2, "the two talk", lambda: support.over or outside.over or not consulted(switch, uuid))
    outside.wait_sent("BYE", 8)
    until(lambda: partner(switch, uuid) != "_undef_", "the caller has the agent back")
    assert not caller.over
    assert not support.over
    assert story(office, uuid).count("consultation-ended") == 1
    assert not office.metric("callcenter_invariant_violations_total")


def consulted(switch, uuid: str) -> bool:
    """The caller still hears music."""
    return partner(switch, uuid) == "_undef_"


def test_an_agent_consults_a_colleague_and_hands_the_caller_over(switch, consulting):
    office, caller, support, expert, uuid = consulting()
    office.ask("POST", f"calls/{uuid}/consult/complete")

    support.wait_received("BYE")
    office.wait_metric("callcenter_agents", 1, state="waiting")
    until(lambda: partner(switch, uuid) != "_undef_", "the caller talks with the expert")
    assert not caller.over
    assert not expert.over
    office.wait_metric("callcenter_agents", 1, state="busy_elsewhere")
    assert office.metric("callcenter_queue_calls_transferred_total") == 1
    switch.api(f"uuid_kill {partner(switch, uuid)}")
    caller.wait_received("BYE")
    office.wait_metric("callcenter_agents", 2, state="waiting")


@pytest.mark.parametrize("then", ["returns", "hands over"])
def test_a_consultation_outlives_the_controller(switch, consulting, then):
    office, caller, support, expert, uuid = consulting()
    until(
        lambda: "moh" in switch.api(f"uuid_getvar {uuid} current_application_data"), "the caller hears music"
    )
    agent_leg = switch.api(f"uuid_getvar {uuid} cc_agent_uuid")
    office.stop(signal.SIGKILL)
    office.start()

    office.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
    office.wait_metric("callcenter_agents", 1, state="busy_elsewhere")
    assert partner(switch, uuid) == "_undef_"
    if then == "returns":
        office.ask("DELETE", f"calls/{uuid}/consult")
        expert.wait_received("BYE")
        until(lambda: partner(switch, uuid) == agent_leg, "the caller has the agent back")
        assert not support.over
    else:
        office.ask("POST", f"calls/{uuid}/consult/complete")
        support.wait_received("BYE")
        until(lambda: partner(switch, uuid) != "_undef_", "the caller talks with the expert")
        assert not expert.over
    assert not caller.over
    until(lambda: story(office, uuid).count("consultation-ended") == 1, "it is in the books once")
    assert not office.metric("callcenter_invariant_violations_total")


@pytest.mark.parametrize("who", ["colleague", "agent", "caller"])
def test_whoever_hangs_up_during_a_consultation_leaves_no_pieces(switch, consulting, who):
    office, caller, support, expert, uuid = consulting()
    until(
        lambda: "moh" in switch.api(f"uuid_getvar {uuid} current_application_data"), "the caller hears music"
    )
    legs = [x.split(",")[0] for x in switch.api("show channels").splitlines() if ",outbound," in x]
    agent_leg = switch.api(f"uuid_getvar {uuid} cc_agent_uuid")
    other = next(leg for leg in legs if leg != agent_leg)
    switch.api(f"uuid_kill {({'colleague': other, 'agent': agent_leg, 'caller': uuid})[who]}")

    if who == "colleague":
        office.wait_metric("callcenter_agents", 1, state="waiting")
        until(lambda: partner(switch, uuid) == agent_leg, "the agent has the caller back")
        office.wait_metric("callcenter_agents", 1, state="in_a_queue_call")
        assert not caller.over
    elif who == "agent":
        until(lambda: partner(switch, uuid) == other, "the colleague has the caller")
        office.wait_metric("callcenter_agents", 1, state="waiting")
        assert not caller.over
    else:
        support.wait_received("BYE")
        expert.wait_received("BYE")
        office.wait_metric("callcenter_agents", 2, state="waiting")
    assert not office.metric("callcenter_invariant_violations_total")
