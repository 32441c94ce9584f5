"""Common parts of figures with the threshold of cost per QALY as an axis, or as lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from sim.economics.estimates import NORMAL_97_5
from sim.layout.cells import money_text
from sim.layout.style import GREY, in_currency

BAND: Final = 0.15
SMALL: Final = 6.5


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


def threshold_line(
    axes: Axes, threshold: float, symbol: str, start: tuple[float, float] = (0.0, 0.0)
) -> None:
    """Draw a threshold on a plane of QALYs and cost, its name where the line leaves the plane."""
    axes.axline(start, slope=threshold, color=GREY, linestyle="--", linewidth=0.9, zorder=1)
    right, top = axes.get_xlim()[1], axes.get_ylim()[1]
    x = min(right, start[0] + (top - start[1]) / threshold)
    at_side = x == right
    axes.annotate(
        f"{money_text(threshold, symbol)}\nper QALY",
        (x, start[1] + (x - start[0]) * threshold),
        xytext=(2.0, 0.0) if at_side else (0.0, 2.0),
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
