"""The text of series that there are many of: one line a sample, put together without objects in between.

prometheus_client makes several objects of each sample; at a thousand queues, which are two hundred thousand
samples, that takes seconds. `tests/app/test_metrics.py` reads what is written here with its parser.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate
from typing import Any, Final

from py_callcenter.stats import Histogram

Rows = Iterable[tuple[str, Any]]
"""Labels as `labels` writes them, and the value."""


def head(name: str, kind: str, help_text: str, *, openmetrics: bool) -> str:
    """HELP and TYPE. A counter's name is without `_total` in OpenMetrics and with it in the older text."""
    shown = f"{name}_total" if kind == "counter" and not openmetrics else name
    return f"# HELP {shown} {help_text}\n# TYPE {shown} {kind}\n"


def labels(**named: str) -> str:
    """`name="value"` with commas between, safe whatever the values hold."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in named.items())


def counter(name: str, rows: Rows) -> str:
    return "".join([f"{name}_total{{{shown}}} {value}\n" for shown, value in rows])


def gauge(name: str, rows: Rows) -> str:
    return "".join([f"{name}{{{shown}}} {value}\n" for shown, value in rows])


def histogram(name: str, rows: Iterable[tuple[str, Histogram]]) -> str:
    """Buckets, count and sum of each histogram, in seconds.

    Each belongs to one series, so its text is kept with it until it changes: most don't between two scrapes.
    """
    out = []
    for shown, found in rows:
        if not found.shown:
            counts = tuple(accumulate(found.counts))
            form = _form(name, found.bounds_us).replace(_HERE, shown.replace("%", "%%"))
            found.shown = form % (*counts, counts[-1], found.sum_us / 1e6)
        out.append(found.shown)
    return "".join(out)


_HERE: Final = "\0"


@lru_cache(maxsize=64)
def _form(name: str, bounds_us: tuple[int, ...]) -> str:
    """All lines of one histogram with places for the labels and the numbers."""
    shown = [*(repr(bound / 1e6) for bound in bounds_us), "+Inf"]
    buckets = "".join(f'{name}_bucket{{{_HERE},le="{le}"}} %d\n' for le in shown)
    return f"{buckets}{name}_count{{{_HERE}}} %d\n{name}_sum{{{_HERE}}} %r\n"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
