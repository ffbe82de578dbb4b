"""Values are as frozen dataclasses are, though a start makes them in a third of the time."""

from __future__ import annotations

import pickle
from dataclasses import asdict, field, fields, replace
from typing import ClassVar

import pytest

from py_callcenter.engine.records import CallOffered, EndMissed, LegOrphaned
from py_callcenter.value import value

pytestmark = pytest.mark.unit


@value
class Place:
    street: str
    number: int = 1
    note: str = field(default="", compare=False, repr=False)


@value
class Flat(Place):
    floors: tuple[int, ...] = field(default_factory=tuple)

    def __repr__(self) -> str:
        return "a flat"


@value
class Nothing:
    pass


@value(kw_only=True)
class Named:
    kind: ClassVar[str] = "named"
    name: str


def test_equal_are_those_of_one_class_with_equal_fields():
    assert Place("Elm", 2, "loud") == Place("Elm", 2, "quiet")
    assert Place("Elm", 2) != Place("Elm", 3)
    assert Place("Elm") != Flat("Elm")
    assert Place("Elm") != ("Elm", 1)
    assert Nothing() == Nothing()


def test_equal_ones_are_one_key():
    assert len({Place("Elm", 2, "loud"), Place("Elm", 2, "quiet"), Place("Elm", 3), Flat("Elm", 2)}) == 3
    assert hash(Nothing()) == hash(Nothing())


def test_they_show_their_fields_but_what_is_hidden():
    assert repr(Place("Elm", note="key under the mat")) == "Place(street='Elm', number=1)"
    assert repr(Flat("Elm")) == "a flat"


def test_they_have_no_room_for_anything_else():
    with pytest.raises(AttributeError):
        Place("Elm").colour = "red"
    with pytest.raises(TypeError):
        Named("no position")
    with pytest.raises(TypeError):
        Place()


def test_what_works_with_dataclasses_works_with_them():
    flat = Flat("Elm", floors=(1, 2))

    assert replace(flat, number=7) == Flat("Elm", 7, floors=(1, 2))
    assert asdict(Named(name="x")) == {"name": "x"}
    assert [one.name for one in fields(Flat)] == ["street", "number", "note", "floors"]
    assert pickle.loads(pickle.dumps(flat)) == flat
    match flat:
        case Place(street, number):
            assert (street, number) == ("Elm", 1)
        case _:
            pytest.fail("it is a place")


def test_two_records_of_different_kinds_are_never_equal():
    head = {"node": "fs1", "epoch": 1, "sequence": 1, "at_us": 5, "call": "c"}

    assert CallOffered(**head, queue="q") == CallOffered(**head, queue="q")
    assert EndMissed(**head, side="caller") != LegOrphaned(**head, agent="caller")
