"""The text that Sobol indices and a screening have in common: the heading, notes, the target."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from sim.analyses.shared.constant import DOES_NOT_VARY
from sim.analyses.shared.outcomes import outcome_named
from sim.analyses.shared.points import Target
from sim.analyses.shared.ranges import decided, shown_label
from sim.analyses.shared.stored import Stored
from sim.analyses.shared.text import against, estimate_cell, print_heading
from sim.layout.values import estimate_json, estimate_of


def nothing(target: Target, without: str) -> str:
    """Say that the outcome is the same at all points, and which results it therefore lacks."""
    value = "".join(estimate_cell(target.outcome, target.base))
    return f"{DOES_NOT_VARY.capitalize()}: {without}. It is {value} at every point."


def fixed(target: Target) -> list[str]:
    """Say which inputs of a tornado are not among these."""
    labels = [shown_label(target.question, name) for name in decided(target.question)]
    if not labels:
        return []
    said = "is fixed and has" if len(labels) == 1 else "are fixed and have"
    return [f"{'; '.join(labels)} {said} a stated range: varied by tornado, not here."]


def heading(console: Console, target: Target) -> None:
    """Print the question, the outcome and the strategies compared."""
    question = target.question
    text = f"{target.outcome.label}: {against(question, target.strategy)}"
    print_heading(console, question, text)


def target_summary(target: Target) -> dict[str, Any]:
    """Return outcome, strategies, threshold and base, as in the JSON files."""
    return {
        "outcome": target.outcome.name,
        "strategy": target.strategy,
        "comparator": target.question.scenario.comparator_name,
        "threshold": target.threshold,
        "base": estimate_json(target.base),
    }


def read_target(stored: Stored) -> Target:
    """Return the target of `target_summary`, of an analysis in a folder."""
    told, question = stored.summary, stored.question
    currency = question.perspective.currency
    outcome = outcome_named(told["outcome"], threshold=told["threshold"], currency=currency)
    return Target(question, outcome, told["strategy"], told["threshold"], estimate_of(told["base"]))
