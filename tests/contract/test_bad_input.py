"""Whatever is passed in: a typed error and an unchanged router, or an answer at bounded cost."""

import pytest

from py_callcenter._router import Replay, Router, RouterError, SkillError

pytestmark = pytest.mark.contract

HUGE = (-1, -(2**63), 2**63 - 1, 2**63, 2**64, 10**30, -(10**30))


@pytest.fixture
def busy(centre):
    """One of everything."""
    centre.queue("support")
    centre.agent("x", "support", wrap_up=10)
    centre.call("ada", "support")
    centre.decide()
    centre.call("bob", "support")
    return centre


def picture(centre):
    queue = centre.queues["support"]
    router = centre.router
    view = router.agent(centre.agents["x"])
    return (
        router.callers(queue),
        router.staffed(queue),
        router.can_serve(queue),
        router.agents_by_state(),
        router.next_deadline_us(),
        {name: getattr(view, name) for name in ("status", "state", "state_since_us", "ready_at_us")},
    )


@pytest.mark.parametrize("bad", [*HUGE, 0, 999])
def test_ids_that_were_never_handed_out(busy, bad):
    router, now_us = busy.router, busy.now_us
    queue, agent = busy.queues["support"], busy.agents["x"]
    before = picture(busy)
    calls = [
        lambda: router.remove_queue(now_us, bad),
        lambda: router.remove_agent(now_us, bad),
        lambda: router.put_tier(now_us, bad, agent, 1, 1),
        lambda: router.put_tier(now_us, queue, bad, 1, 1),
        lambda: router.remove_tier(now_us, bad, agent),
        lambda: router.remove_tier(now_us, queue, bad),
        lambda: router.enqueue(now_us, bad, entered_us=now_us),
        lambda: router.leave(now_us, bad),
        lambda: router.position(bad),
        lambda: router.explain(bad),
        lambda: router.ahead(bad),
        lambda: router.enqueue(now_us, queue, entered_us=now_us, preferred_agent=bad, preferred_for_us=1),
        lambda: router.set_priority(now_us, bad, 1),
        lambda: router.set_base_score(now_us, bad, 1),
        lambda: router.move(now_us, bad, queue),
        lambda: router.move(now_us, busy.callers["bob"], bad),
        lambda: router.set_ready_at(now_us, bad, now_us),
        lambda: router.set_external_calls(now_us, bad, 1),
        lambda: router.restore_agent(now_us, bad, idle_since_us=0, state_since_us=0),
        lambda: router.adopt_offer(now_us, bad, agent),
        lambda: router.adopt_offer(now_us, busy.callers["bob"], bad),
        lambda: router.adopt_conversation(now_us, bad, since_us=0, counted=True),
        lambda: router.hold_caller(now_us, bad, True),
        lambda: router.callers(bad),
        lambda: router.calls_waiting(bad),
        lambda: router.staffed(bad),
        lambda: router.can_serve(bad),
        lambda: router.set_status(now_us, bad, "Available"),
        lambda: router.set_wrap_up_end(now_us, bad, now_us),
        lambda: router.agent(bad),
        lambda: router.ringing(now_us, bad),
        lambda: router.claim(now_us, bad),
        lambda: router.bridged(now_us, bad),
        lambda: router.fail(now_us, bad, "busy"),
        lambda: router.finish(now_us, bad),
    ]
    for call in calls:
        with pytest.raises(RouterError):
            call()
    assert picture(busy) == before


