"""``twoway``: the grid as files and as it is printed, and the function that answers with it."""

from __future__ import annotations

import math
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.shared.arguments import (
    Cluster,
    Option,
    Out,
    Part,
    Patients,
    Seed,
    Threads,
    Threshold,
    Whole,
    checked,
)
from sim.analyses.shared.outcomes import DOES_NOT_VARY, outcome_named
from sim.analyses.shared.ranges import Range, asked_range
from sim.analyses.shared.result import Layout, ResumableResult
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.store import MANIFEST
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    against,
    amount,
    money,
    print_heading,
    print_notes,
    strategy_label,
    with_unit,
)
from sim.analyses.shared.work import place_of_work
from sim.analyses.twoway.analysis import ANALYSIS, TABLE, TwoWay, two_way
from sim.errors import UserError
from sim.layout.cells import number_text
from sim.layout.schema import records
from sim.layout.table import Row, Table, print_table
from sim.limits import FEWEST_STEPS, MOST_STEPS
from sim.simulation.parameter_draws import fitted_draws

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAMES: Final = names_of(ANALYSIS)


def two_way_summary(result: TwoWay) -> dict[str, Any]:
    """Return the content of twoway.json after its heading."""
    return {
        "outcome": result.outcome.name,
        "strategy": result.strategy,
        "comparator": result.question.scenario.comparator_name,
        "threshold": result.threshold,
        "steps": max(len(result.xs), len(result.ys)),
        "x_values": result.xs.tolist(),
        "y_values": result.ys.tolist(),
        "x": result.x._asdict(),
        "y": result.y._asdict(),
        "grid": records(result.table),
    }


def read_two_way(stored: Stored) -> TwoWay:
    """Return the analysis that is stored in a folder; raise `UserError` where a file is broken."""
    told, question = stored.summary, stored.question
    table, names = stored.table(TABLE), question.strategy_names
    if table["strategy"].unique().tolist() != names:
        problem = f"must be {', '.join(names)}, in this order"
        raise UserError(problem, file=stored.folder / TABLE.file, key="strategy")
    currency = question.perspective.currency
    return TwoWay(
        question=question,
        outcome=outcome_named(told["outcome"], threshold=told["threshold"], currency=currency),
        strategy=told["strategy"],
        threshold=told["threshold"],
        x=Range(**told["x"]),
        y=Range(**told["y"]),
        table=table,
    )


def _figure(result: TwoWay) -> Figure:
    from sim.analyses.twoway.figure import two_way_figure

    return two_way_figure(result)


def print_two_way(console: Console, result: TwoWay) -> None:
    """Print the gain over the grid, the largest y first."""
    question = result.question
    print_heading(
        console, question, f"{result.outcome.label}: {against(question, result.strategy)}"
    )
    ys, compared = result.ys[::-1].tolist(), result.compared
    rows = [
        Row(
            number_text(y),
            [amount(result.outcome, gain) for gain in compared["inmb"][compared["y"] == y]],
        )
        for y in ys
    ]
    headings = [number_text(x) for x in result.xs.tolist()]
    print_table(console, Table("", headings, [rows]))
    print_notes(
        console,
        f"Down: {with_unit(result.y.label, result.y.unit)}. Across: {with_unit(result.x.label, result.x.unit)}. {_areas(result)}",
        *([f"{DOES_NOT_VARY.capitalize()} over this grid."] if result.is_constant else []),
        f"{SAME_PATIENTS}{_largest_error(result)}",
    )


def _largest_error(result: TwoWay) -> str:
    largest = float(result.compared["inmb_se"].max())
    if not math.isfinite(largest):
        return ""
    return f" None of the gains shown has an error above {money(result.question, largest)}."


def _areas(result: TwoWay) -> str:
    optimal = result.table["strategy"][result.table["optimal"]].to_list()
    shares = [
        f"{strategy_label(result.question, name)} at {optimal.count(name)} of {len(optimal)} points"
        for name in result.strategies
        if name in optimal
    ]
    worth = money(result.question, result.threshold)
    return f"Optimal at {worth} per QALY: {', '.join(shares)}."


FILE_LAYOUT: Final = Layout(
    ANALYSIS, attrgetter("table"), two_way_summary, _figure, print_two_way, read_two_way
)


class TwowayResult(ResumableResult[TwoWay]):
    """Net benefits of every strategy over a grid of values of two parameters."""

    COMMAND = ANALYSIS
    FILES = (*NAMES, MANIFEST)
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def grid(self) -> pd.DataFrame:
        """A row per point and strategy, as in twoway.csv: `sim.analyses.twoway.analysis.TABLE`."""
        return self._found.table.copy()


@checked
def twoway(
    scenario: Asked,
    x: str,
    y: str,
    *,
    steps: Annotated[int, Option("K", Whole(FEWEST_STEPS, MOST_STEPS))] = 11,
    x_range: tuple[float, float] | None = None,
    y_range: tuple[float, float] | None = None,
    threshold: Threshold = None,
    strategy: str | None = None,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
    cluster: Cluster = None,
    part: Part = None,
) -> TwowayResult:
    """Run a two-way sensitivity analysis: the optimal strategy over a grid of two parameters.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    x, y
        The parameters on the horizontal axis, ``x``, and on the vertical one, ``y``.
    steps
        Values of each parameter, the ends included; of a count whole numbers, at most so many.
    x_range, y_range
        Ends of the grid; by default those of the parameter's interval, of a fixed parameter 0 and
        twice its value.
    threshold, strategy, patients, seed, out, resume, threads, cluster, part
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed or the folder cannot be used.

    Examples
    --------
    >>> from sim import Scenario, twoway
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=20)
    >>> found = twoway(scenario, "cost.blinatumomab.vial", "cost.inpatient_day", steps=2)
    >>> found.grid.groupby(["x", "y"]).size().tolist()
    [2, 2, 2, 2]
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=MANY_SETS_PATIENTS)
    place = place_of_work(NAMES, out, resume=resume, part=part, cluster=cluster)
    question = chosen.question
    posterior = fitted_draws(question)
    settings: dict[str, Any] = {
        "x": asked_range(question, x, x_range, posterior, "--x"),
        "y": asked_range(question, y, y_range, posterior, "--y"),
        "steps": steps,
        "threshold": threshold,
        "strategy": strategy,
    }
    runs = two_way(question, **settings)
    return TwowayResult.of(chosen, runs, settings, place, threads)
