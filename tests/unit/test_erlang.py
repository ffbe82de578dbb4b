"""Erlang's B, C and A against sums over the states in exact fractions, printed tables, other programs.

Of A no printed table of more than some values is known to us (those of a tutorial are in test_staffing.py).
So it is held against two independent computations: the states one by one in fractions, and the closed formula
with the incomplete gamma function at sixty digits.
"""

from __future__ import annotations

import math
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from py_callcenter._router import Erlang, EstimateError, erlang_b

pytestmark = pytest.mark.unit


class Chain:
    """M/M/s or M/M/s+M solved state by state. Callers in the system: 0, 1, 2, …; rates are fractions, so
    nothing is rounded; the tail is cut where it is below 10^-30 of the whole.
    """

    def __init__(self, agents: int, arrivals: Fraction, service: Fraction, patience: Fraction):
        self.agents, self.arrivals, self.service, self.patience = agents, arrivals, service, patience
        states = [Fraction(1)]
        total = Fraction(1)
        for state in count(1):
            serving, waiting = min(state, agents), max(0, state - agents)
            outflow = serving * service + waiting * patience
            states.append(states[-1] * arrivals / outflow)
            total += states[-1]
            if waiting and arrivals < outflow and states[-1] < total / 10**30:
                break
        self.states = [state / total for state in states]

    @property
    def wait_share(self) -> Fraction:
        return sum(self.states[self.agents :], Fraction(0))

    @property
    def mean_waiting(self) -> Fraction:
        return sum((place * share for place, share in enumerate(self.states[self.agents :])), Fraction(0))

    @property
    def mean_wait(self) -> Fraction:
        return self.mean_waiting / self.arrivals

    @property
    def abandon_share(self) -> Fraction:
        return self.patience * self.mean_wait

    def served_within(self, seconds: float, steps: int = 2000) -> float:
        """Follow a caller who finds so many ahead, step by step through time (uniformisation): in each tick
        of a Poisson clock the place in the queue may shrink, or the caller gives up, or nothing happens.
        """
        full = self.agents * self.service
        ahead = [float(share) for share in self.states[self.agents :]]
        clock = float(full + len(ahead) * self.patience)
        served = 1.0 - sum(ahead)
        done = 0.0
        weight = math.exp(-clock * seconds)  # ticks so far: none
        reached = weight * served
        total = weight
        moves = [(float(full + k * self.patience) / clock) for k in range(len(ahead))]
        gives_up = float(self.patience) / clock
        for tick in range(1, steps):
            now = [0.0] * len(ahead)
            for place, share in enumerate(ahead):
                step = share * moves[place]
                if place:
                    now[place - 1] += step
                else:
                    done += step
                now[place] += share * (1 - moves[place] - gives_up)
            ahead = now
            weight *= clock * seconds / tick
            total += weight
            reached += weight * (served + done)
            if 1 - total < 1e-13:
                break
        return reached


def theory(chain: Chain) -> Erlang:
    return Erlang(
        chain.agents,
        arrivals_per_s=float(chain.arrivals),
        service_per_s=float(chain.service),
        abandonment_per_s=float(chain.patience),
    )


CHAINS = [
    (1, Fraction(1, 2), Fraction(1), Fraction(0)),
    (10, Fraction(8), Fraction(1), Fraction(0)),
    (20, Fraction(19, 300), Fraction(1, 300), Fraction(0)),
    (1, Fraction(3), Fraction(1), Fraction(1)),
    (7, Fraction(6), Fraction(1), Fraction(1, 4)),
    (10, Fraction(14), Fraction(1), Fraction(1, 2)),
    (25, Fraction(1, 10), Fraction(1, 180), Fraction(1, 60)),
    (50, Fraction(60), Fraction(1), Fraction(3)),
]


@pytest.mark.parametrize("chain", CHAINS, ids=str)
def test_erlang_c_and_a_are_what_the_states_add_up_to(chain):
    exact = Chain(*chain)
    found = theory(exact)
    assert found.wait_share == pytest.approx(float(exact.wait_share), rel=1e-11)
    assert found.mean_wait_s == pytest.approx(float(exact.mean_wait), rel=1e-11)
    assert found.mean_waiting == pytest.approx(float(exact.mean_waiting), rel=1e-11)
    assert found.abandon_share == pytest.approx(float(exact.abandon_share), rel=1e-11, abs=1e-300)
    busy = sum(min(state, exact.agents) * share for state, share in enumerate(exact.states))
    assert found.occupancy == pytest.approx(float(busy / exact.agents), rel=1e-11)


