"""The value of a trial against its size: net benefit of sampling, and value of its information."""

from __future__ import annotations

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from sim.analyses.shared.figure import money_axis
from sim.analyses.trial.analysis import Trial
from sim.economics.estimates import NORMAL_97_5, Array
from sim.layout.cells import SYMBOLS, money_text, typeset
from sim.layout.style import COLOURS, GREY, new_figure

WIDTH_MM: Final = 160.0
HEIGHT_MM: Final = 150.0
MILLION: Final = 1e6
BAND: Final = 0.2
SMALL: Final = 6.5
MARGIN: Final = 1.06
DASHES: Final = ("-", (0, (4, 3)), (2, (1, 3)))
BEST: Final = {
    "marker": "D",
    "markersize": 5.0,
    "markerfacecolor": "white",
    "markeredgewidth": 1.2,
    "linestyle": "",
    "zorder": 4,
}


def trial_figure(found: Trial) -> Figure:
    """Draw the expected net benefit of sampling at each threshold, and the EVSI at one.

    Bands are 95 % intervals. A diamond is at the size with the highest net benefit, where that is
    above 0.
    """
    figure, (benefit, information) = new_figure(WIDTH_MM, HEIGHT_MM, rows=2)
    symbol = SYMBOLS[found.question.perspective.currency]
    for place, (colour, threshold) in enumerate(zip(_colours(found), found.evpi, strict=True)):
        label = f"{money_text(threshold, symbol)} per QALY"
        _benefit(benefit, found.table, threshold, colour, label)
        # Where no trial is worth anything, the lines lie on each other.
        benefit.lines[-1].set_linestyle(DASHES[place % len(DASHES)])
        best = found.best(threshold)
        if best["enbs"] > 0.0:
            top = best["enbs"] / MILLION
            benefit.plot(best["n"], top, color=colour, markeredgecolor=colour, **BEST)  # type: ignore[arg-type]  # a look
    benefit.axhline(0.0, color=GREY, linewidth=0.9, zorder=1)
    benefit.yaxis.set_major_formatter(lambda value, _: typeset(_millions(value, symbol)))
    benefit.set_ylabel("ENBS")
    benefit.set_title("Expected net benefit of sampling, after the cost of the trial")
    benefit.legend(loc="best")
    _information(information, found, symbol)
    for axes in (benefit, information):
        axes.set_xscale("log")
        sizes = list(found.design.sizes)
        axes.set_xlim(sizes[0] / MARGIN, sizes[-1] * MARGIN)
        axes.xaxis.set_major_locator(FixedLocator(sizes))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
        axes.grid(axis="y")
    information.set_xlabel("Patients in each arm")
    return figure


def leading(found: Trial) -> float:
    """Return the threshold of the highest EVPI, the first of equals."""
    return max(found.evpi, key=lambda threshold: found.evpi[threshold].mean)


def _millions(value: float, symbol: str) -> str:
    return f"{'-' if value < 0.0 else ''}{symbol}{abs(value):,.4g}M"


def _colours(found: Trial) -> list[str]:
    return [COLOURS[place % len(COLOURS)] for place in range(len(found.evpi))]


def _benefit(axes: Axes, table: pd.DataFrame, threshold: float, colour: str, label: str) -> None:
    rows = table[table["threshold"] == threshold]
    mean, error = rows["enbs"] / MILLION, NORMAL_97_5 * rows["enbs_se"] / MILLION
    _curve(axes, rows["n"].to_numpy(), mean.to_numpy(), error.to_numpy(), colour, label)


def _information(axes: Axes, found: Trial, symbol: str) -> None:
    threshold = leading(found)
    rows = found.table[found.table["threshold"] == threshold]
    mean, error = rows["evsi"].to_numpy(), NORMAL_97_5 * rows["se"].to_numpy()
    colour = _colours(found)[list(found.evpi).index(threshold)]
    _curve(axes, rows["n"].to_numpy(), mean, error, colour, "EVSI")
    for value, words in (
        (found.evpi[threshold].mean, "EVPI"),
        (found.evppi[threshold].value, "EVPPI of the inputs that a trial informs"),
    ):
        axes.axhline(value, color=GREY, linestyle="--", linewidth=0.9, zorder=1)
        axes.annotate(
            f"{words} {money_text(value, symbol)}",
            (0.0, value),
            xycoords=("axes fraction", "data"),
            xytext=(3.0, 2.0 if words == "EVPI" else -2.0),
            textcoords="offset points",
            va="bottom" if words == "EVPI" else "top",
            fontsize=SMALL,
            color=GREY,
        )
    money_axis(axes, "EVSI per patient", symbol)
    axes.set_title(f"Value of the trial's information at {money_text(threshold, symbol)} per QALY")


def _curve(axes: Axes, x: Array, mean: Array, error: Array, colour: str, label: str) -> None:
    axes.fill_between(x, mean - error, mean + error, color=colour, alpha=BAND, linewidth=0.0)
    axes.plot(x, mean, color=colour, label=label, marker="o", markersize=3.0, zorder=2)
