"""Counts of what is asked by HTTP: how often, how it ended, how long it took.

Routes are counted by their template (`/api/v1/calls/{call}`), never by what stood in it; whatever leads to no
route is one. The live feed is counted when it ends and left out of the times: it lasts as long as a page.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from py_callcenter.stats import LAG_BOUNDS_US, Histogram

NO_ROUTE: Final = "none"
"""Nothing there, or turned away before."""
FEED: Final = "/api/v1/events"


@dataclass(slots=True)
class Requests:
    """Belongs to the HTTP thread."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    """By the route's template and the class of the status (`2xx`)."""
    took: Histogram = field(default_factory=lambda: Histogram(LAG_BOUNDS_US))


class Counted:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, *, requests: Requests) -> None:
        self._app = app
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun_s = time.perf_counter()
        status = 500

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            route = _template(scope)
            key = route, f"{status // 100}xx"
            self._requests.counts[key] = self._requests.counts.get(key, 0) + 1
            if route != FEED:
                self._requests.took.observe(round((time.perf_counter() - begun_s) * 1e6))


def _template(scope: Scope) -> str:
    """The whole template of the route that was found; a mounted folder is one.

    A route knows its own part only, not what its router was included under; that has no parameters.
    """
    route = scope.get("route")
    if route is None:
        return str(scope.get("root_path") or NO_ROUTE)
    own = str(route.path)
    asked = str(scope["path"]).split("/")
    above = asked[: max(0, len(asked) - own.count("/"))]
    return "/".join(above) + own
