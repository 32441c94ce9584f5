"""The shortfalls over draws, against the cut-offs of the perspective."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sim.analyses.severity.analysis import Severity
from sim.clinic.units import PERCENT
from sim.economics.estimates import Array
from sim.layout.style import COLOURS, GREY, LIGHT_GREY, new_figure

WIDTH_MM: Final = 160.0
HEIGHT_MM: Final = 110.0
BINS: Final = 30
SMALL: Final = 7.0
HEADROOM: Final = 1.25
ROOM: Final = 0.08
"""Beside the outermost draw or cut-off, as a share of the axis."""


def severity_figure(found: Severity) -> Figure:
    """Draw the distribution of each shortfall over draws, with the base case and the cut-offs."""
    figure, (upper, lower) = new_figure(WIDTH_MM, HEIGHT_MM, rows=2)
    base, levels = found.shortfalls.iloc[0], found.levels
    _panel(
        upper,
        found.drawn["absolute"].to_numpy(),
        base["absolute"],
        [(level.absolute_qalys, level.weight) for level in levels],
    )
    upper.set_xlabel("Absolute QALY shortfall")
    _panel(
        lower,
        PERCENT * found.drawn["proportional"].to_numpy(),
        PERCENT * base["proportional"],
        [(PERCENT * level.proportional, level.weight) for level in levels],
    )
    lower.set_xlabel("Proportional QALY shortfall, %")
    handles, names = upper.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=3)
    return figure


def _panel(axes: Axes, draws: Array, base: float, cuts: Sequence[tuple[float, float]]) -> None:
    places = [*draws.tolist(), base, *(cut for cut, _ in cuts)]
    room = ROOM * (max(places) - min(places))
    axes.set_xlim(min(places) - room, max(places) + room)
    counts, edges = np.histogram(draws, bins=BINS)
    shares = PERCENT * counts / len(draws)
    axes.bar(edges[:-1], shares, np.diff(edges), align="edge", color=LIGHT_GREY, label="draws")
    axes.set_ylim(0.0, HEADROOM * float(shares.max()))
    axes.axvline(base, color=COLOURS[0], label="base case")
    for place, (cut, weight) in enumerate(cuts):
        label = "cut-off of a weight" if place == 0 else None
        axes.axvline(cut, color=COLOURS[1], linestyle="--", linewidth=1.0, label=label)
        axes.annotate(
            f" ×{weight:g}",
            (cut, 1.0),
            xycoords=("data", "axes fraction"),
            va="top",
            fontsize=SMALL,
            color=GREY,
        )
    axes.set_ylabel("Draws, %")
    axes.grid(axis="y")
