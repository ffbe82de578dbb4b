"""The simulated switch as a TCP server: what a client on a socket sees."""

import socket
import time

import pytest

from py_callcenter.sim import Behaviour, Switch
from py_callcenter.sim.server import in_thread

pytestmark = pytest.mark.sim


class Client:
    """A blocking event-socket client, just enough to look at frames."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def write(self, text):
        self.socket.sendall(text.encode())

    def frame(self):
        while b"\n\n" not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(b"\n\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\n"))
        length = int(headers.get("Content-Length", "0"))
        while len(self.buffer) < length:
            self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return headers, body.decode()

    def event(self, name):
        while True:
            _, body = self.frame()
            if body.startswith(f"Event-Name: {name}\n"):
                return dict(line.split(": ", 1) for line in body.split("\n\n")[0].split("\n"))

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError
        self.buffer += data

    def login(self):
        assert self.frame()[0]["Content-Type"] == "auth/request"
        self.write("auth ClueCon\n\n")
        assert self.frame()[0]["Reply-Text"] == "+OK accepted"

    def close(self):
        self.socket.close()


@pytest.fixture
def switch():
    return Switch(seed=5, start_us=time.time_ns() // 1000, heartbeat_s=0.2)


@pytest.fixture
def server(switch):
    with in_thread(switch) as server:
        yield server


@pytest.fixture
def client(server):
    client = Client(server.port)
    yield client
    client.close()


def test_a_call_is_rung_answered_and_bridged_over_a_real_socket(switch, server, client):
    server.call(lambda: switch.add_phone("user/1000@example.org", Behaviour(talk_us=100_000)))
    client.login()
    client.write("event plain CHANNEL_PARK CHANNEL_BRIDGE CHANNEL_UNBRIDGE CHANNEL_HANGUP\n\n")
    assert client.frame()[0]["Reply-Text"] == "+OK event listener enabled plain"
    commands = Client(server.port)
    commands.login()
    call = server.call(lambda: switch.place_call("+15550100", "Ann", "queue_support"))
    assert client.event("CHANNEL_PARK")["Unique-ID"] == call.uuid
    commands.write(
        "bgapi originate {origination_uuid=leg-1}user/1000@example.org &park()\nJob-UUID: job-1\n\n"
    )
    assert commands.frame()[0]["Job-UUID"] == "job-1"
    assert client.event("CHANNEL_PARK")["Unique-ID"] == "leg-1"
    commands.write(f"api uuid_bridge {call.uuid} leg-1\n\n")
    assert commands.frame()[1] == "+OK leg-1\n"
    assert client.event("CHANNEL_BRIDGE")["Bridge-B-Unique-ID"] == "leg-1"
    assert client.event("CHANNEL_HANGUP")["Unique-ID"] == "leg-1"
    assert client.event("CHANNEL_UNBRIDGE")["Unique-ID"] == call.uuid
    commands.close()


def test_time_moves_by_the_clock(client):
    client.login()
    client.write("event plain HEARTBEAT\n\n")
    client.frame()
    first = int(client.event("HEARTBEAT")["Event-Date-Timestamp"])
    second = int(client.event("HEARTBEAT")["Event-Date-Timestamp"])
    assert 100_000 <= second - first <= 400_000
    assert abs(second - time.time_ns() // 1000) < 30_000_000


def test_a_wrong_password_ends_the_connection(client):
    client.frame()
    client.write("auth wrong\n\n")
    assert client.frame()[0]["Reply-Text"] == "-ERR invalid"
    assert client.frame()[0]["Content-Type"] == "text/disconnect-notice"
    with pytest.raises(EOFError):
        client.frame()


def test_goodbye_is_answered_before_the_socket_closes(client):
    client.login()
    client.write("exit\n\n")
    assert client.frame()[0]["Reply-Text"] == "+OK bye"
    assert "Disconnected" in client.frame()[1]
    with pytest.raises(EOFError):
        client.frame()


def test_a_restart_cuts_the_line_and_the_next_one_meets_another_core(switch, server, client):
    client.login()
    client.write("api global_getvar core_uuid\n\n")
    before = client.frame()[1]
    call = server.call(lambda: switch.place_call("+15550100", "Ann", "queue_support"))
    server.call(switch.restart)
    with pytest.raises((EOFError, ConnectionError)):
        client.frame()
    again = Client(server.port)
    again.login()
    again.write(f"api global_getvar core_uuid\n\napi uuid_exists {call.uuid}\n\n")
    assert again.frame()[1] != before
    assert again.frame()[1] == "false"
    again.close()


def test_a_cut_line_is_forgotten_by_the_switch(switch, server, client):
    client.login()
    client.close()
    deadline = time.monotonic() + 30
    while server.call(lambda: len(switch.connections)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.call(lambda: len(switch.connections)) == 0


def test_an_error_of_an_action_reaches_the_thread_that_asked(server):
    def fail():
        raise ValueError("no such phone")

    with pytest.raises(ValueError, match="no such phone"):
        server.call(fail)
