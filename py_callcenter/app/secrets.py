"""What outlives the process in the state folder: the seal's key and the last epoch."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32
_SEALS: Final = "seal.key"
_CALLER: Final = "caller.key"


@dataclass(frozen=True, slots=True)
class Keys:
    """What is secret of ours; in files that only we can read."""

    seal: bytes
    """Our stamps on channels are sealed with it."""
    old_seals: tuple[bytes, ...]
    """What it was before: callers who wait still carry it."""
    caller: bytes
    """Callers' pseudonyms are made with it, for as long as the records live."""

    def __repr__(self) -> str:
        return "Keys(hidden)"


def read_keys(state: Path) -> Keys:
    """The keys in the state folder; made at the first start. Raises `ValueError` for a damaged file."""
    seals = _read(state / _SEALS)
    caller = _read(state / _CALLER, seals[-1].hex())
    return Keys(seals[0], tuple(seals[1:]), caller[0])


def stored_caller_key(state: Path) -> bytes | None:
    """What callers' pseudonyms were made with; None where nothing ever ran. Raises as `read_keys` does."""
    return read_keys(state).caller if (state / _SEALS).exists() else None


def rotate_seal(state: Path) -> None:
    """Seal with a new key from the next start on; the one before it still counts, older ones no longer."""
    seals = _read(state / _SEALS)
    _read(state / _CALLER, seals[-1].hex())
    write_private(state / _SEALS, "\n".join([os.urandom(KEY_BYTES).hex(), seals[0].hex()]))


def _read(path: Path, first: str = "") -> list[bytes]:
    """Keys of a file, one a line; `first` is written when there is none, else a new one."""
    if not path.exists():
        write_private(path, first or os.urandom(KEY_BYTES).hex())
    try:
        keys = [bytes.fromhex(line) for line in path.read_text("ascii").split()]
    except ValueError:
        keys = []
    if not keys or min(map(len, keys)) < KEY_BYTES:
        raise ValueError(f"{path} is damaged: it must hold {KEY_BYTES} bytes in hexadecimal")
    return keys


def next_epoch(state: Path, now_s: int) -> int:
    """A number for this run, higher than those of all runs before; part of every record's id.

    The moment of the start in epoch seconds, or one more than the last run's where a clock went back: so it
    also grows when the state folder is lost and the database isn't.
    """
    path = state / "epoch"
    last = int(path.read_text("ascii")) if path.exists() else 0
    epoch = max(last + 1, now_s)
    write_private(path, str(epoch))
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
