"""A report in words: subject, HTML and plain text in one language.

The HTML is for programs that read mail: styles stand in the elements, there are no images and nothing is
fetched. Figures are boxes of one width that flow: columns on a screen, three in a row on a phone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from py_callcenter.config import Calendar, ReportName, ServiceLevel
from py_callcenter.languages import Language, mark
from py_callcenter.reports.mail.facts import Facts
from py_callcenter.reports.mail.periods import Period

MAX_ROWS: Final = 100
"""Queues or agents that an e-mail lists one by one; more is for the page, and for mail programs too long."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Letter:
    """One report in one language."""

    language: str
    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a card. `bad`: it misses its target."""

    label: str
    value: str
    bad: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """A queue or an agent."""

    name: str
    note: str
    figures: list[Figure]


_TITLES: Final[dict[ReportName, str]] = {
    "daily": mark("Daily report"),
    "weekly": mark("Weekly report"),
    "monthly": mark("Monthly report"),
}

_RARE: Final = (
    ("callback", mark("Callbacks")),
    ("lost", mark("Lost with the switch")),
    ("waiting", mark("Not over yet")),
)
"""Ends that are shown when there were any, so that the ends always add up to what was offered."""


def write(facts: Facts, language: Language, calendar: Calendar) -> Letter:
    """Put facts into words."""
    period = facts.wish.period
    days = period_in_words(period, language, calendar)
    title = language.tr(_TITLES[period.report])
    subject = f"{title}: {days}"
    words: dict[str, Any] = {
        "lang": language.code,
        "dir": language.direction,
        "start": "right" if language.direction == "rtl" else "left",
        "tr": language.tr,
        "trn": language.trn,
        "isolated": _isolated if language.direction == "rtl" else str,
        "title": title,
        "subject": subject,
        "days": days,
        "zone": facts.wish.zone,
        "summary": _summary(facts.calls.total, language),
        "queues": _queues(facts, language),
        "more_queues": max(0, len(facts.queues.rows) - MAX_ROWS),
        "agents": _agents(facts, language),
        "more_agents": max(0, len(facts.agents.rows) - MAX_ROWS),
        "notes": _notes(facts, language),
    }
    pages = _templates()
    return Letter(
        language.code,
        subject,
        pages.get_template("report.html").render(words),
        pages.get_template("report.txt").render(words),
    )


def period_in_words(period: Period, language: Language, calendar: Calendar) -> str:
    """The days of a period as the reader's calendar names them."""
    match period.report:
        case "daily":
            return language.day(period.first, calendar)
        case "weekly":
            return language.days(period.first, period.last, calendar)
        case "monthly":
            return language.month(period.first, calendar)


def _notes(facts: Facts, language: Language) -> list[str]:
    formula = facts.calls.query.formula
    return [
        language.tr(
            "The sum counts calls. A call that passes two queues counts once there and in both below."
        ),
        language.tr(
            "Calls count on the day on which they came, in the time zone {zone}.", zone=facts.wish.zone
        ),
        language.tr(
            "Service level ({name}): {formula}; in time means within each queue's own target.",
            name=formula.name,
            formula=language.tr(formula.text),
        ),
        language.tr("Handling is talk and wrap-up. Occupancy leaves out ringing and breaks."),
    ]


def _summary(total: Row, language: Language) -> list[Figure]:
    tr = language.tr
    return [
        Figure(tr("Offered"), language.number(total["offered"])),
        Figure(tr("Answered"), _share(total, "answered", language)),
        Figure(tr("Abandoned"), _share(total, "abandoned", language)),
        Figure(tr("Service level"), language.percent(total["service_level_percent"])),
        *_times(total, language),
    ]


def _share(row: Row, name: str, language: Language) -> str:
    """A count and what share of the offered it is."""
    count, offered = row[name], row["offered"]
    number = language.number(count)
    return f"{number} ({language.percent(100 * count / offered)})" if offered else number


def _times(row: Row, language: Language) -> list[Figure]:
    tr = language.tr
    longest = max(row[f"longest_{end}_seconds"] for end in ("answered", "abandoned", "overflowed"))
    return [
        Figure(tr("Average wait for an answer"), language.span(row["average_speed_of_answer_seconds"])),
        Figure(tr("Longest wait"), language.span(longest if row["offered"] else None)),
        Figure(tr("Average talk"), language.span(row["average_talk_seconds"])),
        Figure(tr("Average handling"), language.span(row["average_handle_seconds"])),
    ]


def _queues(facts: Facts, language: Language) -> list[Card]:
    total = facts.queues.total
    rare = [(name, label) for name, label in _RARE if total[name]]
    return [
        _queue(row, facts.targets.get(row["queue"]), rare, language)
        for row in _foremost(facts.queues.rows, "queue", "offered")
    ]


def _queue(row: Row, target: ServiceLevel | None, rare: list[tuple[str, str]], language: Language) -> Card:
    tr, level = language.tr, row["service_level_percent"]
    note = ""
    if target is not None:
        note = tr(
            "target: {percent} within {seconds} s",
            percent=language.percent(target.percent),
            seconds=language.number(target.seconds, places=1),
        )
    missed = target is not None and level is not None and level < target.percent
    return Card(
        _clean(row["queue"]),
        note,
        [
            Figure(tr("Offered"), language.number(row["offered"])),
            Figure(tr("Answered"), language.number(row["answered"])),
            Figure(tr("Abandoned"), _share(row, "abandoned", language)),
            Figure(tr("Overflowed"), language.number(row["overflowed"])),
            *(Figure(tr(label), language.number(row[name])) for name, label in rare),
            Figure(tr("Service level"), language.percent(level), bad=missed),
            *_times(row, language),
        ],
    )


def _agents(facts: Facts, language: Language) -> list[Card]:
    return [_agent(row, language) for row in _foremost(facts.agents.rows, "agent", "answered")]


def _agent(row: Row, language: Language) -> Card:
    tr, occupancy = language.tr, row["occupancy"]
    missed = sum(row[f"offers_{outcome}"] for outcome in ("no_answer", "rejected", "busy"))
    return Card(
        _clean(row["agent"]),
        "",
        [
            Figure(tr("Answered"), language.number(row["answered"])),
            Figure(tr("Missed"), language.number(missed)),
            Figure(tr("Talk"), language.span(row["talk_seconds"])),
            Figure(tr("Wrap-up"), language.span(row["wrap_up_seconds"])),
            Figure(tr("Average talk"), language.span(row["average_talk_seconds"])),
            Figure(tr("Average handling"), language.span(row["average_handle_seconds"])),
            Figure(tr("Logged in"), language.span(row["logged_in_seconds"])),
            Figure(tr("On break"), language.span(row["state_on_break_seconds"])),
            Figure(tr("Occupancy"), language.percent(None if occupancy is None else 100 * occupancy)),
        ],
    )


def _clean(name: str) -> str:
    """A name without what could turn the direction of text round or begin a line."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in name)


def _isolated(name: str) -> str:
    """A name among words of the other direction (Unicode's FSI and PDI): neither moves the other about."""
    return f"\u2068{name}\u2069"


def _foremost(rows: list[dict[str, Any]], name: str, by: str) -> list[dict[str, Any]]:
    """In order of names; of too many, those with most to tell."""
    most = sorted(rows, key=lambda row: (-row[by], row[name]))[:MAX_ROWS]
    return sorted(most, key=lambda row: row[name])


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("py_callcenter.reports.mail"),
        autoescape=select_autoescape(enabled_extensions=("html",), default=False),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
