"""What the router tells callers to expect. It decides nothing, so the Python reference has no part in it.

How good the answers are is measured by `rust_router/core/tests/wait_estimate.rs`, through this same router.
"""

from __future__ import annotations

import pytest
from contract.centre import SECOND, Centre
from contract.sharing import Centre as Sharing
from contract.sharing import Run, Told

from py_callcenter._router import Router, RouterError

pytestmark = pytest.mark.contract


class Desk(Centre):
    """One queue with ten agents who take turns: a call is answered every ten seconds and lasts 100 s."""

    def __init__(self, *, waiting: int = 5, agents: int = 10, **queue: int):
        super().__init__(Router())
        self.queue("support", **queue)
        self.numbered = 0
        self.talking: list[tuple[str, str]] = []
        for number in range(agents):
            self.agent(f"agent {number}", "support")
        for _ in range(agents + waiting):
            self.come()
        self.connect()

    def come(self) -> str:
        self.numbered += 1
        self.call(f"caller {self.numbered}", "support")
        return f"caller {self.numbered}"

    def connect(self) -> None:
        for pair in self.decide():
            self.ring(*pair)
            self.claim(*pair)
            self.bridge(*pair)
            self.talking.append(pair)

    def serve(self, calls: int, *, every_s: float = 10) -> Desk:
        """The longest talk ends, the next caller is served, and another comes."""
        for _ in range(calls):
            self.wait(every_s)
            self.finish(*self.talking.pop(0))
            self.connect()
            self.come()
        return self

    def ask(self):
        return self.router.expected_wait(self.now_us, self.queues["support"])

    def ask_for(self, caller: str):
        return self.router.expected_wait_of(self.now_us, self.callers[caller])

    @property
    def score(self):
        return self.router.wait_score(self.queues["support"])

    @property
    def rates(self):
        return self.router.wait_rates(self.queues["support"])


def test_somebody_is_ready_so_nobody_waits():
    centre = Centre(Router())
    centre.queue("support")
    centre.agent("ada", "support")
    answer = centre.router.expected_wait(centre.now_us, centre.queues["support"])
    assert (answer.mean_us, answer.p10_us, answer.p90_us) == (0, 0, 0)


def test_a_new_queue_does_not_know():
    desk = Desk()
    assert desk.ask() is None
    assert desk.ask_for("caller 11") is None
    assert desk.score.answers == 0


def test_each_caller_has_a_range_by_the_place():
    desk = Desk().serve(200)
    row = [desk.ask_for(caller) for caller in desk.line("support")]
    assert len(row) == 5
    assert [answer.mean_us for answer in row] == pytest.approx(
        [10 * SECOND * n for n in range(1, 6)], rel=1e-3
    )
    assert desk.ask().mean_us == pytest.approx(60 * SECOND, rel=1e-3)
    for answer in row:
        assert answer.p10_us < answer.p50_us < answer.p80_us < answer.p90_us


def test_priority_shortens_the_wait_that_is_told():
    desk = Desk().serve(200)
    last = desk.line("support")[-1]
    desk.router.set_priority(desk.now_us, desk.callers[last], 5)
    assert desk.ask_for(last).mean_us == pytest.approx(10 * SECOND, rel=1e-3)


def test_a_break_of_half_the_agents_doubles_it_at_once():
    desk = Desk().serve(200)
    before = desk.ask().mean_us
    for number in range(5):
        desk.status(f"agent {number}", "On Break")
    assert desk.ask().mean_us == pytest.approx(2 * before, rel=1e-6)
    for number in range(10):
        desk.status(f"agent {number}", "Logged Out")
    assert desk.ask() is None


def test_agents_who_leave_the_queue_or_come_to_it_count_at_once():
    desk = Desk().serve(200)
    before = desk.ask().mean_us
    for number in range(5):
        desk.router.remove_tier(desk.now_us, desk.queues["support"], desk.agents[f"agent {number}"])
    assert desk.ask().mean_us == pytest.approx(2 * before, rel=1e-6)
    for number in range(5):
        desk.tier("support", f"agent {number}")
    assert desk.ask().mean_us == pytest.approx(before, rel=1e-6)


def test_a_question_changes_nothing():
    asked, silent = Desk(), Desk()
    for _ in range(100):
        for desk in (asked, silent):
            desk.serve(1)
        asked.router.expected_wait(asked.now_us + 3 * SECOND, asked.queues["support"])
        asked.ask_for(asked.line("support")[-1])
    assert repr(asked.ask()) == repr(silent.ask())
    assert asked.rates.entries_per_agent_s == silent.rates.entries_per_agent_s


def test_those_who_give_up_shorten_the_wait_and_those_who_are_sent_away_do_not():
    def rate(*, abandoned: bool) -> float:
        desk = Desk(waiting=30)
        for _ in range(300):
            desk.serve(3)
            desk.router.leave(desk.now_us, desk.callers[desk.line("support")[-1]], abandoned=abandoned)
            desk.come()
        return desk.rates.abandonment_per_s

    # One in thirty seconds, of thirty who wait.
    assert rate(abandoned=True) == pytest.approx(1 / 900, rel=0.05)
    assert rate(abandoned=False) == 0


