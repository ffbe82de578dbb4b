"""Log lines: one JSON object a line for machines, or aligned text on a terminal, on stderr.

Events are static snake_case names; what varies stands in fields. Numbers and names of callers are never
logged; fields that look like a secret or like personal data are blanked here as a last net.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from typing import Final, Literal, TextIO

import orjson

from py_callcenter import lazy

if "structlog" not in sys.modules and "rich" not in sys.modules:
    # structlog shows faults by `rich` where there is one: with the values of variables, which may be a
    # caller's. Ours are plain, so a start needn't load it, a tenth of all that is loaded.
    sys.modules["rich"] = None  # type: ignore[assignment]  # as importlib marks what must not be found
    with lazy.without("asyncio"):  # for loggers to be awaited; ours never are. A twentieth of a start.
        import structlog

    del sys.modules["rich"]
else:
    import structlog

from structlog.typing import EventDict, Processor, WrappedLogger

Format = Literal["auto", "console", "json"]

MAX_VALUE_CHARS: Final = 500

_SECRET: Final = ("password", "secret", "token", "authorization", "credential", "cookie")
_PERSONAL: Final = ("caller_name", "caller_number", "caller_id", "number", "phone", "callee")
_KEPT: Final = frozenset({"event", "level", "timestamp", "logger", "exception"})


def set_up(style: Format = "auto", *, level: str = "info", stream: TextIO | None = None) -> None:
    """Configure structlog, and the standard library's loggers to go the same way."""
    out = stream or sys.stderr
    console = style == "console" or (style == "auto" and out.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    lines = structlog.dev.ConsoleRenderer(
        colors=out.isatty(), pad_event_to=28, exception_formatter=structlog.dev.plain_traceback
    )
    last: list[Processor] = (
        [clean, lines]
        if console
        else [structlog.processors.format_exc_info, clean, structlog.processors.JSONRenderer(_dumps)]
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    for noisy in (
        "uvicorn.error",
        "uvicorn.access",
        "asyncio",
        "httpx",
        "httpcore",
        "alembic.runtime.plugins",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def clean(_logger: WrappedLogger, _method: str, fields: EventDict) -> EventDict:
    """Blank secrets and personal data by the field's name, escape control characters, cut long values."""
    for name, value in fields.items():
        lowered = name.lower()
        if name not in _KEPT and any(word in lowered for word in _SECRET):
            fields[name] = "[secret]"
        elif name not in _KEPT and any(lowered == word or lowered.endswith(f"_{word}") for word in _PERSONAL):
            fields[name] = "[personal]"
        elif isinstance(value, str):
            limit = 100_000 if name == "exception" else MAX_VALUE_CHARS
            fields[name] = _printable(value, limit, keep_lines=name == "exception")
    return fields


def _printable(text: str, limit: int, *, keep_lines: bool) -> str:
    """A value can't start a line of its own, move the cursor or colour the terminal."""
    if len(text) > limit:
        text = text[:limit] + "…"
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or (keep_lines and c == "\n") else c.encode("unicode_escape", "replace").decode()
        for c in text
    )


def _dumps(value: EventDict, default: Callable[..., object] | None = None, **_options: object) -> str:
    return orjson.dumps(value, default=default or repr, option=orjson.OPT_NON_STR_KEYS).decode()
