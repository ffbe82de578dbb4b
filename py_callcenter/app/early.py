"""What a start does first: links to the switches, and in their hub's idle time all that takes long to load.

A switch with a thousand callers needs half a second to tell of each. It is asked while rules, figures and
database are loaded in another thread, which shares the processor and nothing else with the links.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from random import Random
from typing import Final, TypeVar

import gevent
from gevent.event import AsyncResult
from gevent.event import Event as Signal

from py_callcenter.config import Node
from py_callcenter.esl.node import NodeLink
from py_callcenter.esl.settings import NodeSettings

DEAD_MAN_S: Final = 33
"""So long after our last sign of life, one a second, the switch sees to the callers itself (whole seconds of
its clock, so 32 to 33.5): within 35 s, and not when we stand still for 30."""

DEAD_MAN_PLANNED_S: Final = 120
"""After a stop that we know of: time for an upgrade and the next start."""
GOODBYE_S: Final = 3.0
"""So long switches that don't answer hold up a stop."""
LEFT_S: Final = 5.0
"""So long work that is given up may take to end properly; what takes longer ends with the process."""

T = TypeVar("T")


class StartStoppedError(Exception):
    """Somebody wanted the stop before the work was done."""


def links_to(nodes: Iterable[Node], seed: int | None = None) -> dict[str, NodeLink]:
    """A link to each node, which serves nobody yet and isn't started. `seed`: of the jitter."""
    rng = Random(seed)  # noqa: S311 - jitter of reconnections
    return {
        node.name: NodeLink(
            NodeSettings(node.name, node.host, node.port, node.secret, dead_man_s=DEAD_MAN_S),
            None,
            rng=Random(rng.getrandbits(64)),  # noqa: S311 - likewise
        )
        for node in nodes
    }


def beside(
    links: Iterable[NodeLink],
    work: Callable[[], T],
    *,
    stopping: Signal | None = None,
    leave: Callable[[], None] | None = None,
) -> T:
    """Start the links and do `work` in another thread meanwhile; its result, or what it raises: then the
    links are stopped.

    `stopping`: once set the work isn't waited for; after `leave` was called, while the links are still at
    work, `StartStoppedError` is raised.
    """
    links = list(links)
    for link in links:
        link.start()
    try:
        return _done(work, stopping, leave)
    except BaseException:
        for link in links:
            link.stop()
        raise


def _done(work: Callable[[], T], stopping: Signal | None, leave: Callable[[], None] | None) -> T:
    done: AsyncResult[Future[T]] = gevent.get_hub().threadpool.spawn(_outcome, work)
    gevent.wait([done] if stopping is None else [done, stopping], count=1)
    if done.ready():
        outcome = done.get()
        assert outcome is not None  # noqa: S101 - `_outcome` gives one
        return outcome.result()
    if leave is not None:
        leave()
    done.wait(LEFT_S)
    raise StartStoppedError


def _outcome(work: Callable[[], T]) -> Future[T]:
    """What came of it. The hub prints whatever a thread of its pool raises, even what is handled."""
    future: Future[T] = Future()
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
        future.set_exception(error)
    return future
