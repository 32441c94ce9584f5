"""The map of a two-way analysis: who gains how much where, and where the decision changes."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.economics.estimates import Array
from sim.report.figures.style import new_figure
from sim.report.figures.tornado import FLIP_MARK, WHITE_GROUND, number
from sim.uncertainty.ranges import Range
from sim.uncertainty.two_way import TwoWay

WIDTH_MM: Final = 150.0
HEIGHT_MM: Final = 112.0
COLOURS_FROM_LOSS_TO_GAIN: Final = "PuOr"
"""Told apart in all common kinds of colour blindness; white where nothing is gained or lost."""
SMALL: Final = 7.0
PARTS: Final = 20
"""Of each step of the grid, for the boundary."""
FEWEST_CELLS_NAMED: Final = 3
"""Strategies that are optimal in fewer points of the grid are not named on the map."""


def two_way_figure(result: TwoWay) -> Figure:
    """Draw the gain in net benefit over the grid with the boundary of the decision."""
    figure, (axes,) = new_figure(WIDTH_MM, HEIGHT_MM)
    xs, ys = result.xs, result.ys
    gain = np.array([point.gain.mean for point in result.points]).reshape(len(ys), len(xs))
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
    bar.set_label(f"{result.outcome.label}, {result.outcome.unit}", fontsize=SMALL)
    bar.formatter = lambda value, _: number(value)  # type: ignore[assignment]
    bar.update_ticks()
    _boundaries(axes, result)
    _names(axes, result, xs, ys)
    _base(axes, result)
    axes.set_xlim(result.x.low, result.x.high)
    axes.set_ylim(result.y.low, result.y.high)
    axes.set_xlabel(_label(result.x))
    axes.set_ylabel(_label(result.y))
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: number(value))
    shown = {s.name: s.shown_name for s in result.question.scenario.strategies}
    comparator = result.question.scenario.comparator_name
    axes.set_title(f"{shown[result.strategy]} against {shown[comparator]}")
    return figure


def _boundaries(axes: Axes, result: TwoWay) -> None:
    xs, ys, benefits = result.refined(PARTS)
    for s in range(benefits.shape[-1]):
        others = np.delete(benefits, s, axis=-1)
        margin = benefits[..., s] - others.max(axis=-1)
        if margin.min() < 0.0 < margin.max():
            axes.contour(xs, ys, margin, levels=[0.0], colors="black", linewidths=1.6)


def _names(axes: Axes, result: TwoWay, xs: Array, ys: Array) -> None:
    best = result.grid().argmax(axis=-1)
    shown = {s.name: s.shown_name for s in result.question.scenario.strategies}
    for s, name in enumerate(result.strategies):
        rows, columns = np.nonzero(best == s)
        if len(rows) < FEWEST_CELLS_NAMED:
            continue
        # The point of the area that is nearest to its centre, which may lie outside it.
        centre = rows.mean(), columns.mean()
        nearest = int(np.argmin((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2))
        axes.text(
            xs[columns[nearest]],
            ys[rows[nearest]],
            f"{shown[name]}\noptimal",
            ha="center",
            va="center",
            fontsize=SMALL,
            bbox=WHITE_GROUND,
        )


def _base(axes: Axes, result: TwoWay) -> None:
    numbers = result.question.numbers
    at = numbers[result.x.name], numbers[result.y.name]
    handles = []
    if result.x.low <= at[0] <= result.x.high and result.y.low <= at[1] <= result.y.high:
        axes.plot(*at, **FLIP_MARK, zorder=5, clip_on=False)
        handles.append(Line2D([], [], **FLIP_MARK, label="base"))
    if axes.collections[1:]:
        line = Line2D([], [], color="black", linewidth=1.6, label="decision boundary")
        handles.append(line)
    if handles:
        axes.figure.legend(handles=handles, loc="outside lower center", ncols=2)


def _label(varied: Range) -> str:
    return varied.label if varied.unit in varied.label else f"{varied.label}, {varied.unit}"
