"""``budget``: the budget impact by calendar year."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from rich.console import Console

from sim.analyses.budget.analysis import (
    CATEGORIES,
    DRAWS,
    PATIENTS,
    SINCE_ENTRY,
    SITUATIONS,
    TABLE,
    Budget,
    budget_impact,
    plan_of,
    yearly_means,
)
from sim.analyses.psa.analysis import Work
from sim.analyses.psa.noise import Split
from sim.analyses.psa.result import chosen_size
from sim.analyses.shared.arguments import (
    Cached,
    Cluster,
    Out,
    PatientsPerDraw,
    Seed,
    Threads,
    checked,
)
from sim.analyses.shared.arguments import Draws as DrawsAsked
from sim.analyses.shared.result import LaidOutResult, Layout, folder_of, stored_size, written
from sim.analyses.shared.scenario import SOME_SETS_PATIENTS, Asked, asked
from sim.analyses.shared.stored import Stored, names_of
from sim.analyses.shared.text import print_notes, strategy_label
from sim.analyses.shared.work import spread
from sim.economics.estimates import Estimate
from sim.errors import UserError
from sim.layout.cells import NOTHING, SYMBOLS, add_up, estimate_of, finite, known
from sim.layout.progress import patients_progress
from sim.layout.schema import records
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import cost_name, print_question
from sim.simulation.parameter_draws import draw_parameters

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from sim.simulation.question import Question

ANALYSIS: Final = "budget"
TABLES: Final = (TABLE, PATIENTS, SINCE_ENTRY, DRAWS)
NAMES: Final = (*names_of(ANALYSIS), *(schema.file for schema in TABLES[1:]))
THOUSAND: Final = 1000.0
METHOD: Final = (
    "Costs are undiscounted. Patients of a calendar year enter {place}; those who entered "
    "before go on costing what their years since entry cost. Shares that are not taken up stay as "
    "they are."
)
PLACES: Final = {False: "at its beginning", True: "in its middle"}
"""Of entry within the calendar year, by the `mid_year` of the plan."""


def budget_summary(found: Budget) -> dict[str, Any]:
    """Return the content of budget.json after its heading."""
    return {
        "comparator": found.question.scenario.comparator_name,
        **found.size,
        "budget": found.plan.model_dump(mode="json"),
        "total": {"mean": found.total.mean, "se": finite(found.total.se)},
        "net_over_draws": [
            {name: finite(value) for name, value in each._asdict().items()} for each in found.spread
        ],
        "costs": records(found.table),
        "patients_by_year": records(found.patients),
    }


def read_budget(stored: Stored) -> Budget:
    """Return the analysis in a folder; a file that is missing or broken is a `UserError`."""
    told, plan = stored.summary, plan_of(stored.question)
    strategies = len(stored.question.scenario.strategies)
    lengths = (
        plan.years * len(SITUATIONS) * len(CATEGORIES),
        plan.years * len(SITUATIONS) * strategies,
        strategies * (plan.years + 1) * len(CATEGORIES),
        told["draws"] * plan.years,
    )
    tables = [stored.table(schema) for schema in TABLES]
    for schema, table, rows in zip(TABLES, tables, lengths, strict=True):
        if len(table) != rows:
            raise UserError(f"must have {rows:,} rows", file=stored.folder / schema.file)
    if len(told["net_over_draws"]) != plan.years + 1:
        problem = "must be of each year, and of all"
        raise UserError(problem, file=stored.folder / stored.file, key="net_over_draws")
    costs, patients, since_entry, drawn = tables
    return Budget(
        **stored_size(stored),
        table=costs,
        patients=patients,
        since_entry=since_entry,
        drawn=drawn,
        total=estimate_of(told["total"]),
        spread=tuple(
            Split(*(known(each[name]) for name in Split._fields)) for each in told["net_over_draws"]
        ),
    )


def drawn_budget(found: Budget) -> Figure:
    """Return the figure of the analysis."""
    from sim.analyses.budget.figure import budget_figure

    return budget_figure(found)


def print_budget(console: Console, found: Budget) -> None:
    """Print patients, costs and net budget impact by calendar year."""
    question = found.question
    uptake = "; ".join(
        f"{strategy_label(question, name)} in {', '.join(f'{share:.0%}' for share in shares)} of "
        "new patients"
        for name, shares in found.plan.uptakes().items()
    )
    print_question(
        console,
        question,
        *found.simulated,
        ("Analysis", f"Budget impact of {found.years[0]} to {found.years[-1]}, by calendar year"),
        ("Uptake", uptake or "none"),
    )
    print_table(console, _patients(found))
    print_table(console, _costs(found))
    print_notes(console, METHOD.format(place=PLACES[found.plan.mid_year]))


def _patients(found: Budget) -> Table:
    table = found.patients
    sections = []
    for situation, title in (("current", "Current shares"), ("with_uptake", "With uptake")):
        rows = [Row(title)]
        chosen = table[table["situation"] == situation]
        for strategy in found.question.scenario.strategies:
            treated = chosen[chosen["strategy"] == strategy.name]["treated"].tolist()
            cells = [Cell(f"{number:,.0f}") for number in [*treated, sum(treated)]]
            rows.append(Row(f"  {strategy.shown_name}, begun", cells))
        alive = chosen.groupby("year")["alive"].sum().tolist()
        cells = [Cell(f"{number:,.1f}") for number in alive]
        rows.append(Row("  Alive at the end of the year", [*cells, Cell("")]))
        sections.append(rows)
    return Table("Patients", _headings(found), sections)


def _headings(found: Budget) -> list[str]:
    return [*map(str, found.years), "All"]


def _costs(found: Budget) -> Table:
    question = found.question
    symbol = SYMBOLS[question.perspective.currency]
    whole = [
        Row(title, [_thousands(cost) for cost in _with_total(found, situation)])
        for situation, title in (("current", "Current shares"), ("with_uptake", "With uptake"))
    ]
    parts = [[each.mean / THOUSAND for each in found.cost("net", name)] for name in CATEGORIES[:-1]]
    columns = [add_up(list(column)) for column in zip(*parts, strict=True)]
    columns.append(add_up([sum(row) for row in parts]))
    net = [
        Row("Net budget impact, by category"),
        *(
            Row(f"  {cost_name(name)}", [Cell(f"{column[place]:,d}") for column in columns])
            for place, name in enumerate(CATEGORIES[:-1])
        ),
        Row(
            "Net budget impact",
            [
                _thousands(Estimate(THOUSAND * sum(column), cost.se))
                for column, cost in zip(
                    columns, [*found.cost("net", "total"), found.total], strict=True
                )
            ],
            strong=True,
        ),
    ]
    drawn = [
        Row("Mean over draws", [_thousands(Estimate(each.mean, each.se)) for each in found.spread]),
        Row("95 % of draws", [_interval(each) for each in found.spread]),
    ]
    corner = f"Cost in thousands of {symbol} of {question.perspective.price_year} (standard error)"
    return Table(corner, _headings(found), [whole, net, drawn])


def _with_total(found: Budget, situation: str) -> list[Estimate]:
    costs = found.cost(situation, "total")
    return [*costs, Estimate(sum(cost.mean for cost in costs), math.nan)]


def _thousands(cost: Estimate) -> Cell:
    error = "" if math.isnan(cost.se) else f" ({cost.se / THOUSAND:,.0f})"
    return Cell(f"{round(cost.mean / THOUSAND):,d}", error)


def _interval(found: Split) -> Cell:
    if not found.has_interval:
        return Cell(NOTHING)
    return Cell(f"{round(found.low / THOUSAND):,d} to {round(found.high / THOUSAND):,d}")


FILE_LAYOUT: Final = Layout(
    ANALYSIS, lambda found: found.table, budget_summary, drawn_budget, print_budget, read_budget
)


class BudgetResult(LaidOutResult[Budget]):
    """The spending of a payer year by year, with and without the uptake of new strategies."""

    COMMAND = ANALYSIS
    FILES = NAMES
    FIGURES = (ANALYSIS,)
    LAYOUT = FILE_LAYOUT

    @property
    def tables(self) -> Mapping[str, pd.DataFrame]:
        """The tables by the name of their file, without its suffix."""
        shown = (self.costs, self.patients, self.since_entry, self.draws)
        return {each.stem: table for each, table in zip(TABLES, shown, strict=True)}

    @property
    def costs(self) -> pd.DataFrame:
        """A row per calendar year, situation and category: `sim.analyses.budget.analysis.TABLE`."""
        return self._found.table

    @property
    def patients(self) -> pd.DataFrame:
        """Patients begun and alive by calendar year: `sim.analyses.budget.analysis.PATIENTS`."""
        return self._found.patients

    @property
    def since_entry(self) -> pd.DataFrame:
        """Costs per patient by year since entry: `sim.analyses.budget.analysis.SINCE_ENTRY`."""
        return self._found.since_entry

    @property
    def draws(self) -> pd.DataFrame:
        """The budget of each draw by calendar year: `sim.analyses.budget.analysis.DRAWS`."""
        return self._found.drawn


@checked
def budget(
    scenario: Asked,
    *,
    draws: DrawsAsked = None,
    patients: PatientsPerDraw = None,
    seed: Seed = None,
    out: Out = None,
    cached: Cached = True,
    threads: Threads = None,
    cluster: Cluster = None,
) -> BudgetResult:
    """Find the budget impact of a scenario: its costs by calendar year with and without uptake.

    Incidence, uptake by year and current shares are the scenario's own (key ``budget``). Costs are
    undiscounted, by category, with patients begun and alive, in the base case and over draws of the
    uncertain parameters.

    Parameters
    ----------
    scenario
        The question, or the path of its file; its own number of patients, at most 100,000, is that of
        the base case.
    draws, patients, seed, threads, cluster
        As for `psa`.
    cached
        Use the pilot of an earlier analysis where numbers are chosen.
    out
        As for `run`.

    Raises
    ------
    UserError
        When the scenario has no budget, or an argument is not allowed.

    Examples
    --------
    >>> from sim import Scenario, budget
    >>> scenario = Scenario.load("scenarios/nhs_budget_impact.yaml").with_(patients=500)
    >>> found = budget(scenario, draws=4, patients=50, cached=False)
    >>> found.costs["year"].unique().tolist()
    [2026, 2027, 2028, 2029, 2030]
    """
    chosen = asked(scenario, seed=seed)
    question = chosen.question
    folder = folder_of(BudgetResult, out)
    plan_of(question)
    work = Work(threads, cached=cached, bar=patients_progress)
    whole = replace(question, patients=min(chosen.patients, SOME_SETS_PATIENTS))
    with spread(cluster):
        size = chosen_size(question, work, draws=draws, patients=patients)
        found = _simulated(replace(question, patients=size.patients), whole, size.draws, work)
    return written(BudgetResult(chosen, found), folder)


def _simulated(sized: Question, whole: Question, draws: int, work: Work) -> Budget:
    """Simulate the base case in all patients, and the draws in patients of their own."""
    plan = plan_of(sized)
    parameters = draw_parameters(sized, draws, sized.seed)
    lives = (draws * sized.patients + whole.patients) * len(sized.scenario.strategies)
    with work.bar(lives) as progress:
        simulated = partial(
            yearly_means, mid_year=plan.mid_year, threads=work.threads, progress=progress
        )
        (base,) = simulated(whole, plan.years)
        return budget_impact(
            sized,
            base,
            simulated(sized, plan.years, parameters),
            parameters=len(parameters.columns),
            base_patients=whole.patients,
        )
