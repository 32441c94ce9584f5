"""Survival curves of the strategies, patients at risk below, with published values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.clinic.units import PERCENT
from sim.layout.style import GREY, colour_of, legend_columns, new_figure

WIDTH_MM: Final = 160.0
CURVE_MM: Final = 66.0
TITLES: Final = {"os": "Overall survival", "rfs": "Relapse-free survival of responders"}
ROW_MM: Final = 4.3
RISK_FRAME_MM: Final = 3.0
LEGEND_MM: Final = 9.0
HALF: Final = 50.0
TICK_MONTHS: Final = 12
LONG: Final = 84
"""With more months than this, ticks are two years apart."""
SMALL: Final = 7.0
TOP: Final = 102.0
SWATCH: Final = 0.03
NAME_SHARE: Final = 0.42
"""Where, within its two lines, a strategy's name ends."""
NUMBER_SHARE: Final = 0.52
"""Where its numbers begin."""


class Point(Protocol):
    """A published value: months and per cent on a curve, with an interval along one of them."""

    @property
    def strategy(self) -> str:
        """Name of the strategy of the scenario."""

    @property
    def months(self) -> float | None:
        """Of a landmark; None for a median."""

    @property
    def value(self) -> float | None:
        """Months of a median, per cent of a landmark; None where it was not reached."""

    @property
    def low(self) -> float | None:
        """Lower end of the interval."""

    @property
    def high(self) -> float | None:
        """Upper end of the interval."""


def survival_figure(
    curves: pd.DataFrame,
    published: Sequence[Point],
    labels: Mapping[str, str],
    *,
    endpoint: str,
    width_mm: float = WIDTH_MM,
) -> Figure:
    """Draw the curves of an endpoint, with numbers at risk and published medians and landmarks.

    Parameters
    ----------
    curves
        Rows of survival.csv of one endpoint.
    published
        Medians are at 50 %, landmarks at their month; lines through them are their intervals.
    labels
        Labels of strategies, by name, in the order of the scenario.
    endpoint
        One of `TITLES`.
    width_mm
        Of the figure.
    """
    rows = 2 * len(labels)
    height = CURVE_MM + LEGEND_MM + RISK_FRAME_MM + ROW_MM * rows
    figure, (axes, risk) = new_figure(width_mm, height, rows=2)
    axes.get_gridspec().set_height_ratios([CURVE_MM, RISK_FRAME_MM + ROW_MM * rows])  # type: ignore[union-attr]  # axes of a grid have one
    colours = colour_of(list(labels))
    last = int(curves["months"].max())
    for name, label in labels.items():
        curve = curves[curves["strategy"] == name]
        axes.plot(curve["months"], curve["survival_percent"], color=colours[name], label=label)
    for point in published:
        _point(axes, point, colours[point.strategy], last)
    ticks = list(range(0, last + 1, TICK_MONTHS * (2 if last > LONG else 1)))
    _frame(axes, ticks, last, endpoint)
    _at_risk(risk, curves, labels, colours, ticks, last)
    handles: list[Line2D] = [
        line for line in axes.get_lines() if line.get_label() in labels.values()
    ]
    if published:
        handles.append(
            Line2D([], [], color=GREY, marker="o", markerfacecolor="white", linewidth=1.0)
        )
        handles[-1].set_label("published, with interval")
    names = [str(handle.get_label()) for handle in handles]
    columns = legend_columns(names, width_mm)
    figure.legend(handles=handles, loc="outside lower center", ncols=columns)
    return figure


def _point(axes: Axes, point: Point, colour: str, last: int) -> None:
    if point.value is None:
        return
    centre = (point.value, HALF) if point.months is None else (point.months, point.value)
    if centre[0] > last:
        return
    low = point.value if point.low is None else point.low
    high = point.high
    if high is None:
        high = point.value if point.months is not None or point.low is None else float(last)
    ends = (
        ([low, high], [HALF, HALF]) if point.months is None else ([point.months] * 2, [low, high])
    )
    axes.plot(*ends, color=colour, linewidth=1.0, zorder=4)
    axes.plot(
        *centre,
        marker="o",
        markersize=5.0,
        color=colour,
        markerfacecolor="white",
        linestyle="",
        zorder=5,
    )


def _frame(axes: Axes, ticks: list[int], last: int, endpoint: str) -> None:
    axes.set_title(TITLES[endpoint])
    axes.set_xlim(0.0, max(last, 1))
    axes.set_ylim(0.0, TOP)
    axes.set_xticks(ticks)
    axes.grid(axis="y")
    axes.set_ylabel(f"{endpoint.upper()}, %")
    start = "remission" if endpoint == "rfs" else "entry"
    axes.set_xlabel(f"Months since {start}")
    axes.set_yticks([0.0, PERCENT / 4.0, HALF, 3.0 * PERCENT / 4.0, PERCENT])


def _at_risk(
    axes: Axes,
    curves: pd.DataFrame,
    labels: Mapping[str, str],
    colours: Mapping[str, str],
    ticks: list[int],
    last: int,
) -> None:
    """Write the numbers at risk below the ticks, strategy by strategy under its name."""
    axes.set_axis_off()
    axes.set_xlim(0.0, max(last, 1))
    axes.set_ylim(len(labels), 0.0)
    for row, (name, label) in enumerate(labels.items()):
        curve = curves[curves["strategy"] == name].set_index("months")["at_risk"]
        axes.plot([0.0, SWATCH * last], [row + NAME_SHARE / 2.0] * 2, color=colours[name])
        axes.text(
            *(1.5 * SWATCH * last, row + NAME_SHARE),
            f"At risk: {label}",
            fontsize=SMALL,
            va="bottom",
        )
        for tick in ticks:
            if tick in curve.index:
                axes.text(
                    tick,
                    row + NUMBER_SHARE,
                    f"{curve[tick]:,.0f}",
                    fontsize=SMALL,
                    ha="left" if tick == 0 else "right" if tick == last else "center",
                    va="top",
                )