@pytest.mark.parametrize("chain", [CHAINS[1], CHAINS[3], CHAINS[5]], ids=str)
@pytest.mark.parametrize("handling_times", [0.1, 0.7, 2.0])
def test_the_service_level_is_what_following_each_caller_gives(chain, handling_times):
    exact = Chain(*chain)
    assert theory(exact).served_within(handling_times) == pytest.approx(
        exact.served_within(handling_times), rel=1e-9
    )


def in_sixty_digits(agents, arrivals, service, patience, seconds):
    """Erlang A by the lower incomplete gamma function (Palm 1957; as in Mandelbaum and Zeltyn, "Service
    engineering in action: the Palm/Erlang-A queue", 2007), each gamma as its series of positive terms. Gives
    the shares that wait, that give up, and that are answered within so many seconds.
    """
    with localcontext() as context:
        context.prec = 60
        rate, full, theta = Decimal(arrivals), agents * Decimal(service), Decimal(patience)

        def beyond(wait):
            """Integral of the density of the offered wait from there on, but for a constant: J(t)."""
            y = rate / theta * (-theta * wait).exp()
            place = full / theta
            term = total = 1 / place
            while term > total * Decimal("1e-58"):
                place += 1
                term *= y / place
                total += term
            return (rate / theta - y - full * wait).exp() / theta * total

        fewer = term = Decimal(1)
        for busy in range(agents - 1, 0, -1):
            term *= busy * Decimal(service) / rate
            fewer += term
        whole = fewer + rate * beyond(Decimal(0))
        late = Decimal(seconds)
        density = (rate / theta * (1 - (-theta * late).exp()) - full * late).exp()
        abandons = (1 + (rate - full) * beyond(Decimal(0))) / whole
        return (
            float(rate * beyond(Decimal(0)) / whole),
            float(abandons),
            float(1 - abandons - (full * beyond(late) - density) / whole),
        )


@pytest.mark.parametrize(
    ("agents", "arrivals", "service", "patience"),
    # Rates a second, as they are written: quiet, at the load, far above it; patience short and long.
    [
        (1, "0.5", "1", "0.01"),
        (3, "0.02", "0.005", "0.1"),
        (14, "0.0556", "0.00556", "0.0167"),
        (50, "0.8", "0.0166", "0.00833"),
        (100, "0.3", "0.004", "0.002"),
        (100, "0.8", "0.004", "0.05"),
        (1000, "3.9", "0.004", "0.001"),
        (1000, "6", "0.004", "0.0001"),
    ],
)
@pytest.mark.parametrize("seconds", [0, 5, 20, 120])
def test_erlang_a_is_the_closed_formula_at_sixty_digits(agents, arrivals, service, patience, seconds):
    waits, abandons, in_time = in_sixty_digits(agents, arrivals, service, patience, seconds)
    found = Erlang(
        agents,
        arrivals_per_s=float(arrivals),
        service_per_s=float(service),
        abandonment_per_s=float(patience),
    )
    assert found.wait_share == pytest.approx(waits, rel=1e-10, abs=1e-15)
    assert found.abandon_share == pytest.approx(abandons, rel=1e-9, abs=1e-15)
    assert found.served_within(seconds) == pytest.approx(in_time, rel=1e-9, abs=1e-13)


@pytest.mark.parametrize(
    ("agents", "load", "lost"),
    [(1, 1, Fraction(1, 2)), (2, 1, Fraction(1, 5)), (3, 2, Fraction(4, 19)), (4, 3, Fraction(27, 131))],
)
def test_erlang_b_in_exact_fractions(agents, load, lost):
    assert erlang_b(agents, load) == pytest.approx(float(lost), rel=1e-15)


def lost_share(agents: int, load: Fraction) -> Fraction:
    """Erlang's loss formula as he wrote it: one term over the sum of all, nothing rounded."""
    terms = [Fraction(1)]
    for busy in range(1, agents + 1):
        terms.append(terms[-1] * load / busy)
    return terms[-1] / sum(terms)


