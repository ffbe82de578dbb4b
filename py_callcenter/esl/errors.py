"""What can go wrong between us and a FreeSWITCH, told apart by what the caller may conclude.

EslError
├── CommandError        the builder refused to make the command; nothing was sent
├── CommandRefused      the switch answered `-ERR` or `-USAGE`; nothing was done
├── UnknownOutcome      the connection failed while the command was under way; it may have run
└── ConnectionFailed    no usable connection (network, time limit, broken framing)
    ├── AuthRefused     the switch answered and didn't take the password
    └── RudeRejection   the switch's access list (ACL) doesn't know our address
"""

from __future__ import annotations


class EslError(Exception):
    """Everything that the event-socket layer raises."""


class CommandError(EslError):
    """An argument that must not reach a switch. Says which argument and what is allowed, never its value."""

    def __init__(self, argument: str, allowed: str) -> None:
        super().__init__(f"{argument}: allowed is {allowed}")
        self.argument = argument
        self.allowed = allowed


class CommandRefused(EslError):
    """The switch refused a command; `text` is its answer without the line end."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class UnknownOutcome(EslError):
    """The command may or may not have run: the connection ended before its reply came."""


class ConnectionFailed(EslError):
    """The connection can't be made or can't be used any more. `reason` is a fixed word for counters."""

    hint = "check that FreeSWITCH runs and that host, port and firewall let us reach its event socket"

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class AuthRefused(ConnectionFailed):
    """The switch didn't accept the password."""

    hint = "compare the node's password with `password` in event_socket.conf.xml of that FreeSWITCH"

    def __init__(self, detail: str = "") -> None:
        super().__init__("wrong-password", detail)


class RudeRejection(ConnectionFailed):
    """The switch closed the door before asking for a password."""

    hint = "add this machine's address to the list named by `apply-inbound-acl` in event_socket.conf.xml"

    def __init__(self, detail: str = "") -> None:
        super().__init__("access-list", detail)
