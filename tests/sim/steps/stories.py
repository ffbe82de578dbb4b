"""The stories: what happens to a caller on a good day, each of them short."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sim.steps.stage import NO_BREAKS, Stage
from sim.storm.plan import COLLEAGUE
from sim.storm.rests import Wish

from py_callcenter.config import BreakReason, Breaks, Exit
from py_callcenter.engine.errors import EngineError
from py_callcenter.engine.transfers import Destination
from py_callcenter.sim import Behaviour, Step
from py_callcenter.sim.phones import Act

SECOND: Final = 1_000_000
Do = Callable[[Stage], object]

PICKS_UP: Final = Behaviour("answer", answer_after_us=SECOND, talk_us=3 * SECOND)
TALKS_LONG: Final = Behaviour("answer", answer_after_us=SECOND, talk_us=12 * SECOND)
IGNORES: Final = Behaviour("no_answer")
IS_BUSY: Final = Behaviour("busy", rings=False)
REJECTS: Final = Behaviour("reject", refuse_after_us=SECOND)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, when, and what for."""

    at_s: float = 0.1
    to: str = "queue_support"
    patience_s: float | None = None
    talk_s: float | None = None
    presses: str = ""
    presses_after_s: float = 0.0
    node: int = 0


@dataclass(frozen=True, slots=True)
class Story:
    """One of them. Who is not said to behave otherwise picks up and talks."""

    name: str
    seconds: float = 8.0
    calls: tuple[Caller, ...] = (Caller(),)
    behaviour: Behaviour = PICKS_UP
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    acts: tuple[tuple[float, Do], ...] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    agents: tuple[str, ...] = ("a0", "a1")
    support: tuple[str, ...] = ()
    sales: tuple[str, ...] = ()
    standby: tuple[str, ...] = ()
    phones: int = 1
    nodes: int = 1
    consults: bool = False
    breaks: Breaks = NO_BREAKS
    extensions: tuple[tuple[str, tuple[Step, ...]], ...] = ()


def does(*acts: Act) -> Behaviour:
    """Picks up, and then."""
    return Behaviour("answer", answer_after_us=SECOND, acts=acts)


def asks(wish: Callable[[Any], object]) -> Do:
    """Somebody uses the API, and takes a refusal as an answer."""

    def act(stage: Stage) -> None:
        def asked(controller: Any) -> bool:
            try:
                wish(controller)
            except EngineError:
                return False
            return True

        stage.centre.wish(asked)

    return act


def about(ask: Callable[[Any, str], object]) -> Do:
    """The same about the first caller who is there."""

    def act(stage: Stage) -> None:
        call = stage.caller
        known = None if call is None else stage.truth.callers.get(call.uuid)
        if known is None:
            return
        known.asked_us = stage.centre.now_us
        asks(lambda controller: ask(controller, known.uuid))(stage)

    return act


def transfers(kind: Any, name: str) -> Do:
    return about(
        lambda controller, uuid: controller.transfer_call(uuid, Destination(kind, name), keep_wait=True)
    )


def consults(kind: Any, name: str) -> Do:
    ask = about(lambda controller, uuid: controller.consult(uuid, Destination(kind, name)))

    def act(stage: Stage) -> None:
        if kind == "agent":
            stage.truth.workers[name].others_node = 0
        ask(stage)

    return act


def ends_consult(how: str) -> Do:
    def ask(controller: Any, uuid: str) -> None:
        if how == "back":
            controller.end_consult(uuid)
        else:
            controller.complete_consult(uuid)

    def act(stage: Stage) -> None:
        call = stage.caller
        if call is not None and call.uuid in stage.truth.callers:
            stage.truth.callers[call.uuid].consulted_us = stage.centre.now_us
            asks(lambda controller: ask(controller, call.uuid))(stage)

    return act


def sets_status(agent: str, status: str) -> Do:
    return lambda stage: stage.people.set_status(stage.people.agents[agent], status)


def wants_break(agent: str, reason: str) -> Do:
    def act(stage: Stage) -> None:
        def ask(controller: Any) -> bool:
            try:
                controller.set_agent_status(agent, "On Break", reason=reason)
            except EngineError:
                return False
            return True

        wish = Wish("break", agent, reason)
        stage.truth.wished(wish)
        stage.truth.answered(wish, stage.centre.wish(ask))

    return act


def applies(**changes: Any) -> Do:
    """Another configuration of the queue."""

    def act(stage: Stage) -> None:
        config = stage.centre.config
        queues = tuple(
            queue.model_copy(update=changes) if queue.name == "support" else queue for queue in config.queues
        )
        changed = config.model_copy(update={"queues": queues})
        asks(lambda controller: controller.take_up(controller.plan(changed)[0]))(stage)

    return act


def diverts(to: Exit | None) -> Do:
    return asks(lambda controller: controller.divert("support", to))


