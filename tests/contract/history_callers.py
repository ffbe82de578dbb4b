"""Histories: callers come, change their places and leave."""

from __future__ import annotations

from contract.chance import among, mostly, rule, whole
from contract.history_diary import SECOND, Diary
from contract.history_values import demands, flag, number, own_demands, seconds, small


class Callers(Diary):
    """Those who wait."""

    def arrive(self, queue, entered, priority, base_score, skills, preferred=None, held=0):
        queue = self.pick(self.queues, queue)
        if preferred is not None:
            preferred = self.pick(self.agents, preferred)
        entered_us, base_score_us = self.now_us - entered * SECOND, base_score * SECOND
        done, caller = self.both(
            "enqueue",
            self.now_us,
            queue,
            entered_us=entered_us,
            priority=priority,
            base_score_us=base_score_us,
            preferred_agent=preferred,
            preferred_for_us=held * SECOND,
            skills=skills,
        )
        if done:
            self.callers.append(caller)
            self.demands[caller] = skills
            if preferred is not None:
                self.held.add(caller)
            self.entered[caller] = entered_us
            self.waiting[caller] = ((-priority, entered_us - base_score_us, caller), queue)

    @rule(
        queue=number,
        entered=seconds,
        priority=whole(-1, 1),
        base_score=among(0, 0, 1, -1, 5),
        skills=own_demands,
        preferred=mostly(None, 1, number),
        held=small,
    )
    def enqueue(self, queue, entered, priority, base_score, skills, preferred, held):
        self.arrive(queue, entered, priority, base_score, skills, preferred, held)

    @rule(caller=number, skills=mostly(None, 1, demands))
    def set_skills(self, caller, skills):
        caller = self.pick(self.callers, caller, self.waiting)
        done, _ = self.both("set_skills", self.now_us, caller, skills)
        if done:
            self.demands[caller] = skills

    @rule(caller=number, priority=whole(-1, 1))
    def set_priority(self, caller, priority):
        caller = self.pick(self.callers, caller, self.waiting)
        done, _ = self.both("set_priority", self.now_us, caller, priority)
        assert done == (caller in self.waiting)
        if done:
            (_priority, *rest), queue = self.waiting[caller]
            self.waiting[caller] = ((-priority, *rest), queue)

    @rule(caller=number, base_score=whole(-3, 3))
    def set_base_score(self, caller, base_score):
        caller = self.pick(self.callers, caller, self.waiting)
        done, _ = self.both("set_base_score", self.now_us, caller, base_score * SECOND)
        if done:
            (priority, _since, _id), queue = self.waiting[caller]
            since_us = self.entered[caller] - base_score * SECOND
            self.waiting[caller] = ((priority, since_us, caller), queue)

    @rule(caller=number, queue=number, keep=flag)
    def move(self, caller, queue, keep):
        caller = self.pick(self.callers, caller, self.waiting)
        queue = self.pick(self.queues, queue)
        done, rings = self.both("move", self.now_us, caller, queue, keep_entered=keep)
        if not done:
            return
        (priority, since_us, _id), _queue = self.waiting[caller]
        if not keep:
            since_us += self.clock_us - self.entered[caller]
            self.entered[caller] = self.clock_us
        self.waiting[caller] = ((priority, since_us, caller), queue)
        self.overtaken.pop(caller, None)
        for offer in rings:
            self.step(offer, "withdrawn")

    @rule(caller=number)
    def leave(self, caller):
        self.caller_leaves(self.pick(self.callers, caller, self.waiting))

    def caller_leaves(self, caller):
        done, rings = self.both("leave", self.now_us, caller)
        assert done == (caller in self.waiting)
        if done:
            self.forget(caller)
            for offer in rings:
                self.step(offer, "withdrawn")
