"""``evaluations``: published economic evaluations beside this model.

A file of ``calibration/evaluations`` holds what a publication printed, and names the scenario that
asks its question of this model. Steps, each a what-if of that scenario which holds the steps before
it, take over what the publication did otherwise: they divide the difference.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import pandas as pd
from pydantic import Field
from rich.console import Console

from sim.analyses.shared.arguments import Out, Patients, Threads, checked
from sim.analyses.shared.result import Result, folder_of, written
from sim.analyses.what_if.analysis import Column, scenario_matrix
from sim.economics.estimates import Estimate
from sim.errors import UserError
from sim.evidence.register import find_folder
from sim.files.documents import read_yaml
from sim.files.schema import Part, validated
from sim.layout.cells import SYMBOLS, amount, known, row_estimate
from sim.layout.cells import number as number_cell
from sim.layout.schema import Schema, estimated, in_csv, number, records, text
from sim.layout.table import Row, Table, print_table
from sim.layout.text import DISCLAIMER, print_paragraph
from sim.simulation.question import Question, ask

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INDENT: Final = 2
FOLDER: Final = "evaluations"
USUAL_PATIENTS: Final = 100_000
PUBLISHED: Final = "published"
OUTCOMES: Final = ("life_years", "qalys", "cost")
CITED: Final = ("citation", "address", "place", "model")
TABLE: Final = Schema(
    f"{FOLDER}.csv",
    (
        text("evaluation", "the name of its file"),
        text("row", "``published``, ``base`` for this model, or a step of its scenario"),
        text("label"),
        text("currency"),
        *estimated("life_years", "increments over the comparator, and their standard errors"),
        *estimated("qalys"),
        *estimated("cost"),
        number("icer", "per QALY"),
    ),
)
"""A row for what was published, one for this model, and one for each step."""
SUMMARY: Final = f"{FOLDER}.json"


class Published(Part):
    """Increments as they were printed; None where one was not."""

    life_years: float | None = None
    qalys: float | None = None
    cost: float | None = None
    icer: float | None = None


class Evaluation(Part):
    """A published economic evaluation, and the scenario that asks its question."""

    citation: Annotated[str, Field(min_length=1)]
    address: str
    place: str
    model: str
    scenario: str
    strategy: str
    published: Published
    steps: Annotated[tuple[str, ...], Field(strict=False)] = ()


@dataclass(frozen=True)
class Beside:
    """An evaluation with the answers of this model: the scenario as it stands, then the steps."""

    name: str
    evaluation: Evaluation
    question: Question
    columns: tuple[Column, ...]


def load_evaluations(folder: Path | None = None) -> dict[str, tuple[Evaluation, Path]]:
    """Read the evaluations in `folder`, by name, each with the path of its scenario.

    Raises
    ------
    UserError
        With file, line and key, at the first mistake.
    """
    place = find_folder().parent / FOLDER if folder is None else folder
    found = {}
    for path in sorted(place.glob("*.yaml")):
        if not path.stem.endswith("_scenario"):
            document = read_yaml(path)
            evaluation = validated(Evaluation, document.data, document)
            found[path.stem] = (evaluation, path.parent / evaluation.scenario)
    return found


def beside(
    name: str, evaluation: Evaluation, scenario: Path, patients: int | None, threads: int | None
) -> Beside:
    """Simulate the scenario of an evaluation, and its steps."""
    question = ask(scenario, patients=patients or USUAL_PATIENTS)
    missing = [step for step in evaluation.steps if step not in question.scenario.what_ifs]
    if missing:
        problem, what_ifs = "is no what-if of the scenario", question.scenario.what_ifs
        raise UserError(problem, file=scenario, value=missing[0], choices=what_ifs)
    kept = {step: question.scenario.what_ifs[step] for step in evaluation.steps}
    asked = question.scenario.model_copy(update={"what_ifs": kept})
    loaded = replace(question.loaded, scenario=asked)
    matrix = scenario_matrix(replace(question, loaded=loaded)).run(threads=threads)
    return Beside(name, evaluation, question, matrix.columns)


def _rows(found: Beside) -> Iterator[tuple[Any, ...]]:
    printed, currency = found.evaluation.published, found.columns[0].currency
    values = [known(getattr(printed, name)) for name in OUTCOMES]
    estimates = [each for value in values for each in (value, math.nan)]
    yield (found.name, PUBLISHED, "Published", currency, *estimates, known(printed.icer))
    for column in found.columns:
        increments = (each.increment for each in column.gains)
        gain = next(each for each in increments if each.strategy == found.evaluation.strategy)
        label = "This model" if column is found.columns[0] else column.label
        estimates = [each for part in (gain.life_years, gain.qalys, gain.cost) for each in part]
        yield (found.name, column.name, label, column.currency, *estimates, known(gain.icer))


class EvaluationsResult(Result):
    """Published economic evaluations beside this model."""

    COMMAND = "evaluations"
    FILES = (TABLE.file, SUMMARY)
    FIGURES = ()

    def __init__(self, found: tuple[Beside, ...]) -> None:
        self._found = found

    @property
    def _subject(self) -> str:
        return f"{len(self._found)} published"

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The table by the name of its file, without its suffix."""
        return {FOLDER: self.evaluations}

    @property
    def evaluations(self) -> pd.DataFrame:
        """A row for each publication, for this model, and for each step: `TABLE`."""
        return TABLE.table(row for found in self._found for row in _rows(found))

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        return {TABLE.file: in_csv(self.evaluations), SUMMARY: self.json()}

    def json(self) -> str:
        """Return the table and the citations as JSON text."""
        content = {
            "evaluations": records(self.evaluations),
            "sources": {
                each.name: each.evaluation.model_dump(include={*CITED}) for each in self._found
            },
        }
        return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"

    def print_to(self, console: Console) -> None:
        """Print a table for each publication."""
        for found in self._found:
            print_table(console, _table(found))
            print_paragraph(console, f"{found.evaluation.model}. {found.evaluation.citation}")
        print_paragraph(console, NOTE)
        print_paragraph(console, DISCLAIMER)

    def _draw(self, name: str) -> Figure:
        raise UserError("has no figure", key="name", value=name)


