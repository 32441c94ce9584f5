"""Scenarios side by side, as they are printed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Console

from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.economics.full_analysis import AnalysedStrategy
from sim.report.cells import NOTHING, SYMBOLS, icer, money, number
from sim.report.table import Cell, Row, Table, print_table
from sim.report.text import DISCLAIMER, print_paragraph
from sim.study.comparability import InputDifference, same_people
from sim.study.comparison import Comparison, Difference, Side

MOST_PARAMETERS: Final = 20
"""Printed; all of them are in changes.csv."""
OUTCOMES: Final[tuple[tuple[str, str, int], ...]] = (
    ("response_percent", "CR/CRh/CRi, %", 1),
    ("mrd_negative_percent", "MRD-negative remission, %", 1),
    ("hct_ever_percent", "Allo-HCT ever, %", 1),
    ("os_median_months", "OS, median, months", 1),
    ("life_years", "Life-years", 3),
    ("qalys", "QALYs", 3),
)
SHOWN_DIFFERENCES: Final = tuple(row for row in OUTCOMES if row[0] != "os_median_months")
VALUES: Final = (("life_years", "Life-years"), ("qalys", "QALYs"))
BENEFIT: Final = "nmb_at_"
POOLING: Final = (
    "All strategies of all scenarios stand in one incremental analysis. Where the scenarios differ "
    "in more than what one can choose, it compares worlds, not choices."
)


def print_comparison(console: Console, comparison: Comparison) -> None:
    """Print the whole comparison."""
    _scenarios(console, comparison)
    for table in _inputs(comparison):
        print_table(console, table)
    if not comparison.inputs:
        print_paragraph(console, "Nothing is asked differently.")
        console.print()
    print_table(console, _outcomes(comparison))
    if any(side.summary.comparisons for side in comparison.sides):
        print_table(console, _increments(comparison))
    for table in _differences(comparison):
        print_table(console, table)
    if comparison.pooled:
        print_table(console, _pooled(comparison))
    _notes(console, comparison)


def _scenarios(console: Console, comparison: Comparison) -> None:
    question = comparison.sides[0].question
    print_paragraph(console, f"{len(comparison.sides)} scenarios side by side", style="bold")
    for side in comparison.sides:
        print_paragraph(console, f"{side.name}: {side.question.scenario.title}", "Scenario")
    simulated = (
        f"{question.patients:,} patients, the same under each strategy and scenario; "
        f"seed {question.seed}; core engine"
    )
    print_paragraph(console, simulated, "Simulated")
    console.print()


def _inputs(comparison: Comparison) -> list[Table]:
    """Return what was asked differently: keys and strategies, then parameters."""
    names = [side.name for side in comparison.sides]
    asked = [each for each in comparison.inputs if each.kind != "parameter"]
    moved = [each for each in comparison.inputs if each.kind == "parameter"]
    tables = []
    if asked:
        rows = [_input(each, each.name) for each in asked]
        tables.append(Table("Asked differently", names, [rows]))
    if moved:
        rows = [_input(each, f"{each.name}, {each.unit}") for each in moved[:MOST_PARAMETERS]]
        if len(moved) > MOST_PARAMETERS:
            rows.append(Row(f"and {len(moved) - MOST_PARAMETERS} more, in changes.csv of --out"))
        tables.append(Table("Other values", names, [rows]))
    return tables


def _input(difference: InputDifference, label: str) -> Row:
    return Row(label, [Cell(shown_value(value)) for value in difference.values])


def shown_value(value: object) -> str:
    """Show a value of a scenario in words or digits."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.6g}"
    if isinstance(value, tuple):
        return "; ".join(shown_value(each) for each in value)
    return str(value)


def _symbol(side: Side) -> str:
    return SYMBOLS[side.question.perspective.currency]


def _common_symbol(comparison: Comparison) -> str:
    """Return the sign of the currency, or nothing where the scenarios have several."""
    symbols = {_symbol(side) for side in comparison.sides}
    return symbols.pop() if len(symbols) == 1 else ""


def _columns(comparison: Comparison) -> list[tuple[Side, str]]:
    return [(side, name) for side in comparison.sides for name in side.strategies]


def _heading(side: Side, strategy: str) -> str:
    return f"{side.label(strategy)}, {side.name}"


def _outcomes(comparison: Comparison) -> Table:
    columns = _columns(comparison)
    rows = [
        Row(label, [number(side.summary.arm(s).outcomes[key], digits) for side, s in columns])
        for key, label, digits in OUTCOMES
    ]
    cost = [money(*side.summary.arm(s).outcomes["cost"], _symbol(side)) for side, s in columns]
    headings = [_heading(side, s) for side, s in columns]
    return Table("Mean, share or median (standard error)", headings, [[*rows, Row("Cost", cost)]])


