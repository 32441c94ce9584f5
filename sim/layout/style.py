"""The style of all figures, and how they are written.

Colours are those of Okabe and Ito (Color Universal Design, 2008), distinguishable with any of the
common kinds of colour blindness; a strategy has the same colour in every figure of a report.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from typing import Final

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis, XAxis
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.layout.cells import money_text, typeset

MM_PER_INCH: Final = 25.4
DPI: Final = 200
COLOURS: Final = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#000000",
    "#F0E442",
)
NARROW_MM: Final = 100.0
FEW_TICKS: Final = 3
"""Intervals between amounts along the horizontal axis of a figure narrower than that."""
LEGEND_KEY_MM: Final = 12.0
LEGEND_LETTER_MM: Final = 1.75
GREY: Final = "#6E6E6E"
LIGHT_GREY: Final = "#D9D9D9"
WHITE_GROUND: Final = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
"""Behind words on a drawing."""
SETTINGS: Final = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.0,
    "axes.titlesize": 9.0,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.8,
    "axes.axisbelow": True,
    "grid.color": "#E3E3E3",
    "grid.linewidth": 0.6,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "legend.frameon": False,
    "legend.fontsize": 7.5,
    "lines.linewidth": 1.6,
    "figure.constrained_layout.use": True,
    # The same drawing gives the same bytes.
    "svg.hashsalt": "blinsim",
    # Labels come from users: a dollar sign starts no formula.
    "text.parse_math": False,
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}

LAID_OUT: Final = {"figure.constrained_layout.use": False}
"""While a figure has a layout engine, even an empty one, `savefig` draws everything twice."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the shared style within this context."""
    with mpl.rc_context(rc=SETTINGS):  # type: ignore[arg-type]  # the stub wants literal keys
        yield


def new_figure(
    width_mm: float = 160.0, height_mm: float = 100.0, *, rows: int = 1, columns: int = 1
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure of this size and its axes, row by row; call it within `styled`."""
    figure = Figure(figsize=(width_mm / MM_PER_INCH, height_mm / MM_PER_INCH))
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, [one for row in axes for one in row]


def colour_of(strategies: Sequence[str]) -> dict[str, str]:
    """Return the colour of each strategy, by its place in the scenario."""
    return {name: COLOURS[i % len(COLOURS)] for i, name in enumerate(strategies)}


def legend_columns(labels: Sequence[str], width_mm: float) -> int:
    """Return the number of legend entries side by side in a figure of this width."""
    widest = LEGEND_KEY_MM + LEGEND_LETTER_MM * max((len(label) for label in labels), default=0)
    return max(1, min(len(labels), int(width_mm / widest)))


def laid_out(figure: Figure) -> Figure:
    """Return the figure with its parts in their final places, found once for all formats."""
    engine = figure.get_layout_engine()
    if engine is not None:
        drawn_at = figure.dpi
        # Letters take the most room as vector formats measure them, unhinted.
        FigureCanvasSVG(figure)
        with styled():
            engine.execute(figure)
        figure.dpi = drawn_at
        with mpl.rc_context(rc=LAID_OUT):  # type: ignore[arg-type]  # the stub wants literal keys
            figure.set_layout_engine(None)
    return figure


def rendered(figure: Figure, format_name: str) -> bytes:
    """Return the figure as a file of a format: the same drawing, the same bytes."""
    metadata = {
        "svg": {"Date": None, "Creator": "blinsim"},
        "png": {"Software": "blinsim"},
        "pdf": {"CreationDate": None, "Creator": "blinsim", "Producer": "blinsim"},
    }[format_name]
    buffer = BytesIO()
    laid_out(figure)
    with styled(), mpl.rc_context(rc=LAID_OUT):  # type: ignore[arg-type]
        figure.savefig(buffer, format=format_name, dpi=DPI, metadata=metadata)
    return buffer.getvalue()


def in_currency(axis: Axis, symbol: str) -> None:
    """Write the numbers along an axis as amounts of money, few where it is short and level."""
    figure = axis.axes.get_figure(root=True)
    inches = math.inf if figure is None else figure.get_size_inches()[0]
    if isinstance(axis, XAxis) and inches * MM_PER_INCH < NARROW_MM:
        axis.set_major_locator(MaxNLocator(FEW_TICKS))
    axis.set_major_formatter(lambda value, _: typeset(money_text(value, symbol)))
