"""HTTP: health, metrics, the API, the live feed and the page.

FastAPI and its kind take longer to load than a caller should wait, so everything here is loaded when it is
asked for: the start needs the address and the token only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from py_callcenter.lazy import names

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
    "WhyAgent",
    "WhyRow",
    "create_app",
    "ensure_token",
    "mask_number",
]

if TYPE_CHECKING:
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
        WhyAgent,
        WhyRow,
    )
    from py_callcenter.api.token import ensure_token
    from py_callcenter.api.views import mask_number
else:
    _ELSEWHERE = {"create_app": "app", "ensure_token": "token", "mask_number": "views"}

    __getattr__ = names(__name__, dict.fromkeys(__all__, "port") | _ELSEWHERE)
