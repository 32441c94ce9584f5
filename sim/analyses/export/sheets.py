"""The sheets of the workbook that calculate: results, unit costs, draws, frontier, acceptability.

Formulas use functions that every spreadsheet has, and names for the columns of the draws: ``QALYS_1``,
``COSTS_1``, ``BENEFITS_1`` of the first strategy, and so on, and ``THRESHOLD``. Names and numbers only
go into formulas, never a label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from sim.analyses.export.book import MONEY, NUMBER, PLAIN, PRICE, SHARE, Page
from sim.analyses.export.draws import DrawTables
from sim.analyses.export.unit_costs import CostParts
from sim.analyses.psa.acceptability import ceac
from sim.economics.estimates import Array
from sim.economics.incremental import FrontierRow, Strategy, frontier, quadrant

THRESHOLD: Final = "THRESHOLD"
TOP, MATRIX = 3, 3
"""The first row of the full incremental analysis, and the first column of its ratios."""
STEPS: Final = 40
"""Of the acceptability curves."""
PLACES: Final = (
    'IF(AND({more}=0,{gained}=0),"equal",IF(AND({gained}>0,{more}>0),"more effective and costlier",'
    'IF(AND({gained}<0,{more}<0),"less effective and cheaper",'
    'IF(OR({gained}>0,{more}<0),"dominant","dominated"))))'
)
"""The quadrant of the cost-effectiveness plane, as `sim.economics.incremental.quadrant`."""


@dataclass(frozen=True)
class Model:
    """Inputs of the sheets.

    Attributes
    ----------
    draws, parts
        The draws, and their costs by unit cost.
    threshold
        In currency per QALY, in the cell that the reader changes.
    """

    draws: DrawTables
    parts: CostParts
    threshold: float

    @cached_property
    def labels(self) -> list[str]:
        """Labels of the strategies."""
        return [each.shown_name for each in self.draws.psa.question.scenario.strategies]

    @property
    def strategies(self) -> range:
        """Places of the strategies."""
        return range(len(self.labels))

    @property
    def comparator(self) -> int:
        """The place of the comparator."""
        return self.draws.psa.comparator

    @cached_property
    def others(self) -> list[int]:
        """Places of the strategies but the comparator."""
        return [s for s in self.strategies if s != self.comparator]

    @property
    def currency(self) -> str:
        """The code of the currency."""
        return self.draws.psa.question.perspective.currency

    def base(self, outcome: str) -> Array:
        """Return an outcome of the deterministic run; shape (strategies,)."""
        return self.draws.psa.deterministic[outcome].to_numpy(dtype=np.float64)

    def drawn(self, outcome: str) -> Array:
        """Return an outcome in each draw; shape (draws, strategies)."""
        return self.draws.psa.values(outcome)

    @cached_property
    def benefits(self) -> Array:
        """Net monetary benefit at the threshold in each draw; shape (draws, strategies)."""
        return self.threshold * self.drawn("qalys") - self.drawn("cost")

    def shares(self, thresholds: list[float]) -> Array:
        """Return the share of draws in which each strategy is the best, by threshold."""
        return ceac(self.drawn("cost"), self.drawn("qalys"), thresholds)


def unit_cost_sheet(page: Page, model: Model) -> tuple[list[str], list[str]]:
    """Write the unit costs; return the cells of their factors and of the total costs."""
    parts, strategies = model.parts, model.strategies
    parameters = model.draws.psa.question.parameters
    page.text(0, 0, "Change a yellow cell: costs, net benefit, frontier and acceptability follow.")
    page.text(1, 0, "In draws of an uncertain unit cost, each draw moves in proportion.")
    spent = [f"{label}: cost in the analysis, {model.currency}" for label in model.labels]
    spent += [f"{label}: cost here" for label in model.labels]
    heads = ["Parameter", "Unit cost", "Unit", "Value in the analysis", "Value here", "Factor"]
    page.heading(3, [*heads, *spent])
    first, amounts, here = 4, len(heads), len(heads) + len(strategies)
    factors = []
    for row, unit in enumerate(parts.units, start=first):
        page.text(row, 0, unit.name)
        page.text(row, 1, parameters[unit.name].label)
        page.text(row, 2, parameters[unit.name].unit)
        page.number(row, 3, unit.value, PRICE)
        page.entry(row, 4, unit.value, PRICE)
        page.live(row, 5, f"={page.at(row, 4)}/{page.at(row, 3)}", 1.0, PLAIN)
        factors.append(page.at(row, 5))
        for s in strategies:
            page.number(row, amounts + s, float(unit.base[s]), MONEY)
            formula = f"={page.at(row, amounts + s)}*{page.at(row, 5)}"
            page.live(row, here + s, formula, float(unit.base[s]), MONEY)
    rest = first + len(parts.units)
    page.text(rest, 0, "All else")
    page.text(rest + 1, 0, "Total", bold=True)
    totals = []
    for s in strategies:
        amount, total = float(parts.base_rest[s]), float(model.base("cost")[s])
        page.number(rest, amounts + s, amount, MONEY)
        page.live(rest, here + s, f"={page.at(rest, amounts + s)}", amount, MONEY)
        for column in (amounts + s, here + s):
            formula = f"=SUM({page.span(first, column, rest, column)})"
            page.live(rest + 1, column, formula, total, MONEY)
        totals.append(page.at(rest + 1, here + s))
    return factors, totals


def part_sheet(page: Page, model: Model, factors: list[str]) -> list[list[str]]:
    """Write the parts of the costs in each draw; return, by draw and strategy, the cost's formula."""
    parts, draws = model.parts, model.draws.psa.draws
    width = len(parts.units) + 1
    first = 3
    formulas: list[list[str]] = [[] for _ in range(draws)]
    page.text(0, 0, "Costs of each draw by unit cost")
    page.text(2, 0, "Factor")
    for k in range(draws):
        page.number(first + k, 0, k + 1)
    for s in model.strategies:
        start = 1 + s * width
        page.text(0, start, model.labels[s], bold=True)
        page.text(1, start, "All else")
        page.number(2, start, 1.0)
        for u, unit in enumerate(parts.units, start=1):
            page.text(1, start + u, unit.name)
            page.live(2, start + u, f"={factors[u - 1]}", 1.0, PLAIN)
        columns = [parts.drawn_rest[:, s], *(unit.drawn[:, s] for unit in parts.units)]
        weights = page.span(2, start, 2, start + width - 1)
        for k in range(draws):
            for u, column in enumerate(columns):
                page.number(first + k, start + u, float(column[k]))
            amounts = page.span(first + k, start, first + k, start + width - 1)
            formulas[k].append(f"=SUMPRODUCT({weights},{amounts})")
    return formulas


