"""Survival curves of the strategies, patients at risk below, with published values.

Costs or QALYs of the strategies, stacked by category.

The patient flow of strategies: diagrams from treatment to a landmark.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from sim.clinic.units import PERCENT
from sim.economics.estimates import Array
from sim.layout.style import (
    COLOURS,
    GREY,
    LIGHT_GREY,
    WHITE_GROUND,
    colour_of,
    in_currency,
    legend_columns,
    new_figure,
)

if TYPE_CHECKING:
    from sim.evidence.register import Published

WIDTH_MM: Final = 160.0
CURVE_MM: Final = 66.0
TITLES: Final = {"os": "Overall survival", "rfs": "Relapse-free survival of responders"}
ROW_MM: Final = 4.3
RISK_FRAME_MM: Final = 3.0
LEGEND_MM: Final = 6.0
HALF: Final = 50.0
TICK_MONTHS: Final = 12
EARLY_MONTHS: Final = 36
"""Most happens before; what comes later is drawn smaller, by this factor."""
SMALLER: Final = 4.0
LATE_TICK_MONTHS: Final = 30
LATE_TICKS_FROM: Final = 60
SMALL: Final = 7.0
TOO_LONG: Final = 10_000
LATE_TOO_LONG: Final = 1_000
"""Counts below these, in patients, thousands or millions, fit beside one another."""
TWO_DIGITS: Final = 100
TOP: Final = 102.0
SWATCH: Final = 0.06
NAME_SHARE: Final = 0.42
"""Where, within its two lines, a strategy's name ends."""
NUMBER_SHARE: Final = 0.52
"""Where its numbers begin."""


def survival_figure(
    curves: pd.DataFrame,
    published: Sequence[Published],
    labels: Mapping[str, str],
    *,
    endpoint: str,
    width_mm: float = WIDTH_MM,
) -> Figure:
    """Draw the curves of an endpoint, with numbers at risk and published medians and landmarks.

    Parameters
    ----------
    curves
        Rows of survival.csv of one endpoint.
    published
        Medians are at 50 %, landmarks at their month; lines through them are their intervals.
    labels
        Labels of strategies, by name, in the order of the scenario.
    endpoint
        One of `TITLES`.
    width_mm
        Of the figure.
    """
    rows = 2 * len(labels)
    height = CURVE_MM + (LEGEND_MM if published else 0.0) + RISK_FRAME_MM + ROW_MM * rows
    figure, (axes, risk) = new_figure(width_mm, height, rows=2)
    axes.get_gridspec().set_height_ratios([CURVE_MM, RISK_FRAME_MM + ROW_MM * rows])  # type: ignore[union-attr]  # axes of a grid have one
    colours = colour_of(list(labels))
    last = int(curves["months"].max())
    for name, label in labels.items():
        curve = curves[curves["strategy"] == name]
        axes.plot(curve["months"], curve["survival_percent"], color=colours[name], label=label)
    for point in published:
        _point(axes, point, colours[point.strategy], last)
    ticks = [
        *range(0, min(last, EARLY_MONTHS) + 1, TICK_MONTHS),
        *range(LATE_TICKS_FROM, last + 1, LATE_TICK_MONTHS),
    ]
    _frame(axes, ticks, last, endpoint)
    _at_risk(risk, curves, labels, colours, ticks, last)
    if published:
        look: dict[str, Any] = {"color": GREY, "marker": "o", "markerfacecolor": "white"}
        handle = Line2D([], [], linewidth=1.0, label="published, with interval", **look)
        figure.legend(handles=[handle], loc="outside lower center")
    return figure


def _months(axes: Axes, last: int) -> None:
    """Let the horizontal axis be months, the later ones smaller."""

    def drawn(months: Array) -> Array:
        return np.where(
            months > EARLY_MONTHS, EARLY_MONTHS + (months - EARLY_MONTHS) / SMALLER, months
        )

    def months(place: Array) -> Array:
        return np.where(
            place > EARLY_MONTHS, EARLY_MONTHS + (place - EARLY_MONTHS) * SMALLER, place
        )

    axes.set_xscale("function", functions=(drawn, months))
    axes.set_xlim(0.0, max(last, 1))


