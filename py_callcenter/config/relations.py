"""Rules between entries: no name twice, no tier without its queue and agent, no public default password.

They work on plain values so that they can be checked, and reported, beside errors of single values.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import SecretStr

from py_callcenter.config.rules import DEFAULT_PASSWORD, NO_PASSWORD, is_loopback, shown

Path = tuple[str | int, ...]
Problem = tuple[Path, str, str]
"""Where (path of keys and indices), what is wrong, hint."""


def check_relations(data: Mapping[str, Any]) -> Iterator[Problem]:
    """All problems between entries. Entries of a wrong type are passed over: others report them."""
    for kind, word in (
        ("nodes", "node"),
        ("queues", "queue"),
        ("agents", "agent"),
        ("recipients", "recipient"),
    ):
        yield from _twice(data, kind, ("name",), f"a second {word}")
    yield from _twice(data, "nodes", ("host", "port"), "a second node at the same address")
    yield from _twice(data, "tiers", ("queue", "agent"), "a second tier of the same queue and agent")
    breaks = data.get("breaks")
    if isinstance(breaks, Mapping):
        for path, message, hint in _twice(breaks, "reasons", ("name",), "a second break reason"):
            yield ("breaks", *path), message, hint
    yield from _check_standby(data)
    yield from _check_tiers(data)
    yield from _check_relaxations(data)
    yield from _check_passwords(data)
    yield from _check_recipients(data)


def entries(data: Mapping[str, Any], kind: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Index and entry of a list of tables, as far as they are tables."""
    rows = data.get(kind)
    if isinstance(rows, list | tuple):
        yield from ((index, row) for index, row in enumerate(rows) if isinstance(row, Mapping))


def _check_standby(data: Mapping[str, Any]) -> Iterator[Problem]:
    """A leg that stays up leads to one phone, from one switch."""
    nodes = sum(1 for _ in entries(data, "nodes"))
    for index, row in entries(data, "agents"):
        if row.get("type") != "uuid-standby":
            continue
        contact = row.get("contact")
        if isinstance(contact, list | tuple) and len(contact) > 1:
            problem = "a `uuid-standby` agent has one phone"
            yield ("agents", index, "contact"), problem, "name the one that is kept connected"
        if nodes > 1:
            problem = "`uuid-standby` works with one switch only"
            yield ("agents", index, "type"), problem, 'use type = "callback" with several `[[nodes]]`'


def _twice(data: Mapping[str, Any], kind: str, keys: tuple[str, ...], what: str) -> Iterator[Problem]:
    defaults = {"host": "127.0.0.1", "port": 8021}
    seen: dict[tuple[object, ...], int] = {}
    for index, row in entries(data, kind):
        value = tuple(row.get(key, defaults.get(key)) for key in keys)
        if not all(isinstance(part, Hashable) and part is not None for part in value):
            continue
        if value in seen:
            words = " ".join(shown(str(part)) for part in value)
            yield (
                (kind, index, keys[0]),
                f"{what}: {words}",
                f"the first one is {kind}[{seen[value]}]; rename or remove one",
            )
        else:
            seen[value] = index


def _check_tiers(data: Mapping[str, Any]) -> Iterator[Problem]:
    for key, kind in (("queue", "queues"), ("agent", "agents")):
        known = [name for _, row in entries(data, kind) if isinstance(name := row.get("name"), str)]
        for index, row in entries(data, "tiers"):
            name = row.get(key)
            if isinstance(name, str) and name not in known:
                near = get_close_matches(name, known, 1)
                hint = f"did you mean {shown(near[0])}?" if near else f"add it under [[{kind}]]"
                yield ("tiers", index, key), f"there is no {key} {shown(name)}", hint


def _check_relaxations(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Steps in order of time, after something to relax, with nothing behind `any`."""
    for index, row in entries(data, "queues"):
        if row.get("relax") and (row.get("skills") or "any") == "any":
            yield (
                ("queues", index, "relax"),
                "there is nothing to relax: the queue's callers need no skills",
                "give `skills`, or leave `relax` out",
            )
        before: float = 0
        needs: object = row.get("skills")
        for step, entry in entries(row, "relax"):
            after = entry.get("after")
            if step and needs == "any":
                where = ("queues", index, "relax", step)
                yield where, "nothing can follow `any`", "anybody will do by then; remove it"
                break
            if isinstance(after, int | float) and after <= before and step:
                yield (
                    ("queues", index, "relax", step, "after"),
                    f"must be more than {before:g}, the step before",
                    "write the steps in order of waiting time",
                )
            before = after if isinstance(after, int | float) else before
            needs = entry.get("skills")


def _check_passwords(data: Mapping[str, Any]) -> Iterator[Problem]:
    for index, row in entries(data, "nodes"):
        # The model says so too, but only of a node without any other fault.
        if row.get("password") is None and row.get("password-file") is None:
            yield ("nodes", index), *NO_PASSWORD
    controller = data.get("controller")
    if isinstance(controller, Mapping) and controller.get("allow-default-password") is True:
        return
    for index, row in entries(data, "nodes"):
        host, password = row.get("host", "127.0.0.1"), row.get("password")
        if isinstance(password, SecretStr):
            password = password.get_secret_value()
        if password == DEFAULT_PASSWORD and isinstance(host, str) and not is_loopback(host):
            yield (
                ("nodes", index, "password"),
                f"FreeSWITCH's default password on {shown(host)}, which others can reach too",
                (
                    "set a password of your own in event_socket.conf.xml and here, "
                    "or accept the risk with `allow-default-password = true` under [controller]"
                ),
            )


def _check_recipients(data: Mapping[str, Any]) -> Iterator[Problem]:
    """Somebody sends, and what is asked for exists."""
    rows = list(entries(data, "recipients"))
    if rows and data.get("mail") is None:
        yield (
            ("recipients", rows[0][0]),
            "there is no [mail], so nothing could be sent",
            "add [mail] with the host and the sender",
        )
    for kind, word in (("queues", "queue"), ("agents", "agent")):
        known = [name for _, row in entries(data, kind) if isinstance(name := row.get("name"), str)]
        for index, row in rows:
            names = row.get(kind)
            for place, name in enumerate(names if isinstance(names, list | tuple) else ()):
                if isinstance(name, str) and name not in known:
                    near = get_close_matches(name, known, 1)
                    hint = f"did you mean {shown(near[0])}?" if near else f"add it under [[{kind}]]"
                    yield ("recipients", index, kind, place), f"there is no {word} {shown(name)}", hint