def draw_sheet(page: Page, model: Model, costs: list[list[str]]) -> None:
    """Write the draws, with the formula of each cost."""
    count, draws, labels = len(model.labels), model.draws.psa.draws, model.labels
    page.text(0, 0, "One row a draw; discounted, per patient. Costs follow the unit costs.")
    heads = [f"{label}: QALYs" for label in labels]
    heads += [f"{label}: cost, {model.currency}" for label in labels]
    heads += [f"{label}: net benefit at the threshold" for label in labels]
    heads += ["Most net benefit"]
    for s in model.others:
        heads += [f"{labels[s]}: QALYs gained", f"{labels[s]}: additional cost"]
    page.heading(1, ["Draw", *heads])
    first, qalys, spent = 2, model.drawn("qalys"), model.drawn("cost")
    last = first + draws - 1
    for number, name in enumerate(("QALYS", "COSTS", "BENEFITS")):
        for s in model.strategies:
            column = 1 + number * count + s
            page.book.define(f"{name}_{s + 1}", page.span(first, column, last, column))
    best = 1 + 3 * count
    page.book.define("BEST", page.span(first, best, last, best))
    for k in range(draws):
        row = first + k
        page.number(row, 0, k + 1)
        for s in model.strategies:
            page.number(row, 1 + s, float(qalys[k, s]))
            page.live(row, 1 + count + s, costs[k][s], float(spent[k, s]), MONEY)
            formula = f"={THRESHOLD}*{page.at(row, 1 + s)}-{page.at(row, 1 + count + s)}"
            page.live(row, 1 + 2 * count + s, formula, float(model.benefits[k, s]), MONEY)
        benefits = page.span(row, 1 + 2 * count, row, 3 * count)
        page.live(row, best, f"=MAX({benefits})", float(model.benefits[k].max()), MONEY)
        for place, s in enumerate(model.others):
            for step, (values, offset) in enumerate(((qalys, 1), (spent, 1 + count))):
                ours, theirs = (page.at(row, offset + each) for each in (s, model.comparator))
                gain = float(values[k, s] - values[k, model.comparator])
                page.live(row, best + 1 + 2 * place + step, f"={ours}-{theirs}", gain, PLAIN)


