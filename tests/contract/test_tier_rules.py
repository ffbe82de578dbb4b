"""Which levels are open: mod_callcenter's rules to the letter, and ours."""

from itertools import product

import pytest

pytestmark = pytest.mark.contract

WAIT = 300
WAITED = (0, 299, 300, 600, 900)


def staffed(centre, lowest, no_agent_no_wait, multiply, compatible, *, apply=True):
    """Levels 1, 2 and 3, an agent each, with level 1 in a certain mood, and a rule of 300 s."""
    centre.queue(
        "support",
        tier_rules_apply=apply,
        tier_rule_wait_us=WAIT * 10**6,
        tier_rule_wait_multiply_level=multiply,
        tier_rule_no_agent_no_wait=no_agent_no_wait,
        tier_rules_compatible=compatible,
    )
    for name, level in (("one", 1), ("two", 2), ("three", 3)):
        centre.agent(name, "support", level=level)
    if lowest == "busy":
        centre.call("earlier", "support", entered=centre.now - WAIT)
        assert centre.decide() == [("earlier", "one")]
        centre.claim("earlier", "one")
        centre.bridge("earlier", "one")
    if lowest in {"On Break", "Logged Out"}:
        centre.status("one", lowest)


def open_levels(centre, waited):
    """How many agents so many callers get who all waited that long."""
    for number in range(4):
        centre.call(str(number), "support", entered=centre.now - waited)
    return [agent for _caller, agent in centre.decide()]


# mood of level 1, no-agent-no-wait, multiply: who is offered after 0, 299, 300, 600 and 900 s.
COMPATIBLE = {
    ("ready", False, False): ("", "", "123", "123", "123"),
    ("ready", False, True): ("", "", "1", "12", "123"),
    ("ready", True, False): ("1", "1", "123", "123", "123"),
    ("ready", True, True): ("1", "1", "1", "12", "123"),
    ("busy", False, False): ("", "", "23", "23", "23"),
    ("busy", False, True): ("", "", "", "2", "23"),
    ("busy", True, False): ("", "", "23", "23", "23"),
    ("busy", True, True): ("", "", "", "2", "23"),
    ("On Break", False, False): ("", "", "23", "23", "23"),
    ("On Break", False, True): ("", "", "", "2", "23"),
    ("On Break", True, False): ("", "", "23", "23", "23"),
    ("On Break", True, True): ("", "", "", "2", "23"),
    ("Logged Out", False, False): ("", "", "23", "23", "23"),
    ("Logged Out", False, True): ("", "", "", "2", "23"),
    ("Logged Out", True, False): ("2", "2", "23", "23", "23"),
    ("Logged Out", True, True): ("2", "2", "2", "2", "23"),
}
# Level 1 never waits, and who is on break keeps nobody waiting.
OURS = {
    **COMPATIBLE,
    ("ready", False, False): ("1", "1", "123", "123", "123"),
    ("ready", False, True): ("1", "1", "1", "12", "123"),
    ("On Break", True, False): ("2", "2", "23", "23", "23"),
    ("On Break", True, True): ("2", "2", "2", "2", "23"),
}
NAMES = {"1": "one", "2": "two", "3": "three"}


@pytest.mark.parametrize("lowest", ["ready", "busy", "On Break", "Logged Out"])
@pytest.mark.parametrize(("no_agent_no_wait", "multiply"), list(product((False, True), repeat=2)))
@pytest.mark.parametrize("place", range(len(WAITED)), ids=[f"{waited}s" for waited in WAITED])
@pytest.mark.parametrize("compatible", [True, False], ids=["compatible", "ours"])
def test_who_is_offered(centre, lowest, no_agent_no_wait, multiply, place, compatible):
    staffed(centre, lowest, no_agent_no_wait, multiply, compatible)
    golden = (COMPATIBLE if compatible else OURS)[lowest, no_agent_no_wait, multiply][place]
    assert open_levels(centre, WAITED[place]) == [NAMES[level] for level in golden]


@pytest.mark.parametrize(("no_agent_no_wait", "multiply"), list(product((False, True), repeat=2)))
@pytest.mark.parametrize("compatible", [True, False], ids=["compatible", "ours"])
def test_without_tier_rules_every_level_is_open(centre, no_agent_no_wait, multiply, compatible):
    """The other four of the eight combinations: what is said of levels counts for nothing."""
    staffed(centre, "busy", no_agent_no_wait, multiply, compatible, apply=False)
    assert open_levels(centre, 0) == ["two", "three"]
    assert centre.router.next_deadline_us() is None


