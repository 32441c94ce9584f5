"""``compare``: scenarios side by side in the same patients, with their files and figures.

The names and columns of the files are part of the interface; see `COLUMNS`. A figure is drawn when
it is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from sim.analyses.compare.text import print_comparison
from sim.analyses.run.tables import arms_json
from sim.analyses.shared.arguments import (
    Cluster,
    Out,
    Patients,
    Seed,
    Threads,
    checked,
)
from sim.analyses.shared.result import ScenarioResult, folder_of, written
from sim.analyses.shared.scenario import Asked, Scenario, asked
from sim.analyses.shared.stored import INDENT
from sim.analyses.shared.work import enough_memory, spread
from sim.economics.estimates import Estimate
from sim.economics.incremental import AnalysedStrategy
from sim.errors import UserError
from sim.layout.cells import estimate_json, estimate_row, finite
from sim.layout.citations import citations
from sim.layout.figure_file import figure_files, figure_names
from sim.layout.progress import patients_progress
from sim.layout.run_tables import survival_table
from sim.layout.schema import in_csv
from sim.simulation.comparison import (
    ALL,
    SCENARIO_SEPARATOR,
    Analysis,
    Comparison,
    Side,
    aligned,
    input_unit,
    outcome_unit,
)
from sim.simulation.comparison import compare as compared
from sim.simulation.provenance import provenance
from sim.simulation.summary import Comparison as Increments

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from rich.console import Console

    from sim.analyses.shared.figure import Plane

FRONTIER: Final = "frontier"
SURVIVAL: Final = {"survival_os": "os", "survival_rfs": "rfs"}
FIGURE_NAMES: Final = (FRONTIER, *SURVIVAL)


def _plane(analysis: Analysis) -> Plane:
    from sim.analyses.shared.figure import Place, Plane

    places = [
        Place(
            analysis.labels[each.name],
            each.qalys.mean,
            each.cost.mean,
            each.status,
            None if each.step is None else each.step.icer,
        )
        for each in analysis.strategies
    ]
    of = "" if analysis.scenario == ALL else f", {analysis.scenario.replace('_', ' ')}"
    return Plane(f"Expected cost and QALYs{of}", places, analysis.side.question)


def _survival(comparison: Comparison, endpoint: str) -> tuple[pd.DataFrame, dict[str, str]]:
    """Return the curves and their labels; of curves that are the same, the first alone."""
    labels: dict[str, str] = {}
    kept: dict[bytes, pd.DataFrame] = {}
    for side in comparison.sides:
        for curve in side.curves:
            if curve.endpoint != endpoint or curve.at_risk.tobytes() in kept:
                continue
            name = f"{side.name}{SCENARIO_SEPARATOR}{curve.strategy}"
            labels[name] = f"{side.label(curve.strategy)} ({side.name})"
            kept[curve.at_risk.tobytes()] = survival_table([curve]).assign(strategy=name)
    return pd.concat(kept.values()).dropna(subset="survival_percent"), labels


COLUMNS: Final = {
    "comparison.csv": ("scenario", "strategy", "comparator", "outcome", "mean", "se", "unit"),
    "differences.csv": (
        *("scenario", "from_scenario", "strategy", "comparator", "outcome", "mean", "se", "unit"),
    ),
    "frontier.csv": (
        *("analysis", "strategy", "label", "cost", "cost_se", "qalys", "qalys_se", "status"),
        *("against", "icer", "icer_se", "icer_low", "icer_high", "currency"),
    ),
    "net_benefit.csv": (
        *("analysis", "strategy", "reference", "threshold"),
        *("nmb", "nmb_se", "nhb", "nhb_se", "currency"),
    ),
    "changes.csv": ("kind", "name", "unit", "scenario", "value"),
}
"""Columns of each table.

- Where `comparator` is empty an outcome is the strategy's own, else its difference from the
  comparator's. Outcomes are those of strategies.csv and increments.csv of a run; `unit` is that of
  the row, in which money is in the currency of its scenario.
- In differences.csv `mean` is the outcome in `scenario` minus that in `from_scenario`, with the
  error of the differences within patients.
- frontier.csv and net_benefit.csv hold the strategies as ``scenario: strategy``. `analysis` is
  ``all`` where those of all scenarios are in one full incremental analysis and, where the scenarios
  cannot be pooled, the scenario of the analysis. `icer_low` and `icer_high` are 95 % limits by
  Fieller's theorem, empty where they do not exist; `reference` is the strategy from which net
  benefits are counted. `currency` is that of all money of the row: costs, ICERs, thresholds (per
  QALY) and net monetary benefits; QALYs and net health benefits are in QALYs.
