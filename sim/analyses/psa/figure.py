"""The figures of a probabilistic analysis: curves over the threshold, and the plane.

The curves give the probability of being the most cost-effective, and the expected loss; the plane
shows the draws against the comparator.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse

from sim.analyses.shared.figure import (
    BAND,
    money_axis,
    money_curve,
    threshold_axis,
    threshold_lines,
)
from sim.clinic.units import PERCENT
from sim.economics.estimates import NORMAL_97_5, Array
from sim.layout.style import colour_of, in_currency, legend_columns, new_figure

WIDTH_MM: Final = 160.0
HEIGHT_MM: Final = 100.0
BROAD: Final[dict[str, Any]] = {"color": "#A8A8A8", "linewidth": 5.0}
"""The frontier and the least loss, beneath the other curves."""
TOP: Final = 102.0
SMALL: Final = 7.0
FRONTIER: Final = "frontier (CEAF)"
LEAST: Final = "least loss: EVPI"
CHANGES: Final = "another strategy has most net benefit"
SWITCH: Final[dict[str, Any]] = {"color": "black", "linestyle": ":", "linewidth": 0.9}


def acceptability_figure(
    curves: pd.DataFrame,
    strategies: Sequence[str],
    labels: dict[str, str],
    thresholds: Sequence[float],
    switches: Sequence[float],
    *,
    symbol: str,
    width_mm: float = WIDTH_MM,
) -> Figure:
    """Draw acceptability curves, and their frontier as a broad line beneath them.

    The frontier is the curve of the strategy with the most expected net benefit.

    Parameters
    ----------
    curves
        `sim.analyses.psa.acceptability.acceptability_curves`; the probability is that without noise.
    strategies
        Names in the order of the scenario, for the colours.
    labels
        Their labels, by name.
    thresholds
        Marked by lines.
    switches
        Thresholds at which the optimal strategy changes; the frontier breaks there.
    symbol
        Of the currency.
    width_mm
        Of the figure.
    """
    figure, (axes,) = new_figure(width_mm, HEIGHT_MM)
    colours = colour_of(strategies)
    for name in strategies:
        curve = curves[curves["strategy"] == name]
        _curve(axes, curve, colours[name], labels[name], switches)
    for switch in switches:
        if switch <= float(curves["threshold"].max()):
            axes.annotate(
                f"{symbol}{switch:,.0f}",
                (switch, 1.0),
                xycoords=("data", "axes fraction"),
                ha="center",
                va="bottom",
                fontsize=SMALL,
            )
            axes.axvline(switch, zorder=0, **SWITCH)
    axes.plot([], [], **BROAD, label=FRONTIER)
    if switches:
        axes.plot([], [], **SWITCH, label=CHANGES)
    threshold_axis(axes, curves, thresholds, symbol)
    axes.set_ylim(0.0, TOP)
    axes.set_ylabel("Probability most cost-effective, %")
    axes.set_title("Acceptability curves and their frontier", pad=14.0)
    _legend(figure, axes, width_mm)
    return figure


def _curve(
    axes: Axes, curve: pd.DataFrame, colour: str, label: str, switches: Sequence[float]
) -> None:
    share, error = (
        PERCENT * curve["without_noise"],
        PERCENT * NORMAL_97_5 * curve["without_noise_se"],
    )
    low, high = (share - error).clip(lower=0.0), (share + error).clip(upper=PERCENT)
    axes.fill_between(curve["threshold"], low, high, color=colour, alpha=BAND, linewidth=0.0)
    axes.plot(
        *_frontier(curve, switches),
        **BROAD,
        solid_capstyle="butt",
        zorder=1,
    )
    axes.plot(curve["threshold"], share, color=colour, label=label, zorder=2)


def _frontier(curve: pd.DataFrame, switches: Sequence[float]) -> tuple[Array, Array]:
    """Return the curve where it is the frontier, from switch to switch; nan elsewhere."""
    grid, optimal = curve["threshold"].to_numpy(), curve["optimal"].to_numpy()
    inside = [switch for switch in switches if grid[0] < switch < grid[-1]]
    thresholds = np.union1d(grid, inside)
    # A switch belongs to the strategies on both sides of it, also where it is on the grid.
    before = np.searchsorted(grid, thresholds, side="left")
    after = before.copy()
    turns = np.isin(thresholds, inside)
    before[turns] -= 1
    after[turns] = np.searchsorted(grid, thresholds[turns], side="right")
    shares = np.interp(thresholds, grid, PERCENT * curve["without_noise"])
    return thresholds, np.where(optimal[before] | optimal[after], shares, np.nan)


def expected_loss_figure(
    curves: pd.DataFrame,
    strategies: Sequence[str],
    labels: dict[str, str],
    thresholds: Sequence[float],
    *,
    symbol: str,
    width_mm: float = WIDTH_MM,
) -> Figure:
    """Draw expected losses with their 95 % intervals, and the least as a broad line beneath.

    The strategy of the least expected loss is that of the most expected net benefit, and its loss
    is the expected value of perfect information.

    Parameters
    ----------
    curves
        `sim.analyses.psa.acceptability.acceptability_curves`.
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
    axes.plot(least.index, least, label=LEAST, zorder=1, **BROAD)
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
    _legend(figure, axes, width_mm)
    return figure


def _legend(figure: Figure, axes: Axes, width_mm: float) -> None:
    labels = [str(label) for label in axes.get_legend_handles_labels()[1]]
    figure.legend(loc="outside lower center", ncols=legend_columns(labels, width_mm))


PLANE_MM: Final = 160.0
PLANE_HEIGHT_MM: Final = 115.0
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
    width_mm: float = PLANE_MM,
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
    figure, (axes,) = new_figure(width_mm, PLANE_HEIGHT_MM)
    colours = colour_of(strategies)
    for cloud in clouds:
        _draw(axes, cloud, colours[cloud.name], _opacity(len(cloud.qalys)) / len(clouds))
    _limits(axes, clouds)
    threshold_lines(axes, thresholds, symbol)
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
