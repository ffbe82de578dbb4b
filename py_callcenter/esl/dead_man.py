"""What a node does by itself when it hears no more of us: design 6.

Callers who wait are seen to by a task in the node, new ones are turned away by its dialplan. Both go off
after a while without us, so both are renewed while we live. Each function takes a quick connection of the
node and raises as `Connection.send` does, and `CommandRefused`.
"""

from __future__ import annotations

from py_callcenter.esl import commands
from py_callcenter.esl.connection import Connection


def arm(connection: Connection, after_s: int, timeout_s: float | None = None) -> None:
    """The old task is taken away and the new one set in one breath, so that at no moment none is armed."""
    # None may be armed yet, which the switch calls an error.
    connection.send_behind([commands.disarm_dead_man()], commands.arm_dead_man(after_s), timeout_s).accepted()


def renew_lease(connection: Connection, lease_s: int) -> None:
    """Tell the dialplan that we live, until we haven't said so for `lease_s` seconds."""
    lease = [commands.disarm_lease(), commands.arm_lease(lease_s)]
    connection.send_behind(lease, commands.set_global("cc_alive", "true")).accepted()


def say_goodbye(connection: Connection, after_s: int, timeout_s: float) -> None:
    """New callers get the fallback at once, those who wait after `after_s` seconds."""
    arm(connection, after_s, timeout_s)
    connection.send(commands.set_global("cc_alive", "false"), timeout_s).accepted()
