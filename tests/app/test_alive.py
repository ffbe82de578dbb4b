"""The next start learns when this run was last there, and nothing of that may trouble a call."""

from __future__ import annotations

import time

import pytest
import structlog

from py_callcenter.app.alive import FILE, Alive

pytestmark = pytest.mark.app

NOW_US = 1_800_000_000_000_000


def eventually(holds) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_the_next_start_reads_when_the_last_run_was_there(tmp_path):
    moments = iter(range(NOW_US, NOW_US + 10**9))
    run = Alive(tmp_path, lambda: next(moments), every_s=0.001)
    assert run.before_us == 0

    run.start()
    eventually(lambda: Alive(tmp_path, lambda: 0).before_us > NOW_US + 3)
    run.stop()

    assert Alive(tmp_path, lambda: 0).before_us == next(moments) - 1


def test_a_run_that_ends_is_there_until_then(tmp_path):
    now_us = [NOW_US]
    run = Alive(tmp_path, lambda: now_us[0], every_s=3600)
    run.start()
    eventually((tmp_path / FILE).exists)
    now_us[0] += 1_000_000
    run.stop()

    assert Alive(tmp_path, lambda: 0).before_us == now_us[0]


def test_a_start_that_fails_leaves_the_moment_of_the_run_before(tmp_path):
    (tmp_path / FILE).write_text(f"{NOW_US}\n")
    run = Alive(tmp_path, lambda: NOW_US + 1)
    run.stop()
    run.start()  # the switches answered too late

    assert Alive(tmp_path, lambda: 0).before_us == NOW_US


@pytest.mark.parametrize("text", [b"", b"soon\n", b"\xff\xfe", b"-5\n"])
def test_a_damaged_file_tells_nothing_and_is_written_over(tmp_path, text):
    (tmp_path / FILE).write_bytes(text + b"and much more that nobody wrote")
    run = Alive(tmp_path, lambda: NOW_US)
    assert run.before_us == 0

    run.start()
    run.stop()
    eventually(lambda: Alive(tmp_path, lambda: 0).before_us == NOW_US)


def test_a_disk_that_takes_nothing_is_said_once(tmp_path):
    run = Alive(tmp_path / "away", lambda: NOW_US, every_s=0.001)
    with structlog.testing.capture_logs() as logs:
        run.start()
        time.sleep(0.05)
        run.stop()

    assert [line["event"] for line in logs] == ["last_moment_not_kept"]
