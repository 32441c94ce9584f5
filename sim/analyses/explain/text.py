"""Columns of text side by side: the events of several lives on the same day.

A line has words on the left and numbers on the right of its column. Where the two do not fit on one
line, the words are wrapped and the numbers follow; nothing is cut off.

The ledger of a life: entry by entry under the event that it was booked for, with totals.

A patient explained: baseline, divergence of the lives, events side by side, results.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, zip_longest
from typing import Final, NamedTuple

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from sim.analyses.explain.divergences import ENTRY, held, sentences, shape, words
from sim.clinic.events import Event
from sim.economics.ledger import COST_CATEGORIES, Account, Category
from sim.layout.cells import add_up
from sim.layout.own_inputs import row_of
from sim.layout.table import BOLD, Cell, Row, Table, encodable, print_table
from sim.layout.text import (
    DISCLAIMER,
    WIDTH_IN_A_PIPE,
    cost_name,
    print_lines,
    print_paragraph,
    print_question,
)
from sim.layout.trace import (
    MONEY_DIGITS,
    UNITS,
    category_name,
    describe,
    describe_patient,
    entry_name,
)
from sim.replay.recorder import Draw
from sim.replay.replay import Posting, Replay, ReplayedLife
from sim.replay.search import Found

MARGIN: Final = 9
"""Width of the labels of bands."""
BETWEEN: Final = "   "
APART: Final = 2
"""Spaces between words and numbers."""


class Line(NamedTuple):
    """Words, numbers at the right edge, a style, and the indent of wrapped lines."""

    words: str
    numbers: str = ""
    style: str = ""
    indent: int = 0


class Band(NamedTuple):
    """A label in the margin, and the lines of each column next to it."""

    label: str
    columns: Sequence[Sequence[Line]]


def _print_bands(console: Console, headings: Sequence[str], bands: Iterable[Band]) -> None:
    """Print the bands below their headings."""
    width = (console.width - MARGIN) // len(headings) - len(BETWEEN)
    _print(console, width, Band("day", [[Line(heading, style=BOLD)] for heading in headings]))
    length = MARGIN + len(headings) * (width + len(BETWEEN))
    console.print(encodable("─", console.encoding) * length, soft_wrap=True)
    for band in bands:
        _print(console, width, band)
    console.print()


def _print(console: Console, width: int, band: Band) -> None:
    columns = [
        [(text, line.style) for line in column for text in _wrapped(console, line, width)]
        for column in band.columns
    ]
    for number, cells in enumerate(zip_longest(*columns, fillvalue=("", ""))):
        line = Text(("" if number else band.label).rjust(MARGIN))
        for text, style in cells:
            line.append(BETWEEN)
            line.append(text, style=style)
            line.append(" " * (width - cell_len(text)))
        line.rstrip()
        console.print(line, soft_wrap=True)


def _wrapped(console: Console, line: Line, width: int) -> list[str]:
    """Return the line, or as many as it takes."""
    words = encodable(line.words, console.encoding)
    numbers = encodable(line.numbers, console.encoding)
    parts = textwrap.wrap(words, width, subsequent_indent=" " * line.indent) or [""]
    free = width - cell_len(parts[-1]) - cell_len(numbers)
    if numbers and free >= APART:
        parts[-1] += " " * free + numbers
    elif numbers:
        parts.append(numbers.rjust(width))
    return parts


DAYS: Final = 17
CATEGORY: Final = 12
AMOUNT: Final = 13
GAP: Final = "  "
LEDGER_MARGIN: Final = DAYS + CATEGORY + 2 * len(GAP)
LEDGER_NARROWEST: Final = 16
"""Of the words next to the amounts."""
SHORT: Final = {
    Category.ADMINISTRATION: "hospital",
    Category.QALY_TOXICITY: "toxicity",
    Category.QALY_GVHD: "GVHD",
}
"""Categories whose names are too long for their column."""
WIDEST: Final = WIDTH_IN_A_PIPE
"""Amounts far from their words are hard to read."""


class _Sheet:
    """One account of one life."""

    def __init__(self, console: Console, life: ReplayedLife, unit: str, digits: int) -> None:
        self.console = console
        self.life = life
        self.unit = unit
        self.digits = digits
        self.width = min(console.width, WIDEST)
        beside = self.width - LEDGER_MARGIN - 3 * AMOUNT
        self.is_stacked = beside < LEDGER_NARROWEST
        self.words = self.width - LEDGER_MARGIN if self.is_stacked else beside

    def write(self, account: Account, *, every_entry: bool) -> None:
        """Write headings, entries and the total."""
        title = f"Ledger under {self.life.label}: {self.unit}"
        self.console.print(encodable(title, self.console.encoding), style=BOLD, soft_wrap=True)
        self._line("days", "category", "entry", BOLD, "undiscounted", "discounted", "so far")
        self._rule()
        postings = [each for each in self.life.postings if each.entry.category.account == account]
        for position, group in groupby(postings, key=lambda each: each.position):
            self._event(self.life.log[position])
            booked = list(group)
            runs = [[each] for each in booked] if every_entry else _runs(booked)
            for number, run in enumerate(runs, 1):
                self._run(run, shows_total=every_entry or number == len(runs))
        self._rule()
        total = self.life.total(account)
        amounts = self._amount(total.undiscounted), self._amount(total.discounted)
        self._line("Total", "", "", BOLD, *amounts, amounts[1])
        self.console.print()

    def _event(self, event: Event) -> None:
        text = f"{event.time_days:,.1f}  {describe(event, self.life.regimens)}"
        self.console.print(encodable(text, self.console.encoding), style=DIM, soft_wrap=True)

    def _run(self, run: Sequence[Posting], *, shows_total: bool) -> None:
        entry = run[0].entry
        times = f"{len(run)} × " if len(run) > 1 else ""
        start, end = entry.start_days, run[-1].entry.end_days
        self._line(
            f"{start:,.1f}" if start == end else f"{start:,.1f}–{end:,.1f}",
            SHORT.get(entry.category, category_name(entry.category)),
            f"{times}{entry_name(entry)}",
            "",
            self._amount(sum(each.entry.undiscounted for each in run)),
            self._amount(sum(each.entry.discounted for each in run)),
            self._amount(run[-1].discounted) if shows_total else "",
        )

    def _amount(self, amount: float) -> str:
        return f"{amount:,.{self.digits}f}"

    def _rule(self) -> None:
        self.console.print(encodable("─", self.console.encoding) * self.width, soft_wrap=True)

    def _line(self, days: str, category: str, entry: str, style: str, *amounts: str) -> None:
        """Write a line; on a narrow screen the amounts follow on one of their own."""
        words = encodable(entry, self.console.encoding)
        first, *more = textwrap.wrap(words, self.words) or [""]
        margin = encodable(f"{days:>{DAYS}}{GAP}{category:<{CATEGORY}}{GAP}", self.console.encoding)
        numbers = "".join(f"{amount:>{AMOUNT}}" for amount in amounts)
        lines = [f"{margin}{first}", *(" " * len(margin) + text for text in more)]
        if self.is_stacked:
            lines.append(numbers.rjust(self.width))
        else:
            lines[0] = f"{lines[0]:<{self.width - 3 * AMOUNT}}{numbers}"
        for line in lines:
            self.console.print(line.rstrip(), style=style, soft_wrap=True)


def _runs(booked: Sequence[Posting]) -> list[list[Posting]]:
    """Put entries of one event together that are alike but for their days."""
    runs: dict[tuple[object, ...], list[Posting]] = {}
    for posting in booked:
        entry = posting.entry
        is_point = entry.start_days == entry.end_days
        alike = entry.category, entry.what, entry.state, is_point or entry.start_days
        runs.setdefault(alike, []).append(posting)
    return list(runs.values())


NARROWEST: Final = 42
"""Of a column of the side-by-side table."""
DIM: Final = "dim"
PAIR: Final = 2
NOTES: Final = (
    "u, the number beside a decision, is the patient's own and the same under every strategy. "
    "An event happens when u lies below its chance (<), and not otherwise (≥). A time is the "
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
        (
            "Patient",
            f"{patient.number}: {describe_patient(patient)}{row_of(question, patient.number)}",
        ),
        ("Simulated", f"seed {question.seed}; {agreement}"),
    )
    _print_entry(console, replayed)
    for life in replayed.lives:
        if life is not replayed.comparator:
            _print_parting(console, life, replayed.comparator)
    print_table(console, _came_to(replayed))
    _print_lives(console, replayed)
    for life in replayed.lives:
        for account in Account:
            unit, digits = UNITS.get(account, (question.perspective.currency, MONEY_DIGITS))
            _Sheet(console, life, unit, digits).write(account, every_entry=every_entry)
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
        _print_bands(console, [life.label for life in group], _bands(group))


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
        amounts = _amounts([parts[place] for parts in rounded])
        costs.append(Row(f"  {cost_name(category.label)}", amounts))
    costs.append(Row("  Total", _amounts([sum(parts) for parts in rounded]), strong=True))
    headings = [life.label for life in lives]
    if len(lives) == PAIR:
        headings.append("Difference")
    return Table("What it came to, discounted unless marked", headings, [value, costs])


def _years(amounts: Sequence[float]) -> list[Cell]:
    return [
        *(Cell(f"{amount:.3f}") for amount in amounts),
        *(Cell(f"{gain:+.3f}") for gain in _gain(amounts)),
    ]


def _amounts(amounts: Sequence[int]) -> list[Cell]:
    """Show whole amounts, which add up as printed, and so do their differences."""
    shown = [Cell(f"{amount:,}") for amount in amounts]
    return [*shown, *(Cell(f"{gain:+,.0f}" if gain else "0") for gain in _gain(amounts))]


def _gain(amounts: Sequence[float]) -> Iterator[float]:
    """Yield the second of two amounts minus the first."""
    if len(amounts) == PAIR:
        yield amounts[1] - amounts[0]
