"""The document of an export: the 28 items of CHEERS 2022 in their order, then the inputs.

Answers print their tables and notes onto it. Texts go in as text: nothing in a label can begin a field,
a heading or a picture.

Source: Husereau D et al., Consolidated Health Economic Evaluation Reporting Standards 2022, Value
Health 2022;25:3-9. Topics are those of the standard, the words are ours.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sim.analyses.export.draws import DrawTables, noise_note, on_one_line
from sim.analyses.psa.result import CURVES, PLANE, PsaResult
from sim.analyses.run.result import RunResult
from sim.analyses.shared.result import Result
from sim.analyses.shared.text import strategy_label
from sim.layout.cells import SYMBOLS, icer, money, number, number_text
from sim.layout.citations import PROGRAM, sources_used
from sim.layout.table import Sheet, Table
from sim.layout.text import DISCLAIMER, question_lines
from sim.simulation.comparison import in_words
from sim.simulation.question import Question
from sim.version import __version__

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
        others = len(headings) - 1
        shares = shares or [FIRST_SHARE, *[(1.0 - FIRST_SHARE) / max(others, 1)] * others]
        widths = [Cm(PICTURE_CM * share) for share in shares]
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


TO_ADD: Final = "[To be added by the authors of the study: no model knows it.]"
MODEL: Final = (
    (
        "A discrete-event simulation of single patients. The model moves a patient from event to event: "
        "cycles of treatment with their toxicity, response and MRD, relapse, allo-HCT, later lines, death. "
        "Every patient lives under every strategy with the same random numbers, so that what differs is "
        "the strategy."
    ),
    (
        "Relative effects come from randomised comparisons with chemotherapy and are carried over to "
        "these patients and this setting by assumption. Where two regimens were not compared in one trial, "
        "their comparison is indirect, through the chemotherapy arms."
    ),
    (
        "Remission may be lasting: a share of responders never relapses. That share depends on MRD and on "
        "allo-HCT and is fitted to follow-up that ends long before a life does."
    ),
)
LIMITS: Final = (
    "Survival beyond the follow-up of the sources is extrapolated.",
    (
        "Where the sources do not say how patients' characteristics go together, they are taken as "
        "independent."
    ),
    "Costs and utilities are those of one perspective and do not carry over to another.",
    "A ratio of cost to effect says nothing of who gains and who loses within the population.",
)
INPUT_HEADS: Final = ("Input", "Value", "Range", "Distribution", "Status", "Source")
ASSUMPTION: Final = "assumption"
FIGURES: Final = {
    "survival_os": "Overall survival, by strategy.",
    "costs": "Costs by category, by strategy.",
    "flow": "Flow of patients, by strategy.",
}
"""Figures of the run, with their captions."""


@dataclass(frozen=True)
class Material:
    """Contents of the document.

    Attributes
    ----------
    draws, ran, psa
        The draws, the run of the base case, and the probabilistic analysis.
    more
        Further analyses that lie beside it, each with a title.
    """

    draws: DrawTables
    ran: RunResult
    psa: PsaResult
    more: Sequence[tuple[str, Result]]

    @property
    def question(self) -> Question:
        """The question, with the patients of the base case."""
        return self.ran.scenario.question

    def label(self, name: str) -> str:
        """Return the label of a strategy."""
        return strategy_label(self.question, name)


Chapter = Callable[[Document, Material], None]


def document_of(material: Material) -> bytes:
    """Return the document."""
    question = material.question
    document = Document(question.scenario.title)
    document.paragraph(DISCLAIMER)
    document.footer(f"blinsim {__version__}; reported in the order of CHEERS 2022")
    for number_of_item, (topic, chapter) in enumerate(ITEMS, start=1):
        if topic in PARTS:
            document.heading(PARTS[topic], 1)
        document.heading(f"{number_of_item}. {topic}", 2)
        chapter(document, material)
    document.new_page()
    document.heading("Appendix: inputs", 1)
    _inputs(document, material)
    document.heading("Appendix: sources", 1)
    document.paragraph(PROGRAM)
    sources = question.catalogue.sources
    cited = [
        [key, f"{sources[key].citation} {sources[key].doi or ''}".rstrip()]
        for key in sources_used(question)
    ]
    document.grid(["Source", "Citation"], cited, (0.25, 0.75))
    return document.content()


def _to_add(document: Document, material: Material) -> None:  # noqa: ARG001
    document.paragraph(TO_ADD, marked=True)


def _says(*texts: str | Callable[[Material], str]) -> Chapter:
    """Return the chapter of these paragraphs."""

    def chapter(document: Document, material: Material) -> None:
        for text in texts:
            document.paragraph(text if isinstance(text, str) else text(material))

    return chapter


def _title(material: Material) -> str:
    return f"{material.question.scenario.title}: a model-based economic evaluation."


def _abstract(document: Document, material: Material) -> None:
    question = material.question
    perspective = question.perspective
    symbol = SYMBOLS[perspective.currency]
    document.items([f"{name}: {text}." for name, text in question_lines(question)])
    for gain in material.draws.answer.gains:
        base = gain.deterministic
        ratio = icer(base.quadrant, base.ratio, symbol)
        document.paragraph(
            f"{material.label(base.strategy)} against {material.label(base.comparator)}: "
            f"{number(base.qalys, 3).value} QALYs gained and {money(*base.cost, symbol).value} more "
            f"cost; cost per QALY: {ratio.value}."
        )
    for choice in material.draws.answer.choices:
        shares = zip(material.draws.psa.strategies, choice.probability_without_noise, strict=True)
        said = ", ".join(f"{material.label(name)} {share:.0%}" for name, share in shares)
        document.paragraph(
            f"Probability of the most net benefit at {money(choice.threshold, 0.0, symbol).value} per "
            f"QALY, without Monte Carlo noise: {said}."
        )


def _background(material: Material) -> str:
    return (
        material.question.scenario.description
        or "The title and the strategies say what is to be decided."
    )


def _population(material: Material) -> str:
    question = material.question
    label = question.catalogue.populations[question.scenario.population].label
    return (
        f"{label}. Patients are drawn one by one; {question.patients:,} of them in the base case."
    )


def _setting(material: Material) -> str:
    question = material.question
    setting = question.scenario.setting.replace("_", " ")
    return f"{setting.capitalize()} setting; {question.perspective.country}."


def _comparators(document: Document, material: Material) -> None:
    scenario = material.question.scenario
    document.items([f"{each.shown_name}: {in_words(each)}." for each in scenario.strategies])
    document.paragraph(f"The comparator is {material.label(scenario.comparator_name)}.")


def _horizon(material: Material) -> str:
    years = material.question.scenario.horizon_years
    return "Lifetime." if isinstance(years, str) else f"{years:g} years."


def _rates(material: Material) -> str:
    costs, effects = material.question.discount_rates
    return (
        f"{costs:.1%} a year for costs and {effects:.1%} for effects; results without discounting are "
        "given as well."
    )


def _currency(material: Material) -> str:
    perspective = material.question.perspective
    index = perspective.price_index
    converted = (
        "no amount is brought from another year"
        if index is None
        else f"amounts of other years are brought to it with the index {index.replace('_', ' ')}"
    )
    return f"{perspective.currency} at the prices of {perspective.price_year}; {converted}."


def _assumptions(document: Document, material: Material) -> None:
    switches = material.question.scenario.switches.model_dump()
    document.paragraph("Structural choices of this scenario:")
    choices = [[name.replace("_", " "), _setting_of(value)] for name, value in switches.items()]
    document.grid(["Choice", "Setting"], choices)
    inputs = material.ran.inputs
    assumed = inputs[inputs["status"] == ASSUMPTION]
    document.paragraph(f"Of {len(inputs)} inputs {len(assumed)} are assumptions:")
    rows = []
    for row in assumed.to_dict("records"):
        value = f"{number_text(row['value'])} {row['unit']}"
        rows.append([row["label"], value, row["derivation"] or row["note"] or row["place"]])
    document.grid(["Input", "Value", "Why"], rows, (0.3, 0.2, 0.5))


def _setting_of(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value).replace("_", " ")


def _uncertainty(material: Material) -> str:
    psa = material.draws.psa
    return (
        f"A probabilistic analysis of {psa.draws:,} draws of {len(psa.parameters.columns)} uncertain "
        f"inputs from their distributions, those that were fitted together from their joint posterior; "
        f"each draw in {psa.question.patients:,} patients of its own. The variance between draws is "
        "split into uncertainty and Monte Carlo noise, and intervals are given without the noise."
    )


def _parameters(material: Material) -> str:
    inputs = material.ran.inputs
    counts = inputs["status"].value_counts()
    said = ", ".join(f"{count} {status}" for status, count in counts.items())
    return (
        f"All {len(inputs)} inputs with value, range, distribution, source and status are in the "
        f"appendix: {said}."
    )


def _main_results(document: Document, material: Material) -> None:
    document.results(material.ran)
    for name, caption in FIGURES.items():
        document.picture(material.ran.figure(name), caption)


def _effect_of_uncertainty(document: Document, material: Material) -> None:
    document.results(material.psa)
    document.picture(material.psa.figure(PLANE), "Cost-effectiveness plane, noise taken out.")
    document.picture(material.psa.figure(CURVES), "Acceptability curves and their frontier.")
    warning = noise_note(material.draws, "word")
    if warning:
        document.paragraph(f"{warning[0].upper()}{warning[1:]}")
    for title, result in material.more:
        document.heading(title, 3)
        document.results(result)
        if result.FIGURES:
            document.picture(result.figure(), f"{title}.")


def _findings(document: Document, material: Material) -> None:  # noqa: ARG001
    document.paragraph("What the model cannot tell:")
    document.items(LIMITS)
    document.paragraph(TO_ADD, marked=True)


def _inputs(document: Document, material: Material) -> None:
    rows = []
    for row in material.ran.inputs.to_dict("records"):
        has_range = row["low"] < row["high"]
        ends = f"{number_text(row['low'])} to {number_text(row['high'])}" if has_range else ""
        value = f"{number_text(row['value'])} {row['unit']}".rstrip()
        source = "; ".join(part for part in (row["source"], row["place"]) if part)
        rows.append([row["label"], value, ends, row["distribution"], row["status"], source])
    document.grid(INPUT_HEADS, rows, (0.2, 0.14, 0.12, 0.16, 0.13, 0.25))


PARTS: Final[Mapping[str, str]] = {
    "Title": "Title and abstract",
    "Background and objectives": "Introduction",
    "Health economic analysis plan": "Methods",
    "Study parameters": "Results",
    "Study findings, limitations, generalizability and current knowledge": "Discussion",
    "Source of funding": "Other relevant information",
}
"""The part of the standard that begins with a topic."""
ITEMS: Final[Sequence[tuple[str, Chapter]]] = (
    ("Title", _says(_title)),
    ("Abstract", _abstract),
    ("Background and objectives", _says(_background)),
    ("Health economic analysis plan", _to_add),
    ("Study population", _says(_population)),
    ("Setting and location", _says(_setting)),
    ("Comparators", _comparators),
    ("Perspective", _says(lambda material: f"{material.question.perspective.label}.")),
    ("Time horizon", _says(_horizon)),
    ("Discount rate", _says(_rates)),
    (
        "Selection of outcomes",
        _says("Response, MRD, allo-HCT, RFS and OS as in trials; life-years and QALYs."),
    ),
    (
        "Measurement of outcomes",
        _says("Simulated patient by patient, with inputs from published cohorts."),
    ),
    (
        "Valuation of outcomes",
        _says("Utilities of health states and decrements, each with its source, in the appendix."),
    ),
    (
        "Measurement and valuation of resources and costs",
        _says(
            "Doses, days in hospital, procedures and their unit costs, each with its source, in the "
            "appendix."
        ),
    ),
    ("Currency, price date, and conversion", _says(_currency)),
    ("Rationale and description of model", _says(*MODEL)),
    ("Analytics and assumptions", _assumptions),
    (
        "Characterizing heterogeneity",
        _says(
            "Patients differ in age, sex, line, genetics and disease; results are their average unless "
            "subgroups are shown."
        ),
    ),
    ("Characterizing distributional effects", _says("Not looked at.")),
    ("Characterizing uncertainty", _says(_uncertainty)),
    ("Approach to engagement with patients and others affected by the study", _to_add),
    ("Study parameters", _says(_parameters)),
    ("Summary of main results", _main_results),
    ("Effect of uncertainty", _effect_of_uncertainty),
    ("Effect of engagement with patients and others affected by the study", _to_add),
    ("Study findings, limitations, generalizability and current knowledge", _findings),
    ("Source of funding", _to_add),
    ("Conflicts of interest", _to_add),
)
"""The items of CHEERS 2022 with what the document says to each."""
