"""Recording and alert rules: what they ask for exists, each alert was seen firing and keeping quiet, and each
tells the person who is woken what to do.
"""

from __future__ import annotations

import re
import shutil
import subprocess

import promql_parser as promql
import pytest
import yaml
from monitoring.catalogue import DEPLOY, ROOT, RULES, Wrong, catalogue, exported, labels_of, recorded, rules

pytestmark = [pytest.mark.app, pytest.mark.timeout(300)]

ALERTS = {rule["alert"]: rule for rule in rules("callcenter.alerts.yml")}
STORIES = sorted((ROOT / "tests/monitoring/promtool").glob("*.yml"))
RUNBOOK = (ROOT / "docs/runbook.md").read_text("utf-8")

promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="no promtool on this machine; hint: apt-get install prometheus"
)


@promtool
def test_prometheus_reads_the_rules_and_its_configuration():
    done = subprocess.run(
        ["promtool", "check", "config", DEPLOY / "prometheus/prometheus.yml"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("rules found") >= len(list(RULES.glob("*.yml")))


@promtool
@pytest.mark.parametrize("story", STORIES, ids=lambda path: path.stem)
def test_alerts_fire_and_keep_quiet_as_their_stories_say(story):
    done = subprocess.run(["promtool", "test", "rules", story], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_story_in_which_it_fires_and_one_in_which_it_does_not():
    seen: dict[str, set[bool]] = {name: set() for name in ALERTS}
    for story in STORIES:
        for test in yaml.safe_load(story.read_text("utf-8"))["tests"]:
            assert test["name"]
            for expected in test.get("alert_rule_test", ()):
                seen[expected["alertname"]].add(bool(expected["exp_alerts"]))
    assert {name: kinds for name, kinds in seen.items() if kinds != {True, False}} == {}


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_asks_for_what_exists(name):
    labels = labels_of(promql.parse(ALERTS[name]["expr"]), catalogue())
    used = set(re.findall(r"\$labels\.(\w+)", str(ALERTS[name]["annotations"])))
    assert used <= labels, f"the answer has no label {used - labels}"


@pytest.mark.parametrize("name", ALERTS)
def test_every_alert_says_what_is_wrong_how_bad_it_is_and_where_to_look(name):
    rule = ALERTS[name]
    words = rule["annotations"]
    assert re.fullmatch(r"Callcenter([A-Z][a-z]+)+", name)
    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in ("critical", "warning")
    assert words["summary"].endswith(".")
    assert "{{" not in words["summary"], "the summary stands still, the description tells the figures"
    assert words["description"].endswith(".")
    assert words["runbook_url"] == f"docs/runbook.md#{name.lower()}"
    board = DEPLOY / "grafana/dashboards" / f"{words['dashboard'].removeprefix('/d/')}.json"
    assert board.exists(), f"no dashboard {words['dashboard']}"


def test_the_runbook_has_a_section_for_each_alert_and_for_nothing_else():
    sections = dict(re.findall(r"^## (\w+)\n\n(.+?)(?=^## |\Z)", RUNBOOK, re.MULTILINE | re.DOTALL))
    assert sorted(sections) == sorted(ALERTS)
    for name, text in sections.items():
        assert re.search(r"^1\. ", text, re.MULTILINE), f"{name}: what to do?"


def test_links_within_the_runbook_lead_somewhere():
    anchors = {name.lower() for name in ALERTS}
    assert set(re.findall(r"\]\(#([\w-]+)\)", RUNBOOK)) <= anchors


def test_metrics_that_the_runbook_names_exist():
    names = set(re.findall(r"\bcallcenter_[a-z_]+\b", RUNBOOK))
    known = {name.removesuffix("_bucket") for name in exported()}
    assert names <= known, names - known


def test_recorded_series_are_named_by_what_they_are_and_made_of_what_exists():
    for name in recorded():
        assert re.fullmatch(r"[a-z_]+:[a-z_]+:[a-z0-9_]+", name), name
    groups = yaml.safe_load((RULES / "callcenter.recording.yml").read_text("utf-8"))["groups"]
    names = [rule["record"] for group in groups for rule in group["rules"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("callcenter_queue_calls_answerd_total", "no metric"),
        ('callcenter_esl_up{agent="1000"}', "no label"),
        ('callcenter_agents{state=~"waiting|talking"}', "no state"),
        ("sum by (queue) (callcenter_esl_up)", "no label"),
        ('callcenter_esl_up{job="callcenter"}', "the operator's"),
        ("callcenter_esl_up and callcenter_queue_calls_waiting", "nothing will match"),
    ],
)
def test_a_wrong_expression_is_noticed(wrong, words):
    with pytest.raises(Wrong, match=words):
        labels_of(promql.parse(wrong), catalogue())
