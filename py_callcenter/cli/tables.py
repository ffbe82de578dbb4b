"""What several commands show: agents, calls, and changes of the configuration."""

from __future__ import annotations

from typing import Any

import typer

from py_callcenter.cli.support import age, counted, note, print_table, shown, span


def print_agents(rows: list[dict[str, Any]]) -> None:
    print_table(
        ("AGENT", "STATUS", "STATE", "SINCE", "QUEUE", "WITH", "ANSWERED", "TALKED"),
        [
            (
                row["name"],
                row["status"] + (f" ({rests})" if (rests := rest_in_words(row.get("rest"))) else ""),
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


def print_calls(rows: list[dict[str, Any]]) -> None:
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
                expected(row["expected_wait"]),
                row["number"],
                ", ".join(row["agents"]) or "-",
            )
            for row in rows
        ],
        right=("PLACE", "SINCE", "WAITED SINCE"),
    )


def show_changes(changes: list[dict[str, Any]], *, dry_run: bool, live: bool) -> None:
    for change in changes:
        fields = f": {', '.join(change['fields'])}" if change["fields"] else ""
        typer.echo(f"{change['what']:<8} {change['kind']:<6} {change['name']}{fields}")
    if not changes:
        note("nothing to change")
    elif dry_run:
        note(f"{counted(len(changes), 'change')} would be made")
    else:
        where = "" if live else " in the database; no controller runs"
        note(f"{counted(len(changes), 'change')} made{where}")


def expected(wait: dict[str, Any] | None) -> str:
    """The range to announce; `-` for not known."""
    if wait is None:
        return "-"
    return "none" if wait["high"] == 0 else f"{span(wait['low'])} to {span(wait['high'])}"


def rest_in_words(rest: dict[str, Any] | None) -> str:
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
