"""A sentence in the place of a figure that has nothing to draw."""

from __future__ import annotations

import textwrap

from matplotlib.figure import Figure

from sim.layout.style import new_figure

WIDTH_MM = 130.0
HEIGHT_MM = 40.0
LINE = 70


def words_figure(title: str, text: str) -> Figure:
    """Return a figure that says why there is none."""
    figure, (axes,) = new_figure(WIDTH_MM, HEIGHT_MM)
    axes.set_axis_off()
    axes.set_title(title)
    said = "\n".join(textwrap.wrap(text, LINE))
    axes.text(0.0, 0.7, said, transform=axes.transAxes, va="top", fontsize=8.0)
    return figure
