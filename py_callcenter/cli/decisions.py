"""`callcenter decisions …`: the core's decision log, made again and explained."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from py_callcenter._router import DecisionLogError, Replay, Router, RouterError
from py_callcenter.cli.start import BAD_INPUT, CliError
from py_callcenter.cli.support import Commands, JsonOption, print_json, print_table

decisions_app = typer.Typer(
    cls=Commands, help="Make decisions again from a decision log, and explain them.", no_args_is_help=True
)

LogFile = Annotated[Path, typer.Argument(metavar="FILE", help="A decisions-….log of the state folder.")]


@decisions_app.command("replay")
def replay(file: LogFile, as_json: JsonOption = False) -> None:
    """Make every decision of FILE again and compare it with what was decided then.

    Exit code 1 names the first entry that is damaged or gives something else.
    """
    again = _open(file)
    try:
        entries = again.run()
    except DecisionLogError as error:
        raise _refused(error, f"entries 1 to {again.entry} are whole and gave the same") from error
    if as_json:
        print_json({"entries": entries, "until": _time(again.now_us)})
    else:
        typer.echo(f"{entries} entries, all the same; the last at {_time(again.now_us)}")


@decisions_app.command("list")
def list_(file: LogFile, as_json: JsonOption = False) -> None:
    """Show the offers that were decided in FILE: when, which caller of which queue, which agent."""
    log = _open(file)
    try:
        offers = log.offers()
        log.run()
    except DecisionLogError as error:
        raise _refused(error) from error
    names = _Names(Router.restore(log.snapshot()))
    rows: list[dict[str, Any]] = [
        {"offer": made.offer, "at": _time(now_us), "caller": made.caller, "agent": names.agent(made.agent)}
        for now_us, made in offers
    ]
    if as_json:
        print_json(rows)
    else:
        print_table(
            list(rows[0]) if rows else ["offer"], [[str(cell) for cell in row.values()] for row in rows]
        )


@decisions_app.command("explain")
def explain(
    file: LogFile,
    offer: Annotated[int, typer.Argument(metavar="OFFER", min=1, help="A number of `decisions list`.")],
    as_json: JsonOption = False,
) -> None:
    """Show where the caller of an offer stood with each agent when it was decided, and why."""
    log = _open(file)
    try:
        found = log.explain_offer(offer)
    except DecisionLogError as error:
        raise _refused(error) from error
    if found is None:
        raise CliError(
            f"{file} has no decision that made offer {offer}", "see `callcenter decisions list FILE`"
        )
    names = _Names(Router.restore(log.snapshot()))
    rows: list[dict[str, Any]] = [
        {
            "agent": names.agent(one.agent),
            "reason": one.reason,
            "until": None if one.until_us is None else _time(one.until_us),
            "caller": one.other,
            "refused_before": one.refused,
        }
        for one in found.candidates
    ]
    if as_json:
        print_json({"at": _time(found.now_us), "wanted": found.wanted, "candidates": rows})
        return
    typer.echo(f"caller {found.caller} at {_time(found.now_us)}; agents wanted: {found.wanted}")
    print_table(
        ["place", "agent", "reason", "until", "caller"],
        [
            [
                str(place) if row["reason"] is None else "-",
                str(row["agent"]),
                "refused before" if row["reason"] is None and row["refused_before"] else row["reason"] or "-",
                row["until"] or "-",
                str(row["caller"] or "-"),
            ]
            for place, row in enumerate(rows, 1)
        ],
        right=["place"],
    )


class _Names:
    """Names by the router where the replay stands; who is gone by then shows as a number."""

    def __init__(self, router: Router) -> None:
        self._router = router

    def agent(self, agent: int) -> str:
        try:
            return self._router.agent(agent).name
        except RouterError:
            return f"(agent {agent})"


def _open(file: Path) -> Replay:
    try:
        return Replay(file.read_bytes())
    except OSError as error:
        raise CliError(f"{file} can't be read: {error.strerror}", code=BAD_INPUT) from error
    except DecisionLogError as error:
        raise CliError(f"{file}: {error}", code=BAD_INPUT) from error


def _refused(error: DecisionLogError, hint: str = "") -> CliError:
    return CliError(str(error), hint)


def _time(us: int) -> str:
    """UTC, to the millisecond; a deadline past the calendar in seconds."""
    try:
        return datetime.fromtimestamp(us / 1e6, UTC).isoformat(timespec="milliseconds")
    except (OverflowError, ValueError):
        return f"{us // 1_000_000} s"
