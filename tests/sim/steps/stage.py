"""A small call centre in which one story is played, and the place where misfortunes strike it.

A *step* is an event of the switch as it reaches the controller, or a command as it leaves. Steps are counted
by their kind from the beginning of the story, so that the same story, struck at the same steps, is the same
run, and mostly still is when the engine begins to send a command more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from sim.storm.centre import SECOND, Centre, Crash
from sim.storm.link import Link
from sim.storm.plan import COLLEAGUE, DIAL_OUT, OUTSIDE, AgentPlan, Plan
from sim.storm.rules import Rules
from sim.storm.run import everybody_hangs_up
from sim.storm.truth import Truth

from py_callcenter._router import Event
from py_callcenter.config import Breaks, Queue, Tier
from py_callcenter.engine import Action
from py_callcenter.sim import Behaviour
from py_callcenter.sim.phones import Call, Phone

if TYPE_CHECKING:
    from sim.steps.misfortunes import Misfortune
    from sim.steps.stories import Story

Kind = Literal["event", "command"]
AT_ONCE: Final = Behaviour("answer", answer_after_us=300_000, talk_us=4 * SECOND)
BUSY: Final = Behaviour("busy", rings=False, refuse_after_us=50_000)
STRIKES_FOR_S: Final = 45.0
"""So long after the story's own length steps are still counted: an exit's message, an audit, a rest."""
PEACE_S: Final = 75.0
"""What a misfortune broke may take a minute to be repaired."""
RESTART_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Step:
    """One of them, such as the second CHANNEL_PARK of a run."""

    kind: Kind
    what: str
    nth: int

    def __str__(self) -> str:
        return f"{self.what} {self.nth}"


@dataclass(frozen=True, slots=True)
class Blow:
    """A misfortune at a step, by its name."""

    at: str
    what: Misfortune


class Moment:
    """What a misfortune strikes: it decides whether the step is taken, how often, and what else happens."""

    def __init__(
        self, stage: Stage, link: WatchedLink, kind: Kind, subject: Any, take: Callable[[], None]
    ) -> None:
        self.stage = stage
        self.centre = stage.centre
        self.link = link
        self.node = link.node
        self.kind = kind
        self.subject = subject
        self.take = take

    def blinds(self, for_s: float = 0.0) -> None:
        """The short promises don't hold on this node for so long and a minute more; canaries may get lost."""
        centre, network, node = self.centre, self.link.network, self.node
        centre.health.begin(node)
        network.troubled += 1

        def over() -> None:
            network.troubled -= 1

        centre.after(for_s, lambda: centre.health.end(node, centre.now_us))
        centre.after(for_s + 3, over)

    def blinds_all(self) -> None:
        """On no node, as when the controller dies."""
        for node in range(self.centre.plan.nodes):
            self.centre.health.touch(node, self.centre.now_us)

    def now(self, run: Callable[..., object], *arguments: Any) -> None:
        """Have something happen at this moment, once the controller's present input is dealt with."""
        self.centre.at(self.centre.now_us, run, *arguments)

    def die(self) -> None:
        """`kill -9` here and now; the next start follows."""
        self.blinds_all()
        if self.kind == "command":
            raise Crash
        self.centre.kill()
        self.centre.after(RESTART_S, self.centre.start)


