"""The plane of expected cost and QALYs with all strategies, and their frontier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.analyses.shared.against_threshold import threshold_line
from sim.economics.incremental import Status
from sim.layout.cells import SYMBOLS, money_text
from sim.layout.style import COLOURS, in_currency, legend_columns, new_figure
from sim.simulation.question import Question

WIDTH_MM: Final = 160.0
HEIGHT_MM: Final = 105.0
ROOM: Final = 0.18
SMALL: Final = 7.0
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
    figure, panels = new_figure(WIDTH_MM, HEIGHT_MM * len(planes), rows=len(planes))
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
    for threshold in thresholds:
        threshold_line(axes, threshold, symbol, (efficient[0].qalys, efficient[0].cost))
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
            fontsize=SMALL,
            color="white" if place.status == "frontier" else "black",
            zorder=5,
        )
        handles.append(Line2D([], [], label=_said(number, place, symbol), **look))  # type: ignore[arg-type]
    columns = legend_columns([str(handle.get_label()) for handle in handles], WIDTH_MM)
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
