"""Standing orders of operators: diverted queues and drained nodes, which hold until they are taken back.

They are kept in the controller's state folder and not in the database: such orders are given when things
are on fire, and the database may be what burns. A restart of the controller, planned or not, keeps them.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import structlog

from py_callcenter.app.secrets import write_private
from py_callcenter.config import Exit
from py_callcenter.config.rules import RuleError, parse_exit

_log = structlog.get_logger(__name__)

FILE: Final = "orders.json"


@dataclass(slots=True)
class Orders:
    """What holds now."""

    diverts: dict[str, Exit] = field(default_factory=dict)
    """Where the callers of a queue go, by its name."""
    drained: set[str] = field(default_factory=set)
    """Names of nodes."""

    @classmethod
    def load(cls, folder: Path) -> Orders:
        """What a file of ours says; a file that is damaged costs its orders, never the start."""
        path = folder / FILE
        try:
            data = json.loads(path.read_text("utf-8"))
            diverts = {str(name): parse_exit(to) for name, to in data["diverts"].items()}
            return cls(diverts, {str(name) for name in data["drained"]})
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RuleError) as error:
            _log.error(
                "standing_orders_unreadable",
                file=str(path),
                problem=type(error).__name__,
                hint="queues that were diverted and nodes that were drained work as usual; repeat the orders",
            )
            return cls()

    def save(self, folder: Path) -> None:
        """Put them in the file, whole or not at all. Raises `OSError`."""
        diverts = {name: str(to) for name, to in sorted(self.diverts.items())}
        data = {"diverts": diverts, "drained": sorted(self.drained)}
        write_private(folder / FILE, json.dumps(data, indent=1))
