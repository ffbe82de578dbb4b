"""Figures: pure folds of records, their definitions, and the calendar they are cut by."""

from __future__ import annotations

from py_callcenter.stats.agents import (
    AGENT_STATES,
    LOGGED_IN_STATES,
    SLOT_US,
    AgentLine,
    AgentSlot,
    AgentState,
    AgentTimes,
    BreakCount,
    open_spans,
    quarters,
)
from py_callcenter.stats.calls import OUTCOMES, CallRow, LegRow, fold_call
from py_callcenter.stats.definitions import Figures, Limits, count
from py_callcenter.stats.fold import (
    DIRECTIONS,
    ENDED_BY,
    LEFT_REASONS,
    OFFER_OUTCOMES,
    PHASES,
    WAIT_OUTCOMES,
    QueueStats,
    RecordLike,
    Stats,
)
from py_callcenter.stats.formulas import ALIASES, DEFAULT_FORMULA, FORMULAS, Formula, formula_named
from py_callcenter.stats.histogram import (
    CANDIDATE_BOUNDS,
    DECISION_BOUNDS_US,
    FAST_BOUNDS_US,
    LAG_BOUNDS_US,
    ONE,
    WAIT_BOUNDS_US,
    Histogram,
)
from py_callcenter.stats.intervals import SIZES, IntervalError, Intervals, Size, cut, moment, zone_named
from py_callcenter.stats.live import Live, LiveAgents
from py_callcenter.stats.queue_log import QueueLog
from py_callcenter.stats.recent import HALF_HOUR_US, Recent
from py_callcenter.stats.service_level import FORMULA, WINDOW_SECONDS, ServiceLevelWindow
from py_callcenter.stats.staffing import WEEKS, Hint, Workload, agents_needed, forecast, hint

__all__ = [
    "AGENT_STATES",
    "ALIASES",
    "CANDIDATE_BOUNDS",
    "DECISION_BOUNDS_US",
    "DEFAULT_FORMULA",
    "DIRECTIONS",
    "ENDED_BY",
    "FAST_BOUNDS_US",
    "FORMULA",
    "FORMULAS",
    "HALF_HOUR_US",
    "LAG_BOUNDS_US",
    "LEFT_REASONS",
    "LOGGED_IN_STATES",
    "OFFER_OUTCOMES",
    "ONE",
    "OUTCOMES",
    "PHASES",
    "SIZES",
    "SLOT_US",
    "WAIT_BOUNDS_US",
    "WAIT_OUTCOMES",
    "WEEKS",
    "WINDOW_SECONDS",
    "AgentLine",
    "AgentSlot",
    "AgentState",
    "AgentTimes",
    "BreakCount",
    "CallRow",
    "Figures",
    "Formula",
    "Hint",
    "Histogram",
    "IntervalError",
    "Intervals",
    "LegRow",
    "Limits",
    "Live",
    "LiveAgents",
    "QueueLog",
    "QueueStats",
    "Recent",
    "RecordLike",
    "ServiceLevelWindow",
    "Size",
    "Stats",
    "Workload",
    "agents_needed",
    "count",
    "cut",
    "fold_call",
    "forecast",
    "formula_named",
    "hint",
    "moment",
    "open_spans",
    "quarters",
    "zone_named",
]
