"""``morris``: screen the uncertain parameters for the influential ones."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sim.analyses.morris import analysis, tables
from sim.analyses.morris.analysis import Screening
from sim.analyses.shared.arguments import TOP, Groups, threads_given, threshold_given, whole, word
from sim.analyses.shared.points import chunks_of, fitted_target, manifest, points_to_simulate
from sim.analyses.shared.results import MANIFEST
from sim.analyses.shared.resumable import RankedResult, Resumable
from sim.analyses.shared.scenario import Asked, asked
from sim.analyses.shared.wording import rename_options
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


@rename_options
def morris(
    scenario: Asked,
    *,
    outcome: str = "nmb",
    threshold: float | None = None,
    strategy: str | None = None,
    groups: Groups = "none",
    trajectories: int = 10,
    top: int = TOP,
    patients: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    threads: int | None = None,
) -> MorrisResult:
    """Screen the uncertain parameters of a scenario for the influential ones, with few runs.

    The method of Morris changes one input after the other along random trajectories.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    groups
        ``default`` groups related parameters, ``none`` takes each alone.
    trajectories
        Elementary effects of each input; the model is run ``trajectories (inputs + 1)`` times.
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
    chosen = asked(scenario, patients=patients, seed=seed)
    worth = threshold_given(threshold)
    word("groups", groups, get_args(Groups))
    count = whole("trajectories", trajectories, FEWEST_TRAJECTORIES, MOST_TRAJECTORIES)
    shown = whole("top", top, 1)
    folder = check_store(tables.NAMES, out, resume=resume)
    looked_at = fitted_target(chosen.question, outcome=outcome, threshold=worth, strategy=strategy)
    planned = analysis.plan(looked_at, grouped=groups == "default", trajectories=count)
    screening = _planned(planned, groups, shown, threads_given(threads))
    return MorrisResult(chosen, screening, screening.run(folder, resume=resume), shown)


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
