"""The life of every call, pure: events in, actions and records out.

Read it in this order: `engine` (what comes in), `callers` (a caller's way), `offers` (an agent being rung),
`talk` (the conversation), `resync` (a fresh look at a switch), `actions` and `records` (what goes out).
"""

from py_callcenter.engine.actions import Action
from py_callcenter.engine.engine import Engine
from py_callcenter.engine.errors import EngineError
from py_callcenter.engine.outcome import Outcome
from py_callcenter.engine.records import AnyRecord
from py_callcenter.engine.view import View

__all__ = ["Action", "AnyRecord", "Engine", "EngineError", "Outcome", "View"]
