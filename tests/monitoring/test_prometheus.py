"""A real Prometheus scrapes a running call centre: every panel of every dashboard gets an answer."""

from __future__ import annotations

import json
import math
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from app.postgres import die_with_us
from monitoring.catalogue import DEPLOY, RULES

pytestmark = [
    pytest.mark.app,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        shutil.which("prometheus") is None,
        reason="no Prometheus on this machine; hint: apt-get install prometheus",
    ),
]

HURRY = 10
FIRST_LOOK_S = 12
"""So long nobody looks: agents needed are worked out at the first look, when calls must have ended, and then
only once a minute."""
PATIENCE_S = 100
"""A busy machine takes half of it; a quiet one is through after some seconds."""
MAY_BE_EMPTY = {
    "max by (queue) (callcenter_queue_expected_wait_bias_ratio": "until an expected wait was judged",
    "max by (queue) (callcenter_queue_expected_wait_error_ratio": "likewise",
    "max by (queue) (callcenter_queue_expected_wait_inside_ratio": "likewise",
}
"""Beginnings of queries whose answer may be empty, each with its reason."""

DEMO = f"""
from py_callcenter import logs
from py_callcenter.app.demo import demo
logs.set_up(level="warning")
demo(listen="127.0.0.1:0", hurry={HURRY})
"""


def until(look: Callable[[], Any], what: str, wait_s: float) -> Any:
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.5)
    raise AssertionError(f"not within {wait_s} s: {what}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a call centre in which everybody hurries."""
    log = tmp_path_factory.mktemp("demo") / "log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", DEMO], stdout=file, stderr=file,
            preexec_fn=die_with_us,  # noqa: PLW1509 - one system call, no lock to wait for
        )  # fmt: skip
    try:
        found = until(
            lambda: re.search(r"http://([0-9.:]+)", log.read_text("utf-8")), "the demo runs", PATIENCE_S
        )
        time.sleep(FIRST_LOOK_S)
        yield found[1]
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text("utf-8")[-2000:]
    finally:
        process.kill()
        process.wait(10)


class Prometheus:
    """The package's server on a free port, with our rules, looking every second."""

    def __init__(self, folder: Path, target: str) -> None:
        self._folder = folder
        rules = ", ".join(f'"{path}"' for path in sorted(RULES.glob("*.yml")))
        (folder / "prometheus.yml").write_text(
            "global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}\n"
            f"rule_files: [{rules}]\n"
            "scrape_configs:\n"
            f'  - {{job_name: anything, static_configs: [{{targets: ["{target}"]}}]}}\n',
            "utf-8",
        )
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{port}/api/v1", timeout=60, trust_env=False)
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [
                    "prometheus",
                    f"--config.file={folder}/prometheus.yml",
                    f"--storage.tsdb.path={folder}/data",
                    f"--web.listen-address=127.0.0.1:{port}",
                ],
                stdout=log, stderr=log,
                preexec_fn=die_with_us,  # noqa: PLW1509 - likewise
            )  # fmt: skip
        until(self._ready, "Prometheus answers", PATIENCE_S)

    def _ready(self) -> bool:
        assert self._process.poll() is None, (self._folder / "log").read_text("utf-8")[-2000:]
        try:
            return self._http.get("/status/runtimeinfo").status_code == 200
        except httpx.TransportError:
            return False

    def get(self, path: str, **arguments: str) -> Any:
        answer = self._http.get(path, params=arguments).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def values(self, expr: str) -> list[float]:
        """What the expression comes to now; what is no number is left out."""
        numbers = [float(row["value"][1]) for row in self.get("query", query=expr)["result"]]
        return [value for value in numbers if not math.isnan(value)]

    def by_queue(self, metric: str) -> dict[str, float]:
        rows = self.get("query", query=f"sum by (queue) ({metric})")["result"]
        return {row["metric"]["queue"]: float(row["value"][1]) for row in rows}

    def stop(self) -> None:
        self._http.close()
        self._process.kill()
        self._process.wait(10)


