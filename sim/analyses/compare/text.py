"""Scenarios side by side, as they are printed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final

from rich.console import Console

from sim.economics.estimates import NOT_ESTIMABLE, Estimate
from sim.economics.incremental import AnalysedStrategy
from sim.layout.cells import NOTHING, SYMBOLS, icer, money, number, patients_in_words
from sim.layout.table import Cell, Row, Table, print_table
from sim.layout.text import DISCLAIMER, increment_sections, print_paragraph, question_lines
from sim.simulation.comparison import (
    Analysis,
    Comparison,
    Difference,
    InputDifference,
    Side,
    same_people,
)

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
MOST_OBSTACLES: Final = 8
"""Printed; all of them are in comparison.json."""
POOLING: Final = (
    "All strategies of all scenarios stand in one incremental analysis: the scenarios differ in "
    "nothing but strategies and prices."
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
    for table in (
        *_increments(comparison),
        *_differences(comparison),
        *_analyses(comparison),
    ):
        print_table(console, table)
    _notes(console, comparison)


def _scenarios(console: Console, comparison: Comparison) -> None:
    question = comparison.sides[0].question
    print_paragraph(console, f"{len(comparison.sides)} scenarios side by side", style="bold")
    for side in comparison.sides:
        print_paragraph(console, f"{side.name}: {side.question.scenario.title}", "Scenario")
    lines = [dict(question_lines(side.question)) for side in comparison.sides]
    for name in dict.fromkeys(name for each in lines for name in each):
        texts = [each.get(name) for each in lines]
        if texts[0] is not None and all(text == texts[0] for text in texts):
            print_paragraph(console, texts[0], name)
            continue
        for side, text in zip(comparison.sides, texts, strict=True):
            if text is not None:
                print_paragraph(console, f"{side.name}: {text}", name)
    simulated = (
        f"{patients_in_words(question.patients)}, the same under each strategy and scenario; "
        f"seed {question.seed}; core engine"
    )
    print_paragraph(console, simulated, "Simulated")
    console.print()


def _inputs(comparison: Comparison) -> list[Table]:
    """Return the inputs that differ: keys and strategies, then parameters."""
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


def _heading(side: Side, strategy: str) -> str:
    return f"{side.label(strategy)}, {side.name}"


def _outcomes(comparison: Comparison) -> Table:
    columns = [(side, name) for side in comparison.sides for name in side.strategies]
    rows = [
        Row(label, [number(side.summary.arm(s).outcomes[key], digits) for side, s in columns])
        for key, label, digits in OUTCOMES
    ]
    cost = [money(*side.summary.arm(s).outcomes["cost"], _symbol(side)) for side, s in columns]
    headings = [_heading(side, s) for side, s in columns]
    return Table("Mean, share or median (standard error)", headings, [[*rows, Row("Cost", cost)]])


def _increments(comparison: Comparison) -> Iterator[Table]:
    """Yield the gains over the comparators, those in one currency together."""
    symbols = dict.fromkeys(_symbol(side) for side in comparison.sides)
    for symbol in symbols:
        sides = [side for side in comparison.sides if _symbol(side) == symbol]
        found = [(side, each) for side in sides for each in side.summary.comparisons]
        if not found:
            continue
        thresholds = dict.fromkeys(t for side in sides for t in side.question.thresholds)
        yield Table(
            f"Difference from {_comparator(sides)} (standard error)",
            [_heading(side, each.increment.strategy) for side, each in found],
            increment_sections([each.estimates for _, each in found], thresholds, symbol),
        )


def _differences(comparison: Comparison) -> list[Table]:
    """Return the changes from the first scenario: outcomes, then gains over the comparator."""
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
    benefits = [
        Row(
            f"Net monetary benefit at {_symbol(first)}{float(name.removeprefix(BENEFIT)):,.0f} "
            "per QALY",
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


def _analyses(comparison: Comparison) -> Iterator[Table]:
    """Yield the one analysis or those of the scenarios, where the money is the same in one table."""
    pooled = bool(comparison.pooled)
    whose = "all strategies" if pooled else "each scenario"
    alike: dict[tuple[str, tuple[float, ...]], list[Analysis]] = {}
    for analysis in comparison.analyses:
        money_and_thresholds = _symbol(analysis.side), analysis.side.question.thresholds
        alike.setdefault(money_and_thresholds, []).append(analysis)
    for (symbol, thresholds), analyses in alike.items():
        yield Table(
            f"Full incremental analysis of {whose}, by rising cost (standard error)",
            ["Cost", "QALYs", "ICER"],
            [_section(each, partial(_place, symbol=symbol), pooled=pooled) for each in analyses],
        )
        yield Table(
            f"Net health benefit over {_comparator(each.side for each in analyses)}, QALYs "
            "(standard error)",
            [f"at {symbol}{threshold:,.0f} per QALY" for threshold in thresholds],
            [
                _section(each, partial(_health, thresholds=thresholds), pooled=pooled)
                for each in analyses
            ],
        )


def _section(
    analysis: Analysis, cells: Callable[[AnalysedStrategy], list[Cell]], *, pooled: bool
) -> list[Row]:
    rows = [(analysis.labels[each.name], cells(each)) for each in analysis.strategies]
    if pooled:
        return [Row(*row) for row in rows]
    return [Row(f"In {analysis.scenario}"), *(Row(f"  {label}", row) for label, row in rows)]


def _place(strategy: AnalysedStrategy, symbol: str) -> list[Cell]:
    return [money(*strategy.cost, symbol), number(strategy.qalys, 3), _step(strategy, symbol)]


def _health(strategy: AnalysedStrategy, thresholds: Sequence[float]) -> list[Cell]:
    return [number(strategy.gain.nhb(threshold), 3) for threshold in thresholds]


def _comparator(sides: Iterable[Side]) -> str:
    labels = {side.label(side.question.scenario.comparator_name) for side in sides}
    return labels.pop() if len(labels) == 1 else "the scenario's comparator"


def _step(strategy: AnalysedStrategy, symbol: str) -> Cell:
    if strategy.step is not None:
        return icer(strategy.step.quadrant, strategy.step.ratio, symbol)
    return Cell("reference" if strategy.status == "frontier" else strategy.status)


def _notes(console: Console, comparison: Comparison) -> None:
    first, *others = [side.question for side in comparison.sides]
    people = (
        "Patient i is the same person with the same random numbers in every scenario"
        if all(same_people(first, each) for each in others)
        else "The populations differ: patient i of one scenario is another person than patient i "
        "of the other, with the same number in every random draw"
    )
    paired = (
        f"{people}, so differences between scenarios are paired by patient and their errors are "
        "those of the paired differences. Standard errors are Monte Carlo errors only; the "
        "uncertainty of the inputs comes on top."
    )
    notes = [paired]
    if comparison.pooled:
        notes.append(POOLING)
    else:
        notes.append(_not_pooled(comparison.separate_because))
    for note in [*notes, DISCLAIMER]:
        print_paragraph(console, note)


def _not_pooled(obstacles: Sequence[str]) -> str:
    """Say why the strategies of the scenarios cannot be pooled."""
    more = len(obstacles) - MOST_OBSTACLES
    rest = f" and {more} more (no_frontier_because in comparison.json)" if more > 0 else ""
    return (
        "No incremental analysis over all scenarios, because their strategies are alternatives only "
        "where nothing else differs but prices (cost.*): they differ in "
        f"{', '.join(obstacles[:MOST_OBSTACLES])}{rest}."
    )
