"""Each decision can be asked for its candidates and the first rule that kept each of them from the caller.

`TestExplained` looks at random states with hypothesis; `test_long_run.py` at ten thousand, drawn by chance.
"""

from __future__ import annotations

import pytest
from contract.test_random_histories import Histories
from hypothesis import settings
from hypothesis.stateful import rule

from py_callcenter._router import Replay, Router, RouterError

# As long as the histories take, and the plain router's copies besides.
pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]


def told(router, caller):
    """What a router says of a caller, in plain values."""
    return plainly(router.explain(caller))


def plainly(found):
    candidates = [(c.agent, c.reason, c.until_us, c.other, c.refused) for c in found.candidates]
    return (found.now_us, found.caller, found.queue, found.closed, found.wanted, candidates)


class Explained(Histories):
    """Before each decision every caller is explained; then the decision does what was said."""

    states = 0

    def __init__(self):
        super().__init__()
        self.said = {}  # offer: what was foretold of its caller
        self.routers[0].keep_decisions(1)

    def decide_now(self):
        if self.now_us > self.clock_us:
            self.both("advance", self.now_us)  # an explanation holds for the moment that was told
        foretold, said = set(), {}
        for place, caller in enumerate(self.waiting):
            says = said[caller] = told(self.routers[0], caller)
            if place % 4 == Explained.states % 4:  # the plain one takes its time
                assert says == told(self.routers[1], caller)
            *_, wanted, candidates = says
            eligible = [agent for agent, reason, *_ in candidates if reason is None]
            foretold |= {(caller, agent) for agent in eligible[:wanted]}
        proposals = super().decide_now()
        assert foretold == {(caller, agent) for _offer, caller, agent, _queue in proposals}
        Explained.states += 1
        self.said |= {offer: said[caller] for offer, caller, _agent, _queue in proposals}
        return proposals

    def teardown(self):
        """The latest decisions explain themselves afterwards as they were foretold."""
        for offer, says in list(self.said.items())[-3:]:
            assert plainly(self.routers[0].explain_offer(offer)) == says

    @rule()
    def explain_and_decide(self):
        self.decide_now()


