"""Changing one key of one entry, from text as it comes from a command line."""

from __future__ import annotations

import tomllib
from typing import Any

from pydantic import ValidationError

from py_callcenter.config.load import explain
from py_callcenter.config.models import Config
from py_callcenter.config.relations import check_relations
from py_callcenter.config.routing import Agent
from py_callcenter.config.rules import RuleError, shown


def set_agent_key(config: Config, name: str, key: str, value: str) -> Config:
    """The configuration with one key of one agent changed. Raises `RuleError`.

    The value is read as TOML where it is TOML (`10`, `["user/1", "user/2"]`), else it is text.
    """
    routing = config.routing()
    agent = next((row for row in routing["agents"] if row["name"] == name), None)
    if agent is None:
        known = ", ".join(row["name"] for row in routing["agents"]) or "none"
        raise RuleError(f"there is no agent {shown(name)}", f"known: {known}")
    keys = sorted(field.alias or name for name, field in Agent.model_fields.items())
    if key not in keys or key == "name":
        raise RuleError(
            f"{shown(key)} is nothing that can be set", "one of: " + ", ".join(k for k in keys if k != "name")
        )
    agent[key] = _read(value)
    try:
        wanted = config.with_routing(routing)
    except ValidationError as error:
        place, message, hint = explain(error)[0]
        message = message.removesuffix(", not text in quotes")  # nobody typed quotes on a command line
        raise RuleError(f"{place.partition('.')[2] or key}: {message}", hint) from error
    place_of_key = ("agents", routing["agents"].index(agent), key)
    for path, message, hint in check_relations(wanted.model_dump(by_alias=True)):
        if path == place_of_key:  # such as what the nodes don't allow
            raise RuleError(message, hint)
    return wanted


def _read(value: str) -> Any:
    try:
        return tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return value
