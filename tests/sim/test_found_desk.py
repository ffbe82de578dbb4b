"""What the simulation found once people consulted and transferred by the API: each seed with its story.

As in `test_found`, with what people do beside calling and answering (`storm/plan.py`).
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from sim.storm.plan import draw
from sim.storm.run import simulate
from sim.test_found import NOW

from py_callcenter.app import notable

pytestmark = [pytest.mark.sim, pytest.mark.timeout(300)]

HABITS = ("standby", "consult", "transfer")
"""Those that there were when these were found: with others each would be another story."""

STORIES = {
    "an agent transferred the caller by phone while a colleague's rang, who then got the caller back out": (
        11,
        (),
        ("consult",),
    ),
    "a colleague transferred the agent away, and the caller heard music for ever": (87, (), ("consult",)),
    "a caller meant for one agent was sent on to an extension, and still waited for that agent": (
        42,
        (),
        ("consult", "transfer"),
    ),
    "a colleague hung up in the moment in which the caller was handed over": (
        171,
        NOW,
        ("consult",),
    ),
    "the line of the spool that told of a conversation was damaged, and the caller waited in the books for "
    "ever": (11171, (*NOW, 37), ("standby", "consult", "transfer")),
    "phones that stand by: a wrap-up of a year in the books, and a leg that rang at a start was nobody's": (
        11082,
        NOW,
        ("standby", "consult", "transfer"),
    ),
    "a node was away in the middle of a bridge, and the engine counted the caller as lost for that": (
        12148,
        NOW,
        ("transfer",),
    ),
    "an agent whose phone stands by handed a caller over, and was free only when the phone was hung up": (
        11412,
        NOW,
        ("standby", "consult", "transfer"),
    ),
    "the same with other people": (456, (30, 32), ("standby", "consult")),
    "a caller left during the tone on a phone that stands by, and the next one waited for a tone that had "
    "played": (11493, NOW, ("standby", "transfer")),
    "an agent who had been joined with another's caller consulted about them, no theft at all": (
        13376,
        NOW,
        ("standby", "consult", "transfer"),
    ),
    "a colleague connected the agent with somebody else, and the agent was torn away from them": (
        13644,
        NOW,
        ("consult", "transfer"),
    ),
    "the engine failed on an input after all misfortunes were over, which the checker didn't know": (
        14088,
        NOW,
        ("standby", "consult", "transfer"),
    ),
    "an agent who consulted was connected with another caller, and the first heard music for ever": (
        14960,
        NOW,
        ("consult", "transfer"),
    ),
    "a silent leg hung up long after the fault that had made it silent, which the checker didn't know": (
        15697,
        NOW,
        ("consult",),
    ),
    "a colleague hung up while no controller lived, and the agent's leg outlived the next conversation": (
        1047,
        (44,),
        ("consult",),
    ),
    "a look at a caller in a conversation came late, when the agent had hung up and the caller was parked": (
        300302,
        NOW,
        ("standby", "consult", "transfer"),
    ),
    "a conversation with the second agent began while no controller lived, and was dated by that with the "
    "first": (100661, (*NOW, 37), ("standby", "consult", "transfer")),
    "the order to hang up after a conversation was lost with a cable, and the next start left the caller in "
    "the park": (101935, (*NOW, 37, 44), HABITS),
    "an agent sent a caller on whose node was away, and a start on another node rang them in that talk": (
        50087,
        (1, 6, 8, 34, 36, 37, 44),
        HABITS,
    ),
    "an agent talked on, on a node that had been given up, for longer than anybody could know": (
        101549,
        (*NOW, 37, 44),
        ("transfer",),
    ),
    "somebody else joined two phones that stand by, and their conversation was broken for a caller": (
        101528,
        (*NOW, 37),
        ("standby", "consult", "transfer"),
    ),
    "a caller meant for one agent was that one's for ever after a restart, in each queue they came to": (
        102172,
        (*NOW, 37),
        ("standby", "consult", "transfer"),
    ),
    "a node was away when an agent was through, who was idle from its return for all we know": (
        102564,
        (*NOW, 37),
        ("standby", "consult", "transfer"),
    ),
    "of two callers who got agents at once, the second one's phone rang before the first one's was told": (
        103046,
        (*NOW, 37),
        ("standby", "consult", "transfer"),
    ),
    "callers came to the same phones that stand by at once, and the last tone was broken with the first": (
        200828,
        (*NOW, 35, 37, 44),
        HABITS,
    ),
    "a node was out of sight for minutes: calls that had ended in the books ended once more": (
        28,
        (1, 8, 36),
        ("consult",),
    ),
    "a start looked at a caller in the very moment of a transfer, and took the PARK that followed for old": (
        305288,
        (*NOW, 35, 37, 44),
        HABITS,
    ),
    "an agent transferred a caller, the PARK in the next queue was lost, and nobody asked where they were": (
        304624,
        (*NOW, 35, 37, 44),
        HABITS,
    ),
    "a BRIDGE came twenty seconds late, of a conversation that a look had told of and that was over": (
        307296,
        (*NOW, 35, 37, 44),
        HABITS,
    ),
    "an agent was busy on a node out of sight and then on another, and the checker took it for one doubt": (
        305215,
        (*NOW, 35, 37, 44),
        HABITS,
    ),
}


@pytest.mark.parametrize("story", STORIES)
def test_what_was_found_once_stays_mended(story, monkeypatch):
    monkeypatch.setattr(notable, "NOTABLE", {})
    seed, faults, habits = STORIES[story]

    result = simulate(draw(seed, faults, habits))

    assert not result.violations, "\n".join(map(str, result.violations))


def test_a_caller_of_whom_only_the_first_line_is_left_is_met_as_new(monkeypatch):
    """F37 tore the line after it, and the controller died before the channel was stamped."""
    monkeypatch.setattr(notable, "NOTABLE", {})
    plan = draw(12099, NOW, HABITS)

    result = simulate(replace(plan, faults=(*plan.faults, *draw(12099, (37,)).faults)))

    assert not result.violations, "\n".join(map(str, result.violations))
