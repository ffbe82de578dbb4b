"""Callers wait while a controller starts: what they don't need is loaded after it has begun."""

from __future__ import annotations

import subprocess
import sys

import pytest

from py_callcenter.config import Config, Queue
from py_callcenter.store import Database

pytestmark = pytest.mark.unit

LATER = {
    "sqlalchemy",
    "fastapi",
    "starlette",
    "uvicorn",
    "alembic",
    "httpx",
    "prometheus_client",
    "babel",
    "jinja2",
}
"""What asks a database more than two questions; HTTP; figures as text; migrations."""


def loaded_by(statement: str) -> set[str]:
    """Names of the modules in a fresh interpreter after a statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_what_routes_calls_is_loaded_without_the_page_and_the_reports():
    loaded = loaded_by("import py_callcenter.cli, py_callcenter.app.run")

    assert "py_callcenter.store.writer" in loaded
    assert "py_callcenter.engine.engine" in loaded
    assert "py_callcenter.esl.node" in loaded
    assert not loaded & LATER


def test_a_database_of_this_version_is_opened_without_what_migrates(tmp_path):
    url = f"sqlite:///{tmp_path}/cc.db"
    loaded_by(f"from py_callcenter.store import Database\nDatabase.open({url!r}).close()")

    loaded = loaded_by(f"from py_callcenter.store import Database\nDatabase.open({url!r}).close()")

    assert "sqlalchemy" in loaded
    assert "alembic" not in loaded


def test_the_state_of_yesterday_is_read_by_the_driver_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/cc.db"
    with Database.open(url) as database:
        database.seed(Config(queues=(Queue(name="support"),)), now_us=1)

    loaded = loaded_by(
        "from pathlib import Path\nfrom py_callcenter.store import Store\n"
        f"store = Store.open({url!r}, state=Path({str(tmp_path)!r}))\n"
        "assert store.load_routing()['queues'][0]['name'] == 'support'\n"
        "assert not store.memory().agents"
    )

    assert "sqlite3" in loaded
    assert "sqlalchemy" not in loaded


def test_what_is_loaded_late_is_there_when_asked_for():
    loaded = loaded_by(
        "import py_callcenter.api as a, py_callcenter.store as s\n"
        "for m in (a, s):\n    for name in m.__all__:\n        getattr(m, name)"
    )

    assert {"fastapi", "sqlalchemy"} <= loaded
