"""One TCP connection to the event socket of one FreeSWITCH.

A subclass of greenswitch's `InboundESL` that keeps its vocabulary (`connect`, `send`, `register_handle`,
`stop`) and none of its inside. Rules:

* Reading is a callback of the hub: bytes → frames → bounded inbox. A greenlet of its own takes events from
  the inbox to the sink, so that a slow sink never leaves bytes in the socket (FreeSWITCH suffers from that).
* Replies come in the order of commands. The list of waiting commands and the bytes to write change
  together, without a switch of greenlets in between, so a reply can't reach the wrong one.
* Any error ends the whole connection: each waiting command gets `UnknownOutcome`, for it may have run.
* One timer looks at all deadlines. A connection that failed is never used again.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import gevent
import gevent.event
import gevent.hub
import greenswitch
import structlog

from py_callcenter._router import Event, EventError, Frame, FrameError, FrameParser, Poker
from py_callcenter.esl import commands
from py_callcenter.esl.dial import dial
from py_callcenter.esl.errors import (
    AuthRefused,
    CommandError,
    ConnectionFailed,
    EslError,
    RudeRejection,
    UnknownOutcome,
)
from py_callcenter.esl.values import KEPT_EVENTS, Counters, Limits, Reply

log = structlog.get_logger(__name__)

_READ: Final = 1
_WRITE: Final = 2
_TICK_S: Final = 0.1
_READ_BYTES: Final = 262_144
_SLICE_S: Final = 0.005
"""The dispatcher lets others run after so long."""
_UNSENT_BYTES: Final = 4 * 1024 * 1024
_ITS_CHANNEL: Final = b"\nUnique-ID: "
_ID_BYTES: Final = len(_ITS_CHANNEL) + 36


OnReply = Callable[[Reply | None, EslError | None], None]
"""Called once with the reply, or with `UnknownOutcome` when none can come any more."""
OnEvent = Callable[[Event], None]


class _Waiting(NamedTuple):
    deadline: float
    result: gevent.event.AsyncResult[Reply] | None
    callback: OnReply | None


class _Item(NamedTuple):
    """Something for the dispatcher: an event, or an answer with the one who waits for it."""

    arrived: float
    size: int
    frame: Frame | None
    callback: OnReply | None = None
    reply: Reply | None = None
    error: EslError | None = None


# greenswitch ships no types, so its class is Any to mypy.
class Connection(greenswitch.InboundESL):  # type: ignore[misc]
    """A connection: `connect()` once, use it until `closed` is set, throw it away.

    `on_event` runs in the connection's dispatcher greenlet, one event at a time, in order. `clock` is
    monotonic seconds. All methods belong to the thread of the hub.
    """

    def __init__(
        self,
        host: str,
        port: int,
        password: str,
        timeout: float | None = None,
        *,
        name: str = "esl",
        on_event: OnEvent | None = None,
        limits: Limits | None = None,
        counters: Counters | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # greenswitch would make an unbounded queue and greenlets here; only its handler table is kept.
        self.host = host
        self.port = port
        self.password = password
        self.name = name
        self.limits = limits or Limits()
        self.timeout = self.limits.command_s if timeout is None else timeout
        self.counters = counters if counters is not None else Counters()
        self.event_handlers: dict[str, list[OnEvent]] = {}
        self.connected = False
        self.closed: gevent.event.AsyncResult[ConnectionFailed] = gevent.event.AsyncResult()
        """Set once, with the reason, when the connection has ended."""
        self.on_event = on_event
        self._clock = clock
        self._used = False
        self._greeting: gevent.event.AsyncResult[None] = gevent.event.AsyncResult()
        self._parser = FrameParser(max_body_bytes=self.limits.body_bytes)
        # Kept, for `recv` takes a new room of this size each time and gives most of it back: with calls' data
        # of all ages in between, the heap grew by such a room again and again.
        self._room = memoryview(bytearray(_READ_BYTES))
        self._waiting: deque[_Waiting] = deque()
        self._inbox: deque[_Item] = deque()
        self._inbox_bytes = 0
        self._resting: gevent.hub.Waiter[None] | None = None
        """Where the dispatcher waits while the inbox is empty."""
        self._unsent = bytearray()
        self._unsent_since = 0.0
        self._last_frame_at = 0.0
        self._dispatcher: gevent.Greenlet[..., None] | None = None
        self._watchers: list[Any] = []
        self._writable: Any = None
        self.sock: socket.socket | None = None

    def __repr__(self) -> str:
        return f"<Connection {self.name} {'open' if self.connected else 'not open'}>"

    # --- Opening and closing ---------------------------------------------------------------------------

    def connect(self) -> None:
        """Open, wait for the greeting, log in. Blocks the greenlet for at most `connect_s` + 2 × `auth_s`.

        Raises `RudeRejection`, `AuthRefused` or `ConnectionFailed`; the socket is closed then.
        """
        if self._used:
            raise ConnectionFailed("used", "a connection is opened once")
        self._used = True
        try:
            self._open()
            self.authenticate()
        except ConnectionFailed as error:
            self._fail(error)
            raise
        except BaseException:
            self._fail(ConnectionFailed("stopped"))
            raise

    def _open(self) -> None:
        self.sock = dial(self.host, self.port, self.limits.connect_s)
        loop = gevent.get_hub().loop
        fd = self.sock.fileno()
        readable = loop.io(fd, _READ)
        self._writable = loop.io(fd, _WRITE)
        timer = loop.timer(_TICK_S, _TICK_S)
        self._watchers = [readable, self._writable, timer]
        self._last_frame_at = self._clock()
        self.connected = True
        self._dispatcher = gevent.spawn(self.process_events)
        readable.start(self.receive_events)
        timer.start(self._tick)
        try:
            self._greeting.get(timeout=self.limits.auth_s)
        except gevent.Timeout:
            raise ConnectionFailed("no-greeting", "the port is open but no event socket answers") from None

    def authenticate(self) -> None:
        """Log in with the password. Raises `AuthRefused`."""
        try:
            reply = self.send(commands.auth(self.password), self.limits.auth_s)
        except CommandError as error:
            raise ConnectionFailed("no-login", str(error)) from None
        except UnknownOutcome:
            ended = self.closed.get()
            if ended is None or ended.reason == "command-timeout":
                ended = ConnectionFailed("no-login", "no answer to the password")
            raise ended from None
        if not reply.text.startswith("+OK"):
            raise AuthRefused

    def cut(self, reason: str) -> None:
        """Close at once for a reason that only the owner can see, such as canaries that don't come back."""
        self._fail(ConnectionFailed(reason))

    def stop(self) -> None:
        """Say goodbye without waiting, and close. May be called anywhere, from a handler too, and again."""
        if self.connected and not self._unsent and self.sock is not None:
            with contextlib.suppress(OSError):
                self.sock.send(commands.leave())
        self._fail(ConnectionFailed("stopped"))

    def _fail(self, error: ConnectionFailed) -> None:
        """End the connection for good; each waiting command gets an answer."""
        if self.closed.ready():
            return
        self.connected = False
        for watcher in self._watchers:
            watcher.close()
        self._watchers.clear()
        self._unsent.clear()
        if self.sock is not None:
            # The poker has a duplicate of the descriptor: closing ours alone would leave the connection open.
            with contextlib.suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)
            self.sock.close()
        now = self._clock()
        unknown = UnknownOutcome(f"connection ended: {error.reason}")
        while self._waiting:
            waiting = self._waiting.popleft()
            if waiting.result is not None:
                waiting.result.set_exception(unknown)
            else:
                self._inbox.append(_Item(now, 0, None, waiting.callback, None, unknown))
        if not self._greeting.ready():
            self._greeting.set_exception(error)
        self.closed.set(error)
        if self._resting is not None:
            gevent.get_hub().loop.run_callback(self._rouse)

    # --- Commands --------------------------------------------------------------------------------------

    def send(self, data: bytes, timeout: float | None = None) -> Reply:
        """Send one command and wait for its reply in the calling greenlet, at most `timeout` seconds.

        Raises `CommandError` (not one command), `ConnectionFailed` (not open, nothing was sent) or
        `UnknownOutcome`. A refusal by the switch is a reply, not an exception.
        """
        return self.send_behind((), data, timeout)

    def send_behind(self, first: Sequence[bytes], data: bytes, timeout: float | None = None) -> Reply:
        """Send one command as `send` does, and others right before it, in one write, so that hardly a line
        breaks between them. Their replies don't matter.
        """
        if not self.connected:
            raise ConnectionFailed("not-connected")
        for one in (*first, data):
            _check_command(one)
        deadline = self._clock() + (self.timeout if timeout is None else timeout)
        result: gevent.event.AsyncResult[Reply] = gevent.event.AsyncResult()
        self._waiting += [_Waiting(deadline, None, _no_matter) for _ in first]
        self._waiting.append(_Waiting(deadline, result, None))
        self._write(b"".join((*first, data)))
        reply = result.get()
        if reply is None:
            raise UnknownOutcome("no reply")
        return reply

    def submit(self, data: bytes, callback: OnReply, timeout: float | None = None) -> None:
        """Send one command without waiting; `callback` runs once in the dispatcher, in order with the events.

        Raises as `send` does before anything is sent; later failures come through the callback.
        """
        if not self.connected:
            raise ConnectionFailed("not-connected")
        _check_command(data)
        deadline = self._clock() + (self.timeout if timeout is None else timeout)
        self._waiting.append(_Waiting(deadline, None, callback))
        self._write(data)

    def make_poker(self, *, interval_us: int, hurry_us: int) -> Poker:
        """A thread that wakes the switch's listener of this connection; nothing may be sent here any more."""
        assert self.sock is not None  # noqa: S101 - only a connected one is poked; this is for mypy
        return Poker(self.sock.fileno(), interval_us=interval_us, hurry_us=hurry_us)

    def _write(self, data: bytes) -> None:
        assert self.sock is not None  # noqa: S101 - connected means that there is one; this is for mypy
        if not self._unsent:
            try:
                sent = self.sock.send(data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._fail(ConnectionFailed("network", error.strerror or ""))
                return
            if sent == len(data):
                return
            data = data[sent:]
            self._unsent_since = self._clock()
            self._writable.start(self._write_rest)
        self._unsent += data
        if len(self._unsent) > _UNSENT_BYTES:
            self._fail(ConnectionFailed("write-stall", "the switch reads too slowly"))

    def _write_rest(self) -> None:
        assert self.sock is not None  # noqa: S101 - as above
        try:
            sent = self.sock.send(self._unsent)
        except BlockingIOError:
            return
        except OSError as error:
            self._fail(ConnectionFailed("network", error.strerror or ""))
            return
        del self._unsent[:sent]
        self._unsent_since = self._clock()
        if not self._unsent:
            self._writable.stop()

    # --- Reading: callbacks of the hub, which never block ----------------------------------------------

    def receive_events(self) -> None:
        """Take what the socket has and sort it. Called by the hub when there is something to read."""
        try:
            self._receive()
        except FrameError as error:
            self.counters.parse_errors += 1
            self._fail(ConnectionFailed("framing", str(error)))
        except OSError as error:
            self._fail(ConnectionFailed("network", error.strerror or ""))
        except Exception:
            # A fault of ours must end in a new connection, not in a hub callback that fires for ever.
            log.exception("esl_reader_failed", connection=self.name)
            self._fail(ConnectionFailed("internal"))

    def _receive(self) -> None:
        assert self.sock is not None  # noqa: S101 - as above
        try:
            data = bytes(self._room[: self.sock.recv_into(self._room)])
        except BlockingIOError:
            return
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "closed by the switch")
        self.counters.bytes_received += len(data)
        frames = self._parser.feed(data)
        if not frames:
            return
        now = self._last_frame_at = self._clock()
        share = len(data) // len(frames)
        shedding = self._is_behind(now)
        for frame in frames:
            if self.closed.ready():
                return
            self.handle_event(frame, now, share, shedding)
        if len(self._inbox) > self.limits.hard_frames or self._inbox_bytes > self.limits.hard_bytes:
            self._cut_backlog()
        elif self._inbox:
            self._rouse()

    def handle_event(self, frame: Frame, now: float = 0.0, size: int = 0, shedding: bool = False) -> None:
        """Sort one frame: an event into the inbox, a reply to the one who waits, the rest is handled here."""
        kind = frame.content_type
        if kind in {"text/event-plain", "text/event-json"}:
            if shedding and _plain_name(frame) not in KEPT_EVENTS:
                self.counters.shed += 1
                return
            self._inbox_bytes += size
            self._inbox.append(_Item(now, size, frame))
        elif kind == "api/response":
            body = frame.body
            self._answer(Reply(body.decode("utf-8", "replace").rstrip("\r\n"), body), now)
        elif kind == "command/reply":
            self._answer(Reply(frame.header("Reply-Text") or "", b""), now)
        elif kind == "auth/request":
            if self._greeting.ready():
                self._fail(ConnectionFailed("protocol", "a second greeting"))
            else:
                self._greeting.set(None)
        elif kind == "text/rude-rejection":
            self._fail(RudeRejection())
        elif kind == "text/disconnect-notice" and (frame.header("Content-Disposition") or "") != "linger":
            self._fail(ConnectionFailed("goodbye", "the switch closed the connection"))
        # Log lines and types of later versions are whole frames: nothing is lost by passing over them.

    def _answer(self, reply: Reply, now: float) -> None:
        if not self._waiting:
            self._fail(ConnectionFailed("protocol", "a reply without a command"))
            return
        waiting = self._waiting.popleft()
        if waiting.result is not None:
            # Not through the dispatcher: a handler may be the one who waits.
            waiting.result.set(reply)
        else:
            self._inbox.append(_Item(now, 0, None, waiting.callback, reply))

    def _tick(self) -> None:
        now = self._clock()
        if any(waiting.deadline <= now for waiting in self._waiting):
            self._fail(ConnectionFailed("command-timeout", "no reply in time"))
        elif self._unsent and now - self._unsent_since > self.limits.write_stall_s:
            self._fail(ConnectionFailed("write-stall", "the switch takes no bytes"))
        elif self._parser.pending_bytes and now - self._last_frame_at > self.limits.frame_s:
            self._fail(ConnectionFailed("frame-timeout", "a frame stayed unfinished"))
        elif self._inbox and now - self._inbox[0].arrived > self.limits.hard_lag_s:
            self._cut_backlog()
        elif self._dispatcher is not None and self._dispatcher.dead:
            self._fail(ConnectionFailed("internal", "the dispatcher has ended"))

    # --- The inbox -------------------------------------------------------------------------------------

    @property
    def backlog(self) -> int:
        """Frames that wait for the sink."""
        return len(self._inbox)

    @property
    def silent_s(self) -> float:
        """Seconds since the switch's last word on this connection."""
        return self._clock() - self._last_frame_at

    @property
    def lag_s(self) -> float:
        """How long the oldest of them has waited, in seconds."""
        return max(0.0, self._clock() - self._inbox[0].arrived) if self._inbox else 0.0

    def _is_behind(self, now: float) -> bool:
        inbox = self._inbox
        return bool(inbox) and (
            len(inbox) > self.limits.high_water_frames
            or now - inbox[0].arrived > self.limits.high_water_lag_s
        )

    def _cut_backlog(self) -> None:
        log.error("esl_backlog_cut", connection=self.name, frames=len(self._inbox), lag_s=self.lag_s)
        # Events are worthless now, a fresh look at the switch replaces them; answers aren't.
        self._inbox = deque(item for item in self._inbox if item.frame is None)
        self._inbox_bytes = 0
        self._fail(ConnectionFailed("backlog", "events come faster than they are handled"))

    def process_events(self) -> None:
        """Take items out of the inbox, in order, until the connection has ended and the inbox is empty."""
        while True:
            started = self._clock()
            while self._inbox:
                item = self._inbox.popleft()
                if self._inbox and _lets_pass(item.frame, self._inbox[0].frame):
                    item, self._inbox[0] = self._inbox[0], item
                self._inbox_bytes -= item.size
                if item.frame is not None:
                    self._dispatch(item.frame)
                elif item.callback is not None:
                    self._safe_exec_handler(item.callback, item.reply, item.error)
                if self._clock() - started > _SLICE_S:
                    gevent.sleep(0)
                    started = self._clock()
            if self.closed.ready():
                return
            self._resting = gevent.hub.Waiter()
            self._resting.get()

    def _rouse(self) -> None:
        """Let the dispatcher run now, not in the hub's next turn. Only the hub may call this."""
        resting, self._resting = self._resting, None
        if resting is not None:
            resting.switch(None)

    def _dispatch(self, frame: Frame) -> None:
        try:
            event = frame.event()
        except EventError as error:
            # The frame was whole, so the stream is sound: this event is lost, the connection isn't.
            self.counters.parse_errors += 1
            log.warning("esl_event_malformed", connection=self.name, problem=str(error))
            return
        name = event.name
        self.counters.events[name] = self.counters.events.get(name, 0) + 1
        if self.on_event is not None:
            self._safe_exec_handler(self.on_event, event)
        if self.event_handlers:
            key = event.subclass if name == "CUSTOM" else name
            # Copies, because a handler may unregister itself or others.
            for handler in (*self.event_handlers.get(key, ()), *self.event_handlers.get("*", ())):
                self._safe_exec_handler(handler, event)

    def _safe_exec_handler(self, handler: Callable[..., None], *arguments: object) -> None:
        try:
            handler(*arguments)
        except Exception:
            # One bad handler must not stop the events of a whole node; GreenletExit still passes.
            self.counters.handler_errors += 1
            log.exception("esl_handler_failed", connection=self.name)