def share_formula(model: Model, s: int, threshold: str) -> str:
    """Return the formula of the share of draws in which a strategy has the most net benefit.

    A draw in which several have the most is shared equally among them.
    """

    def best(i: int) -> str:
        ours = f"{threshold}*QALYS_{i + 1}-COSTS_{i + 1}"
        pairs = (
            f"(({ours})>=({threshold}*QALYS_{j + 1}-COSTS_{j + 1}))"
            for j in model.strategies
            if j != i
        )
        return f"({'*'.join(pairs)})"

    everyone = "+".join(best(i) for i in model.strategies)
    return f"=SUMPRODUCT({best(s)}/({everyone}))/ROWS(COSTS_1)"


def acceptability_sheet(page: Page, model: Model) -> None:
    """Write the acceptability curves, with a chart."""
    highest = model.draws.highest_threshold
    page.text(0, 0, f"Highest threshold, {model.currency} per QALY")
    page.entry(0, 1, highest, MONEY)
    page.text(1, 0, "The share of draws in which each strategy has the most net benefit.")
    page.heading(3, ["Threshold", *model.labels])
    grid = [step / STEPS * highest for step in range(STEPS + 1)]
    shares = model.shares(grid)
    first, last = 4, 4 + STEPS
    for step, threshold in enumerate(grid):
        row = first + step
        page.live(row, 0, f"={step}/{STEPS}*{page.at(0, 1)}", threshold, MONEY)
        for s in model.strategies:
            formula = share_formula(model, s, page.at(row, 0))
            page.live(row, 1 + s, formula, float(shares[step, s]), SHARE)
    chart = page.book.chart("scatter", subtype="straight")
    thresholds = f"={page.span(first, 0, last, 0)}"
    for s in model.strategies:
        name, values = page.at(3, 1 + s), page.span(first, 1 + s, last, 1 + s)
        chart.add_series({"name": f"={name}", "categories": thresholds, "values": f"={values}"})
    chart.set_title({"name": "Acceptability"})
    chart.set_x_axis({"name": f"Threshold, {model.currency} per QALY", "num_format": MONEY})
    chart.set_y_axis({"name": "Probability of the most net benefit", "min": 0, "max": 1})
    chart.set_size({"width": 760, "height": 420})
    page.sheet.insert_chart(3, len(model.labels) + 2, chart)


