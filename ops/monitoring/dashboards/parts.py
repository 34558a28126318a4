"""Panels in a few words: a query, its legend, its unit."""

from __future__ import annotations

from itertools import count
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    prometheus,
    stat,
    timeseries,
)
from grafana_foundation_sdk.models.common import (
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
    VisibilityMode,
)
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    DynamicConfigValue,
    Threshold,
    ThresholdsMode,
)

from ops.monitoring.provisioned import SOURCE_UID

SOURCE: Final = DataSourceRef(type_val="prometheus", uid=SOURCE_UID)
HEIGHT, ROW_WIDTH = 8, 24
RATE: Final = "$__rate_interval"


class Query(NamedTuple):
    """PromQL; `legend` names labels in braces, as Grafana has it."""

    expr: str
    legend: str = ""


class Panel(NamedTuple):
    """What one panel shows. `unit` is Grafana's name of it. `kind`: lines, events (the first query
    a line, the second points), stat or bars; red from `bad_from` on, or below `good_from`.
    """

    title: str
    unit: str
    queries: tuple[Query, ...]
    kind: str = "lines"
    bad_from: float | None = None
    good_from: float | None = None


class Row(NamedTuple):
    title: str
    panels: tuple[Panel, ...]


def panel(
    title: str,
    unit: str,
    *queries: tuple[str, str],
    kind: str = "lines",
    bad_from: float | None = None,
    good_from: float | None = None,
) -> Panel:
    """A panel from pairs of query and legend."""
    return Panel(title, unit, tuple(Query(*one) for one in queries), kind, bad_from, good_from)


def built(title: str, uid: str, text: str, rows: tuple[Row, ...]) -> dashboard.Dashboard:
    """The whole page: rows of panels of equal width."""
    page = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(text)
        .tags(["tape"])
        .editable()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .refresh("5s")
        .time("now-30m", "now")
        .timezone("utc")
    )
    numbers = count(1)
    for row in rows:
        page.with_row(dashboard.Row(row.title).id(next(numbers)))
        for one in row.panels:
            page.with_panel(_panel(one, ROW_WIDTH // len(row.panels)).id(next(numbers)))
    return page


Builder = timeseries.Panel | stat.Panel | bargauge.Panel


def _panel(one: Panel, width: int) -> Builder:
    made = _kind(one).title(one.title).unit(one.unit).datasource(SOURCE)
    made.height(HEIGHT).span(width).thresholds(_thresholds(one))
    for number, query in enumerate(one.queries):
        made.with_target(
            prometheus.Dataquery()
            .expr(query.expr)
            .legend_format(query.legend)
            .datasource(SOURCE)
            .ref_id(chr(ord("A") + number))
        )
    return made


def _kind(one: Panel) -> Builder:
    if one.kind == "stat":
        return stat.Panel()
    if one.kind == "bars":
        return bargauge.Panel().min(0).max(1)
    lines = timeseries.Panel().legend(_legend()).tooltip(_tooltip())
    if one.kind == "events":
        points = DynamicConfigValue(id_val="custom.drawStyle", value="points")
        return lines.override_by_query("B", [points])
    return lines.fill_opacity(8).show_points(VisibilityMode.NEVER)


def _legend() -> common.VizLegendOptions:
    made = common.VizLegendOptions().show_legend(True)
    return made.display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)


def _tooltip() -> common.VizTooltipOptions:
    return common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI)


def _thresholds(one: Panel) -> dashboard.ThresholdsConfig:
    steps = [Threshold(value=None, color="green")]
    if one.bad_from is not None:
        steps.append(Threshold(value=one.bad_from, color="red"))
    if one.good_from is not None:
        steps = [Threshold(value=None, color="red"), Threshold(value=one.good_from, color="green")]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
