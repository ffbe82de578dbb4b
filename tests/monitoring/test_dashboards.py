"""Grafana's dashboards: what is committed is what the code makes, every panel explains itself and asks only
for what exists, and nothing overlaps.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from typing import Any

import promql_parser as promql
import pytest
from grafana_foundation_sdk.models import units
from monitoring.catalogue import DEPLOY, ROOT, Wrong, catalogue, exported, labels_of, metrics_in, rules

pytestmark = pytest.mark.app

FOLDER = DEPLOY / "grafana/dashboards"
BOARDS = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.json"))}
SEVEN = {
    "wallboard", "queue", "agents", "routing", "nodes", "switch", "capacity",
}  # fmt: skip
UNITS = {value for name, value in vars(units).items() if isinstance(value, str) and not name.startswith("_")}
SHOWN_NOWHERE = {
    "callcenter_queue_calls_connected": "one second of a call: it makes the sums of a scrape come out even",
    "callcenter_process_start_time_seconds": "callcenter_start_timestamp_seconds is the controller's own",
    "callcenter_process_virtual_memory_bytes": "says nothing about memory in use",
}
"""Metrics that are on no dashboard and in no rule, each with its reason."""


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def all_panels() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, board in BOARDS.items():
        for panel in panels(board):
            yield name, panel


def filled(expr: str) -> str:
    """With every variable's place taken."""
    for variable, value in (
        ("$__rate_interval", "5m"),
        ("$__range", "3h"),
        ("$queue", ".*"),
        ("$node", ".*"),
    ):
        expr = expr.replace(variable, value)
    assert "$" not in expr, f"which variable is this? {expr}"
    return expr


def complaints(panel: dict[str, Any]) -> list[str]:
    """What is wrong with a panel; nothing when all is well."""
    found = []
    if not panel.get("title"):
        found.append("no title")
    if not re.search(r"\w.*\.$", panel.get("description", "")):
        found.append("no description, or no sentence")
    if panel["fieldConfig"]["defaults"].get("unit") not in UNITS:
        found.append("no unit that Grafana knows")
    if not panel.get("targets"):
        found.append("asks for nothing")
    asked = [part.get("datasource") for part in (panel, *panel.get("targets", ()))]
    if any(source != {"type": "prometheus", "uid": "${datasource}"} for source in asked):
        found.append("another data source than the variable's")
    for target in panel.get("targets", ()):
        expr = target["expr"]
        if re.search(r"rate\(.*\[(?!\$__rate_interval)", expr):
            found.append(f"a rate over a time of its own: {expr}")
        try:
            labels = labels_of(promql.parse(filled(expr)), catalogue())
        except (ValueError, Wrong) as error:
            found.append(str(error))
            continue
        named = set(re.findall(r"{{\s*(\w+)\s*}}", target["legendFormat"]))
        if not named <= labels:
            found.append(f"the legend names {named - labels}, which the answer doesn't have")
    return found


def overlapping(board: dict[str, Any]) -> list[str]:
    """Panels that leave the 24 columns or lie on another one."""
    cells = {}
    for panel in board["panels"]:
        at = panel["gridPos"]
        cells[panel["id"]] = {
            (x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])
        }
    found = [f"{one} is too wide" for one, mine in cells.items() if any(not 0 <= x < 24 for x, _ in mine)]
    found += [f"{a} and {b}" for (a, mine), (b, its) in combinations(cells.items(), 2) if mine & its]
    return found


def test_what_is_committed_is_what_the_code_makes(tmp_path):
    subprocess.run([sys.executable, "-m", "deploy.dashboards", tmp_path], check=True, cwd=ROOT)
    made = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    here = {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()}
    assert made == here, "run `make dashboards`"


def test_there_are_seven_and_their_addresses_never_change():
    assert set(BOARDS) == {f"callcenter-{name}" for name in SEVEN}
    assert {board["uid"] for board in BOARDS.values()} == set(BOARDS)
    assert len({board["title"] for board in BOARDS.values()}) == 7


