"""A Word document in memory, onto which answers print their tables and notes.

Texts go in as text: nothing in a label can begin a field, a heading or a picture.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sim.analyses.export.draws import on_one_line
from sim.layout.table import Sheet, Table
from sim.layout.text import DISCLAIMER

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.analyses.shared.result import Result

ANALYSIS: Final = "Analysis"
"""The name of the line with what an analysis does; lines before it are in the document already."""
GRID: Final = "Light List Accent 1"
TABLE_POINTS, NOTE_POINTS = 8.0, 9.0
PICTURE_CM: Final = 16.0
PAGE_CM: Final = (21.0, 29.7)
FIRST_SHARE: Final = 0.4
WRITTEN: Final = datetime(2000, 1, 1)
"""The same in every document, so that the same analysis gives the same bytes."""
STAMP: Final = (2000, 1, 1, 0, 0, 0)


class Document(Sheet):
    """A document; what is printed to it becomes tables and paragraphs."""

    def __init__(self, title: str) -> None:
        import docx

        super().__init__()
        self._document: Any = docx.Document()
        properties = self._document.core_properties
        properties.title, properties.author = on_one_line(title)[:255], ""
        properties.created = properties.modified = WRITTEN
        self._is_heading = False
        self._set_page()
        self.heading(title, 0)

    def _set_page(self) -> None:
        """Set a page of A4 whose text is as wide as the pictures."""
        from docx.shared import Cm

        section = self._document.sections[0]
        section.page_width, section.page_height = Cm(PAGE_CM[0]), Cm(PAGE_CM[1])
        margin = Cm((PAGE_CM[0] - PICTURE_CM) / 2.0)
        section.left_margin = section.right_margin = margin

    def heading(self, text: str, level: int) -> None:
        """Add a heading; level 0 is the title."""
        self._document.add_heading(on_one_line(text), level)

    def paragraph(self, text: str, style: str | None = None, *, marked: bool = False) -> None:
        """Add a paragraph; a marked one is for the authors to write."""
        run = self._document.add_paragraph(style=style).add_run(on_one_line(text))
        if marked:
            from docx.enum.text import WD_COLOR_INDEX

            run.font.highlight_color = WD_COLOR_INDEX.YELLOW

    def items(self, texts: Sequence[str]) -> None:
        """Add a list."""
        for text in texts:
            self.paragraph(text, "List Bullet")

    def results(self, result: Result) -> None:
        """Add the tables and notes of an answer; its heading is in the document already."""
        self._is_heading = True
        result.print_to(self)
        self._is_heading = False

    def add_table(self, table: Table) -> None:
        """Add a printed table."""
        self._is_heading = False
        rows = [
            [row.label, *(f"{cell.value}{cell.error}" for cell in row.cells)]
            for section in table.sections
            for row in section
        ]
        self.grid([table.corner, *table.headings], rows)

    def add_paragraph(self, text: str, name: str, style: str) -> None:  # noqa: ARG002
        """Add a printed note."""
        self._is_heading = self._is_heading and name != ANALYSIS
        if not self._is_heading and text != DISCLAIMER:
            self._small(self._document.add_paragraph(), text, NOTE_POINTS)

    def print(self, *objects: Any, **settings: Any) -> None:  # noqa: ANN401
        """Leave out gaps between the parts."""

    def grid(
        self, headings: Sequence[str], rows: Sequence[Sequence[str]], shares: Sequence[float] = ()
    ) -> None:
        """Add a table, whose columns have these shares of the width, the first 2/5 by default.

        Its headings are repeated on every page.
        """
        from docx.shared import Cm

        table = self._document.add_table(rows=len(rows) + 1, cols=len(headings), style=GRID)
        table.autofit = False
        others = (1.0 - FIRST_SHARE) / max(len(headings) - 1, 1)
        widths = [
            Cm(PICTURE_CM * share)
            for share in shares or [FIRST_SHARE, *[others] * (len(headings) - 1)]
        ]
        for column, width in zip(table.columns, widths, strict=True):
            column.width = width
        for row, texts in zip(table.rows, [headings, *rows], strict=True):
            for place, (cell, text) in enumerate(zip(row.cells, texts, strict=False)):
                cell.width = widths[place]
                paragraph = cell.paragraphs[0]
                self._small(paragraph, text, TABLE_POINTS)
                if place and _is_number(text):
                    paragraph.alignment = 2
        self._repeat(table.rows[0])
        self._document.add_paragraph()

    def picture(self, figure: Figure, caption: str) -> None:
        """Add a figure with its caption, which is its alternative text too."""
        from docx.shared import Cm

        from sim.layout.style import rendered

        shown = on_one_line(caption)
        picture = self._document.add_picture(
            io.BytesIO(rendered(figure, "png")), width=Cm(PICTURE_CM)
        )
        picture._inline.docPr.set("descr", shown)
        self._document.add_paragraph(style="Caption").add_run(shown)

    def new_page(self) -> None:
        """Go on at the top of a page."""
        self._document.add_page_break()

    def footer(self, text: str) -> None:
        """Write a line at the foot of every page."""
        paragraph = self._document.sections[0].footer.paragraphs[0]
        self._small(paragraph, text, TABLE_POINTS)

    def content(self) -> bytes:
        """Return the bytes of the document, the same for the same content."""
        written, stamped = io.BytesIO(), io.BytesIO()
        self._document.save(written)
        with zipfile.ZipFile(written) as source, zipfile.ZipFile(stamped, "w") as target:
            for name in source.namelist():
                entry = zipfile.ZipInfo(name, STAMP)
                entry.compress_type = zipfile.ZIP_DEFLATED
                target.writestr(entry, source.read(name))
        return stamped.getvalue()

    def _small(self, paragraph: Any, text: str, points: float) -> None:  # noqa: ANN401
        from docx.shared import Pt

        paragraph.add_run(on_one_line(text)).font.size = Pt(points)

    def _repeat(self, row: Any) -> None:  # noqa: ANN401
        from docx.oxml import OxmlElement

        row._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))


def _is_number(text: str) -> bool:
    """Whether a cell holds a number, with its unit and error."""
    return text.lstrip("-+−$£€<≥")[:1].isdigit()
