"""The text around series that there are many of; `SeriesText` writes them themselves.

prometheus_client makes several objects of each sample; at a thousand queues, which are two hundred thousand
samples, that takes seconds. `tests/app/test_metrics.py` reads what is written here with its parser.
"""

from __future__ import annotations

from collections.abc import Callable

Head = Callable[[str, str, str], bytes]
"""`head` for the format that is asked for."""


def head(name: str, kind: str, help_text: str, *, openmetrics: bool) -> bytes:
    """HELP and TYPE. A counter's name is without `_total` in OpenMetrics and with it in the older text."""
    shown = f"{name}_total" if kind == "counter" and not openmetrics else name
    return f"# HELP {shown} {help_text}\n# TYPE {shown} {kind}\n".encode()


def labels(**named: str) -> str:
    """`name="value"` with commas between, safe whatever the values hold."""
    return ",".join(f'{name}="{_escaped(value)}"' for name, value in named.items())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
