"""What the simulation found once people outside the queues connected agents and callers with somebody of
theirs: each seed with its story, as in `test_found`.
"""

from __future__ import annotations

import pytest
from sim.storm.plan import draw
from sim.storm.run import simulate
from sim.test_found_long import EVERYTHING

from py_callcenter.app import notable

pytestmark = [pytest.mark.sim, pytest.mark.timeout(300)]

HABITS = ("standby", "consult", "transfer", "breaks", "strangers")
ALONE = ("strangers",)
ALL = ("strangers", "consult", "transfer", "standby")

STORIES: dict[str, tuple[int, tuple[str, ...]]] = {
    "a leg that stays up was given away and hung up two seconds later": (600032, ALONE),
    "an agent was given away while a colleague's phone rang": (600022, ALONE),
    "the same of a number outside": (600034, ("standby", "strangers")),
    "a caller was sent on in the moment in which the agent was given away, and waited for a deadline": (
        600065,
        ("strangers", "consult", "transfer"),
    ),
    "a start hung up the leg of somebody who had logged out and talked with a stranger": (601206, ALL),
    "a look in the middle of the tone took the agent for joined": (602108, ALL),
    "the same, and the caller had been transferred": (602017, ALL),
    "the same, with more agents": (602397, ALL),
    "a controller that stood still for half a minute cut off two who had been given away": (602321, ALL),
    "a customer of a stranger's rang a queue later, and the checker still took them for one": (600033, ALONE),
    "an agent who was given away before a start was idle since when, and the checker was surprised": (
        602319,
        ALL,
    ),
    "the books lost a line of an agent who was given away, and the checker was surprised": (601147, ALONE),
    "a start joined a caller anew with the agent who had sent them back into the queue, and the bridge was "
    "lost": (506127, ()),
    "the engine failed on the one word that told of a stranger, and the checker was surprised": (508751, ()),
    "a caller was on the way to a queue that there isn't when the controller died, and waits in the books": (
        514204,
        (),
    ),
    "a start and strangers crossed on the wire, and the checker was surprised": (513396, ()),
    "a bridge command met what strangers had just done": (513381, ()),
    "events changed places just when a stranger came, and the checker was surprised": (511496, ()),
    "a node was given up with an agent who had been given away, and the checker was surprised": (509443, ()),
    "a conversation outlived the absence of its controller, and a transfer would have hung up the caller": (
        500110,
        (),
    ),
    "the same; it only stood still": (500322, ()),
    "it stood still for half a minute, and the simulation put the dead man off too late": (502172, ()),
    "the same with other people": (501808, ()),
    "stamps were lost with a connection and the look that would have shown it came as an agent answered": (
        513728,
        (),
    ),
    "a colleague who was asked handed the agent on to somebody else, and the checker lost the caller": (
        508608,
        (),
    ),
    "a caller was held back after a bridge that came to nothing, and the checker was surprised": (
        603418,
        ALL,
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_what_was_found_about_strangers_stays_mended(story, monkeypatch):
    monkeypatch.setattr(notable, "NOTABLE", {})
    seed, always = STORIES[story]

    result = simulate(draw(seed, EVERYTHING, HABITS, always=always))

    assert not result.violations, "\n".join(map(str, result.violations))
