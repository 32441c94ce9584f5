"""Bars of the first-order and total Sobol indices."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from sim.analyses.shared.cube import FITTED
from sim.analyses.shared.figure import words_figure
from sim.analyses.sobol.analysis import INDICES, Sobol
from sim.clinic.units import PERCENT
from sim.layout.style import COLOURS, new_figure

WIDTH_MM: Final = 150.0
ROW_MM: Final = 6.0
FRAME_MM: Final = 36.0
HALF: Final = 0.19
BAR: Final = 0.36
SMALL: Final = 7.0
GROUPS_SHOWN: Final = 25
FIRST_COLOUR, TOTAL_COLOUR = COLOURS[0], COLOURS[4]
TICK: Final = {"ecolor": "black", "elinewidth": 0.7, "capsize": 1.5, "capthick": 0.7}


def sobol_figure(result: Sobol) -> Figure:
    """Draw the groups with the largest total indices, with 95 % intervals.

    Below the fitted parameters are their topics, each with its part of the first-order index.
    """
    if result.is_constant:
        return words_figure(result.is_of, result.lacking)
    table = _rows(result)
    figure, (axes,) = new_figure(WIDTH_MM, FRAME_MM + ROW_MM * len(table))
    places = np.arange(len(table), dtype=np.float64)
    for column, label, shift, colour in (
        ("first_order", "First order", -HALF, FIRST_COLOUR),
        ("total", "Total", HALF, TOTAL_COLOUR),
    ):
        axes.barh(
            places + shift,
            PERCENT * table[column],
            xerr=PERCENT * table[f"{column}_ci"],
            height=BAR,
            color=colour,
            label=label,
            error_kw=TICK,
        )
    axes.set_yticks(places, [_label(str(name)) for name in table.index], fontsize=SMALL)
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_xlim(left=min(0.0, axes.get_xlim()[0]))
    axes.axvline(0.0, color="black", linewidth=0.8)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.set_xlabel(
        f"Share of the variance, % (95 % interval)\n{result.outcome.label}\n{result.is_of}"
    )
    axes.set_title("Share of the variance by group of inputs")
    figure.legend(loc="outside lower center", ncols=2)
    return figure


def _rows(result: Sobol) -> pd.DataFrame:
    """Return the indices of the groups; topics of the fitted parameters follow these."""
    parts = []
    for name in result.table.index[:GROUPS_SHOWN]:
        shown = f"{name}, not fitted" if name in result.fitted.index else name
        parts.append(result.table.loc[[name]].rename(index={name: shown}))
        if name == FITTED:
            topics = result.fitted.rename(
                columns={"share": "first_order", "share_ci": "first_order_ci"}
            )
            parts.append(topics.rename(index="… {}".format).reindex(columns=list(INDICES)))
    return pd.concat([part.astype(float) for part in parts if len(part)])


def _label(name: str) -> str:
    return name[:1].upper() + name[1:]
