"""Callers wait while a controller starts: what they don't need is loaded after it has begun."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from py_callcenter.cli.start import RunOptions, run_options
from py_callcenter.config import Config, Queue
from py_callcenter.store import Database

PACKAGE = Path(__file__).parents[2] / "py_callcenter"

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
    "typer",
    "rich",
    "asyncio",
    "ssl",
    "email",
    "importlib.metadata",
    "py_callcenter.stats.formulas",
    "py_callcenter.stats.staffing",
}
"""What asks a database more than two questions; HTTP; figures as text; migrations; options; colours; what
libraries would use for purposes that aren't ours; figures that only reports and pages have.
"""


def loaded_by(statement: str) -> set[str]:
    """Names of the modules in a fresh interpreter after a statement."""
    program = f"{statement}\nimport sys\nprint(*sys.modules)"
    environment = {**os.environ, "PYDANTIC_DISABLE_PLUGINS": "__all__"}  # as a start has it
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    return set(done.stdout.split())


WHILE_SWITCHES_ANSWER = {
    "py_callcenter.app.controller",
    "py_callcenter.engine.engine",
    "py_callcenter.engine.records",
    "py_callcenter.store.store",
    "sqlite3",
}
"""Rules, figures, database."""


def test_links_to_switches_are_loaded_before_what_they_are_for():
    loaded = loaded_by("import py_callcenter.cli.start, py_callcenter.app.run")

    assert "py_callcenter.esl.node" in loaded
    assert not loaded & WHILE_SWITCHES_ANSWER
    assert not loaded & LATER


def test_what_routes_calls_is_loaded_without_the_page_and_the_reports():
    loaded = loaded_by("import py_callcenter.cli.start, py_callcenter.app.controller")

    assert "py_callcenter.store.writer" in loaded
    assert "py_callcenter.engine.engine" in loaded
    assert not loaded & LATER


def test_whatever_others_use_of_the_engine_may_be_the_first_that_is_loaded():
    files = [path for path in PACKAGE.rglob("*.py") if path.parent.name != "engine"]
    used = re.findall(
        r"^from py_callcenter\.engine\.(\w+) import", "\n".join(map(Path.read_text, files)), re.MULTILINE
    )
    program = (
        "import os, sys, py_callcenter.config, py_callcenter.stats\n"
        f"for part in {sorted(set(used))!r}:\n"
        "    child = os.fork()\n"
        "    if not child:\n"
        "        __import__(f'py_callcenter.engine.{part}')\n"
        "        os._exit(0)\n"
        "    if os.waitpid(child, 0)[1]:\n"
        "        sys.exit(f'{part} needs another part to be loaded before')\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert {"actions", "capacity", "transfers"} <= set(used)
    assert not done.returncode, done.stderr


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


def test_a_library_is_loaded_without_what_it_only_keeps_for_later():
    loaded = loaded_by(
        "import sys\nfrom py_callcenter import lazy\n"
        "with lazy.without('colorsys', 'json'):\n"
        "    import colorsys, json\n    from json import dumps\n"
        "    assert dumps([1]) == '[1]'\n"
        "import json as real\n"
        "assert real is not json and real.JSONEncoder\n"
        "assert colorsys.rgb_to_hsv(0, 0, 1)[2] == 1\n"
        "before = sys.modules['colorsys']\n"
        "with lazy.without('colorsys'):\n    import colorsys\n"
        "assert colorsys is before".replace("before = ", "import sys\nbefore = ")
    )

    assert {"colorsys", "json"} <= loaded


def test_awaiting_a_logger_works_though_a_start_leaves_out_what_awaits():
    loaded = loaded_by(
        "from py_callcenter import logs\nimport sys\nassert 'asyncio' not in sys.modules\n"
        "import asyncio, io, structlog\nout, sys.stderr = sys.stderr, io.StringIO()\nlogs.set_up('json')\n"
        "asyncio.run(structlog.get_logger('x').bind().ainfo('said'))\n"
        'told, sys.stderr = sys.stderr.getvalue(), out\nassert \'"event":"said"\' in told, told'
    )

    assert "asyncio" in loaded


def test_what_is_loaded_late_is_there_when_asked_for():
    loaded = loaded_by(
        "import py_callcenter.api as a, py_callcenter.store as s\n"
        "for m in (a, s):\n    for name in m.__all__:\n        getattr(m, name)"
    )

    assert {"fastapi", "sqlalchemy"} <= loaded


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        (["run"], {}, RunOptions()),
        (["run", "-c", "a.toml"], {}, RunOptions(Path("a.toml"))),
        (["run", "--config", "a.toml"], {"CALLCENTER_CONFIG": "b.toml"}, RunOptions(Path("a.toml"))),
        (["run", "--config=a.toml", "--log-level=debug"], {}, RunOptions(Path("a.toml"), "debug")),
        (["run", "--log-level", "warning"], {"CALLCENTER_CONFIG": "b"}, RunOptions(Path("b"), "warning")),
        (["run"], {"CALLCENTER_CONFIG": ""}, RunOptions()),
    ],
)
def test_a_plain_run_is_understood_at_once(words, environment, expected):
    assert run_options(words, environment) == expected


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["demo"],
        ["--version"],
        ["run", "--help"],
        ["run", "-c"],
        ["run", "-c", "--help"],
        ["run", "-c="],
        ["run", "-ca.toml"],
        ["run", "--config="],
        ["run", "a.toml"],
        ["run", "--log-lev", "info"],
    ],
)
def test_whatever_else_is_left_to_the_commands(words):
    assert run_options(words, {}) is None


def test_the_package_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "py_callcenter", "--help"],
        capture_output=True, text=True, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    assert done.returncode == 0
    assert "config" in done.stdout


@pytest.mark.timeout(240)  # seven processes, on whatever machine
def test_a_start_that_fails_says_what_is_wrong_as_any_command_does(tmp_path):
    (tmp_path / "bad.toml").write_text("[[queues]]\nnmae = 1\n", "utf-8")

    def said(*words):
        program = "from py_callcenter.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", program, *words],
            capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "NO_COLOR": "1"},
        )  # fmt: skip
        return done.returncode, done.stderr

    checked = said("config", "check", "bad.toml")
    assert checked[0] == 2
    assert said("run", "-c", "bad.toml")[0] == 2
    assert said("run", "-c", "bad.toml")[1].startswith("error: bad.toml:1: ")
    assert said("run")[0] == 2
    assert "hint: name one with -c FILE" in said("run")[1]
    assert said("run", "-c", "bad.toml", "--log-level", "loud")[0] == 2
    assert said("run", "-c", "none.toml", "--help")[0] == 0
