"""The whole picture at one moment, and its lines. Who looks again and again asks `watch` for what changed."""

from __future__ import annotations

from dataclasses import replace

from py_callcenter._router import Estimate, Score
from py_callcenter.engine import registrations
from py_callcenter.engine.calls import Call, OfferState, Phase
from py_callcenter.engine.state import State
from py_callcenter.value import value


@value
class CallView:
    """A call. `number` is the caller's, for the screens of those who may see it; never for logs."""

    id: str
    node: str
    queue: str
    phase: str
    position: int
    entered_us: int
    priority: int
    name: str
    number: str
    agent: str
    ringing: tuple[str, ...]
    ring_since_us: int
    """When the first of the phones began to ring; 0 while none does."""
    talk_since_us: int
    expected: Estimate | None
    """How long the caller will wait from now on; None: not known, or not waiting."""
    caller_id: int = 0
    """The core's, while the caller is in its order of callers; 0 otherwise."""


@value
class BreakLine:
    """A break with a reason, a request for one, or both. Reasons are empty where there is none."""

    reason: str
    since_us: int
    limit_us: int
    """Until when it may last; 0: no limit."""
    overdue: bool
    asked: str
    asked_us: int
    place: int
    """In the line, 1 = next; 0: there is a place, the break begins after call and wrap-up."""


@value
class AgentLine:
    name: str
    status: str
    state: str
    state_since_us: int
    ready_at_us: int
    calls_answered: int
    no_answer_count: int
    talk_us: int
    queues: tuple[str, ...]
    call: str
    reachable: bool = True
    """False: none of the agent's phones is registered anywhere."""
    rest: BreakLine | None = None


@value
class QueueView:
    name: str
    strategy: str
    waiting: int
    oldest_entered_us: int
    talking: int
    staffed: int
    expected: Estimate | None
    """How long somebody who came now would wait; None: not known."""
    score: Score
    """How good such answers were."""
    divert: str = ""
    """Where an operator diverts its callers; empty when nowhere."""


@value
class NodeView:
    """A node as far as offers go. `held`: why its callers get none; empty when they do."""

    name: str
    held: tuple[str, ...]
    backlog: int
    """Originates that wait their turn."""
    refused: int
    """Originates that the switch refused since the start."""
    sessions_per_second: int
    max_sessions: int


@value
class View:
    at_us: int
    queues: tuple[QueueView, ...]
    calls: tuple[CallView, ...]
    agents: tuple[AgentLine, ...]
    agents_by_state: tuple[tuple[str, int], ...]
    nodes: tuple[NodeView, ...] = ()


def take(state: State) -> View:
    """Calls come in order of service within their queue, talking ones after the waiting. Costs by the size of
    the call centre; `watch.look` costs by what changed.
    """
    talking: dict[str, int] = {}
    oldest: dict[str, int] = {}
    on_call: dict[str, str] = {}
    calls = []
    places = {
        caller: place
        for queue_id in state.queue_ids.values()
        for place, caller in enumerate(state.router.callers(queue_id), 1)
    }
    for call in state.calls.values():
        line = call_view(call)
        if line is None:
            continue
        if call.phase is Phase.TALKING:
            talking[line.queue] = talking.get(line.queue, 0) + 1
        elif line.caller_id:
            oldest[line.queue] = min(oldest.get(line.queue, line.entered_us), line.entered_us)
        if line.agent:
            on_call[line.agent] = call.id
        calls.append(
            replace(
                line,
                position=places.get(line.caller_id, 0),
                expected=(
                    state.router.expected_wait_of(state.now_us, line.caller_id)
                    if line.caller_id and call.phase is Phase.WAITING
                    else None
                ),
            )
        )
    calls.sort(key=lambda line: (line.queue, line.position == 0, line.position, line.entered_us, line.id))
    return View(
        at_us=state.now_us,
        queues=tuple(
            QueueView(
                name=queue.name,
                strategy=queue.strategy,
                waiting=state.router.calls_waiting(state.queue_ids[queue.name]),
                oldest_entered_us=oldest.get(queue.name, 0),
                talking=talking.get(queue.name, 0),
                staffed=state.router.staffed(state.queue_ids[queue.name]),
                expected=state.router.expected_wait(state.now_us, state.queue_ids[queue.name]),
                score=state.router.wait_score(state.queue_ids[queue.name]),
                divert=diverted_to(state, queue.name),
            )
            for queue in state.queues.values()
        ),
        calls=tuple(calls),
        agents=tuple(
            replace(agent_line(state, name, agent_id), call=on_call.get(name, ""))
            for name, agent_id in state.agent_ids.items()
        ),
        agents_by_state=tuple(state.router.agents_by_state()),
        nodes=nodes(state),
    )


def call_view(call: Call) -> CallView | None:
    """A call but for its place and its expected wait; None for one that isn't shown."""
    stay = call.stay
    if stay is None or call.phase in (Phase.ENDED, Phase.LEAVING, Phase.AWAY):
        return None
    winner = call.winner
    return CallView(
        id=call.id,
        node=call.node,
        queue=stay.queue.name,
        phase=call.phase.name.lower(),
        position=0,
        entered_us=stay.entered_us,
        priority=stay.priority,
        name=call.name,
        number=call.number,
        agent=winner.agent.name if winner is not None else "",
        ringing=tuple(
            offer.agent.name for offer in stay.offers.values() if offer.state is OfferState.RINGING
        ),
        ring_since_us=min(
            (o.ring_since_us for o in stay.offers.values() if o.ring_since_us is not None), default=0
        ),
        talk_since_us=winner.talk_since_us if winner is not None else 0,
        expected=None,
        caller_id=stay.caller_id if stay.open else 0,
    )


def agent_line(state: State, name: str, agent_id: int) -> AgentLine:
    """An agent but for the call."""
    agent = state.router.agent(agent_id)
    return AgentLine(
        name=name,
        status=agent.status,
        state=agent.state,
        state_since_us=agent.state_since_us,
        ready_at_us=agent.ready_at_us,
        calls_answered=agent.calls_answered,
        no_answer_count=agent.no_answer_count,
        talk_us=agent.talk_us,
        queues=state.marks.queues_of.get(name, ()),
        call="",
        reachable=registrations.is_reachable(state, name),
        rest=_break_line(state, agent_id) if state.break_ids else None,
    )


def _break_line(state: State, agent_id: int) -> BreakLine | None:
    found = state.router.agent_break(agent_id)
    if found is None:
        return None
    names = state.break_names
    return BreakLine(
        reason="" if found.reason is None else names[found.reason],
        since_us=found.since_us,
        limit_us=found.limit_us,
        overdue=found.overdue,
        asked="" if found.asked is None else names[found.asked],
        asked_us=found.asked_us,
        place=found.place,
    )


def diverted_to(state: State, queue: str) -> str:
    """Where an operator diverts a queue's callers; empty when nowhere."""
    found = state.diverts.get(queue)
    return "" if found is None else str(found.to)


def nodes(state: State) -> tuple[NodeView, ...]:
    """Each node as far as offers go. Cheap: asked at every scrape."""
    return tuple(
        NodeView(
            name=name,
            held=tuple(sorted(state.held_nodes.get(name, ()))),
            backlog=pace.backlog,
            refused=pace.refused,
            sessions_per_second=pace.capacity.sessions_per_second,
            max_sessions=pace.capacity.max_sessions,
        )
        for name, pace in state.paces.items()
    )
