"""The report as one HTML page without outside resources."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

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
    survival,
    validation,
)
from sim.report.analyses import Analyses
from sim.report.drawing import Drawing
from sim.report.results import Results
from sim.version import __version__

if TYPE_CHECKING:
    from jinja2 import Environment

FOLDER: Final = "templates"
SCREEN_MM: Final = 108.0
"""Figures in the page are drawn so wide that they can be read on a phone and on a desk."""
PRINT_MM: Final = 160.0
Context = Callable[[Results, Analyses], dict[str, Any]]


class Section(NamedTuple):
    """A section: its id, which also is the name of its template, its title, its context."""

    id: str
    title: str
    context: Context


def _checklist(results: Results, analyses: Analyses) -> dict[str, Any]:
    titles = {section.id: section.title for section in SECTIONS}
    return {"rows": cheers.rows(results, analyses, titles), "standard": cheers.STANDARD}


SECTIONS: Final = (
    Section("question", "The question", question.context),
    Section("answer", "The answer", answer.context),
    Section("flow", "Where patients go", flow.context),
    Section("survival", "Survival", survival.context),
    Section("results", "Outcomes and costs", economics.context),
    Section("probabilistic", "Uncertainty of the decision", probabilistic.context),
    Section("one_way", "What moves the answer", one_way.context),
    Section("information", "Value of knowing more", information.context),
    Section("price", "The price that meets a threshold", pricing.context),
    Section(patient.NAME, patient.TITLE, patient.context),
    Section("validation", "Against published results", validation.context),
    Section("assumptions", "Assumptions and limits", assumptions.context),
    Section("inputs", "Every input", inputs.context),
    Section("checklist", f"Reporting checklist, {cheers.STANDARD}", _checklist),
    Section("origin", "Provenance and citations", origin.context),
)
DRAWN_BY: Final[tuple[ModuleType, ...]] = (
    flow,
    survival,
    economics,
    probabilistic,
    one_way,
    information,
    pricing,
    patient,
    validation,
)


def drawings(results: Results, analyses: Analyses) -> dict[str, Drawing]:
    """Return every figure that can be drawn from the results, by name."""
    found = [each for module in DRAWN_BY for each in module.drawings(results, analyses)]
    return {drawing.name: drawing for drawing in found}


def page(results: Results, analyses: Analyses) -> str:
    """Return the report as the text of an HTML file."""
    from markupsafe import Markup

    known = drawings(results, analyses)
    environment = _environment()
    script = _source(environment, "script.js")
    sections = [
        {
            "id": section.id,
            "title": section.title,
            "template": f"{section.id}.html.j2",
            **_context(section, results, analyses),
        }
        for section in SECTIONS
    ]
    return environment.get_template("page.html.j2").render(
        title=results.summary["title"],
        sections=sections,
        draw=lambda name: known[name].svg(SCREEN_MM),
        disclaimer=DISCLAIMER,
        version=__version__,
        style=Markup(_source(environment, "style.css")),
        script=Markup(script),
        policy=_policy(script),
    )


def figure_files(results: Results, analyses: Analyses) -> Mapping[str, bytes]:
    """Return every figure of the report as files for print, by file name."""
    files: dict[str, bytes] = {}
    for drawing in drawings(results, analyses).values():
        files |= drawing.files(PRINT_MM)
    return files


def _context(section: Section, results: Results, analyses: Analyses) -> dict[str, Any]:
    return section.context(results, analyses)


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

    return Environment(
        loader=PackageLoader("sim.report", FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
