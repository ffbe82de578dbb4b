"""What isn't needed yet is loaded when it is asked for: a start must not wait for it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
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


@contextmanager
def without(*modules: str) -> Iterator[None]:
    """Load a library, but not yet these modules, of which it only keeps functions for later: each is loaded
    when such a function is first called. Who loads them afterwards gets them as they are.
    """
    absent = {name: _StandIn(name) for name in modules if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for stand_in in absent.values():
            stand_in.leave()


class _StandIn(ModuleType):
    def leave(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):  # the import system asks for such
            raise AttributeError(name)

        def call(*arguments: Any, **named: Any) -> Any:
            self.leave()
            return getattr(import_module(self.__name__), name)(*arguments, **named)

        return call
