"""``tornado``: vary one parameter at a time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sim.analyses.shared.arguments import (
    BARS,
    Out,
    Patients,
    Seed,
    Threads,
    Threshold,
    Top,
    checked,
)
from sim.analyses.shared.paired_runs import CHUNK_SETS, chunks_of, sets_to_simulate
from sim.analyses.shared.results import MANIFEST, analysis_manifest
from sim.analyses.shared.resumable import RankedResult, Resumable
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.work import check_store
from sim.analyses.tornado import analysis, tables
from sim.analyses.tornado.analysis import Tornado
from sim.simulation.parameter_draws import fitted_draws

if TYPE_CHECKING:
    import pandas as pd

    from sim.simulation.question import Question

SHOWN: Final = ("top", "components")
"""Settings of what is printed and drawn."""


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

    @property
    def _next_words(self) -> Mapping[str, str]:
        """The parameter of the widest bar, if there is one."""
        alone = (analysis.PARAMETER, analysis.FITTED)
        bars = [bar for bar in self._found.bars if bar.group in alone and bar.swing > 0.0]
        widest = max(bars, key=lambda bar: bar.swing, default=None)
        return {} if widest is None else {"WIDEST": widest.name}


@checked
def tornado(
    scenario: Asked,
    *,
    outcome: str = "nmb",
    threshold: Threshold = None,
    strategy: str | None = None,
    top: Top = BARS,
    components: bool = False,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
) -> TornadoResult:
    """Run a one-way sensitivity analysis: vary each parameter and each structural choice alone.

    Uncertain parameters go to the ends of their intervals, all others stay at the base. Common
    random numbers make the change by a parameter without effect exactly nothing.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    outcome
        Of strategy minus comparator: ``nmb``, ``icer``, ``cost`` or any other of summary.json.
    threshold
        Currency per QALY, of the net benefit; by default the middle one of the perspective.
    strategy
        Compared with the comparator; by default the best of the others at the base.
    top
        Bars, and structural choices, that are printed and drawn; the files hold all.
    components
        Show the principal components of the fitted parameters as well.
    patients
        Of each parameter set; by default the scenario's number, at most 10,000.
    seed, threads
        As for `run`.
    out
        Write all files into this folder, and meanwhile finished work.
    resume
        Continue the unfinished work in the folder of ``out``.

    Raises
    ------
    UserError
        When an argument is not allowed, the comparator is alone, or the folder cannot be used.

    Examples
    --------
    >>> from sim import tornado
    >>> found = tornado("scenarios/first_salvage.yaml", patients=20, outcome="qalys")
    >>> bool((found.bars["swing"] >= 0.0).all())
    True
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=MANY_SETS_PATIENTS)
    folder = check_store(tables.NAMES, out, resume=resume)
    settings = {"outcome": outcome, "threshold": threshold, "strategy": strategy}
    settings |= {"top": top, "components": components}
    varied = _planned(chosen.question, settings, threads)
    return TornadoResult(chosen, varied, varied.run(folder, resume=resume), top, components)


def _planned(
    question: Question, settings: dict[str, Any], threads: int | None
) -> Resumable[Tornado]:
    """Return the analysis with these settings, ready to run."""
    posterior = fitted_draws(question)
    sets = sum(len(factor.ends) for factor in analysis.factors(question, posterior))
    options = {name: value for name, value in settings.items() if name not in SHOWN}
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
        shown=tuple(settings[name] for name in SHOWN),
    )
