"""``voi``: the value of information before a choice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

from sim.analyses.psa.analysis import Work, results
from sim.analyses.psa.draws_run import Psa
from sim.analyses.psa.result import chosen_size
from sim.analyses.shared.arguments import (
    TOP,
    Cached,
    Draws,
    Option,
    Out,
    PatientsPerDraw,
    Positive,
    Seed,
    Threads,
    Top,
    Whole,
    checked,
    rename_options,
)
from sim.analyses.shared.result import StoredResult, folder_of, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.stored import Stored
from sim.analyses.voi import tables as report
from sim.analyses.voi.analysis import (
    ValueOfInformation,
    default_groups,
    matching,
    value_of_information,
)
from sim.errors import UserError
from sim.layout.progress import patients_progress, steps_progress
from sim.limits import LARGEST_AMOUNT, LONGEST_DECISION_YEARS, MOST_PATIENTS
from sim.simulation.question import Question

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console


class VoiResult(StoredResult):
    """The value of knowing everything, groups of parameters, and each parameter.

    Figures are ``evpi``, against the threshold, and ``evppi``, of groups and parameters.
    """

    COMMAND = "voi"
    FILES = report.NAMES
    FIGURES = (report.CURVE, report.BARS)

    def __init__(
        self,
        scenario: Scenario,
        found: ValueOfInformation,
        population: report.Patients | None,
        top: int,
    ) -> None:
        super().__init__(scenario)
        self._found = found
        self._population = population
        self._top = top

    @classmethod
    @rename_options
    def read(cls, scenario: Asked, folder: str | Path, *, top: int = TOP) -> Self:
        """Return the answer that is in a folder: `StoredResult.read`; `top` as for `voi`."""
        found = super().read(scenario, folder)
        found._top = Whole(1)("top", top)
        return found

    @classmethod
    def _read(cls, scenario: Scenario, stored: Stored) -> Self:
        return cls(scenario, *report.read_voi(stored), TOP)

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        return {report.ANALYSIS: self.values, report.CURVE: self.evpi}

    @property
    def values(self) -> pd.DataFrame:
        """A row per threshold of everything, each group and each parameter: `sim.analyses.voi.tables.TABLE`."""
        return report.voi_table(self._found, self._population)

    @property
    def evpi(self) -> pd.DataFrame:
        """The EVPI by threshold, as in evpi.csv: `sim.analyses.voi.analysis.CURVE`."""
        return self._found.curve

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        return report.voi_files(self._found, self._population, self._top)

    def json(self) -> str:
        """Return the summary as JSON text."""
        return report.voi_json(self._found, self._population)

    def _print(self, console: Console) -> None:
        """Print the EVPI, then groups and parameters."""
        report.print_voi(console, self._found, self._population, self._top)

    def _draw(self, name: str) -> Figure:
        return report.drawn_voi(self._found, self._top)[name]


@checked
def voi(
    scenario: Asked,
    *,
    draws: Draws = None,
    patients: PatientsPerDraw = None,
    seed: Seed = None,
    thresholds: Annotated[Sequence[float] | None, Option("V", Positive(LARGEST_AMOUNT))] = None,
    groups: Annotated[Mapping[str, Sequence[str]] | None, Option("NAME=PATTERN,...")] = None,
    incidence: Annotated[float | None, Option("N", Positive(MOST_PATIENTS))] = None,
    years: Annotated[float | None, Option("Y", Positive(LONGEST_DECISION_YEARS))] = None,
    top: Top = TOP,
    out: Out = None,
    cached: Cached = True,
    threads: Threads = None,
) -> VoiResult:
    """Estimate the value of information before a choice between the strategies of a scenario.

    The expected value of perfect information, on everything (EVPI), on groups of parameters and on
    each of them (EVPPI), read from the draws of a probabilistic analysis.

    Parameters
    ----------
    scenario
        The question, or the path of its file; its own number of patients does not matter.
    draws, patients, seed, cached, threads
        As for `psa`.
    thresholds
        Currency per QALY; by default those of the scenario.
    groups
        Patterns, such as cost.*, of parameters that are learnt together, by the name of the group.
        By default costs, utilities, toxicity, transplant, relapse, response and others.
    incidence
        Patients a year who face the choice, for the value to the population; with ``years``.
    years
        Years for which the choice is made, for the value to the population.
    top
        As for `tornado`.
    out
        As for `run`.

    Raises
    ------
    UserError
        When an argument is not allowed, nothing fits a pattern, or there is no choice to inform.

    Examples
    --------
    >>> from sim import Scenario, voi
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml")
    >>> found = voi(scenario, draws=60, patients=50, groups={"prices": ["cost.*"]}, cached=False)
    >>> found.values["kind"].unique().tolist()
    ['everything', 'group', 'parameter']
    """
    chosen = asked(scenario, seed=seed)
    folder = folder_of(VoiResult, out)
    population = _population(chosen.question, incidence, years)
    work = Work(threads, cached=cached, bar=patients_progress)
    psa = _drawn(chosen.question, draws, patients, work)
    found = _valued(psa, thresholds or chosen.thresholds, groups or {})
    return written(VoiResult(chosen, found, population, top), folder)


def _drawn(question: Question, draws: int | None, patients: int | None, work: Work) -> Psa:
    """Return a probabilistic analysis, its size chosen where it is not given."""
    size = chosen_size(question, work, draws=draws, patients=patients)
    return results(replace(question, patients=size.patients), size.draws, work)


def _valued(
    psa: Psa, thresholds: Sequence[float], groups: Mapping[str, Sequence[str]]
) -> ValueOfInformation:
    """Return the value of information on groups of parameters, by default `default_groups`."""
    names = [str(name) for name in psa.parameters.columns]
    learnt = {name: matching(names, name, fits) for name, fits in groups.items()}
    learnt = learnt or default_groups(psa.question, names)
    with steps_progress(len(names) + len(learnt), "valuing information") as advance:
        worth = tuple(map(float, thresholds))
        return value_of_information(psa, worth, learnt, progress=advance)


def _population(
    question: Question, incidence: float | None, years: float | None
) -> report.Patients | None:
    if incidence is None and years is None:
        return None
    if incidence is None or years is None:
        raise UserError(
            "the value to the population needs both --incidence and --years",
            key="--incidence" if incidence is None else "--years",
        )
    return report.Patients(question, incidence, years)
