"""Truth by theory: the router, driven as a queue of the textbooks, behaves as Erlang says.

A lost call, one served twice, an agent left idle beside a waiting caller: each moves these figures.
The longer run is `python bench/python/bench_estimate.py`.
"""

from __future__ import annotations

import pytest
from contract.theory import Centre, Model, jain

from py_callcenter._router import Erlang

pytestmark = pytest.mark.contract

MODELS = [
    (Model(5, 4 / 60, 1 / 60), 1),
    (Model(20, 15 / 180, 1 / 180), 2),
    (Model(10, 12 / 100, 1 / 100, 0.5 / 100), 3),
    (Model(50, 48 / 300, 1 / 300, 2 / 300), 4),
]


@pytest.mark.parametrize(("model", "seed"), MODELS, ids=str)
def test_waits_and_losses_are_those_of_erlang(model, seed):
    found = Centre(model, seed).run(300_000)
    theory = Erlang(
        model.agents,
        arrivals_per_s=model.arrivals_per_s,
        service_per_s=model.service_per_s,
        abandonment_per_s=model.abandonment_per_s,
    )
    assert found.wait_s.holds(theory.mean_wait_s)
    assert found.wait_share.holds(theory.wait_share)
    assert found.abandon_share.holds(theory.abandon_share)
    # An interval that holds everything proves nothing.
    assert found.wait_s.half < 0.25 * theory.mean_wait_s
    assert found.wait_share.half < 0.1 * theory.wait_share
    assert (found.out_of_order, found.lost) == (0, 0)


@pytest.mark.parametrize("load", [0.5, 0.9])
def test_the_longest_idle_is_fair(load):
    """With one queue and equal agents all get the same number of calls and the same talk."""
    found = Centre(Model(20, 20 * load / 180, 1 / 180), 5).run(20_000)
    assert jain(found.answered) >= 0.98
    assert jain(found.talk_us) >= 0.98
    assert max(found.answered) - min(found.answered) <= 0.2 * sum(found.answered) / len(found.answered)
