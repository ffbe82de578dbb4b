"""What has been: reports on the past, and forgetting a caller."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any, Final

import typer

from py_callcenter.cli.backend import backend
from py_callcenter.cli.start import BAD_INPUT, CliError, read_config
from py_callcenter.cli.support import ConfigOption, JsonOption, note, print_json, print_table, shown, span
from py_callcenter.stats import ALIASES, DEFAULT_FORMULA, FORMULAS, SIZES

_OF_CALLS: Final = (
    ("OFFERED", "offered"),
    ("ANSWERED", "answered"),
    ("ABANDONED", "abandoned"),
    ("OVERFLOWED", "overflowed"),
    ("LOST", "lost"),
    ("WAITING", "waiting"),
    ("SERVICE LEVEL", "service_level_percent"),
    ("ASA", "average_speed_of_answer_seconds"),
    ("TALK", "average_talk_seconds"),
    ("HANDLE", "average_handle_seconds"),
)
_OF_AGENTS: Final = (
    ("ANSWERED", "answered"),
    ("MISSED", "missed"),
    ("LOGGED IN", "logged_in_seconds"),
    ("TALKED", "talk_seconds"),
    ("HELD", "hold_seconds"),
    ("WRAP-UP", "wrap_up_seconds"),
    ("ON BREAK", "state_on_break_seconds"),
    ("OCCUPANCY", "occupancy"),
)
"""What fits a terminal; --csv and --json tell everything."""
_MISSED: Final = ("offers_no_answer", "offers_rejected", "offers_busy")
"""As docs/reports.md and the e-mail have it: the caller bounced back."""


def report_show(
    what: Annotated[str, typer.Argument(metavar="WHAT", help="queues, calls or agents.")],
    *,
    first: Annotated[str, typer.Option("--from", help="First local day, such as 2026-11-01.")],
    last: Annotated[str, typer.Option("--to", help="Last local day; default: the first.")] = "",
    interval: Annotated[str, typer.Option(help=f"{', '.join(SIZES)}.")] = "day",
    zone: Annotated[str, typer.Option(help="Time zone of the days, such as Europe/Berlin.")] = "UTC",
    formula: Annotated[
        str, typer.Option(help=f"Of the service level: {', '.join([*FORMULAS, *ALIASES])}.")
    ] = DEFAULT_FORMULA,
    name: Annotated[list[str] | None, typer.Option(help="A queue or agent; may be repeated.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Seconds, instead of each queue's own.")] = None,
    short_abandon: Annotated[float | None, typer.Option(help="Seconds, 5 by default.")] = None,
    short_answer: Annotated[float | None, typer.Option(help="Seconds, 10 by default.")] = None,
    repeat_days: Annotated[float, typer.Option(help="A call within so many days is a repeated one.")] = 7,
    config: ConfigOption = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="All columns as CSV on stdout.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Report on queues (their queue legs), whole calls, or agents of the past, today included.

    What each figure means: docs/reports.md.
    """
    wanted: dict[str, Any] = {
        "first": first,
        "last": last,
        "size": interval,
        "zone": zone,
        "formula": formula,
        "only": tuple(name or ()),
        "repeat_days": repeat_days,
    }
    limits = {"threshold": threshold, "short_abandon": short_abandon, "short_answer": short_answer}
    wanted |= {limit: seconds for limit, seconds in limits.items() if seconds is not None}
    from py_callcenter.reports import WHATS  # noqa: PLC0415 - loads the database, which `run` does later

    if what not in WHATS:
        raise CliError(f'there is no report on "{what}"', f"one of {', '.join(WHATS)}", code=BAD_INPUT)
    with backend(read_config(config)) as behind:
        if as_csv:
            sys.stdout.buffer.write(behind.report_csv(what, wanted))
            return
        found = behind.report(what, wanted)
    if as_json:
        print_json(found)
        return
    _print(found)
    missing = set(wanted["only"]) - {row[found["columns"][0]] for row in found["rows"]}
    if missing:
        note(f"nothing is known of these days about: {', '.join(map(shown, sorted(missing)))}")


def erase(
    number: Annotated[
        str, typer.Argument(metavar="NUMBER", help="`-` reads it from stdin, so that no shell remembers it.")
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget the caller with this NUMBER: nothing tells any more that calls were theirs. No figure changes.

    Prints the recordings of these calls: they lie on the switches and are to be deleted there.
    """
    if number == "-":
        number = sys.stdin.readline().strip()
    with backend(read_config(config)) as behind:
        erased = behind.erase(number)
    if as_json:
        print_json(erased)
        return
    for path in erased["recordings"]:
        typer.echo(path)
    count = erased["calls"]
    note(
        f"forgotten: {count} call{'' if count == 1 else 's'}"
        + (", with the recordings above to be deleted on the switches" if erased["recordings"] else "")
    )


def _print(found: dict[str, Any]) -> None:
    columns = _OF_AGENTS if found["report"] == "agents" else _OF_CALLS
    heads = [head for head, _ in columns]
    begins = _names(found["begins"])
    rows = [(row[found["columns"][0]], begins[row["begin"]], *_cells(columns, row)) for row in found["rows"]]
    rows.append(("total", "", *_cells(columns, found["total"])))
    print_table((found["columns"][0].upper(), "FROM", *heads), rows, right=heads)
    if found["report"] != "agents":
        note(f"service level `{found['formula']}`: {found['formula_text']}")


def _names(begins: Sequence[str]) -> dict[str, str]:
    """Intervals in short; an hour that the clocks bring twice keeps how far it is from UTC."""
    short = {begin: begin[:16].replace("T", " ") for begin in begins}
    times = Counter(short.values())
    return {begin: name if times[name] == 1 else f"{name} {begin[19:]}" for begin, name in short.items()}


def _cells(columns: tuple[tuple[str, str], ...], row: Mapping[str, Any]) -> list[str]:
    return [
        str(sum(row[missed] for missed in _MISSED)) if name == "missed" else _cell(name, row[name])
        for _, name in columns
    ]


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "-"
    if name == "occupancy":
        return f"{_rounded(100 * value, 0)} %"
    if name.endswith("_percent"):
        return f"{_rounded(value, 1)} %"
    return span(int(value + 0.5)) if name.endswith("_seconds") else shown(value)


def _rounded(value: float, places: int) -> Decimal:
    """Halves go up, as on the page and in the e-mail."""
    return Decimal(value).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
