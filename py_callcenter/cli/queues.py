"""`callcenter queue`: what happens in the queues."""

from __future__ import annotations

from typing import Any

import typer

from py_callcenter.cli.backend import backend
from py_callcenter.cli.orders import divert
from py_callcenter.cli.start import read_config
from py_callcenter.cli.support import (
    Commands,
    ConfigOption,
    JsonOption,
    age,
    pick,
    print_json,
    print_table,
    say_stopped,
    shown,
)
from py_callcenter.cli.tables import expected, print_agents, print_calls

queue_app = typer.Typer(cls=Commands, help="Look at queues.", no_args_is_help=True)
queue_app.command("divert")(divert)


@queue_app.command("list")
def queue_list(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the queues with what happens in them."""
    with backend(read_config(config)) as behind:
        rows = behind.queues()
        say_stopped(live=behind.live)
    if as_json:
        print_json(rows)
        return
    columns = (
        "QUEUE",
        "STRATEGY",
        "WAITING",
        "LONGEST",
        "EXPECTED",
        "SERVICE LEVEL",
        "OFFERED",
        "ANSWERED",
        "ABANDONED",
    )
    print_table(
        columns,
        [
            (
                row["name"],
                row["strategy"],
                shown(row["waiting"]),
                age(row["oldest_at"]),
                expected(row["expected_wait"]),
                _service_level(row["service_level"]),
                shown(row["offered"]),
                shown(row["answered"]),
                shown(row["abandoned"]),
            )
            for row in rows
        ],
        right=columns[2:],
    )


@queue_app.command("show")
def queue_show(name: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one queue: its settings, callers and agents."""
    with backend(read_config(config)) as behind:
        row = pick(behind.queues(), "name", name, "queue")
        settings = pick(behind.routing()["queues"], "name", name, "queue")
        calls = behind.calls(name)
        agents = [agent for agent in behind.agents() if name in agent["queues"]]
        say_stopped(live=behind.live)
    if as_json:
        print_json({**row, "settings": settings, "calls": calls, "agent_rows": agents})
        return
    level = row["service_level"]
    print_table(
        ("QUEUE", row["name"]),
        [
            ("strategy", row["strategy"]),
            ("waiting", shown(row["waiting"])),
            ("longest wait", age(row["oldest_at"])),
            ("expected wait", expected(row["expected_wait"])),
            ("its past answers", _expected_error(row["expected_wait_error"])),
            ("agents needed", _needed(row["staffing"])),
            ("service level", f"{_service_level(level)} within {level['seconds']:g} s"),
            ("offered", shown(row["offered"])),
            ("answered", shown(row["answered"])),
            ("abandoned", shown(row["abandoned"])),
            ("overflowed", shown(row["overflowed"])),
        ],
    )
    if calls:
        typer.echo()
        print_calls(calls)
    if agents:
        typer.echo()
        print_agents(agents)


def _service_level(level: dict[str, Any]) -> str:
    now = level["now_percent"]
    return f"{'-' if now is None else f'{now:.0f} %'} / {level['percent']:g} %"


def _needed(staffing: dict[str, Any] | None) -> str:
    """For the queue's service level; `-` for not known."""
    if staffing is None:
        return "-"
    return f"{staffing['agents_now']} now, {staffing['agents_next']} in the next half hour"


def _expected_error(error: dict[str, Any] | None) -> str:
    if error is None or not error["answers"]:
        return "-"
    return (
        f"{error['answers']} judged, {error['bias']:+.0%} on average, "
        f"{error['inside']:.0%} within the range that should hold 80%"
    )
