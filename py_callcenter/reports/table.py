"""A report for programs, and as CSV: commas, CR LF, and UTF-8 with the mark that spreadsheets know it by."""

from __future__ import annotations

import csv
import io
from typing import Any, Final

from py_callcenter.reports.figures import Report

_RUNS: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""A cell that begins so may be run as a formula (OWASP); the last four are the wide forms of East Asia."""


def to_dict(report: Report) -> dict[str, Any]:
    """A report as JSON tells it."""
    query = report.query
    return {
        "report": query.what,
        "zone": query.intervals.zone.key,
        "interval": query.intervals.size,
        "formula": query.formula.name,
        "formula_text": query.formula.text,
        "begins": report.begins,
        "columns": report.columns,
        "rows": report.rows,
        "total": report.total,
    }


def to_csv(report: Report) -> bytes:
    """One line a row and the total as the last, named `total`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(report.columns)
    total = {**dict.fromkeys(report.columns[:3], ""), report.columns[0]: "total", **report.total}
    for row in (*report.rows, total):
        writer.writerow([inert(row.get(column)) for column in report.columns])
    return b"\xef\xbb\xbf" + out.getvalue().encode()


def inert(value: Any) -> Any:
    """What a spreadsheet shows and never runs; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, str) and value.lstrip(" ").startswith(_RUNS):
        return f"'{value}"
    return value
