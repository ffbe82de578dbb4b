"""What may strike a story at one of its steps."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sim.steps.stage import Kind, Moment, Step
from sim.storm.centre import SECOND

from py_callcenter.engine.actions import Bridge, Originate
from py_callcenter.engine.errors import EngineError
from py_callcenter.engine.transfers import Destination

Strike = Callable[[Moment], None]


@dataclass(frozen=True, slots=True)
class Misfortune:
    """One kind of them; `kind`: the steps that it can strike, None for all."""

    name: str
    strike: Strike
    kind: Kind | None = None
    of: tuple[str, ...] = ()
    """The events or commands that it can strike, empty for all."""

    def fits(self, step: Step) -> bool:
        """Whether it can strike such a step."""
        return self.kind in (None, step.kind) and (not self.of or step.what in self.of)


ALL: Final[dict[str, Misfortune]] = {}


def misfortune(name: str, kind: Kind | None = None, *of: str) -> Callable[[Strike], Strike]:
    """Put one into the list."""

    def take(strike: Strike) -> Strike:
        ALL[name] = Misfortune(name, strike, kind, of)
        return strike

    return take


# Events.


@misfortune("lost", "event")
def _lost(moment: Moment) -> None:
    moment.blinds()


def _lost_with(more: int) -> Strike:
    def strike(moment: Moment) -> None:
        moment.blinds(1.0)
        moment.link.lose_next = more

    return strike


misfortune("lost with the next", "event")(_lost_with(1))
misfortune("lost with the next four", "event")(_lost_with(4))


@misfortune("lost, and all for a second", "event")
def _lost_for_a_second(moment: Moment) -> None:
    moment.blinds(1.0)
    network = moment.link.network
    network.loss += 1.0
    moment.centre.after(1.0, lambda: setattr(network, "loss", network.loss - 1.0))


def _late(seconds: float) -> Strike:
    def strike(moment: Moment) -> None:
        moment.blinds(seconds + 10)
        moment.link.hold_back(moment.subject, seconds)

    return strike


misfortune("50 ms late", "event")(_late(0.05))
misfortune("a second late", "event")(_late(1.0))
misfortune("30 s late", "event")(_late(30.0))


@misfortune("twice", "event")
def _twice(moment: Moment) -> None:
    moment.blinds()
    moment.take()
    if not moment.link.stopped:
        moment.take()


@misfortune("the engine fails on it", "event")
def _stumbles(moment: Moment) -> None:
    moment.blinds_all()
    engine = moment.centre.controller.engine

    def fails(*_arguments: Any) -> Any:
        raise RuntimeError("a fault put in by the simulation")

    engine.on_event = fails
    try:
        moment.take()
    finally:
        engine.__dict__.pop("on_event", None)


@misfortune("after the next", "event")
def _swapped(moment: Moment) -> None:
    moment.blinds()
    moment.link.swap_with = moment.subject


@misfortune("the last of its channel that is heard", "event")
def _unheard(moment: Moment) -> None:
    moment.blinds()
    moment.take()
    moment.link.unheard.add(moment.subject.unique_id)


# Commands.


def _line_of(moment: Moment) -> Any:
    line = moment.link._line_for(moment.subject)
    return None if line is None else moment.link._slot_of(line)


@misfortune("its connection breaks before it arrives", "command")
def _never_arrives(moment: Moment) -> None:
    moment.blinds()
    slot = _line_of(moment)
    if slot is not None:
        slot.line.given_up = True
    moment.take()
    if slot is not None:
        moment.now(moment.centre.when_awake, lambda: moment.link._lost(slot))


@misfortune("its connection breaks before the answer", "command")
def _answer_lost(moment: Moment) -> None:
    moment.blinds()
    slot = _line_of(moment)
    moment.take()
    if slot is None:
        return
    line = slot.line

    def breaks() -> None:
        if slot.line is line and not moment.link.stopped:
            moment.link._lost(slot)

    arrived_us = moment.centre.now_us + 2 * moment.centre.plan.latency_us
    moment.centre.at(arrived_us, moment.centre.when_awake, breaks)


def _once(moment: Moment, name: str, instead: Callable[..., Any]) -> None:
    """The next call of a method of the switch comes to something else, if there is one soon."""
    target: Any = moment.centre.switches[moment.node]
    moment.centre.after(1, target.__dict__.pop, name, None)

    def called(*arguments: Any, **named: Any) -> Any:
        target.__dict__.pop(name, None)
        return instead(*arguments, **named)

    setattr(target, name, called)


@misfortune("nothing comes of it", "command", Originate.__name__)
def _no_job(moment: Moment) -> None:
    moment.blinds()
    _once(moment, "_job", lambda *_arguments: None)
    moment.take()


@misfortune("no bridge comes of it", "command", Bridge.__name__)
def _no_bridge(moment: Moment) -> None:
    moment.blinds()
    _once(moment, "request_bridge", lambda *_legs: None)
    moment.take()


@misfortune("the switch takes no more", "command", Originate.__name__)
def _refused(moment: Moment) -> None:
    moment.blinds()

    def refuse(_text: str, done: Callable[[str], None], **_more: Any) -> None:
        done("-ERR DESTINATION_OUT_OF_ORDER\n")

    _once(moment, "dial", refuse)
    moment.take()


# The controller.


@misfortune("killed before it")
def _killed_before(moment: Moment) -> None:
    moment.die()


@misfortune("killed after it")
def _killed_after(moment: Moment) -> None:
    moment.take()
    if moment.centre.controller is not None:
        moment.die()


@misfortune("stopped for 5 s")
def _stopped(moment: Moment) -> None:
    _pause(moment, 5.0)


@misfortune("stopped for 40 s")
def _stopped_long(moment: Moment) -> None:
    _pause(moment, 40.0)


def _pause(moment: Moment, for_s: float) -> None:
    centre, controller = moment.centre, moment.centre.controller
    moment.take()
    for node in range(centre.plan.nodes):
        centre.health.begin(node)
        centre.after(for_s, lambda node=node: centre.health.end(node, centre.now_us))
    moment.now(centre.pause)
    centre.after(for_s, lambda: centre.go_on() if centre.controller is controller else None)


# The cable, the node.


def _cut(moment: Moment, away_s: float) -> None:
    centre, node = moment.centre, moment.node
    moment.blinds(away_s)
    network = moment.link.network
    if away_s > 0.1:
        if not network.stalled:
            centre.stalled_us[node] = centre.now_us
        network.stall()
    centre.cut_node(node)
    centre.feel()

    def heal() -> None:
        network.heal()
        centre.feel()

    if away_s > 0.1:
        centre.after(away_s, heal)


@misfortune("the connections break before it")
def _cut_before(moment: Moment) -> None:
    if moment.kind == "command":
        slot = _line_of(moment)
        if slot is not None:
            slot.line.given_up = True
        moment.take()
        moment.now(_cut, moment, 0.1)
    else:
        _cut(moment, 0.1)


@misfortune("the connections break after it")
def _cut_after(moment: Moment) -> None:
    moment.take()
    moment.now(_cut, moment, 0.1)


@misfortune("the node is out of reach for 3 s from before it", "event")
def _away_before(moment: Moment) -> None:
    _cut(moment, 3.0)


@misfortune("the node is out of reach for 3 s from then on")
def _away_after(moment: Moment) -> None:
    moment.take()
    moment.now(_cut, moment, 3.0)


@misfortune("the node dies")
def _node_dies(moment: Moment) -> None:
    moment.take()
    moment.now(moment.centre.restart_node, moment.node, 2.0)


# The database.


@misfortune("the database is away for 20 s")
def _no_database(moment: Moment) -> None:
    moment.centre.books.away += 1
    moment.centre.after(20, moment.centre.books.come_back)
    moment.take()


@misfortune("the database loses the last of it")
def _database_behind(moment: Moment) -> None:
    books = moment.centre.books
    books.away += 1

    def taken_over() -> None:
        books.fail_over(random.Random(len(moment.stage.steps)))
        books.come_back()

    moment.centre.after(1, taken_over)
    moment.take()


@misfortune("killed a second later, and the last lines of the spool are torn")
def _torn(moment: Moment) -> None:
    centre, books = moment.centre, moment.centre.books
    books.away += 1

    def die() -> None:
        moment.blinds_all()
        if centre.controller is not None:
            books.damage(random.Random(len(moment.stage.steps)))
        centre.kill()
        books.come_back()
        centre.after(0.5, centre.start)

    centre.after(1, die)
    moment.take()


# People, who are there to be reckoned with: nothing is excused by what they do.


@misfortune("the caller hangs up")
def _caller_leaves(moment: Moment) -> None:
    moment.take()
    moment.now(_hang_up_caller, moment)


def _hang_up_caller(moment: Moment) -> None:
    call = moment.stage.caller
    if call is not None:
        node = moment.centre.switches.index(call._switch)
        moment.centre.switch_input(node, lambda _switch: call.hang_up())


@misfortune("the agent hangs up")
def _agent_leaves(moment: Moment) -> None:
    moment.take()
    moment.now(_hang_up_agent, moment)


def _hang_up_agent(moment: Moment) -> None:
    phone = moment.stage.phone
    if phone is None or phone.leg is None:
        return
    ringing = phone.leg.answer_state != "answered"
    node = moment.centre.switches.index(phone._switch)
    moment.centre.switch_input(node, lambda _switch: phone.refuse("busy") if ringing else phone.hang_up())


@misfortune("the agents log out for 5 s")
def _agents_leave(moment: Moment) -> None:
    moment.take()
    people = moment.centre.people
    for person in people.agents.values():
        moment.now(people.set_status, person, "Logged Out")
        moment.centre.after(5, people.set_status, person, "Available")


@misfortune("the agent sends the caller to another queue")
def _agent_transfers(moment: Moment) -> None:
    moment.take()
    moment.now(_with_phone, moment, lambda phone: phone.refer("queue_sales"))


@misfortune("the agent puts the caller on hold")
def _agent_holds(moment: Moment) -> None:
    moment.take()
    moment.now(_with_phone, moment, lambda phone: phone.hold())


@misfortune("the agent begins an attended transfer")
def _agent_consults(moment: Moment) -> None:
    moment.take()
    moment.now(
        _with_phone, moment, lambda phone: phone.attended_transfer("queue_sales", consult_us=2 * SECOND)
    )


def _with_phone(moment: Moment, act: Callable[[Any], object]) -> None:
    phone = moment.stage.phone
    if phone is not None and phone.leg is not None and phone.leg.partner is not None:
        node = moment.centre.switches.index(phone._switch)
        moment.centre.switch_input(node, lambda _switch: act(phone))


@misfortune("another caller comes")
def _another_caller(moment: Moment) -> None:
    moment.take()
    moment.now(moment.centre.people.call, moment.node, "queue_support", 15.0, 3.0)


def _by_the_api(name: str, kind: Any, target: str) -> None:
    def strike(moment: Moment) -> None:
        moment.take()
        moment.now(_ask_api, moment, Destination(kind, target))

    misfortune(name)(strike)


def _ask_api(moment: Moment, to: Destination) -> None:
    call = moment.stage.caller
    known = None if call is None else moment.stage.truth.callers.get(call.uuid)
    if known is None:
        return
    known.asked_us = moment.centre.now_us

    def ask(controller: Any) -> None:
        with suppress(EngineError):
            controller.transfer_call(known.uuid, to, keep_wait=True)

    moment.centre.wish(ask)


_by_the_api("the API sends the caller to another queue", "queue", "sales")
_by_the_api("the API sends the caller to an agent", "agent", "a0")
_by_the_api("the API sends the caller to a message", "extension", "voicemail")


# Others, who have a hand in it and tell nobody.


def _other(name: str, act: Callable[[Moment, Any], object]) -> None:
    def strike(moment: Moment) -> None:
        moment.blinds()
        moment.take()
        call = moment.stage.caller
        if call is not None:
            node = moment.centre.switches.index(call._switch)
            moment.now(moment.centre.switch_input, node, lambda _switch: act(moment, call))

    misfortune(name)(strike)


def _sends(extension: str) -> Callable[[Moment, Any], object]:
    return lambda _moment, call: call._switch.transfer(call.leg, extension)


def _kill_caller(_moment: Moment, call: Any) -> None:
    call._switch.hang_up(call.leg, "NORMAL_CLEARING")


def _kill_phone(moment: Moment, call: Any) -> None:
    phone = moment.stage.phone
    if phone is not None and phone.leg is not None and phone._switch is call._switch:
        call._switch.hang_up(phone.leg, "NORMAL_CLEARING")


def _connect(moment: Moment, call: Any) -> None:
    phone = moment.stage.phone
    leg = None if phone is None or phone._switch is not call._switch else phone.leg
    if leg is not None and leg.answer_state == "answered" and call.alive:
        call._switch.request_bridge(call.leg, leg)


_other("somebody kills the channel of the caller", _kill_caller)
_other("somebody kills the channel of the agent", _kill_phone)
_other("somebody sends the caller to a message", _sends("voicemail"))
_other("somebody sends the caller to another queue", _sends("queue_sales"))
_other("somebody connects the two", _connect)
