"""What the commands share: errors with hints, arguments and options, tables and JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from typer.core import TyperGroup

from py_callcenter.cli.start import BAD_INPUT, CONFIG_VARIABLE, CliError
from py_callcenter.config import ConfigErrors

ConfigOption = Annotated[
    Path | None,
    typer.Option("-c", "--config", envvar=CONFIG_VARIABLE, metavar="FILE", help="Configuration file."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout, for programs.")]
NEGATIVE: Final = {"ignore_unknown_options": True}
"""Context of a command of which a value may begin with a minus."""
_WIDE: Final = 400


class Commands(TyperGroup):
    """A group of commands that ends with our words and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except (CliError, ConfigErrors) as error:
            ctx.exit(say(error))


def say(error: CliError | ConfigErrors) -> int:
    """What ends a command, on stderr; gives the exit code."""
    if isinstance(error, ConfigErrors):
        for found in error.errors:
            say_error(str(found), found.hint)
        return BAD_INPUT
    say_error(error.message, error.hint)
    return error.code


def say_error(message: str, hint: str = "") -> None:
    """Stderr is for people, stdout for data."""
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    head = typer.style("error:", fg="red", bold=True) if colour else "error:"
    typer.echo(f"{head} {_one_line(message)}", err=True)
    if hint:
        typer.echo(f"hint: {_one_line(hint)}", err=True)


def note(text: str) -> None:
    """Something a person should know that is no error."""
    typer.echo(_one_line(text), err=True)


def say_stopped(*, live: bool) -> None:
    """That what is shown isn't live."""
    if not live:
        note("no controller runs; this is what it would start with")


def print_json(value: Any) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
    """Plain columns; as wide as needed where nobody looks, so that no value is ever cut in a script."""
    from rich.console import Console  # noqa: PLC0415 - `run` has no use for it and mustn't wait for it
    from rich.table import Table  # noqa: PLC0415 - likewise
    from rich.text import Text  # noqa: PLC0415 - likewise

    console = Console(highlight=False, width=None if sys.stdout.isatty() else _WIDE)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(_one_line(cell)) for cell in row))
    with console.capture() as captured:
        console.print(table)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))


def span(seconds: float) -> str:
    """1:02:03 or 2:03."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age(moment: float | None) -> str:
    """How long ago an epoch second was, `-` for none."""
    return "-" if moment is None else span(time.time() - moment)


def shown(value: object) -> str:
    return "-" if value is None or value == "" else str(value)


def counted(number: int, word: str) -> str:
    return f"{number} {word if number == 1 else word + 's'}"


def whole(text: str, wanted: str) -> int:
    """The number that was given. Raises `CliError`, which says what is `wanted`."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 12):
        raise CliError(f'"{text}" isn\'t {wanted}', code=BAD_INPUT)
    return int(text)


def pick(rows: list[dict[str, Any]], key: str, value: str, what: str) -> dict[str, Any]:
    """The row that has this value. Raises `CliError`, which tells the others."""
    for row in rows:
        if row[key] == value:
            return row
    known = ", ".join(row[key] for row in rows) or "none"
    raise CliError(f'there is no {what} "{value}"', f"known: {known}", code=BAD_INPUT)


def _one_line(text: str) -> str:
    """What a terminal shows can't move its cursor or start a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
