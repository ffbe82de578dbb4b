"""The database's version: found, brought up to this program's, or back to an older one's.

A step runs in one transaction together with all others that are needed; on PostgreSQL two controllers that
start at the same moment wait for each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection, inspect, text

from py_callcenter.store.errors import StoreError
from py_callcenter.store.schema import VERSION_TABLE

_FOLDER: Final = Path(__file__).parent / "migrations"
_FIRST: Final = "0001"
_LOCK: Final = 0x63615F6D6967  # any number that others don't lock


def versions() -> list[str]:
    """All versions that this program knows, oldest first."""
    return [step.revision for step in reversed(list(_scripts().walk_revisions()))]


def found(connection: Connection) -> str | None:
    """The version of a database; None for an empty one."""
    look = inspect(connection)
    if look.has_table(VERSION_TABLE):
        version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - constant
        return None if version is None else str(version)
    return _FIRST if look.has_table("cc_meta") else None


def bring_to(connection: Connection, version: str | None = None) -> bool:
    """Migrate to a version, to the newest by default; tells whether there was anything to do.

    Raises `StoreError` for a version that this program doesn't know, the database's own too.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    known = versions()
    wanted = version or known[-1]
    if wanted not in known:
        raise StoreError(f"there is no version {wanted[:16]} of the database; known: {', '.join(known)}")
    have = found(connection)
    if have is not None and have not in known:
        raise StoreError(f"the database is of version {have}, newer than this program knows")
    if have == wanted:
        return False
    settings = _config()
    settings.attributes["connection"] = connection
    try:
        if have == _FIRST and not inspect(connection).has_table(VERSION_TABLE):
            command.stamp(settings, _FIRST)  # made before versions were written down
        if have is None or known.index(have) < known.index(wanted):
            command.upgrade(settings, wanted)
        else:
            command.downgrade(settings, wanted)
    except CommandError as error:
        raise StoreError(f"the database can't be migrated: {error}") from error
    return True


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config() -> Config:
    settings = Config()
    settings.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings
