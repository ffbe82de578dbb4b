"""The promises I1…I17 (those about breaks: `rests`), checked against what really happened (`truth`).

A rule that can wait is looked at once a second of virtual time, the others at the moment. "Calm" is a node
with which nothing went wrong lately: there the short bounds hold; elsewhere the long ones, counted in healthy
time only.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from sim.storm import oracle
from sim.storm.truth import Caller, Ring, Truth, Worker

from py_callcenter.engine.recovery.awaited import ALL_SEEN_US
from py_callcenter.engine.view import AgentLine, agent_line
from py_callcenter.esl.port import State
from py_callcenter.esl.settings import Timings

if TYPE_CHECKING:
    from sim.storm.centre import Centre

SECOND: Final = 1_000_000
LOST_US: Final = 60 * SECOND
LOST_CALM_US: Final = 10 * SECOND
PHANTOM_CALM_US: Final = SECOND
LOADING_US: Final = 300_000
"""A process takes longer than that to load, and here none."""
GHOST_CALM_US: Final = 2 * SECOND
KEPT_US: Final = 5 * SECOND
STUCK_CALM_US: Final = 15 * SECOND
BUSY: Final = frozenset({"reserved", "receiving", "in_a_queue_call"})
RECOVER_US: Final = round(4.5 * SECOND)
"""A dial whose packets vanished is given up after 3 s, the pause is 1 s at most, the rest takes moments."""
RECOVER_LONG_US: Final = round(14.5 * SECOND)
"""The same with the longest pause to a node that has been away for long."""
STEADY_US: Final = round(Timings().steady_s * SECOND)
QUEUE_MOST: Final = 10_000
VOCABULARY: Final = frozenset({
    "originate", "uuid_bridge", "uuid_kill", "uuid_setvar_multi", "uuid_broadcast", "uuid_break",
    "uuid_record", "uuid_transfer", "uuid_exists", "uuid_dump", "show", "global_getvar", "global_setvar",
    "sched_api", "sched_del", "version", "status", "uuid_getvar", "uuid_setvar",
})  # fmt: skip
HEADS: Final = frozenset({"auth", "event", "api", "bgapi", "sendevent", "exit"})
CLOCK: Final = 38
EVER_MOST: Final = 64
"""What an engine may still remember of the last minutes when nobody is there, beside its configuration."""

REMEMBERED_MOST: Final = 300
"""Channels that were called off or died; looked through when the next one is."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A promise that was broken."""

    rule: str
    at_s: float
    what: str

    def __str__(self) -> str:
        return f"{self.rule} at {self.at_s:.3f} s: {self.what}"