def test_a_caller_who_waits_for_an_opening_is_kept_waiting_though_somebody_is_free():
    """The only agent opens after 30 s: so often somebody enters service, whatever `can_serve` says."""
    centre = Centre(Router())
    centre.queue("support")
    centre.agent("ada", "support")
    centre.router.put_tier(
        centre.now_us, centre.queues["support"], centre.agents["ada"], 1, 1, opening_delay_us=30 * SECOND
    )
    for number in range(60):
        centre.call(f"caller {number}", "support")
        assert centre.decide() == []
        assert centre.router.can_serve(centre.queues["support"]) == 1
        centre.wait(30)
        assert centre.decide() == [(f"caller {number}", "ada")]
        centre.talk(f"caller {number}", "ada", 5)
    rates = centre.router.wait_rates(centre.queues["support"])
    assert rates.entries_per_agent_s == pytest.approx(1 / 30, rel=0.01)
    centre.call("one more", "support")
    centre.decide()
    answer = centre.router.expected_wait_of(centre.now_us, centre.callers["one more"])
    assert answer.mean_us == pytest.approx(30 * SECOND, rel=0.01)


def test_time_when_agents_idle_and_nobody_waits_teaches_nothing():
    desk = Desk().serve(200)
    before, judged = desk.rates.entries_per_agent_s, desk.score.answers
    for caller in desk.line("support"):
        desk.leave(caller)
    while desk.talking:
        desk.finish(*desk.talking.pop())
    desk.wait(36_000)
    assert desk.rates.entries_per_agent_s == before
    desk.come()
    desk.connect()
    assert desk.rates.entries_per_agent_s == before
    assert desk.score.answers == judged


def test_overtaken_callers_make_it_silent():
    """Each newcomer is put first: what was told on joining is far from the truth."""
    desk = Desk(waiting=10).serve(100)
    assert desk.ask() is not None
    for number in range(400):
        desk.router.set_priority(desk.now_us, desk.callers[desk.come()], min(100, number))
        desk.wait(10)
        desk.finish(*desk.talking.pop(0))
        desk.connect()
    assert desk.score.bias > 0.35
    assert desk.ask() is None


def test_a_moved_caller_waits_anew_where_they_go():
    desk = Desk().serve(200)
    desk.queue("sales")
    desk.agent("zoe", "sales")
    caller = desk.line("support")[2]
    desk.router.move(desk.now_us, desk.callers[caller], desk.queues["sales"])
    assert desk.ask_for(caller) is None  # sales is new
    assert desk.ask().mean_us == pytest.approx(50 * SECOND, rel=1e-3)


def test_a_queue_that_is_gone_when_its_talk_ends_is_no_loss():
    centre = Centre(Router())
    centre.queue("support")
    centre.agent("ada", "support")
    centre.call("bob", "support")
    centre.decide()
    centre.claim("bob", "ada")
    centre.bridge("bob", "ada")
    gone = centre.queues["support"]
    centre.router.remove_queue(centre.now_us, gone)
    centre.queue("sales")
    centre.wait(60)
    centre.finish("bob", "ada")
    assert centre.router.wait_rates(centre.queues["sales"]).service_per_s == 0
    for ask in (centre.router.wait_rates, centre.router.wait_score):
        with pytest.raises(RouterError):
            ask(gone)
    with pytest.raises(RouterError):
        centre.router.expected_wait(centre.now_us, gone)
    with pytest.raises(RouterError):
        centre.router.expected_wait_of(centre.now_us, 99)


def test_agents_who_also_serve_another_queue_make_no_wrong_promise():
    """Two queues, both with more calls than agents. Support has ten agents of its own and ten whom sales
    wants too: counting all twenty in full promises far too little, counting ten far too much. Within each
    group the calls are shared fairly.
    """
    centre = Sharing(arrivals_per_s=(0.16, 0.12), agents=(10, 0, 10))
    run = Run(centre, 3).run(30_000)
    told, support = run.told[0], run.queues[0]
    squares, rates = told.squares(centre, 0), run.router.wait_rates(support)
    assert len(told.answers) > 9000
    assert told.silent == 0
    assert 11 < rates.effective_agents < 19
    assert abs(told.bias()) < 0.03
    # Of those who are served few would have waited long.
    assert told.bias() < told.bias(served_only=True) < 0.1
    assert squares["ours"] < 0.8 * min(squares["full"], squares["own"])
    assert 0.75 < told.inside() < 0.85
    assert abs(run.router.wait_score(support).bias) < 0.2
    assert min(run.jain()) >= 0.98


def test_a_long_queue_gets_more_of_the_shared_agents_and_says_so():
    """Whoever has waited longest is taken, so a queue that is longer than usual moves faster. By one mean
    rate those who find it long would be told 8 % too much.
    """
    run = Run(Sharing(), 5).run(60_000)
    for told in run.told:
        for least, most in ((0, 4), (5, 9), (10, 99)):
            some = Told([answer for answer in told.answers if least <= answer[0].ahead <= most])
            assert len(some.answers) > 700
            assert abs(some.bias()) < 0.05, (least, some.bias())
