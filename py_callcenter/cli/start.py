"""Where the program begins, and how a controller is started.

A start after a crash has callers waiting, and whatever is loaded counts: the plain `run -c FILE` gets by
without the other commands and the library that reads their options, which takes a tenth of a start's work.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from py_callcenter import logs
from py_callcenter.value import value

if TYPE_CHECKING:
    from py_callcenter.config import Config

FAILED: Final = 1
BAD_INPUT: Final = 2

CONFIG_VARIABLE: Final = "CALLCENTER_CONFIG"
CONFIG_PLACES: Final = ("callcenter.toml", "/etc/callcenter/callcenter.toml")
RUN_LEVEL: Final = "info"
"""What `run` logs when nothing is said."""


class CliError(Exception):
    """Ends the command: the message and the hint go to stderr."""

    def __init__(self, message: str, hint: str = "", *, code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code


@value
class RunOptions:
    """What `run` was told."""

    config: Path | None = None
    level: str = RUN_LEVEL


def main() -> None:
    """Entry point."""
    options = run_options(sys.argv[1:], os.environ)
    if options is None:
        from py_callcenter.cli.commands import main as any_command  # noqa: PLC0415 - see above

        any_command()
        return
    gc.disable()  # until all is loaded (`app.run`): looking through what stays anyway takes a tenth of that
    # pydantic would look for plugins in every package that is installed, while callers wait; we use none.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    from py_callcenter.config import ConfigErrors  # noqa: PLC0415 - likewise

    try:
        start(read_config(options.config), options.level)
    except (CliError, ConfigErrors) as error:
        from py_callcenter.cli.support import say  # noqa: PLC0415 - likewise

        sys.exit(say(error))


def run_options(words: Sequence[str], environment: Mapping[str, str]) -> RunOptions | None:
    """None for everything but a plain `run`: other commands, requests for help, what must be explained."""
    if words[:1] != ["run"]:
        return None
    found = {"--config": environment.get(CONFIG_VARIABLE, ""), "--log-level": RUN_LEVEL}
    rest = list(words[1:])
    while rest:
        name, given, value = rest.pop(0).partition("=")
        if name == "-c" and not given:
            name = "--config"
        if name not in found or not (given or rest):
            return None
        value = value if given else rest.pop(0)
        if not value or value.startswith("-"):
            return None
        found[name] = value
    path = found["--config"]
    return RunOptions(Path(path) if path else None, found["--log-level"])


def find_config(given: Path | None) -> Path:
    """The file that was named, or the first one of the usual places."""
    if given is not None:
        return given
    for place in CONFIG_PLACES:
        if Path(place).exists():
            return Path(place)
    raise CliError(
        "no configuration file",
        f"name one with -c FILE or {CONFIG_VARIABLE}; looked for {' and '.join(CONFIG_PLACES)}",
        code=BAD_INPUT,
    )


def read_config(given: Path | None) -> Config:
    from py_callcenter.config import load  # noqa: PLC0415 - likewise

    return load(find_config(given))


def level(text: str) -> str:
    if text not in {"debug", "info", "warning", "error"}:
        raise CliError(f'"{text}" is no log level', "debug, info, warning or error", code=BAD_INPUT)
    return text


def start(config: Config, log_level: str) -> None:
    """Run a controller until it is told to stop."""
    logs.set_up(config.controller.log_format, level=level(log_level))
    from py_callcenter.app.run import run  # noqa: PLC0415 - loads gevent, which no other command needs

    with Starting():
        run(config)


class Starting:
    """What can go wrong while a controller starts, in an operator's words."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            return
        from py_callcenter.api.server import ListenError  # noqa: PLC0415 - see above
        from py_callcenter.api.token import TokenError  # noqa: PLC0415 - likewise
        from py_callcenter.app.sole import AnotherLeadsError  # noqa: PLC0415 - likewise
        from py_callcenter.store.errors import SpoolError, StoreError  # noqa: PLC0415 - likewise

        match error:
            case ListenError():
                hint = "another controller may run; change `listen` (of the demo: `callcenter demo --listen`)"
                raise CliError(str(error), hint) from error
            case AnotherLeadsError():
                hint = "stop it first (it may stand still); one beside it needs its own `state` and switches"
                raise CliError(str(error), hint) from error
            case SpoolError():
                raise CliError(
                    str(error), "check `state` under [controller]: a folder that this user may write"
                ) from error
            case StoreError():
                raise CliError(str(error), "check `database` under [controller]") from error
            case TokenError():
                raise CliError(str(error), "the token file must be private to the controller") from error
            case _:
                return
