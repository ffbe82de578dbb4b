"""An upgrade went wrong at night: the database goes back with the older program, and nothing is lost."""

from __future__ import annotations

import pytest
from app.fake_controller import FakeController
from app.test_cli import CONFIG, TOKEN, Shell
from app.test_migrations import by_alembic, emails, story

from py_callcenter.api import create_app
from py_callcenter.api.server import ApiServer
from py_callcenter.app.secrets import write_private
from py_callcenter.store import Database, StoreError, versions
from py_callcenter.store.deliveries import Deliveries
from py_callcenter.store.expected import VERSION, VERSION_TABLE

pytestmark = pytest.mark.app

URL = "sqlite:///callcenter.db"


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """No controller runs; a call and an e-mail are in the database."""
    monkeypatch.chdir(tmp_path)
    server = ApiServer("127.0.0.1", 0)
    shell = Shell(tmp_path)
    shell.file.write_text(CONFIG.format(port=server.port))
    server.stop()
    with Database.open(URL) as database:
        database.append(story())
        Deliveries(database.transact, "courier").add(emails())
    return shell


def version():
    return by_alembic(URL, versions.found)


def test_back_and_up_again(shell):
    assert shell.err("database", "back", "0004").splitlines() == ["the database is of version 0004"]
    assert version() == "0004"
    agents = shell.out("agent", "list")  # any command of this program

    assert "1000" in agents
    assert version() == VERSION
    with Database.open(URL) as database:
        assert [stored.load() for stored in database.read()] == story()
        assert len(Deliveries(database.transact, "courier").newest()) == 3
    assert shell.err("database", "back", VERSION) == f"the database is of version {VERSION} already\n"


def test_a_version_that_nobody_knows(shell):
    said = shell.err("database", "back", "9", code=2)

    assert "there is no version 9 of the database; known: 0001, 0002" in said
    assert "nothing was changed" in said
    assert version() == VERSION


def test_not_under_a_controller_that_runs(shell, tmp_path):
    server = ApiServer("127.0.0.1", 0)
    server.start(create_app(FakeController(), token=TOKEN))
    shell.file.write_text(CONFIG.format(port=server.port))
    write_private(tmp_path / "state/token", TOKEN)
    said = shell.err("database", "back", "0004", code=1)
    server.stop()

    assert "stop the controller" in said
    assert version() == VERSION


def test_an_older_program_says_what_to_do(shell):
    """This one is the older one, for a database of a version that is still to come."""
    newer = f"update {VERSION_TABLE} set version_num = '0999'"
    by_alembic(URL, lambda connection: connection.exec_driver_sql(newer))

    with pytest.raises(StoreError, match=f"version 0999, newer .* callcenter database back {VERSION}"):
        Database.open(URL)
