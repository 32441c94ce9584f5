"""The printed answers as HTML, for the cell of a notebook.

Answers are printed to a console as tables and paragraphs; this one collects them and lays them out
in HTML, so that a notebook shows the same as a terminal.
"""

from __future__ import annotations

import html
import io
from collections.abc import Sequence
from typing import Any, Final

from sim.layout.table import BOLD, Cell, Row, Sheet, Table

LEFT: Final = "text-align:left;"
RIGHT: Final = "text-align:right;white-space:nowrap;"
STRONG: Final = "font-weight:bold;"
FAINT: Final = "opacity:0.65;"
NEW_SECTION: Final = "border-top:1px solid currentColor;"
INDENT: Final = "&emsp;"


class Hypertext(Sheet):
    """A console that becomes HTML."""

    def __init__(self) -> None:
        super().__init__(file=io.StringIO(), highlight=False, markup=False, emoji=False)
        self._parts: list[str] = []
        self._lines: list[str] = []

    def add_table(self, table: Table) -> None:
        """Add a table."""
        self._close_lines()
        heads = [_cell("th", f"{LEFT}vertical-align:bottom;", html.escape(table.corner))]
        heads += [_cell("th", RIGHT, html.escape(heading)) for heading in table.headings]
        rows = [
            _row(row, len(table.headings), begins=number > 0 and place == 0)
            for number, section in enumerate(table.sections)
            for place, row in enumerate(section)
        ]
        body = "".join(rows)
        self._parts.append(
            '<table style="margin:0.6em 0"><thead>'
            f"<tr>{''.join(heads)}</tr></thead><tbody>{body}</tbody></table>"
        )

    def add_paragraph(self, text: str, name: str, style: str) -> None:
        """Add text, after its name where it has one."""
        self._close_lines()
        shown = html.escape(text)
        if style == BOLD:
            shown = f"<strong>{shown}</strong>"
        if name:
            shown = f'<span style="{FAINT}">{html.escape(name)}:</span> {shown}'
        self._parts.append(f'<div style="max-width:60em">{shown}</div>')

    def print(self, *objects: Any, **settings: Any) -> None:  # noqa: ARG002, ANN401
        """Add a line as it is; without one, a gap."""
        if objects:
            self._lines += [html.escape(str(each)) for each in objects]
        else:
            self._close_lines()
            self._parts.append('<div style="height:0.8em"></div>')

    def text(self) -> str:
        """Return the HTML."""
        self._close_lines()
        return f'<div class="blinsim">{"".join(self._parts)}</div>'

    def _close_lines(self) -> None:
        if self._lines:
            self._parts.append(f"<pre>{chr(10).join(self._lines)}</pre>")
            self._lines = []


def _row(row: Row, columns: int, *, begins: bool) -> str:
    style = (STRONG if row.strong else "") + (NEW_SECTION if begins else "")
    label = row.label.lstrip()
    indent = INDENT if label != row.label else ""
    cells: Sequence[Cell] = [*row.cells, *[Cell("")] * (columns - len(row.cells))]
    shown = [_cell("td", LEFT + style, indent + html.escape(label))]
    shown += [_cell("td", RIGHT + style, _number(cell)) for cell in cells]
    return f"<tr>{''.join(shown)}</tr>"


def _number(cell: Cell) -> str:
    error = f'<span style="{FAINT}">{html.escape(cell.error)}</span>' if cell.error else ""
    return html.escape(cell.value) + error


def _cell(tag: str, style: str, content: str) -> str:
    return f'<{tag} style="{style}">{content}</{tag}>'
