"""The `callcenter` command.

Data goes to stdout, words to stderr; exit code 0 = done, 1 = failed, 2 = bad input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from py_callcenter import __version__, logs
from py_callcenter.cli import history, orders
from py_callcenter.cli.agents import agent_app
from py_callcenter.cli.backend import backend
from py_callcenter.cli.calls import call_app
from py_callcenter.cli.database import database_app
from py_callcenter.cli.decisions import decisions_app
from py_callcenter.cli.queues import queue_app
from py_callcenter.cli.reports import report_app
from py_callcenter.cli.start import BAD_INPUT, RUN_LEVEL, CliError, Starting, level, read_config, start
from py_callcenter.cli.support import (
    Commands,
    ConfigOption,
    JsonOption,
    counted,
    note,
    print_json,
    say_error,
)
from py_callcenter.cli.tables import show_changes
from py_callcenter.config import ConfigErrors, RuleError, is_loopback, json_schema, load, split_listen

app = typer.Typer(
    cls=Commands,
    name="callcenter",
    help="Call-centre ACD for FreeSWITCH that lives beside the switch.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
config_app = typer.Typer(cls=Commands, help="Check configuration files.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(queue_app, name="queue")
app.add_typer(agent_app, name="agent")
app.add_typer(call_app, name="call")
app.add_typer(decisions_app, name="decisions")
app.add_typer(orders.node_app, name="node")
app.add_typer(orders.key_app, name="key")
app.add_typer(report_app, name="report")
app.add_typer(database_app, name="database")
report_app.command("show")(history.report_show)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"callcenter {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    config: ConfigOption = None,
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = RUN_LEVEL,
) -> None:
    """Run the controller until SIGTERM or SIGINT. Callers keep their places when it stops."""
    start(read_config(config), log_level)


@app.command()
def demo(
    listen: Annotated[str, typer.Option(help="Address of the page.")] = "127.0.0.1:8080",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "warning",
) -> None:
    """Run with a simulated switch, callers and agents, and a page to watch them."""
    logs.set_up(level=level(log_level))
    _check_demo_listen(listen)
    from py_callcenter.app.demo import demo as begin  # noqa: PLC0415 - loads gevent, which no other command needs

    with Starting():
        begin(listen=listen)


@app.command()
def apply(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Configuration file to apply.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Make queues, agents and tiers be as in FILE: all or nothing, without losing a caller or a counter.

    FILE also says which controller. Its [controller] and [[nodes]] take effect when the controller starts.
    """
    config = load(file)
    with backend(config) as behind:
        changes = behind.apply(config, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "changes": changes})
        return
    show_changes(changes, dry_run=dry_run, live=behind.live)


@config_app.command("check")
def config_check(file: Annotated[Path, typer.Argument(metavar="FILE")], as_json: JsonOption = False) -> None:
    """Check FILE as `run` and `apply` would, and show every problem with its line."""
    try:
        config = load(file)
    except ConfigErrors as error:
        if as_json:
            fields = ("file", "line", "place", "message", "hint")
            print_json([{name: getattr(one, name) for name in fields} for one in error.errors])
        else:
            for one in error.errors:
                say_error(str(one), one.hint)
            note(counted(len(error.errors), "problem"))
        raise typer.Exit(BAD_INPUT) from error
    if as_json:
        print_json([])
        return
    parts = (
        ("node", config.nodes),
        ("queue", config.queues),
        ("agent", config.agents),
        ("tier", config.tiers),
        *((("recipient", config.recipients),) if config.recipients else ()),
    )
    typer.echo(f"{file}: ok ({', '.join(counted(len(rows), word) for word, rows in parts)})")


@config_app.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the file, for editors."""
    print_json(json_schema())


app.command("erase")(history.erase)  # the last of the list: it is rarely wanted


def _check_demo_listen(listen: str) -> None:
    try:
        host, _port = split_listen(listen)
    except RuleError as error:
        raise CliError(f"--listen: {error}", error.hint, code=BAD_INPUT) from error
    if not is_loopback(host):
        # Its token is made up in a temporary folder, so nobody elsewhere could pass it anyway.
        raise CliError(
            f'--listen: the demo serves this machine only, not "{host}"',
            "leave it on loopback and forward the port, for example with: ssh -L 8080:127.0.0.1:8080",
            code=BAD_INPUT,
        )


def main() -> None:
    """Entry point."""
    app()