def _check_command(data: bytes) -> None:
    """The builder has checked all of this; a second look costs little and a second command everything."""
    if data.find(b"\n\n") != len(data) - 2 or data[:1] == b"\n" or b"\r" in data or b"\0" in data:
        raise CommandError("command", "exactly one command of the builder")


def _no_matter(_reply: Reply | None, _error: EslError | None) -> None:
    """What comes of it is looked at nowhere."""


def _lets_pass(first: Frame | None, second: Frame | None) -> bool:
    """Whether these are the ANSWER and the PARK of one caller. The second says all that the first does, and
    somebody waits for what it leads to; the switch itself may swap them (freeswitch-esl.md 1.9).
    """
    if first is None or second is None:
        return False
    answer, park = first.body, second.body
    if not (
        answer.startswith(b"Event-Name: CHANNEL_ANSWER\n") and park.startswith(b"Event-Name: CHANNEL_PARK\n")
    ):
        return False
    one, other = answer.find(_ITS_CHANNEL), park.find(_ITS_CHANNEL)
    same = one > 0 and other > 0 and answer[one : one + _ID_BYTES] == park[other : other + _ID_BYTES]
    return same and b"\nCall-Direction: inbound\n" in park


def _plain_name(frame: Frame) -> bytes:
    """`Event-Name` without decoding the event: FreeSWITCH writes it first. JSON events count as kept."""
    head = frame.body[:64]
    if not head.startswith(b"Event-Name: "):
        return b"CUSTOM"
    return head[12:].split(b"\n", 1)[0]
