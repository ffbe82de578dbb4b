"""Call centres in virtual time with everything that can go wrong: nobody is lost, nothing is counted twice.

What is drawn, what may go wrong, what is promised: `storm/plan.py`, `storm/faults.py`, `storm/rules.py`. A
failing seed is named with the command that plays it again. SIM_SEEDS sets how many are tried here; `make sim
SEEDS=20000 MORE=--brief` is the long run: an hour on two cores. What isn't proven yet stands in
`storm/coverage.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sim.storm import coverage, faults
from sim.storm.plan import draw
from sim.storm.pool import Allowed, tally
from sim.storm.run import FAULTS, simulate
from sim.storm.shrink import Shrinker, command

pytestmark = [pytest.mark.sim, pytest.mark.usefixtures("quiet")]

SEEDS = int(os.environ.get("SIM_SEEDS", "300"))
TESTS = Path(__file__).parent.parent


@pytest.mark.timeout(1200)
def test_in_no_seed_is_anybody_lost():
    total = tally(range(SEEDS), os.cpu_count() or 1, aloud=False)

    told = "\n".join(f"make sim SEED={seed}: {what}" for seed, what in total.failures)
    assert not total.failures, told
    assert total.seeds == SEEDS
    assert total.calls > 30 * SEEDS


@pytest.mark.parametrize("seed", [3, 11, 29])
def test_the_same_seed_is_the_same_story(seed):
    assert simulate(draw(seed, FAULTS)).fingerprint == simulate(draw(seed, FAULTS)).fingerprint


def test_the_same_seed_is_the_same_story_in_another_process():
    """Nothing depends on the order of a set, on addresses or on the clock of the machine."""
    code = (
        "import structlog; structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))\n"
        "from sim.storm.run import run_seed\n"
        "print(run_seed(17).fingerprint)"
    )
    stories = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": f"{TESTS}{os.pathsep}{TESTS.parent}"},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(stories) == 1


def test_different_seeds_are_different_stories():
    assert len({simulate(draw(seed, ())).fingerprint for seed in range(5)}) == 5


def test_brief_stories_are_of_the_same_kind_and_take_less_time():
    usual, brief = ([Allowed(brief=short).draw(seed) for seed in range(40)] for short in (False, True))

    assert all(30 <= plan.seconds <= 600 and plan.calls for plan in brief)
    assert all(one.seconds > other.seconds for one, other in zip(usual, brief, strict=True))
    assert [plan.agents for plan in usual] == [plan.agents for plan in brief]
    calls, fewer = (sum(len(plan.calls) for plan in plans) for plans in (usual, brief))
    assert 0.6 * calls < fewer < 0.9 * calls


def test_a_seed_is_played_again_as_it_was_drawn():
    assert str(Allowed((8, 37), ("breaks",), brief=True)) == "--faults=8,37 --always breaks --brief"
    assert str(Allowed()) == ""


def test_every_fault_of_the_list_is_played_or_named_with_the_reason_why_not():
    # People hold and transfer (F27, F28), queues overflow in circles (F33) in seeds without misfortunes too.
    played = set(FAULTS) | {27, 28, 33}
    named = set(coverage.FAULTS_NOT_YET) | set(coverage.FAULTS_ELSEWHERE)

    assert played | named == set(range(1, 45))
    assert not played & named
    assert set(coverage.FAULTS_NOT_YET) <= set(faults.KINDS)


def test_a_failing_seed_is_made_smaller_and_can_be_played_again(monkeypatch):
    """With a bug put in, a few calls and one agent are enough to show it."""
    from py_callcenter.engine import exits

    monkeypatch.setattr(exits, "go", lambda _state, _call: None)
    failing = next(
        result for result in (simulate(draw(seed, FAULTS)) for seed in range(40)) if "I1" in result.rules
    )
    whole = failing.plan

    smallest = Shrinker(failing, runs=80).shrink()

    assert "I1" in smallest.rules
    assert len(smallest.plan.calls) < len(whole.calls)
    assert not smallest.plan.faults
    assert command(smallest.plan, whole).startswith(f"make sim SEED={whole.seed} MORE='--")
