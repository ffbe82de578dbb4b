"""Each test of this folder runs twice: on the compiled router and on the plain Python one."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest
from contract.centre import Centre
from contract.reference_router import Router as ReferenceRouter
from hypothesis import HealthCheck, Phase, settings

from py_callcenter._router import Router

# The default run is the same on every machine and every day. It reports the history that it stumbles over as
# it is, for shortening takes minutes. `ROUTER_EXAMPLES=20000 pytest --timeout=0 tests/contract` searches
# further, from fresh seeds, and shortens what it finds; hypothesis prints how to repeat it.
_EXAMPLES = os.environ.get("ROUTER_EXAMPLES")
settings.register_profile(
    "router",
    max_examples=int(_EXAMPLES or 300),
    stateful_step_count=100,
    derandomize=_EXAMPLES is None,
    phases=set(Phase) if _EXAMPLES else {Phase.explicit, Phase.generate},
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)


@pytest.fixture(params=[Router, ReferenceRouter], ids=["rust", "reference"])
def make_router(request) -> Callable[[], Any]:
    return request.param


@pytest.fixture
def centre(make_router) -> Centre:
    return Centre(make_router())
