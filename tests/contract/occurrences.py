"""What random histories contain, counted, so that nobody has to believe that everything occurs.

`EVERYTHING` is what a long run must have seen: strategies, demands, tier rules, ring plans, weights, caps,
refusals, and each request carried out and refused.
"""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

from contract.reference_values import COUNTED, FAULTS, KINDS, STATUSES, STRATEGIES, Agent, Caller, Queue
from contract.test_random_histories import Histories

PLANS = ("ring-all", "ring-k", "ring-progressively")
STEPS_OF_DEMANDS = (1, 2, 3)
CAPS = (0, 1, 2)


def rules_in_words(queue: Queue) -> str:
    """The three tier rules of a queue, one of eight."""
    said = [
        "per level" if queue.tier_rule_wait_multiply_level else "once for all levels",
        "no agent no wait" if queue.tier_rule_no_agent_no_wait else "wait for nobody",
        "as mod_callcenter" if queue.tier_rules_compatible else "ours",
    ]
    return ", ".join(said)


EIGHT_RULES = [
    ", ".join(said)
    for said in product(
        ("per level", "once for all levels"),
        ("no agent no wait", "wait for nobody"),
        ("as mod_callcenter", "ours"),
    )
]
EVERYTHING = (
    *(f"offer by {strategy}" for strategy in STRATEGIES),
    *(f"several phones at once: {plan}" for plan in PLANS),
    *(f"losers of a claim: {plan}" for plan in PLANS),
    "an answer that came too late",
    *(f"offer under tier rules: {rules}" for rules in EIGHT_RULES),
    *(f"a higher level opened by waiting: {rules}" for rules in EIGHT_RULES),
    "offer after an opening delay",
    "a heavy lot drawn",
    *(f"a demand of the {whose} met" for whose in ("queue", "caller")),
    *(f"step {step} of a demand met" for step in STEPS_OF_DEMANDS),
    "offer from a queue of higher priority",
    "offer from a heavy queue",
    "offer within the service level",
    "offer past the service level",
    *(f"overtaken under a cap of {cap}" for cap in CAPS[1:]),
    *(f"protected by a cap of {cap}" for cap in CAPS),
    *(f"offer failed: {fault}" for fault in FAULTS),
    *(f"too many {kind}: {status}" for kind in KINDS for status in STATUSES if status != "Available"),
    *(f"status: {status}" for status in STATUSES),
    "offer to somebody who refused before",
    "offer past somebody who refused",
    "offer to the preferred agent",
    "offer to an agent on a call elsewhere",
    "offer to an agent who takes one call",
    "withdrawn because the caller left",
    "withdrawn because the caller was moved",
    "withdrawn because the agent went away",
    "a timer came due",
    "a deadline that came",
    "a change of a queue's strategy",
    "the clock went back",
    *(
        f"a break was {step}"
        for step in ("asked", "granted", "begun", "overdue", "over", "withdrawn", "unnamed")
    ),
    *(
        f"{method}{how}"
        for method in (
            "put_queue",
            "put_agent",
            "put_tier",
            "remove_queue",
            "remove_agent",
            "remove_tier",
            "set_status",
            "set_wrap_up_end",
            "set_ready_at",
            "set_external_calls",
            "put_break_reason",
            "remove_break_reason",
            "set_break_quota",
            "request_break",
            "withdraw_break",
            "restore_break",
            "enqueue",
            "set_skills",
            "set_priority",
            "set_base_score",
            "move",
            "leave",
            "ringing",
            "claim",
            "bridged",
            "fail",
            "finish",
            "restore_agent",
            "adopt_offer",
            "adopt_conversation",
            "hold_caller",
        )
        for how in ("", ": an error")
    ),
)


