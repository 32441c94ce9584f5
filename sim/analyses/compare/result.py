"""``compare``: scenarios side by side in the same patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.analyses.compare import figures
from sim.analyses.compare import tables as comparison_files
from sim.analyses.compare import text as comparison_table
from sim.analyses.shared.arguments import Out, Patients, Seed, Threads, checked
from sim.analyses.shared.result import ScenarioResult, folder_of, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.work import enough_memory
from sim.errors import UserError
from sim.layout.progress import patients_progress
from sim.simulation.comparison import Comparison, aligned
from sim.simulation.comparison import compare as compared

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

FEWEST_SCENARIOS = 2


class CompareResult(ScenarioResult):
    """The differences between scenarios, and their effects in the same patients.

    The columns are those of `sim.analyses.compare.tables.COLUMNS`.
    """

    COMMAND = "compare"
    FILES = comparison_files.NAMES
    FIGURES = figures.NAMES

    def __init__(self, scenario: Scenario, found: Comparison) -> None:
        super().__init__(scenario)
        self._found = found

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        found = comparison_files.comparison_tables(self._found)
        return {name.removesuffix(".csv"): table for name, table in found.items()}

    @property
    def comparison(self) -> pd.DataFrame:
        """Outcomes in each scenario.

        Columns ``scenario``, ``strategy``, ``comparator``, ``outcome``, ``mean``, ``se``, ``unit``.
        Where `comparator` is empty an outcome is the strategy's own, else its difference from the
        comparator's.
        """
        return self.tables["comparison"]

    @property
    def differences(self) -> pd.DataFrame:
        """Outcomes minus those of the first scenario, patient by patient.

        Columns ``scenario``, ``from_scenario``, ``strategy``, ``comparator``, ``outcome``, ``mean``,
        ``se``, ``unit``.
        """
        return self.tables["differences"]

    @property
    def frontier(self) -> pd.DataFrame:
        """The full incremental analysis of all strategies, as in frontier.csv.

        Columns ``analysis``, ``strategy``, ``label``, ``cost``, ``qalys``, ``status``, ``against``,
        ``icer`` and their errors and limits, ``currency``. Where the scenarios do not fit into one
        analysis,
        ``analysis`` is not ``all`` but the scenario, and each has its own.
        """
        return self.tables["frontier"]

    @property
    def net_benefit(self) -> pd.DataFrame:
        """Net benefits of those strategies at each threshold, as in net_benefit.csv.

        Columns ``analysis``, ``strategy``, ``reference``, ``threshold``, ``nmb`` (currency) and
        ``nhb`` (QALYs) with their errors, ``currency``.
        """
        return self.tables["net_benefit"]

    @property
    def changes(self) -> pd.DataFrame:
        """The inputs that differ: ``kind``, ``name``, ``unit``, ``scenario``, ``value``."""
        return self.tables["changes"]

    def files(self) -> Mapping[str, str | bytes]:
        """Return the contents of the files by name."""
        return comparison_files.comparison_files(self._found)

    def json(self) -> str:
        """Return the summary as JSON text."""
        return comparison_files.comparison_json(self._found)

    def _print(self, console: Console) -> None:
        """Print the scenarios side by side."""
        comparison_table.print_comparison(console, self._found)

    def _draw(self, name: str) -> Figure:
        return figures.drawn_comparison(name, self._found)


@checked
def compare(
    *scenarios: Asked,
    names: Sequence[str] | None = None,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    threads: Threads = None,
) -> CompareResult:
    """Compare scenarios in the same patients: their differences, and the effects of these.

    Number and seed of the patients are those of the first scenario unless they are given.
    Differences from the first are paired by patient. Where the scenarios differ in nothing but
    strategies and prices (parameters cost.*), all strategies of all scenarios are in one full
    incremental analysis.

    Parameters
    ----------
    *scenarios
        Two or more, or the paths of their files.
    names
        A name for each scenario, all different; by default those of their files.
    patients, seed, out, threads
        As for `run`.

    Raises
    ------
    UserError
        When there are fewer than two, the names do not fit, or the patients do not fit into memory.

    Examples
    --------
    >>> from sim import Scenario, compare
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=100)
    >>> half = scenario.with_(parameters={"cost.blinatumomab.vial": 2584.5})
    >>> found = compare(scenario, half, names=["list price", "half price"])
    >>> found.changes.query("scenario == 'half price'")["value"].item()
    2584.5
    """
    chosen = [_asked(each, patients, seed) for each in scenarios]
    if len(scenarios) < FEWEST_SCENARIOS:
        raise UserError(
            "needs two scenarios or more to compare",
            key="scenarios",
            value=chosen[0].file if chosen else None,
        )
    if names is not None and (len(names) != len(scenarios) or len(set(names)) != len(names)):
        raise UserError("must be as many as the scenarios, all different", key="names", value=names)
    folder = folder_of(CompareResult, out)
    questions = aligned([scenario.question for scenario in chosen])
    size = sum(questions[0].patients * len(each.model.strategies) for each in questions)
    with enough_memory(questions[0]), patients_progress(size) as advance:
        found = compared(questions, names=names, threads=threads, progress=advance)
    return written(CompareResult(chosen[0], found), folder)


def _asked(scenario: Asked, patients: int | None, seed: int | None) -> Scenario:
    if not isinstance(scenario, Scenario | str | Path):
        raise UserError(
            "must be scenarios, one after the other", key="scenarios", value=type(scenario).__name__
        )
    return asked(scenario, patients=patients, seed=seed)
