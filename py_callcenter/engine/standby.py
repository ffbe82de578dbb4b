"""Agents of type `uuid-standby`: one leg to the phone stays up all day, and callers are joined to it.

The leg is dialled when the agent logs in, and again, with growing pauses, when it drops; without it the agent
is offered nothing. A caller is announced by a tone. After a conversation the leg parks by itself
(`park_after_bridge`) and serves the next. It carries a seal, so the next start of ours takes it up.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from py_callcenter._router import Event
from py_callcenter.config import Agent, Config
from py_callcenter.engine import outside, pacing, registrations
from py_callcenter.engine.actions import Device, Kill, Originate, SetVariables
from py_callcenter.engine.errors import NeedsOneSwitch
from py_callcenter.engine.identity import job_uuid, leg_uuid
from py_callcenter.engine.looks import is_bridged
from py_callcenter.engine.records import LegOrphaned
from py_callcenter.engine.state import State

TYPE: Final = "uuid-standby"
RING_S: Final = 30
OVERDUE_US: Final = (RING_S + 5) * 1_000_000
FIRST_LOOK_US: Final = 1_500_000
"""Before the first dialling of a run: the leg of the last run may be up."""
PAUSE_US: Final = 1_000_000
LONGEST_PAUSE_US: Final = 60_000_000
LENT_US: Final = 30_000_000
"""How often the switch is looked at while somebody else has such a leg: the end of that may not be told."""
_KEPT: Final = frozenset({"Available", "Available (On Demand)", "On Break"})
"""Statuses in which the leg stays: on break the agent comes back to it."""

_LEFT_BEHIND: Final = (("cc_offer", ""), ("cc_tag", ""), ("cc_queue", ""), ("transfer_history", ""))
"""To the last one the switch adds a line at each bridge: a hundred bytes in each later event of the leg."""


@dataclass(slots=True, eq=False)
class Standing:
    """The leg of one agent."""

    agent: str
    node: str
    uuid: str = ""
    """Of the leg that is up or being dialled; empty while there is none."""
    up: bool = False
    number: int = 0
    """Of the dialling."""
    failures: int = 0
    """In a row."""
    job: str = ""
    tag: str = ""
    """The seal that the leg carries."""
    watched: bool = False
    """Lent, and looked at now and then."""
    timer: int | None = None


def configure(state: State) -> None:
    """Who has such a leg; whoever has none any more is hung up, after the conversation if there is one.

    Nobody with several switches: a leg is up on one of them, and callers of the others couldn't be joined to
    it. Such agents, whom only an older database can name, are rung for each call like all others.
    """
    nodes = state.config.nodes
    node = nodes[0].name if len(nodes) == 1 else ""
    wanted = {agent.name for agent in state.config.agents if agent.type == TYPE} if node else set()
    for name in state.reach.standing.keys() - wanted:
        standing = state.reach.standing.pop(name)
        state.stop_timer(standing.timer)
        if standing.uuid and not _in_use(state, standing.uuid):
            state.act(Kill(standing.node, standing.uuid, "NORMAL_CLEARING"))
        _forget(state, standing)
        if name in state.agents:
            registrations.standing(state, name, down=False)
    for name in sorted(wanted - state.reach.standing.keys()):
        standing = state.reach.standing[name] = Standing(name, node)
        registrations.standing(state, name, down=True)
        _again(state, standing, FIRST_LOOK_US)


def check(state: State, config: Config) -> None:
    """Raise `NeedsOneSwitch` when somebody's phone would begin to stand by with several switches."""
    if len(config.nodes) > 1:
        before = {agent.name for agent in state.config.agents if agent.type == TYPE}
        for agent in config.agents:
            if agent.type == TYPE and agent.name not in before:
                raise NeedsOneSwitch(agent.name)


def stands(state: State, name: str) -> bool:
    """Whether the agent has such a leg, or will have it when it is up."""
    return name in state.reach.standing


def review(state: State, name: str) -> None:
    """The agent's status changed, or a call ended: dial, or hang up."""
    standing = state.reach.standing.get(name)
    if standing is None:
        return
    if _is_wanted(state, standing):
        if not standing.uuid and standing.timer is None:
            _dial(state, standing)
    elif standing.uuid and not _in_use(state, standing.uuid):
        state.act(Kill(standing.node, standing.uuid, "NORMAL_CLEARING"))


def ready_leg(state: State, agent: Agent, node: str) -> str:
    """The leg that a caller of a node can be joined to; empty when there is none."""
    standing = state.reach.standing.get(agent.name)
    return standing.uuid if standing is not None and standing.up and standing.node == node else ""


