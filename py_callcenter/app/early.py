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

from py_callcenter.config import Node
from py_callcenter.esl.node import NodeLink
from py_callcenter.esl.settings import NodeSettings

DEAD_MAN_S: Final = 33
"""So long after our last sign of life, one a second, the switch sees to the callers itself (whole seconds of
its clock, so 32 to 33.5): within 35 s, and not when we stand still for 30."""

T = TypeVar("T")


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


def beside(links: Iterable[NodeLink], work: Callable[[], T]) -> T:
    """Start the links and do `work` in another thread meanwhile; its result, or what it raises: then the
    links are stopped.
    """
    links = list(links)
    for link in links:
        link.start()
    try:
        done: Future[T] = gevent.get_hub().threadpool.apply(_outcome, (work,))
        return done.result()
    except BaseException:
        for link in links:
            link.stop()
        raise


def _outcome(work: Callable[[], T]) -> Future[T]:
    """What came of it. The hub prints whatever a thread of its pool raises, even what is handled."""
    future: Future[T] = Future()
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
        future.set_exception(error)
    return future
