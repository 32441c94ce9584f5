"""The forest of a validation: every published endpoint with its prediction.

Predicted survival of the main cohorts with their published results.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator

from sim.evidence.cohorts import Target
from sim.evidence.validation import LAST_MONTH, PredictedCurve, Validation
from sim.layout.style import COLOURS, GREY, MM_PER_INCH, new_figure

WIDTH_MM: Final = 190.0
ROW_MM: Final = 3.05
TOP_MM: Final = 9.0
AXIS_MM: Final = 6.5
LEGEND_MM: Final = 25.0
BETWEEN_MM: Final = 16.0
COLUMN_MM: Final = 93.0
LABEL_MM: Final = 45.0
EDGE_MM: Final = 1.0
N_MM: Final = 2.5
HEADING_GAP: Final = 0.35
"""Rows of space above a heading."""
TEXT: Final = 6.6
INDENT_MM: Final = 1.8
OFFSET: Final = 0.2
"""Rows from the middle of its row to the published value above and the prediction below."""
MISSED: Final = "#FCE9A9"
ROLES: Final[dict[str, dict[str, Any]]] = {
    "fit": {"color": COLOURS[0], "marker": "o", "markersize": 3.6},
    "held_out": {"color": COLOURS[1], "marker": "D", "markersize": 3.2},
}
ROLE_WORDS: Final = {"fit": "used in the fit", "held_out": "held out of the fit"}
PUBLISHED: Final[dict[str, Any]] = {"color": "black", "marker": "s", "markersize": 2.8}


@dataclass(frozen=True)
class Panel:
    """A kind of number, its axis, and its place."""

    kind: str
    title: str
    low: float
    high: float
    ticks: tuple[float, ...]
    is_log: bool
    column: int
    reference: float | None = None


PANELS: Final = (
    Panel("percent", "Per cent of patients", 0.0, 100.0, (0, 20, 40, 60, 80, 100), False, 0),
    Panel("months", "Median, months (log scale)", 1.7, 65.0, (2, 5, 10, 20, 50), True, 1),
    Panel("ratio", "Hazard ratio (log scale)", 0.45, 1.3, (0.5, 0.7, 1.0), True, 1, 1.0),
)


def forest_figure(table: pd.DataFrame, counts: str = "") -> Figure:
    """Draw every endpoint of a labelled validation, by study, in a panel for each kind of number.

    The table has the columns of `sim.analyses.validate.result.TABLE` and of
    `sim.layout.endpoint_words.LABELS`; the counts are text above the legend.
    """
    panels = [panel for panel in PANELS if (table["kind"] == panel.kind).any()]
    rows = {panel.kind: _rows(table[table["kind"] == panel.kind]) for panel in panels}
    heights = {kind: ROW_MM * _length(mine) for kind, mine in rows.items()}
    columns = sorted({panel.column for panel in panels})
    needed = [_column_height(panels, heights, column) for column in columns]
    height = max(*needed, needed[-1] + LEGEND_MM)
    width = COLUMN_MM * len(columns) + (WIDTH_MM - 2 * COLUMN_MM)
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH))
    # Each axis has its place.
    figure.set_layout_engine("none")
    for place, column in enumerate(columns):
        top = TOP_MM
        for panel in (each for each in panels if each.column == column):
            left = EDGE_MM + place * (COLUMN_MM + 2 * EDGE_MM) + LABEL_MM
            size = (COLUMN_MM - LABEL_MM - EDGE_MM, heights[panel.kind])
            axes = figure.add_axes(
                (left / width, 1.0 - (top + size[1]) / height, size[0] / width, size[1] / height)
            )
            _draw(axes, panel, rows[panel.kind])
            top += size[1] + BETWEEN_MM
    left = EDGE_MM + (len(columns) - 1) * (COLUMN_MM + 2 * EDGE_MM)
    _legend(figure, left / width, table, counts)
    return figure


class _Row(NamedTuple):
    """A heading, or an endpoint at its place in rows from the top."""

    place: float
    heading: str | None
    endpoint: Any


def _rows(table: pd.DataFrame) -> list[_Row]:
    rows: list[_Row] = []
    place, last = 0.0, ""
    for endpoint in table.itertuples():
        heading = str(endpoint.heading)
        if heading != last:
            place += HEADING_GAP if last else 0.0
            rows.append(_Row(place, heading, None))
            place, last = place + 1.0, heading
        rows.append(_Row(place, None, endpoint))
        place += 1.0
    return rows


def _length(rows: Sequence[_Row]) -> float:
    return rows[-1].place + 1.0


def _column_height(panels: Sequence[Panel], heights: dict[str, float], column: int) -> float:
    mine = [heights[panel.kind] for panel in panels if panel.column == column]
    return TOP_MM + sum(mine) + BETWEEN_MM * (len(mine) - 1) + AXIS_MM


def _draw(axes: Axes, panel: Panel, rows: Sequence[_Row]) -> None:
    length = _length(rows)
    axes.set_xscale("log" if panel.is_log else "linear")
    axes.set_xlim(panel.low, panel.high)
    axes.set_ylim(length - 0.4, -0.6)
    axes.xaxis.set_major_locator(FixedLocator(panel.ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(panel.ticks, [f"{tick:g}" for tick in panel.ticks])
    axes.tick_params(axis="x", labelsize=TEXT, length=2.0)
    axes.grid(axis="x")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    if panel.reference is not None:
        axes.axvline(panel.reference, color=GREY, linewidth=0.8, linestyle=(0, (3, 2)), zorder=1)
    points = axes.get_window_extent().width / axes.figure.dpi * 72.0
    axes.annotate(
        panel.title,
        (0.0, 1.0),
        xytext=(-_points(LABEL_MM), 7.0),
        xycoords="axes fraction",
        textcoords="offset points",
        fontsize=8.0,
        fontweight="bold",
    )
    _text(axes, "n", -0.75, -_points(N_MM), colour=GREY, right=True)
    for row in rows:
        if row.heading is not None:
            _text(axes, row.heading, row.place, -_points(LABEL_MM), weight="bold")
        else:
            _endpoint(axes, panel, row, points)


def _points(mm: float) -> float:
    return mm / MM_PER_INCH * 72.0


def _text(
    axes: Axes,
    text: str,
    place: float,
    x: float,
    *,
    colour: str = "black",
    weight: str = "normal",
    right: bool = False,
) -> None:
    axes.annotate(
        text,
        (0.0, place),
        xytext=(x, 0.0),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        fontsize=TEXT,
        color=colour,
        fontweight=weight,
        ha="right" if right else "left",
        va="center",
        annotation_clip=False,
    )


def _endpoint(axes: Axes, panel: Panel, row: _Row, width: float) -> None:
    one, place = row.endpoint, row.place
    if not one.inside:
        # From the label to the end of the axis.
        across = {"xmin": -_points(LABEL_MM) / width, "xmax": 1.0}
        look: dict[str, Any] = {"color": MISSED, "linewidth": 0.0, "zorder": 0, "clip_on": False}
        axes.axhspan(place - 0.5, place + 0.5, **across, **look)
    _text(axes, one.label, place, -_points(LABEL_MM - INDENT_MM))
    if not pd.isna(one.n):
        _text(axes, f"{one.n}", place, -_points(N_MM), colour=GREY, right=True)
    _interval(axes, panel, (one.low, one.high), place - OFFSET, 0.9, "black")
    axes.plot([one.published], [place - OFFSET], linestyle="", zorder=4, **PUBLISHED)
    style = ROLES[one.role]
    ends = (one.predicted_low, one.predicted_high)
    _interval(axes, panel, ends, place + OFFSET, 1.5, style["color"])
    axes.plot([one.predicted], [place + OFFSET], linestyle="", zorder=4, **style)


def _interval(
    axes: Axes, panel: Panel, ends: tuple[float, float], place: float, width: float, colour: str
) -> None:
    """Draw an interval, with an arrow where it goes on beyond the axis."""
    shown = [min(max(end, panel.low), panel.high) for end in ends]
    axes.plot(shown, [place, place], color=colour, linewidth=width, solid_capstyle="butt", zorder=3)
    for end, inside, marker in zip(ends, shown, ("<", ">"), strict=True):
        if not math.isclose(end, inside) and (panel.is_log or end != inside):
            axes.plot([inside], [place], marker=marker, markersize=2.6, color=colour, clip_on=False)


def _legend(figure: Figure, left: float, table: pd.DataFrame, counts: str) -> None:
    handles: list[Any] = [
        Line2D([], [], linewidth=0.9, label="published, 95 % confidence interval", **PUBLISHED)
    ]
    handles += [
        Line2D([], [], linewidth=1.5, label=f"predicted, 95 % interval: {words}", **ROLES[role])
        for role, words in ROLE_WORDS.items()
        if (table["role"] == role).any()
    ]
    if not table["inside"].all():
        handles.append(Patch(color=MISSED, label="published value outside the predicted interval"))
    legend = figure.legend(
        handles=handles,
        loc="lower left",
        bbox_to_anchor=(left, 0.0),
        fontsize=TEXT + 0.4,
        title=counts or None,
        title_fontsize=TEXT + 0.4,
        alignment="left",
        handlelength=2.6,
        labelspacing=0.55,
        borderaxespad=0.3,
        borderpad=0.0,
    )
    legend.get_title().set_linespacing(1.4)


CURVES_MM: Final = 190.0
CURVES_ROW_MM: Final = 45.0
FRAME_MM: Final = 16.0
COLUMNS: Final = 3
MOST_PANELS: Final = 12
SHOWN_MONTHS: Final = 36.0
YEAR: Final = 12
MIDDLE: Final = 50.0
STYLES: Final[dict[str, tuple[str, str, Any]]] = {
    "os": ("OS", COLOURS[0], "-"),
    "rfs": ("RFS of responders", COLOURS[2], (0, (4, 1.5))),
}
HELD_OUT: Final = "held_out"
MARKS: Final[dict[str, dict[str, Any]]] = {
    "os": {"marker": "s", "markersize": 3.8},
    "rfs": {"marker": "D", "markersize": 3.6},
}
OFFSETS: Final = {"os": 1.5, "rfs": -1.5}
"""Per cent by which a median is offset from the line of 50 %, so that both can be read."""
TITLE: Final = 7.2
TITLE_WIDTH: Final = 34
CORNER: Final = (0.97, 0.95)


def curves_figure(validation: Validation, table: pd.DataFrame) -> Figure:
    """Draw OS and RFS of the fitted cohorts and of the largest held out, a panel for each.

    The table is that of the validation, labelled, with the index of its targets.
    """
    names = _main(validation)
    rows = -(-len(names) // COLUMNS)
    columns = min(COLUMNS, len(names))
    figure, panels = new_figure(
        CURVES_MM * columns / COLUMNS, FRAME_MM + CURVES_ROW_MM * rows, rows=rows, columns=columns
    )
    for place, (axes, name) in enumerate(zip(panels, names, strict=False)):
        _draw_curves(axes, name, validation, table)
        if place % columns == 0:
            axes.set_ylabel("per cent")
        if place + columns >= len(names):
            axes.set_xlabel("months")
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    figure.legend(handles=_curves_legend(), loc="outside lower center", ncols=2, fontsize=TITLE)
    return figure


def _main(validation: Validation) -> list[tuple[str, str]]:
    """Return cohort and arm of each panel: all that are fitted, then the largest."""
    found: dict[tuple[str, str], list[Target]] = {}
    for curve in validation.curves:
        found.setdefault(_name(curve.target), [])
    for target in validation.targets:
        if _name(target) in found and target.survival is not None:
            found[_name(target)].append(target)

    def rank(name: tuple[str, str]) -> tuple[bool, int]:
        mine = found[name]
        return all(t.role != "fit" for t in mine), -max(t.n or 0 for t in mine)

    chosen = sorted(found, key=rank)[:MOST_PANELS]
    return [name for name in found if name in chosen]


def _name(target: Target) -> tuple[str, str]:
    return target.cohort, target.treatment


def _draw_curves(
    axes: Axes, name: tuple[str, str], validation: Validation, table: pd.DataFrame
) -> None:
    curves = [curve for curve in validation.curves if _name(curve.target) == name]
    for curve in curves:
        _band(axes, curve)
    drawn = {curve.target.curve: curve.endpoint for curve in curves}
    published = [
        (target, table.loc[place])
        for place, target in enumerate(validation.targets)
        if _name(target) == name and target.survival is not None and target.curve in drawn
    ]
    for target, row in published:
        _mark(axes, target, row, drawn[target.curve])
    subsets = {str(row.label).partition(", ")[2] for _, row in published}
    title = str(published[0][1].heading)
    if len(subsets) == 1 and (subset := subsets.pop()):
        title += f", {subset}"
    axes.set_title(textwrap.fill(title, TITLE_WIDTH), fontsize=TITLE)
    if all(target.role == HELD_OUT for target, _ in published):
        axes.text(
            *CORNER, "held out", transform=axes.transAxes, ha="right", va="top", style="italic"
        )
    axes.set_xlim(0.0, SHOWN_MONTHS)
    axes.set_ylim(0.0, 100.0)
    axes.set_xticks(np.arange(0, SHOWN_MONTHS + 1, YEAR / 2))
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.grid(visible=True)


def _band(axes: Axes, curve: PredictedCurve) -> None:
    _, colour, dashes = STYLES[curve.endpoint]
    months = np.arange(LAST_MONTH + 1)
    axes.fill_between(months, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0.0)
    axes.plot(months, curve.middle, color=colour, linestyle=dashes)


def _mark(
    axes: Axes,
    target: Target,
    row: Any,  # noqa: ANN401 - a row of mixed types
    endpoint: str,
) -> None:
    """Mark a median near the line of 50 %, or a landmark at its time, with its interval."""
    _, colour, _ = STYLES[endpoint]
    y = MIDDLE + OFFSETS[endpoint]
    if target.at_months is None:
        ends, heights, at = [row.low, row.high], [y, y], (row.published, y)
    else:
        at = (target.at_months, row.published)
        ends, heights = [target.at_months] * 2, [row.low, row.high]
    axes.plot(ends, heights, color=colour, linewidth=1.1, zorder=4)
    axes.plot(
        *([place] for place in at),
        markerfacecolor=colour,
        markeredgecolor="black",
        linestyle="",
        zorder=5,
        **MARKS[endpoint],
    )


def _curves_legend() -> list[Any]:
    predicted = [
        Line2D([], [], color=colour, linestyle=dashes, label=f"{words}, predicted")
        for words, colour, dashes in STYLES.values()
    ]
    published = []
    for endpoint, (words, colour, _) in STYLES.items():
        marks: dict[str, Any] = {"markeredgecolor": "black", "linewidth": 1.1, **MARKS[endpoint]}
        label = f"{words}: published median or landmark, 95 % interval"
        published.append(Line2D([], [], color=colour, label=label, **marks))
    band = Patch(color=GREY, alpha=0.3, linewidth=0.0, label="95 % interval of the predicted curve")
    return [*predicted, band, *published]