@pytest.fixture(scope="module")
def prometheus(demo: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    server = Prometheus(tmp_path_factory.mktemp("prometheus"), demo)
    try:
        yield server
    finally:
        server.stop()


def questions() -> dict[str, str]:
    """All queries of all panels with Grafana's variables put in, and where each stands."""
    found = {}
    for path in sorted((DEPLOY / "grafana/dashboards").glob("*.json")):
        for panel in json.loads(path.read_text("utf-8"))["panels"]:
            for target in panel.get("targets", ()):
                expr = target["expr"]
                for variable, value in (
                    ("$__rate_interval", "20s"), ("$__range", "60s"), ("$queue", ".*"), ("$node", ".*"),
                ):  # fmt: skip
                    expr = expr.replace(variable, value)
                found[expr] = f"{path.stem}: {panel['title']}"
    return found


def test_every_query_of_every_dashboard_has_an_answer(prometheus):
    open_ones = questions()
    assert len(open_ones) > 100

    def all_answered() -> bool:
        for expr in list(open_ones):
            if prometheus.values(expr):
                del open_ones[expr]
        return not [expr for expr in open_ones if not expr.startswith(tuple(MAY_BE_EMPTY))]

    try:
        until(all_answered, "all panels have data", PATIENCE_S)
    except AssertionError:
        shown = "\n".join(f"{place}: {expr}" for expr, place in open_ones.items())
        pytest.fail(f"no answer for\n{shown}")


def test_every_rule_could_be_evaluated_and_a_healthy_call_centre_wakes_nobody(prometheus):
    rules = [rule for group in prometheus.get("rules")["groups"] for rule in group["rules"]]
    assert len(rules) > 40
    assert [(rule["name"], rule["lastError"]) for rule in rules if rule["health"] != "ok"] == []
    firing = [alert["labels"]["alertname"] for alert in prometheus.get("alerts")["alerts"]
              if alert["state"] == "firing"]  # fmt: skip
    assert firing == []


JUDGED = "answered", "abandoned", "overflowed", "lost"
IN_TIME = "callcenter_queue_calls_answered_within_service_level_total"


def test_prometheus_and_the_page_have_the_same_service_level(prometheus, demo):
    """The page looks at this moment, Prometheus at its last scrape: a few calls lie between. What the rule's
    rates come to is a story of promtool's; here it only has to be there for each queue in which calls have
    ended between two scrapes (before that there is nothing to divide by).
    """

    def apart() -> dict[str, tuple[float, float]]:
        """Queues in which the two differ by more than three calls."""
        rows = httpx.get(f"http://{demo}/api/v1/queues", timeout=60, trust_env=False).json()
        counts = {}
        for name in JUDGED:
            where = '{phase!="short"}' if name == "abandoned" else ""
            counts[name] = prometheus.by_queue(f"callcenter_queue_calls_{name}_total{where}")
        in_time = prometheus.by_queue(IN_TIME)
        found = {}
        for row in rows:
            queue, percent = row["name"], row["service_level"]["now_percent"]
            if not all(queue in count for count in (*counts.values(), in_time)):
                found[queue] = percent, math.nan  # a busy machine missed its last scrape
                continue
            judged = sum(count[queue] for count in counts.values())
            if judged and abs(100 * in_time[queue] / judged - percent) > 100 * 3 / judged:
                found[queue] = percent, 100 * in_time[queue] / judged
        return found

    until(lambda: not apart(), "page and Prometheus agree", PATIENCE_S)
    rule = "queue:callcenter_service_level:ratio_rate30m"
    queues = until(lambda: prometheus.by_queue(IN_TIME), "a scrape", PATIENCE_S).keys()
    until(
        lambda: prometheus.by_queue(rule).keys() == queues, f"{rule} for each of {sorted(queues)}", PATIENCE_S
    )
    recorded = prometheus.by_queue(rule)
    assert all(0 <= ratio <= 1 for ratio in recorded.values())
