"""Dial strings and argument lists as `originate` reads them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_WORD_MARKS: Final = re.compile(r"[ '{}\[\]]")
_LEG_MARKS: Final = re.compile(r"[\[\]|,]")


class DialError(ValueError):
    """The text is no call that could be made; the message is the cause of the failure."""


@dataclass(frozen=True, slots=True)
class Target:
    """One leg of a dial string: its variables (own ones first) and its contact."""

    variables: tuple[tuple[str, str], ...]
    contact: str

    def variable(self, name: str) -> str:
        """Value of a variable, empty when it isn't set."""
        return dict(self.variables).get(name, "")


@dataclass(frozen=True, slots=True)
class Request:
    """The arguments of `originate`, taken apart."""

    attempts: tuple[tuple[Target, ...], ...]
    common: tuple[tuple[str, str], ...]
    then: str
    dialplan: str = "XML"
    context: str = "default"
    caller_name: str = ""
    caller_number: str = ""
    timeout_s: int = 60


def split_words(text: str) -> list[str]:
    """Split at spaces outside quotes and outside `{}` `[]`, as the switch does for arguments."""
    words: list[str] = []
    start = depth = 0
    quoted = False
    for mark in _WORD_MARKS.finditer(text):
        character = mark[0]
        if character == "'":
            quoted = not quoted
        elif quoted:
            continue
        elif character in "{[":
            depth += 1
        elif character in "}]":
            depth -= 1
        elif depth <= 0:
            words.append(text[start : mark.start()])
            start = mark.end()
    words.append(text[start:])
    return [word for word in words if word]


def parse_variables(text: str) -> tuple[tuple[str, str], ...]:
    r"""`a=1,b='x y',c=z\,z` → pairs; quotes and `\,` as in dial strings, `^^;` changes the separator."""
    separator = ","
    if text.startswith("^^") and len(text) > 2:
        separator, text = text[2], text[3:]
    pairs: list[tuple[str, str]] = []
    item = ""
    start = 0
    quoted = False
    for mark in _variable_marks(separator).finditer(f"{text}{separator}"):
        item += text[start : mark.start()]
        start = mark.end()
        found = mark[0]
        if found == "'":
            quoted = not quoted
        elif found[0] == "\\":
            item += found[1] if found[1:] in {separator, "'", "\\"} else found
        elif quoted:
            item += separator
        else:
            name, equals, value = item.partition("=")
            if equals and name.strip():
                pairs.append((name.strip(), value))
            item = ""
    return tuple(pairs)


@lru_cache(maxsize=64)
def _variable_marks(separator: str) -> re.Pattern[str]:
    """What means something in a list of variables: an escape, a quote, the separator."""
    return re.compile(r"\\.|'|" + re.escape(separator), re.DOTALL)


def _take_block(text: str, opening: str, closing: str) -> tuple[str, str]:
    """The block at the start of `text` and what follows it."""
    if not text.startswith(opening):
        return "", text
    end = text.find(closing)
    while end >= 0 and text.count("'", 0, end) % 2:
        end = text.find(closing, end + 1)
    if end < 0:
        raise DialError("DESTINATION_OUT_OF_ORDER")
    return text[1:end], text[end + 1 :]


def _split_legs(text: str, separator: str) -> list[str]:
    legs: list[str] = []
    start = depth = 0
    for place in _LEG_MARKS.finditer(text):
        character = place[0]
        depth += (character == "[") - (character == "]")
        if character == separator and depth == 0:
            legs.append(text[start : place.start()])
            start = place.end()
    legs.append(text[start:])
    return [leg.strip() for leg in legs if leg.strip()]


def parse_request(arguments: str) -> Request | None:
    """Arguments of `originate`, or None when there are too few or too many words."""
    words = split_words(arguments.strip())
    if not 2 <= len(words) <= 7:
        return None
    common_text, rest = _take_block(words[0], "{", "}")
    common = parse_variables(common_text)
    attempts: list[tuple[Target, ...]] = []
    for attempt in _split_legs(rest, "|"):
        targets: list[Target] = []
        for leg in _split_legs(attempt, ","):
            own_text, contact = _take_block(leg, "[", "]")
            own = parse_variables(own_text)
            names = {name for name, _ in own}
            targets.append(Target(own + tuple(pair for pair in common if pair[0] not in names), contact))
        attempts.append(tuple(targets))
    if not attempts:
        return None
    tail = words[2:]
    defaults = ["XML", "default", "", "", "60"]
    tail += defaults[len(tail) :]
    timeout = dict(common).get("originate_timeout", tail[4])
    return Request(
        attempts=tuple(attempts),
        common=common,
        then=words[1].strip("'"),
        dialplan=tail[0],
        context=tail[1],
        caller_name=tail[2],
        caller_number=tail[3],
        timeout_s=int(timeout) if re.fullmatch(r"[0-9]{1,6}", timeout) else 60,
    )


def application(then: str) -> tuple[str, str]:
    """`&park()` → name and arguments; cut at the first `)`, as mod_commands does."""
    name, _, rest = then.removeprefix("&").partition("(")
    return name, rest.partition(")")[0]
