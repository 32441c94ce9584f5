"""The patient flow of strategies: diagrams from treatment to a landmark."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import pairwise
from typing import Final, NamedTuple

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path

from sim.clinic.units import PERCENT
from sim.layout.style import COLOURS, GREY, LIGHT_GREY, WHITE_GROUND, new_figure

WIDTH_MM: Final = 160.0
HEIGHT_MM: Final = 84.0
NODE_WIDTH: Final = 0.045
GAP: Final = 0.125
"""Between nodes of a column, as a share of all patients, so that their labels have room."""
LABEL_HEIGHT: Final = 0.12
LINE_HEIGHT: Final = 0.058
HEADING_GAP: Final = 0.07
MARGIN: Final = 0.03
LAST_LABEL: Final = 0.42
SMALL: Final = 7.6
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


def flow_figure(paths: pd.DataFrame, *, title: str, width_mm: float = WIDTH_MM) -> Figure:
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
    figure, panels = new_figure(WIDTH_MM, HEIGHT_MM * len(labels), rows=len(labels))
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
    _frame(axes, places, float(paths["months"].max()), lowest)
    axes.set_title(title)


def _frame(axes: Axes, places: dict[tuple[int, Node], Place], months: float, lowest: float) -> None:
    """Write a heading above each column, and leave room for everything."""
    top = max(place.bottom + place.height for place in places.values())
    bottom = min(*(place.bottom for place in places.values()), lowest)
    for column, heading in enumerate(HEADINGS):
        text = heading.format(months=months)
        axes.text(column, top + HEADING_GAP, text, fontsize=SMALL, color=GREY, va="bottom")
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
                fontsize=SMALL,
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
