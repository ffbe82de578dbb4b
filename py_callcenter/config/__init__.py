"""The configuration: a TOML file, checked as a whole, as frozen models.

`load(path)` gives a `Config` or raises `ConfigErrors` with every problem, each with file and line.
Pure but for reading the files it is told to read.
"""

from __future__ import annotations

from typing import Any

from py_callcenter.config.changes import Change, difference
from py_callcenter.config.edit import set_agent_key
from py_callcenter.config.load import ConfigError, ConfigErrors, explain, load, loads
from py_callcenter.config.mail import Calendar, Language, Mail, Recipient, ReportName, Security
from py_callcenter.config.models import ROUTING, Config, Controller, Node
from py_callcenter.config.routing import (
    Agent,
    BreakReason,
    Breaks,
    Queue,
    ServiceLevel,
    Status,
    Strategy,
    Tier,
)
from py_callcenter.config.rules import (
    HANGUP,
    STATUSES,
    Exit,
    RuleError,
    check_contact,
    check_name,
    expand_record_template,
    is_loopback,
    split_listen,
)

__all__ = [
    "HANGUP",
    "ROUTING",
    "STATUSES",
    "Agent",
    "BreakReason",
    "Breaks",
    "Calendar",
    "Change",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "Controller",
    "Exit",
    "Language",
    "Mail",
    "Node",
    "Queue",
    "Recipient",
    "ReportName",
    "RuleError",
    "Security",
    "ServiceLevel",
    "Status",
    "Strategy",
    "Tier",
    "check_contact",
    "check_name",
    "difference",
    "expand_record_template",
    "explain",
    "is_loopback",
    "json_schema",
    "load",
    "loads",
    "set_agent_key",
    "split_listen",
]


def json_schema() -> dict[str, Any]:
    """JSON Schema of the file, for editors."""
    from py_callcenter.config import described  # noqa: PLC0415 - reads our sources, for which a start has no time

    return described.json_schema()
