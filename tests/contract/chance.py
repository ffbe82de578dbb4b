"""The values of random histories, described once and drawn in two ways.

`strategy` is for hypothesis, which searches for what fails and shortens it; `draw` is plain chance, many
times as fast, for the long run of `contract.long_run`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import stateful
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy


@dataclass(frozen=True)
class Drawn:
    strategy: SearchStrategy[Any]
    draw: Callable[[Random], Any]


def whole(low: int, high: int) -> Drawn:
    """An integer, both ends included."""
    return Drawn(st.integers(low, high), lambda chance: low + int(chance.random() * (high + 1 - low)))


def among(*values: Any) -> Drawn:
    """One of the values; who stands there twice comes twice as often."""
    return Drawn(st.sampled_from(values), lambda chance: values[int(chance.random() * len(values))])


def mostly(usual: Any, times: int, other: Drawn) -> Drawn:
    """The usual value so many times as often as a drawn one."""
    strategy = st.one_of(*[st.just(usual)] * times, other.strategy)
    share = times / (times + 1)
    return Drawn(strategy, lambda chance: usual if chance.random() < share else other.draw(chance))


def together(*parts: Drawn) -> Drawn:
    strategy = st.tuples(*(part.strategy for part in parts))
    draws = [part.draw for part in parts]
    return Drawn(strategy, lambda chance: tuple([draw(chance) for draw in draws]))


def several(each: Drawn, least: int, most: int) -> Drawn:
    """A list of so many."""
    strategy = st.lists(each.strategy, min_size=least, max_size=most)
    size, draw = whole(least, most).draw, each.draw
    return Drawn(strategy, lambda chance: [draw(chance) for _ in range(size(chance))])


def some_of(**fields: Drawn) -> Drawn:
    """A dictionary in which each field is there or not, as chance has it."""
    strategy = st.fixed_dictionaries({}, optional={name: drawn.strategy for name, drawn in fields.items()})
    draws = [(name, drawn.draw) for name, drawn in fields.items()]
    return Drawn(
        strategy, lambda chance: {name: draw(chance) for name, draw in draws if chance.random() < 0.5}
    )


def all_of(fields: dict[str, Drawn]) -> Drawn:
    strategy = st.fixed_dictionaries({name: drawn.strategy for name, drawn in fields.items()})
    draws = [(name, drawn.draw) for name, drawn in fields.items()]
    return Drawn(strategy, lambda chance: {name: draw(chance) for name, draw in draws})


@dataclass(frozen=True)
class Rule:
    """A step of a history, as plain chance plays it."""

    function: Callable[..., Any]
    arguments: Drawn


def _marked(by_hypothesis: Callable[..., Any], drawn: dict[str, Drawn]) -> Callable[..., Any]:
    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        marked = by_hypothesis(**{name: one.strategy for name, one in drawn.items()})(function)
        marked.by_chance = Rule(function, all_of(drawn))
        return marked

    return mark


def rule(**drawn: Drawn) -> Callable[..., Any]:
    """A rule of hypothesis' state machine that plain chance can play too."""
    return _marked(stateful.rule, drawn)


def initialize(**drawn: Drawn) -> Callable[..., Any]:
    """The same for the step that begins a history."""
    return _marked(stateful.initialize, drawn)


def rules_of(machine: type) -> dict[str, Rule]:
    """The steps of a state machine by name, those that begin it included."""
    found = {name: getattr(getattr(machine, name), "by_chance", None) for name in dir(machine)}
    return {name: step for name, step in found.items() if step is not None}
