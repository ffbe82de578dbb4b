"""Extensions of the simulated switch, described in Python.

A `Dialplan` is a list of patterns; the first that matches the whole destination gives the steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One application of an extension. `$1`, `$2` … in `data` are the pattern's groups.

    Applications: `set` (name=value), `answer`, `park`, `bridge` (a contact), `playback` (a path; lasts
    `seconds`), `sleep` (milliseconds), `echo`, `hangup` (a cause); others do nothing.
    """

    application: str
    data: str = ""
    seconds: float = 3.0


@dataclass(frozen=True, slots=True)
class Extension:
    """Steps for all destinations that match a regular expression as a whole."""

    pattern: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Route:
    """What the dialplan found: steps with the groups filled in, and the match for DP_MATCH."""

    steps: tuple[Step, ...]
    match: str


QUEUE = Extension(r"queue_(.+)", (Step("set", "cc_queue=$1"), Step("answer"), Step("park")))
ECHO = Extension(r"echo", (Step("answer"), Step("echo")))


class Dialplan:
    """The extensions of one switch; later ones are tried first, so that tests can put theirs in front."""

    def __init__(self, extensions: tuple[Extension, ...] = (QUEUE, ECHO)) -> None:
        self._extensions = list(extensions)

    def add(self, pattern: str, *steps: Step) -> None:
        """Put an extension in front of the others."""
        self._extensions.insert(0, Extension(pattern, steps))

    def route(self, destination: str) -> Route | None:
        """Steps for a destination, or None when no extension matches."""
        for extension in self._extensions:
            match = re.fullmatch(extension.pattern, destination)
            if match is None:
                continue
            steps = tuple(Step(s.application, _fill(s.data, match), s.seconds) for s in extension.steps)
            groups = match.groups()
            found = "ARRAY::" + "|:".join((match.group(), *groups)) if groups else ""
            return Route(steps, found)
        return None


def _fill(text: str, match: re.Match[str]) -> str:
    return re.sub(r"\$(\d)", lambda m: match.group(int(m.group(1))) or "", text) if "$" in text else text
