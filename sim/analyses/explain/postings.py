"""The ledger of a life: entry by entry under the event that it was booked for, with totals."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import Final

from rich.console import Console

from sim.clinic.events import Event
from sim.economics.ledger import Account, Category
from sim.layout.table import BOLD, encodable
from sim.layout.text import WIDTH_IN_A_PIPE
from sim.layout.trace import MONEY_DIGITS, UNITS, category_name, describe, entry_name
from sim.replay.replay import Posting, ReplayedLife

DAYS: Final = 17
CATEGORY: Final = 12
AMOUNT: Final = 13
GAP: Final = "  "
MARGIN: Final = DAYS + CATEGORY + 2 * len(GAP)
NARROWEST: Final = 16
"""Of the words next to the amounts."""
SHORT: Final = {
    Category.ADMINISTRATION: "hospital",
    Category.QALY_TOXICITY: "toxicity",
    Category.QALY_GVHD: "GVHD",
}
"""Categories whose names are too long for their column."""
WIDEST: Final = WIDTH_IN_A_PIPE
"""Amounts far from their words are hard to read."""
DIM: Final = "dim"


def print_ledgers(
    console: Console, lives: Sequence[ReplayedLife], currency: str, *, every_entry: bool
) -> None:
    """Print the ledger of each life: costs, QALYs, life-years."""
    for life in lives:
        for account in Account:
            unit, digits = UNITS.get(account, (currency, MONEY_DIGITS))
            _Sheet(console, life, unit, digits).write(account, every_entry=every_entry)


class _Sheet:
    """One account of one life."""

    def __init__(self, console: Console, life: ReplayedLife, unit: str, digits: int) -> None:
        self.console = console
        self.life = life
        self.unit = unit
        self.digits = digits
        self.width = min(console.width, WIDEST)
        beside = self.width - MARGIN - 3 * AMOUNT
        self.is_stacked = beside < NARROWEST
        self.words = self.width - MARGIN if self.is_stacked else beside

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
        self._line(
            _days(entry.start_days, run[-1].entry.end_days),
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


def _days(start: float, end: float) -> str:
    return f"{start:,.1f}" if start == end else f"{start:,.1f}–{end:,.1f}"


def _runs(booked: Sequence[Posting]) -> list[list[Posting]]:
    """Put entries of one event together that are alike but for their days."""
    runs: dict[tuple[object, ...], list[Posting]] = {}
    for posting in booked:
        entry = posting.entry
        is_point = entry.start_days == entry.end_days
        alike = entry.category, entry.what, entry.state, is_point or entry.start_days
        runs.setdefault(alike, []).append(posting)
    return list(runs.values())
