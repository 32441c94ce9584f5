"""The net benefit of strategies over the values of a parameter, and where the decision flips."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.analyses.shared.figure import named, number, whole_ticks
from sim.analyses.shared.text import strategy_label
from sim.analyses.threshold.analysis import Flip, ThresholdAnalysis
from sim.economics.estimates import NORMAL_97_5
from sim.layout.cells import SYMBOLS
from sim.layout.style import GREY, colour_of, in_currency, new_figure

WIDTH_MM: Final = 160.0
PANEL_MM: Final = 46.0
FRAME_MM: Final = 30.0
SMALL: Final = 7.0
LEGEND_COLUMNS: Final = 3
STRIP: Final = 0.035
"""Height of the strip that shows the optimal strategy, as a share of a panel."""
BEYOND: Final = 0.025
"""Of the interval, to either side of it, so that a base at its end is seen."""
BELOW: Final = 0.2
ABOVE: Final = 1.22
"""How far a panel reaches below and above its lines, for the strip and the value of a flip."""
COUNT: Final[dict[str, Any]] = {"marker": "o", "markersize": 3.5, "linestyle": ":"}
FLIP: Final[dict[str, Any]] = {
    "marker": "D",
    "markersize": 4.5,
    "markerfacecolor": "white",
    "markeredgecolor": "black",
    "markeredgewidth": 0.9,
}


def threshold_figure(result: ThresholdAnalysis) -> Figure:
    """Draw a panel for each threshold, with a line for each strategy minus the comparator.

    A strip below the lines has the colour of the optimal strategy. Marks are where that changes,
    with the 95 % interval of the Monte Carlo error of the value.
    """
    question, varied = result.question, result.varied
    thresholds = list(result.decisions)
    figure, panels = new_figure(
        WIDTH_MM, FRAME_MM + PANEL_MM * len(thresholds), rows=len(thresholds)
    )
    names = question.strategy_names
    symbol = SYMBOLS[question.perspective.currency]
    for axes, threshold in zip(panels, thresholds, strict=True):
        _lines(axes, result, threshold, names)
        _strip(axes, result, threshold, names)
        _flips(axes, result.flips_at(threshold), result)
        base = question.numbers[varied.name]
        if varied.low <= base <= varied.high:
            axes.axvline(base, color=GREY, linestyle="--", linewidth=0.9, zorder=1)
        axes.set_xlim(*_limits(result))
        whole_ticks(axes.xaxis, varied)
        axes.grid(axis="y")
        in_currency(axes.yaxis, symbol)
        axes.xaxis.set_major_formatter(lambda value, _: number(value))
        axes.set_title(f"At {symbol}{threshold:,.0f} per QALY")
    panels[-1].set_xlabel(named(varied))
    comparator = strategy_label(question, question.scenario.comparator_name)
    figure.supylabel(
        f"Net monetary benefit against {comparator}, {question.perspective.price_year} "
        f"{question.perspective.currency}",
        fontsize=8.0,
    )
    handles = _legend(result, names)
    figure.legend(handles=handles, loc="outside lower center", ncols=LEGEND_COLUMNS)
    return figure


def _limits(result: ThresholdAnalysis) -> tuple[float, float]:
    """Return the ends of the axis, beyond those of the interval: of a count half a step."""
    varied = result.varied
    beyond = 0.5 if varied.is_whole else BEYOND * (varied.high - varied.low)
    return varied.low - beyond, varied.high + beyond


def _lines(axes: Axes, result: ThresholdAnalysis, threshold: float, names: Sequence[str]) -> None:
    values = [means.value for means in result.grid]
    benefits = np.array([means.net_benefits(threshold) for means in result.grid])
    gains = benefits - benefits[:, [names.index(result.question.scenario.comparator_name)]]
    for place, (name, colour) in enumerate(colour_of(names).items()):
        # Between two whole numbers there is nothing: dots only lead the eye.
        look = COUNT if result.varied.is_whole else {}
        axes.plot(values, gains[:, place], color=colour, label=name, **look)
    low, high = float(gains.min()), float(gains.max())
    height = (high - low) or abs(high) or 1.0
    axes.set_ylim(low - BELOW * height, low + ABOVE * height)


def _strip(axes: Axes, result: ThresholdAnalysis, threshold: float, names: Sequence[str]) -> None:
    """Colour the parts between the flips by the optimal strategy."""
    flips = result.flips_at(threshold)
    left, right = _limits(result)
    ends = [left, *(flip.place for flip in flips), right]
    chosen = [result.decisions[threshold].low, *(flip.above for flip in flips)]
    colours = colour_of(names)
    for start, end, name in zip(ends, ends[1:], chosen, strict=False):
        axes.axvspan(start, end, 0.0, STRIP, color=colours[name], linewidth=0.0)
    axes.annotate(
        "optimal",
        (0.0, STRIP),
        xycoords="axes fraction",
        xytext=(3.0, 1.0),
        textcoords="offset points",
        fontsize=SMALL,
        color=GREY,
    )


def _flips(axes: Axes, flips: Sequence[Flip], result: ThresholdAnalysis) -> None:
    names = result.question.strategy_names
    comparator = names.index(result.question.scenario.comparator_name)
    values = [means.value for means in result.grid]
    middle = 0.5 * (result.varied.low + result.varied.high)
    for flip in flips:
        benefits = np.array([means.net_benefits(flip.threshold) for means in result.grid])
        gains = benefits[:, names.index(flip.above)] - benefits[:, comparator]
        at = float(np.interp(flip.place, values, gains))
        error = NORMAL_97_5 * flip.se if math.isfinite(flip.se) else 0.0
        axes.errorbar(
            flip.place, at, xerr=error, color="black", linewidth=0.9, capsize=2.0, zorder=5, **FLIP
        )
        axes.annotate(
            _said(flip),
            (flip.place, at),
            xytext=(3.0 if flip.place < middle else -3.0, 7.0),
            textcoords="offset points",
            ha="left" if flip.place < middle else "right",
            fontsize=SMALL,
        )


def _said(flip: Flip) -> str:
    if flip.is_jump:
        return f"between {number(flip.last_below)} and {number(flip.value)}"
    return number(flip.value)


def _legend(result: ThresholdAnalysis, names: Sequence[str]) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, label=strategy_label(result.question, name))
        for name, colour in colour_of(names).items()
    ]
    base = result.question.numbers[result.varied.name]
    if result.varied.low <= base <= result.varied.high:
        dashed: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 0.9}
        handles.append(Line2D([], [], label=f"base {number(base)}", **dashed))
    if result.flips:
        jump = result.varied.is_whole
        label = "flip" if jump else "flip, with its 95 % Monte Carlo interval"
        handles.append(Line2D([], [], color="black", linewidth=0.9, label=label, **FLIP))
    return handles
