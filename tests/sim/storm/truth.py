"""What really happened, seen at the switches: channels, bridges, who spoke with whom.

Beside the switches only the product's outputs count: its records and what the API answered.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sim.storm.rests import Rests, Wish

from py_callcenter.engine.actions import Originate, SetVariables
from py_callcenter.engine.callers import FOR_AGENT_US
from py_callcenter.engine.causes import LIMITS
from py_callcenter.engine.endings import REGAIN_US

if TYPE_CHECKING:
    from sim.storm.centre import Centre

    from py_callcenter.sim.legs import Leg

LONG_IDLE_US = 5_000_000
"""What is younger may not have been written down when a controller died."""
PATH_DELAY_S = 5.0
"""How long an agent rests when the way to the phone failed (the core's default)."""

TOLD_US = 3_000_000
"""So long it may take at the most to be told of a bridge, or to act by what was known before."""

FAILS = 41
"""The fault in which the engine fails on an input, which nobody knows then."""

ASKED = frozenset({"agent", "consult"})
"""Sides of legs that we called: wherever others send them, they are nobody's callers."""

BY_ITSELF = frozenset({*LIMITS.values(), "break-over"})
"""Why a status changes that nobody set."""


@dataclass(slots=True, eq=False)
class Talk:
    """A caller bridged with an agent's leg of an offer."""

    agent: str
    leg: str
    began_us: int
    ended_us: int = 0
    own: bool = True
    """The leg was called for this caller; else an attended transfer joined the two."""
    stands: bool = False
    """The leg stays up all day."""


@dataclass(slots=True, eq=False)
class Caller:
    """A channel that reached PARK with a configured queue."""

    uuid: str
    node: int
    leg: Leg
    first_us: int
    parked_us: int
    gone_us: int = 0
    talks: list[Talk] = field(default_factory=list)
    stamps: dict[tuple[str, str], str] = field(default_factory=dict)
    """Queue and leg number → the moment of entry as stamped on the channel."""
    offered_us: int = 0
    """When the last of its offers ended."""
    promised_us: int = 0
    """When an agent was last chosen for them."""
    refused_by: set[str] = field(default_factory=set)
    entered: str = ""
    """The queue that the records have it in; empty when in none."""
    entered_us: int = 0
    talked_since_us: int = 0
    """Bridged with an agent since it last entered a queue."""
    meant_for: str = ""
    """An agent to whom they were transferred: until `meant_until_us` nobody else gets them."""
    meant_until_us: int = 0
    asked_us: int = 0
    """When somebody last asked for them to be sent elsewhere."""
    consulted_us: int = 0
    """When somebody last asked for the consultation about them to end."""
    doubt: int | None = None
    """Since which reading of the node's watch it has been nowhere."""

    @property
    def alive(self) -> bool:
        return not self.gone_us


@dataclass(slots=True, eq=False)
class Ring:
    """A leg that the controller called for an agent."""

    uuid: str
    node: int
    leg: Leg
    agent: str
    call: str
    offer: str
    queue: str
    made_us: int
    answered_us: int = 0
    gone_us: int = 0
    talk: Talk | None = None
    cause: str = ""
    ghost_us: int = 0
    ghost: int | None = None
    unseen: bool = False
    """Its node was out of sight for so long that it was given up, or the books lost it."""
    given: bool = False
    """People outside the queues took the agent over, who is busy until the leg is gone."""
    run: int = 0
    """Which run of the controller asked for it first."""
    untold: bool = False
    """The last command of a process that died before it wrote that down."""

    @property
    def alive(self) -> bool:
        return not self.gone_us


@dataclass(slots=True, eq=False)
class Worker:
    """An agent as the outside sees them."""

    name: str
    status: str
    logged_in_us: int
    free_us: int
    """From when on nothing that the configuration names keeps them from a call; an upper bound."""
    idle_us: int
    """Since when they had no conversation: what the longest-idle strategy goes by."""
    untold: bool = False
    """No record tells of their last conversation: events of it were lost, so nobody knows since when."""
    last_node: int = 0
    rings: list[Ring] = field(default_factory=list)
    """Living legs."""
    others: dict[str, Leg] = field(default_factory=dict)
    """Channels of their phone that aren't the queues'."""
    others_node: int | None = None
    """Where the last of these began or ended."""
    promised_us: int = 0
    """When they were last chosen for a caller: the phone rings a little later."""
    stands: bool = False
    """Their leg stays up all day: `standing` while it does, `talk` while a caller is joined to it."""
    standing: Leg | None = None
    talk: Talk | None = None


class Truth:
    """Gathers facts; `rules` is told of those that a rule is about."""

    def __init__(self) -> None:
        self.centre: Centre = None  # type: ignore[assignment]  # set by `attach`
        self.callers: dict[str, Caller] = {}
        self.living: dict[str, Caller] = {}
        self.rings: dict[str, Ring] = {}
        self.living_rings: dict[str, Ring] = {}
        self.workers: dict[str, Worker] = {}
        self.records: list[Any] = []
        self.said_us: dict[str, int] = {}
        """When each was said, by the world's time: the controller's clock may be set between two runs."""
        self.open_stays: dict[tuple[str, int], tuple[Any, int]] = {}
        """Queue legs that the records hold open: entry and when it was said."""
        self.counts: dict[str, int] = defaultdict(int)
        self.starts_us: list[int] = []
        self._asked_in: dict[str, int] = {}
        """Legs, and the run that asked for each."""
        self.told: set[str] = set()
        """Offers that the books know."""
        self.crashes_us: list[int] = []
        self.blind: set[str] = set()
        """Calls that lived when a controller died or a switch did, or for all that the controller knew."""
        self.met: set[tuple[str, str]] = set()
        """Legs that are no callers and were connected with an agent's: leg and agent."""
        self.connected: dict[str, str] = {}
        """Legs that somebody else has asked the switch to connect, and with whom last."""
        self.damaged: set[str] = set()
        """Calls of which the books lost a line."""
        self.asked: dict[str, str] = {}
        """Legs that an agent consults about a caller, and the caller."""
        self._met: dict[str, str] = {}
        """Legs, and with whom each was joined last."""
        self.offered: set[str] = set()
        self.ended: set[str] = set()
        """Calls that the records know of, and those whose end they know."""
        self.lent: set[str] = set()
        """Agents who were joined with somebody else's caller."""
        self.customers: dict[str, tuple[int, int]] = {}
        """Channels whom people outside the queues join with agents and callers, and the switch tells; on
        which node, and when.
        """
        self.given: set[str] = set()
        """Agents whom they took over, until the books have the end of that."""
        self.unheard: set[str] = set()
        """The same while the controller doesn't hear it, or perhaps not."""
        self.drained: set[int] = set()
        """Nodes whose callers wait by an operator's word."""
        self.rests = Rests(self)
        self._idle_since: dict[str, int] = {}
        """By the controller that died: agents, and since when each was idle."""
        self.rules: Any = None
        self.controller: Any = None

    def attach(self, centre: Centre) -> None:
        """Look at a world."""
        self.centre = centre
        for plan in centre.plan.agents:
            now = centre.now_us
            stands = plan.name in centre.plan.standby
            self.workers[plan.name] = Worker(plan.name, "Available", now, now, now, stands=stands)
        self.rests.attach(centre)
        for node, switch in enumerate(centre.switches):
            switch.observers.append(partial(self._saw, node))

    # From the centre.

    def controller_started(self, controller: Any) -> None:
        self.controller = controller
        self.drained.clear()  # in production the order is kept on disk
        self.rules.idle_as_before(self._idle_since)
        self.starts_us.append(self.centre.now_us)
        self.rules.started()

    def controller_died(self) -> None:
        self.crashes_us.append(self.centre.now_us)
        self._idle_since = self._idle() if self.controller is not None else {}
        self.blind.update(self.living)
        self.blind.update(self.offered - self.ended)  # it stood still and never heard of their end
        self.controller = None
        # What was said and never reached the spool was never said.
        kept = [*self.centre.books.kept.values(), *self.centre.books.waiting]
        if len(kept) != len(self.records):
            self.records = []
            self.open_stays.clear()
            self.told.clear()
            self.counts.clear()
            self.rests.forget()
            for caller in self.callers.values():
                caller.entered = ""
            for record in kept:
                self._take(record)
                self.rests.fold(record, proven=True)
            for name, worker in self.workers.items():
                told = [r.status for r in kept if r.kind == "agent-status" and r.agent == name]
                worker.status = told[-1] if told else "Available"
        for ring in self.living_rings.values():  # who is with them is known once their node is looked at
            ring.unseen = ring.unseen or ring.call in self.damaged
            ring.untold = ring.offer not in self.told

    def _idle(self) -> dict[str, int]:
        """Since when the controller holds those for idle who have been so for a while."""
        state, long_ago_us = self.controller.engine._state, self.centre.now_us - LONG_IDLE_US
        lines = {name: state.router.agent(number) for name, number in state.agent_ids.items()}
        return {
            name: line.idle_since_us
            for name, line in lines.items()
            if line.state == "waiting" and line.idle_since_us < long_ago_us and name not in self.lent
        }

    def chosen(self, node: int, action: Originate) -> None:
        """The controller writes the command that rings an agent."""
        for device in action.devices:
            self._asked_in.setdefault(device.uuid, len(self.starts_us))
        self._choose(node, dict(action.variables))

    def announced(self, node: int, action: SetVariables) -> None:
        """The controller writes to a channel: perhaps a leg that stays up is told of its caller."""
        variables = dict(action.variables)
        worker = self._choose(node, variables) if variables.get("cc_offer") else None
        if worker is not None:
            self.rules.announced(node, worker)

    def _choose(self, node: int, variables: dict[str, str]) -> Worker | None:
        worker = self.workers.get(variables.get("cc_agent", ""))
        caller = self.callers.get(variables.get("cc_offer", "").partition("/")[0])
        if worker is None or caller is None:
            return None
        self.rules.chosen(node, caller, worker, variables["cc_queue"])
        self.rests.chosen(worker, caller.uuid)
        worker.last_node = node
        worker.promised_us = caller.promised_us = self.centre.now_us
        return worker

    def wished(self, wish: Wish) -> None:
        """Somebody is about to ask something of the API about an agent."""
        self.rests.wished(wish)

    def answered(self, wish: Wish, answer: object) -> None:
        """It answered; None: it could not."""
        self.rests.answered(wish, answer)
        if answer is True and wish.kind == "status":
            self.status_set(wish.agent, self.rests.status_after(wish))

    def status_set(self, agent: str, status: str) -> None:
        """The API said that the status is set."""
        worker = self.workers[agent]
        now = self.centre.now_us
        if worker.status == "Logged Out" and status != "Logged Out":
            worker.logged_in_us = worker.idle_us = now
        if worker.status != status:
            worker.free_us = max(worker.free_us, now)
        worker.status = status

    def record(self, record: Any) -> None:
        """The product wrote something down."""
        self.said_us[record.id] = self.centre.now_us
        self._take(record)
        kind = record.kind
        if kind == "offer-ended" and record.outcome not in ("answered", "withdrawn"):
            # The controller may have learnt later than it happened; the rest counts from then.
            self._rests(self.workers[record.agent], max(self.centre.plan.delay_s, PATH_DELAY_S))
        elif kind == "conversation-ended":
            worker = self.workers[record.agent]
            self._rests(worker, self.centre.plan.wrap_up_s)
            worker.idle_us = max(worker.idle_us, self.centre.now_us)
            worker.untold = False
        elif kind == "agent-wrap-up":
            worker, now = self.workers[record.agent], self.centre.now_us
            given = record.agent in self.given
            self.given.discard(record.agent)
            if given or not self.centre.health.calm(worker.last_node, now):
                worker.idle_us = max(worker.idle_us, now)  # before, nobody knew that the phone is free
        elif kind == "agent-status" and (record.reason in BY_ITSELF or record.break_reason):
            self.status_set(record.agent, record.status)
        self.rests.fold(record, proven=False)
        self.rules.record(record)

    def _take(self, record: Any) -> None:
        self.records.append(record)
        self.counts[record.kind] += 1
        kind = record.kind
        if kind == "offer-made":
            self.told.add(f"{record.call}/{record.attempt}")
        elif kind == "call-offered":
            self.offered.add(record.call)
        elif kind == "call-ended":
            self.ended.add(record.call)
        if kind == "queue-entered" or (
            kind == "queue-resumed" and (record.call, record.leg) not in self.open_stays
        ):
            self.open_stays[record.call, record.leg] = (record, self.centre.now_us)
            caller = self.callers.get(record.call)
            if caller is not None:
                caller.entered, caller.entered_us = record.queue, self.centre.now_us
                caller.talked_since_us = 0
                caller.refused_by.clear()
                if caller.meant_until_us < 0:
                    caller.meant_until_us = self.centre.now_us + FOR_AGENT_US
                else:
                    caller.meant_for = ""
        elif kind == "queue-resumed":
            self.rules.resumed(self.open_stays[record.call, record.leg][0], record)
        elif kind == "call-transferred":
            caller = self.callers.get(record.call)
            if caller is not None:
                caller.meant_for = record.target if record.to == "agent" else ""
                caller.meant_until_us = -1 if caller.meant_for else 0
        elif kind == "consultation-ended":
            self.lent.add(record.agent)
        elif kind in ("call-answered", "call-abandoned", "call-left", "call-lost"):
            if self.open_stays.pop((record.call, record.leg), None) is None:
                self.rules.closed_twice(record)
            caller = self.callers.get(record.call)
            if caller is not None:
                caller.entered = ""

    # From the switches.

    def _saw(self, node: int, kind: str, leg: Leg) -> None:
        if kind not in _TELLING:
            return
        if leg.values.get("cc_standby"):
            self._stands(kind, leg)
        elif kind in {"create", "hangup"} and not leg.values.get("cc_offer"):
            self._on_another_call(node, kind, leg)
        step = _STEPS.get(kind)
        if step is not None:
            step(self, node, leg)

    def _on_another_call(self, node: int, kind: str, leg: Leg) -> None:
        """A channel of an agent's phone that isn't the queues': busy while it lives."""
        name = leg.profile.channel_name.rpartition("/")[2].partition("@")[0].partition("-")[0]
        worker = self.workers.get(name)
        if worker is not None:
            worker.others[leg.uuid] = leg
            worker.others_node = node
            if kind == "hangup":
                del worker.others[leg.uuid]
                worker.free_us = max(worker.free_us, self.centre.now_us)

    def _stands(self, kind: str, leg: Leg) -> None:
        """A leg that stays up."""
        worker = self.workers.get(leg.values.get("cc_agent", ""))
        if worker is None:
            return
        now = self.centre.now_us
        if kind == "park":
            worker.standing = leg
            worker.free_us = max(worker.free_us, now)
        parted = kind in ("park", "unbridge", "hangup")
        if parted and worker.talk is not None and worker.talk.leg == leg.uuid:
            worker.talk.ended_us = worker.talk.ended_us or now
            worker.talk = None
            worker.idle_us = now
            self._rests(worker, self.centre.plan.wrap_up_s)
        if kind == "hangup" and worker.standing is leg:
            worker.standing = None

    def _parked(self, node: int, leg: Leg) -> None:
        now = self.centre.now_us
        caller = self.callers.get(leg.uuid)
        if caller is not None:
            caller.parked_us = now
            return
        if leg.uuid in self.rings or leg.values.get("cc_side") in ASKED or leg.values.get("cc_offer"):
            return
        queue = leg.values.get("cc_queue", "")
        if self.centre.config.queue(queue) is not None:
            caller = Caller(leg.uuid, node, leg, now, now)
            self.callers[leg.uuid] = self.living[leg.uuid] = caller

    def _outgoing(self, node: int, leg: Leg) -> None:
        values = leg.values
        offer = values.get("cc_offer", "")
        if not offer:
            return
        ring = Ring(
            leg.uuid, node, leg, values.get("cc_agent", ""), offer.partition("/")[0], offer,
            values.get("cc_queue", ""), self.centre.now_us,
        )  # fmt: skip
        ring.run = self._asked_in.get(leg.uuid, 0)
        ring.untold = bool(self.crashes_us) and offer not in self.told
        self.rings[leg.uuid] = self.living_rings[leg.uuid] = ring
        self.rules.rings(ring)
        worker = self.workers.get(ring.agent)
        if worker is not None:
            worker.rings.append(ring)
            worker.last_node = node

    def _answered(self, _node: int, leg: Leg) -> None:
        ring = self.rings.get(leg.uuid)
        if ring is not None:
            ring.answered_us = self.centre.now_us

    def _bridged(self, _node: int, leg: Leg) -> None:
        other = leg.partner
        if other is None:
            return
        self._note_asked(leg, other)
        for mine, theirs in ((leg, other), (other, leg)):
            caller, ring = self.callers.get(mine.uuid), self.rings.get(theirs.uuid)
            if caller is not None and ring is not None:
                talk = Talk(ring.agent, ring.uuid, self.centre.now_us, own=ring.call == caller.uuid)
                if not talk.own:
                    self.lent.add(ring.agent)
                caller.talks.append(talk)
                caller.talked_since_us = self.centre.now_us
                ring.talk = talk
                self.workers[ring.agent].untold = True
            elif caller is not None and theirs.values.get("cc_standby"):
                self._joined_standing(caller, theirs)
            elif ring is not None:
                self.met.add((mine.uuid, ring.agent))

    def _note_asked(self, leg: Leg, other: Leg) -> None:
        """Whoever is asked connects the agent with another, who is asked from then on."""
        for mine, theirs in ((leg, other), (other, leg)):
            agents = mine.values.get("cc_side") == "agent" or mine.values.get("cc_offer")
            if agents and theirs.uuid not in self.callers:
                before = self.asked.get(self._met.get(mine.uuid, ""))
                about = theirs.values["cc_call"] if theirs.values.get("cc_side") == "consult" else before
                if about:
                    self.asked[theirs.uuid] = about
        self._met[leg.uuid], self._met[other.uuid] = other.uuid, leg.uuid

    def _joined_standing(self, caller: Caller, leg: Leg) -> None:
        worker = self.workers.get(leg.values.get("cc_agent", ""))
        if worker is None:
            return
        own = leg.values.get("cc_offer", "").partition("/")[0] == caller.uuid
        talk = Talk(worker.name, leg.uuid, self.centre.now_us, own=own, stands=True)
        if not own:
            self.lent.add(worker.name)
        caller.talks.append(talk)
        caller.talked_since_us = self.centre.now_us
        caller.offered_us = self.centre.now_us
        worker.talk = talk
        worker.untold = True

    def _unbridged(self, _node: int, leg: Leg) -> None:
        self._part(leg.uuid)

    def _part(self, uuid: str) -> None:
        caller = self.callers.get(uuid)
        if caller is not None and caller.talks and not caller.talks[-1].ended_us:
            caller.talks[-1].ended_us = self.centre.now_us
        ring = self.rings.get(uuid)
        if ring is not None and ring.talk is not None and not ring.talk.ended_us:
            ring.talk.ended_us = self.centre.now_us

    def _hung_up(self, _node: int, leg: Leg) -> None:
        now = self.centre.now_us
        self._part(leg.uuid)
        caller = self.living.pop(leg.uuid, None)
        if caller is not None:
            caller.gone_us = now
        ring = self.living_rings.pop(leg.uuid, None)
        if ring is not None:
            ring.gone_us = now
            ring.cause = leg.hangup_cause
            self._ring_over(ring)

    def _ring_over(self, ring: Ring) -> None:
        now = self.centre.now_us
        worker = self.workers.get(ring.agent)
        if worker is not None:
            worker.rings = [other for other in worker.rings if other is not ring]
            plan = self.centre.plan
            rest_s = max(plan.delay_s, PATH_DELAY_S) if ring.talk is None else plan.wrap_up_s
            self._rests(worker, rest_s)
            if ring.given and (ring.run != len(self.starts_us) or self.centre.controller is None):
                worker.untold = True  # to a later run that was a call elsewhere
            if ring.talk is not None and not ring.unseen:  # else idle since the books said so
                worker.idle_us = now
        caller = self.callers.get(ring.call)
        if caller is not None:
            # After a bridge that came to nothing they are held back until they are seen again.
            caller.offered_us = now + (REGAIN_US if ring.answered_us and ring.talk is None else 0)
            if ring.talk is None:
                caller.refused_by.add(ring.agent)

    def _rests(self, worker: Worker, seconds: float) -> None:
        worker.free_us = max(worker.free_us, self.centre.now_us + round(seconds * 1_000_000))

    def joined_by_strangers(self, caller: Caller, customer: str) -> None:
        """Somebody outside the queues is about to take the agent away from them, or them from the agent."""
        if self.centre.paused or self.centre.networks[caller.node].uneasy:
            self.unheard.add(customer)
        else:
            self.customers[customer] = caller.node, self.centre.now_us
        self.given.add(caller.talks[-1].agent)
        self.lent.add(caller.talks[-1].agent)
        ring = self.rings.get(caller.talks[-1].leg)
        if ring is not None:
            ring.given = True

    def are_strangers(self, uuid: str) -> bool:
        """Whether people outside the queues joined this channel with one of ours, and the engine knows."""
        if uuid not in self.customers or uuid in self.callers:
            return False
        node, since_us = self.customers[uuid]
        if self.centre.now_us - since_us < self.rules.reach_us:
            return False  # both are on the wire at once
        if self.centre.networks[node].uneasy and self.centre.now_us - since_us < TOLD_US:
            return False  # the trouble began while they were being joined
        failed_us = self.centre.health.ended_us[node] if FAILS in self.centre.plan.numbers() else None
        return failed_us is None or failed_us < since_us

    def forgotten(self, calls: set[str]) -> None:
        """What the books said of these is lost, which matters to the next start."""
        self.damaged |= calls

    def given_up(self, node: int) -> None:
        """The controller counts on nothing there any more; whoever talks there may be rung elsewhere."""
        for ring in self.living_rings.values():
            ring.unseen = ring.unseen or ring.node == node

    def switch_died(self, node: int) -> None:
        """All channels of a node ended with it."""
        for uuid, caller in list(self.living.items()):
            if caller.node == node:
                self.blind.add(uuid)
                self._part(uuid)
                caller.gone_us = self.centre.now_us
                del self.living[uuid]
        for uuid, ring in list(self.living_rings.items()):
            if ring.node == node:
                self._part(uuid)
                ring.gone_us = self.centre.now_us
                del self.living_rings[uuid]
                self._ring_over(ring)
        for worker in self.workers.values():
            if worker.stands and worker.last_node == node and worker.standing is not None:
                self._stands("hangup", worker.standing)


_STEPS = {
    "park": Truth._parked,
    "outgoing": Truth._outgoing,
    "answer": Truth._answered,
    "bridge": Truth._bridged,
    "unbridge": Truth._unbridged,
    "hangup": Truth._hung_up,
}
_TELLING = frozenset({*_STEPS, "create"})
"""Kinds of events that say something; more than half don't."""
