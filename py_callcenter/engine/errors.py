"""The engine's errors: a request that can't be carried out. Nothing was changed.

EngineError
├── UnknownAgent
├── UnknownCall
├── UnknownQueueName
├── UnknownNode
├── UnknownStatus
├── UnknownBreakReason
├── BadBreak
├── OutOfRange
├── BadDemand
├── BadTarget
└── NotNow
"""

from __future__ import annotations

from collections.abc import Iterable


class EngineError(ValueError):
    """Root of the tree. `hint` says what to do next."""

    hint = ""


class UnknownAgent(EngineError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no agent `{name[:64]}`")
        self.hint = "`callcenter agent list` shows the agents"


class UnknownCall(EngineError):
    def __init__(self, call: str) -> None:
        super().__init__(f"there is no call `{call[:64]}`")
        self.hint = "`callcenter call list` shows the calls"


class UnknownNode(EngineError):
    def __init__(self, name: str) -> None:
        super().__init__(f"there is no node `{name[:64]}`")
        self.hint = "`callcenter node list` shows the nodes"


class UnknownStatus(EngineError):
    def __init__(self, status: str, allowed: Iterable[str]) -> None:
        super().__init__(f"`{status[:64]}` is no status")
        self.hint = "allowed are " + ", ".join(f"`{name}`" for name in allowed)


class UnknownBreakReason(EngineError):
    def __init__(self, reason: str, known: Iterable[str]) -> None:
        super().__init__(f"`{reason[:64]}` is no break reason")
        names = ", ".join(f"`{name}`" for name in known)
        self.hint = f"allowed are {names}" if names else "the configuration has none: add [[breaks.reasons]]"


class BadBreak(EngineError):
    """A reason for something that is no break."""

    def __init__(self, status: str) -> None:
        super().__init__(f"`{status[:64]}` has no reason")
        self.hint = "a reason belongs to the status `On Break`"


class UnknownQueueName(EngineError):
    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"there is no queue `{name[:64]}`")
        self.hint = "known are " + ", ".join(f"`{other}`" for other in known)


class OutOfRange(EngineError):
    def __init__(self, what: str, low: int, high: int, unit: str = "") -> None:
        super().__init__(f"{what} must be {low} to {high}{unit}")


class BadDemand(EngineError):
    def __init__(self, why: str) -> None:
        super().__init__(f"the skills can't be read: {why}")
        self.hint = "for example `language:fa >= 3 and (billing or sales)`, or `any`"


class BadTarget(EngineError):
    """A destination that can't be one. It isn't repeated: it may be somebody's number."""

    def __init__(self, what: str, form: str) -> None:
        super().__init__(f"this is not {what}")
        self.hint = form


class NeedsOneSwitch(EngineError):
    """A phone would stand by on one switch, with callers on several."""

    def __init__(self, agent: str) -> None:
        super().__init__(f"`uuid-standby` works with one switch only, and agent `{agent[:64]}` would have it")
        self.hint = 'use type = "callback" with several `[[nodes]]`'


class NotNow(EngineError):
    """The state doesn't allow it, for example ending a wrap-up that isn't running."""
