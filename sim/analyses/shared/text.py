"""Common parts of the printed answers of all sensitivity analyses."""

from __future__ import annotations

import math
import textwrap
from typing import Final

from rich.console import Console

from sim.analyses.shared.outcomes import Outcome
from sim.economics.estimates import Estimate
from sim.layout.cells import NOTHING, SYMBOLS, money_text, patients_in_words
from sim.layout.table import Cell
from sim.layout.text import DISCLAIMER, print_paragraph, print_question
from sim.simulation.question import Question

LABEL_WIDTH: Final = 46
INDENT: Final = "  "
DIGITS: Final = {"QALYs": 3, "years": 3, "percentage points": 2, "months": 2, "cycles": 3}
SAME_PATIENTS: Final = (
    "Every parameter set was put to the same patients with the same random numbers. Standard errors are "
    "Monte Carlo errors only."
)


def print_heading(
    console: Console, question: Question, analysis: str, *more: tuple[str, str]
) -> None:
    """Print the question and how it was simulated."""
    simulated = (
        f"{patients_in_words(question.patients)}, the same under each strategy and parameter set; "
        f"seed {question.seed}; core engine"
    )
    print_question(console, question, ("Simulated", simulated), ("Analysis", analysis), *more)


def draws_in_words(question: Question, draws: int, parameters: int) -> str:
    """Return how draws of the uncertain parameters were simulated."""
    return (
        f"{draws:,} draws of {parameters} uncertain parameters; each draw in "
        f"{patients_in_words(question.patients)} of its own, the same under each strategy; "
        f"seed {question.seed}"
    )


def print_notes(console: Console, *notes: str) -> None:
    """Print notes for the reader, and that this is no advice."""
    for note in (*notes, DISCLAIMER):
        print_paragraph(console, note)


def amount(outcome: Outcome, value: float, error: float = math.nan, mark: str = "") -> Cell:
    """Show a value of an outcome in its unit, and its error."""
    if not math.isfinite(value):
        return Cell(NOTHING)
    shown = "" if math.isnan(error) else f" ({_plain(outcome, error)})"
    if outcome.unit in SYMBOLS:
        return Cell(f"{mark}{money_text(value, SYMBOLS[outcome.unit])}", shown)
    return Cell(f"{mark}{_plain(outcome, value)}", shown)


def estimate_cell(outcome: Outcome, estimate: Estimate) -> Cell:
    """Show an estimate of an outcome."""
    return amount(outcome, estimate.mean, estimate.se)


def _plain(outcome: Outcome, value: float) -> str:
    if outcome.unit in SYMBOLS:
        return f"{value:,.0f}"
    return f"{value:.{DIGITS[outcome.unit]}f}"


def folded(label: str) -> str:
    """Return a label on as many lines as leave room for numbers, the later ones indented."""
    lines = textwrap.wrap(label, LABEL_WIDTH, subsequent_indent=INDENT, break_on_hyphens=False)
    return "\n".join(lines)


def strategy_label(question: Question, name: str) -> str:
    """Return the label of a strategy."""
    return next(s.shown_name for s in question.scenario.strategies if s.name == name)


def against(question: Question, strategy: str) -> str:
    """Return which strategy is compared with which."""
    comparator = strategy_label(question, question.scenario.comparator_name)
    return f"{strategy_label(question, strategy)} against {comparator}"


def with_unit(label: str, unit: str) -> str:
    """Return the label of a parameter and its unit, unless the label says it."""
    said = not unit or unit.lower() in label.lower()
    return label if said else f"{label}, {unit}"


def money(question: Question, value: float) -> str:
    """Return an amount in the currency of the perspective."""
    return money_text(value, SYMBOLS[question.perspective.currency])
