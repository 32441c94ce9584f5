"""``what-if``: the what-ifs as files and as they are printed, and the function that answers them."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.arguments import (
    Cluster,
    Out,
    Part,
    Patients,
    Seed,
    Threads,
    Threshold,
    checked,
)
from sim.analyses.shared.outcomes import NMB, outcome_named
from sim.analyses.shared.result import Layout, ResumableResult
from sim.analyses.shared.scenario import SOME_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.store import MANIFEST
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    estimate_cell,
    folded,
    print_heading,
    print_notes,
    strategy_label,
)
from sim.analyses.shared.work import place_of_work
from sim.analyses.what_if.analysis import (
    FILES_OF,
    TABLE,
    Column,
    Gain,
    ScenarioMatrix,
    fingerprints,
    scenario_matrix,
)
from sim.economics.estimates import Estimate
from sim.errors import UserError
from sim.layout.cells import NOTHING, SYMBOLS
from sim.layout.schema import records
from sim.layout.table import Cell, Row, Table, print_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES: Final = names_of(FILES_OF)


def matrix_summary(result: ScenarioMatrix) -> dict[str, Any]:
    """Return the content of scenarios.json after its heading."""
    return {
        "comparator": result.question.scenario.comparator_name,
        "notes": {name: list(notes) for name, notes in result.notes.items()},
        "what_ifs": records(result.table),
    }


def read_matrix(stored: Stored) -> ScenarioMatrix:
    """Return the what-ifs that are stored in a folder; raise `UserError` where a file is broken."""
    table = stored.table(TABLE)
    if table.empty:
        raise UserError("has no what-ifs", file=stored.folder / TABLE.file)
    notes = {name: stored.summary["notes"][name] for name in table["what_if"].unique()}
    return ScenarioMatrix(stored.question, table, notes)


def _figure(result: ScenarioMatrix) -> Figure:
    from sim.analyses.what_if.figure import what_ifs_figure

    return what_ifs_figure(result)


def print_matrix(console: Console, result: ScenarioMatrix) -> None:
    """Print a table of the what-ifs for each strategy but the comparator."""
    question = result.question
    against = strategy_label(question, question.scenario.comparator_name)
    print_heading(console, question, f"{len(result.columns) - 1} what-ifs, against {against}")
    for place, gain in enumerate(result.base.gains):
        label = strategy_label(question, gain.increment.strategy)
        headings = ["Cost", "QALYs", "ICER", "Net benefit", "Its change", "Optimal"]
        rows = [_line(result, column, column.gains[place]) for column in result.columns]
        title = f"{label} against {against} (standard error)"
        print_table(console, Table(title, headings, [rows[:1], rows[1:]]))
    thresholds = {(column.currency, column.threshold) for column in result.columns}
    worth = ", ".join(f"{SYMBOLS[name]}{value:,.0f}" for name, value in sorted(thresholds))
    print_notes(
        console,
        f"Net monetary benefit at {worth} per QALY. The change is from the scenario as it stands, "
        "patient by patient, where the money is the same.",
        SAME_PATIENTS,
        *(f"{column.label}: {note}." for column in result.columns for note in column.notes),
    )


def _line(result: ScenarioMatrix, column: Column, gain: Gain) -> Row:
    def cell(name: str, estimate: Estimate) -> Cell:
        known = outcome_named(name, threshold=column.threshold, currency=column.currency)
        return estimate_cell(known, estimate)

    found = gain.increment
    ratio = Cell(found.quadrant)
    if found.icer is not None and found.icer_se is not None:
        ratio = cell("icer", Estimate(found.icer, found.icer_se))
        if found.quadrant != "more effective and costlier":
            ratio = Cell(found.quadrant)
    change = cell(NMB, gain.changes[NMB]) if NMB in gain.changes else Cell(NOTHING)
    optimal = Cell(strategy_label(result.question, column.optimal))
    values = [cell("cost", found.cost), cell("qalys", found.qalys), ratio, cell(NMB, gain.nmb)]
    return Row(folded(column.label), [*values, change, optimal])


FILE_LAYOUT: Final = Layout(
    FILES_OF, attrgetter("table"), matrix_summary, _figure, print_matrix, read_matrix
)


class WhatIfResult(ResumableResult[ScenarioMatrix]):
    """The increments of a scenario and of its what-ifs, and their differences."""

    COMMAND = "what-if"
    ANALYSIS = FILES_OF
    FILES = (*NAMES, MANIFEST)
    FIGURES = (FILES_OF,)
    LAYOUT = FILE_LAYOUT

    @property
    def what_ifs(self) -> pd.DataFrame:
        """A row per what-if and strategy, as in scenarios.csv: `sim.analyses.what_if.analysis.TABLE`."""
        return self._found.table.copy()


@checked
def what_if(
    scenario: Asked,
    *,
    threshold: Threshold = None,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
    cluster: Cluster = None,
    part: Part = None,
) -> WhatIfResult:
    """Run the what-ifs of a scenario side by side, each in the same patients.

    A what-if is a key below ``what_ifs`` in the file, with a label and the keys of the scenario that
    it changes.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    threshold
        Currency per QALY, of the net benefit; by default the middle one of each perspective.
    patients
        Of each what-if; by default the scenario's number, at most 100,000.
    seed, out, resume, threads, cluster, part
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed, the scenario has no what-ifs or nothing but the comparator,
        or the folder cannot be used.

    Examples
    --------
    >>> from sim import what_if
    >>> found = what_if("scenarios/first_salvage.yaml", patients=20)
    >>> found.what_ifs["what_if"].iloc[0]
    'base'
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=SOME_SETS_PATIENTS)
    place = place_of_work(NAMES, out, resume=resume, part=part, cluster=cluster)
    runs = scenario_matrix(chosen.question, threshold=threshold)
    settings = {"threshold": threshold, "what_ifs": fingerprints(chosen.question)}
    return WhatIfResult.of(chosen, runs, settings, place, threads)
