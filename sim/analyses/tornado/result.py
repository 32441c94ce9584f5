"""``tornado``: vary one parameter at a time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.analyses.shared.arguments import TOP, threads_given, threshold_given, whole
from sim.analyses.shared.results import MANIFEST, analysis_manifest
from sim.analyses.shared.resumable import RankedResult, Resumable
from sim.analyses.shared.scenario import Asked, asked
from sim.analyses.shared.sets import CHUNK_SETS, chunks_of, sets_to_simulate
from sim.analyses.shared.wording import rename_options
from sim.analyses.shared.work import check_store
from sim.analyses.tornado import analysis, tables
from sim.analyses.tornado.analysis import Tornado
from sim.simulation.parameter_draws import fitted_draws

if TYPE_CHECKING:
    import pandas as pd

    from sim.simulation.question import Question


class TornadoResult(RankedResult[Tornado]):
    """An outcome at both ends of every parameter's interval, and under other structures."""

    COMMAND = "tornado"
    FILES = (*tables.NAMES, MANIFEST)
    FIGURES = (tables.ANALYSIS,)
    LAYOUT = tables.LAYOUT

    @property
    def bars(self) -> pd.DataFrame:
        """A row per bar, as in tornado.csv: `sim.analyses.tornado.tables.TABLE`."""
        return tables.tornado_table(self._found)


@rename_options
def tornado(
    scenario: Asked,
    *,
    outcome: str = "nmb",
    threshold: float | None = None,
    strategy: str | None = None,
    top: int = TOP,
    patients: int | None = None,
    seed: int | None = None,
    out: str | Path | None = None,
    resume: bool = False,
    threads: int | None = None,
) -> TornadoResult:
    """Vary every uncertain parameter of a scenario alone, and every structural choice.

    Parameters go to the ends of their intervals, all others stay at the base. All sets are
    simulated in the same patients with common random numbers, so a parameter without effect changes
    exactly nothing.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    outcome
        Of the strategy minus the comparator: ``nmb``, ``nhb``, ``icer``, ``qalys``, ``cost``,
        ``life_years`` or any outcome of summary.json.
    threshold
        Currency per QALY, of the net benefit; by default the middle one of the perspective.
    strategy
        Compared with the comparator; by default the best of the others at the base.
    top
        Bars that are shown; the table holds all.
    patients, seed
        Instead of the scenario's own.
    out, resume
        Write the files into this folder, and meanwhile finished work; go on with that.
    threads
        By default as many as there are processors; results do not depend on it.

    Raises
    ------
    UserError
        When an argument is not allowed, there is nothing but the comparator, or the folder
        cannot be used.

    Examples
    --------
    >>> from sim import Scenario, tornado
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=20)
    >>> found = tornado(scenario, outcome="qalys")
    >>> bool((found.bars["swing"] >= 0.0).all())
    True
    """
    chosen = asked(scenario, patients=patients, seed=seed)
    worth = threshold_given(threshold)
    shown = whole("top", top, 1)
    folder = check_store(tables.NAMES, out, resume=resume)
    settings = {"outcome": outcome, "threshold": worth, "strategy": strategy, "top": shown}
    varied = _planned(chosen.question, settings, threads_given(threads))
    return TornadoResult(chosen, varied, varied.run(folder, resume=resume), shown)


def _planned(
    question: Question, settings: dict[str, Any], threads: int | None
) -> Resumable[Tornado]:
    """Return the analysis with these settings, ready to run."""
    posterior = fitted_draws(question)
    sets = sum(len(factor.ends) for factor in analysis.factors(question, posterior))
    options = {name: value for name, value in settings.items() if name != "top"}
    return Resumable(
        question,
        tables.LAYOUT,
        manifest=partial(
            analysis_manifest,
            *(question, tables.ANALYSIS, settings),
            chunks=chunks_of(sets),
            chunk=CHUNK_SETS,
        ),
        left=partial(sets_to_simulate, sets),
        simulate=partial(
            analysis.tornado, question, **options, posterior=posterior, threads=threads
        ),
        shown=(settings["top"],),
    )