class WatchedLink(Link):
    """A link that counts its steps and lets misfortunes strike."""

    centre: StageCentre

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._uneasy_us = self.centre.watched_until_us  # as in production, where canaries always fly
        self.lose_next = 0
        self.unheard: set[str] = set()
        """Channels that nothing more is heard of."""
        self.swap_with: Event | None = None
        """Comes after the next event."""
        self._held_back: list[Event] | None = None

    def hold_back(self, first: Event, for_s: float) -> None:
        """This event and whatever follows it comes so much later."""
        if self._held_back is not None:
            self._held_back.append(first)
            return
        held = self._held_back = [first]
        network, centre = self.network, self.centre
        network.late_us += 1  # as far as anybody asks whether all is well
        centre.feel()

        def release() -> None:
            network.late_us -= 1
            centre.feel()
            if self._held_back is held:
                self._held_back = None
            life = self._life
            for place, event in enumerate(held):
                if life != self._life or self.stopped:
                    return
                if place:
                    self._on_event(event)
                else:
                    super(WatchedLink, self)._on_event(event)

        centre.after(for_s, lambda: centre.when_awake(release))

    def _synced(self, life: int, core: str, dumps: list[Event], *, first: bool) -> None:
        if life == self._life and not self.stopped:
            self.centre.on_look(self, dumps)
        super()._synced(life, core, dumps, first=first)

    def _lost(self, slot: Any) -> None:
        if slot is self.events:
            self._held_back = self.swap_with = None
            self.lose_next = 0
        super()._lost(slot)

    def _on_event(self, event: Event) -> None:
        if self._held_back is not None:
            self._held_back.append(event)
            return
        if self.lose_next:
            self.lose_next -= 1
            return
        if event.name in ("CUSTOM", "HEARTBEAT"):
            super()._on_event(event)
            return
        if event.unique_id in self.unheard:
            self.centre.health.touch(self.node, self.centre.now_us)
            return
        take, life = super()._on_event, self._life
        behind, self.swap_with = self.swap_with, None
        self.centre.stage.step(self, "event", event, lambda: take(event))
        if behind is not None and life == self._life and not self.stopped:
            take(behind)

    def perform(self, action: Action) -> None:
        """Send what carries out `action`, or meet with something."""
        take = super().perform
        self.centre.stage.step(self, "command", action, lambda: take(action))


class StageCentre(Centre):
    """The world of a stage."""

    make_link = WatchedLink
    stage: Stage
    watched_until_us: int

    def on_look(self, link: WatchedLink, dumps: list[Event]) -> None:
        """A picture of a switch is about to be taken in."""

    def plan_restart_s(self) -> float:
        """How long the supervisor takes."""
        return RESTART_S


