"""How long the controller could see and act: the promises count such time only.

A caller can't be served over a cable that is cut. "Within 60 seconds" therefore means 60 seconds during which
the controller ran and was in step with the node, and the short promises hold while nothing has gone wrong.
"""

from __future__ import annotations

SETTLED_US = 60_000_000
"""What a fault broke may take so long to be repaired, so the short promises wait for that."""


class Watch:
    """A clock that runs only while all is well at one place."""

    def __init__(self, now_us: int) -> None:
        self._since_us = now_us
        self._gathered_us = 0
        self.well = False
        self.disturbed_us = now_us
        """When something last went wrong here."""

    def set(self, now_us: int, *, well: bool) -> None:
        """Things are well from now on, or not."""
        if well is self.well:
            return
        if self.well:
            self._gathered_us += now_us - self._since_us
            self.disturbed_us = now_us
        self.well = well
        self._since_us = now_us

    def read(self, now_us: int) -> int:
        """Microseconds of health so far."""
        return self._gathered_us + (now_us - self._since_us if self.well else 0)


class Health:
    """The watch of each node, and of all together."""

    def __init__(self, nodes: int, now_us: int) -> None:
        self.nodes = [Watch(now_us) for _ in range(nodes)]
        self.all = Watch(now_us)
        self.ever = False
        """Whether there was any fault."""
        self.faults = [0] * nodes
        """Faults that are under way, by node."""
        self.ended_us: list[int | None] = [None] * nodes
        """When the last of them ended; None while there was none at all."""

    def begin(self, node: int) -> None:
        """A fault begins that the short promises don't cover."""
        self.ever = True
        self.faults[node] += 1

    def end(self, node: int, now_us: int) -> None:
        """It is over."""
        self.faults[node] -= 1
        self.ended_us[node] = now_us

    def touch(self, node: int, now_us: int) -> None:
        """A fault without a length."""
        self.ever = True
        self.ended_us[node] = now_us

    def calm(self, node: int, now_us: int, for_us: int = 0) -> bool:
        """Nothing has gone wrong with this node, or all of it is long over; well for at least `for_us`."""
        ended = self.ended_us[node]
        watch = self.nodes[node]
        return (
            self.faults[node] == 0
            and watch.well
            and (ended is None or now_us - ended > SETTLED_US)
            and now_us - watch._since_us >= for_us
        )

    def calm_everywhere(self, now_us: int, for_us: int = 0) -> bool:
        """The same for all nodes."""
        return all(self.calm(node, now_us, for_us) for node in range(len(self.nodes)))
