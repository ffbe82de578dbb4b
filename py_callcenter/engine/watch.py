"""What changed since somebody last looked, so that a look costs by what changed and not by what is there.

One reader keeps the picture (`app/picture.py`) and asks for the changes in pieces, each small enough to let
calls go first. When a piece says that there is no more, all pieces together are the picture of its moment.
Agents are marked by the core; calls and their queues by whoever changes them (`State.touch`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from py_callcenter._router import QueueView
from py_callcenter.engine.state import State
from py_callcenter.engine.view import AgentLine, CallView, agent_line, call_view, diverted_to
from py_callcenter.value import value

PIECE: Final = 60
"""Rows of one piece: about a third of a millisecond."""
ORDER_AS_ROW: Final = 200
"""So many callers of a queue's order cost as much as a row."""


@value
class QueueLine:
    """A queue: what the core knows of it, its callers by the core's ids in order of service, and the rest."""

    name: str
    strategy: str
    view: QueueView
    order: list[int]
    divert: str


@dataclass(slots=True)
class Changes:
    """A piece of what changed. `fresh`: everything follows, what was known before is void."""

    at_us: int
    fresh: bool
    more: bool = False
    """Another piece waits."""
    agents: list[AgentLine] = field(default_factory=list)
    calls: list[CallView] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    """Ids of calls that aren't shown any more."""
    queues: list[QueueLine] = field(default_factory=list)


def look(state: State) -> Changes:
    """The next piece."""
    marks = state.marks
    changes = Changes(at_us=state.now_us, fresh=not marks.on)
    changed = state.router.changed_agents()
    if changes.fresh:
        marks.on = True
        # Lists, for a dict of ten thousand takes half a millisecond.
        marks.all_agents = list(state.agent_ids.values())
        marks.all_calls = list(state.calls)
        marks.queues = dict.fromkeys(state.queues)
    else:
        marks.agents |= dict.fromkeys(changed)
    room = 0 if changes.fresh else PIECE  # beginning takes as long as a piece
    while (marks.all_agents or marks.agents) and room > 0:
        agent_id = marks.all_agents.pop() if marks.all_agents else marks.agents.popitem()[0]
        name = state.agent_names[agent_id]
        line = agent_line(state, name, agent_id)
        changes.agents.append(line)
        marks.queues |= dict.fromkeys(line.queues)
        room -= 1
    while (marks.all_calls or marks.calls) and room > 0:
        uuid = marks.all_calls.pop() if marks.all_calls else marks.calls.popitem()[0]
        call = state.calls.get(uuid)
        shown = None if call is None else call_view(call)
        if shown is None:
            changes.gone.append(uuid)
        else:
            changes.calls.append(shown)
        room -= 1
    while marks.queues and room > 0:
        name = marks.queues.popitem()[0]
        queue = state.queues.get(name)
        if queue is not None:  # one that was taken out of the configuration may still have talking callers
            order = state.router.callers(state.queue_ids[name])
            changes.queues.append(
                QueueLine(
                    name=name,
                    strategy=queue.strategy,
                    view=state.router.queue(state.queue_ids[name]),
                    order=order,
                    divert=diverted_to(state, name),
                )
            )
            room -= len(order) // ORDER_AS_ROW
        room -= 1
    changes.more = bool(marks.all_agents or marks.agents or marks.all_calls or marks.calls or marks.queues)
    return changes
