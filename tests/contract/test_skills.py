"""Skills and demands, told by examples."""

from types import SimpleNamespace

import pytest
from contract import reference_skills

from py_callcenter import _router
from py_callcenter._router import SkillError

pytestmark = pytest.mark.contract

START = "a skill, `not`, `(` or `any`"
OPERAND = "a skill, `not` or `(`"
NO_PLACE = "a character that has no place here"


@pytest.fixture(params=[_router, reference_skills], ids=["rust", "reference"])
def module(request):
    return request.param


@pytest.fixture
def skills(module):
    return module.Skills()


def refusal(module, text):
    with pytest.raises(module.DemandError) as caught:
        module.parse_demand(text)
    assert str(caught.value) == f"column {caught.value.column}: {caught.value.reason}"
    return caught.value.column, caught.value.reason


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("any", "any"),
        (" \tbilling ", "billing"),
        ("billing >= 1", "billing"),
        ("billing>0", "billing"),
        ("billing != 0", "billing"),
        ("not not billing", "billing"),
        ("billing and billing", "billing"),
        ("billing = 0", "not billing"),
        ("billing < 1", "not billing"),
        ("billing <= 007", "billing <= 7"),
        ("sales or billing", "billing or sales"),
        ("sales and billing or x", "x or billing and sales"),
        ("not (a and b >= 3)", "not a or b <= 2"),
        ("a >= 3 and a <= 7", "a >= 3 and a <= 7"),
        ("not (a < 3 or 7 and a > 7)", "a >= 3 and (not 7 or a <= 7)"),
        ("b and (a < 3 or a > 7)", "(a <= 2 or a >= 8) and b"),
        ("a != 3 and a != 5", "a != 3 and a != 5"),
        ("a = 100", "a = 100"),
        ("a >= 100", "a = 100"),
        ("a or not a", "any"),
        ("a >= 0", "any"),
        ("a or (b and not b)", "a"),
        ("(c or d) and x and (b or a)", "x and (a or b) and (c or d)"),
        (
            "language:fa >= 3 and (sales or billing) and not trainee",
            "language:fa >= 3 and not trainee and (billing or sales)",
        ),
    ],
)
def test_equal_demands_are_written_alike(module, text, canonical):
    assert module.parse_demand(text) == canonical
    assert module.parse_demand(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("", 1, f"expected {START}, found the end"),
        ("   ", 4, f"expected {START}, found the end"),
        ("or", 1, f"expected {START}, found `or`"),
        (">= 3", 1, f"expected {START}, found `>=`"),
        ("not", 4, f"expected {OPERAND}, found the end"),
        ("a and", 6, f"expected {OPERAND}, found the end"),
        ("a or any", 6, f"expected {OPERAND}, found `any`"),
        ("()", 2, f"expected {OPERAND}, found `)`"),
        ("any or a", 5, "expected the end, found `or`"),
        ("a b", 3, "expected a comparison, `and`, `or` or the end, found a name"),
        ("a AND b", 3, "expected a comparison, `and`, `or` or the end, found a name"),
        ("a 7", 3, "expected a comparison, `and`, `or` or the end, found a number"),
        ("(a", 3, "expected a comparison, `and`, `or` or `)`, found the end"),
        ("(a = 7", 7, "expected `and`, `or` or `)`, found the end"),
        ("a = 7)", 6, "expected `and`, `or` or the end, found `)`"),
        ("(a) b", 5, "expected `and`, `or` or the end, found a name"),
        ("a >=", 5, "expected a level 0…100, found the end"),
        ("a == 7", 4, "expected a level 0…100, found `=`"),
        ("a >= 101", 6, "expected a level 0…100, found a number"),
        ("a >= 0100", 6, "expected a level 0…100, found a number"),
        ("a >= 3and b", 6, "expected a level 0…100, found a name"),
        ("a >= NaN", 6, "expected a level 0…100, found a name"),
        ("a >= 1.5", 6, "expected a level 0…100, found a name"),
        ("a >= -1", 6, f"expected a level 0…100, found {NO_PLACE}"),
        ("a && b", 3, f"expected a comparison, `and`, `or` or the end, found {NO_PLACE}"),
        ("a\nand b", 2, f"expected a comparison, `and`, `or` or the end, found {NO_PLACE}"),
        ("a\0", 2, f"expected a comparison, `and`, `or` or the end, found {NO_PLACE}"),
        ("-a", 1, f"expected {START}, found {NO_PLACE}"),
        ("a and زبان", 7, f"expected {OPERAND}, found {NO_PLACE}"),
        ("\U0001f600 a", 1, f"expected {START}, found {NO_PLACE}"),
        ("a \ud800", 3, f"expected a comparison, `and`, `or` or the end, found {NO_PLACE}"),
        ("a >= ３", 6, f"expected a level 0…100, found {NO_PLACE}"),
        ("a and not a", 1, "no agent can ever meet this demand"),
        ("a > 100", 1, "no agent can ever meet this demand"),
        ("x and " + "a" * 65, 7, "the name of a skill has at most 64 characters"),
        ("a" * 10_000, 4097, "a demand has at most 4096 characters"),
        ("\U0001f600" * 4097, 4097, "a demand has at most 4096 characters"),
        ("(" * 4000, 33, "a demand has at most 32 parentheses inside each other"),
        ("a or " * 256 + "a", 1281, "a demand names at most 256 skills"),
        ("not " * 1000, 4001, f"expected {OPERAND}, found the end"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else value,
)
def test_an_error_says_where_and_what_is_expected(module, text, column, reason):
    assert refusal(module, text) == (column, reason)


def test_the_limits_themselves_are_allowed(module):
    assert module.parse_demand("a" * 64) == "a" * 64
    assert module.parse_demand("(" * 32 + "a" + ")" * 32) == "a"
    assert module.parse_demand("a or " * 255 + "a") == "a"
    assert module.parse_demand("not " * 1000 + "a") == "a"
    assert module.parse_demand("a" + " " * 4095) == "a"


def test_what_is_accepted_stays_acceptable(module):
    """Written shorter than its canonical form, which would be refused when a snapshot is read again."""
    names = [f"{number:02}{'n' * 45}" for number in range(80)]

    assert len(" or ".join(names)) < 4096
    assert refusal(module, f"not({' or '.join(names)})") == (1, "this demand is too complicated")


@pytest.mark.parametrize("wrong", [None, 3, b"billing", ["billing"]])
def test_a_demand_is_text(module, wrong):
    with pytest.raises(TypeError):
        module.parse_demand(wrong)


def test_agents_and_callers_find_each_other(skills):
    expert = skills.put_profile({"language:fa": 80, "billing": 3})
    novice = skills.put_profile({"language:fa": 80, "billing": 3, "trainee": 1})
    nobody = skills.put_profile({})
    strict = skills.put_demand("language:fa >= 50 and (sales or billing) and not trainee")
    loose = skills.put_demand("not trainee")

    assert nobody == 0
    assert skills.matching_profiles(strict) == [expert]
    assert skills.matching_profiles(loose) == sorted([nobody, expert])
    assert skills.matching_profiles(0) == sorted([nobody, expert, novice])
    assert skills.matching_demands(expert) == sorted([0, strict, loose])
    assert skills.matching_demands(novice) == [0]
    assert skills.matches(expert, strict) is True
    assert skills.matches(novice, strict) is False


def test_who_comes_later_is_found_too(skills):
    demand = skills.put_demand("billing > 3")
    profile = skills.put_profile({"billing": 4})

    assert skills.matching_profiles(demand) == [profile]
    skills.drop_profile(profile)
    assert skills.matching_profiles(demand) == []


def test_equal_skill_sets_share_a_profile_until_the_last_is_dropped(skills):
    one = skills.put_profile({"billing": 3, "sales": 0})
    two = skills.put_profile({"billing": 3})

    assert one == two
    assert skills.profile(one) == [("billing", 3)]
    skills.drop_profile(one)
    assert skills.profile(one) == [("billing", 3)]
    skills.drop_profile(one)
    for ask in (skills.profile, skills.drop_profile, skills.matching_demands):
        with pytest.raises(SkillError, match="no profile has this id"):
            ask(one)


def test_equal_demands_share_an_id_until_the_last_is_dropped(skills):
    one = skills.put_demand("a and b")
    two = skills.put_demand("b and (a and a)")

    assert one == two
    skills.drop_demand(one)
    assert skills.demand(one) == "a and b"
    skills.drop_demand(one)
    for ask in (skills.demand, skills.drop_demand, skills.matching_profiles):
        with pytest.raises(SkillError, match="no demand has this id"):
            ask(one)
    assert skills.put_demand("a and b") > 0
    assert skills.matching_demands(0) == [0]


def test_what_is_always_there_needs_no_counting(skills):
    for _ in range(3):
        skills.drop_profile(0)
        skills.drop_demand(0)
        skills.drop_ladder(0)

    assert (skills.profile(0), skills.demand(0), skills.current(0, 5)) == ([], "any", 0)
    assert skills.put_profile({"billing": 0}) == skills.put_demand("a or not a") == 0
    assert skills.put_ladder([(0, "any")]) == 0


def test_a_demand_becomes_easier_with_time(skills):
    ladder = skills.put_ladder([(0, "billing >= 50"), (10, "billing"), (15, "billing >= 1"), (20, "any")])

    def told(waited_us):
        return skills.demand(skills.current(ladder, waited_us)), skills.next_step_us(ladder, waited_us)

    assert [told(waited_us) for waited_us in (-5, 0, 9)] == [("billing >= 50", 10)] * 3
    assert [told(waited_us) for waited_us in (10, 15, 19)] == [("billing", 20)] * 3
    assert [told(waited_us) for waited_us in (20, 10**18)] == [("any", None)] * 2


def test_a_ladder_keeps_its_demands(skills):
    ladder = skills.put_ladder([(0, "a"), (10, "b"), (20, "a")])
    assert skills.put_ladder([(0, "a and a"), (10, "b"), (20, "a")]) == ladder
    demand = skills.current(ladder, 10)

    skills.drop_ladder(ladder)
    assert skills.demand(demand) == "b"
    skills.drop_ladder(ladder)
    with pytest.raises(SkillError):
        skills.demand(demand)
    with pytest.raises(SkillError, match="no ladder has this id"):
        skills.current(ladder, 0)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ([], "there must be 1…32 steps"),
        ([(number, f"a >= {number}") for number in range(33)], "there must be 1…32 steps"),
        ([(1, "a")], "the first step must begin at 0"),
        ([(0, "a"), (0, "b")], "the first step must begin at 0"),
        ([(0, "a"), (20, "b"), (10, "c")], "the first step must begin at 0"),
        ([(0, "a"), (10**17 + 1, "b")], "the first step must begin at 0"),
        ([(0, "a"), (2**70, "b")], "the first step must begin at 0"),
        ([(0, "any"), (10, "b")], "`any` can only be the last step"),
        ([(0, "a"), (10, "b or")], "column 5: expected a skill"),
    ],
)
def test_a_ladder_that_makes_no_sense_changes_nothing(skills, steps, message):
    before = skills.matching_demands(0)
    with pytest.raises(SkillError) as caught:
        skills.put_ladder(steps)
    assert message in str(caught.value)
    assert skills.matching_demands(0) == before


