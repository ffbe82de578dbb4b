"""Histories: agents rest for a reason, as many at once as may."""

from __future__ import annotations

from contract.chance import among, rule, whole
from contract.history_diary import SECOND, Diary
from contract.history_values import flag, number, seconds

from py_callcenter._router import RouterError


class Breaks(Diary):
    """Reasons and quotas, requests, and breaks that began before."""

    @rule(
        index=whole(0, 2),
        limit=among(0, 1, 2, 5),
        quota=whole(0, 2),
        over=among(None, None, "Available", "Logged Out", "On Break"),
    )
    def put_break_reason(self, index, limit, quota, over):
        done, reason = self.both(
            "put_break_reason",
            self.now_us,
            f"break {index}",
            time_limit_us=limit * SECOND,
            quota=quota,
            when_over=over,
        )
        if done:
            self.break_quotas[reason] = quota
            if reason not in self.break_reasons:
                self.break_reasons.append(reason)

    @rule(index=number)
    def remove_break_reason(self, index):
        if index % 5 == 0:
            reason = self.pick(self.break_reasons, index)
            done, _ = self.both("remove_break_reason", self.now_us, reason)
            if done:
                del self.break_quotas[reason]

    @rule(quota=among(0, 1, 2, -1))
    def set_break_quota(self, quota):
        self.both("set_break_quota", self.now_us, quota)

    @rule(agent=number, reason=number, force=among(False, False, True), asked=among(None, None, 0, 3, -1))
    def request_break(self, agent, reason, force, asked):
        self.both(
            "request_break",
            self.now_us,
            self.pick(self.agents, agent),
            self.pick(self.break_reasons, reason, self.break_quotas),
            force=force,
            asked_us=None if asked is None else self.now_us - asked * SECOND,
        )

    @rule(agent=number)
    def withdraw_break(self, agent):
        asked = {one for one in self.agents if self.asks(one)}
        self.both("withdraw_break", self.now_us, self.pick(self.agents, agent, asked))

    def asks(self, agent):
        try:
            found = self.routers[0].agent_break(agent)
        except RouterError:
            return False
        return found is not None and found.asked is not None

    @rule(agent=number, reason=number, since=seconds, overdue=flag)
    def restore_break(self, agent, reason, since, overdue):
        self.both(
            "restore_break",
            self.now_us,
            self.pick(self.agents, agent),
            self.pick(self.break_reasons, reason, self.break_quotas),
            since_us=self.now_us - since * SECOND,
            overdue=overdue,
        )
