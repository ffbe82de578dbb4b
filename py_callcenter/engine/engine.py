"""The engine: events, failures, wishes of people and the passing of time in; actions and records out.

No I/O, no clock, no randomness: the same inputs give the same outputs, byte for byte.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence

from py_callcenter._router import Event, Router
from py_callcenter.config import Config, Exit
from py_callcenter.engine import (
    agents,
    audit,
    breaks,
    configure,
    consults,
    divert,
    holds,
    looks,
    offers,
    outside,
    pacing,
    registrations,
    standby,
    steer,
    strangers,
    sweep,
    transfers,
    view,
    watch,
    why,
)
from py_callcenter.engine import resync as resynchronise
from py_callcenter.engine.actions import Action, AskApplication, AskMark, Kill, Look, Originate, Probe
from py_callcenter.engine.capacity import Capacity
from py_callcenter.engine.errors import UnknownCall, UnknownNode
from py_callcenter.engine.events import HANDLERS, leg_gone
from py_callcenter.engine.failures import failed
from py_callcenter.engine.identity import Sealer
from py_callcenter.engine.memory import Memory
from py_callcenter.engine.outcome import NOTHING, Outcome
from py_callcenter.engine.records import InvariantViolated
from py_callcenter.engine.recovery import awaited, given_up
from py_callcenter.engine.state import State


class Engine:
    """All calls of one controller. Not thread-safe: one writer."""

    def __init__(
        self,
        config: Config,
        router: Router,
        *,
        key: bytes,
        epoch: int,
        start_us: int,
        statuses: Mapping[str, str] | None = None,
        memory: Memory | None = None,
        last_known_us: int = 0,
        old_keys: Sequence[bytes] = (),
        caller_key: bytes = b"",
    ) -> None:
        """`key` seals what is stamped on channels; what is sealed with one of `old_keys` counts too. Callers'
        pseudonyms are made with `caller_key`, or with `key` without one.

        `memory`: what the records tell of earlier runs; it is used up. `statuses`: last known statuses of
        agents whom it doesn't know; who is in neither gets the configuration's initial one.

        `last_known_us`: when a run before this one was last there; what is over since, unseen, ends then in
        the books. 0: nobody knows, and it ends when that is found. It may be off, and come from a clock that
        was set since: nothing ends before it began, before the last that the books have of an open call, or
        later than now.
        """
        self._state = State(
            router, Sealer(key, *old_keys, caller_key=caller_key), epoch=epoch, start_us=start_us
        )
        if last_known_us and memory is not None:
            last_known_us = min(start_us, max(last_known_us, memory.latest_call_us()))
            self._state.reach.last_known_us = last_known_us
        self._told = Outcome()
        """The last one handed out."""
        configure.apply(self._state, config, statuses or {}, memory)
        self._began = self._finish()

    def start(self) -> Outcome:
        """What taking up the configuration led to: the agents' first statuses."""
        began, self._began = self._began, Outcome()
        return began

    # Inputs.

    def on_event(self, node: str, event: Event, now_us: int) -> Outcome:
        """An event of a switch. Events that concern nobody here are ignored."""
        handler = HANDLERS.get(event.name)
        if handler is None:
            return NOTHING
        late = self._advance(now_us)
        if handler(self._state, node, event) and not late and self._state.is_still:
            return self._pass()
        return self._finish()

    def on_failure(self, action: Action, error: str | None, now_us: int) -> Outcome:
        """A command was refused (`error`: the switch's words) or its outcome is unknown (None)."""
        self._advance(now_us)
        failed(self._state, action, error)
        return self._finish()

    def on_probe(self, action: Probe, alive: bool, now_us: int) -> Outcome:
        """The answer to a `Probe`."""
        late = self._advance(now_us)
        state = self._state
        if not alive:
            pacing.hung_up(state, action.node, action.uuid)
        if action.audit:
            audit.answered(state, action.node, action.uuid, alive=alive)
            if alive and not late and state.is_still:
                return self._pass()
        elif not alive:
            leg_gone(state, action.uuid)
        elif (offer := state.legs.get(action.uuid)) is not None:
            offer.seen_alive = True
        return self._finish()

    def on_look(self, action: Look, dump: Event | None, now_us: int) -> Outcome:
        """The answer to a `Look`: the channel as `uuid_dump` shows it, or None when there is none."""
        self._advance(now_us)
        if dump is None:
            pacing.hung_up(self._state, action.node, action.uuid)
        call = self._state.calls.get(action.uuid)
        if call is not None and dump is not None and action.news != call.news:
            looks.ask(self._state, call)  # the switch has told more since, which may be newer
        elif call is not None:
            resynchronise.look(self._state, call, dump)
        return self._finish()

    def on_application(self, action: AskApplication, application: str, now_us: int) -> Outcome:
        """The answer to an `AskApplication`."""
        self._advance(now_us)
        strangers.told(self._state, action.node, action.uuid, application)
        return self._finish()

    def on_mark(self, action: AskMark, mark: str, now_us: int) -> Outcome:
        """The answer to an `AskMark`, in the switch's words."""
        late = self._advance(now_us)
        audit.marked(self._state, action.node, action.uuid, mark)
        if not late and self._state.is_still:
            return self._pass()
        return self._finish()

    def resync(self, node: str, dumps: Iterable[Event], now_us: int) -> Outcome:
        """All channels of a node that could concern us, after a (re)connect."""
        self._advance(now_us)
        dumps = tuple(dumps)
        given_up.died_with_their_switch(self._state, node, {dump.unique_id for dump in dumps})
        self._look(node, dumps)
        given_up.seen(self._state, node)
        return self._finish()

    def on_restart(self, node: str, now_us: int) -> Outcome:
        """The switch is another run, which may have its calls again later (`sofia recover`)."""
        self._advance(now_us)
        given_up.give_up(self._state, node)
        return self._finish()

    def on_phones(self, node: str, contact: str, phones: tuple[str, ...], now_us: int) -> Outcome:
        """The phones that are registered for a `user/…` contact on a node: from now on each rings."""
        self._advance(now_us)
        if len(phones) > 1:
            self._state.phones[node, contact] = phones
        else:
            self._state.phones.pop((node, contact), None)
        registrations.found(self._state, node, contact, len(phones))
        outside.phones(self._state, node, contact, phones)
        return self._finish()

    def on_node(self, node: str, up: bool, now_us: int) -> Outcome:
        """A node is connected and in step, or isn't: while it isn't, its callers are offered to nobody."""
        self._advance(now_us)
        change = holds.release if up else holds.hold
        change(self._state, node, "away")
        if up:  # commands may have been lost even when no event was
            self._state.round.doubts.add(node)
        return self._finish()

    def on_node_gone(self, node: str, now_us: int) -> Outcome:
        """The switch itself is no more, or out of sight for so long that its calls can't be counted on: they
        end in the books, its agents are free.
        """
        self._advance(now_us)
        holds.hold(self._state, node, "away")
        given_up.give_up(self._state, node)
        self._look(node, ())
        registrations.node_gone(self._state, node)
        return self._finish()

    def on_capacity(self, node: str, capacity: Capacity, living: Collection[str], now_us: int) -> Outcome:
        """What a switch says that it takes, and the channels that live there, whosever."""
        self._advance(now_us)
        pacing.learnt(self._state, node, capacity, living)
        return self._finish()

    def call_of(self, uuid: str) -> str:
        """Id of the call that a channel belongs to; empty for none."""
        call, offer = self._state.calls.get(uuid), self._state.legs.get(uuid)
        return call.id if call is not None else offer.call.id if offer is not None else ""

    def violated(self, rule: str, node: str, call: str, now_us: int) -> Outcome:
        """What only the shell around sees: a promise that was broken."""
        self._advance(now_us)
        self._state.note(InvariantViolated, node, rule=rule, call=call)
        return self._finish()

    def tick(self, now_us: int) -> Outcome:
        """Let time pass. Call it when `next_deadline_us` is reached."""
        self._advance(now_us)
        return self._finish()

    def next_deadline_us(self) -> int | None:
        return self._state.next_deadline_us()

    # Wishes of people.

    def apply(self, config: Config, now_us: int) -> Outcome:
        """Change the configuration under way. Raises `EngineError` and changes nothing when a part that
        would vanish is in use.
        """
        self._advance(now_us)
        configure.check(self._state, config)
        configure.apply(self._state, config, {})
        return self._finish()

    def check(self, config: Config) -> None:
        """Raise `EngineError` when `apply` would."""
        configure.check(self._state, config)

    def set_agent_status(
        self, name: str, status: str, now_us: int, *, break_reason: str = "", force: bool = False
    ) -> Outcome:
        """`break_reason`: such a break begins when there is a place (`force`: whatever the quotas say), after
        call and wrap-up. Raises `UnknownAgent`, `UnknownStatus`, `UnknownBreakReason`, `BadBreak`, `NotNow`.
        """
        self._advance(now_us)
        if break_reason:
            agents.rest(self._state, name, status, break_reason, force=force)
        else:
            agents.set_status(self._state, name, status)
        return self._finish()

    def withdraw_break(self, name: str, now_us: int) -> Outcome:
        """Take an agent's request for a break back. Raises `UnknownAgent`, `NotNow`."""
        self._advance(now_us)
        breaks.withdraw(self._state, name)
        return self._finish()

    def break_counts(self) -> dict[str, tuple[int, int, int]]:
        """By reason: who rests, who of them for too long, and who has asked."""
        names, counts = self._state.break_names, self._state.router.break_counts()
        return {names[number]: (resting, overdue, asked) for number, resting, overdue, asked in counts}

    def set_wrap_up_end(self, name: str, end_us: int, now_us: int) -> Outcome:
        """Move the end of an agent's wrap-up; now or earlier ends it. Raises `UnknownAgent`, `NotNow`,
        `OutOfRange`.
        """
        self._advance(now_us)
        steer.set_wrap_up_end(self._state, name, end_us)
        return self._finish()

    def hold_agent(self, name: str, until_us: int, now_us: int) -> Outcome:
        """Offer an agent nothing before a moment; now or earlier ends that. Raises `UnknownAgent`,
        `OutOfRange`.
        """
        self._advance(now_us)
        steer.hold(self._state, name, until_us)
        return self._finish()

    def use_keys(self, key: bytes, old_keys: Sequence[bytes], now_us: int) -> Outcome:
        """Seal with another key from now on; `old_keys` count for those who carry what they sealed."""
        self._advance(now_us)
        self._state.sealer.use(key, *old_keys)
        standby.use_new_key(self._state)
        return self._finish()

    def oldest_call_us(self) -> int | None:
        """When the call that is here for longest came; None without any, 0 where nobody knows yet."""
        state = self._state
        if state.past or state.awaited:
            return 0
        came = [call.first_us for call in state.calls.values()]
        # A switch may still bring these back, with what was sealed then (`recovery.reappeared`).
        came += [was.entered_us for calls in state.reach.given_up.values() for was in calls.values()]
        return min(came, default=None)

    def set_external_calls(self, name: str, count: int, now_us: int) -> Outcome:
        """Note an agent's calls outside the queues. Raises `UnknownAgent`, `OutOfRange`."""
        self._advance(now_us)
        steer.set_external_calls(self._state, name, count)
        return self._finish()

    def move_call(self, call_id: str, queue: str, now_us: int, *, keep_wait: bool = True) -> Outcome:
        """Put a waiting caller into another queue. Raises `UnknownCall`, `UnknownQueueName`, `NotNow`."""
        self._advance(now_us)
        steer.move(self._state, call_id, queue, keep_wait=keep_wait)
        return self._finish()

    def rank_call(
        self,
        call_id: str,
        now_us: int,
        *,
        priority: int | None = None,
        base_score: int | None = None,
        skills: str | None = None,
    ) -> Outcome:
        """Change a waiting caller's priority, base score (seconds) or demand. Raises `UnknownCall`, `NotNow`,
        `OutOfRange`, `BadDemand`.
        """
        self._advance(now_us)
        steer.rank(self._state, call_id, priority, base_score, skills)
        return self._finish()

    def why(self, call_id: str) -> why.Why:
        """Where a waiting caller stands with each agent. Changes nothing. Raises `UnknownCall`, `NotNow`."""
        return why.why(self._state, call_id)

    def transfer(
        self, call_id: str, target: transfers.Destination, now_us: int, *, keep_wait: bool = True
    ) -> Outcome:
        """Send a caller who waits or talks to a queue, an agent, an extension or a number outside. Raises
        `UnknownCall`, `UnknownQueueName`, `UnknownAgent`, `BadTarget`, `NotNow`.
        """
        self._advance(now_us)
        transfers.transfer(self._state, call_id, target, keep_wait=keep_wait)
        return self._finish()

    def consult(self, call_id: str, to: transfers.Destination, now_us: int) -> Outcome:
        """Call an agent, one of a queue or a number for the agent of a call. Raises as `transfer` does."""
        self._advance(now_us)
        consults.start(self._state, call_id, to)
        return self._finish()

    def complete_consult(self, call_id: str, now_us: int) -> Outcome:
        """Connect the caller with whom the agent consults. Raises `UnknownCall`, `NotNow`."""
        self._advance(now_us)
        consults.complete(self._state, call_id)
        return self._finish()

    def end_consult(self, call_id: str, now_us: int) -> Outcome:
        """Bring the agent back to the caller. Raises `UnknownCall`, `NotNow`."""
        self._advance(now_us)
        consults.give_back(self._state, call_id)
        return self._finish()

    def hang_up(self, call_id: str, now_us: int) -> Outcome:
        """End a call by hand. Raises `UnknownCall`."""
        self._advance(now_us)
        for call in self._state.calls.values():
            if call.id == call_id:
                self._state.act(Kill(call.node, call.uuid, "NORMAL_CLEARING"))
                return self._finish()
        raise UnknownCall(call_id)

    def divert(self, queue: str | None, to: Exit | None, now_us: int) -> Outcome:
        """Send everybody who is in a queue, or in any (None), and everybody who comes, to a place, until that
        is taken back (`to` None). Raises `UnknownQueueName`.
        """
        self._advance(now_us)
        divert.order(self._state, queue, to)
        return self._finish()

    def restore_diverts(self, orders: dict[str, Exit], now_us: int) -> Outcome:
        """Orders of an earlier run, by queue; of queues that are gone they are forgotten."""
        self._advance(now_us)
        divert.restore(self._state, orders)
        return self._finish()

    def drain(self, node: str, on: bool, now_us: int) -> Outcome:
        """No new offers for a node's callers, who stay, or offers again. Raises `UnknownNode`."""
        self._advance(now_us)
        if self._state.config.node(node) is None:
            raise UnknownNode(node)
        change = holds.hold if on else holds.release
        change(self._state, node, "drained")
        return self._finish()

    # Questions.

    @property
    def diverts(self) -> dict[str, Exit]:
        """Where queues are diverted to, by name."""
        return {name: found.to for name, found in self._state.diverts.items()}

    def nodes(self) -> tuple[view.NodeView, ...]:
        """Each node as far as offers go."""
        return view.nodes(self._state)

    @property
    def drained(self) -> set[str]:
        """Nodes that an operator drains."""
        return {node for node, reasons in self._state.held_nodes.items() if "drained" in reasons}

    @property
    def config(self) -> Config:
        return self._state.config

    def view(self, now_us: int) -> view.View:
        self._state.now_us = max(self._state.now_us, now_us)
        return view.take(self._state)

    def look(self, now_us: int, *, anew: bool = False) -> watch.Changes:
        """A piece of what changed since the last look, for the one who keeps the picture. `anew`: a piece got
        lost, so everything is told again.
        """
        self._state.now_us = max(self._state.now_us, now_us)
        if anew:
            self._state.marks.stop()
        return watch.look(self._state)

    def agents_by_state(self) -> list[tuple[str, int]]:
        """How many agents are in each state."""
        return self._state.router.agents_by_state()

    def wants_attention(self) -> bool:
        """Somebody waits or an agent is ready: every millisecond counts, so events are poked for."""
        state = self._state
        if state.waiting:
            return True
        return any(
            count
            for name, count in state.router.agents_by_state()
            if name in ("waiting", "reserved", "receiving")
        )

    def known_legs(self, node: str, seen: Container[str] = ()) -> list[str]:
        """Every channel of a node that we hold for alive: what a resynchronisation must ask about. `seen`: it
        knows of these already.
        """
        state = self._state
        callers_ = [call.uuid for call in state.calls.values() if call.node == node]
        legs = [uuid for uuid, offer in state.legs.items() if offer.call.node == node]
        legs += [*standby.legs(state, node), *consults.legs(state, node)]
        return [*callers_, *legs, *outside.legs(state, node), *awaited.legs(state, node, seen)]

    # Inside.

    def _advance(self, now_us: int) -> bool:
        """Let time pass; whether that changed anything."""
        if self._told.untaken:
            _ = self._told.records  # so that no input has those of another
        state = self._state
        state.now_us = max(state.now_us, now_us)
        ran = state.run_timers()
        if state.break_ids:
            breaks.tell(state)
        return ran

    def _pass(self) -> Outcome:
        """The core was told nothing and nothing is to be done, so there is nobody to match."""
        if self._state.round.timer is None:
            audit.wake(self._state)
        return NOTHING

    def _finish(self) -> Outcome:
        """Match callers and agents as they now stand; hand out what gathered."""
        state = self._state
        if state.round.timer is None:
            audit.wake(state)
        self._ring()
        while state.spared:
            state.spared = False
            self._ring()
        actions = state.actions
        if len(actions) > 1:
            # Ringing a phone comes first: it has connections of its own, and the caller is waiting for it.
            actions.sort(key=_rings_no_phone)
        self._told = outcome = Outcome(
            actions, state.round.doubts, state.take_records, faults=state.round.faults
        )
        if actions:
            state.actions = []
        if state.round.doubts:
            state.round.doubts = set()
        if state.round.faults:
            state.round.faults = []
        return outcome

    def _ring(self) -> None:
        """Ring the phones of those whom the core has chosen. A fault of ours in one costs that one only."""
        state = self._state
        proposals = state.router.decide(state.now_us)
        if state.break_ids:
            breaks.tell(state)
        for proposal in proposals:
            call, _stay = state.waiting.get(proposal.caller, (None, None))
            state.reserve(proposal.agent, proposal.offer, call)
            try:
                if state.awaited:
                    awaited.rung_elsewhere(state, state.agent_names[proposal.agent])
                offers.ring(state, proposal)
            except Exception as fault:  # noqa: BLE001 - whatever it was, it is told and the others are rung
                state.round.faults.append(fault)
                sweep.not_rung(state, proposal.offer, proposal.agent)

    def _look(self, node: str, dumps: Iterable[Event]) -> None:
        """What lives on a node: agents' other calls, and what is ours or was."""
        state = self._state
        live = {dump.unique_id: dump for dump in dumps}
        outside.look(state, node, live)
        resynchronise.resync(state, node, live.values())


def _rings_no_phone(action: Action) -> bool:
    return not isinstance(action, Originate)