def freed(state: State, node: str, name: str, legs: Iterable[str]) -> None:
    """The agent's call is over: what it left on the leg goes, so that the next start doesn't believe it. A
    leg that is to stay up no more ends, and the phone gets no other call before that.
    """
    standing = state.reach.standing.get(name)
    for uuid in legs:
        if standing is None or standing.uuid not in ("", uuid):
            state.act(Kill(node, uuid, "NORMAL_CLEARING"))
            agent_id = state.agent_ids[name]
            ready_us = max(state.router.agent(agent_id).ready_at_us, state.now_us + PAUSE_US)
            state.router.set_ready_at(state.now_us, agent_id, ready_us)
    if standing is not None and standing.up:
        state.act(SetVariables(node, standing.uuid, _LEFT_BEHIND))
    review(state, name)


# What the switch tells.


def parked(state: State, uuid: str) -> None:
    """The agent has picked up, or is back from a call that nobody here knows."""
    standing = state.reach.standing_legs.get(uuid)
    if standing is None:
        return
    outside.ended(state, uuid)
    _comes_up(state, standing)


def _comes_up(state: State, standing: Standing) -> None:
    if standing.up:
        review(state, standing.agent)
        return
    state.stop_timer(standing.timer)
    standing.timer = None
    standing.up, standing.failures = True, 0
    _seal_anew(state, standing)
    registrations.standing(state, standing.agent, down=False)
    review(state, standing.agent)


def gone(state: State, uuid: str) -> None:
    """The leg is no more."""
    standing = state.reach.standing_legs.get(uuid)
    if standing is not None and standing.uuid == uuid:
        _lost(state, standing)


def taken(state: State, uuid: str) -> None:
    """Somebody else joined the leg with another: the agent is busy until it is parked again."""
    standing = state.reach.standing_legs.get(uuid)
    if standing is not None and standing.uuid == uuid and uuid not in state.legs:
        _lend(state, standing)
        state.round.doubts.add(standing.node)  # it may be old news


def job_failed(state: State, job: str, cause: str, take_back: pacing.TakeBack) -> None:
    """The phone can't be dialled. A failure that made no leg shows only here; it is nobody's when the switch
    is full.
    """
    standing = state.reach.standing_legs.get(job)
    if standing is not None and standing.job == job:
        short = cause == pacing.REFUSED_CAUSE
        short = short and pacing.refused(state, standing.node, standing.agent, take_back)
        _lost(state, standing, nobody_to_blame=short)


def began(state: State, node: str, uuid: str) -> bool:
    """A channel began: is it such a leg?"""
    standing = state.reach.standing_legs.get(uuid)
    if standing is None:
        return False
    pacing.leg_began(state, node, uuid, standing.agent)
    return True


def refused(state: State, job: str) -> None:
    """The command was refused, or never left."""
    standing = state.reach.standing_legs.get(job)
    if standing is not None and standing.job == job:
        _lost(state, standing)


def look(state: State, node: str, live: dict[str, Event]) -> None:
    """A fresh look at the switch: which legs are up."""
    for standing in list(state.reach.standing.values()):
        if standing.up and standing.node == node and standing.uuid not in live:
            gone(state, standing.uuid)
    for uuid, dump in live.items():
        name = dump.get("variable_cc_agent") or ""
        if not is_sealed(state, dump):
            continue
        known = state.reach.standing.get(name)
        if known is None or known.uuid not in ("", uuid):
            if uuid not in state.legs and not is_bridged(dump):  # else when it is parked
                orphan(state, node, uuid, name)
        else:
            _found(state, known, uuid, dump)


def use_new_key(state: State) -> None:
    """Seal the legs anew: they stay up for days, and earlier keys count only as long as calls do."""
    for standing in state.reach.standing.values():
        if standing.up:
            _seal_anew(state, standing)


def is_sealed(state: State, dump: Event) -> bool:
    """Whether it is a standing leg of ours."""
    tag, name = dump.get("variable_cc_standby"), dump.get("variable_cc_agent") or ""
    return bool(tag) and state.sealer.holds(tag, "standby", name, dump.unique_id)


def orphan(state: State, node: str, uuid: str, name: str) -> None:
    """A leg that would stand by for nobody: another does, or the agent is called for each call by now."""
    state.note(LegOrphaned, node, call="", agent=name)
    state.act(Kill(node, uuid, "NORMAL_CLEARING"))


def legs(state: State, node: str) -> list[str]:
    """Those that we hold for alive."""
    return [one.uuid for one in state.reach.standing.values() if one.uuid and one.node == node]


# Inside.


def _in_use(state: State, uuid: str) -> bool:
    """Whether the leg is a caller's, or somebody else's; it is parked when that is over."""
    return uuid in state.legs or uuid in state.outside.channels


