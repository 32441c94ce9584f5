"""The answer as it is printed: what was asked, what came out, how sure, what to cite."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from sim.economics.estimates import Estimate
from sim.economics.ledger import COST_CATEGORIES
from sim.report.citations import published_sources
from sim.report.rounding import add_up
from sim.scenario.schema import LIFETIME
from sim.study.simulation import Simulation
from sim.study.summary import Comparison, Summary

WIDTH_IN_A_PIPE = 120
SYMBOLS = {"USD": "$", "GBP": "£"}
SIGNS_OF_CARE = (
    "This is a research model. It is not medical advice and decides nothing about a patient."
)
CLINICAL = (
    ("response_percent", "CR/CRh/CRi, %"),
    ("mrd_negative_percent", "MRD-negative remission, %"),
    ("hct_ever_percent", "Allo-HCT ever, %"),
    ("hct_in_remission_percent", "Allo-HCT in continuous remission, %"),
    ("severe_crs_percent", "CRS grade ≥3, %"),
    ("severe_neurotoxicity_percent", "Neurotoxicity grade ≥3, %"),
    ("cycles_median", "Cycles of the first line, median"),
    ("rfs_median_months", "RFS of responders, median, months"),
    ("os_median_months", "OS, median, months"),
    ("os_12_months_percent", "OS at 1 year, %"),
    ("os_24_months_percent", "OS at 2 years, %"),
    ("os_60_months_percent", "OS at 5 years, %"),
)
VALUE = (
    ("life_years_undiscounted", "Life-years, undiscounted"),
    ("life_years", "Life-years"),
    ("qalys", "QALYs"),
)


def print_answer(console: Console, simulation: Simulation, summary: Summary) -> None:
    """Print the whole answer."""
    symbol = SYMBOLS[simulation.question.perspective.currency]
    _question(console, simulation)
    _strategies(console, summary, symbol)
    for comparison in summary.comparisons:
        _comparison(console, summary, comparison, symbol)
    _frontier(console, summary, symbol)
    _inputs(console, simulation, summary)


def _question(console: Console, simulation: Simulation) -> None:
    question = simulation.question
    scenario, perspective = question.scenario, question.perspective
    population = question.catalogue.populations[scenario.population]
    costs, effects = question.discount_rates
    horizon = (
        "lifetime" if scenario.horizon_years == LIFETIME else f"{scenario.horizon_years:g} years"
    )
    console.print(scenario.title, style="bold")
    grid = Table.grid(padding=(0, 2))
    for name, text in (
        ("Population", f"{population.label}; {scenario.setting.replace('_', ' ')} setting"),
        ("Perspective", perspective.label),
        (
            "Horizon",
            f"{horizon}; discounting {costs:.1%} costs, {effects:.1%} effects, annual effective",
        ),
        (
            "Simulated",
            f"{question.patients:,} patients per strategy, the same in each; "
            + f"seed {question.seed}; {simulation.engine} engine",
        ),
    ):
        grid.add_row(name, text)
    console.print(grid)


def _table(*headings: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    table.add_column(headings[0])
    for heading in headings[1:]:
        table.add_column(heading, justify="right")
    return table


def _strategies(console: Console, summary: Summary, symbol: str) -> None:
    table = _table("Mean or median (standard error)", *(arm.label for arm in summary.arms))
    for key, label in CLINICAL:
        table.add_row(label, *(_number(arm.outcomes[key], 1) for arm in summary.arms))
    table.add_section()
    for key, label in VALUE:
        table.add_row(label, *(_number(arm.outcomes[key], 3) for arm in summary.arms))
    table.add_section()
    rounded = [
        add_up([arm.outcomes[f"cost.{c.label}"].mean for c in COST_CATEGORIES])
        for arm in summary.arms
    ]
    for i, category in enumerate(COST_CATEGORIES):
        table.add_row(
            f"Cost: {_words(category.label)}",
            *(
                _money(parts[i], arm.outcomes[f"cost.{category.label}"].se, symbol)
                for arm, parts in zip(summary.arms, rounded, strict=True)
            ),
        )
    table.add_row(
        "Cost, total",
        *(
            _money(sum(parts), arm.outcomes["cost"].se, symbol)
            for arm, parts in zip(summary.arms, rounded, strict=True)
        ),
        style="bold",
    )
    console.print(table)
    console.print("Life-years, QALYs and costs are discounted unless marked.", style="dim")


def _comparison(console: Console, summary: Summary, comparison: Comparison, symbol: str) -> None:
    gain = comparison.increment
    names = [summary.arm(name).label for name in (gain.strategy, gain.comparator)]
    table = _table(f"{names[0]} against {names[1]}", "Difference (standard error)")
    table.add_row("Life-years", _number(gain.life_years, 3))
    table.add_row("QALYs", _number(gain.qalys, 3))
    table.add_row("Cost", _money(gain.cost.mean, gain.cost.se, symbol))
    if gain.icer is None:
        table.add_row("ICER", "undefined: no difference in QALYs")
    elif gain.quadrant in ("dominant", "dominated"):
        table.add_row("ICER", gain.quadrant)
    else:
        per = "per QALY" if gain.qalys.mean > 0 else "saved per QALY given up"
        table.add_row(f"ICER, {per}", _money(gain.icer, gain.icer_se or math.nan, symbol))
    for threshold, benefit in comparison.nmb.items():
        table.add_row(
            f"Net monetary benefit at {symbol}{threshold:,.0f} per QALY",
            _money(benefit.mean, benefit.se, symbol),
        )
    console.print(table)


def _frontier(console: Console, summary: Summary, symbol: str) -> None:
    if len(summary.frontier) <= 2:  # noqa: PLR2004 - two strategies need no frontier
        return
    table = _table("Full incremental analysis", "Cost", "QALYs", "ICER")
    for row in summary.frontier:
        icer = row.status if row.icer is None else f"{symbol}{row.icer:,.0f}"
        icer = "reference" if row.status == "frontier" and row.icer is None else icer
        table.add_row(
            summary.arm(row.name).label, f"{symbol}{row.cost:,.0f}", f"{row.effect:.3f}", icer
        )
    console.print(table)


def _inputs(console: Console, simulation: Simulation, summary: Summary) -> None:
    counts = summary.inputs
    console.print(
        f"Inputs: {counts['used']} used, {counts['evidence']} from evidence, "
        f"{counts['calibrated']} calibrated, {counts['assumption']} assumed, "
        f"{counts['provisional']} provisional; "
        f"{counts['changed_by_scenario']} changed by the scenario. "
        "List them: python -m sim parameters --scenario FILE"
    )
    console.print(
        "Standard errors are Monte Carlo errors only; the uncertainty of the inputs comes on top."
    )
    console.print(
        f"Cite the program (CITATION.cff) and the {published_sources(simulation.question)} "
        "sources that --out DIR lists in citations.txt."
    )
    console.print(SIGNS_OF_CARE)


def _number(estimate: Estimate, digits: int) -> str:
    if not math.isfinite(estimate.mean):
        return "not reached" if math.isinf(estimate.mean) else "–"
    error = "" if math.isnan(estimate.se) else f" ({estimate.se:.{max(digits, 1)}f})"
    return f"{estimate.mean:.{digits}f}{error}"


def _money(amount: float, error: float, symbol: str) -> str:
    sign = "-" if round(amount) < 0 else ""
    shown = "" if math.isnan(error) else f" ({error:,.0f})"
    return f"{sign}{symbol}{abs(amount):,.0f}{shown}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def console_for(stream_is_terminal: bool) -> Console:
    """Return a console: as wide as the terminal, or of a fixed width in a pipe."""
    if stream_is_terminal:
        return Console(highlight=False, markup=False, emoji=False)
    return Console(highlight=False, markup=False, emoji=False, width=WIDTH_IN_A_PIPE, no_color=True)


def print_traces(console: Console, texts: Sequence[str]) -> None:
    """Print traces line by line, never wrapped."""
    for text in texts:
        console.print(text, markup=False, soft_wrap=True)
