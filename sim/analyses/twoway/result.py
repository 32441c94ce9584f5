"""``twoway``: vary two parameters over a grid."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from sim.analyses.shared.arguments import (
    Option,
    Out,
    Patients,
    Seed,
    Threads,
    Threshold,
    Whole,
    checked,
)
from sim.analyses.shared.paired_runs import CHUNK_SETS, chunks_of, sets_to_simulate
from sim.analyses.shared.ranges import asked_range
from sim.analyses.shared.results import MANIFEST, analysis_manifest
from sim.analyses.shared.resumable import Resumable, ResumableResult
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.work import check_store
from sim.analyses.twoway import analysis, tables
from sim.analyses.twoway.analysis import TwoWay
from sim.limits import FEWEST_STEPS, MOST_STEPS
from sim.simulation.parameter_draws import fitted_draws

if TYPE_CHECKING:
    import pandas as pd

    from sim.simulation.question import Question


class TwowayResult(ResumableResult[TwoWay]):
    """Net benefits of every strategy over a grid of values of two parameters."""

    COMMAND = "twoway"
    FILES = (*tables.NAMES, MANIFEST)
    FIGURES = (tables.ANALYSIS,)
    LAYOUT = tables.LAYOUT

    @property
    def grid(self) -> pd.DataFrame:
        """A row per point and strategy, as in twoway.csv: `sim.analyses.twoway.tables.TABLE`."""
        return tables.two_way_table(self._found)


@checked
def twoway(
    scenario: Asked,
    x: str,
    y: str,
    *,
    steps: Annotated[int, Option("K", Whole(FEWEST_STEPS, MOST_STEPS))] = 11,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    threshold: Threshold = None,
    strategy: str | None = None,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
) -> TwowayResult:
    """Run a two-way sensitivity analysis: the optimal strategy over a grid of two parameters.

    All points are simulated in the same patients with common random numbers.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    x, y
        The parameters on the horizontal axis, ``x``, and on the vertical one, ``y``.
    steps
        Values of each parameter, the ends included; of a count whole numbers, at most so many.
    x_range, y_range
        Ends of the grid; by default those of the parameter's interval, of a fixed parameter 0 and
        twice its value.
    threshold, strategy, patients, seed, out, resume, threads
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed or the folder cannot be used.

    Examples
    --------
    >>> from sim import Scenario, twoway
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=20)
    >>> found = twoway(scenario, "cost.blinatumomab.vial", "cost.inpatient_day", steps=2)
    >>> found.grid.groupby(["x", "y"]).size().tolist()
    [2, 2, 2, 2]
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=MANY_SETS_PATIENTS)
    folder = check_store(tables.NAMES, out, resume=resume)
    question = chosen.question
    posterior = fitted_draws(question)
    settings = {
        "x": asked_range(question, x, x_range, posterior, "--x"),
        "y": asked_range(question, y, y_range, posterior, "--y"),
        "steps": steps,
        "threshold": threshold,
        "strategy": strategy,
    }
    varied = _planned(question, settings, threads)
    return TwowayResult(chosen, varied, varied.run(folder, resume=resume))


def _planned(
    question: Question, settings: dict[str, Any], threads: int | None
) -> Resumable[TwoWay]:
    """Return the analysis with these settings, ready to run."""
    points = analysis.grid_points(settings["x"], settings["y"], settings["steps"])
    return Resumable(
        question,
        tables.LAYOUT,
        manifest=partial(
            analysis_manifest,
            *(question, tables.ANALYSIS, settings),
            chunks=chunks_of(points),
            chunk=CHUNK_SETS,
        ),
        left=partial(sets_to_simulate, points),
        simulate=partial(analysis.two_way, question, **settings, threads=threads),
    )
