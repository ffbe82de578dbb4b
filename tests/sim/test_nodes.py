"""Two switches, one call centre: reaching phones across, draining one, losing one."""

from __future__ import annotations

import pytest
from sim.cluster import SECOND, Cluster
from sim.test_picture import bring_up_to_date
from sim.world import ANSWERS, IGNORES, agent, everybody, queue

from py_callcenter.app.picture import Picture
from py_callcenter.config import Agent, Config, Node
from py_callcenter.engine.actions import Originate
from py_callcenter.engine.errors import NeedsOneSwitch
from py_callcenter.sim import Behaviour

pytestmark = pytest.mark.sim

DIAL = "sofia/gateway/core/{number}"
ANNA = "user/1000@example.org"


def office(*agents: Agent, dial: str | None = DIAL, **queue_settings: object) -> Config:
    nodes = tuple(
        Node(name=name, host=f"127.0.0.{i}", password="a password", dial=dial)
        for i, name in enumerate(("fs1", "fs2"), 1)
    )
    return everybody([queue(**queue_settings)], list(agents)).model_copy(update={"nodes": nodes})


def registered(cluster: Cluster, node: str, contact: str, *phones: str) -> None:
    cluster.carry_out(cluster.engine.on_phones(node, contact, phones, cluster.now_us))
    cluster.settle()


def dialled(cluster: Cluster) -> list[tuple[str, str]]:
    return [(action.node, action.devices[0].contact) for action in cluster.sent(Originate)]


def test_a_phone_is_rung_where_it_is_registered_and_across_by_the_node_s_dial():
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    cluster.phone("fs1", ANNA)
    cluster.phone("fs2", "sofia/gateway/core/1000")
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    registered(cluster, "fs2", ANNA)
    here = cluster.call("fs1")
    cluster.run(4)
    assert here.partner
    here.hang_up()
    cluster.run(12)
    across = cluster.call("fs2")
    cluster.run(4)
    assert across.partner, "a caller of the other switch talks to the same agent"
    assert dialled(cluster) == [("fs1", ANNA), ("fs2", "sofia/gateway/core/1000")]
    assert len(cluster.all("call-answered")) == 2


