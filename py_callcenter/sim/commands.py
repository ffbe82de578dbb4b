"""What an event-socket client may write: lines up to a blank one, and what each makes the switch do."""

from __future__ import annotations

from py_callcenter.sim.api import Api
from py_callcenter.sim.connections import Connection
from py_callcenter.sim.encoding import AUTH_REQUEST, GOODBYE, reply, response
from py_callcenter.sim.headers import NAMES, line

BGAPI_ACK_US = 1_000  # the connection waits in ticks of 1 ms for the job's thread to start
JOB_START_US = 100
MAX_COMMAND_BYTES = 10 * 1024 * 1024

_OTHERS = (
    "ALL CUSTOM CHANNEL_STATE CHANNEL_CALLSTATE CHANNEL_PROGRESS_MEDIA CHANNEL_UUID CHANNEL_APPLICATION "
    "CHANNEL_GLOBAL SHUTDOWN STARTUP MODULE_LOAD MODULE_UNLOAD RELOADXML API LOG INBOUND_CHAN "
    "OUTBOUND_CHAN MESSAGE PRESENCE_IN PRESENCE_OUT NOTIFY RE_SCHEDULE ADD_SCHEDULE DEL_SCHEDULE "
    "EXE_SCHEDULE TRAP CODEC RECV_RTCP_MESSAGE CALL_DETAIL SESSION_HEARTBEAT CALL_SECURE NAT RECORD_START "
    "RECORD_STOP"
)
EVENT_NAMES = frozenset(NAMES.values()) | frozenset(_OTHERS.split())


