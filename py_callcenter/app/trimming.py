"""Memory that was freed goes back to the system.

A busy second leaves holes: what lives on lies between what was freed, and the C library gives back only what
is free at the end of a heap. So each second that was busier than all before made the process larger for good,
by half a megabyte to ten. `malloc_trim` gives back every free page between what lives.

Where huge pages are asked for (the unit does, for the core's sake), the first byte of a hole that is used
again brings two megabytes back. So the heap asks for them only until calls are served: what is there by then
keeps its huge pages, the core's tables among it, and large tables have places of their own outside the heap.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

EVERY_S: Final = 30.0
MAPS: Final = Path("/proc/self/maps")
MADV_NOHUGEPAGE: Final = 15
"""madvise(2), `asm-generic/mman-common.h`."""

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
    """With glibc's `malloc_trim`; None with another C library, such as musl, which gives back by itself."""
    import ctypes  # noqa: PLC0415 - in its own thread, when calls are served

    try:
        library = ctypes.CDLL(None)
        malloc_trim, madvise = library.malloc_trim, library.madvise
    except (AttributeError, OSError):
        return None
    madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)

    def trim() -> None:
        for begin, end in heap(MAPS.read_text("ascii", "replace")):
            madvise(begin, end - begin, MADV_NOHUGEPAGE)  # without huge pages in the kernel: nothing
        malloc_trim(0)

    return trim


def heap(maps: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each part of the main heap, out of `/proc/self/maps` (proc(5))."""
    for line in maps.splitlines():
        if line.endswith("[heap]"):
            begin, _, end = line.partition(" ")[0].partition("-")
            yield int(begin, 16), int(end, 16)