def drains(*, on: bool) -> Do:
    ask = asks(lambda controller: controller.drain("fs1", on=on))

    def act(stage: Stage) -> None:
        if not stage.centre.answers:
            return
        stage.truth.drained = {0} if on else set()
        for caller in stage.truth.living.values():
            caller.asked_us = stage.centre.now_us
        ask(stage)

    return act


def colleague_hangs_up(stage: Stage) -> None:
    phones = [phone for phone in stage.people.agents["a1"].phones if phone.leg is not None]
    for phone in phones:
        stage.centre.switch_input(0, lambda _switch, phone=phone: phone.hang_up())


def api_hangs_up(stage: Stage) -> None:
    about(lambda controller, uuid: controller.hang_up(uuid))(stage)


VOICEMAIL: Final = Exit("voicemail", "default")
ONE_OF_EACH: Final[Mapping[str, Any]] = {"support": ("a0",), "sales": ("a1",)}


def _gold(*settings: str) -> tuple[tuple[str, tuple[Step, ...]], ...]:
    steps = [Step("set", "cc_queue=support"), *(Step("set", text) for text in settings)]
    return (("gold", (*steps, Step("answer"), Step("park"))),)


def _talk(*acts: Act) -> Mapping[str, Behaviour]:
    return {"a0": does(*acts)}


