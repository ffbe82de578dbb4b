"""uvicorn in a native thread of its own, beside the hub."""

from __future__ import annotations

import socket
import threading
from typing import Final

import uvicorn
from fastapi import FastAPI

STOP_SECONDS: Final = 5.0


class ListenError(Exception):
    """The address can't be listened on."""


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live feeds first: uvicorn would wait for listeners that never leave by themselves."""
        app = self.config.app
        if isinstance(app, FastAPI):
            await app.state.feed.close()
        await super().shutdown(sockets)


class ApiServer:
    """Listens from the moment it is made, so that a taken port is known before anything else is started."""

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind((host, port))
            self._socket.listen(128)  # two sockets may bind one address, but only one may listen
        except OSError as error:
            self._socket.close()
            raise ListenError(f"can't listen on {host} port {port}: {error.strerror}") from error
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self, app: FastAPI) -> None:
        """Serve. Returns at once."""
        config = uvicorn.Config(
            app,
            access_log=False,
            date_header=True,
            lifespan="on",
            log_config=None,
            proxy_headers=False,  # the guard must see who really connected
            server_header=False,
            timeout_graceful_shutdown=2,
            timeout_keep_alive=30,
            ws="none",
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="api", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and wait until it is so, at most a few seconds."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        self._socket.close()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        assert self._server is not None  # noqa: S101 - set before the thread starts
        self._server.run(sockets=[self._socket])
