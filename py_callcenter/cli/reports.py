"""Reports by e-mail: what became of them, sending one, and how one looks."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final, get_args

import typer

from py_callcenter.cli.backend import Backend, backend
from py_callcenter.cli.start import BAD_INPUT, FAILED, CliError, read_config
from py_callcenter.cli.support import Commands, ConfigOption, JsonOption, note, print_json, print_table, shown
from py_callcenter.config import Calendar, Language, ReportName

report_app = typer.Typer(
    cls=Commands, help="Reports on the past: look at one, send them by e-mail.", no_args_is_help=True
)

WAIT_S: Final = 60.0
"""How long `report send` waits for a running controller to have sent it."""

DayOption = Annotated[
    str | None, typer.Option("--day", metavar="DATE", help="Any day of the period, such as 2026-11-21.")
]
PeriodOption = Annotated[str, typer.Option("--period", help="daily, weekly or monthly.")]


@report_app.command("list")
def report_list(
    config: ConfigOption = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, the latest first.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List reports by e-mail with what became of each.

    `unknown` may have arrived: the mail server had it and didn't answer. It isn't sent again by itself; ask
    the reader, then `report send --again`.
    """
    with backend(read_config(config)) as behind:
        rows = behind.report_emails(limit)
    if as_json:
        print_json(rows)
        return
    print_table(
        (
            "ID",
            "RECIPIENT",
            "REPORT",
            "FROM",
            "TO",
            "STATE",
            "ATTEMPTS",
            "CHANGED (UTC)",
            "NEXT (UTC)",
            "WHY",
        ),
        [
            (
                row["id"],
                row["recipient"],
                row["report"],
                row["first"],
                row["last"],
                row["state"],
                str(row["attempts"]),
                _moment(row["changed_at"]),
                _moment(row["next_at"]),
                shown(row["reason"]),
            )
            for row in rows
        ],
        right=("ATTEMPTS",),
    )


@report_app.command("send")
def report_send(
    to: Annotated[str, typer.Option("--to", metavar="NAME", help="A recipient of the configuration.")],
    period: PeriodOption = "daily",
    day: DayOption = None,
    again: Annotated[bool, typer.Option("--again", help="Also what was sent, or may have been.")] = False,
    config: ConfigOption = None,
) -> None:
    """Send a report now: of the last period that is over, or of the one with DATE in it."""
    order: dict[str, Any] = {
        "recipient": to,
        "report": _one_of("--period", period, ReportName),
        "again": again,
    }
    if day is not None:
        order["day"] = _day(day)
    with backend(read_config(config)) as behind:
        row = _settled(behind, behind.send_report(order))
    what = f"{row['report']} report, {row['first']} to {row['last']}, for {row['recipient']}"
    if row["state"] == "sent":
        typer.echo(f"sent: {what}")
        return
    if row["state"] == "waiting" and behind.live and not row["attempts"]:
        note(f"it will be sent soon: {what}; see `callcenter report list`")
        return
    hint = (
        f"it is tried again at {_moment(row['next_at'])} UTC{'' if behind.live else ' if a controller runs'}"
        if row["state"] == "waiting"
        else "see `callcenter report list`"
    )
    raise CliError(f"not sent: {row['reason'] or row['state']}", hint, code=FAILED)


@report_app.command("preview")
def report_preview(
    *,
    period: PeriodOption = "daily",
    day: DayOption = None,
    to: Annotated[str | None, typer.Option("--to", metavar="NAME", help="As this recipient gets it.")] = None,
    language: Annotated[str | None, typer.Option(help="en, fa or uk.")] = None,
    zone: Annotated[str | None, typer.Option(help="Time zone, such as Asia/Tehran.")] = None,
    calendar: Annotated[str | None, typer.Option(help="gregorian or persian.")] = None,
    formula: Annotated[str | None, typer.Option(help="Formula of the service level.")] = None,
    text: Annotated[bool, typer.Option("--text", help="The plain text instead of the HTML.")] = False,
    config: ConfigOption = None,
) -> None:
    """Write a report to stdout as it would be sent, of days that aren't over too. Nothing is sent."""
    wanted = {
        "report": _one_of("--period", period, ReportName),
        "day": None if day is None else _day(day),
        "recipient": to,
        "language": None if language is None else _one_of("--language", language, Language),
        "zone": zone,
        "calendar": None if calendar is None else _one_of("--calendar", calendar, Calendar),
        "formula": formula,
        "format": "text" if text else "html",
    }
    with backend(read_config(config)) as behind:
        page = behind.preview_report({key: value for key, value in wanted.items() if value is not None})
    typer.echo(page, nl=False)


def _settled(behind: Backend, row: dict[str, Any]) -> dict[str, Any]:
    """The row when a running controller has tried, or after a while."""
    before = row["attempts"]
    deadline = time.monotonic() + WAIT_S
    while behind.live and time.monotonic() < deadline:
        if row["state"] not in ("waiting", "claimed", "sending") or (
            row["state"] == "waiting" and row["attempts"] > before
        ):
            return row
        time.sleep(0.3)
        row = next((found for found in behind.report_emails(1000) if found["id"] == row["id"]), row)
    return row


def _one_of(option: str, value: str, allowed: Any) -> str:
    if value not in get_args(allowed):
        raise CliError(
            f'{option}: "{value}" isn\'t known', f"one of: {', '.join(get_args(allowed))}", code=BAD_INPUT
        )
    return value


def _day(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise CliError(f'--day: "{text[:32]}" is no day', "write it as 2026-11-21", code=BAD_INPUT) from error


def _moment(at: float | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
