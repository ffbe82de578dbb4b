"""The long run of random histories in small: the same each time, and a fault is found and shortened."""

from __future__ import annotations

from collections import Counter

import pytest
from contract import long_run
from contract.occurrences import EVERYTHING, Counted
from contract.reference_values import Caller
from contract.test_reasons import Explained

# The explained decisions take a quarter of a minute, and more on a machine that others use too.
pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]

HISTORIES = 500
EXPLAINED = 10_000


# So rare that a few hundred histories may lack them.
RARE = ("a higher level opened by waiting", "losers of a claim: ring-progressively", "a heavy lot drawn")


def test_both_routers_agree_on_the_first_histories_and_everything_occurs():
    failed, seen = {}, Counter()
    for seed in range(1, HISTORIES + 1):
        world = Counted()
        if why := long_run.play(long_run.steps_of(seed), world):
            failed[seed] = why
        seen += world.seen

    assert not failed, f"play one again: python -m contract.long_run --seed {min(failed)}"
    assert [name for name in EVERYTHING if not seen[name] and not name.startswith(RARE)] == []


def test_explanations_foretell_ten_thousand_decisions():
    """Every caller is explained before each decision, which then reserves exactly whom that said."""
    before, seed = Explained.states, 0
    while Explained.states - before < EXPLAINED:
        seed += 1
        why = long_run.play(long_run.steps_of(seed), Explained())
        assert not why, f"play it again: python -m contract.long_run --explained --seed {seed}"

    assert seed < EXPLAINED // 5, "a history explains several decisions"


def test_what_never_occurred_is_told(capsys):
    seen = Counter({name: 3 for name in EVERYTHING if name != "offer by ring-k"})

    assert long_run.report(seen, seen) == ["offer by ring-k"]
    assert "         0          0  offer by ring-k\n" in capsys.readouterr().out


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
