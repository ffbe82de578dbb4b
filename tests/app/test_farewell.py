"""A planned stop tells every switch, so that its callers stay in place for the next start."""

from __future__ import annotations

import gevent
import pytest
from sim.world import KEY, agent, everybody, queue

from py_callcenter.app.controller import Controller
from py_callcenter.app.early import DEAD_MAN_PLANNED_S
from py_callcenter.app.secrets import Keys
from py_callcenter.engine.memory import Memory
from py_callcenter.esl.errors import ConnectionFailed
from py_callcenter.esl.port import State

pytestmark = pytest.mark.app


class NoStore:
    def put(self, records):
        pass


class Link:
    """A switch's end of the farewell."""

    state = State.CONNECTING

    def __init__(self, told: list[tuple[str, int]], name: str, trouble: str = "") -> None:
        self.told, self.name, self.trouble = told, name, trouble

    def say_goodbye(self, after_s: int) -> None:
        self.told.append((self.name, after_s))
        if self.trouble == "away":
            raise ConnectionFailed("not-connected")
        if self.trouble == "frozen":
            gevent.sleep(60)

    def stop(self) -> None:
        self.told.append((self.name, 0))


def test_frozen_and_lost_switches_keep_no_other_from_hearing_of_a_stop(monkeypatch):
    monkeypatch.setattr("py_callcenter.app.controller.GOODBYE_S", 0.2)
    config = everybody([queue()], [agent("1000")]).model_copy(update={"nodes": ()})
    controller = Controller(config, NoStore(), keys=Keys(KEY, (), KEY), epoch=1, memory=Memory(), seed=1)
    told: list[tuple[str, int]] = []
    kinds = {"fs1": "frozen", "fs2": "away", "fs3": ""}
    controller.links = {name: Link(told, name, trouble) for name, trouble in kinds.items()}

    controller.stop()

    assert told == [(name, DEAD_MAN_PLANNED_S) for name in kinds] + [(name, 0) for name in kinds]
