"""What the HTTP thread serves; loaded there, for it takes as long to load as all the rest together."""

from __future__ import annotations

from fastapi import FastAPI

from py_callcenter.api.app import create_app
from py_callcenter.app.controller import Controller
from py_callcenter.app.crossing import IntoHub
from py_callcenter.app.history import StoredHistory
from py_callcenter.app.mailer import StoredMails
from py_callcenter.app.port import HubPort
from py_callcenter.store.store import Store


def application(
    controller: Controller,
    store: Store,
    into_hub: IntoHub,
    *,
    token: str,
    caller_key: bytes,
    mails: StoredMails,
) -> FastAPI:
    """`caller_key`: what callers' pseudonyms are made with."""
    port = HubPort(controller, store, into_hub)
    history = StoredHistory(controller, store, caller_key)
    return create_app(port, token=token, history=history, mails=mails)