def frontier_sheet(page: Page, model: Model, base: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Write the full incremental analysis; return the cells of status and ICER of each strategy.

    A strategy is extendedly dominated where its ICER over a less effective one exceeds that of a more
    effective one over it; on the frontier the largest of the former is its ICER.
    """
    page.text(
        0, 0, "Cost per QALY from the strategy of the row to that of the column, where it gains."
    )
    heads = ["Strategy", "QALYs", f"Cost, {model.currency}", *model.labels]
    page.heading(2, [*heads, "Dominated", "Status", "ICER"])
    effects, costs = model.base("qalys"), model.base("cost")
    for i in model.strategies:
        page.text(TOP + i, 0, model.labels[i])
        page.live(TOP + i, 1, f"={base[i][0]}", float(effects[i]))
        page.live(TOP + i, 2, f"={base[i][1]}", float(costs[i]), MONEY)
    for i in model.strategies:
        for j in model.strategies:
            _slope(page, effects, costs, i, j)
    rows = frontier(Strategy(str(s), float(costs[s]), float(effects[s])) for s in model.strategies)
    known = {int(each.name): each for each in rows}
    return [_standing(page, model, i, known[i]) for i in model.strategies]


def _slope(page: Page, effects: Array, costs: Array, i: int, j: int) -> None:
    """Write the cost per QALY from one strategy to another, where the other gains."""
    gained, spent = page.at(TOP + i, 1), page.at(TOP + i, 2)
    theirs = (page.at(TOP + j, 1), page.at(TOP + j, 2))
    better = bool(effects[j] > effects[i])
    value = float((costs[j] - costs[i]) / (effects[j] - effects[i])) if better else ""
    formula = f'=IF({theirs[0]}>{gained},({theirs[1]}-{spent})/({theirs[0]}-{gained}),"")'
    page.live(TOP + i, MATRIX + j, formula, value, MONEY)


def _standing(page: Page, model: Model, i: int, known: FrontierRow) -> tuple[str, str]:
    """Write whether a strategy is dominated, its status and its ICER; return the last two cells."""
    row, last, column = TOP + i, TOP + len(model.labels) - 1, MATRIX + len(model.labels)
    gained, spent = page.at(row, 1), page.at(row, 2)
    effects, costs = (page.span(TOP, place, last, place) for place in (1, 2))
    at_least = f"({costs}<={spent})*({effects}>={gained})"
    strictly = f"(({costs}<{spent})+({effects}>{gained})>0)"
    count = float(_dominating(model.base("qalys"), model.base("cost"), i))
    page.live(row, column, f"=SUMPRODUCT({at_least}*{strictly})", count, PLAIN)
    into = page.span(TOP, MATRIX + i, last, MATRIX + i)
    onward = page.span(row, MATRIX, row, column - 1)
    beaten = f"AND(COUNT({into})>0,COUNT({onward})>0,MAX({into})>MIN({onward}))"
    status, icer = page.at(row, column + 1), page.at(row, column + 2)
    formula = f'=IF({page.at(row, column)}>0,"dominated",'
    formula += f'IF({beaten},"extendedly dominated","frontier"))'
    page.live(row, column + 1, formula, known.status)
    formula = f'=IF(AND({status}="frontier",COUNT({into})>0,MAX({into})>0),MAX({into}),"")'
    page.live(row, column + 2, formula, "" if known.icer is None else known.icer, MONEY)
    return status, icer


def _dominating(effects: Array, costs: Array, i: int) -> int:
    """Return how many strategies dominate one."""
    at_least = (costs <= costs[i]) & (effects >= effects[i])
    return int((at_least & ((costs < costs[i]) | (effects > effects[i]))).sum())


BASE_HEADS = (
    "QALYs",
    "Life-years",
    "Cost",
    "QALYs gained",
    "Additional cost",
    "ICER against the comparator",
    "Quadrant",
    "Incremental net benefit",
    "Status",
    "ICER on the frontier",
)
DRAWN_HEADS = (
    "QALYs, mean",
    "Cost, mean",
    "QALYs gained",
    "Additional cost",
    "ICER against the comparator",
    "Incremental net benefit",
    "Probability of the most net benefit",
    "Expected loss",
)
FIRST = 6
"""The first row of the base case."""


def base_cells(page: Page, model: Model) -> list[tuple[str, str]]:
    """Return the cells of QALYs and cost of each strategy in the base case."""
    return [(page.at(FIRST + s, 1), page.at(FIRST + s, 3)) for s in model.strategies]


def results_sheet(
    page: Page, model: Model, totals: list[str], steps: list[tuple[str, str]]
) -> None:
    """Write base case, draws, and other thresholds.

    `totals` are the cells of the cost of each strategy, `steps` those of its status and its ICER in the
    full incremental analysis.
    """
    page.text(0, 0, model.draws.psa.question.scenario.title, bold=True)
    page.text(1, 0, "Change the yellow cells, here and on the sheet of unit costs.")
    page.text(2, 0, f"Threshold, {model.currency} per QALY")
    page.entry(2, 1, model.threshold, MONEY)
    page.book.define(THRESHOLD, page.at(2, 1))
    page.text(4, 0, f"Base case, {model.draws.psa.base_patients:,} patients", bold=True)
    page.heading(5, ["Strategy", *BASE_HEADS])
    for s in model.strategies:
        _base_row(page, model, s, totals[s], steps[s])
    last = _drawn_rows(page, model, FIRST + len(model.labels) + 2)
    _other_thresholds(page, model, last + 2)


def _base_row(page: Page, model: Model, s: int, total: str, step: tuple[str, str]) -> None:
    row, (qalys, costs) = FIRST + s, (model.base(name) for name in ("qalys", "cost"))
    page.text(row, 0, model.labels[s])
    page.number(row, 1, float(qalys[s]), NUMBER)
    page.number(row, 2, float(model.base("life_years")[s]), NUMBER)
    page.live(row, 3, f"={total}", float(costs[s]), MONEY)
    if s != model.comparator:
        gained, more = _gains(page, model, s, FIRST, (qalys, costs), (1, 3, 4, 5, 6, 8))
        place = PLACES.format(more=page.at(row, 5), gained=page.at(row, 4))
        page.live(row, 7, f"={place}", quadrant(more, gained))
    status, icer = step
    known = page.book.values
    page.live(row, 9, f"={status}", known[status])
    page.live(row, 10, f"={icer}", known[icer], MONEY)


def _gains(
    page: Page, model: Model, s: int, first: int, means: tuple[Array, Array], columns: Sequence[int]
) -> tuple[float, float]:
    """Write the increments of a strategy over the comparator, its ICER and its net benefit.

    From the columns of QALYs and cost into those of their increments, the ICER and the net benefit, on a
    sheet whose strategies begin in the row `first`. Return the increments.
    """
    row, reference = first + s, first + model.comparator
    gained, more = (float(each[s] - each[model.comparator]) for each in means)
    effect, cost, gain_at, extra_at, ratio_at, worth_at = columns
    page.live(row, gain_at, f"={page.at(row, effect)}-{page.at(reference, effect)}", gained)
    page.live(row, extra_at, f"={page.at(row, cost)}-{page.at(reference, cost)}", more, MONEY)
    gain, extra = page.at(row, gain_at), page.at(row, extra_at)
    ratio = more / gained if gained else ""
    page.live(row, ratio_at, f'=IF({gain}=0,"",{extra}/{gain})', ratio, MONEY)
    worth = model.threshold * gained - more
    page.live(row, worth_at, f"={THRESHOLD}*{gain}-{extra}", worth, MONEY)
    return gained, more


def _drawn_rows(page: Page, model: Model, top: int) -> int:
    """Write the means over draws from a row on, and return the last row."""
    psa, first = model.draws.psa, top + 2
    page.text(top, 0, f"Over {psa.draws:,} draws of the uncertain inputs", bold=True)
    page.heading(top + 1, ["Strategy", *DRAWN_HEADS])
    qalys, costs = (model.drawn(name).mean(axis=0) for name in ("qalys", "cost"))
    shares = model.shares([model.threshold])[0]
    best = float(model.benefits.max(axis=1).mean())
    for s in model.strategies:
        row = first + s
        page.text(row, 0, model.labels[s])
        page.live(row, 1, f"=AVERAGE(QALYS_{s + 1})", float(qalys[s]))
        page.live(row, 2, f"=AVERAGE(COSTS_{s + 1})", float(costs[s]), MONEY)
        if s != model.comparator:
            _gains(page, model, s, first, (qalys, costs), (1, 2, 3, 4, 5, 6))
        page.live(row, 7, share_formula(model, s, THRESHOLD), float(shares[s]), SHARE)
        loss = max(best - float(model.benefits[:, s].mean()), 0.0)
        page.live(row, 8, f"=MAX(AVERAGE(BEST)-AVERAGE(BENEFITS_{s + 1}),0)", loss, MONEY)
    last = first + len(model.labels)
    page.text(last, 0, "EVPI, with the Monte Carlo noise of the draws")
    losses = page.span(first, 8, last - 1, 8)
    evpi = max(best - float(model.benefits.mean(axis=0).max()), 0.0)
    page.live(last, 8, f"=MIN({losses})", evpi, MONEY)
    return last


def _other_thresholds(page: Page, model: Model, top: int) -> None:
    """Write the incremental net benefit and the probability at the scenario's thresholds."""
    page.text(top, 0, "At other thresholds", bold=True)
    heads = [f"{model.labels[s]}: incremental net benefit" for s in model.others]
    heads += [f"{label}: probability of the most net benefit" for label in model.labels]
    page.heading(top + 1, [f"Threshold, {model.currency} per QALY", *heads])
    thresholds = sorted(model.draws.psa.question.thresholds)
    shares = model.shares(thresholds)
    qalys, costs = model.base("qalys"), model.base("cost")
    for number, threshold in enumerate(thresholds):
        row = top + 2 + number
        page.entry(row, 0, threshold, MONEY)
        for place, s in enumerate(model.others, start=1):
            gained, more = (float(each[s] - each[model.comparator]) for each in (qalys, costs))
            cells = (page.at(FIRST + s, 4), page.at(FIRST + s, 5))
            formula = f"={page.at(row, 0)}*{cells[0]}-{cells[1]}"
            page.live(row, place, formula, threshold * gained - more, MONEY)
        for s in model.strategies:
            place = 1 + len(model.others) + s
            formula = share_formula(model, s, page.at(row, 0))
            page.live(row, place, formula, float(shares[number, s]), SHARE)
