"""The file of `queue_log`: complete, rotated under way, and a full disk costs no call."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from app.day import busy_day

from py_callcenter.app.queue_log import QueueLogFile
from py_callcenter.config import load
from py_callcenter.stats import QueueLog

pytestmark = pytest.mark.app


@pytest.fixture(scope="module")
def records():
    return busy_day(moments=120).records


def expected(records):
    log = QueueLog()
    return [line for record in records for line in log.lines(record)]


def until_it_fails(file):
    deadline = time.monotonic() + 10
    while not file._failing and time.monotonic() < deadline:
        time.sleep(0.01)
    assert file._failing


def test_everything_is_in_the_file_when_the_controller_has_stopped(tmp_path, records):
    file = QueueLogFile(tmp_path / "queue_log")
    for start in range(0, len(records), 7):
        file.put(records[start : start + 7])
    file.stop()

    assert (tmp_path / "queue_log").read_text("utf-8").splitlines() == expected(records)


def test_a_rotated_file_goes_on_in_a_new_one(tmp_path, records):
    path = tmp_path / "queue_log"
    file = QueueLogFile(path)
    half = len(records) // 2
    file.put(records[:half])
    deadline = time.monotonic() + 10
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    path.rename(tmp_path / "queue_log.1")
    file.put(records[half:])
    file.stop()

    both = (tmp_path / "queue_log.1").read_text() + path.read_text()
    assert both.splitlines() == expected(records)


def test_what_the_disk_refuses_comes_later(tmp_path, records):
    folder = tmp_path / "later"
    file = QueueLogFile(folder / "queue_log")
    file.put(records[:50])
    until_it_fails(file)
    folder.mkdir()
    file.put(records[50:])
    file.stop()

    assert (folder / "queue_log").read_text().splitlines() == expected(records)


def test_what_a_full_disk_took_half_of_is_in_the_file_once(tmp_path, records, monkeypatch):
    path = tmp_path / "queue_log"
    path.write_text("an earlier run\n")
    opened = Path.open

    def half(self, *arguments, **more):
        file = opened(self, *arguments, **more)
        write = file.write

        def torn(text):
            write(text[: len(text) // 2])
            file.flush()
            raise OSError(28, "No space left on device")

        file.write = torn
        return file

    monkeypatch.setattr(type(path), "open", half)
    file = QueueLogFile(path)
    file.put(records[:50])
    until_it_fails(file)
    monkeypatch.undo()
    file.put(records[50:])
    file.stop()

    assert path.read_text().splitlines() == ["an earlier run", *expected(records)]


def test_its_path_belongs_to_the_folder_of_the_configuration(tmp_path):
    (tmp_path / "callcenter.toml").write_text(
        '[controller]\nqueue-log = "log/queue_log"\n[[nodes]]\nname = "fs1"\npassword = "x"\n'
    )

    assert load(tmp_path / "callcenter.toml").controller.queue_log == str(tmp_path / "log/queue_log")
