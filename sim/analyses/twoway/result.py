"""``twoway``: vary two parameters over a grid.

The analysis as files and as it is printed, and the function that answers with it.
"""

from __future__ import annotations

import math
from functools import partial
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
from sim.analyses.shared.contents import strategies_of
from sim.analyses.shared.outcomes import DOES_NOT_VARY, outcome_named
from sim.analyses.shared.paired_runs import CHUNK_SETS, chunks_of, sets_to_simulate
from sim.analyses.shared.ranges import Range, asked_range
from sim.analyses.shared.result import Layout
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.store import MANIFEST, analysis_manifest
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    against,
    amount,
    money,
    print_heading,
    print_notes,
    strategy_label,
)
from sim.analyses.shared.work import Resumable, ResumableResult, place_of_work
from sim.analyses.twoway import analysis
from sim.analyses.twoway.analysis import Point, TwoWay
from sim.economics.estimates import Estimate
from sim.errors import UserError
from sim.layout.cells import number_text
from sim.layout.schema import Schema, flag, number, records, strategy_name, text
from sim.layout.table import Cell, Row, Table, print_table
from sim.limits import FEWEST_STEPS, MOST_STEPS
from sim.simulation.parameter_draws import fitted_draws

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.simulation.question import Question

ANALYSIS: Final = "twoway"
NAMES: Final = names_of(ANALYSIS)
TABLE: Final = Schema(
    f"{ANALYSIS}.csv",
    (
        number("x", "value of the first parameter, in `x_unit`; its name is in twoway.json"),
        number("y", "value of the second, in `y_unit`"),
        strategy_name(),
        number("nmb", "mean net monetary benefit", is_given=True),
        number("inmb", "that minus the comparator's"),
        number("inmb_se", "its Monte Carlo error, of the compared strategy"),
        flag("optimal", "whether the strategy has the most net benefit there"),
        text("x_unit"),
        text("y_unit"),
        text("currency", "of net benefits"),
    ),
    ("y", "x", "strategy"),
)
"""One row per point of the grid and strategy."""


def two_way_table(result: TwoWay) -> pd.DataFrame:
    """Return the grid as `TABLE`."""
    names = result.strategies
    comparator = names.index(result.question.scenario.comparator_name)
    return TABLE.table(
        (
            point.x,
            point.y,
            name,
            benefit,
            *(point.gain if is_compared else (benefit - point.net_benefits[comparator], None)),
            name == point.optimal,
            result.x.unit,
            result.y.unit,
            result.question.perspective.currency,
        )
        for point in result.points
        for name, benefit in zip(names, point.net_benefits.tolist(), strict=True)
        for is_compared in (name == result.strategy,)
    )


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
        "grid": records(two_way_table(result)),
    }


def read_two_way(stored: Stored) -> TwoWay:
    """Return the analysis that is stored in a folder.

    Raises
    ------
    UserError
        When a file is missing or broken.
    """
    told, question = stored.summary, stored.question
    table, names = stored.table(TABLE), strategies_of(question)
    if tuple(table["strategy"].unique()) != names:
        problem = f"must be {', '.join(names)}, in this order"
        raise UserError(problem, file=stored.folder / TABLE.file, key="strategy")
    count = len(names)
    points = []
    for start in range(0, len(table), count):
        rows = table.iloc[start : start + count].set_index("strategy")
        compared = rows.loc[told["strategy"]]
        points.append(
            Point(
                compared["x"],
                compared["y"],
                rows["nmb"].to_numpy(),
                Estimate(compared["inmb"], compared["inmb_se"]),
                str(rows["optimal"].idxmax()),
            )
        )
    currency = question.perspective.currency
    return TwoWay(
        question=question,
        outcome=outcome_named(told["outcome"], threshold=told["threshold"], currency=currency),
        strategy=told["strategy"],
        threshold=told["threshold"],
        x=Range(**told["x"]),
        y=Range(**told["y"]),
        points=tuple(points),
    )


def drawn_two_way(result: TwoWay) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.twoway.figure import two_way_figure
    from sim.layout.style import styled

    with styled():
        return two_way_figure(result)


def print_two_way(console: Console, result: TwoWay) -> None:
    """Print the gain over the grid, the largest y first."""
    question = result.question
    print_heading(
        console,
        question,
        f"{result.outcome.label}: {against(question, result.strategy)}",
    )
    ys = result.ys[::-1].tolist()
    rows = [
        Row(number_text(y), [_cell(result, point) for point in result.points if point.y == y])
        for y in ys
    ]
    headings = [number_text(x) for x in result.xs.tolist()]
    print_table(console, Table("", headings, [rows]))
    print_notes(
        console,
        f"Down: {_named(result.y)}. Across: {_named(result.x)}. {_areas(result)}",
        *([f"{DOES_NOT_VARY.capitalize()} over this grid."] if result.is_constant else []),
        f"{SAME_PATIENTS}{_largest_error(result)}",
    )


def _largest_error(result: TwoWay) -> str:
    largest = max(point.gain.se for point in result.points)
    if not math.isfinite(largest):
        return ""
    return f" None of the gains shown has an error above {money(result.question, largest)}."


def _cell(result: TwoWay, point: Point) -> Cell:
    return amount(result.outcome, point.gain.mean)


def _named(varied: Range) -> str:
    return varied.label if varied.unit in varied.label else f"{varied.label}, {varied.unit}"


def _areas(result: TwoWay) -> str:
    counts = {name: 0 for name in result.strategies}
    for point in result.points:
        counts[point.optimal] += 1
    total = len(result.points)
    shares = [
        f"{strategy_label(result.question, name)} at {count} of {total} points"
        for name, count in counts.items()
        if count
    ]
    worth = money(result.question, result.threshold)
    return f"Optimal at {worth} per QALY: {', '.join(shares)}."


FILE_LAYOUT: Final = Layout(
    ANALYSIS, two_way_table, two_way_summary, drawn_two_way, print_two_way, read_two_way
)


class TwowayResult(ResumableResult[TwoWay]):
    """Net benefits of every strategy over a grid of values of two parameters."""

    COMMAND = "twoway"
    FILES = (*NAMES, MANIFEST)
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def grid(self) -> pd.DataFrame:
        """A row per point and strategy, as in twoway.csv: `sim.analyses.twoway.result.TABLE`."""
        return two_way_table(self._found)


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
    settings = {
        "x": asked_range(question, x, x_range, posterior, "--x"),
        "y": asked_range(question, y, y_range, posterior, "--y"),
        "steps": steps,
        "threshold": threshold,
        "strategy": strategy,
    }
    varied = _planned(question, settings, threads)
    return TwowayResult(chosen, varied, varied.run(place))


def _planned(
    question: Question, settings: dict[str, Any], threads: int | None
) -> Resumable[TwoWay]:
    """Return the analysis with these settings, ready to run."""
    points = analysis.grid_points(settings["x"], settings["y"], settings["steps"])
    return Resumable(
        question,
        FILE_LAYOUT,
        manifest=partial(
            analysis_manifest,
            *(question, ANALYSIS, settings),
            chunks=chunks_of(points),
            chunk=CHUNK_SETS,
        ),
        left=partial(sets_to_simulate, points),
        simulate=partial(analysis.two_way, question, **settings, threads=threads),
    )
