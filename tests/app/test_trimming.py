"""What a busy second needed doesn't make the process larger for good."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from py_callcenter.app.trimming import Trimming, find, heap

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


HUGE = Path("/sys/kernel/mm/transparent_hugepage/enabled")
HOLES = """
import re
from py_callcenter.app.trimming import find

def of_heap(name):
    smaps = open("/proc/self/smaps").read()
    parts = re.split(r"(?m)^(?=[0-9a-f]+-[0-9a-f]+ )", smaps)
    heaps = [part for part in parts if part.partition("\\n")[0].endswith("[heap]")]
    return sum(int(kb) for heap in heaps for kb in re.findall(rf"(?m)^{name}: +(\\d+) kB", heap))

trim = find()
rooms = [bytearray(4000) for _ in range(20_000)]
lives = [*rooms[::1000], rooms[-1]]
huge = of_heap("AnonHugePages")
del rooms
trim()
again = [bytearray(4000) for _ in range(20_000)]
print(huge, of_heap("AnonHugePages"))
"""


@pytest.mark.skipif(find() is None, reason="this C library gives memory back by itself")
@pytest.mark.skipif(
    not HUGE.exists() or "[never]" in HUGE.read_text(), reason="this kernel gives no huge pages"
)
def test_holes_arent_filled_by_huge_pages_when_they_are_used_again():
    done = subprocess.run(
        [sys.executable, "-c", HOLES],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
        env={**os.environ, "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},
    )  # fmt: skip

    before_kb, again_kb = map(int, done.stdout.split())
    assert before_kb > 40_000
    assert again_kb < 10_000


def test_all_parts_of_the_heap_are_found():
    maps = (
        "55d0c0000000-55d0c0200000 rw-p 00000000 00:00 0                          [heap]\n"
        "55d0c0200000-55d0c0400000 rw-p 00000000 00:00 0                          [heap]\n"
        "7f0000000000-7f0000021000 rw-p 00000000 00:00 0 \n"
        "7f0000100000-7f0000200000 r--p 00000000 fe:00 21515                      /lib/[heap].so\n"
    )

    assert list(heap(maps)) == [
        (0x55D0C0000000, 0x55D0C0200000),
        (0x55D0C0200000, 0x55D0C0400000),
    ]


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
