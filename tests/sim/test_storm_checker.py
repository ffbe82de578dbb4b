"""A bug is put into the product for each promise, and the checker says which promise is broken, and no other.

Else "no violation in a million calls" would only mean that nobody looked.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sim.storm import link, oracle, rests, rules
from sim.storm.centre import START_US
from sim.storm.plan import draw
from sim.storm.run import simulate

from py_callcenter.app import measuring
from py_callcenter.app.controller import Controller
from py_callcenter.engine import breaks, callers, endings, exits, offers, talk
from py_callcenter.engine.actions import Bridge, Kill, Originate
from py_callcenter.engine.calls import OfferState
from py_callcenter.engine.engine import Engine
from py_callcenter.engine.records import CallAnswered, CallOffered, ConversationEnded, QueueEntered
from py_callcenter.engine.recovery import awaited, channels
from py_callcenter.engine.state import State
from py_callcenter.esl import settings

pytestmark = [pytest.mark.sim, pytest.mark.usefixtures("quiet")]

SEEDS = range(60)
PROMISES = [*(f"I{number}" for number in range(1, 18)), *(f"B{number}" for number in range(1, 6))]
Plant = Callable[[pytest.MonkeyPatch], None]
PLANTS: dict[str, tuple[str, tuple[int, ...], Plant]] = {}
HABITS: dict[str, tuple[str, ...]] = {}


def plant(rule: str, *faults: int, habits: tuple[str, ...] = ()) -> Callable[[Plant], Plant]:
    """A bug that breaks one promise; with these faults and habits, if it needs them to show."""

    def take(put: Plant) -> Plant:
        PLANTS[put.__name__] = rule, faults, put
        HABITS[put.__name__] = ("breaks",) if rule.startswith("B") else habits
        return put

    return take


@plant("I1")
def callers_who_should_go_to_their_exit_are_left_in_silence(patch):
    patch.setattr(exits, "go", lambda _state, _call: None)


@plant("I1", 2)
def who_talks_is_no_longer_kept_once_the_dead_man_has_let_go_of_them(patch):
    patch.setattr(talk, "keep", lambda _state, _call, _dump: None)


@plant("I2")
def a_callers_end_is_taken_up_too_late(patch):
    gone = callers.gone

    def later(state: State, call: Any, cause: str, **more: Any) -> None:
        state.start_timer(1_950_000, lambda state: gone(state, call, cause, **more))

    patch.setattr(callers, "gone", later)


@plant("I3")
def agents_stay_on_the_phone_in_the_books(patch):
    timed = measuring.TimedRouter.__init__

    def deaf(self: Any, router: Any, histogram: Any) -> None:
        timed(self, router, histogram)
        self.finish = lambda _now_us, _offer: None

    patch.setattr(measuring.TimedRouter, "__init__", deaf)


@plant("I4")
def a_caller_who_is_talking_is_connected_with_another_agent(patch):
    begin = talk._begin
    stolen = []

    def stealing(state: State, call: Any, offer: Any, leg: Any) -> None:
        begin(state, call, offer, leg)
        for other in state.offers.values():
            if other is not offer and other.state is OfferState.TALKING and not stolen:
                state.act(Bridge(call.node, other.call.uuid, leg.uuid))
                stolen.append(leg)

    patch.setattr(talk, "_begin", stealing)


@plant("I4", habits=("strangers",))
def who_is_given_a_customer_from_outside_is_hung_up(patch):
    patch.setattr(talk, "_joined_with_stranger", lambda _state, _offer: None)


@plant("I5")
def an_agent_is_rung_twice_for_the_same_caller(patch):
    act = State.act

    def twice(state: State, action: Any) -> None:
        act(state, action)
        if isinstance(action, Originate):
            # On a phone that nobody has, so that nothing else comes of it.
            device = replace(
                action.devices[0],
                uuid=action.devices[0].uuid[:-4] + "beef",
                contact="sofia/internal/nobody@127.0.0.1:5085",
            )
            variables = tuple(
                (name, value + "0") if name == "cc_offer" else (name, value)
                for name, value in action.variables
            )
            again = replace(
                action, job=action.job[:-4] + "beef", devices=(device,), variables=variables, timeout_s=1
            )
            act(state, again)

    patch.setattr(State, "act", twice)


@plant("I5")
def a_second_agent_is_rung_for_the_same_caller(patch):
    act = State.act

    def both(state: State, action: Any) -> None:
        act(state, action)
        if isinstance(action, Originate):
            variables = dict(action.variables)
            others = [name for name in state.agent_ids if name != variables["cc_agent"]]
            if others:
                variables["cc_agent"], variables["cc_offer"] = others[0], variables["cc_offer"] + "0"
                uuid, job = action.devices[0].uuid[:-4] + "beef", action.job[:-4] + "beef"
                device = replace(action.devices[0], uuid=uuid, contact="sofia/internal/nobody@127.0.0.1:5085")
                act(
                    state,
                    replace(
                        action, job=job, devices=(device,), variables=tuple(variables.items()), timeout_s=1
                    ),
                )

    patch.setattr(State, "act", both)


@plant("I6")
def phones_ring_on_when_the_caller_has_hung_up(patch):
    gone, act = callers.gone, State.act
    going: list[Any] = []
    ringing_on: set[str] = set()

    def watching(state: State, call: Any, cause: str, **more: Any) -> None:
        going.append(call)
        gone(state, call, cause, **more)
        going.pop()

    def late(state: State, action: Any) -> None:
        if isinstance(action, Kill) and going:
            ringing_on.add(action.uuid)
            state.start_timer(4_500_000, lambda state: act(state, action))
        elif not (isinstance(action, Kill) and action.uuid in ringing_on):
            act(state, action)

    patch.setattr(callers, "gone", watching)
    patch.setattr(State, "act", late)


@plant("I7")
def the_last_to_come_is_served_first(patch):
    timed = measuring.TimedRouter.__init__

    def reversed_order(self: Any, router: Any, histogram: Any) -> None:
        timed(self, router, histogram)
        enqueue = self.enqueue
        self.enqueue = lambda now_us, queue, *, entered_us, **more: enqueue(
            now_us, queue, entered_us=2 * 10**15 - entered_us, **more
        )

    patch.setattr(measuring.TimedRouter, "__init__", reversed_order)


@plant("I7", 1)
def a_start_takes_everybody_for_new(patch):
    patch.setattr(channels, "entered_us", lambda state, *_of_before: state.now_us)


@plant("I8")
def the_first_agent_of_the_list_gets_everything(patch):
    timed = measuring.TimedRouter.__init__

    def one_strategy(self: Any, router: Any, histogram: Any) -> None:
        timed(self, router, histogram)
        put_queue = self.put_queue
        self.put_queue = lambda now_us, name, strategy, **more: put_queue(
            now_us,
            name,
            "sequentially-by-agent-order" if strategy == "longest-idle-agent" else strategy,
            **more,
        )

    patch.setattr(measuring.TimedRouter, "__init__", one_strategy)


@plant("I8", 1)
def a_start_lets_everybody_begin_to_be_idle(patch):
    restore = awaited.restore_agent

    def anew(state: State, name: str, was: Any) -> None:
        was.idle_since_us = state.now_us
        restore(state, name, was)

    patch.setattr(awaited, "restore_agent", anew)


@plant("I9")
def decisions_are_made_now_and_then_only(patch):
    decide = measuring.TimedRouter.decide

    def lazy(self: Any, now_us: int) -> Any:
        if now_us < START_US + 60_000_000 and now_us % 10_000_000 < 3_000_000:
            return []
        return decide(self, now_us)

    patch.setattr(measuring.TimedRouter, "decide", lazy)


@plant("I10")
def some_callers_are_never_counted(patch):
    note = State.note

    def forgetful(state: State, kind: Any, node: str = "", **fields: Any) -> None:
        if kind is not CallOffered or hash(int(fields["call"][:4], 16)) % 3:
            note(state, kind, node, **fields)

    patch.setattr(State, "note", forgetful)


@plant("I10")
def somebody_else_gets_the_credit(patch):
    note = State.note

    def generous(state: State, kind: Any, node: str = "", **fields: Any) -> None:
        if kind is CallAnswered:
            fields["agent"] = "the chief"
        note(state, kind, node, **fields)

    patch.setattr(State, "note", generous)


@plant("I11")
def conversations_are_written_down_too_long(patch):
    note = State.note

    def generous(state: State, kind: Any, node: str = "", **fields: Any) -> None:
        if kind is ConversationEnded:
            fields["talk_us"] *= 3
        note(state, kind, node, **fields)

    patch.setattr(State, "note", generous)


@plant("I12")
def each_entry_reaches_the_books_twice(patch):
    # Behind the engine: what it writes down twice itself it counts as I10.
    keep = Controller._keep
    extra = itertools.count(10**9)

    def twice(self: Any, records: list[Any]) -> None:
        again = [
            replace(record, sequence=next(extra)) for record in records if isinstance(record, QueueEntered)
        ]
        keep(self, records + again)

    patch.setattr(Controller, "_keep", twice)


@plant("I12")
def each_call_is_counted_as_two(patch):
    keep = Controller._keep
    extra = itertools.count(10**9)

    def twice(self: Any, records: list[Any]) -> None:
        again = [
            replace(record, sequence=next(extra)) for record in records if isinstance(record, CallOffered)
        ]
        keep(self, records + again)

    patch.setattr(Controller, "_keep", twice)


@plant("I12")
def a_record_is_written_again_with_other_words(patch):
    keep = Controller._keep

    def again(self: Any, records: list[Any]) -> None:
        changed = [
            replace(record, wait_us=record.wait_us + 1)
            for record in records
            if isinstance(record, CallAnswered)
        ]
        keep(self, records)
        if changed:
            self._store.put(changed)

    patch.setattr(Controller, "_keep", again)


@plant("I13")
def offers_that_are_over_are_remembered_by_their_jobs(patch):
    forget = endings._forget

    def hoarding(state: State, offer: Any) -> None:
        forget(state, offer)
        state.jobs[offer.job] = offer

    patch.setattr(endings, "_forget", hoarding)


@plant("I14", 6)
def the_link_takes_half_a_minute_to_reconnect(patch):
    patch.setattr(settings, "back_off_s", lambda *_arguments: 30.0)


@plant("I15", 4)
def while_one_node_is_away_nobody_is_served(patch):
    decide = measuring.TimedRouter.decide
    away: set[str] = set()
    on_node = Engine.on_node

    def watching(self: Any, node: str, up: bool, now_us: int) -> Any:
        (away.discard if up else away.add)(node)
        return on_node(self, node, up, now_us)

    patch.setattr(Engine, "on_node", watching)
    patch.setattr(settings, "back_off_s", lambda *_arguments: 2.0)
    patch.setattr(measuring.TimedRouter, "decide", lambda self, now_us: [] if away else decide(self, now_us))


@plant("I16")
def a_busy_agents_wish_is_promised_and_forgotten(patch):
    set_status = Engine.set_agent_status

    def deaf(self: Any, name: str, status: str, now_us: int, **more: Any) -> Any:
        state = self._state.router.agent(self._state.agent_ids[name]).state
        if state == "in_a_queue_call":
            return self.tick(now_us)
        return set_status(self, name, status, now_us, **more)

    patch.setattr(Engine, "set_agent_status", deaf)


@plant("I17")
def the_switch_is_told_to_read_its_configuration(patch):
    patch.setattr(link.commands, "status", lambda: b"api reloadxml\n\n")


@plant("B1")
def who_rests_is_rung_when_nobody_else_is_there(patch):
    ring = Engine._ring
    rung: list[str] = []

    def greedy(self: Any) -> None:
        ring(self)
        state = self._state
        router, now_us = state.router, state.now_us
        known = {name: router.agent_break(number) for name, number in state.agent_ids.items()}
        if rung or any(rest is not None and rest.asked is not None for rest in known.values()):
            return
        for name, rest in known.items():
            number = state.agent_ids[name]
            if rest is not None and router.agent(number).state == "on_break":
                router.set_status(now_us, number, "Available")
                proposals = router.decide(now_us)
                router.set_status(now_us, number, "On Break")
                router.restore_break(
                    now_us, number, rest.reason, since_us=rest.since_us, overdue=rest.overdue
                )
                router.break_news()
                for proposal in proposals:
                    rung.append(name)
                    offers.ring(state, proposal)

    patch.setattr(Engine, "_ring", greedy)


@plant("B1", 1)
def a_start_sends_agents_away_from_their_callers(patch):
    patch.setattr(awaited, "_put_break_off", lambda *_arguments: None)


@plant("B2")
def quotas_are_for_others(patch):
    timed = measuring.TimedRouter.__init__

    def generous(self: Any, router: Any, histogram: Any) -> None:
        timed(self, router, histogram)
        put = self.put_break_reason
        self.put_break_reason = lambda now_us, name, **more: put(now_us, name, **{**more, "quota": 0})
        self.set_break_quota = lambda _now_us, _quota: None

    patch.setattr(measuring.TimedRouter, "__init__", generous)


@plant("B3", 1)
def a_start_forgets_for_what_agents_rest(patch):
    restore = breaks._restore_break

    def forgetful(state: State, name: str, was: Any) -> None:
        wanted = state.config.breaks
        # Where there are quotas, places that are taken would be given away, too.
        if wanted.quota or any(reason.quota for reason in wanted.reasons):
            restore(state, name, was)

    patch.setattr(breaks, "_restore_break", forgetful)


@plant("B3")
def nobody_minds_how_long_a_break_lasts(patch):
    timed = measuring.TimedRouter.__init__

    def patient(self: Any, router: Any, histogram: Any) -> None:
        timed(self, router, histogram)
        put = self.put_break_reason
        self.put_break_reason = lambda now_us, name, **more: put(now_us, name, **{**more, "time_limit_us": 0})

    patch.setattr(measuring.TimedRouter, "__init__", patient)


@plant("B4", 1)
def a_start_turns_the_line_round(patch):
    patch.setattr(
        breaks,
        "sorted",
        lambda things, key=None: sorted(things, key=key, reverse=key is not None),
        raising=False,
    )


@plant("B4", 1)
def a_start_forgets_who_stands_in_line(patch):
    timed = measuring.TimedRouter.__init__

    def forgetful(self: Any, router: Any, histogram: Any) -> None:
        timed(self, router, histogram)
        ask = self.request_break
        self.request_break = lambda *what, **how: None if "asked_us" in how else ask(*what, **how)

    patch.setattr(measuring.TimedRouter, "__init__", forgetful)


@plant("B4")
def when_somebody_comes_back_the_first_in_the_line_goes_to_its_end(patch):
    timed = measuring.TimedRouter.__init__

    def modest(self: Any, router: Any, histogram: Any) -> None:
        timed(self, router, histogram)
        put_agent, set_status = self.put_agent, self.set_status
        agents: set[int] = set()

        def put(now_us: int, name: str, **more: Any) -> int:
            number = put_agent(now_us, name, **more)
            agents.add(number)
            return int(number)

        def come_back(now_us: int, agent: int, status: str) -> Any:
            line = {rest.place: number for number in agents if (rest := self.agent_break(number)) is not None}
            if status == "Available" and 2 in line:
                asked = self.agent_break(line[1]).asked
                self.withdraw_break(now_us, line[1])
                self.request_break(now_us, line[1], asked)
                self.break_news()
            return set_status(now_us, agent, status)

        self.put_agent, self.set_status = put, come_back

    patch.setattr(measuring.TimedRouter, "__init__", modest)


@plant("B5")
def a_request_is_withdrawn_and_kept(patch):
    withdraw = Engine.withdraw_break
    kept: list[str] = []

    def deaf(self: Any, name: str, now_us: int) -> Any:
        rest = self._state.router.agent_break(self._state.agent_ids[name])
        if rest is None or rest.asked is None or kept:
            return withdraw(self, name, now_us)
        kept.append(name)
        return self.tick(now_us)

    patch.setattr(Engine, "withdraw_break", deaf)


@plant("B5")
def who_comes_back_is_told_so_and_rests_on(patch):
    set_status = Engine.set_agent_status
    kept: list[str] = []

    def deaf(self: Any, name: str, status: str, now_us: int, **more: Any) -> Any:
        rest = self._state.router.agent_break(self._state.agent_ids[name])
        if status == "Available" and rest is not None and rest.reason is not None and not kept:
            kept.append(name)
            return self.tick(now_us)
        return set_status(self, name, status, now_us, **more)

    patch.setattr(Engine, "set_agent_status", deaf)


def test_each_promise_has_a_bug_that_breaks_it_and_the_checker_knows_no_other():
    sources = [inspect.getsource(module) for module in (rules, oracle, rests)]
    told = {rule for source in sources for rule in re.findall(r'"([IB]\d+)"', source)}

    assert {rule for rule, _faults, _put in PLANTS.values()} == set(PROMISES)
    assert told == set(PROMISES)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "bug", [pytest.param(name, id=f"{rule} {name}") for name, (rule, _faults, _put) in PLANTS.items()]
)
def test_the_checker_sees_a_broken_promise(bug, monkeypatch):
    rule, faults, put = PLANTS[bug]
    put(monkeypatch)
    habits = HABITS[bug]

    for seed in SEEDS:
        result = simulate(draw(seed, faults, habits, always=habits))
        if result.rules:
            break

    told = "\n".join(str(violation) for violation in result.violations if violation.rule != rule)
    assert result.rules == {rule}, told
