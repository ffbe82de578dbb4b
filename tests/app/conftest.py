from __future__ import annotations

from collections.abc import Iterator

import pytest
from app.postgres import WHY_NOT, Postgres, binaries


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    folder = binaries()
    if folder is None:
        pytest.skip(WHY_NOT)
    server = Postgres(folder)
    yield server
    server.stop()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/cc.db"
    return request.getfixturevalue("postgres").new_database()
