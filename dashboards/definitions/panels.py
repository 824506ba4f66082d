"""How panels look, so that a definition only says what is asked."""

import itertools

from grafana_foundation_sdk.builders import (
    common,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.builders import dashboard as grafana
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models import heatmap as heatmap_model
from grafana_foundation_sdk.models import prometheus as query_model

# What every query is limited to; the variables stand at the top of each dashboard.
WHERE = 'job=~"$job", instance=~"$instance"'

# The window of rates: as short as the scrapes and the zoom allow.
WINDOW = "$__rate_interval"

# Cross-sell and similar items are about items, not about who asks.
NAMED = 'contact_point!="none"'

# The colours of a number that should be none, each from its value on.
NONE_IS_GREEN = [(None, "green"), (1, "red")]

DATASOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")

# A question's answers: the legend of each line, and its query.
Answers = dict[str, str]


def equal(label: str, value: str) -> str:
    """A condition on a label."""
    return f'{label}="{value}"'


def like(label: str, pattern: str) -> str:
    """A condition on a label: a regular expression that all of its value matches."""
    return f'{label}=~"{pattern}"'


def recorded(rule: str) -> str:
    """What a recording rule computed for the chosen jobs."""
    return f'{rule}{{job=~"$job"}}'


def by_release(rule: str) -> str:
    """What a recording rule computed of each release; instances with the same release say the same."""
    return f"max by (release) ({recorded(rule)})"


def selector(metric: str, more: str = "") -> str:
    """A metric of the chosen instances."""
    return f"{metric}{{{WHERE}{', ' + more if more else ''}}}"


def rate(metric: str, more: str = "") -> str:
    """What a counter adds each second, by series."""
    return f"rate({selector(metric, more)}[{WINDOW}])"


def total(expression: str, by: str = "") -> str:
    """A sum, by some labels."""
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def increase(metric: str, more: str = "", by: str = "") -> str:
    """What a counter added in the time shown."""
    return total(f"increase({selector(metric, more)}[$__range])", by)


def shares(metric: str, by: str, more: str = "") -> str:
    """What each value of a label has of the whole."""
    return f"{total(rate(metric, more), by)} / on () group_left {total(rate(metric, more))}"


def ratio(part: str, whole: str, by: str) -> str:
    """One sum over another, where there is any of the other."""
    return f"{total(part, by)} / ({total(whole, by)} > 0)"


def or_none(expression: str) -> str:
    """A sum that is zero where there is nothing to add up: requests in flight are always there."""
    return f"({expression} or on () 0 * {total(selector('proffer_requests_in_flight'))})"


def quantiles(metric: str, *shares: float, more: str = "") -> Answers:
    """Quantiles of a histogram over all its series."""
    buckets = total(rate(f"{metric}_bucket", more), "le")
    return {f"p{share * 100:g}": f"histogram_quantile({share}, {buckets})" for share in shares}


def quantile_by(metric: str, share: float, by: str, more: str = "") -> Answers:
    """One quantile of a histogram for each value of a label."""
    buckets = total(rate(f"{metric}_bucket", more), f"le, {by}")
    return {f"{{{{{by}}}}}": f"histogram_quantile({share}, {buckets})"}


def mean(metric: str, by: str = "", more: str = "") -> str:
    """The mean of a histogram."""
    return f"{total(rate(f'{metric}_sum', more), by)} / {total(rate(f'{metric}_count', more), by)}"


def lines(question: str, answers: Answers, unit: str, why: str, *, width: int = 8, stacked: bool = False):
    """Lines over time."""
    panel = _described(timeseries.Panel(), question, why, width, 8).unit(unit).min(0)
    panel = panel.line_width(1).fill_opacity(30 if stacked else 8).show_points(options.VisibilityMode.NEVER)
    if stacked:
        panel = panel.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL))
    panel = panel.tooltip(
        common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING)
    )
    panel = panel.legend(
        common.VizLegendOptions()
        .display_mode(options.LegendDisplayMode.LIST)
        .placement(options.LegendPlacement.BOTTOM)
        .show_legend(True)
    )
    for target in _targets(answers):
        panel = panel.with_target(target)
    return panel