def _found(state: State, known: Standing, uuid: str, dump: Event) -> None:
    """A look shows the agent's leg."""
    dialled = not known.uuid  # by an earlier run
    known.uuid, known.tag = uuid, dump.get("variable_cc_standby") or ""
    state.reach.standing_legs[uuid] = known
    if known.up:  # what seals it anew may have been lost on the way
        _seal_anew(state, known)
    if dump.get("Answer-State") == "answered":
        if is_bridged(dump) and uuid not in state.legs:  # first, for nobody who talks is hung up
            _lend(state, known)
        else:
            outside.ended(state, uuid)
        _comes_up(state, known)
    elif dialled:
        state.stop_timer(known.timer)
        known.timer = state.start_timer(OVERDUE_US, _overdue, known, uuid)


def _lend(state: State, standing: Standing) -> None:
    if not standing.watched:
        standing.watched = True
        state.start_timer(LENT_US, _still_lent, standing)
    outside.lent(state, standing.node, standing.uuid, standing.agent)


def _still_lent(state: State, standing: Standing) -> None:
    standing.watched = standing.uuid in state.outside.channels
    if standing.watched:
        state.round.doubts.add(standing.node)
        state.start_timer(LENT_US, _still_lent, standing)


def _is_wanted(state: State, standing: Standing) -> bool:
    return state.router.agent(state.agent_ids[standing.agent]).status in _KEPT


def _dial(state: State, standing: Standing) -> None:
    if "away" in state.held_nodes.get(standing.node, ()):
        _again(state, standing, PAUSE_US)
        return
    agent = state.agents[standing.agent]
    number = standing.number + 1
    name = f"standby/{standing.agent}/{state.epoch}"
    uuid, job = leg_uuid(name, number, 0), job_uuid(name, number)
    tag = _tag(state, standing.agent, uuid)
    variables = (
        ("cc_side", "agent"),
        ("cc_agent", agent.name),
        ("cc_agent_type", agent.type),
        ("cc_standby", tag),
        ("park_after_bridge", "true"),
        ("playback_terminators", "none"),
    )
    contact = registrations.way(state, standing.node, agent.contacts[0])
    after_us = pacing.stand_by(
        state,
        Originate(
            node=standing.node,
            job=job,
            devices=(Device(uuid, contact),),
            variables=variables,
            caller_name="callcenter",
            caller_number="0",
            timeout_s=RING_S,
        ),
    )
    if after_us:
        _again(state, standing, after_us)
        return
    standing.number, standing.uuid, standing.job, standing.tag = number, uuid, job, tag
    state.reach.standing_legs[uuid] = state.reach.standing_legs[job] = standing
    standing.timer = state.start_timer(OVERDUE_US, _overdue, standing, uuid)


def _tag(state: State, agent: str, uuid: str) -> str:
    return state.sealer.seal("standby", agent, uuid)


def _seal_anew(state: State, standing: Standing) -> None:
    """When the leg carries a seal of an earlier key."""
    tag = _tag(state, standing.agent, standing.uuid)
    if tag != standing.tag:
        standing.tag = tag
        state.act(SetVariables(standing.node, standing.uuid, (("cc_standby", tag),)))


def _again(state: State, standing: Standing, after_us: int) -> None:
    state.stop_timer(standing.timer)
    standing.timer = state.start_timer(after_us, _due, standing)


def _due(state: State, standing: Standing) -> None:
    standing.timer = None
    if state.reach.standing.get(standing.agent) is standing:
        review(state, standing.agent)


def _overdue(state: State, standing: Standing, uuid: str) -> None:
    """Neither picked up nor refused: nobody told the end."""
    standing.timer = None
    if standing.uuid == uuid and not standing.up:
        state.forbid(uuid)
        state.act(Kill(standing.node, uuid, "NO_ANSWER"))
        _lost(state, standing)


def _lost(state: State, standing: Standing, *, nobody_to_blame: bool = False) -> None:
    was_up = standing.up
    _forget(state, standing)
    if standing.agent not in state.agent_ids:
        return
    registrations.standing(state, standing.agent, down=True)
    standing.failures += 0 if was_up or nobody_to_blame else 1
    pause_us = min(LONGEST_PAUSE_US, PAUSE_US << min(standing.failures, 10))
    _again(state, standing, pause_us)


def _forget(state: State, standing: Standing) -> None:
    state.stop_timer(standing.timer)
    standing.timer = None
    for key in (standing.uuid, standing.job):
        state.reach.standing_legs.pop(key, None)
    standing.uuid, standing.up = "", False
