"""The package and its compiled half belong together."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

import py_callcenter
from py_callcenter import _router

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]


def test_a_stale_compiled_module_is_refused_at_import(monkeypatch):
    monkeypatch.setattr(_router, "__version__", "0.0.1")

    with pytest.raises(ImportError, match=r"version 0\.0\.1.*run `make`"):
        importlib.reload(py_callcenter)


def test_there_is_one_version():
    project = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    crate = re.search(r'^version = "(.+)"', (ROOT / "Cargo.toml").read_text("utf-8"), re.MULTILINE)

    assert project is not None
    assert crate is not None
    assert project[1] == crate[1] == py_callcenter.__version__ == _router.__version__


def test_what_is_tested_is_the_release_build():
    assert _router.BUILD_PROFILE == "release"


def test_every_test_module_says_its_category():
    silent = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests").rglob("test_*.py")
        if "pytestmark" not in path.read_text("utf-8")
    ]

    assert silent == []


def test_every_page_that_the_readme_points_to_exists():
    for page in [
        ROOT / "README.md",
        *(ROOT / "docs").glob("*.md"),
        ROOT / "freeswitch_conf/README.md",
        ROOT / "deploy/README.md",
    ]:
        for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name} points to {target}"
