"""The plane of a Morris screening: size of an effect against its variation."""

from __future__ import annotations

import textwrap
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.report.figures.sobol import compared
from sim.report.figures.style import COLOURS, GREY, new_figure
from sim.report.figures.tornado import number
from sim.uncertainty.points import Target

WIDTH_MM: Final = 190.0
HEIGHT_MM: Final = 100.0
SMALL: Final = 6.5
LABEL_WIDTH: Final = 60
LINE: Final = 0.9
"""Of the height, over which the names of the inputs are spread."""


def morris_figure(table: pd.DataFrame, target: Target, *, top: int) -> Figure:
    """Draw mu* against sigma, and number and name the `top` inputs.

    Parameters
    ----------
    table
        In the columns of morris.csv, the largest mu* first.
    target
        What was looked at.
    top
        How many inputs are named.
    """
    figure, (axes, names) = new_figure(WIDTH_MM, HEIGHT_MM, columns=2)
    named, rest = table.head(top), table.iloc[top:]
    sigma_known = bool(table["sigma"].notna().all())
    heights = "sigma" if sigma_known else "mu_star_ci"
    axes.scatter(rest["mu_star"], rest[heights], s=8.0, color=GREY, label="other inputs")
    axes.scatter(named["mu_star"], named[heights], s=14.0, color=COLOURS[0])
    for place, row in enumerate(named.itertuples(), start=1):
        axes.annotate(
            str(place),
            (float(row.mu_star), float(getattr(row, heights))),  # type: ignore[arg-type]
            xytext=(2.5, 2.5),
            textcoords="offset points",
            fontsize=SMALL,
        )
    _frame(axes, target, heights)
    _key(names, named)
    return figure


def _frame(axes: Axes, target: Target, heights: str) -> None:
    unit = target.outcome.unit
    axes.set_xlim(left=0.0)
    axes.set_ylim(bottom=0.0)
    axes.grid()
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: number(value))
    shown = {"sigma": "σ, standard deviation of the effects", "mu_star_ci": "95 % half-width of μ*"}
    axes.set_xlabel(f"μ*, mean size of the effects, {unit}\n{target.outcome.label}")
    axes.set_ylabel(f"{shown[heights]}, {unit}")
    axes.set_title(compared(target))


def _key(axes: Axes, named: pd.DataFrame) -> None:
    axes.set_axis_off()
    heights = np.linspace(1.0, 1.0 - LINE, max(len(named), 2))
    for height, (place, label) in zip(heights, enumerate(named["label"], start=1), strict=False):
        text = textwrap.shorten(str(label), LABEL_WIDTH, placeholder=" …")
        axes.text(0.0, height, f"{place:>2}  {text}", fontsize=SMALL, va="top")