def _point(axes: Axes, point: Published, colour: str, last: int) -> None:
    if point.value is None:
        return
    centre = (point.value, HALF) if point.months is None else (point.months, point.value)
    if centre[0] > last:
        return
    low = point.value if point.low is None else point.low
    high = point.high
    if high is None:
        high = point.value if point.months is not None or point.low is None else float(last)
    ends = (
        ([low, high], [HALF, HALF]) if point.months is None else ([point.months] * 2, [low, high])
    )
    axes.plot(*ends, color=colour, linewidth=1.0, zorder=4)
    axes.plot(
        *centre,
        marker="o",
        markersize=5.0,
        color=colour,
        markerfacecolor="white",
        linestyle="",
        zorder=5,
    )


def _frame(axes: Axes, ticks: list[int], last: int, endpoint: str) -> None:
    axes.set_title(TITLES[endpoint])
    _months(axes, last)
    axes.set_ylim(0.0, TOP)
    axes.set_xticks(ticks)
    axes.grid(axis="y")
    axes.set_ylabel(f"{endpoint.upper()}, %")
    start = "remission" if endpoint == "rfs" else "entry"
    axes.set_xlabel(f"Months since {start}")
    if last > EARLY_MONTHS:
        axes.axvspan(EARLY_MONTHS, last, color=LIGHT_GREY, alpha=0.35, linewidth=0.0, zorder=0)
        axes.text(
            *(last, TOP - 3.0),
            f"time drawn {SMALLER:.0f} times\nsmaller after month {EARLY_MONTHS} ",
            fontsize=SMALL,
            color=GREY,
            ha="right",
            va="top",
        )
    axes.set_yticks([0.0, PERCENT / 4.0, HALF, 3.0 * PERCENT / 4.0, PERCENT])


def _at_risk(
    axes: Axes,
    curves: pd.DataFrame,
    labels: Mapping[str, str],
    colours: Mapping[str, str],
    ticks: list[int],
    last: int,
) -> None:
    """Write the numbers at risk below the ticks, strategy by strategy under its name."""
    axes.set_axis_off()
    _months(axes, last)
    axes.set_ylim(len(labels), 0.0)
    late = curves[curves["months"] >= EARLY_MONTHS]["at_risk"]
    unit, word, digits = unit_of(int(curves["at_risk"].max()), int(late.max()) if len(late) else 0)
    for row, (name, label) in enumerate(labels.items()):
        curve = curves[curves["strategy"] == name].set_index("months")["at_risk"]
        axes.plot([0.0, SWATCH * EARLY_MONTHS], [row + NAME_SHARE / 2.0] * 2, color=colours[name])
        axes.text(
            *(1.5 * SWATCH * EARLY_MONTHS, row + NAME_SHARE),
            f"{label}, at risk{word}",
            fontsize=SMALL,
            va="bottom",
        )
        for tick in ticks:
            if tick in curve.index:
                axes.text(
                    tick,
                    row + NUMBER_SHARE,
                    f"{curve[tick] / unit:.{digits}f}",
                    fontsize=SMALL,
                    ha="left" if tick == 0 else "right" if tick == last else "center",
                    va="top",
                )


def unit_of(largest: int, late: int) -> tuple[int, str, int]:
    """Return the unit of counts up to `largest`, its word and its decimal places.

    Those up to `late` stand nearer to one another.
    """
    units = ((1, ""), (1_000, ", thousands"), (1_000_000, ", millions"))
    unit, word = next(
        (each for each in units if largest < TOO_LONG * each[0] and late < LATE_TOO_LONG * each[0]),
        units[-1],
    )
    return unit, word, int(unit > 1 and largest < TWO_DIGITS * unit)


