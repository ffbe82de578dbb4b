"""How far a long piece of work at the database is: done in one thread, watched and ended from another."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

STEP_S: Final = 300.0
"""So long one statement may take: of millions of rows a server says nothing until all are changed."""


class GivenUpError(Exception):
    """Somebody wants the work to end; nothing of it is kept. No `StoreError`: the database is well."""


class Progress:
    """What is done now. `clock`: monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.what = ""
        """In an operator's words; empty while nothing is done that takes long."""
        self._done = 0
        self._clock = clock
        self._stepped_s = clock()
        self._given_up = False

    def begin(self, what: str) -> None:
        """From now on this is done. Raises as `step` does."""
        self.what, self._done = what, 0
        self.step()

    def step(self, count: int = 0) -> None:
        """It goes on; so many more are done. Raises `GivenUpError` when it is to end."""
        if self._given_up:
            raise GivenUpError
        self._done += count
        self._stepped_s = self._clock()

    def end(self) -> None:
        """What took long is done."""
        self.what = ""

    def on_statement(self, *_about: Any) -> None:
        """A step, as SQLAlchemy's `before_cursor_execute` tells of it."""
        self.step()

    def give_up(self) -> None:
        """From any thread: have it end at the next step."""
        self._given_up = True

    @property
    def at_work(self) -> bool:
        """Whether it goes on, as far as anybody can tell."""
        return bool(self.what) and self._clock() - self._stepped_s < STEP_S

    @property
    def text(self) -> str:
        """What is done, and how many are."""
        return f"{self.what}: {self._done} so far" if self._done else self.what
