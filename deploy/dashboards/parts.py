"""What all dashboards are made of: panels that say what they show, in one grid, from one data source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, heatmap, stat, timeseries
from grafana_foundation_sdk.builders.prometheus import Dataquery
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import common as common_models
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models import heatmap as heatmap_models
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

TAG: Final = "callcenter"
SOURCE: Final = models.DataSourceRef(type_val="prometheus", uid="${datasource}")
GREEN, YELLOW, RED, BLUE = "green", "yellow", "red", "blue"

Panel = timeseries.Panel | stat.Panel | bargauge.Panel | heatmap.Panel
P = TypeVar("P", timeseries.Panel, stat.Panel, bargauge.Panel, heatmap.Panel)


@dataclass(frozen=True, slots=True)
class Query:
    """PromQL and what its series are called; `{{label}}` stands for the label's value."""

    expr: str
    legend: str
    buckets: bool = False
    """The series are buckets of a histogram by `le`: shown in their order, each without those before it."""

    def target(self, place: int = 0, *, instant: bool = False) -> Dataquery:
        """`instant`: only what it is now is asked for."""
        made = Dataquery().expr(self.expr).legend_format(self.legend).ref_id(chr(ord("A") + place))
        made.datasource(SOURCE)
        if self.buckets:
            made.format(PromQueryFormat.HEATMAP)
        return made.instant() if instant else made


@dataclass(frozen=True, slots=True)
class Steps:
    """Colours: `first` below the first of `at`, then each from its value on."""

    first: str
    at: tuple[tuple[float, str], ...] = ()

    def build(self) -> dashboard.ThresholdsConfig:
        steps = [models.Threshold(value=None, color=self.first)]
        steps += [models.Threshold(value=value, color=color) for value, color in self.at]
        return dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps)


PLAIN: Final = Steps(BLUE)
MUST_BE_ZERO: Final = Steps(GREEN, ((1, RED),))
MORE_IS_BETTER: Final = Steps(RED, ((0.6, YELLOW), (0.8, GREEN)))
LESS_IS_BETTER: Final = Steps(GREEN, ((0.7, YELLOW), (0.9, RED)))


def lines(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 12,
    stacked: bool = False,
    most: float | None = None,
) -> timeseries.Panel:
    """Something over time."""
    panel = _common(timeseries.Panel(), title, description, unit, queries, width=width, height=8)
    panel.fill_opacity(60 if stacked else 10).line_width(1 if stacked else 2)
    panel.min(0).show_points(common_models.VisibilityMode.NEVER)
    if stacked:
        panel.stacking(common.StackingConfig().mode(common_models.StackingMode.NORMAL))
    if most is not None:
        panel.max(most)
    panel.legend(
        common.VizLegendOptions()
        .show_legend(True)
        .placement(common_models.LegendPlacement.BOTTOM)
        .display_mode(common_models.LegendDisplayMode.LIST)
    )
    return panel.tooltip(common.VizTooltipOptions().mode(common_models.TooltipDisplayMode.MULTI))


def number(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 4,
    height: int = 4,
    steps: Steps = PLAIN,
    decimals: int | None = None,
    curve: bool = True,
) -> stat.Panel:
    """What it is now, in big figures; several queries stand beside each other."""
    panel = _common(
        stat.Panel(), title, description, unit, queries, width=width, height=height, instant=not curve
    )
    panel.thresholds(steps.build()).color_mode(common_models.BigValueColorMode.VALUE)
    panel.graph_mode(common_models.BigValueGraphMode.AREA if curve else common_models.BigValueGraphMode.NONE)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return panel if decimals is None else panel.decimals(decimals)


def bars(
    title: str,
    description: str,
    unit: str,
    *queries: Query,
    width: int = 8,
    steps: Steps = PLAIN,
    most: float | None = None,
) -> bargauge.Panel:
    """What it is now, a bar for each series."""
    panel = _common(bargauge.Panel(), title, description, unit, queries, width=width, height=8, instant=True)
    panel.thresholds(steps.build()).orientation(common_models.VizOrientation.HORIZONTAL).min(0)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    return panel if most is None else panel.max(most)


def cloud(title: str, description: str, query: Query, *, width: int = 12) -> heatmap.Panel:
    """How a histogram's buckets fill over time; `query` gives its buckets, in seconds."""
    panel = heatmap.Panel().title(title).description(description).unit("s").datasource(SOURCE)
    panel.span(width).height(8).with_target(query.target()).calculate(False)
    return panel.y_axis(heatmap.YAxisConfig().unit("s")).color(
        heatmap.HeatmapColorOptions().mode(heatmap_models.HeatmapColorMode.SCHEME).scheme("Blues").steps(32)
    )


def choice(label: str, metric: str) -> dashboard.QueryVariable:
    """A variable of that name with all values of the label, several at once or all."""
    every = models.VariableOption(selected=True, text="All", value="$__all")
    return (
        dashboard.QueryVariable(label)
        .label(label.capitalize())
        .datasource(SOURCE)
        .query(f"label_values({metric}, {label})")
        .refresh(models.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(models.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(every)
    )


QUEUES: Final = choice("queue", "callcenter_queue_calls_waiting")
NODES: Final = choice("node", "callcenter_esl_up")


@dataclass(frozen=True, slots=True)
class Row:
    """Panels under a heading, from left to right and top to bottom."""

    title: str
    panels: Sequence[Panel]


def board(
    name: str,
    title: str,
    description: str,
    *rows: Row,
    variables: Sequence[Builder[models.VariableModel]] = (),
    since: str = "now-3h",
    refresh: str = "30s",
) -> models.Dashboard:
    """A dashboard whose address and file never change: `callcenter-<name>`."""
    builder = (
        dashboard.Dashboard(f"Call centre: {title}")
        .uid(f"{TAG}-{name}")
        .description(description)
        .tags([TAG])
        .editable()
        .time(since, "now")
        .timezone("browser")
        .refresh(refresh)
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("Call centre")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .as_dropdown(True)
            .include_vars(True)
            .keep_time(True)
        )
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for variable in variables:
        builder.with_variable(variable)
    for row in rows:
        builder.with_row(dashboard.Row(row.title))
        for panel in row.panels:
            builder.with_panel(panel)
    built = builder.build()
    for place, built_panel in enumerate(built.panels or (), 1):
        built_panel.id_val = place
    return built


def _common(
    panel: P,
    title: str,
    description: str,
    unit: str,
    queries: Sequence[Query],
    *,
    width: int,
    height: int,
    instant: bool = False,
) -> P:
    panel.title(title).description(description).unit(unit).datasource(SOURCE).span(width).height(height)
    for place, query in enumerate(queries):
        panel.with_target(query.target(place, instant=instant))
    return panel


def total(of: str, by: str = "") -> str:
    """Added up over everything but the labels `by`."""
    return f"sum by ({by}) ({of})" if by else f"sum({of})"


def rate(metric: str, by: str = "", where: str = "") -> str:
    """How much a counter counts in a second."""
    return total(f"rate({_where(metric, where)}[$__rate_interval])", by)


def quantile(share: float, metric: str, by: str = "", where: str = "") -> str:
    """Of a histogram, by its name without `_bucket`."""
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', f'le, {by}' if by else 'le', where)})"


def mean(metric: str, by: str = "", where: str = "") -> str:
    """Of a histogram; nothing while nothing was observed."""
    return f"{rate(f'{metric}_sum', by, where)} / ({rate(f'{metric}_count', by, where)} > 0)"


def _where(metric: str, where: str) -> str:
    return f"{metric}{{{where}}}" if where else metric
