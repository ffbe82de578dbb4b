"""One controller at a time: whoever leads holds the state folder, and the kernel lets go for the dead.

Two that rang agents for the same callers would tear them from each other (`uuid_bridge` asks nobody). A
process that stands still holds it too: none takes over from a living one, and nobody is fenced off later.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Final

from py_callcenter.store.errors import SpoolError

FILE: Final = "controller.lock"


class AnotherLeadsError(Exception):
    """A controller that lives, or at least isn't dead, holds this folder."""


class Sole:
    """Held from the making until `release` or the end of the process, however it ends."""

    def __init__(self, state: Path) -> None:
        """Raises `AnotherLeadsError`; `SpoolError` when the folder can't be used."""
        self._file = -1
        try:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(state / FILE, os.O_RDWR | os.O_CREAT, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            raise AnotherLeadsError(f"another controller holds the state folder {state}") from error
        except OSError as error:
            self.release()
            raise SpoolError(f"{state} can't be used: {error.strerror}") from error

    def release(self) -> None:
        """Let go. May be called again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
