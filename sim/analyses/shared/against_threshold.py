"""Common parts of figures with the threshold of cost per QALY as their axis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from sim.economics.estimates import NORMAL_97_5
from sim.layout.style import GREY, in_currency

BAND: Final = 0.15


def threshold_axis(
    axes: Axes, curve: pd.DataFrame, thresholds: Sequence[float], symbol: str
) -> None:
    """Let the horizontal axis be the column ``threshold``, with lines at the scenario's own."""
    for threshold in thresholds:
        axes.axvline(threshold, color=GREY, linestyle="--", linewidth=0.8, zorder=0)
    axes.set_xlim(0.0, float(curve["threshold"].max()))
    axes.grid(axis="y")
    in_currency(axes.xaxis, symbol)
    axes.set_xlabel("Threshold per QALY")


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
