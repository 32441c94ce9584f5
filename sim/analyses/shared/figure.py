"""Common parts of figures: words along axes, the threshold as an axis or as lines, the frontier.

The frontier is drawn on the plane of expected cost and QALYs with all strategies.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sim.analyses.shared.outcomes import Outcome
from sim.analyses.shared.text import with_unit
from sim.economics.estimates import NORMAL_97_5
from sim.economics.incremental import Status
from sim.layout.cells import SYMBOLS, money_text, number_text, typeset
from sim.layout.style import COLOURS, GREY, in_currency, legend_columns, new_figure
from sim.simulation.question import Question

if TYPE_CHECKING:
    from sim.analyses.shared.ranges import Range

DOTS: Final = " …"
WIDTH_MM: Final = 130.0
HEIGHT_MM: Final = 40.0
LINE: Final = 70
"""Of a figure that has nothing to draw, and of a line of its words."""
AXIS_LABEL: Final = 52
"""Letters of a line beside an axis, which is no longer than the axis."""


def number(value: float | None) -> str:
    """Return a number as shown in a figure; empty for none."""
    return typeset(number_text(value))


def amount(outcome: Outcome, value: float) -> str:
    """Return a value of an outcome, with the sign of its currency where it has one."""
    if outcome.unit not in SYMBOLS:
        return number(value)
    return typeset(money_text(value, SYMBOLS[outcome.unit]))


def in_unit(axis: Axis, outcome: Outcome) -> None:
    """Write the numbers along an axis in the unit of an outcome."""
    if outcome.unit in SYMBOLS:
        in_currency(axis, SYMBOLS[outcome.unit])
    else:
        axis.set_major_formatter(lambda value, _: number(value))


def axis_label(outcome: Outcome, question: Question) -> str:
    """Return an outcome and its unit; of money also its year."""
    year = f"{question.perspective.price_year} " if outcome.unit in SYMBOLS else ""
    return f"{outcome.label}, {year}{outcome.unit}"


def named(varied: Range) -> str:
    """Return the label of a parameter and its unit, unless the label says it."""
    return balanced(with_unit(varied.label, varied.unit), AXIS_LABEL)


def whole_ticks(axis: Axis, varied: Range) -> None:
    """Put ticks at whole numbers only, along the axis of a count."""
    if varied.is_whole:
        axis.set_major_locator(MaxNLocator(integer=True))


def balanced(text: str, width: int, most: int = 2) -> str:
    """Break text into lines of about the same length.

    Parameters
    ----------
    text
        Of words.
    width
        Signs of a line, at most.
    most
        Lines, at most; the rest is left out and marked as such.
    """
    shortened = textwrap.wrap(text, width, max_lines=most, placeholder=DOTS, break_on_hyphens=False)
    if len(shortened) <= 1:
        return text
    whole = " ".join(shortened)
    narrowest = min(width, -(-len(whole) // len(shortened)))
    return next(
        "\n".join(lines)
        for narrower in range(narrowest, width + 1)
        for lines in (textwrap.wrap(whole, narrower, break_on_hyphens=False),)
        if len(lines) <= len(shortened)
    )


def words_figure(title: str, text: str) -> Figure:
    """Return a figure that says why there is none."""
    figure, (axes,) = new_figure(WIDTH_MM, HEIGHT_MM)
    axes.set_axis_off()
    axes.set_title(title)
    said = "\n".join(textwrap.wrap(text, LINE))
    axes.text(0.0, 0.7, said, transform=axes.transAxes, va="top", fontsize=8.0)
    return figure


BAND: Final = 0.15
SMALL: Final = 6.5
NAME_POINTS: Final = 18.0
"""Height of a name of two lines, with room."""
POINTS_PER_INCH: Final = 72.0


def threshold_axis(
    axes: Axes, curve: pd.DataFrame, thresholds: Sequence[float], symbol: str
) -> None:
    """Let the horizontal axis be the column ``threshold``, with lines at the scenario's own."""
    for place, threshold in enumerate(thresholds):
        label = "thresholds of the scenario" if place == 0 else None
        axes.axvline(threshold, color=GREY, linestyle="--", linewidth=0.8, zorder=0, label=label)
    axes.set_xlim(0.0, float(curve["threshold"].max()))
    axes.grid(axis="y")
    in_currency(axes.xaxis, symbol)
    axes.set_xlabel("Threshold per QALY")


