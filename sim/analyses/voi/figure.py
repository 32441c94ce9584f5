"""The value of information: all of it against the threshold, and each part of it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from sim.analyses.shared.against_threshold import money_axis, money_curve, threshold_axis
from sim.economics.estimates import NORMAL_97_5
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
    """Draw the value of each group or parameter, with 95 % intervals.

    Parameters
    ----------
    bars
        From the top down, groups first; those within the bias are drawn empty.
    symbol
        Of the currency.
    threshold
        In currency per QALY, for the title.
    evpi
        The value of knowing everything: a line.
    """
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
        color=[colour if bar.told else "white" for bar, colour in zip(bars, colours, strict=True)],
        edgecolor=colours,
        linewidth=0.8,
        error_kw=ERROR_BARS,
    )
    axes.axvline(evpi, color=GREY, linestyle="--", linewidth=1.0)
    axes.annotate(
        f"EVPI {symbol}{evpi:,.0f}",
        (evpi, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(-3.0, 2.0),
        textcoords="offset points",
        ha="right",
        va="bottom",
        fontsize=SMALL,
        color=GREY,
    )
    axes.set_yticks(places, [_shown(bar) for bar in bars], fontsize=SMALL)
    axes.set_ylim(places[-1] + 0.6, -0.6)
    axes.set_xlim(left=0.0)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(TICKS))
    in_currency(axes.xaxis, symbol)
    axes.set_xlabel("EVPPI per patient, with 95 % interval")
    # Short enough for the space next to the long names of parameters.
    axes.set_title(f"EVPPI at {symbol}{threshold:,.0f} per QALY", pad=TITLE_PAD)
    handles = [
        Patch(facecolor=GROUP_COLOUR, edgecolor=GROUP_COLOUR, label="group"),
        Patch(facecolor=PARAMETER_COLOUR, edgecolor=PARAMETER_COLOUR, label="single parameter"),
        Patch(facecolor="white", edgecolor=GREY, label="not told from nothing"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _shown(bar: Worth) -> str:
    """Return the label, and below it the name of a parameter."""
    label = textwrap.shorten(bar.label, LABEL_WIDTH, placeholder=" …")
    return f"{label}\n{bar.name}" if bar.name else label
