"""``severity``: the QALY shortfall, the weight of QALYs, and the results with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.psa.analysis import Work, results
from sim.analyses.psa.noise import FEWEST_DRAWS, INTERVAL
from sim.analyses.psa.result import chosen_size
from sim.analyses.severity.analysis import (
    DRAWS,
    RESULTS,
    SHORTFALLS,
    WEIGHTINGS,
    Severity,
    Share,
    groups_of,
    levels_for,
    severity_analysis,
)
from sim.analyses.shared.arguments import (
    Cached,
    Cluster,
    Draws,
    Out,
    PatientsPerDraw,
    Seed,
    Threads,
    checked,
)
from sim.analyses.shared.result import LaidOutResult, Layout, folder_of, stored_size, written
from sim.analyses.shared.scenario import Asked, asked
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import print_notes, strategy_label
from sim.analyses.shared.work import spread
from sim.clinic.units import PERCENT
from sim.economics.estimates import Estimate, mean
from sim.economics.incremental import quadrant
from sim.errors import UserError
from sim.layout.cells import NOTHING, SYMBOLS, amount, finite, icer, known, row_estimate
from sim.layout.cells import number as shown
from sim.layout.progress import patients_progress
from sim.layout.schema import records
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import print_question
from sim.scenario.schema import LIFETIME
from sim.scenario.severity import UNWEIGHTED, Level

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ANALYSIS: Final = "severity"
NAMES: Final = (*names_of(ANALYSIS), RESULTS.file, DRAWS.file)
PARTS: Final = ("population_qalys", "qalys", "absolute", "proportional")
METHOD: Final = (
    "Expected QALYs of the general population come from the life table and the utility norms of the "
    "perspective, for the age and sex of each simulated patient. Shortfalls are differences of means, "
    "discounted; a weight w divides the ICER by w."
)
QUIET: Final = (
    "Shares of draws and probabilities are without the Monte Carlo noise of each draw. The weight of "
    "each draw follows from its own shortfall."
)


def severity_summary(found: Severity) -> dict[str, Any]:
    """Return the content of severity.json after its heading."""
    return {
        "comparator": found.question.scenario.comparator_name,
        "weight": found.weight,
        **found.size,
        "levels": [level._asdict() for level in found.levels],
        "shortfalls": records(found.shortfalls),
        "weights": [
            {name: finite(value) for name, value in share._asdict().items()}
            for share in found.shares
        ],
        "results": records(found.results),
    }


def read_severity(stored: Stored) -> Severity:
    """Return the analysis in a folder; a file that is missing or broken is a `UserError`."""
    told, shortfalls, gains = stored.summary, stored.table(SHORTFALLS), stored.table(RESULTS)
    if not len(shortfalls) or shortfalls["characteristic"][0]:
        raise UserError("must begin with all patients", file=stored.folder / SHORTFALLS.file)
    compared = len(stored.question.scenario.strategies) - 1
    if len(gains) != compared * len(stored.question.thresholds) * len(WEIGHTINGS):
        problem = "must have one row for each strategy, threshold and weighting"
        raise UserError(problem, file=stored.folder / RESULTS.file)
    return Severity(
        **stored_size(stored),
        levels=tuple(Level(**{key: each[key] for key in Level._fields}) for each in told["levels"]),
        shares=tuple(
            Share(*(known(each[key]) for key in Share._fields)) for each in told["weights"]
        ),
        shortfalls=shortfalls,
        results=gains,
        drawn=stored.table(DRAWS),
    )


def drawn_severity(found: Severity) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.severity.figure import severity_figure

    return severity_figure(found)


def print_severity(console: Console, found: Severity) -> None:
    """Print the shortfall, the weight, and the results side by side."""
    question = found.question
    comparator = strategy_label(question, question.scenario.comparator_name)
    analysis = f"QALY shortfall under {comparator} against the general population"
    print_question(console, question, *found.simulated, ("Analysis", analysis))
    print_table(console, _shortfalls(found, comparator))
    print_table(console, _weights(found))
    for strategy in found.results["strategy"].unique():
        print_table(console, _compared(found, strategy, comparator))
    years = question.scenario.horizon_years
    short = (
        []
        if years == LIFETIME
        else [f"QALYs are those of {years:g} years; the rule speaks of the remaining lifetime."]
    )
    print_notes(console, METHOD, QUIET, *short)


def _shortfalls(found: Severity, comparator: str) -> Table:
    everyone, *subgroups = found.shortfalls.to_dict("records")
    weight = Cell(f"{found.drawn['weight'].mean():.2f}")
    ends = [found.drawn[name].quantile(INTERVAL).tolist() for name in PARTS[2:]]
    intervals = [
        Cell(f"{low:.2f} to {high:.2f}" if found.draws >= FEWEST_DRAWS else NOTHING)
        for low, high in (ends[0], [PERCENT * end for end in ends[1]])
    ]
    sections = [
        [
            _shortfall_row("Base case, all patients", everyone),
            Row("Mean over draws", [*_qalys(*(mean(found.drawn[n]) for n in PARTS)), weight]),
            Row("95 % of draws", [*[Cell("")] * 2, *intervals, Cell("")]),
        ]
    ]
    for name, rows in groupby(subgroups, key=itemgetter("characteristic")):
        parts = [_shortfall_row(f"  {row['subgroup']}", row) for row in rows]
        sections.append([Row(f"Base case by {name.replace('_', ' ')}"), *parts])
    headings = ["General population", comparator, "Absolute", "Proportional, %", "Weight"]
    return Table("QALYs and shortfall (standard error)", headings, sections)


def _shortfall_row(label: str, row: Mapping[Any, Any]) -> Row:
    estimates = [row_estimate(row, name) for name in PARTS]
    return Row(label, [*_qalys(*estimates), Cell(f"{row['weight']:g}")])


def _qalys(population: Estimate, care: Estimate, absolute: Estimate, share: Estimate) -> list[Cell]:
    return [*(shown(each, 2) for each in (population, care, absolute)), _percent(share)]


def _weights(found: Severity) -> Table:
    cut_offs = {level.weight: level for level in found.levels}
    rows = []
    for share in found.shares:
        level = cut_offs.get(share.weight)
        reached = (
            [Cell(NOTHING)] * 2
            if level is None
            else [Cell(f"{level.absolute_qalys:g}"), Cell(f"{PERCENT * level.proportional:g}")]
        )
        drawn = _percent(Estimate(share.without_noise, share.without_noise_se))
        rows.append(Row(f"Weight {share.weight:g}", [*reached, drawn]))
    headings = ["Absolute from", "or proportional from, %", "Share of draws, %"]
    return Table("Level of severity (standard error)", headings, [rows])


def _compared(found: Severity, strategy: str, comparator: str) -> Table:
    symbol = SYMBOLS[found.question.perspective.currency]
    rows = found.results[found.results["strategy"] == strategy].to_dict("records")
    at = {(row["threshold"], row["weighting"]): row for row in rows}
    thresholds = found.question.thresholds
    worth = {each: f"Net benefit at {symbol}{each:,.0f}" for each in thresholds}
    in_money, in_qalys = partial(amount, symbol=symbol), partial(shown, digits=3)

    def row(label: str, threshold: float, name: str, cell: Callable[[Estimate], Cell]) -> Row:
        weighted = [at[threshold, weighting] for weighting in WEIGHTINGS]
        return Row(f"  {label}", [cell(row_estimate(each, name)) for each in weighted])

    base = [
        Row("Base case"),
        row("QALYs gained", thresholds[0], "qalys", in_qalys),
        Row("  ICER", [_icer(at[thresholds[0], weighting], symbol) for weighting in WEIGHTINGS]),
        *(row(label, each, "nmb", in_money) for each, label in worth.items()),
    ]
    drawn = [row(label, each, "mean_nmb", in_money) for each, label in worth.items()]
    chances = [row(f"at {symbol}{each:,.0f}", each, "probability", _percent) for each in thresholds]
    sections = [
        base,
        [Row("Mean over draws"), *drawn],
        [Row("Probability most cost-effective, %"), *chances],
    ]
    headings = [f"Weight {UNWEIGHTED:g}", f"Weight {found.weight:g}", "Weight of each draw"]
    corner = f"{strategy_label(found.question, strategy)} against {comparator} (standard error)"
    return Table(corner, headings, sections)


def _icer(row: Mapping[Any, Any], symbol: str) -> Cell:
    if math.isnan(row["cost"]):
        return Cell(NOTHING)
    return icer(quadrant(row["cost"], row["qalys"]), row_estimate(row, "icer"), symbol)


def _percent(share: Estimate) -> Cell:
    return shown(Estimate(PERCENT * share.mean, PERCENT * share.se), 1)


FILE_LAYOUT: Final = Layout(
    ANALYSIS,
    lambda found: found.shortfalls,
    severity_summary,
    drawn_severity,
    print_severity,
    read_severity,
)


class SeverityResult(LaidOutResult[Severity]):
    """The QALY shortfall, the weight of QALYs by severity, and the results with and without it."""

    COMMAND = ANALYSIS
    FILES = NAMES
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        shown = {SHORTFALLS: self.shortfalls, RESULTS: self.results, DRAWS: self.draws}
        return {schema.stem: table for schema, table in shown.items()}

    @property
    def shortfalls(self) -> pd.DataFrame:
        """A row for all patients and for each subgroup: `sim.analyses.severity.analysis.SHORTFALLS`."""
        return self._found.shortfalls

    @property
    def results(self) -> pd.DataFrame:
        """A row per strategy, threshold and weighting: `sim.analyses.severity.analysis.RESULTS`."""
        return self._found.results

    @property
    def draws(self) -> pd.DataFrame:
        """The shortfall and the weight of each draw: `sim.analyses.severity.analysis.DRAWS`."""
        return self._found.drawn


@checked
def severity(
    scenario: Asked,
    *,
    draws: Draws = None,
    patients: PatientsPerDraw = None,
    seed: Seed = None,
    out: Out = None,
    cached: Cached = True,
    threads: Threads = None,
    cluster: Cluster = None,
) -> SeverityResult:
    """Find the QALY shortfall, the weight of QALYs by severity, and the results with and without it.

    The expected QALYs under the comparator, which is standard care, against those of the general
    population of the same ages and sexes, in the base case, by subgroup, and over draws of the
    uncertain parameters. Cut-offs and weights are those of the perspective.

    Parameters
    ----------
    scenario
        The question, or the path of its file; its own number of patients is that of the base case.
    draws, patients, seed, cached, threads, cluster
        As for `psa`.
    out
        As for `run`.

    Raises
    ------
    UserError
        When the perspective weights no QALYs by severity, or an argument is not allowed.

    Examples
    --------
    >>> from sim import Scenario, severity
    >>> scenario = Scenario.load("scenarios/nhs_first_salvage.yaml").with_(patients=1000)
    >>> found = severity(scenario, draws=4, patients=50, cached=False)
    >>> found.shortfalls["weight"].tolist()
    [1.2]
    """
    chosen = asked(scenario, seed=seed)
    question = chosen.question
    folder = folder_of(SeverityResult, out)
    levels = levels_for(question)
    work = Work(threads, cached=cached, bar=patients_progress)
    with spread(cluster):
        size = chosen_size(question, work, draws=draws, patients=patients)
        drawn = results(replace(question, patients=size.patients), size.draws, work)
        base = replace(question, patients=drawn.base_patients)
        with work.bar(base.patients * len(base.scenario.strategies)) as progress:
            groups = groups_of(base, levels, threads=threads, progress=progress)
    return written(SeverityResult(chosen, severity_analysis(drawn, groups, levels)), folder)
