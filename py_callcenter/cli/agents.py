"""`callcenter agent`: how the agents stand, and changes of that."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from py_callcenter.cli.backend import Backend, backend
from py_callcenter.cli.start import BAD_INPUT, CliError, read_config
from py_callcenter.cli.support import (
    NEGATIVE,
    Commands,
    ConfigOption,
    JsonOption,
    note,
    print_json,
    say_stopped,
    whole,
)
from py_callcenter.cli.tables import print_agents, rest_in_words, show_changes
from py_callcenter.config import STATUSES, Config, RuleError, check_name, set_agent_key

agent_app = typer.Typer(cls=Commands, help="Look at agents and change them.", no_args_is_help=True)


@agent_app.command("list")
def agent_list(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the agents: status, state, since when, with whom."""
    with backend(read_config(config)) as behind:
        rows = behind.agents()
        say_stopped(live=behind.live)
    if as_json:
        print_json(rows)
    else:
        print_agents(rows)


@agent_app.command("set", context_settings=NEGATIVE)
def agent_set(
    name: str,
    key: str,
    value: str,
    *,
    config: ConfigOption = None,
    reason: Annotated[str, typer.Option(help="What the agent rests for, with status On Break.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Though all places for it are taken.")] = False,
) -> None:
    """Set KEY of agent NAME to VALUE.

    `status` takes effect at once, or at the next start when no controller runs: Available,
    "Available (On Demand)", "On Break" or "Logged Out".
    `status "On Break" --reason lunch` begins after call and wrap-up, and when fewer rest than may;
    `break-request off` takes that back.
    `wrap-up SECONDS` lets a wrap-up that runs end so many seconds from now, `wrap-up now` at once.
    `ready-time SECONDS` holds calls back for so long, 0 ends that; `ready-time now` ends a wrap-up.
    `external-calls N` says how many calls outside the queues there are.
    Every other key is one of the file's, such as `wrap-up-time` or `contact`; it changes the
    configuration in force, not the file.
    """
    file = read_config(config)
    key = key.replace("_", "-")
    with backend(file) as behind:
        if key != "status" and (reason or force):
            raise CliError(f'"{key}" has no reason', 'give it with status "On Break"', code=BAD_INPUT)
        if force and not reason:
            raise CliError("a break without a reason needs no force", "leave --force out", code=BAD_INPUT)
        if key == "status":
            _show_agent(behind, behind.set_status(name, _status(value), reason=reason, force=force))
        elif key == "break-request":
            if value != "off":
                raise CliError(f'"{value}" is nothing to do with a request', "one of: off", code=BAD_INPUT)
            _show_agent(behind, behind.withdraw_break(name))
        elif key in {"ready-time", "wrap-up"} and value == "now":
            _show_agent(behind, behind.end_wrap_up(name))
        elif key == "wrap-up":
            _show_agent(behind, behind.set_wrap_up(name, whole(value, "seconds or `now`")))
        elif key == "ready-time":
            _show_agent(behind, behind.change_agent(name, "ready_in", whole(value, "seconds or `now`")))
        elif key == "external-calls":
            _show_agent(behind, behind.change_agent(name, "external_calls", whole(value, "a whole number")))
        else:
            wanted = _with_agent_key(file.with_routing(behind.routing()), name, key, value)
            show_changes(behind.apply(wanted, dry_run=False), dry_run=False, live=behind.live)


def _status(value: str) -> str:
    """A status by its proper name, letter case ignored."""
    for status in STATUSES:
        if status.lower() == value.lower():
            return status
    hint = "one of: " + ", ".join(f'"{status}"' for status in STATUSES)
    raise CliError(f'"{value}" is no status', hint, code=BAD_INPUT)


def _show_agent(behind: Backend, row: dict[str, Any]) -> None:
    rests = rest_in_words(row.get("rest"))
    state = f" ({row['state']})" if behind.live else ""
    typer.echo(f"{row['name']}: {row['status']}{state}" + (f"; {rests}" if rests else ""))
    if not behind.live:
        note("no controller runs; it is in the database and holds from the next start on")


def _with_agent_key(config: Config, name: str, key: str, value: str) -> Config:
    try:
        check_name(name)
        return set_agent_key(config, name, key, value)
    except RuleError as error:
        raise CliError(str(error), error.hint, code=BAD_INPUT) from error
