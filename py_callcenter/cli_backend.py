"""Whom the commands speak to: a running controller, or the database when none runs.

What both need is loaded when a command asks, for `callcenter run` asks nobody and callers wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from py_callcenter.config import Config


class Backend(Protocol):
    """What the commands need; rows have the shape that the API gives."""

    live: bool

    def queues(self) -> list[dict[str, Any]]: ...
    def agents(self) -> list[dict[str, Any]]: ...
    def calls(self, queue: str | None) -> list[dict[str, Any]]: ...
    def trace(self, call: str) -> list[dict[str, Any]]: ...
    def set_status(self, agent: str, status: str) -> dict[str, Any]: ...
    def end_wrap_up(self, agent: str) -> dict[str, Any]: ...
    def set_wrap_up(self, agent: str, seconds: float) -> dict[str, Any]: ...
    def change_agent(self, agent: str, key: str, value: float) -> dict[str, Any]: ...
    def change_call(self, call: str, changes: dict[str, Any]) -> dict[str, Any]: ...
    def divert(self, queue: str | None, to: str | None) -> list[dict[str, Any]]: ...
    def nodes(self) -> list[dict[str, Any]]: ...
    def drain(self, node: str, *, on: bool) -> dict[str, Any]: ...
    def routing(self) -> dict[str, Any]: ...
    def apply(self, config: Config, *, dry_run: bool) -> list[dict[str, Any]]: ...


@contextmanager
def backend(config: Config) -> Iterator[Backend]:
    """The running controller; the database only when nothing listens at the controller's address."""
    from py_callcenter.cli_client import Running, Stopped  # noqa: PLC0415 - see above

    running = Running(config.controller)
    with running:
        if running.answers():
            yield running
            return
    with Stopped(config) as stopped:
        yield stopped
