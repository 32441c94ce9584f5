"""``what-if``: answer the what-ifs of a scenario side by side."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sim.analyses.shared.arguments import Out, Patients, Seed, Threads, Threshold, checked
from sim.analyses.shared.paired_runs import sets_to_simulate
from sim.analyses.shared.results import MANIFEST, analysis_manifest
from sim.analyses.shared.resumable import Resumable, ResumableResult
from sim.analyses.shared.scenario import SOME_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.work import check_store
from sim.analyses.what_if import analysis, tables
from sim.analyses.what_if.analysis import ScenarioMatrix

if TYPE_CHECKING:
    import pandas as pd

    from sim.simulation.question import Question


class WhatIfResult(ResumableResult[ScenarioMatrix]):
    """The increments of a scenario and of its what-ifs, and their differences."""

    COMMAND = "what-if"
    ANALYSIS = tables.ANALYSIS
    FILES = (*tables.NAMES, MANIFEST)
    FIGURES = (tables.ANALYSIS,)
    LAYOUT = tables.LAYOUT

    @property
    def what_ifs(self) -> pd.DataFrame:
        """A row per what-if and strategy, as in scenarios.csv: `sim.analyses.what_if.tables.TABLE`."""
        return tables.matrix_table(self._found)


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
    seed, out, resume, threads
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
    folder = check_store(tables.NAMES, out, resume=resume)
    matrix = _planned(chosen.question, threshold, threads)
    return WhatIfResult(chosen, matrix, matrix.run(folder, resume=resume))


def _planned(
    question: Question, threshold: float | None, threads: int | None
) -> Resumable[ScenarioMatrix]:
    """Return the analysis at this threshold, ready to run."""
    what_ifs = analysis.fingerprints(question)
    return Resumable(
        question,
        tables.LAYOUT,
        manifest=partial(
            analysis_manifest,
            *(question, tables.ANALYSIS, {"threshold": threshold, "what_ifs": what_ifs}),
            chunks=len(what_ifs),
            chunk=1,
        ),
        left=partial(sets_to_simulate, len(what_ifs), chunk=1),
        simulate=partial(analysis.scenario_matrix, question, threshold=threshold, threads=threads),
    )
