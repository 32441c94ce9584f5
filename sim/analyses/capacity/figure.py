"""Outcomes against the number of beds: QALYs lost, waits, and the net benefit of one more bed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from sim.analyses.capacity.analysis import CapacityAnalysis, limits_of
from sim.analyses.shared.figure import balanced, number
from sim.analyses.shared.text import strategy_label
from sim.layout.cells import SYMBOLS
from sim.layout.style import GREY, colour_of, in_currency, legend_columns, new_figure

WIDTH_MM: Final = 160.0
PANEL_MM: Final = 50.0
FRAME_MM: Final = 24.0
APART: Final = 0.06
"""Of a bed, between the marks of two strategies, so that their intervals can be told apart."""
AXIS_LABEL: Final = 30
UPPER: Final = 0.975
LOST: Final = "qalys_lost_per_year"
WAIT: Final = "wait_days"
WAIT_90: Final = "wait_days_90"
NEXT: Final = "next_bed_nmb_per_year"
BARS: Final[dict[str, Any]] = {"markersize": 3.8, "linewidth": 1.1, "elinewidth": 0.8}
LOOKS: Final[dict[str, dict[str, Any]]] = {
    LOST: {"marker": "o"},
    WAIT: {"marker": "o"},
    WAIT_90: {"marker": "^", "linestyle": "--"},
    NEXT: {"marker": "o"},
}


def capacity_figure(result: CapacityAnalysis) -> Figure:
    """Draw a panel each for QALYs lost, waits, and the net benefit of one more bed.

    Bars are 95 % intervals of the mean over replications, by Student's t; the dashed line is the number
    of beds of the scenario.
    """
    question = result.question
    symbol = SYMBOLS[question.perspective.currency]
    panels: list[tuple[tuple[str, ...], str]] = [
        ((LOST,), "QALYs lost to waiting, a year"),
        ((WAIT, WAIT_90), "Wait for a bed, days"),
    ]
    if len(result.beds) > 1:
        panels.append(((NEXT,), f"Net benefit of one more bed, {symbol.strip()} a year"))
    figure, axes = new_figure(WIDTH_MM, FRAME_MM + PANEL_MM * len(panels), rows=len(panels))
    for panel, (names, label) in zip(axes, panels, strict=True):
        _draw(panel, result, names)
        _frame(panel, result, label)
    if panels[-1][0] == (NEXT,):
        in_currency(axes[-1].yaxis, symbol)
    worth = f"{symbol}{result.threshold:,.0f} per QALY"
    axes[-1].set_xlabel(f"Beds for allo-HCT; net benefit at {worth}")
    handles = _legend(result)
    columns = legend_columns([str(handle.get_label()) for handle in handles], WIDTH_MM)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)
    return figure


def _draw(axes: Axes, result: CapacityAnalysis, names: Sequence[str]) -> None:
    from scipy.special import stdtrit

    width = float(stdtrit(result.replications - 1, UPPER))
    for place, (strategy, colour) in enumerate(colour_of(result.strategies).items()):
        levels = result.of(strategy)
        shift = APART * (place - 0.5 * (len(result.strategies) - 1))
        for name in names:
            known = [
                (level.beds + shift, level.estimates[name].mean, width * level.estimates[name].se)
                for level in levels
                if level.beds is not None and math.isfinite(level.estimates[name].mean)
            ]
            if known:
                _line(axes, known, name, colour)


def _line(axes: Axes, known: Sequence[tuple[float, float, float]], name: str, colour: str) -> None:
    beds, values, widths = zip(*known, strict=True)
    spans = [each if math.isfinite(each) else 0.0 for each in widths]
    look = {**BARS, **LOOKS[name]}
    axes.errorbar(beds, values, yerr=spans, color=colour, capsize=1.8, zorder=3, **look)


def _frame(axes: Axes, result: CapacityAnalysis, label: str) -> None:
    axes.set_ylabel(balanced(label, AXIS_LABEL))
    axes.grid(axis="y")
    axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
    axes.set_xlim(result.beds[0] - 0.5, result.beds[-1] + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(lambda value, _: number(value))
    own = limits_of(result.question).transplant_beds
    if own is not None and result.beds[0] <= own <= result.beds[-1]:
        axes.axvline(own, color=GREY, linestyle="--", linewidth=0.9, zorder=1)


def _legend(result: CapacityAnalysis) -> list[Line2D]:
    handles = [
        Line2D([], [], color=colour, label=strategy_label(result.question, name))
        for name, colour in colour_of(result.strategies).items()
    ]
    plain: dict[str, Any] = {"color": "black", "linewidth": 1.1, "markersize": 3.8}
    handles.append(Line2D([], [], label="mean, with its 95 % interval", **plain, **LOOKS[WAIT]))
    handles.append(Line2D([], [], label="nine of ten wait no longer", **plain, **LOOKS[WAIT_90]))
    if limits_of(result.question).transplant_beds is not None:
        dashed: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 0.9}
        handles.append(Line2D([], [], label="beds of the scenario", **dashed))
    return handles
