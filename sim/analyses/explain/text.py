"""A patient explained: baseline, divergence of the lives, events side by side, results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from rich.console import Console

from sim.analyses.explain.divergences import sentences
from sim.analyses.explain.draws import ENTRY, held, shape, words
from sim.analyses.explain.postings import print_ledgers
from sim.analyses.explain.side_by_side import BETWEEN, Band, Line, print_bands
from sim.economics.ledger import COST_CATEGORIES, Account
from sim.layout.rounding import add_up
from sim.layout.table import BOLD, Cell, Row, Table, print_table
from sim.layout.text import COST_NAMES, DISCLAIMER, print_lines, print_paragraph, print_question
from sim.layout.trace import category_name, describe, describe_patient
from sim.replay.recorder import Draw
from sim.replay.replay import Replay, ReplayedLife
from sim.replay.search import Found

MARGIN: Final = 9
NARROWEST: Final = 42
"""Of a column of the side-by-side table."""
DIM: Final = "dim"
PAIR: Final = 2
NOTES: Final = (
    "u, the number beside a decision, is the patient's own and the same under every strategy. "
    "What is asked happens when u lies below the chance (<), and not otherwise (≥). A time is the "
    "quantile of its distribution at u; one that is 'due' was forestalled by something else. Days "
    "count from the first dose."
)


def print_explanation(
    console: Console, replayed: Replay, found: Found | None, *, every_entry: bool
) -> None:
    """Print the whole explanation, after the result of a search, if any."""
    if found is not None:
        _print_found(console, found)
    question, patient = replayed.question, replayed.patient
    agreement = (
        "core engine, which agrees with the reference engine in every event and amount"
        if replayed.engine == "core"
        else "reference engine"
    )
    print_question(
        console,
        question,
        ("Patient", f"{patient.number}: {describe_patient(patient)}"),
        ("Simulated", f"seed {question.seed}; {agreement}"),
    )
    _print_entry(console, replayed)
    for life in replayed.lives:
        if life is not replayed.comparator:
            _print_parting(console, life, replayed.comparator)
    print_table(console, _came_to(replayed))
    _print_lives(console, replayed)
    print_ledgers(console, replayed.lives, question.perspective.currency, every_entry=every_entry)
    for note in (NOTES, DISCLAIMER):
        print_paragraph(console, note)


def _print_found(console: Console, found: Found) -> None:
    first, *more = (f"{number:,}" for number in found.patients)
    others = f"; it is also true of {', '.join(more)}" if more else ""
    text = (
        f"Patient {first}, who is explained here, is the first of whom this is true: "
        f"{found.meaning}{others}. {found.searched:,} patients were looked at."
    )
    print_paragraph(console, text, "Found")
    console.print()


def _print_entry(console: Console, replayed: Replay) -> None:
    rows = [
        (name, value(replayed.patient), held(draw, "u "), shape(draw))
        for draw in replayed.entry
        for name, value in (ENTRY[draw.decision],)
    ]
    names, values, numbers = (max(len(row[i]) for row in rows) for i in range(3))
    print_paragraph(console, "The patient at entry, and what it was drawn from", style=BOLD)
    for name, value, number, against in rows:
        line = f"  {name:<{names}}  {value:<{values}}  {number:<{numbers}}"
        is_wide = len(line) + 2 + len(against) > console.width
        print_lines(console, [line.rstrip()] if is_wide else [f"{line}  {against}".rstrip()])
        if is_wide:
            print_lines(console, [against.rjust(console.width)])
    console.print()


def _print_parting(console: Console, life: ReplayedLife, comparator: ReplayedLife) -> None:
    title = f"Where the lives part: {life.label} and {comparator.label}"
    print_paragraph(console, title, style=BOLD)
    for name, text in sentences(life, comparator):
        print_paragraph(console, text, name)
    console.print()


def _print_lives(console: Console, replayed: Replay) -> None:
    """Print the lives in columns, as many side by side as there is room for."""
    room = max(1, (console.width - MARGIN) // (NARROWEST + len(BETWEEN)))
    for group in _groups(replayed, room):
        headings = [life.label for life in group]
        print_bands(console, MARGIN, headings, list(_bands(group)))


def _groups(replayed: Replay, room: int) -> Iterator[Sequence[ReplayedLife]]:
    """Yield the lives to print side by side: the comparator with others, or one by one."""
    comparator = replayed.comparator
    others = [life for life in replayed.lives if life is not comparator]
    if room == 1 or not others:
        yield from ([life] for life in replayed.lives)
        return
    for first in range(0, len(others), room - 1):
        yield [comparator, *others[first : first + room - 1]]


def _bands(lives: Sequence[ReplayedLife]) -> Iterator[Band]:
    """Yield a band for each day with an event in any of the lives."""
    drawn = [life.drawn_with() for life in lives]
    for day in sorted({event.time_days for life in lives for event in life.log}):
        columns = [
            [
                line
                for event, draws in zip(life.log, with_event, strict=True)
                if event.time_days == day
                for line in (
                    Line(describe(event, life.regimens), style=BOLD, indent=2),
                    *(line for draw in draws for line in _draw_lines(draw, life)),
                )
            ]
            for life, with_event in zip(lives, drawn, strict=True)
        ]
        yield Band(f"{day:,.1f}", columns)


def _draw_lines(draw: Draw, life: ReplayedLife) -> Iterator[Line]:
    yield Line(f"· {words(draw, life)}", held(draw), indent=2)
    if draw.distribution is not None:
        yield Line(f"    {shape(draw)}", style=DIM, indent=4)


def _came_to(replayed: Replay) -> Table:
    """Put the patient's row of the results under each strategy side by side."""
    comparator = replayed.comparator
    lives = [comparator, *(life for life in replayed.lives if life is not comparator)]
    perspective = replayed.question.perspective
    years = [life.total(Account.LIFE_YEARS) for life in lives]
    value = [
        Row("Life-years, undiscounted", _years([total.undiscounted for total in years])),
        Row("Life-years", _years([total.discounted for total in years])),
        Row("QALYs", _years([life.total(Account.QALY).discounted for life in lives])),
    ]
    rounded = [
        add_up([life.categories[category].discounted for category in COST_CATEGORIES])
        for life in lives
    ]
    costs = [Row(f"Costs in {perspective.currency} of {perspective.price_year}")]
    for place, category in enumerate(COST_CATEGORIES):
        name = COST_NAMES.get(category.label, category_name(category).capitalize())
        costs.append(Row(f"  {name}", _amounts([parts[place] for parts in rounded])))
    costs.append(Row("  Total", _amounts([sum(parts) for parts in rounded]), strong=True))
    headings = [life.label for life in lives]
    if len(lives) == PAIR:
        headings.append("Difference")
    return Table("What it came to, discounted unless marked", headings, [value, costs])


def _years(amounts: Sequence[float]) -> list[Cell]:
    shown = [Cell(f"{amount:.3f}") for amount in amounts]
    return [*shown, *(Cell(f"{gain:+.3f}") for gain in _gain(amounts))]


def _amounts(amounts: Sequence[int]) -> list[Cell]:
    """Show whole amounts, which add up as printed, and so do their differences."""
    shown = [Cell(f"{amount:,}") for amount in amounts]
    return [*shown, *(Cell(f"{gain:+,.0f}" if gain else "0") for gain in _gain(amounts))]


def _gain(amounts: Sequence[float]) -> Iterator[float]:
    """Yield the second of two amounts minus the first."""
    if len(amounts) == PAIR:
        yield amounts[1] - amounts[0]
