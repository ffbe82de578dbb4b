"""`callcenter call`: one call, or those that are there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from py_callcenter.cli.backend import backend
from py_callcenter.cli.start import BAD_INPUT, CliError, read_config
from py_callcenter.cli.support import (
    NEGATIVE,
    Commands,
    ConfigOption,
    JsonOption,
    pick,
    print_json,
    print_table,
    say_stopped,
    whole,
)
from py_callcenter.cli.tables import print_calls

call_app = typer.Typer(cls=Commands, help="Look at calls.", no_args_is_help=True)


@call_app.command("list")
def call_list(
    config: ConfigOption = None,
    queue: Annotated[str | None, typer.Option(help="Only calls of this queue.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the calls in queues and with agents. Numbers are masked."""
    with backend(read_config(config)) as behind:
        if queue is not None:
            pick(behind.queues(), "name", queue, "queue")
        rows = behind.calls(queue)
        say_stopped(live=behind.live)
    if as_json:
        print_json(rows)
    else:
        print_calls(rows)


@call_app.command("set", context_settings=NEGATIVE)
def call_set(uuid: str, key: str, value: str, config: ConfigOption = None) -> None:
    """Set KEY of the waiting call UUID to VALUE.

    `queue` moves the caller to another queue, where the wait so far counts; `priority` (-100 to 100) and
    `base-score` (seconds that count as wait) change the place; `skills` what the agent must be able to do.
    """
    key = key.replace("_", "-")
    changes: dict[str, Any]
    match key:
        case "queue" | "skills":
            changes = {key: value}
        case "priority" | "base-score":
            changes = {key.replace("-", "_"): whole(value, "a whole number")}
        case _:
            raise CliError(
                f'"{key}" is nothing that can be set of a call',
                "queue, priority, base-score or skills",
                code=BAD_INPUT,
            )
    with backend(read_config(config)) as behind:
        print_calls([behind.change_call(uuid, changes)])


@call_app.command("transfer", context_settings=NEGATIVE)
def call_transfer(uuid: str, kind: str, where: str, config: ConfigOption = None) -> None:
    """Send the call UUID, waiting or talking, to KIND WHERE.

    `queue NAME`; `agent NAME`, through a queue that the agent serves; `to EXTEN[@CONTEXT]` of the dialplan;
    `number N` outside, where the configuration says how. An agent who talks with the caller is free at once.
    """
    if kind not in ("queue", "agent", "to", "number"):
        raise CliError(f'"{kind}" is no kind of destination', "queue, agent, to or number", code=BAD_INPUT)
    with backend(read_config(config)) as behind:
        behind.transfer(uuid, kind, where)
    typer.echo(f"on its way; `callcenter call trace {uuid}` tells")


@call_app.command("consult", context_settings=NEGATIVE)
def call_consult(
    uuid: str, what: str, whom: Annotated[str, typer.Argument()] = "", config: ConfigOption = None
) -> None:
    """Let the agent of call UUID ask somebody: `agent NAME`, `queue NAME` or `number N`.

    Of a queue somebody is asked who is free. The caller hears music from the moment that somebody answers.
    Then `complete` connects the caller with them and frees the agent, as hanging up does; `return` brings the
    agent back to the caller.
    """
    asks = what in ("agent", "queue", "number")
    if not (asks or what in ("complete", "return")) or asks != bool(whom):
        hint = "agent NAME, queue NAME, number N, complete, or return"
        raise CliError("what to do isn't clear", hint, code=BAD_INPUT)
    with backend(read_config(config)) as behind:
        behind.consult(uuid, what, whom)
    typer.echo(f"on its way; `callcenter call trace {uuid}` tells")


@call_app.command("trace")
def call_trace(uuid: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what happened to the call UUID, in order."""
    with backend(read_config(config)) as behind:
        steps = behind.trace(uuid)
    if as_json:
        print_json(steps)
        return
    begin = steps[0]["at"]
    print_table(
        ("AFTER", "WHAT", "DETAILS"),
        [
            (
                f"{step['at'] - begin:.3f}",
                step["text"],
                " ".join(f"{key}={value}" for key, value in step["details"].items()),
            )
            for step in steps
        ],
        right=("AFTER",),
    )


@call_app.command("why")
def call_why(uuid: str, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show why the waiting call UUID has no agent yet, agent by agent."""
    with backend(read_config(config)) as behind:
        found = behind.why(uuid)
    if as_json:
        print_json(found)
        return
    typer.echo(f"queue {found['queue']}; agents wanted: {found['wanted']}{_closed(found['closed'])}")
    print_table(
        ("AGENT", "WHY NOT", "STILL", "CALL"),
        [
            (
                one["agent"],
                one["reason"] or ("free, refused before" if one["refused_before"] else "free"),
                "-" if one["until"] is None else f"{max(0.0, one['until'] - found['at']):.0f} s",
                one["other_call"] or "-",
            )
            for one in found["agents"]
        ],
        right=("STILL",),
    )
    if found["more_agents"]:
        typer.echo(f"and {found['more_agents']} more agents")


def _closed(reason: str | None) -> str:
    """Why nobody is looked for."""
    words = {"held": "; held back for now", "ringing": "; phones ring", "claimed": "; answered"}
    return "" if reason is None else words.get(reason, f"; {reason}")
