"""Costs or QALYs of the strategies, stacked by category."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.layout.style import COLOURS, LIGHT_GREY, in_currency, legend_columns, new_figure

WIDTH_MM: Final = 160.0
ROW_MM: Final = 11.0
FRAME_MM: Final = 36.0
HALF_BAR: Final = 0.32
PALETTE: Final = (*COLOURS[:6], LIGHT_GREY, COLOURS[7])
SMALL: Final = 7.5
LABEL_WIDTH: Final = 16
ROOM: Final = 1.22
"""The axis ends so far beyond the longest bar, for the total."""


def costs_figure(
    amounts: pd.DataFrame,
    labels: Mapping[str, str],
    categories: Mapping[str, str],
    *,
    symbol: str,
    title: str,
    width_mm: float = WIDTH_MM,
) -> Figure:
    """Draw a bar for each strategy, stacked from the costs of each category.

    Parameters
    ----------
    amounts
        Columns ``strategy``, ``category``, ``amount`` in currency per patient.
    labels, categories
        Labels of strategies and categories, by name, in their order.
    symbol
        Of the currency.
    title
        Of the figure.
    width_mm
        Of the figure.
    """
    figure, (axes,) = new_figure(width_mm, FRAME_MM + ROW_MM * len(labels))
    table = amounts.pivot_table("amount", "strategy", "category", aggfunc="sum", fill_value=0.0)
    table = table.reindex(index=list(labels), columns=list(categories), fill_value=0.0)
    total = _stacked(axes, table, categories)
    for place, amount in enumerate(total):
        axes.annotate(
            f"{symbol}{amount:,.0f}",
            (amount, place),
            xytext=(3.0, 0.0),
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
        )
    places = range(len(labels))
    axes.set_yticks(places, [textwrap.fill(label, LABEL_WIDTH) for label in labels.values()])
    axes.tick_params(axis="y", length=0)
    axes.invert_yaxis()
    axes.set_xlim(0.0, ROOM * float(total.max()) or 1.0)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    axes.locator_params(axis="x", nbins=5)
    in_currency(axes.xaxis, symbol)
    axes.set_title(title)
    columns = legend_columns(list(categories.values()), width_mm)
    figure.legend(loc="outside lower center", ncols=columns, fontsize=SMALL)
    return figure


def _stacked(axes: Axes, table: pd.DataFrame, categories: Mapping[str, str]) -> pd.Series[float]:
    """Draw the categories, each from the end of the one before; return the ends of the bars."""
    places = range(len(table))
    start = table.iloc[:, 0] * 0.0
    for colour, (name, label) in zip(PALETTE, categories.items(), strict=False):
        axes.barh(
            places,
            table[name],
            left=start,
            height=2.0 * HALF_BAR,
            color=colour,
            edgecolor="white",
            linewidth=0.5,
            label=label,
        )
        start = start + table[name]
    return start
