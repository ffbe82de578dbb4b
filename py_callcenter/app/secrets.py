"""What outlives the process in the state folder: the seal's key and the last epoch."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import structlog

from py_callcenter.value import value

KEY_BYTES: Final = 32
MAX_OLD: Final = 15
"""Each of them is tried on a stamp that looks wrong."""
_SEALS: Final = "seal.key"
_CALLER: Final = "caller.key"
_SEALING: Final = threading.Lock()
"""The file is read, changed and written by the thread that rotates, and by the one that forgets."""

_log = structlog.get_logger(__name__)


@value
class Keys:
    """What is secret of ours; in files that only we can read."""

    seal: bytes
    """Our stamps on channels are sealed with it."""
    old_seals: tuple[bytes, ...]
    """What it was before: callers who wait still carry it."""
    caller: bytes
    """Callers' pseudonyms are made with it, for as long as the records live."""
    replaced_us: tuple[int, ...] = ()
    """When each of the old seals was replaced; who came later doesn't carry it."""

    def __repr__(self) -> str:
        return "Keys(hidden)"


def read_keys(state: Path) -> Keys:
    """The keys in the state folder; made at the first start. Raises `ValueError` for a damaged file."""
    (seal, _), *old = _read(state / _SEALS)
    caller = _read(state / _CALLER, (old[-1][0] if old else seal).hex())
    return Keys(seal, tuple(key for key, _ in old), caller[0][0], tuple(us for _, us in old))


def stored_caller_key(state: Path) -> bytes | None:
    """What callers' pseudonyms were made with; None where nothing ever ran. Raises as `read_keys` does."""
    return read_keys(state).caller if (state / _SEALS).exists() else None


def rotate_seal(state: Path, now_us: int) -> Keys:
    """Seal with a new key from now on; those before it count until `forget_seals`.

    Raises `ValueError`, and changes nothing, when too many still count.
    """
    with _SEALING:
        keys = read_keys(state)  # callers' pseudonyms keep the first key
        if len(keys.old_seals) >= MAX_OLD:
            raise ValueError(f"{MAX_OLD} earlier keys still count for callers who are there")
        old = [(keys.seal, now_us), *zip(keys.old_seals, keys.replaced_us, strict=True)]
        _write(state / _SEALS, os.urandom(KEY_BYTES), old)
        return read_keys(state)


def forget_seals(state: Path, before_us: int) -> Keys:
    """Let no key count any more that was replaced before a moment."""
    with _SEALING:
        keys = read_keys(state)
        old = [pair for pair in zip(keys.old_seals, keys.replaced_us, strict=True) if pair[1] >= before_us]
        if len(old) < len(keys.old_seals):
            _write(state / _SEALS, keys.seal, old)
        return read_keys(state)


def _write(path: Path, seal: bytes, old: Sequence[tuple[bytes, int]]) -> None:
    write_private(path, "\n".join([seal.hex(), *(f"{key.hex()} {us}" for key, us in old)]))


def _read(path: Path, first: str = "") -> list[tuple[bytes, int]]:
    """Keys of a file, one a line, the old ones with the moment of their end; where it isn't told, it is that
    of the file. `first` is written when there is no file, else a new key.
    """
    if not path.exists():
        write_private(path, first or os.urandom(KEY_BYTES).hex())
    changed_us = path.stat().st_mtime_ns // 1000
    try:
        lines = [line.split() for line in path.read_text("ascii").splitlines()]
        keys = [(bytes.fromhex(key), int(us[0]) if us else changed_us) for key, *us in lines]
    except ValueError:
        keys = []
    if not keys or min(len(key) for key, _ in keys) < KEY_BYTES:
        raise ValueError(f"{path} is damaged: it must hold {KEY_BYTES} bytes in hexadecimal")
    return keys


def next_epoch(state: Path, now_s: int) -> int:
    """A number for this run, higher than those of all runs before; part of every record's id.

    The moment of the start in epoch seconds, or one more than the last run's where a clock went back: so it
    also grows when the state folder is lost and the database isn't. A disk that takes nothing keeps nobody
    from starting, for the moment is higher than what is kept; where it isn't, `OSError` is raised.
    """
    path = state / "epoch"
    last = int(path.read_text("ascii")) if path.exists() else 0
    epoch = max(last + 1, now_s)
    try:
        write_private(path, str(epoch))
    except OSError as error:
        if epoch > now_s:
            raise
        _log.error("epoch_not_kept", reason=error.strerror, hint="make room for the state folder")
    return epoch


def write_private(path: Path, text: str) -> None:
    """A file that only we may read, whole or not at all. Raises `OSError`."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
