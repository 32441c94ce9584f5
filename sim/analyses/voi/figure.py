"""The value of information: all of it against the threshold, and each part of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from sim.analyses.shared.figure import (
    balanced,
    money_axis,
    money_curve,
    threshold_axis,
    words_figure,
)
from sim.economics.estimates import NORMAL_97_5
from sim.layout.cells import money_text
from sim.layout.style import COLOURS, GREY, in_currency, new_figure

WIDTH_MM: Final = 160.0
HEIGHT_MM: Final = 85.0
ROW_MM: Final = 6.4
FRAME_MM: Final = 30.0
SMALL: Final = 6.5
TICKS: Final = 6
TITLE_PAD: Final = 14.0
GROUP_COLOUR, PARAMETER_COLOUR = COLOURS[1], COLOURS[0]
GAP: Final = 0.8
LABEL_WIDTH: Final = 48
NOTHING_TO_LEARN: Final = (
    "No group of inputs and no single input is worth more than the noise of its estimate."
)
ERROR_BARS: Final = {"ecolor": "black", "elinewidth": 0.7, "capsize": 1.5, "capthick": 0.7}


class Worth(NamedTuple):
    """A bar: the inputs known, the value of that with its error, and whether it exceeds the bias.

    `name` is empty for a group.
    """

    label: str
    name: str
    value: float
    se: float
    told: bool


def evpi_figure(
    curve: pd.DataFrame,
    thresholds: Sequence[float],
    *,
    symbol: str,
    width_mm: float = WIDTH_MM,
) -> Figure:
    """Draw the EVPI against the threshold, with its 95 % interval.

    Parameters
    ----------
    curve
        Columns ``threshold``, ``evpi``, ``se``; currency per QALY and per patient.
    thresholds
        Marked by lines.
    symbol
        Of the currency.
    width_mm
        Of the figure.
    """
    figure, (axes,) = new_figure(width_mm, HEIGHT_MM)
    money_curve(axes, curve, "evpi", "se", colour=COLOURS[0])
    threshold_axis(axes, curve, thresholds, symbol)
    money_axis(axes, "EVPI per patient", symbol)
    axes.set_title("Expected value of perfect information")
    return figure


def evppi_figure(bars: Sequence[Worth], *, symbol: str, threshold: float, evpi: float) -> Figure:
    """Draw the values that exceed their noise, with 95 % intervals; say so where none does.

    Parameters
    ----------
    bars
        From the top down, groups first; those within their noise are left out.
    symbol
        Of the currency.
    threshold
        In currency per QALY, for the title.
    evpi
        The value of knowing everything: a line.
    """
    title = f"EVPPI at {money_text(threshold, symbol)} per QALY"
    bars = [bar for bar in bars if bar.told]
    if not bars:
        return words_figure(title, f"{NOTHING_TO_LEARN} EVPI is {money_text(evpi, symbol)}.")
    figure, (axes,) = new_figure(WIDTH_MM, FRAME_MM + ROW_MM * (len(bars) + GAP))
    places = np.array([i + GAP * bool(bar.name) for i, bar in enumerate(bars)])
    values = np.array([bar.value for bar in bars])
    errors = NORMAL_97_5 * np.array([bar.se for bar in bars])
    colours = [PARAMETER_COLOUR if bar.name else GROUP_COLOUR for bar in bars]
    axes.barh(
        places,
        values,
        xerr=np.array([np.minimum(errors, values), errors]),
        height=0.62,
        color=colours,
        error_kw=ERROR_BARS,
    )
    axes.axvline(evpi, color=GREY, linestyle="--", linewidth=1.0)
    axes.annotate(
        f"EVPI {money_text(evpi, symbol)}",
        (evpi, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-3.0, 2.0),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=SMALL,
        color=GREY,
    )
    axes.set_yticks(places, [balanced(bar.label, LABEL_WIDTH) for bar in bars], fontsize=SMALL)
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_xlim(left=0.0)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(TICKS))
    in_currency(axes.xaxis, symbol)
    axes.set_xlabel("EVPPI per patient, with 95 % interval")
    axes.set_title(title, pad=TITLE_PAD)
    handles = [
        Patch(facecolor=GROUP_COLOUR, edgecolor=GROUP_COLOUR, label="group"),
        Patch(facecolor=PARAMETER_COLOUR, edgecolor=PARAMETER_COLOUR, label="single parameter"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure
