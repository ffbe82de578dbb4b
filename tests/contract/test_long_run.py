"""The long run of random histories in small: the same each time, and a fault is found and shortened."""

from __future__ import annotations

import pytest
from contract import long_run
from contract.reference_router import Caller

pytestmark = pytest.mark.contract

HISTORIES = 200


def test_both_routers_agree_on_the_first_histories():
    failed = {
        seed: why for seed in range(1, HISTORIES + 1) if (why := long_run.play(long_run.steps_of(seed)))
    }

    assert not failed, f"play one again: python -m contract.long_run --seed {min(failed)}"


def test_a_number_is_one_history():
    assert long_run.steps_of(7) == long_run.steps_of(7)
    assert long_run.steps_of(7) != long_run.steps_of(8)
    assert len(long_run.steps_of(7)) == long_run.STEPS + 1


def test_a_wrong_order_is_found_and_told_in_few_steps(monkeypatch):
    wrong = property(lambda caller: (-caller.priority, caller.entered_us + caller.base_score_us, caller.id))
    monkeypatch.setattr(Caller, "rank", wrong)
    found = next(steps for seed in range(1, 100) if long_run.play(steps := long_run.steps_of(seed)))

    short = long_run.shorten(found)

    assert long_run.play(short)
    assert len(short) < 12
    monkeypatch.undo()
    assert not long_run.play(short)