@pytest.mark.parametrize(
    ("name", "panel"),
    [pytest.param(name, panel, id=f"{name}: {panel['title']}") for name, panel in all_panels()],
)
def test_every_panel_explains_itself_and_asks_for_what_exists(name, panel):
    assert complaints(panel) == []


@pytest.mark.parametrize("name", BOARDS)
def test_panels_stand_in_rows_of_24_columns_and_none_lies_on_another(name):
    assert overlapping(BOARDS[name]) == []
    ids = [panel["id"] for panel in BOARDS[name]["panels"]]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", BOARDS)
def test_no_two_panels_of_a_dashboard_are_called_the_same(name):
    titles = Counter(panel["title"] for panel in panels(BOARDS[name]))
    assert [title for title, times in titles.items() if times > 1] == []


@pytest.mark.parametrize("name", BOARDS)
def test_variables_are_declared_and_used(name):
    board = BOARDS[name]
    declared = {variable["name"] for variable in board["templating"]["list"]}
    text = json.dumps(board["panels"])
    used = {word for word in re.findall(r"\$\{?(\w+)", text) if not word.startswith("__")}
    assert used == declared
    for variable in board["templating"]["list"]:
        if variable["type"] == "query":
            found = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"])
            assert found
            assert found[2] in exported()[found[1]]
            assert variable["allValue"] == ".*"


def test_every_metric_is_shown_or_watched_or_says_why_not():
    asked = set()
    for _name, panel in all_panels():
        for target in panel["targets"]:
            asked |= set(metrics_in(promql.parse(filled(target["expr"]))))
    for file in ("callcenter.recording.yml", "callcenter.alerts.yml"):
        for rule in rules(file):
            asked |= set(metrics_in(promql.parse(rule["expr"])))
    series = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported()}
    asked = {re.sub(r"_(bucket|sum|count)$", "", name) for name in asked}
    assert series - asked == set(SHOWN_NOWHERE)


def a_panel(**changes: Any) -> dict[str, Any]:
    return {**json.loads(json.dumps(panels(BOARDS["callcenter-queue"])[0])), **changes}


def asking(expr: str, legend: str = "") -> dict[str, Any]:
    target = {**a_panel()["targets"][0], "expr": expr, "legendFormat": legend}
    return a_panel(targets=[target])


@pytest.mark.parametrize(
    ("panel", "words"),
    [
        (a_panel(title=""), "no title"),
        (a_panel(description=""), "no description"),
        (a_panel(description="Calls"), "no description"),
        (a_panel(fieldConfig={"defaults": {}}), "no unit"),
        (a_panel(fieldConfig={"defaults": {"unit": "parsecs"}}), "no unit"),
        (a_panel(targets=[]), "asks for nothing"),
        (a_panel(datasource={"type": "prometheus", "uid": "mine"}), "another data source"),
        (asking("sum(callcenter_calls)"), "no metric callcenter_calls"),
        (asking('callcenter_esl_up{agent="1"}'), "no label agent"),
        (asking("sum by (queue) (callcenter_esl_up)"), "no label"),
        (asking("sum by (node) (callcenter_esl_up)", "{{queue}}"), "the legend names"),
        (asking("rate(callcenter_records_total[1m])"), "a rate over a time of its own"),
        (asking("sum(callcenter_esl_up"), "unclosed left parenthesis"),
    ],
)
def test_a_careless_panel_is_noticed(panel, words):
    assert complaints(a_panel()) == []
    assert any(words in complaint for complaint in complaints(panel))


def test_a_panel_on_top_of_another_or_beyond_the_edge_is_noticed():
    board = json.loads(json.dumps(BOARDS["callcenter-queue"]))
    board["panels"][1]["gridPos"]["w"] = 13
    assert overlapping(board)
    board = json.loads(json.dumps(BOARDS["callcenter-queue"]))
    board["panels"][2]["gridPos"]["x"] = 13
    assert overlapping(board) == [f"{board['panels'][2]['id']} is too wide"]
