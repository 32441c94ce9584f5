"""Expected loss: what choosing each strategy is expected to forgo, against the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from sim.economics.estimates import NORMAL_97_5
from sim.report.figures.style import GREY, colour_of, in_currency, legend_columns, new_figure

WIDTH_MM: Final = 160.0
HEIGHT_MM: Final = 100.0
BAND: Final = 0.15
LEAST_WIDTH: Final = 4.0
LEAST: Final = "least loss: EVPI"


def expected_loss_figure(
    curves: pd.DataFrame,
    strategies: Sequence[str],
    labels: dict[str, str],
    thresholds: Sequence[float],
    *,
    symbol: str,
    width_mm: float = WIDTH_MM,
) -> Figure:
    """Draw expected losses with their 95 % intervals, and the least of them as a black line beneath.

    The strategy of the least expected loss is that of the most expected net benefit, and its loss
    is the expected value of perfect information.

    Parameters
    ----------
    curves
        `sim.uncertainty.curves.acceptability_curves`.
    strategies
        Names in the order of the scenario, for the colours.
    labels
        How they are shown, by name.
    thresholds
        Marked by lines.
    symbol
        Of the currency.
    width_mm
        Of the figure.
    """
    figure, (axes,) = new_figure(width_mm, HEIGHT_MM)
    colours = colour_of(strategies)
    for threshold in thresholds:
        axes.axvline(threshold, color=GREY, linestyle="--", linewidth=0.8, zorder=0)
    least = curves.groupby("threshold")["expected_loss"].min()
    axes.plot(least.index, least, color="black", linewidth=LEAST_WIDTH, label=LEAST, zorder=1)
    for name in strategies:
        curve = curves[curves["strategy"] == name]
        loss, error = curve["expected_loss"], NORMAL_97_5 * curve["expected_loss_se"]
        axes.fill_between(
            curve["threshold"],
            (loss - error).clip(lower=0.0),
            loss + error,
            color=colours[name],
            alpha=BAND,
            linewidth=0.0,
        )
        axes.plot(curve["threshold"], loss, color=colours[name], label=labels[name], zorder=2)
    axes.set_xlim(0.0, float(curves["threshold"].max()))
    axes.set_ylim(bottom=0.0)
    axes.grid(axis="y")
    in_currency(axes.xaxis, symbol)
    in_currency(axes.yaxis, symbol)
    axes.set_xlabel("Threshold per QALY")
    axes.set_ylabel("Expected loss per patient")
    axes.set_title("Expected loss")
    figure.legend(
        loc="outside lower center", ncols=legend_columns([*labels.values(), LEAST], width_mm)
    )
    return figure
