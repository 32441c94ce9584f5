"""The what-ifs of a scenario side by side: the gain of a strategy in each, in QALYs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.analyses.shared.figure import balanced, number
from sim.analyses.shared.text import against, strategy_label
from sim.analyses.what_if.analysis import Column, Gain, ScenarioMatrix
from sim.economics.estimates import NORMAL_97_5
from sim.layout.cells import SYMBOLS
from sim.layout.style import GREY, colour_of, legend_columns, new_figure

WIDTH_MM: Final = 190.0
ROW_MM: Final = 6.2
FRAME_MM: Final = 32.0
LABEL_WIDTH: Final = 42
TITLE_WIDTH: Final = 24
SMALL: Final = 7.0
OUTCOME: Final = "Incremental net health benefit, QALYs"
DOT: Final[dict[str, Any]] = {"marker": "o", "markersize": 4.5, "linestyle": ""}


def what_ifs_figure(result: ScenarioMatrix) -> Figure:
    """Draw a panel for each strategy: its incremental net health benefit under each what-if.

    Net health benefit is in QALYs, so that what-ifs of different currencies share one axis.
    Intervals are 95 % intervals of the Monte Carlo error; the colour is that of the optimal
    strategy.
    """
    strategies = [gain.increment.strategy for gain in result.base.gains]
    rows = len(result.columns)
    figure, panels = new_figure(WIDTH_MM, FRAME_MM + ROW_MM * rows, columns=len(strategies))
    names = result.question.strategy_names
    for place, (axes, strategy) in enumerate(zip(panels, strategies, strict=True)):
        for row, column in enumerate(result.columns):
            _draw(axes, column, column.gains[place], row, colour_of(names)[column.optimal])
        _frame(axes, result, result.base.gains[place], rows)
        alone = len(strategies) == 1
        title = (
            against(result.question, strategy)
            if alone
            else strategy_label(result.question, strategy)
        )
        axes.set_title(balanced(title, 2 * LABEL_WIDTH if alone else TITLE_WIDTH))
        axes.set_xlabel(OUTCOME if alone else balanced(OUTCOME, TITLE_WIDTH))
        if place > 0:
            axes.set_yticks(range(rows), [""] * rows)
    labels = [balanced(_label(result, column), LABEL_WIDTH) for column in result.columns]
    panels[0].set_yticks(range(rows), labels, fontsize=SMALL)
    _share_limits(panels)
    handles = _legend(result, names)
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=legend_columns([str(each.get_label()) for each in handles], WIDTH_MM),
    )
    return figure


def _draw(axes: Axes, column: Column, gain: Gain, row: int, colour: str) -> None:
    value, error = (each / column.threshold for each in gain.nmb)
    if math.isfinite(error):
        axes.errorbar(
            value,
            row,
            xerr=NORMAL_97_5 * error,
            color="black",
            linewidth=0.8,
            capsize=1.8,
            capthick=0.8,
            zorder=2,
        )
    axes.plot(value, row, color=colour, markeredgecolor="black", zorder=3, **DOT)


def _frame(axes: Axes, result: ScenarioMatrix, base: Gain, rows: int) -> None:
    axes.set_ylim(rows - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.axvline(base.nmb.mean / result.base.threshold, color="black", linewidth=0.8, zorder=1)
    axes.axvline(0.0, color=GREY, linewidth=0.9, linestyle="--", zorder=1)
    axes.axhline(0.5, color=GREY, linewidth=0.5)
    axes.xaxis.set_major_formatter(lambda value, _: number(value))


def _share_limits(panels: Sequence[Axes]) -> None:
    """Let all panels reach over the same values, so that they can be compared."""
    lows, highs = zip(*(axes.get_xlim() for axes in panels), strict=True)
    for axes in panels:
        axes.set_xlim(min(lows), max(highs))


def _label(result: ScenarioMatrix, column: Column) -> str:
    """Return the label of a what-if; where its threshold is another one, with that."""
    base = result.base
    if (column.currency, column.threshold) == (base.currency, base.threshold):
        return column.label
    return f"{column.label}, at {SYMBOLS[column.currency]}{column.threshold:,.0f} per QALY"


def _legend(result: ScenarioMatrix, names: list[str]) -> list[Line2D]:
    question, base = result.question, result.base
    optimal = {column.optimal for column in result.columns}
    handles = [
        Line2D(
            [],
            [],
            color=colour,
            markeredgecolor="black",
            label=f"optimal: {strategy_label(question, name)}",
            **DOT,
        )
        for name, colour in colour_of(names).items()
        if name in optimal
    ]
    worth = f"{SYMBOLS[base.currency]}{base.threshold:,.0f} per QALY"
    dashed: dict[str, Any] = {"color": GREY, "linestyle": "--", "linewidth": 0.9}
    return [
        *handles,
        Line2D([], [], color="black", marker="|", linewidth=0.8, label="95 % Monte Carlo interval"),
        Line2D([], [], color="black", linewidth=0.8, label=f"as it stands, at {worth}"),
        Line2D([], [], label="equal net benefit", **dashed),
    ]
