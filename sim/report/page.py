"""The report as one HTML page without outside resources."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sim.layout.glossary import GLOSSARY, SPELLINGS, WORD
from sim.layout.text import DISCLAIMER
from sim.report import (
    answer,
    assumptions,
    cheers,
    economics,
    flow,
    information,
    inputs,
    one_way,
    origin,
    patient,
    pricing,
    probabilistic,
    question,
    sliders,
    stored,
    survival,
    validation,
    verification,
)
from sim.report.analyses import Analyses
from sim.report.drawing import Drawing
from sim.report.results import Results
from sim.report.words import command, signed
from sim.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER: Final = "templates"
SCREEN_MM: Final = 80.0
"""Figures in the page are drawn so narrow that they can be read on a phone, and wider on a desk."""
PRINT_MM: Final = 160.0
WITH: Final = "--with"
VALIDATE: Final = "validate"
_TOKEN: Final = re.compile(
    r"(?P<skipped><(?P<tag>script|style|svg|pre|code|title|nav|button|label|summary)\b.*?</(?P=tag)>|<[^>]*>)"
    rf"|{WORD.pattern}",
    re.DOTALL,
)
"""A part of a page in which nothing is explained (a tag, an element without prose), or a word."""


class Section(NamedTuple):
    """A section of the report.

    Attributes
    ----------
    id, title
        The id also names its template, unless it shows a stored analysis.
    part
        Its module, or the kind of stored analysis: with ``context`` and, if it has figures,
        ``drawings``, both of the results and what the section shows; None where its template
        holds all.
    analysis
        The attribute of `Analyses` that it shows; it shows all of them where this is empty.
    command
        The name of the analysis for ``--with``, where it may be missing.
    """

    id: str
    title: str
    part: Any
    analysis: str = ""
    command: str = ""

    def read(self, results: Results, analyses: Analyses) -> Any:  # noqa: ANN401
        """Return what the section shows; None for an analysis that was not run."""
        if isinstance(self.part, stored.Kind):
            return self.part.read(results)
        return getattr(analyses, self.analysis) if self.analysis else analyses

    @property
    def template(self) -> str:
        """The name of its template."""
        return f"{'stored' if isinstance(self.part, stored.Kind) else self.id}.html.j2"


SECTIONS: Final = (
    Section("answer", "The answer", answer),
    Section("question", "The question", question),
    Section("flow", "Where patients go", flow),
    Section("survival", "Survival", survival),
    Section("results", "Outcomes and costs", economics),
    Section("probabilistic", "Uncertainty of the decision", probabilistic, "probabilistic", "psa"),
    Section("price", "The price that meets a threshold", pricing, "priced", "price"),
    Section("sliders", "Other prices and thresholds", sliders, "lines"),
    Section("one_way", "What moves the answer", one_way, "one_way", "tornado"),
    *(Section(kind.command, kind.title, kind, "", kind.command) for kind in stored.KINDS),
    Section("information", "Value of knowing more", information, "information", "voi"),
    Section(patient.NAME, patient.TITLE, patient, "followed", "explain"),
    Section("validation", "Against published results", validation, "validation", VALIDATE),
    Section("verification", "Checks of the program", verification, "verified", "verify"),
    Section("assumptions", "Assumptions and limits", assumptions),
    Section("checklist", f"Reporting checklist, {cheers.STANDARD}", cheers),
    Section("origin", "Provenance and citations", origin),
    Section("glossary", "Abbreviations", None),
    Section("inputs", "Appendix: every input", inputs),
)
UNEXPECTED: Final = (
    "sliders",
    *(kind.command for kind in stored.KINDS if kind.command != "what-if"),
)
"""Analyses that nobody misses in a report; the sliders are part of one."""


class Found(NamedTuple):
    """A section that is shown, with the analysis that it shows; None where that was not run."""

    section: Section
    analysis: Any


def sections(results: Results, analyses: Analyses) -> list[Found]:
    """Return the sections of a report on these results."""
    absent = set(UNEXPECTED)
    if not results.question.loaded.scenario.what_ifs:
        absent.add("what-if")
    if results.question.loaded.scenario.capacity is None:
        absent.add("capacity")
    found = [Found(each, each.read(results, analyses)) for each in SECTIONS]
    return [
        each
        for each in found
        if each.analysis is not None or absent.isdisjoint({each.section.id, each.section.command})
    ]


def drawings(results: Results, shown: Sequence[Found]) -> dict[str, Drawing]:
    """Return every figure that can be drawn from the results, by name."""
    return {
        drawing.name: drawing
        for section, found in shown
        if found is not None and hasattr(section.part, "drawings")
        for drawing in section.part.drawings(results, found)
    }


def page(results: Results, analyses: Analyses, options: Sequence[str] = ()) -> str:
    """Return the report as the text of an HTML file.

    `options` are those that ``report`` was called with, but which analyses to run: for the command
    lines in the page.
    """
    from markupsafe import Markup

    shown = sections(results, analyses)
    known = drawings(results, shown)
    environment = templates()
    script = source(environment, "script.js")
    text = environment.get_template("page.html.j2").render(
        title=results.summary["title"],
        titles={section.id: section.title for section, _ in shown},
        sections=[
            {
                "id": section.id,
                "title": section.title,
                "template": section.template,
                **(section.part.context(results, found) if section.part else {}),
            }
            if found is not None
            else _missing(results, analyses, shown, section, options)
            for section, found in shown
        ],
        draw=lambda name: known[name].svg(SCREEN_MM),
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
    shown: Sequence[Found],
    section: Section,
    options: Sequence[str],
) -> dict[str, Any]:
    """Return the context of a section whose analysis was not run: how to have it."""
    there = [
        each.command
        for each, found in shown
        if each.command not in ("", VALIDATE) and found is not None
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
    elif section.command != "price" or pricing.regimens_with_vials(results.question):
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
    shown = sections(results, analyses)
    for drawing in drawings(results, shown).values():
        files |= drawing.files(PRINT_MM)
    for section, found in shown:
        if found is not None and isinstance(section.part, stored.Kind):
            files |= section.part.figure_files(results)
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

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(each, FOLDER) for each in (*packages, "sim.report")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["signed"] = signed
    return environment
