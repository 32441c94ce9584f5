"""``severity``: the QALY shortfall, the weight of QALYs, and the results with it.

The analysis as files and as it is printed, and the function that answers with it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.psa.analysis import Work, results
from sim.analyses.psa.noise import FEWEST_DRAWS, INTERVAL
from sim.analyses.psa.result import chosen_size
from sim.analyses.severity.analysis import DRAWS as DRAWS_TABLE
from sim.analyses.severity.analysis import (
    WEIGHTINGS,
    Group,
    Severity,
    Share,
    Shortfall,
    Weighted,
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
from sim.analyses.shared.layout import LaidOutResult, Layout
from sim.analyses.shared.result import folder_of, written
from sim.analyses.shared.scenario import Asked, asked
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import print_notes, strategy_label
from sim.analyses.shared.work import spread
from sim.clinic.units import PERCENT
from sim.economics.estimates import NOT_ESTIMABLE, Estimate, mean
from sim.economics.incremental import Increment
from sim.errors import UserError
from sim.layout.cells import NOTHING, SYMBOLS, amount, estimate_row, finite, icer, patients_in_words
from sim.layout.cells import number as shown
from sim.layout.progress import patients_progress
from sim.layout.schema import Schema, count, number, records, strategy_name, text
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import print_question
from sim.scenario.schema import LIFETIME
from sim.scenario.severity import UNWEIGHTED, Level

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from rich.console import Console

ANALYSIS: Final = "severity"
RESULTS: Final = "severity_results"
DRAWN: Final = "severity_draws"
NAMES: Final = (*names_of(ANALYSIS), f"{RESULTS}.csv", f"{DRAWN}.csv")
TABLE: Final = Schema(
    f"{ANALYSIS}.csv",
    (
        text("characteristic", "that divides the patients; empty for all"),
        text("subgroup"),
        count("patients"),
        number("population_qalys", "discounted, of the general population of the same patients"),
        number("population_qalys_se"),
        number("qalys", "discounted, under the comparator"),
        number("qalys_se"),
        number("absolute", "shortfall, QALYs"),
        number("absolute_se"),
        number("proportional", "shortfall, 0 to 1"),
        number("proportional_se"),
        number("weight", "of the QALYs gained by such patients"),
    ),
)
"""The base case, all patients first."""
RESULTS_TABLE: Final = Schema(
    f"{RESULTS}.csv",
    (
        strategy_name(),
        strategy_name("comparator"),
        number("threshold", "in `currency` per QALY"),
        text(
            "weighting",
            "``none``, by the weight of the ``base_case``, or by that of ``each_draw``",
            WEIGHTINGS,
        ),
        number("weight", "of the QALYs gained; of each draw, the mean over draws"),
        number("cost", "base case, strategy minus comparator, in `currency`"),
        number("cost_se"),
        number("qalys", "base case, weighted"),
        number("qalys_se"),
        number("life_years", "base case, never weighted"),
        number("life_years_se"),
        number("covariance", "of the errors of `cost` and `qalys`"),
        number("icer", "base case, per weighted QALY"),
        number("icer_se"),
        number("nmb", "base case, incremental net monetary benefit in `currency`"),
        number("nmb_se"),
        number("mean_nmb", "over draws"),
        number("mean_nmb_se", "that of draws and patients"),
        number("probability", "of being the most cost-effective, without Monte Carlo noise"),
        number("probability_se"),
        text("currency"),
    ),
    ("strategy", "threshold", "weighting"),
)
METHOD: Final = (
    "Expected QALYs of the general population come from the life table and the utility norms of the "
    "perspective, for the age and sex of each simulated patient. Shortfalls are differences of means, "
    "discounted; a weight w divides the ICER by w."
)
QUIET: Final = (
    "Shares of draws and probabilities are without the Monte Carlo noise of each draw. The weight of "
    "each draw follows from its own shortfall."
)


def severity_table(found: Severity) -> pd.DataFrame:
    """Return the shortfalls as `TABLE`."""
    return TABLE.table(
        (
            group.characteristic,
            group.label,
            group.patients,
            *(value for part in group.shortfall[:-1] for value in estimate_row(part)),
            group.shortfall.weight,
        )
        for group in found.groups
    )


def results_table(found: Severity) -> pd.DataFrame:
    """Return the weighted results as `RESULTS_TABLE`, strategy by strategy."""
    rows = sorted(found.results, key=lambda each: _order(found, each))
    return RESULTS_TABLE.table(_row(found, each) for each in rows)


def _order(found: Severity, each: Weighted) -> tuple[int, float, int]:
    names = [strategy.name for strategy in found.question.scenario.strategies]
    return names.index(each.strategy), each.threshold, WEIGHTINGS.index(each.weighting)


def _row(found: Severity, each: Weighted) -> tuple[Any, ...]:
    gain = each.increment
    parts = [NOT_ESTIMABLE] * 3 if gain is None else [gain.cost, gain.qalys, gain.life_years]
    derived = [NOT_ESTIMABLE] * 2 if gain is None else [gain.ratio, gain.nmb(each.threshold)]
    return (
        each.strategy,
        found.question.scenario.comparator_name,
        each.threshold,
        each.weighting,
        each.weight,
        *(value for part in parts for value in estimate_row(part)),
        None if gain is None else finite(gain.covariance),
        *(value for part in derived for value in estimate_row(part)),
        *estimate_row(each.nmb),
        *estimate_row(each.probability),
        found.question.perspective.currency,
    )


def severity_summary(found: Severity) -> dict[str, Any]:
    """Return the content of severity.json after its heading."""
    return {
        "comparator": found.question.scenario.comparator_name,
        "weight": found.shortfall.weight,
        "draws": found.draws,
        "patients_of": "one draw",
        "parameters_drawn": found.parameters_drawn,
        "base_case_patients": found.base_patients,
        "levels": [level._asdict() for level in found.levels],
        "shortfalls": records(severity_table(found)),
        "weights": [
            {name: finite(value) for name, value in share._asdict().items()}
            for share in found.shares
        ],
        "results": records(results_table(found)),
    }


def read_severity(stored: Stored) -> Severity:
    """Return the analysis that is stored in a folder.

    Raises
    ------
    UserError
        When a file is missing or broken.
    """
    told = stored.summary
    groups = tuple(_read_group(row) for row in stored.table(TABLE).to_dict("records"))
    if not groups or groups[0].characteristic:
        raise UserError("must begin with all patients", file=stored.folder / TABLE.file)
    gains = stored.table(RESULTS_TABLE)
    compared = len(stored.question.scenario.strategies) - 1
    if len(gains) != compared * len(stored.question.thresholds) * len(WEIGHTINGS):
        problem = "must have one row for each strategy, threshold and weighting"
        raise UserError(problem, file=stored.folder / RESULTS_TABLE.file)
    return Severity(
        question=stored.question,
        levels=tuple(Level(**{key: each[key] for key in Level._fields}) for each in told["levels"]),
        groups=groups,
        drawn=stored.table(DRAWS_TABLE),
        shares=tuple(
            Share(*(math.nan if each[key] is None else each[key] for key in Share._fields))
            for each in told["weights"]
        ),
        results=tuple(_read_result(row) for row in gains.to_dict("records")),
        parameters_drawn=told["parameters_drawn"],
        base_patients=told["base_case_patients"],
    )


def _estimate(row: Mapping[Any, Any], name: str) -> Estimate:
    return Estimate(row[name], row[f"{name}_se"])


def _read_group(row: Mapping[Any, Any]) -> Group:
    shortfall = Shortfall(
        _estimate(row, "population_qalys"),
        _estimate(row, "qalys"),
        _estimate(row, "absolute"),
        _estimate(row, "proportional"),
        row["weight"],
    )
    return Group(row["characteristic"], row["subgroup"], row["patients"], shortfall)


def _read_result(row: Mapping[Any, Any]) -> Weighted:
    gain = Increment(
        row["strategy"],
        row["comparator"],
        _estimate(row, "cost"),
        _estimate(row, "qalys"),
        _estimate(row, "life_years"),
        row["covariance"],
    )
    return Weighted(
        row["strategy"],
        row["threshold"],
        row["weighting"],
        row["weight"],
        None if math.isnan(gain.cost.mean) else gain,
        _estimate(row, "mean_nmb"),
        _estimate(row, "probability"),
    )


def drawn_severity(found: Severity) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.severity.figure import severity_figure
    from sim.layout.style import styled

    with styled():
        return severity_figure(found)


def print_severity(console: Console, found: Severity) -> None:
    """Print the shortfall, the weight, and the results side by side."""
    question = found.question
    comparator = strategy_label(question, question.scenario.comparator_name)
    simulated = (
        f"{found.draws:,} draws of {found.parameters_drawn} uncertain parameters; each draw in "
        f"{patients_in_words(question.patients)} of its own, the same under each strategy; "
        f"seed {question.seed}"
    )
    base = f"{patients_in_words(found.base_patients)}, every input at its base value"
    analysis = f"QALY shortfall under {comparator} against the general population"
    print_question(
        console, question, ("Simulated", simulated), ("Base case", base), ("Analysis", analysis)
    )
    print_table(console, _shortfalls(found, comparator))
    print_table(console, _weights(found))
    for strategy in dict.fromkeys(each.strategy for each in found.results):
        print_table(console, _compared(found, strategy, comparator))
    years = question.scenario.horizon_years
    short = (
        []
        if years == LIFETIME
        else [f"QALYs are those of {years:g} years; the rule speaks of the remaining lifetime."]
    )
    print_notes(console, METHOD, QUIET, *short)


def _shortfalls(found: Severity, comparator: str) -> Table:
    rows = [_shortfall_row("Base case, all patients", found.shortfall)]
    names = ("population_qalys", "qalys", "absolute", "proportional")
    weight = Cell(f"{found.drawn['weight'].mean():.2f}")
    rows.append(Row("Mean over draws", [*_qalys(*(mean(found.drawn[n]) for n in names)), weight]))
    ends = [found.drawn[name].quantile(INTERVAL).tolist() for name in names[2:]]
    intervals = [
        Cell(f"{low:.2f} to {high:.2f}" if found.draws >= FEWEST_DRAWS else NOTHING)
        for low, high in (ends[0], [PERCENT * end for end in ends[1]])
    ]
    rows.append(Row("95 % of draws", [*[Cell("")] * 2, *intervals, Cell("")]))
    sections = [rows]
    for name in dict.fromkeys(group.characteristic for group in found.groups[1:]):
        chosen = [group for group in found.groups if group.characteristic == name]
        sections.append(
            [
                Row(f"Base case by {name.replace('_', ' ')}"),
                *(_shortfall_row(f"  {each.label}", each.shortfall) for each in chosen),
            ]
        )
    headings = ["General population", comparator, "Absolute", "Proportional, %", "Weight"]
    return Table("QALYs and shortfall (standard error)", headings, sections)


def _shortfall_row(label: str, shortfall: Shortfall) -> Row:
    return Row(label, [*_qalys(*shortfall[:-1]), Cell(f"{shortfall.weight:g}")])


def _qalys(population: Estimate, care: Estimate, absolute: Estimate, share: Estimate) -> list[Cell]:
    in_percent = Estimate(PERCENT * share.mean, PERCENT * share.se)
    return [*(shown(each, 2) for each in (population, care, absolute)), shown(in_percent, 1)]


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
        drawn = Estimate(PERCENT * share.without_noise, PERCENT * share.without_noise_se)
        rows.append(Row(f"Weight {share.weight:g}", [*reached, shown(drawn, 1)]))
    headings = ["Absolute from", "or proportional from, %", "Share of draws, %"]
    return Table("Level of severity (standard error)", headings, [rows])


def _compared(found: Severity, strategy: str, comparator: str) -> Table:
    symbol = SYMBOLS[found.question.perspective.currency]
    chosen = [each for each in found.results if each.strategy == strategy]
    columns = [[each for each in chosen if each.weighting == kind] for kind in WEIGHTINGS]
    gains = [of_kind[0].increment for of_kind in columns]
    thresholds = found.question.thresholds
    base = [
        Row("Base case"),
        Row("  QALYs gained", [_of(gain, lambda each: shown(each.qalys, 3)) for gain in gains]),
        Row(
            "  ICER",
            [_of(gain, lambda each: icer(each.quadrant, each.ratio, symbol)) for gain in gains],
        ),
        *(
            Row(
                f"  Net benefit at {symbol}{at:,.0f}",
                [_of(gain, lambda each, at=at: amount(each.nmb(at), symbol)) for gain in gains],
            )
            for at in thresholds
        ),
    ]
    sections = [base, [Row("Mean over draws")], [Row("Probability most cost-effective, %")]]
    for place, at in enumerate(thresholds):
        row = [of_kind[place] for of_kind in columns]
        benefit = [amount(each.nmb, symbol) for each in row]
        chance = [
            shown(Estimate(*(PERCENT * value for value in each.probability)), 1) for each in row
        ]
        sections[1].append(Row(f"  Net benefit at {symbol}{at:,.0f}", benefit))
        sections[2].append(Row(f"  at {symbol}{at:,.0f}", chance))
    weight = found.shortfall.weight
    headings = [f"Weight {UNWEIGHTED:g}", f"Weight {weight:g}", "Weight of each draw"]
    corner = f"{strategy_label(found.question, strategy)} against {comparator} (standard error)"
    return Table(corner, headings, sections)


def _of(gain: Increment | None, cell: Any) -> Cell:  # noqa: ANN401 - a function
    return Cell(NOTHING) if gain is None else cell(gain)


FILE_LAYOUT: Final = Layout(
    ANALYSIS, severity_table, severity_summary, drawn_severity, print_severity, read_severity
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
        return {ANALYSIS: self.shortfalls, RESULTS: self.results, DRAWN: self.draws}

    @property
    def shortfalls(self) -> pd.DataFrame:
        """A row for all patients and for each subgroup: `sim.analyses.severity.result.TABLE`."""
        return severity_table(self._found)

    @property
    def results(self) -> pd.DataFrame:
        """A row per strategy, threshold and weighting: `sim.analyses.severity.result.RESULTS_TABLE`."""
        return results_table(self._found)

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