class Rules:
    """All of them, over one run."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        truth.rules = self
        self.centre: Centre = None  # type: ignore[assignment]  # set by `attach`
        self.violations: list[Violation] = []
        self._said: set[tuple[str, str]] = set()
        self._reach_us: list[int] = []
        self._away_us: list[int] = []
        self._up_us: list[int | None] = []
        self._doubts: dict[tuple[str, str], tuple[int, int]] = {}
        self._lines: list[AgentLine] | None = None
        """What the page shows of the agents, while one sweep lasts."""

    def attach(self, centre: Centre) -> None:
        """Check a world from now on."""
        self.centre = centre
        self._reach_us = [centre.now_us] * centre.plan.nodes
        self._away_us = [centre.now_us] * centre.plan.nodes
        self._up_us = [None] * centre.plan.nodes
        for switch in centre.switches:
            self._watch_bridges(switch)
            for word in ("uuid_kill", "uuid_transfer"):
                self._watch_partings(switch, word)
        centre.after(1, self._sweep)

    def started(self) -> None:
        """A controller has started: what it shows of breaks is what was."""
        self.centre.at(self.centre.now_us, self._look_at_breaks)

    def _look_at_breaks(self) -> None:
        self.truth.rests.sweep(self.centre.now_us)
        self._lines = None

    def broken(self, rule: str, key: str, what: str) -> None:
        """Note a violation, once for each thing."""
        if (rule, key) not in self._said:
            self._said.add((rule, key))
            at_s = (self.centre.now_us - self._start_us) / SECOND
            self.violations.append(Violation(rule, at_s, what))

    @property
    def reach_us(self) -> int:
        """Until the controller hears of something and is heard, with the switch's own ticks."""
        return 8 * self.centre.plan.latency_us + 50_000

    @property
    def _start_us(self) -> int:
        return self.centre.start_us

    # At the moment.

    def _watch_bridges(self, switch: Any) -> None:
        """I4: `uuid_bridge` breaks whatever bridge either leg is in, without asking."""
        bridge = switch._words["uuid_bridge"]

        def looked_at(text: str) -> str:
            for uuid, other in zip(text.split(), reversed(text.split()), strict=True):
                leg = switch.find(uuid)
                if leg is None or leg.partner is None or not leg.partner.alive or leg.partner.uuid == other:
                    continue
                if self._consults(leg, leg.partner, switch.find(other)):
                    continue
                if leg.partner.uuid in self.truth.unheard:
                    continue
                ours = self._is_ours(leg.partner) or self._is_ours(leg)
                node = self.centre.switches.index(switch)
                if ours or self.centre.health.calm(node, self.centre.now_us):
                    self.broken("I4", uuid, f"a bridge command broke the conversation of leg {uuid}")
            return bridge(text)

        switch._words["uuid_bridge"] = looked_at

    def _watch_partings(self, switch: Any, word: str) -> None:
        """I4: whom people outside the queues have joined with somebody of theirs talks on."""
        part = switch._words[word]

        def looked_at(text: str) -> str:
            leg = switch.find(text.partition(" ")[0])
            other = None if leg is None else leg.partner
            if leg is not None and other is not None and self.truth.are_strangers(other.uuid):
                caller = self.truth.callers.get(leg.uuid)
                if caller is None or self.centre.now_us - caller.asked_us > self.reach_us:
                    self.broken(
                        "I4", leg.uuid, f"`{word}` parted {leg.uuid} from somebody outside the queues"
                    )
            return str(part(text))

        switch._words[word] = looked_at

    def _consults(self, *legs: Any) -> bool:
        """Caller, agent and whoever is asked about that caller: each pair of them is joined in turn."""
        here = [leg for leg in legs if leg is not None]
        asked = [leg for leg in here if self._asked_about(leg)]
        caller = self.truth.callers.get(self._asked_about(asked[0])) if len(asked) == 1 else None
        if caller is None:
            return False
        wished = self.centre.now_us - caller.consulted_us < self.reach_us
        if asked[0].values.get("cc_side") != "consult" and not wished:
            return False
        theirs = {caller.uuid, asked[0].uuid, *(talk.leg for talk in caller.talks)}
        return all(leg.uuid in theirs for leg in here)

    def _asked_about(self, leg: Any) -> str:
        called = leg.values.get("cc_call", "") if leg.values.get("cc_side") == "consult" else ""
        return str(called or self.truth.asked.get(leg.uuid, ""))

    def _is_ours(self, leg: Any) -> bool:
        return leg.uuid in self.truth.rings or bool(leg.values.get("cc_standby"))

    def announced(self, node: int, worker: Worker) -> None:
        """A leg that stays up is told of a caller."""
        leg = worker.standing
        if leg is not None and leg.partner is not None and self.centre.health.calm(node, self.centre.now_us):
            self.broken("I5", leg.uuid, f"{worker.name} is told of a caller and talks with another")

    def rings(self, ring: Ring) -> None:
        """A leg for an agent was made."""
        truth, centre = self.truth, self.centre
        worker = truth.workers.get(ring.agent)
        if worker is None:
            return
        others = {
            other.offer
            for other in worker.rings
            if other.offer != ring.offer
            and not other.unseen
            and not self._was_unseen(other)
            and not centre.out_of_sight(other.node)
        }
        if others:
            self.broken(
                "I5", ring.offer, f"agent {ring.agent} is rung for {ring.offer} and has {sorted(others)}"
            )
        queue = centre.config.queue(ring.queue)
        if queue is not None and not queue.strategy.startswith("ring-"):
            rivals = [
                other
                for other in truth.living_rings.values()
                if other.call == ring.call and other.offer != ring.offer and not other.answered_us
            ]
            caller = truth.callers.get(ring.call)
            if not rivals:
                return
            left_us = 0 if caller is None else caller.entered_us
            rival = {other.offer for other in rivals}
            if min(ring.made_us, *(other.made_us for other in rivals)) <= left_us + self.reach_us:
                # Called off with the queue that the caller has left; the command is on its way, or was lost.
                centre.at(left_us + self.reach_us, self._rings_on, ring, rival)
            elif all(other.untold and other.run < ring.run for other in rivals):
                # The next run finds them when it looks, and ends them in the moment in which it rings anew.
                centre.at(centre.now_us + self.reach_us, self._rings_on, ring, rival)
            else:
                self.broken("I5", ring.call, f"call {ring.call} rings for {ring.offer} and {sorted(rival)}")

    def _was_unseen(self, ring: Ring) -> bool:
        """Nothing told the start of a leg of an earlier run while it waited for all nodes; or it was just
        coming, for a process starts at once here.
        """
        watch, starts_us = self.centre.health.nodes[ring.node], self.truth.starts_us
        if ring.run == len(starts_us):
            return False
        late = not watch.well or watch._since_us > starts_us[-1] + ALL_SEEN_US
        untold = ring.untold or ring.given  # the books have it that the agent is free
        return (untold and late) or ring.made_us > starts_us[-1] - LOADING_US

    def _rings_on(self, ring: Ring, rival: set[str]) -> None:
        still = rival & {other.offer for other in self.truth.living_rings.values()}
        if ring.alive and still and self.centre.health.calm(ring.node, self.centre.now_us):
            self.broken("I5", ring.call, f"call {ring.call} rings for {ring.offer} and {sorted(still)}")

    def chosen(self, node: int, caller: Caller, worker: Worker, queue: str) -> None:
        """An agent was chosen for a caller."""
        oracle.judge(self, node, caller, worker, queue)

    def record(self, record: Any) -> None:
        """The product wrote something down."""
        if record.kind == "invariant-violated":
            self.broken(record.rule, record.id, "the engine itself says so")

    def closed_twice(self, record: Any) -> None:
        """I12: the end of a queue leg that the records don't hold open."""
        self.broken(
            "I12", f"{record.call}/{record.leg}", f"{record.kind} of a queue leg that is over: {record}"
        )

    def idle_as_before(self, before: dict[str, int]) -> None:
        """I8: agents who were idle when a controller died are so since the same moment for the next one."""
        if CLOCK in self.centre.plan.numbers() or self.centre.books.dropped:
            return
        state = self.truth.controller.engine._state
        for name, since_us in before.items():
            known = state.router.agent(state.agent_ids[name])
            if known.status != "Logged Out" and known.idle_since_us > since_us:
                late_s = (known.idle_since_us - since_us) / SECOND
                key = f"{name} {self.centre.now_us}"
                self.broken("I8", key, f"{name} lost {late_s:.3f} s of the idle time to a start")

    def resumed(self, entry: Any, record: Any) -> None:
        """I7: whoever a start takes up keeps the place. `entry`: how that queue leg began in the records."""
        began_us = getattr(entry, "entered_us", entry.at_us)
        if record.entered_us > began_us:
            late_s = (record.entered_us - began_us) / SECOND
            self.broken("I7", record.id, f"call {record.call} lost {late_s:.3f} s of its wait to a start")

    # Once a second.

    def _sweep(self) -> None:
        self.centre.after(1, self._sweep)
        now = self.centre.now_us
        self._callers(now)
        self._phantoms(now)
        self._ghosts(now)
        oracle.unmatched(self, now)
        self._recovery(now)
        self._queues()
        self._stuck(now)
        self.truth.rests.sweep(now)
        self._lines = None

    def aged(self, rule: str, key: str, node: int, now: int) -> int:
        """Healthy microseconds since this was first seen; call `well` when it is no longer so."""
        return self._aged((rule, key), node, self.centre.health.nodes[node].read(now))

    def aged_everywhere(self, rule: str, key: str, now: int) -> int:
        """The same by the time in which all nodes were well."""
        return self._aged((rule, key), -1, self.centre.health.all.read(now))

    def _aged(self, doubt: tuple[str, str], clock: int, reading: int) -> int:
        """By one clock: two nodes haven't been well for equally long."""
        before, first = self._doubts.setdefault(doubt, (clock, reading))
        if before != clock:
            first = reading
            self._doubts[doubt] = clock, first
        return reading - first

    def well(self, rule: str, key: str) -> None:
        """No longer in doubt."""
        self._doubts.pop((rule, key), None)

    def _callers(self, now: int) -> None:
        """I1: everybody is somewhere."""
        for caller in list(self.truth.living.values()):
            where = self._place(caller)
            if where:
                self.well("I1", caller.uuid)
                if where == "talking":
                    self._kept(caller, now)
                continue
            age_us = self.aged("I1", caller.uuid, caller.node, now)
            calm = self.centre.health.calm(caller.node, now, LOST_CALM_US)
            if age_us > (LOST_CALM_US if calm else LOST_US):
                self.broken(
                    "I1", caller.uuid, f"caller {caller.uuid} is in no queue, with nobody and nowhere"
                )

    def _kept(self, caller: Caller, now: int) -> None:
        """Whoever talks with the agent whom we gave them is kept when these two part."""
        other, key = caller.leg.partner, f"{caller.uuid} kept"
        given = other is not None and other.uuid == caller.leg.values.get("cc_agent_uuid")
        anew = other is not None and self.truth.connected.get(caller.uuid) == other.uuid  # by somebody else
        if not given or anew or caller.leg.is_true("park_after_bridge"):
            self.well("I1", key)
        elif self.aged("I1", key, caller.node, now) > KEPT_US:
            self.broken("I1", key, f"caller {caller.uuid} would be hung up with the agent's leg")

    def _place(self, caller: Caller) -> str:
        leg = caller.leg
        if leg.partner is not None:
            return "talking"
        if leg.parked:
            if self._is_consulted_about(caller):
                return "consultation"
            return "waiting" if caller.entered and not self._stale(caller) else ""
        if leg.bridging is None and (leg.app or leg.steps or leg.routing is not None):
            return "dialplan"
        other = leg.bridging
        if other is not None and not caller.entered and self.truth.connected.get(leg.uuid) == other.uuid:
            return "elsewhere"  # they had left the queues, and somebody else asked for this bridge
        return ""

    def _is_consulted_about(self, caller: Caller) -> bool:
        """The agent talks with somebody else about them, or with whom that one has connected the agent."""
        if not caller.talks:
            return False
        leg = self.centre.switches[caller.node].find(caller.talks[-1].leg)
        other = None if leg is None else leg.partner
        return other is not None and self._asked_about(other) == caller.uuid

    def _stale(self, caller: Caller) -> bool:
        """The records have the caller waiting in a queue, but they talked since and were parked again, and
        got no agent after that: whose whole conversation nobody heard of has kept the place.
        """
        return bool(caller.talked_since_us) and caller.parked_us > max(
            caller.talked_since_us, caller.promised_us
        )

    def _phantoms(self, now: int) -> None:
        """I2: nobody waits who isn't there."""
        for (call, leg), (_entry, _since) in list(self.truth.open_stays.items()):
            caller = self.truth.callers.get(call)
            if caller is None or caller.alive:
                continue
            key = f"{call}/{leg}"
            calm = self.centre.health.calm(caller.node, now, PHANTOM_CALM_US)
            late = calm and now - caller.gone_us > PHANTOM_CALM_US + self.reach_us
            if late or self.aged("I2", key, caller.node, now) > LOST_US:
                self.broken("I2", key, f"call {call} has been waiting since its channel died")

    def _ghosts(self, now: int) -> None:
        """I6: no phone rings for nobody."""
        for ring in list(self.truth.living_rings.values()):
            caller = self.truth.callers.get(ring.call)
            if ring.leg.partner is not None or caller is None:
                self.well("I6", ring.uuid)
                continue
            elsewhere = caller.leg.partner is not None and caller.leg.partner is not ring.leg
            used = ring.talk is not None and bool(ring.talk.ended_us)
            if caller.alive and not elsewhere and not used:
                self.well("I6", ring.uuid)
                continue
            age_us = self.aged("I6", ring.uuid, ring.node, now)
            calm = self.centre.health.calm(ring.node, now, GHOST_CALM_US)
            if age_us > (GHOST_CALM_US if calm else LOST_US):
                self.broken(
                    "I6", ring.uuid, f"the phone of {ring.agent} is busy with {ring.offer} for nobody"
                )

    def _stuck(self, now: int) -> None:
        """I3: who the page shows as busy with our calls is."""
        if (now - self._start_us) // SECOND % 5 or not self.centre.answers:
            return
        for line in self.agent_lines():
            worker = self.truth.workers.get(line.name)
            if worker is None:
                continue
            self._said_so(line, worker)
            idle = not worker.rings and worker.talk is None and now - worker.promised_us > SECOND
            if line.state not in BUSY or not idle:
                self.well("I3", line.name)
                continue
            node = worker.last_node
            age_us = self.aged("I3", line.name, node, now)
            calm = self.centre.health.calm(node, now, STUCK_CALM_US)
            if age_us > (STUCK_CALM_US if calm else LOST_US):
                self.broken(
                    "I3", f"{line.name} {now}", f"{line.name} is shown as {line.state} with no phone in use"
                )

    def shown(self, agent: str) -> str:
        """The state that the page shows of an agent."""
        if not self.centre.answers:
            return ""
        state = self.truth.controller.engine._state
        number = state.agent_ids.get(agent)
        return "" if number is None else agent_line(state, agent, number).state

    def agent_lines(self) -> list[AgentLine]:
        """What the page shows of the agents at this moment."""
        if self._lines is None:
            state = self.truth.controller.engine._state
            self._lines = [agent_line(state, name, number) for name, number in state.agent_ids.items()]
        return self._lines

    def _recovery(self, now: int) -> None:
        """I14: the node is served again soon after nothing stands in the way."""
        centre = self.centre
        for node, network in enumerate(centre.networks):
            free = (
                centre.controller is not None
                and not centre.paused
                and not network.stalled
                and not centre.down[node]
            )
            up = bool(centre.links) and centre.links[node].state is State.UP
            if not free or network.troubled:
                self._reach_us[node] = now
            # Packets may have vanished between two of these looks.
            self._reach_us[node] = max(self._reach_us[node], network.healed_us)
            if up:
                self._reach_us[node] = now
                since_us = self._up_us[node]
                self._up_us[node] = since_us = now if since_us is None else since_us
                if now - since_us >= STEADY_US:  # a shorter life leaves the pauses as long as they were
                    self._away_us[node] = now
            else:
                self._up_us[node] = None
            long = self._reach_us[node] - self._away_us[node] > 55 * SECOND
            if now - self._reach_us[node] > (RECOVER_LONG_US if long else RECOVER_US):
                self.broken(
                    "I14", f"{node}/{self._reach_us[node]}", f"node {node} can be reached and isn't served"
                )

    def _queues(self) -> None:
        """I17, the switch's side: nobody lets a listener's queue grow."""
        for node, lines in enumerate(self.centre.lines):
            for line in lines.values():
                if len(line.connection.queue) > QUEUE_MOST:
                    waiting = len(line.connection.queue)
                    self.broken("I17", f"queue {node}", f"{waiting} events wait for a listener")

    # At the end.

    def at_quiescence(self) -> None:
        """Everybody went home, all faults are over: what must hold now."""
        truth = self.truth
        for caller in truth.living.values():
            self.broken("I1", caller.uuid, f"caller {caller.uuid} can't get out")
        for ring in truth.living_rings.values():
            self.broken("I6", ring.uuid, f"the phone of {ring.agent} is still busy with {ring.offer}")
        for call, leg in truth.open_stays:
            self.broken("I2", f"{call}/{leg}", f"call {call} still waits in the records")
        self._strays()
        self._books()
        self._agents_time()
        self._bounded()
        self._commands()
        self._honest()

    def _strays(self) -> None:
        """I6: every leg that carries our marks is accounted for: those that stay up, one for each agent."""
        standing = [worker.standing for worker in self.truth.workers.values()]
        for switch in self.centre.switches:
            for leg in switch.legs.values():
                ours = leg.values.get("cc_side") in ("agent", "consult") or leg.values.get("cc_offer")
                if leg.alive and ours and not any(leg is one for one in standing):
                    side = leg.values.get("cc_side", "agent")
                    self.broken("I6", leg.uuid, f"a leg of the side {side} lives and nobody is there")

    def _books(self) -> None:
        """I10 and I12: what is in the database, added up."""
        centre, truth = self.centre, self.truth
        if centre.books.twice:
            self.broken(
                "I12", "id", f"{centre.books.twice} records were written twice with different content"
            )
        crashed = bool(truth.crashes_us)
        kept = truth.records if centre.books.dropped else list(centre.books.kept.values())
        missing = {record.id for record in truth.records} - {record.id for record in kept}
        if missing:
            self.broken("I12", "kept", f"{len(missing)} records never reached the database")
        offered = Counter(r.call for r in kept if r.kind == "call-offered")
        for call, times in offered.items():
            # Of such a call this line may be all that was left, so that the next start met it as new.
            if times > 1 and call not in truth.damaged:
                self.broken("I12", call, f"call {call} was offered {times} times")
        for uuid, caller in truth.callers.items():
            known = uuid in offered
            if not known and uuid not in truth.blind and self._should_know(caller):
                self.broken("I10", uuid, f"caller {uuid} reached PARK and is in no record")
        ends: Counter[tuple[str, int]] = Counter()
        for record in kept:
            if record.kind in ("call-answered", "call-abandoned", "call-left", "call-lost"):
                ends[record.call, record.leg] += 1
        entries = Counter((r.call, r.leg) for r in kept if r.kind == "queue-entered")
        # A caller whom an earlier run took up and could not write down any more.
        entries.update({(r.call, r.leg) for r in kept if r.kind == "queue-resumed"} - entries.keys())
        for key, times in entries.items():
            if times > 1:
                self.broken("I12", f"{key}", f"queue leg {key} was entered {times} times")
            if ends[key] != 1:
                self.broken("I10", f"{key}", f"queue leg {key} has {ends[key]} ends")
        for key in ends.keys() - entries.keys():
            self.broken("I10", f"{key}", f"queue leg {key} ended without a beginning")
        made = Counter((r.call, r.attempt, r.agent) for r in kept if r.kind == "offer-made")
        over = Counter((r.call, r.attempt, r.agent) for r in kept if r.kind == "offer-ended")
        if made != over and not crashed:
            odd = (made - over) + (over - made)
            self.broken("I10", "offers", f"offers without an end or the reverse: {sorted(odd)[:3]}")
        self._answers(kept)

    def _should_know(self, caller: Caller) -> bool:
        """Was there time to see the caller before they left?"""
        lived_us = (caller.gone_us or self.centre.now_us) - caller.first_us
        return lived_us > 5 * SECOND and self.centre.health.ended_us[caller.node] is None

    def _answers(self, kept: list[Any]) -> None:
        """I10: an answered call is one that an agent spoke with."""
        truth = self.truth
        undisturbed = not self.centre.disturbed
        said = {(r.call, r.agent) for r in kept if r.kind == "call-answered"}
        spoke: set[tuple[str, str]] = set()
        perhaps = set(truth.met)  # a colleague who was asked and sent into a queue waits there, too
        for caller in truth.callers.values():
            for talk in caller.talks:
                perhaps.add((caller.uuid, talk.agent))
                if talk.own and talk.ended_us - talk.began_us > 1_100_000:
                    spoke.add((caller.uuid, talk.agent))
        for pair in said - perhaps:
            self.broken(
                "I10",
                f"answer {pair}",
                f"call {pair[0]} is written down as answered by {pair[1]}, who wasn't there",
            )
        if undisturbed:
            for pair in spoke - said:
                self.broken(
                    "I10", f"talk {pair}", f"call {pair[0]} spoke with {pair[1]}, which no record says"
                )

    def _agents_time(self) -> None:
        """I11: an agent is in one conversation at a time, and it lasts as long as it did."""
        truth = self.truth
        by_agent: dict[str, list[tuple[int, int, str]]] = {}
        for record in truth.records:
            if record.kind == "conversation-ended":
                end_us = truth.said_us[record.id]
                by_agent.setdefault(record.agent, []).append((end_us - record.talk_us, end_us, record.call))
        for agent, spans in by_agent.items():
            spans.sort()
            for (_b1, e1, c1), (b2, _e2, c2) in pairwise(spans):
                if b2 < e1 and not (CLOCK in self.centre.plan.numbers() and {c1, c2} & truth.blind):
                    self.broken(
                        "I11",
                        f"{agent} {c1} {c2}",
                        f"agent {agent} was in two conversations at once: {c1}, {c2}",
                    )
        if self.centre.disturbed:
            return
        undone = {record.agent for record in truth.records if record.kind == "bridge-undone"}
        for agent, spans in by_agent.items():
            least_us = SECOND if agent in undone else 0
            real = sum(
                (talk.ended_us or self.centre.now_us) - talk.began_us
                for caller in truth.callers.values()
                for talk in caller.talks
                if talk.agent == agent and (talk.ended_us or self.centre.now_us) - talk.began_us >= least_us
            )
            said = sum(end - begin for begin, end, _call in spans)
            if abs(real - said) > 150_000 * (len(spans) + 1) and agent not in truth.lent:
                self.broken(
                    "I11",
                    agent,
                    f"agent {agent} talked {real / SECOND:.2f} s; the records say {said / SECOND:.2f} s",
                )

    def _bounded(self) -> None:
        """I13: nothing of what happened is held for ever."""
        if self.truth.controller is None:
            return
        state = self.truth.controller.engine._state
        held = {
            name: len(value)
            for name, value in vars(state).items()
            if isinstance(value, (dict, list, set)) or hasattr(value, "popleft")
        }
        fixed = {
            "queues",
            "queue_ids",
            "queue_names",
            "agents",
            "agent_ids",
            "agent_names",
            "no_agent_since_us",
        }
        for name, size in held.items():
            if name not in fixed and size > (REMEMBERED_MOST if name in ("dead", "cancelled") else EVER_MOST):
                self.broken("I13", name, f"{size} entries in the engine's `{name}` with nobody there")
        for name in ("calls", "offers", "legs", "jobs", "waiting"):
            if held.get(name):
                self.broken("I13", name, f"{held[name]} entries in the engine's `{name}` with nobody there")

    def _commands(self) -> None:
        """I17: only words that can do no harm."""
        for switch in self.centre.switches:
            for _number, line in switch.commands:
                head, _, rest = line.partition(" ")
                word = rest.partition(" ")[0]
                if head not in HEADS or (head in ("api", "bgapi") and word not in VOCABULARY):
                    self.broken("I17", f"{head} {word}", f"the controller sent `{head} {word}`")

    def _honest(self) -> None:
        """I16: what the API said is so."""
        if self.centre.answers:
            for line in self.truth.controller.view().agents:
                self._said_so(line, self.truth.workers[line.name])

    def _said_so(self, line: Any, worker: Worker) -> None:
        if worker.status != line.status:
            self.broken(
                "I16", line.name, f"agent {line.name} was set to {worker.status} and is {line.status}"
            )
