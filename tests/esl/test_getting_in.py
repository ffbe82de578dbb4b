"""Getting a connection, its login and its socket, and what greenswitch 0.0.19 makes of the same (G22–G27)."""

from __future__ import annotations

import contextlib
import functools
import gc
import socket
import time
from pathlib import Path

import gevent
import pytest
from esl.fake_server import FakeSwitch, wait_for
from esl.lines import IMPATIENT, U1, bare, hangs, opened

from py_callcenter.esl import commands, dial
from py_callcenter.esl.connection import Connection
from py_callcenter.esl.errors import AuthRefused, ConnectionFailed, RudeRejection
from py_callcenter.esl.values import Limits

pytestmark = pytest.mark.esl


@pytest.fixture
def ipv6() -> None:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("no IPv6 loopback on this machine")


def test_g22_a_switch_on_ipv6_is_reached(ipv6):
    with FakeSwitch(host="::1") as switch:
        connection = opened(switch)
        assert connection.send(commands.uuid_exists(U1)).ok
        connection.stop()


def test_g22_greenswitch_cannot(ipv6):
    with FakeSwitch(host="::1") as switch, bare(switch) as client, pytest.raises(OSError):
        client.connect()


def test_a_name_with_two_addresses_is_tried_to_the_end():
    with FakeSwitch() as switch:
        connection = Connection("localhost", switch.port, "ClueCon")
        connection.connect()
        assert connection.send(commands.uuid_exists(U1)).ok
        assert len(switch.peers) == 1
        connection.stop()


def open_files() -> int:
    gc.collect()
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="counts open files by /proc")
def test_g23_a_hundred_failures_leave_no_file_open():
    with FakeSwitch() as switch:
        port = switch.port
    refusing = FakeSwitch(password="other")
    refusing.start()
    with contextlib.suppress(ConnectionFailed):
        Connection("127.0.0.1", port, "x").connect()
    before = open_files()
    for _ in range(50):
        with pytest.raises(ConnectionFailed) as failed:
            Connection("127.0.0.1", port, "x").connect()
        assert failed.value.reason == "nobody-listens"
        with pytest.raises(AuthRefused):
            Connection(*refusing.address, "x").connect()
    refusing.stop()
    refusing.peers.clear()
    gevent.sleep(0.05)
    assert open_files() <= before


def test_g23_greenswitch_leaves_the_socket_open():
    with FakeSwitch() as switch:
        pass
    with bare(switch) as client:
        with pytest.raises(ConnectionRefusedError):
            client.connect()
        assert client.sock.fileno() != -1


def test_g24_an_open_port_with_a_frozen_switch_behind_it_is_given_up():
    with FakeSwitch(serve=lambda _sock: gevent.sleep(3)) as switch:
        begun = time.monotonic()
        with pytest.raises(ConnectionFailed) as failed:
            opened(switch, limits=IMPATIENT)
        assert failed.value.reason == "no-greeting"
        assert time.monotonic() - begun < Limits().auth_s


def test_g24_greenswitch_waits_for_ever():
    with FakeSwitch(serve=lambda _sock: gevent.sleep(3)) as switch, bare(switch) as client:
        assert hangs(client.connect)


def test_g24_a_login_that_gets_no_answer_is_given_up():
    with FakeSwitch() as switch:
        switch.answers["auth"] = None
        with pytest.raises(ConnectionFailed) as failed:
            opened(switch, limits=IMPATIENT)
        assert failed.value.reason == "no-login"


def test_g25_a_wrong_password_is_told_apart_and_leaves_nothing_open():
    with FakeSwitch(password="other") as switch:
        connection = Connection(*switch.address, "ClueCon")
        with pytest.raises(AuthRefused) as refused:
            connection.connect()
        assert "event_socket.conf.xml" in refused.value.hint
        assert connection.sock.fileno() == -1
        wait_for(lambda: connection._dispatcher.dead)


def test_g25_greenswitch_leaves_the_socket_open():
    with FakeSwitch(password="other") as switch, bare(switch) as client:
        with pytest.raises(ValueError, match="password"):
            client.connect()
        assert client.sock.fileno() != -1


def test_the_access_list_is_told_apart_from_a_wrong_password():
    body = b"Access Denied, go away.\n"
    rude = b"Content-Type: text/rude-rejection\nContent-Length: %d\n\n%s" % (len(body), body)
    with FakeSwitch(serve=lambda sock: sock.sendall(rude)) as switch, pytest.raises(RudeRejection) as refused:
        opened(switch)
    assert "apply-inbound-acl" in refused.value.hint


def test_a_host_that_doesnt_exist_is_a_network_matter():
    with pytest.raises(ConnectionFailed) as failed:
        Connection("no-such-host.invalid", 8021, "x", limits=IMPATIENT).connect()
    assert failed.value.reason == "name"


def test_g27_the_socket_has_no_delay_and_notices_a_dead_peer():
    with FakeSwitch() as switch:
        connection = opened(switch)
        option = functools.partial(connection.sock.getsockopt, socket.IPPROTO_TCP)
        assert option(socket.TCP_NODELAY)
        assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        if hasattr(socket, "TCP_USER_TIMEOUT"):
            assert (
                option(socket.TCP_KEEPIDLE),
                option(socket.TCP_KEEPINTVL),
                option(socket.TCP_KEEPCNT),
            ) == (10, 3, 3)
            assert option(socket.TCP_USER_TIMEOUT) == 10_000
        connection.stop()


def test_g27_greenswitch_waits_for_more_to_send_and_notices_no_dead_peer():
    with FakeSwitch() as switch, bare(switch) as client:
        client.connect()
        assert not client.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert not client.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)


def test_the_receive_buffer_is_never_made_smaller_than_the_kernels_own(monkeypatch):
    files = {"rmem_max": "212992", "tcp_rmem": "4096 131072 6291456"}
    monkeypatch.setattr(dial.Path, "read_text", lambda path, _encoding: files[path.name])
    assert dial._receive_buffer() is None
    files["rmem_max"] = "67108864"
    assert dial._receive_buffer() == 16 * 1024 * 1024


def test_g27_a_connection_is_used_once():
    with FakeSwitch() as switch:
        connection = opened(switch)
        connection.stop()
        with pytest.raises(ConnectionFailed, match="used"):
            connection.connect()
