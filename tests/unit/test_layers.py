"""Imports point downward only (ARCHITECTURE.md), and the pure layers stay pure."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

PACKAGE = Path(__file__).parents[2] / "py_callcenter"

LAYERS = {
    "cli": 5, "app": 5,
    "api": 4, "web": 4, "reports": 4, "esl": 4, "sim": 4, "store": 4, "metrics": 4, "logs": 4,
    "engine": 3,
    "stats": 2, "config": 2, "languages": 2,
    "_router": 1, "lazy": 1, "value": 1,
}  # fmt: skip
OUTSIDE_WORLD = {
    "gevent", "greenlet", "greenswitch", "socket", "ssl", "sqlalchemy", "fastapi", "uvicorn", "time",
    "asyncio", "threading", "httpx", "subprocess", "random",
}  # fmt: skip
PURE = {"engine", "stats", "config"}
SIDEWAYS = {
    ("api", "metrics"),  # /metrics renders what metrics describes
    ("api", "stats"),
    ("api", "reports"),  # routes hand over what reports makes
    ("config", "stats"),  # a recipient names a formula; one list of them
    ("reports", "store"),  # reports are counted where the rows are
}


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "cli" if first == "__main__" else first


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            names.add(node.module)
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


MODULES = sorted(set(PACKAGE.rglob("*.py")) - {PACKAGE / "__init__.py"})


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downward(path: Path):
    part = part_of(path)
    assert part in LAYERS, f"say in LAYERS where {part} belongs"
    for name in imported(path):
        words = name.split(".")
        if words[0] != "py_callcenter" or len(words) < 2 or words[1] not in LAYERS or words[1] == part:
            continue
        below = LAYERS[words[1]] < LAYERS[part]
        assert below or (part, words[1]) in SIDEWAYS or part == "cli", f"{part} imports {name}"


@pytest.mark.parametrize(
    "path",
    [path for path in MODULES if part_of(path) in PURE],
    ids=lambda path: str(path.relative_to(PACKAGE)),
)
def test_rules_are_pure(path: Path):
    forbidden = {name.split(".")[0] for name in imported(path)} & OUTSIDE_WORLD

    assert not forbidden


def test_the_core_crate_does_not_know_python():
    manifest = (PACKAGE.parent / "rust_router/core/Cargo.toml").read_text("utf-8")

    assert "pyo3" not in manifest
