"""Figures drawn once and put into the page as SVG, or into a folder as files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from sim.report.figures.style import FORMATS, rendered, styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_START: Final = re.compile(r".*?(?=<svg\b)", re.DOTALL)
_METADATA: Final = re.compile(r"<metadata>.*?</metadata>", re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_STYLE: Final = re.compile(r"<style\b.*?</style>", re.DOTALL)
_ROOT: Final = re.compile(r"<svg\b[^>]*?\bviewBox=\"([^\"]*)\"[^>]*>", re.DOTALL)
_ID: Final = re.compile(r"\bid=\"([^\"]*)\"")
_REFERENCE: Final = re.compile(r"(url\(#|href=\"#)([^)\"]*)")


@dataclass(frozen=True)
class Drawing:
    """A figure of the report.

    Attributes
    ----------
    name
        Of its files, and the start of every id in its SVG.
    title, description
        What a reader who does not see it is told.
    make
        Draws it at a width in mm.
    """

    name: str
    title: str
    description: str
    make: Callable[[float], Figure]

    def files(self, width_mm: float) -> dict[str, bytes]:
        """Return the figure in every format by file name."""
        with styled():
            figure = self.make(width_mm)
        return {f"{self.name}.{suffix}": rendered(figure, suffix) for suffix in FORMATS}

    def svg(self, width_mm: float) -> Markup:
        """Return the figure as an SVG element that fits into any page.

        Ids begin with the figure's name, so that those of several figures differ; what
        matplotlib would set for the whole page, or says about itself, is left out.
        """
        with styled():
            figure = self.make(width_mm)
        text = _START.sub("", rendered(figure, "svg").decode(), count=1)
        for pattern in (_METADATA, _COMMENT, _STYLE):
            text = pattern.sub("", text)
        text = _ID.sub(lambda found: f'id="{self.name}-{found[1]}"', text)
        text = _REFERENCE.sub(lambda found: f"{found[1]}{self.name}-{found[2]}", text)
        return Markup(_ROOT.sub(self._root, text, count=1))

    def _root(self, found: re.Match[str]) -> str:
        return (
            f'<svg class="drawing" role="img" viewBox="{found[1]}" '
            f'xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'aria-labelledby="{self.name}-title {self.name}-description">'
            f'<title id="{self.name}-title">{escape(self.title)}</title>'
            f'<desc id="{self.name}-description">{escape(self.description)}</desc>'
        )
