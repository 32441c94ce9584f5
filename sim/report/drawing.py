"""A horizontal scale for bars and intervals that are drawn in the cells of a table.

Figures drawn once and put into the page as SVG, or into a folder as files.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from sim.layout.cells import typeset
from sim.layout.figure_file import figure_files
from sim.layout.style import rendered, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PERCENT: Final = 100.0
ROOM: Final = 0.03
TICKS: Final = 4


@dataclass(frozen=True)
class Scale:
    """From values to per cents of a width; `is_log` for ratios and times."""

    low: float
    high: float
    is_log: bool = False

    @classmethod
    def over(cls, values: Iterable[float], *, is_log: bool = False) -> Scale:
        """Return a scale that shows all finite values, with a little room."""
        finite = [value for value in values if math.isfinite(value)]
        if is_log:
            finite = [math.log(value) for value in finite if value > 0.0]
        low, high = (min(finite), max(finite)) if finite else (0.0, 1.0)
        margin = ROOM * (high - low) or 1.0
        return cls(low - margin, high + margin, is_log)

    def at(self, value: float) -> float:
        """Return the place of a value, in per cent of the width; never beyond an end."""
        if self.is_log:
            value = math.log(value) if value > 0.0 else -math.inf
        share = (value - self.low) / (self.high - self.low)
        return round(PERCENT * min(max(share, 0.0), 1.0), 2)

    def bar(self, start: float, end: float) -> tuple[float, float]:
        """Return the start and the length of a bar between two values."""
        left, right = sorted((self.at(start), self.at(end)))
        return left, round(right - left, 2)

    def ticks(self, shown: Callable[[float], str]) -> list[tuple[float, str]]:
        """Return round values along the scale: their places and their texts."""
        from matplotlib.ticker import LogLocator, MaxNLocator

        low, high = self.low, self.high
        if self.is_log:
            low, high = math.exp(low), math.exp(high)
            values = LogLocator(subs=(1.0, 3.0)).tick_values(low, high)
        else:
            values = MaxNLocator(TICKS).tick_values(low, high)
        return [(self.at(v), shown(float(v))) for v in values if low <= v <= high]


_START: Final = re.compile(r".*?(?=<svg\b)", re.DOTALL)
_METADATA: Final = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_STYLE: Final = re.compile(r"<style\b.*?</style>", re.DOTALL)
_ROOT: Final = re.compile(r"<svg\b[^>]*?\bviewBox=\"([^\"]*)\"[^>]*>", re.DOTALL)
_ID: Final = re.compile(r"\bid=\"([^\"]*)\"")
_REFERENCE: Final = re.compile(r"(url\(#|href=\"#)([^)\"]*)")


LEAST_MM: Final = 90.0
"""The least width of a figure with a long title or label of an axis."""


@dataclass(frozen=True)
class Drawing:
    """A figure of the report.

    Attributes
    ----------
    name
        Of its files, and the start of every id in its SVG.
    title, description
        The alternative text.
    make
        Draws it; takes `width_mm`.
    least_mm
        The least width at which it can be read.
    """

    name: str
    title: str
    description: str
    make: Callable[..., Figure]
    least_mm: float = 0.0

    def files(self, width_mm: float) -> dict[str, bytes]:
        """Return the figure in every format by file name."""
        with styled():
            figure = self.make(width_mm=width_mm)
        return figure_files({self.name: figure})

    def svg(self, width_mm: float) -> Markup:
        """Return the figure as an SVG element that fits into any page.

        Ids begin with the figure's name, so that those of several figures differ; matplotlib's
        settings for the whole page, and its notes about itself, are left out.
        """
        with styled():
            figure = self.make(width_mm=max(width_mm, self.least_mm))
        return embedded(rendered(figure, "svg").decode(), self.name, self.title, self.description)


def embedded(text: str, name: str, title: str, description: str) -> Markup:
    """Return an SVG file as an element of a page, with unique ids and alternative text."""
    text = _START.sub("", text, count=1)
    for pattern in (_METADATA, _COMMENT, _STYLE):
        text = pattern.sub("", text)
    text = _ID.sub(lambda found: f'id="{name}-{found[1]}"', text)
    text = _REFERENCE.sub(lambda found: f"{found[1]}{name}-{found[2]}", text)

    def root(found: re.Match[str]) -> str:
        return (
            f'<svg class="drawing" role="img" viewBox="{found[1]}" '
            f'xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'aria-labelledby="{name}-title {name}-description">'
            f'<title id="{name}-title">{escape(typeset(title))}</title>'
            f'<desc id="{name}-description">{escape(typeset(description))}</desc>'
        )

    return Markup(_ROOT.sub(root, text, count=1))
