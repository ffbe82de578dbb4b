"""Breaks: who rests, who stands in line, and what is promised of them (B1…B5).

What agents ask for is known from the people, and whether it was taken, from the API's answers. What only the
controller decides (that somebody may go, that a break is over) is read from its records, and each must be
right by `docs/configuration.md`. The page has to show the same, before a restart and after it.

- B1 who rests, or has a place kept, is rung for nobody; a break begins after the call.
- B2 nobody begins a break beyond the quotas, unless it was forced.
- B3 a break lasts until the agent ends it or its limit does, and outlives a restart.
- B4 who asked stands in the line until there is a place, gets it in turn, and outlives a restart there.
- B5 who came back or withdrew is available; only who asked goes on a break.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from py_callcenter.config import BreakReason

if TYPE_CHECKING:
    from sim.storm.centre import Centre
    from sim.storm.rules import Rules
    from sim.storm.truth import Truth, Worker

    from py_callcenter.engine.view import AgentLine

SECOND: Final = 1_000_000
LATE_US: Final = 2 * SECOND
EARLY_US: Final = SECOND // 2
STARTING_US: Final = 5 * SECOND
CLOCK: Final = 38
"""Who sets the wall clock changes how long a break has lasted: it may become too long once more."""
NOTHING_TO_DO: Final = frozenset({"waiting", "idle", "busy_elsewhere", "on_break"})


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks of the API about an agent: a break, to withdraw the request for one, or a status."""

    kind: Literal["break", "withdraw", "status"]
    agent: str
    what: str = ""
    """The reason, or the status."""
    force: bool = False


@dataclass(slots=True)
class Rest:
    """An agent, as far as breaks go."""

    status: str = "Available"
    reason: str = ""
    """What the agent rests for; empty for no break, or one without a reason."""
    since_us: int = 0
    overdue: bool = False
    asked: str = ""
    order: int = 0
    granted: bool = False

    @property
    def away(self) -> bool:
        """The agent is rung for nobody."""
        return self.status in ("On Break", "Logged Out") or self.granted

    @property
    def stands(self) -> bool:
        """In the line, without a place."""
        return bool(self.asked) and not self.granted