@pytest.mark.parametrize(
    "bad",
    [
        {name: 1}
        for name in ("", "a b", "-a", "and", "any", "زبان", "a\n", "a\0", "\ud800", "n" * 65, "n" * 10_000)
    ]
    + [{"a": 1, "b": level} for level in (-1, 101, 2**63, -(2**70), 10**30)],
    ids=lambda bad: ascii(bad)[:24],
)
def test_a_skill_set_that_is_refused_changes_nothing(skills, bad):
    everybody = skills.matching_profiles(0)
    with pytest.raises(SkillError) as caught:
        skills.put_profile(bad)
    assert "n" * 10 not in str(caught.value)
    assert skills.matching_profiles(0) == everybody


@pytest.mark.parametrize(
    "wrong", [{"a": float("nan")}, {"a": 1.0}, {"a": "1"}, {"a": None}, {1: 1}, None, "a"]
)
def test_a_level_is_a_whole_number(skills, wrong):
    with pytest.raises(TypeError):
        skills.put_profile(wrong)


@pytest.mark.parametrize("bad", [-1, 7, 2**32, 2**64, -(2**70)])
def test_ids_that_were_never_given(skills, bad):
    for ask in (
        lambda: skills.profile(bad),
        lambda: skills.drop_profile(bad),
        lambda: skills.demand(bad),
        lambda: skills.drop_demand(bad),
        lambda: skills.drop_ladder(bad),
        lambda: skills.current(bad, 0),
        lambda: skills.next_step_us(bad, 0),
        lambda: skills.matches(bad, 0),
        lambda: skills.matches(0, bad),
        lambda: skills.explain(bad, 0),
        lambda: skills.explain(0, bad),
        lambda: skills.matching_profiles(bad),
        lambda: skills.matching_demands(bad),
    ):
        with pytest.raises(SkillError):
            ask()


def test_an_agent_with_a_hundred_thousand_skills(skills):
    many = {f"skill:{number}": 50 for number in range(100_000)}
    profile = skills.put_profile(many)
    demand = skills.put_demand("skill:99999 > 49 and not skill:100000")

    assert skills.matches(profile, demand)
    with pytest.raises(SkillError, match="at most 100000 skills"):
        skills.put_profile(many | {"one more": 1})


def test_why_not(skills):
    case = SimpleNamespace(
        novice=skills.put_profile({"language:fa": 2, "trainee": 1}),
        wanted=skills.put_demand("not trainee and language:fa >= 3 and (billing or sales >= 5)"),
        relaxed=skills.put_demand("(billing or sales >= 5) and language:fa"),
    )

    assert skills.explain(case.novice, case.wanted) == ("language:fa >= 3", 2)
    assert skills.explain(case.novice, case.relaxed) == ("billing or sales >= 5", None)
    assert skills.explain(0, skills.put_demand("billing")) == ("billing", 0)
    assert skills.explain(case.novice, 0) is None
