"""One module writes commands for a switch; nobody else may, however convenient it looks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.esl

PACKAGE = Path(__file__).parents[2] / "py_callcenter"
BUILDER = PACKAGE / "esl" / "commands.py"
SIMULATOR = PACKAGE / "sim"
"""It reads commands as a switch does, so it knows the words."""

COMMAND = re.compile(
    r"^\s*(?:api|bgapi|sendmsg|sendevent|userauth|auth|nixevent|event (?:plain|json|xml)|filter"
    r"|sched_api|sched_del|sched_hangup|sched_transfer|luarun|hupall"
    r"|global_setvar|global_getvar|show channels|originate|fsctl) "
    r"|(?:^|[\s'\"])(?:uuid_[a-z_]+|bgapi|api uuid_[a-z]+|originate [{\[a-z]+/?) "
    r"|&park\(|^bgapi$|Job-UUID: |console_execute"
)


def literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Text that a program uses: all string constants but docstrings, with the lines they stand in."""
    spoken = {
        id(node.value)
        for parent in ast.walk(tree)
        if isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for node in parent.body
        if isinstance(node, ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in spoken and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
            yield node.lineno, text


def commands_in(source: str) -> list[tuple[int, str]]:
    return [(line, text) for line, text in literals(ast.parse(source)) if COMMAND.search(text)]


def test_only_the_builder_formats_commands():
    found = {
        str(path.relative_to(PACKAGE)): written
        for path in sorted(PACKAGE.rglob("*.py"))
        if path != BUILDER
        and SIMULATOR not in path.parents
        and (written := commands_in(path.read_text("utf-8")))
    }
    assert found == {}


def test_this_test_would_see_it():
    assert commands_in(BUILDER.read_text("utf-8"))
    for line in (
        'send(f"api uuid_kill {uuid}")',
        'send(b"bgapi originate {x}")',
        'send("uuid_bridge " + a + " " + b)',
        'send("originate %s &park()" % contact)',
        'send("\\n".join(["sendevent CUSTOM", "Event-Subclass: x"]))',
        'x = "bgapi"',
        'x = f"originate {{a=b}}{contact}"',
    ):
        assert commands_in(line), line
    assert not commands_in('"""api uuid_kill is explained here"""\nx = "uuid_bridge_park_on_cancel"')