COSTS_MM: Final = 160.0
COSTS_ROW_MM: Final = 11.0
FRAME_MM: Final = 36.0
HALF_BAR: Final = 0.32
PALETTE: Final = (*COLOURS[:6], LIGHT_GREY, COLOURS[7])
COSTS_POINTS: Final = 7.5
LABEL_WIDTH: Final = 16
ROOM: Final = 1.3
"""The axis ends so far beyond the longest bar, for the total."""


def costs_figure(
    amounts: pd.DataFrame,
    labels: Mapping[str, str],
    categories: Mapping[str, str],
    *,
    symbol: str,
    title: str,
    width_mm: float = COSTS_MM,
) -> Figure:
    """Draw a bar for each strategy, stacked from the costs of each category.

    Parameters
    ----------
    amounts
        Columns ``strategy``, ``category``, ``amount`` in currency per patient.
    labels, categories
        Labels of strategies and categories, by name, in their order.
    symbol
        Of the currency.
    title
        Of the figure.
    width_mm
        Of the figure.
    """
    figure, (axes,) = new_figure(width_mm, FRAME_MM + COSTS_ROW_MM * len(labels))
    table = amounts.pivot_table("amount", "strategy", "category", aggfunc="sum", fill_value=0.0)
    table = table.reindex(index=list(labels), columns=list(categories), fill_value=0.0)
    total = _stacked(axes, table, categories)
    for place, amount in enumerate(total):
        axes.annotate(
            f"{symbol}{amount:,.0f}",
            (amount, place),
            xytext=(3.0, 0.0),
            textcoords="offset points",
            va="center",
            fontsize=COSTS_POINTS,
        )
    places = range(len(labels))
    axes.set_yticks(places, [textwrap.fill(label, LABEL_WIDTH) for label in labels.values()])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0.0, ROOM * float(total.max()) or 1.0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.locator_params(axis="x", nbins=5)
    in_currency(axes.xaxis, symbol)
    axes.set_title(title)
    columns = legend_columns(list(categories.values()), width_mm)
    figure.legend(loc="outside lower center", ncols=columns, fontsize=COSTS_POINTS)
    return figure


def _stacked(axes: Axes, table: pd.DataFrame, categories: Mapping[str, str]) -> pd.Series[float]:
    """Draw the categories, each from the end of the one before; return the ends of the bars."""
    places = range(len(table))
    start = table.iloc[:, 0] * 0.0
    for colour, (name, label) in zip(PALETTE, categories.items(), strict=False):
        axes.barh(
            places,
            table[name],
            left=start,
            height=2.0 * HALF_BAR,
            color=colour,
            edgecolor="white",
            linewidth=0.5,
            label=label,
        )
        start = start + table[name]
    return start


FLOW_MM: Final = 160.0
HEIGHT_MM: Final = 84.0
NODE_WIDTH: Final = 0.045
GAP: Final = 0.125
"""Between nodes of a column, as a share of all patients, so that their labels have room."""
LABEL_HEIGHT: Final = 0.12
LINE_HEIGHT: Final = 0.058
HEADING_GAP: Final = 0.07
MARGIN: Final = 0.03
LAST_LABEL: Final = 0.42
FLOW_POINTS: Final = 7.6
BLEND: Final = 0.35
BLUE, VERMILLION, GREEN, AMBER, LIGHT_BLUE = (COLOURS[place] for place in (0, 1, 2, 4, 5))
LIGHT_AMBER: Final = "#F3D9A0"
DARK: Final = "#4A4A4A"
"""Blue is remission, amber transplant, vermillion relapse, green life and dark grey death."""


class Node(NamedTuple):
    """A place in a column of the diagram."""

    label: str
    colour: str


