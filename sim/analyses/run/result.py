"""``run``: simulate a scenario."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

import numpy as np

from sim.analyses.run import tables as files
from sim.analyses.shared.arguments import (
    Cluster,
    Option,
    Out,
    Patients,
    Seed,
    Threads,
    Whole,
    checked,
)
from sim.analyses.shared.result import StoredResult, folder_of, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.stored import Stored
from sim.analyses.shared.work import enough_memory, spread
from sim.errors import UserError
from sim.layout.run_columns import EVENTS, SUBGROUP_VALUES, SUBGROUPS
from sim.layout.run_tables import Tables
from sim.simulation import run as study
from sim.simulation.flow import Flow
from sim.simulation.run import KEPT_AT_MOST, Engine, Progress, Simulation, Sink, baselines_of
from sim.simulation.subgroups import Subgroups
from sim.simulation.summary import Summary, summarise

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

    from sim.simulation.question import Question


class RunResult(StoredResult):
    """The simulated patients of a scenario, and their results.

    Means are per patient and carry their Monte Carlo standard error. Money is in the currency and
    the prices of the perspective; QALYs, life-years and costs are discounted unless their name
    says otherwise. The columns are those of `sim.layout.run_columns.TABLES`.
    """

    COMMAND = "run"
    FILES = files.NAMES
    STORED = files.SUMMARY
    FIGURES = files.FIGURE_NAMES

    def __init__(
        self,
        scenario: Scenario,
        simulation: Simulation,
        summary: Summary,
        tables: Callable[[], Mapping[str, pd.DataFrame]],
    ) -> None:
        super().__init__(scenario)
        self._simulation = simulation
        self._summary = summary
        self._tables = cache(tables)

    @classmethod
    def _read(cls, scenario: Scenario, stored: Stored) -> Self:
        simulation, summary, tables = files.read_run(stored)
        return cls(scenario, simulation, summary, lambda: tables)

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        found = self._tables()
        return Tables({name.removesuffix(".csv"): partial(_copied, found, name) for name in found})

    @property
    def files_of_tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, as a report takes them."""
        return self._tables()

    @property
    def strategies(self) -> pd.DataFrame:
        """Outcomes of each strategy: `sim.layout.run_columns.STRATEGIES`."""
        return self.tables["strategies"]

    @property
    def increments(self) -> pd.DataFrame:
        """Differences from the comparator in the same patients: `sim.layout.run_columns.INCREMENTS`."""
        return self.tables["increments"]

    @property
    def survival(self) -> pd.DataFrame:
        """Survival by month: `sim.layout.run_columns.SURVIVAL`."""
        return self.tables["survival"]

    @property
    def ledger(self) -> pd.DataFrame:
        """Costs, QALYs and life-years by where they come from: `sim.layout.run_columns.LEDGER`."""
        return self.tables["ledger"]

    @property
    def flow(self) -> pd.DataFrame:
        """Numbers of patients by course: `sim.layout.run_columns.FLOW`."""
        return self.tables["flow"]

    @property
    def subgroups(self) -> pd.DataFrame:
        """Results by subgroup: `sim.layout.run_columns.SUBGROUPS`; empty without subgroups."""
        return self.tables["subgroups"] if "subgroups" in self.tables else SUBGROUPS.table(())

    @property
    def subgroup_values(self) -> pd.DataFrame:
        """The value of choosing by subgroup: `sim.layout.run_columns.SUBGROUP_VALUES`."""
        found = self.tables
        return found["subgroup_values"] if "subgroup_values" in found else SUBGROUP_VALUES.table(())

    @property
    def inputs(self) -> pd.DataFrame:
        """The numbers that were used, with unit, status and source; those of the scenario are `changed`."""
        return self.tables["inputs"]

    @property
    def events(self) -> pd.DataFrame:
        """The events of the traced patients: ``strategy``, ``patient``, ``day``, ``event``, ...

        Empty unless patients were traced.
        """
        return self.tables["events"] if "events" in self.tables else EVENTS.table(())

    @property
    def patients(self) -> pd.DataFrame:
        """Every patient under every strategy: baseline, outcomes, times and amounts.

        Columns ``strategy``, ``patient``, ``row`` of the user's file, the characteristics, the
        outcomes (days since entry, infinite where it did not happen), and ``account.category`` for
        each category of the ledger: `sim.analyses.run.patients.columns`.

        Raises
        ------
        UserError
            When there were more than 100,000 patients, or the result was read from its files: write
            them with ``patients_out``.
        """
        from sim.analyses.run.patients import patients_table

        arms = self._simulation.arms
        if not arms:
            raise UserError(
                f"only up to {KEPT_AT_MOST:,} patients are kept, and none in the files of a run; "
                "write them to a file",
                key="patients_out",
            )
        rows = [arm.rows for arm in arms]
        amounts = [np.stack([arm.undiscounted, arm.discounted], axis=1) for arm in arms]
        question = self._simulation.question
        table = patients_table(
            question,
            baselines_of(question, self._simulation.engine),
            0,
            np.stack(rows, axis=1),
            np.stack(amounts, axis=1),
        )
        found: pd.DataFrame = table.to_pandas()
        return found

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        return files.run_files(self._simulation, self._summary, self._tables())

    def write_for_report(self, folder: Path) -> None:
        """Write the files but the figures, which a report draws itself; else as `write` does."""
        from sim.files.results_folder import write_analysis

        found = files.run_files(self._simulation, self._summary, self._tables(), drawn=False)
        write_analysis(folder, self.COMMAND, found, self.FILES)

    def counts_known(self) -> AbstractContextManager[None]:
        """Let analyses inside take the base case from this run, of the core engine."""
        return study.counts_known(self._simulation)

    def json(self) -> str:
        """Return the summary as JSON text."""
        return files.summary_json(self._simulation, self._summary)

    def _print(self, console: Console) -> None:
        """Print the answer, then log and ledger of the traced patients."""
        from sim.layout import text, trace

        question = self._simulation.question
        text.print_answer(console, self._simulation, self._summary, self._tables())
        for traced in sorted(self._simulation.traces, key=lambda each: each.patient.number):
            shown = trace.lines(traced, question.perspective.currency)
            text.print_lines(console, ["", *shown])

    def _draw(self, name: str) -> Figure:
        question = self._simulation.question
        return files.drawn_run(name, question, self._summary, self._tables())


