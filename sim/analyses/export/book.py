"""A workbook in memory: texts that never become formulas, and formulas with their values.

A formula is written with the value that it has, so that programs that do not calculate show it, and
spreadsheets calculate it again.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sim.analyses.export.draws import on_one_line

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

LONGEST_TEXT: Final = 32_767
"""Signs that a cell holds."""
MOST_ROWS: Final = 1_048_576
"""Of a sheet."""
CREATED: Final = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)
"""The same in every workbook, so that the same analysis gives the same bytes."""
NUMBER: Final = "#,##0.000"
MONEY: Final = "#,##0"
SHARE: Final = "0.0%"
PLAIN: Final = "General"
PRICE: Final = "#,##0.00"
LINE: Final = 15.0
"""Height of a line in points."""
WIDE, NARROW, MIDDLE = 46, 12, 24
"""Widths of columns in signs."""


class _Exact(float):
    """A number that XlsxWriter writes with all its digits, 17 where 16 do not tell it."""

    def __format__(self, form: str) -> str:
        """Return the shortest text that reads back to the last bit, whatever form is asked for."""
        return repr(float(self))


class Book:
    """A workbook; `content` closes it and returns its bytes.

    Attributes
    ----------
    values
        The value of each formula, by its address.
    """

    def __init__(self, title: str) -> None:
        from xlsxwriter import Workbook

        self._stream = io.BytesIO()
        self._book = Workbook(
            self._stream,
            {
                "in_memory": True,
                "strings_to_formulas": False,
                "strings_to_numbers": False,
                "strings_to_urls": False,
            },
        )
        self._book.set_properties({"title": on_one_line(title), "created": CREATED})
        self._formats: dict[tuple[tuple[str, Any], ...], Any] = {}
        self.values: dict[str, float | str] = {}

    def sheet(self, name: str, widths: Sequence[float] = (), *, frozen: int = 0) -> Page:
        """Add a sheet with these widths of columns and rows that stay in view."""
        sheet = self._book.add_worksheet(name)
        for place, width in enumerate(widths):
            sheet.set_column(place, place, width)
        if frozen:
            sheet.freeze_panes(frozen, 1)
        sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        return Page(self, sheet)

    def define(self, name: str, reference: str) -> None:
        """Give cells a name that formulas use."""
        self._book.define_name(name, f"={reference}")

    def chart(self, kind: str, **more: str) -> Any:  # noqa: ANN401
        """Return a chart of this kind, to be put on a page."""
        return self._book.add_chart({"type": kind, **more})

    def style(self, **settings: Any) -> Any:  # noqa: ANN401
        """Return a format; the same settings give the same one."""
        key = tuple(sorted(settings.items()))
        if key not in self._formats:
            self._formats[key] = self._book.add_format(settings)
        return self._formats[key]

    def content(self) -> bytes:
        """Return the bytes of the workbook."""
        self._book.close()
        return self._stream.getvalue()


class Page:
    """A sheet; rows and columns are counted from 0."""

    def __init__(self, book: Book, sheet: Worksheet) -> None:
        self.book = book
        self.sheet = sheet
        self.name = sheet.get_name()

    def text(self, row: int, column: int, text: str, **style: Any) -> None:  # noqa: ANN401
        """Write text; edited in a spreadsheet, it stays text."""
        shown = on_one_line(text)[:LONGEST_TEXT]
        quoted = self.book.style(quote_prefix=True, **style)
        self.sheet.write_string(row, column, shown, quoted)

    def heading(self, row: int, texts: Sequence[str], column: int = 0) -> None:
        """Write the headings of columns, in a row of four lines."""
        self.sheet.set_row(row, 4 * LINE)
        for place, text in enumerate(texts):
            self.text(row, column + place, text, bold=True, bottom=1, text_wrap=True, valign="top")

    def paragraph(self, row: int, column: int, text: str, width: int) -> None:
        """Write text on as many lines as it takes in a column of this width."""
        self.sheet.set_row(row, LINE * max(math.ceil(1.1 * len(text) / width), 1))
        self.text(row, column, text, text_wrap=True, valign="top")

    def number(self, row: int, column: int, value: float, form: str = PLAIN) -> None:
        """Write a number; nothing for one that is not finite."""
        if math.isfinite(value):
            self.sheet.write_number(row, column, _Exact(value), self.book.style(num_format=form))

    def entry(self, row: int, column: int, value: float, form: str = PLAIN) -> None:
        """Write a number that the reader may change."""
        style = self.book.style(num_format=form, bg_color="#FFF2CC", border=1)
        self.sheet.write_number(row, column, _Exact(value), style)

    def live(
        self, row: int, column: int, formula: str, value: float | str, form: str = NUMBER
    ) -> None:
        """Write a formula with the value that it has."""
        shown = value if isinstance(value, str) or math.isfinite(value) else ""
        self.book.values[self.at(row, column)] = shown
        style = self.book.style(num_format=form)
        self.sheet.write_formula(row, column, formula, style, shown)

    def at(self, row: int, column: int) -> str:
        """Return the address of a cell, for formulas anywhere."""
        return self.span(row, column, row, column).split(":")[0]

    def span(self, row: int, column: int, last_row: int, last_column: int) -> str:
        """Return the address of a block of cells, for formulas anywhere."""
        from xlsxwriter.utility import xl_range_abs

        return f"'{self.name}'!{xl_range_abs(row, column, last_row, last_column)}"
