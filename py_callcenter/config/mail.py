"""Reports by e-mail: the server that takes them, and who gets which."""

from __future__ import annotations

import re
from datetime import time
from typing import Annotated, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, SecretStr, field_validator, model_validator

from py_callcenter.config import rules
from py_callcenter.config.base import Model
from py_callcenter.config.rules import RuleError, shown
from py_callcenter.stats.service_level import DEFAULT_FORMULA

Security = Literal["starttls", "tls", "none"]
Language = Literal["en", "fa", "uk"]
Calendar = Literal["gregorian", "persian"]
ReportName = Literal["daily", "weekly", "monthly"]

PORTS: Final[dict[str, int]] = {"starttls": 587, "tls": 465, "none": 25}
"""Submission, submission over TLS (RFC 8314), and transfer within a house."""

_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)
_CLOCK = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])")
_BREAKS = ("\n", "\r", "\0")


def check_address(text: str) -> str:
    """One plain address, as it goes on the wire (RFC 5321; quoted and international ones aside)."""
    local, at, domain = text.rpartition("@")
    good = _LOCAL.fullmatch(local) and _DOMAIN.fullmatch(domain) and len(local) <= 64 and len(text) <= 254
    if not at or not good:
        raise RuleError(
            f"{shown(text)} isn't one plain e-mail address", 'write only the address: "reports@example.org"'
        )
    return text


def check_zone(text: str) -> str:
    """A time zone of the tz database."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        raise RuleError(
            f"{shown(text)} is no time zone", 'a name such as "Europe/Kyiv" or "Asia/Tehran" is needed'
        ) from error
    return text


def check_clock(text: str) -> str:
    """An hour and minute of the local day."""
    if not _CLOCK.fullmatch(text):
        raise RuleError(f"{shown(text)} is no time of day", 'write it as "06:30", from 00:00 to 23:59')
    return text


def check_formula(text: str) -> str:
    """A formula of the service level."""
    from py_callcenter.stats import (  # noqa: PLC0415 - a start without recipients of reports needs it not
        ALIASES,
        FORMULAS,
        formula_named,
    )

    if formula_named(text) is None:
        raise RuleError(f"{shown(text)} is no formula", "one of: " + ", ".join([*FORMULAS, *ALIASES]))
    return text


Address = Annotated[str, AfterValidator(check_address)]
Names = Annotated[
    tuple[Annotated[str, AfterValidator(rules.check_name)], ...], Field(strict=False, max_length=100)
]


class Mail(Model):
    """The SMTP server that takes our e-mail. Changes take effect at the next start."""

    host: Annotated[str, AfterValidator(rules.check_host)]

    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    """Absent: 587 with `starttls`, 465 with `tls`, 25 with `none`."""

    security: Security = "starttls"
    """`starttls`: encrypted, or nothing is sent; `tls`: encrypted from the first byte; `none`."""

    ca_file: str | None = None
    """Certificates (PEM) that the server's is checked with instead of the system's; relative to the folder of
    the configuration file."""

    user: Annotated[str, Field(min_length=1, max_length=254)] | None = None
    """Who logs in; nobody when absent."""

    password: SecretStr | None = None
    """With `user` one of `password` and `password-file` is needed."""

    password_file: str | None = None
    """File of mode 0600 with the password in its first line; relative to the configuration file's folder."""

    sender: Address
    """Address that the e-mails come from, and that the server returns them to."""

    sender_name: Annotated[str, Field(min_length=1, max_length=64)] = "callcenter"
    """What readers see as the sender."""

    @field_validator("password", mode="before")
    @classmethod
    def _wrap(cls, value: object) -> object:
        return SecretStr(value) if isinstance(value, str) else value

    @field_validator("sender_name", "user")
    @classmethod
    def _one_line(cls, value: str | None) -> str | None:
        if value is not None and not value.isprintable():
            raise RuleError(f"{shown(value)} has characters that can't be shown", "write it in one line")
        return value

    @model_validator(mode="after")
    def _check_login(self) -> Mail:
        has_password = self.password is not None or self.password_file is not None
        if (self.user is not None) != has_password:
            raise RuleError(
                "has no password for its user" if self.user is not None else "has a password and no user",
                "give `user` and one of `password` and `password-file`, or neither",
            )
        if any(sign in self.secret for sign in _BREAKS):
            raise RuleError("the password holds a line break", "write it in one line")
        if self.user is not None and self.security == "none" and not rules.is_loopback(self.host):
            raise RuleError(
                "would send the password in clear", 'use security = "starttls" or "tls", or leave `user` out'
            )
        return self

    @property
    def secret(self) -> str:
        """The password in clear, empty when none is set."""
        return self.password.get_secret_value() if self.password is not None else ""

    @property
    def at_port(self) -> int:
        return self.port if self.port is not None else PORTS[self.security]


class Recipient(Model):
    """Somebody who gets reports by e-mail. Changes take effect at the next start."""

    name: Annotated[str, AfterValidator(rules.check_name), Field(min_length=1, max_length=64)]
    """Which reports were sent is kept under this name, so it may outlive a change of the address."""

    address: Address
    reports: Annotated[tuple[ReportName, ...], Field(strict=False, min_length=1, max_length=3)] = ("daily",)
    language: Language = "en"
    zone: Annotated[str, AfterValidator(check_zone)] = "UTC"
    """Time zone of the days that are reported, and of `at`."""

    at: Annotated[str, AfterValidator(check_clock)] = "06:00"
    """Local time on the day after the period."""

    calendar: Calendar | None = None
    """Whose weeks and months: `gregorian` (from Monday) or `persian` (from Saturday); else the language's."""

    queues: Names = ()
    """Only these; all when absent."""

    agents: Names = ()
    """Only these; all when absent."""

    formula: Annotated[str, AfterValidator(check_formula)] = DEFAULT_FORMULA
    """Of the service level."""

    @field_validator("reports")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise RuleError("names the same report twice", "name each once")
        return value

    @property
    def own_calendar(self) -> Calendar:
        return self.calendar or ("persian" if self.language == "fa" else "gregorian")

    @property
    def at_time(self) -> time:
        return time.fromisoformat(self.at)
