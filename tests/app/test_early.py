"""A start asks the switches first, and loads the rest beside that."""

from __future__ import annotations

import threading

import gevent
import pytest
from pydantic import SecretStr

from py_callcenter.app.early import beside, links_to
from py_callcenter.config import Node

pytestmark = pytest.mark.app


class Link:
    """A link that notes what becomes of it, and needs the hub for its work."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.at_work = threading.Event()
        self._greenlet = None

    def start(self) -> None:
        self.told.append("start")
        self._greenlet = gevent.spawn(self.at_work.set)

    def stop(self) -> None:
        self.told.append("stop")


def test_links_are_at_work_while_the_rest_is_loaded():
    link = Link()

    def load() -> tuple[bool, bool]:
        return link.at_work.wait(30), threading.current_thread() is threading.main_thread()

    assert beside([link], load) == (True, False)
    assert link.told == ["start"]


def test_a_database_that_cant_be_used_ends_the_start_and_lets_go_of_the_switches(capsys):
    link = Link()

    def load() -> None:
        raise LookupError("no database")

    with pytest.raises(LookupError, match="no database"):
        beside([link], load)
    gevent.sleep(0.01)

    assert link.told == ["start", "stop"]
    assert not capsys.readouterr().err  # whoever handles it says so


def test_there_is_a_link_to_each_node_and_none_of_them_starts_by_itself():
    nodes = (
        Node(name="fs1", host="127.0.0.1", port=1, password=SecretStr("a")),
        Node(name="fs2", host="127.0.0.1", port=2, password=SecretStr("b")),
    )

    links = links_to(nodes, seed=1)

    assert [(name, link.settings.port, link.settings.password) for name, link in links.items()] == [
        ("fs1", 1, "a"),
        ("fs2", 2, "b"),
    ]
    assert not any(link._tasks for link in links.values())
