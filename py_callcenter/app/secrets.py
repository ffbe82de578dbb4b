"""What outlives the process in the state folder: the seal's key and the last epoch."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32


def seal_key(state: Path) -> bytes:
    """The key that our stamps on channels are sealed with; made at the first start, readable by us alone."""
    path = state / "seal.key"
    if not path.exists():
        write_private(path, os.urandom(KEY_BYTES).hex())
    key = bytes.fromhex(path.read_text("ascii").strip())
    if len(key) < KEY_BYTES:
        raise ValueError(f"{path} is damaged: it must hold {KEY_BYTES} bytes in hexadecimal")
    return key


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
