"""What a package names is loaded when it is asked for: a start must not wait for what it doesn't need yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """The `__getattr__` (PEP 562) of a package. `homes`: the module of the package that has the name.

    To be set where TYPE_CHECKING isn't: a checker shall find names that the package hasn't.
    """

    def load(name: str) -> Any:
        home = homes.get(name)
        if home is None:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return getattr(import_module(f"{package}.{home}"), name)

    return load
