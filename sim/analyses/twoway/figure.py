"""The map of a two-way analysis: the gain in net benefit, and where the decision changes."""

from __future__ import annotations

from string import ascii_uppercase
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from scipy.ndimage import distance_transform_edt

from sim.analyses.shared.figure import axis_label, balanced, in_unit, named, number, whole_ticks
from sim.analyses.shared.text import against, strategy_label
from sim.analyses.tornado.figure import FLIP_MARK
from sim.analyses.twoway.analysis import TwoWay
from sim.economics.estimates import Array
from sim.layout.style import WHITE_GROUND, legend_columns, new_figure

Area = np.ndarray[Any, np.dtype[np.bool_]]
WIDTH_MM: Final = 150.0
HEIGHT_MM: Final = 112.0
COLOURS_FROM_LOSS_TO_GAIN: Final = "PuOr"
"""Distinguishable with all common kinds of colour blindness; white where the gain is 0."""
SMALL: Final = 7.0
TITLE_WIDTH: Final = 60
MOST_PLACES: Final = 400
"""Values of each parameter between which the map and the boundary are drawn."""
LEVELS: Final[dict[str, Any]] = {"colors": "white", "linewidths": 0.5, "linestyles": "solid"}
"""Lines of equal gain, at the ticks of the bar of colours."""
LETTER: Final = 0.0155
LINE: Final = 0.045
"""Width of a letter and height of a line, as shares of the map."""
BEYOND: Final = 0.025
"""Of the map, to either side of it, so that a base at its edge is seen."""
ROOM: Final = 0.71
"""Of the size of a text, from its middle to the nearest boundary, so that its corners fit."""


def two_way_figure(result: TwoWay) -> Figure:
    """Draw the gain in net benefit over the grid with the boundary of the decision."""
    figure, (axes,) = new_figure(WIDTH_MM, HEIGHT_MM)
    xs, ys, benefits = result.refined(MOST_PLACES)
    ours, theirs = (
        benefits[..., result.strategies.index(name)]
        for name in (result.strategy, result.question.scenario.comparator_name)
    )
    gain = ours - theirs
    largest = float(np.abs(gain).max()) or 1.0
    mesh = axes.pcolormesh(
        xs,
        ys,
        gain,
        shading="nearest",
        cmap=COLOURS_FROM_LOSS_TO_GAIN,
        norm=TwoSlopeNorm(0.0, -largest, largest),
        rasterized=True,
    )
    bar = figure.colorbar(mesh, ax=axes, pad=0.02)
    bar.set_label(axis_label(result.outcome, result.question), fontsize=SMALL)
    in_unit(bar.ax.yaxis, result.outcome)
    if gain.min() < gain.max():
        # The colours are those of the same gain and loss; only those that occur are shown.
        bar.ax.set_ylim(float(gain.min()), float(gain.max()))
        axes.contour(xs, ys, gain, levels=bar.get_ticks(), **LEVELS)
    has_boundary = _boundaries(axes, xs, ys, benefits)
    _base(axes, result, _names(axes, result, xs, ys, benefits), has_boundary=has_boundary)
    for ends, limit in ((xs, axes.set_xlim), (ys, axes.set_ylim)):
        beyond = BEYOND * (ends[-1] - ends[0])
        limit(ends[0] - beyond, ends[-1] + beyond)
    axes.set_xlabel(named(result.x))
    axes.set_ylabel(named(result.y))
    for axis, varied in ((axes.xaxis, result.x), (axes.yaxis, result.y)):
        axis.set_major_formatter(lambda value, _: number(value))
        whole_ticks(axis, varied)
    axes.set_title(balanced(f"Gain of {against(result.question, result.strategy)}", TITLE_WIDTH))
    return figure


def _boundaries(axes: Axes, xs: Array, ys: Array, benefits: Array) -> bool:
    """Draw where another strategy becomes optimal; return whether that is anywhere."""
    found = False
    for s in range(benefits.shape[-1]):
        others = np.delete(benefits, s, axis=-1)
        margin = benefits[..., s] - others.max(axis=-1)
        if margin.min() < 0.0 < margin.max():
            axes.contour(xs, ys, margin, levels=[0.0], colors="black", linewidths=1.6)
            found = True
    return found


def _names(axes: Axes, result: TwoWay, xs: Array, ys: Array, benefits: Array) -> list[Line2D]:
    """Name the optimal strategy where there is most room.

    Returns the entries of the legend: the letters of areas that have no room for a name.
    """
    handles: list[Line2D] = []
    best = benefits.argmax(axis=-1)
    for s, name in enumerate(result.strategies):
        said = f"{strategy_label(result.question, name)} optimal"
        letter = ascii_uppercase[len(handles)]
        for text in (said.replace(" optimal", "\noptimal"), letter):
            place = _roomiest(best == s, text)
            if place is None:
                continue
            at = (float(xs[place[1]]), float(ys[place[0]]))
            axes.text(*at, text, ha="center", va="center", fontsize=SMALL, bbox=WHITE_GROUND)
            if text == letter:
                handles.append(Line2D([], [], linestyle="", label=f"{letter}: {said}"))
            break
    return handles


def _roomiest(area: Area, text: str) -> tuple[int, int] | None:
    """Return the row and column of an area at which a text has most room; None where it has none."""
    lines = text.splitlines()
    height, width = LINE * len(lines), LETTER * max(map(len, lines))
    rows, columns = area.shape
    # The edge of the map bounds an area as its neighbours do.
    room = distance_transform_edt(
        np.pad(area, 1), sampling=(1.0 / rows / height, 1.0 / columns / width)
    )[1:-1, 1:-1]
    row, column = divmod(int(room.argmax()), columns)
    return (row, column) if room[row, column] >= ROOM else None


def _base(axes: Axes, result: TwoWay, letters: list[Line2D], *, has_boundary: bool) -> None:
    numbers = result.question.numbers
    at = numbers[result.x.name], numbers[result.y.name]
    handles = []
    if result.x.low <= at[0] <= result.x.high and result.y.low <= at[1] <= result.y.high:
        axes.plot(*at, **FLIP_MARK, zorder=5, clip_on=False)
        handles.append(Line2D([], [], **FLIP_MARK, label="base"))
    if has_boundary:
        handles.append(Line2D([], [], color="black", linewidth=1.6, label="decision boundary"))
    else:
        handles.append(Line2D([], [], linestyle="", label="the decision is the same everywhere"))
    handles += letters
    columns = legend_columns([str(each.get_label()) for each in handles], WIDTH_MM)
    axes.figure.legend(handles=handles, loc="outside lower center", ncols=columns)