class Stage:
    """A story under way, struck or not."""

    def __init__(self, story: Story, blows: Sequence[Blow] = (), *, slow: bool = False) -> None:
        self.story = story
        self.steps: list[Step] = []
        self._seen: Counter[str] = Counter()
        self._blows = {blow.at: blow.what for blow in blows}
        self.struck = 0
        self.last_struck = ""
        self._counting = False
        self.truth = Truth()
        self.rules = Rules(self.truth)
        self.centre = StageCentre(_plan(story, slow=slow), self.truth)
        self.centre.stage = self
        self.centre.restless = True
        self.centre.watched_until_us = self.centre.now_us + round((story.seconds + 30) * SECOND)
        self.rules.attach(self.centre)
        self.people = self.centre.people
        self.calls: list[Call] = []
        for switch in self.centre.switches:
            for extension, steps in story.extensions:
                switch.dialplan.add(extension, *steps)
            if not story.consults:
                continue
            switch.add_phone(
                DIAL_OUT.replace("{number}", COLLEAGUE), Behaviour("answer", talk_us=20 * SECOND)
            )
        for name, person in self.people.agents.items():
            for phone in person.phones:
                phone.behaviour = self._manner(person, story.behaviours.get(name, story.behaviour))
        for switch in self.centre.switches:
            for phone in switch.phones.values():
                if phone.contact == OUTSIDE:
                    phone.behaviour = Behaviour("answer", talk_us=5 * SECOND)

    @staticmethod
    def _manner(person: Any, behaviour: Behaviour) -> Callable[[Any], Behaviour]:
        return lambda _rng: BUSY if person.talking and not person.stands else behaviour

    # The play.

    def play(self) -> list[str]:
        """All of it, until everybody is at home. Gives what was broken."""
        centre, story = self.centre, self.story
        centre.start()
        centre.run(1.0 if story.standby else 0.5)
        self._counting = True
        for call in story.calls:
            centre.after(call.at_s, self._arrive, call)
        for at_s, act in story.acts:
            centre.after(at_s, act, self)
        centre.run(story.seconds + STRIKES_FOR_S)
        self._counting = False
        if centre.controller is None:
            centre.start()
        while centre.paused:
            centre.go_on()
        centre.run(PEACE_S - STRIKES_FOR_S)
        self._home()
        return list(map(str, self.rules.violations))

    def _home(self) -> None:
        centre = self.centre
        self.truth.drained.clear()
        for caller in self.truth.living.values():
            caller.asked_us = centre.now_us
        if centre.controller is not None:
            centre.wish(lambda controller: controller.drain("fs1", on=False))
            centre.wish(lambda controller: controller.divert(None, None))
        for person in self.people.agents.values():
            person.grow_eager()
            for phone in person.phones:
                phone.behaviour = self._manner(person, AT_ONCE)
            self.people.set_status(person, "Available")
        centre.run(25)
        centre.restless = False
        everybody_hangs_up(centre, self.truth)
        centre.run(35)
        self._everybody_works()
        centre.run(25)
        self.rules.at_quiescence()

    def _everybody_works(self) -> None:
        """I3: each agent still gets a call when there are enough."""
        centre = self.centre
        served = sorted(centre.tiers["support"])
        for number in range(len(served)):
            self.people.call(number % centre.plan.nodes, "queue_last")
        before = {name: self._talks(name) for name in served}
        centre.run(6)
        for name in served:
            if self._talks(name) == before[name]:
                self.rules.broken("I3", f"end {name}", f"{name} gets no call when everybody is needed")
        everybody_hangs_up(centre, self.truth)

    def _talks(self, agent: str) -> int:
        return sum(talk.agent == agent for caller in self.truth.callers.values() for talk in caller.talks)

    def _arrive(self, call: Any) -> None:
        made = self.people.call(
            call.node, call.to, call.patience_s, call.talk_s, call.presses, call.presses_after_s
        )
        if made is not None:
            self.calls.append(made)

    # Steps.

    def step(self, link: WatchedLink, kind: Kind, subject: Any, take: Callable[[], None]) -> None:
        """The next one: it is taken, unless a misfortune has something against it."""
        if not self._counting:
            take()
            return
        what = subject.name if kind == "event" else type(subject).__name__
        self._seen[what] += 1
        step = Step(kind, what, self._seen[what])
        self.steps.append(step)
        blow = self._blows.get(str(step))
        if blow is None:
            take()
            return
        self.struck += 1
        self.last_struck = str(step)
        blow.strike(Moment(self, link, kind, subject, take))

    # Who is there.

    @property
    def caller(self) -> Call | None:
        """The first caller who is still there."""
        return next((call for call in self.calls if call.alive), None)

    @property
    def phone(self) -> Phone | None:
        """The first agent's phone that is in use."""
        return next(
            (
                phone
                for person in self.people.agents.values()
                for phone in person.phones
                if phone.leg is not None
            ),
            None,
        )


def _plan(story: Story, *, slow: bool) -> Plan:
    names = story.agents
    queues = tuple(
        Queue(**{
            "name": name, "strategy": "longest-idle-agent", "after_call": "hangup",
            "on_timeout": "voicemail", "on_no_agent": "voicemail", "on_full": "voicemail",
            "on_exit_key": "voicemail", "agent_originate_timeout": 5,
            "moh_sound": "local_stream://moh",
            **(story.settings if name == "support" else {}),
        })
        for name in ("support", "sales", "last")
    )  # fmt: skip
    serve = {"support": story.support or names, "sales": story.sales or names, "last": story.support or names}
    return Plan(
        seed=1, seconds=story.seconds, nodes=story.nodes, queues=queues,
        agents=tuple(AgentPlan(name, story.phones, 1, 10, 0, 0, 0, 0, 0, 0, 0) for name in names),
        tiers=tuple(
            Tier(queue=queue, agent=agent, level=1, position=place)
            for queue, agents in serve.items() for place, agent in enumerate(agents, 1)
        ),
        calls=(), faults=(), wrap_up_s=0.0 if slow else 1.0, delay_s=1.0,
        poked=not slow, latency_us=5000 if slow else 200,
        standby=story.standby, consult_s=1e9 if story.consults else 0.0,
        break_s=1e9 if story.breaks.reasons else 0.0, breaks=story.breaks,
    )  # fmt: skip


NO_BREAKS: Final = Breaks()
