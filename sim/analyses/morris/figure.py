"""A Morris screening: the size of each effect, and its size against its variation."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from matplotlib.ticker import MaxNLocator

from sim.analyses.shared.cube import Ranking
from sim.analyses.shared.figure import axis_label, balanced, in_unit, words_figure
from sim.analyses.shared.target import Target
from sim.layout.style import COLOURS, GREY, MM_PER_INCH

WIDTH_MM: Final = 190.0
ROW_MM: Final = 5.6
FRAME_MM: Final = 26.0
PLANE_MM: Final = 68.0
ROOM: Final = 0.08
"""Of the plane beyond its points, for their numbers."""
SMALL: Final = 6.5
LABEL_WIDTH: Final = 44
WIDTHS: Final = (1.0, 1.15)
CLEAR: Final = 2.0
"""Pixels around a number that are free of other numbers and points."""
PLACES: Final = ((4.0, 3.0), (4.0, -8.0), (-9.0, 3.0), (-9.0, -8.0), (0.0, 6.0), (0.0, -11.0))
"""Allowed places of the number of a point, in points from it, the best first."""
TICK: Final[dict[str, Any]] = {
    "fmt": "none",
    "ecolor": "black",
    "elinewidth": 0.7,
    "capsize": 1.5,
    "capthick": 0.7,
}
TICKS: Final = 4
SIGMA: Final = "sigma"
HEADINGS: Final = {
    SIGMA: "σ, standard deviation of the effects",
    "mu_star_ci": "Half-width of the 95 % interval of μ*",
}


def morris_figure(result: Ranking, table: pd.DataFrame, top: int) -> Figure:
    """Draw the `top` inputs by mu*, with 95 % intervals, next to the plane of all.

    The table is in the columns of morris.csv.
    """
    if result.is_constant:
        return words_figure(result.is_of, result.lacking)
    named = table.head(top)
    height = max(PLANE_MM, ROW_MM * len(named)) + FRAME_MM
    figure = Figure(figsize=(WIDTH_MM / MM_PER_INCH, height / MM_PER_INCH))
    sizes, plane = figure.subplots(1, 2, width_ratios=WIDTHS)
    figure.suptitle(result.is_of, x=0.01, ha="left", fontsize=9, weight="bold")
    figure.supxlabel(f"Effects on: {axis_label(result.outcome, result.question)}", fontsize=8.0)
    _sizes(sizes, named, result)
    _plane(plane, table, len(named), result)
    figure.draw_without_rendering()
    _number(plane, table, len(named))
    return figure


def _sizes(axes: Axes, named: pd.DataFrame, target: Target) -> None:
    places = np.arange(len(named), dtype=np.float64)
    axes.barh(places, named["mu_star"], height=0.64, color=COLOURS[0])
    axes.errorbar(named["mu_star"], places, xerr=named["mu_star_ci"], **TICK)
    labels = [
        balanced(f"{label[:1].upper()}{label[1:]}  {place}", LABEL_WIDTH)
        for place, label in enumerate(named["label"].astype(str), start=1)
    ]
    axes.set_yticks(places, labels, fontsize=SMALL)
    axes.set_ylim(len(named) - 0.4, -0.6)
    axes.set_xlim(left=0.0)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel("μ*, mean size of the effects")
    in_unit(axes.xaxis, target.outcome)
    axes.xaxis.set_major_locator(MaxNLocator(TICKS))


def _plane(axes: Axes, table: pd.DataFrame, named: int, target: Target) -> None:
    heights = _heights(table)
    rest = table.iloc[named:]
    axes.scatter(rest["mu_star"], rest[heights], s=7.0, color=GREY, linewidths=0.0)
    first = table.head(named)
    axes.scatter(first["mu_star"], first[heights], s=14.0, color=COLOURS[0], linewidths=0.0)
    axes.margins(ROOM)
    axes.set_xlim(left=0.0)
    axes.set_ylim(bottom=0.0)
    axes.grid()
    axes.set_xlabel("μ*, mean size of the effects")
    axes.set_ylabel(HEADINGS[heights])
    for axis in (axes.xaxis, axes.yaxis):
        in_unit(axis, target.outcome)
    axes.xaxis.set_major_locator(MaxNLocator(TICKS))


def _heights(table: pd.DataFrame) -> str:
    # Of a group of several coordinates there is no sigma.
    return SIGMA if bool(table[SIGMA].notna().all()) else "mu_star_ci"


def _number(axes: Axes, table: pd.DataFrame, named: int) -> None:
    """Write the number of each point that has room for it; others are left without."""
    taken: list[Any] = []
    heights = _heights(table)
    points = table.head(named)[["mu_star", heights]].to_numpy(dtype=np.float64)
    dots = axes.transData.transform(table[["mu_star", heights]].to_numpy(dtype=np.float64))
    for place, point in enumerate(points, start=1):
        for shift in PLACES:
            text = _written(axes, place, point, shift)
            box = text.get_window_extent().padded(CLEAR)
            crowded = any(box.overlaps(other) for other in taken)
            covers = any(box.contains(*dot) for dot in dots)
            inside = all(axes.bbox.contains(*corner) for corner in box.corners())
            if inside and not (crowded or covers):
                taken.append(box)
                break
            text.remove()


def _written(axes: Axes, place: int, point: Any, shift: tuple[float, float]) -> Annotation:  # noqa: ANN401
    return axes.annotate(
        str(place),
        (float(point[0]), float(point[1])),
        xytext=shift,
        textcoords="offset points",
        fontsize=SMALL,
    )
