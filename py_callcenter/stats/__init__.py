"""Figures: a pure fold of records into counters and histograms."""

from __future__ import annotations

from py_callcenter.stats.fold import (
    LEFT_REASONS,
    OFFER_OUTCOMES,
    PHASES,
    WAIT_OUTCOMES,
    QueueStats,
    RecordLike,
    Stats,
)
from py_callcenter.stats.histogram import DECISION_BOUNDS_US, LAG_BOUNDS_US, WAIT_BOUNDS_US, Histogram
from py_callcenter.stats.service_level import FORMULA, WINDOW_SECONDS, ServiceLevelWindow

__all__ = [
    "DECISION_BOUNDS_US",
    "FORMULA",
    "LAG_BOUNDS_US",
    "LEFT_REASONS",
    "OFFER_OUTCOMES",
    "PHASES",
    "WAIT_BOUNDS_US",
    "WAIT_OUTCOMES",
    "WINDOW_SECONDS",
    "Histogram",
    "QueueStats",
    "RecordLike",
    "ServiceLevelWindow",
    "Stats",
]
