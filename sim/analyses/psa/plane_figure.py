"""The cost-effectiveness plane: draws of a probabilistic analysis against the comparator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from sim.analyses.shared.against_threshold import threshold_line
from sim.economics.estimates import Array
from sim.layout.style import colour_of, in_currency, legend_columns, new_figure

WIDTH_MM: Final = 160.0
HEIGHT_MM: Final = 115.0
ELLIPSE_SHARE: Final = 0.95
DOT: Final = 5.0
MOST_DOTS: Final = 3000
"""More only darken the cloud; the ellipse is that of all."""
TITLE_PAD: Final = 18.0
ROOM: Final = 0.08
FAINTEST: Final = 0.2
FLAT: Final = 180.0


class Cloud(NamedTuple):
    """A strategy's draws against the comparator.

    Attributes
    ----------
    name, label
        Of the strategy.
    qalys, cost
        Increments; shape (draws,).
    """

    name: str
    label: str
    qalys: Array
    cost: Array


def plane_figure(
    clouds: Sequence[Cloud],
    strategies: Sequence[str],
    comparator: str,
    thresholds: Sequence[float],
    *,
    symbol: str,
    year: int | None = None,
    width_mm: float = WIDTH_MM,
) -> Figure:
    """Draw increments in cost against increments in QALYs.

    Each strategy has its draws, their mean and an ellipse that contains 95 % of them where they are
    normal. A threshold is a line through the origin; below it a strategy is cost-effective.

    Parameters
    ----------
    clouds
        The strategies but the comparator.
    strategies
        Names of all, in the order of the scenario, for the colours.
    comparator
        Its label.
    thresholds
        In currency per QALY.
    symbol, year
        Of the currency and of its prices.
    width_mm
        Of the figure.
    """
    figure, (axes,) = new_figure(width_mm, HEIGHT_MM)
    colours = colour_of(strategies)
    for cloud in clouds:
        _draw(axes, cloud, colours[cloud.name], _opacity(len(cloud.qalys)) / len(clouds))
    _limits(axes, clouds)
    for threshold in thresholds:
        threshold_line(axes, threshold, symbol)
    axes.axhline(0.0, color="black", linewidth=0.8, zorder=1)
    axes.axvline(0.0, color="black", linewidth=0.8, zorder=1)
    in_currency(axes.yaxis, symbol)
    axes.set_xlabel(f"Incremental QALYs against {comparator}")
    money = f", {symbol} of {year}" if year is not None else ""
    axes.set_ylabel(f"Incremental cost against {comparator}{money}")
    axes.set_title("Cost-effectiveness plane", pad=TITLE_PAD)
    columns = legend_columns([cloud.label for cloud in clouds], width_mm)
    title = "Mean, draws and 95 % ellipse of"
    figure.legend(loc="outside lower center", ncols=columns, title=title)
    return figure


def _draw(axes: Axes, cloud: Cloud, colour: str, opacity: float) -> None:
    """Draw the draws of a strategy, the ellipse of most of them and their mean."""
    dots = slice(0, MOST_DOTS)
    axes.scatter(
        cloud.qalys[dots],
        cloud.cost[dots],
        s=DOT,
        color=colour,
        alpha=opacity,
        linewidths=0.0,
        rasterized=True,
    )
    axes.add_patch(_ellipse(cloud, colour))
    axes.plot(
        cloud.qalys.mean(),
        cloud.cost.mean(),
        marker="o",
        markersize=6.0,
        markerfacecolor=colour,
        markeredgecolor="white",
        linestyle="",
        label=cloud.label,
        zorder=5,
    )


def _opacity(draws: int) -> float:
    return min(0.8, max(FAINTEST, 6.0 / math.sqrt(max(draws, 1))))


def _ellipse(cloud: Cloud, colour: str) -> Ellipse:
    sizes, directions = np.linalg.eigh(np.cov(cloud.qalys, cloud.cost))
    # The 95 % quantile of chi-squared with two degrees of freedom.
    reach = math.sqrt(-2.0 * math.log(1.0 - ELLIPSE_SHARE))
    axes_lengths = 2.0 * reach * np.sqrt(np.maximum(sizes, 0.0))
    angle = math.degrees(math.atan2(directions[1, 1], directions[0, 1]))
    return Ellipse(
        (float(cloud.qalys.mean()), float(cloud.cost.mean())),
        width=float(axes_lengths[1]),
        height=float(axes_lengths[0]),
        angle=angle % FLAT,
        fill=False,
        edgecolor=colour,
        linewidth=1.4,
        zorder=4,
    )


def _limits(axes: Axes, clouds: Sequence[Cloud]) -> None:
    """Show every draw and the origin."""
    for values, set_limits in (
        (np.concatenate([cloud.qalys for cloud in clouds]), axes.set_xlim),
        (np.concatenate([cloud.cost for cloud in clouds]), axes.set_ylim),
    ):
        low, high = min(0.0, float(values.min())), max(0.0, float(values.max()))
        margin = ROOM * (high - low or 1.0)
        set_limits(low - margin, high + margin)
