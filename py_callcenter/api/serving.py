"""uvicorn as we want it."""

from __future__ import annotations

import socket

import uvicorn
from fastapi import FastAPI


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the live feeds first: uvicorn would wait for listeners that never leave by themselves."""
        app = self.config.app
        if isinstance(app, FastAPI):
            await app.state.feed.close()
        await super().shutdown(sockets)


def server_for(app: FastAPI) -> uvicorn.Server:
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
    return _Server(config)
