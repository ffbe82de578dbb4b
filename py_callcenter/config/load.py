"""Reading a configuration file: every problem at once, each with file and line."""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from py_callcenter.config.locate import Path as KeyPath
from py_callcenter.config.locate import line_of, locate
from py_callcenter.config.mail import Mail, Recipient
from py_callcenter.config.models import Config, Controller, Node
from py_callcenter.config.relations import Problem, check_relations, entries
from py_callcenter.config.routing import (
    Agent,
    BreakReason,
    Breaks,
    Queue,
    Relaxation,
    ServiceLevel,
    Tier,
)
from py_callcenter.config.rules import RuleError, shown
from py_callcenter.value import value

MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MIN_TOKEN_CHARS: Final = 16

_SYNTAX_AT = re.compile(
    r"(?P<what>.*?) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL
)
_TABLES: Final[dict[tuple[str, ...], type[BaseModel]]] = {
    (): Config,
    ("controller",): Controller,
    ("nodes",): Node,
    ("queues",): Queue,
    ("queues", "service-level"): ServiceLevel,
    ("queues", "relax"): Relaxation,
    ("agents",): Agent,
    ("tiers",): Tier,
    ("breaks",): Breaks,
    ("breaks", "reasons"): BreakReason,
    ("mail",): Mail,
    ("recipients",): Recipient,
}
_TYPE_WORDS: Final[dict[type, str]] = {
    bool: "true or false",
    int: "a whole number",
    str: "text in quotes",
    list: "a list",
    dict: "a table",
}
_WANTED: Final = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "dict_type": "a table",
    "model_type": "a table",
    "tuple_type": "a list",
    "list_type": "a list",
    "is_instance_of": "text in quotes",
}


@value
class ConfigError:
    """One problem of a file. `place` is such as `queues[2].strategy`, counted from 0; empty for the file."""

    file: str
    line: int
    place: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        place = f"{self.place}: " if self.place else ""
        return f"{self.file}:{self.line}: {place}{self.message}"


class ConfigErrors(Exception):
    """The file can't be used. `errors` holds every problem in the order of the file; never empty."""

    def __init__(self, errors: list[ConfigError]) -> None:
        self.errors = errors
        super().__init__("\n".join(str(error) for error in errors))


def load(path: str | os.PathLike[str]) -> Config:
    """Read and check a file, and the password and token files it names.

    Relative paths of the file (state, token, passwords, SQLite) come back absolute: they belong to the
    file's folder, not to wherever the command was started. Raises `ConfigErrors`.
    """
    file = Path(path)
    try:
        data = file.read_bytes() if file.stat().st_size <= MAX_FILE_BYTES else None
    except OSError as error:
        hint = "give the path of a configuration file with -c"
        raise ConfigErrors(
            [ConfigError(str(path), 1, "", f"can't be read: {error.strerror}", hint)]
        ) from error
    if data is None:
        raise ConfigErrors([ConfigError(str(path), 1, "", "is larger than 16 MiB")])
    return loads(data, name=str(path), folder=file.resolve().parent)


