"""What a link to a node and the application above it say to each other."""

from __future__ import annotations

from collections.abc import Container, Iterable
from enum import StrEnum
from typing import Protocol

from py_callcenter._router import Event
from py_callcenter.engine.actions import Action, AskApplication, AskMark, Look, Probe

NOT_SENT = "not sent: no connection to the node"
"""`on_failure`'s text for an action that never left: it certainly didn't happen."""


class State(StrEnum):
    """What a node can do for us."""

    CONNECTING = "connecting"
    """Nothing known yet, or the picture of its channels is being taken."""
    UP = "up"
    DOWN = "down"
    REFUSED = "refused"
    """It is there but doesn't let us in: wrong password or access list. A person has to act."""


class App(Protocol):
    """What the link tells the application; always in the hub's thread. Nothing here may block for long."""

    def on_event(self, node: str, event: Event) -> None:
        """An event in its order; canaries excepted."""

    def on_failure(self, action: Action, error: str | None) -> None:
        """The action was refused (the switch's or our builder's words), or nobody knows (None)."""

    def on_probe(self, action: Probe, alive: bool) -> None:
        """The answer to a `Probe`."""

    def on_look(self, action: Look, dump: Event | None) -> None:
        """The answer to a `Look`; None: there is no such channel."""

    def on_application(self, action: AskApplication, application: str) -> None:
        """The answer to an `AskApplication`."""

    def on_mark(self, action: AskMark, mark: str) -> None:
        """The answer to an `AskMark`, in the switch's words."""

    def on_sync(self, node: str, dumps: list[Event], core_uuid: str, restarted: bool) -> None:
        """All channels that could concern us. `restarted`: the switch is another run, all others are gone."""

    def on_state(self, node: str, state: State) -> None:
        """The state has changed."""

    def on_gone(self, node: str) -> None:
        """The switch isn't there any more, or hasn't been seen for so long that it counts as that."""

    def on_resumed(self, node: str, took_s: float) -> None:
        """The node is in step, so long after its connection was there again."""

    def on_harmful(self, node: str, uuid: str) -> None:
        """A command that must never be sent would have been, for this channel."""

    def known_legs(self, node: str, seen: Container[str]) -> Iterable[str]:
        """Channels that the application holds for alive on this node, which shows those in `seen`."""
