"""The HTTP application: routes only; who may use them is `guard`'s business."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from py_callcenter import __version__
from py_callcenter.api.feed import Feed
from py_callcenter.api.guard import Guard, problem
from py_callcenter.api.history import History, history_v1
from py_callcenter.api.json import answer
from py_callcenter.api.mail import Mails, mail_v1
from py_callcenter.api.port import ControllerPort, Health, PortError
from py_callcenter.api.routes import v1
from py_callcenter.api.traffic import Counted, Requests
from py_callcenter.metrics import pieces

RETRY_AFTER_S: Final = 5
WEB: Final = Path(__file__).parent.parent / "web"

_log = structlog.get_logger(__name__)

_DESCRIPTION: Final = """
Reading from the controller's own machine is open. Changing anything needs `Authorization: Bearer …` with the
token from the controller's state folder; from elsewhere or through a proxy, all of `/api` needs it.

Errors have one shape: `{"error": "what is wrong", "hint": "what to do next"}`.

Moments are seconds since 1970 (UTC), durations are seconds.
"""


def create_app(
    controller: ControllerPort,
    *,
    token: str,
    hosts: frozenset[str] = frozenset(),
    feed: Feed | None = None,
    history: History | None = None,
    mails: Mails | None = None,
) -> FastAPI:
    """The application for one controller. `hosts` are names beside loopback that we may be asked by.

    Without a `history` there are no reports, without `mails` none by e-mail.
    """
    the_feed = feed or Feed(controller)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        yield
        await the_feed.close()

    app = FastAPI(
        title="callcenter",
        version=__version__,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
        generate_unique_id_function=_operation_id,
        lifespan=lifespan,
    )
    app.state.controller = controller
    app.state.feed = the_feed
    app.state.history = history
    app.state.mails = mails
    app.add_middleware(Guard, token=token, hosts=hosts)
    requests = Requests()
    app.add_middleware(Counted, requests=requests)
    _add_errors(app)
    _add_health(app, controller)
    _add_metrics(app, controller, the_feed, mails, requests)
    app.include_router(v1, prefix="/api/v1")
    app.include_router(history_v1, prefix="/api/v1")
    app.include_router(mail_v1, prefix="/api/v1")
    _add_pages(app)
    return app


def _operation_id(route: APIRoute) -> str:
    return route.name


def _add_health(app: FastAPI, controller: ControllerPort) -> None:
    responses: dict[int | str, dict[str, Any]] = {
        503: {"model": Health, "description": "Not well; see reasons."}
    }

    @app.get("/healthz", tags=["health"], response_model=Health, responses=responses)
    async def healthz() -> Response:
        """200 while the process works, 503 when its main loop is stuck: restart it then.

        A lost switch or database doesn't make it unhealthy; a restart would not bring them back.
        """
        return await _health(controller.health)

    @app.get("/readyz", tags=["health"], response_model=Health, responses=responses)
    async def readyz() -> Response:
        """200 while calls can be routed, 503 otherwise: send people elsewhere, but don't restart."""
        return await _health(controller.ready)


async def _health(ask: Callable[[], Awaitable[Health]]) -> Response:
    try:
        health = await ask()
    except PortError as error:
        health = Health(ok=False, reasons=(error.message,))
    return answer(health, 200 if health.ok else 503)


def _add_metrics(
    app: FastAPI, controller: ControllerPort, feed: Feed, mails: Mails | None, requests: Requests
) -> None:
    @app.get("/metrics", tags=["health"], response_class=Response)
    async def metrics(request: Request) -> Response:
        """Prometheus text; OpenMetrics for scrapers that ask for it."""
        emails = {} if mails is None else mails.outcomes()
        snapshot = replace(
            await controller.metrics(),
            sse_clients=feed.clients,
            report_emails=emails,
            http_requests=requests.counts.copy(),
            http_took=requests.took.copy(),
        )
        found, media_type = await asyncio.to_thread(pieces, snapshot, request.headers.get("accept", ""))
        return StreamingResponse(
            _one_by_one(found),
            headers={
                "content-type": media_type,
                "content-length": str(sum(map(len, found))),
                "cache-control": "no-store",
            },
        )


async def _one_by_one(found: list[bytes]) -> AsyncIterator[bytes]:
    """An iterator of the loop's own: an ordinary one would be asked in another thread for each piece."""
    for piece in found:
        yield piece


def _add_pages(app: FastAPI) -> None:
    @app.get("/", include_in_schema=False)
    async def page() -> FileResponse:
        return FileResponse(WEB / "index.html", headers={"cache-control": "no-cache"})

    @app.get("/reports", include_in_schema=False)
    async def reports() -> FileResponse:
        return FileResponse(WEB / "reports.html", headers={"cache-control": "no-cache"})

    @app.get("/api/docs", include_in_schema=False)
    async def docs() -> FileResponse:
        return FileResponse(WEB / "docs.html", headers={"cache-control": "no-cache"})

    @app.get("/favicon.ico", include_in_schema=False)
    async def favicon() -> FileResponse:
        return FileResponse(WEB / "icon.svg", media_type="image/svg+xml")

    app.mount("/static", StaticFiles(directory=WEB), name="static")


def _add_errors(app: FastAPI) -> None:
    @app.exception_handler(PortError)
    async def _port(_request: Request, error: PortError) -> Response:
        later = {"retry-after": str(RETRY_AFTER_S)} if error.status == 503 else None
        return problem(error.status, error.message, error.hint, later)

    @app.exception_handler(RequestValidationError)
    async def _request(_request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"][1:]) or "the request's body"
        return problem(400, f"{place}: {first['msg']}", "see /api/docs for what is expected")

    @app.exception_handler(HTTPException)
    async def _http(request: Request, error: HTTPException) -> Response:
        if error.status_code == 404:
            return problem(404, "there is nothing here", "see /api/docs for what there is")
        if error.status_code == 405:
            text = f"{request.method} isn't possible here"
            return problem(405, text, "see /api/docs for what there is", error.headers)
        return problem(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(Exception)
    async def _bug(request: Request, _error: Exception) -> Response:
        route = request.scope.get("route")
        _log.error("request_failed", route=getattr(route, "path", ""), method=request.method)
        return problem(500, "the controller made a mistake", "its log says more; please report it")