profile = settings.get_profile("router")
Explained.TestCase.settings = settings(profile, max_examples=profile.max_examples // 6)
TestExplained = Explained.TestCase


@pytest.fixture
def why(centre):
    """Reasons by the agents' names, until when in seconds from now."""

    def ask(caller):
        names = {number: name for name, number in centre.agents.items()}
        found = centre.router.explain(centre.callers[caller])
        return {
            names[c.agent]: c.reason
            if c.until_us is None
            else (c.reason, (c.until_us - centre.now_us) / 1_000_000)
            for c in found.candidates
        }

    return ask


def test_what_an_agent_does_is_the_first_reason(centre, why):
    centre.queue("support")
    for name in ("gone", "paused", "tidying", "talking", "ringing", "held back", "outside"):
        centre.agent(name, "support", wrap_up=30, busy_delay=20)
        centre.status(name, "Logged Out")
    for name in ("tidying", "talking", "ringing"):
        centre.status(name, "Available")
        centre.call(f"with {name}", "support")
        centre.decide()
    centre.talk("with tidying", "tidying", 10)
    centre.claim("with talking", "talking")
    centre.bridge("with talking", "talking")
    centre.ring("with ringing", "ringing")
    centre.status("paused", "On Break")
    for name in ("held back", "outside"):
        centre.status(name, "Available")
    centre.router.set_ready_at(centre.now_us, centre.agents["held back"], centre.now_us + 5_000_000)
    centre.router.set_external_calls(centre.now_us, centre.agents["outside"], 1)
    centre.call("ada", "support")
    assert centre.decide() == []
    assert why("ada") == {
        "gone": "logged_out",
        "paused": "on_break",
        "tidying": ("wrap_up", 30),
        "talking": "in_a_queue_call",
        "ringing": "receiving",
        "held back": ("not_ready_yet", 5),
        "outside": "external_call",
    }
    centre.fail("with ringing", "ringing", "busy")
    assert why("ada")["ringing"] == ("delay", 20)


def test_what_keeps_a_ready_agent_from_a_caller(centre, why):
    centre.queue("support", tier_rules_apply=True, tier_rule_wait_us=15_000_000, skills="billing")
    centre.agent("near", "support", skills={"sales": 1})
    centre.agent("far", "support", level=2, skills={"billing": 1})
    centre.agent("late", skills={"billing": 1})
    centre.tier("support", "late", 1, 1, opening_delay_us=8_000_000)
    centre.call("ada", "support")
    assert centre.decide() == []
    assert why("ada") == {"near": "skills", "far": ("tier_level", 15), "late": ("opening_delay", 8)}
    centre.call("bob", "support", preferred="near", preferred_for=9, skills="any")
    assert why("bob") == {
        "near": None,
        "far": ("preferred_agent", 9),
        "late": ("preferred_agent", 9),
    }
    centre.call("cyd", "support", skills=[(0, "billing"), (3_000_000, "sales")])
    assert why("cyd")["near"] == "other_caller"
    centre.decide()
    centre.status("near", "On Break")
    centre.leave("bob")
    centre.fail("bob", "near", "withdrawn")
    centre.status("near", "Available")
    assert why("cyd")["near"] == ("skills", 3)


def test_who_comes_before(centre):
    centre.queue("support")
    centre.agent("x", "support")
    centre.call("ada", "support", priority=1)
    centre.call("bob", "support")
    (candidate,) = centre.router.explain(centre.callers["bob"]).candidates
    assert (candidate.reason, candidate.other) == ("other_caller", centre.callers["ada"])
    assert centre.decide() == [("ada", "x")]
    (candidate,) = centre.router.explain(centre.callers["bob"]).candidates
    assert (candidate.reason, candidate.other) == ("reserved", centre.callers["ada"])


def test_those_who_refused_come_last(centre):
    centre.queue("support")
    for name in ("x", "y", "z"):
        centre.agent(name, "support")
        centre.wait(1)
    centre.call("ada", "support")
    centre.decide()
    centre.fail("ada", "x", "no_answer")
    found = centre.router.explain(centre.callers["ada"])
    row = [(candidate.agent, candidate.refused) for candidate in found.candidates]
    assert row == [
        (centre.agents["y"], False),
        (centre.agents["z"], False),
        (centre.agents["x"], True),
    ]
    assert centre.decide() == [("ada", "y")]


@pytest.mark.parametrize("strategy", ["longest-idle-agent", "ring-all", "ring-k", "ring-progressively"])
def test_why_nobody_is_looked_for(centre, strategy):
    centre.queue("support", strategy)
    for name in ("x", "y", "z"):
        centre.agent(name, "support")
    centre.call("ada", "support")
    ada = centre.callers["ada"]
    wanted = {"ring-all": 3, "ring-k": 2}.get(strategy, 1)
    assert centre.router.explain(ada).wanted == wanted
    assert len(centre.decide()) == wanted
    found = centre.router.explain(ada)
    assert (found.closed, found.wanted) == ((None, 3) if strategy == "ring-all" else ("ringing", 0))
    centre.router.hold_caller(centre.now_us, ada, True)
    assert centre.router.explain(ada).closed == "held"
    centre.claim("ada", "x")
    assert centre.router.explain(ada).closed == "claimed"


def test_a_caller_who_is_not_there(centre):
    for bad in (0, 1, -1, 2**70):
        with pytest.raises(RouterError):
            centre.router.explain(bad)


def busy_day():
    """A router that kept its decisions; what it foretold of each offer."""
    router, said = Router(seed=1), {}
    router.keep_decisions(2000)
    queue = router.put_queue(0, "support", "random")
    for number in range(5):
        agent = router.put_agent(0, f"agent {number}")
        router.put_tier(0, queue, agent, 1, 1)
        router.set_status(0, agent, "Available")
    for now_us in range(1, 2000):
        router.advance(now_us)
        caller = router.enqueue(now_us, queue, entered_us=now_us)
        says = told(router, caller)
        (proposal,) = router.decide(now_us)
        said[proposal.offer] = says
        router.claim(now_us, proposal.offer)
        router.bridged(now_us, proposal.offer)
        router.finish(now_us, proposal.offer)
    return router, said


def test_a_decision_of_a_while_ago():
    router, said = busy_day()
    before = router.snapshot()
    found = [offer for offer in said if explains_itself(router, offer, said)]
    assert found == list(said)[-len(found) :]
    assert 20 <= len(found) < 400
    assert router.snapshot() == before


def explains_itself(router, offer, said):
    try:
        assert plainly(router.explain_offer(offer)) == said[offer]
    except RouterError:
        return False
    return True


def test_decisions_are_kept_only_when_asked_for():
    router = Router()
    with pytest.raises(RouterError, match="isn't kept"):
        router.explain_offer(1)
    for bad in (-1, 2**30 + 1, 2**70):
        with pytest.raises(RouterError):
            router.keep_decisions(bad)
    router, said = busy_day()
    router.keep_decisions(0)
    with pytest.raises(RouterError, match="isn't kept"):
        router.explain_offer(list(said)[-1])


def test_a_decision_from_the_log_of_last_week():
    router = Router()
    router.start_log()
    queue = router.put_queue(0, "support", "ring-all")
    agents = [router.put_agent(0, name) for name in ("x", "y")]
    for agent in agents:
        router.put_tier(0, queue, agent, 1, 1)
        router.set_status(0, agent, "Available")
    router.set_external_calls(0, agents[0], 1)
    router.enqueue(5, queue, entered_us=0)
    (proposal,) = router.decide(7)
    router.fail(8, proposal.offer, "busy")
    replay = Replay(router.stop_log())
    assert [(now_us, made.offer, made.agent) for now_us, made in replay.offers()] == [(7, 1, 2)]
    found = replay.explain_offer(proposal.offer)
    assert (found.now_us, found.caller, found.wanted) == (7, 1, 2)
    assert [(c.agent, c.reason) for c in found.candidates] == [(2, None), (1, "external_call")]
    assert replay.run() == 2
    assert replay.offers() == []
    assert replay.explain_offer(proposal.offer) is None


def test_phones_that_are_kept_for_somebody_at_first_are_told_when_they_ring_in_the_same_decision(centre, why):
    """Two phones are to ring: one at once, the other when the protected caller has got an agent."""
    centre.queue("sales", "ring-k", ring_count=2, queue_priority=1)
    centre.queue("support", overtaking_cap=0)
    centre.agent("Ann", "sales")
    for name in ("Bob", "Cid"):
        centre.wait(1)
        centre.agent(name, "sales", "support")
    centre.call("User", "support", entered=centre.now - 5)
    centre.call("Buyer", "sales")
    assert why("Buyer") == {"Ann": None, "Cid": None, "Bob": "overtaking_cap"}
    assert centre.decide() == [("Buyer", "Ann"), ("User", "Bob"), ("Buyer", "Cid")]


def test_who_waits_for_an_agent_kept_for_somebody_else_is_told_that_the_other_gets_the_agent(centre, why):
    centre.queue("sales", queue_priority=1)
    centre.queue("support", overtaking_cap=0)
    centre.agent("Ann", "sales", "support")
    centre.call("User", "support", entered=centre.now - 5)
    centre.call("Buyer", "sales", preferred="Ann", preferred_for=60)
    assert why("Buyer") == {"Ann": "other_caller"}
    assert centre.decide() == [("User", "Ann")]
