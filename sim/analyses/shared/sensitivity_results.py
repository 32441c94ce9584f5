"""``tornado`` and ``sobol``: the inputs on which the answer depends."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from sim.analyses.shared import global_sensitivity_tables as global_sensitivity
from sim.analyses.shared.arguments import positive, threads_given, whole, word
from sim.analyses.shared.files import in_bytes
from sim.analyses.shared.points import Target, manifest, target
from sim.analyses.shared.result import Result
from sim.analyses.shared.results import MANIFEST, analysis_manifest, manifest_text
from sim.analyses.shared.scenario import Scenario
from sim.analyses.shared.sets import CHUNK_SETS, chunks_of, sets_to_simulate
from sim.analyses.shared.wording import rename_options
from sim.analyses.shared.work import (
    check_store,
    enough_memory,
    finished,
    kept_chunks,
    sets_progress,
)
from sim.analyses.sobol import analysis as sobol_analysis
from sim.analyses.tornado import analysis as one_way
from sim.analyses.tornado import tables as one_way_report
from sim.files.results_folder import beside_others
from sim.limits import FEWEST_DRAWS, LARGEST_AMOUNT, MOST_SOBOL_DRAWS
from sim.simulation.parameter_draws import fitted_draws

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

    from sim.simulation.question import Question

TOP = 20
"""Number of inputs shown by default."""
Groups = Literal["default", "none"]
Asked = Callable[[], Mapping[str, Any]]
"""Returns the manifest of the analysis."""


class TornadoResult(Result):
    """An outcome at both ends of every parameter's interval, and under other structures."""

    COMMAND = "tornado"
    FILES = (*one_way_report.NAMES, MANIFEST)
    FIGURES = (one_way_report.ANALYSIS,)

    def __init__(self, scenario: Scenario, found: one_way.Tornado, top: int, asked: Asked) -> None:
        super().__init__(scenario)
        self._found = found
        self._top = top
        self._asked = asked

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        return {one_way_report.ANALYSIS: self.bars}

    @property
    def bars(self) -> pd.DataFrame:
        """A row per bar, as in tornado.csv (`sim.analyses.tornado.tables.COLUMNS`).

        Columns ``group``, ``parameter``, ``label``, ``unit``, the ends of the interval ``low`` and
        ``high``, the outcome at the ``base`` and at the ends (``outcome_low``, ``outcome_high``),
        the Monte Carlo errors of the changes (``se_low``, ``se_high``), the optimal strategy there,
        the ``swing``, ``within_error``, ``flips`` and the ``outcome_unit``.
        """
        return one_way_report.tornado_table(self._found)

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        found = in_bytes(one_way_report.tornado_files(self._found, self._top))
        return {**found, MANIFEST: manifest_text(self._asked(), found)}

    def json(self) -> str:
        """Return the summary as JSON text."""
        return one_way_report.tornado_json(self._found)

    def print_to(self, console: Console) -> None:
        """Print the widest bars and the structural choices."""
        one_way_report.print_tornado(console, self._found, self._top)

    def _draw(self, name: str) -> Figure:  # noqa: ARG002 - there is one
        return one_way_report.drawn_tornado(self._found, self._top)


class SobolResult(Result):
    """Shares of the variance of an outcome that are due to groups of parameters."""

    COMMAND = "sobol"
    FILES = (*global_sensitivity.SOBOL_NAMES, MANIFEST)
    FIGURES = (global_sensitivity.SOBOL,)

    def __init__(
        self, scenario: Scenario, found: sobol_analysis.Sobol, chunks: int, groups: Groups
    ) -> None:
        super().__init__(scenario)
        self._found = found
        self._chunks = chunks
        self._groups = groups

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        return {global_sensitivity.SOBOL: self.indices}

    @property
    def indices(self) -> pd.DataFrame:
        """A row per group, as in sobol.csv (`sim.analyses.shared.global_sensitivity_tables.SOBOL_COLUMNS`).

        Columns ``group``, the number of its ``parameters``, ``first_order`` and ``total`` (shares of
        the variance) with the half-widths of their 95 % intervals in ``first_order_ci`` and
        ``total_ci``; those ending in ``_check`` are from twice the patients.
        """
        return global_sensitivity.sobol_table(self._found)

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        found = in_bytes(global_sensitivity.sobol_files(self._found))
        asked = manifest(
            self._found.target,
            global_sensitivity.SOBOL,
            self._found.draws,
            self._chunks,
            _settings(self._groups, check=self._found.check is not None),
        )
        return {**found, MANIFEST: manifest_text(asked, found)}

    def json(self) -> str:
        """Return the summary as JSON text."""
        return global_sensitivity.sobol_json(self._found)

    def print_to(self, console: Console) -> None:
        """Print the indices of every group."""
        global_sensitivity.print_sobol(console, self._found)

    def _draw(self, name: str) -> Figure:  # noqa: ARG002 - there is one
        return global_sensitivity.drawn_sobol(self._found)


