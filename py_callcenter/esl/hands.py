"""The connections to a node that commands go out by: which action takes which, and what comes of each.

Quick commands have connections of their own, so that none queues behind an originate (1 ms each).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import gevent
import gevent.event
import structlog

from py_callcenter._router import Event, EventError
from py_callcenter.engine.actions import (
    Action,
    AskApplication,
    AskMark,
    Bridge,
    Look,
    Originate,
    Probe,
    StartRecording,
)
from py_callcenter.esl import commands
from py_callcenter.esl.connection import Connection
from py_callcenter.esl.errors import CommandError, ConnectionFailed, EslError
from py_callcenter.esl.port import NOT_SENT, App
from py_callcenter.esl.settings import NodeSettings
from py_callcenter.esl.values import Counters, Reply

log = structlog.get_logger(__name__)


@dataclass(slots=True, eq=False)
class Slot:
    """The place of a connection that is made again whenever it ends."""

    name: str
    connection: Connection | None = None

    @property
    def open(self) -> Connection | None:
        connection = self.connection
        return connection if connection is not None and connection.connected else None


class Hands:
    """Of one node. `app`, who is told what comes of actions, is set before the first is performed."""

    app: App

    def __init__(
        self,
        settings: NodeSettings,
        counters: Counters,
        clock: Callable[[], float],
        tell: Callable[..., None],
    ) -> None:
        """`tell` calls what follows it, and no fault in there gets out."""
        self.quick = [Slot(f"quick-{i}") for i in range(settings.quick)]
        self.background = [Slot(f"background-{i}") for i in range(settings.background)]
        """For originates and recordings."""
        self.there = gevent.event.Event()
        """Set while some of both are open."""
        self._name = settings.name
        self._counters = counters
        self._clock = clock
        self._tell = tell

    def update(self) -> bool:
        """A connection was opened or has ended. Tells whether both kinds are `there`."""
        there = any(slot.open for slot in self.quick) and any(slot.open for slot in self.background)
        if there:
            self.there.set()
        else:
            self.there.clear()
        return there

    def quick_one(self) -> Connection:
        """Raises `ConnectionFailed` when none is open."""
        for slot in self.quick:
            if connection := slot.open:
                return connection
        raise ConnectionFailed("not-connected", NOT_SENT)

    def perform(self, action: Action) -> None:
        """Send what carries out `action`, without waiting. Failures come later, by `App.on_failure`."""
        word = commands.word(action)
        try:
            data = commands.encode(action)
        except CommandError as error:
            log.warning("esl_command_invalid", node=self._name, command=word, argument=error.argument)
            self._count(word, "invalid")
            gevent.spawn(self._tell, self.app.on_failure, action, str(error))
            return
        if commands.is_harmful(data):
            self._count(word, "invalid")
            gevent.spawn(self._tell, self.app.on_harmful, self._name, getattr(action, "uuid", ""))
            gevent.spawn(self._tell, self.app.on_failure, action, "a command that is never sent")
            return
        connection = self._connection_for(action)
        if connection is None:
            self._not_sent(action, word)
            return
        try:
            connection.submit(data, partial(self._replied, action, word, self._clock()))
        except ConnectionFailed:
            self._not_sent(action, word)

    def _connection_for(self, action: Action) -> Connection | None:
        if isinstance(action, Originate):
            return _open_one(self.background, action.job)
        if isinstance(action, StartRecording):
            return _open_one(self.background, action.uuid)
        return _open_one(self.quick, action.caller if isinstance(action, Bridge) else action.uuid)

    def _not_sent(self, action: Action, word: str) -> None:
        self._count(word, "not-sent")
        # In a greenlet of its own: an application that answers with another action must not recurse.
        gevent.spawn(self._tell, self.app.on_failure, action, NOT_SENT)

    def _replied(
        self, action: Action, word: str, sent_at: float, reply: Reply | None, _error: EslError | None
    ) -> None:
        if reply is not None:
            self._counters.took(word, self._clock() - sent_at)
        if reply is None:
            self._count(word, "unknown")
            self.app.on_failure(action, None)
        elif not reply.ok:
            self._count(word, "refused")
            if isinstance(action, Look):
                self.app.on_look(action, None)
            else:
                self.app.on_failure(action, reply.text)
        else:
            self._count(word, "ok")
            if isinstance(action, Probe):
                self.app.on_probe(action, reply.text == "true")
            elif isinstance(action, Look):
                self._looked(action, reply)
            elif isinstance(action, AskApplication):
                self.app.on_application(action, reply.text)
            elif isinstance(action, AskMark):
                self.app.on_mark(action, reply.text)

    def _looked(self, action: Look, reply: Reply) -> None:
        try:
            dump = Event.from_plain(reply.body)
        except EventError:
            self.app.on_failure(action, None)
        else:
            self.app.on_look(action, dump)

    def _count(self, word: str, outcome: str) -> None:
        key = (word, outcome)
        self._counters.commands[key] = self._counters.commands.get(key, 0) + 1


def _open_one(slots: list[Slot], key: str) -> Connection | None:
    """The same one for the same key, as long as it is open."""
    first = zlib.crc32(key.encode()) % len(slots) if len(slots) > 1 else 0
    for place in range(first, first + len(slots)):
        if connection := slots[place % len(slots)].open:
            return connection
    return None
