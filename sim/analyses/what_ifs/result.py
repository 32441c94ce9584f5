"""``what-if``: answer the what-ifs of a scenario side by side."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sim.analyses.shared.arguments import threads_given, threshold_given
from sim.analyses.shared.results import MANIFEST, analysis_manifest
from sim.analyses.shared.resumable import Resumable, ResumableResult
from sim.analyses.shared.scenario import Asked, asked
from sim.analyses.shared.sets import sets_to_simulate
from sim.analyses.shared.wording import rename_options
from sim.analyses.shared.work import check_store
from sim.analyses.what_ifs import analysis, tables
from sim.analyses.what_ifs.analysis import ScenarioMatrix

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
        """A row per what-if and strategy, as in scenarios.csv: `sim.analyses.what_ifs.tables.TABLE`."""
        return tables.matrix_table(self._found)


@rename_options
def what_if(
    scenario: Asked,
    *,
    threshold: float | None = None,
    patients: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    threads: int | None = None,
) -> WhatIfResult:
    """Answer the what-ifs of a scenario side by side, each in the same patients.

    A what-if is a key below ``what_ifs`` in the file, with a label and the keys of the scenario that
    it changes.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    threshold
        Currency per QALY, of the net benefit; by default the middle one of each perspective.
    patients, seed, out, resume, threads
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
    chosen = asked(scenario, patients=patients, seed=seed)
    worth = threshold_given(threshold)
    folder = check_store(tables.NAMES, out, resume=resume)
    matrix = _planned(chosen.question, worth, threads_given(threads))
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
