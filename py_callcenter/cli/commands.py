"""The `callcenter` command.

Data goes to stdout, words to stderr; exit code 0 = done, 1 = failed, 2 = bad input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from py_callcenter import __version__, logs
from py_callcenter.cli import history, orders
from py_callcenter.cli.backend import Backend, backend
from py_callcenter.cli.database import database_app
from py_callcenter.cli.decisions import decisions_app
from py_callcenter.cli.reports import report_app
from py_callcenter.cli.start import BAD_INPUT, RUN_LEVEL, CliError, Starting, level, read_config, start
from py_callcenter.cli.support import (
    Commands,
    ConfigOption,
    JsonOption,
    age,
    note,
    print_json,
    print_table,
    say_error,
    say_stopped,
    shown,
    span,
)
from py_callcenter.config import (
    STATUSES,
    Config,
    ConfigErrors,
    RuleError,
    check_name,
    is_loopback,
    json_schema,
    load,
    set_agent_key,
    split_listen,
)

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
queue_app = typer.Typer(cls=Commands, help="Look at queues.", no_args_is_help=True)
agent_app = typer.Typer(cls=Commands, help="Look at agents and change them.", no_args_is_help=True)
call_app = typer.Typer(cls=Commands, help="Look at calls.", no_args_is_help=True)
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
queue_app.command("divert")(orders.divert)

_NEGATIVE: Final = {"ignore_unknown_options": True}
"""Lets a value begin with a minus."""


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
    _show_changes(changes, dry_run=dry_run, live=behind.live)


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
            note(_count(len(error.errors), "problem"))
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
    typer.echo(f"{file}: ok ({', '.join(_count(len(rows), word) for word, rows in parts)})")


@config_app.command("schema")
def config_schema() -> None:
    """Print the JSON Schema of the file, for editors."""
    print_json(json_schema())


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
                _expected(row["expected_wait"]),
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
        row = _pick(behind.queues(), "name", name, "queue")
        settings = _pick(behind.routing()["queues"], "name", name, "queue")
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
            ("expected wait", _expected(row["expected_wait"])),
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
        _print_calls(calls)
    if agents:
        typer.echo()
        _print_agents(agents)


@agent_app.command("list")
def agent_list(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the agents: status, state, since when, with whom."""
    with backend(read_config(config)) as behind:
        rows = behind.agents()
        say_stopped(live=behind.live)
    if as_json:
        print_json(rows)
    else:
        _print_agents(rows)


@agent_app.command("set", context_settings=_NEGATIVE)
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
            _show_agent(behind, behind.set_wrap_up(name, _whole(value, "seconds or `now`")))
        elif key == "ready-time":
            _show_agent(behind, behind.change_agent(name, "ready_in", _whole(value, "seconds or `now`")))
        elif key == "external-calls":
            _show_agent(behind, behind.change_agent(name, "external_calls", _whole(value, "a whole number")))
        else:
            wanted = _with_agent_key(file.with_routing(behind.routing()), name, key, value)
            _show_changes(behind.apply(wanted, dry_run=False), dry_run=False, live=behind.live)


@call_app.command("list")
def call_list(
    config: ConfigOption = None,
    queue: Annotated[str | None, typer.Option(help="Only calls of this queue.")] = None,
    as_json: JsonOption = False,
) -> None:
    """List the calls in queues and with agents. Numbers are masked."""
    with backend(read_config(config)) as behind:
        if queue is not None:
            _pick(behind.queues(), "name", queue, "queue")
        rows = behind.calls(queue)
        say_stopped(live=behind.live)
    if as_json:
        print_json(rows)
    else:
        _print_calls(rows)


@call_app.command("set", context_settings=_NEGATIVE)
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
            changes = {key.replace("-", "_"): _whole(value, "a whole number")}
        case _:
            raise CliError(
                f'"{key}" is nothing that can be set of a call',
                "queue, priority, base-score or skills",
                code=BAD_INPUT,
            )
    with backend(read_config(config)) as behind:
        _print_calls([behind.change_call(uuid, changes)])


@call_app.command("transfer", context_settings=_NEGATIVE)
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


@call_app.command("consult", context_settings=_NEGATIVE)
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


app.command("erase")(history.erase)  # the last of the list: it is rarely wanted


def _closed(reason: str | None) -> str:
    """Why nobody is looked for."""
    words = {"held": "; held back for now", "ringing": "; phones ring", "claimed": "; answered"}
    return "" if reason is None else words.get(reason, f"; {reason}")


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


