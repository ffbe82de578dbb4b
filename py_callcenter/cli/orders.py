"""Orders of an operator that hold until they are taken back: diverted queues, drained switches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from py_callcenter.cli.backend import backend
from py_callcenter.cli.start import BAD_INPUT, CliError, read_config
from py_callcenter.cli.support import (
    Commands,
    ConfigOption,
    JsonOption,
    age,
    print_json,
    print_table,
    say_stopped,
    shown,
)
from py_callcenter.config import RuleError
from py_callcenter.config.rules import parse_exit

key_app = typer.Typer(cls=Commands, help="The key that seals callers' places.", no_args_is_help=True)
node_app = typer.Typer(cls=Commands, help="Look at switches and drain them.", no_args_is_help=True)


def divert(
    words: Annotated[list[str], typer.Argument(metavar="[NAME] PLACE")],
    everywhere: Annotated[bool, typer.Option("--all", help="All queues; give only PLACE.")] = False,
    config: ConfigOption = None,
) -> None:
    """Send everybody in queue NAME, and everybody who comes, to PLACE now, until PLACE is `off`.

    PLACE is `exten[@context]` of the dialplan, `hangup`, or `off` to take it back. Phones that ring stop;
    conversations go on. It holds until it is taken back, over a restart of the controller too.
    """
    if len(words) != (1 if everywhere else 2):
        raise CliError(
            "give a queue and a place, or --all and a place",
            "for example: callcenter queue divert support voicemail@default",
            code=BAD_INPUT,
        )
    name, place = None if everywhere else words[0], words[-1]
    with backend(read_config(config)) as behind:
        rows = behind.divert(name, None if place == "off" else _place(place))
    for row in rows:
        typer.echo(f"{row['name']}: " + (f"diverted to {row['divert']}" if row["divert"] else "not diverted"))


@key_app.command("rotate")
def key_rotate(config: ConfigOption = None) -> None:
    """Seal what is stamped on callers' channels with a new key.

    It holds at once, or from the next start on when no controller runs. Nobody loses the place: earlier keys
    count until no caller who is there can carry them.
    """
    with backend(read_config(config)) as behind:
        earlier = behind.rotate_key()
        say_stopped(live=behind.live)
    typer.echo(f"new key in use; earlier ones that still count: {earlier}")


@node_app.command("list")
def node_list(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the switches: whether they are up, how far behind, and what they take."""
    with backend(read_config(config)) as behind:
        rows = behind.nodes()
        say_stopped(live=behind.live)
    if as_json:
        print_json(rows)
        return
    columns = ("NODE", "STATE", "SINCE", "OFFERS", "LAG MS", "CALLS/S", "MAX CALLS", "WAITING", "REFUSED")
    print_table(
        columns,
        [
            (
                row["name"],
                "-" if row["up"] is None else "up" if row["up"] else row["reason"] or "down",
                age(row["since"]),
                "-" if row["held"] is None else f"none: {', '.join(row['held'])}" if row["held"] else "yes",
                "-" if row["lag_seconds"] is None else f"{row['lag_seconds'] * 1000:.0f}",
                shown(row["sessions_per_second"]),
                shown(row["max_sessions"]),
                shown(row["originates_waiting"]),
                shown(row["originates_refused"]),
            )
            for row in rows
        ],
        right=columns[4:],
    )


@node_app.command("drain")
def node_drain(name: str, config: ConfigOption = None) -> None:
    """Make no new offers for the callers of switch NAME; who waits there stays, conversations go on."""
    _drain(config, name, on=True)


@node_app.command("undrain")
def node_undrain(name: str, config: ConfigOption = None) -> None:
    """Make offers for the callers of switch NAME again."""
    _drain(config, name, on=False)


def _place(text: str) -> str:
    try:
        return str(parse_exit(text))
    except RuleError as error:
        raise CliError(str(error), error.hint, code=BAD_INPUT) from error


def _drain(config: Path | None, name: str, *, on: bool) -> None:
    with backend(read_config(config)) as behind:
        row = behind.drain(name, on=on)
    typer.echo(f"{row['name']}: " + ("drained, no new offers" if row["drained"] else "not drained"))
