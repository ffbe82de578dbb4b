"""Skills and demands in plain Python: slow, obvious, and the same interface as the compiled ones.

A demand is a set of levels for each term, a question is answered by walking the tree. What a text means is
remembered, since it never changes; nothing else is.
Where the compiled module and this file differ, one of them is wrong.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from py_callcenter._router import SkillError

MAX_NAME, MAX_CHARS, MAX_TERMS, MAX_DEPTH = 64, 4096, 256, 32
MAX_SKILLS, MAX_STEPS, MAX_US = 100_000, 32, 10**17
WORDS = ("and", "or", "not", "any")
LEVELS = frozenset(range(101))
TOKEN = re.compile(r"[ \t]*([A-Za-z0-9_][A-Za-z0-9_.:-]*|>=|<=|!=|[<>=()]|)")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:-]{0,63}\Z")


class DemandError(SkillError):
    def __init__(self, column: int, reason: str) -> None:
        super().__init__(f"column {column}: {reason}")
        self.column, self.reason = column, reason


@dataclass(frozen=True)
class Term:
    """The levels of one skill that will do."""

    skill: str
    levels: frozenset[int]


@dataclass(frozen=True)
class Node:
    """`all`: each part must hold; else one of them. Parts are canonical, sorted and different."""

    all: bool
    parts: tuple[Term | Node, ...]


Expr = Term | Node
EVERYBODY, NOBODY = Node(True, ()), Node(False, ())


def order(expr: Expr) -> tuple:
    if isinstance(expr, Term):
        return (0, expr.skill, sum(1 << level for level in expr.levels))
    return (1 if expr.all else 2, [order(part) for part in expr.parts])


def join(every: bool, parts: list[Expr]) -> Expr:
    terms: dict[str, frozenset[int]] = {}
    rest: set[Expr] = set()
    flat: list[Expr] = []
    for part in parts:
        flat += part.parts if isinstance(part, Node) and part.all == every else (part,)
    for part in flat:
        if not isinstance(part, Term):
            rest.add(part)
        elif part.skill not in terms:
            terms[part.skill] = part.levels
        else:
            known = terms[part.skill]
            terms[part.skill] = known & part.levels if every else known | part.levels
    decisive, neutral = (NOBODY, LEVELS) if every else (EVERYBODY, frozenset())
    if decisive in rest or any(levels == LEVELS - neutral for levels in terms.values()):
        return decisive
    kept = [Term(skill, levels) for skill, levels in terms.items() if levels != neutral]
    found = tuple(sorted([*kept, *rest], key=order))
    return found[0] if len(found) == 1 else Node(every, found)


def negated(expr: Expr) -> Expr:
    if isinstance(expr, Term):
        return Term(expr.skill, LEVELS - expr.levels)
    return join(not expr.all, [negated(part) for part in expr.parts])


class Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.column = 1
        self.token = ""
        self.terms = self.depth = 0
        self.bare = False
        if len(text) > MAX_CHARS:
            raise DemandError(MAX_CHARS + 1, f"a demand has at most {MAX_CHARS} characters")
        self.step()

    def step(self) -> None:
        found = TOKEN.match(self.text, self.at)
        assert found is not None
        self.token, self.column, self.at = found[1], found.start(1) + 1, found.end()

    @property
    def at_end(self) -> bool:
        return not self.token and self.column > len(self.text)

    @property
    def is_word(self) -> bool:
        return bool(NAME.match(self.token[:1])) and self.token not in WORDS

    def fault(self, reason: str) -> NoReturn:
        raise DemandError(self.column, reason)

    def unexpected(self, expected: str) -> NoReturn:
        if self.at_end:
            found = "the end"
        elif not self.token:
            found = "a character that has no place here"
        elif not self.is_word:
            found = f"`{self.token}`"
        else:
            found = "a number" if self.token.isdigit() else "a name"
        self.fault(f"expected {expected}, found {found}")

    def unexpected_after(self) -> NoReturn:
        more = "a comparison, " if self.bare else ""
        self.unexpected(f"{more}`and`, `or` or " + ("`)`" if self.depth else "the end"))

    def accept(self, token: str) -> bool:
        there = self.token == token
        if there:
            self.step()
        return there

    def demand(self) -> Expr:
        if self.accept("any"):
            return EVERYBODY if self.at_end else self.unexpected("the end")
        expr = self.either("a skill, `not`, `(` or `any`")
        return expr if self.at_end else self.unexpected_after()

    def either(self, expected: str = "a skill, `not` or `(`") -> Expr:
        parts = [self.both(expected)]
        while self.accept("or"):
            parts.append(self.both())
        return join(False, parts)

    def both(self, expected: str = "a skill, `not` or `(`") -> Expr:
        parts = [self.operand(expected)]
        while self.accept("and"):
            parts.append(self.operand())
        return join(True, parts)

    def operand(self, expected: str = "a skill, `not` or `(`") -> Expr:
        if self.accept("not"):
            flips = 1
            while self.accept("not"):
                flips += 1
            expr = self.operand()
            return negated(expr) if flips % 2 else expr
        if self.token == "(":
            if self.depth == MAX_DEPTH:
                self.fault(f"a demand has at most {MAX_DEPTH} parentheses inside each other")
            self.depth += 1
            self.step()
            expr = self.either()
            if self.token != ")":
                self.unexpected_after()
            self.depth -= 1
            self.bare = False
            self.step()
            return expr
        return self.term() if self.is_word else self.unexpected(expected)

    def term(self) -> Expr:
        skill = self.token
        if len(skill) > MAX_NAME:
            self.fault(f"the name of a skill has at most {MAX_NAME} characters")
        if self.terms == MAX_TERMS:
            self.fault(f"a demand names at most {MAX_TERMS} skills")
        self.terms += 1
        self.step()
        sign, level = self.token, 1
        self.bare = sign not in (">=", ">", "<=", "<", "=", "!=")
        if self.bare:
            sign = ">="
        else:
            self.step()
            if not re.fullmatch("[0-9]{1,3}", self.token) or int(self.token) > 100:
                self.unexpected("a level 0…100")
            level = int(self.token)
            self.step()
        met = {
            ">=": lambda have: have >= level,
            ">": lambda have: have > level,
            "<=": lambda have: have <= level,
            "<": lambda have: have < level,
            "=": lambda have: have == level,
            "!=": lambda have: have != level,
        }[sign]
        return join(True, [Term(skill, frozenset(filter(met, LEVELS)))])


def runs(levels: frozenset[int]) -> list[tuple[int, int]]:
    lows = sorted(level for level in levels if level - 1 not in levels)
    highs = sorted(level for level in levels if level + 1 not in levels)
    return list(zip(lows, highs, strict=True))


def run_text(skill: str, low: int, high: int) -> str:
    if low == high == 0:
        return f"not {skill}"
    if low == high:
        return f"{skill} = {low}"
    if high == 100:
        return skill if low == 1 else f"{skill} >= {low}"
    if low == 0:
        return f"{skill} <= {high}"
    return f"{skill} >= {low} and {skill} <= {high}"


def outside_text(skill: str, low: int, high: int) -> str:
    if low == 0:
        return run_text(skill, high + 1, 100)
    if high == 100:
        return run_text(skill, 0, low - 1)
    if low == high:
        return f"{skill} != {low}"
    return f"({run_text(skill, 0, low - 1)} or {run_text(skill, high + 1, 100)})"


def run_cost(low: int, high: int) -> int:
    return 1 if low in (0, high) or high == 100 else 2


def written(expr: Expr, *, in_all: bool = False) -> str:
    if expr == EVERYBODY:
        return "any"
    if isinstance(expr, Node):
        word = " and " if expr.all else " or "
        text = word.join(written(part, in_all=expr.all) for part in expr.parts)
        return f"({text})" if in_all and not expr.all else text
    inside, outside = runs(expr.levels), runs(LEVELS - expr.levels)
    if sum(run_cost(*run) for run in inside) <= sum(run_cost(*run) for run in outside):
        text = " or ".join(run_text(expr.skill, *run) for run in inside)
        return f"({text})" if in_all and len(inside) > 1 else text
    return " and ".join(outside_text(expr.skill, *run) for run in outside)


@lru_cache(maxsize=4096)
def read(text: str) -> tuple[str, Expr]:
    if not isinstance(text, str):
        raise TypeError
    expr = Parser(text).demand()
    if expr == NOBODY:
        raise DemandError(1, "no agent can ever meet this demand")
    canonical = written(expr)
    try:
        again = Parser(canonical).demand()
    except DemandError:
        raise DemandError(1, "this demand is too complicated") from None
    assert again == expr
    return canonical, expr


def parse_demand(text: str, /) -> str:
    return read(text)[0]


def holds(expr: Expr, levels: dict[str, int]) -> bool:
    if isinstance(expr, Term):
        return levels.get(expr.skill, 0) in expr.levels
    return (all if expr.all else any)(holds(part, levels) for part in expr.parts)


class Shared:
    """Things by id, counted; the id of an equal thing is the same."""

    def __init__(self, what: str, first: object) -> None:
        self.what = what
        self.things: dict[int, object] = {0: first}
        self.uses: dict[int, int] = {}
        self.last = 0

    def put(self, thing: object) -> int:
        number = next((key for key, known in self.things.items() if known == thing), None)
        if number is None:
            self.last += 1
            number = self.last
            self.things[number] = thing
        self.uses[number] = self.uses.get(number, 0) + 1
        return number

    def get(self, number: int):
        if number not in self.things:
            raise SkillError(f"no {self.what} has this id")
        return self.things[number]

    def drop(self, number: int) -> None:
        self.get(number)
        if number == 0:
            return
        self.uses[number] -= 1
        if self.uses[number] == 0:
            del self.uses[number], self.things[number]


class Skills:
    def __init__(self) -> None:
        self.profiles = Shared("profile", {})
        self.demands = Shared("demand", ("any", EVERYBODY))
        self.ladders = Shared("ladder", [(0, "any")])

    def put_profile(self, skills: dict[str, int]) -> int:
        if not isinstance(skills, dict):
            raise TypeError
        for name, level in skills.items():
            if not isinstance(name, str) or not isinstance(level, int):
                raise TypeError
        if len(skills) > MAX_SKILLS:
            raise SkillError(f"an agent has at most {MAX_SKILLS} skills")
        for name, level in skills.items():
            if not NAME.match(name) or name in WORDS:
                raise SkillError(
                    "a skill's name has 1…64 of letters, digits and _ . : -, "
                    "beginning with a letter, digit or _, and isn't `and`, `or`, `not` or `any`"
                )
            if not 0 <= level <= 100:
                raise SkillError("a level must be 0…100")
        return self.profiles.put({name: level for name, level in skills.items() if level})

    def drop_profile(self, profile: int) -> None:
        self.profiles.drop(profile)

    def profile(self, profile: int) -> list[tuple[str, int]]:
        return sorted(self.profiles.get(profile).items())

    def put_demand(self, demand: str) -> int:
        return self.demands.put(read(demand))

    def drop_demand(self, demand: int) -> None:
        self.demands.drop(demand)

    def demand(self, demand: int) -> str:
        return self.demands.get(demand)[0]

    def put_ladder(self, steps: list[tuple[int, str]]) -> int:
        texts = [(after_us, parse_demand(text)) for after_us, text in steps]
        if not 1 <= len(texts) <= MAX_STEPS:
            raise SkillError(f"there must be 1…{MAX_STEPS} steps")
        times = [after_us for after_us, _ in texts]
        if times[0] != 0 or times != sorted(set(times)) or times[-1] > MAX_US:
            raise SkillError(
                "the first step must begin at 0 and each other one later than the one before, "
                f"at most {MAX_US}"
            )
        if any(text == "any" for _, text in texts[:-1]):
            raise SkillError("`any` can only be the last step")
        kept = [
            step
            for before, step in zip([None, *texts], texts, strict=False)
            if not before or before[1] != step[1]
        ]
        number = self.ladders.put(kept)
        if self.ladders.uses[number] == 1:
            for _, text in kept:
                self.put_demand(text)
        return number

    def drop_ladder(self, ladder: int) -> None:
        steps = self.ladders.get(ladder)
        self.ladders.drop(ladder)
        if ladder not in self.ladders.things:
            for _, text in steps:
                self.drop_demand(self.find(text))

    def find(self, text: str) -> int:
        return next(key for key, known in self.demands.things.items() if known[0] == text)

    def current(self, ladder: int, waited_us: int) -> int:
        steps = self.ladders.get(ladder)
        begun = [text for after_us, text in steps if after_us <= waited_us] or [steps[0][1]]
        return self.find(begun[-1])

    def next_step_us(self, ladder: int, waited_us: int) -> int | None:
        later = [after_us for after_us, _ in self.ladders.get(ladder)[1:] if after_us > waited_us]
        return later[0] if later else None

    def matches(self, profile: int, demand: int) -> bool:
        return holds(*[self.demands.get(demand)[1], self.profiles.get(profile)])

    def matching_profiles(self, demand: int) -> list[int]:
        self.demands.get(demand)
        return sorted(number for number in self.profiles.things if self.matches(number, demand))

    def matching_demands(self, profile: int) -> list[int]:
        self.profiles.get(profile)
        return sorted(number for number in self.demands.things if self.matches(profile, number))

    def explain(self, profile: int, demand: int) -> tuple[str, int | None] | None:
        levels, expr = self.profiles.get(profile), self.demands.get(demand)[1]
        if holds(expr, levels):
            return None
        while isinstance(expr, Node) and expr.all:
            expr = next(part for part in expr.parts if not holds(part, levels))
        level = levels.get(expr.skill, 0) if isinstance(expr, Term) else None
        return written(expr), level