class Rests:
    """The ledger of breaks."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self.of: dict[str, Rest] = {}
        self._reasons: dict[str, BreakReason] = {}
        self._quota = 0
        self._order = 0
        self._wish: Wish | None = None
        self._begun_us = 0
        self._on = False
        self._awake_us: int | None = None

    def attach(self, centre: Centre) -> None:
        """Look at a world; without the habit only B1 is looked at."""
        self.of = {plan.name: Rest() for plan in centre.plan.agents}
        self._reasons = {reason.name: reason for reason in centre.config.breaks.reasons}
        self._quota = centre.config.breaks.quota
        self._on = bool(self._reasons)

    @property
    def _rules(self) -> Rules:
        return self._truth.rules  # type: ignore[no-any-return]  # is set once there are any

    @property
    def _now(self) -> int:
        return self._truth.centre.now_us

    def _broken(self, rule: str, agent: str, what: str) -> None:
        self._rules.broken(rule, f"{agent} {self._now}", f"{agent} {what}")

    # What people ask for.

    def wished(self, wish: Wish) -> None:
        """Somebody is about to ask."""
        self._wish = wish

    def answered(self, wish: Wish, answer: object) -> None:
        """The API answered; None: it could not."""
        self._wish = None
        if not self._on or answer is None:
            return
        rest = self.of[wish.agent]
        match wish.kind, bool(answer):
            case "break", True:
                if wish.what not in (rest.reason, rest.asked):
                    self._broken("B4", wish.agent, f"asked for {wish.what} and doesn't stand in the line")
            case "break", False:
                if rest.status != "Logged Out":
                    self._broken("B4", wish.agent, f"asked for {wish.what} and was refused")
            case "withdraw", True:
                if rest.asked:
                    self._broken("B5", wish.agent, f"withdrew and still stands in the line for {rest.asked}")
            case "withdraw", False:
                if rest.asked:
                    self._broken("B4", wish.agent, f"couldn't withdraw: nobody knows of {rest.asked}")
            case "status", True:
                if wish.what != "On Break" and rest.reason and rest.since_us < self._now:
                    self._broken("B5", wish.agent, f"is {wish.what} and still rests for {rest.reason}")

    def status_after(self, wish: Wish) -> str:
        """The status that a wish led to: who comes back from one break may at once begin the next."""
        return "On Break" if self.of[wish.agent].reason else wish.what

    # What the records say.

    def forget(self) -> None:
        """The books lost something: what they still say is read again."""
        self.of = {name: Rest() for name in self.of}
        self._order = 0

    def fold(self, record: Any, *, proven: bool) -> None:
        """Take a record; `proven`: it was looked at when it was written."""
        kind = record.kind
        if kind == "agent-status":
            self._status(record, proven=proven or not self._on)
        elif kind == "agent-break":
            self._step(record, proven=proven or not self._on)

    def _status(self, record: Any, *, proven: bool) -> None:
        rest = self.of.get(record.agent)
        if rest is None:
            return
        if record.break_reason:
            self._begins(record, rest, proven=proven)
            return
        if rest.reason and not proven:
            self._ends(record, rest)
        if record.status != rest.status or rest.reason:
            rest.reason, rest.overdue = "", False
            if not record.status.startswith("Available"):
                self._drop(record.agent, rest)
        rest.status = record.status

    def _begins(self, record: Any, rest: Rest, *, proven: bool) -> None:
        agent, reason, at_us = record.agent, record.break_reason, self._truth.said_us[record.id]
        if not proven:
            wish = self._wish_for(agent, reason)
            if rest.asked != reason and wish is None:
                self._broken("B5", agent, f"rests for {reason} without having asked")
            elif not rest.granted:
                self._gets_place(agent, reason, order=rest.order if rest.asked == reason else self._order + 1)
            self._after_the_call(agent, rested=rest.status == "On Break")
        rest.status, rest.reason, rest.since_us, rest.overdue = "On Break", reason, at_us, False
        if rest.asked == reason:
            rest.asked, rest.granted = "", False

    def _ends(self, record: Any, rest: Rest) -> None:
        """Somebody's break with a reason is over."""
        wish = self._wish
        if record.reason == "break-over":
            wanted = self._reasons[rest.reason].when_over
            if record.status != wanted or not self._has_lasted(rest):
                self._broken("B3", record.agent, f"is {record.status} before {rest.reason} was over")
        elif wish is None or (wish.kind, wish.agent, wish.what) != ("status", record.agent, record.status):
            self._broken("B3", record.agent, f"is {record.status}: nobody ended the break for {rest.reason}")

    def _step(self, record: Any, *, proven: bool) -> None:
        agent, reason = record.agent, record.break_reason
        rest = self.of[agent]
        match record.step:
            case "asked":
                if not proven and (rest.asked or self._wish_for(agent, reason) is None):
                    self._broken("B4", agent, f"is put into the line for {reason}, not by the agent's wish")
                self._order += 1
                rest.asked, rest.order, rest.granted = reason, self._order, False
            case "granted":
                if not proven:
                    if rest.asked != reason or rest.granted:
                        self._broken("B4", agent, f"is given a place for {reason}, and waits for none")
                    else:
                        self._gets_place(agent, reason, order=rest.order)
                rest.granted = rest.asked == reason
            case "withdrawn":
                if not proven and rest.asked and not self._was_given_up(agent, reason):
                    self._broken("B4", agent, f"has asked for {reason}, and the request was dropped")
                self._drop(agent, rest)
            case "overdue":
                again = rest.overdue and CLOCK not in self._truth.centre.plan.numbers()
                if not proven and (rest.reason != reason or again or not self._has_lasted(rest)):
                    self._broken("B3", agent, f"is said to rest for too long for {reason}")
                rest.overdue = True

    def _drop(self, agent: str, rest: Rest) -> None:
        if rest.granted:
            worker = self._truth.workers[agent]
            worker.free_us = max(worker.free_us, self._now)
        rest.asked, rest.granted = "", False

    # The rules.

    def _wish_for(self, agent: str, reason: str) -> Wish | None:
        wish = self._wish
        asks = wish is not None and (wish.kind, wish.agent, wish.what) == ("break", agent, reason)
        return wish if asks else None

    def _was_given_up(self, agent: str, reason: str) -> bool:
        rest, wish = self.of[agent], self._wish
        if rest.overdue and self._reasons[rest.reason].when_over == "Logged Out":
            return True  # which is told next
        if wish is None or wish.agent != agent:
            return False
        return wish.kind == "withdraw" or (wish.kind == "break" and wish.what != reason)

    def _gets_place(self, agent: str, reason: str, order: int) -> None:
        """B2: is there one? B4 is looked at when the same input has given all places that it frees: who goes
        from one reason to another leaves a place to somebody further up the line.
        """
        wish = self._wish_for(agent, reason)
        if wish is not None and wish.force:
            return
        if not self._fits(reason):
            self._broken("B2", agent, f"gets a place for {reason}, and there is none")
        centre = self._truth.centre
        centre.at(centre.now_us, self._in_turn, agent, reason, order)

    def _in_turn(self, agent: str, reason: str, order: int) -> None:
        """B4: nobody who has asked before could have had this place."""
        if reason not in self._places(self.of[agent]):
            return
        for name, other in self.of.items():
            if name != agent and other.stands and other.order < order and self._fits(other.asked, but=reason):
                self._broken("B4", agent, f"gets a place for {reason} before {name}")

    def _fits(self, reason: str, *, but: str = "") -> bool:
        """Whether there is a place; `but`: were one for this reason free."""
        holds = [one for rest in self.of.values() for one in self._places(rest)]
        if but:
            holds.remove(but)
        quota = self._reasons[reason].quota
        return (not quota or holds.count(reason) < quota) and (not self._quota or len(holds) < self._quota)

    @staticmethod
    def _places(rest: Rest) -> list[str]:
        return [*([rest.reason] if rest.reason else []), *([rest.asked] if rest.granted else [])]

    def _has_lasted(self, rest: Rest) -> bool:
        limit_us = self._reasons[rest.reason].time_limit_us if rest.reason else 0
        if not limit_us:
            return False
        return CLOCK in self._truth.centre.plan.numbers() or self._now - rest.since_us >= limit_us - EARLY_US

    def _after_the_call(self, agent: str, *, rested: bool) -> None:
        """B1: nobody is sent away from a caller, also by a start that hasn't seen the node yet; who `rested`
        without a reason already is offered nothing either way.
        """
        calm, starts_us = self._truth.centre.health.calm, self._truth.starts_us
        starting = not rested and len(starts_us) > 1 and self._now - starts_us[-1] < STARTING_US
        for ring in self._truth.workers[agent].rings:
            talk = ring.talk
            talks = talk is not None and not talk.ended_us and self._now - talk.began_us > SECOND
            sure = calm(ring.node, self._now) or (starting and not ring.unseen)
            if talks and sure and talk is not None and talk.own:
                self._broken("B1", agent, f"is sent on a break and talks with {ring.call}")

    def chosen(self, worker: Worker, call: str) -> None:
        """B1: an agent is rung. What the same input changed is written down after it."""
        if self.of[worker.name].away:
            centre = self._truth.centre
            centre.at(centre.now_us, self._still_away, worker.name, call, self._truth.controller)

    def _still_away(self, agent: str, call: str, controller: Any) -> None:
        rest = self.of[agent]
        if rest.away and self._truth.controller is controller:
            where = f"rests ({rest.status})" if not rest.granted else f"has a place kept for {rest.asked}"
            self._broken("B1", agent, f"is rung for {call} and {where}")

    def sweep(self, now: int) -> None:
        """What the page shows of breaks is what there is, and who can go goes."""
        centre = self._truth.centre
        if not self._on:
            return
        if not centre.answers:
            self._awake_us = None
            return
        self._awake_us = now if self._awake_us is None else self._awake_us
        lines = self._rules.agent_lines()
        for line in lines:
            self._compare(line, self.of[line.name])
        self._line(lines)
        self._limits(now, self._awake_us)

    def _compare(self, line: AgentLine, rest: Rest) -> None:
        shown = line.rest
        if (shown.reason if shown else "") != rest.reason:
            says = shown.reason if shown else "nothing"
            self._broken("B3", line.name, f"rests for {rest.reason or 'nothing'}, the page says: {says}")
            rest.reason, rest.overdue = shown.reason if shown else "", False  # once is enough
        if (shown.asked if shown else "") != rest.asked:
            says = shown.asked if shown else "nothing"
            self._broken("B4", line.name, f"has asked for {rest.asked or 'nothing'}, the page says: {says}")
            rest.asked, rest.granted = shown.asked if shown else "", bool(shown) and shown.place == 0
        if rest.granted and line.state in NOTHING_TO_DO:
            self._broken("B4", line.name, f"may go for {rest.asked}, is {line.state} and doesn't")

    def _line(self, lines: list[AgentLine]) -> None:
        """B4: the page's order is that of asking, and nobody stands before a free place."""
        standing = sorted((rest.order, name) for name, rest in self.of.items() if rest.stands)
        shown = sorted((line.rest.place, line.name) for line in lines if line.rest and line.rest.place)
        if [name for _order, name in standing] != [name for _place, name in shown]:
            self._broken("B4", "line", f"is {standing}, the page says: {shown}")
            for place, name in shown:
                self.of[name].order = place
        for _order, name in standing:
            if self._fits(self.of[name].asked):
                self._broken(
                    "B4", name, f"stands in the line for {self.of[name].asked}, and there is a place"
                )

    def _limits(self, now: int, awake_us: int) -> None:
        """B3: a break that is too long is told, and over if it is to be."""
        if CLOCK in self._truth.centre.plan.numbers() or now - awake_us < LATE_US:
            return
        for name, rest in self.of.items():
            limit_us = self._reasons[rest.reason].time_limit_us if rest.reason else 0
            if limit_us and not rest.overdue and now - rest.since_us > limit_us + LATE_US:
                self._broken("B3", name, f"rests for {rest.reason} for too long, and nobody says so")
