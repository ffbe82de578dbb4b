"""HTTP: health, metrics, the API, the live feed and the page."""

from __future__ import annotations

from py_callcenter.api.app import create_app
from py_callcenter.api.port import (
    AgentRow,
    CallRow,
    ControllerPort,
    Health,
    NodeRow,
    PortError,
    QueueRow,
    ServiceLevelRow,
    Snapshot,
    TraceStep,
    WaitErrorRow,
    WaitRow,
)
from py_callcenter.api.token import ensure_token
from py_callcenter.api.views import mask_number

__all__ = [
    "AgentRow",
    "CallRow",
    "ControllerPort",
    "Health",
    "NodeRow",
    "PortError",
    "QueueRow",
    "ServiceLevelRow",
    "Snapshot",
    "TraceStep",
    "WaitErrorRow",
    "WaitRow",
    "create_app",
    "ensure_token",
    "mask_number",
]
