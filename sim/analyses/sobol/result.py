"""``sobol``: divide the uncertainty of an outcome among groups of parameters."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from sim.analyses.shared.arguments import Groups, threads_given, threshold_given, whole, word
from sim.analyses.shared.points import fitted_target, manifest
from sim.analyses.shared.results import MANIFEST
from sim.analyses.shared.resumable import Resumable, ResumableResult
from sim.analyses.shared.scenario import Asked, asked
from sim.analyses.shared.wording import rename_options
from sim.analyses.shared.work import check_store
from sim.analyses.sobol import analysis, tables
from sim.analyses.sobol.analysis import Sobol
from sim.limits import FEWEST_DRAWS, MOST_SOBOL_DRAWS

if TYPE_CHECKING:
    import pandas as pd


class SobolResult(ResumableResult[Sobol]):
    """Shares of the variance of an outcome that are due to groups of parameters."""

    COMMAND = "sobol"
    FILES = (*tables.NAMES, MANIFEST)
    FIGURES = (tables.ANALYSIS,)
    LAYOUT = tables.LAYOUT

    @property
    def indices(self) -> pd.DataFrame:
        """A row per group, as in sobol.csv: `sim.analyses.sobol.tables.TABLE`."""
        return tables.sobol_table(self._found)


@rename_options
def sobol(
    scenario: Asked,
    *,
    outcome: str = "nmb",
    threshold: float | None = None,
    strategy: str | None = None,
    groups: Groups = "default",
    draws: int = 256,
    check: bool = False,
    patients: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    threads: int | None = None,
) -> SobolResult:
    """Divide the uncertainty of an outcome among groups of parameters of a scenario.

    All uncertain parameters vary together. The first-order index of a group is the share of the
    variance that learning it would remove, the total index the share left when all else is known.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    outcome, threshold, strategy
        As for `tornado`.
    groups
        ``default`` groups related parameters, ``none`` takes each alone.
    draws
        Points of the Sobol sequence, a power of 2; the model is run ``draws (groups + 2)`` times.
    check
        Repeat with twice the patients: do the indices change?
    patients, seed, out, resume, threads
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed, the outcome is not defined at a point, or the folder cannot
        be used.

    Examples
    --------
    >>> from sim import Scenario, sobol
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=20)
    >>> sobol(scenario, draws=2).indices.columns[:2].to_list()
    ['group', 'parameters']
    """
    chosen = asked(scenario, patients=patients, seed=seed)
    worth = threshold_given(threshold)
    word("groups", groups, get_args(Groups))
    points = whole("draws", draws, FEWEST_DRAWS, MOST_SOBOL_DRAWS)
    folder = check_store(tables.NAMES, out, resume=resume)
    looked_at = fitted_target(chosen.question, outcome=outcome, threshold=worth, strategy=strategy)
    planned = analysis.plan(looked_at, grouped=groups == "default", draws=points, check=check)
    divided = _planned(planned, {"groups": groups, "check": check}, threads_given(threads))
    return SobolResult(chosen, divided, divided.run(folder, resume=resume))


def _planned(
    planned: analysis.Plan, settings: dict[str, object], threads: int | None
) -> Resumable[Sobol]:
    """Return the analysis with these settings, ready to run."""
    looked_at = planned.target
    return Resumable(
        looked_at.question,
        tables.LAYOUT,
        manifest=partial(
            manifest, looked_at, tables.ANALYSIS, planned.draws, planned.chunks, settings
        ),
        left=planned.work,
        simulate=partial(analysis.sobol, planned, threads=threads),
    )
