"""uvicorn in a native thread of its own, beside the hub.

The address is taken at once; uvicorn and FastAPI are loaded in that thread, when calls are already served.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import uvicorn
    from fastapi import FastAPI

STOP_SECONDS: Final = 5.0


class ListenError(Exception):
    """The address can't be listened on."""


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
        self._stopping = False

    @property
    def url(self) -> str:
        """Where a browser on this machine finds the page."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - compared
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    def start(self, app: FastAPI) -> None:
        """Serve. Returns at once."""
        self.start_with(lambda: app)

    def start_with(
        self, make: Callable[[], FastAPI], failed: Callable[[Exception], None] | None = None
    ) -> None:
        """Serve what `make` gives, which is called in the server's thread. Returns at once.

        `failed` is told, in that thread, when there is nothing to serve.
        """
        self._thread = threading.Thread(target=self._run, args=(make, failed), name="api", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop serving and wait until it is so, at most a few seconds."""
        self._stopping = True
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        self._socket.close()

    @property
    def alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self, make: Callable[[], FastAPI], failed: Callable[[Exception], None] | None) -> None:
        from py_callcenter.api.serving import server_for  # noqa: PLC0415 - see above

        try:
            server = server_for(make())
        except Exception as error:
            if failed is None:
                raise
            failed(error)
            return
        self._server = server
        if not self._stopping:
            server.run(sockets=[self._socket])
