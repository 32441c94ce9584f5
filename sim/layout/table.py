"""Tables of numbers for a screen and for the cell of a notebook.

On a screen columns are aligned, and split where it is too narrow.

The numbers of a column end at one place, so that units are below units; their standard
errors follow in parentheses. A table that is too wide puts its headings on several lines, and
if that is not enough becomes several tables, so that no number is ever broken or cut off.
"""

from __future__ import annotations

import html
import io
import math
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console

GAP: Final = "  "
BOLD: Final = "bold"
SUBSTITUTES: Final = {
    "≥": ">=",
    "≤": "<=",
    "–": "-",
    "—": "-",
    "£": "GBP ",
    "×": "x",
    "─": "-",
    "σ": "sigma",
    "·": "-",
    "█": "#",
}
"""Substitutes for signs that the encoding of the output lacks."""


LEFT: Final = "text-align:left;"
RIGHT: Final = "text-align:right;white-space:nowrap;"
STRONG: Final = "font-weight:bold;"
FAINT: Final = "opacity:0.65;"
NEW_SECTION: Final = "border-top:1px solid currentColor;"
INDENT: Final = "&emsp;"


class Cell(NamedTuple):
    """A number as it is shown, and its standard error or nothing."""

    value: str
    error: str = ""


class Row(NamedTuple):
    """A label with a cell for each column; one without cells is a heading of its own.

    A label may have several lines; the cells are next to the first.
    """

    label: str
    cells: Sequence[Cell] = ()
    strong: bool = False


class Table(NamedTuple):
    """A corner, a heading for each column, and sections of rows with a gap between them."""

    corner: str
    headings: Sequence[str]
    sections: Sequence[Sequence[Row]]


class Sheet(Console):
    """An output that receives whole tables and paragraphs, and lays them out itself."""

    def __init__(self) -> None:
        super().__init__(file=io.StringIO(), highlight=False, markup=False, emoji=False)

    def add_table(self, table: Table) -> None:
        """Add a table."""
        raise NotImplementedError

    def add_paragraph(self, text: str, name: str, style: str) -> None:
        """Add text, after its name where it has one."""
        raise NotImplementedError


def encodable(text: str, encoding: str) -> str:
    """Return the text on one line, with substitutes for signs that `encoding` lacks."""

    def shown(sign: str) -> str:
        if not sign.isprintable():
            return " "
        try:
            sign.encode(encoding)
        except UnicodeEncodeError:
            plain = unicodedata.normalize("NFKD", sign).encode("ascii", "ignore").decode()
            return SUBSTITUTES.get(sign, plain or "?")
        return sign

    return "".join(map(shown, text))


def print_table(console: Console, table: Table) -> None:
    """Print a table, or as many as its columns need at the width of the console."""
    if isinstance(console, Sheet):
        console.add_table(table)
        return
    encoding = console.encoding
    table = Table(
        encodable(table.corner, encoding),
        [encodable(heading, encoding) for heading in table.headings],
        [
            [
                Row(
                    "\n".join(encodable(line, encoding) for line in row.label.splitlines()),
                    [Cell(*(encodable(text, encoding) for text in cell)) for cell in row.cells],
                    row.strong,
                )
                for row in section
            ]
            for section in table.sections
        ],
    )
    rule = encodable("─", encoding)
    for part in _parts(table, console.width):
        for text, style in _lines(part, rule, console.width):
            console.print(text, style=style, soft_wrap=True)
        console.print()


def _parts(table: Table, width: int) -> list[Table]:
    """Divide the columns among as few tables as they fit in, about as many in each."""
    count = len(table.headings)
    fewest = len(_filled(table, width, count))
    return _filled(table, width, math.ceil(count / fewest))


def _filled(table: Table, width: int, most: int) -> list[Table]:
    """Fill one table after the other, with at most so many columns."""
    parts = []
    first = 0
    while first < len(table.headings):
        end = first + 1
        while (
            end < min(first + most, len(table.headings))
            and _narrowest(_columns(table, first, end + 1)) <= width
        ):
            end += 1
        parts.append(_columns(table, first, end))
        first = end
    return parts


def _columns(table: Table, first: int, end: int) -> Table:
    sections = [
        [row._replace(cells=row.cells[first:end]) for row in section] for section in table.sections
    ]
    return table._replace(headings=table.headings[first:end], sections=sections)


def _narrowest(table: Table) -> int:
    headings = [max(map(cell_len, heading.split())) for heading in table.headings]
    return _total(table, headings)


