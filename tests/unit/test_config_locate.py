import tomllib

import pytest

from py_callcenter.config.locate import line_of, locate

pytestmark = pytest.mark.unit

TRICKY = '''\
# a comment with [brackets] and = signs
title = "x = [1]  # no comment"
[a]            # a table
b.c = 1
"quoted key" = 2
'single' = { x = 1, y = { z = [1, 2] } }
list = [
  # inside
  1,
  [2, 3],   # nested
  { k = "v" },
]
text = """
[not.a.table]
key = "no"
quotes: ""\\" ""
"""
raw = \'\'\'
[[nor.this]]
\\\'\'\'
after = true

[[rows]]
n = 1
[[rows.sub]]
m = 1
[[rows.sub]]
m = 2
[rows.info]
deep = 1979-05-27T07:32:00Z
[[rows]]
n = 2
[[rows.sub]]
m = 3
[ "a" . "q.r" ]
s = """one line"""
t = ["""a""", "b", \'\'\'c\'\'\']
"\\u0061bc" = 1
'''


def paths(value, path=()):
    if path:
        yield path
    if isinstance(value, dict):
        for key, part in value.items():
            yield from paths(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from paths(part, (*path, index))


def lines_with(text, needle):
    return [number for number, line in enumerate(text.splitlines(), 1) if line.startswith(needle)]


def test_every_table_key_and_element_has_a_line_and_nothing_else_has():
    lines = locate(TRICKY)

    assert set(paths(tomllib.loads(TRICKY))) == set(lines)


def test_lines_are_those_where_an_editor_would_look():
    lines = locate(TRICKY)

    assert lines["title",] == 2
    assert lines["a", "b", "c"] == 4
    assert lines["a", "single", "y", "z", 1] == 6
    assert lines["a", "list", 0] == 9
    assert lines["a", "list", 2, "k"] == 11
    assert [lines["a", "after"]] == lines_with(TRICKY, "after")
    assert [
        lines["rows", 0, "sub", 0, "m"],
        lines["rows", 0, "sub", 1, "m"],
        lines["rows", 1, "sub", 0, "m"],
    ] == (lines_with(TRICKY, "m ="))
    assert [lines["rows", 0, "info", "deep"]] == lines_with(TRICKY, "deep")
    assert [lines["a", "q.r", "t", 2]] == lines_with(TRICKY, "t =")


def test_a_table_is_where_it_is_written_first():
    lines = locate("[a]\nx = 1\n[a.b]\n[[rows]]\n[[rows]]\n")

    assert (lines["a",], lines["a", "b"], lines["rows",], lines["rows", 1]) == (1, 3, 4, 5)


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_line_endings_of_either_kind(ending):
    text = 'a = 1\nb = """\nx\n"""\nc = 3\n'.replace("\n", ending)

    assert locate(text)["c",] == 5


def test_what_is_not_written_down_is_found_at_its_nearest_ancestor():
    lines = locate("\n[[queues]]\nname = 'x'\n")

    assert line_of(lines, ("queues", 0, "strategy")) == 2
    assert line_of(lines, ("nodes",)) == 1
