"""Figures drawn once and put into the page as SVG, or into a folder as files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from sim.layout.figure_file import figure_files
from sim.layout.style import rendered, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

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
        Draws it at a width in mm.
    least_mm
        The least width at which it can be read.
    """

    name: str
    title: str
    description: str
    make: Callable[[float], Figure]
    least_mm: float = 0.0

    def files(self, width_mm: float) -> dict[str, bytes]:
        """Return the figure in every format by file name."""
        with styled():
            figure = self.make(width_mm)
        return figure_files({self.name: figure})

    def svg(self, width_mm: float) -> Markup:
        """Return the figure as an SVG element that fits into any page.

        Ids begin with the figure's name, so that those of several figures differ; matplotlib's
        settings for the whole page, and its notes about itself, are left out.
        """
        with styled():
            figure = self.make(max(width_mm, self.least_mm))
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
            f'<title id="{name}-title">{escape(title)}</title>'
            f'<desc id="{name}-description">{escape(description)}</desc>'
        )

    return Markup(_ROOT.sub(root, text, count=1))
