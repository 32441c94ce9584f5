"""Survival curves with the number of patients at risk beneath them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.clinic.units import PERCENT
from sim.economics.estimates import NORMAL_97_5
from sim.report.figures.style import GREY, colour_of, new_figure

WIDTH_MM: Final = 160.0
CURVES_MM: Final = 92.0
ROW_MM: Final = 4.6
BAND: Final = 0.15
SMALL: Final = 7.0
YEAR: Final = 12
WORDS: Final = {
    "os": ("Overall survival", "Alive, %"),
    "efs": ("Event-free survival", "In remission, %"),
    "rfs": ("Relapse-free survival of responders", "In remission, %"),
}
"""Title and height of each endpoint."""


def survival_figure(
    survival: pd.DataFrame, strategies: Sequence[str], labels: Mapping[str, str], *, endpoint: str
) -> Figure:
    """Draw an endpoint under each strategy, with 95 % intervals of the Monte Carlo error.

    Parameters
    ----------
    survival
        In the columns of survival.csv.
    strategies
        Names in the order of the scenario, for the colours.
    labels
        How they are shown, by name.
    endpoint
        One of ``os``, ``efs``, ``rfs``.
    """
    height = CURVES_MM + ROW_MM * (len(strategies) + 1)
    figure, (axes, counts) = new_figure(WIDTH_MM, height, rows=2)
    rows = survival[survival["endpoint"] == endpoint]
    last = max(float(rows["months"].max()), 1.0)
    colours = colour_of(strategies)
    for name in strategies:
        _curve(axes, rows[rows["strategy"] == name], colours[name], labels[name])
    _frame(axes, *WORDS[endpoint], last)
    grid = axes.get_gridspec()
    assert grid is not None
    grid.set_height_ratios([CURVES_MM, ROW_MM * (len(strategies) + 1)])
    _at_risk(counts, rows, strategies, last)
    return figure


def _curve(axes: Axes, rows: pd.DataFrame, colour: str, label: str) -> None:
    share = rows["survival_percent"].to_numpy(dtype=np.float64)
    patients = rows["at_risk"].to_numpy(dtype=np.float64)[:1]
    error = NORMAL_97_5 * np.sqrt(share * (PERCENT - share) / patients)
    axes.fill_between(
        rows["months"], share - error, share + error, color=colour, alpha=BAND, linewidth=0.0
    )
    axes.plot(rows["months"], share, color=colour, label=label)


def _frame(axes: Axes, title: str, height: str, last: float) -> None:
    axes.set_xlim(0.0, last)
    axes.set_ylim(0.0, PERCENT)
    axes.set_xticks(np.arange(0.0, last + 1.0, YEAR))
    axes.grid()
    axes.set_xlabel("Months")
    axes.set_ylabel(height)
    axes.set_title(title)
    axes.legend(loc="upper right", title="with 95 % Monte Carlo interval")


def _at_risk(axes: Axes, rows: pd.DataFrame, strategies: Sequence[str], last: float) -> None:
    axes.set_xlim(0.0, last)
    axes.set_ylim(len(strategies) - 0.4, -1.0)
    axes.set_axis_off()
    colours = colour_of(strategies)
    axes.text(0.0, -1.0, "Patients at risk", fontsize=SMALL, color=GREY, va="center")
    for place, name in enumerate(strategies):
        for row in rows[rows["strategy"] == name].itertuples():
            if int(row.months) % YEAR == 0:  # type: ignore[arg-type]  # a row has no types
                axes.text(
                    float(row.months),  # type: ignore[arg-type]
                    place,
                    f"{int(row.at_risk):,}",  # type: ignore[arg-type]
                    fontsize=SMALL,
                    color=colours[name],
                    ha="center",
                    va="center",
                )
