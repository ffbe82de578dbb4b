"""What the benches of misfortunes and the soak say of a run that was bad, or was not measured at all."""

from __future__ import annotations

import importlib
import math
import random
import sqlite3
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest
from live.sip import StoryError
from sim.storm.centre import Centre

from py_callcenter.store import store as storing

pytestmark = pytest.mark.app

ROOT = Path(__file__).parents[2]


@pytest.fixture
def bench(monkeypatch):
    """A script of `bench/`, by name."""
    monkeypatch.syspath_prepend(ROOT / "bench/live")
    monkeypatch.syspath_prepend(ROOT / "bench")
    return importlib.import_module


@pytest.fixture
def picture(bench):
    return bench("office").Picture(
        waiting=[("quiet", "c1"), ("support", "c2"), ("support", "c3")],
        talking={"c4": "ann", "c5": "bob"},
        agents={
            "ann": ("Available", "in_a_queue_call", 1.0, None, 3),
            "bob": ("Available", "in_a_queue_call", 2.0, None, 4),
        },
        legs={"c1", "c2", "c3", "c4", "c5", "ann's phone", "bob's phone"},
    )


def later(bench, before, **changed):
    return bench("office").Picture(**vars(before) | changed)


def test_what_was_not_measured_is_not_in_time(bench):
    office = bench("office")
    assert not office.in_time(office.NEVER_S)
    assert "NOT MEASURED" in office.said(office.NEVER_S)
    assert "MISS" in office.said(office.NEVER_S)
    assert not office.in_time(-0.1), "a phone that rang before it could tells nothing"
    assert not office.in_time(2.1)
    assert office.in_time(1.9)


def test_a_phone_that_never_rings_gives_no_figure(bench):
    office = bench("office")
    ends = SimpleNamespace(_rings={"old": SimpleNamespace(rang_ns=5, agent="ann")})
    assert office.rang_after(ends, {"old"}, 0, wait_s=0.05) == office.NEVER_S
    ends._rings["new"] = SimpleNamespace(rang_ns=3_000_000_000, agent="ann")
    assert office.rang_after(ends, {"old"}, 2_000_000_000) == 1.0
    assert office.rang_after(ends, {"old"}, 0, wait_s=0.05, agent="bob") == office.NEVER_S


def test_who_hung_up_talks_with_the_one_who_was_next_in_the_queue(bench, picture):
    expected = picture.after_hang_up("bob", "support", "bob's phone")
    agents = picture.agents | {"bob": ("Available", "in_a_queue_call", 77.0, None, 5)}
    now = later(
        bench,
        picture,
        waiting=[("quiet", "c1"), ("support", "c3")],
        talking={"c4": "ann", "c2": "bob"},
        agents=agents,
        legs=picture.legs - {"c5", "bob's phone"} | {"bob's phone again"},
    )
    assert expected.differences(now) == []
    overtaken = later(
        bench,
        now,
        waiting=[("quiet", "c1"), ("support", "c2")],
        talking={"c4": "ann", "c3": "bob"},
    )
    assert len(expected.differences(overtaken)) == 2
    assert expected.differences(later(bench, now, agents=picture.agents)), "a conversation counts once"
    assert expected.differences(later(bench, now, legs=now.legs - {"c1"})), "somebody was hung up"


def test_a_part_that_can_not_be_measured_has_not_held_and_the_next_is_played(bench, capsys):
    die = bench("die")

    def never() -> bool:
        raise StoryError("not within 20 s: the controller is ready")

    assert not die.part(never)
    assert "NOT MEASURED, MISS: StoryError: not within 20 s" in capsys.readouterr().out
    assert die.part(lambda: True)


def test_die_takes_what_it_promises(bench, monkeypatch):
    die = bench("die")
    seen = []
    monkeypatch.setattr("sys.argv", ["die.py"])
    monkeypatch.setattr(die, "on_a_switch", lambda play, **_more: play("switch", Path("folder")) and 0)
    monkeypatch.setattr(die, "on_one", lambda _switch, _folder, given: seen.append(given) or [True])
    monkeypatch.setattr(die, "one_of_two", lambda *given: seen.append(given[2:]) or True)
    die.main()
    (given, pair) = seen
    assert (given.waiting, given.talking, given.cuts) == (1000, 100, 50)
    assert pair == (1000, 100)