def threshold_lines(
    axes: Axes,
    thresholds: Sequence[float],
    symbol: str,
    start: tuple[float, float] = (0.0, 0.0),
) -> None:
    """Draw thresholds on a plane of QALYs and cost, their names where the lines leave the plane.

    Names at the side are at least `NAME_POINTS` apart, the steeper the higher.
    """
    right, (bottom, top) = axes.get_xlim()[1], axes.get_ylim()
    height = axes.get_window_extent().height * POINTS_PER_INCH / axes.figure.dpi
    before = -math.inf
    for threshold in sorted(thresholds):
        axes.axline(start, slope=threshold, color=GREY, linestyle="--", linewidth=0.9, zorder=1)
        x = min(right, start[0] + (top - start[1]) / threshold)
        at_side, y = x == right, start[1] + (x - start[0]) * threshold
        points = height * (y - bottom) / (top - bottom)
        raised = max(before + NAME_POINTS - points, 0.0) if at_side else 0.0
        before = points + raised
        axes.annotate(
            f"{money_text(threshold, symbol)}\nper QALY",
            (x, y),
            xytext=(2.0, raised) if at_side else (0.0, 2.0),
            textcoords="offset points",
            ha="left" if at_side else "center",
            va="center" if at_side else "bottom",
            fontsize=SMALL,
            color=GREY,
            annotation_clip=False,
        )


def money_axis(axes: Axes, label: str, symbol: str) -> None:
    """Let the vertical axis be an amount of money from 0 up."""
    axes.set_ylim(bottom=0.0)
    in_currency(axes.yaxis, symbol)
    axes.set_ylabel(label)


def money_curve(
    axes: Axes, curve: pd.DataFrame, amount: str, se: str, *, colour: str, label: str | None = None
) -> None:
    """Draw a column of amounts that are never negative, with its 95 % interval."""
    mean, error = curve[amount], NORMAL_97_5 * curve[se]
    axes.fill_between(
        curve["threshold"],
        (mean - error).clip(lower=0.0),
        mean + error,
        color=colour,
        alpha=BAND,
        linewidth=0.0,
    )
    axes.plot(curve["threshold"], mean, color=colour, label=label, zorder=2)


FRONTIER_MM: Final = 160.0
FRONTIER_HEIGHT_MM: Final = 105.0
ROOM: Final = 0.18
FRONTIER_POINTS: Final = 7.0
MARK: Final = 11.0
TITLE_PAD: Final = 18.0


class Place(NamedTuple):
    """A strategy on the plane: expected QALYs and cost, its status, and its ICER if it has one."""

    label: str
    qalys: float
    cost: float
    status: Status
    icer: float | None


class Plane(NamedTuple):
    """A full incremental analysis: its strategies by rising cost, and the question's own."""

    title: str
    places: Sequence[Place]
    question: Question


def frontier_figure(planes: Sequence[Plane]) -> Figure:
    """Draw a plane for each full incremental analysis.

    Strategies are numbered by rising cost. A line joins those on the frontier, with the ICER of
    each step; the others are hollow. Dashed lines start at the cheapest strategy: one above the
    line of a threshold costs more than its QALYs are worth there.
    """
    figure, panels = new_figure(FRONTIER_MM, FRONTIER_HEIGHT_MM * len(planes), rows=len(planes))
    for axes, (title, places, question) in zip(panels, planes, strict=True):
        money = question.perspective
        symbol = SYMBOLS[money.currency]
        _draw(axes, places, question.thresholds, symbol)
        axes.set_title(title, pad=TITLE_PAD)
        axes.set_xlabel("Expected QALYs per patient")
        axes.set_ylabel(f"Expected cost per patient, {money.currency} of {money.price_year}")
    return figure


def _draw(axes: Axes, places: Sequence[Place], thresholds: Sequence[float], symbol: str) -> None:
    for values, limit in (
        ([place.qalys for place in places], axes.set_xlim),
        ([place.cost for place in places], axes.set_ylim),
    ):
        room = ROOM * ((max(values) - min(values)) or abs(values[0]) or 1.0)
        limit(min(values) - room, max(values) + room)
    in_currency(axes.yaxis, symbol)
    axes.grid()
    efficient = [place for place in places if place.status == "frontier"]
    threshold_lines(axes, thresholds, symbol, (efficient[0].qalys, efficient[0].cost))
    axes.plot([p.qalys for p in efficient], [p.cost for p in efficient], color="black", zorder=3)
    handles = []
    for number, place in enumerate(places, start=1):
        colour = COLOURS[(number - 1) % len(COLOURS)]
        look = {
            "marker": "o",
            "markersize": MARK,
            "markeredgecolor": colour,
            "markerfacecolor": colour if place.status == "frontier" else "white",
            "linestyle": "",
        }
        axes.plot(place.qalys, place.cost, zorder=4, **look)  # type: ignore[arg-type]  # a look
        axes.annotate(
            str(number),
            (place.qalys, place.cost),
            ha="center",
            va="center_baseline",
            fontsize=FRONTIER_POINTS,
            color="white" if place.status == "frontier" else "black",
            zorder=5,
        )
        handles.append(Line2D([], [], label=_said(number, place, symbol), **look))  # type: ignore[arg-type]
    columns = legend_columns([str(handle.get_label()) for handle in handles], FRONTIER_MM)
    axes.legend(
        handles=handles,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.16),
        ncols=columns,
        markerscale=0.5,
    )


def _said(number: int, place: Place, symbol: str) -> str:
    if place.icer is not None:
        return f"{number} {place.label}: {money_text(place.icer, symbol)} per QALY"
    status = "" if place.status == "frontier" else f", {place.status}"
    return f"{number} {place.label}{status}"
