"""The token that changes are made with: a file that only its owner may read."""

from __future__ import annotations

import hmac
import os
import secrets
from pathlib import Path
from typing import Final

from py_callcenter.config import Controller

TOKEN_NAME: Final = "token"  # noqa: S105 - the name of the file


class TokenError(Exception):
    """The token file can't be used."""


def token_path(controller: Controller) -> Path:
    return Path(controller.token_file) if controller.token_file else Path(controller.state) / TOKEN_NAME


def ensure_token(controller: Controller) -> str:
    """Read the token; where none was named, make one up in the state folder (folder 0700, file 0600)."""
    path = token_path(controller)
    try:
        if controller.token_file is None and not path.exists():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _create(path, secrets.token_hex(32))
        return read_token(path)
    except OSError as error:
        raise TokenError(f"{path}: {error.strerror}") from error


def read_token(path: Path) -> str:
    """Raises `TokenError` when others may read the file or it is empty, `OSError` when it can't be read."""
    if path.stat().st_mode & 0o077:
        raise TokenError(f"{path}: others may read it; run: chmod 600 {path}")
    token = path.read_text("ascii").partition("\n")[0].strip()
    if not token:
        raise TokenError(f"{path}: is empty; remove it and start again")
    return token


def matches(given: str, token: str) -> bool:
    """Compare in a time that doesn't depend on how much is right."""
    return hmac.compare_digest(given.encode(), token.encode())


def _create(path: Path, token: str) -> None:
    """Write beside and link into place, so that nobody ever reads half a token."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, f"{token}\n".encode())
    finally:
        os.close(handle)
    draft.replace(path)