@checked
def run(
    scenario: Asked,
    *,
    patients: Patients = None,
    seed: Seed = None,
    engine: Engine = "core",
    trace: Annotated[int, Option("K", Whole(0))] = 0,
    patients_out: str | Path | None = None,
    out: Out = None,
    threads: Threads = None,
    cluster: Cluster = None,
) -> RunResult:
    """Simulate every strategy of a scenario in the same patients.

    Each patient is simulated under every strategy with common random numbers, and each result has
    its Monte Carlo standard error. The same scenario, seed and version give the same files, byte
    for byte.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    patients
        Patients under each strategy, instead of the scenario's number.
    seed
        Seed of the random numbers, instead of the scenario's.
    engine
        The compiled engine, ``core``, or the specification that it agrees with, ``reference``.
    trace
        Number of patients, from the first, whose log and ledger are shown under each strategy.
    patients_out
        Write every patient's characteristics, outcome and amounts into this Parquet file, and the
        meaning of its columns beside it.
    out
        Write tables, summary, provenance and citations into this folder.
    threads
        Threads of the core engine, by default one for each processor; results do not depend on it.
    cluster
        Address of a Dask scheduler, whose workers do the work; results do not depend on it.

    Raises
    ------
    UserError
        When an argument is not allowed, the patients do not fit into memory, or the file cannot
        be written.

    Examples
    --------
    >>> from sim import Scenario, run
    >>> found = run(Scenario.load("scenarios/first_salvage.yaml").with_(patients=200))
    >>> list(found.strategies.columns)
    ['strategy', 'outcome', 'mean', 'se', 'unit']
    >>> found.increments.query("outcome == 'qalys'")["comparator"].item()
    'salvage_chemotherapy'
    """
    question = asked(scenario, patients=patients, seed=seed)
    folder = folder_of(RunResult, out)
    with spread(cluster):
        found = simulated(question, engine, trace, patients_out, threads)
    return written(found, folder)


def simulated(
    scenario: Scenario,
    engine: Engine = "core",
    trace: int = 0,
    patients_out: str | Path | None = None,
    threads: int | None = None,
    *,
    progress: Progress | None = None,
) -> RunResult:
    """Simulate as `run` does; `progress` is called with each number of patients that is finished.

    What it raises ends the simulation.
    """
    question = scenario.question
    keeps = question.patients <= KEPT_AT_MOST
    flow = None if keeps else Flow(question)
    divided = question.scenario.subgroups and not keeps
    subgroups = Subgroups(question, engine) if divided else None
    with (
        enough_memory(question),
        _bar(question, progress) as advance,
        _patients_file(patients_out, scenario, engine) as file,
    ):
        sinks = [sink for sink in (file, flow, subgroups) if sink is not None]
        simulation = study.run(
            question,
            engine=engine,
            trace=trace,
            keep_patients=keeps,
            threads=threads,
            progress=advance,
            sink=_each(sinks) if sinks else None,
        )
        summary = summarise(simulation)
    tables = partial(_tables, simulation, summary, flow, subgroups)
    return RunResult(scenario, simulation, summary, tables)


def _bar(question: Question, progress: Progress | None) -> AbstractContextManager[Progress]:
    from sim.layout.progress import patients_progress

    if progress is not None:
        return nullcontext(progress)
    return patients_progress(question.patients * len(question.model.strategies))


def _tables(
    simulation: Simulation, summary: Summary, flow: Flow | None, subgroups: Subgroups | None
) -> Mapping[str, pd.DataFrame]:
    from sim.layout.run_tables import run_tables

    return run_tables(simulation, summary, flow, subgroups)


def _copied(tables: Mapping[str, pd.DataFrame], name: str) -> pd.DataFrame:
    """Return a table that a user may change."""
    return tables[name].copy()


def _each(sinks: Sequence[Sink]) -> Sink:
    """Return a sink that gives each of the sinks every unit."""

    def take(*unit: Any) -> None:  # noqa: ANN401
        for sink in sinks:
            sink(*unit)

    return take


def _patients_file(
    path: str | Path | None, scenario: Scenario, engine: Engine
) -> AbstractContextManager[Sink | None]:
    """Open the file of the single patients; None without a path."""
    if path is None:
        return nullcontext()
    from sim.analyses.run.patients import patients_file

    return patients_file(Path(path), scenario.question, engine)
