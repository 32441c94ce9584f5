"""The answer as it is printed: question, results, uncertainty, citations."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterable
from typing import Final

from rich.console import Console

from sim.economics.ledger import COST_CATEGORIES
from sim.layout.cells import SAVING, SYMBOLS, icer, money, number, patients_in_words, saved
from sim.layout.citations import own_values, published_sources
from sim.layout.life_table import life_table_lines
from sim.layout.rounding import add_up
from sim.layout.table import Cell, Row, Sheet, Table, encodable, print_table
from sim.scenario.schema import LIFETIME
from sim.simulation.comparability import in_words
from sim.simulation.question import Question
from sim.simulation.run import Simulation
from sim.simulation.summary import ArmSummary, Summary

WIDTH_IN_A_PIPE: Final = 120
NAME: Final = "{:<13}"
DISCLAIMER: Final = (
    "This is a research model. It is not medical advice and decides nothing about a patient."
)
CLINICAL: Final = (
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
VALUE: Final = (
    ("life_years_undiscounted", "Life-years, undiscounted"),
    ("life_years", "Life-years"),
    ("qalys", "QALYs"),
)
COST_NAMES: Final = {
    "drug": "Drugs of the regimens",
    "administration_and_hospital": "Administration and hospital",
    "transplant": "Allo-HCT",
    "later_lines": "Care after the last regimen",
    "follow_up": "Follow-up",
}


def console_for(stream_is_terminal: bool) -> Console:
    """Return a console: as wide as the terminal, or of a fixed width in a pipe."""
    if stream_is_terminal:
        return Console(highlight=False, markup=False, emoji=False)
    return Console(highlight=False, markup=False, emoji=False, width=WIDTH_IN_A_PIPE, no_color=True)


def print_answer(console: Console, simulation: Simulation, summary: Summary) -> None:
    """Print the whole answer."""
    question = simulation.question
    symbol = SYMBOLS[question.perspective.currency]
    simulated = (
        f"{patients_in_words(question.patients)}, the same under each strategy; "
        f"seed {question.seed}; {simulation.engine} engine"
    )
    print_question(console, question, ("Simulated", simulated))
    print_table(console, _strategies(simulation, summary, symbol))
    if summary.comparisons:
        print_table(console, _increments(summary, symbol))
    if len(summary.comparisons) > 1:
        print_table(console, _frontier(summary, symbol))
    _notes(console, simulation, summary)


def print_lines(console: Console, lines: Iterable[str]) -> None:
    """Print lines as they are, never wrapped."""
    for line in lines:
        console.print(encodable(line, console.encoding), soft_wrap=True)


def print_paragraph(console: Console, text: str, name: str = "", style: str = "") -> None:
    """Print text in lines of the console's width, after its name in a column of its own."""
    if isinstance(console, Sheet):
        console.add_paragraph(text, name, style)
        return
    start = NAME.format(name) if name else ""
    lines = textwrap.wrap(
        encodable(text, console.encoding),
        console.width,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        # Commands and file names are to be copied.
        break_long_words=False,
        break_on_hyphens=False,
    )
    for line in lines:
        console.print(line, style=style, soft_wrap=True)


def question_lines(question: Question) -> list[tuple[str, str]]:
    """Return in words, with their names, the population, the perspective and the horizon."""
    scenario = question.scenario
    population = question.catalogue.populations[scenario.population]
    costs, effects = question.discount_rates
    horizon = (
        LIFETIME if scenario.horizon_years == LIFETIME else f"{scenario.horizon_years:g} years"
    )
    return [
        ("Population", f"{population.label}; {_words(scenario.setting)} setting"),
        ("Perspective", question.perspective.label),
        ("Horizon", f"{horizon}; discounting {costs:.1%} costs, {effects:.1%} effects, annual"),
        *life_table_lines(question),
    ]


def print_question(console: Console, question: Question, *simulated: tuple[str, str]) -> None:
    """Print the question, then names and texts of how it was simulated."""
    print_paragraph(console, question.scenario.title, style="bold")
    for name, text in (*question_lines(question), *simulated):
        print_paragraph(console, text, name)
    console.print()


def print_scenario(console: Console, question: Question) -> None:
    """Print the question, before anything has been simulated."""
    own = own_values(question)
    count = f"{patients_in_words(question.patients)}, the same under each strategy; seed {question.seed}"
    print_question(
        console,
        question,
        *(("Strategy", f"{s.shown_name}: {in_words(s)}") for s in question.scenario.strategies),
        ("To simulate", count),
        *([("Changed", ", ".join(f"{n} = {question.numbers[n]:g}" for n in own))] if own else []),
    )
    print_paragraph(console, DISCLAIMER)