def loads(data: bytes, *, name: str = "callcenter.toml", folder: Path | None = None) -> Config:
    """As `load`, from bytes. Without a folder, relative paths stay as they are and name no files to read."""
    text = _decode(data, name)
    table = _parse(text, name)
    lines = locate(text)
    problems: list[Problem] = []
    if folder is not None:
        problems += _use_folder(table, folder)
    if not table.get("nodes"):
        problems.append(((), "names no FreeSWITCH", "add at least one [[nodes]] with host and password"))
    problems += check_relations(table)
    config: Config | None = None
    try:
        config = Config.model_validate(table, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += [_explain(found) for found in error.errors() if found["loc"]]
    if problems:
        errors = {
            ConfigError(name, line_of(lines, path), _place(path), message, hint): None
            for path, message, hint in problems
        }
        raise ConfigErrors(sorted(errors, key=lambda error: (error.line, error.place)))
    assert config is not None  # noqa: S101 - no config without a problem
    return config


def explain(error: ValidationError) -> list[tuple[str, str, str]]:
    """Place, message and hint of each problem of values that came from elsewhere than a file."""
    problems = [_explain(found) for found in error.errors()]
    return [(_place(path), message, hint) for path, message, hint in problems]


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        found = ConfigError(name, line, "", "isn't UTF-8 text", "save the file as UTF-8")
        raise ConfigErrors([found]) from error


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = _SYNTAX_AT.match(str(error))
        what, line, hint = str(error), text.count("\n") + 1, ""
        if found is not None:
            what = found["what"]
            if found["line"] is not None:
                line = int(found["line"])
                hint = f"look at column {found['column']}; text needs quotes, lists need commas"
        raise ConfigErrors([ConfigError(name, line, "", f"not valid TOML: {what}", hint)]) from error
    except RecursionError as error:
        raise ConfigErrors([ConfigError(name, 1, "", "is nested too deeply")]) from error


def _use_folder(table: dict[str, Any], folder: Path) -> Iterator[Problem]:
    """Make relative paths absolute and read the files of secrets, in place."""
    controller = table.setdefault("controller", {})
    if isinstance(controller, dict):
        yield from _use_controller_files(controller, folder)
    mail = table.get("mail")
    if isinstance(mail, dict):
        yield from _use_mail_files(mail, folder)
    for index, row in entries(table, "nodes"):
        secret = row.get("password-file")
        if not isinstance(secret, str) or not isinstance(row, dict):
            continue
        where = ("nodes", index, "password-file")
        if "password" in row:
            yield where, "given beside `password`", "keep one of the two"
            continue
        text, message = _read_secret(folder / secret)
        if message:
            yield where, message, "the file holds the password in its first line"
        else:
            row["password"] = text
            row["password-file"] = str(folder / secret)


def _use_controller_files(controller: dict[str, Any], folder: Path) -> Iterator[Problem]:
    state = controller.setdefault("state", "state")
    if isinstance(state, str):
        controller["state"] = str(folder / state)
    database = controller.setdefault("database", Controller().database)
    if isinstance(database, str):
        controller["database"] = _absolute_sqlite(database, folder)
    queue_log = controller.get("queue-log")
    if isinstance(queue_log, str):
        controller["queue-log"] = str(folder / queue_log)
    token = controller.get("token-file")
    if isinstance(token, str):
        path = folder / token
        controller["token-file"] = str(path)
        yield from (((("controller", "token-file")), *problem) for problem in _check_token(path))
    try:
        exposed = not Controller(listen=controller.get("listen", "127.0.0.1:8080")).listens_on_loopback
    except ValidationError:
        return
    if exposed and token is None:
        yield (
            ("controller", "listen"),
            "others than this machine could reach the API, and there is no token",
            'name a file of mode 0600 that holds one: token-file = "token"',
        )


def _use_mail_files(mail: dict[str, Any], folder: Path) -> Iterator[Problem]:
    certificates = mail.get("ca-file")
    if isinstance(certificates, str):
        mail["ca-file"] = str(folder / certificates)
        _, message = _read_secret(folder / certificates)
        if message:
            yield ("mail", "ca-file"), message, "the file holds certificates as PEM"
    secret = mail.get("password-file")
    if not isinstance(secret, str):
        return
    where, path = ("mail", "password-file"), folder / secret
    if "password" in mail:
        yield where, "given beside `password`", "keep one of the two"
        return
    text, message = _read_secret(path)
    if message:
        yield where, message, "the file holds the password in its first line"
        return
    mail["password"], mail["password-file"] = text, str(path)
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield where, "others may read the password file", f"run: chmod 600 {path}"


def _check_token(path: Path) -> Iterator[tuple[str, str]]:
    text, message = _read_secret(path)
    if message:
        yield message, "the file holds the token in its first line"
        return
    if len(text) < MIN_TOKEN_CHARS or not text.isascii() or not text.isprintable() or " " in text:
        yield (
            f"the token needs {MIN_TOKEN_CHARS} or more printable ASCII characters without spaces",
            "make one, for example with: openssl rand -hex 32",
        )
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        yield "others may read the token file", f"run: chmod 600 {path}"


def _read_secret(path: Path) -> tuple[str, str]:
    """First line of a file, or what is wrong with it."""
    try:
        text = path.read_text("utf-8").partition("\n")[0].strip("\r")
    except OSError as error:
        return "", f"{shown(str(path))} can't be read: {error.strerror}"
    except UnicodeDecodeError:
        return "", f"{shown(str(path))} isn't UTF-8 text"
    return (text, "") if text else ("", f"{shown(str(path))} is empty")


def _absolute_sqlite(url: str, folder: Path) -> str:
    """As SQLAlchemy reads it: three slashes before a relative path, four before an absolute one."""
    prefix = "sqlite:///"
    rest = url.removeprefix(prefix)
    if not url.startswith(prefix) or rest.startswith(("/", "file:", ":memory:")) or not rest:
        return url
    return f"{prefix}{folder / rest}"


def _explain(found: ErrorDetails) -> Problem:
    """One of pydantic's findings in an operator's words."""
    path: KeyPath = tuple(part for part in found["loc"] if part != "[key]")
    kind, context, value = found["type"], found.get("ctx", {}), found["input"]
    last = str(path[-1]) if path else ""
    if kind == "extra_forbidden":
        keys = _known_keys(path[:-1])
        near = get_close_matches(last, keys, 1)
        hint = f"did you mean `{near[0]}`?" if near else "known here: " + ", ".join(keys)
        return path, f"unknown key {shown(last)}", hint
    if kind == "missing":
        return path, f"`{last}` is missing", "add it"
    if kind == "literal_error":
        allowed = str(context.get("expected", "")).replace("'", '"').replace(" or ", ", ")
        if isinstance(value, str):
            return path, f"{shown(value)} isn't known", f"one of: {allowed}"
        return path, f"must be text in quotes, not {_type_word(value)}", f"one of: {allowed}"
    if kind == "value_error" and isinstance(error := context.get("error"), RuleError):
        return path, str(error), error.hint
    if kind in _WANTED:
        return path, f"must be {_WANTED[kind]}, not {_type_word(value)}", ""
    return path, _limit(kind, context) or str(found["msg"]), ""


def _limit(kind: str, context: Mapping[str, Any]) -> str:
    """Words for a number or length outside its bounds, empty for other kinds."""
    match kind:
        case "greater_than_equal":
            return f"must be {context['ge']:g} or more"
        case "greater_than":
            return f"must be more than {context['gt']:g}"
        case "less_than_equal":
            return f"must be {context['le']:g} or less"
        case "finite_number":
            return "must be a finite number"
        case "too_short" | "string_too_short":
            return f"needs at least {context['min_length']}"
        case "too_long" | "string_too_long":
            return f"may have at most {context['max_length']}"
        case _:
            return ""


def _known_keys(path: KeyPath) -> list[str]:
    model = _TABLES.get(tuple(part for part in path if isinstance(part, str)))
    if model is None:
        return []
    return sorted(field.alias or name for name, field in model.model_fields.items())


def _type_word(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return _TYPE_WORDS.get(type(value), "a " + type(value).__name__)


def _place(path: KeyPath) -> str:
    out = ""
    for part in path:
        out += f"[{part}]" if isinstance(part, int) else f".{part}" if out else part
    return out