- changes.csv holds the inputs that differ; `unit` is that of `value` in its scenario, and `value`
  is empty where a scenario lacks it.
"""
TEXTS: Final = ("comparison.json", "provenance.json", "citations.txt")
NAMES: Final = (*TEXTS, *COLUMNS, *figure_names(FIGURE_NAMES))


def comparison_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """Return the tables of the comparison by file name, in the columns `COLUMNS`."""
    tables = {
        "comparison.csv": _outcomes(comparison),
        "differences.csv": _differences(comparison),
        "frontier.csv": _frontier(comparison),
        "net_benefit.csv": _net_benefit(comparison),
        "changes.csv": _changes(comparison),
    }
    return {name: pd.DataFrame(rows, columns=list(COLUMNS[name])) for name, rows in tables.items()}


def _outcomes(comparison: Comparison) -> Iterator[tuple[object, ...]]:
    for side in comparison.sides:
        own = [(arm.name, None, arm.outcomes) for arm in side.summary.arms]
        gains = [
            (each.increment.strategy, each.increment.comparator, _gain(each))
            for each in side.summary.comparisons
        ]
        for strategy, comparator, outcomes in (*own, *gains):
            for name, value in outcomes.items():
                unit = outcome_unit(name, side.question.perspective.currency)
                yield side.name, strategy, comparator, name, *estimate_row(value), unit


def _gain(comparison: Increments) -> dict[str, Estimate]:
    """Return the differences but those of single costs."""
    found = comparison.estimates
    benefits = [name for name in found if name.startswith("nmb_at_")]
    return {name: found[name] for name in ("life_years", "qalys", "cost", "icer", *benefits)}


def _differences(comparison: Comparison) -> list[tuple[object, ...]]:
    first = comparison.sides[0]
    # Money is subtracted only where it is the same.
    currency = first.question.perspective.currency
    return [
        (
            each.scenario,
            first.name,
            each.strategy,
            each.comparator,
            each.outcome,
            *estimate_row(each.estimate),
            outcome_unit(each.outcome, currency, is_difference=True),
        )
        for each in comparison.differences
    ]


def _frontier(comparison: Comparison) -> Iterator[tuple[object, ...]]:
    for analysis in comparison.analyses:
        for each in analysis.strategies:
            step: tuple[object, ...] = (None,) * 5
            if each.step is not None:
                limits = each.step.icer_interval or (None, None)
                step = (each.step.comparator, each.step.icer, each.step.icer_se, *limits)
            yield (
                *(analysis.scenario, each.name, analysis.labels[each.name]),
                *estimate_row(each.cost),
                *estimate_row(each.qalys),
                each.status,
                *step,
                analysis.side.question.perspective.currency,
            )


def _net_benefit(comparison: Comparison) -> list[tuple[object, ...]]:
    return [
        (
            analysis.scenario,
            each.name,
            each.gain.comparator,
            threshold,
            *estimate_row(each.gain.nmb(threshold)),
            *estimate_row(each.gain.nhb(threshold)),
            analysis.side.question.perspective.currency,
        )
        for analysis in comparison.analyses
        for each in analysis.strategies
        for threshold in analysis.side.question.thresholds
    ]


def _changes(comparison: Comparison) -> list[tuple[object, ...]]:
    return [
        (each.kind, each.name, input_unit(side.question, each.name), side.name, value)
        for each in comparison.inputs
        for side, value in zip(comparison.sides, each.values, strict=True)
    ]


def _scenario(side: Side) -> dict[str, Any]:
    question = side.question
    return {
        "name": side.name,
        "title": question.scenario.title,
        "perspective": question.scenario.perspective,
        "currency": question.perspective.currency,
        "price_year": question.perspective.price_year,
        "thresholds": list(question.thresholds),
        "strategies": arms_json(side.summary),
        "increments": [
            {
                "strategy": each.increment.strategy,
                "comparator": each.increment.comparator,
                **{name: estimate_json(value) for name, value in _gain(each).items()},
                "quadrant": each.increment.quadrant,
            }
            for each in side.summary.comparisons
        ],
    }


def _analysed(analysis: Analysis, each: AnalysedStrategy) -> dict[str, Any]:
    step, thresholds = each.step, analysis.side.question.thresholds
    return {
        "analysis": analysis.scenario,
        "strategy": each.name,
        "label": analysis.labels[each.name],
        "cost": estimate_json(each.cost),
        "qalys": estimate_json(each.qalys),
        "status": each.status,
        "against": None if step is None else step.comparator,
        "icer": None if step is None else step.icer,
        "icer_se": None if step is None else finite(step.icer_se),
        "icer_interval": None if step is None else step.icer_interval,
        "nmb": {f"{t:g}": estimate_json(each.gain.nmb(t)) for t in thresholds},
        "nhb": {f"{t:g}": estimate_json(each.gain.nhb(t)) for t in thresholds},
    }


FEWEST_SCENARIOS = 2


class CompareResult(ScenarioResult):
    """The differences between scenarios, and their effects in the same patients.

    The columns are those of `sim.analyses.compare.result.COLUMNS`.
    """

    COMMAND = "compare"
    FILES = NAMES
    FIGURES = FIGURE_NAMES

    def __init__(self, scenario: Scenario, found: Comparison) -> None:
        super().__init__(scenario)
        self._found = found

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        found = comparison_tables(self._found)
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
        sides = self._found.sides
        origins = [{"name": side.name, **provenance(side.question)} for side in sides]
        drawn = {name: self._draw(name) for name in FIGURE_NAMES}
        return {
            **{name: in_csv(table) for name, table in comparison_tables(self._found).items()},
            "comparison.json": self.json(),
            "provenance.json": json.dumps({"scenarios": origins}, indent=INDENT) + "\n",
            "citations.txt": citations(*(side.question for side in sides)),
            **figure_files(drawn),
        }

    def json(self) -> str:
        """Return the comparison as JSON text; values that cannot be estimated are null."""
        found, names = self._found, [side.name for side in self._found.sides]
        content = {
            "patients": self.scenario.patients,
            "seed": self.scenario.seed,
            "engine": "core",
            "scenarios": [_scenario(side) for side in found.sides],
            "changes": [
                {
                    "kind": each.kind,
                    "name": each.name,
                    "unit": each.unit,
                    "values": dict(zip(names, each.values, strict=True)),
                }
                for each in found.inputs
            ],
            "differences": [
                {
                    "scenario": each.scenario,
                    "strategy": each.strategy,
                    "comparator": each.comparator,
                    "outcome": each.outcome,
                    **estimate_json(each.estimate),
                }
                for each in found.differences
            ],
            "frontier": [
                _analysed(analysis, each)
                for analysis in found.analyses
                for each in analysis.strategies
            ],
            "no_frontier_because": list(found.separate_because),
        }
        return json.dumps(content, indent=INDENT, allow_nan=False) + "\n"

    def _print(self, console: Console) -> None:
        """Print the scenarios side by side."""
        print_comparison(console, self._found)

    def _draw(self, name: str) -> Figure:
        # The plotting library is slow to load and not needed to print.
        from sim.analyses.run.figure import survival_figure
        from sim.analyses.shared.figure import frontier_figure
        from sim.layout.style import styled

        with styled():
            if name == FRONTIER:
                return frontier_figure([_plane(each) for each in self._found.analyses])
            endpoint = SURVIVAL[name]
            curves, labels = _survival(self._found, endpoint)
            return survival_figure(curves, (), labels, endpoint=endpoint)


@checked
def compare(
    *scenarios: Asked,
    names: Sequence[str] | None = None,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    threads: Threads = None,
    cluster: Cluster = None,
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
    patients, seed, out, threads, cluster
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
        raise UserError(
            "must be as many as the scenarios, all different", key="names", value=", ".join(names)
        )
    folder = folder_of(CompareResult, out)
    questions = aligned([scenario.question for scenario in chosen])
    size = sum(questions[0].patients * len(each.model.strategies) for each in questions)
    with spread(cluster), enough_memory(questions[0]), patients_progress(size) as advance:
        found = compared(questions, names=names, threads=threads, progress=advance)
    return written(CompareResult(chosen[0], found), folder)


def _asked(scenario: Asked, patients: int | None, seed: int | None) -> Scenario:
    if not isinstance(scenario, Scenario | str | Path):
        raise UserError(
            "must be scenarios, one after the other", key="scenarios", value=type(scenario).__name__
        )
    return asked(scenario, patients=patients, seed=seed)
