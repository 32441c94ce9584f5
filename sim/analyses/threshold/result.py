"""``threshold``: find the value of a parameter at which the decision flips."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sim.analyses.shared.arguments import Out, Patients, Seed, Threads, checked
from sim.analyses.shared.paired_runs import CHUNK_SETS
from sim.analyses.shared.ranges import Range, asked_range
from sim.analyses.shared.results import MANIFEST, analysis_manifest
from sim.analyses.shared.resumable import Resumable, ResumableResult
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.work import check_store
from sim.analyses.threshold import analysis, tables
from sim.analyses.threshold.analysis import ThresholdAnalysis
from sim.simulation.parameter_draws import fitted_draws

if TYPE_CHECKING:
    import pandas as pd

    from sim.simulation.question import Question


class ThresholdResult(ResumableResult[ThresholdAnalysis]):
    """The values of a parameter at which another strategy becomes optimal."""

    COMMAND = "threshold"
    FILES = (*tables.NAMES, MANIFEST)
    FIGURES = (tables.ANALYSIS,)
    LAYOUT = tables.LAYOUT

    @property
    def flips(self) -> pd.DataFrame:
        """A row per flip, as in threshold.csv: `sim.analyses.threshold.tables.TABLE`."""
        return tables.threshold_table(self._found)


@checked
def threshold(
    scenario: Asked,
    parameter: str,
    *,
    range: tuple[float, float] | None = None,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
) -> ThresholdResult:
    """Run a threshold analysis: the values of a parameter at which another strategy is optimal.

    They are looked for at each threshold of the perspective. All values are simulated in the same
    patients with common random numbers.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    parameter
        The parameter that is varied.
    range
        Where to look; by default its interval, of a fixed parameter from 0 to twice its value.
    patients, seed, out, resume, threads
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed, the scenario uses no such parameter, or the folder cannot
        be used.

    Examples
    --------
    >>> from sim import Scenario, threshold
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=20)
    >>> found = threshold(scenario, "cost.blinatumomab.vial", range=(0.0, 20_000.0))
    >>> found.flips["parameter"].unique().tolist()
    ['cost.blinatumomab.vial']
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=MANY_SETS_PATIENTS)
    folder = check_store(tables.NAMES, out, resume=resume)
    question = chosen.question
    varied = asked_range(question, parameter, range, fitted_draws(question), "--parameter")
    search = _planned(question, varied, threads)
    return ThresholdResult(chosen, search, search.run(folder, resume=resume))


def _planned(
    question: Question, varied: Range, threads: int | None
) -> Resumable[ThresholdAnalysis]:
    """Return the search over this interval, ready to run."""
    return Resumable(
        question,
        tables.LAYOUT,
        manifest=partial(
            analysis_manifest,
            *(question, tables.ANALYSIS, {"varied": varied}),
            chunks=analysis.chunks(question, varied),
            chunk=CHUNK_SETS,
        ),
        left=partial(analysis.work, question, varied),
        simulate=partial(analysis.threshold_analysis, question, varied, threads=threads),
    )
