"""The answer as it is printed: question, results, uncertainty, citations."""

from __future__ import annotations

import math
import shlex
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

from rich.console import Console

from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.economics.incremental import quadrant
from sim.economics.ledger import COST_CATEGORIES
from sim.layout.cells import (
    NOTHING,
    SAVING,
    SYMBOLS,
    add_up,
    amount,
    icer,
    money,
    number,
    patients_in_words,
    saved,
)
from sim.layout.citations import own_values, published_sources
from sim.layout.own_inputs import life_table_lines, own_lines, own_patients_lines
from sim.layout.run_tables import shown_subgroups, subgroup_lines
from sim.layout.table import Cell, Row, Sheet, Table, encodable, print_table
from sim.scenario.schema import LIFETIME
from sim.simulation.comparison import in_words
from sim.simulation.question import Question
from sim.simulation.run import Simulation
from sim.simulation.summary import Summary

if TYPE_CHECKING:
    import pandas as pd

Outcomes = Mapping[str, Estimate]
Names = Iterable[tuple[str, str]]

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
TOTAL: Final = "Total"


def console_for(stream_is_terminal: bool) -> Console:
    """Return a console: as wide as the terminal, or of a fixed width in a pipe."""
    if stream_is_terminal:
        return Console(highlight=False, markup=False, emoji=False)
    return Console(highlight=False, markup=False, emoji=False, width=WIDTH_IN_A_PIPE, no_color=True)


def print_answer(
    console: Console,
    simulation: Simulation,
    summary: Summary,
    tables: Mapping[str, pd.DataFrame] | None = None,
) -> None:
    """Print the whole answer; the subgroups from the `tables` of the run."""
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
    if tables is not None and question.scenario.subgroups:
        labels = {arm.name: arm.label for arm in summary.arms}
        for table in shown_subgroups(question, tables, labels):
            print_table(console, table)
        for line in subgroup_lines(question, tables, labels):
            print_paragraph(console, line)
        console.print()
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
    own = own_patients_lines(question)
    whose = f"{population.label}, for what the file lacks" if own else population.label
    return [
        *own,
        ("Population", f"{whose}; {_words(scenario.setting)} setting"),
        ("Perspective", question.perspective.label),
        ("Horizon", f"{horizon}; discounting {costs:.1%} costs, {effects:.1%} effects, annual"),
        *life_table_lines(question),
        *own_lines(question),
        *agreement_lines(question),
        *capacity_lines(question),
    ]


def agreement_lines(question: Question) -> list[tuple[str, str]]:
    """Say that agreements under discussion are in no result that does not name them."""
    number = sum(len(each.agreement) for each in question.scenario.strategies)
    if not number:
        return []
    told = f"{number} under discussion; where none is named, results are at the price without any"
    return [("Agreements", told)]


CAPACITY: Final = "Capacity"
NO_LIMIT: Final = (
    "no limit in these results, nobody waits; the command 'capacity' has the limits of the scenario"
)


def capacity_lines(question: Question) -> list[tuple[str, str]]:
    """Say that the limits of a scenario play no part, where it has some."""
    return [] if question.scenario.capacity is None else [(CAPACITY, NO_LIMIT)]


def print_question(console: Console, question: Question, *simulated: tuple[str, str]) -> None:
    """Print the question, then names and texts of how it was simulated.

    Those replace the lines of the question that have their names.
    """
    print_paragraph(console, question.scenario.title, style="bold")
    replaced = {name for name, _ in simulated}
    lines = [line for line in question_lines(question) if line[0] not in replaced]
    for name, text in (*lines, *simulated):
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
    arms = [arm.outcomes for arm in summary.arms]
    heading = Row(f"Costs in {perspective.currency} of {perspective.price_year}")
    spent = [Row(f"  {row.label}", row.cells, strong=row.strong) for row in cost_rows(arms, symbol)]
    return Table(
        "Mean, share or median (standard error)",
        [arm.label for arm in summary.arms],
        [outcome_rows(arms, CLINICAL, 1), outcome_rows(arms, VALUE, 3), [heading, *spent]],
    )


