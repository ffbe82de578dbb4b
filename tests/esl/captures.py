"""Reader of the captured event-socket conversations in `tests/data/esl`."""

import io
import lzma
import re
import tarfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal

ARCHIVE: Final = Path(__file__).parents[1] / "data" / "esl" / "captures.tar.xz"

_MARKER: Final = re.compile(rb"^(<<<|>>>) (\d+)\.(\d{6})\n", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of a conversation: what one side wrote at one moment.

    A chunk of the server is one whole frame; a chunk of the client is one whole command.
    """

    direction: Literal["server", "client"]
    at_us: int
    """Moment at the client, microseconds since the epoch."""
    data: bytes


@cache
def _archive() -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(lzma.decompress(ARCHIVE.read_bytes()))) as archive:
        for member in archive:
            opened = archive.extractfile(member)
            if opened is not None:
                files[member.name.removesuffix(".esl")] = opened.read()
    return files


def names() -> list[str]:
    """All scenarios, sorted, for example `02-answer-bridge-agent-hangup`."""
    return sorted(_archive())


@cache
def _chunks(scenario: str) -> tuple[Chunk, ...]:
    matches = [name for name in names() if name == scenario or name.startswith(f"{scenario}-")]
    if len(matches) != 1:
        message = f"no capture called {scenario!r}; there are: {', '.join(names())}"
        raise LookupError(message)
    text = _archive()[matches[0]]
    marks = list(_MARKER.finditer(text))
    ends = [mark.start() for mark in marks[1:]] + [len(text)]
    chunks = []
    for mark, end in zip(marks, ends, strict=True):
        piece = text[mark.end() : end]
        if not piece.endswith(b"\n"):
            message = f"{matches[0]}: no newline after the piece at byte {mark.start()}"
            raise ValueError(message)
        server = mark[1] == b"<<<"
        chunks.append(
            Chunk(
                direction="server" if server else "client",
                at_us=int(mark[2]) * 1_000_000 + int(mark[3]),
                # The recorder wrote commands without the second newline of their end: with the one that
                # it put after each piece they are what went over the wire.
                data=piece[:-1] if server else piece,
            )
        )
    return tuple(chunks)


def load(scenario: str) -> list[Chunk]:
    """The conversation in order. `scenario` is a name of `names()` or its number, `"02"`."""
    return list(_chunks(scenario))


def server_bytes(scenario: str) -> bytes:
    """All that the switch wrote, as one stream, without markers."""
    return b"".join(chunk.data for chunk in _chunks(scenario) if chunk.direction == "server")


def client_bytes(scenario: str) -> bytes:
    """All that the client wrote, as one stream."""
    return b"".join(chunk.data for chunk in _chunks(scenario) if chunk.direction == "client")