def test_a_phone_that_moves_to_the_other_switch_is_followed():
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    cluster.phone("fs1", "sofia/gateway/core/1000")
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    registered(cluster, "fs2", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    registered(cluster, "fs1", ANNA)
    cluster.call("fs1")
    cluster.run(1)
    assert dialled(cluster) == [("fs1", "sofia/gateway/core/1000")]


def test_without_a_dial_template_the_contact_is_dialled_as_it_stands():
    cluster = Cluster(office(agent("anna", contacts=(ANNA,)), dial=None))
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    cluster.call("fs2")
    cluster.run(1)
    assert dialled(cluster)[0] == ("fs2", ANNA)


def test_somebody_whose_phones_are_gone_is_not_offered_calls_until_one_is_back():
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    cluster.phone("fs1", ANNA)
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    registered(cluster, "fs1", ANNA)
    assert not cluster.agent("anna").reachable
    cluster.call("fs1")
    cluster.run(30)
    assert dialled(cluster) == [], "no phone to ring"
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    assert dialled(cluster) == [("fs1", ANNA)], "rung in the moment it is back"
    cluster.run(4)
    assert len(cluster.all("call-answered")) == 1
    assert [r.reachable for r in cluster.all("agent-reachable")] == [False, True]


def test_a_phone_that_is_lost_during_a_conversation_makes_the_wrap_up_no_longer():
    """The next start would believe what is written down: the agent would rest for as long as a phone can be
    away.
    """
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    cluster.phone("fs1", ANNA)
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    call = cluster.call("fs1")
    cluster.run(4)
    registered(cluster, "fs1", ANNA)
    call.hang_up()
    cluster.run(1)

    [rest] = cluster.all("agent-wrap-up")
    assert rest.until_us - rest.at_us == cluster.engine.config.agents[0].wrap_up_time_us


def unreachable(cluster: Cluster, picture: Picture) -> int:
    bring_up_to_date(picture, cluster.engine, cluster.now_us)
    return picture.unreachable()


def test_whoever_is_available_without_a_phone_is_counted_until_a_phone_is_back_or_the_agent_leaves():
    cluster = Cluster(office(agent("anna", contacts=(ANNA,)), agent("bert")))
    engine, picture = cluster.engine, Picture()
    assert unreachable(cluster, picture) == 0, "nothing is known yet, so nothing is claimed"
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    registered(cluster, "fs1", ANNA)
    cluster.run(120)
    assert unreachable(cluster, picture) == 1, "for as long as it lasts"
    cluster.carry_out(engine.set_agent_status("anna", "On Break", cluster.now_us))
    assert unreachable(cluster, picture) == 0, "who rests needs no phone"
    cluster.carry_out(engine.set_agent_status("anna", "Available", cluster.now_us))
    assert unreachable(cluster, picture) == 1
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    assert unreachable(cluster, picture) == 0


def test_a_second_way_to_an_agent_keeps_them_reachable():
    cluster = Cluster(office(agent("anna", contacts=(ANNA, "sofia/gateway/core/mobile"))))
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    registered(cluster, "fs1", ANNA)
    assert cluster.agent("anna").reachable


def test_a_switch_that_says_nobody_is_registered_is_asked_again_only_after_a_while():
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    phone = cluster.phone("fs1", ANNA, Behaviour(outcome="unregistered"))
    cluster.call("fs1")
    cluster.run(50)
    assert len(dialled(cluster)) == 1
    assert cluster.all("offer-ended")[0].outcome == "unregistered"
    phone.behaviour = ANSWERS
    cluster.run(15)
    assert len(dialled(cluster)) == 2, "and then it is tried, whatever the registrations say"
    assert len(cluster.all("call-answered")) == 1


PHONE = "sofia/internal/sip:1000@10.0.0.9:5060"
UNREGISTERED = Behaviour(outcome="unregistered")


def test_a_switch_that_denies_a_registration_is_believed_though_nobody_told_of_its_end():
    """The event of its end was lost. It was rung in vain each five seconds, for ever."""
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    phone = cluster.phone("fs1", ANNA, UNREGISTERED)
    registered(cluster, "fs1", ANNA, PHONE)
    cluster.call("fs1")
    cluster.run(50)
    assert len(dialled(cluster)) == 1
    assert not cluster.agent("anna").reachable

    phone.behaviour = ANSWERS
    registered(cluster, "fs1", ANNA, PHONE)
    cluster.run(4)
    assert cluster.agent("anna").reachable
    assert len(cluster.all("call-answered")) == 1, "rung in the moment it is back"


def test_a_phone_that_has_moved_unheard_is_reached_across_at_the_next_try():
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    cluster.phone("fs1", ANNA, UNREGISTERED)
    cluster.phone("fs1", "sofia/gateway/core/1000")
    registered(cluster, "fs1", ANNA, PHONE)
    registered(cluster, "fs2", ANNA, PHONE)
    call = cluster.call("fs1")
    cluster.run(10)
    assert dialled(cluster) == [("fs1", ANNA), ("fs1", "sofia/gateway/core/1000")]
    assert call.partner
    assert [r.reachable for r in cluster.all("agent-reachable")] == [], "the other switch has the phone"


def test_a_phone_that_knows_no_such_number_is_registered_all_the_same():
    """The word of the phone, not of the switch that rang it."""
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    cluster.phone("fs1", ANNA, Behaviour(outcome="not_found"))
    registered(cluster, "fs1", ANNA, PHONE)
    cluster.call("fs1")
    cluster.run(4)
    assert cluster.all("offer-ended")[0].outcome == "unregistered"
    assert cluster.agent("anna").reachable


def test_a_phone_that_is_not_found_across_is_registered_where_it_was():
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    cluster.phone("fs2", "sofia/gateway/core/1000", Behaviour(outcome="not_found"))
    cluster.phone("fs1", ANNA)
    registered(cluster, "fs1", ANNA, PHONE)
    first = cluster.call("fs2")
    cluster.run(1)
    first.hang_up()
    cluster.call("fs1")
    cluster.run(10)
    assert dialled(cluster) == [("fs2", "sofia/gateway/core/1000"), ("fs1", ANNA)]
    assert len(cluster.all("call-answered")) == 1


def two_agents(**settings: object) -> Cluster:
    cluster = Cluster(office(agent("anna"), agent("bert"), **settings))
    for node in ("fs1", "fs2"):
        for name in ("anna", "bert"):
            cluster.phone(node, f"sofia/internal/{name}@127.0.0.1:5085", ANSWERS)
    return cluster


def test_on_a_drained_node_callers_stay_and_wait_and_others_are_served():
    cluster = two_agents()
    talking = cluster.call("fs1")
    cluster.run(4)
    cluster.carry_out(cluster.engine.drain("fs1", True, cluster.now_us))
    waits = cluster.call("fs1")
    served = cluster.call("fs2")
    cluster.run(4)
    assert talking.partner, "conversations go on"
    assert waits.alive
    assert not waits.partner
    assert served.partner
    served.hang_up()
    cluster.run(20)
    assert not waits.partner, "an agent is free, but not for this node"
    assert cluster.engine.view(cluster.now_us).queues[0].waiting == 1
    cluster.carry_out(cluster.engine.drain("fs1", False, cluster.now_us))
    cluster.run(4)
    assert waits.partner
    assert [r.kind for r in cluster.records if r.kind.startswith("node-")] == ["node-held", "node-released"]


def test_a_phone_that_rings_when_its_node_is_drained_rings_on():
    cluster = two_agents()
    cluster.call("fs1")
    cluster.run(0.5)
    cluster.carry_out(cluster.engine.drain("fs1", True, cluster.now_us))
    cluster.run(4)
    assert len(cluster.all("call-answered")) == 1


def test_a_dead_node_s_calls_end_once_and_its_agents_serve_the_other_node_at_once():
    cluster = two_agents()
    first, second = cluster.call("fs1"), cluster.call("fs1")
    lost = cluster.call("fs1")
    cluster.run(5)
    assert first.partner
    assert second.partner
    waits = cluster.call("fs2")
    cluster.run(1)
    before = len(cluster.records)
    cluster.kill("fs1")
    news = cluster.records[before:]
    assert sorted(r.call for r in news if r.kind == "call-ended") == sorted(
        [first.uuid, second.uuid, lost.uuid]
    )
    assert [r.call for r in news if r.kind == "call-lost"] == [lost.uuid]
    assert {r.ended_by for r in news if r.kind == "conversation-ended"} == {"system"}
    assert {cluster.agent(name).state for name in ("anna", "bert")} == {"wrap_up"}, "free of the dead legs"
    assert waits.alive
    cluster.run(15)
    assert waits.partner, "the other node's caller is served as soon as the rest is over"
    cluster.revive("fs1")
    cluster.run(5)
    ended = [r.call for r in cluster.all("call-ended")]
    assert len(ended) == len(set(ended)), "nothing ends twice"


def test_an_offer_that_rings_on_a_dead_node_gives_the_agent_back_at_once_and_without_blame():
    cluster = two_agents()
    for node in ("fs1", "fs2"):
        for name in ("anna", "bert"):
            cluster.sites[node].switch.phones[f"sofia/internal/{name}@127.0.0.1:5085"].behaviour = IGNORES
    cluster.call("fs1")
    cluster.run(1)
    assert "receiving" in {cluster.agent(name).state for name in ("anna", "bert")}
    cluster.kill("fs1")
    for name in ("anna", "bert"):
        line = cluster.agent(name)
        assert (line.state, line.ready_at_us, line.no_answer_count) == ("waiting", 0, 0)
    cluster.call("fs2")
    cluster.run(0.1)
    assert cluster.sent(Originate)[-1].node == "fs2"


def test_while_the_way_to_a_node_is_broken_nobody_is_offered_its_callers_or_blamed():
    cluster = two_agents()
    cluster.lose("fs1")
    waits = cluster.sites["fs1"].switch.place_call("15551", "Caller", "queue_support")
    served = cluster.call("fs2")
    cluster.run(3)
    assert served.partner
    cluster.connect("fs1")
    cluster.run(4)
    assert waits.partner, "found by the look at the switch, and served"
    assert {r.outcome for r in cluster.all("offer-ended")} == {"answered"}


def test_phones_registered_on_a_dead_node_are_gone_until_they_register_elsewhere():
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    cluster.phone("fs2", ANNA)
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    cluster.kill("fs1")
    waits = cluster.call("fs2")
    cluster.run(5)
    assert dialled(cluster) == []
    registered(cluster, "fs2", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    cluster.run(4)
    assert waits.partner


def test_calls_of_a_node_that_was_out_of_sight_go_on_under_a_number_of_their_own():
    """They ended in the books when the node was given up; there they are again, each end stays one end."""
    cluster = Cluster(office(agent("anna", contacts=(ANNA,))))
    cluster.phone("fs1", ANNA)
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    talks = cluster.call("fs1")
    cluster.run(4)
    waits = cluster.call("fs1")
    cluster.run(1)
    cluster.lose("fs1")
    cluster.carry_out(cluster.engine.on_node_gone("fs1", cluster.now_us))
    cluster.run(10)
    assert [record.call for record in cluster.all("call-lost")] == [waits.uuid]
    assert [record.call for record in cluster.all("conversation-ended")] == [talks.uuid]

    cluster.connect("fs1")
    registered(cluster, "fs1", ANNA, "sofia/internal/sip:1000@10.0.0.9:5060")
    cluster.run(3)
    [again] = cluster.all("conversation-joined")
    assert (again.call, again.leg, again.agent) == (talks.uuid, 2, "anna")
    [back] = cluster.all("queue-resumed")
    assert (back.call, back.leg) == (waits.uuid, 2)
    assert len(cluster.all("call-answered")) == 1, "the answer counts once"

    talks.hang_up()
    cluster.run(5)
    assert cluster.all("conversation-ended")[-1].talk_us < 10_000_000, "what was talked before counts once"
    cluster.run(10)
    assert waits.partner


def given_up(cluster: Cluster, name: str) -> None:
    """Nothing is heard of a switch for so long that nobody counts on its calls; they go on."""
    cluster.lose(name)
    cluster.run(60)
    cluster.carry_out(cluster.engine.on_node_gone(name, cluster.now_us))


def test_a_conversation_that_outlives_the_loss_of_its_node_counts_as_one_answer():
    cluster = two_agents()
    call = cluster.call("fs1")
    cluster.run(4)
    assert call.partner
    given_up(cluster, "fs1")
    cluster.run(30)
    cluster.connect("fs1")
    cluster.run(20)
    call.hang_up()
    cluster.run(5)

    assert len(cluster.all("call-answered")) == 1
    before, after = cluster.all("conversation-ended")
    [again] = cluster.all("conversation-joined")
    assert (before.leg, again.leg, after.leg) == (1, 2, 2)
    assert 20_000_000 <= after.talk_us < 21_000_000, "what nobody saw is in nobody's figures"
    assert not cluster.all("invariant-violated")
    assert not cluster.engine._state.reach.given_up


def test_who_still_waits_on_a_node_that_was_given_up_is_served_when_it_is_back():
    cluster = two_agents()
    for name in ("anna", "bert"):
        cluster.carry_out(cluster.engine.set_agent_status(name, "On Break", cluster.now_us))
    call = cluster.call("fs1")
    cluster.run(4)
    given_up(cluster, "fs1")
    cluster.connect("fs1")
    cluster.run(30)
    cluster.carry_out(cluster.engine.set_agent_status("anna", "Available", cluster.now_us))
    cluster.carry_out(cluster.engine.set_agent_status("bert", "Available", cluster.now_us))
    cluster.run(10)

    assert call.partner
    assert len(cluster.all("call-offered")) == 1
    assert [(r.kind, r.leg) for r in cluster.records if r.kind in ("call-lost", "call-answered")] == [
        ("call-lost", 1),
        ("call-answered", 2),
    ]
    assert not cluster.all("invariant-violated")


def test_who_hung_up_while_the_node_was_given_up_is_forgotten_when_it_is_back():
    cluster = two_agents()
    call = cluster.call("fs1")
    cluster.run(4)
    given_up(cluster, "fs1")
    call.hang_up()
    cluster.run(5)
    cluster.connect("fs1")
    cluster.run(20)

    assert [record.cause for record in cluster.all("call-ended")] == ["OUT_OF_SIGHT"]
    cluster.run(24 * 3600)
    assert not cluster.engine._state.reach.given_up
    assert not cluster.engine._state.timers
    assert not cluster.engine._state.calls


STANDS = agent("anna", type="uuid-standby", contacts=("sofia/internal/anna@10.0.0.9",))


def two_wait(cluster: Cluster) -> list[str]:
    for name in ("anna", "bert"):
        cluster.carry_out(cluster.engine.set_agent_status(name, "On Break", cluster.now_us))
    uuids = []
    for _ in range(2):
        uuids.append(cluster.call("fs1").uuid)
        cluster.run(5)
    return uuids


def die(cluster: Cluster) -> None:
    """The switch is away for seconds."""
    cluster.kill("fs1")
    cluster.run(5)
    cluster.revive("fs1")


def start_again(cluster: Cluster) -> None:
    """The switch dies and is back before anybody missed it; only its Core-UUID tells."""
    cluster.lose("fs1")
    cluster.sites["fs1"].switch.restart()
    cluster.carry_out(cluster.engine.on_restart("fs1", cluster.now_us))
    cluster.connect("fs1")


@pytest.mark.parametrize("end", [die, start_again])
def test_callers_whom_a_switch_brings_back_after_its_death_have_their_places(end):
    cluster = two_agents()
    first, second = two_wait(cluster)
    entered = [line.entered_us for line in cluster.engine.view(cluster.now_us).calls]
    end(cluster)
    cluster.run(10)
    assert [r.call for r in cluster.all("call-lost")] == [first, second]

    for uuid in (second, first):
        cluster.bring_back("fs1", uuid)
        cluster.run(1)
    lines = cluster.engine.view(cluster.now_us).calls
    assert [line.id for line in lines] == [first, second]
    assert [line.entered_us for line in lines] == entered
    cluster.run(90)
    assert len(cluster.all("call-offered")) == 2, "nobody is new"
    assert [(r.call, r.leg) for r in cluster.all("queue-resumed")] == [(second, 2), (first, 2)]
    assert not cluster.all("invariant-violated")
    cluster.carry_out(cluster.engine.set_agent_status("anna", "Available", cluster.now_us))
    cluster.run(10)
    [answered] = cluster.all("call-answered")
    assert (answered.call, answered.leg) == (first, 2)
    assert not cluster.engine._state.reach.given_up


def test_an_agent_whose_phone_may_still_ring_for_a_call_that_is_over_waits_for_that_node():
    """The caller hung up, and the controller died before it was told of the end of the phone's leg."""
    cluster = Cluster(office(agent("anna")))
    for node in ("fs1", "fs2"):
        cluster.phone(node, "sofia/internal/anna@127.0.0.1:5085", Behaviour(outcome="manual"))
    call = cluster.call("fs1")
    cluster.run(1)
    call.hang_up()
    cluster.settle()
    rung = len(cluster.sent(Originate))
    last = next(n for n, one in enumerate(cluster.records) if one.kind == "offer-ended")
    del cluster.records[last:]

    connect = cluster.connect
    cluster.connect = lambda name: connect(name) if name == "fs2" else None  # the other one answers later
    cluster.restart()
    cluster.call("fs2")
    cluster.run(3)
    assert len(cluster.sent(Originate)) == rung
    connect("fs1")
    cluster.run(2)

    assert len(cluster.sent(Originate)) == rung + 1


@pytest.mark.parametrize("after_s", [0, 1.9])
def test_a_phone_that_no_record_tells_of_is_not_rung_for_another_switch_s_caller_after_a_start(after_s):
    """The controller died after the command that rings it, and before the line about that was written."""
    cluster = Cluster(office(agent("anna")))
    for node in ("fs1", "fs2"):
        cluster.phone(node, "sofia/internal/anna@127.0.0.1:5085", IGNORES)
    known = len(cluster.records)
    rung = cluster.call("fs1")
    cluster.run(1)
    cluster.records[known:] = [r for r in cluster.records[known:] if r.kind != "offer-made"]
    cluster.lose("fs2")
    cluster.call("fs2")

    connect = cluster.connect
    cluster.connect = lambda name: connect(name) if name == "fs2" else None
    cluster.restart()
    cluster.run(after_s)
    connect("fs1")
    cluster.run(1)

    assert [action.node for action in cluster.sent(Originate)] == ["fs1"]
    assert cluster.all("offer-taken-up")[-1].call == rung.uuid, "that phone rings on"


def test_a_start_waits_two_seconds_at_most_for_a_switch_that_does_not_answer():
    cluster = two_agents()
    cluster.kill("fs1")
    cluster.lose("fs2")
    waits = cluster.call("fs2")
    connect = cluster.connect
    cluster.connect = lambda name: connect(name) if name == "fs2" else None

    cluster.restart()
    cluster.run(1.9)
    assert not cluster.sent(Originate)
    cluster.run(0.2)

    assert [action.node for action in cluster.sent(Originate)] == ["fs2"]
    cluster.run(3)
    assert waits.partner


def dies_first(cluster: Cluster) -> None:
    die(cluster)
    cluster.restart()


def dies_too(cluster: Cluster) -> None:
    """The power failed; the switch was up before the controller, and `sofia recover` came after both."""
    cluster.sites["fs1"].switch.restart()
    cluster.now_us += 90 * SECOND
    cluster.restart()


@pytest.mark.parametrize("end", [dies_first, dies_too])
def test_callers_whom_a_switch_brings_back_are_known_to_the_next_run_too(end):
    cluster = two_agents()
    first, second = two_wait(cluster)
    entered = [line.entered_us for line in cluster.engine.view(cluster.now_us).calls]
    end(cluster)
    cluster.run(5)
    assert [r.call for r in cluster.all("call-lost")] == [first, second]

    for uuid in (second, first):
        cluster.bring_back("fs1", uuid)
        cluster.run(1)

    lines = cluster.engine.view(cluster.now_us).calls
    assert [(line.id, line.entered_us) for line in lines] == list(zip((first, second), entered, strict=True))
    cluster.run(60)
    assert len(cluster.all("call-offered")) == 2, "nobody is new"
    assert not cluster.all("invariant-violated")


def test_callers_who_hung_up_while_no_controller_ran_are_not_waited_for():
    cluster = two_agents()
    first, _second = two_wait(cluster)
    for leg in list(cluster.sites["fs1"].switch.legs.values()):
        cluster.sites["fs1"].switch.hang_up(leg, "NORMAL_CLEARING")
    cluster.now_us += 90 * SECOND
    cluster.sites["fs1"].switch.run_until(cluster.now_us)

    cluster.restart()

    assert not cluster.engine._state.reach.given_up
    assert first in {r.call for r in cluster.all("call-lost")}


def test_a_switch_that_brings_nobody_back_is_not_waited_for_for_ever():
    cluster = two_agents()
    two_wait(cluster)
    came_us = cluster.engine.oldest_call_us()
    die(cluster)
    assert cluster.engine.oldest_call_us() == came_us, "what was sealed for them counts until then"
    cluster.run(24 * 3600 + 60)
    assert not cluster.engine._state.reach.given_up
    assert not cluster.engine._state.timers
    assert cluster.engine.oldest_call_us() is None


def test_a_phone_that_should_stand_by_is_rung_for_each_caller_where_there_are_two_switches():
    """The database may say so from the days of one switch: callers of both are served all the same."""
    cluster = Cluster(office(STANDS))
    for node in ("fs1", "fs2"):
        cluster.phone(node, STANDS.contacts[0])
    cluster.run(3)
    assert not cluster.sent(Originate), "no leg that stays up"
    for node in ("fs2", "fs1"):
        call = cluster.call(node)
        cluster.run(4)
        assert call.partner
        call.hang_up()
        cluster.run(15)
    assert [record.outcome for record in cluster.all("offer-ended")] == ["answered", "answered"]


def test_nobody_s_phone_begins_to_stand_by_where_there_are_two_switches():
    callback = STANDS.model_copy(update={"type": "callback"})
    bob = agent("bob")
    cluster = Cluster(office(callback, bob))

    with pytest.raises(NeedsOneSwitch, match="anna"):
        cluster.engine.check(office(STANDS, bob))

    old = Cluster(office(STANDS, bob))
    old.engine.check(office(STANDS, bob.model_copy(update={"wrap_up_time": 3.0})))
    old.engine.check(office(callback, bob))