@pytest.mark.parametrize(
    ("agents", "lost", "load"),
    # Load in Erlang that loses so much. 8.108: the calculator's manual at erlang.com.
    [
        (1, "0.01", "0.0101"),
        (5, "0.01", "1.361"),
        (10, "0.01", "4.461"),
        (15, "0.01", "8.108"),
        (20, "0.01", "12.03"),
        (100, "0.01", "84.06"),
        (10, "0.05", "6.216"),
    ],
)
def test_erlang_b_to_the_last_printed_digit(agents, lost, load):
    """The load that loses so much lies between the printed one less and more half its last digit, by the
    formula in fractions and by ours.
    """
    half = Fraction(1, 2 * 10 ** len(load.partition(".")[2]))
    few, many = Fraction(load) - half, Fraction(load) + half
    assert lost_share(agents, few) <= Fraction(lost) <= lost_share(agents, many)
    assert erlang_b(agents, float(few)) == pytest.approx(float(lost_share(agents, few)), rel=1e-14)
    assert erlang_b(agents, float(many)) == pytest.approx(float(lost_share(agents, many)), rel=1e-14)


LOSSES = [*(n / 1e4 for n in (1, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90)), 0.01, 0.02, 0.03, 0.04, 0.05]
APPENDIX_A = {
    4: "0.2 0.4 0.4 0.5 0.6 0.7 0.7 0.7 0.8 0.8 0.8 0.9 1.1 1.3 1.4 1.5",
    5: "0.5 0.6 0.8 0.9 1.0 1.1 1.1 1.2 1.2 1.3 1.3 1.4 1.7 1.9 2.1 2.2",
    6: "0.7 1.0 1.1 1.3 1.4 1.5 1.6 1.7 1.8 1.8 1.9 1.9 2.3 2.5 2.8 3.0",
    7: "1.1 1.4 1.6 1.8 1.9 2.1 2.2 2.2 2.3 2.4 2.4 2.5 2.9 3.2 3.5 3.7",
    8: "1.4 1.8 2.1 2.3 2.5 2.6 2.7 2.8 2.9 3.0 3.1 3.1 3.6 4.0 4.3 4.5",
    9: "1.8 2.3 2.6 2.9 3.1 3.2 3.3 3.4 3.5 3.6 3.7 3.8 4.3 4.7 5.1 5.4",
}
"""Six lines of the table in appendix A of "Carrier Grade Voice over IP", second edition: load by loss."""


@pytest.mark.parametrize("agents", APPENDIX_A)
def test_erlang_b_as_in_a_printed_table(agents):
    for lost, load in zip(LOSSES, map(float, APPENDIX_A[agents].split()), strict=True):
        assert erlang_b(agents, load - 0.05) <= lost <= erlang_b(agents, load + 0.05)


def test_lines_for_a_load():
    """33.333 Erlang at one in a hundred lost: 45 lines, says the webmaster of erlang.com in its forum."""
    assert erlang_b(45, 1200 / 36) <= 0.01 < erlang_b(44, 1200 / 36)


# Erlang C as other programs' documentation prints it: calls in so many seconds, handling time, agents; then
# the share that waits, the share answered within 20 s, the mean wait, the occupancy.
OTHERS = [
    # The ErlangC package of CRAN, 0.1.0; the first two also at pyworkforce 0.1.0 on PyPI with all digits.
    (100, 1800, 180, 14, 0.1741319335950498, 0.8883500191794669, 7.83593701177724, 0.7142857),
    # Its search for 80 % within 20 s begins one agent above the load.
    (100, 1800, 180, 11, 0.6821182, 0.3896138, None, 10 / 11),
    # call_center_tools on PyPI.
    (1000, 3600, 120, 40, 0.1907, 0.9372, 3.43, 0.8333),
]


@pytest.mark.parametrize("row", OTHERS, ids=str)
def test_erlang_c_as_other_programs_have_it(row):
    calls, during_s, handle_s, agents, waits, in_time, wait_s, occupancy = row
    found = Erlang(agents, arrivals_per_s=calls / during_s, service_per_s=1 / handle_s)
    exact = Chain(agents, Fraction(calls, during_s), Fraction(1, handle_s), Fraction(0))
    digits = 5e-5 if waits == 0.1907 else 5e-8
    assert found.wait_share == pytest.approx(waits, abs=digits)
    assert found.wait_share == pytest.approx(float(exact.wait_share), rel=1e-11)
    assert found.served_within(20) == pytest.approx(in_time, abs=digits)
    assert found.occupancy == pytest.approx(occupancy, abs=5e-5)
    if wait_s is not None:
        assert found.mean_wait_s == pytest.approx(wait_s, abs=0.005)
        assert found.mean_wait_s == pytest.approx(float(exact.mean_wait), rel=1e-11)


def test_fourteen_agents_are_the_fewest_for_four_fifths_in_twenty_seconds():
    """As pyworkforce and the ErlangC package say for 10 Erlang of three minutes each."""
    levels = [Erlang(n, arrivals_per_s=1 / 18, service_per_s=1 / 180).served_within(20) for n in (13, 14)]
    assert levels[0] < 0.8 <= levels[1]


