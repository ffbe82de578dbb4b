"""py_callcenter: a call-centre ACD for FreeSWITCH that lives beside the switch."""

from __future__ import annotations

from py_callcenter import _router

__all__ = ["__version__"]

__version__ = "0.1.0"

if _router.__version__ != __version__:  # a stale build would route by rules that this package doesn't know
    raise ImportError(
        f"the compiled module is version {_router.__version__}, the package is {__version__}; "
        "hint: run `make` to build it again"
    )
