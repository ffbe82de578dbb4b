"""Random demands and histories: the compiled module and the reference say the same."""

import pytest
from contract import reference_skills
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, rule

from py_callcenter import _router

pytestmark = pytest.mark.contract

NAMES = st.sampled_from(["billing", "language:fa", "sales", "trainee", "x.y-z", "7"])
LEVELS = st.one_of(st.integers(0, 5), st.integers(0, 100), st.sampled_from([0, 1, 99, 100]))
TERMS = st.one_of(
    NAMES,
    st.builds("{}{}{}".format, NAMES, st.sampled_from([">=", ">", " <= ", " < ", "=", " != "]), LEVELS),
)
DEMANDS = st.recursive(
    TERMS,
    lambda inner: st.one_of(
        inner.map("not ({})".format),
        inner.map("not {}".format),
        st.builds(
            lambda word, parts: word.join(parts),
            st.sampled_from([" and ", " or "]),
            st.lists(inner, min_size=1, max_size=4),
        ),
        inner.map("({})".format),
    ),
    max_leaves=12,
)
SETS = st.dictionaries(NAMES, LEVELS, max_size=4)
# Close to demands, and most of them none.
SCRAPS = st.lists(
    st.sampled_from(
        [
            "and",
            "or",
            "not",
            "any",
            "(",
            ")",
            ">=",
            "<",
            "=",
            "!",
            "a",
            "b.c",
            "7",
            "100",
            "101",
            " ",
            "é",
            "\t",
        ]
    ),
    max_size=14,
)
PROFILE = settings.get_profile("router")


def told(module, text):
    try:
        return module.parse_demand(text)
    except module.DemandError as error:
        return error.column, error.reason


@settings(PROFILE)
@given(DEMANDS)
def test_a_demand_reads_the_same_and_reads_as_itself(text):
    canonical = told(_router, text)
    assert canonical == told(reference_skills, text)
    if isinstance(canonical, str):
        assert told(_router, canonical) == canonical


@settings(PROFILE)
@given(st.one_of(SCRAPS.map("".join), SCRAPS.map(" ".join), st.text(max_size=30)))
def test_errors_are_in_the_same_place(text):
    assert told(_router, text) == told(reference_skills, text)


@settings(PROFILE)
@given(DEMANDS, SETS)
def test_a_demand_means_what_python_says_it_means(text, levels):
    """The demand as a Python expression: another parser, another evaluator."""
    if isinstance(told(_router, text), tuple):
        return
    source = text
    for number, name in enumerate(["billing", "language:fa", "sales", "trainee", "x.y-z"]):
        source = source.replace(name, f"have[{number}]")
    skills = _router.Skills()
    tree = reference_skills.read(text)[1]
    met = skills.matches(skills.put_profile(levels), skills.put_demand(text))
    assert met == reference_skills.holds(tree, levels)
    if "7" not in text:
        have = [levels.get(name, 0) for name in ("billing", "language:fa", "sales", "trainee", "x.y-z")]
        python = source.replace("<=", "≤").replace(">=", "≥").replace("!=", "≠").replace("=", "==")
        python = python.replace("≤", "<=").replace("≥", ">=").replace("≠", "!=")
        assert met == bool(eval(python, {"have": have}))


class Both(RuleBasedStateMachine):
    """Profiles, demands and ladders come and go in both; whatever can be asked is answered alike."""

    profiles: Bundle = Bundle("profiles")
    demands: Bundle = Bundle("demands")
    ladders: Bundle = Bundle("ladders")

    @initialize()
    def begin(self):
        self.rust, self.reference = _router.Skills(), reference_skills.Skills()
        # The ids of the one by those of the other: both may number as they like.
        self.profile_of, self.demand_of = {0: 0}, {0: 0}

    def both(self, ask, *arguments):
        answers = []
        for side, skills in enumerate((self.rust, self.reference)):
            picked = [given[side] if isinstance(given, tuple) else given for given in arguments]
            try:
                answers.append(getattr(skills, ask)(*picked))
            except _router.SkillError as error:
                answers.append(str(error))
        return answers

    @rule(target=profiles, skills=SETS)
    def put_profile(self, skills):
        return tuple(self.both("put_profile", skills))

    @rule(target=demands, text=DEMANDS)
    def put_demand(self, text):
        rust, reference = self.both("put_demand", text)
        assert isinstance(rust, int) == isinstance(reference, int)
        return (rust, reference) if isinstance(rust, int) else (0, 0)

    @rule(target=ladders, texts=st.lists(DEMANDS, min_size=1, max_size=4), last=st.booleans())
    def put_ladder(self, texts, last):
        steps = list(enumerate(texts + ["any"] * last))
        rust, reference = self.both("put_ladder", steps)
        if isinstance(rust, str):
            assert rust == reference
            return (0, 0)
        return rust, reference

    @rule(profile=consumes(profiles))
    def drop_profile(self, profile):
        assert self.both("drop_profile", profile) == [None, None]

    @rule(demand=consumes(demands))
    def drop_demand(self, demand):
        assert self.both("drop_demand", demand) == [None, None]

    @rule(ladder=consumes(ladders))
    def drop_ladder(self, ladder):
        assert self.both("drop_ladder", ladder) == [None, None]

    @rule(ladder=ladders, waited_us=st.integers(-1, 6))
    def climb(self, ladder, waited_us):
        now = tuple(self.both("current", ladder, waited_us))
        texts = self.both("demand", now)
        assert texts[0] == texts[1]
        steps = self.both("next_step_us", ladder, waited_us)
        assert steps[0] == steps[1]

    @rule(profile=profiles, demand=demands)
    def ask(self, profile, demand):
        for question in ("matches", "explain"):
            answers = self.both(question, profile, demand)
            assert answers[0] == answers[1]

    @rule(profile=profiles)
    def ask_profile(self, profile):
        rust, reference = self.both("matching_demands", profile)
        assert sorted(map(self.rust.demand, rust)) == sorted(map(self.reference.demand, reference))

    @rule(demand=demands)
    def ask_demand(self, demand):
        rust, reference = self.both("matching_profiles", demand)
        assert sorted(map(self.rust.profile, rust)) == sorted(map(self.reference.profile, reference))


TestBoth = Both.TestCase
TestBoth.settings = settings(PROFILE, stateful_step_count=40)