@rename_options
def tornado(
    scenario: Scenario,
    *,
    outcome: str = "nmb",
    threshold: float | None = None,
    strategy: str | None = None,
    top: int = TOP,
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
        The question.
    outcome
        Of the strategy minus the comparator: ``nmb``, ``nhb``, ``icer``, ``qalys``, ``cost``,
        ``life_years`` or any outcome of summary.json.
    threshold
        Currency per QALY, of the net benefit; by default the middle one of the perspective.
    strategy
        Compared with the comparator; by default the best of the others at the base.
    top
        Bars that are shown; the table holds all.
    out
        Write the files into this folder, and meanwhile store finished work in it.
    resume
        Go on with unfinished work in that folder.
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
    worth = None if threshold is None else positive("--threshold", threshold, LARGEST_AMOUNT)
    shown = whole("top", top, 1)
    folder = None if out is None else Path(out)
    check_store(one_way_report.NAMES, folder, resume=resume)
    options = _TornadoOptions(outcome, worth, strategy, shown)
    asked, found = _tornado(
        scenario.question, options, folder, resume=resume, threads=threads_given(threads)
    )
    return TornadoResult(scenario, found, shown, asked)


class _TornadoOptions(NamedTuple):
    """The options of a tornado that decide its results, apart from the question."""

    outcome: str
    threshold: float | None
    strategy: str | None
    top: int


def _tornado(
    question: Question,
    options: _TornadoOptions,
    folder: Path | None,
    *,
    resume: bool,
    threads: int | None,
) -> tuple[Asked, one_way.Tornado]:
    """Return the manifest and the analysis, with its files in the folder."""
    posterior = fitted_draws(question)
    sets = sum(len(factor.ends) for factor in one_way.factors(question, posterior))
    asked = partial(
        analysis_manifest,
        *(question, one_way_report.ANALYSIS, options._asdict()),
        chunks=chunks_of(sets),
        chunk=CHUNK_SETS,
    )
    with kept_chunks(asked, one_way_report.ANALYSIS, folder, resume=resume) as store:
        waiting = sets_to_simulate(sets, finished(store))
        with sets_progress(question, waiting) as advance:
            found = one_way.tornado(
                question,
                outcome=options.outcome,
                threshold=options.threshold,
                strategy=options.strategy,
                posterior=posterior,
                threads=threads,
                progress=advance,
                store=store,
            )
        if store is not None:
            files = in_bytes(one_way_report.tornado_files(found, options.top))
            store.finish(beside_others(store.folder, TornadoResult.COMMAND, files))
    return asked, found


@rename_options
def sobol(
    scenario: Scenario,
    *,
    outcome: str = "nmb",
    threshold: float | None = None,
    strategy: str | None = None,
    groups: Groups = "default",
    draws: int = 256,
    check: bool = False,
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
        The question.
    outcome, threshold, strategy
        As for `tornado`.
    groups
        ``default`` groups related parameters, ``none`` takes each alone.
    draws
        Points of the Sobol sequence, a power of 2; the model is run ``draws (groups + 2)`` times.
    check
        Repeat with twice the patients: do the indices change?
    out
        Write the files into this folder, and meanwhile store finished work in it.
    resume
        Go on with unfinished work in that folder.
    threads
        By default as many as there are processors; results do not depend on it.

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
    worth = None if threshold is None else positive("--threshold", threshold, LARGEST_AMOUNT)
    word("groups", groups, get_args(Groups))
    points = whole("draws", draws, FEWEST_DRAWS, MOST_SOBOL_DRAWS)
    folder = None if out is None else Path(out)
    check_store(global_sensitivity.SOBOL_NAMES, folder, resume=resume)
    looked_at = _target(scenario.question, outcome, worth, strategy)
    planned = sobol_analysis.plan(looked_at, grouped=groups == "default", draws=points, check=check)
    found = _sobol(planned, groups, folder, resume=resume, threads=threads)
    return SobolResult(scenario, found, planned.chunks, groups)


def _target(
    question: Question, outcome: str, threshold: float | None, strategy: str | None
) -> Target:
    with enough_memory(question):
        return target(
            question,
            outcome=outcome,
            threshold=threshold,
            strategy=strategy,
            posterior=fitted_draws(question),
        )


def _sobol(
    planned: sobol_analysis.Plan,
    groups: Groups,
    folder: Path | None,
    *,
    resume: bool,
    threads: int | None,
) -> sobol_analysis.Sobol:
    """Return the indices, with their files in the folder if there is one."""
    asked = partial(
        manifest,
        *(planned.target, global_sensitivity.SOBOL, planned.draws, planned.chunks),
        _settings(groups, check=planned.check),
    )
    with kept_chunks(asked, global_sensitivity.SOBOL, folder, resume=resume) as store:
        work = planned.work(finished(store))
        with sets_progress(planned.target.question, work) as advance:
            found = sobol_analysis.sobol(
                planned, threads=threads_given(threads), progress=advance, store=store
            )
        if store is not None:
            files = in_bytes(global_sensitivity.sobol_files(found))
            store.finish(beside_others(store.folder, SobolResult.COMMAND, files))
    return found


def _settings(groups: Groups, *, check: bool) -> dict[str, object]:
    return {"groups": groups, "check": check}