_STORIES: Final = (
    Story("the caller hangs up", calls=(Caller(talk_s=3),), behaviour=TALKS_LONG),
    Story("the agent hangs up"),
    Story("the agent hangs up and the caller hears a message", settings={"after_call": "voicemail"}),
    Story("the first is silent", 16, behaviours={"a0": IGNORES}),
    Story("the first is busy", behaviours={"a0": IS_BUSY}),
    Story("the first rejects", behaviours={"a0": REJECTS}),
    Story("the caller gives up while it rings", calls=(Caller(patience_s=1.5),), behaviour=IGNORES),
    Story("two callers, one agent", 16, calls=(Caller(), Caller(0.5)), agents=("a0",)),
    Story("three callers come at once", 16, calls=(Caller(), Caller(0.1), Caller(0.1))),
    Story("blind to a queue", 16, behaviours=_talk(Act(2 * SECOND, "refer", "queue_sales")), **ONE_OF_EACH),
    Story("blind to the same queue", 16, behaviours=_talk(Act(2 * SECOND, "refer", "queue_support"))),
    Story("blind outside", 12, behaviours=_talk(Act(2 * SECOND, "refer", "outside"))),
    Story("blind to voicemail", 12, behaviours=_talk(Act(2 * SECOND, "refer", "voicemail"))),
    Story("attended to a queue", 20, behaviours=_talk(Act(2 * SECOND, "attended", "queue_sales")),
          **ONE_OF_EACH),
    Story("attended to voicemail", 16, behaviours=_talk(Act(2 * SECOND, "attended", "voicemail"))),
    Story("sent by the API to a queue in a talk", 16, acts=((3, transfers("queue", "sales")),),
          behaviour=TALKS_LONG, calls=(Caller(talk_s=4),), **ONE_OF_EACH),
    Story("sent by the API to an agent in a talk", 16, acts=((3, transfers("agent", "a1")),),
          behaviour=TALKS_LONG, calls=(Caller(talk_s=4),), **ONE_OF_EACH),
    Story("sent by the API outside in a talk", 16, acts=((3, transfers("extension", "outside")),)),
    Story("sent by the API to a queue while it rings", 16, acts=((1.5, transfers("queue", "sales")),),
          behaviours={"a0": IGNORES}, **ONE_OF_EACH),
    Story("sent by the API to a message while it rings", 12, behaviour=IGNORES,
          acts=((1.5, transfers("extension", "voicemail")),)),
    Story("the API hangs up", 8, acts=((3, api_hangs_up),), behaviour=TALKS_LONG),
    Story("consults a colleague and returns", 16,
          acts=((3, consults("agent", "a1")), (6, ends_consult("back"))),
          behaviour=TALKS_LONG, calls=(Caller(talk_s=6),), consults=True, **ONE_OF_EACH),
    Story("consults a colleague and hands over", 18,
          acts=((3, consults("agent", "a1")), (6, ends_consult("over"))),
          behaviour=TALKS_LONG, calls=(Caller(talk_s=6),), consults=True, **ONE_OF_EACH),
    Story("consults outside and hands over", 18,
          acts=((3, consults("number", COLLEAGUE)), (6, ends_consult("over"))),
          behaviour=TALKS_LONG, calls=(Caller(talk_s=6),), consults=True),
    Story("consults a colleague who hangs up", 16,
          acts=((3, consults("agent", "a1")), (6, colleague_hangs_up)),
          behaviour=TALKS_LONG, calls=(Caller(talk_s=6),), consults=True, **ONE_OF_EACH),
    Story("hold and back", 10,
          behaviours=_talk(Act(SECOND, "hold"), Act(SECOND, "unhold"), Act(SECOND, "bye"))),
    Story("hangs up from hold", 10, behaviours=_talk(Act(SECOND, "hold"), Act(SECOND, "bye"))),
    Story("the exit key", 12, calls=(Caller(presses="1", presses_after_s=1.5),), behaviour=IGNORES),
    Story("the exit key to a queue", 16, calls=(Caller(presses="1", presses_after_s=1.5),),
          behaviours={"a0": IGNORES}, settings={"on_exit_key": "queue_sales"}, **ONE_OF_EACH),
    Story("waits too long, to a queue", 16, settings={"max_wait_time": 3, "on_timeout": "queue_sales"},
          behaviours={"a0": IGNORES}, **ONE_OF_EACH),
    Story("waits too long, to a message", 16, settings={"max_wait_time": 3}, behaviour=IGNORES),
    Story("waits too long, hung up", 8, settings={"max_wait_time": 3, "on_timeout": "hangup"},
          behaviour=IGNORES),
    Story("a phone that stands by", 10, agents=("a0",), standby=("a0",),
          calls=(Caller(talk_s=3), Caller(5, talk_s=3))),
    Story("phones that stand by, two callers", 14, standby=("a0", "a1"),
          calls=(Caller(talk_s=3), Caller(0.2, talk_s=4), Caller(0.3, talk_s=2))),
    Story("a phone that stands by is asked", 16, standby=("a1",), consults=True,
          acts=((3, consults("agent", "a1")), (6, ends_consult("over"))),
          behaviour=TALKS_LONG, calls=(Caller(talk_s=6),), **ONE_OF_EACH),
    Story("all phones ring", 10, agents=("a0", "a1", "a2"), settings={"strategy": "ring-all"}),
    Story("more and more phones ring", 14, agents=("a0", "a1", "a2"),
          behaviours={"a0": IGNORES, "a1": IGNORES},
          settings={"strategy": "ring-progressively", "ring_progressively_delay": 1}),
    Story("two phones each", 10, phones=2),
    Story("the queue is full", 12, calls=(Caller(), Caller(0.5)), agents=("a0",), behaviour=IGNORES,
          settings={"max_callers": 1, "max_wait_time": 8}),
    Story("nobody is there", 14,
          acts=((0.05, sets_status("a0", "Logged Out")), (6, sets_status("a0", "Available"))),
          agents=("a0",), settings={"max_wait_time_with_no_agent": 2}),
    Story("the queue is diverted and back", 16, acts=((1.5, diverts(VOICEMAIL)), (4, diverts(None))),
          calls=(Caller(), Caller(2), Caller(5)), behaviours={"a0": IGNORES}, agents=("a0",)),
    Story("a node is drained", 16, nodes=2, acts=((1.5, drains(on=True)), (6, drains(on=False))),
          calls=(Caller(), Caller(2), Caller(2.5, node=1))),
    Story("two nodes", 16, nodes=2, agents=("a0",), calls=(Caller(), Caller(0.5, node=1))),
    Story("two nodes, the first is silent", 16, nodes=2, behaviours={"a0": IGNORES},
          calls=(Caller(talk_s=4), Caller(0.1, node=1, talk_s=4))),
    Story("logs out in a call", 10,
          acts=((3, sets_status("a0", "Logged Out")), (7, sets_status("a0", "Available")))),
    Story("logs out while it rings", 10, behaviours={"a0": IGNORES},
          acts=((1.5, sets_status("a0", "Logged Out")), (7, sets_status("a0", "Available")))),
    Story("asks for a break in a call", 14, agents=("a0",), acts=((3, wants_break("a0", "lunch")),),
          breaks=Breaks(quota=1, reasons=(BreakReason(name="lunch", time_limit=5, when_over="Available"),)),
          calls=(Caller(), Caller(6))),
    Story("stands in line for a break", 16,
          acts=((1.5, wants_break("a0", "lunch")), (2, wants_break("a1", "lunch")),
                (9, sets_status("a0", "Available"))),
          breaks=Breaks(quota=1, reasons=(BreakReason(name="lunch"),)), calls=(Caller(), Caller(0.5))),
    Story("another configuration while they wait", 16, acts=((1.5, applies(agent_originate_timeout=3)),),
          behaviours={"a0": IGNORES}, calls=(Caller(), Caller(1))),
    Story("a preferred agent", 14, calls=(Caller(to="gold"),), extensions=_gold("cc_preferred_agent=a1")),
    Story("an announcement", 14, calls=(Caller(to="gold"),), agents=("a0",),
          extensions=_gold("cc_outbound_announce=/sounds/gold.wav")),
    Story("into a queue that nobody knows", 12, calls=(Caller(to="queue_nowhere"),)),
    Story("recorded", 8, settings={"record_template": "/rec/{call}.wav"}),
)  # fmt: skip

STORIES: Final = {story.name: story for story in _STORIES}