def _total(table: Table, headings: Sequence[int]) -> int:
    widths = [
        max(heading, value + error)
        for heading, (value, error) in zip(headings, _cell_widths(table), strict=True)
    ]
    return _label_width(table) + sum(len(GAP) + width for width in widths)


def _label_width(table: Table) -> int:
    labels = [
        line for section in table.sections for row in section for line in row.label.splitlines()
    ]
    words = table.corner.split()
    return max(map(cell_len, [*labels, *words]))


def _cell_widths(table: Table) -> list[tuple[int, int]]:
    """Return for each column the width of its numbers and that of their errors."""
    rows = [row for section in table.sections for row in section if row.cells]
    return [
        (
            max(cell_len(row.cells[i].value) for row in rows),
            max(cell_len(row.cells[i].error) for row in rows),
        )
        for i in range(len(table.headings))
    ]


def _lines(table: Table, rule: str, width: int) -> Iterator[tuple[str, str]]:
    """Yield each line with its style."""
    cells = _cell_widths(table)
    whole = [cell_len(heading) for heading in table.headings]
    label_width = _label_width(table)
    if _total(table, whole) <= width:
        headings = [[heading] for heading in table.headings]
        spare = width - _total(table, whole)
        label_width = max(label_width, min(cell_len(table.corner), label_width + spare))
    else:
        headings = [
            _wrapped(heading, value + error)
            for heading, (value, error) in zip(table.headings, cells, strict=True)
        ]
    widths = [
        max(value + error, *map(cell_len, heading))
        for heading, (value, error) in zip(headings, cells, strict=True)
    ]
    corner = _wrapped(table.corner, label_width)
    stacks = [corner, *headings]
    height = max(map(len, stacks))
    bottom = [[""] * (height - len(stack)) + stack for stack in stacks]
    for label, *texts in zip_longest(*bottom):
        shown = [_right(text, w) for text, w in zip(texts, widths, strict=True)]
        yield _joined(_left(label, label_width), shown), BOLD
    yield rule * (label_width + sum(len(GAP) + w for w in widths)), ""
    for number, section in enumerate(table.sections):
        if number > 0:
            yield "", ""
        for row in section:
            shown = [
                _right(_right(cell.value, value) + _left(cell.error, error), w)
                for cell, (value, error), w in zip(row.cells, cells, widths, strict=False)
            ]
            first, *more = row.label.splitlines() or [""]
            style = BOLD if row.strong else ""
            yield _joined(_left(first, label_width), shown), style
            for line in more:
                yield line, style


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(f"{lines[-1]} {word}") <= width:
            lines[-1] = f"{lines[-1]} {word}"
        else:
            lines.append(word)
    return lines or [""]


def _joined(label: str, shown: Sequence[str]) -> str:
    return GAP.join([label, *shown]).rstrip()


def _left(text: str, width: int) -> str:
    return text + " " * (width - cell_len(text))


def _right(text: str, width: int) -> str:
    return " " * (width - cell_len(text)) + text


class Hypertext(Sheet):
    """A console that becomes HTML, so that the cell of a notebook shows the same as a terminal."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._lines: list[str] = []

    def add_table(self, table: Table) -> None:
        """Add a table."""
        self._close_lines()
        heads = [_element("th", f"{LEFT}vertical-align:bottom;", html.escape(table.corner))]
        heads += [_element("th", RIGHT, html.escape(heading)) for heading in table.headings]
        rows = [
            _html_row(row, len(table.headings), begins=number > 0 and place == 0)
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


def _html_row(row: Row, columns: int, *, begins: bool) -> str:
    style = (STRONG if row.strong else "") + (NEW_SECTION if begins else "")
    label = row.label.lstrip()
    indent = INDENT if label != row.label else ""
    cells: Sequence[Cell] = [*row.cells, *[Cell("")] * (columns - len(row.cells))]
    shown = [_element("td", LEFT + style, indent + html.escape(label))]
    shown += [_element("td", RIGHT + style, _html_number(cell)) for cell in cells]
    return f"<tr>{''.join(shown)}</tr>"


def _html_number(cell: Cell) -> str:
    error = f'<span style="{FAINT}">{html.escape(cell.error)}</span>' if cell.error else ""
    return html.escape(cell.value) + error


def _element(tag: str, style: str, content: str) -> str:
    return f'<{tag} style="{style}">{content}</{tag}>'
