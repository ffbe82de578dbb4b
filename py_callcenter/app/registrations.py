"""Which phones are behind each `user/…` contact on each switch.

FreeSWITCH rings only the first of a user's registered phones when the leg has a name of ours
(`origination_uuid` is one name for all of them), so each is rung under its own. Asked when a node is in step
and when a phone of such a user registers, unregisters or expires; never while a call waits for the answer:
until it is known, `user/…` is dialled as it stands. Such an event may be lost: when a switch says of itself
that nobody is registered the others are asked, and everything is asked anew now and then.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

import gevent
import structlog
from gevent.event import Event as Signal
from gevent.pool import Group

from py_callcenter._router import Event
from py_callcenter.config import Config
from py_callcenter.engine import AnyRecord
from py_callcenter.engine.records import OfferEnded
from py_callcenter.esl import commands
from py_callcenter.esl.errors import CommandError, EslError
from py_callcenter.esl.registered import phones_of
from py_callcenter.esl.values import Reply

_log = structlog.get_logger(__name__)

PREFIX: Final = "user/"
SUBCLASSES: Final = frozenset({"sofia::register", "sofia::unregister", "sofia::expire"})
PAUSE_S: Final = 0.005
"""Between two questions: calls come first on the connection that they go by."""
AGAIN_S: Final = 2.0
"""A registration that expires, or whose connection breaks, is told before it is deleted (sofia_reg.c 1.11.1,
lines 819-828; sofia.c, lines 2056-2080): who asks at once may find it still there.
"""
ROUND_S: Final = 600.0
"""In this time everything is asked anew, one after the other."""


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
        self._contacts_of: dict[str, list[str]] = {}
        """The same by agent."""
        self._seen: dict[tuple[str, str], set[str]] = {}
        """Contact headers of a node's user that the last answer covers."""
        self._wanted: deque[tuple[str, str]] = deque()
        self._wake = Signal()
        self._greenlets = Group()

    def configure(self, config: Config) -> None:
        """Take up the agents' contacts; new ones are asked about."""
        before = {contact for contacts in self._contacts.values() for contact in contacts}
        self._contacts = {}
        self._contacts_of = {
            agent.name: [contact for contact in agent.contacts if contact.startswith(PREFIX)]
            for agent in config.agents
        }
        for contacts in self._contacts_of.values():
            for contact in contacts:
                known = self._contacts.setdefault(_user(contact), [])
                if contact not in known:
                    known.append(contact)
        fresh = [contact for contact in self._all() if contact not in before]
        for node in self._links:
            self._want(node, fresh)

    def start(self) -> None:
        self._greenlets.spawn(self._run)
        self._greenlets.spawn(self._go_round)

    def stop(self) -> None:
        self._greenlets.kill(block=False)

    def synchronised(self, node: str) -> None:
        """The node is in step: whatever was known of it may be old."""
        for key in [key for key in self._seen if key[0] == node]:
            del self._seen[key]
        self._want(node, self._all())

    def on_record(self, record: AnyRecord) -> None:
        """A switch that was to ring an agent says that no phone is registered. That stands, as far as it
        goes, until one registers there or its turn comes; perhaps the phone has moved to another switch.
        """
        if not isinstance(record, OfferEnded) or record.outcome != "unregistered":
            return
        for contact in self._contacts_of.get(record.agent, ()):
            self._seen.pop((record.node, _user(contact)), None)
            for other in self._links:
                if other != record.node:
                    self._want(other, [contact])

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
            again: Any = gevent.Greenlet(self._want, node, self._contacts[user])
            self._greenlets.add(again)
            again.start_later(AGAIN_S)
        self._want(node, self._contacts[user])

    def _all(self) -> list[str]:
        return [contact for contacts in self._contacts.values() for contact in contacts]

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

    def _go_round(self) -> None:
        while True:
            questions = [(node, contact) for contact in self._all() for node in self._links]
            if not questions:
                gevent.sleep(ROUND_S)
            for node, contact in questions:
                gevent.sleep(ROUND_S / len(questions))
                if contact in self._contacts.get(_user(contact), ()):  # still configured
                    self._want(node, [contact])

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
        if not phones:  # whichever registers next is news
            self._seen.pop((node, _user(contact)), None)
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
