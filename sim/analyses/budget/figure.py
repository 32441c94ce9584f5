"""The net budget impact by calendar year, divided by category, with its interval over draws."""

from __future__ import annotations

from typing import Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.analyses.budget.analysis import CATEGORIES, Budget
from sim.layout.cells import SYMBOLS
from sim.layout.style import COLOURS, in_currency, legend_columns, new_figure
from sim.layout.text import cost_name

WIDTH_MM: Final = 160.0
HEIGHT_MM: Final = 100.0
BAR: Final = 0.6
DARK: Final = "#000000"


def budget_figure(found: Budget) -> Figure:
    """Draw a bar for each year, in which costs stand above zero and savings below it."""
    figure, (axes,) = new_figure(WIDTH_MM, HEIGHT_MM)
    years = np.array(found.years)
    above, below = np.zeros(len(years)), np.zeros(len(years))
    shown = []
    for place, category in enumerate(CATEGORIES[:-1]):
        cost = np.array([each.mean for each in found.cost("net", category)])
        if not cost.any():
            continue
        start = np.where(cost >= 0.0, above, below)
        label = cost_name(category)
        axes.bar(years, cost, BAR, bottom=start, color=COLOURS[place % len(COLOURS)], label=label)
        above, below = above + np.maximum(cost, 0.0), below + np.minimum(cost, 0.0)
        shown.append(label)
    net = np.array([each.mean for each in found.cost("net", "total")])
    axes.plot(years, net, "D", color=DARK, markersize=4.0, label="Net, base case")
    for year, spread in zip(years, found.spread, strict=False):
        if spread.has_interval:
            name = None if year > years[0] else "Net, 95 % of draws"
            axes.plot([year, year], [spread.low, spread.high], color=DARK, lw=1.2, label=name)
    axes.axhline(0.0, color=DARK, linewidth=0.8)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    in_currency(axes.yaxis, SYMBOLS[found.question.perspective.currency])
    axes.set_ylabel("Net budget impact")
    axes.grid(axis="y")
    handles, names = axes.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=legend_columns(names, WIDTH_MM))
    return figure
