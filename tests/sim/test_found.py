"""What the simulation found in the product: each seed is kept with its story, and stays clean.

A seed names a plan as `storm/plan.py` draws it with only these faults; should drawing ever change, these need
new seeds.
"""

from __future__ import annotations

import pytest
from sim.storm.plan import draw
from sim.storm.run import simulate

from py_callcenter.app import notable

pytestmark = [pytest.mark.sim, pytest.mark.timeout(300)]

ALL = (
    *(1, 2, 4, 6, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 25),
    *(29, 30, 31, 32, 34, 36, 38, 39, 40, 41, 42),
)

NOW = tuple(sorted({*ALL, 3, 7, 8, 9, 10}))

STORIES = {
    "an agent's phone was connected with a new caller while no controller lived, and was rung in that call": (
        1038,
        ALL,
    ),
    "a caller's PARK was lost in a fault, and the look that followed came before the switch listed them": (
        1173,
        ALL,
    ),
    "the same with other people": (1361, ALL),
    "somebody connected two callers and then one of them with a phone that died: the other slept for ever": (
        1205,
        ALL,
    ),
    "a caller's PARK was lost, no canary with it, and nobody looked": (22, (9,)),
    "a caller was transferred on a node that had been given up, and came back as a call of its own": (
        1019,
        (1, 3, 4, 8, 36),
    ),
    "two waiting callers were joined by somebody else, and one of them was still given to an agent": (
        10453,
        NOW,
    ),
    "a start saw a conversation whose agent had just hung up, and nobody cared for the caller": (10964, NOW),
    "a dead controller's command was carried out when its cable was mended, minutes later": (
        10742,
        NOW,
    ),
    "starts waited again and again for a node that was away, on behalf of an agent who had long talked with "
    "others": (10391, NOW),
    "no command reached a node, its phone rang on, and its agent was rung on another": (2165, NOW),
    "the same; the network then carried out what it had held back": (2224, NOW),
    "the wall clock was set back twice: an agent's rest lay in the future after the second time": (2049, NOW),
    "the wall clock was set back twice: who had been idle for longest was no longer known": (2383, NOW),
    "an exit led back to where a caller came from; the transfer never left and passed for done": (4797, NOW),
    "a conversation that the books knew nothing of was answered in them without having begun": (2154, NOW),
    "a look at the switch ended an offer whose command was still on its way, and the phone was rung twice": (
        1022,
        ALL,
    ),
    "the engine failed on a caller's PARK, and nobody looked again: the caller stood in silence": (
        123,
        (41,),
    ),
    "the dead man sent a caller to the fallback; the next start left them waiting in the books for ever": (
        105,
        (1,),
    ),
    "a start hung an orphaned phone up and rang it for the next caller before the first call had left it": (
        131,
        (1,),
    ),
    "the same after a crash between a command and its record": (131, (36,)),
    "the wall clock had been set back: talk times came out negative and no controller could start": (
        111,
        (38,),
    ),
    "the wall clock had been set back: agents' rest lay in the future, and they got no calls": (110, (38,)),
    "a cable failed for less than a second while a node was dialled, between two looks of the checker": (
        400032,
        (*NOW, 35, 37, 44),
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_it_stays_mended(story, monkeypatch):
    monkeypatch.setattr(notable, "NOTABLE", {})
    seed, faults = STORIES[story]

    result = simulate(draw(seed, faults))

    assert not result.violations, "\n".join(map(str, result.violations))
