"""The report as one HTML page without outside resources."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sim.layout.cells import typeset
from sim.layout.text import DISCLAIMER
from sim.report.answer import answer
from sim.report.checks import validation, validation_drawings, verification
from sim.report.drawing import Drawing
from sim.report.outcomes import (
    flow,
    flow_drawings,
    outcome_drawings,
    outcomes,
    survival,
    survival_drawings,
)
from sim.report.patient import NAME, TITLE, patient, patient_drawings
from sim.report.prices import price, price_drawings, regimens_with_vials, sliders
from sim.report.question import STANDARD, assumptions, checklist, inputs, origin, question
from sim.report.results import KINDS, Analyses, Kind, Results, command
from sim.report.uncertainty import (
    information,
    information_drawings,
    one_way,
    one_way_drawings,
    probabilistic,
    probabilistic_drawings,
)
from sim.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER: Final = "templates"
SCREEN_MM: Final = 80.0
"""Figures in the page are drawn so narrow that they can be read on a phone, and wider on a desk."""
PRINT_MM: Final = 160.0
WITH: Final = "--with"
VALIDATE: Final = "validate"
GLOSSARY: Final = {
    "ALL": "acute lymphoblastic leukaemia",
    "Allo-HCT": "allogeneic haematopoietic cell transplantation, from a donor",
    "CEAC": "cost-effectiveness acceptability curve: by threshold, the probability that a strategy "
    "is the most cost-effective",
    "CEAF": "cost-effectiveness acceptability frontier: the probability of the strategy that has "
    "the most expected net benefit",
    "CHEERS": "Consolidated Health Economic Evaluation Reporting Standards",
    "CR": "complete remission",
    "CRh": "complete remission with partial recovery of the blood counts",
    "CRi": "complete remission with incomplete recovery of the blood counts",
    "CRS": "cytokine release syndrome",
    "ENBS": "expected net benefit of sampling: the value of a trial to all patients, less its cost",
    "EVPI": "expected value of perfect information, per patient",
    "EVPPI": "expected value of perfect information about a part of the inputs, per patient",
    "EVSI": "expected value of sample information: that of the results of a trial, per patient",
    "GVHD": "graft-versus-host disease, after a transplant from a donor",
    "HCT": "haematopoietic cell transplantation",
    "ICER": "incremental cost-effectiveness ratio: the extra cost of each QALY gained",
    "MRD": "measurable residual disease: leukaemia below what a microscope shows",
    "NMB": "net monetary benefit: QALYs at the threshold, less the cost",
    "OS": "overall survival",
    "PSA": "probabilistic sensitivity analysis: all uncertain inputs drawn at once, many times",
    "QALY": "quality-adjusted life-year: a year of life in full health, or as much in longer time "
    "of less than full health",
    "RFS": "relapse-free survival, of patients in remission",
    "SD": "standard deviation",
    "SE": "standard error, of the simulation unless another is named",
}
SPELLINGS: Final = GLOSSARY | {"allo-HCT": GLOSSARY["Allo-HCT"]}
"""The meaning of each abbreviation, also as spelt within a sentence."""
WORD: Final = re.compile(
    rf"(?<![\w-])(?P<word>{'|'.join(sorted(SPELLINGS, key=len, reverse=True))})(?P<plural>s?)(?!\w)"
)
"""An abbreviation in a text, and the ``s`` of its plural."""
_TOKEN: Final = re.compile(
    r"(?P<skipped><(?P<tag>script|style|svg|pre|code|title|nav|button|label|summary)\b.*?</(?P=tag)>|<[^>]*>)"
    rf"|{WORD.pattern}",
    re.DOTALL,
)
"""A part of a page in which nothing is explained (a tag, an element without prose), or a word."""
ALL: Final = "all"
"""All analyses, for a section."""


class Section(NamedTuple):
    """A section of the report.

    Attributes
    ----------
    id, title
        The id also names its template, unless it shows a stored analysis.
    shows
        The run alone where it is empty, else also the attribute of `Analyses` of this name, `ALL`
        of them, or a kind of stored analysis.
    context, drawings
        What its template shows and its figures, of the results and what it shows beside them; None
        where the template holds all, and where there is no figure.
    command
        The name of the analysis for ``--with``, where it may be missing.
    """

    id: str
    title: str
    shows: str | Kind = ""
    context: Callable[..., dict[str, Any]] | None = None
    drawings: Callable[..., Iterable[Drawing]] | None = None
    command: str = ""

    def read(self, results: Results, analyses: Analyses) -> tuple[Any, ...] | None:
        """Return what the section shows; None for an analysis that was not run."""
        if not self.shows:
            return (results,)
        if isinstance(self.shows, Kind):
            found = self.shows.read(results)
        else:
            found = analyses if self.shows == ALL else getattr(analyses, self.shows)
        return None if found is None else (results, found)

    @property
    def template(self) -> str:
        """The name of its template."""
        return f"{'stored' if isinstance(self.shows, Kind) else self.id}.html.j2"


SECTIONS: Final = (
    Section("answer", "The answer", ALL, answer),
    Section("question", "The question", "", question),
    Section("flow", "Where patients go", "", flow, flow_drawings),
    Section("survival", "Survival", ALL, survival, survival_drawings),
    Section("results", "Outcomes and costs", "", outcomes, outcome_drawings),
    Section(
        "probabilistic",
        "Uncertainty of the decision",
        "probabilistic",
        probabilistic,
        probabilistic_drawings,
        "psa",
    ),
    Section(
        "price",
        "The price that meets a threshold",
        "priced",
        price,
        price_drawings,
        "price",
    ),
    Section("sliders", "Other prices and thresholds", "lines", sliders),
    Section("one_way", "What moves the answer", "one_way", one_way, one_way_drawings, "tornado"),
    *(
        Section(kind.command, kind.title, kind, kind.context, command=kind.command)
        for kind in KINDS
    ),
    Section(
        "information",
        "Value of knowing more",
        "information",
        information,
        information_drawings,
        "voi",
    ),
    Section(NAME, TITLE, "followed", patient, patient_drawings, "explain"),
    Section(
        "validation",
        "Against published results",
        "validation",
        validation,
        validation_drawings,
        VALIDATE,
    ),
    Section("verification", "Checks of the program", "verified", verification, command="verify"),
    Section("assumptions", "Assumptions and limits", "", assumptions),
    Section("checklist", f"Reporting checklist, {STANDARD}", ALL, checklist),
    Section("origin", "Provenance and citations", ALL, origin),
    Section("glossary", "Abbreviations"),
    Section("inputs", "Appendix: every input", "", inputs),
)
UNEXPECTED: Final = (
    "sliders",
    *(kind.command for kind in KINDS if kind.command != "what-if"),
)
"""Analyses that nobody misses in a report; the sliders are part of one."""


class Found(NamedTuple):
    """A section of a report, what it shows, and its figures; None for an analysis that was not run."""

    section: Section
    shown: tuple[Any, ...] | None
    drawings: Sequence[Drawing]


def sections(results: Results, analyses: Analyses) -> list[Found]:
    """Return the sections of a report on these results."""
    absent = set(UNEXPECTED)
    if not results.question.loaded.scenario.what_ifs:
        absent.add("what-if")
    if results.question.loaded.scenario.capacity is None:
        absent.add("capacity")
    found = []
    for section in SECTIONS:
        shown = section.read(results, analyses)
        if shown is not None:
            drawings = [] if section.drawings is None else list(section.drawings(*shown))
            found.append(Found(section, shown, drawings))
        elif absent.isdisjoint({section.id, section.command}):
            found.append(Found(section, None, ()))
    return found


def page(results: Results, analyses: Analyses, options: Sequence[str] = ()) -> str:
    """Return the report as the text of an HTML file.

    `options` are those that ``report`` was called with, but which analyses to run: for the command
    lines in the page.
    """
    from markupsafe import Markup

    found = sections(results, analyses)
    drawings = {drawing.name: drawing for each in found for drawing in each.drawings}
    environment = templates()
    script = source(environment, "script.js")
    text = environment.get_template("page.html.j2").render(
        title=results.summary["title"],
        titles={each.section.id: each.section.title for each in found},
        sections=[
            _missing(results, analyses, found, each.section, options)
            if each.shown is None
            else {
                "id": each.section.id,
                "title": each.section.title,
                "template": each.section.template,
                "drawings": [drawing.name for drawing in each.drawings],
                **(each.section.context(*each.shown) if each.section.context else {}),
            }
            for each in found
        ],
        draw=lambda name: drawings[name].svg(SCREEN_MM),
        glossary=GLOSSARY,
        disclaimer=DISCLAIMER,
        version=__version__,
        style=Markup(source(environment, "style.css")),
        head=Markup(_in_css(results.summary["title"])),
        script=Markup(script),
        policy=policy(script),
    )
    return explained(text)


def _missing(
    results: Results,
    analyses: Analyses,
    found: Sequence[Found],
    section: Section,
    options: Sequence[str],
) -> dict[str, Any]:
    """Return the context of a section whose analysis was not run: how to have it."""
    there = [
        each.section.command
        for each in found
        if each.section.command not in ("", VALIDATE) and each.shown is not None
    ]
    runs = partial(command, results.question)
    refused = analyses.refused.values()
    lines = []
    if section.command == VALIDATE:
        folder = options[options.index("--from") + 1] if "--from" in options else "results"
        lines = [
            f"python -m sim validate --out {folder}",
            runs("report", "--from", folder),
        ]
        if "--from" not in options:
            lines = [runs("run", "--out", folder), *lines]
    elif section.command != "price" or regimens_with_vials(results.question):
        wanted = [section.command] if "--from" in options else [*there, section.command]
        lines = [runs("report", *options, WITH, ",".join(wanted))]
    return {
        "id": section.id,
        "title": section.title,
        "template": "missing.html.j2",
        "refused": file if (file := f"{section.command}.json") in refused else None,
        "commands": lines,
    }


def explained(text: str) -> str:
    """Return a page with each abbreviation explained where a section first has it."""
    from markupsafe import escape

    seen: set[str] = set()

    def explain(found: re.Match[str]) -> str:
        if found["skipped"]:
            if found[0].startswith("<section"):
                seen.clear()
            return found[0]
        word = found["word"]
        if word in seen:
            return found[0]
        seen.add(word)
        return f'<abbr title="{escape(SPELLINGS[word])}">{word}</abbr>{found["plural"]}'

    return _TOKEN.sub(explain, text)


def figure_files(results: Results, analyses: Analyses) -> Mapping[str, bytes]:
    """Return every figure of the report as files for print, by file name."""
    files: dict[str, bytes] = {}
    for section, shown, drawings in sections(results, analyses):
        for drawing in drawings:
            files |= drawing.files(PRINT_MM)
        if shown is not None and isinstance(section.shows, Kind):
            files |= section.shows.figure_files(results)
    return files


def _in_css(text: str) -> str:
    """Return text as a string of a style sheet, which nothing in it can end."""
    return "".join(f"\\{ord(sign):x} " if not sign.isalnum() else sign for sign in text)


def source(environment: Environment, name: str) -> str:
    """Return a file of the templates as it is."""
    if environment.loader is None:
        message = "the environment has no loader"
        raise LookupError(message)
    return environment.loader.get_source(environment, name)[0]


def policy(script: str) -> str:
    """Return the policy that lets a browser load nothing and run only this script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@cache
def templates(*packages: str) -> Environment:
    """Return the templates of the report, after those of other packages."""
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=ChoiceLoader([PackageLoader(each, FOLDER) for each in (*packages, "sim.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda shown: typeset(shown) if type(shown) is str else shown,
    )