def _strategies(simulation: Simulation, summary: Summary, symbol: str) -> Table:
    perspective = simulation.question.perspective
    arms = summary.arms
    clinical = [Row(label, [number(a.outcomes[key], 1) for a in arms]) for key, label in CLINICAL]
    value = [Row(label, [number(a.outcomes[key], 3) for a in arms]) for key, label in VALUE]
    costs = [_costs(arm, symbol) for arm in arms]
    names = [COST_NAMES.get(c.label, _words(c.label).capitalize()) for c in COST_CATEGORIES]
    spent = [Row(f"Costs in {perspective.currency} of {perspective.price_year}")]
    spent += [
        Row(f"  {name}", cells)
        for name, *cells in zip(names, *(c[:-1] for c in costs), strict=True)
    ]
    spent.append(Row("  Total", [cells[-1] for cells in costs], strong=True))
    return Table(
        "Mean, share or median (standard error)",
        [arm.label for arm in arms],
        [clinical, value, spent],
    )


def _costs(arm: ArmSummary, symbol: str) -> list[Cell]:
    """Return the categories and the total, rounded so that they add up as printed."""
    categories = [arm.outcomes[f"cost.{category.label}"] for category in COST_CATEGORIES]
    parts = add_up([estimate.mean for estimate in categories])
    cells = [
        money(part, estimate.se, symbol) for part, estimate in zip(parts, categories, strict=True)
    ]
    return [*cells, money(sum(parts), arm.outcomes["cost"].se, symbol)]


def _increments(summary: Summary, symbol: str) -> Table:
    comparisons = summary.comparisons
    gains = [comparison.increment for comparison in comparisons]
    effects = [
        Row("Life-years", [number(gain.life_years, 3) for gain in gains]),
        Row("QALYs", [number(gain.qalys, 3) for gain in gains]),
        Row("Cost", [money(*gain.cost, symbol) for gain in gains]),
        Row("ICER, cost per QALY", [icer(gain, symbol) for gain in gains]),
    ]
    if any(gain.quadrant == SAVING for gain in gains):
        effects.append(Row("Saved per QALY given up", [saved(gain, symbol) for gain in gains]))
    benefits = [
        Row(
            f"Net monetary benefit at {symbol}{threshold:,.0f} per QALY",
            [money(*comparison.nmb[threshold], symbol) for comparison in comparisons],
        )
        for threshold in comparisons[0].nmb
    ]
    comparator = summary.arm(gains[0].comparator).label
    return Table(
        f"Difference from {comparator} (standard error)",
        [summary.arm(gain.strategy).label for gain in gains],
        [effects, benefits],
    )


def _frontier(summary: Summary, symbol: str) -> Table:
    rows = []
    for row in summary.frontier:
        outcomes = summary.arm(row.name).outcomes
        if row.icer is not None:
            step = summary.steps.get(row.name)
            error = math.nan if step is None or step.icer_se is None else step.icer_se
            ratio = money(row.icer, error, symbol)
        else:
            ratio = Cell("reference" if row.status == "frontier" else row.status)
        cells = [money(*outcomes["cost"], symbol), number(outcomes["qalys"], 3), ratio]
        rows.append(Row(summary.arm(row.name).label, cells))
    return Table(
        "Full incremental analysis, by rising cost (standard error)",
        ["Cost", "QALYs", "ICER"],
        [rows],
    )


def _notes(console: Console, simulation: Simulation, summary: Summary) -> None:
    counts = summary.inputs
    sources = len(published_sources(simulation.question))
    file = simulation.question.loaded.file
    notes = (
        "Life-years, QALYs and costs are discounted unless marked. Standard errors are Monte "
        "Carlo errors only; the uncertainty of the inputs comes on top.\n"
        f"Inputs: {counts['used']} used, of which {counts['evidence']} from evidence, "
        f"{counts['calibrated']} calibrated, {counts['assumption']} assumed, "
        f"{counts['provisional']} provisional; {counts['changed_by_scenario']} changed by the "
        f"scenario. List them: python -m sim parameters --scenario {shlex.quote(file)}\n"
        f"Cite the program (CITATION.cff) and the {sources} sources that --out DIR lists in "
        f"citations.txt.\n{DISCLAIMER}"
    )
    for text in notes.splitlines():
        print_paragraph(console, text)


def _words(name: str) -> str:
    return name.replace("_", " ")
