"""Opening a TCP connection without holding up the hub."""

from __future__ import annotations

import errno
import socket
import time
from pathlib import Path
from typing import Any

import gevent
import gevent.socket

from py_callcenter.esl.errors import ConnectionFailed


def dial(host: str, port: int, timeout_s: float) -> socket.socket:
    """Connect to the first address of `host` that answers, IPv6 or IPv4, within `timeout_s` in all.

    Gives a non-blocking socket with TCP_NODELAY and keepalive. Raises `ConnectionFailed` with the reason
    `name`, `nobody-listens` (the machine is there and the switch isn't) or `network`; nothing stays open
    then.
    """
    deadline = time.monotonic() + timeout_s
    found = _resolve(host, port, timeout_s)
    failure = ConnectionFailed("network", "the host's name has no address")
    for index, (family, kind, protocol, _, address) in enumerate(found):
        # Each address gets its share, so that a silent IPv6 doesn't eat the time of a working IPv4.
        share_s = (deadline - time.monotonic()) / (len(found) - index)
        try:
            attempt = gevent.socket.socket(family, kind, protocol)
        except OSError as error:  # no such addresses on this machine, or no descriptor left
            failure = ConnectionFailed("network", error.strerror or "no socket")
            continue
        try:
            _tune(attempt)
            attempt.settimeout(max(share_s, 0.001))
            attempt.connect(address)
            _refuse_own_end(attempt)
        except OSError as error:
            attempt.close()
            reason = "nobody-listens" if isinstance(error, ConnectionRefusedError) else "network"
            failure = ConnectionFailed(reason, error.strerror or "no answer in time")
        except BaseException:
            attempt.close()
            raise
        else:
            raw = socket.socket(fileno=attempt.detach())
            raw.setblocking(False)
            return raw
    raise failure


def _resolve(host: str, port: int, timeout_s: float) -> list[tuple[int, int, int, str, Any]]:
    limit = gevent.Timeout(timeout_s)
    try:
        with limit:
            return list(gevent.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
    except gevent.Timeout as error:
        if error is not limit:
            raise
        raise ConnectionFailed("name", "no answer from the name service in time") from None
    except (OSError, UnicodeError):
        raise ConnectionFailed("name", "the host's name has no address") from None


def _refuse_own_end(sock: gevent.socket.socket) -> None:
    # On loopback, a port of the ephemeral range that nobody listens on can connect to itself.
    if sock.getsockname() == sock.getpeername():
        raise ConnectionRefusedError(errno.ECONNREFUSED, "connected to itself")


def _tune(sock: gevent.socket.socket) -> None:
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    # Only Linux has all of these names.
    for option, value in (
        ("TCP_KEEPIDLE", 10),
        ("TCP_KEEPINTVL", 3),
        ("TCP_KEEPCNT", 3),
        ("TCP_USER_TIMEOUT", 10_000),
    ):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    if size := _receive_buffer():
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _receive_buffer(most: int = 16 * 1024 * 1024) -> int | None:
    """Bytes to ask for, or None: a fixed size under the kernel's own automatic one would make it smaller."""
    try:
        allowed = int(Path("/proc/sys/net/core/rmem_max").read_text("ascii"))
        automatic = int(Path("/proc/sys/net/ipv4/tcp_rmem").read_text("ascii").split()[2])
    except (OSError, ValueError, IndexError):
        return 4 * 1024 * 1024
    return min(allowed, most) if 2 * min(allowed, most) > automatic else None