@pytest.mark.parametrize("bad", HUGE)
def test_numbers_out_of_range(busy, bad):
    router, now_us = busy.router, busy.now_us
    queue, agent, offer = busy.queues["support"], busy.agents["x"], busy.offer("ada", "x")
    before = picture(busy)
    calls = [
        lambda: router.put_queue(bad, "support", "ring-all"),
        lambda: router.put_agent(bad, "x"),
        lambda: router.put_tier(bad, queue, agent, 1, 1),
        lambda: router.put_tier(now_us, queue, agent, bad, 1),
        lambda: router.put_tier(now_us, queue, agent, 1, bad),
        lambda: router.enqueue(bad, queue, entered_us=now_us),
        lambda: router.enqueue(now_us, queue, entered_us=bad),
        lambda: router.set_status(bad, agent, "On Break"),
        lambda: router.decide(bad),
        lambda: router.ringing(bad, offer),
        lambda: router.claim(bad, offer),
        lambda: router.bridged(bad, offer),
        lambda: router.fail(bad, offer, "busy"),
        lambda: router.finish(bad, offer),
        lambda: router.advance(bad),
        lambda: router.set_timer(bad, 1),
        lambda: router.leave(bad, busy.callers["ada"]),
        lambda: router.remove_tier(bad, queue, agent),
        lambda: router.set_priority(bad, busy.callers["bob"], 1),
        lambda: router.set_priority(now_us, busy.callers["bob"], -101 if bad == -1 else bad),
        lambda: router.set_base_score(bad, busy.callers["bob"], 1),
        lambda: router.set_base_score(now_us, busy.callers["bob"], 10**17 + 1 if bad == -1 else bad),
        lambda: router.move(bad, busy.callers["bob"], queue),
        lambda: router.set_ready_at(bad, agent, now_us),
        lambda: router.set_ready_at(now_us, agent, bad),
        lambda: router.set_external_calls(bad, agent, 1),
        lambda: router.set_external_calls(now_us, agent, bad),
        lambda: router.put_tier(now_us, queue, agent, 1, 1, opening_delay_us=bad),
        lambda: router.put_tier(now_us, queue, agent, 1, 1, weight=bad),
        lambda: router.enqueue(now_us, queue, entered_us=now_us, preferred_agent=agent, preferred_for_us=bad),
    ]
    rules = ("ring_progressively_delay_us", "ring_count", "occupancy_window_us", "tier_rule_wait_us")
    calls += [
        lambda name=name: router.put_queue(now_us, "support", "ring-k", **{name: bad}) for name in rules
    ]
    settings = (
        "wrap_up_us",
        "busy_delay_us",
        "reject_delay_us",
        "no_answer_delay_us",
        "unregistered_delay_us",
        "path_error_delay_us",
        "max_no_answer",
        "max_busy",
        "max_reject",
        "max_unregistered",
    )
    calls += [lambda name=name: router.put_agent(now_us, "x", **{name: bad}) for name in settings]
    for call in calls:
        with pytest.raises(RouterError):
            call()
    assert picture(busy) == before


@pytest.mark.parametrize("bad", [-1, 2**64, 10**30])
def test_a_seed_has_64_bits(make_router, bad):
    assert make_router(seed=2**64 - 1).next_deadline_us() is None
    with pytest.raises(RouterError):
        make_router(seed=bad)


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("ring_progressively_delay_us", 0),
        ("ring_count", 0),
        ("ring_count", 10_001),
        ("occupancy_window_us", 59_999_999),
        ("occupancy_window_us", 3_600_000_001),
        ("tier_rule_wait_us", 10**12 + 1),
    ],
)
def test_rules_of_a_queue_are_bounded(busy, name, bad):
    with pytest.raises(RouterError):
        busy.router.put_queue(busy.now_us, "support", "ring-k", **{name: bad})


def test_the_largest_rules_are_taken(make_router):
    """No sum of them overflows, whoever comes whenever."""
    router = make_router()
    end_us = 10**17
    queue = router.put_queue(
        0,
        "support",
        "ring-progressively",
        ring_progressively_delay_us=end_us,
        tier_rules_apply=True,
        tier_rule_wait_us=10**12,
        tier_rule_wait_multiply_level=True,
        tier_rules_compatible=True,
    )
    agents = []
    for number, level in enumerate((0, 1, 86_400)):
        agent = router.put_agent(0, str(number))
        router.put_tier(0, queue, agent, level, 86_400, opening_delay_us=number * 10**16, weight=1000)
        router.set_status(0, agent, "Available")
        agents.append(agent)
    for entered_us in (0, end_us):
        router.enqueue(0, queue, entered_us=entered_us, preferred_agent=agents[-1], preferred_for_us=end_us)
    assert [proposal.agent for proposal in router.decide(end_us)] == agents[:1]
    assert router.decide(end_us) == []
    router.set_external_calls(end_us, agents[0], 1_000_000)
    router.set_ready_at(end_us, agents[0], end_us)
    assert router.next_deadline_us() == end_us + 10**12