def _increments(comparison: Comparison) -> Table:
    found = [(side, each) for side in comparison.sides for each in side.summary.comparisons]
    gains = [(side, each.increment) for side, each in found]
    rows = [
        Row("Life-years", [number(gain.life_years, 3) for _, gain in gains]),
        Row("QALYs", [number(gain.qalys, 3) for _, gain in gains]),
        Row("Cost", [money(*gain.cost, _symbol(side)) for side, gain in gains]),
        Row("ICER, cost per QALY", [icer(gain, _symbol(side)) for side, gain in gains]),
    ]
    thresholds = dict.fromkeys(t for side in comparison.sides for t in side.question.thresholds)
    benefits = [
        Row(
            f"Net monetary benefit at {_common_symbol(comparison)}{threshold:,.0f} per QALY",
            [
                money(*each.nmb.get(threshold, NOT_ESTIMABLE), _symbol(side))
                if threshold in each.nmb
                else Cell(NOTHING)
                for side, each in found
            ],
        )
        for threshold in thresholds
    ]
    return Table(
        "Difference from the comparator of the scenario (standard error)",
        [_heading(side, gain.strategy) for side, gain in gains],
        [rows, benefits],
    )


def _differences(comparison: Comparison) -> list[Table]:
    """Return what changes from the first scenario: outcomes, then gains over the comparator."""
    own = _changes(comparison, [each for each in comparison.differences if not each.comparator])
    relative = [each for each in comparison.differences if each.comparator]
    return [*own, *_changes(comparison, relative)]


def _changes(comparison: Comparison, differences: Sequence[Difference]) -> list[Table]:
    if not differences:
        return []
    first = comparison.sides[0]
    sides = {side.name: side for side in comparison.sides}
    columns = list(dict.fromkeys((each.scenario, each.strategy) for each in differences))
    found = {(each.scenario, each.strategy, each.outcome): each.estimate for each in differences}

    def estimates(outcome: str) -> list[tuple[str, Estimate]]:
        return [
            (_symbol(sides[column[0]]), found.get((*column, outcome), NOT_ESTIMABLE))
            for column in columns
        ]

    comparator = differences[0].comparator
    shown = SHOWN_DIFFERENCES if comparator is None else [(*row, 3) for row in VALUES]
    rows = [
        Row(label, [number(estimate, digits) for _, estimate in estimates(key)])
        for key, label, digits in shown
    ]
    rows.append(Row("Cost", _amounts(estimates("cost"))))
    symbol = _common_symbol(comparison)
    benefits = [
        Row(
            f"Net monetary benefit at {symbol}{float(name.removeprefix(BENEFIT)):,.0f} per QALY",
            _amounts(estimates(name)),
        )
        for name in dict.fromkeys(e.outcome for e in differences if e.outcome.startswith(BENEFIT))
    ]
    what = "Change" if comparator is None else f"Change of the gain over {first.label(comparator)}"
    return [
        Table(
            f"{what} from {first.name} (standard error)",
            [_heading(sides[scenario], strategy) for scenario, strategy in columns],
            [rows, benefits] if benefits else [rows],
        )
    ]


def _amounts(found: Sequence[tuple[str, Estimate]]) -> list[Cell]:
    # Without an error there is no difference: the currencies are not the same.
    return [
        Cell(NOTHING) if estimate is NOT_ESTIMABLE else money(*estimate, symbol)
        for symbol, estimate in found
    ]


def _pooled(comparison: Comparison) -> Table:
    symbol = _symbol(comparison.sides[0])
    thresholds = comparison.sides[0].question.thresholds
    rows = [
        Row(
            comparison.labels[each.name],
            [
                money(*each.cost, symbol),
                number(each.qalys, 3),
                _step(each, symbol),
                *(number(each.gain.nhb(threshold), 3) for threshold in thresholds),
            ],
        )
        for each in comparison.pooled
    ]
    headings = [
        "Cost",
        "QALYs",
        "ICER",
        *(f"Net health benefit at {symbol}{threshold:,.0f}" for threshold in thresholds),
    ]
    return Table("All strategies, by rising cost (standard error)", headings, [rows])


def _step(strategy: AnalysedStrategy, symbol: str) -> Cell:
    if strategy.step is not None:
        return icer(strategy.step, symbol)
    return Cell("reference" if strategy.status == "frontier" else strategy.status)


def _notes(console: Console, comparison: Comparison) -> None:
    first, *others = [side.question for side in comparison.sides]
    people = (
        "Patient i is the same person with the same luck in every scenario"
        if all(same_people(first, each) for each in others)
        else "The populations differ: patient i of one scenario is another person than patient i "
        "of the other, with the same luck in every decision"
    )
    paired = (
        f"{people}, so differences between scenarios are paired by patient and their errors are "
        "those of the paired differences. Standard errors are Monte Carlo errors only; the "
        "uncertainty of the inputs comes on top."
    )
    notes = [paired]
    if comparison.pooled:
        reference = comparison.sides[0].label(first.scenario.comparator_name)
        notes.append(f"{POOLING} Net health benefit, in QALYs, is counted from {reference}.")
    elif len(comparison.sides) > 1:
        notes.append(
            "No incremental analysis over all scenarios: they differ in "
            f"{', '.join(comparison.separate_because)}."
        )
    for note in [*notes, DISCLAIMER]:
        print_paragraph(console, note)
