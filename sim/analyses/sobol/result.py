"""``sobol``: divide the uncertainty of an outcome among groups of parameters."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from sim.analyses.shared.arguments import (
    Groups,
    Option,
    Out,
    Patients,
    Seed,
    Threads,
    Threshold,
    Whole,
    checked,
)
from sim.analyses.shared.points import fitted_target, manifest
from sim.analyses.shared.results import MANIFEST
from sim.analyses.shared.resumable import Resumable, ResumableResult
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
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

    @property
    def fitted(self) -> pd.DataFrame:
        """Shares of the variance explained by the fitted parameters, by ``topic``, as in sobol.json.

        Columns ``parameters``, their number, ``share`` of the variance of the outcome and the
        half-width of its 95 % interval, ``share_ci``. Empty where there are too few draws.
        """
        return self._found.fitted


@checked
def sobol(
    scenario: Asked,
    *,
    outcome: str = "nmb",
    threshold: Threshold = None,
    strategy: str | None = None,
    groups: Groups = "default",
    draws: Annotated[int, Option("N", Whole(FEWEST_DRAWS, MOST_SOBOL_DRAWS))] = 256,
    check: bool = False,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
) -> SobolResult:
    """Run a variance-based sensitivity analysis: Sobol indices of groups of parameters.

    All uncertain parameters vary together. The first-order index of a group is the share of the
    variance that learning it would remove, the total index the share left when all else is known.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    outcome, threshold, strategy
        As for `tornado`.
    groups
        With ``default`` the indices of groups of related parameters, with ``none`` of each.
    draws
        Points of the Sobol sequence, a power of 2; for each the model is run twice more than there
        are groups.
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
    chosen = asked(scenario, patients=patients, seed=seed, at_most=MANY_SETS_PATIENTS)
    folder = check_store(tables.NAMES, out, resume=resume)
    looked_at = fitted_target(
        chosen.question, outcome=outcome, threshold=threshold, strategy=strategy
    )
    planned = analysis.plan(looked_at, grouped=groups == "default", draws=draws, check=check)
    divided = _planned(planned, {"groups": groups, "check": check}, threads)
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
