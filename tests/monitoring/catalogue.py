"""What /metrics has, and which labels a PromQL expression's answer carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser as promql
import yaml
from prometheus_client.parser import text_string_to_metric_families

from py_callcenter.metrics import ExpectedWait, Heard, MetricsSnapshot, NodeMetrics, Target, render
from py_callcenter.stats import LAG_BOUNDS_US, Hint, Histogram, Stats

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus/rules"
OF_THE_SCRAPE = frozenset({"instance", "job"})
"""Labels that Prometheus puts on every series."""
OF_PROMETHEUS = {"ALERTS": OF_THE_SCRAPE | {"alertname", "alertstate", "severity", "queue", "node"}}
"""Series that Prometheus makes itself."""
FREE = frozenset({"queue", "node", "command", "event", "route", "version", "profile"})
"""Labels whose values a site or the switch sets."""


def _everything() -> MetricsSnapshot:
    """A snapshot in which every metric has a series."""
    stats = Stats()
    stats.configure({"support": 20_000_000})
    stats.queues["support"].waiting["c"] = (1, 1)
    heard = Heard(at_us=1, started_us=1, sessions=1, sessions_begun=1, idle_cpu=1.0)
    node = NodeMetrics(
        events={"CHANNEL_PARK": 1},
        durations={"originate": Histogram(LAG_BOUNDS_US)},
        heard=heard,
        max_sessions=1,
        sessions_per_second=1,
    )
    return MetricsSnapshot(
        stats=stats,
        agents={},
        breaks={"lunch": (1, 1, 1)},
        targets={"support": Target(20_000_000, 80.0)},
        expected={"support": ExpectedWait(1, 1, 1, 1.0, 1.0, 1.0)},
        staffing={"support": Hint(1, 1, 1, 1.0, 1.0, None)},
        nodes={"fs1": node},
        http_requests={("/metrics", "2xx"): 1, ("/metrics", "4xx"): 1, ("/metrics", "5xx"): 1},
    )


@cache
def _series() -> list[Any]:
    families = list(text_string_to_metric_families(render(_everything())[0].decode()))
    for family in families:
        assert family.samples, f"{family.name} has no series: let `_everything` have one"
    return [sample for family in families for sample in family.samples]


@cache
def exported() -> Mapping[str, frozenset[str]]:
    """Labels by the name of each series of /metrics, those of the scrape included."""
    return {sample.name: frozenset(sample.labels) | OF_THE_SCRAPE for sample in _series()}


@cache
def values() -> Mapping[tuple[str, str], set[str]]:
    """Values by metric and label, of labels whose values the product sets."""
    found: dict[tuple[str, str], set[str]] = {}
    for sample in _series():
        for label in sample.labels.keys() - FREE:
            found.setdefault((sample.name, label), set()).add(sample.labels[label])
    return found


@cache
def recorded() -> Mapping[str, frozenset[str]]:
    """Labels by the name of each recorded series."""
    found: dict[str, frozenset[str]] = {}
    for rule in rules("callcenter.recording.yml"):
        found[rule["record"]] = labels_of(promql.parse(rule["expr"]), {**exported(), **found})
    return found


def catalogue() -> Mapping[str, frozenset[str]]:
    """Everything that a dashboard or an alert may ask for."""
    return {**exported(), **recorded(), **OF_PROMETHEUS}


def rules(file: str) -> list[dict[str, Any]]:
    groups = yaml.safe_load((RULES / file).read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


class Wrong(AssertionError):
    """The expression asks for what isn't there."""


def labels_of(expr: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Labels of the answer. Raises `Wrong` for a metric or a label that doesn't exist."""
    match expr:
        case promql.VectorSelector():
            return _selected(expr, known)
        case promql.MatrixSelector():
            return _selected(expr.vector_selector, known)
        case promql.AggregateExpr():
            return _aggregated(expr, known)
        case promql.Call():
            inner = [labels_of(argument, known) for argument in expr.args]
            labels = frozenset().union(*inner)
            return labels - {"le"} if expr.func.name == "histogram_quantile" else labels
        case promql.BinaryExpr():
            return _joined(expr, known)
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return labels_of(expr.expr, known)
        case promql.NumberLiteral() | promql.StringLiteral():
            return frozenset()
    raise Wrong(f"what is {expr}?")


def metrics_in(expr: Any) -> Iterator[str]:
    """Names of the metrics that the expression reads."""
    found: list[str] = []

    def look(node: Any) -> bool:
        if isinstance(node, promql.VectorSelector):
            found.append(node.name)
        elif isinstance(node, promql.MatrixSelector):
            found.append(node.vector_selector.name)
        return True

    promql.walk(expr, look)
    yield from found


def _selected(selector: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    if selector.name not in known:
        raise Wrong(f"there is no metric {selector.name}")
    labels = known[selector.name]
    for matcher in selector.matchers.matchers:
        if matcher.name not in labels:
            raise Wrong(f"{selector.name} has no label {matcher.name}")
        if matcher.name == "job":
            raise Wrong("the job's name is the operator's")
        known_values = values().get((selector.name, matcher.name))
        if known_values is not None:
            unknown = set(matcher.value.split("|")) - known_values
            if unknown:
                raise Wrong(f"{selector.name} has no {matcher.name} {sorted(unknown)}")
    return labels


def _aggregated(expr: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    labels = labels_of(expr.expr, known)
    if expr.param is not None:
        labels_of(expr.param, known)
    if expr.modifier is None:
        return labels if expr.op in _KEEPING else frozenset()
    named = frozenset(expr.modifier.labels)
    if not named <= labels:
        raise Wrong(f"no label {sorted(named - labels)} in {expr.expr}")
    return named if expr.modifier.type == promql.AggModifierType.By else labels - named


def _joined(expr: Any, known: Mapping[str, frozenset[str]]) -> frozenset[str]:
    left, right = labels_of(expr.lhs, known), labels_of(expr.rhs, known)
    modifier = expr.modifier
    matching = modifier.matching if modifier is not None else None
    if matching is None:
        if left and right and left != right:
            raise Wrong(f"nothing will match: {sorted(left)} and {sorted(right)} in {expr}")
        return left or right
    named = frozenset(matching.labels)
    if not named <= left & right:
        raise Wrong(f"no label {sorted(named - (left & right))} on both sides of {expr}")
    if modifier.card == promql.VectorMatchCardinality.ManyToMany:  # and, or, unless
        return left
    if modifier.card == promql.VectorMatchCardinality.ManyToOne:
        return left | frozenset(modifier.group_labels or ())
    if modifier.card == promql.VectorMatchCardinality.OneToMany:
        return right | frozenset(modifier.group_labels or ())
    return named if matching.type == promql.LabelModifierType.Include else left - named


_KEEPING = frozenset({"topk", "bottomk"})