def outcome_rows(arms: Sequence[Outcomes], names: Names, digits: int) -> list[Row]:
    """Return the rows of outcomes, each named with its label."""
    return [Row(label, [number(arm[name], digits) for arm in arms]) for name, label in names]


def cost_rows(arms: Sequence[Outcomes], symbol: str, suffix: str = "") -> list[Row]:
    """Return the cost categories and the total, rounded so that they add up as printed.

    The `suffix` follows ``cost`` in the names of the outcomes.
    """
    columns = []
    for arm in arms:
        parts = [arm[f"cost{suffix}.{category.label}"] for category in COST_CATEGORIES]
        if not all(math.isfinite(part.mean) for part in parts):
            columns.append([Cell(NOTHING)] * (len(parts) + 1))
            continue
        whole = add_up([part.mean for part in parts])
        cells = [money(n, part.se, symbol) for n, part in zip(whole, parts, strict=True)]
        columns.append([*cells, money(sum(whole), arm[f"cost{suffix}"].se, symbol)])
    names = [cost_name(category.label) for category in COST_CATEGORIES]
    *rows, total = [
        Row(name, cells) for name, *cells in zip([*names, TOTAL], *columns, strict=True)
    ]
    return [*rows, Row(total.label, total.cells, strong=True)]


def cost_name(category: str) -> str:
    """Return the label of a cost category."""
    return COST_NAMES.get(category, _words(category).capitalize())


def increment_sections(
    gains: Sequence[Outcomes], thresholds: Iterable[float], symbol: str
) -> list[list[Row]]:
    """Return the rows of differences from the comparator, then those of net benefits.

    The `gains` are by name of the outcome as in increments.csv.
    """
    places = [quadrant(gain["cost"].mean, gain["qalys"].mean) for gain in gains]
    ratios = list(zip(places, (gain["icer"] for gain in gains), strict=True))
    effects = [
        Row("Life-years", [number(gain["life_years"], 3) for gain in gains]),
        Row("QALYs", [number(gain["qalys"], 3) for gain in gains]),
        Row("Cost", [amount(gain["cost"], symbol) for gain in gains]),
        Row("ICER, cost per QALY", [icer(*each, symbol) for each in ratios]),
    ]
    if SAVING in places:
        effects.append(Row("Saved per QALY given up", [saved(*each, symbol) for each in ratios]))
    benefits = [
        Row(
            f"Net monetary benefit at {symbol}{threshold:,.0f} per QALY",
            [amount(gain.get(f"nmb_at_{threshold:g}", NOT_ESTIMABLE), symbol) for gain in gains],
        )
        for threshold in thresholds
    ]
    return [effects, benefits]


def _increments(summary: Summary, symbol: str) -> Table:
    gains = [comparison.increment for comparison in summary.comparisons]
    comparator = summary.arm(gains[0].comparator).label
    return Table(
        f"Difference from {comparator} (standard error)",
        [summary.arm(gain.strategy).label for gain in gains],
        increment_sections(
            [comparison.estimates for comparison in summary.comparisons],
            summary.comparisons[0].nmb,
            symbol,
        ),
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
        f"{counts['calibrated']} calibrated, {counts['prior']} left at their prior by the fit, "
        f"{counts['assumption']} assumed, "
        f"{counts['provisional']} provisional, {counts['definition']} by definition; "
        f"{counts['changed_by_scenario']} changed by the "
        f"scenario. List them: python -m sim parameters --scenario {shlex.quote(file)}\n"
        f"Cite the program (CITATION.cff) and the {sources} sources that --out DIR lists in "
        f"citations.txt.\n{DISCLAIMER}"
    )
    for text in notes.splitlines():
        print_paragraph(console, text)


def _words(name: str) -> str:
    return name.replace("_", " ")
