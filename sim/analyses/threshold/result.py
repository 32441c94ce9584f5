"""``threshold``: find the value of a parameter at which the decision flips.

The analysis as files and as it is printed, and the function that answers with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from rich.console import Console

from sim.analyses.shared.arguments import (
    Cluster,
    Out,
    Part,
    Patients,
    Seed,
    Threads,
    checked,
)
from sim.analyses.shared.outcomes import DOES_NOT_VARY
from sim.analyses.shared.ranges import Range, asked_range
from sim.analyses.shared.result import Layout, ResumableResult
from sim.analyses.shared.scenario import MANY_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.store import MANIFEST
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import (
    SAME_PATIENTS,
    money,
    print_heading,
    print_notes,
    strategy_label,
    with_unit,
)
from sim.analyses.shared.work import place_of_work
from sim.analyses.threshold.analysis import Decision, Flip, Means, Search, ThresholdAnalysis
from sim.layout.cells import finite, number_text
from sim.layout.schema import Schema, number, records, strategy_name, text
from sim.layout.table import Cell, Row, Table, print_table
from sim.simulation.parameter_draws import fitted_draws

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


ANALYSIS: Final = "threshold"
NAMES: Final = names_of(ANALYSIS)
TABLE: Final = Schema(
    f"{ANALYSIS}.csv",
    (
        text("parameter"),
        number("threshold", "in `currency` per QALY"),
        number("value", "where another is optimal; of a count the first whole number there"),
        number("se", "its Monte Carlo error; a count has none"),
        strategy_name("optimal_below", "the strategies on the two sides", is_given=False),
        strategy_name("optimal_above", is_given=False),
        number("low", "ends of the interval"),
        number("high"),
        number("base", "the parameter's own value"),
        number("last_below", "of a count, the whole number before `value`"),
        text("unit", "of all numbers but `threshold`"),
        text("currency"),
    ),
)
"""One row per flip; a threshold without one has a row without a value."""


def threshold_table(result: ThresholdAnalysis) -> pd.DataFrame:
    """Return the flips as `TABLE`."""
    base = result.question.numbers[result.varied.name]
    units = (result.varied.unit, result.question.perspective.currency)
    ends = (result.varied.low, result.varied.high, base)
    rows: list[tuple[Any, ...]] = []
    for threshold, decision in result.decisions.items():
        flips = result.flips_at(threshold)
        place = (result.varied.name, threshold)
        rows += [
            (*place, f.value, finite(f.se), f.below, f.above, *ends, finite(f.last_below), *units)
            for f in flips
        ]
        if not flips:
            rows.append((*place, None, None, decision.low, decision.high, *ends, None, *units))
    return TABLE.table(rows)


def threshold_summary(result: ThresholdAnalysis) -> dict[str, Any]:
    """Return the content of threshold.json after its heading."""
    return {
        "parameter": result.varied.name,
        "label": result.varied.label,
        "unit": result.varied.unit,
        "low": result.varied.low,
        "high": result.varied.high,
        "base": result.question.numbers[result.varied.name],
        "linear": result.linear,
        "varies": not result.is_constant,
        "decisions": [
            {"threshold": threshold, **decision._asdict()}
            for threshold, decision in result.decisions.items()
        ],
        "flips": records(threshold_table(result)),
        "grid": [
            {"value": value, "cost": cost.tolist(), "qalys": qalys.tolist()}
            for value, cost, qalys in result.grid
        ],
    }


def read_threshold(stored: Stored) -> ThresholdAnalysis:
    """Return the analysis that is stored in a folder; raise `UserError` where a file is broken."""
    told = stored.summary
    flips = stored.table(TABLE).dropna(subset="value")
    ends = ["threshold", "value", "se", "optimal_below", "optimal_above", "last_below"]
    return ThresholdAnalysis(
        question=stored.question,
        varied=Range(*(told[key] for key in ("parameter", "label", "unit", "low", "high"))),
        linear=told["linear"],
        decisions={
            each["threshold"]: Decision(*(each[key] for key in Decision._fields))
            for each in told["decisions"]
        },
        grid=tuple(
            Means(each["value"], np.array(each["cost"]), np.array(each["qalys"]))
            for each in told["grid"]
        ),
        flips=tuple(Flip(*row) for row in flips[ends].itertuples(index=False)),
    )


def _figure(result: ThresholdAnalysis) -> Figure:
    from sim.analyses.threshold.figure import threshold_figure

    return threshold_figure(result)


def print_threshold(console: Console, result: ThresholdAnalysis) -> None:
    """Print where the decision flips at each threshold."""
    question, varied = result.question, result.varied
    base = number_text(question.numbers[varied.name])
    interval = f"{number_text(varied.low)} to {number_text(varied.high)}"
    print_heading(
        console, question, f"{with_unit(varied.label, varied.unit)}: {base}, varied from {interval}"
    )
    rows = [row for threshold in result.decisions for row in _rows(result, threshold)]
    headings = ["Flips at (error)", "Optimal below", "Optimal above"]
    print_table(console, Table("Threshold per QALY", headings, [rows]))
    how = _how(result)
    notes = [f"{SAME_PATIENTS} {how}"]
    still = [threshold for threshold in result.decisions if not result.flips_at(threshold)]
    if still:
        notes.append(
            f"Nothing flips from {interval} at {', '.join(money(question, each) for each in still)} "
            "per QALY; --range LO,HI looks elsewhere."
        )
    print_notes(console, *notes)


def _how(result: ThresholdAnalysis) -> str:
    """Say how the flips were found."""
    if result.is_constant:
        return f"{DOES_NOT_VARY.capitalize()}: this parameter changes no cost and no QALY here."
    if result.varied.is_whole:
        return "Only whole numbers were looked at: a flip is a jump from one to the next."
    return (
        "Costs and QALYs are straight lines of this parameter, so the values are exact for these "
        "patients."
        if result.linear
        else "The decision was looked up at 17 values; where it differs between neighbours, the "
        "flip was closed in on to a millionth of the interval."
    )


def _rows(result: ThresholdAnalysis, threshold: float) -> Iterator[Row]:
    question = result.question
    label = money(question, threshold)
    flips = result.flips_at(threshold)
    if not flips:
        optimal = strategy_label(question, result.decisions[threshold].base)
        yield Row(label, [Cell("no flip"), Cell(optimal), Cell(optimal)])
    for flip in flips:
        error = "" if finite(flip.se) is None else f" ({number_text(flip.se)})"
        sides = [Cell(strategy_label(question, name)) for name in (flip.below, flip.above)]
        yield Row(label, [Cell(_place(flip), error), *sides])


def _place(flip: Flip) -> str:
    """Say where a flip is: ``between 2 and 3`` of a count."""
    if flip.is_jump:
        return f"between {flip.last_below:,.0f} and {flip.value:,.0f}"
    return f"{flip.value:,.4g}"


FILE_LAYOUT: Final = Layout(
    ANALYSIS, threshold_table, threshold_summary, _figure, print_threshold, read_threshold
)


class ThresholdResult(ResumableResult[ThresholdAnalysis]):
    """The values of a parameter at which another strategy becomes optimal."""

    COMMAND = "threshold"
    FILES = (*NAMES, MANIFEST)
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def flips(self) -> pd.DataFrame:
        """A row per flip, as in threshold.csv: `sim.analyses.threshold.result.TABLE`."""
        return threshold_table(self._found)


@checked
def threshold(
    scenario: Asked,
    parameter: str,
    *,
    range: tuple[float, float] | None = None,
    patients: Patients = None,
    seed: Seed = None,
    out: Out = None,
    resume: bool = False,
    threads: Threads = None,
    cluster: Cluster = None,
    part: Part = None,
) -> ThresholdResult:
    """Run a threshold analysis: the values of a parameter at which another strategy is optimal.

    They are looked for at each threshold of the perspective. All values are simulated in the same
    patients with common random numbers.

    Parameters
    ----------
    scenario
        The question, or the path of its file.
    parameter
        The parameter that is varied.
    range
        Where to look; by default its interval, of a fixed parameter from 0 to twice its value.
    patients, seed, out, resume, threads, cluster, part
        As for `tornado`.

    Raises
    ------
    UserError
        When an argument is not allowed, the scenario uses no such parameter, or the folder cannot
        be used.

    Examples
    --------
    >>> from sim import Scenario, threshold
    >>> scenario = Scenario.load("scenarios/first_salvage.yaml").with_(patients=20)
    >>> found = threshold(scenario, "cost.blinatumomab.vial", range=(0.0, 20_000.0))
    >>> found.flips["parameter"].unique().tolist()
    ['cost.blinatumomab.vial']
    """
    chosen = asked(scenario, patients=patients, seed=seed, at_most=MANY_SETS_PATIENTS)
    place = place_of_work(NAMES, out, resume=resume, part=part, cluster=cluster)
    question = chosen.question
    varied = asked_range(question, parameter, range, fitted_draws(question), "--parameter")
    return ThresholdResult.of(chosen, Search(question, varied), {"varied": varied}, place, threads)