def _status(value: str) -> str:
    """A status by its proper name, letter case ignored."""
    for status in STATUSES:
        if status.lower() == value.lower():
            return status
    hint = "one of: " + ", ".join(f'"{status}"' for status in STATUSES)
    raise CliError(f'"{value}" is no status', hint, code=BAD_INPUT)


def _show_agent(behind: Backend, row: dict[str, Any]) -> None:
    rests = _rest(row.get("rest"))
    state = f" ({row['state']})" if behind.live else ""
    typer.echo(f"{row['name']}: {row['status']}{state}" + (f"; {rests}" if rests else ""))
    if not behind.live:
        note("no controller runs; it is in the database and holds from the next start on")


def _rest(rest: dict[str, Any] | None) -> str:
    """A break with a reason, and what is asked for, in words."""
    if rest is None:
        return ""
    words = []
    if rest["reason"]:
        words.append(rest["reason"] + (", overdue" if rest["overdue"] else ""))
    if rest["asked"]:
        when = f"place {rest['place']} in the line" if rest["place"] else "after call and wrap-up"
        words.append(f"asks for {rest['asked']}: {when}")
    return "; ".join(words)


def _whole(text: str, wanted: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdecimal() and len(digits) <= 12):
        raise CliError(f'"{text}" isn\'t {wanted}', code=BAD_INPUT)
    return int(text)


def _with_agent_key(config: Config, name: str, key: str, value: str) -> Config:
    try:
        check_name(name)
        return set_agent_key(config, name, key, value)
    except RuleError as error:
        raise CliError(str(error), error.hint, code=BAD_INPUT) from error


def _pick(rows: list[dict[str, Any]], key: str, value: str, what: str) -> dict[str, Any]:
    for row in rows:
        if row[key] == value:
            return row
    known = ", ".join(row[key] for row in rows) or "none"
    raise CliError(f'there is no {what} "{value}"', f"known: {known}", code=BAD_INPUT)


def _show_changes(changes: list[dict[str, Any]], *, dry_run: bool, live: bool) -> None:
    for change in changes:
        fields = f": {', '.join(change['fields'])}" if change["fields"] else ""
        typer.echo(f"{change['what']:<8} {change['kind']:<6} {change['name']}{fields}")
    if not changes:
        note("nothing to change")
    elif dry_run:
        note(f"{_count(len(changes), 'change')} would be made")
    else:
        where = "" if live else " in the database; no controller runs"
        note(f"{_count(len(changes), 'change')} made{where}")


def _service_level(level: dict[str, Any]) -> str:
    now = level["now_percent"]
    return f"{'-' if now is None else f'{now:.0f} %'} / {level['percent']:g} %"


def _expected(wait: dict[str, Any] | None) -> str:
    """The range to announce; `-` for not known."""
    if wait is None:
        return "-"
    return "none" if wait["high"] == 0 else f"{span(wait['low'])} to {span(wait['high'])}"


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


def _print_agents(rows: list[dict[str, Any]]) -> None:
    print_table(
        ("AGENT", "STATUS", "STATE", "SINCE", "QUEUE", "WITH", "ANSWERED", "TALKED"),
        [
            (
                row["name"],
                row["status"] + (f" ({rests})" if (rests := _rest(row.get("rest"))) else ""),
                shown(row["state"]),
                age(row["since"]),
                shown(row["queue"]),
                shown(row["number"]),
                shown(row["calls_answered"]),
                "-" if row["talk_seconds"] is None else span(row["talk_seconds"]),
            )
            for row in rows
        ],
        right=("SINCE", "ANSWERED", "TALKED"),
    )


def _print_calls(rows: list[dict[str, Any]]) -> None:
    print_table(
        ("CALL", "QUEUE", "PLACE", "STATE", "SINCE", "WAITED SINCE", "EXPECTED", "CALLER", "AGENT"),
        [
            (
                row["id"],
                row["queue"],
                shown(row["position"]),
                row["state"],
                age(row["since"]),
                age(row["entered_at"]),
                _expected(row["expected_wait"]),
                row["number"],
                ", ".join(row["agents"]) or "-",
            )
            for row in rows
        ],
        right=("PLACE", "SINCE", "WAITED SINCE"),
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word if number == 1 else word + 's'}"


def main() -> None:
    """Entry point."""
    app()
