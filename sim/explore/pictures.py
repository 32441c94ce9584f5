"""Two pictures that only the page has: the plane of the base case, and net benefit by threshold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from sim.analyses.shared.outcomes import middle_threshold
from sim.economics.estimates import NORMAL_97_5
from sim.layout.cells import money_text
from sim.layout.style import GREY, colour_of, in_currency, new_figure
from sim.report.drawing import Drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from sim.report.results import Results

HEIGHT_MM: Final = 70.0
POINTS: Final = 101
BAND: Final = 0.15
BEYOND: Final = 1.5
"""The axis of thresholds ends so far beyond the highest."""


def pictures(results: Results) -> Iterator[Drawing]:
    """Yield the two pictures; there is nothing to draw for one strategy alone."""
    if not results.others:
        return
    at = middle_threshold(results.thresholds)
    told = "; ".join(
        f"{results.labels[name]}: {money_text(results.gain(name, 'cost').mean, results.symbol)} for "
        f"{results.gain(name, 'qalys').mean:.2f} QALYs, net benefit "
        f"{money_text(results.benefit(name, at).mean, results.symbol)} at "
        f"{money_text(at, results.symbol)} per QALY"
        for name in results.others
    )
    yield Drawing("plane", "Cost-effectiveness plane", told, partial(_plane, results))
    yield Drawing("net_benefit", "Net benefit by threshold", told, partial(_benefit, results))


def _plane(results: Results, width_mm: float) -> Figure:
    """Draw the differences from the comparator with their 95 % Monte Carlo intervals."""
    figure, (axes,) = new_figure(width_mm, HEIGHT_MM)
    colours = colour_of(results.strategies)
    for name in results.others:
        qalys, cost = results.gain(name, "qalys"), results.gain(name, "cost")
        axes.errorbar(
            qalys.mean,
            cost.mean,
            xerr=NORMAL_97_5 * qalys.se,
            yerr=NORMAL_97_5 * cost.se,
            fmt="o",
            color=colours[name],
            label=results.labels[name],
        )
    axes.plot(
        0.0, 0.0, "o", color=colours[results.comparator], label=results.labels[results.comparator]
    )
    _round_zero(axes)
    at = middle_threshold(results.thresholds)
    left, right = axes.get_xlim()
    axes.axline((0.0, 0.0), slope=at, color=GREY, linestyle="--", linewidth=1.0)
    axes.set_xlim(left, right)
    axes.set_xlabel(f"QALYs gained; dashed: {money_text(at, results.symbol)} per QALY")
    axes.set_ylabel("Extra cost")
    in_currency(axes.yaxis, results.symbol)
    axes.set_title("Cost-effectiveness plane")
    figure.legend(loc="outside lower center")
    return figure


def _round_zero(axes: Axes) -> None:
    """Put zero into the plane, with room on both sides."""
    for get, put in ((axes.get_xlim, axes.set_xlim), (axes.get_ylim, axes.set_ylim)):
        low, high = get()
        reach = 1.1 * max(abs(low), abs(high))
        put(-0.35 * reach if low > -0.3 * reach else -reach, 0.35 * reach if high <= 0 else reach)
    axes.axhline(0.0, color=GREY, linewidth=0.8)
    axes.axvline(0.0, color=GREY, linewidth=0.8)


def _benefit(results: Results, width_mm: float) -> Figure:
    """Draw the net benefit of each strategy over the comparator, with 95 % Monte Carlo bands.

    At a threshold t it is t ΔQALY - Δcost; its error at every t follows from those of the two
    differences and their covariance.
    """
    figure, (axes,) = new_figure(width_mm, HEIGHT_MM)
    colours = colour_of(results.strategies)
    thresholds = np.linspace(0.0, BEYOND * max(results.thresholds), POINTS)
    for row in results.summary["increments"]:
        cost, qalys = row["cost"], row["qalys"]
        mean = thresholds * qalys["mean"] - cost["mean"]
        covariance = row["covariance"] or 0.0
        variance = (thresholds * qalys["se"]) ** 2 + cost["se"] ** 2 - 2.0 * thresholds * covariance
        half = NORMAL_97_5 * np.sqrt(np.maximum(variance, 0.0))
        colour = colours[row["strategy"]]
        axes.plot(thresholds, mean, color=colour, label=results.labels[row["strategy"]])
        axes.fill_between(thresholds, mean - half, mean + half, color=colour, alpha=BAND, lw=0.0)
    axes.axhline(0.0, color=colours[results.comparator], label=results.labels[results.comparator])
    axes.axvline(middle_threshold(results.thresholds), color=GREY, linestyle="--", linewidth=1.0)
    axes.set_xlabel("Worth of a QALY")
    axes.set_ylabel("Net benefit over the comparator")
    for axis in (axes.xaxis, axes.yaxis):
        in_currency(axis, results.symbol)
    axes.locator_params(axis="x", nbins=4)
    axes.set_title("Net benefit by threshold")
    figure.legend(loc="outside lower center")
    return figure