TREATED: Final = Node("Treated", GREY)
RESPONSES: Final = {
    "mrd_negative": Node("Remission,\nMRD-negative", BLUE),
    "mrd_positive": Node("Remission,\nMRD-positive", LIGHT_BLUE),
    "none": Node("No remission", LIGHT_GREY),
}
TRANSPLANTED: Final = Node("Allo-HCT in\nremission", AMBER)
WITHOUT: Final = Node("No allo-HCT\nin remission", LIGHT_AMBER)
COURSES: Final = {
    "in_remission": Node("Still in\nremission", BLUE),
    "died_in_remission": Node("Died in\nremission", DARK),
    "relapsed": Node("Relapsed", VERMILLION),
    "no_remission": Node("No remission", LIGHT_GREY),
}
STATES: Final = {"alive": Node("Alive", GREEN), "dead": Node("Dead", DARK)}
ORDER: Final = (
    (TREATED,),
    tuple(RESPONSES.values()),
    (TRANSPLANTED, WITHOUT, RESPONSES["none"]),
    tuple(COURSES.values()),
    tuple(STATES.values()),
)
"""The columns, each from top to bottom."""


HEADINGS: Final = (
    "Start",
    "First line",
    "First remission",
    "By month {months:.0f}",
    "Month {months:.0f}",
)


class Place(NamedTuple):
    """The place of a node: left edge, lower edge and height, in shares."""

    x: float
    bottom: float
    height: float


def flow_figure(paths: pd.DataFrame, *, title: str, width_mm: float = FLOW_MM) -> Figure:
    """Draw the courses of a strategy's patients; the breadth of a band is a share of patients.

    Parameters
    ----------
    paths
        Rows of flow.csv of one strategy.
    title
        Of the figure: the label of the strategy.
    width_mm
        Of the figure.
    """
    figure, (axes,) = new_figure(width_mm, HEIGHT_MM)
    _flow(axes, paths, title)
    return figure


def flows_figure(paths: pd.DataFrame, labels: Mapping[str, str]) -> Figure:
    """Draw the courses under each strategy, one below the other.

    Parameters
    ----------
    paths
        Rows of flow.csv.
    labels
        Labels of strategies, by name, in the order of the scenario.
    """
    figure, panels = new_figure(FLOW_MM, HEIGHT_MM * len(labels), rows=len(labels))
    for axes, (name, label) in zip(panels, labels.items(), strict=True):
        _flow(axes, paths[paths["strategy"] == name], label)
    return figure


def _flow(axes: Axes, paths: pd.DataFrame, title: str) -> None:
    total = float(paths["patients"].sum()) or 1.0
    steps: Counter[tuple[int, Node, Node]] = Counter()
    sizes: Counter[tuple[int, Node]] = Counter()
    for row in paths.itertuples():
        nodes = _nodes(str(row.response), str(row.transplant), str(row.course), str(row.state))
        share = float(row.patients) / total  # type: ignore[arg-type]  # a column of numbers
        for column, node in enumerate(nodes):
            sizes[column, node] += share  # type: ignore[assignment]  # counts shares
        for column, (before, after) in enumerate(pairwise(nodes)):
            steps[column, before, after] += share  # type: ignore[assignment]
    places = _places(sizes)
    _bands(axes, steps, places)
    for (_, node), place in places.items():
        corner = (place.x, place.bottom)
        axes.add_patch(Rectangle(corner, NODE_WIDTH, place.height, color=node.colour, linewidth=0))
    lowest = _labels(axes, places)
    _flow_frame(axes, places, float(paths["months"].max()), lowest)
    axes.set_title(title)


def _flow_frame(
    axes: Axes, places: dict[tuple[int, Node], Place], months: float, lowest: float
) -> None:
    """Write a heading above each column, and leave room for everything."""
    top = max(place.bottom + place.height for place in places.values())
    bottom = min(*(place.bottom for place in places.values()), lowest)
    for column, heading in enumerate(HEADINGS):
        text = heading.format(months=months)
        axes.text(column, top + HEADING_GAP, text, fontsize=FLOW_POINTS, color=GREY, va="bottom")
    axes.set_axis_off()
    axes.set_xlim(0.0, len(ORDER) - 1.0 + LAST_LABEL)
    axes.set_ylim(bottom - MARGIN, top + HEADING_GAP + LABEL_HEIGHT / 2.0)