def test_a_soak_at_another_rate_is_none(bench, capsys):
    soak = bench("soak")
    assert not soak.reached(90_000, 100.0, 1000.0)
    assert "NOT the rate" in capsys.readouterr().out
    assert soak.reached(99_000, 100.0, 1000.0)


def test_a_soak_without_a_sample_after_its_warm_up_is_none(bench):
    assert not bench("soak").judge([(0.0, 100.0, 10), (0.5, 100.0, 10)], 2.0, "hours")


def test_the_soak_in_virtual_time_writes_to_a_real_database(bench, monkeypatch, tmp_path):
    soak = bench("soak")
    monkeypatch.setattr(storing, "_now_us", storing._now_us)  # the soak's clock ends with the test
    centre = Centre(soak.office(4, 1), soak.Nobody())
    books = centre.books = soak.OnDisk(centre, tmp_path)
    centre.start()
    call = centre.people.call(0, "queue_support")
    for second in range(0, 120, 10):
        centre.run(10)
        books.keep_up(second)
    assert call is not None
    assert books.settle()
    books.close()
    with closing(sqlite3.connect(tmp_path / "soak.db")) as database:
        (kept,) = database.execute("select count(*) from cc_records").fetchone()
    assert kept == books.records > 0
    assert list((tmp_path / "state/spool").iterdir())


def test_a_slope_is_told_with_how_sure_it_is(bench):
    soak = bench("soak")
    chance = random.Random(1)
    hours = [number / 720 for number in range(240)]
    noise = [chance.gauss(0, 1) for _ in hours]
    slow = [noise[0]]
    for one in noise[1:]:
        slow.append(0.9 * slow[-1] + math.sqrt(0.19) * one)

    alone = soak.uncertainty([(at, 100 + 3 * at + one, 9) for at, one in zip(hours, noise, strict=True)])
    alike = soak.uncertainty([(at, 100 + 3 * at + one, 9) for at, one in zip(hours, slow, strict=True)])

    textbook = 1 / math.sqrt(sum((at - sum(hours) / 240) ** 2 for at in hours))
    assert alone == pytest.approx(textbook, rel=0.15)
    assert 2.5 * alone < alike < 7 * alone
    assert soak.uncertainty([(at, 100 + 3 * at, 9) for at in hours]) == pytest.approx(0, abs=1e-6)


SUMMARY = """200 of 300 seeds, 9 calls, 0 fail, 1 s, 2.0 seeds/s
300 seeds, 12 calls, 5 virtual hours, 90 records in 60 s on 2 cores (x86_64, Python 3.11): 5 seeds/s, \
1 calls/s; 0 seeds fail; trace 00ff
measured 2026-01-02 03:04 UTC, py_callcenter 0.1.0, commit abc1234. A processor. load 1.00. Seeds from 0.
seeds by fault: F1:7
"""


def test_the_end_of_a_storm_becomes_a_section(bench):
    results = bench("results")
    section, good = results.storm(SUMMARY + "make: Leaving directory\n")
    assert good
    assert section.startswith(f"## {results.STORM}\n\n`make sim SEEDS=300`\n")
    assert "commit abc1234" in section
    assert "200 of 300" not in section
    assert "make:" not in section
    assert results.sections(f"head\n{section}") == {results.STORM: section}


def test_a_storm_of_other_seeds_is_written_with_what_plays_it_again(bench):
    section, _good = bench("results").storm(SUMMARY.replace("from 0.", "from 500, --brief."))
    assert "`make sim SEEDS=300 MORE='--first 500 --brief'`" in section


def test_a_storm_in_which_seeds_fail_is_written_and_is_not_good(bench):
    section, good = bench("results").storm(SUMMARY.replace("0 seeds fail", "10 seeds fail"))
    assert not good
    assert "10 seeds fail" in section


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (SUMMARY.splitlines()[0], "no end of a storm"),
        (SUMMARY.replace("measured", "told"), "which machine"),
    ],
)
def test_a_storm_that_is_not_over_or_came_from_nowhere_is_refused(bench, said, why):
    with pytest.raises(ValueError, match=why):
        bench("results").storm(said)


def test_every_bench_of_misfortunes_is_run_by_make(bench):
    results = bench("results")
    live = {command[0] for _title, command in results.LIVE}
    assert live == {f"bench/live/{name}.py" for name in ("load", "cut", "die", "restart")}
    assert [command[1] for _title, command in results.SOAK] == ["served", "virtual"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for option in ("--live", "--soak", "--storm"):
        assert f"bench/results.py {option}" in makefile
