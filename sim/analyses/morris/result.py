"""``morris``: screen the uncertain parameters for the influential ones."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from sim.analyses.morris import analysis, tables
from sim.analyses.morris.analysis import Screening
from sim.analyses.shared.arguments import (
    TOP,
    Groups,
    Option,
    Out,
    Patients,
    Seed,
    Threads,
    Threshold,
    Top,
    Whole,
    checked,
)
from sim.analyses.shared.points import chunks_of, fitted_target, manifest, points_to_simulate
from sim.analyses.shared.results import MANIFEST
from sim.analyses.shared.resumable import RankedResult, Resumable
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.work import check_store
from sim.limits import FEWEST_TRAJECTORIES, MOST_TRAJECTORIES

if TYPE_CHECKING:
    import pandas as pd


class MorrisResult(RankedResult[Screening]):
    """Elementary effects of every uncertain parameter on an outcome."""

    COMMAND = "morris"
    FILES = (*tables.NAMES, MANIFEST)
    FIGURES = (tables.ANALYSIS,)
    LAYOUT = tables.LAYOUT

    @property
    def effects(self) -> pd.DataFrame:
        """A row per input, as in morris.csv: `sim.analyses.morris.tables.TABLE`."""
        return tables.morris_table(self._found)


@checked
def morris(
    scenario: Asked,
    *,
    outcome: str = "nmb",
    threshold: Threshold = None,
    strategy: str | None = None,
    groups: Groups = "none",
    trajectories: Annotated[int, Option("R", Whole(FEWEST_TRAJECTORIES, MOST_TRAJECTORIES))] = 10,
    top: Top = TOP,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
) -> MorrisResult:
    """Screen the uncertain parameters by elementary effects: which are influential, with few runs.

    The method of Morris changes one input after the other along random trajectories.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    groups
        With ``default`` the effects of groups of related parameters, with ``none`` of each.
    trajectories
        Elementary effects of each input; the model is run once more than there are inputs for each.
    outcome, threshold, strategy, top, patients, seed, out, resume, threads
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed, the outcome is not defined at a point, or the folder cannot
        be used.

    Examples
    --------
    >>> from sim import Scenario, morris
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=20)
    >>> found = morris(scenario, groups="default", trajectories=2)
    >>> bool((found.effects["mu_star"] >= 0.0).all())
    True
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=MANY_SETS_PATIENTS)
    folder = check_store(tables.NAMES, out, resume=resume)
    looked_at = fitted_target(
        chosen.question, outcome=outcome, threshold=threshold, strategy=strategy
    )
    planned = analysis.plan(looked_at, grouped=groups == "default", trajectories=trajectories)
    screening = _planned(planned, groups, top, threads)
    return MorrisResult(chosen, screening, screening.run(folder, resume=resume), top)


def _planned(
    planned: analysis.Plan, groups: Groups, top: int, threads: int | None
) -> Resumable[Screening]:
    """Return the screening with these settings, ready to run."""
    runs = len(planned.points)
    return Resumable(
        planned.target.question,
        tables.LAYOUT,
        manifest=partial(
            manifest,
            *(planned.target, tables.ANALYSIS, planned.trajectories, chunks_of(runs)),
            {"groups": groups, "top": top},
        ),
        left=partial(points_to_simulate, runs),
        simulate=partial(analysis.screen, planned, threads=threads),
        shown=(top,),
    )
