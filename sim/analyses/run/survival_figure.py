"""Survival curves of the strategies, patients at risk below, with published values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sim.clinic.units import PERCENT
from sim.economics.estimates import Array
from sim.layout.style import GREY, LIGHT_GREY, colour_of, new_figure

WIDTH_MM: Final = 160.0
CURVE_MM: Final = 66.0
TITLES: Final = {"os": "Overall survival", "rfs": "Relapse-free survival of responders"}
ROW_MM: Final = 4.3
RISK_FRAME_MM: Final = 3.0
LEGEND_MM: Final = 6.0
HALF: Final = 50.0
TICK_MONTHS: Final = 12
EARLY_MONTHS: Final = 36
"""Most happens before; what comes later is drawn smaller, by this factor."""
SMALLER: Final = 4.0
LATE_TICK_MONTHS: Final = 30
LATE_TICKS_FROM: Final = 60
SMALL: Final = 7.0
TOP: Final = 102.0
SWATCH: Final = 0.06
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
    height = CURVE_MM + (LEGEND_MM if published else 0.0) + RISK_FRAME_MM + ROW_MM * rows
    figure, (axes, risk) = new_figure(width_mm, height, rows=2)
    axes.get_gridspec().set_height_ratios([CURVE_MM, RISK_FRAME_MM + ROW_MM * rows])  # type: ignore[union-attr]  # axes of a grid have one
    colours = colour_of(list(labels))
    last = int(curves["months"].max())
    for name, label in labels.items():
        curve = curves[curves["strategy"] == name]
        axes.plot(curve["months"], curve["survival_percent"], color=colours[name], label=label)
    for point in published:
        _point(axes, point, colours[point.strategy], last)
    ticks = [
        *range(0, min(last, EARLY_MONTHS) + 1, TICK_MONTHS),
        *range(LATE_TICKS_FROM, last + 1, LATE_TICK_MONTHS),
    ]
    _frame(axes, ticks, last, endpoint)
    _at_risk(risk, curves, labels, colours, ticks, last)
    if published:
        look: dict[str, Any] = {"color": GREY, "marker": "o", "markerfacecolor": "white"}
        handle = Line2D([], [], linewidth=1.0, label="published, with interval", **look)
        figure.legend(handles=[handle], loc="outside lower center")
    return figure


def _months(axes: Axes, last: int) -> None:
    """Let the horizontal axis be months, the later ones smaller."""

    def drawn(months: Array) -> Array:
        return np.where(
            months > EARLY_MONTHS, EARLY_MONTHS + (months - EARLY_MONTHS) / SMALLER, months
        )

    def months(place: Array) -> Array:
        return np.where(
            place > EARLY_MONTHS, EARLY_MONTHS + (place - EARLY_MONTHS) * SMALLER, place
        )

    axes.set_xscale("function", functions=(drawn, months))
    axes.set_xlim(0.0, max(last, 1))


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
    _months(axes, last)
    axes.set_ylim(0.0, TOP)
    axes.set_xticks(ticks)
    axes.grid(axis="y")
    axes.set_ylabel(f"{endpoint.upper()}, %")
    start = "remission" if endpoint == "rfs" else "entry"
    axes.set_xlabel(f"Months since {start}")
    if last > EARLY_MONTHS:
        axes.axvspan(EARLY_MONTHS, last, color=LIGHT_GREY, alpha=0.35, linewidth=0.0, zorder=0)
        axes.text(
            *(last, TOP - 3.0),
            f"time drawn {SMALLER:.0f} times\nsmaller after month {EARLY_MONTHS} ",
            fontsize=SMALL,
            color=GREY,
            ha="right",
            va="top",
        )
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
    _months(axes, last)
    axes.set_ylim(len(labels), 0.0)
    for row, (name, label) in enumerate(labels.items()):
        curve = curves[curves["strategy"] == name].set_index("months")["at_risk"]
        axes.plot([0.0, SWATCH * EARLY_MONTHS], [row + NAME_SHARE / 2.0] * 2, color=colours[name])
        axes.text(
            *(1.5 * SWATCH * EARLY_MONTHS, row + NAME_SHARE),
            f"{label}, at risk",
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
