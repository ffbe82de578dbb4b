"""The life of every call, pure: events in, actions and records out.

Read it in this order: `engine` (what comes in), `callers` (a caller's way), `offers` (an agent being rung),
`joining` (an answer), `talk` (the conversation), `endings` (the agent is free again), `returning` (the caller
is parked again), `resync` (a fresh look at a switch), `recovery` (what outlived the last run), `actions` and
`records` (what goes out). What is named here is loaded when it is asked for: links to switches need the
actions alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from py_callcenter.lazy import names

__all__ = ["Action", "AnyRecord", "Engine", "EngineError", "Outcome", "View"]

if TYPE_CHECKING:
    from py_callcenter.engine.actions import Action
    from py_callcenter.engine.engine import Engine
    from py_callcenter.engine.errors import EngineError
    from py_callcenter.engine.outcome import Outcome
    from py_callcenter.engine.records import AnyRecord
    from py_callcenter.engine.view import View
else:
    __getattr__ = names(
        __name__,
        {
            "Action": "actions",
            "AnyRecord": "records",
            "Engine": "engine",
            "EngineError": "errors",
            "Outcome": "outcome",
            "View": "view",
        },
    )
