"""Somebody without what the build needs is told so in one line, before anything else fails."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

TOP = Path(__file__).parents[2]


def need(path: Path, *tools: str) -> tuple[int, str]:
    """What `scripts/need` says on a machine with these programs first in its path."""
    environment = {**os.environ, "PATH": f"{path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "scripts/need", sys.executable, *tools],
        cwd=TOP,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


def cargo(path: Path, version: str) -> Path:
    (path / "cargo").write_text(f"#!/bin/sh\necho 'cargo {version} (abc 2020-01-01)'\n")
    (path / "cargo").chmod(0o755)
    return path


def test_a_cargo_that_is_too_old_is_named_with_what_to_do(tmp_path):
    code, words = need(cargo(tmp_path, "1.63.0"), "cargo")
    assert code == 1
    assert words.count("\n") == 1
    assert "cargo here is 1.63.0" in words
    assert "rustup" in words


@pytest.mark.parametrize("version", ["1.89.0", "1.100.0", "2.0.0-nightly"])
def test_a_cargo_that_is_new_enough_will_do(tmp_path, version):
    assert need(cargo(tmp_path, version), "cargo") == (0, "")


def test_a_tool_that_is_missing_is_named(tmp_path):
    code, words = need(cargo(tmp_path, "1.89.0"), "cargo", "no-such-tool")
    assert code == 1
    assert words.startswith("callcenter needs 'no-such-tool'; hint:")
