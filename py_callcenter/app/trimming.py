"""Memory that was freed goes back to the system.

A busy second leaves holes: what lives on lies between what was freed, and the C library gives back only what
is free at the end of a heap. So each second that was busier than all before made the process larger for good,
by half a megabyte to ten. `malloc_trim` gives back every free page between what lives.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

EVERY_S: Final = 30.0

Trim = Callable[[], object]


class Trimming:
    """A thread that trims now and then, where the C library can. It holds a heap for as long as that takes (a
    tenth of a millisecond, some after a busy second), and never the interpreter.
    """

    def __init__(self, trim: Trim | None = None, *, every_s: float = EVERY_S) -> None:
        """`trim`: the C library's when not given."""
        self._trim = trim
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="trimming", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """May be called before `start`, too."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        trim = self._trim or find()
        while trim is not None and not self._stopping.wait(self._every_s):
            trim()


def find() -> Trim | None:
    """`malloc_trim` of glibc; None with another C library, such as musl, which gives back by itself."""
    import ctypes  # noqa: PLC0415 - in its own thread, when calls are served

    try:
        malloc_trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, OSError):
        return None
    return lambda: malloc_trim(0)
