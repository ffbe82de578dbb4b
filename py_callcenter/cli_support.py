"""What the commands share: errors with hints, finding the configuration, tables and JSON."""

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

from py_callcenter.config import Config, ConfigErrors, load

FAILED: Final = 1
BAD_INPUT: Final = 2

CONFIG_VARIABLE: Final = "CALLCENTER_CONFIG"
CONFIG_PLACES: Final = ("callcenter.toml", "/etc/callcenter/callcenter.toml")

ConfigOption = Annotated[
    Path | None,
    typer.Option("-c", "--config", envvar=CONFIG_VARIABLE, metavar="FILE", help="Configuration file."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON on stdout, for programs.")]

_WIDE: Final = 400


class CliError(Exception):
    """Ends the command: the message and the hint go to stderr."""

    def __init__(self, message: str, hint: str = "", *, code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


class Commands(TyperGroup):
    """A group of commands that ends with our words and exit codes."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except CliError as error:
            say_error(error.message, error.hint)
            ctx.exit(error.code)
        except ConfigErrors as error:
            for found in error.errors:
                say_error(str(found), found.hint)
            ctx.exit(BAD_INPUT)


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


def find_config(given: Path | None) -> Path:
    """The file that was named, or the first one of the usual places."""
    if given is not None:
        return given
    for place in CONFIG_PLACES:
        if Path(place).exists():
            return Path(place)
    raise CliError(
        "no configuration file",
        f"name one with -c FILE or {CONFIG_VARIABLE}; looked for {' and '.join(CONFIG_PLACES)}",
        code=BAD_INPUT,
    )


def read_config(given: Path | None) -> Config:
    return load(find_config(given))


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
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def age(moment: float | None) -> str:
    """How long ago an epoch second was, `-` for none."""
    return "-" if moment is None else span(time.time() - moment)


def shown(value: object) -> str:
    return "-" if value is None or value == "" else str(value)


def _one_line(text: str) -> str:
    """What a terminal shows can't move its cursor or start a line."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