@pytest.mark.parametrize(("agents", "load"), [(1, 2.0), (10, 8.0), (50, 48.0), (50, 60.0)])
def test_callers_as_patient_as_calls_are_long_make_a_poisson_crowd(agents, load):
    """Whoever is there leaves at the same rate, waiting or talking: M/M/∞, which has a plain formula."""
    found = Erlang(agents, arrivals_per_s=load, service_per_s=1, abandonment_per_s=1)
    crowd = [math.exp(n * math.log(load) - load - math.lgamma(n + 1)) for n in range(agents + 400)]
    waiting = sum((n - agents) * share for n, share in enumerate(crowd) if n > agents)
    assert found.wait_share == pytest.approx(sum(crowd[agents:]), rel=1e-9)
    assert found.mean_waiting == pytest.approx(waiting, rel=1e-9)
    assert found.abandon_share == pytest.approx(waiting / load, rel=1e-9)


@given(
    agents=st.integers(1, 300),
    load=st.floats(0.01, 3),
    patience=st.floats(0.01, 100),
    handling=st.floats(1, 3600),
)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_laws_hold_whatever_the_numbers(agents, load, patience, handling):
    found = Erlang(
        agents,
        arrivals_per_s=load * agents / handling,
        service_per_s=1 / handling,
        abandonment_per_s=patience / handling,
    )
    assert 0 <= found.abandon_share <= found.wait_share <= 1
    # Garnett, Mandelbaum, Reiman 2002, appendix C: never more than a system without a queue turns away.
    assert found.abandon_share <= erlang_b(agents, load * agents) * (1 + 1e-9)
    assert found.occupancy <= 1 + 1e-9
    levels = [found.served_within(seconds) for seconds in (0, 1, 10, 100, 1e6, 1e12)]
    assert all(late >= early - 1e-12 for early, late in pairwise(levels))
    assert levels[0] == pytest.approx(1 - found.wait_share, abs=1e-12)
    assert levels[-1] == pytest.approx(1 - found.abandon_share, abs=1e-9)
    # What waits and is served, and what waits and gives up, add up to all the waiting.
    assert found.mean_wait_served_s * (1 - found.abandon_share) <= found.mean_wait_s * (1 + 1e-9)


def test_patience_makes_shorter_waits_and_lost_calls():
    last = Erlang(10, arrivals_per_s=0.9, service_per_s=0.1)
    for patience_s in (10_000, 300, 60, 10):
        found = Erlang(10, arrivals_per_s=0.9, service_per_s=0.1, abandonment_per_s=1 / patience_s)
        assert found.mean_wait_s < last.mean_wait_s
        assert found.abandon_share > last.abandon_share
        last = found


@pytest.mark.parametrize(
    "call",
    [
        lambda: erlang_b(0, 1),
        lambda: erlang_b(-1, 1),
        lambda: erlang_b(10**7 + 1, 1),
        lambda: erlang_b(10**30, 1),
        lambda: erlang_b(1, -0.1),
        lambda: erlang_b(1, math.nan),
        lambda: erlang_b(1, math.inf),
        lambda: erlang_b(1, 10**400),
        lambda: Erlang(0, arrivals_per_s=1, service_per_s=1),
        lambda: Erlang(1, arrivals_per_s=0, service_per_s=1),
        lambda: Erlang(1, arrivals_per_s=1, service_per_s=math.inf),
        lambda: Erlang(1, arrivals_per_s=1, service_per_s=2, abandonment_per_s=-1),
        lambda: Erlang(1, arrivals_per_s=1, service_per_s=2, abandonment_per_s=math.nan),
        lambda: Erlang(2, arrivals_per_s=1, service_per_s=1).served_within(-1),
        lambda: Erlang(2, arrivals_per_s=1, service_per_s=1).served_within(math.nan),
    ],
)
def test_nonsense_is_refused(call):
    with pytest.raises(EstimateError, match=r"must be|out of range|a count"):
        call()


@pytest.mark.parametrize("arrivals", [2.0, 2.5])
def test_a_queue_that_grows_without_end_has_no_steady_state(arrivals):
    with pytest.raises(EstimateError, match="no steady state"):
        Erlang(2, arrivals_per_s=arrivals, service_per_s=1)
    assert Erlang(2, arrivals_per_s=arrivals, service_per_s=1, abandonment_per_s=0.1).abandon_share > 0


def test_words_are_no_numbers():
    with pytest.raises(TypeError):
        erlang_b("ten", 1)  # type: ignore[arg-type]