class Commands(Api):
    """The command side of mod_event_socket."""

    password: str
    commands: list[tuple[int, str]]  # first line of every command with its connection, for tests
    closed: dict[int, Connection]  # their last output may still be taken
    connected: int  # how many connections there ever were

    def connect(self) -> int:
        """A client connected; gives the connection's number. It is asked to authenticate."""
        self.connected += 1
        number = self.connected
        connection = Connection(number, self.now_us)
        self.connections[number] = connection
        connection.write(AUTH_REQUEST)
        return number

    def receive(self, number: int, data: bytes) -> None:
        """Bytes from a client, in any pieces; writing wakes the connection's thread."""
        connection = self.connections.get(number)
        if connection is None or connection.closed:
            return
        connection.buffer += data.replace(b"\r", b"")
        self._work(connection)

    def _work(self, connection: Connection) -> None:
        while connection.buffer and not connection.blocked and not connection.closed:
            buffer = connection.buffer = connection.buffer.lstrip(b"\n")
            head, blank, rest = buffer.partition(b"\n\n")
            if not blank:
                if len(buffer) > MAX_COMMAND_BYTES:
                    self.cut(connection.number)
                break
            first, *lines = head.decode("utf-8", "surrogateescape").split("\n")
            headers = _headers(lines)
            length = int(headers.get("content-length", "0") or "0") if lines else 0
            if len(rest) < length:
                break
            connection.buffer = rest[length:]
            self.commands.append((connection.number, first))
            connection.flush()
            body = rest[:length].decode("utf-8", "surrogateescape")
            self._command(connection, first.strip(), lines, headers, body)
        if not connection.buffer:
            connection.flush()

    def _command(
        self, connection: Connection, text: str, lines: list[str], headers: dict[str, str], body: str
    ) -> None:
        word, _, arguments = text.partition(" ")
        if not connection.authorised:
            self._authorise(connection, word, arguments)
        elif word == "api":
            self._api(connection, arguments)
        elif word == "bgapi":
            self._bgapi(connection, arguments, headers)
        elif word == "exit":
            connection.write(reply("+OK bye"))
            connection.write(GOODBYE)
            self._close(connection)
        elif word == "sendevent":
            connection.write(reply(f"+OK {self._send_event(arguments, lines, body)}"))
        elif word == "sendmsg":
            connection.write(reply(self._send_message(arguments, headers)))
        elif word in {"linger", "nolinger", "divert_events", "myevents", "resume", "getvar", "connect"}:
            connection.write(reply("-ERR not controlling a session"))
        elif word == "log":
            connection.write(reply(f"+OK log level {arguments or '7'} [{arguments or '7'}]"))
        elif word == "nolog":
            connection.write(reply("+OK no longer logging"))
        else:
            connection.write(reply(self._subscription(connection, word, arguments)))

    def _authorise(self, connection: Connection, word: str, arguments: str) -> None:
        secret = arguments.partition(":")[2] if word == "userauth" else arguments
        if word not in {"auth", "userauth"}:
            return  # the switch doesn't answer, and doesn't close either
        if secret == self.password:
            connection.authorised = True
            connection.write(reply("+OK accepted"))
        else:
            connection.write(reply("-ERR invalid"))
            connection.write(GOODBYE)
            self._close(connection)

    def _close(self, connection: Connection) -> None:
        connection.closed = True
        self.subscriptions_changed()
        connection.queue.clear()
        self.connections.pop(connection.number, None)
        self.closed[connection.number] = connection

    # -- api and bgapi

    def _api(self, connection: Connection, command: str) -> None:
        connection.blocked = True

        def done(output: str) -> None:
            connection.blocked = False
            connection.write(response(output))
            if not working:
                self._work(connection)

        working = True
        self.run_api(command, done)
        working = False

    def _bgapi(self, connection: Connection, command: str, headers: dict[str, str]) -> None:
        job = headers.get("job-uuid") or self.new_uuid()
        connection.blocked = True
        self.after(JOB_START_US, self._job, command, job)
        self.after(BGAPI_ACK_US, self._acknowledge, connection, job)

    def _acknowledge(self, connection: Connection, job: str) -> None:
        connection.blocked = False
        connection.write(reply(f"+OK Job-UUID: {job}", ("Job-UUID", job)))
        self._work(connection)

    def _job(self, command: str, job: str) -> None:
        word, _, arguments = command.strip().partition(" ")

        def done(output: str) -> None:
            lines = line("Job-UUID", job) + line("Job-Command", word)
            if arguments:
                lines += line("Job-Command-Arg", arguments)
            self.announce("job", lines, body=output)

        self.run_api(command, done)

    # -- events

    def _subscription(self, connection: Connection, word: str, arguments: str) -> str:
        self.subscriptions_changed()
        if word == "event":
            return self._event(connection, arguments.split())
        if word == "nixevent":
            for name in arguments.split():
                connection.names.discard(name)
                connection.subclasses.discard(name)
            return "+OK events nixed"
        if word == "noevents":
            connection.names.clear()
            connection.subclasses.clear()
            connection.everything = False
            connection.queue.clear()
            return "+OK no longer listening for events"
        if word == "filter" and arguments:
            return self._filter(connection, arguments)
        return "-ERR command not found"

    def _event(self, connection: Connection, words: list[str]) -> str:
        if words and words[0] in {"plain", "json", "xml"}:
            connection.format = words.pop(0)
        known = 0
        custom = False
        for word in words:
            if custom:
                connection.subclasses.add(word)
                known += 1
            elif word.upper() in EVENT_NAMES:
                known += 1
                custom = word.upper() == "CUSTOM"
                if word.upper() == "ALL":
                    connection.everything = True
                else:
                    connection.names.add(word.upper())
        return f"+OK event listener enabled {connection.format}" if known else "-ERR no keywords supplied"

    def _filter(self, connection: Connection, arguments: str) -> str:
        words = arguments.split(" ", 2)
        if words[0] == "delete":
            name = words[1] if len(words) > 1 else ""
            value = words[2] if len(words) > 2 else ""
            connection.filters = [
                entry
                for entry in connection.filters
                if name.lower() not in {"all", entry[0].lower()} or (value and entry[1] != value)
            ]
            return f"+OK filter deleted. [{name}][{value}]"
        if len(words) < 2:
            return "-ERR invalid syntax"
        name, value = words[0], " ".join(words[1:])
        connection.filters.append((name, value))
        return f"+OK filter added. [{name}]=[{value}]"

    def _send_event(self, name: str, lines: list[str], body: str) -> str:
        uuid = self.new_uuid()
        subclass = ""
        text = ""
        for entry in lines:
            key, _, value = entry.partition(": ")
            if key == "Event-Subclass":
                subclass = value
            elif key and key.lower() != "content-length":
                text += line(key, value)
        text = line("Command", f"sendevent {name}") + text + line("Event-UUID", uuid)
        self.announce("sent", text, name=name, subclass=subclass, body=body)
        return uuid

    def _send_message(self, uuid: str, headers: dict[str, str]) -> str:
        leg = self.find(uuid.strip())
        if leg is None:
            return f"-ERR invalid session id [{uuid.strip()}]"
        command = headers.get("call-command", "")
        if command == "hangup":
            self.after(0, self.hang_up, leg, headers.get("hangup-cause", "NORMAL_CLEARING"))
        elif command == "execute":
            application = headers.get("execute-app-name", "")
            self.broadcast(leg, application, headers.get("execute-app-arg", ""))
        return "+OK"

    # -- the client's end

    def disconnect(self, number: int) -> None:
        """The client is gone."""
        connection = self.connections.get(number)
        if connection is not None:
            self._close(connection)
            connection.out.clear()

    def cut(self, number: int) -> None:
        """The network is gone: what was on its way is lost."""
        self.disconnect(number)


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for entry in lines:
        name, _, value = entry.partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers
