"""Who may do what, decided before any route: host names, the token, headers of every answer.

Reading from this machine is open; changing anything, and everything under /api from elsewhere, needs the
token. A request that came through a proxy counts as from elsewhere, even if the proxy runs here. A browser
on this machine can be made to ask for us under a foreign name (DNS rebinding), so local requests must
name a local host.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from py_callcenter.api.token import matches
from py_callcenter.config import is_loopback

MAX_BODY_BYTES: Final = 16 * 1024 * 1024

_READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_PROXY_HEADERS: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_SECURITY_HEADERS: Final = {
    "content-security-policy": (
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class Guard:
    """ASGI middleware. `token` is what a bearer must show; `hosts` are further names we may be asked by."""

    def __init__(self, app: ASGIApp, *, token: str, hosts: frozenset[str] = frozenset()) -> None:
        self._app = app
        self._token = token
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _with_headers(send, secret=scope["path"].startswith("/api"))
        refusal = self._refusal(scope, Headers(scope=scope))
        await (refusal or self._app)(scope, receive, answer)

    def _refusal(self, scope: Scope, headers: Headers) -> Response | None:
        client = scope.get("client")
        here = client is not None and is_loopback(client[0])
        local = here and not any(name in headers for name in _PROXY_HEADERS)
        if local and not self._is_ours(headers.get("host", "")):
            return problem(
                421, "this host name isn't served here", "use http://127.0.0.1 or http://localhost"
            )
        if _length(headers) > MAX_BODY_BYTES:
            return problem(413, "the request is too large", f"send at most {MAX_BODY_BYTES} bytes")
        if not scope["path"].startswith("/api") or (local and scope["method"] in _READING):
            return None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and matches(given.strip(), self._token):
            return None
        return problem(
            401,
            "this needs the token" if not given else "the token isn't right",
            "send `Authorization: Bearer …` with the token from the controller's state folder",
            {"www-authenticate": 'Bearer realm="callcenter"'},
        )

    def _is_ours(self, host: str) -> bool:
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        name = name.strip("[]").lower()
        return is_loopback(name) or name in self._hosts


def problem(status: int, error: str, hint: str = "", headers: Mapping[str, str] | None = None) -> Response:
    """The one shape of every error: what is wrong and what to do next."""
    body = orjson.dumps({"error": error, "hint": hint})
    return Response(body, status, headers, media_type="application/json")


def _length(headers: Headers) -> int:
    text = headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() else MAX_BODY_BYTES + 1


def _with_headers(send: Send, *, secret: bool) -> Send:
    async def wrapped(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            extra: dict[str, Any] = {**_SECURITY_HEADERS, **({"cache-control": "no-store"} if secret else {})}
            for name, value in extra.items():
                headers.setdefault(name, value)
            message = {**message, "headers": headers.raw}
        await send(message)

    return wrapped
