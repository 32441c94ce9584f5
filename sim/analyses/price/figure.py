"""The probability that a strategy is the most cost-effective, against the price of its drug."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.analyses.price.analysis import PriceLimit
from sim.clinic.units import PERCENT
from sim.economics.estimates import NORMAL_97_5
from sim.layout.style import COLOURS, GREY, in_currency, new_figure

WIDTH_MM: Final = 160.0
PANEL_MM: Final = 62.0
FRAME_MM: Final = 24.0
BAND: Final = 0.15
SMALL: Final = 7.0
TOP: Final = 104.0
MARK: Final[dict[str, Any]] = {"marker": "^", "markersize": 7.0}


def price_figure(
    curve: pd.DataFrame,
    limits: Sequence[PriceLimit],
    labels: dict[str, str],
    *,
    drug: str,
    price: float,
    symbol: str,
    width_mm: float = WIDTH_MM,
) -> Figure:
    """Draw a panel for each strategy that contains the drug, with a curve for each threshold.

    Parameters
    ----------
    curve
        `sim.analyses.price.analysis.PricedResults.curve`.
    limits
        Their base cases are marks on the axis, in the colour of the threshold.
    labels
        Labels of strategies, by name.
    width_mm
        Of the figure.
    drug, price, symbol
        The drug, the scenario's price of a vial, and the sign of the currency.
    """
    strategies = list(dict.fromkeys(curve["strategy"]))
    figure, panels = new_figure(
        width_mm, FRAME_MM + PANEL_MM * len(strategies), rows=len(strategies)
    )
    thresholds = sorted(set(curve["threshold"]))
    for axes, strategy in zip(panels, strategies, strict=True):
        for colour, threshold in zip(COLOURS, thresholds, strict=False):
            chosen = (curve["strategy"] == strategy) & (curve["threshold"] == threshold)
            _line(axes, curve[chosen], colour, f"{symbol}{threshold:,.0f} per QALY")
            for limit in limits:
                if (limit.strategy, limit.threshold) == (strategy, threshold):
                    _mark(axes, limit, colour)
        _frame(axes, labels[strategy], float(curve["price"].max()), symbol)
        axes.axvline(price, color=GREY, linestyle="--", linewidth=1.0)
        axes.annotate(
            f"price in the scenario {symbol}{price:,.0f} ",
            (price, 1.0),
            xycoords=("data", "axes fraction"),
            ha="right",
            va="bottom",
            fontsize=SMALL,
            color=GREY,
        )
    panels[-1].set_xlabel(f"{drug}, {symbol} per vial")
    handles, names = panels[0].get_legend_handles_labels()
    handles.append(Line2D([], [], color=GREY, linestyle="", **MARK))
    names.append("base case meets the threshold")
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def _line(axes: Axes, curve: pd.DataFrame, colour: str, label: str) -> None:
    share, error = (
        PERCENT * curve["without_noise"],
        PERCENT * NORMAL_97_5 * curve["without_noise_se"],
    )
    low, high = (share - error).clip(lower=0.0), (share + error).clip(upper=PERCENT)
    axes.fill_between(curve["price"], low, high, color=colour, alpha=BAND, linewidth=0.0)
    axes.plot(curve["price"], share, color=colour, label=label)


def _mark(axes: Axes, limit: PriceLimit, colour: str) -> None:
    if limit.base.mean > 0.0:
        axes.plot(limit.base.mean, 0.0, color=colour, clip_on=False, zorder=5, **MARK)


def _frame(axes: Axes, title: str, top: float, symbol: str) -> None:
    axes.set_title(title, pad=14.0)
    axes.set_xlim(0.0, top)
    axes.set_ylim(0.0, TOP)
    axes.grid(axis="both")
    in_currency(axes.xaxis, symbol)
    axes.set_ylabel("Most cost-effective, %")
