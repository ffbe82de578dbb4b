"""The way back to an older program: its database."""

from __future__ import annotations

from typing import Annotated

import typer

from py_callcenter.cli.backend import backend
from py_callcenter.cli.start import BAD_INPUT, CliError, read_config
from py_callcenter.cli.support import Commands, ConfigOption, note

database_app = typer.Typer(cls=Commands, help="Go back to an older program's database.", no_args_is_help=True)


@database_app.callback()
def _group() -> None:
    """Without it the only command would be the group itself."""


@database_app.command("back")
def back(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="What the older program knows; it says so at its start.")
    ],
    config: ConfigOption = None,
) -> None:
    """Bring the database to an older program's VERSION, before that one is started. No controller may run.

    Records, configurations and the list of sent e-mails stay. The next start of a newer program, or any
    command of it, brings the database up again.
    """
    from py_callcenter.store import Database, StoreError  # noqa: PLC0415 - see `backend`

    found = read_config(config)
    with backend(found) as behind:  # also writes what is on the disk only
        if behind.live:
            raise CliError(
                "a controller runs with this database, so it can't be changed now",
                "stop the controller, go back, then start the older program",
            )
    try:
        changed = Database.migrate(found.controller.database, version)
    except StoreError as error:
        raise CliError(str(error), "nothing was changed", code=BAD_INPUT) from error
    note(f"the database is of version {version}" + ("" if changed else " already"))
