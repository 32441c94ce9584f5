"""The report as one HTML page without outside resources."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
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
    stored,
    survival,
    validation,
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
    context
        Returns its context from the results and what `read` returns.
    drawings
        Returns its figures from the same.
    read
        Returns the analysis that it shows; None where it was not run.
    command
        The name of the analysis for ``--with``.
    purpose
        What the analysis is for, said where it was not run.
    template
        Where it is not that of the id.
    """

    id: str
    title: str
    context: Callable[[Results, Any], dict[str, Any]]
    drawings: Callable[[Results, Any], list[Drawing]] | None = None
    read: Callable[[Results, Analyses], Any] = lambda _, analyses: analyses
    command: str = ""
    purpose: str = ""
    template: str = ""


def _analysis(name: str) -> Callable[[Results, Analyses], Any]:
    return lambda _, analyses: getattr(analyses, name)


def _stored(kind: stored.Kind) -> Section:
    return Section(
        kind.command,
        kind.title,
        partial(stored.context, kind),
        read=lambda results, _: stored.read_stored(results, kind),
        command=kind.command,
        purpose=kind.purpose,
        template="stored",
    )


def _glossary(results: Results, analyses: Analyses) -> dict[str, Any]:  # noqa: ARG001
    return {"terms": GLOSSARY.items()}


SECTIONS: Final = (
    Section("answer", "The answer", answer.context),
    Section("question", "The question", question.context),
    Section("flow", "Where patients go", flow.context, flow.drawings),
    Section("survival", "Survival", survival.context, survival.drawings),
    Section("results", "Outcomes and costs", economics.context, economics.drawings),
    Section(
        "probabilistic",
        "Uncertainty of the decision",
        probabilistic.context,
        probabilistic.drawings,
        _analysis("probabilistic"),
        "psa",
        "The probabilistic analysis says how the uncertainty of all inputs together reaches the "
        "decision.",
    ),
    Section(
        "price",
        "The price that meets a threshold",
        pricing.context,
        pricing.drawings,
        _analysis("priced"),
        "price",
        "The price analysis finds the price of a vial at which a strategy meets a threshold.",
    ),
    Section(
        "one_way",
        "What moves the answer",
        one_way.context,
        one_way.drawings,
        _analysis("one_way"),
        "tornado",
        "The one-way analysis moves each input to the ends of its range, and each structural choice "
        "to its alternatives, one at a time in the same patients.",
    ),
    *map(_stored, stored.KINDS),
    Section(
        "information",
        "Value of knowing more",
        information.context,
        information.drawings,
        _analysis("information"),
        "voi",
        "The value of information says what it would be worth to know inputs exactly before "
        "choosing, and so where more research pays.",
    ),
    Section(
        patient.NAME,
        patient.TITLE,
        patient.context,
        patient.drawings,
        _analysis("followed"),
        "explain",
        "One virtual patient can be followed through every strategy, event by event and cost by "
        "cost.",
    ),
    Section(
        "validation",
        "Against published results",
        validation.context,
        validation.drawings,
        _analysis("validation"),
        "validate",
        "Validation predicts published endpoints for cohorts of their size, those of the fit and "
        "those held out from it.",
    ),
    Section("assumptions", "Assumptions and limits", assumptions.context),
    Section("checklist", f"Reporting checklist, {cheers.STANDARD}", cheers.context),
    Section("origin", "Provenance and citations", origin.context),
    Section("glossary", "Abbreviations", _glossary),
    Section("inputs", "Appendix: every input", inputs.context),
)
UNEXPECTED: Final = ("threshold", "twoway", "sobol", "morris")
"""Analyses that nobody misses in a report."""


class Found(NamedTuple):
    """A section that is shown, with the analysis that it shows; None where that was not run."""

    section: Section
    analysis: Any


def sections(results: Results, analyses: Analyses) -> list[Found]:
    """Return the sections of a report on these results."""
    absent = set(UNEXPECTED)
    if not results.question.loaded.scenario.what_ifs:
        absent.add("what-if")
    found = [Found(each, each.read(results, analyses)) for each in SECTIONS]
    return [
        each for each in found if each.analysis is not None or each.section.command not in absent
    ]


def drawings(results: Results, shown: Sequence[Found]) -> dict[str, Drawing]:
    """Return every figure that can be drawn from the results, by name."""
    return {
        drawing.name: drawing
        for section, found in shown
        if section.drawings is not None and found is not None
        for drawing in section.drawings(results, found)
    }


def page(results: Results, analyses: Analyses, options: Sequence[str] = ()) -> str:
    """Return the report as the text of an HTML file.

    `options` are those that ``report`` was called with, but which analyses to run: for the command
    lines in the page.
    """
    from markupsafe import Markup

    shown = sections(results, analyses)
    known = drawings(results, shown)
    environment = _environment()
    script = _source(environment, "script.js")
    text = environment.get_template("page.html.j2").render(
        title=results.summary["title"],
        titles={section.id: section.title for section, _ in shown},
        sections=[
            {
                "id": section.id,
                "title": section.title,
                "template": f"{section.template or section.id}.html.j2",
                **section.context(results, found),
            }
            if found is not None
            else _missing(results, analyses, shown, section, options)
            for section, found in shown
        ],
        draw=lambda name: known[name].svg(SCREEN_MM),
        disclaimer=DISCLAIMER,
        version=__version__,
        style=Markup(_source(environment, "style.css")),
        head=Markup(_in_css(results.summary["title"])),
        script=Markup(script),
        policy=_policy(script),
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
    there = [each.command for each, found in shown if each.command and found is not None]
    runs = partial(command, results.question)
    refused = analyses.refused.values()
    lines = []
    if section.command == "validate":
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
        "purpose": section.purpose,
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
    for kind in stored.KINDS:
        if any(each.id == kind.command and found is not None for each, found in shown):
            files |= stored.figure_files(results, kind)
    return files


def _in_css(text: str) -> str:
    """Return text as a string of a style sheet, which nothing in it can end."""
    return "".join(f"\\{ord(sign):x} " if not sign.isalnum() else sign for sign in text)


def _source(environment: Environment, name: str) -> str:
    """Return a file of the templates as it is."""
    if environment.loader is None:
        message = "the environment has no loader"
        raise LookupError(message)
    return environment.loader.get_source(environment, name)[0]


def _policy(script: str) -> str:
    """Return the policy that lets a browser load nothing and run only this script."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("sim.report", FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["signed"] = signed
    return environment