NOTE: Final = (
    "Increments over the comparator, discounted, with Monte Carlo standard errors. Each step holds "
    "those before it. What is left after the last step is not explained by them: the two models "
    "extrapolate survival, value health and count resources each in their own way."
)


def _table(found: Beside) -> Table:
    rows = []
    for row in TABLE.table(_rows(found)).to_dict("records"):
        symbol = SYMBOLS[row["currency"]]
        cells = [
            *(number_cell(row_estimate(row, name), 2) for name in ("life_years", "qalys")),
            amount(row_estimate(row, "cost"), symbol),
            amount(Estimate(row["icer"], math.nan), symbol),
        ]
        rows.append(Row(row["label"], cells, strong=row["row"] == PUBLISHED))
    headings = ("Life-years", "QALYs", "Cost", "ICER")
    return Table(found.name.replace("_", " "), headings, [rows])


@checked
def evaluations(
    *names: str, patients: Patients = None, out: Out = None, threads: Threads = None
) -> EvaluationsResult:
    """Compare published economic evaluations with this model, and divide the difference.

    Each publication is in the folder calibration/evaluations, with the scenario that asks its
    question of this model.

    Parameters
    ----------
    *names
        Names of publications; by default all in the folder.
    patients
        Of each step; by default 100,000.
    out, threads
        As for `run`.

    Raises
    ------
    UserError
        When an argument is not allowed, there is no such publication, or a file has a mistake.

    Examples
    --------
    >>> from sim import evaluations
    >>> evaluations(patients=20).evaluations["row"].iloc[0]
    'published'
    """
    folder = folder_of(EvaluationsResult, out)
    printed = load_evaluations()
    for name in names:
        if name not in printed:
            problem = "there is no such publication"
            raise UserError(problem, key="name", value=name, choices=printed)
    found = tuple(beside(name, *printed[name], patients, threads) for name in names or printed)
    return written(EvaluationsResult(found), folder)