def test_ten_thousand_levels_on_one_queue(make_router):
    """Each level has a wait of its own; callers pass them one by one, at a bounded cost each."""
    router = make_router()
    many = 10_000 if isinstance(router, Router) else 50
    queue = router.put_queue(
        0,
        "support",
        "longest-idle-agent",
        tier_rules_apply=True,
        tier_rule_wait_us=1,
        tier_rule_wait_multiply_level=True,
    )
    for number in range(1, many + 1):
        agent = router.put_agent(0, str(number))
        router.put_tier(0, queue, agent, number, 1)
    router.set_status(0, agent, "Available")
    first = router.put_agent(0, "first")
    router.put_tier(0, queue, first, 1, 1)
    router.set_status(0, first, "Available")
    router.set_ready_at(0, first, 10**9)
    router.enqueue(0, queue, entered_us=0)
    assert router.decide(many - 1) == []
    assert [proposal.agent for proposal in router.decide(many)] == [agent]


@pytest.mark.parametrize("bad", [101, -101, *HUGE[1:]])
def test_priority_is_bounded(busy, bad):
    with pytest.raises(RouterError):
        busy.router.enqueue(busy.now_us, busy.queues["support"], entered_us=busy.now_us, priority=bad)


@pytest.mark.parametrize("bad", HUGE[1:])
def test_base_score_and_tokens_fit_in_a_machine_word(busy, bad):
    with pytest.raises(RouterError):
        busy.router.enqueue(busy.now_us, busy.queues["support"], entered_us=busy.now_us, base_score_us=bad)
    if not -(2**63) <= bad < 2**63:
        for call in (lambda: busy.router.set_timer(1, bad), lambda: busy.router.cancel_timer(bad)):
            with pytest.raises(RouterError):
                call()


def test_the_ends_of_the_ranges_are_taken(make_router):
    router = make_router()
    end_us = 10**17
    queue = router.put_queue(0, "support", "longest-idle-agent")
    agent = router.put_agent(0, "x", wrap_up_us=end_us, max_no_answer=1_000_000)
    router.put_tier(0, queue, agent, 86_400, 86_400)
    router.put_tier(0, queue, agent, 0, 0)
    router.set_status(0, agent, "Available")
    first = router.enqueue(0, queue, entered_us=0, priority=100, base_score_us=end_us)
    last = router.enqueue(0, queue, entered_us=end_us, priority=-100, base_score_us=-end_us)
    assert router.callers(queue) == [first, last]
    (proposal,) = router.decide(end_us)
    router.claim(end_us, proposal.offer)
    router.bridged(end_us, proposal.offer)
    router.finish(end_us, proposal.offer)
    assert router.next_deadline_us() == 2 * end_us
    assert router.advance(end_us) == []
    assert router.agent(agent).state == "wrap_up"
    router.set_timer(end_us, 2**63 - 1)
    router.set_timer(end_us, -(2**63))
    assert router.advance(end_us) == [2**63 - 1, -(2**63)]


@pytest.mark.parametrize("word", ["", "longest-idle", "RING-ALL", "ring-all ", "ring\x00all", "\ud800"])
def test_unknown_words(busy, word):
    now_us, agent = busy.now_us, busy.agents["x"]
    before = picture(busy)
    for call in (
        lambda: busy.router.put_queue(now_us, "support", word),
        lambda: busy.router.put_queue(now_us, "support", "ring-all", no_answer_status=word),
        lambda: busy.router.set_status(now_us, agent, word),
        lambda: busy.router.fail(now_us, busy.offer("ada", "x"), word),
    ):
        with pytest.raises(RouterError):
            call()
    assert picture(busy) == before


@pytest.mark.parametrize("name", ["", "x" * 10_001, "\U0001f600" * 10_001, "bad \ud800 half"])
def test_names_that_are_refused(make_router, name):
    router = make_router()
    with pytest.raises(RouterError):
        router.put_queue(0, name, "ring-all")
    with pytest.raises(RouterError):
        router.put_agent(0, name)


@pytest.mark.parametrize("name", ["x", "x" * 10_000, "\U0001f600" * 10_000, "a\x00b", "پشتیبانی", " ", "\n"])
def test_names_that_are_taken(make_router, name):
    router = make_router()
    queue = router.put_queue(0, name, "ring-all")
    agent = router.put_agent(0, name)
    assert router.put_queue(0, name, "ring-all") == queue == router.queue_id(name)
    assert router.put_agent(0, name) == agent == router.agent_id(name)
    assert router.agent(agent).name == name
    assert router.queue_id(name + "y") is None
    assert router.agent_id(name + "y") is None


