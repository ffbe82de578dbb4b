"""A file that was edited and not applied is named at the start, for it changes nothing by itself."""

import pytest
from structlog.testing import capture_logs

from py_callcenter.app.run import say_unapplied
from py_callcenter.config import Agent, Config, Queue

pytestmark = pytest.mark.app


def test_what_is_only_in_the_file_is_named():
    in_force = Config(queues=(Queue(name="support"),))
    with capture_logs() as lines:
        say_unapplied(
            in_force, Config(queues=(Queue(name="support", strategy="random"), Queue(name="sales")))
        )

    [line] = lines
    assert line["log_level"] == "warning"
    assert line["changes"] == ["changed queue support", "added queue sales"]
    assert "callcenter apply" in line["hint"]


def test_the_same_file_again_says_nothing():
    config = Config(queues=(Queue(name="support"),), agents=(Agent(name="1000", contacts=("user/1000",)),))
    with capture_logs() as lines:
        say_unapplied(config, config)

    assert lines == []


def test_a_long_list_is_cut():
    with capture_logs() as lines:
        say_unapplied(Config(), Config(queues=tuple(Queue(name=f"q{n}") for n in range(25))))

    assert (len(lines[0]["changes"]), lines[0]["more"]) == (10, 15)
