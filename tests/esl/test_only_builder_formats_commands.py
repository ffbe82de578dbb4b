"""One module writes commands for a switch; nobody else may, however convenient it looks.

Two nets. One looks for the words of commands in all text that a program uses, put together from its pieces.
The other looks at the only door: whatever is handed to a connection comes straight from the builder.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from py_callcenter.esl import commands

pytestmark = pytest.mark.esl

PACKAGE = Path(__file__).parents[2] / "py_callcenter"
BUILDER = PACKAGE / "esl" / "commands.py"
SIMULATOR = PACKAGE / "sim"
"""It reads commands as a switch does, so it knows the words."""

COMMAND = re.compile(
    r"^[\s/]*(?:api|bgapi|sendmsg|sendevent|userauth|auth|nixevent|event (?:plain|json|xml)|filter"
    r"|sched_api|sched_del|sched_hangup|sched_transfer|luarun|hupall"
    r"|global_setvar|global_getvar|show channels|originate|fsctl)\s"
    r"|(?:^|[\s'\"])(?:bgapi|originate [{\[a-z]+/?)\s"
    r"|&park\(|Job-UUID: |console_execute",
    re.IGNORECASE,
)
PLAIN_WORDS = {"api", "auth", "event", "exit", "originate", "show", "version"}
"""Words of commands that mean something else elsewhere; the others are only ever commands."""
WORDS = (commands._API_WORDS | commands._VERBS) - PLAIN_WORDS | {
    "bg_system", "fsctl", "hupall", "luarun", "nixevent", "noevents", "reloadacl", "reloadxml", "sendmsg",
    "sched_hangup", "sched_transfer", "uuid_answer", "uuid_hold", "uuid_media", "uuid_park", "uuid_setvar",
}  # fmt: skip
DOORS = {"send", "submit"}
"""Methods that take one whole command as bytes."""


def put_together(node: ast.AST) -> str | None:
    """Text of an expression as far as it stands in the program, `\\0` for the rest; None for no text."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.Constant(value=bytes() as data):
            return data.decode("latin-1")
        case ast.JoinedStr(values=parts):
            return "".join(put_together(part) or "\0" for part in parts)
        case ast.FormattedValue(value=inner):
            return put_together(inner)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            texts = (put_together(left), put_together(right))
            return None if texts == (None, None) else "".join(text or "\0" for text in texts)
        case ast.BinOp(left=left, op=ast.Mod(), right=right):
            filled = right.elts if isinstance(right, ast.Tuple) else [right]
            return _filled(put_together(left), [put_together(one) for one in filled])
        case ast.Call(func=ast.Attribute(value=head, attr="format"), args=filled):
            return _filled(put_together(head), [put_together(one) for one in filled])
        case ast.Call(func=ast.Attribute(value=head, attr="join"), args=[ast.List() | ast.Tuple() as many]):
            glue = put_together(head)
            return None if glue is None else glue.join(put_together(one) or "\0" for one in many.elts)
    return None


def _filled(pattern: str | None, values: list[str | None]) -> str | None:
    if pattern is None:
        return None
    for value in values:
        pattern = re.sub(r"%[sdrb]|\{[^{}]*\}", lambda _found, text=value or "\0": text, pattern, count=1)
    return pattern


def literals(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Text that a program uses: all but docstrings, with the lines it stands in."""
    spoken = {
        id(node.value)
        for parent in ast.walk(tree)
        if isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        for node in parent.body
        if isinstance(node, ast.Expr)
    }
    for node in ast.walk(tree):
        if id(node) not in spoken and (text := put_together(node)):
            yield node.lineno, text


def commands_in(source: str) -> list[tuple[int, str]]:
    return [
        (line, text)
        for line, text in literals(ast.parse(source))
        if COMMAND.search(text) or WORDS & set(re.findall(r"[a-z_]+", text.lower()))
    ]


def strangers_at_the_door(source: str) -> list[tuple[int, str]]:
    """Commands sent that are neither a call of the builder nor an argument handed through by that name."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args):
            continue
        command = node.args[0]
        from_builder = (
            isinstance(command, ast.Call)
            and isinstance(command.func, ast.Attribute)
            and isinstance(command.func.value, ast.Name)
            and command.func.value.id == "commands"
        )
        handed_through = isinstance(command, ast.Name) and command.id == "data"
        unsent = isinstance(command, ast.Attribute) and command.attr == "_unsent"
        if node.func.attr in DOORS and not (from_builder or handed_through or unsent):
            found.append((node.lineno, ast.unparse(node)))
    return found


def modules() -> list[Path]:
    return [
        path for path in sorted(PACKAGE.rglob("*.py")) if path != BUILDER and SIMULATOR not in path.parents
    ]


def test_only_the_builder_formats_commands():
    found = {
        str(path.relative_to(PACKAGE)): written
        for path in modules()
        if (written := commands_in(path.read_text("utf-8")))
    }
    assert found == {}


def test_whatever_is_sent_comes_from_the_builder():
    found = {
        str(path.relative_to(PACKAGE)): sent
        for path in modules()
        if path.parent.name in {"esl", "app"} and (sent := strangers_at_the_door(path.read_text("utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    "line",
    [
        'send(f"api uuid_kill {uuid}")',
        'send(b"bgapi originate {x}")',
        'send("uuid_bridge " + a + " " + b)',
        'send("originate %s &park()" % contact)',
        'send("\\n".join(["sendevent CUSTOM", "Event-Subclass: x"]))',
        'x = "bgapi"',
        'x = f"originate {{a=b}}{contact}"',
        'send("uuid_" + "kill " + uuid)',
        'send(" ".join(["api", "uuid_kill", uuid]))',
        'send(" ".join(["api", "hupall"]))',
        'send(" ".join(["api", "status"]))',
        'send(f"{verb} hupall")',
        'send("%s %s" % ("api", "status"))',
        'send("{} status".format("api"))',
        'send("ap" + "i status")',
        'send("API status")',
        'send("api\\tstatus")',
        'word = "uuid_kill"',
    ],
)
def test_the_net_for_words_would_catch_it(line):
    assert commands_in(line)


def test_the_net_for_words_lets_names_and_explanations_through():
    assert commands_in(BUILDER.read_text("utf-8"))
    assert not commands_in('"""api uuid_kill is explained here"""\nx = "uuid_bridge_park_on_cancel"')


@pytest.mark.parametrize(
    "line", ['link.send(b"exit\\n\\n")', "link.send(text.encode())", "link.submit(make(x), done)"]
)
def test_the_net_at_the_door_would_catch_it(line):
    assert strangers_at_the_door(line)
    assert not strangers_at_the_door("link.send(commands.version(), 5.0)")