def number(
    question: str, answers: Answers, unit: str, why: str, *, width: int = 6, steps=None, decimals=None
):
    """One number for each answer, as of now. Steps are pairs of a least value and its colour."""
    panel = _described(stat.Panel(), question, why, width, 4).unit(unit)
    panel = panel.color_mode(options.BigValueColorMode.VALUE).graph_mode(options.BigValueGraphMode.NONE)
    if decimals is not None:
        panel = panel.decimals(decimals)
    thresholds = [model.Threshold(value=value, color=color) for value, color in steps or [(None, "text")]]
    panel = panel.thresholds(grafana.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(thresholds))
    for target in _targets(answers, instant=True):
        panel = panel.with_target(target)
    return panel


def rows(question: str, answers: Answers, why: str, *, width: int = 12, unit: str = "short"):
    """A table of labels and values, as of now: one column for each answer."""
    panel = _described(table.Panel(), question, why, width, 8).unit(unit)
    hidden = {name: True for name in ("Time", "__name__", "job", "instance")}
    named = {f"Value #{chr(ord('A') + position)}": legend for position, legend in enumerate(answers)}
    panel = panel.transformations(
        [
            model.DataTransformerConfig(id_val="merge", options={}),
            model.DataTransformerConfig(
                id_val="organize", options={"excludeByName": hidden, "renameByName": named}
            ),
        ]
    )
    for target in _targets(answers, instant=True):
        panel = panel.with_target(target.format(query_model.PromQueryFormat.TABLE))
    return panel


def spread(question: str, metric: str, unit: str, why: str, *, width: int = 8):
    """How the values of a histogram are spread, over time."""
    panel = _described(heatmap.Panel(), question, why, width, 8)
    panel = panel.calculate(False).y_axis(heatmap.YAxisConfig().unit(unit))
    panel = panel.color(
        heatmap.HeatmapColorOptions().scheme("Blues").mode(heatmap_model.HeatmapColorMode.SCHEME).steps(64)
    )
    query = _query(f"sum by (le) (increase({selector(f'{metric}_bucket')}[{WINDOW}]))", "{{le}}", "A")
    return panel.with_target(query.format(query_model.PromQueryFormat.HEATMAP))


def board(uid: str, title: str, question: str, sections: dict[str, list]):
    """A dashboard: rows of panels under the variables that choose job and instances."""
    dashboard = (
        grafana.Dashboard(title)
        .uid(f"proffer-{uid}")
        .description(question)
        .tags(["proffer"])
        .readonly()
        .timezone("browser")
        .refresh("30s")
        .time("now-3h", "now")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .link(
            grafana.DashboardLink("Proffer")
            .type(model.DashboardLinkType.DASHBOARDS)
            .tags(["proffer"])
            .as_dropdown(True)
            .keep_time(True)
            .include_vars(True)
        )
        .with_variable(grafana.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .with_variable(_choice("job", "Job", "label_values(proffer_build_info, job)"))
        .with_variable(
            _choice("instance", "Instance", 'label_values(proffer_build_info{job=~"$job"}, instance)')
        )
    )
    number_of = itertools.count(1)
    for name, panels in sections.items():
        dashboard = dashboard.with_row(grafana.Row(name).id(next(number_of)))
        for panel in panels:
            dashboard = dashboard.with_panel(panel.id(next(number_of)))
    return dashboard


def _choice(name: str, label: str, query: str):
    return (
        grafana.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(DATASOURCE)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(text="All", value="$__all"))
    )


def _described(panel, question: str, why: str, width: int, height: int):
    return panel.title(question).description(why).datasource(DATASOURCE).span(width).height(height)


def _targets(answers: Answers, instant: bool = False):
    for position, (legend, expression) in enumerate(answers.items()):
        query = _query(expression, legend, chr(ord("A") + position))
        yield query.instant() if instant else query.range()


def _query(expression: str, legend: str, ref_id: str):
    return prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(ref_id).datasource(DATASOURCE)
