"""Break reasons in the configuration file."""

from __future__ import annotations

import pytest

from py_callcenter.config import Config, ConfigErrors, difference, loads

pytestmark = pytest.mark.unit

HEAD = '[[nodes]]\nname = "fs1"\npassword = "a secret of ours"\n'
BREAKS = """
[breaks]
quota = 2

[[breaks.reasons]]
name = "lunch"
time-limit = 1800
quota = 2

[[breaks.reasons]]
name = "coffee"
time-limit = 300.5
when-over = "Available"
"""


def read(text: str) -> Config:
    return loads((HEAD + text).encode())


def problem(text: str) -> tuple[str, str]:
    with pytest.raises(ConfigErrors) as caught:
        read(text)
    (error,) = caught.value.errors
    return str(error), error.hint


def test_reasons_with_limits_and_quotas():
    config = read(BREAKS)
    assert config.breaks.quota == 2
    lunch, coffee = config.breaks.reasons
    assert (lunch.name, lunch.time_limit_us, lunch.quota, lunch.when_over) == (
        "lunch",
        1_800_000_000,
        2,
        None,
    )
    assert (coffee.time_limit_us, coffee.quota, coffee.when_over) == (300_500_000, 0, "Available")
    assert config.break_reason("lunch") is lunch
    assert config.break_reason("tea") is None


def test_without_breaks_there_are_none():
    assert read("").breaks.reasons == ()


def test_what_the_database_keeps_comes_back():
    config = read(BREAKS)
    assert config.with_routing(config.routing()) == config
    assert config.with_routing({"queues": []}).breaks.reasons == (), "as an earlier version wrote it"


@pytest.mark.parametrize(
    ("wrong", "says", "hint"),
    [
        ('[[breaks.reasons]]\nname = "a"\nquota = -1\n', "6: breaks.reasons[0].quota: must be 0 or more", ""),
        ('[[breaks.reasons]]\nname = "a"\nquotta = 1\n', 'unknown key "quotta"', "did you mean `quota`?"),
        (
            '[[breaks.reasons]]\nname = "a"\nwhen-over = "On Break"\n',
            'breaks.reasons[0].when-over: "On Break" isn\'t known',
            'one of: "Available", "Logged Out"',
        ),
        ("[[breaks.reasons]]\ntime-limit = 1\n", "`name` is missing", "add it"),
        (
            '[[breaks.reasons]]\nname = "a"\n[[breaks.reasons]]\nname = "a"\n',
            '7: breaks.reasons[1].name: a second break reason: "a"',
            "the first one is reasons[0]; rename or remove one",
        ),
        ("[breaks]\nquotas = 1\n", 'unknown key "quotas"', "did you mean `quota`?"),
        ("breaks = 3\n", "breaks", ""),
    ],
)
def test_what_cannot_be_says_where_and_what_can(wrong, says, hint):
    if wrong.startswith("breaks ="):
        with pytest.raises(ConfigErrors) as caught:
            loads((wrong + HEAD).encode())
        assert "breaks: must be a table, not a whole number" in str(caught.value)
        return
    said, told = problem(wrong)
    assert says in said
    assert told == hint


def test_a_change_is_named():
    before, after = read(BREAKS), read(BREAKS.replace("1800", "2700").replace("[breaks]\nquota = 2", ""))
    changes = [(c.kind, c.name, c.what, c.fields) for c in difference(before, after)]
    assert changes == [
        ("breaks", "breaks", "changed", ("quota",)),
        ("break", "lunch", "changed", ("time-limit",)),
    ]
