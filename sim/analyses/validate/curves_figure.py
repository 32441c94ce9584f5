"""Predicted survival of the main cohorts with their published results."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from sim.evidence.targets import Target
from sim.evidence.validation import LAST_MONTH, PredictedCurve, Validation
from sim.layout.style import COLOURS, GREY, new_figure

WIDTH_MM: Final = 190.0
ROW_MM: Final = 45.0
FRAME_MM: Final = 16.0
COLUMNS: Final = 3
MOST_PANELS: Final = 12
SHOWN_MONTHS: Final = 36.0
YEAR: Final = 12
MIDDLE: Final = 50.0
STYLES: Final[dict[str, tuple[str, str, Any]]] = {
    "os": ("OS", COLOURS[0], "-"),
    "rfs": ("RFS of responders", COLOURS[2], (0, (4, 1.5))),
}
HELD_OUT: Final = "held_out"
MARKS: Final[dict[str, dict[str, Any]]] = {
    "os": {"marker": "s", "markersize": 3.8},
    "rfs": {"marker": "D", "markersize": 3.6},
}
OFFSETS: Final = {"os": 1.5, "rfs": -1.5}
"""Per cent by which a median is offset from the line of 50 %, so that both can be read."""
TITLE: Final = 7.2
TITLE_WIDTH: Final = 34
CORNER: Final = (0.97, 0.95)


def curves_figure(validation: Validation, table: pd.DataFrame) -> Figure:
    """Draw OS and RFS of the fitted cohorts and of the largest held out, a panel for each.

    Parameters
    ----------
    validation
        Its curves are drawn.
    table
        Its labelled table, with the index of its targets.
    """
    names = _main(validation)
    rows = -(-len(names) // COLUMNS)
    columns = min(COLUMNS, len(names))
    figure, panels = new_figure(
        WIDTH_MM * columns / COLUMNS, FRAME_MM + ROW_MM * rows, rows=rows, columns=columns
    )
    for place, (axes, name) in enumerate(zip(panels, names, strict=False)):
        _draw(axes, name, validation, table)
        if place % columns == 0:
            axes.set_ylabel("per cent")
        if place + columns >= len(names):
            axes.set_xlabel("months")
    for axes in panels[len(names) :]:
        axes.set_visible(False)
    figure.legend(handles=_legend(), loc="outside lower center", ncols=2, fontsize=TITLE)
    return figure


def _main(validation: Validation) -> list[tuple[str, str]]:
    """Return cohort and arm of each panel: all that are fitted, then the largest."""
    found: dict[tuple[str, str], list[Target]] = {}
    for curve in validation.curves:
        found.setdefault(_name(curve.target), [])
    for target in validation.targets:
        if _name(target) in found and target.survival is not None:
            found[_name(target)].append(target)

    def rank(name: tuple[str, str]) -> tuple[bool, int]:
        mine = found[name]
        return all(t.role != "fit" for t in mine), -max(t.n or 0 for t in mine)

    chosen = sorted(found, key=rank)[:MOST_PANELS]
    return [name for name in found if name in chosen]


def _name(target: Target) -> tuple[str, str]:
    return target.cohort, target.arm


def _draw(axes: Axes, name: tuple[str, str], validation: Validation, table: pd.DataFrame) -> None:
    curves = [curve for curve in validation.curves if _name(curve.target) == name]
    for curve in curves:
        _band(axes, curve)
    published = [
        (target, table.loc[place])
        for place, target in enumerate(validation.targets)
        if _name(target) == name and target.survival is not None and _drawn(target, curves)
    ]
    for target, row in published:
        _mark(axes, target, row)
    subsets = {str(row.label).partition(", ")[2] for _, row in published}
    title = str(published[0][1].heading)
    if len(subsets) == 1 and (subset := subsets.pop()):
        title += f", {subset}"
    axes.set_title(textwrap.fill(title, TITLE_WIDTH), fontsize=TITLE)
    if all(target.role == HELD_OUT for target, _ in published):
        axes.text(
            *CORNER, "held out", transform=axes.transAxes, ha="right", va="top", style="italic"
        )
    axes.set_xlim(0.0, SHOWN_MONTHS)
    axes.set_ylim(0.0, 100.0)
    axes.set_xticks(np.arange(0, SHOWN_MONTHS + 1, YEAR / 2))
    axes.set_yticks([0, 25, 50, 75, 100])
    axes.grid(visible=True)


def _drawn(target: Target, curves: Sequence[PredictedCurve]) -> bool:
    return any(target.curve == curve.target.curve for curve in curves)


def _band(axes: Axes, curve: PredictedCurve) -> None:
    _, colour, dashes = STYLES[curve.endpoint]
    months = np.arange(LAST_MONTH + 1)
    axes.fill_between(months, curve.low, curve.high, color=colour, alpha=0.18, linewidth=0.0)
    axes.plot(months, curve.middle, color=colour, linestyle=dashes)


def _mark(axes: Axes, target: Target, row: Any) -> None:  # noqa: ANN401 - a row of mixed types
    """Mark a median near the line of 50 %, or a landmark at its time, with its interval."""
    endpoint = target.curve.rsplit("/", maxsplit=1)[1]
    _, colour, _ = STYLES[endpoint]
    y = MIDDLE + OFFSETS[endpoint]
    if target.at_months is None:
        ends, heights, at = [row.low, row.high], [y, y], (row.published, y)
    else:
        at = (target.at_months, row.published)
        ends, heights = [target.at_months] * 2, [row.low, row.high]
    axes.plot(ends, heights, color=colour, linewidth=1.1, zorder=4)
    axes.plot(
        *([place] for place in at),
        markerfacecolor=colour,
        markeredgecolor="black",
        linestyle="",
        zorder=5,
        **MARKS[endpoint],
    )


def _legend() -> list[Any]:
    predicted = [
        Line2D([], [], color=colour, linestyle=dashes, label=f"{words}, predicted")
        for words, colour, dashes in STYLES.values()
    ]
    published = [
        Line2D(
            [],
            [],
            color=colour,
            markeredgecolor="black",
            linewidth=1.1,
            label=f"{words}: published median or landmark, 95 % interval",
            **MARKS[endpoint],
        )
        for endpoint, (words, colour, _) in STYLES.items()
    ]
    band = Patch(color=GREY, alpha=0.3, linewidth=0.0, label="95 % interval of the predicted curve")
    return [*predicted, band, *published]
