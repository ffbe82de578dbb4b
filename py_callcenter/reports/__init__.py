"""Reports per queue, call and agent by the interval, as rows and as CSV."""

from __future__ import annotations

from py_callcenter.reports.errors import ReportError
from py_callcenter.reports.figures import Report, build
from py_callcenter.reports.query import WHATS, Query, ask
from py_callcenter.reports.table import to_csv, to_dict

__all__ = ["WHATS", "Query", "Report", "ReportError", "ask", "build", "to_csv", "to_dict"]