def test_a_tier_that_is_not_there(busy):
    busy.queue("sales")
    with pytest.raises(RouterError):
        busy.router.remove_tier(busy.now_us, busy.queues["sales"], busy.agents["x"])


def test_an_error_says_what_is_wrong_and_names_nobody(make_router):
    router = make_router()
    with pytest.raises(RouterError, match="strategy"):
        router.put_queue(0, "secret name", "no such strategy")
    queue = router.put_queue(0, "secret name", "ring-all")
    router.enqueue(0, queue, entered_us=0)
    with pytest.raises(RouterError) as caught:
        router.remove_queue(0, queue)
    assert "secret" not in str(caught.value)


def test_time_that_goes_back_counts_as_the_last_one_seen(busy):
    """Clocks are set back; no wait becomes shorter and no deadline comes twice."""
    router, now_us = busy.router, busy.now_us
    router.claim(now_us, busy.offer("ada", "x"))
    router.bridged(now_us, busy.offer("ada", "x"))
    router.finish(now_us + 60_000_000, busy.offer("ada", "x"))
    assert router.advance(now_us) == []
    assert (busy.state("x"), busy.view("x").ready_at_us) == ("wrap_up", now_us + 70_000_000)
    router.set_wrap_up_end(0, busy.agents["x"], now_us + 60_000_000)
    assert busy.state("x") == "waiting"
    assert router.explain(busy.callers["bob"]).now_us == now_us + 60_000_000
    assert [proposal.caller for proposal in router.decide(0)] == [busy.callers["bob"]]
    assert busy.view("x").state_since_us == now_us + 60_000_000


def test_a_hundred_thousand_skills_on_one_agent(make_router):
    router = make_router()
    many = 100_000 if isinstance(router, Router) else 1000
    skills = {f"skill:{number}": 1 + number % 100 for number in range(many)}
    queue = router.put_queue(0, "support", "longest-idle-agent", skills=f"skill:{many - 1} and not nothing")
    agent = router.put_agent(0, "x", skills=skills)
    router.put_tier(0, queue, agent, 1, 1)
    router.set_status(0, agent, "Available")
    caller = router.enqueue(0, queue, entered_us=0, skills="skill:0 > 1")
    assert [candidate.reason for candidate in router.explain(caller).candidates] == ["skills"]
    caller = router.enqueue(0, queue, entered_us=0)
    assert [proposal.caller for proposal in router.decide(0)] == [caller]
    with pytest.raises(SkillError):
        router.put_agent(0, "x", skills={f"skill:{number}": 1 for number in range(100_001)})
    with pytest.raises(SkillError):
        router.put_agent(0, "x", skills={"y" * 10_000: 1})
    assert len(router.agent_skills(agent)) == many


def test_an_id_is_never_used_twice(busy):
    """Whoever holds the id of somebody gone meets nobody, though the place is taken again."""
    router, now_us = busy.router, busy.now_us
    bob, offer, agent = busy.callers["bob"], busy.offer("ada", "x"), busy.agents["x"]
    for caller in ("ada", "bob"):
        busy.leave(caller)
    router.fail(now_us, offer, "withdrawn")
    router.remove_agent(now_us, agent)
    busy.agent("x", "support")
    busy.call("eve", "support")
    busy.decide()
    assert busy.agents["x"] != agent
    for call in (
        lambda: router.position(bob),
        lambda: router.explain(bob),
        lambda: router.ringing(now_us, offer),
        lambda: router.agent(agent),
        lambda: router.put_tier(now_us, busy.queues["support"], agent, 1, 1),
    ):
        with pytest.raises(RouterError):
            call()


def test_the_longest_names_survive_a_restart():
    router = Router()
    router.start_log()
    names = ["x" * 10_000, "\U0001f600" * 10_000, "a\x00b"]
    ids = [(router.put_queue(0, name, "ring-all"), router.put_agent(0, name)) for name in names]
    replay = Replay(router.fetch_log())
    replay.run()
    for again in (Router.restore(router.snapshot()), Router.restore(replay.snapshot())):
        assert [(again.queue_id(name), again.agent_id(name)) for name in names] == ids
