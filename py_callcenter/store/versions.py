"""The database's version: found, brought up to this program's, or back to an older one's.

A step runs in one transaction together with all others that are needed; on PostgreSQL two controllers that
start at the same moment wait for each other. Alembic is loaded for a step only: a start with nothing to do
must not wait for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from py_callcenter.store.errors import StoreError, UnusableError
from py_callcenter.store.expected import VERSION, VERSION_TABLE
from py_callcenter.store.progress import Progress

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER: Final = Path(__file__).parent / "migrations"
_FIRST: Final = "0001"
_LOCK: Final = 0x63615F6D6967  # any number that others don't lock


def versions() -> list[str]:
    """All versions that this program knows, oldest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - see above

    scripts = ScriptDirectory.from_config(_config())
    return [step.revision for step in reversed(list(scripts.walk_revisions()))]


def found(connection: Connection) -> str | None:
    """The version of a database; None for an empty one."""
    look = inspect(connection)
    if look.has_table(VERSION_TABLE):
        version = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - constant
        return None if version is None else str(version)
    return _FIRST if look.has_table("cc_meta") else None


def bring_to(connection: Connection, version: str | None = None, progress: Progress | None = None) -> bool:
    """Migrate to a version, to the newest by default; tells whether there was anything to do.

    Raises `StoreError` for a version that this program doesn't know, `UnusableError` for such a database.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    have = found(connection)
    wanted = version or VERSION
    if have == wanted:
        return False
    from alembic import command  # noqa: PLC0415 - see above
    from alembic.util.exc import CommandError  # noqa: PLC0415 - likewise

    known = versions()
    if wanted not in known:
        raise StoreError(f"there is no version {wanted[:16]} of the database; known: {', '.join(known)}")
    if have is not None and have not in known:
        raise UnusableError(
            f"the database is of version {have}, newer than this program's {known[-1]}; the newer program"
            f" brings it back: callcenter database back {known[-1]}"
        )
    if progress is not None and have is not None:  # what is empty is there at once
        progress.begin(f"its tables are brought from version {have} to {wanted}")
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


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - see above

    settings = Config()
    settings.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    settings.set_main_option("path_separator", "os")
    return settings
