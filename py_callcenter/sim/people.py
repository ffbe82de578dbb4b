"""Traffic: callers who arrive, wait and talk, agents who answer sooner, later or not at all.

All of it happens in the switch's own time and follows from one seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from py_callcenter.sim.phones import Act, Behaviour, Call
from py_callcenter.sim.switch import Switch

Draw = Callable[[random.Random], float]  # seconds

_FIRST = ("Ada", "Ben", "Cem", "Dora", "Eli", "Fay", "Gus", "Hana", "Ida", "Jon", "Kim", "Lea", "Max", "Noa")
_LAST = ("Adams", "Berg", "Costa", "Dunn", "Ek", "Fox", "Grau", "Holt", "Ito", "Jha", "Kern", "Lund", "Moss")


def exponential(mean_s: float) -> Draw:
    """Memoryless: gaps between arrivals, plain patience."""
    return lambda rng: rng.expovariate(1 / mean_s)


def weibull(scale_s: float, shape: float) -> Draw:
    """Patience as it is measured: `shape` below 1 means that those who have waited go on waiting."""
    return lambda rng: rng.weibullvariate(scale_s, shape)


def lognormal(median_s: float, sigma: float) -> Draw:
    """Conversations and reaction times: few very short ones, a long tail."""
    return lambda rng: rng.lognormvariate(math.log(median_s), sigma)


def uniform(low_s: float, high_s: float) -> Draw:
    """Anything between two bounds."""
    return lambda rng: rng.uniform(low_s, high_s)


def _us(seconds: float) -> int:
    return max(int(seconds * 1_000_000), 1_000)


@dataclass(frozen=True, slots=True)
class AgentStyle:
    """How an agent treats calls. Probabilities are looked at in the order of the fields, once a call."""

    ring_to_answer: Draw = field(default_factory=lambda: lognormal(3.0, 0.5))
    talk: Draw = field(default_factory=lambda: lognormal(90.0, 0.6))
    no_answer: float = 0.0
    reject: float = 0.0
    busy: float = 0.0
    hold: float = 0.0
    transfer: float = 0.0
    transfer_to: tuple[str, ...] = ()
    attended: float = 0.0
    """Share of the transfers that are attended."""

    def __call__(self, rng: random.Random) -> Behaviour:
        """What becomes of one call; fits `Switch.add_phone`."""
        chance = rng.random()
        for outcome, share in (("no_answer", self.no_answer), ("reject", self.reject), ("busy", self.busy)):
            if chance < share:
                refuse_after = _us(rng.uniform(0.3, 4.0))
                if outcome == "no_answer":
                    return Behaviour("no_answer")
                if outcome == "reject":
                    return Behaviour("reject", refuse_after_us=refuse_after)
                return Behaviour("busy", rings=False, refuse_after_us=50_000)
            chance -= share
        talk = _us(self.talk(rng))
        acts: list[Act] = []
        if rng.random() < self.hold:
            acts = [Act(talk // 3, "hold"), Act(talk // 3, "unhold")]
            talk -= 2 * (talk // 3)
        if self.transfer_to and rng.random() < self.transfer:
            kind = "attended" if rng.random() < self.attended else "refer"
            target = rng.choice(self.transfer_to)
            acts.append(Act(talk, "attended" if kind == "attended" else "refer", target))
        else:
            acts.append(Act(talk, "bye"))
        return Behaviour("answer", answer_after_us=_us(self.ring_to_answer(rng)), acts=tuple(acts))


@dataclass(frozen=True, slots=True)
class CallerStyle:
    """How callers of one destination behave."""

    patience: Draw = field(default_factory=lambda: weibull(120.0, 0.8))
    talk: Draw | None = None
    """When the caller ends the conversation, None = the agent does."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Traffic:
    """Calls that arrive by chance (Poisson) at some destinations of one switch."""

    def __init__(
        self,
        switch: Switch,
        *,
        seed: int,
        calls_per_s: float,
        destinations: Mapping[str, float],
        styles: Mapping[str, CallerStyle] | None = None,
        limit: int | None = None,
    ) -> None:
        """`destinations`: extension → weight. `limit`: how many calls arrive in all, None = no end."""
        self._switch = switch
        self._random = random.Random(seed)  # noqa: S311 - a seeded model, nothing secret
        self._destinations = list(destinations)
        self._weights = list(destinations.values())
        self._styles = dict(styles or {})
        self.calls_per_s = calls_per_s
        self.limit = limit
        self.calls: list[Call] = []
        self.placed = 0
        self._running = False

    def start(self) -> None:
        """Let calls arrive from now on."""
        if not self._running:
            self._running = True
            self._plan()

    def stop(self) -> None:
        """No new calls; those under way go on."""
        self._running = False

    @property
    def living(self) -> list[Call]:
        """Calls that aren't over."""
        self.calls = [call for call in self.calls if call.alive]
        return list(self.calls)

    def _plan(self) -> None:
        if self.limit is not None and self.placed >= self.limit:
            self._running = False
            return
        gap = self._random.expovariate(self.calls_per_s) if self.calls_per_s > 0 else 1.0
        self._switch.after(_us(gap), self._arrive)

    def _arrive(self) -> None:
        if not self._running:
            return
        if self.calls_per_s > 0:
            self.call()
        self._plan()

    def call(self, destination: str | None = None) -> Call:
        """One call now, to a destination by weight when none is named."""
        rng = self._random
        if destination is None:
            destination = rng.choices(self._destinations, self._weights)[0]
        style = self._styles.get(destination, CallerStyle())
        name = f"{rng.choice(_FIRST)} {rng.choice(_LAST)}"
        self.placed += 1
        call = self._switch.place_call(
            f"+1555{rng.randrange(100, 1000)}01{rng.randrange(100):02d}",
            name,
            destination,
            headers=dict(style.headers),
            patience_us=_us(style.patience(rng)),
            talk_us=_us(style.talk(rng)) if style.talk is not None else None,
        )
        if len(self.calls) > 256:
            self.calls = [known for known in self.calls if known.alive]
        self.calls.append(call)
        return call
