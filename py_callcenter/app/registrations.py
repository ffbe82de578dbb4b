"""Which phones are behind each `user/…` contact on each switch.

FreeSWITCH rings only the first of a user's registered phones when the leg has a name of ours
(`origination_uuid` is one name for all of them), so each is rung under its own. Asked when a node is in step
and when a phone of such a user registers, unregisters or expires; never while a call waits for the answer:
until it is known, `user/…` is dialled as it stands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import gevent
import structlog
from gevent.event import Event as Signal

from py_callcenter._router import Event
from py_callcenter.config import Config
from py_callcenter.esl import commands
from py_callcenter.esl.errors import CommandError, EslError
from py_callcenter.esl.registered import phones_of
from py_callcenter.esl.values import Reply

_log = structlog.get_logger(__name__)

PREFIX: Final = "user/"
SUBCLASSES: Final = frozenset({"sofia::register", "sofia::unregister", "sofia::expire"})
PAUSE_S: Final = 0.005
"""Between two questions: calls come first on the connection that they go by."""


class Link(Protocol):
    """What is needed of a `NodeLink`."""

    def ask(self, data: bytes, timeout_s: float | None = None) -> Reply: ...


class Registrations:
    """Asks the switches and tells `found(node, contact, phones)`; all in the hub."""

    def __init__(self, links: Mapping[str, Link], found: Callable[[str, str, tuple[str, ...]], None]) -> None:
        self._links = links
        self._found = found
        self._contacts: dict[str, list[str]] = {}
        """Configured `user/…` contacts by the user's name."""
        self._seen: dict[tuple[str, str], set[str]] = {}
        """Contact headers of a node's user that the last answer covers."""
        self._wanted: deque[tuple[str, str]] = deque()
        self._wake = Signal()
        self._greenlet: Any = None

    def configure(self, config: Config) -> None:
        """Take up the agents' contacts; new ones are asked about."""
        before = {contact for contacts in self._contacts.values() for contact in contacts}
        self._contacts = {}
        for agent in config.agents:
            for contact in agent.contacts:
                if contact.startswith(PREFIX):
                    known = self._contacts.setdefault(_user(contact), [])
                    if contact not in known:
                        known.append(contact)
        fresh = [c for contacts in self._contacts.values() for c in contacts if c not in before]
        for node in self._links:
            self._want(node, fresh)

    def start(self) -> None:
        self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill(block=False)

    def synchronised(self, node: str) -> None:
        """The node is in step: whatever was known of it may be old."""
        for key in [key for key in self._seen if key[0] == node]:
            del self._seen[key]
        self._want(node, [contact for contacts in self._contacts.values() for contact in contacts])

    def on_event(self, node: str, event: Event) -> None:
        """A phone came, went, or said again that it is there, which is no news."""
        if event.subclass not in SUBCLASSES:
            return
        user = event.get("from-user") or event.get("user") or ""
        if user not in self._contacts:
            return
        seen = self._seen.setdefault((node, user), set())
        contact = event.get("contact") or ""
        if event.subclass == "sofia::register" and contact in seen:
            return
        if event.subclass == "sofia::register":
            seen.add(contact)
        else:
            seen.clear()
        self._want(node, self._contacts[user])

    def _want(self, node: str, contacts: Iterable[str]) -> None:
        waiting = set(self._wanted)
        self._wanted.extend((node, c) for c in contacts if (node, c) not in waiting)
        self._wake.set()

    def _run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._wanted:
                self._ask(*self._wanted.popleft())
                gevent.sleep(PAUSE_S)

    def _ask(self, node: str, contact: str) -> None:
        try:
            reply = self._links[node].ask(commands.registered_phones(contact.removeprefix(PREFIX)))
        except CommandError:
            return  # checked when the configuration was read; nothing that could be asked
        except EslError as error:
            # Asked again when the node is in step again.
            _log.debug("registrations_not_asked", node=node, problem=str(error))
            return
        phones, unusable = phones_of(reply.text)
        if unusable:
            _log.warning(
                "phone_passed_over",
                node=node,
                phones=unusable,
                hint="a registered address has characters that are never sent to the switch",
            )
        self._found(node, contact, phones)


def _user(contact: str) -> str:
    return contact.removeprefix(PREFIX).partition("@")[0]