def test_the_router_itself_knows_when_the_next_level_opens(centre):
    staffed(centre, "busy", no_agent_no_wait=True, multiply=True, compatible=False)
    centre.call("ada", "support")
    assert centre.decide() == []
    assert centre.wait_for_deadline() == 2 * WAIT
    assert centre.decide() == [("ada", "two")]
    centre.leave("ada")
    assert centre.router.next_deadline_us() is None


def test_a_level_is_open_from_its_microsecond_on(centre):
    staffed(centre, "busy", no_agent_no_wait=True, multiply=False, compatible=False)
    centre.call("ada", "support")
    centre.now_us += WAIT * 10**6 - 1
    assert centre.decide() == []
    centre.now_us += 1
    assert centre.decide() == [("ada", "two")]


def test_an_earlier_wait_opens_levels(centre):
    staffed(centre, "busy", no_agent_no_wait=True, multiply=False, compatible=False)
    centre.call("ada", "support", entered=centre.now - WAIT + 10)
    assert centre.wait_for_deadline() == 10
    assert centre.decide() == [("ada", "two")]


def test_a_base_score_opens_no_level(centre):
    staffed(centre, "busy", no_agent_no_wait=True, multiply=False, compatible=False)
    centre.call("ada", "support", base_score=10 * WAIT)
    assert centre.decide() == []


def test_the_next_level_is_open_as_soon_as_the_last_present_agent_goes(centre):
    staffed(centre, "busy", no_agent_no_wait=True, multiply=True, compatible=False)
    centre.call("ada", "support")
    centre.call("bob", "support")
    assert centre.decide() == []
    centre.status("one", "On Break")
    assert centre.decide() == [("ada", "two")]
    centre.agent("back", "support", level=1)
    assert centre.decide() == [("bob", "back")]


def test_who_takes_one_call_at_a_time_is_present_too(centre):
    staffed(centre, "busy", no_agent_no_wait=True, multiply=True, compatible=False)
    centre.status("one", "Available (On Demand)")
    centre.call("ada", "support")
    assert centre.decide() == []
    centre.finish("earlier", "one")
    assert centre.state("one") == "idle"
    assert centre.decide() == []
    assert centre.wait_for_deadline() == 2 * WAIT
    assert centre.decide() == [("ada", "two")]


def test_a_level_that_nobody_serves_any_more_holds_nobody_back(centre):
    staffed(centre, "busy", no_agent_no_wait=True, multiply=False, compatible=True)
    centre.call("ada", "support")
    assert centre.decide() == []
    centre.router.remove_tier(centre.now_us, centre.queues["support"], centre.agents["one"])
    assert centre.decide() == [("ada", "two")]


def test_level_0_never_waits(centre):
    centre.queue(
        "support",
        tier_rules_apply=True,
        tier_rule_wait_us=10**6,
        tier_rule_no_agent_no_wait=False,
        tier_rules_compatible=True,
    )
    centre.agent("zero", "support", level=0)
    assert open_levels(centre, 0) == ["zero"]


def test_who_waited_longer_may_go_before_a_more_important_newcomer(centre):
    """Important callers come first only where both may be served."""
    staffed(centre, "busy", no_agent_no_wait=True, multiply=False, compatible=False)
    centre.call("old", "support", entered=centre.now - WAIT)
    centre.call("important", "support", priority=1)
    assert centre.decide() == [("old", "two")]
    centre.wait(WAIT)
    assert centre.decide() == [("important", "three")]


def test_changed_rules_hold_from_the_next_decision_on(centre):
    staffed(centre, "busy", no_agent_no_wait=True, multiply=False, compatible=False)
    centre.call("ada", "support")
    assert centre.decide() == []
    centre.queue("support", tier_rules_apply=True, tier_rule_wait_us=5 * 10**6)
    assert centre.decide() == []
    centre.wait(5)
    assert centre.decide() == [("ada", "two")]


def test_a_clock_that_goes_back_closes_no_level(centre):
    staffed(centre, "busy", no_agent_no_wait=True, multiply=False, compatible=False)
    centre.call("ada", "support")
    centre.wait(WAIT)
    centre.now_us -= 10 * 10**6
    assert centre.decide() == [("ada", "two")]