def _nodes(response: str, transplant: str, course: str, state: str) -> tuple[Node, ...]:
    """Return the node of a path in each column."""
    responded = response != "none"
    transplanted = TRANSPLANTED if transplant == "in_remission" else WITHOUT
    return (
        TREATED,
        RESPONSES[response],
        transplanted if responded else RESPONSES["none"],
        COURSES[course],
        STATES[state],
    )


def _places(sizes: Counter[tuple[int, Node]]) -> dict[tuple[int, Node], Place]:
    """Stack the nodes of each column from the top, with gaps, in the middle of the height."""
    found = {}
    for column, order in enumerate(ORDER):
        present = [node for node in order if sizes[column, node] > 0.0]
        top = 1.0 + GAP * (len(present) - 1) / 2.0
        for node in present:
            height = float(sizes[column, node])
            found[column, node] = Place(float(column), top - height, height)
            top -= height + GAP
    return found


def _bands(
    axes: Axes, steps: Counter[tuple[int, Node, Node]], places: dict[tuple[int, Node], Place]
) -> None:
    """Join the nodes of neighbouring columns, from top to bottom on either side."""
    leaving = {key: place.bottom + place.height for key, place in places.items()}
    entering = dict(leaving)
    for column, order in enumerate(ORDER[:-1]):
        for before in order:
            for after in ORDER[column + 1]:
                share = float(steps[column, before, after])
                if share <= 0.0:
                    continue
                start, end = (column, before), (column + 1, after)
                band = _band(
                    places[start].x + NODE_WIDTH,
                    leaving[start],
                    places[end].x,
                    entering[end],
                    share,
                )
                colour = after.colour if after.colour != LIGHT_GREY else before.colour
                axes.add_patch(PathPatch(band, facecolor=colour, alpha=BLEND, linewidth=0.0))
                leaving[start] -= share
                entering[end] -= share


def _band(x0: float, top0: float, x1: float, top1: float, share: float) -> Path:
    middle = (x0 + x1) / 2.0
    corners = [
        (x0, top0),
        *((middle, top0), (middle, top1), (x1, top1)),
        (x1, top1 - share),
        *((middle, top1 - share), (middle, top0 - share), (x0, top0 - share)),
        (x0, top0),
    ]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return Path(corners, codes)


def _labels(axes: Axes, places: dict[tuple[int, Node], Place]) -> float:
    """Write the nodes' names and shares next to them without overlap; return the lowest end."""
    lowest = 0.0
    for column in range(len(ORDER)):
        nodes = [(node, place) for (c, node), place in places.items() if c == column]
        heights = [LINE_HEIGHT * (node.label.count("\n") + 2) for node, _ in nodes]
        centres = _apart([place.bottom + place.height / 2.0 for _, place in nodes], heights)
        for (node, place), centre, height in zip(nodes, centres, heights, strict=True):
            lowest = min(lowest, centre - height / 2.0)
            axes.text(
                place.x + NODE_WIDTH * 1.6,
                centre,
                f"{node.label}\n{PERCENT * place.height:.0f} %",
                fontsize=FLOW_POINTS,
                va="center",
                ha="left",
                linespacing=1.05,
                bbox=WHITE_GROUND,
            )
    return lowest


def _apart(centres: list[float], heights: list[float]) -> list[float]:
    """Move falling centres of labels down where one would overlap the label above."""
    moved: list[float] = []
    for centre, height in zip(centres, heights, strict=True):
        if moved:
            nearest = moved[-1] - (heights[len(moved) - 1] + height) / 2.0
            moved.append(min(centre, nearest))
        else:
            moved.append(centre)
    return moved
