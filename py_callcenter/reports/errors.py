"""The one error of this layer."""

from __future__ import annotations


class ReportError(Exception):
    """What was asked for can't be reported. `hint` says what can."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
