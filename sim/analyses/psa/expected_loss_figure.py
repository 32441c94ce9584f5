"""Expected loss of choosing each strategy, against the threshold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.figure import Figure

from sim.analyses.shared.against_threshold import money_axis, money_curve, threshold_axis
from sim.layout.style import colour_of, legend_columns, new_figure

WIDTH_MM: Final = 160.0
HEIGHT_MM: Final = 100.0
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
        `sim.analyses.psa.curves.acceptability_curves`.
    strategies
        Names in the order of the scenario, for the colours.
    labels
        Their labels, by name.
    thresholds
        Marked by lines.
    symbol
        Of the currency.
    width_mm
        Of the figure.
    """
    figure, (axes,) = new_figure(width_mm, HEIGHT_MM)
    colours = colour_of(strategies)
    least = curves.groupby("threshold")["expected_loss"].min()
    axes.plot(least.index, least, color="black", linewidth=LEAST_WIDTH, label=LEAST, zorder=1)
    for name in strategies:
        curve = curves[curves["strategy"] == name]
        money_curve(
            axes,
            curve,
            "expected_loss",
            "expected_loss_se",
            colour=colours[name],
            label=labels[name],
        )
    threshold_axis(axes, curves, thresholds, symbol)
    money_axis(axes, "Expected loss per patient", symbol)
    axes.set_title("Expected loss")
    columns = legend_columns([*labels.values(), LEAST], width_mm)
    figure.legend(loc="outside lower center", ncols=columns)
    return figure
