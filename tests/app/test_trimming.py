"""What a busy second needed doesn't make the process larger for good."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from py_callcenter.app.trimming import Trimming, find

pytestmark = pytest.mark.app

BUSY_SECOND = """
import os, sys
from py_callcenter.app.trimming import find

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

trim = find()
rooms = [bytearray(4000) for _ in range(20_000)]
lives = rooms[::50]
del rooms
before = resident()
trim()
print(before - resident())
"""


def test_memory_is_given_back_again_and_again_until_the_end():
    times, often = [], threading.Event()

    def trim() -> None:
        times.append(threading.current_thread())
        if len(times) == 3:
            often.set()

    trimming = Trimming(trim, every_s=0.001)
    trimming.start()
    assert often.wait(30)
    trimming.stop()
    count = len(times)

    assert threading.main_thread() not in times
    assert count == len(times)
    assert not any(thread.is_alive() for thread in times)


@pytest.mark.skipif(find() is None, reason="this C library gives memory back by itself")
def test_what_is_free_between_what_lives_is_given_back():
    done = subprocess.run(
        [sys.executable, "-c", BUSY_SECOND],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip

    assert int(done.stdout) > 40_000_000
