"""Common parts of the files of every analysis: heading, provenance, citations, figures."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from sim.files.atomic import encoded
from sim.layout.citations import citations
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.schema import in_csv
from sim.simulation.provenance import fingerprint, provenance
from sim.simulation.question import Question
from sim.simulation.run import Simulation

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INDENT: Final = 2
SHARED: Final = ("provenance.json", "citations.txt")


def names_of(analysis: str, *, figure: bool = True) -> tuple[str, ...]:
    """Return the names of the files of an analysis."""
    figures = figure_names([analysis]) if figure else ()
    return (f"{analysis}.csv", f"{analysis}.json", *figures, *SHARED)


def analysis_files(
    question: Question,
    analysis: str,
    table: pd.DataFrame,
    summary: Mapping[str, Any],
    figure: Figure | None = None,
) -> dict[str, str | bytes]:
    """Return the files of an analysis by name.

    Parameters
    ----------
    question
        The question.
    analysis
        Its name, also that of the files.
    table
        The rows of the CSV file; values that cannot be estimated are empty.
    summary
        The content of the JSON file after the heading.
    figure
        Under the same name, in all formats.
    """
    settings = {key: value for key, value in summary.items() if not isinstance(value, list | dict)}
    origin = provenance(Simulation(question, (), (), "core")) | {"analysis": analysis} | settings
    files: dict[str, str | bytes] = {
        f"{analysis}.csv": in_csv(table),
        f"{analysis}.json": summary_json(question, analysis, summary),
        "provenance.json": json.dumps(origin, indent=INDENT, allow_nan=False) + "\n",
        "citations.txt": citations(question),
    }
    if figure is not None:
        files |= figure_files({analysis: figure})
    return files


def summary_json(question: Question, analysis: str, summary: Mapping[str, Any]) -> str:
    """Return an analysis as JSON text, after its question."""
    scenario = question.scenario
    content = {
        "analysis": analysis,
        "scenario": Path(question.loaded.file).stem,
        "title": scenario.title,
        "population": scenario.population,
        "setting": scenario.setting,
        "perspective": scenario.perspective,
        "currency": question.perspective.currency,
        "price_year": question.perspective.price_year,
        "patients": question.patients,
        "seed": question.seed,
        "scenario_sha256": fingerprint(question),
        **summary,
    }
    return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"


def in_bytes(files: Mapping[str, str | bytes]) -> dict[str, bytes]:
    """Return the contents of files as written to the disk."""
    return {name: encoded(content) for name, content in files.items()}