class Counted(Histories):
    """Histories that count what occurs in them. The plain router tells what an outsider can't see."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[str] = Counter()

    def both(self, method: str, *args: Any, **kwargs: Any) -> tuple[bool, Any]:
        latest_us = self.clock_us
        done, answer = super().both(method, *args, **kwargs)
        seen = self.seen
        seen[method if done else f"{method}: an error"] += 1
        if not done:
            return done, answer
        if self.now_us < latest_us and self.now_us in args[:1]:
            seen["the clock went back"] += 1
        match method:
            case "decide":
                self.count_offers(answer)
            case "claim" if answer is None:
                seen["an answer that came too late"] += 1
            case "claim" if answer:
                caller, *_ = self.open_offers[args[1]]
                seen[f"losers of a claim: {self.strategy_of(caller)}"] += 1
            case "fail":
                seen[f"offer failed: {args[2]}"] += 1
                if answer is not None:
                    seen[f"too many {COUNTED[args[2]]}: {answer}"] += 1
            case "set_status":
                seen[f"status: {args[2]}"] += 1
                seen["withdrawn because the agent went away"] += bool(answer)
            case "move":
                seen["withdrawn because the caller was moved"] += bool(answer)
            case "leave":
                seen["withdrawn because the caller left"] += bool(answer)
            case "advance":
                seen["a timer came due"] += bool(answer)
            case "break_news":
                seen.update(f"a break was {step}" for step, *_ in answer)
            case "next_deadline_us":
                seen["a deadline that came"] += answer is not None and answer <= self.now_us
            case "put_queue" if answer in self.plans:
                seen["a change of a queue's strategy"] += self.plans[answer][0] != args[2]
        return done, answer

    def strategy_of(self, caller: int) -> str:
        plan: str = self.plans[self.waiting[caller][1]][0]
        return plan

    def count_offers(self, proposals: list[tuple[int, int, int, int]]) -> None:
        plain = self.routers[1]
        for queue in plain._queues.values():
            cap = queue.overtaking_cap
            if cap is not None and any(
                caller.queue == queue.id and plain._is_protected(caller) for caller in plain._callers.values()
            ):
                self.seen[f"protected by a cap of {cap}"] += 1
        phones = Counter(caller for caller, _agent, _step in self.open_offers.values())
        for _offer, caller, agent, queue in proposals:
            phones[caller] += 1
            strategy = plain._queues[queue].strategy
            if phones[caller] > 1:
                self.seen[f"several phones at once: {strategy}"] += 1
            self.count_offer(plain._queues[queue], plain._callers[caller], plain._agents[agent])

    def count_offer(self, queue: Queue, caller: Caller, agent: Agent) -> None:
        seen = self.seen
        plain = self.routers[1]
        tier = plain._tiers[queue.id, agent.id]
        waited_us = max(0, plain._now_us - caller.entered_us)
        steps = [expr for after_us, _text, expr in plain._steps(caller) if after_us <= waited_us]
        names = [f"offer by {queue.strategy}"]
        if queue.tier_rules_apply:
            rules = rules_in_words(queue)
            names.append(f"offer under tier rules: {rules}")
            if tier.level > 1 and 0 < plain._level_wait_us(queue, tier.level) <= waited_us:
                names.append(f"a higher level opened by waiting: {rules}")
        if steps[-1].parts if hasattr(steps[-1], "parts") else True:
            names.append(f"a demand of the {'caller' if caller.ladder else 'queue'} met")
        if len(plain._steps(caller)) > 1:
            names.append(f"step {len(steps)} of a demand met")
        over_us = waited_us + caller.base_score_us - queue.service_level_us
        held = caller.preferred == agent.id and plain._now_us < caller.preferred_until_us
        names += [
            name
            for name, is_so in (
                ("offer after an opening delay", tier.opening_delay_us),
                ("a heavy lot drawn", queue.strategy == "weighted-random" and tier.weight > 1),
                ("offer from a queue of higher priority", queue.queue_priority),
                ("offer from a heavy queue", queue.queue_weight > 1),
                ("offer within the service level", queue.service_level_us and over_us < 0),
                ("offer past the service level", queue.service_level_us and over_us >= 0),
                ("offer to somebody who refused before", agent.id in caller.refused),
                ("offer past somebody who refused", set(caller.refused) - {agent.id}),
                ("offer to the preferred agent", held),
                ("offer to an agent on a call elsewhere", agent.external_calls),
                ("offer to an agent who takes one call", agent.status == "Available (On Demand)"),
            )
            if is_so
        ]
        seen.update(names)

    def check_turn(self, caller: int, agent: int, turns: set[tuple[int, int]]) -> None:
        known = set(turns)
        super().check_turn(caller, agent, turns)
        for _caller, other in turns - known:
            cap = self.plans[self.waiting[other][1]][1]["overtaking_cap"]
            self.seen[f"overtaken under a cap of {cap}"] += 1
