"""Words and numbers along the axes of figures, and in the place of one with nothing to draw."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from sim.analyses.shared.outcomes import Outcome
from sim.analyses.shared.text import with_unit
from sim.layout.cells import SYMBOLS, money_text, number_text, typeset
from sim.layout.style import in_currency, new_figure
from sim.simulation.question import Question

if TYPE_CHECKING:
    from sim.analyses.shared.ranges import Range

DOTS: Final = " …"
WIDTH_MM: Final = 130.0
HEIGHT_MM: Final = 40.0
LINE: Final = 70
"""Of a figure that has nothing to draw, and of a line of its words."""
AXIS_LABEL: Final = 52
"""Letters of a line beside an axis, which is no longer than the axis."""


def number(value: float | None) -> str:
    """Return a number as shown in a figure; empty for none."""
    return typeset(number_text(value))


def amount(outcome: Outcome, value: float) -> str:
    """Return a value of an outcome, with the sign of its currency where it has one."""
    if outcome.unit not in SYMBOLS:
        return number(value)
    return typeset(money_text(value, SYMBOLS[outcome.unit]))


def in_unit(axis: Axis, outcome: Outcome) -> None:
    """Write the numbers along an axis in the unit of an outcome."""
    if outcome.unit in SYMBOLS:
        in_currency(axis, SYMBOLS[outcome.unit])
    else:
        axis.set_major_formatter(lambda value, _: number(value))


def axis_label(outcome: Outcome, question: Question) -> str:
    """Return an outcome and its unit; of money also its year."""
    year = f"{question.perspective.price_year} " if outcome.unit in SYMBOLS else ""
    return f"{outcome.label}, {year}{outcome.unit}"


def named(varied: Range) -> str:
    """Return the label of a parameter and its unit, unless the label says it."""
    return balanced(with_unit(varied.label, varied.unit), AXIS_LABEL)


def whole_ticks(axis: Axis, varied: Range) -> None:
    """Put ticks at whole numbers only, along the axis of a count."""
    if varied.is_whole:
        axis.set_major_locator(MaxNLocator(integer=True))


def balanced(text: str, width: int, most: int = 2) -> str:
    """Break text into lines of about the same length.

    Parameters
    ----------
    text
        Of words.
    width
        Signs of a line, at most.
    most
        Lines, at most; the rest is left out and marked as such.
    """
    shortened = textwrap.wrap(text, width, max_lines=most, placeholder=DOTS, break_on_hyphens=False)
    if len(shortened) <= 1:
        return text
    whole = " ".join(shortened)
    narrowest = min(width, -(-len(whole) // len(shortened)))
    return next(
        "\n".join(lines)
        for narrower in range(narrowest, width + 1)
        for lines in (textwrap.wrap(whole, narrower, break_on_hyphens=False),)
        if len(lines) <= len(shortened)
    )


def words_figure(title: str, text: str) -> Figure:
    """Return a figure that says why there is none."""
    figure, (axes,) = new_figure(WIDTH_MM, HEIGHT_MM)
    axes.set_axis_off()
    axes.set_title(title)
    said = "\n".join(textwrap.wrap(text, LINE))
    axes.text(0.0, 0.7, said, transform=axes.transAxes, va="top", fontsize=8.0)
    return figure
