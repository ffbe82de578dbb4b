"""Grafana's dashboards as code. `deploy/grafana/dashboards` is made from this by `make dashboards`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.dashboards import agents, capacity, nodes, queue, routing, switch, wallboard

FOLDER: Final = Path(__file__).parents[1] / "grafana/dashboards"


def dashboards() -> list[Dashboard]:
    return [part.dashboard() for part in (wallboard, queue, agents, routing, nodes, switch, capacity)]


def files() -> dict[str, str]:
    """Names and contents of all files."""
    return {f"{made.uid}.json": _text(made) for made in dashboards()}


def _text(made: Dashboard) -> str:
    content: dict[str, Any] = json.loads(JSONEncoder().encode(made))
    for link in content["links"]:
        del link["placement"]  # 0.0.21 knows no other than a hidden one
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
